// A stage for scenarios: a fake Live with the built device on its first track, and a scripted server that answers at once and as
// told. The real server is met in tests/test_device_wire.py; here everything happens in virtual time and can be looked at.
//
//   const stage = new Stage({ live: {...}, server: {...} }).start();   start() lets the device begin, and waits until it is ready
//   stage.press("vary");  stage.turn("amount", 30);  stage.wait(100);   what the musician's hands do: hands.js
//   stage.turn("puck", 64, 0);  stage.drag([[0, 0], [9, 9]], 30)        the puck on the pad, in places from 0 to 127
//   stage.pick("a", clip)                   a clip is put at a corner;  stage.choose("to", "track")  an item of a menu
//   stage.look()                            the musician clicks on the device's track, if another one is selected
//   stage.settle()                          time passes until nothing is under way any more
//   stage.status, stage.shown.result        what the face shows;  stage.text("generate"), stage.corner("a"), stage.drawn("roll", "title")
//   stage.server.asked                      verbs as they came: { verb, id, keys, clips: [{ beats, meter, rows, name }], context }
//   stage.server.answer.vary = (ask) => [clips] | { error: [code, text] } | null for no answer
//   stage.server.loses = (message, isRequest) => true for a message that gets lost
//   stage.say("/bridge/bye", 7)             a datagram for the device, from whomever
//   stage.reopen(); stage.recall(saved)     the set is saved and opened again; a preset with these values is put in its place
//   stage.check()                           nothing was done that Max or Live would not forgive
//
// Options: live, server, set (a Live that others use too), peer (their server), track, device, racks, seed, saved, nodes, clicks
// (what a button sends: "bang", "1" or "1 0"), queue ("uneven", as Max's is, or "even" where a scenario counts ms).
"use strict";

const path = require("node:path");
const { App } = require("./app.js");
const { readDevice } = require("./frozen.js");
const hands = require("./hands.js");
const { Live } = require("./live.js");
const { Clock } = require("./max.js");
const { Patch } = require("./patch.js");
const { Server, fresh, pad, whole } = require("./scripted_server.js");
const { encode } = require("./udp.js");

const BUILT = process.env.DEVICE || path.join(__dirname, "../../max_for_live/Latent Bridge.amxd");
const DEVICE = readDevice(BUILT);

const FIELDS = ["pitch", "start_time", "duration", "velocity", "mute", "probability", "velocity_deviation", "release_velocity"];

class Stage {
  constructor(options = {}) {
    this.options = options;
    this.live = options.set || new Live(options.live);
    const { seed = 1, queue } = options;
    if (!this.live.max) this.live.max = new App(options.clock || new Clock(), { seed, queue });
    this.app = this.live.max;
    this.clock = this.app.clock;
    this.live.transport.clock = this.clock;
    this.track = options.track || this.live.tracks[0];
    this.device = options.device || this.live.addDevice(this.track, { racks: options.racks || 0 });
    this.server = options.peer || new Server(this.clock, options.server);
    this.load(seed, options.saved);
  }

  // Load the device, as when the set is opened; `saved` is what Live has kept of its parameters.
  load(seed, saved = {}) {
    const { nodes, clicks } = this.options;
    this.lines = [];
    const onShow = (name, text) => void (name === "status" && text !== this.lines[this.lines.length - 1] && this.lines.push(text));
    const given = { app: this.app, live: this.live, device: this.device, net: this.server.netOf(this), saved, seed, nodes, clicks, onShow };
    this.patch = new Patch(DEVICE, given);
    this.max = this.patch.max;
  }

  get shown() {
    return this.patch.shown;
  }

  get status() {
    return this.patch.get("status").shown;
  }

  // The state that Live keeps of the device now.
  get saved() {
    return this.patch.store().State;
  }

  // What is written on a button, whatever its value.
  text(name) {
    return this.patch.get(name).label;
  }

