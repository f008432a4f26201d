// Scenarios of the device's script: the handshake, ports, what gets lost, servers that die, warm up, differ or say no.
// Run with `node --expose-internals tests/device/network_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Server, Stage, whole } = require("./stage.js");

const NO_SERVER = "no server: run latent-bridge serve";

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

test("before anything else udpsend is told where to send, and how much", () => {
  const stage = new Stage().start();
  assert.deepEqual(stage.max.sent(0).slice(0, 3), [["host", "127.0.0.1"], ["port", 9120], ["maxpacketsize", 16384]]);
  const [port, protocol, session, client] = stage.server.hellos[0];
  assert.deepEqual([port, protocol, client], [9130, 1, "Latent Bridge for Live"]);
  assert.ok(Number.isInteger(session) && Math.abs(session) < 2 ** 31);
  assert.equal(stage.status, "ready: drums, melody");
  assert.deepEqual(stage.max.sent(1).filter(([c]) => c === "model").slice(-5), [["model", "clear"], ["model", "append", "auto"], ["model", "append", "drums"], ["model", "append", "melody"], ["model", "set", 0]]);
  stage.check();
});

test("nothing is sent or read before the bang, and a press then gets a sentence", () => {
  const stage = new Stage();
  stage.turn("amount", 40).turn("puck_x", 30).press("vary").press("undo").press("pick_a");
  assert.equal(stage.status, "Live is still loading");
  assert.deepEqual(stage.max.sent(0), []);
  stage.check();
});

test("a second bang changes nothing but tells udpsend again", () => {
  const stage = withClip();
  stage.press("vary").wait(30);
  stage.max.send("bang");
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
  stage.press("vary").wait(200);
  assert.equal(stage.status, NO_SERVER);
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
  assert.equal(stage.status, "the server stopped");
  stage.press("vary");
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
  stage.max.send("/bridge/error", stage.server.asked[0].id, "cancelled", "the server stops");
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
    for (const values of [[], [0], [78], ["x"]]) stage.max.send("/bridge/bye", ...values);
    assert.equal(stage.status, "ready: drums, melody");
    stage.press("vary").settle();
    assert.equal(stage.made().length, 8);
    stage.check();
  }
  named.max.send("/bridge/bye", String(named.server.session));
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
  newer.max.send("/bridge/welcome", 2, "9.9", "cpu", "ready", 0);
  newer.wait(9000);
  newer.max.send("/bridge/welcome", 2, "9.9", "cpu", "ready", 0);
  assert.equal(newer.status, "the server speaks protocol 2, this device 1: update this device");
  newer.press("vary").settle();
  assert.equal(newer.status, "the server speaks protocol 2, this device 1: update this device");
});

test("the server's own sentence stands in the status line", () => {
  const stage = withClip();
  stage.server.answer.vary = () => ({ error: ["no_model", "there is no model of that name; there are: drums, melody"] });
  stage.press("vary").settle();
  assert.equal(stage.status, "vary: there is no model of that name; there are: drums, melody");
  stage.check();
});

