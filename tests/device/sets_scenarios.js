// Scenarios of sets that change around a device: tracks duplicated, moved and deleted, devices copied, presets, sets opened again.
// Run with `node --expose-internals tests/device/sets_scenarios.js`; what the musician can do to a set is in live.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage } = require("./stage.js");
const { PUCK_NAME, audition, picked, sound, varied } = require("./stages.js");

// Clips that a device has made, by track.
function pucks(stage) {
  return stage.live
    .made()
    .filter(({ name }) => name.startsWith(PUCK_NAME))
    .map(({ path }) => path.split(" ")[2]);
}

// No clip was written by a device that had not made it: else it is a trespass.
function apart(...stages) {
  for (const stage of stages) stage.check();
}

function corners(stage) {
  return ["a", "b", "c", "d"].map((c) => stage.corner(c)).map(({ name, state }) => (state === "picked" ? name : state));
}

test("of a duplicated track, each device writes its own pad clip, on its own track", () => {
  const stage = picked();
  stage.turn("puck", 20, 20).settle();
  const twin = stage.duplicateTrack();
  twin.wait(6000).settle();
  const first = audition(stage)[0].notes.map((n) => n.pitch);
  twin.turn("puck", 100, 100).settle();
  assert.deepEqual(
    audition(stage)[0].notes.map((n) => n.pitch),
    first,
    "the copy has written the first one's clip",
  );
  stage.turn("puck", 60, 20).settle();
  const own = audition(twin).map(({ thing }) => thing.notes.map((n) => n.pitch).join());
  stage.turn("puck", 20, 60).settle();
  assert.deepEqual(
    audition(twin).map(({ thing }) => thing.notes.map((n) => n.pitch).join()),
    own,
  );
  assert.ok(pucks(stage).includes("0") && pucks(stage).includes("1"));
  apart(stage, twin);
});

test("a device that is copied to another track knows the picks, and leaves the first one's clips alone", () => {
  const stage = varied();
  stage.turn("puck", 20, 20).settle();
  const far = stage.copyDevice(stage.live.addTrack({ name: "Far" }));
  far.wait(6000).settle();
  assert.deepEqual(corners(far).slice(0, 2), ["A", "B"]);
  far.turn("puck", 100, 100).settle();
  far.press("undo").settle();
  assert.equal(stage.made().filter(({ name }) => /~/.test(name)).length, 3, "the copy has undone what the first one made");
  assert.deepEqual([...new Set(pucks(stage))].sort(), ["0", "1"]);
  apart(stage, far);
});

