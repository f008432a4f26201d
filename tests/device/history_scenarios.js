// Scenarios of history, undo, and the state that is saved with the set.
// Run with `node --expose-internals tests/device/history_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage } = require("./stage.js");
const { audition, picked, places, sound, varied } = require("./stages.js");

// History

test("back and forward step through the results and their source, and Generate varies the one that is stood at", () => {
  const stage = varied();
  const at = () => stage.live.path(stage.live.view.detail_clip);
  assert.equal(stage.shown.result, "0/3");
  stage.press("forward").settle();
  assert.deepEqual([stage.shown.result, stage.drawn("roll", "title")], ["1/3", ["A", "A ~30 % #1"]]);
  assert.equal(at(), stage.made()[0].path);
  assert.equal(stage.live.path(stage.live.highlighted()) + " clip", stage.made()[0].path);
  stage.press("forward").settle().press("forward").settle().press("forward").settle();
  assert.equal(stage.status, "this is the newest result");
  stage.press("back").settle();
  assert.deepEqual([stage.shown.result, stage.status], ["2/3", "at A ~30 % #2"]);
  const source = stage.made()[1];
  stage.press("generate").settle();
  assert.deepEqual(stage.server.asked.at(-1).clips[0].rows.map((r) => r[0]), source.notes.map((n) => n.pitch));
  assert.deepEqual(stage.made().map((c) => c.name).slice(3), ["A ~30 % #4", "A ~30 % #5", "A ~30 % #6"]);
  assert.equal(stage.shown.result, "0/3");
  stage.press("back").settle();
  assert.deepEqual([stage.shown.result, stage.status], ["3/3", "at A ~30 % #3"]);
  stage.press("back").press("back").press("back").settle();
  assert.deepEqual([stage.shown.result, stage.status], ["0/3", "at the source, A"]);
  sound(stage);
});

test("a result that was deleted by hand is stepped over", () => {
  const stage = varied();
  stage.live.remove(stage.made()[1].thing);
  stage.press("forward").settle().press("forward").settle();
  assert.deepEqual([stage.shown.result, stage.status], ["2/2", "at A ~30 % #3"]);
  for (let i = 0; i < 4; i++) stage.press("back").settle();
  assert.equal(stage.status, "this is the first result");
  stage.check();
});

test("without results, stepping, comparing and keeping say so", () => {
  const stage = picked();
  for (const button of ["back", "forward", "ab", "keep_only"]) {
    stage.press(button).settle();
    assert.equal(stage.status, "there are no results yet: press Generate first");
  }
  stage.check();
});

test("undo removes what the last press made, then the one before, with the scenes that were made for it", () => {
  const stage = picked({ live: { scenes: 3 } });
  const scenes = stage.live.scenes.length;
  stage.live.select(stage.a);
  stage.turn("count", 4).press("vary").settle().press("sample").settle();
  assert.equal(stage.made().length, 8);
  assert.ok(stage.live.scenes.length > scenes);
  stage.press("undo").settle();
  assert.equal(stage.made().length, 4);
  stage.press("undo").settle();
  assert.equal(stage.status, "removed 4 clips and 3 scenes");
  assert.equal(stage.shown.result, "–");
  assert.equal(stage.live.scenes.length, scenes);
  stage.press("undo").settle();
  assert.equal(stage.status, "nothing to undo");
  sound(stage);
});

test("undo leaves a clip that was edited or named since, and a scene that is in use", () => {
  const stage = picked({ live: { scenes: 2 } });
  stage.live.select(stage.a);
  stage.turn("count", 3).press("vary").settle();
  const [first, second] = stage.made();
  stage.live.edit(first.thing, { notes: [{ pitch: 1, start_time: 0, duration: 1 }] });
  stage.live.edit(second.thing, { name: "Keeper" });
  stage.press("undo").settle();
  assert.equal(stage.status, "removed 1 clip and 1 scene; 2 clips stay: they were changed or moved since");
  assert.deepEqual(stage.made(), []);
  assert.ok(stage.live.isAlive(first.thing) && stage.live.isAlive(second.thing));
  stage.check();
});

test("undo waits for what is under way", () => {
  const stage = varied();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(400).press("undo").wait(400);
  assert.equal(stage.status, "something is still running: press Cancel first");
  assert.equal(stage.made().length, 3);
  stage.check();
});

