// Live's API: the one LiveAPI object, and what is read with it. Call these only in steps of the work queue.
// Nothing here may write, or know of jobs, requests or the server.

var READS_PER_STEP = 40; // about; some 210 reads at once have crashed Live
var ALL_BEATS = 1 << 20; // all notes lie within this many beats of 0
var EDGES = ["loop_start", "loop_end", "start_marker", "end_marker"];

var MOST_READS = 50; // in a turn that writes, before its last clip

var api = null; // the one LiveAPI object, created by start(); it stands at one object of Live at a time

// Go to a path or an id; returns whether there is an object.
function goTo(where) {
  if (typeof where === "string") {
    api.goto(where);
    return Number(api.id) > 0;
  }
  if (!(where > 0)) return false;
  api.id = where;
  return Number(api.id) === where;
}

function getValues(name) {
  spent.reads++;
  var value = api.get(name);
  return value === null || value === undefined ? [] : [].concat(value);
}

// Live lists children as: id, number, id, number …
function childIds(name) { return getValues(name).filter(function (atom) { return atom !== "id"; }).map(Number); }

function getNumber(name) { return Number(getValues(name)[0]); }
function getText(name) { return getValues(name).join(" "); }
function childId(name) { return childIds(name)[0] || 0; }
function currentPath() { return String(api.unquotedpath).replace(/"/g, ""); }

// Go up to the nearest parent of a type; returns whether there is one.
function goUpTo(type) {
  for (var i = 0; i < 32; i++) {
    if (api.type === type) return true;
    if (api.type === "Song" || !goTo(childId("canonical_parent"))) return false;
  }
  return false;
}

function requireClip(clip) { if (!goTo(clip)) throw failure("the clip was deleted while it was being written"); }

// What to throw: a sentence for the status line.
function failure(sentence) { return { sentence: sentence }; }

// Whether a turn has room for another clip.
function hasRoom() { return spent.reads < MOST_READS; }

// All notes of the current clip, also those before and after the loop. Live cuts off long texts: then read each half of
// the pitches.
function readNotes(from, span) {
  var first = from || 0, pitches = span || 128, half = pitches >> 1;
  var notes = Music.parseNotes(api.call("get_notes_extended", first, pitches, -ALL_BEATS, 2 * ALL_BEATS));
  if (notes) return notes;
  if (pitches === 1) throw failure("Live does not give the notes of this clip");
  return readNotes(first, half).concat(readNotes(first + half, pitches - half));
}

function readProperties() {
  var properties = { name: getText("name"), groove: childId("groove") };
  ["color", "looping"].concat(EDGES, "signature_numerator", "signature_denominator").forEach(function (name) {
    properties[name] = getNumber(name);
  });
  return properties;
}

// Read a clip as a part of a request. Its time 0 (`base`) is the start of the loop, or the start marker if it does not
// loop.
function readClip(clip) {
  if (!goTo(clip)) throw failure("the clip was deleted");
  if (!getNumber("is_midi_clip")) throw failure("the selected clip is audio: select a MIDI clip");
  var part = readProperties();
  part.clip = clip;
  part.launch = { legato: getNumber("legato"), launch_quantization: getNumber("launch_quantization") };
  part.path = currentPath();
  part.base = part.looping ? part.loop_start : part.start_marker;
  part.beats = (part.looping ? part.loop_end : part.end_marker) - part.base;
  part.meter = [part.signature_numerator, part.signature_denominator];
  part.notes = readNotes().sort(Music.byStart);
  part.fingerprint = Music.fingerprint(part.notes);
  part.start = getNumber("start_time");
  part.end = getNumber("end_time");
  goTo(childId("canonical_parent"));
  part.slot = api.type === "ClipSlot" ? Number(api.id) : 0;
  if (!goUpTo("Track")) throw failure("the clip is not on a track");
  part.track = Number(api.id);
  part.trackName = getText("name");
  part.firstRow = part.slot ? childIds("clip_slots").indexOf(part.slot) + 1 : selectedRow();
  return part;
}

// Where a clip plays, in its own beats, or null. Live tells it of clips in slots only; one in the Arrangement plays where the
// song is, unless a clip in a slot plays on its track.
function positionOf(clip) {
  if (!goTo(clip)) return null;
  if (getNumber("is_playing")) return getNumber("playing_position");
  if (!getNumber("is_arrangement_clip")) return null;
  var start = getNumber("start_time"), end = getNumber("end_time"), first = getNumber("start_marker");
  var loop = getNumber("looping") ? [getNumber("loop_start"), getNumber("loop_end")] : null;
  var isHeard = goUpTo("Track") && getNumber("playing_slot_index") < 0 && goTo("live_set") && getNumber("is_playing") > 0;
  var time = isHeard ? getNumber("current_song_time") : -1;
  goTo(clip);
  if (time < start || time >= end) return null;
  var at = first + time - start;
  return loop && at >= loop[1] ? loop[0] + ((at - loop[0]) % (loop[1] - loop[0])) : at;
}

// The selected clip: in Session View that of the highlighted slot, in the Arrangement that in the detail view.
function selectedClip() {
  var isArranging = goTo("live_app view") && getText("focused_document_view") === "Arranger";
  goTo("live_set view");
  var detail = childId("detail_clip"), slot = childId("highlighted_clip_slot");
  var highlighted = goTo(slot) ? childId("clip") : 0;
  var clip = isArranging ? detail || highlighted : highlighted || detail;
  if (!clip) throw failure("select a MIDI clip first");
  return clip;
}

function selectedRow() {
  goTo("live_set view");
  var scene = childId("selected_scene");
  goTo("live_set");
  return Math.max(0, childIds("scenes").indexOf(scene));
}

function ownDevice() { return goTo("this_device") ? Number(api.id) : 0; }

// In a Rack, the device's parent is a chain.
function deviceTrack() {
  if (!goTo("this_device") || !goUpTo("Track")) throw failure("the device is not on a track");
  return Number(api.id);
}
