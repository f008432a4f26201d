// What a press needs beside the notes: where results go, which notes are selected, the key of the set. It is read with
// live_api.js and kept in the job. Nothing here may write or send.

function readSelected(job) { job.parts.push(readClip(selectedClip())); }

// Results go into the slots below the source clip; for a clip in the Arrangement, from the selected scene on.
function placeBelow(part) { return { track: part.track, row: part.firstRow, color: part.color }; }

// Sampled clips go from the highlighted slot on; if that is not on a MIDI track, to the device's own track.
function findSamplePlace(job) {
  goTo("live_set view");
  var slot = childId("highlighted_clip_slot");
  var isGood = goTo(slot) && goUpTo("Track") && getNumber("has_midi_input") && !getNumber("is_foldable");
  if (!isGood) goTo(deviceTrack());
  job.place = { track: Number(api.id), row: 0, color: getNumber("color") };
  job.place.row = isGood ? childIds("clip_slots").indexOf(slot) : selectedRow();
  enqueue(job, function () { readKind(job, job.place.track, []); });
  enqueue(job, readScene);
}

function readContext(job) {
  job.place = placeBelow(job.parts[0]);
  if (values.lock_notes) enqueue(job, function () { job.lockedNotes = selectedNotes(job.parts[0]); });
  enqueueEach(job, job.parts, function (part) { readKind(job, part.track, part.notes); });
  enqueue(job, readKey);
  enqueue(job, readScene);
}

// The indices of the selected notes of a clip.
function selectedNotes(part) {
  requireClip(part.clip);
  var selected = Music.parseNotes(api.call("get_selected_notes_extended")) || [], isSelected = {}, places = [];
  selected.forEach(function (n) { isSelected[n.note_id] = true; });
  part.notes.forEach(function (n, i) { if (isSelected[n.note_id]) places.push(i); });
  if (places.length === 1) places.push(places[0]); // "3" would be sent as a number
  if (places.join(",").length > 200) throw failure("too many notes are selected to lock: lock rhythm or pitch instead");
  return places.join(",");
}

var unknownKeys = {}; // names of scales that the server does not know

// What new notes keep to: the set's scale where it is in use, else the key that the server finds in the music; no key where
// the control is off. Live 11 does not tell whether its scale is in use and starts with C Major, so that one counts as none.
function readKey(job) {
  if (!kindOf(job).follows_scale) return;
  job.key = { named: values.key ? "auto" : "free" };
  if (!values.key) return;
  goTo("live_set");
  var scale = getText("scale_name"), root = getNumber("root_note");
  if (liveVersion >= 12 ? !getNumber("scale_mode") : root === 0 && scale === "Major") return;
  var key = Music.keyNames(root, scale, getValues("scale_intervals"));
  job.key = unknownKeys[key.named] ? { named: key.spelled } : key;
}
