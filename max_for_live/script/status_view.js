// The light and the line: how the device is, in one colour and one sentence; and how far it is, as a bar below.

var LIGHTS = [[0.85, 0.3, 0.28, 1], [0.96, 0.66, 0.25, 1], [0.45, 0.76, 0.4, 1]]; // no server; at work; ready
var RADIUS = 3.5, TEXT_X = 14;

var state = 1, share = -1, sentence = ""; // until it is told, it waits for the server

// Messages come as `status set TEXT` and `light set STATE [SHARE]`; without a share there is no bar.
function status(word) {
  if (word !== "set") return;
  sentence = arrayfromargs(arguments).slice(1).join(" ");
  mgraphics.redraw();
}

function light(word, given, part) {
  if (word !== "set") return;
  state = LIGHTS[given] ? given : 0;
  share = part === undefined ? -1 : Math.min(1, Math.max(0, Number(part)));
  mgraphics.redraw();
}

function paint() {
  var colors = palette(), width = mgraphics.size[0], height = mgraphics.size[1], middle = height / 2;
  fillDisc(RADIUS + 1, middle, RADIUS, LIGHTS[state]);
  drawText(sentence, TEXT_X, middle + 3.4, width - TEXT_X, colors.label);
  if (share < 0) return;
  fillBox(TEXT_X, height - 2, width - TEXT_X, 2, colors.label, 0.2);
  fillBox(TEXT_X, height - 2, (width - TEXT_X) * share, 2, themed("accent"));
}
