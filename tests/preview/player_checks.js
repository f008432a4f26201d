"use strict";
// The script of a preview page, with stand-ins for what a browser has: a page, a clock, and sounds that are written down.

const { test } = require("node:test");
const assert = require("node:assert");
const { notesBetween, Player, bind } = require(process.env.PLAYER);

class Param {
  constructor(log) { this.log = log; }
  setValueAtTime(value, at) { assert.ok(Number.isFinite(value) && at >= 0); this.log.push(value); }
  linearRampToValueAtTime(value, at) { this.setValueAtTime(value, at); }
  exponentialRampToValueAtTime(value, at) { assert.ok(value > 0, "an exponential ramp cannot end at 0"); this.setValueAtTime(value, at); }
  setTargetAtTime(value, at, constant) { assert.ok(constant > 0); this.setValueAtTime(value, at); }
}

/** A context for sounds whose clock is turned by hand; `started` holds what began to sound: a kind, when, until. */
class Context {
  constructor() {
    this.currentTime = 0;
    this.sampleRate = 8000;
    this.state = "suspended";
    this.destination = {};
    this.started = [];
    this.cut = 0;
  }
  resume() { this.state = "running"; }
  node(extra = {}) {
    return { connect() {}, disconnect: () => { this.cut += 1; }, ...extra };
  }
  sounding(kind) {
    const node = this.node({ frequency: new Param([]) });
    node.start = (at) => { node.at = at; this.started.push([kind, at]); };
    node.stop = (at) => assert.ok(at > node.at, "what sounds ends after it began");
    return node;
  }
  createGain() { return this.node({ gain: new Param([]) }); }
  createDynamicsCompressor() { return this.node(); }
  createBiquadFilter() { return this.node({ frequency: new Param([]) }); }
  createOscillator() { return this.sounding("tone"); }
  createBufferSource() { return this.sounding("noise"); }
  createBuffer(channels, length) {
    const samples = new Float32Array(length);
    return { getChannelData: () => samples };
  }
}

class Timer {
  constructor() { this.ticking = new Map(); this.next = 1; }
  setInterval(tick) { this.ticking.set(this.next, tick); return this.next++; }
  clearInterval(number) { this.ticking.delete(number); }
  setTimeout(act) { act(); }
}

/** Let time pass, a fifth of a second at a time. */
function pass(context, timer, seconds) {
  for (let k = 0; k < Math.round(seconds * 5); k += 1) {
    context.currentTime += 0.2;
    [...timer.ticking.values()].forEach((tick) => tick());
  }
}

const beat = (notes, more = {}) => ({ title: "a beat", tempo: 120, first: 0, start: 0, end: 4, parts: [{ drums: true, notes }], ...more });
const times = (found) => found.map(([at]) => Math.round(at * 1000) / 1000);

test("notes are found in their order, in seconds, once", () => {
  const clip = beat([[2, 0.2, 1, 90], [0, 0.2, 0, 100], [3.5, 0.2, 2, 80]]);
  assert.deepStrictEqual(times(notesBetween(clip, 0, 4, false)), [0, 1, 1.75]);
  assert.deepStrictEqual(times(notesBetween(clip, 0, 2, false)), [0]);
  assert.deepStrictEqual(times(notesBetween(clip, 2, 4, false)), [0, 0.75]);
  assert.deepStrictEqual(times(notesBetween(clip, 4, 9, false)), []);
});

test("a loop comes round again, and a pickup does not", () => {
  const clip = beat([[-1, 0.5, 0, 100], [0, 0.2, 0, 100], [3, 0.2, 1, 90]], { first: -1 });
  assert.deepStrictEqual(times(notesBetween(clip, -1, 9, true)), [0, 0.5, 2, 2.5, 4, 4.5]);
  assert.deepStrictEqual(times(notesBetween(clip, 6, 9, true)), [0.5, 1]);
});

test("stretches one behind the other play each note of a loop once", () => {
  const clip = beat([[0, 0.2, 0, 100], [0.1, 0.2, 0, 100], [3.9, 0.2, 0, 100]], { end: 4.5 });
  const whole = notesBetween(clip, 0, 90, true).length;
  let pieces = 0;
  for (let at = 0; at < 900; at += 1) pieces += notesBetween(clip, at / 10, (at + 1) / 10, true).length;
  assert.strictEqual(whole, 60);
  assert.strictEqual(pieces, 60);
});

function playing(clip, isLooped) {
  const context = new Context();
  const timer = new Timer();
  const player = new Player(() => context, timer);
  player.isLooped = isLooped;
  player.play(clip, clip.first);
  return { context, timer, player };
}

