// The piano roll: the source and the result, what changed in colour, and where it plays. A drum clip has a lane for each drum,
// with its name; any other as many semitones as it spans, an octave at least, with the names of its octaves.

var TITLE = 17, EDGE = 5; // pixels: the height of the title, and what texts keep from the edges
var LANE_NAMES = 53, OCTAVE_NAMES = 20; // pixels for the names of drums, and of octaves
var BLACK_KEYS = [1, 3, 6, 8, 10], LEAST_SHADED = 2; // in an octave; and pixels of a row, below which stripes would be a haze
var LEAST_SPAN = 12, TALLEST = 9, LEAST = 3; // semitones that are shown at least; pixels of a note at most, and at least
var SAME = 0, CHANGED = 1, GONE = 2;

var shown = null, coming = null; // the clip that is drawn, and the one that arrives: beats, bar, isDrums, lanes, notes
var titles = ["", ""], at = -1, hint = "";

function begin(beats, numerator, denominator, isDrums) {
  var bar = (4 * numerator) / denominator || 4;
  coming = { beats: Math.max(0.25, beats), bar: bar, isDrums: isDrums > 0, lanes: [], notes: [] };
}

function lane(index, pitch) {
  if (coming) coming.lanes[index] = { pitch: pitch, name: arrayfromargs(arguments).slice(2).join(" ") };
}

function notes() {
  var given = arrayfromargs(arguments);
  for (var i = 0; coming && i + 3 < given.length; i += 4) {
    coming.notes.push({ pitch: given[i], start: given[i + 1], duration: given[i + 2], state: given[i + 3] });
  }
}

function end() {
  shown = coming;
  hint = "";
  mgraphics.redraw();
}

function title(left, right) {
  titles = [String(left), right === undefined ? "" : String(right)];
  mgraphics.redraw();
}

function playhead(beat) {
  at = beat;
  mgraphics.redraw();
}

function empty() {
  hint = wordsOf(arguments);
  shown = null;
  mgraphics.redraw();
}

function onclick(x) {
  var room = area();
  if (shown && x >= room.x) outlet(0, "seek", Math.min(shown.beats, ((x - room.x) / room.w) * shown.beats));
}

// Where the notes are drawn.
function area() {
  var names = shown && shown.isDrums ? LANE_NAMES : OCTAVE_NAMES;
  return { x: names, y: TITLE, w: mgraphics.size[0] - names, h: mgraphics.size[1] - TITLE };
}

function paint() {
  var colors = palette(), width = mgraphics.size[0], height = mgraphics.size[1], room = area(), rows;
  fillBox(0, 0, width, height, colors.well);
  if (!shown) return drawHint(width, height, colors);
  rows = rowsOf(shown, room);
  drawGrid(room, rows, colors);
  [GONE, SAME, CHANGED].forEach(function (state) {
    shown.notes.forEach(function (note) { if (note.state === state) drawNote(note, room, rows, colors); });
  });
  if (at >= 0 && at <= shown.beats) fillBox(room.x + (at / shown.beats) * room.w - 0.5, room.y, 1, room.h, colors.text);
  drawTitles(width, colors);
}

// Nothing to show yet: an empty page, and what to do.
function drawHint(width, height, colors) {
  for (var i = 1; i < 8; i++) fillBox(Math.round((i * width) / 8), 0, 1, height, colors.line);
  drawLines(hint || "Select a MIDI clip, then press Generate.", width / 2, height / 2, width - 60, colors.text);
}

function drawTitles(width, colors) {
  var left = titles[0] || titles[1]; // what comes from nothing stands alone
  var right = titles[0] ? drawText(titles[1], width - EDGE, TITLE - 5, width / 2, colors.dim, 1) : 0;
  drawText(left, EDGE, TITLE - 5, width - 3 * EDGE - right, colors.text, 0);
}

