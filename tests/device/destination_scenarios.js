// Scenarios of destinations: results below their source, on a new track, in place of the source, in the Arrangement; and undo.
// Run with `node --expose-internals tests/device/destination_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, rows } = require("./stage.js");

const NOTES = [36, 38, 40, 41].map((pitch, i) => ({ pitch, start_time: i, duration: 0.5, mpe: `bend ${pitch}` }));
const TO = ["below", "track", "replace", "arrangement"];

function withSource(to, options = {}, fields = {}) {
  const stage = new Stage(options);
  stage.source = stage.live.addClip(stage.track, 1, { name: "Bass", length: 4, notes: NOTES, ...fields });
  stage.live.select(stage.source);
  stage.before = stage.live.snapshot();
  return stage.start().turn("count", 3).turn("to", TO.indexOf(to));
}

function sound(stage) {
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
}

test("a new track stands right of the source's, has its name and colour, and undo takes it away again", () => {
  const stage = withSource("track");
  stage.live.addTrack({ name: "Drums" });
  stage.before = stage.live.snapshot();
  stage.press("vary").settle();
  assert.deepEqual(stage.live.tracks.map((t) => t.name), ["1-MIDI", "1-MIDI ideas", "Drums"]);
  assert.equal(stage.live.tracks[1].color, stage.track.color);
  assert.deepEqual(stage.made().map((c) => c.path), [1, 2, 3].map((row) => `live_set tracks 1 clip_slots ${row} clip`));
  assert.equal(stage.status, "3 clips on the new track 1-MIDI ideas: give it an instrument");
  stage.press("undo").settle();
  assert.deepEqual(stage.live.tracks.map((t) => t.name), ["1-MIDI", "Drums"]);
  sound(stage);
});

test("of the source and the results on a new track only one is heard", () => {
  const stage = withSource("track", { queue: "even" });
  stage.press("vary").settle();
  const heard = () => stage.live.tracks.flatMap((t) => t.slots).filter(({ clip }) => clip && clip.is_playing).map(({ clip }) => clip.name);
  stage.live.launch(stage.track.slots[1]);
  stage.wait(700).press("forward").wait(2500);
  assert.deepEqual(heard(), ["Bass ~30 % #1"]);
  stage.press("forward").wait(500);
  assert.deepEqual(heard(), ["Bass ~30 % #2"]);
  stage.press("ab").wait(2500);
  assert.deepEqual(heard(), ["Bass"]);
  assert.equal(stage.live.view.selected_track, stage.track);
  sound(stage);
});

test("a new track on which the musician has put something stays", () => {
  const stage = withSource("track");
  stage.press("vary").settle();
  const [, track] = stage.live.tracks;
  stage.live.addClip(track, 6, { name: "Mine", length: 4, notes: NOTES });
  stage.press("undo").settle();
  assert.deepEqual(stage.live.tracks.map((t) => t.name), ["1-MIDI", "1-MIDI ideas"]);
  stage.check();
});

test("replacing writes one result into the source clip, keeps the source in a slot, and undo brings it back to the last field", () => {
  const stage = withSource("replace");
  const before = rows(stage.source.notes);
  stage.live.grant(stage.source);
  stage.press("vary").settle();
  assert.equal(stage.server.asked[0].keys.count, 1);
  assert.equal(stage.track.slots[1].clip, stage.source, "the clip is the same one, which plays on");
  assert.notDeepEqual(rows(stage.source.notes), before);
  const kept = stage.track.slots[2].clip;
  assert.deepEqual([kept.name, rows(kept.notes)], ["Bass", before]);
  assert.equal(stage.status, "Bass is replaced; Undo brings it back, and it is kept in a slot");
  stage.press("undo").settle();
  assert.deepEqual(rows(stage.track.slots[1].clip.notes), before);
  assert.deepEqual(stage.track.slots[1].clip.notes.map((n) => n.mpe).sort(), NOTES.map((n) => n.mpe).sort());
  assert.equal(stage.track.slots[2].clip, null);
  assert.equal(stage.status, "the source is back");
  stage.check();
});

test("replaced again, the kept original is varied, and one undo brings it back", () => {
  const stage = withSource("replace");
  const before = rows(stage.source.notes);
  stage.live.grant(stage.source);
  stage.press("vary").settle();
  const first = rows(stage.source.notes);
  stage.server.answer.vary = ({ clips }) => [{ ...clips[0], rows: clips[0].rows.slice(2).map((row, i) => [...row, 0, 1, 0, 64].slice(0, 8).concat(0, i + 2)) }];
  stage.press("vary").settle();
  assert.deepEqual(stage.server.asked[1].clips[0].rows, stage.server.asked[0].clips[0].rows);
  assert.notDeepEqual(rows(stage.source.notes), first);
  assert.equal(stage.track.slots[3].clip, null, "it is kept once");
  stage.press("undo").settle();
  assert.deepEqual(rows(stage.track.slots[1].clip.notes), before);
  stage.check();
});