test("every voice of the kit and every pitch sounds", () => {
  const drums = Array.from({ length: 10 }, (_, voice) => [voice / 4, 0.2, voice - 1, 100]);
  const notes = [0, 21, 60, 108, 127].map((pitch, k) => [k / 2, k / 10, pitch, 1 + 30 * k]);
  const parts = [{ drums: true, notes: drums }, { drums: false, notes }];
  const { context, timer } = playing({ ...beat([]), parts }, false);
  assert.strictEqual(context.state, "running");
  pass(context, timer, 3);
  assert.ok(context.started.length >= drums.length + 2 * notes.length);
  assert.ok(context.started.every(([, at]) => at >= 0.08 - 1e-9 && at < 2.1));
});

test("a clip that is not looped ends by itself, one that is looped goes on", () => {
  const clip = beat([[0, 0.2, 0, 100]]);
  const once = playing(clip, false);
  pass(once.context, once.timer, 4);
  assert.deepStrictEqual([once.player.clip, once.timer.ticking.size, once.context.started.length], [null, 0, 1]);
  const looped = playing(clip, true);
  pass(looped.context, looped.timer, 6);
  assert.strictEqual(looped.player.clip, clip);
  assert.deepStrictEqual(looped.context.started.map(([, at]) => at.toFixed(2)), ["0.08", "2.08", "4.08", "6.08"]);
  const where = looped.player.beat();
  assert.ok(where >= 0 && where < 4);
  looped.player.stop();
  assert.deepStrictEqual([looped.player.beat(), looped.context.cut], [null, 1]);
});

// The page

class Element {
  constructor(more = {}) {
    Object.assign(this, { dataset: {}, attributes: {}, heard: {}, inner: {}, classes: new Set() }, more);
    this.classList = { add: (name) => this.classes.add(name), remove: (name) => this.classes.delete(name) };
  }
  addEventListener(name, act) { this.heard[name] = act; }
  setAttribute(name, value) { this.attributes[name] = value; }
  querySelector(query) { return this.inner[query]; }
  querySelectorAll(query) { return this.inner[query] || []; }
  getBoundingClientRect() { return { left: 100, width: 400 }; }
}

function pageOf(clips) {
  const cards = clips.map((clip, k) => {
    const view = new Element({ scrollWidth: 400, clientWidth: 100, scrollLeft: 0 });
    const roll = new Element({ dataset: { start: "0", beats: "4" }, parentElement: view, inner: { ".now": new Element() } });
    const inner = { ".play": new Element({ attributes: { "aria-pressed": "false" } }), ".roll": [roll] };
    return new Element({ dataset: { clip: String(k) }, inner });
  });
  const ids = { clips: { textContent: JSON.stringify(clips) }, said: {}, loop: new Element(), volume: new Element() };
  const page = { getElementById: (id) => ids[id], querySelectorAll: () => cards };
  const frames = [];
  const context = new Context();
  const player = new Player(() => context, new Timer());
  bind(page, player, (show) => frames.push(show));
  return { cards, ids, player, context, draw: () => frames.pop()() };
}

test("a button plays and stops its clip, and only one clip plays", () => {
  const { cards, ids, player } = pageOf([beat([[0, 1, 0, 9]]), beat([[0, 1, 0, 9]], { title: "another" })]);
  const pressed = () => cards.map((card) => card.inner[".play"].attributes["aria-pressed"]);
  const press = (k) => cards[k].inner[".play"].heard.click();
  press(0);
  assert.deepStrictEqual([pressed(), [...cards[0].classes], ids.said.textContent], [["true", "false"], ["playing"], "Playing a beat"]);
  press(1);
  assert.deepStrictEqual([pressed(), player.clip.title, ids.said.textContent], [["false", "true"], "another", "Playing another"]);
  press(1);
  assert.deepStrictEqual([pressed(), player.clip], [["false", "false"], null]);
});

test("a click into a roll plays from there, and the line follows", () => {
  const { cards, context, player, draw } = pageOf([beat([[0, 1, 0, 9]])]);
  const roll = cards[0].inner[".roll"][0];
  roll.heard.click({ clientX: 300 });
  assert.strictEqual(player.from, 2);
  context.currentTime = 0.08 + 0.5;
  draw();
  assert.strictEqual(roll.inner[".now"].attributes.transform, "translate(3.000 0)");
  assert.strictEqual(roll.parentElement.scrollLeft, 300 - 12.5);
});

test("loop and volume are set while it plays", () => {
  const { cards, ids, player, context } = pageOf([beat([[0, 1, 0, 9]])]);
  ids.volume.heard.input({ target: { value: "30" } });
  cards[0].inner[".play"].heard.click();
  assert.strictEqual(player.sounds.volume.gain.value, 0.3);
  context.currentTime = 0.08 + 1;
  ids.loop.heard.change({ target: { checked: false } });
  assert.deepStrictEqual([player.isLooped, player.from, cards[0].classes.has("playing")], [false, 2, true]);
});
