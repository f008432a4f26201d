// A Live set, strict where Live is: what Live refuses is refused, and kept as a failure. What things have stands in lom.js.
// It is longer than 400 lines since it is one class, whose methods all keep the same state of one set.
//
//   const live = new Live({ version: "11.3.43", scale: { mode: 1, root: 9, name: "Minor" }, notes: { object: "ignored" } });
//   const track = live.addTrack({ name: "Bass" })       kind: "midi" (default), "audio" or "group"; also frozen, group, color
//   const clip = live.addClip(track, 0, { name: "Riff", length: 4, notes: [{ pitch: 36, start_time: 0, duration: 0.25 }] })
//   live.addArrangementClip(track, 16, {...});  live.addReturn("Reverb");  live.addScene(0);  live.addGroove("Swing");
//   live.addTakeLane(track)   live.moveTrack(track, 0)   live.duplicateTrack(track)   live.copyDevice(device, track)
//   live.addDevice(track, { racks: 1 })                 the Max device, in so many Racks within each other
//   live.addDrumRack(track, { 36: "Kick 808", 38: "Snare" }, { racks: 0 })
//   live.select(track.slots[0])                         as a click: highlights a slot, shows its clip; or an arrangement clip
//   live.highlighted()                                  the slot that is highlighted
//   live.edit(clip, { notes: [...] })                   the musician changes fields; the clip is theirs from then on
//   live.remove(clip)   live.undo()   live.redo()       what the musician does
//   live.launch(slot)   live.stop()   live.setTempo(90)  playing, as transport.js says; live.record(clip, 60) while it does
//   live.snapshot()                                     all that the musician made, as text: it must be the same afterwards
//   live.made(device)                                   clips that devices (or this one) made, as data with path and notes
//   live.log                                            each change by a device: { at, by, path, what, values }
//   live.steps                                          each step of undo: { by, what }; live.undoSteps counts those of devices
//   live.tamper = (notes, clip) => notes                changes what add_new_notes really writes, as an unknown Live might
//
// A device may change only what it made itself: touching the musician's clips, scenes or song is a failure ("trespass").
// Options: version, tempo, signature [4, 4], scale, scenes (8), tracks (one MIDI track "1-MIDI"), mostScenes, view "Session" or
// "Arranger"; notes: which forms of an argument the note functions take, object | string | dict | list (of ids): "ok" or
// "ignored"; digits: of numbers in the text of notes; names: whether get gives a text "whole" or as "atoms".
// Things have the fields that the tables read: clip.notes, slot.clip, song.scenes.
"use strict";

const { inspect } = require("node:util");
const { apiClass } = require("./live_api.js");
const { COLORS, NOTE_DEFAULTS, Refused, TABLES, snap, without } = require("./lom.js");
const { Transport } = require("./transport.js");

const SCALES = {
  Major: [0, 2, 4, 5, 7, 9, 11],
  Minor: [0, 2, 3, 5, 7, 8, 10],
  Dorian: [0, 2, 3, 5, 7, 9, 10],
  "Minor Pentatonic": [0, 3, 5, 7, 10],
};

const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

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

class Live {
  constructor(options) {
    const given = Object.assign({ version: "12.1.5", tempo: 120, signature: [4, 4], scenes: 8, tracks: true }, options);
    this.version = given.version.split(".").map(Number);
    this.forms = Object.assign({ object: "ok", string: "ok", dict: "ok", list: "ok" }, given.notes);
    this.digits = given.digits || 0;
    this.names = given.names || "whole";
    this.mostScenes = given.mostScenes || Infinity;
    this.lastId = 0;
    this.lastNote = 0;
    this.lastMark = 0;
    this.things = new Map();
    this.log = [];
    this.steps = []; // of undo: by which device (null: the musician) and what
    this.tamper = null;
    this.done = [];
    this.undone = [];
    this._step = null;
    this.observers = [];
    this.granted = new Set(); // what is the musician's and may be written nevertheless
    this.cuts = []; // notes that ended too early: transport.js
    this.transport = new Transport(this);
    this._makeSong(given);
    if (given.tracks) this.addTrack({ name: "1-MIDI" });
  }

