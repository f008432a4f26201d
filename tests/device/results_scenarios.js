// Scenarios of the device's script: sources, results in slots, notes that stay as they are, what Live may refuse.
// Run one file with `node --expose-internals tests/device/results_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, fresh, rows, whole } = require("./stage.js");

const RIFF = [
  { pitch: 36, start_time: -0.25, duration: 0.2, velocity: 71 },
  { pitch: 36, start_time: 0, duration: 0.5, velocity: 100.5 },
  { pitch: 38, start_time: 1.1, duration: 0.3, probability: 0.35, velocity_deviation: -20, release_velocity: 99, mute: 1 },
  { pitch: 127, start_time: 2.0000001, duration: 1 / 3, mpe: "a bend" },
  { pitch: 0, start_time: 7.5, duration: 4 },
];

// A stage with a clip that is selected: a loop from 1 to 5 with notes on all sides of it.
function withRiff(options = {}, fields = {}) {
  const stage = new Stage(options);
  const looped = { name: "Bass", notes: RIFF, loop: [1, 5], markers: [0.5, 8], signature: [7, 8] };
  stage.riff = stage.live.addClip(stage.track, 1, { ...looped, color: 0x1aff2f, ...fields });
  stage.live.select(stage.track.slots[1]);
  stage.before = stage.live.snapshot();
  return stage.start();
}

// What must hold after all that a device did: nothing of the musician's has changed, nothing forbidden was done.
function sound(stage) {
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
}

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
  const audio = new Stage();
  const track = audio.live.addTrack({ name: "Vox", kind: "audio" });
  audio.live.addClip(track, 0, { name: "Take", length: 4, audio: true });
  audio.live.select(track.slots[0]);
  audio.start().press("vary").settle();
  assert.equal(audio.status, "vary: the selected clip is audio: select a MIDI clip");
  for (const stage of [frozen, none, audio]) {
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
  assert.equal(stage.status, "interpolate: pick clip A first");
  stage.press("pick_a").settle();
  stage.live.select(long);
  stage.press("pick_b").settle();
  assert.deepEqual([stage.shown.name_a, stage.shown.name_b], ["Bass", "Long"]);
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
  stage.press("pick_a").settle();
  stage.live.app.view.focused_document_view = "Arranger";
  stage.live.select(song);
  stage.press("pick_b").settle();
  assert.equal(stage.shown.name_b, "Song");
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.made().length, 3);
  stage.check();
});

test("picking the same clip again lets it go", () => {
  const stage = withRiff();
  stage.press("pick_c").settle();
  assert.equal(stage.shown.name_c, "Bass");
  stage.press("pick_c").settle();
  assert.equal(stage.shown.name_c, "–");
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
  stage.press("vary").wait(60);
  stage.live.addClip(stage.track, 5, { name: "Quick", length: 4, notes: [] });
  stage.settle();
  assert.equal(stage.made().length, 8);
  assert.equal(stage.track.slots[5].clip.name, "Quick");
  stage.check();
  const other = withRiff();
  other.press("vary");
  other.clock.advance(1000, () => other.made().length === 2);
  other.wait(7); // it is being dressed
  other.live.remove(other.made()[1].thing);
  other.settle();
  assert.match(other.status, /^vary: the clip was deleted while it was being written/);
  sound(other);
});

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
  stage.turn("key", 0).press("vary").settle();
  assert.equal(stage.server.asked[3].keys.key, undefined);
  stage.check();
});

test("a scale that is off is no key; Live 11 has no switch, and its C Major is taken as none", () => {
  const key = (live) => {
    const stage = withRiff({ live });
    stage.press("vary").settle();
    stage.check();
    return stage.server.asked[0].keys.key;
  };
  assert.equal(key({ scale: { mode: 0, root: 9, name: "Minor" } }), undefined);
  assert.equal(key({ scale: { mode: 1, root: 0, name: "Major" } }), "C Major");
  assert.equal(key({ version: "11.3.43", scale: { mode: 1, root: 0, name: "Major" } }), undefined);
  assert.equal(key({ version: "11.1.0", scale: { mode: 0, root: 6, name: "Dorian" } }), "F# Dorian");
});

test("locks are what the toggles say; locked notes are those selected in the clip", () => {
  const stage = withRiff();
  stage.riff.notes = stage.riff.notes.map((n) => ({ ...n, selected: n.pitch === 36 }));
  stage.turn("lock_rhythm", 1).turn("lock_velocity", 1).turn("lock_notes", 1).turn("lock_voices", 3).press("vary").settle();
  const { keys } = stage.server.asked[0];
  assert.equal(keys.lock, "rhythm,velocity");
  assert.equal(keys.lock_notes, "0,1");
  assert.equal(keys.lock_voices, "kick,snare");
  stage.turn("lock_rhythm", 0).turn("lock_velocity", 0).turn("lock_notes", 0).turn("lock_voices", 0).press("vary").settle();
  assert.equal(stage.server.asked[1].keys.lock, undefined);
  assert.equal(stage.server.asked[1].keys.lock_voices, undefined);
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

test("several presses at once all end in results, none on another", () => {
  const stage = withRiff();
  stage.turn("count", 3).press("vary").press("sample").turn("seed", 9).press("vary").settle();
  assert.equal(stage.made().length, 9);
  assert.equal(new Set(stage.made().map((c) => c.path)).size, 9);
  sound(stage);
});

test("each turn of the script reads little and writes once", () => {
  const stage = withRiff({ live: { scenes: 120 } });
  for (let i = 2; i < 110; i++) stage.live.addClip(stage.track, i, { name: "x", length: 1, notes: [] });
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  assert.equal(stage.live.scenes.length, 120);
  for (const turn of stage.max.turns) {
    assert.ok(turn.writes <= 1, `${turn.what}: ${turn.writes} writes`);
    assert.ok(turn.gets <= 60, `${turn.what}: ${turn.gets} gets`);
    assert.ok(turn.sent <= 60, `${turn.what}: ${turn.sent} messages`);
  }
  stage.check();
});

test("a press with nothing selected, or with a fault in the script's world, ends in a sentence", () => {
  const stage = new Stage().start();
  for (const corner of ["a", "b", "c", "d"]) stage.press(`pick_${corner}`).settle();
  assert.equal(stage.status, "pick: select a MIDI clip first");
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
  stage.clock.advance(1000, () => stage.made().length === 2);
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
  for (let i = 0; i < 40; i++) stage.turn("amount", 30).wait(50);
  assert.equal(stage.made().length, 2);
  task.schedule = schedule;
  stage.turn("amount", 31).wait(20000);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 4);
  sound(stage);
});

test("a button that says 1 and then 0 is pressed once, one that bangs as often as it bangs", () => {
  const stage = withRiff();
  stage.turn("reroll", 1).turn("reroll", 0).settle();
  assert.equal(stage.lines.filter((line) => line.startsWith("seed")).length, 1);
  stage.turn("reroll", "bang").turn("reroll", "bang").settle();
  assert.equal(stage.lines.filter((line) => line.startsWith("seed")).length, 3);
  stage.check();
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
