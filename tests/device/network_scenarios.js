// Scenarios of the connection: hello and welcome, ports, models, a server that loads, stops or differs; strangers; the self-test.
// Run with `node --expose-internals tests/device/network_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Server, Stage } = require("./stage.js");
const { NO_SERVER, withClip } = require("./stages.js");

test("before anything else udpsend is told where to send, and how much", () => {
  const stage = new Stage().start();
  assert.deepEqual(stage.max.sent(0).slice(0, 3), [["host", "127.0.0.1"], ["port", 9120], ["maxpacketsize", 16384]]);
  const [port, protocol, session, client] = stage.server.hellos[0];
  assert.deepEqual([port, protocol, client], [9130, 1, "Latent Bridge for Live"]);
  assert.ok(Number.isInteger(session) && Math.abs(session) < 2 ** 31);
  assert.equal(stage.status, "ready: drums, melody");
  assert.deepEqual(stage.patch.items.model, ["auto", "drums", "melody"]);
  stage.check();
});

test("nothing is sent or read before the bang, and a press then gets a sentence", () => {
  const stage = new Stage();
  stage.turn("amount", 40).turn("puck_x", 30).press("undo").press("vary").wait(400);
  assert.equal(stage.status, "Live is still loading");
  assert.deepEqual(stage.max.sent(0), []);
  stage.check();
});

test("a second bang changes nothing but tells udpsend again", () => {
  const stage = withClip();
  stage.press("vary").wait(30);
  stage.bang();
  stage.settle();
  assert.equal(stage.made().length, 8);
  assert.equal(stage.max.sent(0).filter(([a]) => a === "host").length, 2);
  assert.equal(new Set(stage.server.hellos.map((h) => h[2])).size, 1);
  stage.check();
});

