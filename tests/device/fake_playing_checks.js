// Each strictness of the set that plays bites: time, launch quantization, legato, notes that are cut; scales, tracks and
// copies.
//
//   node --expose-internals fake_playing_checks.js
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { world } = require("./fake_world.js");
const { Live } = require("./live.js");
const { Stage } = require("./stage.js");

const LONG = { pitch: 60, start_time: 0, duration: 4 };
const SHORT = { pitch: 64, start_time: 2, duration: 0.5 };

// A world with clips of four beats in the first slots, each of a long note and a short one; 500 ms are a beat.
function playing(body = "", options = {}) {
  const found = world(body, options);
  found.clips = [0, 1].map((row) =>
    found.live.addClip(found.track, row, { name: `Clip ${row}`, length: 4, notes: [LONG, SHORT] }),
  );
  for (const clip of found.clips) clip.owner = found.device;
  return found;
}

// Time and launching

test("the first clip begins the transport and plays at once; the next waits for the bar", () => {
  const { live, clock, track, clips, max, go } = playing(`api.goto("live_set tracks 0"); say([api.get("playing_slot_index")[0],
    api.get("fired_slot_index")[0]]); api.goto("live_set"); say(api.get("current_song_time")[0]);
    api.goto("live_set tracks 0 clip_slots 0 clip"); say(api.get("playing_position")[0]);`);
  live.launch(track.slots[0]);
  clock.advance(750);
  live.launch(track.slots[1]);
  assert.deepEqual(go(), [[0, 1], 1.5, 1.5]);
  clock.advance(1249);
  assert.deepEqual([clips[0].is_playing, clips[1].is_playing], [1, 0]);
  clock.advance(2);
  assert.deepEqual([clips[0].is_playing, clips[1].is_playing], [0, 1]);
  max.check();
});

test("launch quantization is the song's, or the clip's own, or the launch's; bars are those of the meter", () => {
  const starts = (options, { own = 0, song = 4, step } = {}) => {
    const { live, clock, track, clips } = playing("", options);
    live.song.clip_trigger_quantization = song;
    clips[1].launch_quantization = own;
    live.launch(track.slots[0]);
    clock.advance(100);
    live.launch(track.slots[1], { step });
    clock.advance(20000, () => clips[1].is_playing);
    return Math.round(clock.now);
  };
  assert.equal(starts({}), 2000);
  assert.equal(starts({ signature: [3, 4] }), 1500);
  assert.equal(starts({}, { song: 7 }), 500);
  assert.equal(starts({}, { own: 1 }), 100);
  assert.equal(starts({}, { own: 4 }), 4000);
  assert.equal(starts({}, { step: 0 }), 100);
});

test("tempo and stops are reckoned with while a clip waits", () => {
  const { live, clock, track, clips } = playing();
  live.launch(track.slots[0]);
  clock.advance(1000);
  live.launch(track.slots[1]);
  live.setTempo(60);
  clock.advance(1999);
  assert.equal(clips[1].is_playing, 0);
  clock.advance(2);
  assert.equal(clips[1].is_playing, 1);
  assert.ok(Math.abs(live.transport.beat - 4) < 0.01);
  live.stop();
  assert.deepEqual([clips[1].is_playing, live.position(clips[1]), live.cuts.length], [0, null, 1]);
});

test("legato takes over the place of the clip before; without it a clip begins at its start", () => {
  for (const legato of [0, 1]) {
    const { live, clock, track, clips } = playing();
    Object.assign(clips[1], { legato, launch_quantization: 1, loopEnd: 2, end_marker: 2 });
    live.launch(track.slots[0]);
    clock.advance(1250);
    live.launch(track.slots[1]);
    assert.equal(live.position(clips[1]), legato ? 0.5 : 0);
    assert.deepEqual(
      live.sounding(clips[1]).map((n) => n.pitch),
      legato ? [] : [60],
      "a note that began before does not sound",
    );
    clock.advance(1000);
    assert.deepEqual(
      live.sounding(clips[1]).map((n) => n.pitch),
      [60],
    );
  }
});

