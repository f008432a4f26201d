// Scenarios while a set plays: the pad plays through, moves come whole, tempo and source change, MIDI passes as it came.
// Run with `node --expose-internals tests/device/playing_scenarios.js`; what is cut is said in transport.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
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
  stage.wait(600);
  assert.equal(stage.live.sounding(thing).length, 3);
  return stage;
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
  assert.deepEqual(cuts(stage), []);
  stage.settle().wait(5000).settle();
  assert.deepEqual(cuts(stage), []);
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
    assert.deepEqual(cuts(stage), [], `${tempo}`);
    stage.check();
  }
});

test("so it does where Max stalls for tenths of a second", () => {
  for (const seed of [2, 3, 4, 5]) {
    const stage = sustained({ seed });
    stage.drag(
      Array.from({ length: 30 }, (_, i) => [10 + 3 * i, 20]),
      70,
    );
    stage.settle().wait(5000).settle();
    assert.deepEqual(cuts(stage), [], `${seed}`);
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
  assert.deepEqual(cuts(stage), []);
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
