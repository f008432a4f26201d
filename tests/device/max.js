// The world of Max's `js` object, as strict as Max where that is known: ES5 only, atoms only, a clock of its own. No Live here.
//
// The patch around it is in patch.js, which makes a Max of each script of a device. Alone, for checks:
//
//   const max = new Max(source, { clock, live, device: live.addDevice(live.tracks[0]) });
//   max.send("bang");  max.send("go", 1);           messages from a cord; the bang is that of live.thisdevice
//   max.sent(0)                                     messages that came out of outlet 0, as arrays of atoms; take(0) also clears
//   max.on(0, (atoms) => ...)                       hears each message of an outlet as it comes
//   clock.advance(500)                              time passes, and Tasks run; advance(ms, () => done) stops early
//   max.check()                                     throws where anything was done that Max or Live would not forgive
//   max.console                                     lines of the Max console; errors begin with "error: "
//   max.turns                                       of each message and Task run: at, what, and how many gets, writes, sent
//
// What a script does wrong is thrown where Max or Live would fail at once, and is always kept in max.failures too, so that a
// try in the script cannot hide it. Options: name (of the script's file), inlets and outlets (of the box in the patch: a script
// that says otherwise fails), seed (of Math.random), epoch (what Date says at time 0).
"use strict";

const vm = require("node:vm");
const { Clock, dice } = require("./clock.js");
const { Global, maxobjOf, patcherOf } = require("./scripting.js");
const { drawing } = require("./drawing.js");
const { GLOBALS, MEMBERS, checkSyntax, fakeTime, strip } = require("./language.js");

const MOST_GETS = 200; // in a turn: some 210 have crashed Live
const MOST_ATOMS = 256; // in a message
const LONGEST_SYMBOL = 32767; // characters

class Max {
  constructor(source, options) {
    const given = Object.assign({ name: "script.js", inlets: 1, outlets: 4, seed: 1, epoch: 1.7e12 }, options);
    this.clock = given.clock || new Clock();
    this.live = given.live || null;
    this.device = given.device || null;
    this.app = given.app || null;
    this.patch = given.patch || null;
    this.failures = [];
    this.console = [];
    this.turns = [];
    this.boxed = { inlets: given.inlets, outlets: given.outlets };
    this.phase = "loading"; // then "unbanged" until the bang comes, then "running"; "notifying" inside an observer callback
    this._out = [];
    this._listeners = [];
    this._waiting = [];
    this._turn = null;
    this._line = "";
    this._dicts = new Map();
    this._tasks = new Set();
    this._load(source, given);
  }

  // Send a message into an inlet, as a cord does; while the script is busy it waits its turn.
  send(selector, ...atoms) {
    this.sendTo(0, selector, ...atoms);
  }

  sendTo(inlet, selector, ...atoms) {
    const bad = [selector, ...atoms].find((a) => typeof a !== "string" && !(typeof a === "number" && Number.isFinite(a)));
    if (bad !== undefined) throw new TypeError(`the test sends what is no atom: ${bad}`);
    this._waiting.push([inlet, selector, atoms]);
    this._drain();
  }

  // All messages of an outlet so far.
  sent(outlet) {
    return (this._out[outlet] = this._out[outlet] || []);
  }

  // The messages of an outlet since the last take.
  take(outlet) {
    return this.sent(outlet).splice(0);
  }

  on(outlet, listener) {
    this._listeners[outlet] = listener;
  }

  // Take the device away: what was to come of its Tasks does not.
  close() {
    for (const task of this._tasks) task.cancel();
    this._listeners = [];
    this.phase = "closed";
  }

  check() {
    if (this.failures.length) throw new Error(`${this.failures.length} failures:\n${this.failures.slice(0, 20).join("\n")}`);
  }

  // Note what Max or Live would not forgive.
  fail(text) {
    this.failures.push(`${this._turn ? this._turn.what : this.phase}: ${text}`);
    return text;
  }

  // As fail, and throw it into the script as an error of its own world.
  raise(text) {
    throw new this.realm.Error(this.fail(text));
  }

