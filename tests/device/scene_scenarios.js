// Scenarios of what a press hears beside its clips: what other tracks play, or have in the same scene; what they do not hear.
// Run with `node --expose-internals tests/device/scene_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, whole } = require("./stage.js");
const { picked, sound, withRiff } = require("./stages.js");

const CHORD = [48, 52, 55].map((pitch) => ({ pitch, start_time: 0, duration: 4, velocity: 80 }));

// A stage with a riff in the second row of the first track, and other tracks with clips in their rows.
function withBand(tracks, options) {
  const stage = withRiff(options);
  stage.band = tracks.map((clips, i) => {
    const track = stage.live.addTrack({ name: `Track ${i + 2}` });
    for (const [row, fields] of Object.entries(clips)) stage.live.addClip(track, Number(row), { length: 4, notes: CHORD, ...fields });
    return track;
  });
  stage.before = stage.live.snapshot();
  return stage;
}

// The clip in a row of a track plays.
function play(stage, track, row) {
  stage.live.launch(track.slots[row]);
  stage.wait(2500); // it begins at the next bar
}

function names(stage) {
  return stage.server.asked[stage.server.asked.length - 1].context.map((clip) => clip.name);
}

test("a clip that does not play hears the clips of its row", () => {
  const stage = withBand([{ 0: { name: "Verse Keys" }, 1: { name: "Keys" } }, { 1: { name: "Lead" } }, { 0: { name: "Pad" } }]);
  stage.press("vary").settle();
  const [{ keys, clips, context }] = stage.server.asked;
  assert.deepEqual([keys.clips, keys.context, clips.length], [1, 2, 1]);
  assert.deepEqual(context.map((clip) => [clip.name, clip.beats, clip.meter]), [["Keys", 4, [4, 4]], ["Lead", 4, [4, 4]]]);
  assert.deepEqual(context[0].rows.map((row) => row.slice(0, 4)), [[48, 0, 4, 80], [52, 0, 4, 80], [55, 0, 4, 80]]);
  assert.equal(stage.made().length, 8);
  sound(stage);
});

test("new notes fit the scene, or where that is chosen what plays, in whatever row", () => {
  const stage = withBand([{ 0: { name: "Verse Keys" }, 1: { name: "Keys" } }, { 1: { name: "Lead" } }, { 5: { name: "Pad" } }]);
  play(stage, stage.track, 1);
  play(stage, stage.band[0], 0);
  play(stage, stage.band[2], 5);
  stage.press("vary").settle();
  assert.deepEqual(names(stage), ["Keys", "Lead"]);
  stage.choose("with", "playing").press("vary").settle();
  assert.deepEqual(names(stage), ["Verse Keys", "Pad"]);
  sound(stage);
});

test("only what can be heard is sent: no audio, no muted notes, none outside the loop or beyond the source", () => {
  const long = { name: "Long", length: 16, notes: [0, 3.5, 4, 8].map((at) => ({ pitch: 60, start_time: at, duration: 1, probability: 0.5 })) };
  const muted = { name: "Muted", notes: CHORD.map((n) => ({ ...n, mute: 1 })) };
  const looped = { name: "Loop", length: 8, notes: [0, 2, 3].map((at) => ({ pitch: 50, start_time: at, duration: 1 })), loop: [2, 4] };
  const stage = withBand([{ 1: long }, { 1: muted }, { 1: { name: "Beat" } }, { 1: looped }]);
  stage.live.addDrumRack(stage.band[2], { 36: "Kick" });
  stage.live.addTrack({ name: "Audio", kind: "audio" });
  stage.live.addTrack({ name: "Group", kind: "group" });
  stage.before = stage.live.snapshot();
  stage.press("vary").settle();
  const [{ context }] = stage.server.asked;
  assert.deepEqual(context.map((clip) => clip.name), ["Long", "Beat", "Loop"]);
  assert.equal(stage.server.asked[0].keys.context_kinds, "notes,drums,notes");
  assert.deepEqual(context[0].rows.map((row) => [row.length, row[1]]), [[4, 0], [4, 3.5]]);
  assert.deepEqual([context[2].beats, context[2].rows.map((row) => row[1])], [2, [0, 1]]);
  sound(stage);
});

test("switched off, or in the Arrangement, nothing beside the clip is heard; drums hear the others too", () => {
  const off = withBand([{ 1: { name: "Keys" } }]);
  off.choose("with", "off").press("vary").settle();
  off.choose("with", "scene").press("vary").settle();
  assert.deepEqual(off.server.asked.map((a) => a.keys.context), [undefined, 1]);
  sound(off);
  const drums = withBand([{ 1: { name: "Keys" } }]);
  drums.live.addDrumRack(drums.track, { 36: "Kick" });
  drums.press("vary").settle();
  assert.deepEqual([drums.server.asked[0].keys.context, drums.server.asked[0].keys.kind], [1, "drums"]);
  sound(drums);
  const arranged = withBand([{ 1: { name: "Keys" } }], { live: { view: "Arranger" } });
  arranged.live.select(arranged.live.addArrangementClip(arranged.track, 16, { name: "There", length: 4, notes: CHORD }));
  arranged.press("vary").settle();
  assert.deepEqual([arranged.server.asked[0].clips[0].name, arranged.server.asked[0].keys.context], ["There", undefined]);
});

test("sampled clips hear the row of the highlighted slot, or what plays", () => {
  const stage = withBand([{ 2: { name: "Keys" }, 4: { name: "Chorus" } }]);
  stage.live.select(stage.track.slots[2]);
  stage.press("sample").settle();
  const { keys, context } = stage.server.asked[0];
  assert.deepEqual([keys.clips, keys.context, context[0].name], [0, 1, "Keys"]);
  play(stage, stage.band[0], 4);
  stage.choose("with", "playing").press("sample").settle();
  assert.deepEqual(names(stage), ["Chorus"]);
  sound(stage);
});

