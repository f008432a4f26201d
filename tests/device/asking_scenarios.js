// Scenarios of what a press asks for: drum pads, key, locks, seed; several presses at once; and the pure functions of music.js.
// Run with `node --expose-internals tests/device/asking_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, rows, whole } = require("./stage.js");
const { RIFF, sound, withRiff } = require("./stages.js");

test("drum clips take their voices from the Drum Rack, within Racks too, and drums have no key", () => {
  const stage = withRiff({ live: { scale: { mode: 1, root: 2, name: "Dorian" } } });
  stage.live.addDrumRack(stage.track, { 36: "Kick 808", 38: "Snare", 127: "Closed Hat", 0: "Whatever" }, { racks: 1 });
  stage.press("vary").settle();
  const { keys } = stage.server.asked[0];
  assert.match(keys.pads, /36:kick/);
  assert.match(keys.pads, /38:snare/);
  assert.match(keys.pads, /127:closed_hat/);
  assert.doesNotMatch(keys.pads, /\b0:/);
  assert.equal(keys.kind, "drums");
  assert.equal(keys.key, undefined);
  stage.check();
});

test("the key is Live's scale where one is set, by name, spelled where the server does not know the name", () => {
  const stage = withRiff({ live: { scale: { mode: 1, root: 9, name: "Minor Pentatonic" } } });
  stage.server.answer.vary = ({ keys, clips }) => (/[A-Z]\w+/.test((keys.key || "").slice(1)) ? { error: ["out_of_range", "key: there is no scale"] } : [whole(clips[0])]);
  stage.press("vary").settle();
  assert.deepEqual(stage.server.asked.map((a) => a.keys.key), ["A Minor Pentatonic", "A 0 3 5 7 10"]);
  assert.equal(stage.made().length, 1);
  stage.turn("seed", 5).press("vary").settle();
  assert.equal(stage.server.asked[2].keys.key, "A 0 3 5 7 10");
  stage.choose("key", "free").press("vary").settle();
  assert.equal(stage.server.asked[3].keys.key, "free");
  stage.check();
});

test("where Live's scale is off the server finds the key; Live 11 has no switch, and its C Major is taken as none", () => {
  const key = (live) => {
    const stage = withRiff({ live });
    stage.press("vary").settle();
    stage.check();
    return stage.server.asked[0].keys.key;
  };
  assert.equal(key({ scale: { mode: 0, root: 9, name: "Minor" } }), "auto");
  assert.equal(key({ scale: { mode: 1, root: 0, name: "Major" } }), "C Major");
  assert.equal(key({ version: "11.3.43", scale: { mode: 1, root: 0, name: "Major" } }), "auto");
  assert.equal(key({ version: "11.1.0", scale: { mode: 0, root: 6, name: "Dorian" } }), "F# Dorian");
});

test("locks are what the toggles say; locked notes are those selected in the clip", () => {
  const stage = withRiff();
  stage.riff.notes = stage.riff.notes.map((n) => ({ ...n, selected: n.pitch === 36 }));
  stage.turn("lock_rhythm", 1).turn("lock_velocity", 1).turn("lock_notes", 1).press("vary").settle();
  const { keys } = stage.server.asked[0];
  assert.equal(keys.lock, "rhythm,velocity");
  assert.equal(keys.lock_notes, "0,1");
  stage.turn("lock_rhythm", 0).turn("lock_velocity", 0).turn("lock_notes", 0).press("vary").settle();
  assert.equal(stage.server.asked[1].keys.lock, undefined);
  assert.equal(stage.server.asked[1].keys.lock_notes, undefined);
  stage.check();
});

test("pressed again as it was, a press draws another seed; a seed that was typed is used as it is", () => {
  const stage = withRiff();
  stage.turn("count", 1).press("vary").settle().press("vary").settle();
  const [first, second] = stage.server.asked.map((a) => a.keys.seed);
  assert.notEqual(first, second);
  assert.equal(stage.shown.seed, second);
  stage.turn("seed", 77).press("vary").settle().turn("seed", 77).press("vary").settle();
  assert.equal(stage.server.asked[2].keys.seed, 77);
  stage.press("reroll").settle();
  assert.equal(stage.status, `seed ${stage.shown.seed}`);
  stage.check();
});

test("the server's remarks stand behind the result", () => {
  const stage = withRiff();
  stage.server.answer.vary = ({ clips }) => Object.assign([whole(clips[0])], { info: ["one clip since amount is 0"] });
  stage.press("vary").settle();
  assert.equal(stage.status, "1 clip in a slot below – one clip since amount is 0");
  assert.deepEqual(rows(stage.made()[0].notes), rows(stage.riff.notes));
  sound(stage);
});