  error(text) {
    this.console.push(`error: ${text}`);
  }

  // A global function of the script by its name, or null.
  handlerNamed(name) {
    return this._handlers(name) || null;
  }

  // Where boxes are looked for or changed: not while the script is loaded, when they may not be there.
  guardPatcher(what) {
    if (this.phase === "loading") this.raise(`${what} in global code: boxes may not be there yet`);
  }

  // The mouse on a jsui: onclick and ondrag with the button, the modifier keys and no more (docs.cycling74.com/max8/vignettes/jsui).
  touch(name, x, y, isDown) {
    const call = this._handlers(name);
    if (call) this.turn(name, () => call.call(this.world, x, y, isDown, 0, 0, 0, 0, 0));
  }

  // Make of plain values ones of the script's world, whose arrays are its arrays.
  inRealm(value) {
    return value !== null && typeof value === "object" ? this.realm.JSON.parse(JSON.stringify(value)) : value;
  }

  // Run something of the script as a turn of its own: a message or a Task.
  turn(what, call) {
    const before = this._turn;
    this._turn = { at: this.clock.now, what, gets: 0, writes: 0, sent: 0, set: new Set() };
    this.turns.push(this._turn);
    try {
      call();
    } catch (error) {
      this.error(`js: ${this.name}: ${error}`);
      this.fail(`uncaught ${error && error.stack ? String(error.stack).split("\n").slice(0, 4).join(" | ") : error}`);
    }
    if (this._turn.gets > MOST_GETS) this.fail(`${this._turn.gets} gets in one turn; more than ${MOST_GETS} have crashed Live`);
    this._turn = before;
    this._drain();
  }

  _drain() {
    while (!this._turn && this._waiting.length) this._dispatch(...this._waiting.shift());
  }

  _load(source, given) {
    this.name = given.name;
    checkSyntax(source, given.name);
    const world = vm.createContext({});
    this.world = world;
    this.realm = vm.runInContext("({ Error: Error, JSON: JSON, Function: Function })", world);
    vm.runInContext(`(${fakeTime})`, world)(() => given.epoch + this.clock.now, dice(given.seed));
    this._define(world, given);
    const kept = `${GLOBALS} ${Object.keys(world).join(" ")}`;
    vm.runInContext(`(${strip})(${JSON.stringify(kept)}, ${JSON.stringify(MEMBERS)})`, world);
    const known = new Set(Object.getOwnPropertyNames(world));
    this.turn("global code", () => vm.runInContext(source, world, { filename: given.name }));
    const isOwn = (name) => Object.hasOwn(world, name) && !known.has(name) && typeof world[name] === "function";
    this._handlers = (name) => isOwn(name) && !world[name].local && world[name];
    for (const side of ["inlets", "outlets"]) {
      if (world[side] !== this.boxed[side]) this.fail(`the script has ${world[side]} ${side}, its box ${this.boxed[side]}`);
    }
    if (world.autowatch !== 0) this.fail("autowatch is not 0");
    this.phase = "unbanged";
  }

  _define(world, given) {
    const max = this;
    const never = (what) =>
      function () {
        max.raise(`${what} crashes Live`);
      };
    const guarded = (name, call) => {
      for (const way of ["apply", "call", "bind"]) Object.defineProperty(call, way, { value: never(`${name}.${way}`) });
      return call;
    };
    const say =
      (prefix) =>
      (...words) => {
        this._line += words.join(" ");
        const lines = this._line.split("\n");
        this._line = prefix ? "" : lines.pop();
        this.console.push(...lines.filter((line) => line).map((line) => prefix + line));
      };
    Object.assign(world, {
      inlets: 1,
      outlets: 1,
      inlet: 0,
      autowatch: 0,
      messagename: "",
      jsarguments: this.inRealm([given.name]),
      post: say(""),
      cpost: say(""),
      error: say("error: "),
      outlet: guarded("outlet", (index, ...values) => this._outlet(index, values)),
      messnamed: guarded("messnamed", (name, ...values) => this._messnamed(this._atoms("messnamed", [name, ...values]))),
      arrayfromargs: (...values) => this._arrayFromArgs(values),
      setinletassist: () => undefined,
      setoutletassist: () => undefined,
      notifyclients: () => undefined,
      Task: taskClass(this),
      Dict: dictClass(this),
      LiveAPI: this.live ? this.live.apiClass(this) : never("a LiveAPI without a Live"),
    });
    if (this.app) world.Global = Global.of(this);
    if (this.patch) Object.assign(world, { patcher: patcherOf(this), box: maxobjOf(this, given.box) });
    if (given.view) Object.assign(world, drawing(this, given.view));
    world.max = world.Max = Object.defineProperty({}, "time", { get: () => this.clock.now });
  }