  // A corner of the pad as it is drawn: { name, state, color }, where the state is empty, picked, armed or gone.
  corner(letter) {
    const index = "abcd".indexOf(letter);
    const [, red, green, blue, state, name] = this.patch.get("pad").told.corner.filter(([i]) => i === index).pop();
    return { name, state: ["empty", "picked", "armed", "gone"][state], color: (red << 16) | (green << 8) | blue };
  }

  // What a view was told of a word, the newest.
  drawn(view, word) {
    return (this.patch.get(view).told[word] || []).slice(-1)[0];
  }

  get port() {
    return this.patch.typed("udpreceive").udp.port;
  }

  start() {
    this.bang().wait(1200); // a puck does not move on its own while a set opens
    return this;
  }

  // live.thisdevice bangs, as when the device has been loaded, and when it is saved.
  bang() {
    this.patch.ready();
    return this;
  }

  look() {
    return this.do(hands.look(this.patch));
  }

  press(button) {
    return this.do(hands.press(this.patch, button));
  }

  // An item of a menu, by what it stands for.
  choose(control, choice) {
    return this.turn(control, this.patch.table.controls[control].choices.indexOf(choice));
  }

  turn(control, ...values) {
    return this.do(hands.turn(this.patch, control, ...values));
  }

  // The puck is dragged over these places (0..127) in one go, with so many ms between them.
  drag(places, ms) {
    return this.do(hands.drag(this.patch, places, ms));
  }

  pick(corner, clip) {
    return this.do(hands.pick(this.patch, corner, clip));
  }

  do(steps) {
    hands.play(this.clock, steps);
    return this;
  }

  say(...atoms) {
    this.server.deliver(this, encode(atoms, true));
    return this;
  }

  wait(ms) {
    this.clock.advance(ms);
    return this;
  }

  // Let time pass until nothing has come out of the device for a while but greetings.
  settle(most = 60000) {
    let quiet = 0;
    for (let waited = 0; waited < most && quiet < 2500; waited += 20) {
      const before = this.activity();
      this.clock.advance(20);
      quiet = this.activity() === before ? quiet + 20 : 0;
    }
    return this;
  }

  activity() {
    return `${this.live.log.length} ${this.lines.length} ${this.server.asked.length} ${this.max.sent(0).filter(([a]) => a !== "/bridge/hello").length}`;
  }

  // The set is saved, closed and opened again.
  reopen() {
    const saved = this.patch.store();
    this.close();
    this.live.rebear();
    this.load(7, saved);
    return this;
  }

  // The musician duplicates the track, or copies the device to another one: the stage of the new device, which has begun.
  duplicateTrack() {
    const copy = this.live.duplicateTrack(this.live.trackOf(this.device));
    return this.beside(this.live.maxDeviceOf(copy));
  }

  copyDevice(track) {
    return this.beside(this.live.copyDevice(this.device, track));
  }

  beside(device) {
    const { live: set, server: peer, options } = this;
    const { nodes, clicks } = options;
    const saved = this.patch.store();
    return new Stage({ set, peer, device, track: this.live.trackOf(device), saved, seed: 5 + this.live.lastId, nodes, clicks }).start();
  }

  undo(times = 1) {
    for (let i = 0; i < times; i++) this.live.undo();
    return this;
  }

  redo(times = 1) {
    for (let i = 0; i < times; i++) this.live.redo();
    return this;
  }

  // A preset with these values is put in the place of the device.
  recall(saved) {
    this.close();
    this.load(11, saved);
    return this.start();
  }

  close() {
    this.patch.close();
    this.server.greeted.delete(this);
  }

  // Clips that the device has made, with their notes.
  made() {
    return this.live.made(this.device);
  }

  check() {
    this.patch.check();
  }
}

// Notes without ids, as plain lists in order.
function rows(notes) {
  return notes.map((n) => FIELDS.map((field) => Number(n[field]))).sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}

module.exports = { FIELDS, Server, Stage, fresh, pad, rows, whole };
