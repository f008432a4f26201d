// Scenarios of results: sources, clips in slots, notes that stay as they are, what Live may refuse.
// Run with `node --expose-internals tests/device/results_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, fresh, rows, whole } = require("./stage.js");
const { RIFF, sound, withRiff } = require("./stages.js");

test("vary puts as many clips as asked below the source and touches nothing else", () => {
  const stage = withRiff();
  stage.live.addClip(stage.track, 3, { name: "Mine", length: 4, notes: [] });
  stage.before = stage.live.snapshot();
  stage.turn("count", 4).turn("amount", 55).press("vary").settle();
  assert.deepEqual(stage.made().map((c) => c.path.match(/clip_slots (\d+)/)[1]), ["2", "4", "5", "6"]);
  assert.deepEqual(stage.made().map((c) => c.name), [1, 2, 3, 4].map((n) => `Bass ~55 % #${n}`));
  assert.equal(stage.status, "4 clips in slots below");
  assert.ok(stage.lines.includes("vary: 3 of 4…"));
  const [{ keys, clips }] = stage.server.asked;
  assert.equal(keys.amount, Math.fround(0.55));
  assert.equal(keys.count, 4);
  assert.equal(clips[0].beats, 4);
  assert.deepEqual(clips[0].meter, [7, 8]);
  assert.equal(clips[0].name, "Bass");
  sound(stage);
});

test("all notes go out with all fields, in beats from the loop's start, pickups and notes beyond it included", () => {
  const stage = withRiff();
  stage.press("vary").settle();
  const expected = rows(RIFF.map((n) => ({ velocity: 100, mute: 0, probability: 1, velocity_deviation: 0, release_velocity: 64, ...n })));
  const sent = stage.server.asked[0].clips[0].rows;
  assert.deepEqual(sent, expected.map((row) => [row[0], row[1] - 1, ...row.slice(2)].map(Math.fround)));
});

test("an untouched note keeps every field and its exact time, and its MPE where the clip has the source's length", () => {
  const stage = withRiff();
  stage.turn("count", 1).press("vary").settle();
  const [made] = stage.made();
  const kept = RIFF.slice(1); // the scripted server takes the first one away
  const full = (n) => ({ velocity: 100, mute: 0, probability: 1, velocity_deviation: 0, release_velocity: 64, ...n });
  for (const note of kept.map(full)) {
    const found = made.notes.find((n) => n.pitch === note.pitch && n.start_time === note.start_time);
    assert.ok(found, JSON.stringify(note));
    for (const [field, value] of Object.entries(note)) assert.equal(found[field], value, field);
  }
  assert.equal(made.notes.length, RIFF.length);
});

test("a result has the source's loop, markers, meter, colour and groove", () => {
  const stage = new Stage();
  const groove = stage.live.addGroove("Swing");
  const look = { name: "Beat", loop: [4, 8], markers: [5, 9], color: 0xfff034, signature: [5, 4], groove };
  const arranged = stage.live.addArrangementClip(stage.track, 32, { ...look, notes: RIFF });
  stage.live.app.view.focused_document_view = "Arranger";
  stage.live.select(arranged);
  stage.before = stage.live.snapshot();
  stage.start().turn("count", 2).press("vary").settle();
  assert.equal(stage.made().length, 2);
  for (const made of stage.made()) {
    for (const field of ["loopStart", "loopEnd", "start_marker", "end_marker", "color", "numerator", "denominator", "looping"]) {
      assert.equal(made[field], arranged[field], field);
    }
    assert.equal(made.groove, "Swing");
    const untouched = arranged.notes.filter((n) => made.notes.some((m) => m.pitch === n.pitch && m.start_time === n.start_time));
    assert.equal(untouched.length, RIFF.length - 1, "made from nothing, and yet exact to the last bit");
  }
  sound(stage);
});

test("a clip that does not loop is taken from its start marker to its end marker, and its results do not loop", () => {
  const stage = withRiff({}, { looping: 0, markers: [2, 8] });
  stage.turn("count", 1).press("vary").settle();
  assert.equal(stage.server.asked[0].clips[0].beats, 6);
  assert.equal(stage.server.asked[0].clips[0].rows[1][1], -2);
  const [made] = stage.made();
  assert.deepEqual([made.looping, made.start_marker, made.end_marker], [0, 2, 8]);
  sound(stage);
});

test("an unlooped clip of the Arrangement, before time 0, gives results that do not loop", () => {
  const stage = new Stage();
  const clip = stage.live.addArrangementClip(stage.track, 8, { name: "Up", looping: 0, markers: [-6, -2], notes: [{ pitch: 60, start_time: -5.5, duration: 1 }] });
  stage.live.app.view.focused_document_view = "Arranger";
  stage.live.select(clip);
  stage.start().turn("count", 1).press("vary").settle();
  const [made] = stage.made();
  assert.deepEqual([made.looping, made.start_marker, made.end_marker], [0, -6, -2]);
  stage.check();
});

