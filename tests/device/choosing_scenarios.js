// Scenarios of choosing by hearing: stepping plays results in place of the source, A/B, marks, keeping some and removing others.
// Run with `node --expose-internals tests/device/choosing_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage } = require("./stage.js");

const NOTES = [36, 38, 40, 41].map((pitch, i) => ({ pitch, start_time: i, duration: 0.5 }));

// A source of four beats with three results, which plays or not.
function withResults({ plays = true, ...options } = {}) {
  const stage = new Stage({ queue: "even", ...options });
  stage.source = stage.live.addClip(stage.track, 0, { name: "Bass", length: 4, notes: NOTES });
  stage.live.select(stage.source);
  stage.before = stage.live.snapshot();
  stage.start().turn("count", 3).press("vary").settle();
  if (plays) stage.live.launch(stage.track.slots[0]);
  stage.wait(plays ? 1250 : 0); // into its third beat
  return stage;
}

function result(stage, number) {
  return stage.made().find((c) => c.name.endsWith(`#${number}`)).thing;
}

function heard(stage) {
  return stage.track.slots.map((slot) => slot.clip).filter((clip) => clip && clip.is_playing).map((clip) => clip.name);
}

function sound(stage) {
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
}

test("stepping plays each result at once where the one before was, back to the source, whose launch settings stay", () => {
  const stage = withResults();
  for (const [button, name, place] of [["forward", "Bass ~30 % #1", "1/3"], ["forward", "Bass ~30 % #2", "2/3"], ["back", "Bass ~30 % #1", "1/3"], ["back", "Bass", "0/3"]]) {
    const begun = stage.clock.now;
    stage.press(button);
    assert.ok(stage.clock.advance(400, () => heard(stage)[0] === name), `${heard(stage)} is heard, not ${name}`);
    assert.ok(stage.clock.now - begun < 120, `${stage.clock.now - begun} ms`);
    const clip = stage.track.slots.map((slot) => slot.clip).find((c) => c && c.is_playing);
    const beat = stage.live.transport.beat;
    assert.ok(Math.abs(stage.live.position(clip) - (beat % 4)) < 0.02, `${stage.live.position(clip)} of ${beat}`);
    stage.wait(600);
    assert.equal(stage.shown.result, place);
  }
  assert.deepEqual([stage.source.legato, stage.source.launch_quantization], [0, 0]);
  sound(stage);
});

test("hearing one result after the other is no step of undo; only the musician's own clip has its settings lent", () => {
  const stage = withResults();
  const steps = () => stage.live.steps.filter(({ by }) => by).length;
  const before = steps();
  for (const button of ["forward", "forward", "forward", "back", "back"]) stage.press(button).wait(600);
  assert.equal(steps(), before);
  stage.press("ab").wait(600);
  assert.deepEqual([heard(stage), steps() - before], [["Bass"], 4]);
  stage.press("ab").wait(600);
  assert.equal(steps() - before, 4);
  sound(stage);
});

test("a result that is kept is launched as its source is; so is what Keep This copies, and what lies in the Arrangement", () => {
  const stage = withResults();
  stage.live.edit(stage.source, { launch_quantization: 6 });
  stage.before = stage.live.snapshot();
  stage.press("vary").settle().press("forward").wait(600).press("keep_only").settle();
  const kept = result(stage, 4);
  assert.deepEqual([kept.legato, kept.launch_quantization], [0, 6]);
  stage.live.select(stage.source);
  stage.choose("to", "arrangement").press("vary").settle();
  assert.deepEqual(stage.track.arrangement.map((clip) => [clip.legato, clip.launch_quantization]), Array(3).fill([0, 6]));
  sound(stage);
});

test("while the transport stands, a step starts it with the result", () => {
  const stage = withResults({ plays: false });
  stage.press("forward").wait(600);
  assert.deepEqual(heard(stage), ["Bass ~30 % #1"]);
  assert.equal(stage.live.song.is_playing, 1);
  sound(stage);
});

test("A/B goes to the source and back to the result that was heard last", () => {
  const stage = withResults();
  stage.press("forward").wait(600).press("forward").wait(600);
  assert.equal(stage.shown.ab, 1);
  stage.press("ab").wait(600);
  assert.deepEqual([heard(stage), stage.shown.ab], [["Bass"], 0]);
  stage.press("ab").wait(600);
  assert.deepEqual([heard(stage), stage.shown.ab], [["Bass ~30 % #2"], 1]);
  sound(stage);
});

test("keep only removes what is not marked; an edited clip stays, and what plays is replaced without a gap", () => {
  const stage = withResults();
  stage.press("forward").wait(600).press("star").wait(100);
  assert.equal(stage.shown.star, 1);
  stage.press("forward").wait(600);
  assert.equal(stage.shown.star, 0);
  stage.live.edit(result(stage, 3), { notes: [{ pitch: 99, start_time: 0, duration: 1 }] });
  stage.before = stage.live.snapshot();
  const cuts = stage.live.cuts.length;
  stage.press("keep_only").settle();
  assert.deepEqual(stage.made().map((c) => c.name), ["Bass ~30 % #1"]);
  assert.deepEqual(heard(stage), ["Bass ~30 % #1"], "it took over from the one that was removed");
  assert.equal(stage.live.cuts.slice(cuts).filter(({ why }) => why === "deleted").length, 0);
  assert.equal(stage.status, "kept 1 result, removed 1; 1 clip stays: it was changed or moved since");
  sound(stage);
});

