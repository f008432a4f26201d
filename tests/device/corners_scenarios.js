// Scenarios of corners: any clip of the set is picked by a click or from the menus, followed, found again, or said to be gone.
// Run with `node --expose-internals tests/device/corners_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, fresh } = require("./stage.js");

const NOTES = (pitch) => [{ pitch, start_time: 0, duration: 1 }, { pitch: pitch + 3, start_time: 2, duration: 0.5 }];

// The device's own track, and two others with clips.
function set(options) {
  const stage = new Stage(options);
  const { live, track } = stage;
  stage.bass = live.addTrack({ name: "Bass" });
  stage.keys = live.addTrack({ name: "Keys" });
  stage.own = live.addClip(track, 0, { name: "Own", length: 4, notes: NOTES(36), color: 0x3dc300 });
  stage.riff = live.addClip(stage.bass, 2, { name: "Riff", length: 4, notes: NOTES(40), color: 0xff3636 });
  stage.pads = live.addClip(stage.keys, 5, { name: "Pads", length: 8, notes: NOTES(60) });
  live.select(stage.own);
  return stage.start();
}

// What the view of the pad was told of a corner last: [R, G, B, state, name].
function corner(stage, index) {
  return stage.max.sent(1).filter(([view, what, i]) => view === "pad" && what === "corner" && i === index).at(-1).slice(3);
}

function name(stage, letter) {
  return stage.max.sent(1).filter(([control, what]) => control === `pick_${letter}` && what === "text").at(-1)[2];
}

test("a corner that is armed becomes the clip that is clicked next, on whatever track", () => {
  const stage = set();
  stage.press("pick_a").wait(200);
  assert.equal(stage.status, "A: click a clip, or A again to take Own");
  assert.equal(corner(stage, 0)[3], 2);
  stage.live.select(stage.riff); // another track: the device is out of sight now
  stage.wait(300);
  assert.equal(stage.status, "A is Riff");
  assert.deepEqual(corner(stage, 0), [255, 54, 54, 1, "Riff"]);
  assert.equal(name(stage, "a"), "A  Riff");
  stage.live.select(stage.pads);
  stage.wait(300);
  assert.equal(corner(stage, 0)[4], "Riff", "only the next click counts");
  stage.press("pick_b").wait(200).live.select(stage.own);
  stage.wait(300);
  assert.equal(corner(stage, 1)[4], "Own");
  stage.press("interpolate").settle();
  assert.deepEqual(stage.server.asked.at(-1).clips.map((c) => c.name), ["Riff", "Own"]);
  stage.check();
});

test("a second press takes the clip that is selected already, a third empties the corner, and an audio clip is not taken", () => {
  const stage = set();
  stage.press("pick_c").wait(200).press("pick_c").wait(200);
  assert.equal(corner(stage, 2)[4], "Own");
  stage.press("pick_c").wait(200).press("pick_c").wait(200);
  assert.deepEqual(corner(stage, 2).slice(3), [0, ""]);
  const vox = stage.live.addTrack({ name: "Vox", kind: "audio" });
  const take = stage.live.addClip(vox, 0, { name: "Take", length: 4, audio: true });
  stage.press("pick_c").wait(200).live.select(take);
  stage.wait(300);
  assert.equal(corner(stage, 2)[3], 2, "still armed");
  stage.check();
});

test("the menus of tracks and clips are the second way", () => {
  const stage = set();
  stage.live.addArrangementClip(stage.bass, 16, { name: "Song", length: 4, notes: NOTES(50) });
  stage.press("pick_b").wait(300);
  assert.deepEqual(stage.patch.items.choose_track, ["track…", "1-MIDI", "Bass", "Keys"]);
  stage.patch.choose("choose_track", 2);
  stage.wait(300);
  assert.deepEqual(stage.patch.items.choose_clip, ["clip…", "Riff", "Song"]);
  stage.patch.choose("choose_clip", 2);
  stage.wait(300);
  assert.deepEqual(corner(stage, 1).slice(3), [1, "Song"]);
  assert.equal(stage.live.view.detail_clip, stage.own, "nothing else is selected");
  stage.check();
});

test("a corner follows its clip: its name, its colour, tracks and scenes that are moved", () => {
  const stage = set();
  stage.pick("a", stage.riff).settle().pick("b", stage.own).settle();
  stage.live.edit(stage.riff, { name: "Riff 2", color: 0x19e9ff });
  stage.wait(2500);
  assert.deepEqual(corner(stage, 0), [25, 233, 255, 1, "Riff 2"]);
  stage.live.moveTrack(stage.bass, 0);
  stage.live.addScene(0);
  stage.wait(2500);
  stage.reopen().start().settle();
  assert.deepEqual([corner(stage, 0)[4], corner(stage, 1)[4]], ["Riff 2", "Own"]);
  stage.press("interpolate").settle();
  assert.deepEqual(stage.server.asked.at(-1).clips.map((c) => c.rows[0][0]), [40, 36]);
  stage.check();
});

test("a picked clip that is deleted is said to be gone, and found again after undo", () => {
  const stage = set();
  stage.pick("a", stage.riff).settle().pick("b", stage.own).settle();
  stage.live.remove(stage.riff);
  stage.wait(3000);
  assert.deepEqual(corner(stage, 0).slice(3), [3, "gone: Riff"]);
  stage.press("interpolate").settle();
  assert.match(stage.status, /^morph: clip A \(Riff\) is not where it was: pick it again$/);
  stage.live.undo();
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.length, 1);
  assert.equal(corner(stage, 0)[3], 1);
  stage.check();
});

test("after a set was opened again no other clip is taken for a picked one, whatever its name and place", () => {
  const stage = set();
  stage.pick("a", stage.riff).settle().pick("b", stage.own).settle();
  stage.patch.store();
  const { saved } = stage;
  stage.live.edit(stage.riff, { name: "Other" });
  stage.live.remove(stage.riff);
  const other = stage.live.addClip(stage.bass, 2, { name: "Riff", length: 4, notes: NOTES(80) });
  const moved = stage.live.addClip(stage.keys, 7, { name: "Riff", length: 4, notes: NOTES(40) });
  stage.recall({ ...stage.patch.store(), State: saved }).settle();
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).clips[0].rows[0][0], 40, "the clip with its notes, not the one in its place");
  stage.live.remove(moved);
  stage.live.remove(other);
  stage.wait(3000);
  assert.equal(corner(stage, 0)[3], 3);
  stage.check();
});

test("swap exchanges A and B", () => {
  const stage = set();
  stage.pick("a", stage.riff).settle().pick("b", stage.own).settle().press("swap").wait(300);
  assert.deepEqual([corner(stage, 0)[4], corner(stage, 1)[4]], ["Own", "Riff"]);
  stage.check();
});