// The rows of a clip from the top: the height of one, and the row of a pitch.
function rowsOf(clip, room) {
  var seen = clip.notes.filter(function (note) { return note.start < clip.beats && note.start + note.duration > 0; });
  var pitches = seen.map(function (note) { return note.pitch; }), places = {}, low, high, span;
  if (clip.isDrums) {
    clip.lanes.forEach(function (one, i) { if (one) places[one.pitch] = i; });
    return { count: Math.max(1, clip.lanes.length), height: room.h / Math.max(1, clip.lanes.length), of: inLane };
  }
  low = pitches.length ? Math.min.apply(null, pitches) : 60;
  high = pitches.length ? Math.max.apply(null, pitches) : 60;
  span = Math.max(LEAST_SPAN, high - low + 3);
  high += Math.floor((span - (high - low + 1)) / 2); // as much room above as below
  return { count: span, height: room.h / span, of: function (pitch) { return high - pitch; }, high: high };

  function inLane(pitch) { return places.hasOwnProperty(pitch) ? places[pitch] : -1; }
}

function drawGrid(room, rows, colors) {
  var perBeat = room.w / shown.beats, row, beat;
  if (!shown.isDrums) drawKeys(room, rows, colors);
  for (row = 1; shown.isDrums && row < rows.count; row++) {
    fillBox(room.x, Math.round(room.y + row * rows.height), room.w, 1, colors.line);
  }
  for (beat = 0; beat < shown.beats && perBeat >= 6; beat++) fillBox(room.x + beat * perBeat, room.y, 1, room.h, colors.line);
  for (beat = 0; beat < shown.beats; beat += shown.bar) fillBox(room.x + beat * perBeat, room.y, 1, room.h, colors.bar);
  fillBox(0, room.y, mgraphics.size[0], 1, colors.bar);
  shown.lanes.forEach(function (one, i) {
    var size = Math.min(SMALL, rows.height - 0.5), y = room.y + (i + 0.5) * rows.height + size * 0.36;
    if (one && size >= 6) drawText(one.name, EDGE, y, LANE_NAMES - EDGE - 3, colors.dim, 0, size);
  });
}

// As in Live's own editor: the rows of black keys are darker, a line runs below each C, and C3 is the one in the middle.
function drawKeys(room, rows, colors) {
  for (var row = 0; row < rows.count; row++) {
    var pitch = rows.high - row, y = room.y + row * rows.height, step = ((pitch % 12) + 12) % 12;
    var isShaded = rows.height >= LEAST_SHADED && BLACK_KEYS.indexOf(step) >= 0;
    if (isShaded) fillBox(room.x, y, room.w, rows.height, colors.line, 0.35);
    if (step) continue;
    y += rows.height;
    if (row < rows.count - 1) fillBox(0, Math.round(y), room.x + room.w, 1, colors.line);
    if (y - SMALL > room.y) drawText("C" + (pitch / 12 - 2), EDGE, Math.round(y) - 1.5, room.x - EDGE, colors.dim, 0, SMALL);
  }
}

// What was and is as before is grey, what is new stands out, what is gone is an outline.
function drawNote(note, room, rows, colors) {
  var row = rows.of(note.pitch), tall = Math.min(TALLEST, Math.max(LEAST, Math.ceil(rows.height)));
  var start = Math.max(0, note.start), stop = Math.min(shown.beats, note.start + note.duration);
  if (row < 0 || stop <= start) return;
  var w = Math.max(2.5, ((stop - start) / shown.beats) * room.w - 1);
  var x = Math.min(room.x + room.w - w, room.x + (start / shown.beats) * room.w);
  var y = Math.min(room.y + room.h - tall, Math.max(room.y + 1, room.y + (row + 0.5) * rows.height - tall / 2));
  if (note.state === GONE) strokeBox(x, y, w, tall, colors.dim);
  else fillBox(x, y, w, tall, note.state === CHANGED ? colors.accent : colors.note);
}