  _arrayFromArgs(values) {
    const isArguments = (v) => Object.prototype.toString.call(v) === "[object Arguments]";
    const list = this.inRealm([]);
    for (const value of values) {
      if (isArguments(value)) for (let i = 0; i < value.length; i++) list.push(value[i]);
      else list.push(value);
    }
    return list;
  }

  _outlet(index, values) {
    if (this.phase === "loading") this.raise("outlet in global code: there are no outlets yet");
    if (!Number.isInteger(index) || index < 0 || index >= this.boxed.outlets) this.raise(`there is no outlet ${index}`);
    const atoms = this._atoms(`outlet ${index}`, values);
    if (!atoms.length) return;
    if (this._turn) this._turn.sent++;
    this.sent(index).push(atoms);
    if (this._listeners[index]) this._listeners[index](atoms);
  }

  _messnamed([name, ...message]) {
    if (this.app) for (const box of this.app.receivers.get(name) || []) box.send(0, message);
  }

  // Flatten to numbers and strings, which is all that a cord carries.
  _atoms(what, values) {
    const atoms = [];
    for (const value of values) {
      for (const atom of Array.isArray(value) ? value : [value]) {
        if (typeof atom === "number" && Number.isFinite(atom)) atoms.push(atom);
        else if (typeof atom === "string") atoms.push(this._symbol(what, atom));
        else this.raise(`${what} is given ${atom === null ? "null" : Array.isArray(atom) ? "nested arrays" : describe(atom)}`);
      }
    }
    if (atoms.length > MOST_ATOMS) this.raise(`${what} is given ${atoms.length} atoms; ${MOST_ATOMS} are safe`);
    return atoms;
  }

  _symbol(what, text) {
    if (text.length > LONGEST_SYMBOL) this.raise(`${what} is given a symbol of ${text.length} characters`);
    if (text.includes("\0")) this.raise(`${what} is given a symbol with a NUL in it`);
    return text;
  }

  _dispatch(inlet, selector, atoms) {
    if (this.phase === "closed") return;
    if (selector === "bang" && this.phase === "unbanged") this.phase = "running";
    const call = this._handlerOf(selector, atoms);
    this.world.inlet = inlet;
    this.world.messagename = call ? call.name : String(selector);
    if (call) this.turn([selector, ...atoms].join(" ").slice(0, 60), () => call.run.apply(this.world, call.atoms));
    else {
      this.error(`js: no function ${selector}`);
      this.fail(`there is no function ${selector}`);
    }
  }

  // Which function a message calls, and with what: the one of its name, else anything().
  _handlerOf(selector, atoms) {
    const find = (name, given) => {
      const run = this._handlers(name);
      return run ? { name, run, atoms: given } : null;
    };
    const anything = () => {
      const run = this._handlers("anything");
      return run ? { name: String(selector), run, atoms } : null;
    };
    if (typeof selector === "number") {
      if (atoms.length) return find("list", [selector, ...atoms]) || anything();
      const [first, second] = Number.isInteger(selector) ? ["msg_int", "msg_float"] : ["msg_float", "msg_int"];
      return find(first, [selector]) || find(second, [second === "msg_int" ? Math.trunc(selector) : selector]) || anything();
    }
    return find(selector, atoms) || anything();
  }
}