test("a source that was edited after it was replaced is the musician's: undo leaves it, and the kept one", () => {
  const stage = withSource("replace");
  stage.live.grant(stage.source);
  stage.press("vary").settle();
  stage.live.edit(stage.source, { notes: [{ pitch: 99, start_time: 0, duration: 1 }] });
  stage.press("undo").settle();
  assert.deepEqual(stage.source.notes.map((n) => n.pitch), [99]);
  assert.equal(stage.track.slots[2].clip.name, "Bass");
  assert.match(stage.status, /edited since/);
  stage.check();
});

test("a source that plays is replaced without a cut: what sounds is left until it ends", () => {
  const long = [{ pitch: 48, start_time: 0, duration: 3.5 }, { pitch: 50, start_time: 1, duration: 0.25 }, { pitch: 52, start_time: 3, duration: 0.5 }];
  const stage = withSource("replace", { queue: "even" }, { notes: long });
  stage.live.grant(stage.source);
  stage.server.answer.vary = ({ clips }) => [{ ...clips[0], rows: [[60, 0, 0.5, 90, 0, 1, 0, 64, -1, -1], [61, 2, 1, 90, 0, 1, 0, 64, -1, -1]] }];
  stage.live.launch(stage.track.slots[1]);
  stage.wait(300).press("vary").settle();
  assert.deepEqual(stage.live.cuts, []);
  assert.deepEqual(stage.source.notes.map((n) => n.pitch).sort(), [60, 61]);
  assert.equal(stage.source.is_playing, 1);
  stage.check();
});

test("a morph cannot replace: its clips go below", () => {
  const stage = withSource("replace");
  const other = stage.live.addClip(stage.track, 6, { name: "Other", length: 4, notes: NOTES });
  stage.before = stage.live.snapshot();
  stage.pick("a", stage.source).settle().pick("b", other).settle().turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.status, "3 clips in slots below: only Vary replaces a clip");
  sound(stage);
});

test("the Arrangement gets them one after the other, at a bar where nothing is covered, and no slot keeps them", () => {
  const stage = withSource("arrangement");
  const song = stage.live.addArrangementClip(stage.track, 8, { name: "Song", length: 6, notes: NOTES });
  stage.live.transport.jump(2);
  stage.before = stage.live.snapshot();
  stage.press("vary").settle();
  assert.deepEqual(stage.track.arrangement.map((c) => [c.at, c.name.slice(0, 4)]), [[8, "Song"], [16, "Bass"], [20, "Bass"], [24, "Bass"]]);
  assert.equal(stage.track.arrangement[0], song);
  assert.equal(stage.status, "3 clips in the Arrangement, from bar 5");
  assert.deepEqual(stage.made().filter((c) => c.path.includes("clip_slots")), []);
  stage.press("forward").wait(600);
  assert.equal(stage.live.transport.beat, 16, "it is heard where it lies");
  stage.press("undo").settle();
  assert.deepEqual(stage.track.arrangement, [song]);
  sound(stage);
});

test("a clip of the Arrangement has its results after it", () => {
  const stage = new Stage({ live: { view: "Arranger" } });
  const clip = stage.live.addArrangementClip(stage.track, 4, { name: "Song", length: 4, notes: NOTES });
  stage.live.select(clip);
  stage.before = stage.live.snapshot();
  stage.start().turn("count", 2).turn("to", 3).press("vary").settle();
  assert.deepEqual(stage.track.arrangement.map((c) => c.at), [4, 8, 12]);
  assert.equal(stage.status, "2 clips in the Arrangement, from bar 3");
  sound(stage);
});

test("a clip of the Arrangement is replaced; the source is kept there, muted, and undo brings it back to the last field", () => {
  const stage = new Stage({ live: { view: "Arranger" } });
  const clip = stage.live.addArrangementClip(stage.track, 4, { name: "Song", length: 4, notes: NOTES });
  const later = stage.live.addArrangementClip(stage.track, 12, { name: "Later", length: 4, notes: NOTES });
  const before = rows(clip.notes);
  stage.live.select(clip);
  stage.live.grant(clip);
  stage.start().choose("to", "replace").press("vary").settle();
  assert.notDeepEqual(rows(clip.notes), before);
  const kept = stage.track.arrangement.at(-1);
  assert.deepEqual([kept.at, kept.name, kept.muted, rows(kept.notes)], [16, "Song", 1, before]);
  assert.equal(stage.status, "Song is replaced; Undo brings it back, and it is kept at bar 5 of the Arrangement, muted");
  stage.press("undo").settle();
  const [back, other, ...none] = stage.track.arrangement;
  assert.deepEqual([back.at, back.muted, rows(back.notes), none.length, other], [4, 0, before, 0, later]);
  assert.deepEqual(back.notes.map((n) => n.mpe).sort(), NOTES.map((n) => n.mpe).sort());
  assert.equal(stage.status, "the source is back");
  stage.check();
});

test("where samples or a morph should replace, the line says why they do not", () => {
  const stage = withSource("replace");
  stage.press("sample").settle();
  assert.equal(stage.status, "3 clips in slots: only Vary replaces a clip");
  sound(stage);
});