test("the session's highlighted slot goes before the detail clip, the Arrangement's detail clip before the slot", () => {
  const stage = withRiff();
  const arranged = stage.live.addArrangementClip(stage.track, 8, { name: "Song", length: 4, notes: [] });
  stage.live.select(arranged);
  stage.turn("count", 1).press("vary").settle();
  assert.equal(stage.server.asked[0].clips[0].name, "Bass");
  stage.live.app.view.focused_document_view = "Arranger";
  stage.press("vary").settle();
  assert.equal(stage.server.asked[1].clips[0].name, "Song");
  stage.check();
});

test("new scenes are made where there is no free slot", () => {
  const stage = new Stage({ live: { scenes: 3 } });
  for (let i = 0; i < 3; i++) stage.live.addClip(stage.track, i, { name: `C${i}`, length: 4, notes: RIFF });
  stage.live.select(stage.track.slots[1]);
  stage.before = stage.live.snapshot();
  stage.start().turn("count", 2).press("vary").settle();
  assert.equal(stage.live.scenes.length, 5);
  assert.deepEqual(stage.made().map((c) => c.path.match(/clip_slots (\d+)/)[1]), ["3", "4"]);
  sound(stage);
});

test("a set that takes no more scenes gives a sentence and keeps what there was room for", () => {
  const stage = new Stage({ live: { scenes: 3, mostScenes: 3 } });
  stage.live.addClip(stage.track, 0, { name: "Bass", length: 4, notes: RIFF });
  stage.live.select(stage.track.slots[0]);
  stage.start().turn("count", 4).press("vary").settle();
  assert.equal(stage.made().length, 2);
  assert.match(stage.status, /no free slot.*2 clips were made before/);
});

test("tracks that take no clips are named in a sentence", () => {
  const frozen = withRiff({ live: {} });
  frozen.track.frozen = true;
  frozen.press("vary").settle();
  assert.equal(frozen.status, "vary: track 1-MIDI is frozen: unfreeze it first");
  const none = new Stage().start();
  none.press("vary").settle();
  assert.equal(none.status, "vary: select a MIDI clip first");
  for (const stage of [frozen, none]) {
    assert.deepEqual(stage.made(), []);
    stage.check();
  }
});

test("sample fills from the highlighted slot on, named by the model and as long as the bars", () => {
  const stage = new Stage();
  stage.live.select(stage.track.slots[2]);
  stage.start().turn("count", 3).turn("bars", 4).press("sample").settle();
  assert.deepEqual(stage.made().map((c) => [c.name, c.loopEnd, c.path.match(/slots (\d+)/)[1]]), [["Notes #1", 16, "2"], ["Notes #2", 16, "3"], ["Notes #3", 16, "4"]]);
  assert.equal(stage.server.asked[0].keys.kind, "notes");
  assert.equal(stage.made()[0].color, stage.track.color);
  stage.check();
});

test("sample with a group or an audio track highlighted goes to the device's own track", () => {
  for (const kind of ["group", "audio"]) {
    const stage = new Stage();
    const other = stage.live.addTrack({ name: "Other", kind });
    stage.live.select(other.slots[1]);
    stage.start().turn("count", 1).press("sample").settle();
    assert.match(stage.made()[0].path, /^live_set tracks 0 clip_slots 1 /);
    stage.check();
  }
});

test("interpolate walks from A to B; its ends are the clips, each with its own look", () => {
  const stage = withRiff();
  const long = stage.live.addClip(stage.track, 7, { name: "Long", length: 8, notes: [{ pitch: 50, start_time: 3, duration: 1, probability: 0.5 }] });
  stage.press("interpolate").settle();
  assert.equal(stage.status, "morph: pick clip A first");
  stage.pick("a", stage.riff).settle().pick("b", long).settle();
  assert.deepEqual([stage.corner("a").name, stage.corner("b").name], ["Bass", "Long"]);
  assert.deepEqual(["a", "b"].map((c) => stage.text(`pick_${c}`)), ["A  Bass", "B  Long"]);
  stage.before = stage.live.snapshot();
  stage.turn("steps", 3).press("interpolate").settle();
  assert.deepEqual(stage.made().map((c) => [c.name, c.loopEnd - c.loopStart]).sort(), [["Bass > Long 1/3 #1", 4], ["Bass > Long 2/3 #2", 8], ["Bass > Long 3/3 #3", 8]]);
  const [first, , last] = stage.made();
  assert.deepEqual(rows(first.notes), rows(stage.riff.notes));
  assert.deepEqual(rows(last.notes), rows(long.notes));
  sound(stage);
});

test("a picked clip may lie in the Arrangement", () => {
  const stage = withRiff();
  const song = stage.live.addArrangementClip(stage.track, 8, { name: "Song", length: 4, notes: RIFF });
  stage.pick("a", stage.riff).settle();
  stage.live.app.view.focused_document_view = "Arranger";
  stage.pick("b", song).settle();
  assert.equal(stage.corner("b").name, "Song");
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.made().length, 3);
  stage.check();
});

