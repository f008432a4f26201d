// A thing of a fake Live set, as an object of its object model: its id, its parent, and whose it is.
"use strict";

const { inspect } = require("node:util");

const SCALES = {
  Major: [0, 2, 4, 5, 7, 9, 11],
  Minor: [0, 2, 3, 5, 7, 8, 10],
  Dorian: [0, 2, 3, 5, 7, 9, 10],
  "Minor Pentatonic": [0, 3, 5, 7, 10],
};

class Thing {
  constructor(live, type, parent, fields) {
    this.live = live;
    this.type = type;
    this.parent = parent;
    this.id = ++live.lastId;
    this.owner = null; // the device that made it; null for the musician
    Object.assign(this, fields);
    live.things.set(this.id, this);
  }

  [inspect.custom]() {
    return `${this.type} ${this.id} at "${this.live.path(this)}"`;
  }
}

// What a thing has beside what makes it one of its own.
function fieldsOf({ live, type, parent, id, owner, ...fields }) {
  return fields;
}

function scaleOf(given) {
  const { mode, root, name, intervals } = Object.assign({ mode: 0, root: 0, name: "Major" }, given);
  return { mode, root, name, intervals: intervals || SCALES[name] };
}

module.exports = { SCALES, Thing, fieldsOf, scaleOf };
