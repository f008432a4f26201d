// A stand-in of what Max gives to a jsui, for pictures: it runs the scripts of views and says what they draw, as shapes.
// Standard input is JSON: { theme, widths, views: [{ source, size, messages }] }; standard output is a list of shapes for each.
// Facts: docs.cycling74.com/apiref/js/mgraphics and /max8/vignettes/themes (max.getcolor). No part of the device.
"use strict";

const fs = require("node:fs");
const vm = require("node:vm");

const TURN = 2 * Math.PI;
const { theme, widths, views } = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(views.map(draw)));

function draw({ source, size, messages }) {
  const shapes = [];
  const world = { arrayfromargs: (given) => Array.from(given), outlet: () => undefined, post: () => undefined, Math, Date, Task: class {} };
  world.max = { getcolor: (name) => theme[name] };
  world.mgraphics = graphics(size, shapes);
  vm.createContext(world);
  vm.runInContext(source, world);
  for (const [selector, ...atoms] of messages) (world[selector] || world.anything)(...atoms);
  world.paint();
  return shapes;
}

// Paths are kept as points; what is round has enough of them.
function graphics(size, shapes) {
  let paths = [];
  let color = [0, 0, 0, 1];
  let width = 1;
  let fontSize = 12;
  let pen = [0, 0];
  const put = (kind) => {
    for (const { points, isClosed } of paths) if (points.length > 1) shapes.push({ kind, points, isClosed, color, width });
    paths = [];
  };
  const last = () => paths[paths.length - 1] || (paths.push({ points: [], isClosed: false }), paths[0]);
  const measure = (text) => [...text].reduce((sum, letter) => sum + (widths[letter] || widths.other), 0) * fontSize;
  const around = (x, y, rx, ry, from, to) => {
    const steps = Math.max(6, Math.ceil((Math.abs(to - from) / TURN) * 48));
    return Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps).map((t) => [x + rx * Math.cos(t), y + ry * Math.sin(t)]);
  };
  return {
    size,
    init: () => undefined,
    redraw: () => undefined,
    set_source_rgba: (...given) => (color = given.flat()),
    set_line_width: (given) => (width = given),
    select_font_face: () => undefined,
    set_font_size: (given) => (fontSize = given),
    text_measure: (text) => [measure(text), fontSize * 1.2],
    move_to: (x, y) => (paths.push({ points: [[x, y]], isClosed: false }), (pen = [x, y])),
    line_to: (x, y) => last().points.push([x, y]),
    arc: (x, y, radius, from, to) => last().points.push(...around(x, y, radius, radius, from, to)),
    close_path: () => (last().isClosed = true),
    rectangle: (x, y, w, h) => paths.push({ points: [[x, y], [x + w, y], [x + w, y + h], [x, y + h]], isClosed: true }),
    ellipse: (x, y, w, h) => paths.push({ points: around(x + w / 2, y + h / 2, w / 2, h / 2, 0, TURN), isClosed: true }),
    fill: () => put("fill"),
    stroke: () => put("stroke"),
    show_text: (text) => (shapes.push({ kind: "text", text, x: pen[0], y: pen[1], width: measure(text), size: fontSize, color }), (paths = [])),
  };
}
