// The pad: its corners in the colours of their clips, the puck between them, and the path that was drawn. One sees of a corner
// that it waits for a clip, or that its clip is gone; and until the pad can be used, it says what to do.

var EDGE = 11; // pixels from the edges to the corners' discs, where the puck stands at 0 and 1
var DISC = 4, PUCK = 7, NEAR = 14; // radii; and how near to a corner a click is meant for it
var STILL = 3; // pixels that the mouse may move in a click
var SEND_MS = 30; // between two positions while the puck is dragged
var EMPTY = 0, PICKED = 1, ARMED = 2, GONE = 3;
var LETTERS = ["A", "B", "C", "D"];

var corners = LETTERS.map(function () { return { color: [0.5, 0.5, 0.5, 1], state: EMPTY, name: "" }; });
var place = [0.5, 0.5], path = [], sentence = "", isLocked = true;
var pressed = null, isDragged = false, sentAt = 0, waiting = null;

function corner(index, red, green, blue, state) {
  if (!corners[index]) return;
  var name = arrayfromargs(arguments).slice(5).join(" ");
  corners[index] = { color: [red / 255, green / 255, blue / 255, 1], state: state, name: name };
  mgraphics.redraw();
}

function puck(x, y) {
  if (!isDragged) place = [clamped(x), clamped(y)];
  mgraphics.redraw();
}

function trail(first) {
  var given = arrayfromargs(arguments);
  if (first === "clear") path = [];
  else for (var i = 0; i + 1 < given.length; i += 2) path.push([clamped(given[i]), clamped(given[i + 1])]);
  mgraphics.redraw();
}

function says() {
  sentence = wordsOf(arguments);
  mgraphics.redraw();
}

function locked(given) {
  isLocked = given > 0;
  mgraphics.redraw();
}

function clamped(value) { return Math.min(1, Math.max(0, Number(value) || 0)); }

function pointOf(where) {
  return [EDGE + where[0] * (mgraphics.size[0] - 2 * EDGE), EDGE + where[1] * (mgraphics.size[1] - 2 * EDGE)];
}

function placeOf(x, y) {
  return [clamped((x - EDGE) / (mgraphics.size[0] - 2 * EDGE)), clamped((y - EDGE) / (mgraphics.size[1] - 2 * EDGE))];
}

function cornerPoint(index) { return pointOf([index % 2, index > 1 ? 1 : 0]); }

function isNear(x, y, point, distance) { return Math.abs(x - point[0]) <= distance && Math.abs(y - point[1]) <= distance; }

// A press on a corner is for the corner if the mouse is let go there; any other, and any drag, moves the puck.
function onclick(x, y) {
  var near = LETTERS.map(function (_, i) { return i; }).filter(function (i) { return isNear(x, y, cornerPoint(i), NEAR); });
  pressed = { x: x, y: y, corner: near.length ? near[0] : -1 };
  isDragged = false;
  if (pressed.corner < 0) drag(x, y);
}

function ondrag(x, y, button) {
  if (!pressed) return;
  if (isDragged || !isNear(x, y, [pressed.x, pressed.y], STILL)) drag(x, y);
  if (button) return;
  if (isDragged) drop();
  else if (pressed.corner >= 0) outlet(0, "corner", pressed.corner);
  pressed = null;
}

function drag(x, y) {
  if (isLocked) return;
  isDragged = true;
  place = placeOf(x, y);
  mgraphics.redraw();
  if (new Date().getTime() - sentAt >= SEND_MS) return sendPlace();
  if (!waiting) waiting = new Task(sendPlace);
  if (!waiting.running) waiting.schedule(SEND_MS);
}

function sendPlace() {
  if (!isDragged) return;
  sentAt = new Date().getTime();
  outlet(0, "puck", place[0], place[1]);
}

function drop() {
  if (waiting) waiting.cancel();
  isDragged = false;
  outlet(0, "drop", place[0], place[1]);
}

function paint() {
  var colors = palette(), width = mgraphics.size[0], height = mgraphics.size[1];
  fillBox(0, 0, width, height, colors.well);
  drawGlow(colors);
  drawGrid(width, height, colors);
  if (!isLocked) drawPath(colors);
  corners.forEach(function (one, index) { drawCorner(one, index, colors); });
  if (!isLocked) drawPuck(width, height, colors);
  if (sentence) drawLines(sentence, width / 2, height / 2, width - 60, colors.text);
}

function drawGrid(width, height, colors) {
  for (var i = 1; i < 4; i++) {
    var point = pointOf([i / 4, i / 4]);
    fillBox(Math.round(point[0]), 0, 1, height, colors.line);
    fillBox(0, Math.round(point[1]), width, 1, colors.line);
  }
}

// Each corner glows in the colour of its clip: quarters of discs, one over the other.
function drawGlow(colors) {
  corners.forEach(function (one, index) {
    if (one.state !== PICKED) return;
    var x = index % 2 ? mgraphics.size[0] : 0, y = index > 1 ? mgraphics.size[1] : 0;
    var turn = [0, 0.5, 1.5, 1][index] * Math.PI;
    for (var radius = 8; radius <= 96; radius += 8) {
      setColor(readable(one.color, colors.well, 0.25), 0.022);
      mgraphics.move_to(x, y);
      mgraphics.arc(x, y, radius, turn, turn + Math.PI / 2);
      mgraphics.close_path();
      mgraphics.fill();
    }
  });
}

function drawCorner(one, index, colors) {
  var point = cornerPoint(index), isRight = index % 2 === 1, color = readable(one.color, colors.well, 0.35);
  var isTold = one.state === ARMED || one.state === GONE, words = one.name;
  if (one.state === EMPTY) words = "pick a clip";
  if (one.state === ARMED) words = "click a clip";
  if (one.state === PICKED) fillDisc(point[0], point[1], DISC, color);
  else strokeDisc(point[0], point[1], DISC, isTold ? colors.accent : colors.dim, 1.2);
  drawText(
    LETTERS[index] + "  " + words, point[0] + (isRight ? -9 : 9), point[1] + 3.4, mgraphics.size[0] / 2 - 26,
    isTold ? colors.accent : one.state === PICKED ? color : colors.dim, isRight ? 1 : 0
  );
}

function drawPath(colors) {
  if (path.length > 1) drawLine(path.map(pointOf), colors.accent, 1.5, 0.65);
}

function drawPuck(width, height, colors) {
  var point = pointOf(place);
  fillBox(Math.round(point[0]), 0, 1, height, colors.accent, 0.4);
  fillBox(0, Math.round(point[1]), width, 1, colors.accent, 0.4);
  fillDisc(point[0], point[1], PUCK, colors.accent);
  strokeDisc(point[0], point[1], PUCK, colors.text, 1.2);
}
