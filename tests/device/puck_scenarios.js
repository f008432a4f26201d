// Scenarios of the device's script: the puck and its palette, history and undo, state that is saved with the set.
// Run with `node --expose-internals tests/device/puck_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage, fresh, rows, whole } = require("./stage.js");

const NAME = "Latent Bridge puck";

// A stage with clips A and B picked: A in slot 0, B in slot 1.
function picked(options) {
  const stage = new Stage(options);
  stage.a = stage.live.addClip(stage.track, 0, { name: "A", length: 4, notes: [{ pitch: 36, start_time: 0, duration: 1, probability: 0.5 }] });
  stage.b = stage.live.addClip(stage.track, 1, { name: "B", length: 4, notes: [{ pitch: 48, start_time: 2, duration: 1 }] });
  stage.server.answer.at = ({ at: [x, y], clips }) => {
    const a = whole(clips[0]);
    return [{ ...a, rows: [...a.rows, fresh(60 + Math.round(x * 10), y + 1)] }];
  };
  stage.start();
  for (const clip of [stage.a, stage.b]) {
    stage.live.select(clip);
    stage.press(clip === stage.a ? "pick_a" : "pick_b").settle();
  }
  stage.before = stage.live.snapshot();
  return stage;
}

function audition(stage) {
  return stage.made().filter((c) => c.name === NAME);
}

function places(stage) {
  return stage.server.asked.filter((a) => a.verb === "at").map((a) => a.at.map((v) => Math.round(v * 100)));
}

function sound(stage) {
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
}

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
  for (let i = 0; i < 200; i++) stage.turn("puck", i % 128, 64).wait(10);
  stage.settle();
  const seconds = 2;
  assert.ok(places(stage).length - asked <= seconds * 8 + 2, `${places(stage).length - asked} positions`);
  assert.deepEqual(places(stage).at(-1), [Math.round((71 / 127) * 100), 50]);
  const writes = stage.live.log.slice(log).filter((l) => l.what === "add_new_notes").map((l) => l.at - begin);
  for (let i = 1; i < writes.length; i++) assert.ok(writes[i] - writes[i - 1] >= 100, `${writes[i - 1]} ${writes[i]}`);
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
  stage.live.song.is_playing = 1;
  stage.turn("puck", 10, 10).settle();
  assert.equal(audition(stage)[0].thing.is_playing, 1);
  audition(stage)[0].thing.is_playing = 0;
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
  assert.deepEqual(places(stage).at(-1), [31, 8]);
  sound(stage);
});

test("without two picked clips the puck says what is missing; with four all are in the palette", () => {
  const stage = new Stage().start();
  stage.turn("puck", 10, 10).settle();
  assert.equal(stage.status, "puck: pick clip A first");
  stage.check();
  const four = picked();
  for (const [i, corner] of ["c", "d"].entries()) {
    four.live.select(four.live.addClip(four.track, 3 + i, { name: corner, length: 4, notes: [] }));
    four.press(`pick_${corner}`).settle();
  }
  four.press("blend").settle();
  assert.equal(four.server.asked[0].clips.length, 4);
  assert.equal(audition(four).length, 1);
  four.check();
});

test("puck dials move the pad and the pad the dials, and a dial that only says what is does nothing", () => {
  const stage = picked();
  stage.turn("puck_x", 50).settle();
  assert.deepEqual(stage.max.sent(1).filter(([c]) => c === "puck").at(-1), ["puck", "set", 64, 0]);
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
  const kept = stage.made().find((c) => c.name === "A + B 50/50 % #1");
  assert.deepEqual(rows(kept.notes), rows(audition(stage)[0].notes));
  stage.turn("puck", 0, 0).settle();
  assert.notDeepEqual(rows(kept.notes), rows(audition(stage)[0].notes));
  sound(stage);
});