test("a double click on Generate is one press; pressed again while it runs it is Cancel, also in another mode", () => {
  const stage = withRiff();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(100).press("generate").wait(300);
  assert.deepEqual([stage.server.asked.length, stage.text("generate")], [1, "Cancel"]);
  stage.turn("mode", 1).wait(100);
  assert.equal(stage.text("generate"), "Cancel");
  stage.press("generate").settle();
  assert.deepEqual([stage.status, stage.text("generate"), stage.server.asked.length], ["cancelled", "Generate", 1]);
  stage.turn("count", 3).press("generate").settle();
  assert.equal(stage.made().length, 3);
  sound(stage);
});

test("two presses soon after each other both end in results, none on another", () => {
  const stage = withRiff();
  stage.turn("count", 3).press("vary").settle().press("sample").settle().turn("seed", 9).press("vary").settle();
  assert.equal(new Set(stage.made().map((c) => c.path)).size, 9);
  sound(stage);
});

test("each turn of the script reads little; a press writes in few turns", () => {
  const stage = withRiff({ live: { scenes: 120 } });
  for (let i = 2; i < 110; i++) stage.live.addClip(stage.track, i, { name: "x", length: 1, notes: [] });
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  assert.equal(stage.live.scenes.length, 120);
  for (const turn of stage.max.turns) {
    assert.ok(turn.writes <= 40, `${turn.what}: ${turn.writes} writes`);
    assert.ok(turn.gets <= 105, `${turn.what}: ${turn.gets} gets`);
    assert.ok(turn.sent <= 60, `${turn.what}: ${turn.sent} messages`);
  }
  const writing = stage.max.turns.filter(({ writes }) => writes);
  assert.ok(writing.length <= 8 + 10, `${writing.length} turns write`); // a clip at a time, and ten scenes
  stage.check();
});

test("a press with nothing selected, or with a fault in the script's world, ends in a sentence", () => {
  const stage = new Stage().start();
  stage.press("vary").settle();
  assert.equal(stage.status, "vary: select a MIDI clip first");
  for (const corner of ["a", "b", "c", "d"]) stage.press(`pick_${corner}`).settle();
  assert.equal(stage.status, "D: click a clip");
  assert.deepEqual(["a", "b", "c", "d"].map((corner) => stage.corner(corner).state), ["empty", "empty", "empty", "armed"]);
  stage.max.world.LiveAPI.prototype.call = () => {
    throw new Error("out of order");
  };
  stage.live.select(stage.live.addClip(stage.track, 0, { name: "Bass", length: 4, notes: [] }));
  stage.press("vary").settle();
  assert.match(stage.status, /^vary: internal error of the device: Error: out of order/);
});

test("a length that 32 bits cannot hold is still the source's, to the last bit", () => {
  const stage = withRiff({}, { loop: [1, 1 + 16 / 3], markers: [0, 1 + 16 / 3] });
  stage.turn("count", 2).press("vary").settle();
  for (const made of stage.made()) {
    assert.deepEqual([made.loopStart, made.loopEnd, made.start_marker], [1, 1 + 16 / 3, 0]);
    assert.ok(made.notes.some((n) => n.mpe));
  }
  sound(stage);
});

test("a text of notes that Live cuts off is asked for in halves", () => {
  const notes = Array.from({ length: 300 }, (_, i) => ({ pitch: 20 + (i % 60), start_time: Math.floor(i / 60), duration: 0.5 }));
  const stage = withRiff({}, { notes });
  const api = stage.max.world.LiveAPI.prototype, { call } = api;
  api.call = function (name, ...values) {
    const said = call.call(this, name, ...values);
    return name === "get_notes_extended" ? said.slice(0, 8000) : said;
  };
  stage.turn("count", 1).press("vary").settle();
  assert.equal(stage.server.asked[0].clips[0].rows.length, 300);
  assert.equal(stage.made()[0].notes.length, 300);
  sound(stage);
});

test("a track that is frozen in the middle of it ends the press, and later presses work again", () => {
  const stage = withRiff();
  stage.press("vary");
  stage.clock.advance(1000, () => stage.server.asked.length === 1);
  stage.track.frozen = true;
  stage.settle();
  assert.match(stage.status, /frozen|not kept/);
  stage.track.frozen = false;
  stage.max.failures.length = 0; // Live has refused, as it does
  stage.turn("count", 2).press("vary").settle();
  assert.equal(stage.status, "2 clips in slots below");
  assert.equal(stage.live.snapshot(), stage.before);
});