test("an empty slot stops its track, in the Arrangement a clip plays in its time", () => {
  const { live, clock, track, clips } = playing();
  const arranged = live.addArrangementClip(track, 4, { length: 4, notes: [LONG] });
  live.launch(track.slots[0]);
  clock.advance(2500);
  assert.equal(arranged.is_playing, 0);
  live.launch(track.slots[5]);
  clock.advance(1600);
  assert.deepEqual([clips[0].is_playing, track.playing === track.slots[5]], [0, false]);
  live.stop();
  live.begin();
  assert.equal(arranged.is_playing, 0);
});

// Notes that sound

test("what is taken away or moved while it sounds is cut; what is not under the needle is not", () => {
  const cuts = (body) => {
    const { live, clock, track, max, go } = playing(`api.goto("live_set tracks 0 clip_slots 0 clip"); ${body}`);
    live.launch(track.slots[0]);
    clock.advance(500);
    go();
    max.check();
    return live.cuts.map(({ pitch, why, by }) => [pitch, why, by ? "device" : "hand"]);
  };
  const all = `JSON.parse(api.call("get_notes_extended", 0, 128, 0, 9)).notes`;
  assert.deepEqual(cuts(`api.call("remove_notes_extended", 0, 128, 0, 9);`), [[60, "removed", "device"]]);
  assert.deepEqual(cuts(`api.call("remove_notes_extended", 64, 1, 0, 9);`), []);
  assert.deepEqual(cuts(`api.call("add_new_notes", { notes: [{ pitch: 60, start_time: 3, duration: 1 }] });`), []);
  assert.deepEqual(cuts(`api.call("add_new_notes", { notes: [{ pitch: 60, start_time: 0.5, duration: 1 }] });`), [
    [60, "removed", "device"],
  ]);
  assert.deepEqual(cuts(`var n = ${all}; n[0].duration = 3; api.call("apply_note_modifications", { notes: n });`), []);
  assert.deepEqual(cuts(`var n = ${all}; n[0].duration = 0.5; api.call("apply_note_modifications", { notes: n });`), [
    [60, "removed", "device"],
  ]);
  assert.deepEqual(cuts(`api.set("loop_end", 3);`), [[60, "moved", "device"]]);
  assert.deepEqual(cuts(`api.set("name", "else");`), []);
  assert.deepEqual(cuts(`api.goto("live_set tracks 0 clip_slots 0"); api.call("delete_clip");`), [[60, "deleted", "device"]]);
  assert.deepEqual(cuts(`api.set("launch_quantization", 1); api.call("fire");`), [[60, "launched again", "hand"]]);
});

test("a note is played into a clip that plays, where it is", () => {
  const { live, clock, track, clips } = playing();
  live.launch(track.slots[0]);
  clock.advance(750);
  live.record(clips[0], 72);
  assert.equal(clips[0].notes.at(-1).start_time, 1.5);
  assert.deepEqual(live.cuts, []);
});

// What belongs to clips and tracks

test("since Live 12 the scale is that of the clip that is selected, before that the song's", () => {
  const told = (version) => {
    const { live, track, go } = world(`api.goto("live_set"); say([api.get("root_note")[0], api.get("scale_name")[0]]);`, {
      version,
    });
    const clip = live.addClip(track, 0, { scale: { mode: 1, root: 9, name: "Minor" } });
    const before = go();
    live.select(clip);
    return [...before, ...go()];
  };
  assert.deepEqual(told("12.1.5"), [
    [0, "Major"],
    [9, "Minor"],
  ]);
  assert.deepEqual(told("11.3.43"), [
    [0, "Major"],
    [0, "Major"],
  ]);
});