test("without a mark the current result is kept; at the source nothing is removed", () => {
  const stage = withResults();
  stage.press("keep_only").wait(300);
  assert.equal(stage.status, "mark a result first: then the others are removed");
  stage.press("forward").wait(600).press("forward").wait(600).press("keep_only").settle();
  assert.deepEqual(stage.made().map((c) => c.name), ["Bass ~30 % #2"]);
  assert.equal(stage.shown.result, "1/1");
  sound(stage);
});

test("undo of what plays gives way to the source first", () => {
  const stage = withResults();
  stage.press("forward").wait(600).press("undo").settle();
  assert.deepEqual(stage.made(), []);
  assert.deepEqual(heard(stage), ["Bass"]);
  sound(stage);
});

test("a click on a result goes to it without launching it", () => {
  const stage = withResults();
  stage.live.select(result(stage, 3));
  stage.wait(300);
  assert.equal(stage.shown.result, "3/3");
  assert.deepEqual(heard(stage), ["Bass"]);
  sound(stage);
});

test("the roll is told what changed, and where it plays", () => {
  const stage = withResults();
  stage.press("forward").wait(600);
  const told = stage.max.sent(1).filter(([view]) => view === "roll").map((m) => m.slice(1));
  const last = told.map(([what]) => what).lastIndexOf("begin");
  const [begin, notes, end, title] = told.slice(last);
  assert.deepEqual(begin, ["begin", 4, 4, 4, 0]);
  assert.equal(notes[0], "notes");
  const states = notes.slice(1).filter((_, i) => i % 4 === 3);
  assert.deepEqual(states.sort(), [0, 0, 0, 1, 2]);
  assert.deepEqual([end, title], [["end"], ["title", "Bass", "Bass ~30 % #1"]]);
  assert.ok(told.some(([what, beat]) => what === "playhead" && beat > 0));
  sound(stage);
});

test("a click in the roll plays from that bar: by whole bars, so that the clip stays in time", () => {
  const stage = new Stage({ queue: "even" });
  const notes = [0, 5, 10, 15].map((start) => ({ pitch: 36 + start, start_time: start, duration: 0.5 }));
  stage.source = stage.live.addClip(stage.track, 0, { name: "Bass", length: 16, notes });
  stage.live.select(stage.source);
  stage.before = stage.live.snapshot();
  stage.start().turn("count", 1).press("vary").settle();
  const click = (beat) => {
    const [, , width] = stage.patch.get("roll").json.presentation_rect;
    const names = stage.patch.views.roll.world.OCTAVE_NAMES;
    stage.patch.hold("roll", [names + ((width - names) * beat) / 16, 60]);
    stage.patch.release();
  };
  stage.live.launch(stage.track.slots[0]);
  stage.wait(1100); // in the third beat
  const steps = stage.live.steps.length;
  for (const [beat, bar] of [[9.5, 2], [14.5, 3], [1, 0]]) {
    const before = stage.live.position(stage.source);
    click(beat);
    stage.wait(60);
    const moved = stage.live.position(stage.source) - before;
    assert.ok(Math.abs((moved - 0.12) / 4 - Math.round((moved - 0.12) / 4)) < 0.02, `moved by ${moved}`);
    assert.equal(Math.floor(stage.live.position(stage.source) / 4), bar);
  }
  assert.equal(stage.live.steps.length, steps, "where a clip plays is no step of undo");
  stage.press("forward").wait(600);
  stage.live.stop();
  stage.wait(100);
  click(9.5);
  stage.wait(1000);
  assert.deepEqual(heard(stage), ["Bass ~30 % #1"], "what is drawn is launched where nothing plays");
  sound(stage);
});

test("a click in the roll of a clip in the Arrangement goes to that place of the song, and the roll shows where it plays", () => {
  const stage = new Stage({ live: { view: "Arranger" }, queue: "even" });
  const song = stage.live.addArrangementClip(stage.track, 8, { name: "Song", length: 8, notes: NOTES });
  stage.live.select(song);
  stage.before = stage.live.snapshot();
  stage.start();
  stage.patch.hold("roll", [20 + (224 - 20) / 2, 60]);
  stage.patch.release();
  stage.wait(100);
  assert.ok(Math.abs(stage.live.transport.beat - 12) < 0.1, `${stage.live.transport.beat}`);
  stage.live.begin();
  stage.wait(1000);
  const [at] = stage.drawn("roll", "playhead");
  assert.ok(at > 5 && at < 6.5, `${at}`);
  sound(stage);
});