test("render turns the puck's way into a row of clips, evenly along it", () => {
  const stage = picked();
  for (let i = 0; i <= 127; i += 8) stage.turn("puck", i, 0).wait(30);
  stage.turn("puck", 127, 0).settle();
  const before = places(stage).length;
  stage.turn("count", 5).press("render").settle();
  assert.deepEqual(places(stage).slice(before), [[6, 0], [30, 0], [53, 0], [77, 0], [100, 0]]);
  assert.equal(stage.made().filter((c) => /^A \+ B \d+\/0 % #\d+$/.test(c.name)).length, 5);
  assert.equal(stage.status, "5 clips in slots below");
  stage.press("undo").settle();
  assert.equal(stage.made().length, 1);
  sound(stage);
});

test("a render and a puck that moves meanwhile take turns on the palette", () => {
  const stage = picked();
  for (let i = 0; i <= 127; i += 8) stage.turn("puck", i, 0).wait(30);
  stage.settle();
  const { at } = stage.server.answer;
  let turns = 0;
  stage.server.answer.at = (ask) => (turns++ % 3 === 1 ? { error: ["superseded", "a newer request took its place"] } : at(ask));
  stage.turn("count", 4).press("render").wait(40).turn("puck", 20, 20).settle();
  assert.equal(stage.made().filter((c) => c.name !== NAME).length, 4);
  assert.ok(audition(stage)[0].notes.some((n) => n.pitch === 62), "the puck's last place is what plays");
  sound(stage);
});

// History

function varied() {
  const stage = picked();
  stage.live.select(stage.a);
  stage.turn("count", 3).press("vary").settle();
  return stage;
}

test("back and forward step through the results, more varies the one that is stood at", () => {
  const stage = varied();
  const at = () => stage.live.path(stage.live.view.detail_clip);
  assert.equal(stage.shown.result, "3 results");
  stage.press("forward").settle();
  assert.equal(stage.shown.result, "1/3 A ~30 % #1");
  assert.equal(at(), stage.made()[0].path);
  assert.equal(stage.live.path(stage.live.highlighted()) + " clip", stage.made()[0].path);
  stage.press("forward").settle().press("forward").settle().press("forward").settle();
  assert.equal(stage.status, "this is the newest result");
  stage.press("back").settle();
  assert.equal(stage.shown.result, "2/3 A ~30 % #2");
  const source = stage.made()[1];
  stage.press("more").settle();
  assert.deepEqual(stage.server.asked.at(-1).clips[0].rows.map((r) => r[0]), source.notes.map((n) => n.pitch));
  assert.deepEqual(stage.made().map((c) => c.name).slice(3), ["A ~30 % #4", "A ~30 % #5", "A ~30 % #6"]);
  stage.press("back").settle();
  assert.equal(stage.shown.result, "3/6 A ~30 % #3");
  sound(stage);
});

test("a result that was deleted by hand is stepped over", () => {
  const stage = varied();
  stage.live.remove(stage.made()[1].thing);
  stage.press("forward").settle().press("forward").settle();
  assert.equal(stage.shown.result, "2/2 A ~30 % #3");
  stage.press("back").settle().press("back").settle();
  assert.equal(stage.status, "this is the first result");
  stage.check();
});

test("without results, stepping and more say so", () => {
  const stage = picked();
  for (const button of ["back", "forward", "more"]) {
    stage.press(button).settle();
    assert.equal(stage.status, "there are no results yet: press Vary or Sample first");
  }
  stage.check();
});

test("undo removes what the last press made, then the one before, with the scenes that were made for it", () => {
  const stage = picked({ live: { scenes: 3 } });
  const scenes = stage.live.scenes.length;
  stage.live.select(stage.a);
  stage.turn("count", 4).press("vary").settle().press("sample").settle();
  assert.equal(stage.made().length, 8);
  assert.ok(stage.live.scenes.length > scenes);
  stage.press("undo").settle();
  assert.equal(stage.made().length, 4);
  stage.press("undo").settle();
  assert.equal(stage.status, "removed 4 clips and 3 scenes");
  assert.equal(stage.shown.result, "no results yet");
  assert.equal(stage.live.scenes.length, scenes);
  stage.press("undo").settle();
  assert.equal(stage.status, "nothing to undo");
  sound(stage);
});

test("undo leaves a clip that was edited or named since, and a scene that is in use", () => {
  const stage = picked({ live: { scenes: 2 } });
  stage.live.select(stage.a);
  stage.turn("count", 3).press("vary").settle();
  const [first, second] = stage.made();
  stage.live.edit(first.thing, { notes: [{ pitch: 1, start_time: 0, duration: 1 }] });
  stage.live.edit(second.thing, { name: "Keeper" });
  stage.press("undo").settle();
  assert.equal(stage.status, "removed 1 clip and 1 scene; 2 clips stay: they were changed or moved since");
  assert.deepEqual(stage.made(), []);
  assert.ok(stage.live.isAlive(first.thing) && stage.live.isAlive(second.thing));
  stage.check();
});

test("undo waits for what is under way", () => {
  const stage = varied();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(50).press("undo").wait(50);
  assert.equal(stage.status, "something is still running: press Cancel first");
  assert.equal(stage.made().length, 3);
  stage.check();
});

test("where scenes have gone below a picked clip, no more are made than are needed", () => {
  const stage = picked({ live: { scenes: 12 } });
  stage.live.select(stage.live.addClip(stage.track, 11, { name: "Low", length: 4, notes: [] }));
  stage.press("pick_a").settle().turn("puck", 30, 0).settle().turn("puck", 60, 0).wait(300); // a new scene for the audition
  stage.live.remove(audition(stage)[0].thing);
  for (let i = 0; i < 6; i++) stage.live.remove(stage.live.scenes[3]);
  stage.turn("puck", 90, 0).settle(); // soon after, so that the row it knows is an old one
  assert.equal(stage.live.scenes.length, 8);
  assert.equal(audition(stage).length, 1);
  stage.check();
});

// State

test("a set that is opened again knows picks, puck, seed and model", () => {
  const stage = varied();
  stage.turn("seed", 4321).turn("model", 2).turn("puck", 127, 64).settle();
  assert.match(stage.saved, /^[A-Za-z0-9_.~-]+$/);
  assert.ok(stage.saved.length <= 4000);
  const { saved } = stage;
  stage.reopen();
  stage.turn("seed", 4321).turn("puck_x", 100).turn("puck_y", 50); // Live's own recall
  stage.max.send("restore", saved);
  stage.start();
  assert.deepEqual([stage.shown.name_a, stage.shown.name_b, stage.shown.name_c], ["A", "B", "–"]);
  assert.equal(stage.shown.seed, 4321);
  assert.deepEqual([stage.shown.puck_x, stage.shown.puck_y], [100, 50]);
  assert.deepEqual(places(stage).length, 1);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).keys.model, "melody");
  assert.equal(stage.made().filter((c) => c.name.startsWith("A > B")).length, 3);
  assert.match(stage.made().at(-1).name, /#6$/);
  sound(stage);
});

test("dials that a set moves as it opens do not move the puck's clip", () => {
  const stage = picked();
  const { saved } = stage;
  stage.reopen();
  stage.max.send("restore", saved);
  stage.max.send("bang");
  stage.wait(300).turn("puck_x", 30).turn("puck_y", 60).settle();
  assert.deepEqual(places(stage), []);
  assert.deepEqual(stage.made(), []);
  sound(stage);
});

test("the state may come after the bang, and the audition clip is taken up again", () => {
  const stage = picked();
  stage.turn("puck", 10, 10).settle();
  const { saved } = stage;
  stage.reopen().start();
  stage.max.send("restore", saved);
  stage.settle();
  assert.equal(stage.shown.name_a, "A");
  stage.turn("puck", 90, 10).settle();
  assert.equal(audition(stage).length, 1);
  sound(stage);
});

test("a pick whose place holds another clip is shown with a question mark, and said when it is used", () => {
  const stage = picked();
  const { saved } = stage;
  stage.live.remove(stage.a);
  stage.live.addClip(stage.track, 0, { name: "Else", length: 4, notes: [] });
  stage.reopen();
  stage.max.send("restore", saved);
  stage.start();
  assert.equal(stage.shown.name_a, "?");
  stage.press("interpolate").settle();
  assert.equal(stage.status, "interpolate: clip A (A) is not where it was: pick it again");
  stage.check();
});

test("a pick whose notes were edited is still the clip, also after the set was opened again", () => {
  const stage = picked();
  const { saved } = stage;
  stage.live.edit(stage.a, { notes: [{ pitch: 77, start_time: 0, duration: 1 }] });
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).clips[0].rows[0][0], 77);
  stage.reopen();
  stage.max.send("restore", saved);
  stage.start();
  assert.equal(stage.shown.name_a, "A");
  stage.check();
});

