// Tracks and scenes of a fake Live set: put there by the test as by the musician, and by devices. They are methods of Live:
// see live.js.
"use strict";

const { Thing, fieldsOf } = require("./live_thing.js");
const { Refused, snap, without } = require("./lom.js");

const tracks = {
  addTrack(options) {
    const track = this._makeTrack(options);
    this.song.tracks = [...this.song.tracks, track];
    if (!this.view.selected_track) this.view.selected_track = track;
    return track;
  },

  _makeTrack(options) {
    const { name, kind, frozen, group, color } = Object.assign(
      { name: "MIDI", kind: "midi", frozen: false, group: null },
      options,
    );
    const track = new Thing(this, "Track", this.song, { name, kind, frozen, group, color: snap(color || 0xff94a6) });
    Object.assign(track, { devices: [], arrangement: [], lanes: [], arm: 0, mute: 0, solo: 0, playing: null });
    track.slots = this.song.scenes.map(() => this._slot(track));
    return track;
  },

  addReturn(name) {
    const track = new Thing(this, "Track", this.song, { name, kind: "return", frozen: false, group: null, color: snap(0) });
    Object.assign(track, { devices: [], arrangement: [], lanes: [], slots: [], arm: 0, mute: 0, solo: 0, playing: null });
    this.song.returns = [...this.song.returns, track];
    return track;
  },

  addScene(index = -1) {
    const scene = this.asStep(null, () => this.insertScene(index));
    this.notify();
    return scene;
  },

  // A take lane, in which clips lie as in the Arrangement: addArrangementClip(lane, at, options).
  addTakeLane(track) {
    const lane = new Thing(this, "TakeLane", track, { name: "Take", arrangement: [] });
    track.lanes = [...track.lanes, lane];
    return lane;
  },

  // The track that something is on.
  trackOf(thing) {
    return thing.type === "Track" ? thing : this.trackOf(thing.parent);
  },

  // Put a track at another place.
  moveTrack(track, index) {
    const rest = without(this.song.tracks, track);
    this.asStep(null, () => this.change(this.song, "tracks", [...rest.slice(0, index), track, ...rest.slice(index)]));
    this.notify();
  },

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
  },

  insertScene(index) {
    if (this.song.scenes.length >= this.mostScenes) throw new Refused(`there are ${this.mostScenes} scenes already`);
    const at = index < 0 ? this.song.scenes.length : index;
    const scene = new Thing(this, "Scene", this.song, { name: "", color: 0, mark: ++this.lastMark });
    const insert = (list, one) => [...list.slice(0, at), one, ...list.slice(at)];
    this.change(this.song, "scenes", insert(this.song.scenes, scene));
    for (const track of this.song.tracks) this.change(track, "slots", insert(track.slots, this._slot(track)));
    return scene;
  },

  // A track that a device creates. No page says whether Live selects it: here it does, and the device is out of sight.
  insertTrack(index, owner) {
    const at = index < 0 ? this.song.tracks.length : index;
    const track = this._makeTrack({ name: `${at + 1}-MIDI` });
    track.owner = owner;
    this.change(this.song, "tracks", [...this.song.tracks.slice(0, at), track, ...this.song.tracks.slice(at)]);
    this.showTrack(track);
    return track;
  },

  deleteTrack(index) {
    const track = this.song.tracks[index];
    if (!track) throw new Refused(`there is no track ${index}`);
    if (this.song.tracks.length < 2) throw new Refused("the last track cannot be deleted");
    const own = [track, ...this._clipsOf(track)].every((one) => one.owner === this._step.by) && !track.devices.length;
    if (this._step.by && !own) this._step.trespass(`track ${index} is deleted`);
    this.change(this.song, "tracks", without(this.song.tracks, track));
  },

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
  },
};

module.exports = { tracks };