test("an interpolation and a palette hear the row of A, and B is not heard beside itself", () => {
  const stage = picked();
  const track = stage.live.addTrack({ name: "Keys" });
  stage.live.addClip(track, 0, { name: "Keys", length: 4, notes: CHORD });
  stage.live.select(stage.a);
  stage.before = stage.live.snapshot();
  stage.press("interpolate").settle();
  assert.deepEqual([stage.server.asked[0].keys.clips, names(stage)], [2, ["Keys"]]);
  stage.press("blend").settle();
  const blend = stage.server.asked.find((a) => a.verb === "blend");
  assert.deepEqual([blend.keys.clips, blend.context.map((clip) => clip.name)], [2, ["Keys"]]);
  // While the puck moves, the palette keeps what its blend heard; Blend hears the scene anew.
  stage.live.remove(track.slots[0].clip);
  stage.turn("puck", 64, 64).settle().turn("puck", 30, 64).settle();
  assert.equal(stage.server.asked.filter((a) => a.verb === "blend").length, 1);
  stage.press("blend").settle();
  assert.deepEqual(stage.server.asked.filter((a) => a.verb === "blend").map((a) => a.keys.context), [1, undefined]);
  stage.check();
});

test("what sounds beside a clip belongs to what was asked: another scene is another question, of the same seed", () => {
  const stage = withBand([{ 1: { name: "Keys" } }]);
  stage.turn("count", 1).press("vary").settle();
  stage.live.edit(stage.band[0].slots[1].clip, { notes: [{ pitch: 61, start_time: 0, duration: 1 }] });
  stage.press("vary").settle().press("vary").settle();
  const [first, second, third] = stage.server.asked.map((a) => a.keys.seed);
  assert.equal(first, second);
  assert.notEqual(second, third);
  stage.check();
});

test("notes of the scene that were lost on the way are sent again", () => {
  const stage = withBand([{ 1: { name: "Keys" } }]);
  let lost = 0;
  stage.server.loses = (m, isRequest) => isRequest && m[0] === "/bridge/notes" && m[2] === 1 && lost++ < 1;
  stage.press("vary").settle();
  assert.ok(lost > 1);
  assert.equal(stage.server.asked[0].context[0].rows.length, 3);
  sound(stage);
});

test("of a hundred tracks the first clips are heard, and each turn of the script reads little", () => {
  const stage = withBand(Array.from({ length: 100 }, (_, i) => ({ 1: { name: `T${i}` } })));
  stage.press("vary").settle();
  assert.equal(stage.server.asked[0].keys.context, 16);
  for (const turn of stage.max.turns) assert.ok(turn.gets <= 60, `${turn.what}: ${turn.gets} gets`);
  sound(stage);
});

test("very many notes beside a clip are left out, clip by clip", () => {
  const many = { name: "Many", notes: Array.from({ length: 1900 }, (_, i) => ({ pitch: i % 100, start_time: Math.floor(i / 100) / 8, duration: 0.1 })) };
  const stage = withBand([{ 1: many }, { 1: { ...many, name: "More" } }, { 1: { name: "Keys" } }]);
  stage.press("vary").settle();
  assert.deepEqual(names(stage), ["Many", "Keys"]);
  sound(stage);
});

test("a clip of the scene that goes away while the scene is read is not missed", () => {
  const stage = withBand([{ 1: { name: "Keys" } }, { 1: { name: "Lead" } }]);
  stage.server.answer.vary = ({ clips }) => [whole(clips[0])];
  stage.press("vary");
  for (let i = 0; i < 60 && !stage.server.asked.length; i++) {
    stage.wait(5);
    if (i === 4) stage.live.remove(stage.band[1].slots[1].clip);
  }
  stage.settle();
  assert.equal(stage.made().length, 1);
  assert.ok(names(stage).includes("Keys"));
  stage.check();
});

test("with a clip of the Arrangement goes what lies beside it there, from its first beat on and as it loops", () => {
  const stage = new Stage({ live: { view: "Arranger" } });
  const { live } = stage;
  const [drums, bass, far] = ["Drums", "Bass", "Far"].map((name) => live.addTrack({ name }));
  live.addDrumRack(drums, { 36: "Kick" });
  const kick = (start) => ({ pitch: 36, start_time: start, duration: 0.25 });
  live.addArrangementClip(drums, 0, { name: "Before", length: 8, loop: [0, 2], markers: [0, 8], notes: [kick(0), kick(1.5)] });
  live.addArrangementClip(drums, 8, { name: "After", length: 8, notes: [kick(1), { ...kick(2), mute: 1 }] });
  live.addArrangementClip(bass, 2, { name: "Line", length: 8, notes: [{ pitch: 40, start_time: 3, duration: 1 }, { pitch: 41, start_time: 7.5, duration: 0.5 }] });
  live.addArrangementClip(far, 40, { name: "Far", length: 4, notes: [kick(0)] });
  const source = live.addArrangementClip(stage.track, 4, { name: "Keys", length: 8, notes: [{ pitch: 60, start_time: 0, duration: 1 }] });
  live.select(source);
  stage.before = live.snapshot();
  stage.start().press("vary").settle();
  const { context, keys } = stage.server.asked.at(-1);
  assert.deepEqual(context.map(({ name, beats, rows }) => [name, beats, rows.map(([pitch, start]) => [pitch, start])]), [
    ["Drums", 8, [[36, 0], [36, 1.5], [36, 2], [36, 3.5], [36, 5]]],
    ["Bass", 8, [[40, 1], [41, 5.5]]],
  ]);
  assert.equal(keys.context_kinds, "drums,notes");
  sound(stage);
});