test("a scene put in above a pick does not lose it, and is seen when the set is saved", () => {
  const stage = picked();
  stage.live.addScene(0);
  stage.max.send("bang"); // live.thisdevice bangs when a device is saved
  stage.settle();
  const { saved } = stage;
  stage.reopen();
  stage.max.send("restore", saved);
  stage.start();
  assert.deepEqual([stage.shown.name_a, stage.shown.name_b], ["A", "B"]);
  stage.press("interpolate").settle();
  assert.equal(stage.server.asked.at(-1).clips[0].name, "A");
  stage.check();
});

test("damaged or foreign state is the same as none", () => {
  for (const text of ["", "bang", "0", "lb1", "lb1~7B~22", "lb1~5B1~2C2~5D", "lb1~5B1~2C~22auto~22~2C0~2C0~2C0~2C~5B~5B~22live_set~22~5D~5D~2C~5B~22live_app~22~5D~5D"]) {
    const stage = new Stage();
    stage.max.send("restore", ...(text ? [text] : []));
    stage.start();
    assert.equal(stage.status, "ready: drums, melody", text);
    assert.equal(stage.shown.name_a, "–");
    stage.check();
  }
});

test("long and foreign names do not burst the state", () => {
  const stage = new Stage().start();
  const names = ["名前, $1; \\ ♯".repeat(30), `x${"🎹".repeat(60)}`, "'(~*!)' \"%\"", ""];
  for (const [i, corner] of ["a", "b", "c", "d"].entries()) {
    stage.live.select(stage.live.addClip(stage.track, i, { name: names[i], length: 4, notes: [] }));
    stage.press(`pick_${corner}`).settle();
  }
  assert.match(stage.saved, /^[A-Za-z0-9_.~-]{1,4000}$/);
  const { saved } = stage;
  stage.reopen();
  stage.max.send("restore", saved);
  stage.start();
  assert.deepEqual(["a", "b", "c", "d"].map((c) => stage.shown[`name_${c}`]), [names[0].slice(0, 60), names[1].slice(0, 59), names[2], "clip"]);
  stage.turn("steps", 3).press("interpolate").settle();
  assert.equal(stage.made().length, 3);
  stage.check();
});
