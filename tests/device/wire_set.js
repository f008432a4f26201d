// A set for the scenarios over UDP, with clips of all kinds, and what must hold of it in the end.
"use strict";

const assert = require("node:assert/strict");
const { Live } = require("./live.js");
const { World } = require("./wire.js");

const PUCK = "Latent Bridge puck";
const READY = 15000; // ms; a server that starts loads its models first
const LONG = 20000; // ms that a press may take on a busy machine
const FIELDS = ["pitch", "start_time", "duration", "velocity", "mute", "probability", "velocity_deviation", "release_velocity"];

// A set with a device on its first track, a tune and its answer there, a beat on a track with a Drum Rack, and chords that the
// tune hears.
class LiveSet {
  constructor(built, port) {
    this.live = new Live({ scale: { mode: 1, root: 9, name: "Minor" } });
    const [track] = this.live.tracks;
    const drums = this.live.addTrack({ name: "Drums" });
    this.live.addTrack({ name: "Voice", kind: "audio" });
    this.live.addDrumRack(drums, { 36: "Kick 808", 38: "Snare", 42: "Closed Hat" });
    this.tune = this.live.addClip(track, 0, {
      name: "Tune",
      loop: [4, 12],
      markers: [3.5, 12],
      notes: tune(),
      color: 0x10a4ee,
    });
    this.answer = this.live.addClip(track, 3, { name: "Answer", length: 8, notes: scale(60, 16, 0.5) });
    this.third = this.live.addClip(track, 4, { name: "Third", length: 8, notes: scale(48, 8, 1) });
    this.beat = this.live.addClip(drums, 1, {
      name: "Beat",
      length: 8,
      notes: beat(8),
      groove: this.live.addGroove("Swing 16"),
    });
    const chords = [48, 52, 55, 60].map((pitch) => ({ pitch, start_time: 0, duration: 4, velocity: 70 }));
    this.live.addClip(this.live.addTrack({ name: "Keys" }), 0, { name: "Keys", length: 4, notes: chords });
    this.long = this.live.addClip(track, 6, { name: "Long", length: 64, notes: scale(40, 500, 0.125) });
    this.before = this.live.snapshot();
    this.world = new World(this.live, { leads: { 9120: port } });
    this.device = this.world.open(built, track);
    this.device.turn("count", 3);
    this.select(this.tune);
    const { TABLE } = this.device.max.world;
    this.firstPort = TABLE.listen[0];
    assert.equal(TABLE.port, 9120);
  }

  // Do something with another device, on the track of the drums.
  async onDrums(call) {
    const first = this.device;
    this.drummer = this.drummer || this.world.open(first.built, this.live.tracks[1]);
    this.device = this.drummer;
    await this.isReady();
    this.device.turn("count", 3);
    await call();
    this.device = first;
  }

  isReady() {
    return this.device.until(() => this.device.status.startsWith("ready"), READY);
  }

  select(clip) {
    return this.device.select(clip);
  }

  // Press a button and wait for the sentence that ends it.
  async press(name, pattern) {
    const lines = this.device.lines.length;
    this.device.press(name);
    await this.device.until(() => this.device.lines.length > lines, LONG, `${name} says something`);
    return this.ends(pattern);
  }

  async ends(pattern) {
    // The pad may have one more position to tell, of a drag before.
    const isOfDrag = () => /^puck at /.test(this.device.status) && !pattern.test(this.device.status);
    await this.device.until(
      () => !/…$|^self-?test: (PASS|FAIL) /.test(this.device.status) && !isOfDrag(),
      LONG,
      `the end of what is under way: ${pattern}`,
    );
    assert.match(this.device.status, pattern);
    return this.device.status;
  }

  // Wait until nothing has been said for so long, and nothing is under way: the pad may begin anew by itself.
  async rests(ms) {
    const { device, world } = this;
    let lines = -1;
    let since = 0;
    const isQuiet = () => {
      if (device.lines.length !== lines || /…$/.test(device.status)) [lines, since] = [device.lines.length, world.clock.now];
      return world.clock.now - since >= ms;
    };
    await device.until(isQuiet, 3 * LONG, "nothing is under way any more");
  }

  // The first parts of what the device says of corners, as buttons show it.
  text(name) {
    return this.device.patch.get(name).label;
  }

