// Scenarios while a set plays: the pad plays through, moves come whole, tempo and source change, MIDI passes as it came.
// Run with `node --expose-internals tests/device/playing_scenarios.js`; what is cut is said in transport.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Ear } = require("./ear.js");
const hands = require("./hands.js");
const { Stage, fresh, rows, whole } = require("./stage.js");
const { audition, picked, places, sound, withRiff } = require("./stages.js");

// A stage whose pad plays a clip of long notes: three at once, of four beats, at places that follow the puck.
function sustained(options) {
  const stage = picked(options);
  stage.server.answer.at = ({ at: [x], clips }) => {
    const shift = Math.round(x * 6);
    return [{ ...whole(clips[0]), rows: [0, 4, 7].map((step) => fresh(48 + shift + step, 0.5, 3)) }];
  };
  stage.turn("puck", 10, 10).settle();
  const [{ thing }] = audition(stage);
  stage.live.launch(thing.parent);
  stage.ear = new Ear(stage);
  stage.wait(600);
  assert.equal(stage.live.sounding(thing).length, 3);
  return stage;
}

// Each note was heard as long as it is, none twice at a time, and what sounds now is what the pad's clip plays.
function isWhole(stage, what, near) {
  const { ear } = stage;
  assert.ok(ear.notes().length > 6, what);
  assert.deepEqual([ear.cuts(3, near), ear.doubles()], [[], []], what);
  const [{ thing }] = audition(stage);
  const playing = stage.live.sounding(thing).map(({ pitch }) => pitch);
  assert.deepEqual(ear.sounding().sort(), playing.sort(), what);
}

// What devices have cut short.
function cuts(stage) {
  return stage.live.cuts.filter(({ by }) => by).map(({ pitch, why, at }) => `${pitch} ${why} at ${at.toFixed(0)}`);
}

test("the pad plays through: no note that sounds is cut, and in the end all is as it lies under the puck", () => {
  const stage = sustained();
  stage.drag(
    Array.from({ length: 120 }, (_, i) => [10 + i, 20]),
    100,
  ); // twelve seconds, six times through the clip
  const heard = new Set(stage.ear.notes().map(({ pitch }) => pitch));
  assert.ok(heard.size > 9, `while it moves, only ${[...heard]} are heard`);
  stage.settle().wait(5000).settle();
  isWhole(stage);
  const [{ thing }] = audition(stage);
  const shift = Math.round(places(stage).at(-1)[0] * 0.06);
  assert.deepEqual(
    thing.notes.map((n) => n.pitch).sort(),
    [0, 4, 7].map((step) => 48 + shift + step),
  );
  assert.equal(thing.is_playing, 1);
  sound(stage);
});

test("so it does at other tempos, and when the tempo changes under it", () => {
  for (const tempo of [60, 174]) {
    const stage = sustained({ live: { tempo } });
    stage.drag(
      Array.from({ length: 20 }, (_, i) => [20 + i * 4, 20]),
      130,
    );
    stage.live.setTempo(tempo * 1.3);
    stage.drag(
      Array.from({ length: 20 }, (_, i) => [100 - i * 4, 20]),
      130,
    );
    stage.settle().wait(9000).settle();
    isWhole(stage, `${tempo}`, 0.12); // what is said when the tempo changes is said already
    stage.check();
  }
});

test("what is heard while the puck moves is in time, and other notes and all else that is played pass as they came", () => {
  const stage = sustained();
  const { ear, patch } = stage;
  stage.do(hands.reach(patch, "pad"));
  for (let i = 0; i < 60; i++) {
    patch.hold("pad", [30 + 2 * i, 40]);
    stage.wait(50);
    if (i === 20) patch.midi([0x93, 100, 77, 0xe3, 1, 65, 0xd3, 40]);
    if (i === 30) patch.midi([0x83, 100, 9, 0xf8, 0xb0, 64, 127]);
  }
  const late = ear.notes().filter(({ pitch, velocity }) => pitch < 90 && velocity).map(({ from }) => Math.abs((from % 4) - 0.5));
  assert.ok(late.length > 3 && Math.max(...late) < 0.005, `${late}`);
  const mine = patch.played.join(" ");
  for (const bytes of ["147 100 77 227 1 65 211 40", "131 100 9 248 176 64 127"]) assert.ok(mine.includes(bytes), bytes);
  patch.release();
  stage.settle();
  assert.deepEqual(ear.notes().filter(({ pitch }) => pitch === 100).length, 1);
  sound(stage);
});

