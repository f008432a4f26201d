// What a press needs beside the notes of its sources: what is locked, the kinds of the clips, their key and what sounds with
// them; and where samples go. It is read with live_api.js and kept in the job. Nothing here may write or send.

// Sampled clips go from the highlighted slot on; if that is not on a MIDI track, to the device's own track. Their meter is that
// of the clip in that slot, else the song's.
function findSamplePlace(job) {
  goTo("live_set view");
  var slot = childId("highlighted_clip_slot");
  var isGood = goTo(slot) && goUpTo("Track") && getNumber("has_midi_input") && !getNumber("is_foldable");
  if (!isGood) goTo(deviceTrack());
  job.place = { track: Number(api.id), row: 0, color: getNumber("color") };
  job.place.row = isGood ? childIds("clip_slots").indexOf(slot) : selectedRow();
  job.meter = readMeter(isGood && goTo(slot) ? childId("clip") : 0);
  enqueue(job, function () { readKind(job, job.place.track, []); });
  enqueue(job, readKey);
  enqueue(job, readScene);
}

function readMeter(clip) {
  var isClip = goTo(clip) && getNumber("is_midi_clip");
  if (!isClip) goTo("live_set");
  return [getNumber("signature_numerator"), getNumber("signature_denominator")];
}

function readContext(job) {
  enqueue(job, readLocks);
  enqueueEach(job, job.parts, function (part) { readKind(job, part.track, part.notes); });
  enqueue(job, readKey);
  enqueue(job, readScene);
}
