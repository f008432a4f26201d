// Each strictness of the fake Live bites: objects and paths, clips, scenes, undo, the view.
//
//   node --expose-internals fake_live_checks.js
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { RIFF, failsWith, said, world } = require("./fake_world.js");

// Objects and paths

test("paths, ids and types are as Live's", () => {
  const { live, track, go, max } = world(`
    var seen = [];
    ["live_set tracks 0 clip_slots 0 clip", "canonical_parent", "canonical_parent",
     "this_device", "canonical_parent", "canonical_parent",
     "live_set tracks 9", "live_set view detail_clip", "id " + kept.id].forEach(function (path) {
      api.goto(path); seen.push([api.path, api.unquotedpath, typeof api.id, api.id === "0", api.type]);
        kept.id = kept.id || api.id; });
    say(seen);`);
  live.addClip(track, 0, { notes: RIFF });
  const rack = live.addDevice(track, { racks: 1 });
  max.device = rack;
  const [seen] = go();
  const clip = ['"live_set tracks 0 clip_slots 0 clip"', "live_set tracks 0 clip_slots 0 clip", "string", false, "Clip"];
  assert.deepEqual(seen[0], clip);
  assert.deepEqual(
    seen.slice(1, 8).map(([, path, , isNone, type]) => [path, isNone, type]),
    [
      ["live_set tracks 0 clip_slots 0", false, "ClipSlot"],
      ["live_set tracks 0", false, "Track"],
      ["live_set tracks 0 devices 1 chains 0 devices 0", false, "MaxDevice"],
      ["live_set tracks 0 devices 1 chains 0", false, "Chain"],
      ["live_set tracks 0 devices 1", false, "RackDevice"],
      ["", true, ""],
      ["", true, ""],
    ],
  );
  max.failures.length = 0; // "id undefined" is no id
});

test("get gives arrays, children as ids, and an object that is deleted is id 0", () => {
  const { live, track, go, max } = world(`
    if (!kept.clip) {
      kept.clip = new LiveAPI("live_set tracks 0 clip_slots 0 clip");
      api.goto("live_set");
      say([api.get("tempo"), api.get("tracks"), api.getcount("scenes"), api.get("scale_intervals"), kept.clip.get("name")]);
      api.goto("live_set tracks 0 clip_slots 1"); say(api.get("clip"));
      api.goto("live_set tracks 0 clip_slots 0"); say([api.get("has_clip"), api.get("clip")]);
    }
    say(kept.clip.id);`);
  const clip = live.addClip(track, 0, { name: "A b" });
  const [song, none, one, id] = go();
  assert.deepEqual(song, [[120], ["id", track.id], 8, [0, 2, 4, 5, 7, 9, 11], ["A b"]]);
  assert.deepEqual(none, ["id", 0]);
  assert.deepEqual(one, [[1], ["id", clip.id]]);
  assert.equal(id, String(clip.id));
  live.remove(clip);
  assert.deepEqual(go(), ["0"]);
  live.undo();
  assert.deepEqual(go(), ["0"], "what undo brings back has another id");
  assert.equal(track.slots[0].clip.name, "A b");
  max.check();
});

test("what does not exist is an error line and a failure, not an exception", () => {
  for (const [use, pattern] of [
    ["api.get('colour')", /no property colour/],
    ["api.set('colour', 1)", /no property colour/],
    ["api.set('root_note', 1)", /can only be read/],
    ["api.call('create_scenes', -1)", /no function create_scenes/],
    ["api.call('create_scene', 99)", /create_scene 99/],
    ["api.getcount('tempo')", /no tempo to count/],
    ["api.goto('live_set trackz 0')", /no trackz/],
    ["api.goto('live_set tracks')", /needs an index/],
    ["api.goto('live_set tracks 5'); api.get('name')", /no valid object set/],
    ["api.set('tempo', 5)", /not in 20..999/],
    ["api.id = 'id 5'", /takes a number/],
  ]) {
    const { max, go } = world(`${use}; say("on");`);
    assert.deepEqual(go(), ["on"]);
    assert.match(max.console.join("\n"), /^error: jsliveapi/);
    failsWith(max, pattern);
  }
});

test("Live 11 has no scale mode and 11.0 no get_all_notes_extended, and info says so", () => {
  const body = `api.goto('live_set'); say([api.info.indexOf('scale_mode') >= 0, api.info.indexOf('root_note') >= 0]);
      if (kept.get) api.get('scale_mode'); kept.get = 1;`;
  assert.deepEqual(world(body).go(), [[true, true]]);
  const { go, max } = world(body, { version: "11.3.43" });
  assert.deepEqual(go(), [[false, true]]);
  max.check();
  go();
  failsWith(max, /no property scale_mode/);
  const old = world("api.goto('live_set tracks 0 clip_slots 0 clip'); api.call('get_all_notes_extended');", {
    version: "11.0.12",
  });
  old.live.addClip(old.track, 0, {});
  old.go();
  failsWith(old.max, /no function get_all_notes_extended/);
});

// Clips