test("where scenes have gone below a picked clip, no more are made than are needed", () => {
  const stage = picked({ live: { scenes: 12 } });
  stage.pick("a", stage.live.addClip(stage.track, 11, { name: "Low", length: 4, notes: [] })).settle().turn("puck", 30, 0).settle().turn("puck", 60, 0).wait(300); // a new scene for the audition
  stage.live.remove(audition(stage)[0].thing);
  for (let i = 0; i < 6; i++) stage.live.remove(stage.live.scenes[3]);
  stage.turn("puck", 90, 0).settle(); // soon after, so that the row it knows is an old one
  assert.equal(stage.live.scenes.length, 8);
  assert.equal(audition(stage).length, 1);
  stage.check();
});

// State

test("a set that is opened again knows picks, puck, seed and model", () => {
  const stage = varied();
  stage.turn("seed", 4321).turn("model", 2).turn("puck", 127, 64).settle();
  assert.match(stage.saved, /^[A-Za-z0-9_.~-]+$/);
  assert.ok(stage.saved.length <= 4000);
  stage.reopen().start();
  assert.deepEqual(["a", "b", "c"].map((c) => stage.corner(c).name), ["A", "B", ""]);
  assert.equal(stage.shown.seed, 4321);
  assert.deepEqual([stage.shown.puck_x, stage.shown.puck_y], [100, 51]);
  assert.deepEqual(places(stage).length, 1);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).keys.model, "melody");
  assert.equal(stage.made().filter((c) => c.name.startsWith("A > B")).length, 3);
  assert.match(stage.made().at(-1).name, /#6$/);
  sound(stage);
});

test("dials that a set moves as it opens do not move the puck's clip", () => {
  const stage = picked();
  stage.reopen().bang().wait(300).turn("puck_x", 30).turn("puck_y", 60).settle();
  assert.deepEqual(places(stage), []);
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("when a set is opened again, the audition clip is taken up again", () => {
  const stage = picked();
  stage.turn("puck", 10, 10).settle();
  stage.reopen().start().settle();
  assert.equal(stage.corner("a").name, "A");
  stage.turn("puck", 90, 10).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("a pick whose place holds another clip is shown with a question mark, and said when it is used", () => {
  const stage = picked();
  stage.live.remove(stage.a);
  stage.live.addClip(stage.track, 0, { name: "Else", length: 4, notes: [] });
  stage.reopen().start();
  assert.deepEqual([stage.corner("a").name, stage.corner("a").state], ["gone: A", "gone"]);
  stage.press("interpolate").settle();
  assert.equal(stage.status, "morph: clip A (A) is not where it was: pick it again");
  stage.check();
});

test("a pick whose notes were edited is still the clip, also after the set was opened again", () => {
  const stage = picked();
  stage.live.edit(stage.a, { notes: [{ pitch: 77, start_time: 0, duration: 1 }] });
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).clips[0].rows[0][0], 77);
  stage.reopen().start();
  assert.equal(stage.corner("a").name, "A");
  stage.check();
});

test("a scene put in above a pick does not lose it, and is seen when the set is saved", () => {
  const stage = picked();
  stage.live.addScene(0);
  stage.bang().settle(); // live.thisdevice bangs when a device is saved
  stage.reopen().start();
  assert.deepEqual([stage.corner("a").name, stage.corner("b").name], ["A", "B"]);
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).clips[0].name, "A");
  stage.check();
});

test("damaged or foreign state is the same as none", () => {
  for (const text of ["", "bang", "0", "lb1", "lb1~7B~22", "lb1~5B1~2C2~5D", "lb1~5B1~2C~22auto~22~2C0~2C0~2C0~2C~5B~5B~22live_set~22~5D~5D~2C~5B~22live_app~22~5D~5D"]) {
    const stage = new Stage({ saved: { State: text } }).start();
    assert.equal(stage.status, "ready: drums, melody", text);
    assert.equal(stage.corner("a").state, "empty");
    stage.check();
  }
});

test("long and foreign names do not burst the state", () => {
  const stage = new Stage().start();
  const names = ["名前, $1; \\ ♯".repeat(30), `x${"🎹".repeat(60)}`, "'(~*!)' \"%\"", ""];
  for (const [i, corner] of ["a", "b", "c", "d"].entries()) {
    stage.pick(corner, stage.live.addClip(stage.track, i, { name: names[i], length: 4, notes: [] })).settle();
  }
  assert.match(stage.saved, /^[A-Za-z0-9_.~-]{1,4000}$/);
  stage.reopen().start();
  assert.deepEqual(["a", "b", "c", "d"].map((c) => stage.corner(c).name), [names[0].slice(0, 60), names[1].slice(0, 59), names[2], "clip"]);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.made().length, 3);
  stage.check();
});
