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
const { decode, encode } = require("./udp.js");

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

class Server {
  constructor(clock, options) {
    this.clock = clock;
    Object.assign(this, { isUp: true, state: "ready", protocol: 1, models: ["drums", "melody"], session: 77, delay: 2, busy: [], loses: () => false }, options);
    this.asked = [];
    this.reports = [];
    this.resent = [];
    this.hellos = [];
    this.answer = { sample, vary, interpolate, blend: () => [], at: (ask) => [whole(ask.clips[0])] };
    this.forget();
  }

  // What a server that has started anew knows: nothing.
  forget() {
    this.parts = new Map();
    this.answers = new Map();
    this.palettes = new Map();
    this.greeted = new Set();
  }

  // End as a server does: say so to all who said hello, then be silent.
  stop() {
    for (const stage of this.greeted) stage.say("/bridge/bye", this.session);
    this.isUp = false;
    this.forget();
  }

  // What carries the datagrams of a stage: its ports are those of one computer.
  netOf(stage) {
    const { ports } = stage.app;
    return {
      send: (datagram, host, port) => port === 9120 && this.hear(stage, decode(datagram)),
      bind: (port, take, deaf) => {
        if (ports.has(port) || this.busy.includes(port)) return void deaf();
        ports.set(port, take);
        return { close: () => ports.delete(port) };
      },
    };
  }

  deliver(stage, datagram) {
    const take = stage.app.ports.get(stage.port);
    if (take && stage.patch.isOpen) take(datagram);
  }

  hear(stage, message) {
    if (!this.isUp || this.loses(message, true)) return;
    this.clock.after(this.delay, () => this.isUp && this.take(stage, message));
  }

  tell(stage, ...message) {
    if (this.loses(message, false)) return;
    this.clock.after(this.delay, () => {
      if (this.greeted.has(stage)) this.deliver(stage, encode(message)); // else it does not know where to
    });
  }

  take(stage, [address, id, ...values]) {
    const name = address.replace("/bridge/", "");
    const part = (index) => {
      const parts = this.parts.get(id) || new Map();
      this.parts.set(id, parts);
      if (!parts.has(index)) parts.set(index, { rows: [] });
      return parts.get(index);
    };
    switch (name) {
      case "hello":
        this.hellos.push([id, ...values]);
        if (id === stage.port) this.greeted.add(stage);
        if (values[0] !== this.protocol) return this.tell(stage, "/bridge/error", -1, "version", `this server speaks protocol ${this.protocol}, not ${values[0]}: update the older of the two`);
        if (id === stage.port) this.welcome(stage);
        return undefined;
      case "clip":
        return void Object.assign(part(values[0]), { beats: values[1], meter: values.slice(2, 4), count: values[4], name: values[5] });
      case "notes": {
        const [index, first, width, ...numbers] = values;
        for (let k = 0; k < numbers.length / width; k++) part(index).rows[first + k] = numbers.slice(k * width, (k + 1) * width);
        return undefined;
      }
      case "echo":
        return this.tell(stage, "/bridge/echo", id, values[0]);
      case "report":
        if (!this.answers.has(id)) this.reports.push(values[0]);
        this.answers.set(id, true);
        return this.tell(stage, "/bridge/done", id, 0, 0, "");
      case "cancel":
        this.cancelled = id;
        return this.tell(stage, "/bridge/error", id, "cancelled", "cancelled");
      case "resend":
        this.resent.push([id, ...values]);
        return (this.answers.get(id) || []).filter((m) => belongs(m, values)).forEach((m) => this.tell(stage, ...m));
      default:
        return this.run(stage, name, id, values);
    }
  }

  welcome(stage) {
    const models = this.state === "ready" ? this.models : [];
    this.tell(stage, "/bridge/welcome", this.protocol, "0.1.0", "cpu", this.state, models.length, ...(this.session === null ? [] : [this.session]));
    models.forEach((model, i) => this.tell(stage, "/bridge/model", i, model, model, 2, "about it"));
  }

