// What a request says beside the notes: where results go, which notes are selected, drum pads, the key of the set.
// It reads Live by live_api.js and keeps what it finds in the job; it writes and sends nothing.

function readSelected(p) { p.parts.push(readClip(selectedClip())); }

// Results go below the clip they come from; for one in the Arrangement, on its track from the selected scene on.
function placeBelow(part) { return { track: part.track, row: part.firstRow, color: part.color }; }

// Sampled clips go to the highlighted slot and those below it; where that is no MIDI track, to the device's own.
function findSamplePlace(p) {
  go("live_set view");
  var slot = child("highlighted_clip_slot");
  var isGood = go(slot) && climb("Track") && number("has_midi_input") && !number("is_foldable");
  if (!isGood) go(deviceTrack());
  p.place = { track: Number(cursor.id), row: 0, color: number("color") };
  p.place.row = isGood ? ids("clip_slots").indexOf(slot) : selectedRow();
  later(p, function () { hearTrack(p, p.place.track, []); });
}

// Find out what a request needs to know beside the notes.
function hearParts(p) {
  p.place = placeBelow(p.parts[0]);
  if (values.lock_notes) later(p, function () { p.lockedNotes = selectedNotes(p.parts[0]); });
  laterEach(p, p.parts, function (part) { hearTrack(p, part.track, part.notes); });
  later(p, hearKey);
}

// The notes that are selected in a clip, as their places among its notes.
function selectedNotes(part) {
  needClip(part.clip);
  var selected = Music.parseNotes(cursor.call("get_selected_notes_extended")) || [], isSelected = {}, places = [];
  selected.forEach(function (n) { isSelected[n.note_id] = true; });
  part.notes.forEach(function (n, i) { if (isSelected[n.note_id]) places.push(i); });
  if (places.length === 1) places.push(places[0]); // a lone number would travel as one
  if (places.join(",").length > 200) throw sorry("too many notes are selected to stay: lock rhythm or pitch instead");
  return places.join(",");
}

var unknownKeys = {}; // that the server does not know by name

// The key of the set, where there is one. Live 11 does not say whether its scale is meant and starts with C Major, so
// that one is taken as none.
function hearKey(p) {
  if (!values.key || !kindOf(p).follows_scale) return;
  go("live_set");
  var scale = text("scale_name"), root = number("root_note");
  if (liveVersion >= 12 ? !number("scale_mode") : root === 0 && scale === "Major") return;
  var key = Music.keyTexts(root, scale, get("scale_intervals"));
  p.key = unknownKeys[key.named] ? { named: key.spelled } : key;
}
