// Changes of a fake Live set as steps of its undo history: what a device may not change is a trespass. They are methods of
// Live: see live.js.
"use strict";

const { without } = require("./lom.js");

const undo = {
  // Change fields of something by hand.
  edit(thing, fields) {
    this.asStep(null, () => {
      const { notes, ...rest } = fields;
      if (notes)
        this.change(
          thing,
          "notes",
          notes.map((n) => this.makeNote(n)),
        );
      for (const [field, value] of Object.entries(rest)) this.change(thing, field, value);
      thing.owner = null;
    });
    this.notify();
  },

  remove(thing) {
    this.asStep(null, () => {
      if (thing.type === "Clip" && thing.parent.type === "ClipSlot") this.change(thing.parent, "clip", null);
      else if (thing.type === "Clip") this.change(thing.parent, "arrangement", without(thing.parent.arrangement, thing));
      else if (thing.type === "Scene") this.deleteScene(this.song.scenes.indexOf(thing));
      else if (thing.type === "Track") this.change(this.song, "tracks", without(this.song.tracks, thing));
      else throw new Error(`the test cannot remove a ${thing.type}`);
    });
    this.notify();
  },

  undo() {
    this._back(this.done, this.undone, "before");
  },

  redo() {
    this._back(this.undone, this.done, "after");
  },

  // The set is closed and opened again: all that is in it gets other ids.
  rebear() {
    for (const thing of [...this.things.values()]) this._bearAgain(thing);
    this.observers = [];
    this.done = [];
    this.undone = [];
  },

  // Set a field of something, so that it can be undone; what is not the device's own is a trespass.
  change(thing, field, value) {
    const before = thing[field];
    if (before === value) return;
    const step = this._step;
    if (step && step.by && !step.isAllowed(thing, field, before)) step.trespass(`${field} of ${this.path(thing)}`);
    if (step) step.changes.push({ thing, field, before, after: value });
    const sounded = thing.run ? this.transport.sounding(thing) : null;
    const by = step ? step.by : null;
    if (field === "clip" && before && before.run) this.transport.stopClip(before, "deleted", by);
    if (field === "tempo") this.transport.setTempo(value);
    thing[field] = value;
    if (sounded) this.transport.changed(thing, field, sounded, by);
  },

  // Do something as one step of the undo history; all of it or nothing.
  asStep(by, call, trespass, said = { by, what: "" }) {
    const isAllowed = (thing, field, before) => {
      if (thing.type === "Song.View") return true;
      if (thing.type === "ClipSlot" && field === "clip") return !before || before.owner === by || this.granted.has(before);
      if (thing.type === "Song" && (field === "scenes" || field === "tracks")) return true; // checked where they are deleted
      if (thing.type === "Track" && (field === "slots" || field === "arrangement")) return true; // and where they are covered
      if (thing.type === "DeviceParameter") return thing.parent === by;
      // What was granted; and launch settings, which may be lent: in the end the snapshot must be the same.
      if (this.granted.has(thing)) return true;
      if (thing.type === "Clip" && ["legato", "launch_quantization"].includes(field)) return true;
      return thing.owner === by;
    };
    this._step = { by, changes: [], isAllowed, trespass };
    try {
      const result = call();
      const { changes } = this._step;
      if (changes.some(({ thing }) => thing.type !== "Song.View")) {
        this.done.push(changes);
        this.undone = [];
        this.steps.push(said);
      }
      return result;
    } catch (error) {
      for (const { thing, field, before } of this._step.changes.reverse()) thing[field] = before;
      throw error;
    } finally {
      this._step = null;
    }
  },

  _back(from, to, side) {
    const changes = from.pop();
    if (!changes) return;
    const told = [];
    to.push(changes);
    for (const one of side === "before" ? [...changes].reverse() : changes) {
      if (one.field === "clip" && one[side]) this._bearAgain(one[side]);
      one.thing[one.field] = one[side];
      if (one.thing.type === "DeviceParameter") told.push(one.thing);
    }
    for (const parameter of told) parameter.tell(parameter.value);
    this.notify();
  },

  // What comes back by undo is another object for the LiveAPI: its old id is gone.
  _bearAgain(thing) {
    this.things.delete(thing.id);
    thing.id = ++this.lastId;
    this.things.set(thing.id, thing);
  },
};

module.exports = { undo };
