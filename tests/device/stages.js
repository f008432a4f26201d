// Stages that several files of scenarios start from: with a clip to vary, with many notes, with clips picked, with results.
"use strict";

const assert = require("node:assert/strict");
const { Stage, fresh, whole } = require("./stage.js");

const NO_SERVER = "no server: press Start Server";

// A stage with a clip of many notes that is selected.
function withClip(options, size = 200) {
  const stage = new Stage(options);
  const notes = Array.from({ length: size }, (_, i) => ({ pitch: 30 + (i % 60), start_time: Math.floor(i / 60) * 0.5, duration: 0.4, velocity: 50 + (i % 50), probability: 0.5 }));
  stage.live.addClip(stage.track, 0, { name: "Many", length: 8, notes });
  stage.live.select(stage.track.slots[0]);
  stage.before = stage.live.snapshot();
  return stage.start();
}

function verbs(stage) {
  return stage.max.sent(0).filter(([a]) => a === "/bridge/vary");
}

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

const PUCK_NAME = "Latent Bridge puck";

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
  stage.pick("a", stage.a).settle().pick("b", stage.b).settle();
  stage.before = stage.live.snapshot();
  return stage;
}

function audition(stage) {
  return stage.made().filter((c) => c.name.startsWith(PUCK_NAME));
}

function places(stage) {
  return stage.server.asked.filter((a) => a.verb === "at").map((a) => a.at.map((v) => Math.round(v * 100)));
}

// As picked, with three variations of A.
function varied() {
  const stage = picked();
  stage.live.select(stage.a);
  stage.turn("count", 3).press("vary").settle();
  return stage;
}

// What must hold after all that a device did: nothing of the musician's has changed, nothing forbidden was done.
function sound(stage) {
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
}

module.exports = { NO_SERVER, PUCK_NAME, RIFF, audition, picked, places, sound, varied, verbs, withClip, withRiff };