test("picking the same clip again lets it go", () => {
  const stage = withRiff();
  stage.pick("c", stage.riff).settle();
  assert.deepEqual(stage.corner("c"), { name: "Bass", state: "picked", color: stage.riff.color });
  stage.pick("c", stage.riff).settle();
  assert.deepEqual([stage.corner("c").name, stage.corner("c").state], ["", "empty"]);
  stage.check();
});

test("same-pitch overlaps are resolved before writing: untouched notes stay, new ones give way", () => {
  const stage = withRiff();
  stage.server.answer.vary = ({ clips }) => {
    const clip = whole(clips[0]);
    const over = [fresh(38, 0, 0.5), fresh(38, 0.2, 0.5), fresh(50, 1, 2), fresh(50, 1.5, 1), fresh(50, 1.5, 0.5), fresh(36, -1.5, 3)];
    return [{ ...clip, rows: [...clip.rows, ...over] }];
  };
  stage.press("vary").settle();
  const [made] = stage.made();
  for (const note of RIFF) assert.ok(made.notes.some((n) => n.pitch === note.pitch && n.start_time === note.start_time && n.duration === note.duration));
  const byPitch = (pitch) => made.notes.filter((n) => n.pitch === pitch).map((n) => [n.start_time, n.duration]);
  assert.equal(byPitch(50).length, 2);
  assert.deepEqual(byPitch(50)[0], [2, 0.5]);
  for (const note of made.notes) {
    assert.ok(!made.notes.some((o) => o !== note && o.pitch === note.pitch && o.start_time > note.start_time && o.start_time < note.start_time + note.duration - 1e-6));
  }
  assert.equal(stage.status, "1 clip in a slot below");
  sound(stage);
});

test("what Live writes otherwise than asked is seen, said and taken back", () => {
  const stage = withRiff();
  let written = 0;
  stage.live.tamper = (notes) => (written++ ? notes : notes.map((n) => ({ ...n, start_time: n.start_time + 0.01 })));
  stage.turn("count", 3).press("vary").settle();
  assert.equal(stage.made().length, 2);
  assert.equal(stage.status, "2 clips in slots below; 1 was not kept: Live changed one of its notes");
  sound(stage);
});

test("velocities that Live rounds and numbers that it cuts are no fault", () => {
  const stage = withRiff({ live: { digits: 7 } });
  stage.live.tamper = (notes) => notes.map((n) => ({ ...n, velocity: Math.round(n.velocity) }));
  stage.turn("count", 2).press("vary").settle();
  assert.equal(stage.status, "2 clips in slots below");
  sound(stage);
});

test("notes get in and out whichever form of argument this Live takes, and never twice", () => {
  for (const notes of [{ object: "ignored" }, { object: "ignored", string: "ignored" }, { list: "ignored" }, { object: "ignored", list: "ignored" }]) {
    const stage = withRiff({ live: { notes } });
    stage.turn("count", 3).press("vary").settle();
    assert.equal(stage.status, "3 clips in slots below", JSON.stringify(notes));
    for (const made of stage.made()) assert.equal(made.notes.length, RIFF.length, JSON.stringify(notes));
    sound(stage);
  }
});

test("a Live that takes notes in no form gives a sentence and leaves nothing behind", () => {
  const stage = withRiff({ live: { notes: { object: "ignored", string: "ignored", dict: "ignored" } } });
  stage.turn("count", 1).press("vary").settle();
  assert.match(stage.status, /Live did not accept (any|all)/);
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("an empty clip and one of 5,000 notes go both ways", () => {
  for (const size of [0, 1, 500, 5000]) {
    const notes = Array.from({ length: size }, (_, i) => ({ pitch: 20 + (i % 80), start_time: Math.floor(i / 80) * 0.25, duration: 0.2, velocity: 1 + (i % 127) }));
    const stage = withRiff({}, { notes, loop: [0, 16], markers: [0, 16] });
    stage.server.answer.vary = ({ clips }) => [{ ...whole(clips[0]), rows: [...whole(clips[0]).rows, fresh(10, 1)] }, { beats: 16, meter: [4, 4], rows: [] }];
    stage.press("vary").settle();
    assert.deepEqual(stage.made().map((c) => c.notes.length), [size + 1, 0]);
    assert.equal(stage.status, "2 clips in slots below");
    sound(stage);
  }
});

test("the musician may put a clip where a result was to go, or take away the one being written", () => {
  const stage = withRiff();
  stage.press("vary");
  stage.clock.advance(1000, () => stage.server.asked.length === 1);
  stage.live.addClip(stage.track, 5, { name: "Quick", length: 4, notes: [] });
  stage.settle();
  assert.equal(stage.made().length, 8);
  assert.equal(stage.track.slots[5].clip.name, "Quick");
  stage.check();
  const other = withRiff();
  other.press("vary");
  other.clock.advance(1000, () => other.made().length === 2);
  other.live.remove(other.made()[1].thing);
  other.settle();
  assert.match(other.status, /^8 clips in slots below|^vary: the clip was deleted while it was being written/);
  assert.ok(other.made().length < 8);
  sound(other);
});
