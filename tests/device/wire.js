// The built device over real UDP: the patch and what Max lets through are those of patch.js and udp.js, the sockets are real.
//
//   const world = new World(live, { leads: { 9120: serverPort } });   one computer; the clock goes with the real time
//   const device = world.open(built, track);                          built: as readDevice gives it
//   device.turn("amount", 30);  device.press("vary");                 what hands do
//   await device.until(() => device.status === "ready", 5000)         looks again and again; throws when time is up
//   device.status, device.lines                                       the status line now, and all there were
//   device.shown.seed, device.items.model                             what a control shows now, and what a menu offers
//   device.send.sent, device.receive.heard                            how many messages have left and have come, by address
//   const again = device.reopen()                                     the set is saved and opened again
//   world.close();  device.check();                                   as patch.check()
//
// `leads` says where a port that the script names really lies, so that no test needs the port that people use. With TRACE in
// the environment, status lines are told as they come.
"use strict";

const dgram = require("node:dgram");
const { App } = require("./app.js");
const hands = require("./hands.js");
const { Clock } = require("./max.js");
const { Patch } = require("./patch.js");
const { HOST, decode, encode } = require("./udp.js");

// The sockets of one device: one to send from, one for each port that it listens on.
class Net {
  constructor(leads) {
    this.leads = leads;
    this._socket = dgram.createSocket("udp4");
    this._socket.on("error", () => undefined); // a port where no one listens
    this._socket.bind(0, HOST);
  }

  send(datagram, host, port) {
    if (this._socket) this._socket.send(datagram, this.leads[port] || port, host, () => undefined);
  }

  bind(port, take, deaf) {
    const socket = dgram.createSocket({ type: "udp4", recvBufferSize: 2 ** 21 });
    const bound = { isBound: false, close: () => ((bound.isBound = false), (bound.close = () => undefined), socket.close()) };
    socket.on("error", () => {
      bound.close = () => undefined;
      deaf();
    });
    socket.on("message", (datagram) => bound.isBound && take(datagram));
    socket.bind(port, () => (bound.isBound = true));
    return bound;
  }

  close() {
    if (this._socket) this._socket.close();
    this._socket = null;
  }
}

// A computer with a Live set on it.
class World {
  constructor(live, { leads = {}, seed = 1, queue } = {}) {
    Object.assign(this, { live, leads, clock: new Clock(), devices: [] });
    live.transport.clock = this.clock;
    this.app = new App(this.clock, { seed, queue });
    this.clock.follow();
  }

  // Put a device on a track, or give one its patch again.
  open(built, track, { device, saved = {}, seed = 1, racks = 0 } = {}) {
    const thing = device || this.live.addDevice(track, { racks });
    const found = new Device(this, built, { thing, saved, seed: seed + this.devices.length });
    this.devices.push(found);
    return found;
  }

  // Let no time pass until something has come true.
  async hold(promise) {
    this.clock.stop();
    await promise;
    this.clock.follow();
  }

  close() {
    for (const device of this.devices) device.close();
    this.clock.stop();
  }
}

class Device {
  constructor(world, built, { thing, saved, seed }) {
    Object.assign(this, { world, built, thing, seed, lines: [], net: new Net(world.leads), busy: Promise.resolve() });
    const onShow = (name, text) => name === "status" && this._hear(text);
    const { app, live } = world;
    this.patch = new Patch(built, { app, live, device: thing, net: this.net, saved, seed, onShow });
    this.max = this.patch.max;
    this.bang();
  }

  // What live.thisdevice does when the set opens, and when the device is saved.
  bang() {
    this.world.clock.after(10, () => this.patch.isOpen && this.patch.ready());
  }

  // What the hands do, one thing after the other; each waits until what it needs is in sight.
  press(name) {
    return this.do(() => hands.press(this.patch, name));
  }

  turn(name, ...values) {
    return this.do(() => hands.turn(this.patch, name, ...values));
  }

  pick(corner, clip) {
    return this.do(() => hands.pick(this.patch, corner, clip));
  }

  drag(places, ms) {
    return this.do(() => hands.drag(this.patch, places, ms));
  }

  // A click on a clip or a slot.
  select(thing) {
    return this.do(function* click() {
      this.world.live.select(thing);
    });
  }

  do(make) {
    const act = async () => {
      for (const isSo of make.call(this)) await this.until(isSo, hands.SOON);
    };
    this.busy = this.busy.then(act).catch((error) => this.patch.fail(error.message));
    return this.busy;
  }

  get send() {
    return this.patch.typed("udpsend").udp;
  }

  get receive() {
    return this.patch.typed("udpreceive").udp;
  }

  get shown() {
    return this.patch.shown;
  }

  get items() {
    return this.patch.items;
  }

  get saved() {
    return this.patch.store();
  }

  get status() {
    return String(this.patch.get("status").shown || "");
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

  // Save the set and open it again: the device with what Live has kept of it, and other ids for all there is.
  reopen() {
    const { saved } = this;
    this.close();
    this.world.live.rebear();
    return this.world.open(this.built, null, { device: this.thing, saved, seed: this.seed + 100 });
  }

  close() {
    if (this.patch.isOpen) this.patch.close();
    this.net.close();
  }

  check() {
    this.patch.check();
  }

  _hear(text) {
    this.lines.push(text);
    if (process.env.TRACE) process.stderr.write(`${this.world.clock.now.toFixed(0)} ms: ${text}\n`);
  }
}

module.exports = { HOST, World, decode, encode };
