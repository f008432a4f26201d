// Small patches for the checks of the fake: a few boxes and cords, as readDevice would give them.
"use strict";

// Boxes by name: { text } of one that is typed, { maxclass, ... } of one that is seen; cords: ["from outlet", "to inlet"].
function patchOf(boxes, cords, { scripts = {}, isMpe = 1 } = {}) {
  const list = Object.entries(boxes).map(([name, box], i) => {
    const isTyped = typeof box === "string";
    const given = isTyped ? { maxclass: "newobj", text: box } : box;
    const place = { patching_rect: [20 + i * 100, 20, 80, 22], presentation: 1, presentation_rect: [i * 40, 0, 40, 20] };
    return { box: { id: name, varname: name, numinlets: 9, numoutlets: 9, ...place, ...given } };
  });
  const lines = cords.map(([from, to]) => ({ patchline: { source: end(from), destination: end(to) } }));
  return { name: "small.amxd", patcher: { boxes: list, lines, is_mpe: isMpe }, scripts };
}

// "name 1" or "name", which is the first outlet or inlet.
function end(text) {
  const [name, number = "0"] = text.split(" ");
  return [name, Number(number)];
}

// What a live.* object says of its parameter.
function valueof(name, more = {}) {
  const value = { parameter_longname: name, parameter_type: 0, parameter_mmin: 0, parameter_mmax: 100, ...more };
  return { parameter_enable: 1, saved_attribute_attributes: { valueof: value } };
}

module.exports = { patchOf, valueof };
