// Clips of a fake Live set, in slots, in the Arrangement and in take lanes, with their notes. They are methods of Live: see
// live.js.
"use strict";

const { Thing, scaleOf } = require("./live_thing.js");
const { NOTE_DEFAULTS, snap } = require("./lom.js");

const clips = {
  addGroove(name) {
    const groove = new Thing(this, "Groove", this.pool, { name, amount: 100 });
    this.pool.grooves = [...this.pool.grooves, groove];
    return groove;
  },

  // Put a clip into a slot. Fields are those of the object model; notes have at least pitch, start_time and duration.
  addClip(track, index, options) {
    while (this.song.scenes.length <= index) this.insertScene(-1);
    const slot = track.slots[index];
    if (slot.clip) throw new Error(`the test puts a clip on another: ${this.path(slot)}`);
    slot.clip = this.makeClip(slot, options);
    this.notify();
    return slot.clip;
  },

  addArrangementClip(track, at, options) {
    const clip = this.makeClip(track, options);
    clip.at = at;
    track.arrangement = [...track.arrangement, clip].sort((a, b) => a.at - b.at);
    return clip;
  },

  // The musician has chosen that this clip is to be replaced.
  grant(clip) {
    this.granted.add(clip);
  },

  // A note that is played into a clip that plays and records.
  record(clip, pitch, duration = 0.25) {
    const note = this.makeNote({ pitch, start_time: this.position(clip), duration });
    this.asStep(null, () => this.change(clip, "notes", [...clip.notes, note]));
    this.notify();
  },

  _slot(track) {
    return new Thing(this, "ClipSlot", track, { clip: null, has_stop_button: 1 });
  },

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
  },

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
  },

  copyClip(clip, slot, owner) {
    const copy = new Thing(this, "Clip", slot, {});
    const notes = clip.notes.map((note) => ({ ...note, note_id: ++this.lastNote }));
    const { id } = copy;
    return Object.assign(copy, clip, { id, owner, notes, parent: slot, is_playing: 0, run: null });
  },

  // A note as it lies in a clip. `mpe` stands for what the object model does not show; it goes where the note goes.
  makeNote(fields) {
    const note = Object.assign({ note_id: ++this.lastNote }, NOTE_DEFAULTS, fields);
    note.mute = note.mute ? 1 : 0;
    return note;
  },

  _clipsOf(track) {
    const inLanes = track.lanes.flatMap((lane) => lane.arrangement);
    return [...track.slots.map((slot) => slot.clip).filter((clip) => clip), ...track.arrangement, ...inLanes];
  },
};

module.exports = { clips };
