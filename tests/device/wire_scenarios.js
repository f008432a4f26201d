// The built device, in the fake Live, over real UDP to a real server: what a musician presses, and what then lies in the
// set. tests/test_device_wire.py plays these.
//
//   node --expose-internals wire_scenarios.js DEVICE.amxd PORT SCENARIO     with a server that listens on PORT
//
// SERVE in the environment is a JSON list, the command that starts a server, for the scenario that kills one.
"use strict";

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const { isDeepStrictEqual } = require("node:util");
const { readDevice } = require("./frozen.js");
const { dice } = require("./max.js");
const { Relay, Server, freePort } = require("./relay.js");
const { Ear } = require("./ear.js");
const { HOST, encode } = require("./wire.js");
const { LONG, LiveSet, PUCK, READY, beat, music, scale } = require("./wire_set.js");

const SCENARIOS = {
  "every verb": async ({ built, port }) => everyVerb(built, port),

  "every verb where packets are lost": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 7, share: 0.1 }).open();
    await everyVerb(built, relay.port, /^self-test: (PASS|FAIL)/); // its echoes are given three chances only
    for (const fate of ["lost", "doubled", "delayed"]) assert.ok(relay[fate] > 10, `${fate}: ${relay[fate]}`);
    relay.close();
  },

  "clips of 0, 1, 500 and 5000 notes": async ({ built, port }) => everySize(built, port),

  "clips of 0, 1, 500 and 5000 notes where packets are lost": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 8, share: 0.1 }).open();
    await everySize(built, relay.port, /^1 clip/); // what is said beside the clips may get lost
    relay.close();
  },

  "a server that is killed and started again": async ({ built, serve }) => {
    const server = new Server(serve, await freePort());
    const set = new LiveSet(built, server.port);
    // It is gone for a second and a half of the device's time, however long this machine takes to start one.
    const startAgain = async () => {
      await set.idle(1500);
      server.start();
      await set.world.hold(server.answers());
    };
    const { device, live } = set;
    const { heard } = device.receive;
    const { sent } = device.send;
    await device.until(() => device.status.startsWith("no server"), READY);
    assert.match(device.status, /^no server/);
    await startAgain();
    await set.isReady();
    set.select(set.long);
    device.turn("count", 8);
    // While notes are on their way there, while clips are made, and while notes come back: it goes on with the new server.
    for (const [counts, address] of [
      [sent, "/bridge/notes"],
      [sent, "/bridge/vary"],
      [heard, "/bridge/notes"],
    ]) {
      const before = counts[address] || 0;
      device.press("vary");
      await device.until(() => counts[address] > before, LONG);
      await server.kill();
      await startAgain();
      await set.ends(/^8 clips in slots below/);
    }
    // Killed for good, it costs a sentence and leaves nothing behind; then all is as before.
    const before = sent["/bridge/vary"];
    device.press("vary");
    await device.until(() => sent["/bridge/vary"] > before, LONG);
    await server.kill();
    await set.ends(/^vary: the server does not answer: run latent-bridge serve/);
    assert.equal(live.made().length, 24);
    await startAgain();
    await set.isReady();
    await set.press("vary", /^8 clips in slots below/);
    await server.kill();
    set.close(32);
  },

  "a hasty musician": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 5, share: 0.1 }).open();
    await beHasty(built, relay.port, { seed: Number(process.env.SEED || 1), presses: 40 });
    relay.close();
  },

  "a port that is taken": async ({ built, port }) => {
    const first = new LiveSet(built, port).close(0).firstPort;
    const others = await Promise.all([0, 1].map((i) => occupy(first + i)));
    const set = new LiveSet(built, port);
    await set.isReady();
    assert.ok(set.device.receive.port > first + 1, `${set.device.receive.port}`);
    assert.deepEqual(set.device.patch.console, []);
    await set.press("vary", /^3 clips in slots below/);
    set.close(3);
    for (const other of others) if (other) other.close();
  },

  "two devices in a set and one in another": async ({ built, port }) => {
    const set = new LiveSet(built, port);
    const other = new LiveSet(built, port);
    const drums = set.live.tracks[1];
    const second = set.world.open(built, drums, { racks: 2 });
    const all = [set.device, second, other.device];
    for (const device of all) await device.until(() => device.status.startsWith("ready"), READY);
    assert.equal(new Set(all.map((device) => device.receive.port)).size, 3);
    for (const device of all) device.turn("count", 3);
    set.select(set.tune);
    set.device.press("vary");
    await set.device.until(() => set.device.lines.length && /waiting/.test(set.device.status), LONG);
    await set.device.select(set.beat);
    second.press("vary");
    other.device.press("vary");
    for (const device of all) await device.until(() => /^3 clips in slots below/.test(device.status), LONG);
    assert.deepEqual(
      set.live.made(set.device.thing).map(({ path }) => path.split(" ")[2]),
      ["0", "0", "0"],
    );
    assert.deepEqual(
      set.live.made(second.thing).map(({ path }) => path.split(" ")[2]),
      ["1", "1", "1"],
    );
    second.check();
    set.close(6);
    other.close(3);
  },

  "a set that is opened again": async ({ built, port }) => {
    const set = new LiveSet(built, port);
    await set.isReady();
    await set.pick("a", set.tune);
    await set.pick("b", set.answer);
    await set.press("blend", /ready/);
    set.device.turn("puck", 64, 20);
    await set.device.until(() => /^puck at/.test(set.device.status), LONG);
    await set.device.turn("seed", 4711);
    await set.device.until(() => set.device.saved.State && set.device.world.clock.now > 1000, LONG);
    await set.idle(700);
    const { State: state } = set.device.saved;
    set.device = set.device.reopen();
    assert.ok(state.length < 4000);
    await set.isReady();
    const said = (corner) => set.device.patch.get(`pick_${corner}`).label;
    await set.device.until(() => said("a") === "A  Tune" && said("b") === "B  Answer", LONG);
    assert.equal(set.device.shown.seed, 4711);
    set.device.turn("steps", 3);
    await set.press("interpolate", /^3 clips in slots below/);
    set.close(4);
  },

  "destinations, and choosing by ear": async ({ built, port }) => everyPlace(built, port),

  "destinations, and choosing by ear, where packets are lost": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 9, share: 0.1 }).open();
    await everyPlace(built, relay.port);
    relay.close();
  },

  "a pad that plays through": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 10, share: 0.1 }).open();
    await playPad(built, relay.port);
    relay.close();
  },

  "three-four, scales, MPE and dials of feel, where packets are lost": async ({ built, port }) => {
    const relay = await new Relay(port, { seed: 11, share: 0.1 }).open();
    await everyFeel(built, relay.port);
    relay.close();
  },

  "a duplicated track, and Live's own undo": async ({ built, port }) => {
    const set = new LiveSet(built, port);
    const { live, world } = set;
    await set.isReady();
    await set.pick("a", set.tune);
    await set.pick("b", set.answer);
    await set.device.turn("puck", 64, 64);
    await set.device.until(() => /^puck at/.test(set.device.status), LONG);
    await set.idle(500);
    const copy = live.duplicateTrack(live.tracks[0]);
    const twin = world.open(built, null, { device: live.maxDeviceOf(copy), saved: set.device.saved });
    await twin.until(() => twin.status.startsWith("ready"), READY);
    assert.deepEqual([...twin.patch.console, ...set.device.patch.console], []);
    set.before = live.snapshot();
    const [first] = live.made(set.device.thing);
    await twin.turn("puck", 20, 100);
    await twin.until(() => /^puck at/.test(twin.status), LONG);
    assert.deepEqual(music(first.thing), music(first));
    // A press is taken back by Live's undo, and the next one works.
    set.select(set.tune);
    const steps = live.done.length;
    await set.press("vary", /^3 clips in slots below/);
    while (live.done.length > steps) live.undo();
    assert.equal(live.made(set.device.thing).length, 1);
    set.select(set.tune);
    await set.press("vary", /^3 clips in slots below/);
    set.close(3 + live.made().filter(({ name }) => name.startsWith(PUCK)).length);
  },

  "strangers on the network": async ({ built, port }) => {
    const set = new LiveSet(built, port);
    await set.isReady();
    const stranger = dgram.createSocket("udp4");
    const say = (...atoms) => stranger.send(encode(atoms), set.device.receive.port, HOST);
    const before = set.device.lines.length;
    for (let id = -1; id < 300; id++) say("/bridge/done", id, 1, 5, "drums");
    for (const atoms of [
      ["/bridge/clip", 1, 0, 4, 4, 4, 1, "x"],
      ["/bridge/notes", 1, 0, 0, 10, 36, 0, 1, 100, 0, 1, 0, 64, -1, -1],
      ["/bridge/error", -1, "version", "boo"],
      ["/bridge/welcome", 9, "9.9", "cpu", "ready", 0],
      ["/bridge/welcome"],
      ["/bridge/model", 0],
      ["/ui", "vary", 1],
      ["/bang"],
      ["/constructor", 1],
      ["/hasOwnProperty", 1],
      ["/bridge/echo", "text"],
    ])
      say(...atoms);
    await set.device.until(() => set.device.receive.heard["/bridge/echo"], LONG);
    await set.idle(200);
    assert.deepEqual(set.device.lines.slice(before), []);
    await set.press("vary", /^3 clips in slots below/);
    stranger.close();
    set.close(3);
  },
};

