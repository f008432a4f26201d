// Live's API: the one LiveAPI object, and reading with it. Only to be called in steps of the work queue.
// Nothing here writes, and nothing knows of jobs, requests or the server.

var GETS = 40; // reads of a step, about: some 210 in one turn have crashed Live
var FAR = 1 << 20; // beats: all notes lie within
var EDGES = ["loop_start", "loop_end", "start_marker", "end_marker"];

var cursor = null; // the one LiveAPI object, made at the bang

// Go to a path or an id; tells whether something is there.
function go(where) {
  if (typeof where === "string") {
    cursor.goto(where);
    return Number(cursor.id) > 0;
  }
  if (!(where > 0)) return false;
  cursor.id = where;
  return Number(cursor.id) === where;
}

function get(name) {
  var value = cursor.get(name);
  return value === null || value === undefined ? [] : [].concat(value);
}

// Children come as id, number, id, number …
function ids(name) { return get(name).filter(function (atom) { return atom !== "id"; }).map(Number); }

function number(name) { return Number(get(name)[0]); }
function text(name) { return get(name).join(" "); }
function child(name) { return ids(name)[0] || 0; }
function pathHere() { return String(cursor.unquotedpath).replace(/"/g, ""); }

// Go up until a type of thing is reached.
function climb(type) {
  for (var i = 0; i < 32; i++) {
    if (cursor.type === type) return true;
    if (cursor.type === "Song" || !go(child("canonical_parent"))) return false;
  }
  return false;
}

function needClip(clip) { if (!go(clip)) throw sorry("someone has removed the clip that was being written"); }

// What went wrong, in a sentence for the status line.
function sorry(sentence) { return { sentence: sentence }; }

// All notes of the clip we are at, pickups and beyond the loop too. A text that came cut off is asked for in halves.
function readNotes(from, span) {
  var first = from || 0, pitches = span || 128, half = pitches >> 1;
  var notes = Music.parseNotes(cursor.call("get_notes_extended", first, pitches, -FAR, 2 * FAR));
  if (notes) return notes;
  if (pitches === 1) throw sorry("Live does not tell the notes of this clip");
  return readNotes(first, half).concat(readNotes(first + half, pitches - half));
}

function readLook() {
  var look = { name: text("name"), groove: child("groove") };
  ["color", "looping"].concat(EDGES, "signature_numerator", "signature_denominator").forEach(function (name) {
    look[name] = number(name);
  });
  return look;
}

// Read a clip as a part of a request. Its beats count from the loop's start, or the start marker where nothing loops.
function readClip(clip) {
  if (!go(clip)) throw sorry("the clip is gone");
  if (!number("is_midi_clip")) throw sorry("the selected clip is audio: select a MIDI clip");
  var part = readLook();
  part.clip = clip;
  part.where = pathHere();
  part.base = part.looping ? part.loop_start : part.start_marker;
  part.beats = (part.looping ? part.loop_end : part.end_marker) - part.base;
  part.meter = [part.signature_numerator, part.signature_denominator];
  part.notes = readNotes().sort(Music.byStart);
  part.print = Music.fingerprint(part.notes);
  go(child("canonical_parent"));
  part.slot = cursor.type === "ClipSlot" ? Number(cursor.id) : 0;
  if (!climb("Track")) throw sorry("the clip is on no track");
  part.track = Number(cursor.id);
  part.firstRow = part.slot ? ids("clip_slots").indexOf(part.slot) + 1 : selectedRow();
  return part;
}

// The clip that the musician means: in Session the highlighted slot's, in the Arrangement that in the detail view.
function selectedClip() {
  var isArranging = go("live_app view") && text("focused_document_view") === "Arranger";
  go("live_set view");
  var detail = child("detail_clip"), slot = child("highlighted_clip_slot");
  var highlighted = go(slot) ? child("clip") : 0;
  var clip = isArranging ? detail || highlighted : highlighted || detail;
  if (!clip) throw sorry("select a MIDI clip first");
  return clip;
}

function selectedRow() {
  go("live_set view");
  var scene = child("selected_scene");
  go("live_set");
  return Math.max(0, ids("scenes").indexOf(scene));
}

// In a Rack the device's parent is a chain.
function deviceTrack() {
  if (!go("this_device") || !climb("Track")) throw sorry("the device is on no track");
  return Number(cursor.id);
}