test("without a server the status says what to run, a press says it too, and hello goes on", () => {
  const stage = withClip({ server: { isUp: false } });
  stage.wait(3000);
  assert.equal(stage.status, NO_SERVER);
  assert.equal(stage.text("generate"), "Start Server");
  stage.press("vary").wait(200);
  assert.equal(stage.status, "starting the server…");
  stage.wait(10000);
  assert.equal(stage.status, "Node for Max does not start: run latent-bridge serve");
  assert.deepEqual(stage.made(), []);
  stage.wait(60000);
  const before = stage.max.sent(0).length;
  stage.wait(20000);
  assert.ok(stage.max.sent(0).length - before <= 11, "hello every 2 s");
  stage.server.isUp = true;
  stage.wait(60000);
  assert.equal(stage.status, "ready: drums, melody");
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a port that is taken is left for the next after three hellos", () => {
  const stage = withClip({ server: { busy: [9130, 9131] } });
  stage.wait(5000);
  assert.equal(stage.port, 9132);
  assert.equal(stage.status, "ready: drums, melody");
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("the last port is followed by the first", () => {
  const stage = new Stage({ server: { busy: Array.from({ length: 16 }, (_, i) => 9130 + i) } }).start();
  stage.wait(60000);
  stage.server.busy = [9131];
  stage.wait(120000);
  assert.notEqual(stage.port, 9131);
  assert.equal(stage.status, "ready: drums, melody");
  stage.check();
});

test("a port that once worked is kept while the server is away", () => {
  const stage = withClip();
  stage.server.isUp = false;
  stage.wait(30000);
  assert.equal(stage.status, NO_SERVER);
  assert.equal(stage.port, 9130);
  stage.server.forget();
  stage.server.isUp = true;
  stage.wait(5000);
  assert.equal(stage.status, "ready: drums, melody");
  stage.check();
});

test("a server that stops is said to have stopped, and greeted until it is there again", () => {
  const stage = withClip();
  assert.equal(stage.status, "ready: drums, melody");
  const hellos = () => stage.max.sent(0).filter(([a]) => a === "/bridge/hello").length;
  const before = hellos();
  stage.server.stop();
  stage.wait(400);
  assert.equal(stage.status, "the server stopped");
  stage.wait(1200);
  assert.ok(hellos() - before >= 2, "hello again as at the start");
  assert.deepEqual(stage.made(), []);
  stage.wait(3000);
  assert.equal(stage.status, NO_SERVER);
  assert.equal(stage.port, 9130);
  Object.assign(stage.server, { isUp: true, session: 78 });
  stage.wait(3000);
  assert.equal(stage.status, "ready: drums, melody");
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a request under way when the server stops ends as the server says, and all goes on with the next one", () => {
  const stage = withClip();
  const { vary } = stage.server.answer;
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(200);
  stage.say("/bridge/error", stage.server.asked[0].id, "cancelled", "the server stops");
  stage.server.stop();
  stage.wait(5);
  assert.equal(stage.status, "the server stopped");
  assert.ok(stage.lines.includes("vary: the server stops"));
  Object.assign(stage.server, { isUp: true, session: 78 });
  stage.server.answer.vary = vary;
  stage.wait(3000).press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a goodbye counts only from the server that welcomed us, whose session the welcome named", () => {
  const named = withClip();
  const unnamed = withClip({ server: { session: null } });
  for (const stage of [named, unnamed]) {
    for (const values of [[], [0], [78], ["x"]]) stage.say("/bridge/bye", ...values);
    assert.equal(stage.status, "ready: drums, melody");
    stage.press("vary").settle();
    assert.equal(stage.made().length, 8);
    stage.check();
  }
  named.say("/bridge/bye", String(named.server.session)).wait(400);
  assert.equal(named.status, "the server stopped");
});

test("a server that warms up takes requests already, and says when it is ready", () => {
  const stage = withClip({ server: { state: "warming" } });
  assert.equal(stage.status, "the server is loading its models…");
  let waits = true;
  const { vary } = stage.server.answer;
  stage.server.answer.vary = (ask) => (waits ? null : vary(ask));
  stage.press("vary").wait(400);
  assert.equal(stage.status, "vary: waiting for the server to load its models…");
  waits = false;
  stage.server.state = "ready";
  stage.server.welcome(stage);
  stage.settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("another protocol is said, in the server's words or in ours", () => {
  const older = new Stage({ server: { protocol: 2 } }).start();
  assert.match(older.status, /^this server speaks protocol 2, not 1: update the older of the two/);
  const newer = new Stage().start();
  newer.wait(5000);
  newer.server.isUp = false;
  newer.wait(20);
  newer.say("/bridge/welcome", 2, "9.9", "cpu", "ready", 0);
  newer.wait(9000);
  newer.say("/bridge/welcome", 2, "9.9", "cpu", "ready", 0).wait(400);
  assert.equal(newer.status, "the server speaks protocol 2, this device 1: update this device");
  newer.press("vary").settle();
  assert.equal(newer.status, "the server speaks protocol 2, this device 1: update this device");
});

test("what others send is not listened to: alien ids, unasked welcomes, names of functions", () => {
  const stage = withClip();
  const atoms = [3, 0, 0, 10, 60, 0, 1, 100, 0, 1, 0, 64, -1, -1];
  const shown = JSON.stringify(stage.shown), sent = stage.max.sent(0).length;
  stage.say("/bridge/welcome", 7, "evil", "cpu", "ready", 0);
  stage.say("/bridge/model", 0, "evil", "evil", 2, "evil");
  stage.say("/bridge/error", -1, "version", "update me");
  for (const name of ["clip", "notes", "done", "error", "missing", "progress", "info", "echo", "hello", "nonsense"]) stage.say(`/bridge/${name}`, ...atoms);
  for (const name of ["pump", "press", "go", "Device", "Music", "toString", "hasOwnProperty", "__proto__", "constructor", "list", "7"]) stage.say(name, ...atoms);
  stage.say("/bridge/clip");
  stage.say("ui", "constructor", 1);
  assert.equal(JSON.stringify(stage.shown), shown);
  assert.equal(stage.max.sent(0).length, sent);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("two devices at one server have ports, sessions, ids and clips of their own", () => {
  const one = withClip();
  const server = new Server(one.clock, {});
  const track = one.live.addTrack({ name: "Two" });
  one.live.addClip(track, 0, { name: "Other", length: 4, notes: [{ pitch: 60, start_time: 0, duration: 1 }] });
  const two = new Stage({ clock: one.clock, set: one.live, track, peer: server, seed: 99 });
  server.busy = [9130]; // the first device has it
  two.start().wait(3000);
  assert.equal(two.port, 9131);
  one.live.select(one.track.slots[0]);
  one.press("vary").wait(20);
  one.live.select(track.slots[0]);
  two.press("vary").settle();
  one.settle();
  assert.deepEqual([one.made().length, two.made().length], [8, 8]);
  assert.ok(one.made().every((c) => c.path.startsWith("live_set tracks 0")));
  assert.ok(two.made().every((c) => c.path.startsWith("live_set tracks 1")));
  assert.notEqual(one.server.hellos[0][2], two.server.hellos[0][2]);
  assert.notEqual(one.server.asked[0].id, two.server.asked[0].id);
  one.check();
  two.check();
});

test("a model that the welcome lists can be chosen, and stays chosen when it is gone", () => {
  const stage = withClip();
  stage.turn("model", 2).press("vary").settle();
  assert.equal(stage.server.asked[0].keys.model, "melody");
  stage.server.models = ["drums"];
  stage.wait(12000);
  assert.deepEqual(stage.patch.items.model, ["auto", "drums", "melody"]);
  stage.check();
});

test("self-test tries all and reports each line to the server", () => {
  const stage = withClip();
  stage.press("selftest").settle();
  assert.match(stage.status, /^self-test: PASS, all \d+/);
  const lines = stage.server.reports;
  assert.ok(lines.every((line) => /^(PASS|FAIL) /.test(line) && line.length <= 200), lines.join("\n"));
  for (const kB of [1, 2, 4, 8]) assert.ok(lines.includes(`PASS UDP ${kB} kB`), lines.join("\n"));
  for (const what of [/device \d/, /Live 12/, /notes: written and read back/, /clip: loop/, /undo: the clip was removed/]) assert.ok(lines.some((line) => what.test(line)), String(what));
  const sizes = stage.max.sent(0).filter(([a]) => a === "/bridge/echo").map((m) => m[2].length);
  assert.deepEqual(sizes.map((n) => Math.round(n / 1024)), [1, 2, 4, 8]);
  assert.deepEqual(stage.made(), []);
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
});

test("self-test says what fails, and works without a server too", () => {
  const stage = withClip();
  stage.server.loses = ([address, , text]) => address === "/bridge/echo" && text.length > 5000;
  stage.press("selftest").settle();
  assert.match(stage.status, /^self-test: FAIL: UDP 8 kB/);
  assert.ok(stage.server.reports.includes("FAIL UDP 8 kB: silent"));
  const garbled = withClip();
  garbled.server.tell = function (to, address, id, ...values) {
    return Object.getPrototypeOf(this).tell.call(this, to, address, id, ...(address === "/bridge/echo" ? [values[0].slice(0, 1500)] : values));
  };
  garbled.press("selftest").settle();
  assert.match(garbled.status, /^self-test: FAIL: UDP 2 kB, UDP 4 kB, UDP 8 kB/);
  const alone = withClip({ server: { isUp: false } });
  alone.wait(3000).press("selftest").settle();
  assert.match(alone.lines.join("\n"), /self-test: FAIL: server/);
  assert.ok(alone.max.console.some((line) => line.includes("FAIL UDP 1 kB")));
  const frozen = withClip();
  frozen.track.frozen = true;
  frozen.press("selftest").settle();
  assert.match(frozen.status, /^self-test: FAIL: notes/);
  const told = frozen.server.reports;
  for (const kB of [1, 2, 4, 8]) assert.equal(told.filter((line) => line === `PASS UDP ${kB} kB`).length, 1, told.join("\n"));
  assert.equal(told.at(-1), "FAIL 7 of 8");
  for (const one of [stage, alone, frozen]) {
    assert.deepEqual(one.made(), []);
    one.check();
  }
});
