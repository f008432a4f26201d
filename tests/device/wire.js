// The device's patch around its script, over real UDP: udpsend and udpreceive as narrow as Max's.
//
//   const world = new World(live, { leads: { 9120: serverPort } });   one computer; the clock goes with the real time
//   const device = world.open(script, track);                         script: { name, source }, as readScript gives it
//   device.ui("amount", 30);  device.press("vary");                   what hands do
//   await device.until(() => device.status === "ready", 5000)         looks again and again; throws when time is up
//   device.status, device.lines                                       the status line now, and all there were
//   device.shown.seed, device.items.model                             what a control shows now, and what a menu offers
//   device.send.sent, device.receive.heard                            how many messages have left and have come, by address
//   const again = device.reopen()                                     the set is saved and opened again
//   world.close();  device.check();                                   as max.check(), and what the network would not have done
//
// `leads` says where a port that the script names really lies, so that no test needs the port that people use. With TRACE in
// the environment, status lines are told as they come.
"use strict";

const dgram = require("node:dgram");
const { Clock, Max } = require("./max.js");

const HOST = "127.0.0.1";
const PACKET = 5096; // bytes, of udpsend until it is told otherwise
const MAC_PACKET = 9216; // bytes, the largest that macOS sends
const LONGEST_SYMBOL = 32767;
const QUEUE = 512; // messages that wait in udpsend or udpreceive; what is more is lost
const POLLED = 20; // messages that udpreceive takes from its queue each ms
const DEFERRED = 10; // messages that deferlow lets through every 2 ms

// OSC, as far as Max goes

function encode(atoms) {
  const [address, ...values] = atoms;
  if (typeof address !== "string" || !address.startsWith("/")) throw new TypeError(`${address} is no OSC address`);
  const tags = values.map(tagOf).join("");
  return Buffer.concat([string(address), string(`,${tags}`), ...values.map((value, i) => bytes(value, tags[i]))]);
}

function decode(datagram) {
  let at = 0;
  const text = () => {
    const end = datagram.indexOf(0, at);
    if (end < 0) throw new TypeError("a string without an end");
    const found = datagram.toString("utf8", at, end);
    at = end + 4 - ((end - at) % 4);
    return found;
  };
  const address = text();
  const values = [];
  for (const tag of text().slice(1)) {
    if (tag === "s") values.push(text());
    else if (tag === "i") values.push(datagram.readInt32BE((at += 4) - 4));
    else if (tag === "f") values.push(datagram.readFloatBE((at += 4) - 4));
    else throw new TypeError(`type tag ${tag} of ${address}: Max reads i, f and s for certain`);
  }
  return [address, ...values];
}

// A JavaScript number that is whole leaves js as an int.
function tagOf(value) {
  if (typeof value === "string") return "s";
  if (!Number.isInteger(value)) return "f";
  if (value !== (value | 0)) throw new TypeError(`${value} does not fit into 32 bits`);
  return "i";
}

function bytes(value, tag) {
  if (tag === "s") return string(value);
  const four = Buffer.alloc(4);
  if (tag === "i") four.writeInt32BE(value);
  else four.writeFloatBE(value);
  return four;
}

function string(text) {
  const body = Buffer.from(text, "utf8");
  return Buffer.concat([body, Buffer.alloc(4 - (body.length % 4))]);
}

// [udpsend 127.0.0.1 9120], restored with a set: it sends nothing until it is told host and port.
class UdpSend {
  constructor({ leads, clock, fail, say }) {
    Object.assign(this, { leads, clock, fail, say, host: null, port: null, size: PACKET, sent: {}, most: 0 });
    this._burst = { at: -1, count: 0 };
    this._socket = dgram.createSocket("udp4");
    this._socket.on("error", () => undefined); // a port where no one listens
    this._socket.bind(0, HOST);
  }

  hear(atoms) {
    const [selector, value] = atoms;
    if (selector === "host") this.host = this._host(value);
    else if (selector === "port") this.port = value;
    else if (selector === "maxpacketsize") this.size = value;
    else this._send(atoms);
  }