test("a preset of another set points to no wrong clip: its corners say that their clips are not there", () => {
  const other = picked();
  other.live.edit(other.a, { name: "Not here", notes: [{ pitch: 1, start_time: 0, duration: 1 }] });
  other.pick("a", other.a).settle().pick("a", other.a).settle();
  const saved = other.patch.store();
  const stage = new Stage();
  stage.live.addClip(stage.track, 0, { name: "Mine", length: 4, notes: [{ pitch: 70, start_time: 0, duration: 1 }] });
  stage.before = stage.live.snapshot();
  stage.start().recall(saved).settle();
  assert.ok(!corners(stage).includes("Mine"));
  assert.ok(["gone", "empty"].includes(stage.corner("a").state), stage.corner("a").state);
  stage.press("interpolate").settle();
  assert.match(stage.status, /^morph: /);
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("a preset that is recalled in its own set takes up picks and dials, and nothing is pressed by it", () => {
  const stage = picked();
  stage.turn("amount", 77).turn("seed", 4321).settle();
  const saved = stage.patch.store();
  stage.turn("amount", 10).turn("seed", 1).settle();
  const asked = stage.server.asked.length;
  stage.recall(saved).settle();
  assert.deepEqual([corners(stage).slice(0, 2), stage.shown.amount, stage.shown.seed], [["A", "B"], 77, 4321]);
  assert.equal(stage.server.asked.length, asked, "recalling a preset has pressed something");
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("tracks that are moved before the set is saved take the picks with them", () => {
  const stage = picked();
  stage.live.addTrack({ name: "Other" });
  stage.live.addClip(stage.live.tracks[1], 0, { name: "A", length: 4, notes: [{ pitch: 90, start_time: 0, duration: 1 }] });
  stage.live.moveTrack(stage.live.tracks[1], 0);
  stage.before = stage.live.snapshot();
  stage.reopen().start().settle(); // at once: no bang comes when a set is saved
  assert.deepEqual(corners(stage).slice(0, 2), ["A", "B"]);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.deepEqual(
    stage.server.asked.at(-1).clips.map(({ rows: [[pitch]] }) => pitch),
    [36, 48],
  );
  sound(stage);
});

test("a clip that is moved to another slot is still the corner's, a renamed one shows its new name", () => {
  const stage = picked();
  stage.live.addScene(0);
  stage.live.edit(stage.b, { name: "Better", color: 0xff3636 });
  stage.live.notify();
  stage.before = stage.live.snapshot();
  stage.wait(3000);
  assert.deepEqual(corners(stage).slice(0, 2), ["A", "Better"]);
  assert.equal(stage.corner("b").color, 0xff3636);
  stage.reopen().start().settle();
  assert.deepEqual(corners(stage).slice(0, 2), ["A", "Better"]);
  sound(stage);
});

test("a corner whose clip is deleted says so, and gets it back when that is undone", () => {
  const stage = picked();
  stage.live.remove(stage.a);
  stage.wait(3000).settle();
  assert.equal(stage.corner("a").state, "gone");
  stage.undo();
  stage.before = stage.live.snapshot();
  stage.press("blend").settle();
  assert.deepEqual(corners(stage).slice(0, 2), ["A", "B"]);
  stage.turn("puck", 64, 64).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("a set that is opened again, twice, writes the same pad clip", () => {
  const stage = picked();
  stage.turn("puck", 20, 20).settle();
  for (const at of [60, 100]) {
    stage.reopen().start().settle();
    stage.turn("puck", at, at).settle();
    assert.equal(audition(stage).length, 1);
  }
  sound(stage);
});

test("a set that is saved with another's name and opened beside it: two devices of one identity, each in its set", () => {
  const stage = picked();
  stage.turn("puck", 20, 20).settle();
  const other = picked();
  other.turn("puck", 20, 20).settle().recall(stage.patch.store()).settle();
  other.turn("puck", 90, 90).settle();
  assert.ok(audition(other).length >= 1);
  apart(stage, other);
});

test("clips of groups, take lanes, frozen tracks and returns can be picked or are refused in a sentence", () => {
  const stage = new Stage();
  const frozen = stage.live.addTrack({ name: "Frozen" });
  const fixed = stage.live.addClip(frozen, 0, { name: "Ice", length: 4, notes: [{ pitch: 40, start_time: 0, duration: 1 }] });
  frozen.frozen = true;
  const group = stage.live.addTrack({ name: "Group", kind: "group" });
  const inner = stage.live.addTrack({ name: "Inner", group });
  const nested = stage.live.addClip(inner, 2, {
    name: "Nested",
    length: 4,
    notes: [{ pitch: 50, start_time: 0, duration: 1 }],
  });
  const take = stage.live.addArrangementClip(stage.live.addTakeLane(inner), 4, {
    name: "Take",
    length: 4,
    notes: [{ pitch: 60, start_time: 0, duration: 1 }],
  });
  stage.live.addReturn("Reverb");
  stage.before = stage.live.snapshot();
  stage.start();
  for (const [corner, clip] of [
    ["a", fixed],
    ["b", nested],
    ["c", take],
  ])
    stage.pick(corner, clip).settle();
  assert.deepEqual(corners(stage).slice(0, 3), ["Ice", "Nested", "Take"]);
  stage.live.select(stage.live.song.returns[0]);
  stage.wait(100).live.select(group.slots[0]);
  stage.wait(100);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.match(stage.status, /frozen|slot/);
  stage.turn("puck", 64, 64).settle();
  assert.deepEqual(pucks(stage), ["0"], "the pad's clip lies on the device's own track");
  sound(stage);
});