// Task(function, object, arguments): what a script may do later.
function taskClass(max) {
  return class Task {
    constructor(call, object, values) {
      if (max.phase === "loading") max.raise("a Task in global code");
      if (typeof call !== "function") max.raise("a Task without a function");
      this.function = call;
      this.object = object;
      this.arguments = values;
      this.interval = 500;
      this.iterations = 0;
      Object.defineProperties(this, {
        _next: { value: null, writable: true },
        _isExecuting: { value: false, writable: true },
        running: { get: () => (this._next || this._isExecuting ? 1 : 0) },
      });
      call.task = this;
      max._tasks.add(this);
    }

    schedule(delay) {
      this._at(delay === undefined ? 0 : delay, () => this.execute());
    }

    repeat(count, delay) {
      const left = count === undefined || count < 0 ? Infinity : count;
      const again = (times) => {
        if (times > 1) this._at(this.interval, () => again(times - 1));
        this.execute();
      };
      this.iterations = 0;
      if (left > 0) this._at(delay === undefined ? 0 : delay, () => again(left));
    }

    execute() {
      const values = this.arguments === undefined ? [] : Array.isArray(this.arguments) ? this.arguments : [this.arguments];
      this.iterations++;
      this._isExecuting = true;
      max.turn(`Task ${this.function.name || ""}`, () => this.function.apply(this.object || max.world, values));
      this._isExecuting = false;
    }

    cancel() {
      if (this._next) max.clock.cancel(this._next);
      this._next = null;
    }

    freepeer() {
      this.cancel();
    }

    _at(delay, call) {
      this.cancel();
      if (typeof delay !== "number" || !Number.isFinite(delay)) max.raise(`a Task is scheduled after ${delay}`);
      // It comes from the scheduler, and the script runs in the queue of low priority: later, by some ms or by many.
      const due = (this._next = max.clock.after(delay, () => {
        const run = () => {
          if (this._next !== due) return;
          this._next = null;
          call();
        };
        if (max.app) max.app.high(() => max.app.defer(run));
        else run();
      }));
    }
  };
}

// Dict(name): named dictionaries, shared by all who name them.
function dictClass(max) {
  const read = (text) => {
    try {
      return JSON.parse(text);
    } catch (error) {
      return max.raise(`a Dict is given what is no JSON: ${String(text).slice(0, 40)}`);
    }
  };
  class Dict {
    constructor(name) {
      if (max.phase === "loading") max.raise("a Dict in global code");
      this.name = name || `u${max._dicts.size + 1}`;
      if (!max._dicts.has(this.name)) max._dicts.set(this.name, {});
    }

    get _data() {
      return max._dicts.get(this.name) || {};
    }

    parse(text) {
      max._dicts.set(this.name, read(text));
    }

    setparse(key, text) {
      this._data[key] = read(text);
    }

    stringify() {
      return JSON.stringify(this._data);
    }

    set(key, ...values) {
      const plain = values.map((v) => (v instanceof Dict ? v._data : JSON.parse(JSON.stringify(v))));
      this._data[key] = plain.length === 1 ? plain[0] : plain;
    }

    get(key) {
      const value = this._data[key];
      if (value === undefined) return null;
      if (typeof value !== "object" || Array.isArray(value)) return max.inRealm(value);
      const inner = new Dict();
      max._dicts.set(inner.name, value);
      return inner;
    }

    contains(key) {
      return key in this._data ? 1 : 0;
    }

    getkeys() {
      return max.inRealm(Object.keys(this._data));
    }

    remove(key) {
      delete this._data[key];
    }

    clear() {
      max._dicts.set(this.name, {});
    }

    freepeer() {}
  }
  max.dictData = (value) => (value instanceof Dict ? value._data : undefined);
  return Dict;
}

function describe(value) {
  return typeof value === "object" ? `an object ${JSON.stringify(value).slice(0, 60)}` : String(value);
}

module.exports = { Clock, Max, checkSyntax, dice };