  // Where results go: 0 below, 1 a new track, 2 in place of the source, 3 the Arrangement.
  to(place) {
    return this.device.turn("to", place);
  }

  async pick(corner, clip) {
    const said = new RegExp(`^${corner.toUpperCase()} is ${clip.name}$`);
    await this.device.pick(corner, clip);
    await this.device.until(() => said.test(this.device.status), LONG, `${corner} is picked`);
  }

  idle(ms) {
    const until = this.world.clock.now + ms;
    return this.device.until(() => this.world.clock.now >= until, ms + 1000);
  }

  // What the device has made since, in the order of the slots.
  since(known) {
    return this.live.made().filter(({ thing }) => !known.includes(thing));
  }

  things() {
    return this.live.made().map(({ thing }) => thing);
  }

  // Look whether all is as it must be after whatever has happened; `count` is how many clips there are of ours.
  close(count) {
    const made = this.live.made();
    this.world.close();
    for (const device of this.world.devices) device.check();
    for (const { max } of this.world.devices) isGentle(max);
    assert.equal(this.live.snapshot(), this.before, "the musician's own clips have changed");
    assert.equal(made.length, count, made.map(({ path, name }) => `${path} ${name}`).join("\n"));
    for (const clip of made) isWellMade(clip);
    return this;
  }
}

// Live is never held up: few reads or one write at a time.
function isGentle(max) {
  for (const { what, gets, writes } of max.turns) {
    assert.ok(gets <= 105 && writes <= 40, `${what}: ${gets} gets and ${writes} writes at once`);
  }
  for (const { what, values } of max.live.log) {
    if (what === "add_new_notes") assert.ok(values[0].data.notes.length <= 500, "too many notes at once");
  }
}

function isWellMade(clip) {
  const what = `${clip.path} ${clip.name}`;
  assert.match(clip.name, / #\d+$|^Latent Bridge puck \w+$/, what);
  assert.equal(clip.looping, 1, what);
  assert.ok(clip.loopEnd > clip.loopStart, what);
  const ends = {};
  for (const note of clip.notes) {
    assert.ok(!(note.start_time < ends[note.pitch]), `${what}: notes of pitch ${note.pitch} overlap`);
    ends[note.pitch] = note.start_time + note.duration;
  }
}

// The notes of a clip as the object model tells them, from the loop's start on.
function music({ notes, loopStart }) {
  const order = [...notes].sort((a, b) => a.start_time - b.start_time || a.pitch - b.pitch);
  return order.map((note) => FIELDS.map((name) => (name === "start_time" ? note.start_time - loopStart : note[name])));
}

// Notes with a pickup, some outside of the loop, and all that a note can have.
function tune() {
  return [
    { pitch: 57, start_time: 3.5, duration: 0.5, velocity: 70.5 },
    ...[60, 62, 64, 65, 67, 69, 71, 72].map((pitch, i) => ({
      pitch,
      start_time: 4 + i + (i % 3) / 3,
      duration: 2 / 3,
      velocity: 60 + 7 * i,
    })),
    { pitch: 48, start_time: 4, duration: 4, probability: 0.7, velocity_deviation: -12, release_velocity: 99, mpe: "a bend" },
    { pitch: 50, start_time: 8.123456789, duration: 1.7, mute: 1 },
    { pitch: 76, start_time: 14, duration: 1, velocity: 33 },
  ];
}

function scale(low, count, step) {
  return Array.from({ length: count }, (_, i) => ({
    pitch: low + ((i * 5) % 24),
    start_time: i * step,
    duration: step,
    velocity: 1 + ((i * 37) % 127),
  }));
}

function beat(beats) {
  const hits = Array.from({ length: beats * 2 }, (_, i) => ({
    pitch: 42,
    start_time: i / 2,
    duration: 0.25,
    velocity: 80 + (i % 4) * 10,
  }));
  const kicks = Array.from({ length: beats / 2 }, (_, i) => ({ pitch: 36, start_time: i * 2, duration: 0.25, velocity: 110 }));
  return [...hits, ...kicks, ...kicks.map((hit) => ({ ...hit, pitch: 38, start_time: hit.start_time + 1 }))];
}

module.exports = { LONG, LiveSet, PUCK, READY, beat, music, scale, tune };
