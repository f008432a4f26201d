// Hasty musicians: anything is pressed, turned, picked, edited and deleted at any time, over a network that loses packets, to a
// server that comes and goes, in virtual time. In the end nothing may be lost, doubled or left behind.
//
//   node --expose-internals hasty_scenarios.js [FIRST LAST]     numbers of musicians; each does the same every time
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { dice } = require("./max.js");
const { Stage } = require("./stage.js");

const DEEDS = 80;
const BUTTONS =
  "vary vary sample interpolate blend generate generate keep render back forward ab star keep_only undo undo reroll cancel cancel".split(
    " ",
  );
const PUCK = "Latent Bridge puck";

const [first, last] = process.argv.slice(2).map(Number);

for (let seed = first || 1; seed <= (last || 48); seed++) {
  test(`musician ${seed} finds all in order`, () => new Musician(seed).play());
}

class Musician {
  constructor(seed) {
    this.random = dice(seed);
    this.meddles = seed % 4 === 0; // edits and deletes results
    this.reopens = seed % 4 === 1; // closes the set and opens it again
    const loss = this.any([0, 0, 0.1, 0.2]);
    this.stage = new Stage({
      seed,
      live: {
        scenes: 5,
        version: this.any(["11.3.43", "12.1.5"]),
        names: this.any(["whole", "atoms"]),
        scale: { mode: 1, root: 9, name: "Minor" },
        notes: { object: this.any(["ok", "ok", "ignored"]), list: this.any(["ok", "ok", "ignored"]) },
      },
      server: { loses: () => this.random() < loss, delay: this.any([0, 0, 2, 2, 30, 200]) },
    });
    this.live = this.stage.live;
    this.own = this.furnish();
    this.stage.start();
  }

  furnish() {
    const { live } = this;
    const [track] = live.tracks;
    const drums = live.addTrack({ name: "Drums" });
    live.addTrack({ name: "Audio", kind: "audio" });
    live.addTrack({ name: "Group", kind: "group" });
    live.addDrumRack(drums, { 36: "Kick", 38: "Snare" });
    const own = [
      live.addClip(track, 0, { name: "A", length: 4, notes: riff(40, 7, 0.5) }),
      live.addClip(track, 1, { name: "B", loop: [2, 10], markers: [1, 10], notes: riff(50, 20, 0.3) }),
      live.addClip(drums, 0, { name: "C", length: 8, notes: riff(36, 16, 0.25) }),
      live.addArrangementClip(track, 16, { name: "D", length: 4, notes: riff(60, 3, 1) }),
    ];
    live.select(own[0]);
    return own;
  }

  any(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  upTo(most) {
    return Math.floor(this.random() * (most + 1));
  }

  play() {
    const deeds = "press press press press pick puck turn click edit serve save meddle".split(" ");
    const launch = () => this.own.map(({ legato, launch_quantization: step }) => [legato, step]);
    const settings = launch();
    for (let i = 0; i < DEEDS; i++) {
      this[this.any(deeds)]();
      const before = this.live.snapshot(false);
      this.stage.wait(this.any([0, 5, 5, 10, 10, 15, 20, 40, 70, 100, 400, 1500]));
      assert.equal(this.live.snapshot(false), before, "the musician's own has changed");
    }
    this.stage.server.isUp = true;
    this.stage.settle().wait(10000).settle();
    this.stage.check();
    assert.deepEqual(launch(), settings, "launch settings were not put back");
    this.look();
    if (!this.reopens) this.takeAllBack();
    this.stage.check();
  }

  // What the musician does

  press() {
    this.stage.press(this.any(BUTTONS));
  }

  pick() {
    this.stage.pick(this.any([..."abcd"]), this.any(this.own));
  }

  puck() {
    if (this.upTo(1)) this.stage.turn("puck", this.upTo(127), this.upTo(127));
    else this.stage.turn(this.any(["puck_x", "puck_y"]), this.upTo(100));
  }

  turn() {
    const dials = {
      amount: 100,
      count: 5,
      steps: 4,
      variety: 100,
      lock_rhythm: 1,
      lock_notes: 1,
      key: 5,
      seed: 9,
      mode: 3,
      with: 2,
      to: 1,
    };
    const dial = this.any(Object.keys(dials));
    this.stage.turn(dial, this.upTo(dials[dial]) + (dial === "count" ? 1 : dial === "steps" ? 3 : 0));
  }

  click() {
    const slots = this.live.tracks.slice(0, 3).flatMap((track) => track.slots);
    this.live.select(this.any([...this.own, ...slots]));
  }

  edit() {
    this.live.edit(this.any(this.own), { notes: riff(40 + this.upTo(20), 1 + this.upTo(20), 0.25) });
  }

  serve() {
    const deed = this.any(["forget", "down", "up", "up"]);
    if (deed === "forget") this.stage.server.forget();
    else this.stage.server.isUp = deed === "up";
  }

  // Live bangs again when a device is saved.
  save() {
    if (this.reopens && !this.upTo(3)) this.reopen();
    else this.stage.bang();
  }

  reopen() {
    this.stage.settle().reopen().start();
  }

  // Whoever edits or deletes a clip that is still being written is not only hasty; so wait.
  meddle() {
    if (!this.meddles) return;
    this.stage.settle();
    const clip = this.any(this.live.made());
    if (!clip) return;
    if (this.upTo(1)) this.live.remove(clip.thing);
    else this.live.edit(clip.thing, { notes: riff(70, 3, 1 + this.random()) });
  }

  // What must then be so

  look() {
    assert.ok(!this.stage.status.endsWith("…"), this.stage.status);
    for (const { what, gets, writes } of this.stage.max.turns) {
      assert.ok(gets <= 105 && writes <= 40, `${what}: ${gets} gets and ${writes} writes at once`);
    }
    const made = this.live.made();
    const names = made.map(({ path, name }) => `${path} ${name}`).join("\n");
    const results = made.filter(({ name }) => !name.startsWith(PUCK));
    for (const { looping, name } of made) {
      assert.match(name, / #\d+$|^Latent Bridge puck \w+$/, names);
      assert.equal(looping, 1);
    }
    if (this.meddles || this.reopens) return;
    if (this.stage.shown.result === "–") assert.equal(results.length, 0, names);
    assert.ok(made.length - results.length <= 1, names);
  }

  takeAllBack() {
    const before = this.live.snapshot();
    for (let i = 0; i < DEEDS && this.stage.status !== "nothing to undo"; i++) this.stage.press("undo").wait(700);
    assert.equal(this.live.snapshot(), before);
    const left = this.live.made().filter(({ name }) => !name.startsWith(PUCK));
    assert.deepEqual(
      left.map(({ path, name }) => `${path} ${name}`),
      [],
    );
    const { scenes, tracks } = this.live;
    const empty = scenes.filter((scene, row) => scene.owner && tracks.every((track) => !track.slots[row].clip));
    assert.ok(this.meddles || !empty.length, `left behind: ${empty.length} scenes`);
  }
}

function riff(low, count, step) {
  return Array.from({ length: count }, (_, i) => ({
    pitch: low + ((i * 5) % 24),
    start_time: i * step,
    duration: step,
    velocity: 1 + ((i * 37) % 127),
    probability: i % 3 ? 1 : 0.5,
  }));
}
