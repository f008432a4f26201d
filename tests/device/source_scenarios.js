// Scenarios of what a request takes from its source: scale, meter, what sounds with it, and locks.
// Run with `node --expose-internals tests/device/source_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage } = require("./stage.js");

const NOTES = [60, 62, 64, 65].map((pitch, i) => ({ pitch, start_time: i, duration: 0.5 }));
const DORIAN = { mode: 1, root: 2, name: "Dorian" };
const MINOR = { mode: 1, root: 9, name: "Minor" };

function asked(stage) {
  return stage.server.asked.at(-1);
}

test("the key of a morph is the scale of A, whichever clip is selected at the press", () => {
  const stage = new Stage();
  const a = stage.live.addClip(stage.track, 0, { name: "A", length: 4, notes: NOTES, scale: DORIAN });
  const b = stage.live.addClip(stage.track, 1, { name: "B", length: 4, notes: NOTES, scale: MINOR });
  stage.live.select(b);
  stage.start().pick("a", a).settle().pick("b", b).settle().press("interpolate").settle();
  assert.equal(asked(stage).keys.key, "D Dorian");
  stage.reopen().start().settle();
  stage.live.select(b);
  stage.wait(300).press("interpolate").settle();
  assert.equal(asked(stage).keys.key, "D Dorian", "it is saved with the set");
  stage.check();
});

test("a clip whose scale is off has its key found by the server; one's own key, none, and Live's scale can be chosen", () => {
  const stage = new Stage();
  const clip = stage.live.addClip(stage.track, 0, { name: "A", length: 4, notes: NOTES, scale: { ...MINOR, mode: 0 } });
  stage.live.select(clip);
  stage.start();
  const choose = (key) => stage.patch.max.world.TABLE.controls.key.choices.indexOf(key);
  for (const [choice, key] of [["auto", "auto"], ["free", "free"], ["live", "A Minor"], ["Bb minor", "Bb minor"]]) {
    stage.turn("key", choose(choice)).press("vary").settle();
    assert.equal(asked(stage).keys.key, key);
  }
  stage.check();
});

test("samples have the meter of the clip in the highlighted slot, else of the song", () => {
  const stage = new Stage({ live: { signature: [3, 4] } });
  stage.server.answer.sample = ({ keys }) => [{ beats: 7, meter: [7, 8], rows: [[60, 0, 1, 90, 0, 1, 0, 64, -1, -1]], keys }];
  stage.live.addClip(stage.track, 0, { name: "Seven", length: 7, notes: NOTES, signature: [7, 8] });
  stage.live.select(stage.track.slots[0]);
  stage.start().press("sample").settle();
  assert.equal(asked(stage).keys.meter, "7/8");
  assert.deepEqual([stage.made()[0].numerator, stage.made()[0].denominator, stage.made()[0].loopEnd], [7, 8, 7]);
  stage.live.select(stage.track.slots[4]);
  stage.press("sample").settle();
  assert.equal(asked(stage).keys.meter, "3/4");
  const plain = new Stage().start();
  plain.live.select(plain.track.slots[2]);
  plain.press("sample").settle();
  assert.equal(asked(plain).keys.meter, undefined, "4/4 is what a server of before knows");
  stage.check();
});

test("what sounds with the source goes with its kind, drums too; drums hear the others", () => {
  const stage = new Stage();
  const { live } = stage;
  const [drums, bass] = [live.addTrack({ name: "Drums" }), live.addTrack({ name: "Bass" })];
  live.addDrumRack(drums, { 36: "Kick", 38: "Snare" });
  live.addClip(drums, 0, { name: "Beat", length: 4, notes: [{ pitch: 36, start_time: 0, duration: 0.25 }] });
  live.addClip(bass, 0, { name: "Line", length: 4, notes: NOTES });
  live.addClip(bass, 3, { name: "Other", length: 4, notes: NOTES });
  live.select(live.addClip(stage.track, 0, { name: "Keys", length: 4, notes: NOTES }));
  stage.start().press("vary").settle();
  assert.deepEqual(asked(stage).context.map((c) => c.name), ["Beat", "Line"]);
  assert.equal(asked(stage).keys.context_kinds, "drums,notes");
  live.launch(bass.slots[3]);
  stage.turn("with", 1).press("vary").settle();
  assert.deepEqual(asked(stage).context.map((c) => c.name), ["Other"]);
  stage.turn("with", 2).press("vary").settle();
  assert.deepEqual(asked(stage).context, []);
  live.addDrumRack(stage.track, { 60: "Cowbell" });
  stage.turn("with", 0).press("vary").settle();
  assert.equal(asked(stage).keys.kind, "drums");
  assert.deepEqual(asked(stage).context.map((c) => c.name), ["Beat", "Line"]);
  stage.check();
});