// Press each button at least once; `tested` is how the self-test ends.
async function everyVerb(built, port, tested = /^self-test: PASS/) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  let known = [];
  const news = () => {
    const found = set.since(known);
    known = set.things();
    return found;
  };
  await set.isReady();
  await device.until(() => (device.items.model || []).slice(0, 2).join() === "auto,drums", LONG);

  // Vary: named, coloured, looped as the source, in free slots below it; at 0 it is the source itself.
  device.turn("amount", 40);
  await set.press("vary", /^3 clips in slots below/);
  const varied = news();
  const [, , , , width, ...numbers] = device.max.sent(0).find(([address]) => address === "/bridge/notes");
  const starts = numbers.filter((_, i) => i % width === 1);
  assert.deepEqual(
    starts,
    music(set.tune).map(([, start]) => start),
  ); // from the loop's start on, with the pickup before it
  assert.deepEqual(
    varied.map(({ name }) => name),
    [1, 2, 3].map((n) => `Tune ~40 % #${n}`),
  );
  assert.deepEqual(
    varied.map(({ path }) => path),
    [1, 2, 5].map((row) => `live_set tracks 0 clip_slots ${row} clip`),
  );
  for (const { loopStart, loopEnd, start_marker: start, color, notes } of varied) {
    assert.deepEqual([loopStart, loopEnd, start, color], [4, 12, 3.5, set.tune.color]);
    assert.notDeepEqual(music({ notes, loopStart }), music(set.tune));
    const old = new Set(set.tune.notes.map(({ pitch, start_time: at }) => `${pitch} ${at}`));
    const fresh = notes.filter(({ pitch, start_time: at }) => !old.has(`${pitch} ${at}`));
    assert.ok(fresh.length && fresh.every(({ start_time: at }) => at >= 4 && at < 12), "what is new lies in the loop");
  }
  device.turn("amount", 0);
  await set.press("vary", /^1 clip in a slot below/);
  const [same] = news();
  assert.deepEqual(music(same), music(set.tune));
  assert.equal(same.notes.find(({ mpe }) => mpe).pitch, 48);
  device.turn("amount", 30);

  // A beat keeps its groove; its pads are told by their names. It is another device's that stands on its track.
  await set.onDrums(async () => {
    set.select(set.beat);
    await set.press("vary", /^3 clips in slots below/);
  });
  for (const { groove, path } of news()) assert.deepEqual([groove, path.split(" ")[2]], ["Swing 16", "1"]);

  // Sample, and back and forward through what there is; vary the result that is stood at; undo.
  set.select(live.tracks[0].slots[7]);
  await set.press("sample", /^3 clips in slots$/);
  const sampled = news();
  assert.equal(sampled[0].path, "live_set tracks 0 clip_slots 8 clip");
  for (const { loopEnd, name } of sampled) assert.deepEqual([loopEnd, /^(Notes|melody) #\d+$/.test(name)], [8, true]);
  await set.press("forward", /^at /);
  await device.until(() => live.view.detail_clip === sampled[0].thing, LONG);
  await set.press("back", /^at Tune ~0/);
  await set.press("forward", /^at Notes/);
  await set.press("vary", /^3 clips in slots below/);
  assert.equal(news().length, 3);
  await set.press("undo", /^removed 3 clips/);
  assert.deepEqual(news(), []);

  // Interpolate: the ends are the clips themselves.
  await set.press("interpolate", /^morph: pick clip A first/);
  await set.pick("a", set.tune);
  await set.pick("b", set.answer);
  device.turn("steps", 4);
  await set.press("interpolate", /^4 clips in slots below/);
  const walk = news();
  assert.deepEqual(
    walk.map(({ name }) => name.replace(/ #.*/, "")),
    [1, 2, 3, 4].map((n) => `Tune > Answer ${n}/4`),
  );
  assert.deepEqual(music(walk[0]), music(set.tune));
  assert.deepEqual(music(walk[3]), music(set.answer));

  // Blend and the puck: one clip of its own, whose corners are the clips; keep and render make others.
  await set.pick("c", set.third);
  await set.press("blend", /^blend is ready/);
  for (let i = 1; i <= 4; i++) await device.turn("puck", i * 25, i * 20);
  device.turn("puck", 127, 0);
  await device.until(() => /^puck at 100\/0 %/.test(device.status), LONG);
  const [audition, ...none] = news();
  assert.deepEqual([audition.name.startsWith(PUCK), none.length], [true, 0]);
  // What sounds plays on until it ends; then all is as it lies under the puck.
  await device.until(() => isDeepStrictEqual(music(audition.thing), music(set.answer)), LONG, "what lies under the puck");
  device.turn("clips", 3);
  await set.press("keep", /^1 clip in a slot below/);
  assert.deepEqual(music(news()[0]), music(set.answer));
  await set.press("render", /^3 clips in slots below/);
  assert.equal(news().length, 3);
  await set.press("undo", /^removed 3 clips/);

  // The rest.
  await set.press("reroll", /^seed \d+/);
  device.turn("count", 16);
  set.select(set.long);
  device.press("vary");
  await device.until(() => /^vary: (waiting|1 of)/.test(device.status), LONG);
  await set.idle(300); // sooner it is a double click
  await set.press("cancel", /^cancelled/);
  known = set.things();
  device.turn("count", 3);
  await set.press("selftest", tested);
  assert.deepEqual(news(), []);
  await set.press("vary", /^3 clips in slots below/);
  assert.equal(news().length, 3);
  set.close(known.length);
}

// Results go where they are sent, and come back from there; some are heard, marked and kept.
async function everyPlace(built, port) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  await set.isReady();
  set.select(set.tune);
  await set.to(1);
  await set.press("vary", /^3 clips on the new track 1-MIDI ideas/);
  assert.equal(live.tracks[1].name, "1-MIDI ideas");
  await set.press("undo", /^removed 3 clips/);
  assert.equal(live.tracks[1].name, "Drums");
  set.select(set.tune);
  await set.to(3);
  await set.press("vary", /^3 clips in the Arrangement, from bar/);
  assert.equal(live.tracks[0].arrangement.length, 3);
  await set.press("undo", /^removed 3 clips/);
  // In place of the source, which comes back.
  const answer = music(set.answer);
  live.grant(set.answer);
  set.select(set.answer);
  await set.to(2);
  await set.press("vary", /^Answer is replaced/);
  assert.notDeepEqual(music(set.answer), answer);
  await set.press("undo", /^the source is back/);
  const { clip: back } = live.tracks[0].slots[3];
  assert.deepEqual(music(back), answer);
  back.owner = null;
  set.before = live.snapshot();
  // By ear: the source plays, then results in its place; one is kept.
  await set.to(0);
  set.select(set.tune);
  live.launch(live.tracks[0].slots[0]);
  await set.press("vary", /^3 clips in slots below/);
  const made = live.made().map(({ thing }) => thing);
  await set.press("forward", /^at Tune ~/);
  await device.until(() => made[0].is_playing, LONG);
  await set.press("forward", /^at Tune ~/);
  await device.until(() => made[1].is_playing && !made[0].is_playing, LONG);
  await set.press("ab", /^at the source, Tune/);
  await device.until(() => set.tune.is_playing, LONG);
  await set.press("ab", /^at Tune ~/);
  await device.until(() => made[1].is_playing, LONG);
  await set.press("star", /is marked$/);
  await set.press("keep_only", /^kept 1 result, removed 2/);
  await set.idle(500);
  assert.deepEqual(
    live.made().map(({ thing }) => thing),
    [made[1]],
  );
  set.close(1);
}

// The pad between clips of two tracks, of which one holds long chords, is dragged while it plays: it is heard, no note hangs or
// is struck twice, and nothing is written until it is let go.
async function playPad(built, port) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  const keys = live.tracks[3].slots[0].clip;
  await set.isReady();
  await set.pick("a", keys);
  await set.pick("b", set.answer);
  await device.turn("puck", 30, 10);
  await device.until(() => /^puck at/.test(device.status), LONG);
  const [{ thing }] = live.made();
  live.launch(thing.parent);
  const ear = new Ear({ live, patch: device.patch, clock: set.world.clock, track: live.tracks[0] });
  await device.until(() => live.sounding(thing).length > 0, LONG, "notes that sound");
  const before = live.steps.length;
  const heard = ear.notes().length;
  await device.drag(
    Array.from({ length: 40 }, (_, i) => [30 + 2 * i, 10 + i]),
    120,
  );
  const written = live.steps.slice(before).filter(({ what }) => !what.startsWith("parameter"));
  assert.deepEqual(written, []);
  assert.ok(ear.notes().length > heard + 3, "it is heard while it moves");
  await device.until(() => /^puck at 8\d\/39 %/.test(device.status), LONG, "where it was let go");
  await set.idle(5000);
  assert.deepEqual(ear.doubles(), []);
  assert.deepEqual(
    ear.sounding().sort(),
    live
      .sounding(thing)
      .map(({ pitch }) => pitch)
      .sort(),
  );
  assert.equal(thing.is_playing, 1);
  set.close(1);
}

// What is a waltz stays one, what is new keeps to the clip's scale, untouched notes keep their bends, and the server knows the
// dials.
async function everyFeel(built, port) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  live.edit(live.song, { signature: [3, 4] });
  const dorian = [2, 4, 5, 7, 9, 11, 12];
  const notes = Array.from({ length: 24 }, (_, i) => ({
    pitch: 60 + dorian[(i * 3) % 7],
    start_time: i / 2,
    duration: 0.5,
    velocity: 80,
    mpe: `bend ${i}`,
  }));
  const given = { name: "Waltz", length: 12, notes, signature: [3, 4], scale: { mode: 1, root: 2, name: "Dorian" } };
  const waltz = live.addClip(live.tracks[0], 10, given);
  set.before = live.snapshot();
  await set.isReady();
  set.select(waltz);
  device.turn("amount", 50);
  await set.press("vary", /^3 clips in slots below/);
  assert.equal(set.text("key_said"), "Key: D Dorian");
  const made = live.made();
  for (const clip of made) {
    assert.deepEqual([clip.numerator, clip.denominator, clip.loopEnd - clip.loopStart], [3, 4, 12]);
    const outside = clip.notes.filter(({ pitch }) => !dorian.some((step) => step % 12 === pitch % 12));
    assert.deepEqual(outside, []);
    const bends = clip.notes.filter(({ mpe }) => mpe);
    assert.ok(bends.length > 3 && bends.length < 24, `${bends.length} of 24 notes are untouched`);
    for (const { mpe, start_time: start } of bends) assert.equal(mpe, `bend ${start * 2}`);
  }
  set.select(live.tracks[0].slots[5]);
  await set.press("sample", /^3 clips in slots$/);
  for (const clip of live.made().filter(({ thing }) => !made.some((one) => one.thing === thing))) {
    assert.deepEqual([clip.numerator, clip.denominator, clip.loopEnd], [3, 4, 6]);
  }
  set.select(waltz);
  for (const [dial, value] of Object.entries({ swing: 60, syncopation: 30, intensity: -50, length: 40 })) device.turn(dial, value);
  const known = set.things();
  await set.press("vary", /^3 clips in slots below/);
  const softer = set.since(known).flatMap((clip) => clip.notes.map(({ velocity }) => velocity));
  assert.ok(Math.max(...softer) < 80, "all of it is softer");
  set.close(live.made().length);
}