test("while Tasks sleep, as with audio off, messages keep things going", () => {
  const stage = withRiff();
  const task = stage.max.world.Task.prototype, { schedule } = task;
  task.schedule = () => undefined;
  stage.wait(10000);
  stage.turn("count", 2).press("vary").wait(50);
  for (let i = 0; i < 40; i++) stage.turn("amount", 30 + (i % 2)).wait(50);
  assert.equal(stage.made().length, 2);
  task.schedule = schedule;
  stage.turn("amount", 32).wait(20000);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 4);
  sound(stage);
});

test("a button that says 1 and then 0 is pressed once, one that bangs as often as it bangs", () => {
  for (const clicks of ["bang", "1", "1 0"]) {
    const stage = withRiff({ clicks });
    stage.press("reroll").press("reroll").settle();
    assert.equal(stage.lines.filter((line) => line.startsWith("seed")).length, 2, clicks);
    stage.check();
  }
});

test("a fault in the middle of writing leaves no half clip", () => {
  const stage = withRiff();
  const api = stage.max.world.LiveAPI.prototype, { call } = api;
  let reads = 0;
  api.call = function (name, ...values) {
    if (name === "get_notes_extended" && ++reads === 6) throw new Error("out of order");
    return call.call(this, name, ...values);
  };
  stage.turn("count", 3).press("vary").settle();
  assert.match(stage.status, /^vary: internal error of the device: Error: out of order; 1 clip was made before/);
  assert.equal(stage.made().length, 1);
  stage.press("undo").settle();
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("cancel in the very turn after a scene was made leaves no scene that undo does not know", () => {
  const stage = new Stage({ live: { scenes: 1 } });
  stage.live.addClip(stage.track, 0, { name: "Bass", length: 4, notes: RIFF });
  stage.live.select(stage.track.slots[0]);
  stage.start().press("vary");
  stage.clock.advance(2000, () => stage.live.scenes.length === 2);
  stage.press("cancel").settle().press("undo").settle();
  assert.equal(stage.live.scenes.length, 1);
  assert.deepEqual(stage.made(), []);
  stage.check();
});

// The pure part, tried with many random clips

const { Music } = new Stage().max.world;

function dice(seed) {
  let state = seed;
  return (below) => Math.floor(((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648) * below);
}

test("after overlaps are resolved none are left, and no untouched note has changed", () => {
  for (let seed = 1; seed < 200; seed++) {
    const roll = dice(seed);
    const kept = [];
    for (let i = 0, ends = [0, 0, 0]; i < 12; i++) {
      const p = roll(3), start = ends[p] + roll(4) / 4, length = (1 + roll(4)) / 4;
      ends[p] = start + length;
      kept.push({ pitch: 60 + p, start_time: start, duration: length, isKept: true });
    }
    const mixed = Array.from({ length: 12 }, () => ({ pitch: 60 + roll(3), start_time: roll(64) / 8 + roll(3) / 1000, duration: (1 + roll(8)) / 8 }));
    const resolved = Music.resolveOverlaps([...mixed, ...kept]);
    assert.equal(resolved.filter((n) => n.isKept).length, kept.length);
    for (const a of resolved) {
      assert.ok(a.duration > 0);
      for (const b of resolved) assert.ok(a === b || a.pitch !== b.pitch || a.start_time > b.start_time || a.start_time + a.duration <= b.start_time + 1e-3, `seed ${seed}`);
    }
  }
});

test("what a comparison says to remove and to add makes the one the other", () => {
  const note = (roll) => ({ pitch: 60 + roll(4), start_time: roll(12) / 3, duration: 0.25, velocity: 60 + roll(3), mute: 0, probability: 1, velocity_deviation: 0, release_velocity: 64 });
  const distinct = (notes) => notes.filter((n, i) => !notes.slice(0, i).some((o) => o.pitch === n.pitch && o.start_time === n.start_time));
  for (let seed = 1; seed < 200; seed++) {
    const roll = dice(seed);
    const [found, wanted] = [distinct(Array.from({ length: 20 }, () => note(roll))), distinct(Array.from({ length: 20 }, () => note(roll)))];
    const [remove, add] = ["remove", "add"].map((what) => Array.from(Music.compareNotes(found, wanted)[what]));
    assert.deepEqual(rows([...found.filter((n) => !remove.includes(n)), ...add]), rows(wanted));
    assert.ok(remove.every((n) => !wanted.some((w) => rows([w]).join() === rows([n]).join())), "what may stay stays");
  }
});

test("the puck's way is cut evenly, whatever way it went", () => {
  const cut = (path, count) => JSON.stringify(Music.resample(path, count));
  assert.equal(cut([[0, 0], [1, 0], [1, 1]], 3), "[[0,0],[1,0],[1,1]]");
  assert.equal(cut([[0, 0], [0, 0], [0.5, 0], [0.5, 0]], 2), "[[0,0],[0.5,0]]");
  assert.equal(cut([[0.3, 0.4]], 5), "[[0.3,0.4]]");
});