  get tracks() {
    return this.song.tracks;
  }

  get scenes() {
    return this.song.scenes;
  }

  // How many steps of undo are a device's doing.
  get undoSteps() {
    return this.steps.filter(({ by }) => by).length;
  }

  // What the musician does

  addTrack(options) {
    const track = this._makeTrack(options);
    this.song.tracks = [...this.song.tracks, track];
    if (!this.view.selected_track) this.view.selected_track = track;
    return track;
  }

  _makeTrack(options) {
    const { name, kind, frozen, group, color } = Object.assign(
      { name: "MIDI", kind: "midi", frozen: false, group: null },
      options,
    );
    const track = new Thing(this, "Track", this.song, { name, kind, frozen, group, color: snap(color || 0xff94a6) });
    Object.assign(track, { devices: [], arrangement: [], lanes: [], arm: 0, mute: 0, solo: 0, playing: null });
    track.slots = this.song.scenes.map(() => this._slot(track));
    return track;
  }

  addReturn(name) {
    const track = new Thing(this, "Track", this.song, { name, kind: "return", frozen: false, group: null, color: snap(0) });
    Object.assign(track, { devices: [], arrangement: [], lanes: [], slots: [], arm: 0, mute: 0, solo: 0, playing: null });
    this.song.returns = [...this.song.returns, track];
    return track;
  }

  addScene(index = -1) {
    const scene = this.asStep(null, () => this.insertScene(index));
    this.notify();
    return scene;
  }

  addGroove(name) {
    const groove = new Thing(this, "Groove", this.pool, { name, amount: 100 });
    this.pool.grooves = [...this.pool.grooves, groove];
    return groove;
  }

  // Put a clip into a slot. Fields are those of the object model; notes have at least pitch, start_time and duration.
  addClip(track, index, options) {
    while (this.song.scenes.length <= index) this.insertScene(-1);
    const slot = track.slots[index];
    if (slot.clip) throw new Error(`the test puts a clip on another: ${this.path(slot)}`);
    slot.clip = this.makeClip(slot, options);
    this.notify();
    return slot.clip;
  }

  addArrangementClip(track, at, options) {
    const clip = this.makeClip(track, options);
    clip.at = at;
    track.arrangement = [...track.arrangement, clip].sort((a, b) => a.at - b.at);
    return clip;
  }

  // A take lane, in which clips lie as in the Arrangement: addArrangementClip(lane, at, options).
  addTakeLane(track) {
    const lane = new Thing(this, "TakeLane", track, { name: "Take", arrangement: [] });
    track.lanes = [...track.lanes, lane];
    return lane;
  }

  addDevice(track, options) {
    return this._addDevice(track, (options && options.racks) || 0, {
      type: "MaxDevice",
      name: "Latent Bridge",
      class_name: "MxDeviceMidiEffect",
    });
  }

  // A parameter of a Max device. What changes it: a hand that turns it, once for each time that it is taken hold of; its patch,
  // which sets or assigns it; automation. Live keeps a step of undo for each change but of hidden ones, automation, and an
  // assign to one that is stored only (Ableton/maxdevtools, m4l-production-guidelines: Undo History;
  // docs.cycling74.com/max5/refpages/ m4l-ref/live.dial.html: assign). Whether a silent `set` is a step no page says: it is one
  // here.
  addParameter(device, fields) {
    if (device.parameters.some(({ name }) => name === fields.name)) throw new Error(`two parameters are named ${fields.name}`);
    const parameter = new Thing(this, "DeviceParameter", device, fields);
    parameter.write = (value, how) => this._writeParameter(parameter, value, how);
    device.parameters = [...device.parameters, parameter];
    return parameter;
  }

  // Before a device is loaded anew: its parameters are made again by its patch.
  forgetParameters(device) {
    device.parameters = [];
  }