test("clicks change what is selected, and tell observers: a clip's track too, an empty slot has no clip", () => {
  const { live, track, max } = world("");
  const other = live.addTrack({ name: "Other" });
  const clip = live.addClip(other, 2, {});
  const lane = live.addTakeLane(track);
  const take = live.addArrangementClip(lane, 8, {});
  live.select(clip);
  assert.deepEqual([live.view.selected_track, live.view.detail_clip], [other, clip]);
  live.select(track);
  assert.deepEqual([live.highlighted(), live.view.detail_clip], [track.slots[2], null]);
  live.select(take);
  assert.deepEqual([live.view.selected_track, live.view.detail_clip], [track, take]);
  assert.equal(live.path(take), "live_set tracks 0 take_lanes 0 arrangement_clips 0");
  live.select(other.slots[0]);
  assert.equal(live.view.detail_clip, null);
  max.check();
});

test("tracks are moved and duplicated, with clips and devices; what a device made is its copy's then", () => {
  const live = new Live();
  const [track] = live.tracks;
  const device = live.addDevice(track, { racks: 1 });
  const rack = live.addDrumRack(track, { 36: "Kick" });
  live.addClip(track, 0, { name: "Mine", notes: [LONG] });
  live.addClip(track, 1, { name: "Its" }).owner = device;
  const copy = live.duplicateTrack(track);
  const twin = live.maxDeviceOf(copy);
  assert.notEqual(twin, device);
  assert.deepEqual(live.tracks, [track, copy]);
  assert.deepEqual(
    copy.slots.slice(0, 2).map(({ clip }) => [clip.name, clip.owner]),
    [
      ["Mine", null],
      ["Its", twin],
    ],
  );
  assert.notEqual(copy.slots[0].clip.notes[0].note_id, track.slots[0].clip.notes[0].note_id);
  assert.equal(live.path(twin), "live_set tracks 1 devices 0 chains 0 devices 0");
  assert.equal(copy.devices.length, track.devices.length);
  assert.notEqual(copy.devices[1], rack);
  live.moveTrack(copy, 0);
  assert.deepEqual(live.tracks, [copy, track]);
  assert.equal(live.view.selected_track, copy);
});

test("when a set is opened again all that is in it has other ids", () => {
  const live = new Live();
  const clip = live.addClip(live.tracks[0], 0, { name: "A" });
  const [id, text] = [clip.id, live.snapshot()];
  live.rebear();
  assert.equal(live.byId(id), null);
  assert.equal(live.byId(clip.id), clip);
  assert.equal(live.snapshot(), text);
  assert.deepEqual([live.done, live.undone], [[], []]);
});

// The stage

test("a hand that presses a device on a track that is not selected clicks on that track first", () => {
  const stage = new Stage().start();
  const other = stage.live.addTrack({ name: "Other" });
  stage.live.select(stage.live.addClip(other, 0, {}));
  stage.look();
  assert.equal(stage.live.view.selected_track, stage.track);
  assert.equal(stage.live.view.detail_clip, null);
});

test("hands go where a control is: to its mode, into the fold-out and out of it, to its track", () => {
  const stage = new Stage().start();
  assert.throws(() => stage.patch.turn("lock_rhythm", 1), /hidden/);
  assert.throws(() => stage.patch.turn("steps", 4), /hidden/);
  stage.turn("lock_rhythm", 1);
  assert.deepEqual([stage.shown.more, stage.shown.lock_rhythm], [1, 1]);
  stage.turn("steps", 4);
  assert.deepEqual([stage.patch.table.controls.mode.choices[stage.shown.mode], stage.shown.steps], ["morph", 4]);
  stage.turn("puck", 64, 64);
  assert.deepEqual([stage.patch.table.controls.mode.choices[stage.shown.mode], stage.shown.more], ["pad", 0]);
  stage.check();
});

test("a device of a duplicated track, and one that was copied, begin with what Live has kept of the first", () => {
  const stage = new Stage().start();
  stage.turn("amount", 77).settle();
  const twin = stage.duplicateTrack();
  const far = stage.copyDevice(stage.live.addTrack({ name: "Far" }));
  for (const one of [twin, far]) {
    one.wait(6000);
    assert.equal(one.shown.amount, 77);
    assert.notEqual(one.port, stage.port);
    assert.equal(one.status, stage.status);
  }
  assert.equal(stage.live.trackOf(far.device).name, "Far");
});