test("a clip can only be created in an empty slot of a MIDI track that is not frozen", () => {
  const { max, live, track, go } = world(
    `for (var i = 0; i < 6; i++) { api.goto("live_set tracks " + i + " clip_slots 0"); api.call("create_clip", 4); }`,
  );
  live.addTrack({ kind: "audio", name: "audio" });
  live.addTrack({ kind: "group", name: "group" });
  live.addTrack({ frozen: true, name: "frozen" });
  live.addClip(live.addTrack({ name: "taken" }), 0, {});
  live.addReturn("A");
  const before = live.snapshot();
  go();
  assert.deepEqual(
    live.tracks.map((t) => Boolean(t.slots[0].clip)),
    [true, false, false, false, true],
  );
  assert.equal(track.slots[0].clip.loopEnd, 4);
  assert.equal(live.snapshot(), before);
  assert.equal(max.failures.length, 5);
  failsWith(max, /track that is audio[^]*track that is group[^]*frozen[^]*a clip in this slot[^]*no valid object/);
});

test("return tracks have no slots and group slots say what they are", () => {
  const { live, go, max } = world(`
    api.goto("live_set return_tracks 0"); say([api.getcount("clip_slots"), api.get("clip_slots")]);
    api.goto("live_set tracks 1"); say([api.get("is_foldable"), api.get("has_midi_input")]);
    api.goto("clip_slots 0"); say(api.get("is_group_slot"));`);
  live.addReturn("A");
  live.addTrack({ kind: "group" });
  assert.deepEqual(go(), [[0, []], [[1], [0]], [1]]);
  max.check();
});

test("loop and markers may not be turned around, and belong to each other where a clip does not loop", () => {
  const { live, track, go, max } = world(`
    api.goto("live_set tracks 0 clip_slots 0"); if (!kept.made) { api.call("create_clip", 4); kept.made = 1; api.goto("clip");
      api.set("loop_end", 8); api.set("loop_start", 4); api.set("end_marker", 8); api.set("start_marker", 2);
        api.set("looping", 0); return; }
    api.goto("clip"); say([api.get("loop_start"), api.get("loop_end"), api.get("length")]);
    api.set("loop_end", 1); api.set("end_marker", 2); api.set("looping", 2); api.set("signature_denominator", 3);`);
  go();
  max.check();
  assert.deepEqual(go(), [[[2], [8], [6]]]);
  const { loopStart, loopEnd } = track.slots[0].clip;
  assert.deepEqual([loopStart, loopEnd, live.undoSteps], [4, 8, 6]);
  assert.equal(max.failures.length, 4);
  failsWith(max, /turn the loop around[^]*turn the markers around[^]*not 0 or 1[^]*not 1, 2, 4, 8 or 16/);
});

test("a name comes whole, or as atoms of which some are numbers", () => {
  const body = "api.goto('live_set tracks 0 clip_slots 0 clip'); say(api.get('name'));";
  for (const [names, expected] of [
    ["whole", ["Kick 808 2.5"]],
    ["atoms", ["Kick", 808, 2.5]],
  ]) {
    const { live, track, go } = world(body, { names });
    live.addClip(track, 0, { name: "Kick 808 2.5" });
    assert.deepEqual(go(), [expected]);
  }
});

test("a colour snaps to Live's palette", () => {
  const { track, go } = world(
    "api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); api.goto('clip'); api.set('color', 0xff3030);",
  );
  go();
  assert.equal(track.slots[0].clip.color, 0xff3636);
});

test("a device may change only what it made", () => {
  for (const [use, pattern] of [
    ["api.goto('live_set tracks 0 clip_slots 0 clip'); api.set('name', 'x')", /name of live_set tracks 0 clip_slots 0 clip/],
    ["api.goto('live_set tracks 0 clip_slots 0 clip'); api.call('remove_notes_extended', 0, 128, 0, 9)", /notes of/],
    ["api.goto('live_set tracks 0 clip_slots 0'); api.call('delete_clip')", /clip of live_set tracks 0 clip_slots 0/],
    ["api.call('delete_scene', 3)", /scene 3 is deleted/],
    ["api.set('tempo', 99)", /tempo of live_set/],
    ["api.goto('live_set tracks 0'); api.set('name', 'x')", /name of live_set tracks 0/],
    ["api.goto('live_set tracks 0 clip_slots 0'); api.call('duplicate_clip_to', 'id ' + kept.id)", /overwrites/],
  ]) {
    const { max, live, track, go } = world(`kept.id = arguments[0]; ${use};`);
    live.addClip(track, 0, { notes: RIFF });
    live.addClip(track, 1, {});
    const before = live.snapshot();
    max.send("go", track.slots[1].id);
    assert.notEqual(live.snapshot(), before);
    failsWith(max, pattern);
  }
});

test("what a musician has edited is theirs, and what another device made is not one's own", () => {
  const { max, live, device, go } = world(`api.goto("live_set tracks 0 clip_slots 0");
    if (!kept.made) api.call("create_clip", 4); else api.call("delete_clip"); kept.made = 1;`);
  go();
  assert.equal(live.made(device).length, 1);
  live.edit(live.tracks[0].slots[0].clip, { notes: RIFF });
  assert.equal(live.made().length, 0);
  go();
  failsWith(max, /trespass, by delete_clip/);
});

