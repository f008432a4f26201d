// What the piano roll is told to draw: the source, or a result beside it with what changed, and where it plays. Messages are
// those of the view's contract: roll begin, lane, notes, end, title, playhead, empty.

var NOTES_PER_MESSAGE = 58; // of four numbers each: a message has at most 240
var MOST_DRAWN = 1500;
var SAME = 0, CHANGED = 1, GONE = 2;
var MOVING_MS = 80, RESTING_MS = 500; // between two looks at where the drawn clip plays

var drawn = { clip: 0, base: 0, beats: 0, bar: 4, playhead: -1 };

// Several changes in a row are drawn once.
function drawRoll() { schedule("roll", 20, drawNow); }

function drawNow() {
  var press = currentPress(), entry = currentEntry(), isShown = press && entry && !history.isNew && entry.notes;
  if (isShown && history.at) return drawResult(press, entry);
  if (isShown) return drawClip(entry, press, entry.name, "");
  if (selected.part) return drawClip(selected.part, selected.kind, selected.part.name || "clip", "");
  drawn.clip = 0;
  draw(["roll", "empty", emptyText()]);
}

function emptyText() {
  return {
    vary: "Select a MIDI clip, then press Generate.",
    sample: "Press Generate for new clips.",
    morph: "Pick clips A and B, then press Generate.",
    pad: "Pick clips A and B, then drag the puck.",
  }[modeName()];
}

function drawClip(one, kind, left, right) { drawNotes(one, kind, one.notes, [], [], left, right); }

function drawResult(press, entry) {
  var source = press.source, difference = source ? Music.compareNotes(source.notes, entry.notes) : null;
  drawNotes(
    { clip: entry.clip, base: entry.base, beats: entry.beats, meter: entry.meter }, press, entry.notes,
    difference ? difference.add : [], difference ? difference.remove : [], source ? source.name : "", entry.name
  );
}

function drawNotes(look, kind, notes, changed, gone, left, right) {
  var isDrums = kind && kind.isDrums, base = look.base, atoms = [], pitches = [];
  drawn = { clip: look.clip, base: base, beats: look.beats, bar: (4 * look.meter[0]) / look.meter[1], playhead: -1 };
  draw(["roll", "begin", look.beats, look.meter[0], look.meter[1], isDrums ? 1 : 0]);
  notes.concat(gone).forEach(function (n) { if (pitches.indexOf(n.pitch) < 0) pitches.push(n.pitch); });
  if (isDrums) {
    pitches.sort(function (a, b) { return a - b; }).forEach(function (pitch, i) {
      draw(["roll", "lane", i, pitch, kind.pads[pitch] || String(pitch)]);
    });
  }
  gone.forEach(function (n) { add(n, GONE); });
  notes.forEach(function (n) { add(n, changed.indexOf(n) < 0 ? SAME : CHANGED); });
  atoms = atoms.slice(0, 4 * MOST_DRAWN);
  for (var i = 0; i < atoms.length; i += 4 * NOTES_PER_MESSAGE) {
    draw(["roll", "notes"].concat(atoms.slice(i, i + 4 * NOTES_PER_MESSAGE)));
  }
  draw(["roll", "end"]);
  draw(["roll", "title", left, right]);

  function add(n, state) { atoms.push(n.pitch, n.start_time - base, n.duration, state); }
}

// Where the drawn clip plays, looked at more often while it does.
function followPlayhead() {
  var isMoving = drawn.playhead >= 0;
  schedule("playhead", isMoving ? MOVING_MS : RESTING_MS, followPlayhead);
  if (!drawn.clip || queue.length) return;
  enqueue(newJob("playhead"), function () {
    var position = positionOf(drawn.clip), at = position === null ? -1 : Math.max(0, position - drawn.base);
    if (at !== drawn.playhead) draw(["roll", "playhead", at]);
    drawn.playhead = at;
  });
}

// The roll was clicked: what is drawn plays from the bar that was clicked. A clip that plays goes there by whole bars, so that
// it stays in time with the others; one that does not is launched first.
function seek(v) {
  var beat = Number(v[0]), clip = drawn.clip;
  if (!(beat >= 0) || !clip) return;
  enqueue(newJob("seek"), function (job) {
    if (!goTo(clip)) return;
    if (getNumber("is_arrangement_clip")) return jumpTo(clip, drawn.base + beat - getNumber("start_marker"));
    if (getNumber("is_playing")) return move();
    hearThen(job, clip, move);
  });

  function move() {
    if (!goTo(clip) || !getNumber("is_playing") || drawn.clip !== clip) return;
    var at = getNumber("playing_position") - drawn.base, bars = barOf(beat) - barOf(at);
    if (at + bars * drawn.bar >= drawn.beats) bars--; // in the last bar, which is short
    if (bars) api.call("move_playing_pos", bars * drawn.bar);
  }

  function barOf(at) { return Math.floor(at / drawn.bar + 1e-6); }
}
