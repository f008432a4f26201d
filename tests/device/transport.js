// What plays in a Live set: the song's time, clips that are launched and when they begin, and the notes that sound.
//
//   live.launch(slot)                       a click on its launch button; live.stop() and live.begin() are the transport
//   live.position(clip)                     where a playing clip is, in its own beats; null where it does not play
//   live.sounding(clip)                     its notes that sound now
//   live.cuts                               notes that ended too early, and why: { at, clip, pitch, why, by }
//
// A clip begins at the next step of its launch quantization, at once where the transport stands; with legato it takes over
// where the last one was (ableton.com/en/manual/launching-clips). No page says what becomes of a note that is taken away while
// it sounds: here it is cut, and so are those of a clip that another one takes over from, and of a clip whose loop is moved. A
// note that begins before the place where a clip comes in does not sound.
"use strict";

// Of Song.clip_trigger_quantization: bars, then beats.
const BARS = [0, 8, 4, 2, 1];
const BEATS = [2, 4 / 3, 1, 2 / 3, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8];
const EDGES = ["loopStart", "loopEnd", "start_marker", "end_marker", "looping"];

class Transport {
  constructor(live) {
    this.live = live;
    this.clock = { now: 0, after: (_, call) => call(), cancel: () => undefined }; // until there is one
    this.since = { at: 0, beat: 0 };
    this.waiting = new Map(); // by track: what is to begin there, and when
  }

  get beat() {
    const { song } = this.live;
    return song.is_playing ? this.since.beat + ((this.clock.now - this.since.at) / 60000) * song.tempo : this.since.beat;
  }

  // Before the tempo changes, or the transport starts or stops.
  hold() {
    this.since = { at: this.clock.now, beat: this.beat };
  }

  setPlaying(isPlaying) {
    this.hold();
    this.live.song.is_playing = Number(Boolean(isPlaying));
    if (!isPlaying) for (const track of this.live.tracks) this.halt(track, "");
    this._reckon();
  }

  setTempo(tempo) {
    this.hold();
    this.live.song.tempo = tempo;
    this._reckon();
  }

  // To another time; session clips play on as they do.
  jump(beat) {
    this.hold();
    this.since.beat = beat;
    this._reckon();
  }

  // Launch a slot: its clip, or none where it is empty. `step` is a launch quantization of its own, as Song counts them.
  launch(slot, { isLegato, step } = {}) {
    const { song } = this.live;
    const track = slot.parent;
    const { clip } = slot;
    const isIdle = !song.is_playing;
    if (!clip && !slot.has_stop_button) return;
    if (isIdle && clip) this.setPlaying(1);
    const own = clip && clip.launch_quantization ? clip.launch_quantization - 1 : song.clip_trigger_quantization;
    const beats = this._beatsOf(step === undefined ? own : step);
    const beat = isIdle || !beats ? this.beat : Math.ceil(this.beat / beats - 1e-9) * beats;
    this._forget(track);
    const one = { slot, beat, isLegato: isLegato === undefined ? clip && clip.legato : isLegato, entry: null };
    this.waiting.set(track, one);
    this._wait(track, one);
  }

  isTriggered(slot) {
    const one = this.waiting.get(slot.parent);
    return Boolean(one && one.slot === slot);
  }

  halt(track, why) {
    this._forget(track);
    const clip = track.playing && track.playing.clip;
    if (clip && clip.is_playing) this.stopClip(clip, why);
    track.playing = null;
  }

  stopClip(clip, why, by) {
    if (why) this.cut(clip, this.sounding(clip), why, by);
    clip.is_playing = 0;
    clip.run = null;
  }

  // A clip that plays goes on so many beats further or back; what sounds of it ends.
  move(clip, beats, by) {
    if (!clip.is_playing) return;
    this.cut(clip, this.sounding(clip), "moved", by);
    clip.run = { beat: this.beat, from: this._placed(clip).position + beats };
  }

  // Where a clip is in its own beats.
  position(clip) {
    if (!clip.is_playing || !clip.run) return null;
    return this._placed(clip).position;
  }

  sounding(clip) {
    if (!clip.is_playing || !clip.run || clip.audio) return [];
    const { position, isRound } = this._placed(clip);
    const last = clip.looping ? clip.loopEnd : clip.end_marker;
    const isHeld = (note) => position >= note.start_time && position < Math.min(last, note.start_time + note.duration);
    const hasBegun = (note) => isRound || note.start_time >= clip.run.from - 1e-6;
    return clip.notes.filter((note) => !note.mute && isHeld(note) && hasBegun(note));
  }

  cut(clip, notes, why, by = null) {
    for (const { pitch } of notes) this.live.cuts.push({ at: this.clock.now, clip: clip.name, pitch, why, by });
  }

  // After a field of a playing clip has changed: what sounded before and is not there now has been cut.
  changed(clip, field, sounded, by) {
    if (EDGES.includes(field)) return this.cut(clip, sounded, "moved", by);
    if (field !== "notes") return undefined;
    const still = new Map(this.sounding(clip).map((note) => [note.note_id, note]));
    const isSame = (note) => still.has(note.note_id) && still.get(note.note_id).pitch === note.pitch;
    return this.cut(
      clip,
      sounded.filter((note) => !isSame(note)),
      "removed",
      by,
    );
  }

  _beatsOf(step) {
    const [numerator, denominator] = this.live.song.signature;
    return step < BARS.length ? (BARS[step] * numerator * 4) / denominator : BEATS[step - BARS.length];
  }

  _placed(clip) {
    const gone = this.beat - clip.run.beat;
    const position = clip.run.from + gone;
    if (!clip.looping || position < clip.loopEnd) return { position, isRound: false };
    return { position: clip.loopStart + ((position - clip.loopStart) % (clip.loopEnd - clip.loopStart)), isRound: true };
  }

  _wait(track, one) {
    const ms = ((one.beat - this.beat) / this.live.song.tempo) * 60000;
    if (ms <= 0) return this._begin(track, one);
    one.entry = this.clock.after(ms, () => this._begin(track, one));
    return undefined;
  }

  _begin(track, { slot, isLegato }) {
    const { clip } = slot;
    const before = track.playing && track.playing.clip;
    const left = before && before.is_playing ? this.position(before) - start(before) : 0;
    this.waiting.delete(track);
    this.halt(track, before === clip ? "launched again" : "switched");
    if (clip && this.live.isAlive(clip)) {
      const from = clip.start_marker + (isLegato ? left % Math.max(1e-6, lengthOf(clip)) : 0);
      Object.assign(clip, { is_playing: 1, run: { beat: this.beat, from } });
      track.playing = slot;
    }
    this.live.notify();
  }

  // When time has changed: what waits comes earlier or later.
  _reckon() {
    for (const [track, one] of this.waiting) {
      if (one.entry) this.clock.cancel(one.entry);
      if (this.live.song.is_playing) this._wait(track, one);
    }
  }

  _forget(track) {
    const one = this.waiting.get(track);
    if (one && one.entry) this.clock.cancel(one.entry);
    this.waiting.delete(track);
  }
}

function start(clip) {
  return clip.start_marker;
}

function lengthOf(clip) {
  return clip.looping ? clip.loopEnd - clip.loopStart : clip.end_marker - clip.start_marker;
}

module.exports = { Transport };
