// Scenarios of the puck: its palette, its audition clip, Keep and Render.
// Run with `node --expose-internals tests/device/puck_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, rows } = require("./stage.js");
const { PUCK_NAME, audition, picked, places, sound } = require("./stages.js");

test("moving the puck makes a palette once and plays what lies there in a clip of the device's own", () => {
  const stage = picked();
  stage.turn("puck", 64, 0).settle();
  stage.turn("puck", 127, 127).settle();
  assert.deepEqual(stage.server.asked.map((a) => a.verb), ["blend", "at", "at"]);
  assert.equal(stage.server.asked[0].keys.grid, 0);
  assert.equal(stage.server.asked[0].clips.length, 2);
  assert.deepEqual(places(stage), [[50, 0], [100, 100]]);
  assert.equal(audition(stage).length, 1);
  assert.deepEqual(rows(audition(stage)[0].notes).map((r) => r.slice(0, 6)), [[36, 0, 1, 100, 0, 0.5], [70, 2, 0.25, 90, 0, 1]]);
  assert.deepEqual([stage.shown.puck_x, stage.shown.puck_y], [100, 100]);
  assert.equal(stage.status, "puck at 100/100 %");
  sound(stage);
});

test("the puck asks and writes at most once a sixteenth, and ends where it stands", () => {
  const stage = picked({ live: { tempo: 120 } });
  stage.turn("puck", 1, 1).settle();
  const asked = places(stage).length, log = stage.live.log.length, begin = stage.clock.now;
  stage.drag(Array.from({ length: 200 }, (_, i) => [i % 128, 64]), 10).settle();
  const seconds = 2;
  assert.ok(places(stage).length - asked <= seconds * 8 + 2, `${places(stage).length - asked} positions`);
  assert.deepEqual(places(stage).at(-1), [Math.round((71 / 127) * 100), 51]);
  const writes = stage.live.log.slice(log).filter((l) => l.what === "add_new_notes").map((l) => l.at - begin);
  for (let i = 1; i < writes.length; i++) assert.ok(writes[i] - writes[i - 1] >= 60, `${writes[i - 1]} ${writes[i]}`);
  sound(stage);
});

test("stale answers are dropped", () => {
  const stage = picked();
  stage.turn("puck", 10, 10).settle();
  const held = [];
  const { tell } = stage.server;
  stage.server.tell = function (to, ...message) {
    if (held.length < 4 && this.asked.filter((a) => a.verb === "at").length === 2) held.push([to, ...message]);
    else tell.call(this, to, ...message);
  };
  stage.turn("puck", 60, 10).wait(200);
  stage.turn("puck", 120, 10).wait(300);
  const now = rows(audition(stage)[0].notes);
  for (const message of held) tell.apply(stage.server, message);
  stage.settle();
  assert.ok(held.length > 0);
  assert.deepEqual(rows(audition(stage)[0].notes), now);
  sound(stage);
});

