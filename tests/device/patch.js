// The built device, interpreted: its boxes and cords, its scripts in them, its parameters in Live, and the hands on it.
//
//   const patch = new Patch(readDevice("Latent Bridge.amxd"), { app, live, device, net, saved, seed, nodes });
//   patch.ready()                       live.thisdevice bangs: the device is loaded, or has been saved
//   patch.click("generate")             the mouse on a live.text; what cannot be seen cannot be clicked
//   patch.choose("mode", 2)             an item of a tab or a menu;  patch.turn("amount", 30)  a dial, toggle, menu, pad
//   patch.drag("puck", [[0, 0], [9, 9]])     down at the first point, over the others, up at the last; hold(name, point) and
//                                       release() do so one by one
//   patch.map("generate")               a key or controller that is mapped to a parameter
//   patch.automate("puck_x", 30)        automation, in the scheduler's thread, without a step of undo
//   patch.midi([0x91, 60, 100])         what comes into midiin, byte for byte; patch.played: what has left midiout
//                                       (patch.heard: [ms, byte, beat], when)
//   patch.shown.status, patch.items.model    what a control shows now, and what a menu offers
//   patch.store()                       what Live keeps of it with the set, by the long names of the parameters
//   patch.max                           the script that decides (js); patch.views: the scripts that draw (jsui), by name
//   patch.check()                       nothing was done that Max or Live would not forgive
//
// Cords of one outlet are followed from right to left, and from the bottom up where boxes stand above each other
// (docs.cycling74.com/max7/vignettes/max_message_order). No message gets to a script but by a cord.
"use strict";

const { FACES } = require("./faces.js");
const { Max } = require("./max.js");
const { TYPED, isNumber } = require("./typed.js");

const STORED = 1; // parameter_invisible; 0 can be automated, 2 is hidden and not kept with the set
const DEEPEST = 200; // messages within messages before Max stops with a stack overflow

class Box {
  constructor(patch, json) {
    Object.assign(this, { patch, json, app: patch.app, id: json.id, name: json.varname || "", looks: {}, items: null });
    this.text = json.maxclass === "newobj" ? json.text : json.maxclass;
    this.outlets = json.numoutlets || 0;
    this.valueof = (json.saved_attribute_attributes || {}).valueof || {};
    this.isHidden = Boolean(json.hidden);
    this.parameter = null;
    this.cords = [];
    this.fail = (text) => patch.fail(`${this.name || this.text}: ${text}`);
    this.error = (text) => patch.console.push(`error: ${text}`);
  }

  get isOpen() {
    return this.patch.isOpen;
  }

  // What it shows: its words, its number, the item that is chosen.
  get shown() {
    if (this.at) return this.at;
    if (this.chosen !== undefined) return this.chosen;
    if (this.label !== undefined && !this.json.mode) return this.label;
    return this.parameter ? this.parameter.value : this.label;
  }

  receive(inlet, message) {
    if (inlet >= (this.json.numinlets || 0)) return void this.fail(`there is no inlet ${inlet}`);
    if (++this.patch.depth > DEEPEST) throw new Error(`stack overflow at ${this.text}`);
    try {
      this.face.receive(inlet, message);
    } finally {
      this.patch.depth--;
    }
  }

  send(outlet, message) {
    if (outlet >= this.outlets) return;
    for (const cord of this.cords[outlet] || []) cord.box.receive(cord.inlet, message);
  }
}

class Patch {
  constructor(built, { app, live, device, net, saved = {}, seed = 1, nodes = {}, clicks = "bang", onShow = () => undefined }) {
    Object.assign(this, { built, app, live, device, net, seed, nodes, clicks, onShow });
    Object.assign(this, {
      depth: 0,
      changes: 0,
      isOpen: true,
      failures: [],
      console: [],
      played: [],
      heard: [],
      views: {},
      max: null,
      _held: null,
    });
    this._saved = saved;
    this._number = app.shared(app.globals, "patches", () => ({ count: 0 })).count++;
    live.forgetParameters(device);
    this.boxes = built.patcher.boxes.map(({ box }) => new Box(this, box));
    this._byName = new Map(this.boxes.filter(({ name }) => name).map((box) => [box.name, box]));
    this._join();
    for (const box of this.boxes) box.face = this._make(box);
    app.low(() => this._load());
  }

  // What a musician and Live do

  ready() {
    for (const box of this.boxes.filter(({ text }) => text === "live.thisdevice")) {
      this.app.low(() => {
        box.send(2, [0]); // not previewed
        box.send(1, [1]); // switched on
        box.send(0, ["bang"]);
      });
    }
  }