  // Whether a device can be seen: Device View shows the devices of the selected track.
  isInView(device) {
    return this.trackOf(device) === this.view.selected_track;
  }

  // The track that something is on.
  trackOf(thing) {
    return thing.type === "Track" ? thing : this.trackOf(thing.parent);
  }

  addDrumRack(track, pads, options) {
    const rack = this._addDevice(track, (options && options.racks) || 0, {
      type: "RackDevice",
      name: "Drum Rack",
      class_name: "DrumGroupDevice",
      chains: [],
    });
    rack.pads = Array.from({ length: 128 }, (_, note) => {
      const pad = new Thing(this, "DrumPad", rack, {
        note,
        name: pads[note] || NAMES[note % 12] + (Math.floor(note / 12) - 2),
      });
      pad.chains = [];
      if (pads[note]) {
        const chain = new Thing(this, "DrumChain", rack, { name: pads[note], devices: [], mute: 0, solo: 0, color: snap(0) });
        rack.chains.push(chain);
        pad.chains.push(chain);
      }
      return pad;
    });
    return rack;
  }

  select(thing) {
    if (thing.type === "Track") this.showTrack(thing);
    if (thing.type === "Scene") this.selectScene(thing);
    if (thing.type === "ClipSlot") {
      this.highlight(thing);
      this.view.detail_clip = thing.clip;
    }
    if (thing.type === "Clip") {
      this.view.detail_clip = thing;
      if (thing.parent.type === "ClipSlot") this.highlight(thing.parent);
      else this.selectTrack(this.trackOf(thing));
    }
    this.notify();
  }

