// Each strictness of the fake Live about notes bites; and Drum Racks, and several devices.
//
//   node --expose-internals fake_notes_checks.js
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { HEAD, RIFF, failsWith, world } = require("./fake_world.js");
const { Max } = require("./max.js");

// Notes

function onClip(body, options) {
  const all = world(
    `api.goto("live_set tracks 0 clip_slots 0"); if (!kept.made) api.call("create_clip", 4);
      kept.made = 1; api.goto("clip"); ${body}`,
    options,
  );
  return Object.assign(all, { notes: () => all.track.slots[0].clip.notes });
}

test("notes come as text, sorted by pitch and then time, only those of the region", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0 clip_slots 0 clip");
    say(api.call("get_notes_extended", 0, 128, -100, 200));
    say(api.call("get_notes_extended",
      { from_pitch: 0, pitch_span: 128, from_time: 0, time_span: 1, "return": ["pitch", "note_id"] }));
    say(api.call("get_notes_extended", 36, 1, 0, 10)); say(api.call("get_selected_notes_extended"));
      say(api.call("get_notes_by_id", [1, 3]));`);
  live.addClip(track, 0, { notes: [RIFF[0], { ...RIFF[1], selected: true }, RIFF[2]] });
  const texts = go();
  assert.ok(texts.every((one) => typeof one === "string"));
  const [all, first, low, marked, byId] = texts.map((one) => JSON.parse(one).notes);
  assert.deepEqual(
    all.map((n) => [n.pitch, n.start_time]),
    [
      [36, -0.5],
      [36, 2],
      [40, 0],
    ],
  );
  assert.equal(
    Object.keys(all[0]).join(),
    "note_id,pitch,start_time,duration,velocity,mute,probability,velocity_deviation,release_velocity",
  );
  assert.deepEqual(first, [{ pitch: 40, note_id: 1 }]);
  assert.deepEqual([low.length, marked.length, byId.length], [1, 1, 2]);
  max.check();
});

test("regions beyond the pitches, and the old note functions, are refused", () => {
  for (const [call, pattern] of [
    ["'get_notes_extended', 0, 129, 0, 4", /pitch_span 129/],
    ["'get_notes_extended', 1, 128, 0, 4", /pitch_span 128/],
    ["'get_notes_extended', 0, 128, 0, 0", /time_span 0/],
    ["'get_notes_extended', 0, 128", /from_pitch, pitch_span/],
    ["'remove_notes_extended', 0, 0, 0, 4", /pitch_span 0/],
    ["'get_notes', 0, 0, 4, 128", /deprecated/],
    ["'set_notes'", /deprecated/],
    ["'remove_notes', 0, 0, 4, 128", /deprecated/],
    ["'get_notes_extended', { 'return': ['colour'], from_pitch: 0, pitch_span: 128, from_time: 0, time_span: 1 }", /no colour/],
  ]) {
    const { max, go } = onClip(`api.call(${call});`);
    go();
    failsWith(max, pattern);
  }
});

test("notes that are not quite notes are refused, all of them", () => {
  for (const [note, pattern] of [
    ["{ pitch: 1, start_time: 0, duration: 1, note_id: 3 }", /the key note_id/],
    ["{ pitch: 1, start_time: 0, duration: 1, from_clip: 0 }", /the key from_clip/],
    ["{ pitch: 1, duration: 1 }", /no start_time/],
    ["{ pitch: 128, start_time: 0, duration: 1 }", /pitch 128/],
    ["{ pitch: 1.5, start_time: 0, duration: 1 }", /not whole/],
    ["{ pitch: 1, start_time: 0, duration: 0 }", /duration 0/],
    ["{ pitch: 1, start_time: 0 / 0, duration: 1 }", /start_time of a note is null/],
    ["{ pitch: 1, start_time: 0, duration: 1, probability: 1.5 }", /probability 1.5/],
    ["{ pitch: 1, start_time: 0, duration: 1, velocity: '9' }", /velocity of a note is 9/],
    ["{ pitch: 1, start_time: 0, duration: 1, velocity_deviation: 200 }", /velocity_deviation 200/],
  ]) {
    const { max, go, notes } = onClip(
      `api.call("add_new_notes", { notes: [{ pitch: 2, start_time: 0, duration: 1 }, ${note}] });`,
    );
    go();
    assert.equal(notes().length, 0);
    failsWith(max, pattern);
  }
});

test("velocities and durations are clamped without a word, and what is left out has Live's defaults", () => {
  const { max, go, notes } = onClip(`api.call("add_new_notes", { notes: [
    { pitch: 1, start_time: 0, duration: 1, velocity: 200 },
      { pitch: 2, start_time: 0, duration: 1e-9, velocity: 0, mute: true }, { pitch: 3, start_time: 0, duration: 1 }] });`);
  go();
  assert.deepEqual(
    notes().map((n) => [n.velocity, n.mute]),
    [
      [127, 0],
      [1, 1],
      [100, 0],
    ],
  );
  assert.ok(notes()[1].duration > 1e-9);
  assert.deepEqual([notes()[2].probability, notes()[2].velocity_deviation, notes()[2].release_velocity], [1, 0, 64]);
  max.check();
});

test("notes of one pitch that overlap are cut or dropped", () => {
  const { go, notes } = onClip(`api.call("add_new_notes", { notes: [
    { pitch: 1, start_time: 1, duration: 1 }, { pitch: 1, start_time: 0, duration: 1.5 },
    { pitch: 2, start_time: 0, duration: 2 }, { pitch: 2, start_time: 1, duration: 2 },
      { pitch: 3, start_time: 0, duration: 9 }] });`);
  go();
  assert.deepEqual(
    notes().map((n) => [n.pitch, n.start_time, n.duration]),
    [
      [1, 0, 1.5],
      [2, 0, 1],
      [2, 1, 2],
      [3, 0, 9],
    ],
  );
});

test("notes are changed by id: all fields or none, and what the object model does not show stays", () => {
  const { live, track, device, max, go } = world(`api.goto("live_set tracks 0 clip_slots 0 clip");
    var all = JSON.parse(api.call("get_notes_extended", 0, 128, -9, 99)).notes;
    all.forEach(function (note) { note.velocity = 50; if (kept.wrong) note.note_id += 7; }); kept.wrong = 1;
    api.call("apply_note_modifications", { notes: all });`);
  live.addClip(track, 0, { notes: RIFF }).owner = device;
  go();
  max.check();
  const after = track.slots[0].clip.notes;
  assert.deepEqual(
    after.map((n) => n.velocity),
    [50, 50, 50],
  );
  assert.equal(after.find((n) => n.start_time === 2).mpe, "a bend");
  go();
  failsWith(max, /there is no note/);
  assert.equal(track.slots[0].clip.notes, after);
});

test("a Live that does not understand a form of argument writes nothing and says so in the console only", () => {
  const note = '{"notes":[{"pitch":1,"start_time":0,"duration":1}]}';
  const forms = {
    object: `api.call("add_new_notes", ${note});`,
    string: `api.call("add_new_notes", '${note}');`,
    dict: `var d = new Dict(); d.parse('${note}'); api.call("add_new_notes", d);`,
  };
  for (const [form, call] of Object.entries(forms)) {
    for (const [how, count] of [
      ["ok", 1],
      ["ignored", 0],
    ]) {
      const { max, go, notes } = onClip(call, { notes: { [form]: how } });
      go();
      assert.equal(notes().length, count, `${form} ${how}`);
      assert.equal(max.console.length, 1 - count);
      max.check();
    }
  }
});

test("a Dict within a Dict is made from text and read again", () => {
  const { max, go } = world(`var d = new Dict("outer"); d.setparse("w", '{"notes":[{"pitch":1}]}');
    say(d.get("w").stringify()); say([d.contains("w"), d.getkeys(), new Dict("outer").get("w") !== null]); d.set("a", 5);
      say(d.get("a")); d.clear(); say(d.get("a"));`);
  assert.deepEqual(go(), ['{"notes":[{"pitch":1}]}', [1, ["w"], true], 5, null]);
  max.check();
});

test("a symbol longer than Max has is refused as an argument too", () => {
  const { max, go } =
    onClip(`var notes = []; for (var i = 0; i < 1000; i++) notes.push({ pitch: 1, start_time: i, duration: 0.5 });
    api.call("add_new_notes", JSON.stringify({ notes: notes }));`);
  go();
  failsWith(max, /a symbol of \d+ characters/);
});

test("what Live writes can be tampered with, and the text of numbers shortened", () => {
  const { live, max, go, notes } = onClip(
    `api.call("add_new_notes", { notes: [{ pitch: 1, start_time: 1 / 3, duration: 1 },
      { pitch: 2, start_time: 1, duration: 1 }] });
    say(JSON.parse(api.call("get_notes_extended", 0, 128, 0, 9)).notes[0].start_time);`,
    { digits: 6 },
  );
  live.tamper = (given) => given.slice(0, 1);
  assert.deepEqual(go(), [0.333333]);
  assert.equal(notes().length, 1);
  max.check();
});

test("a Drum Rack has 128 pads with names, and a device knows that it is one", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0 devices 1");
      say([api.get("can_have_drum_pads"), api.getcount("drum_pads"), api.getcount("chains")]);
    api.goto("drum_pads 38"); say([api.get("note"), api.get("name"), api.get("chains").length]);`);
  live.addDrumRack(track, { 36: "Kick", 38: "Snare Tight" });
  assert.deepEqual(go(), [
    [[1], 128, 2],
    [[38], ["Snare Tight"], 2],
  ]);
  max.check();
});

test("a device that is taken away does nothing more", () => {
  const { clock, max, go } = world("new Task(function () { say('late'); }).schedule(10);");
  go();
  max.close();
  max.send("go");
  clock.advance(100);
  assert.deepEqual(max.sent(1), []);
  max.check();
});

test("two devices in one set have worlds of their own and see each other's clips", () => {
  const one = world("api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); kept.mine = 1; say(kept);");
  const device = one.live.addDevice(one.live.addTrack({}));
  const source = `${HEAD}function bang() { var api = new LiveAPI("this_device"); outlet(1, [api.unquotedpath]);
    api.goto("live_set tracks 0 clip_slots 0"); outlet(1, [api.get("has_clip")[0], typeof kept]); }`;
  one.go();
  const two = new Max(source, { clock: one.clock, live: one.live, device, outlets: 2 });
  two.send("bang");
  assert.deepEqual(two.take(1), [["live_set tracks 1 devices 0"], [1, "undefined"]]);
  two.check();
});