  click(name) {
    const { face } = this._reach(name);
    if (!face.click) throw new Error(`${name} cannot be clicked`);
    this.app.low(() => face.click(this.clicks));
  }

  choose(name, item) {
    const { face, items, valueof } = this._reach(name);
    const all = items || valueof.parameter_enum;
    const index = isNumber(item) ? item : all.indexOf(item);
    this.app.low(() => face.choose(index));
  }

  turn(name, ...values) {
    const box = this._reach(name);
    if (box.face.turn) return this.app.low(() => box.face.turn(...values));
    if (!box.parameter) throw new Error(`${name} cannot be turned`);
    return box.parameter.value === values[0] ? undefined : this.click(name);
  }

  drag(name, points) {
    for (const point of points) this.hold(name, point);
    this.release();
  }

  // The mouse goes down, or on while it is down.
  hold(name, point) {
    const { face } = this._reach(name);
    const isFirst = this._held === null;
    this._held = { name, point };
    this.app.low(() => face.hold(point, isFirst));
  }

  release() {
    const { name, point } = this._held;
    this._held = null;
    this.app.low(() => this.get(name).face.drop(point));
  }

  map(name) {
    const box = this.get(name);
    if (!box.parameter || box.parameter.visibility !== 0) throw new Error(`${name} is no parameter that can be mapped`);
    this.app.low(() => box.face.map());
  }

  automate(name, value) {
    const { parameter } = this.get(name);
    if (!parameter || parameter.visibility !== 0) throw new Error(`${name} is no parameter that can be automated`);
    this.app.high(() => parameter.write(value, "automated"));
  }

  // Live hands a device MIDI as it is if it says that it knows MPE; else the channels of an MPE instrument come as one
  // (Ableton/maxdevtools, m4l-production-guidelines: MPE).
  midi(bytes) {
    const isWhole = this.built.patcher.is_mpe === 1;
    const given = bytes.map((byte) => (isWhole || byte < 0x80 || byte >= 0xf0 ? byte : byte & 0xf0));
    for (const box of this.boxes.filter(({ text }) => text === "midiin")) {
      for (const byte of given) this.app.high(() => box.send(0, [byte]));
    }
  }

  // What leaves midiout, and when.
  play(bytes) {
    this.played.push(...bytes);
    for (const byte of bytes) this.heard.push([this.app.clock.now, byte, this.live.transport.beat]);
  }

  close() {
    this.isOpen = false;
    for (const box of this.boxes) if (box.onClose) box.onClose();
    for (const max of this._scripts()) max.close();
    for (const list of this.app.receivers.values()) list.splice(0, list.length, ...list.filter((box) => box.patch !== this));
  }

  store() {
    const kept = this.device.parameters.filter(({ visibility }) => visibility <= STORED);
    return Object.fromEntries(kept.map(({ name, value }) => [name, JSON.parse(JSON.stringify(value))]));
  }

  // What can be looked at

  get(name) {
    const box = this._byName.get(name);
    if (!box) throw new Error(`the device has nothing that is named ${name}`);
    return box;
  }

  has(name) {
    return this._byName.has(name);
  }

  typed(word) {
    return this.boxes.find(({ text }) => text && text.split(" ")[0] === word);
  }

  // What the script knows of the face: controls, their choices, where each is to be seen.
  get table() {
    this._table = this._table || JSON.parse(JSON.stringify(this.max.world.TABLE || {}));
    return this._table;
  }

  get shown() {
    return Object.fromEntries([...this._byName].map(([name, box]) => [name, box.shown]));
  }

  get items() {
    return Object.fromEntries([...this._byName].filter(([, { items }]) => items).map(([name, { items }]) => [name, items]));
  }

  check() {
    for (const max of this._scripts()) max.check();
    if (this.failures.length) throw new Error(`${this.failures.length} failures:\n${this.failures.slice(0, 20).join("\n")}`);
  }

  fail(text) {
    this.failures.push(text);
    return text;
  }

  // The name of this device's own, where a name begins with three dashes (docs.cycling74.com/max8/vignettes/live_parameters).
  local(name) {
    return String(name).replace(/^---/, `${this._number}-`);
  }

  addParameter(box, tell, fit = (value) => value) {
    const { parameter_longname: name, parameter_invisible: visibility = 0, parameter_initial: initial } = box.valueof;
    const first = box.valueof.parameter_initial_enable && initial ? initial[0] : fit(box.valueof.parameter_mmin || 0);
    const isKept = visibility <= STORED && Object.hasOwn(this._saved, name);
    const told = (value) => this.isOpen && tell(value);
    const value = isKept ? this._saved[name] : first;
    const fields = {
      name,
      value,
      visibility,
      initial: first,
      tell: told,
      fit,
      low: box.valueof.parameter_mmin || 0,
      high: box.valueof.parameter_mmax || 127,
    };
    return this.live.addParameter(this.device, fields);
  }

