// What a script sees of the patch around it: this.patcher, its boxes as Maxobj, and Global, which all scripts of Max share.
//
// Facts: docs.cycling74.com/apiref/js/patcher, .../maxobj, .../global. What is not here a script gets as undefined, which
// fails.
"use strict";

// The patcher of a script. getnamed gives a box by its scripting name, or null.
function patcherOf(max) {
  const { patch } = max;
  const found = new Map();
  return {
    getnamed: (name) => {
      max.guardPatcher("getnamed");
      const key = String(name);
      if (!patch.has(key)) return null;
      if (!found.has(key)) found.set(key, maxobjOf(max, patch.get(key)));
      return found.get(key);
    },
    apply: () => max.raise("patcher.apply walks through all boxes: ask for them by their names"),
    message: (word, ...values) => max.fail(`the patcher is told ${[word, ...values].join(" ")}`),
  };
}

// A box as a script sees it: what it is, whether it is hidden, and any message of its own.
function maxobjOf(max, box) {
  const own = {
    maxclass: box.json.maxclass,
    varname: box.name,
    valid: true,
    message: (word, ...values) => box.receive(0, [word, ...values.flat()]),
    getattr: (name) => box.looks[name],
    setattr: (name, ...values) => box.receive(0, [name, ...values.flat()]),
    getboxattr: (name) => (name === "hidden" ? Number(box.isHidden) : box.json[name]),
    setboxattr: (name, ...values) => setBox(max, box, name, values.flat()),
  };
  Object.defineProperties(own, {
    hidden: { get: () => box.isHidden, set: (value) => setBox(max, box, "hidden", [value]) },
    rect: { get: () => max.inRealm(cornersOf(box.json.presentation_rect || box.json.patching_rect)) },
    box: { get: () => own },
  });
  // Any other word is a message to the object: box.set(5).
  return new Proxy(own, {
    get: (it, name) =>
      name in it || typeof name !== "string" ? it[name] : (...values) => box.receive(0, [name, ...values.flat()]),
  });
}

function cornersOf([x, y, width, height]) {
  return [x, y, x + width, y + height];
}

function setBox(max, box, name, values) {
  max.guardPatcher(`${name} of ${box.name}`);
  if (name === "hidden") box.isHidden = Boolean(values[0]);
  else if (name === "presentation_rect") box.json.presentation_rect = values;
  else max.fail(`${name} of ${box.name} is set: the fake knows hidden and presentation_rect`);
  max.patch.changes++;
}

// Global(name): one object that all who name it share; its properties are what was put there.
const Global = {
  of: (max) =>
    function Global(name) {
      const shared = max.app.shared(max.app.globals, `js ${name}`, () => ({}));
      return new Proxy(this, {
        get: (_, key) => (key === "sendnamed" ? () => max.fail("Global.sendnamed") : max.inRealm(shared[key])),
        set: (_, key, value) => ((shared[key] = value === undefined ? undefined : JSON.parse(JSON.stringify(value))), true),
        has: (_, key) => key in shared,
        deleteProperty: (_, key) => delete shared[key],
      });
    },
};

module.exports = { Global, maxobjOf, patcherOf };