test("an audition clip that the musician has edited is theirs: a new one is made", () => {
  const stage = picked();
  stage.turn("puck", 10, 10).settle();
  const mine = audition(stage)[0].thing;
  stage.live.edit(mine, { notes: [{ pitch: 99, start_time: 0, duration: 1 }] });
  stage.before = stage.live.snapshot();
  stage.turn("puck", 90, 10).settle();
  assert.deepEqual(mine.notes.map((n) => n.pitch), [99]);
  assert.equal(audition(stage).length, 1);
  assert.notEqual(audition(stage)[0].thing, mine);
  stage.live.remove(audition(stage)[0].thing);
  stage.turn("puck", 20, 10).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("an audition clip that the musician has named is theirs too", () => {
  const stage = picked();
  stage.turn("puck", 10, 10).settle();
  const mine = audition(stage)[0].thing;
  stage.live.edit(mine, { name: "Nice one" });
  stage.before = stage.live.snapshot();
  stage.turn("puck", 90, 10).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("the puck plays at once where the set is playing, and only when its clip is new", () => {
  const stage = picked();
  stage.live.begin();
  stage.turn("puck", 10, 10).settle();
  assert.equal(audition(stage)[0].thing.is_playing, 1);
  stage.live.transport.halt(stage.track);
  stage.turn("puck", 20, 10).settle();
  assert.equal(audition(stage)[0].thing.is_playing, 0);
  stage.check();
});

test("a new palette is made when a picked clip or a dial has changed, and when the server has lost it", () => {
  const stage = picked();
  const blends = () => stage.server.asked.filter((a) => a.verb === "blend").length;
  stage.turn("puck", 10, 10).settle();
  stage.turn("variety", 80).turn("puck", 20, 10).settle();
  assert.equal(blends(), 2);
  stage.live.edit(stage.a, { notes: [{ pitch: 40, start_time: 0, duration: 1 }] });
  stage.before = stage.live.snapshot();
  stage.turn("puck", 30, 10).settle();
  assert.equal(blends(), 3);
  stage.turn("puck", 31, 10).settle();
  assert.equal(blends(), 3);
  stage.server.palettes.clear();
  stage.turn("puck", 40, 10).settle();
  assert.equal(blends(), 4);
  assert.deepEqual(places(stage).at(-1), [32, 7]);
  sound(stage);
});

test("without two picked clips the puck says what is missing; with four all are in the palette", () => {
  const stage = new Stage().start();
  stage.turn("puck", 10, 10).settle();
  assert.deepEqual([stage.drawn("pad", "locked"), stage.drawn("pad", "says")], [[1], ["pick clips A and B"]]);
  assert.deepEqual(places(stage), []);
  stage.check();
  const four = picked();
  for (const [i, corner] of ["c", "d"].entries()) {
    four.pick(corner, four.live.addClip(four.track, 3 + i, { name: corner, length: 4, notes: [] })).settle();
  }
  four.press("blend").settle();
  assert.equal(four.server.asked[0].clips.length, 4);
  assert.equal(audition(four).length, 1);
  four.check();
});

test("puck dials move the pad and the pad the dials, and a dial that only says what is does nothing", () => {
  const stage = picked();
  stage.turn("puck_x", 50).settle();
  assert.deepEqual(stage.drawn("pad", "puck"), [0.5, 0]);
  const asked = stage.server.asked.length;
  stage.turn("puck_x", 50).settle();
  assert.equal(stage.server.asked.length, asked);
  stage.check();
});

test("keep puts what plays into a slot of its own", () => {
  const stage = picked();
  stage.press("keep").settle();
  assert.equal(stage.status, "nothing to keep yet: pick clips and drag the puck");
  stage.turn("puck", 64, 64).settle().press("keep").settle();
  const kept = stage.made().find((c) => c.name === "A + B 50/51 % #1");
  assert.deepEqual(rows(kept.notes), rows(audition(stage)[0].notes));
  stage.turn("puck", 0, 0).settle();
  assert.notDeepEqual(rows(kept.notes), rows(audition(stage)[0].notes));
  sound(stage);
});

test("render turns the puck's way into a row of clips, evenly along it", () => {
  const stage = picked();
  stage.drag([...Array.from({ length: 16 }, (_, i) => [8 * i, 0]), [127, 0]], 50).settle();
  const before = places(stage).length;
  stage.turn("clips", 5).press("render").settle();
  const asked = places(stage).slice(before);
  assert.ok(asked.length === 5 && asked[0][0] <= 13 && asked[4][0] === 100 && asked.every(([, y]) => y === 0), `${asked}`);
  const strides = asked.slice(1).map(([x], i) => x - asked[i][0]);
  assert.ok(Math.max(...strides) - Math.min(...strides) <= 2, `${strides}`);
  assert.equal(stage.made().filter((c) => /^A \+ B \d+\/0 % #\d+$/.test(c.name)).length, 5);
  assert.equal(stage.status, "5 clips in slots below");
  stage.press("undo").settle();
  assert.equal(stage.made().length, 1);
  sound(stage);
});

test("a render and a puck that moves meanwhile take turns on the palette", () => {
  const stage = picked();
  stage.drag(Array.from({ length: 16 }, (_, i) => [8 * i, 0]), 50).settle();
  const { at } = stage.server.answer;
  let turns = 0;
  stage.server.answer.at = (ask) => (turns++ % 3 === 1 ? { error: ["superseded", "a newer request took its place"] } : at(ask));
  stage.turn("clips", 4).press("render").wait(40).turn("puck", 20, 20).settle();
  assert.equal(stage.made().filter((c) => !c.name.startsWith(PUCK_NAME)).length, 4);
  assert.ok(audition(stage)[0].notes.some((n) => n.pitch === 62), "the puck's last place is what plays");
  sound(stage);
});