test("single voices are locked by the names of the Drum Rack, as many as the clip has", () => {
  const stage = new Stage();
  const { live, track } = stage;
  live.addDrumRack(track, { 36: "Kick 808", 38: "Snare Tight", 42: "Closed Hat", 60: "Weird" });
  const hits = [36, 38, 42, 42, 60].map((pitch, i) => ({ pitch, start_time: i / 2, duration: 0.25 }));
  live.select(live.addClip(track, 0, { name: "Beat", length: 4, notes: hits }));
  stage.start().press("more").wait(300);
  const texts = [1, 2, 3, 4].map((n) => stage.max.sent(1).filter(([c, what]) => c === `voice_${n}` && what === "text").map((m) => m[2]).at(-1));
  assert.deepEqual(texts, ["Kick 808", "Snare T…", "Closed…", undefined]);
  assert.deepEqual([3, 4].map((n) => stage.patch.get(`voice_${n}`).isHidden), [false, true]);
  assert.equal(stage.patch.get("voice_hint").isHidden, true);
  stage.turn("voice_1", 1).turn("voice_3", 1).press("vary").settle();
  assert.deepEqual(asked(stage).keys.lock_voices.split(",").sort(), ["closed_hat", "kick"]);
  assert.equal(stage.max.sent(1).filter(([c, what]) => c === "locks_said" && what === "text").at(-1)[2], "Lock: Kick 808…");
  stage.check();
});

test("the selected stretch stays: it is the one that the selected notes span", () => {
  const stage = new Stage();
  const clip = stage.live.addClip(stage.track, 0, { name: "A", length: 4, loop: [4, 8], notes: NOTES.map((n) => ({ ...n, start_time: n.start_time + 4 })) });
  stage.live.select(clip);
  stage.start().turn("lock_time", 1).press("vary").settle();
  assert.equal(stage.status, "vary: select a stretch in the clip first: what lies in it stays");
  clip.notes[1].selected = clip.notes[2].selected = true;
  stage.press("vary").settle();
  assert.equal(asked(stage).keys.lock_beats, "1:2.5");
  stage.check();
});

test("the dials of feel are sent where they do not stand at 0, and what is one's own with a model that has it", () => {
  const stage = new Stage({ server: { models: ["drums", "us"], bases: { us: "drums" } } });
  stage.live.select(stage.live.addClip(stage.track, 0, { name: "A", length: 4, notes: NOTES }));
  stage.start().press("vary").settle();
  for (const key of ["swing", "syncopation", "intensity", "length", "mine", "only"]) assert.ok(!(key in asked(stage).keys), key);
  stage.turn("swing", 40).turn("syncopation", -20).turn("intensity", -100).turn("length", 7).press("vary").settle();
  const { swing, syncopation, intensity, length } = asked(stage).keys;
  assert.deepEqual([swing, syncopation, intensity, length].map((v) => Math.round(v * 100)), [40, -20, -100, 7]);
  assert.equal(stage.patch.get("mine").isHidden, true);
  stage.turn("model", 2).press("key_said").wait(100);
  assert.equal(stage.patch.get("mine").isHidden, false);
  stage.press("vary").settle();
  assert.ok(!("mine" in asked(stage).keys), "100 is all that it has learned, as without");
  stage.turn("mine", 25).press("vary").settle();
  assert.deepEqual([asked(stage).keys.model, Math.round(asked(stage).keys.mine * 100)], ["us", 25]);
  stage.turn("model", 1).press("vary").settle();
  assert.equal(stage.patch.get("mine").isHidden, true);
  assert.ok(!("mine" in asked(stage).keys));
  stage.check();
});

test("voices that are lit are locked, or alone may change", () => {
  const stage = new Stage();
  const { live, track } = stage;
  live.addDrumRack(track, { 36: "Kick", 42: "Closed Hat" });
  live.select(live.addClip(track, 0, { name: "Beat", length: 4, notes: [36, 42].map((pitch) => ({ pitch, start_time: 0, duration: 0.25 })) }));
  stage.start().turn("voice_3", 1).press("vary").settle();
  assert.deepEqual([asked(stage).keys.lock_voices, asked(stage).keys.only], ["closed_hat", undefined]);
  stage.turn("only", 1).press("vary").settle();
  assert.deepEqual([asked(stage).keys.lock_voices, asked(stage).keys.only], [undefined, "closed_hat"]);
  assert.equal(stage.text("locks_said"), "Only: Closed Hat");
  stage.check();
});

test("the scale of a clip that was never selected is learned at the press, and what Live shows is as before", () => {
  const stage = new Stage();
  const { live } = stage;
  const other = live.addTrack({ name: "Other" });
  live.addClip(other, 0, { name: "A", length: 4, notes: NOTES, scale: DORIAN });
  live.addClip(other, 1, { name: "B", length: 4, notes: NOTES, scale: MINOR });
  const shown = live.addClip(stage.track, 0, { name: "Shown", length: 4, notes: NOTES });
  live.select(shown);
  stage.start().press("pick_a").settle();
  const before = live.steps.length;
  for (const item of [1, 2]) stage.turn("choose_track", 2).settle().turn("choose_clip", item).settle();
  stage.turn("steps", 3).press("interpolate").settle();
  assert.deepEqual([stage.corner("a").name, stage.corner("b").name], ["A", "B"]);
  assert.equal(asked(stage).keys.key, "D Dorian");
  assert.equal(live.view.selected_track, stage.track);
  assert.ok(live.steps.slice(before).every(({ what }) => !/detail|select/.test(what)));
  stage.check();
});