  // The parts

  _join() {
    const byId = new Map(this.boxes.map((box) => [box.id, box]));
    const place = ({ box: { json }, inlet }) => [json.patching_rect[0], json.patching_rect[1], inlet];
    const fromRight = (a, b) =>
      place(b)
        .map((v, i) => v - place(a)[i])
        .find((v) => v) || 0;
    for (const { patchline } of this.built.patcher.lines) {
      const [source, outlet] = patchline.source;
      const [target, inlet] = patchline.destination;
      const { cords } = byId.get(source);
      (cords[outlet] = cords[outlet] || []).push({ box: byId.get(target), inlet });
      cords[outlet].sort(fromRight);
    }
  }

  _make(box) {
    const { maxclass, text } = box.json;
    if (maxclass === "jsui") return this._view(box);
    if (maxclass !== "newobj") {
      if (!Object.hasOwn(FACES, maxclass)) throw new Error(`the fake Max has no ${maxclass}: add it to faces.js`);
      return FACES[maxclass](box);
    }
    const [word, ...words] = text.split(" ");
    if (word === "js") return this._script(box, words[0]);
    if (!Object.hasOwn(TYPED, word)) throw new Error(`the fake Max has no ${word}: add it to typed.js`);
    return { receive: TYPED[word](box, words) };
  }

  _script(box, name) {
    this.max = this._run(box, name, { live: this.live, device: this.device, seed: this.seed });
    return { receive: (inlet, message) => this.app.defer(() => this.max.sendTo(inlet, ...message)) };
  }

  _run(box, name, more) {
    const source = this.built.scripts[name];
    if (source === undefined) throw new Error(`there is no script ${name} in the device`);
    const { numinlets: inlets, numoutlets: outlets } = box.json;
    const max = new Max(source, { name, inlets, outlets, clock: this.app.clock, app: this.app, patch: this, box, ...more });
    for (let i = 0; i < outlets; i++) max.on(i, (atoms) => box.send(i, atoms));
    return max;
  }

  // A script that draws: it hears messages and the mouse, and draws when it says so.
  _view(box) {
    const [, , width, height] = box.json.presentation_rect;
    const max = this._run(box, box.json.filename, { view: { width, height } });
    this.views[box.name] = max;
    // What it was told, all of each word; the text of a line of status is what it shows.
    box.told = {};
    const tell = (message) => {
      const [word, ...values] = message;
      (box.told[word] = box.told[word] || []).push(values);
      if (word !== box.name || values[0] !== "set") return;
      box.label = values.slice(1).join(" ");
      this.onShow(box.name, box.label);
    };
    const touch = (name, [x, y], isDown) => max.touch(name, Math.round(x), Math.round(y), isDown); // in whole pixels
    return {
      receive: (inlet, message) => {
        tell(message);
        this.app.defer(() => max.sendTo(inlet, ...message));
      },
      click: () => {
        touch("onclick", [width / 2, height / 2], 1);
        touch("ondrag", [width / 2, height / 2], 0);
      },
      hold: (point, isFirst) => touch(isFirst ? "onclick" : "ondrag", point, 1),
      drop: (point) => touch("ondrag", point, 0),
    };
  }

  // As a set or a device is opened: objects that send at load do so, parameters tell their values, in no order that one could
  // rely on; live.thisdevice bangs when all of that is over (docs.cycling74.com/max8/refpages/live.thisdevice).
  _load() {
    for (const box of this.boxes) if (box.onLoad) box.onLoad();
    const all = this.boxes.filter(({ parameter }) => parameter);
    const turn = this.seed % Math.max(1, all.length);
    for (const { parameter } of [...all.slice(turn), ...all.slice(0, turn)]) parameter.tell(parameter.value);
  }

  // The control of a name, where a hand can reach it.
  _reach(name) {
    const box = this.get(name);
    if (!box.json.presentation) throw new Error(`${name} is not on the face of the device`);
    if (box.isHidden) throw new Error(`${name} is hidden: nobody can reach it`);
    if (!this.live.isInView(this.device)) throw new Error("the device is not in view: another track is selected");
    return box;
  }

  _scripts() {
    return [...(this.max ? [this.max] : []), ...Object.values(this.views)];
  }
}

module.exports = { Patch };
