// The emulated udpsend, udpreceive and deferlow are as narrow as Max's, and the relay loses what it should.
//
//   node --expose-internals wire_checks.js
"use strict";

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const { test } = require("node:test");
const { Live } = require("./live.js");
const { Relay, Server, freePort } = require("./relay.js");
const { patchOf, valueof } = require("./small_patch.js");
const { HOST, World, decode, encode } = require("./wire.js");

// A script that says what it hears and sends what it is told to.
const PARROT = `autowatch = 0; inlets = 1; outlets = 4;
function bang() { outlet(0, ["host", "127.0.0.1"]); outlet(0, ["port", 9120]); outlet(1, ["status", "set", "on"]); }
function restore(text) { outlet(1, ["restored", "set", text]); }
function ui() {
  var atoms = arrayfromargs(arguments);
  outlet(1, ["ui", "set", atoms.join(" ")]);
  if (atoms[0] === "send") outlet(0, atoms.slice(1));
}
function much() { for (var i = 0; i < 600; i++) outlet(0, ["/bridge/n", i]); }
function long(size) { outlet(0, ["/bridge/long", new Array(size + 1).join("x")]); }
function listen(port) { outlet(2, ["port", port]); }
function keep(text) { outlet(3, text); }
function anything() {
  outlet(1, ["heard", "set", [messagename].concat(arrayfromargs(arguments)).join(" ")]);
  outlet(1, ["all", "append", messagename]);
}`;

// The parrot in a patch: what it says goes to a comment, a menu, the network; what it is told comes from there too.
const BOXES = (port) => ({
  thisdevice: "live.thisdevice",
  receive: `udpreceive ${port}`,
  defer: "deferlow",
  script: { maxclass: "newobj", text: "js parrot.js", numinlets: 1, numoutlets: 4 },
  send: "udpsend 127.0.0.1 9120",
  show: "route status heard all ui restored",
  status: { maxclass: "live.comment", text: "" },
  heard: { maxclass: "live.comment", text: "" },
  all: { maxclass: "umenu", items: "" },
  ui: { maxclass: "live.comment", text: "" },
  restored: { maxclass: "live.comment", text: "" },
  amount: { maxclass: "live.dial", ...valueof("Amount", { parameter_initial: [30], parameter_initial_enable: 1 }) },
  told: "prepend ui amount",
  state: {
    maxclass: "newobj",
    text: "pattr state @thru 0",
    ...valueof("State", { parameter_type: 3, parameter_invisible: 1 }),
  },
  restore: "prepend restore",
});
const CORDS = [
  ["thisdevice", "defer"],
  ["receive", "defer"],
  ["defer", "script"],
  ["script", "send"],
  ["script 1", "show"],
  ["script 2", "receive"],
  ["script 3", "state"],
  ...["status", "heard", "all", "ui", "restored"].map((name, i) => [`show ${i}`, name]),
  ["amount", "told"],
  ["told", "defer"],
  ["state", "restore"],
  ["restore", "defer"],
];

async function parrot(t, options) {
  const port = await freePort();
  const peer = await listen(t);
  const live = new Live();
  const world = new World(live, { leads: { 9120: peer.port } });
  t.after(() => world.close());
  const built = patchOf(BOXES(port), CORDS, { scripts: { "parrot.js": PARROT } });
  const device = world.open(built, live.tracks[0], options);
  await device.until(() => device.status === "on", 2000);
  const tell = (...atoms) => device.patch.get("defer").receive(0, atoms);
  return { device, peer, port, tell, world };
}

// Someone on the other end, who keeps what comes.
async function listen(t) {
  const socket = dgram.createSocket("udp4");
  t.after(() => socket.close());
  const heard = [];
  socket.on("message", (datagram, from) => heard.push([...decode(datagram), from.port]));
  await new Promise((done) => socket.bind(0, HOST, done));
  return { socket, heard, port: socket.address().port, say: (to, ...atoms) => socket.send(encode(atoms), to, HOST) };
}

test("whole numbers are ints, others 32-bit floats, texts UTF-8", () => {
  const atoms = ["/bridge/x", 3, -1, 0.1, "", "abcd", "Ünï"];
  assert.deepEqual(decode(encode(atoms)), ["/bridge/x", 3, -1, Math.fround(0.1), "", "abcd", "Ünï"]);
  assert.equal(encode(["/a", 1, 1.5, "s"]).toString("latin1", 4, 8), ",ifs");
  assert.throws(() => encode(["/a", 2 ** 31]), /32 bits/);
  assert.throws(() => encode(["a"]), /no OSC address/);
  assert.throws(() => decode(Buffer.from("/a\0\0,b\0\0\0\0\0\0")), /i, f and s/);
});

test("a device starts with its controls and its state, and hears and sends", async (t) => {
  const { device, peer, port, tell } = await parrot(t, { saved: { State: "lb1" } });
  assert.equal(device.shown.restored, "lb1");
  assert.equal(device.shown.ui, "amount 30");
  tell("ui", "send", "/bridge/vary", 7, 0.5, "a b");
  await device.until(() => peer.heard.length, 1000);
  assert.deepEqual(peer.heard[0].slice(0, 4), ["/bridge/vary", 7, 0.5, "a b"]);
  peer.say(port, "/bridge/done", 7, 0.1, "x");
  await device.until(() => device.shown.heard !== "", 1000);
  assert.equal(device.shown.heard, `/bridge/done 7 ${Math.fround(0.1)} x`);
  device.check();
});

