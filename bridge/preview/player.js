"use strict";
// Plays the clips of a preview page: notes become simple sounds, a line runs over the rolls. No library, nothing is loaded.

const AHEAD = 1.5; // seconds that are scheduled ahead: a tab in the background wakes but once a second
const TICK = 200; // milliseconds between two looks ahead
const SOON = 0.08; // seconds until the first note sounds

/** List the notes of a clip that begin in a stretch of beats, looped where it is: [seconds from `from`, part, note]. */
function notesBetween(clip, from, until, isLooped) {
  const second = 60 / clip.tempo;
  const length = clip.end - clip.start;
  const found = [];
  clip.parts.forEach((part) => {
    part.notes.forEach((note) => {
      // What lies before the loop is played once, on the way in.
      let at = note[0];
      if (isLooped && at >= clip.start) {
        at += Math.max(0, Math.ceil((from - at) / length - 1e-9)) * length;
      }
      for (; at < until; at += length) {
        if (at >= from - 1e-9) found.push([(at - from) * second, part, note]);
        if (!isLooped || note[0] < clip.start) break;
      }
    });
  });
  return found.sort((a, b) => a[0] - b[0]);
}

/** Simple sounds: a drum kit of nine voices and one soft synth. */
class Sounds {
  constructor(context) {
    this.context = context;
    this.volume = context.createGain();
    const squeeze = context.createDynamicsCompressor();
    this.volume.connect(squeeze);
    squeeze.connect(context.destination);
    this.noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = this.noise.getChannelData(0);
    let state = 1;
    for (let i = 0; i < samples.length; i += 1) {
      state = (state * 16807) % 2147483647;
      samples[i] = (2 * state) / 2147483647 - 1;
    }
  }

  /** Open a way to the loudspeaker that can be cut off. */
  open() {
    const way = this.context.createGain();
    way.connect(this.volume);
    return way;
  }

  play(way, isDrums, note, when, seconds) {
    const loud = (note[3] / 127) ** 1.5;
    if (isDrums) this.strike(way, note[2], when, loud);
    else this.sing(way, note[2], when, Math.max(seconds, 0.06), loud);
  }

  strike(way, voice, when, loud) {
    switch (voice) {
      case 0: // kick
        this.skin(way, when, 150, 46, 0.22, loud);
        break;
      case 1: // snare
        this.skin(way, when, 240, 170, 0.11, 0.5 * loud);
        this.hiss(way, when, 1400, 0.17, 0.6 * loud);
        break;
      case 2: // closed hat
        this.hiss(way, when, 7500, 0.05, 0.35 * loud);
        break;
      case 3: // open hat
        this.hiss(way, when, 7000, 0.32, 0.3 * loud);
        break;
      case 4: // toms, from low to high
      case 5:
      case 6:
        this.skin(way, when, 130 + 50 * (voice - 4), 80 + 36 * (voice - 4), 0.26, 0.8 * loud);
        break;
      case 7: // crash
        this.hiss(way, when, 4500, 1.1, 0.4 * loud);
        break;
      case 8: // ride
        this.hiss(way, when, 6000, 0.4, 0.2 * loud);
        this.skin(way, when, 3100, 3050, 0.25, 0.05 * loud);
        break;
      default: // any other pad: wood
        this.skin(way, when, 900, 700, 0.06, 0.35 * loud);
    }
  }

  /** A skin: a tone that falls. */
  skin(way, when, high, low, seconds, loud) {
    const tone = this.context.createOscillator();
    tone.frequency.setValueAtTime(high, when);
    tone.frequency.exponentialRampToValueAtTime(low, when + seconds / 3);
    tone.connect(this.fade(way, when, seconds, loud));
    tone.start(when);
    tone.stop(when + seconds + 0.02);
  }

  /** A cymbal, or the snares: noise above a frequency. */
  hiss(way, when, above, seconds, loud) {
    const source = this.context.createBufferSource();
    source.buffer = this.noise;
    source.loop = true;
    const filter = this.context.createBiquadFilter();
    filter.type = "highpass";
    filter.frequency.value = above;
    source.connect(filter);
    filter.connect(this.fade(way, when, seconds, loud));
    source.start(when);
    source.stop(when + seconds + 0.02);
  }

  /** A note of the synth: a triangle and a little of a saw behind a filter that closes. */
  sing(way, pitch, when, seconds, loud) {
    const frequency = 440 * 2 ** ((pitch - 69) / 12);
    const filter = this.context.createBiquadFilter();
    filter.type = "lowpass";
    filter.frequency.setValueAtTime(Math.min(frequency * 8, 9000), when);
    filter.frequency.exponentialRampToValueAtTime(Math.min(frequency * 2.5, 6000), when + 0.35);
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(0.0001, when);
    gain.gain.linearRampToValueAtTime(0.32 * loud, when + 0.008);
    gain.gain.setTargetAtTime(0.2 * loud, when + 0.01, 0.18);
    gain.gain.setTargetAtTime(0.0001, when + seconds, 0.05);
    filter.connect(gain);
    gain.connect(way);
    [["triangle", 1, 1], ["sawtooth", 1.003, 0.25]].forEach(([type, ratio, share]) => {
      const tone = this.context.createOscillator();
      const mix = this.context.createGain();
      tone.type = type;
      tone.frequency.value = frequency * ratio;
      mix.gain.value = share;
      tone.connect(mix);
      mix.connect(filter);
      tone.start(when);
      tone.stop(when + seconds + 0.4);
    });
  }