test("while the puck moves and is heard nothing is a step of undo; at its end its clip is changed once", () => {
  const stage = sustained();
  const steps = () => stage.live.steps.filter(({ by }) => by).map(({ what }) => what);
  stage.do(hands.reach(stage.patch, "pad"));
  const before = steps().length;
  for (let i = 0; i < 120; i++) {
    stage.patch.hold("pad", [30 + i, 40]);
    stage.wait(30);
  }
  assert.deepEqual(steps().slice(before), []);
  stage.patch.release();
  stage.settle().wait(6000).settle();
  const done = steps().slice(before);
  assert.deepEqual(done.sort(), ["add_new_notes", "parameter Puck X", "parameter Puck Y", "remove_notes_by_id"]);
  isWhole(stage);
  sound(stage);
});

test("where another clip plays on the track, it is held back while the puck moves, and the pad's clip takes over in its place", () => {
  const stage = picked();
  const four = [0, 1, 2, 3].map((start) => ({ pitch: 36 + start, start_time: start, duration: 0.5 }));
  const other = stage.live.addClip(stage.track, 5, { name: "Other", length: 4, notes: four });
  stage.before = stage.live.snapshot();
  stage.live.launch(other.parent);
  stage.ear = new Ear(stage);
  stage.wait(2300);
  const begun = stage.live.transport.beat;
  stage.drag(Array.from({ length: 60 }, (_, i) => [10 + i, 20]), 50);
  const let_go = stage.live.transport.beat;
  const heard = stage.ear.notes().filter(({ from }) => from > begun + 1 && from < let_go);
  assert.ok(heard.some(({ pitch }) => pitch >= 60) && !heard.some(({ pitch }) => pitch > 36 && pitch < 40), JSON.stringify(heard));
  stage.settle();
  const [{ thing }] = audition(stage);
  assert.deepEqual([thing.is_playing, other.is_playing], [1, 0]);
  assert.ok(Math.abs(stage.live.position(thing) - (stage.live.transport.beat % 4)) < 0.02, "in its place");
  assert.deepEqual(stage.ear.doubles(), []);
  sound(stage);
});

test("where nothing plays on the track it is heard too, and the pad's clip begins at a bar", () => {
  const stage = picked();
  const drums = stage.live.addTrack({ name: "Drums" });
  stage.live.launch(stage.live.addClip(drums, 0, { name: "Beat", length: 4, notes: [] }).parent);
  stage.before = stage.live.snapshot();
  stage.ear = new Ear(stage);
  stage.wait(1300);
  stage.drag(Array.from({ length: 80 }, (_, i) => [10 + i, 20]), 50);
  assert.ok(stage.ear.notes().length > 1, `${stage.ear.notes().length}`);
  stage.settle();
  const [{ thing }] = audition(stage);
  assert.equal(thing.is_playing, 1);
  assert.ok(Math.abs(stage.live.position(thing) - (stage.live.transport.beat % 4)) < 0.02);
  assert.deepEqual([stage.ear.doubles(), [thing.legato, thing.launch_quantization]], [[], [1, 1]]);
  sound(stage);
});