  // The musician has chosen that this clip is to be replaced.
  grant(clip) {
    this.granted.add(clip);
  }

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
  }

  remove(thing) {
    this.asStep(null, () => {
      if (thing.type === "Clip" && thing.parent.type === "ClipSlot") this.change(thing.parent, "clip", null);
      else if (thing.type === "Clip") this.change(thing.parent, "arrangement", without(thing.parent.arrangement, thing));
      else if (thing.type === "Scene") this.deleteScene(this.song.scenes.indexOf(thing));
      else if (thing.type === "Track") this.change(this.song, "tracks", without(this.song.tracks, thing));
      else throw new Error(`the test cannot remove a ${thing.type}`);
    });
    this.notify();
  }

  // Put a track at another place.
  moveTrack(track, index) {
    const rest = without(this.song.tracks, track);
    this.asStep(null, () => this.change(this.song, "tracks", [...rest.slice(0, index), track, ...rest.slice(index)]));
    this.notify();
  }

  // The copy of a track stands to the right of it, with copies of its clips and devices, and is selected. What a device made on
  // it is then its copy's.
  duplicateTrack(track) {
    const copy = new Thing(this, "Track", this.song, {
      ...fieldsOf(track),
      playing: null,
      lanes: [],
      arrangement: [],
      devices: [],
    });
    const owners = new Map([[null, null]]);
    copy.devices = track.devices.map((device) => this._copyDevice(device, copy, owners));
    const copied = (clip, home) => clip && this.copyClip(clip, home, owners.get(clip.owner) || null);
    copy.slots = track.slots.map((slot) => {
      const own = this._slot(copy);
      own.clip = copied(slot.clip, own);
      return own;
    });
    copy.arrangement = track.arrangement.map((clip) => copied(clip, copy));
    const at = this.song.tracks.indexOf(track) + 1;
    const tracks = [...this.song.tracks.slice(0, at), copy, ...this.song.tracks.slice(at)];
    this.asStep(null, () => this.change(this.song, "tracks", tracks));
    this.select(copy);
    return copy;
  }

  // A device is copied to a track; its parameters come with its patch.
  copyDevice(device, track) {
    const copy = this._copyDevice(device, track, new Map());
    track.devices = [...track.devices, copy];
    return copy;
  }

  // Launch a clip, or stop its track where the slot is empty; the transport begins with the first clip.
  launch(slot, how) {
    this.transport.launch(slot, how);
    this.notify();
  }

  begin() {
    this.transport.setPlaying(1);
    this.notify();
  }

  stop() {
    this.transport.setPlaying(0);
    this.notify();
  }

  setTempo(tempo) {
    this.asStep(null, () => this.change(this.song, "tempo", tempo));
    this.notify();
  }

  position(clip) {
    return this.transport.position(clip);
  }

  sounding(clip) {
    return this.transport.sounding(clip);
  }

  // A note that is played into a clip that plays and records.
  record(clip, pitch, duration = 0.25) {
    const note = this.makeNote({ pitch, start_time: this.position(clip), duration });
    this.asStep(null, () => this.change(clip, "notes", [...clip.notes, note]));
    this.notify();
  }

  undo() {
    this._back(this.done, this.undone, "before");
  }

  redo() {
    this._back(this.undone, this.done, "after");
  }

  // The set is closed and opened again: all that is in it gets other ids.
  rebear() {
    for (const thing of [...this.things.values()]) this._bearAgain(thing);
    this.observers = [];
    this.done = [];
    this.undone = [];
  }

  // Text of all that the musician has made, to the last bit. Where a clip lies is told by its scene: rows move with scenes.
  // While a clip is launched it may have other launch settings; `isQuiet` says that nothing is.
  snapshot(isQuiet = true) {
    const isOwn = (thing) => thing.owner === null;
    const rowOf = ({ parent }) => (parent.type === "ClipSlot" ? parent.parent.slots.indexOf(parent) : -1);
    const sceneOf = (clip) => (this.scenes[rowOf(clip)] || { mark: 0 }).mark;
    const { tempo, signature, scale, groove } = this.song;
    const tracks = this.tracks.filter(isOwn).map((track) => {
      const clips = this._clipsOf(track).filter(isOwn);
      const { name, color } = track;
      return {
        name,
        color,
        clips: clips.map((clip) => ({ scene: sceneOf(clip), ...data(clip, true), ...(isQuiet ? {} : LENT) })),
      };
    });
    const scenes = this.scenes.filter(isOwn).map(({ mark, name }) => ({ mark, name }));
    return JSON.stringify({ tempo, signature, scale, groove, scenes, tracks }, null, 1);
  }

  made(device) {
    const all = this.song.tracks.flatMap((track) => this._clipsOf(track));
    const own = all.filter((c) => (device ? c.owner === device : c.owner !== null));
    return own.map((clip) => Object.defineProperty({ path: this.path(clip), ...data(clip, false) }, "thing", { value: clip }));
  }

  // What things are and where

  path(thing) {
    if (!this.isAlive(thing)) return "";
    if (thing === this.song) return "live_set";
    if (thing === this.app) return "live_app";
    const [child, index] = this._place(thing);
    return `${this.path(thing.parent)} ${child}${index === null ? "" : ` ${index}`}`;
  }

  isAlive(thing) {
    return thing === this.song || thing === this.app || (this._place(thing) !== null && this.isAlive(thing.parent));
  }

  // Follow a path from something (for relative paths) to something or null; throws Refused where it is no path.
  find(path, from, device) {
    const words = String(path)
      .split(" ")
      .filter((word) => word);
    if (!words.length) return null;
    if (words[0] === "id") return this.byId(words[1]);
    const roots = { live_set: this.song, live_app: this.app, this_device: device };
    let at = from;
    if (Object.hasOwn(roots, words[0])) at = roots[words.shift()];
    while (words.length && at) {
      const name = words.shift();
      const child = TABLES[at.type].children[name];
      if (!child || !this.has(child)) throw new Refused(`invalid path: a ${at.type} has no ${name}`);
      const value = child.of(at);
      if (!Array.isArray(value)) at = value;
      else if (words.length && /^\d+$/.test(words[0])) at = value[Number(words.shift())] || null;
      else throw new Refused(`invalid path: ${name} needs an index`);
    }
    return at || null;
  }

  byId(id) {
    const thing = this.things.get(Number(id));
    return thing && this.isAlive(thing) ? thing : null;
  }

  // Changes

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
  }

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
  }

  // Tell observers what has changed.
  notify() {
    for (const observer of [...this.observers]) observer();
  }

  apiClass(max) {
    return apiClass(this, max);
  }

  // Helpers

  _makeSong({ tempo, signature, scale, scenes, view }) {
    this.app = new Thing(this, "Application", null, {});
    this.app.view = new Thing(this, "Application.View", this.app, { focused_document_view: view || "Session" });
    this.song = new Thing(this, "Song", null, {
      tempo,
      signature,
      groove: 1,
      swing: 0,
      is_playing: 0,
      clip_trigger_quantization: 4,
    });
    Object.assign(this.song, { tracks: [], returns: [], scenes: [], cue_points: [] });
    this.song.scale = scaleOf(scale);
    this.song.master = new Thing(this, "Track", this.song, { name: "Main", kind: "master", color: 0, devices: [], slots: [] });
    Object.assign(this.song.master, {
      arrangement: [],
      lanes: [],
      arm: 0,
      mute: 0,
      solo: 0,
      playing: null,
      frozen: false,
      group: null,
    });
    this.pool = new Thing(this, "GroovePool", this.song, { grooves: [] });
    this.view = new Thing(this, "Song.View", this.song, { selected_track: null, detail_clip: null });
    for (let i = 0; i < scenes; i++) this.insertScene(-1);
    this.view.selected_scene = this.song.scenes[0] || null;
  }

  _slot(track) {
    return new Thing(this, "ClipSlot", track, { clip: null, has_stop_button: 1 });
  }

  insertScene(index) {
    if (this.song.scenes.length >= this.mostScenes) throw new Refused(`there are ${this.mostScenes} scenes already`);
    const at = index < 0 ? this.song.scenes.length : index;
    const scene = new Thing(this, "Scene", this.song, { name: "", color: 0, mark: ++this.lastMark });
    const insert = (list, one) => [...list.slice(0, at), one, ...list.slice(at)];
    this.change(this.song, "scenes", insert(this.song.scenes, scene));
    for (const track of this.song.tracks) this.change(track, "slots", insert(track.slots, this._slot(track)));
    return scene;
  }

  // A track that a device creates. No page says whether Live selects it: here it does, and the device is out of sight.
  insertTrack(index, owner) {
    const at = index < 0 ? this.song.tracks.length : index;
    const track = this._makeTrack({ name: `${at + 1}-MIDI` });
    track.owner = owner;
    this.change(this.song, "tracks", [...this.song.tracks.slice(0, at), track, ...this.song.tracks.slice(at)]);
    this.showTrack(track);
    return track;
  }

  deleteTrack(index) {
    const track = this.song.tracks[index];
    if (!track) throw new Refused(`there is no track ${index}`);
    if (this.song.tracks.length < 2) throw new Refused("the last track cannot be deleted");
    const own = [track, ...this._clipsOf(track)].every((one) => one.owner === this._step.by) && !track.devices.length;
    if (this._step.by && !own) this._step.trespass(`track ${index} is deleted`);
    this.change(this.song, "tracks", without(this.song.tracks, track));
  }

  // A copy of a clip in the Arrangement, in the place of what it covers.
  layArranged(track, clip, at, max) {
    const copy = this.copyClip(clip, track, max.device);
    const end = at + (clip.looping ? clip.loopEnd - clip.loopStart : clip.end_marker - clip.start_marker);
    const isUnder = (one) => one.at < end && one.at + one.end_marker - one.start_marker > at;
    const covered = track.arrangement.filter(isUnder);
    const isOwn = (one) => one.owner === max.device || this.granted.has(one);
    for (const one of covered) if (!isOwn(one)) this._step.trespass(`${this.path(one)} is overwritten`);
    copy.at = at;
    const left = track.arrangement.filter((one) => !covered.includes(one));
    this.change(
      track,
      "arrangement",
      [...left, copy].sort((a, b) => a.at - b.at),
    );
  }

  deleteScene(index) {
    if (this.song.scenes.length < 2) throw new Refused("the last scene cannot be deleted");
    const scene = this.song.scenes[index];
    if (!scene) throw new Refused(`there is no scene ${index}`);
    const gone = this.song.tracks.map((t) => t.slots[index].clip).filter((c) => c);
    const step = this._step;
    if (step.by && [scene, ...gone].some((one) => one.owner !== step.by)) step.trespass(`scene ${index} is deleted`);
    this.change(this.song, "scenes", without(this.song.scenes, scene));
    for (const track of this.song.tracks) this.change(track, "slots", without(track.slots, track.slots[index]));
    if (this.view.selected_scene === scene)
      this.view.selected_scene = this.song.scenes[Math.min(index, this.song.scenes.length - 1)];
  }

  makeClip(parent, options) {
    const given = Object.assign(
      { name: "", length: 4, looping: 1, notes: [], signature: this.song.signature, audio: false },
      options,
    );
    const track = this.trackOf(parent);
    const clip = new Thing(this, "Clip", parent, { name: given.name, looping: given.looping, audio: given.audio });
    const [start, end] = given.loop || [0, given.length];
    const [first, last] = given.markers || [start, end];
    Object.assign(clip, { loopStart: start, loopEnd: end, start_marker: first, end_marker: last, at: 0 });
    Object.assign(clip, { numerator: given.signature[0], denominator: given.signature[1], groove: given.groove || null });
    Object.assign(clip, {
      color: snap(given.color === undefined ? track.color : given.color),
      muted: 0,
      is_playing: 0,
      run: null,
    });
    Object.assign(clip, { launch_mode: given.launch_mode || 0, legato: given.legato || 0, velocity_amount: 0 });
    clip.launch_quantization = given.launch_quantization || 0;
    clip.scale = given.scale ? scaleOf(given.scale) : this.song.scale;
    clip.notes = given.notes.map((note) => this.makeNote(note));
    return clip;
  }

  copyClip(clip, slot, owner) {
    const copy = new Thing(this, "Clip", slot, {});
    const notes = clip.notes.map((note) => ({ ...note, note_id: ++this.lastNote }));
    const { id } = copy;
    return Object.assign(copy, clip, { id, owner, notes, parent: slot, is_playing: 0, run: null });
  }

  // A note as it lies in a clip. `mpe` stands for what the object model does not show; it goes where the note goes.
  makeNote(fields) {
    const note = Object.assign({ note_id: ++this.lastNote }, NOTE_DEFAULTS, fields);
    note.mute = note.mute ? 1 : 0;
    return note;
  }

  _writeParameter(parameter, value, how) {
    const isSame = JSON.stringify(parameter.value) === JSON.stringify(value);
    const isKept = parameter.visibility < 2 && how !== "automated" && !(how === "assigned" && parameter.visibility === 1);
    if (isSame) return false;
    if (!isKept) parameter.value = value;
    else {
      const by = how === "turned" ? null : this.deviceOf(parameter);
      this.asStep(null, () => this.change(parameter, "value", value), null, { by, what: `parameter ${parameter.name}` });
    }
    if (how === "automated") parameter.tell(value);
    return true;
  }

  deviceOf(parameter) {
    return parameter.parent;
  }

  _addDevice(parent, racks, fields) {
    if (racks) {
      const rack = this._addDevice(parent, 0, {
        type: "RackDevice",
        name: "Rack",
        class_name: "MidiEffectGroupDevice",
        pads: [],
      });
      const chain = new Thing(this, "Chain", rack, { name: "Chain", devices: [], mute: 0, solo: 0, color: snap(0) });
      rack.chains = [chain];
      return this._addDevice(chain, racks - 1, fields);
    }
    const { type, ...rest } = fields;
    const device = new Thing(this, type, parent, Object.assign({ parameters: [], is_active: 1, pads: [] }, rest));
    parent.devices = [...parent.devices, device];
    return device;
  }

  selectTrack(track) {
    this.change(this.view, "selected_track", track);
  }

  // A click on a track's title: the slot of the selected scene is highlighted there, and its clip is the one in detail.
  showTrack(track) {
    this.selectTrack(track);
    const slot = this.highlighted();
    this.view.detail_clip = (slot && slot.clip) || null;
  }

  selectScene(scene) {
    this.change(this.view, "selected_scene", scene);
  }

  highlight(slot) {
    this.selectTrack(slot.parent);
    this.selectScene(this.song.scenes[slot.parent.slots.indexOf(slot)]);
  }

  highlighted() {
    const { selected_track: track, selected_scene: scene } = this.view;
    if (!track || !scene || !this.isAlive(track)) return null;
    return track.slots[this.song.scenes.indexOf(scene)] || null;
  }

  // The device under this one or itself that is a Max device, on a track.
  maxDeviceOf(thing) {
    for (const device of thing.devices) {
      if (device.type === "MaxDevice") return device;
      const inner = (device.chains || []).map((chain) => this.maxDeviceOf(chain)).find((found) => found);
      if (inner) return inner;
    }
    return null;
  }

  // The scale that the Control Bar shows, and scripts are told: since Live 12 that of the selected clip (ableton.com/en/manual/
  // live-concepts: Scale Settings).
  scaleNow() {
    const { detail_clip: clip } = this.view;
    return this.version[0] >= 12 && clip && this.isAlive(clip) ? clip.scale : this.song.scale;
  }

  _copyDevice(device, parent, owners) {
    const copy = new Thing(this, device.type, parent, { ...fieldsOf(device), parameters: [] });
    owners.set(device, copy);
    if (device.chains)
      copy.chains = device.chains.map((chain) => {
        const own = new Thing(this, chain.type, copy, fieldsOf(chain));
        own.devices = chain.devices.map((one) => this._copyDevice(one, own, owners));
        return own;
      });
    return copy;
  }

  _clipsOf(track) {
    const inLanes = track.lanes.flatMap((lane) => lane.arrangement);
    return [...track.slots.map((slot) => slot.clip).filter((clip) => clip), ...track.arrangement, ...inLanes];
  }

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
  }

  // What comes back by undo is another object for the LiveAPI: its old id is gone.
  _bearAgain(thing) {
    this.things.delete(thing.id);
    thing.id = ++this.lastId;
    this.things.set(thing.id, thing);
  }

  has({ since }) {
    if (!since) return true;
    for (let i = 0; i < since.length; i++) if ((this.version[i] || 0) !== since[i]) return (this.version[i] || 0) > since[i];
    return true;
  }

  _place(thing) {
    if (!thing.parent) return null;
    for (const [name, child] of Object.entries(TABLES[thing.parent.type].children)) {
      if (!child.isHome) continue;
      const value = child.of(thing.parent);
      if (value === thing) return [name, null];
      if (Array.isArray(value) && value.includes(thing)) return [name, value.indexOf(thing)];
    }
    return null;
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

const LENT = { legato: null, launch_quantization: null };

// A clip as plain data; with ids, to the last field.
function data(clip, hasIds) {
  const notes = [...clip.notes].sort((a, b) => a.start_time - b.start_time || a.pitch - b.pitch);
  const shown = notes.map(({ note_id: id, ...note }) => (hasIds ? { note_id: id, ...note } : note));
  const { name, color, looping, loopStart, loopEnd, start_marker, end_marker, numerator, denominator, muted } = clip;
  const groove = clip.groove ? clip.groove.name : null;
  const fields = { name, color, looping, loopStart, loopEnd, start_marker, end_marker, numerator, denominator, muted, groove };
  return {
    ...fields,
    at: clip.at,
    launch_mode: clip.launch_mode,
    legato: clip.legato,
    launch_quantization: clip.launch_quantization,
    velocity_amount: clip.velocity_amount,
    notes: shown,
  };
}

module.exports = { COLORS, Live, SCALES };
