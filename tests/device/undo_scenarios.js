// Scenarios of Live's own undo: what of a device is a step of it, and what becomes of a device when the musician goes back.
// Run with `node --expose-internals tests/device/undo_scenarios.js`; what is a step is said in live.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const hands = require("./hands.js");
const { Stage } = require("./stage.js");
const { audition, picked, sound, varied, withRiff } = require("./stages.js");

// What the device has done to the undo history since.
function steps(stage, since = 0) {
  return stage.live.steps
    .slice(since)
    .filter(({ by }) => by)
    .map(({ what }) => what);
}

test("a fresh device that is loaded is at most one step, one that is opened with its set none, and so is waiting", () => {
  const stage = new Stage().start().settle();
  assert.ok(steps(stage).length <= 1, steps(stage).join());
  const before = stage.live.steps.length;
  stage.wait(30000).reopen().start().settle().bang().settle();
  assert.deepEqual(steps(stage, before), []);
  stage.check();
});

test("three devices in a set open with a clean console and without a step each", () => {
  const stage = new Stage().start();
  const others = [1, 2].map(() => stage.copyDevice(stage.live.addTrack({})));
  for (const one of [stage, ...others]) {
    one.wait(6000);
    assert.match(one.status, /^ready/);
    assert.deepEqual([...one.patch.console, ...one.max.console], []);
    one.check();
  }
  assert.equal(new Set([stage, ...others].map(({ port }) => port)).size, 3);
  assert.ok(steps(stage).length <= 3, steps(stage).join());
});

test("looking around is no step: modes, the fold-out, picks, clicks on clips", () => {
  const stage = picked();
  const before = stage.live.steps.length;
  stage.pick("c", stage.a).settle().press("more").settle().press("more").settle();
  stage.live.select(stage.b);
  stage.wait(3000).press("swap").settle();
  assert.deepEqual(steps(stage, before), []);
  stage.check();
});

test("a press of Generate adds no step but those of its clips, in few turns", () => {
  const stage = withRiff();
  stage.turn("count", 4).settle();
  const before = stage.live.steps.length,
    turns = stage.max.turns.length;
  stage.press("generate").settle();
  const done = steps(stage, before);
  assert.deepEqual(
    done.filter((what) => what.startsWith("parameter")),
    [],
  );
  assert.ok(done.length <= 4 * 6, done.join());
  const writing = stage.max.turns.slice(turns).filter(({ writes }) => writes);
  assert.ok(writing.length <= 4, `${writing.length} turns write`);
  sound(stage);
});

test("while the puck is dragged nothing is a step, at its end its place is, once", () => {
  const stage = picked();
  stage.turn("puck", 20, 20).settle();
  const before = stage.live.steps.length;
  stage.do(hands.reach(stage.patch, "pad"));
  for (let i = 0; i < 60; i++) {
    stage.patch.hold("pad", [60 + i, 40]);
    stage.wait(20);
  }
  assert.deepEqual(steps(stage, before), [], "the transport stands: nobody hears it");
  stage.patch.release();
  stage.settle();
  const done = steps(stage, before);
  assert.ok(done.filter((what) => what.startsWith("parameter")).length <= 2, done.join());
  assert.ok(done.length <= 2 + 4, done.join());
  sound(stage);
});

test("while the puck is dragged and heard, it makes few steps: at most one change in a beat", () => {
  const stage = picked();
  stage.turn("puck", 20, 20).settle();
  stage.live.launch(audition(stage)[0].thing.parent);
  const before = stage.live.steps.length;
  stage.drag(
    Array.from({ length: 200 }, (_, i) => [20 + (i % 100), 40]),
    20,
  ); // four seconds: eight beats
  const done = steps(stage, before);
  assert.ok(done.filter((what) => what.startsWith("parameter")).length <= 2, done.join());
  assert.ok(done.length <= 2 * 9 + 2, `${done.length}: ${done.join()}`);
  stage.settle();
  stage.check();
});

test("stepping through results that nobody hears changes nothing but the selection", () => {
  const stage = varied();
  const before = stage.live.snapshot();
  for (let i = 0; i < 3; i++) stage.press("forward").settle();
  for (let i = 0; i < 3; i++) stage.press("back").settle();
  assert.equal(stage.live.snapshot(), before);
  stage.check();
});

test("after the musician has undone what a press made, the device says so and goes on", () => {
  const stage = picked();
  stage.live.select(stage.a);
  stage.turn("count", 3).settle();
  const before = stage.live.done.length;
  stage.press("vary").settle();
  stage.undo(stage.live.done.length - before).settle();
  assert.deepEqual(stage.made(), []);
  for (const button of ["forward", "back", "ab", "star", "keep_only", "undo", "keep"]) stage.press(button).settle();
  assert.deepEqual(stage.made(), []);
  stage.live.select(stage.a);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 3);
  sound(stage);
});

test("undone halfway and redone, what is there can be stepped through, and taken back", () => {
  const stage = picked();
  stage.live.select(stage.a);
  stage.turn("count", 3).settle();
  const before = stage.live.done.length;
  stage.press("vary").settle();
  const all = stage.live.done.length - before;
  stage.undo(Math.ceil(all / 2)).settle();
  const left = stage.made().length;
  stage.press("forward").settle().press("forward").settle();
  stage.redo(all).settle();
  assert.ok(stage.made().length >= left);
  for (let i = 0; i < 5; i++) stage.press("forward").settle();
  stage.press("undo").settle();
  assert.match(stage.status, /^removed|stay|nothing to undo/);
  sound(stage);
});

test("going back over a press takes none of the device's own dials back with it", () => {
  const stage = withRiff();
  stage.turn("count", 3).turn("amount", 60).settle();
  const before = stage.live.done.length;
  stage.press("generate").settle();
  stage.undo(stage.live.done.length - before).settle();
  assert.deepEqual([stage.shown.count, stage.shown.amount, stage.made().length], [3, 60, 0]);
  stage.undo().settle(); // the musician's own turn of Amount
  assert.equal(stage.shown.amount, 30);
  stage.press("generate").settle();
  assert.equal(Math.round(stage.server.asked.at(-1).keys.amount * 100), 30);
  sound(stage);
});

test("a puck that is undone goes where it was, and its clip is not lost", () => {
  const stage = picked();
  stage.turn("puck", 30, 30).settle();
  const before = stage.live.done.length;
  stage.turn("puck", 90, 90).settle();
  stage.undo(stage.live.done.length - before).settle();
  assert.ok(audition(stage).length <= 1);
  stage.turn("puck", 60, 60).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});
