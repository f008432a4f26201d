// What a request says beside the notes: where results go, which notes are selected, drum pads, the key of the set.
// It reads Live by live_api.js and keeps what it finds in the job; it writes and sends nothing.

function readSelected(job) { job.parts.push(readClip(selectedClip())); }

// Results go below the clip they come from; for one in the Arrangement, on its track from the selected scene on.
function placeBelow(part) { return { track: part.track, row: part.firstRow, color: part.color }; }

// Sampled clips go to the highlighted slot and those below it; where that is no MIDI track, to the device's own.
function findSamplePlace(job) {
  goTo("live_set view");
  var slot = childId("highlighted_clip_slot");
  var isGood = goTo(slot) && goUpTo("Track") && getNumber("has_midi_input") && !getNumber("is_foldable");
  if (!isGood) goTo(deviceTrack());
  job.place = { track: Number(api.id), row: 0, color: getNumber("color") };
  job.place.row = isGood ? childIds("clip_slots").indexOf(slot) : selectedRow();
  enqueue(job, function () { readKind(job, job.place.track, []); });
}

// Find out what a request needs to know beside the notes.
function readContext(job) {
  job.place = placeBelow(job.parts[0]);
  if (values.lock_notes) enqueue(job, function () { job.lockedNotes = selectedNotes(job.parts[0]); });
  enqueueEach(job, job.parts, function (part) { readKind(job, part.track, part.notes); });
  enqueue(job, readKey);
}

// The notes that are selected in a clip, as their places among its notes.
function selectedNotes(part) {
  requireClip(part.clip);
  var selected = Music.parseNotes(api.call("get_selected_notes_extended")) || [], isSelected = {}, places = [];
  selected.forEach(function (n) { isSelected[n.note_id] = true; });
  part.notes.forEach(function (n, i) { if (isSelected[n.note_id]) places.push(i); });
  if (places.length === 1) places.push(places[0]); // a lone number would travel as one
  if (places.join(",").length > 200) throw failure("too many notes are selected to stay: lock rhythm or pitch instead");
  return places.join(",");
}

var unknownKeys = {}; // that the server does not know by name

// The key of the set, where there is one. Live 11 does not say whether its scale is meant and starts with C Major, so
// that one is taken as none.
function readKey(job) {
  if (!values.key || !kindOf(job).follows_scale) return;
  goTo("live_set");
  var scale = getText("scale_name"), root = getNumber("root_note");
  if (liveVersion >= 12 ? !getNumber("scale_mode") : root === 0 && scale === "Major") return;
  var key = Music.keyNames(root, scale, getValues("scale_intervals"));
  job.key = unknownKeys[key.named] ? { named: key.spelled } : key;
}