test("udpsend is silent until it is told host and port, and refuses what is too large", async (t) => {
  const { device, peer, tell } = await parrot(t);
  device.send.host = null; // as it is in a set that is opened
  tell("ui", "send", "/bridge/early", 1);
  await device.until(() => device.shown.ui === "send /bridge/early 1", 1000);
  device.patch.ready();
  tell("long", 5000);
  tell("long", 6000);
  await device.until(() => peer.heard.length, 1000);
  assert.deepEqual(
    peer.heard.map(([address, text]) => [address, text.length]),
    [["/bridge/long", 5000]],
  );
  assert.throws(() => device.check(), /6024 bytes; 5096 are allowed/);
  tell("ui", "send", "maxpacketsize", 65507);
  tell("long", 9000);
  tell("long", 9300);
  await device.until(() => device.patch.failures.length === 2, 1000);
  assert.match(device.patch.failures[1], /9216 are allowed/);
});

test("udpsend sends to 127.0.0.1 only, whole numbers of 32 bits only, and 512 messages at once", async (t) => {
  for (const [what, ...atoms] of [
    [/localhost/, "host", "localhost"],
    [/32 bits/, "/bridge/x", 3e9],
    [/no OSC address/, "bridge", 1],
  ]) {
    const { device, tell } = await parrot(t);
    tell("ui", "send", ...atoms);
    await device.until(() => device.patch.failures.length, 1000);
    assert.match(device.patch.failures[0], what);
  }
  const { device, tell } = await parrot(t);
  tell("much");
  await device.until(() => device.patch.failures.length, 1000);
  assert.match(device.patch.failures[0], /more than 512/);
});

test("a port that is taken leaves the device deaf, and another one cures it", async (t) => {
  const { device, peer, port, tell } = await parrot(t);
  const taken = await listen(t);
  tell("listen", taken.port);
  await device.until(() => device.patch.console.length, 1000);
  assert.match(device.patch.console[0], /bind to port \d+ unsuccessful/);
  peer.say(port, "/bridge/old", 1);
  peer.say(taken.port, "/bridge/taken", 1);
  await device.until(() => taken.heard.length, 1000);
  const free = await freePort();
  tell("listen", free);
  await device.until(() => device.receive.isBound, 1000);
  peer.say(free, "/bridge/new", 1);
  await device.until(() => device.shown.heard !== "", 1000);
  assert.equal(device.shown.heard, "/bridge/new 1");
  device.check();
});

test("messages keep their order, and a flood overruns udpreceive", async (t) => {
  const { device, peer, port } = await parrot(t);
  for (let i = 0; i < 300; i++) peer.say(port, `/bridge/${i}`, i);
  await device.until(() => device.items.all.length === 300, 3000);
  assert.deepEqual(
    device.items.all,
    Array.from({ length: 300 }, (_, i) => `/bridge/${i}`),
  );
  for (let i = 0; i < 5000; i++) device.receive.take(encode(["/bridge/flood", i]));
  assert.equal(device.receive.lost, 5000 - 512);
});

test("what the pattr may not keep is a failure", async (t) => {
  for (const text of ["a b", "1", "a,b", "a;b", "a$1", "a\\b", `a${"x".repeat(4000)}`]) {
    const { device, tell } = await parrot(t);
    tell("keep", text);
    await device.until(() => device.patch.failures.length, 1000, text);
  }
  const { device, tell, world } = await parrot(t);
  tell("keep", "lb1-a_b.c");
  await device.until(() => device.saved.State === "lb1-a_b.c", 1000);
  const again = device.reopen();
  await again.until(() => again.shown.restored && again.shown.status === "on", 1000);
  assert.equal(again.shown.restored, "lb1-a_b.c");
  assert.equal(world.live.tracks[0].devices.length, 1);
});

test("a relay loses, doubles and delays the same packets each time, and answers come back through it", async (t) => {
  const run = async () => {
    const server = await listen(t);
    server.socket.on("message", (datagram) => {
      const [address, first] = decode(datagram);
      if (address === "/bridge/hello") server.say(first, "/bridge/welcome", 1);
    });
    const relay = await new Relay(server.port, { seed: 4, share: 0.1 }).open();
    t.after(() => relay.close());
    const client = await listen(t);
    for (let i = 0; i < 300; i++) client.socket.send(encode(["/bridge/hello", client.port, i]), relay.port, HOST);
    for (let i = 0; i < 100 && client.heard.length < 200; i++) await new Promise((done) => setTimeout(done, 10));
    const order = server.heard.map(([, , i]) => i);
    assert.ok(
      server.heard.every(([, port]) => port !== client.port),
      "the server answers past the relay",
    );
    return [
      relay.lost > 20,
      relay.doubled > 20,
      relay.delayed > 20,
      order.length < 290 + relay.doubled,
      client.heard.length > 150,
    ];
  };
  assert.deepEqual(await run(), [true, true, true, true, true]);
});

test("a server is killed and started again on its port", async (t) => {
  const echo =
    "const s = require('dgram').createSocket('udp4'); s.bind(Number(process.argv.at(-1))); " +
    "s.on('message', (datagram, from) => s.send(datagram, from.port));";
  const port = await freePort();
  const server = new Server([process.execPath, "-e", echo, "--"], port);
  t.after(() => server.kill());
  const peer = await listen(t);
  const answers = async () => {
    peer.heard.length = 0;
    for (let i = 0; i < 100 && !peer.heard.length; i++) {
      peer.say(port, "/bridge/echo", i);
      await new Promise((done) => setTimeout(done, 20));
    }
    return peer.heard.length > 0;
  };
  server.start();
  assert.ok(await answers());
  await server.kill();
  server.start();
  assert.ok(await answers());
});
