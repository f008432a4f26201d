// Small scripts in the fake Max and the fake Live, for the checks that each strictness bites.
"use strict";

const assert = require("node:assert/strict");
const { Live } = require("./live.js");
const { Clock, Max } = require("./max.js");

const HEAD = "autowatch = 0; inlets = 1; outlets = 2;\n";

// A script in a world of its own; `body` is what it does when told to `go`, with `api` and `say` at hand.
function world(body, options) {
  const clock = new Clock();
  const live = new Live(options);
  live.transport.clock = clock;
  const device = live.addDevice(live.tracks[0]);
  const source = `${HEAD}var api = null, kept = {};
    function say(value) { outlet(1, ["said", JSON.stringify(value === undefined ? null : value)]); }
    function bang() { api = new LiveAPI("live_set"); }
    function go() { ${body} }`;
  const max = new Max(source, { clock, live, device, outlets: 2 });
  max.send("bang");
  return { clock, live, device, max, track: live.tracks[0], go: () => (max.send("go"), said(max)) };
}

// What the script has said since the last time.
function said(max) {
  return max.take(1).map(([, text]) => JSON.parse(text));
}

function failsWith(max, pattern) {
  assert.match(max.failures.join("\n"), pattern);
  assert.throws(() => max.check(), pattern);
  max.failures.length = 0;
}

function bare(source, options) {
  return new Max(HEAD + source, { outlets: 2, live: new Live(), ...options });
}

const RIFF = [
  { pitch: 40, start_time: 0, duration: 1 },
  { pitch: 36, start_time: 2, duration: 1, mpe: "a bend" },
  { pitch: 36, start_time: -0.5, duration: 0.25 },
];

module.exports = { HEAD, RIFF, bare, failsWith, said, world };