  fade(way, when, seconds, loud) {
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(Math.max(loud, 0.0001), when);
    gain.gain.exponentialRampToValueAtTime(0.0001, when + seconds);
    gain.connect(way);
    return gain;
  }
}

/** Plays one clip at a time, and says where it is. */
class Player {
  constructor(makeContext, timer) {
    this.makeContext = makeContext;
    this.timer = timer;
    this.sounds = null;
    this.volume = 0.8;
    this.isLooped = true;
    this.clip = null;
    this.onStop = () => {};
  }

  setVolume(volume) {
    this.volume = volume;
    if (this.sounds) this.sounds.volume.gain.value = volume;
  }

  play(clip, from) {
    this.stop();
    if (!this.sounds) this.sounds = new Sounds(this.makeContext());
    const context = this.sounds.context;
    if (context.state === "suspended") context.resume();
    this.setVolume(this.volume);
    this.clip = clip;
    this.from = from;
    this.way = this.sounds.open();
    this.began = context.currentTime + SOON;
    this.done = from; // the beat up to which all is scheduled
    this.tick();
    this.ticking = this.timer.setInterval(() => this.tick(), TICK);
  }

  stop() {
    if (!this.clip) return;
    this.timer.clearInterval(this.ticking);
    const now = this.sounds.context.currentTime;
    this.way.gain.setValueAtTime(1, now);
    this.way.gain.linearRampToValueAtTime(0, now + 0.03);
    const way = this.way;
    this.timer.setTimeout(() => way.disconnect(), 100);
    this.clip = null;
    this.onStop();
  }

  /** Schedule what sounds soon; at the end of a clip that is not looped, stop. */
  tick() {
    const clip = this.clip;
    const second = 60 / clip.tempo;
    const until = this.from + (this.sounds.context.currentTime + AHEAD - this.began) / second;
    const end = this.isLooped ? until : Math.min(until, clip.end);
    if (end > this.done) {
      const at = this.began + (this.done - this.from) * second;
      notesBetween(clip, this.done, end, this.isLooped).forEach(([later, part, note]) => {
        this.sounds.play(this.way, part.drums, note, at + later, note[1] * second);
      });
      this.done = end;
    }
    if (!this.isLooped && this.beat() === null) this.stop();
  }

  /** The beat that sounds now, within the clip; null before the first and after the last. */
  beat() {
    if (!this.clip) return null;
    const clip = this.clip;
    const passed = (this.sounds.context.currentTime - this.began) / (60 / clip.tempo);
    if (passed < 0) return this.from;
    const beat = this.from + passed;
    if (beat < clip.end) return beat;
    return this.isLooped ? clip.start + ((beat - clip.start) % (clip.end - clip.start)) : null;
  }
}

/** Bind the page to a player. */
function bind(page, player, frame) {
  const clips = JSON.parse(page.getElementById("clips").textContent);
  const said = page.getElementById("said");
  let playing = null;
  player.onStop = () => {
    if (!playing) return;
    playing.classList.remove("playing");
    playing.querySelector(".play").setAttribute("aria-pressed", "false");
    playing = null;
  };
  const begin = (card, from) => {
    const clip = clips[Number(card.dataset.clip)];
    player.play(clip, from === null ? clip.first : from);
    playing = card;
    card.classList.add("playing");
    card.querySelector(".play").setAttribute("aria-pressed", "true");
    said.textContent = `Playing ${clip.title}`;
  };
  const show = () => {
    const beat = player.beat();
    if (playing && beat !== null) {
      playing.querySelectorAll(".roll").forEach((roll) => {
        const x = beat - Number(roll.dataset.start);
        roll.querySelector(".now").setAttribute("transform", `translate(${x.toFixed(3)} 0)`);
        const view = roll.parentElement;
        const at = (x / Number(roll.dataset.beats)) * view.scrollWidth;
        if (at < view.scrollLeft || at > view.scrollLeft + view.clientWidth) view.scrollLeft = at - view.clientWidth / 8;
      });
    }
    frame(show);
  };
  page.querySelectorAll(".card").forEach((card) => {
    card.querySelector(".play").addEventListener("click", () => {
      if (playing === card) player.stop();
      else begin(card, null);
    });
    card.querySelectorAll(".roll").forEach((roll) => {
      roll.addEventListener("click", (event) => {
        const box = roll.getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;
        begin(card, Number(roll.dataset.start) + share * Number(roll.dataset.beats));
      });
    });
  });
  page.getElementById("loop").addEventListener("change", (event) => {
    player.isLooped = event.target.checked;
    if (player.clip) begin(playing, player.beat());
  });
  page.getElementById("volume").addEventListener("input", (event) => player.setVolume(event.target.value / 100));
  frame(show);
}

if (typeof module === "undefined") {
  const make = () => new (window.AudioContext || window.webkitAudioContext)();
  bind(document, new Player(make, window), (show) => window.requestAnimationFrame(show));
} else {
  module.exports = { notesBetween, Sounds, Player, bind };
}