test("a device's own track may be named and deleted, no other; when it is made the device is out of sight", () => {
  const { live, device, max, go } =
    world(`api.goto("live_set"); if (kept.step) { api.call("delete_track", kept.step++ === 1 ? 1 : 0); return; }
    kept.step = 1; say(api.call("create_midi_track", 1)[0]); api.goto("live_set tracks 1"); api.set("name", "New");`);
  const before = live.snapshot();
  assert.deepEqual(go(), ["id"]);
  assert.deepEqual([live.tracks[1].name, live.isInView(device), live.snapshot()], ["New", false, before]);
  live.addTrack({});
  go();
  max.check();
  assert.deepEqual([live.tracks.length, live.isInView(live.tracks[0])], [2, false]);
  go();
  failsWith(max, /track 0 is deleted/);
});

test("a clip that is laid into the Arrangement covers what is there: the device's own may go, others may not", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0"); kept.at = (kept.at || 0) + 4;
    api.call("duplicate_clip_to_arrangement", kept.id, kept.at);`);
  const clip = live.addClip(track, 0, { length: 8, notes: RIFF });
  max.world.kept.id = `id ${clip.id}`;
  go();
  go();
  max.check();
  const lie = track.arrangement.map(({ at, notes }) => [at, notes.length]);
  assert.deepEqual(lie, [[8, RIFF.length]]);
  live.addArrangementClip(track, 14, { length: 4 });
  go();
  failsWith(max, /is overwritten/);
});

test("what is granted may be written, and launch settings may be lent; the snapshot tells whether they came back", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0 clip_slots 0 clip"); kept.legato = 1 - (kept.legato || 0);
    api.set("legato", kept.legato); if (kept.renames) api.set("name", "mine now"); kept.renames = 1;`);
  const clip = live.addClip(track, 0, { name: "Theirs", notes: RIFF });
  const [before, quiet] = [live.snapshot(), live.snapshot(false)];
  go();
  max.check();
  assert.notEqual(live.snapshot(), before);
  assert.equal(live.snapshot(false), quiet);
  live.grant(clip);
  go();
  max.check();
  assert.deepEqual([clip.legato, clip.name], [0, "mine now"]);
  live.granted.clear();
  live.edit(clip, { name: "theirs again" });
  go();
  failsWith(max, /trespass, by set name/);
});

test("scenes are made at the end or within, each track gets a slot, and the last one stays", () => {
  const { max, live, go } = world(
    `say(api.call("create_scene", -1)[0]); api.call("create_scene", 0); api.call("delete_scene", 0);`,
    { scenes: 1, mostScenes: 3 },
  );
  live.addTrack({ kind: "audio" });
  live.addClip(live.tracks[0], 0, {});
  assert.deepEqual(go(), ["id"]);
  assert.deepEqual(
    live.tracks.map((t) => t.slots.length),
    [2, 2],
  );
  assert.ok(live.tracks[0].slots[0].clip);
  max.check();
  go();
  go();
  failsWith(max, /3 scenes already/);
});

test("each change is a step of the undo history, which the musician can go back and forth", () => {
  const { live, track, go, max } = world(
    `api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); api.goto('clip'); api.set('name', 'new');
      api.call('add_new_notes', { notes: [{ pitch: 1, start_time: 0, duration: 1 }] });`,
  );
  const before = live.snapshot();
  go();
  assert.equal(live.undoSteps, 3);
  assert.deepEqual(
    live.log.map(({ what }) => what),
    ["create_clip", "set name", "add_new_notes"],
  );
  live.undo();
  assert.equal(track.slots[0].clip.notes.length, 0);
  live.undo();
  live.undo();
  assert.equal(track.slots[0].clip, null);
  assert.equal(live.snapshot(), before);
  for (let i = 0; i < 4; i++) live.redo();
  assert.equal(track.slots[0].clip.notes.length, 1);
  max.check();
});

test("a selection goes with a click, and the view can be set by id", () => {
  const { live, track, go, max } = world(`
    api.goto("live_set view"); say([api.get("highlighted_clip_slot"), api.get("detail_clip"), api.get("selected_track")]);
    api.set("highlighted_clip_slot", "id " + arguments[0]); api.set("detail_clip", "id " + arguments[1]);`);
  const clip = live.addClip(track, 2, {});
  const other = live.addArrangementClip(live.addTrack({}), 8, {});
  live.select(track.slots[2]);
  max.send("go", live.tracks[1].slots[1].id, other.id);
  assert.deepEqual(said(max), [
    [
      ["id", track.slots[2].id],
      ["id", clip.id],
      ["id", track.id],
    ],
  ]);
  assert.equal(live.view.detail_clip, other);
  assert.equal(live.view.selected_track, live.tracks[1]);
  assert.equal(live.path(other), "live_set tracks 1 arrangement_clips 0");
  max.check();
});