test("where the transport stops while the puck moves all is silent, and MIDI goes straight through again", () => {
  const stage = sustained();
  stage.do(hands.reach(stage.patch, "pad"));
  for (let i = 0; i < 40; i++) {
    stage.patch.hold("pad", [30 + i, 40]);
    stage.wait(50);
  }
  stage.live.stop();
  stage.wait(400);
  assert.deepEqual(stage.ear.sounding(), []);
  stage.patch.midi([0x90, 48, 50]);
  assert.deepEqual(stage.patch.played.slice(-3), [0x90, 48, 50]);
  stage.patch.midi([0x80, 48, 0]);
  stage.patch.release();
  stage.settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("so it does where Max stalls for tenths of a second", () => {
  for (const seed of [2, 3, 4, 5]) {
    const stage = sustained({ seed });
    stage.drag(
      Array.from({ length: 30 }, (_, i) => [10 + 3 * i, 20]),
      70,
    );
    stage.settle().wait(5000).settle();
    isWhole(stage, `${seed}`);
    sound(stage);
  }
});

test("a move of x and y is one move: none goes to the new x with the old y", () => {
  const stage = picked();
  const before = places(stage).length;
  stage.turn("puck", 30, 100).settle().turn("puck", 100, 30).settle();
  assert.deepEqual(places(stage).slice(before), [
    [24, 79],
    [79, 23],
  ]);
  sound(stage);
});

test("automation moves the puck, x and y as one, without a step of undo of the device's parameters", () => {
  const stage = picked();
  stage.turn("puck", 64, 64).settle();
  const before = places(stage).length,
    steps = stage.live.steps.length;
  for (let i = 0; i <= 20; i++) {
    stage.patch.automate("puck_x", 5 * i);
    stage.patch.automate("puck_y", 100 - 5 * i);
    stage.wait(30);
  }
  stage.settle();
  const asked = places(stage).slice(before);
  assert.deepEqual(asked.at(-1), [100, 0]);
  for (const [x, y] of asked) assert.ok(Math.abs(x + y - 100) <= 5, `${x} ${y}: an x of one move with a y of another`);
  assert.deepEqual(
    stage.live.steps.slice(steps).filter(({ what }) => what.startsWith("parameter")),
    [],
  );
  assert.ok(stage.max.turns.every(({ gets }) => gets <= 105));
  sound(stage);
});

test("what is recorded into the source meanwhile stays, and the next press hears it", () => {
  const stage = withRiff();
  stage.live.launch(stage.track.slots[1]);
  stage.turn("count", 2).press("vary");
  for (let i = 0; i < 20; i++) {
    stage.wait(60);
    stage.live.record(stage.riff, 60 + i);
  }
  stage.before = stage.live.snapshot();
  stage.settle();
  assert.equal(stage.made().length, 2);
  stage.live.select(stage.riff);
  stage.press("vary").settle();
  assert.ok(stage.server.asked.at(-1).clips[0].rows.some(([pitch]) => pitch >= 60 && pitch < 80));
  sound(stage);
});

test("results appear while the source plays, and it is not cut by it", () => {
  const stage = withRiff();
  stage.live.launch(stage.track.slots[1]);
  stage.wait(1000).press("vary").settle();
  assert.equal(stage.riff.is_playing, 1);
  assert.deepEqual(cuts(stage), []);
  sound(stage);
});

test("keep and path to clips do not touch what plays", () => {
  const stage = sustained();
  stage.wait(700).press("keep").settle();
  stage
    .drag(
      [
        [10, 10],
        [60, 20],
        [120, 30],
      ],
      200,
    )
    .turn("clips", 3)
    .press("render")
    .settle();
  isWhole(stage);
  sound(stage);
});

test("all MIDI goes through the device as it came: notes and bends of an MPE instrument, clock, pedals, system messages", () => {
  const stage = new Stage().start();
  const bytes = [
    0x91, 60, 100, 0xe1, 0, 70, 0xd1, 30, 0xb1, 74, 64, 0x92, 64, 90, 0xe2, 12, 50, 0x81, 60, 0, 0x92, 64, 0, 0xb0, 64, 127,
    0xa3, 62, 44, 0xcf, 5, 0xf8, 0xf0, 0x7e, 0x7f, 9, 1, 0xf7,
  ];
  stage.patch.midi(bytes);
  stage.wait(100).press("generate").wait(5).patch.midi(bytes);
  stage.settle();
  assert.deepEqual(stage.patch.played, [...bytes, ...bytes]);
  stage.check();
});

test("where the server is gone while the pad plays, what plays plays on, and the pad goes on when it is back", () => {
  const stage = sustained();
  const [{ thing }] = audition(stage);
  const before = rows(thing.notes);
  stage.server.isUp = false;
  stage
    .drag(
      [
        [20, 20],
        [60, 40],
      ],
      300,
    )
    .wait(9000);
  assert.deepEqual([rows(thing.notes), thing.is_playing, cuts(stage)], [before, 1, []]);
  stage.server.forget();
  stage.server.isUp = true;
  stage.wait(9000).turn("puck", 100, 20).settle().wait(5000).settle();
  assert.notDeepEqual(rows(thing.notes), before);
  assert.deepEqual(cuts(stage), []);
  sound(stage);
});