  close() {
    if (this._socket) this._socket.close();
    this._socket = null;
  }

  _host(value) {
    if (value !== HOST) this.fail(`udpsend is sent to ${value}: names are looked up, and may be IPv6`);
    return value;
  }

  _send(atoms) {
    let datagram;
    try {
      datagram = encode(atoms);
    } catch (error) {
      this.fail(`udpsend: ${error.message}`);
      return;
    }
    const long = atoms.find((atom) => typeof atom === "string" && atom.length > LONGEST_SYMBOL);
    if (long) this.fail(`udpsend: a symbol of ${long.length} characters`);
    else if (datagram.length > Math.min(this.size, MAC_PACKET)) {
      this.say(`udpsend: packet of ${datagram.length} bytes is too large`);
      this.fail(`udpsend: ${atoms[0]} has ${datagram.length} bytes; ${Math.min(this.size, MAC_PACKET)} are allowed`);
    } else if (this._hasRoom() && this.host !== null && this.port !== null && this._socket) {
      this.sent[atoms[0]] = (this.sent[atoms[0]] || 0) + 1;
      this._socket.send(datagram, this.leads[this.port] || this.port, HOST, () => undefined);
    }
  }

  _hasRoom() {
    if (this._burst.at !== this.clock.now) this._burst = { at: this.clock.now, count: 0 };
    this.most = Math.max(this.most, ++this._burst.count);
    if (this._burst.count <= QUEUE) return true;
    this.fail(`udpsend: more than ${QUEUE} messages at once`);
    return false;
  }
}

// [udpreceive 9130] and [deferlow] behind it: hears everyone; on a port that is taken it is deaf, which only the console tells.
class UdpReceive {
  constructor(port, { clock, pass, fail, say }) {
    Object.assign(this, { clock, pass, fail, say, port: 0, isBound: false, heard: {}, lost: 0 });
    this._queue = [];
    this._deferred = [];
    this._bind(port);
  }

  hear([selector, value]) {
    if (selector === "port") this._bind(value);
    else this.fail(`udpreceive is told ${selector}`);
  }

  // Put a message behind those that wait, as other objects in front of deferlow do.
  defer(...atoms) {
    this._deferred.push(atoms);
    if (this._deferred.length === 1) this.clock.after(0, () => this._letThrough());
  }

  close() {
    if (this._socket) this._socket.close();
    this._socket = null;
    this._deferred = [];
    this.pass = () => undefined;
  }

  _bind(port) {
    if (this._socket) this._socket.close();
    this.port = port;
    this.isBound = false;
    const socket = dgram.createSocket({ type: "udp4", recvBufferSize: 2 ** 21 });
    this._socket = socket;
    socket.on("error", () => {
      this.say(`udpreceive: bind to port ${port} unsuccessful`);
      if (this._socket === socket) this._socket = null;
    });
    socket.on("message", (datagram) => this._take(datagram));
    socket.bind(port, () => (this.isBound = this._socket === socket));
  }

  _take(datagram) {
    let atoms;
    try {
      atoms = decode(datagram);
    } catch (error) {
      this.fail(`udpreceive: ${error.message}`);
      return;
    }
    this.heard[atoms[0]] = (this.heard[atoms[0]] || 0) + 1;
    if (this._queue.length >= QUEUE) {
      this.lost++;
      return;
    }
    this._queue.push(atoms);
    if (this._queue.length === 1) this.clock.after(1, () => this._poll());
  }

  _poll() {
    for (const atoms of this._queue.splice(0, POLLED)) this.defer(...atoms);
    if (this._queue.length) this.clock.after(1, () => this._poll());
  }

  _letThrough() {
    for (const atoms of this._deferred.splice(0, DEFERRED)) this.pass(...atoms);
    if (this._deferred.length) this.clock.after(2, () => this._letThrough());
  }
}

// A computer with a Live set on it.
class World {
  constructor(live, { leads = {} } = {}) {
    Object.assign(this, { live, leads, clock: new Clock(), devices: [] });
    this.clock.follow();
  }

