// Hasty musicians at the pad while a set plays: it is dragged, automated, launched over, undone, at any tempo, while the transport
// stops and the song jumps. In the end no note hangs, and MIDI goes straight through.
//
//   node --expose-internals hasty_pad_scenarios.js [FIRST LAST]     numbers of musicians; each does the same every time
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Ear } = require("./ear.js");
const { dice } = require("./max.js");
const { fresh, whole } = require("./stage.js");
const { audition, picked } = require("./stages.js");

const DEEDS = 25;

const [first, last] = process.argv.slice(2).map(Number);

for (let seed = first || 1; seed <= (last || 8); seed++) {
  test(`musician ${seed} leaves no note hanging`, () => play(seed));
}

function play(seed) {
  const random = dice(seed);
  const any = (list) => list[Math.floor(random() * list.length)];
  const stage = picked({ seed });
  const { live, patch } = stage;
  stage.server.answer.at = ({ at: [x], clips }) => {
    const note = (step, i) => fresh(48 + Math.round(x * 12) + step, any([0, 0.5, 1, 2.5]) + i / 8, any([0.2, 1, 3]));
    return [{ ...whole(clips[0]), rows: [0, 4, 7].map(note) }];
  };
  const notes = [0, 1, 2, 3].map((step) => ({ pitch: 50 + step, start_time: step, duration: 0.9 }));
  const other = live.addClip(stage.track, 5, { name: "Other", length: 4, notes });
  let before = live.snapshot();
  const ear = new Ear(stage);
  const mine = (deed) => () => (deed(), (before = live.snapshot()));
  const automate = () => {
    patch.automate("puck_x", Math.floor(random() * 101));
    stage.wait(any([20, 90]));
  };
  const places = () => Array.from({ length: 1 + Math.floor(random() * 40) }, () => [random() * 127, random() * 127]);
  const deeds = {
    drag: () => stage.drag(places(), any([20, 60, 150])),
    automate: () => Array.from({ length: 8 }, automate),
    launch: () => live.launch(any([other.parent, ...audition(stage).map(({ thing }) => thing.parent)])),
    stop: () => live.stop(),
    begin: () => live.begin(),
    tempo: mine(() => live.setTempo(60 + random() * 100)),
    jump: () => live.transport.jump(Math.floor(random() * 32)),
    blend: () => stage.press("blend"),
    keep: () => stage.press("keep"),
    undo: () => stage.press("undo"),
    mode: () => stage.turn("mode", any([0, 1, 2, 3])),
    goBack: mine(() => live.undo()),
    wait: () => stage.wait(random() * 2500),
  };
  const names = ["drag", "drag", "drag", "wait", "wait", "launch", ...Object.keys(deeds)];
  for (let i = 0; i < DEEDS; i++) {
    deeds[any(names)]();
    stage.wait(any([0, 50, 400]));
  }
  stage.settle().wait(9013).settle();
  const slot = stage.track.playing;
  const playing = slot && slot.clip ? live.sounding(slot.clip).map(({ pitch }) => pitch) : [];
  const hanging = ear.sounding().filter((pitch) => !playing.includes(pitch));
  assert.deepEqual(hanging, []);
  patch.midi([0x90, 1, 50, 0x80, 1, 3]);
  assert.deepEqual(patch.played.slice(-6), [0x90, 1, 50, 0x80, 1, 3]);
  assert.equal(live.snapshot(), before);
  stage.check();
}