test("what others send is not listened to: alien ids, unasked welcomes, names of functions", () => {
  const stage = withClip();
  const atoms = [3, 0, 0, 10, 60, 0, 1, 100, 0, 1, 0, 64, -1, -1];
  const shown = JSON.stringify(stage.shown), sent = stage.max.sent(0).length;
  stage.max.send("/bridge/welcome", 7, "evil", "cpu", "ready", 0);
  stage.max.send("/bridge/model", 0, "evil", "evil", 2, "evil");
  stage.max.send("/bridge/error", -1, "version", "update me");
  for (const name of ["clip", "notes", "done", "error", "missing", "progress", "info", "echo", "hello", "nonsense"]) stage.max.send(`/bridge/${name}`, ...atoms);
  for (const name of ["pump", "press", "go", "Device", "Music", "toString", "hasOwnProperty", "__proto__", "constructor", "list", "7"]) stage.max.send(name, ...atoms);
  stage.max.send("/bridge/clip");
  stage.max.send("ui", "constructor", 1);
  assert.equal(JSON.stringify(stage.shown), shown);
  assert.equal(stage.max.sent(0).length, sent);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("numbers that come as symbols are numbers, and half a message is none", () => {
  const stage = withClip({}, 3);
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(100);
  const id = stage.server.asked[0].id;
  stage.max.send("/bridge/notes", id, 0, 0, 10, 60, 0);
  stage.max.send("/bridge/notes", id, 99999, 0, 10, 60, 0, 1, 100, 0, 1, 0, 64, -1, -1);
  stage.max.send("/bridge/clip", String(id), "0", "8.0", "4", "4", "1", "a name");
  stage.max.send("/bridge/notes", String(id), "0", "0", "10", ...["60", "1.5", "0.25", "100", "0", "1", "0", "64", "-1", "-1"]);
  stage.max.send("/bridge/done", String(id), "1", "5", "drums");
  stage.settle();
  assert.deepEqual(stage.made().map((c) => c.notes.map((n) => [n.pitch, n.start_time])), [[[60, 1.5]]]);
  stage.check();
});

test("requests are cut into messages that every system carries, and paced", () => {
  const stage = withClip({}, 1000);
  stage.press("vary").settle();
  const notes = stage.max.sent(0).filter(([a]) => a === "/bridge/notes");
  assert.equal(notes.reduce((sum, m) => sum + (m.length - 5) / m[4], 0), 1000);
  for (const message of notes) assert.ok(message.length - 1 <= 250 && 16 + 252 + (message.length - 1) * 4 <= 1400);
  for (const turn of stage.max.turns.filter((t) => t.what.startsWith("Task"))) assert.ok(turn.sent <= 60);
  stage.check();
});

test("request notes that get lost are sent again when the server asks", () => {
  let count = 0;
  const stage = withClip({}, 1000);
  stage.server.loses = ([address], isRequest) => isRequest && ["/bridge/notes", "/bridge/clip"].includes(address) && count++ % 3 === 0;
  stage.press("vary").settle();
  assert.equal(stage.server.asked[0].clips[0].rows.filter(Boolean).length, 1000);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a verb of which nothing is heard is sent again after half a second, with the same id", () => {
  const stage = withClip();
  let lost = 2;
  stage.server.loses = ([address], isRequest) => isRequest && address === "/bridge/vary" && lost-- > 0;
  stage.press("vary").settle();
  assert.equal(verbs(stage).length, 3);
  assert.equal(new Set(verbs(stage).map((m) => m[1])).size, 1);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("reply notes that get lost, doubled and mixed up come out whole", () => {
  const stage = withClip({}, 500);
  let dice = 12345;
  const roll = () => (dice = (dice * 1103515245 + 12345) % 2147483648) / 2147483648;
  stage.server.loses = (message, isRequest) => !isRequest && roll() < 0.2;
  const { tell } = stage.server;
  stage.server.tell = function (to, ...message) {
    const copies = roll() < 0.2 ? 2 : 1;
    for (let i = 0; i < copies; i++) stage.clock.after(roll() * 30, () => tell.call(this, to, ...message));
  };
  stage.turn("count", 4).press("vary").settle();
  assert.equal(stage.made().length, 4);
  for (const clip of stage.made()) assert.equal(clip.notes.length, 500);
  assert.ok(stage.server.resent.length > 0);
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
});

test("an answer of which a part never comes ends in a sentence", () => {
  const stage = withClip({}, 100);
  stage.server.loses = ([address, , , first], isRequest) => !isRequest && address === "/bridge/notes" && first === 24;
  stage.press("vary").settle();
  assert.equal(stage.status, "vary: part of the answer was lost: press again");
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a server that dies in mid-request costs some seconds and a sentence", () => {
  const stage = withClip();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(300);
  stage.server.isUp = false;
  stage.wait(9000);
  assert.ok(stage.lines.includes("vary: the server does not answer: run latent-bridge serve"));
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a server that starts anew in mid-request is told everything again", () => {
  const stage = withClip();
  const { vary } = stage.server.answer;
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(300);
  stage.server.forget();
  stage.server.answer.vary = vary;
  stage.wait(2500);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a server that starts anew in the middle of its answer is asked for all of it again", () => {
  const stage = withClip({}, 100);
  let isLossy = true;
  stage.server.loses = ([address], isRequest) => isLossy && !isRequest && address === "/bridge/notes";
  const { take } = stage.server;
  stage.server.take = function (to, message) {
    if (message[0] === "/bridge/resend" && isLossy) {
      isLossy = false;
      this.forget();
      this.greeted.add(to);
    }
    if (message[0] === "/bridge/resend" && !this.answers.has(message[1])) {
      return this.tell(to, "/bridge/error", message[1], "bad_request", "nothing is kept of it");
    }
    return take.call(this, to, message);
  };
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("progress keeps a request alive, and is shown", () => {
  const stage = withClip();
  const { vary } = stage.server.answer;
  let ask = null;
  stage.server.answer.vary = (given) => ((ask = given), null);
  stage.press("vary").wait(100);
  stage.server.run = (to, _verb, id) => stage.server.tell(to, "/bridge/progress", id, 0.4); // what the server says to a repeat
  stage.wait(30000);
  assert.equal(stage.status, "vary: 40 %…");
  delete stage.server.run;
  for (const m of [...stage.server.messages(ask.id, vary(ask)), ["/bridge/done", ask.id, 8, 5, "drums"]]) stage.server.tell(stage, ...m);
  stage.settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("cancel ends what is under way, tells the server, and leaves no half clip", () => {
  const stage = withClip();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(100).press("cancel").settle();
  assert.equal(stage.status, "cancelled");
  assert.equal(stage.server.cancelled, stage.server.asked[0].id);
  const late = withClip();
  late.press("vary");
  late.clock.advance(2000, () => late.made().length === 3);
  late.press("cancel").settle();
  assert.match(late.status, /^cancelled; [23] clips were made before$/);
  assert.ok(late.made().every((c) => c.notes.length === 200));
  const made = late.made().length;
  late.press("undo").settle();
  assert.equal(late.status, `removed ${made} clips`);
  for (const one of [stage, late]) {
    assert.equal(one.live.snapshot(), one.before);
    one.press("cancel").settle();
    assert.equal(one.status, "nothing is running");
    one.check();
  }
});

test("of a request that was cancelled nothing more is sent", () => {
  const stage = withClip({}, 3000);
  stage.press("vary").wait(20).press("cancel");
  const sent = stage.max.sent(0).length;
  stage.settle();
  assert.ok(stage.max.sent(0).slice(sent).every(([a]) => a === "/bridge/hello" || a === "/bridge/cancel"));
  stage.check();
});

test("an answer that comes after all is not written when it was cancelled", () => {
  const stage = withClip();
  let ask = null;
  const { vary } = stage.server.answer;
  stage.server.answer.vary = (given) => ((ask = given), null);
  stage.press("vary").wait(100).press("cancel").wait(100);
  for (const m of [...stage.server.messages(ask.id, vary(ask)), ["/bridge/done", ask.id, 8, 5, "drums"]]) stage.server.tell(stage, ...m);
  stage.settle();
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a request whose parts were lost too often is sent anew once, under another id", () => {
  const stage = withClip();
  let isFirst = true;
  stage.server.answer.vary = ({ clips }) => (isFirst ? ((isFirst = false), { error: ["incomplete", "note 3 never came"] }) : [whole(clips[0])]);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 1);
  assert.notEqual(stage.server.asked[0].id, stage.server.asked[1].id);
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
  assert.deepEqual(stage.max.sent(1).filter(([c]) => c === "model").slice(-4), [["model", "append", "auto"], ["model", "append", "drums"], ["model", "append", "melody"], ["model", "set", 2]]);
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