  // Put a device on a track, or give one its script again.
  open(script, track, { device, state = "", seed = 1, racks = 0 } = {}) {
    const thing = device || this.live.addDevice(track, { racks });
    const found = new Device(this, script, { thing, state, seed: seed + this.devices.length });
    this.devices.push(found);
    return found;
  }

  close() {
    for (const device of this.devices) device.close();
    this.clock.stop();
  }
}

// The patch: what patch.py puts around the script.
class Device {
  constructor(world, script, { thing, state, seed }) {
    Object.assign(this, { world, script, thing, state, seed, shown: {}, items: {}, lines: [], failures: [] });
    const { clock, leads, live } = world;
    this.max = new Max(script.source, { name: script.name, clock, live, device: thing, seed });
    const table = this.max.world.TABLE || {};
    const rest = { clock, fail: (text) => this.failures.push(text), say: (text) => this.max.error(text) };
    this.send = new UdpSend({ leads, ...rest });
    this.receive = new UdpReceive((table.listen || [9130])[0], { pass: (...atoms) => this.max.send(...atoms), ...rest });
    this.max.on(0, (atoms) => this.send.hear(atoms));
    this.max.on(1, (atoms) => this._show(atoms));
    this.max.on(2, (atoms) => this.receive.hear(atoms));
    this.max.on(3, (atoms) => this._keep(atoms));
    for (const [name, control] of Object.entries(table.controls || {})) {
      if (control.initial !== undefined) this.ui(name, control.initial);
    }
    this.bang();
  }

  // What live.thisdevice does when the set opens, and when the device is saved.
  bang() {
    this.receive.defer("restore", this.state || 0);
    this.receive.defer("bang");
  }

  ui(name, ...values) {
    this.receive.defer("ui", name, ...values);
  }

  press(name) {
    this.ui(name, 1);
  }

  get status() {
    return String(this.shown.status || "");
  }

  // Wait until something holds.
  until(isSo, ms, what = String(isSo)) {
    return new Promise((done, give) => {
      const end = this.world.clock.now + ms;
      const look = () => {
        if (isSo()) done();
        else if (this.world.clock.now < end) this.world.clock.after(5, look);
        else give(new Error(`not within ${ms} ms: ${what}; the last lines were:\n${this.lines.slice(-8).join("\n")}`));
      };
      look();
    });
  }

  // Save the set and open it again: another script, the same device, what the pattr kept.
  reopen() {
    this.close();
    return this.world.open(this.script, null, { device: this.thing, state: this.state, seed: this.seed + 100 });
  }

  close() {
    this.max.close();
    this.send.close();
    this.receive.close();
  }

  check() {
    this.max.check();
    if (this.failures.length) throw new Error(this.failures.slice(0, 20).join("\n"));
  }

  _show([name, how, ...values]) {
    if (how === "set" && values.length) this.shown[name] = values.length === 1 ? values[0] : values;
    else if (how === "clear") this.items[name] = [];
    else if (how === "append") this.items[name] = [...(this.items[name] || []), values.join(" ")];
    else this.failures.push(`${name} is told ${[how, ...values].join(" ")}`);
    if (name === "status") this.lines.push(this.status);
    if (name === "status" && process.env.TRACE) process.stderr.write(`${this.world.clock.now.toFixed(0)} ms: ${this.status}\n`);
  }

  _keep(atoms) {
    if (atoms.length !== 1 || typeof atoms[0] !== "string") this.failures.push(`the state is ${atoms.length} atoms`);
    else if (!/^[A-Za-z][\w.~:|!=-]*$/.test(atoms[0]))
      this.failures.push(`the state has letters that Max may change: ${atoms[0].slice(0, 80)}`);
    else if (atoms[0].length > 4000) this.failures.push(`the state has ${atoms[0].length} characters`);
    else this.state = atoms[0];
  }
}

module.exports = { HOST, UdpReceive, UdpSend, World, decode, encode };