  run(stage, verb, id, values) {
    if (this.answers.has(id)) return this.answers.get(id).forEach((m) => this.tell(stage, ...m));
    const ask = { verb, id, keys: {}, clips: [] };
    if (verb === "at") {
      ask.clips = this.palettes.get(values[0]);
      ask.at = values.slice(1);
      if (!ask.clips) return this.tell(stage, "/bridge/error", id, "no_palette", "there is no such palette");
    } else {
      for (let i = 0; i < values.length; i += 2) ask.keys[values[i]] = values[i + 1];
      const own = ask.keys.clips || 0;
      const missing = this.missing(id, own + (ask.keys.context || 0));
      if (missing.length) return missing.forEach((gap) => this.tell(stage, "/bridge/missing", id, ...gap));
      ask.clips = Array.from({ length: own }, (_, i) => this.parts.get(id).get(i));
      ask.context = Array.from({ length: ask.keys.context || 0 }, (_, i) => this.parts.get(id).get(own + i));
    }
    this.asked.push(ask);
    const answer = this.answer[verb](ask);
    if (verb === "blend") this.palettes.set(id, ask.clips);
    if (!answer) return undefined;
    const messages = answer.error ? [["/bridge/error", id, ...answer.error]] : [...this.messages(id, answer), ["/bridge/done", id, answer.length, 5, "drums"]];
    this.answers.set(id, messages);
    return messages.forEach((m) => this.tell(stage, ...m));
  }

  missing(id, clips) {
    const gaps = [];
    for (let i = 0; i < clips; i++) {
      const part = (this.parts.get(id) || new Map()).get(i);
      if (!part || part.count === undefined) gaps.push([i, 0, -1]);
      else for (let k = 0; k < part.count; k++) if (!part.rows[k]) gaps.push([i, k, 1]);
    }
    return gaps;
  }

  *messages(id, clips) {
    for (const text of clips.info || []) yield ["/bridge/info", id, text];
    for (const [index, clip] of clips.entries()) {
      yield ["/bridge/clip", id, index, clip.beats, ...clip.meter, clip.rows.length, clip.name || ""];
      for (let first = 0; first < clip.rows.length; first += 24) {
        yield ["/bridge/notes", id, index, first, 10, ...clip.rows.slice(first, first + 24).flat()];
      }
    }
  }
}

function belongs([address, , index, first], [wanted, from, count]) {
  if (index !== wanted || address === "/bridge/done") return false;
  if (count < 0) return true;
  return address === "/bridge/notes" && first < from + count && first + 24 > from;
}

// Answers: rows of ten numbers, the last two naming the note that this one is

function whole(part, index = 0) {
  return { ...part, rows: part.rows.map((row, i) => [...pad(row), index, i]) };
}

function pad(row) {
  return [...row, 0, 1, 0, 64].slice(0, 4).concat(row.length > 4 ? row.slice(4) : [0, 1, 0, 64]);
}

// Variation k lacks note k and has a new one at a third of a beat further.
function vary({ keys, clips }) {
  return Array.from({ length: keys.count }, (_, k) => {
    const clip = whole(clips[0]);
    const gone = k % Math.max(1, clip.rows.length);
    return { ...clip, rows: [...clip.rows.filter((_row, i) => i !== gone), fresh(100, 1 / 3 + k / 8)] };
  });
}

function sample({ keys }) {
  return Array.from({ length: keys.count }, (_, k) => ({ beats: keys.bars * 4, meter: [4, 4], rows: [fresh(36, 0), fresh(38 + k, 1.5)] }));
}

function interpolate({ keys, clips }) {
  const middle = Array.from({ length: keys.steps - 2 }, (_, k) => ({ ...clips[0], beats: Math.max(clips[0].beats, clips[1].beats), rows: [fresh(60 + k, 0.5)] }));
  return [whole(clips[0], 0), ...middle, whole(clips[1], 1)];
}

function fresh(pitch, start, duration = 0.25) {
  return [pitch, start, duration, 90, 0, 1, 0, 64, -1, -1];
}

// Notes without ids, as plain lists in order.
function rows(notes) {
  return notes.map((n) => FIELDS.map((field) => Number(n[field]))).sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}

module.exports = { FIELDS, Server, Stage, fresh, pad, rows, whole };
