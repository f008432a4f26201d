// What the views have in common: colours from Live's theme, and text that fits. Each view is a `jsui` and a file of its own in
// the device, and begins with these lines. A view draws what it is told, and decides nothing.

autowatch = 0;
inlets = 1;
outlets = 1;
mgraphics.init();
mgraphics.relative_coords = 0;
mgraphics.autofill = 0;

var FONT = "Ableton Sans Medium", SIZE = 9.5, SMALL = 8.5;

// Live's colours by what they are used for; the values are those of a dark theme, for where Max does not tell them.
var THEME = {
  well: ["live_lcd_bg", [0.09, 0.09, 0.09, 1]],
  grid: ["live_lcd_frame", [0.2, 0.2, 0.2, 1]],
  text: ["live_control_fg", [0.78, 0.78, 0.78, 1]],
  accent: ["live_control_selection", [1, 0.68, 0.34, 1]],
};

// A colour is asked for at each drawing, so that it follows when Live's theme is changed.
function themed(role) {
  var known = typeof max !== "undefined" && max.getcolor ? max.getcolor(THEME[role][0]) : null;
  return known && known.length >= 3 ? [known[0], known[1], known[2], 1] : THEME[role][1];
}

function mixed(one, other, share) {
  return one.map(function (value, i) { return i < 3 ? value + (other[i] - value) * share : 1; });
}

function luminance(color) { return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]; }

// A colour that can be told from what it stands on: as it is, or as much lighter or darker as that takes.
function readable(color, on, least) {
  var goal = luminance(on) < 0.5 ? [1, 1, 1, 1] : [0, 0, 0, 1];
  for (var share = 0; share < 1; share += 0.1) {
    var tried = mixed(color, goal, share);
    if (Math.abs(luminance(tried) - luminance(on)) >= least) return tried;
  }
  return goal;
}

// The colours of a drawing. Texts on a display have the colour of texts, unless that cannot be read there.
function palette() {
  var well = themed("well"), text = readable(themed("text"), well, 0.45);
  return {
    well: well, text: text, dim: mixed(text, well, 0.4), line: mixed(well, text, 0.1), bar: mixed(well, text, 0.24),
    note: mixed(well, text, 0.6), accent: readable(themed("accent"), well, 0.25), label: themed("text"),
  };
}

function setColor(color, opacity) {
  mgraphics.set_source_rgba(color[0], color[1], color[2], opacity === undefined ? 1 : opacity);
}

function fillBox(x, y, w, h, color, opacity) {
  setColor(color, opacity);
  mgraphics.rectangle(x, y, w, h);
  mgraphics.fill();
}

function strokeBox(x, y, w, h, color) {
  setColor(color);
  mgraphics.set_line_width(1);
  mgraphics.rectangle(x + 0.5, y + 0.5, w - 1, h - 1);
  mgraphics.stroke();
}

function fillDisc(x, y, radius, color, opacity) {
  setColor(color, opacity);
  mgraphics.ellipse(x - radius, y - radius, 2 * radius, 2 * radius);
  mgraphics.fill();
}

function strokeDisc(x, y, radius, color, width) {
  setColor(color);
  mgraphics.set_line_width(width);
  mgraphics.ellipse(x - radius, y - radius, 2 * radius, 2 * radius);
  mgraphics.stroke();
}

function drawLine(points, color, width, opacity) {
  setColor(color, opacity);
  mgraphics.set_line_width(width);
  points.forEach(function (point, i) { mgraphics[i ? "line_to" : "move_to"](point[0], point[1]); });
  mgraphics.stroke();
}

function setFont(size) {
  mgraphics.select_font_face(FONT);
  mgraphics.set_font_size(size);
}

function widthOf(text) { return mgraphics.text_measure(text)[0]; }

// A text that is not wider than there is room, shortened where it must be.
function fitted(text, room) {
  if (widthOf(text) <= room) return text;
  var kept = text;
  while (kept && widthOf(kept + "…") > room) kept = kept.slice(0, -1);
  return kept ? kept.replace(/ +$/, "") + "…" : "";
}

// Draw a text; `anchor` 0 is from x on, 0.5 around it, 1 up to it. Returns its width.
function drawText(text, x, y, room, color, anchor, size) {
  setFont(size || SIZE);
  var shown = fitted(String(text), room), width = shown ? widthOf(shown) : 0;
  if (!shown) return 0;
  setColor(color);
  mgraphics.move_to(x - width * (anchor || 0), y);
  mgraphics.show_text(shown);
  return width;
}

// A text in lines that fit, around a point.
function drawLines(text, x, y, room, color) {
  var lines = [""];
  setFont(SIZE);
  String(text).split(" ").forEach(function (word) {
    var longer = (lines[lines.length - 1] + " " + word).replace(/^ /, "");
    if (widthOf(longer) > room && lines[lines.length - 1]) lines.push(word);
    else lines[lines.length - 1] = longer;
  });
  lines.forEach(function (line, i) { drawText(line, x, y + 13 * (i - (lines.length - 1) / 2) + 3, room, color, 0.5); });
}

// A message of one text may come as several words.
function wordsOf(values) { return arrayfromargs(values).join(" "); }

function anything() {} // what another version of the script says
