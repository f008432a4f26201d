// A Live set, strict where Live is: what Live refuses is refused, and kept as a failure. What things have stands in lom.js.
// Live is one class, since all of it keeps the state of one set; what belongs to tracks, clips, devices, selection and undo is
// in files of their own, live_*.js.
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

const { apiClass } = require("./live_api.js");
const { SCALES, Thing, scaleOf } = require("./live_thing.js");
const { COLORS, Refused, TABLES } = require("./lom.js");
const { clips } = require("./live_clips.js");
const { devices } = require("./live_devices.js");
const { tracks } = require("./live_tracks.js");
const { undo } = require("./live_undo.js");
const { view } = require("./live_view.js");
const { Transport } = require("./transport.js");

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

  // Tell observers what has changed.
  notify() {
    for (const observer of [...this.observers]) observer();
  }

  apiClass(max) {
    return apiClass(this, max);
  }

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

Object.assign(Live.prototype, clips, devices, tracks, undo, view);

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