// Vary clips of all sizes, at amount 0 too; `sampled` is what is said of the one without notes.
async function everySize(built, port, sampled = /“S0” is empty, so these are samples/) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  const [track] = live.tracks;
  const sizes = [0, 1, 500, 5000];
  const clips = sizes.map((size, i) =>
    live.addClip(track, 10 + i * 3, { name: `S${size}`, length: Math.max(8, size / 8), notes: scale(36, size, 0.125) }),
  );
  set.before = live.snapshot();
  await set.isReady();
  device.turn("count", 1);
  for (const clip of clips) {
    for (const amount of [0, 50]) {
      const known = set.things();
      set.select(clip);
      device.turn("amount", amount);
      const said = await set.press("vary", /^1 clip in a slot below/);
      const [made, ...none] = set.since(known);
      assert.deepEqual(none, []);
      assert.equal(made.loopEnd - made.loopStart, clip.loopEnd - clip.loopStart);
      if (amount === 0) assert.deepEqual(music(made), music(clip));
      else if (!clip.notes.length) assert.match(said, sampled);
      else assert.notDeepEqual(music(made), music(clip));
    }
  }
  assert.ok(device.send.most <= 8, `${device.send.most} datagrams at once`);
  set.close(8);
}

// Press anything at any time, click and edit meanwhile; when all is quiet, nothing may be lost, doubled or left behind.
async function beHasty(built, port, { seed, presses }) {
  const set = new LiveSet(built, port);
  const { device, live } = set;
  const random = dice(seed);
  const any = (list) => list[Math.floor(random() * list.length)];
  const own = [set.tune, set.answer, set.third, set.beat];
  const hands = {
    press: () =>
      device.press(
        any("vary vary sample interpolate blend keep render back forward ab star keep_only undo undo reroll cancel".split(" ")),
      ),
    pick: () => device.pick(any([..."abcd"]), any(own)),
    puck: () => device.turn("puck", Math.floor(random() * 128), Math.floor(random() * 128)),
    turn: () => device.turn(any(["amount", "variety", "puck_x", "puck_y"]), Math.floor(random() * 101)),
    click: () => device.select(any([...own, ...live.tracks[0].slots])),
    edit: () => live.edit(any(own), { notes: scale(40 + Math.floor(random() * 20), 1 + Math.floor(random() * 20), 0.25) }),
  };
  const names = Object.keys(hands).flatMap((name) => (name === "press" ? [name, name, name] : [name]));
  await set.isReady();
  for (let i = 0; i < presses; i++) {
    hands[any(names)]();
    set.before = live.snapshot();
    await set.idle(random() < 0.5 ? 5 : 150 * random());
  }
  await set.rests(2000);
  // What is there is what the device says there is, and the audition clip.
  const made = live.made();
  const auditions = made.filter(({ name }) => name.startsWith(PUCK));
  assert.ok(auditions.length <= 1, `${auditions.length} auditions`);
  if (device.shown.result === "–") assert.equal(made.length, auditions.length);
  // All of it can be taken back.
  for (let i = 0; i < presses && device.status !== "nothing to undo"; i++) {
    device.press("undo");
    await set.idle(400);
  }
  const left = live.made().filter(({ name }) => !name.startsWith(PUCK));
  assert.deepEqual(
    left.map(({ path, name }) => `${path} ${name}`),
    [],
  );
  const empty = live.scenes.filter((scene, row) => scene.owner && live.tracks.every((track) => !track.slots[row].clip));
  assert.deepEqual(empty, [], "scenes are left behind");
  set.close(live.made().length);
}

// Take a port; null where someone else has it already.
function occupy(port) {
  return new Promise((done) => {
    const socket = dgram.createSocket("udp4");
    socket.on("error", () => done(null));
    socket.bind(port, () => done(socket));
  });
}

async function main() {
  const [path, port, name] = process.argv.slice(2);
  const built = readDevice(path);
  await SCENARIOS[name]({ built, port: Number(port), serve: JSON.parse(process.env.SERVE || "[]") });
  process.stdout.write(`${name}: passed\n`);
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
