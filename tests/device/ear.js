// What an instrument after the device hears: the notes of the clip that plays on the track go into the device, as Live sends them,
// and what leaves it is kept.
//
//   const ear = new Ear(stage);             from now on
//   ear.notes()                             [{ pitch, velocity, from, to }] in beats of the song; `to` is null while one sounds
//   ear.cuts(3)                             those that have ended after other than so many beats, by more than 0.08 of one
//   ear.doubles()                           those that began while one of their pitch sounded
//   ear.sounding()                          the pitches that sound now
"use strict";

const EVERY = 2; // ms between two looks at what the clip plays

class Ear {
  constructor(stage) {
    Object.assign(this, { stage, playing: new Map(), since: stage.patch.heard.length });
    this._look();
  }

  _look() {
    const { stage } = this;
    if (!stage.patch.isOpen) return;
    const slot = stage.track.playing;
    const now = new Map((slot && slot.clip ? stage.live.sounding(slot.clip) : []).map((n) => [`${slot.clip.id} ${n.note_id}`, n]));
    for (const [key, { pitch }] of this.playing) if (!now.has(key)) stage.patch.midi([0x80, pitch, 64]);
    for (const [key, { pitch, velocity }] of now) if (!this.playing.has(key)) stage.patch.midi([0x90, pitch, Math.round(velocity)]);
    this.playing = now;
    stage.clock.after(EVERY, () => this._look());
  }

  notes() {
    const heard = this.stage.patch.heard.slice(this.since);
    const notes = [];
    for (let i = 0; i + 2 < heard.length; i += 3) {
      const [[, status, beat], [, pitch], [, velocity]] = heard.slice(i, i + 3);
      const open = notes.filter((note) => note.pitch === pitch && note.to === null);
      if ((status & 0xf0) === 0x90 && velocity > 0) notes.push({ pitch, velocity, from: beat, to: null, isDouble: open.length > 0 });
      else for (const note of open) note.to = beat;
    }
    return notes;
  }

  cuts(beats, near = 0.08) {
    return this.notes().filter(({ from, to }) => to !== null && Math.abs(to - from - beats) > near);
  }

  doubles() {
    // What ends as it begins, at the edge of what the clip plays, is not heard.
    return this.notes().filter(({ isDouble, from, to }) => isDouble && to !== from);
  }

  sounding() {
    return this.notes().filter(({ to }) => to === null).map(({ pitch }) => pitch);
  }
}

module.exports = { Ear };
