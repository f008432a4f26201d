// The objects of a patch that are typed as text: what each does with a message. Faces are in faces.js, how boxes are joined in
// patch.js.
//
// An object is made by `TYPED[name](box, words)` and returns what it hears: receive(inlet, message). A message is an array of
// atoms; the first is the selector, or a number: [5] is an int, [5, 6] a list, ["bang"] a bang. What Max would only print to
// its console is a failure here.
"use strict";

const { UdpReceive, UdpSend } = require("./udp.js");

const MOST_ATOMS = 256; // of a message that is put together (docs.cycling74.com/max5/refpages/max-ref/prepend.html)

const isNumber = (atom) => typeof atom === "number";
const isBang = (message) => message.length === 1 && message[0] === "bang";

// What a message is when it has lost its first atom: a bang where nothing is left.
function rest(message) {
  return message.length > 1 ? message.slice(1) : ["bang"];
}

// The atoms that a list or a number has; those of a message with a selector are all of it.
function atomsOf(message) {
  return isBang(message) ? [] : message[0] === "list" || message[0] === "symbol" ? message.slice(1) : message;
}

function parse(word) {
  return /^-?\d+(\.\d*)?$/.test(word) ? Number(word) : word;
}

function joined(box, atoms) {
  if (atoms.length > MOST_ATOMS) box.fail(`a message of ${atoms.length} atoms is put together; Max has ${MOST_ATOMS}`);
  return atoms;
}

function trigger(box, letters) {
  const make = {
    b: () => ["bang"],
    l: (m) => m,
    i: (m) => [isNumber(m[0]) ? Math.trunc(m[0]) : 0],
    f: (m) => [isNumber(m[0]) ? m[0] : 0],
    s: (m) => (isNumber(m[0]) ? [String(m[0])] : m.slice(0, 1)),
  };
  const makers = letters.map(
    (word) => make[{ bang: "b", int: "i", float: "f", list: "l", symbol: "s" }[word] || word] || (() => [parse(word)]),
  );
  return (_, message) => {
    for (let i = makers.length - 1; i >= 0; i--) box.send(i, makers[i](message));
  };
}

// `pak` sends at each atom that comes, `pack` at those that come from the left.
function collect(isAlwaysHot) {
  return (box, words) => {
    const kept = words.map((word) => (word === "i" || word === "f" ? 0 : word === "s" ? "" : parse(word)));
    return (inlet, message) => {
      if (message[0] === "set") atomsOf(message.slice(1)).forEach((atom, i) => (kept[inlet + i] = atom));
      else atomsOf(message).forEach((atom, i) => inlet + i < kept.length && (kept[inlet + i] = atom));
      if (message[0] !== "set" && (isAlwaysHot || inlet === 0)) box.send(0, [...kept]);
    };
  };
}

function route(box, words) {
  const names = words.map(parse);
  return (inlet, message) => {
    if (inlet > 0) return box.fail("route is told another word to look for");
    const at = names.findIndex((name) => name === message[0] || (name === "bang" && isBang(message)));
    if (at < 0) return box.send(names.length, message);
    const left = rest(message);
    return box.send(at, isNumber(left[0]) || left.length > 1 ? left : left);
  };
}

function select(box, words) {
  const names = words.map(parse);
  return (inlet, message) => {
    if (inlet > 0) names[inlet - 1] = message[0];
    else if (names.includes(message[0])) box.send(names.indexOf(message[0]), ["bang"]);
    else box.send(names.length, message);
  };
}

function gate(box, [, open = "0"]) {
  let at = Number(open);
  return (inlet, message) => {
    if (inlet === 0) at = Number(message[0]);
    else if (at > 0) box.send(at - 1, message);
  };
}

function change(box) {
  let last = 0;
  return (_, message) => {
    if (message[0] === last) return;
    last = message[0];
    box.send(0, message);
  };
}

// A number that is kept: the left inlet sends, the right one only keeps.
function cell(cut) {
  return (box, [first = "0"]) => {
    let kept = cut(Number(first));
    return (inlet, message) => {
      if (message[0] === "set") kept = cut(message[1]);
      else if (isNumber(message[0])) kept = cut(message[0]);
      if (inlet === 0 && message[0] !== "set") box.send(0, [kept]);
    };
  };
}

function sum(run) {
  return (box, [second = "0"]) => {
    let right = Number(second);
    let left = 0;
    return (inlet, message) => {
      if (inlet === 1) right = message[0];
      else {
        if (isNumber(message[0])) left = message[0];
        box.send(0, [run(left, right)]);
      }
    };
  };
}

// What is to be sent later comes from the scheduler.
function delay(box, [first = "0"]) {
  let ms = Number(first);
  let next = null;
  return (inlet, message) => {
    if (next) box.app.clock.cancel(next);
    next = null;
    if (inlet === 1) ms = message[0];
    else if (message[0] !== "stop") {
      if (isNumber(message[0])) ms = message[0];
      next = box.app.clock.after(ms, () => box.isOpen && box.app.high(() => box.send(0, ["bang"])));
    }
  };
}

// Delays numbers, each its own; the right inlet is how long. `clear` forgets what waits (docs.cycling74.com/reference/pipe).
function pipe(box, words) {
  const kept = words.slice(0, -1).map(Number);
  let ms = Number(words[words.length - 1]);
  const waiting = new Set();
  return (inlet, message) => {
    if (message[0] === "clear") {
      waiting.forEach((entry) => box.app.clock.cancel(entry));
      return waiting.clear();
    }
    if (inlet === kept.length) {
      if (!(message[0] >= 0)) box.fail(`it is to wait ${message[0]} ms`);
      return void (ms = message[0]);
    }
    atomsOf(message).forEach((atom, i) => inlet + i < kept.length && (kept[inlet + i] = atom));
    if (inlet > 0) return undefined;
    const said = [...kept];
    const entry = box.app.clock.after(ms, () => {
      waiting.delete(entry);
      if (box.isOpen) box.app.high(() => said.map((_, i) => i).reverse().forEach((i) => box.send(i, [said[i]])));
    });
    return void waiting.add(entry);
  };
}

// The time of Live's transport: bars, beats and units, and from the right outlet ticks, 480 a beat
// (docs.cycling74.com/reference/when).
function when(box) {
  return () => {
    const ticks = box.patch.live.transport.beat * 480;
    box.send(1, [ticks]);
    box.send(0, [Math.floor(ticks / 1920) + 1, (Math.floor(ticks / 480) % 4) + 1, ticks % 480]);
  };
}

function expr(box, words) {
  const text = words.join(" ");
  const kept = Array(box.json.numinlets).fill(0);
  const run = new Function("f", `return Number(${text.replace(/\$f(\d)/g, (_, i) => `f[${i - 1}]`)})`);
  return (inlet, message) => {
    atomsOf(message).forEach((atom, i) => inlet + i < kept.length && (kept[inlet + i] = atom));
    if (inlet === 0) box.send(0, [run(kept)]);
  };
}

// Notes on the pitches that are selected leave at the left, as pitch and velocity; all other bytes at the right, as they came
// (docs.cycling74.com/reference/midiselect).
function midiselect(box, words) {
  if (words.join(" ") !== "@ch all") box.fail(`the fake knows midiselect @ch all, not ${words.join(" ")}`);
  let selected = new Set();
  let bytes = [];
  let isSysex = false;
  const raw = (list) => list.forEach((byte) => box.send(7, [byte]));
  return (_, message) => {
    const [word, ...pitches] = message;
    if (word === "note") return void (selected = new Set(pitches[0] === "none" ? [] : pitches));
    const byte = word;
    if (!isNumber(byte)) return box.fail(`midiselect is told ${word}`);
    if (byte >= 0xf8) return raw([byte]);
    if (byte >= 0x80) [isSysex, bytes] = [byte === 0xf0 || byte === 0xf7, []];
    if (isSysex) return raw([byte]);
    bytes.push(byte);
    const kind = bytes[0] & 0xf0;
    if (bytes.length < (kind === 0xc0 || kind === 0xd0 ? 2 : 3)) return undefined;
    const [status, pitch, velocity] = bytes;
    bytes = [];
    if ((kind === 0x90 || kind === 0x80) && selected.has(pitch)) {
      box.send(6, [(status & 15) + 1]);
      return box.send(0, [pitch, kind === 0x90 ? velocity : 0]);
    }
    return raw(velocity === undefined ? [status, pitch] : [status, pitch, velocity]);
  };
}

// A list of pitch and velocity to bytes, on channel 1.
function midiformat(box) {
  return (inlet, message) => {
    if (inlet > 0) return box.fail("the fake formats notes only");
    const [pitch, velocity] = message.map(Math.trunc);
    if (!(pitch >= 0 && pitch < 128 && velocity >= 0 && velocity < 128)) box.fail(`a note of ${message.join(" ")}`);
    [0x90, pitch, velocity].forEach((byte) => box.send(0, [byte]));
  };
}

// Lets a message through at most every so many ms, of those between the newest.
function limit(isLow) {
  return (box, [first = "0"]) => {
    let ms = Number(first);
    let ready = -Infinity;
    let waiting = null;
    const pass = () => {
      const message = waiting;
      waiting = null;
      if (!message || !box.isOpen) return;
      ready = box.app.clock.now + ms;
      if (isLow) box.app.deferlow(() => box.send(0, message));
      else box.send(0, message);
    };
    return (inlet, message) => {
      if (inlet === 1) return void (ms = message[0]);
      const isFirst = waiting === null;
      waiting = message;
      if (!isFirst) return undefined;
      if (box.app.clock.now >= ready) return pass();
      return void box.app.clock.after(ready - box.app.clock.now, () => box.app.high(pass));
    };
  };
}

// What a set keeps is text that is read again: one word of safe letters comes back as it was.
function keepable(box, value) {
  if (value.length !== 1 || typeof value[0] !== "string") box.fail(`the state is ${value.length} atoms`);
  else if (!/^[A-Za-z][\w.~:|!=-]*$/.test(value[0]))
    box.fail(`the state has letters that Max may change: ${value[0].slice(0, 80)}`);
  else if (value[0].length > 4000) box.fail(`the state has ${value[0].length} characters`);
}

// A pattr keeps what comes, sends it on unless it is told not to (@thru 0), and sends what it has kept when it is loaded
// (autorestore) and when it is banged (docs.cycling74.com/max8/refpages/pattr). In a device it is a parameter.
function pattr(box, words) {
  const at = words.indexOf("@thru");
  const isThru = at < 0 || words[at + 1] !== "0";
  box.parameter = box.patch.addParameter(box, (value) => box.send(0, [].concat(value)));
  return (_, message) => {
    if (isBang(message)) return box.send(0, [].concat(box.parameter.value));
    const isAssigned = message[0] === "assign"; // without a step of undo where it is stored only
    const value = isAssigned || message[0] === "set" ? message.slice(1) : message;
    keepable(box, value);
    box.parameter.write(value.length === 1 ? value[0] : value, isAssigned ? "assigned" : "set");
    return isThru && message[0] !== "set" ? box.send(0, value) : undefined;
  };
}

function udpsend(box) {
  const send = new UdpSend({ net: box.patch.net, clock: box.app.clock, fail: box.fail, say: box.error });
  box.onClose = () => send.close();
  box.udp = send;
  return (_, message) => send.hear(message);
}

// A port of 0 is none; @quiet keeps errors out of the console (docs.cycling74.com/reference/udpreceive).
function udpreceive(box, [port, ...words]) {
  const isQuiet = words[words.indexOf("@quiet") + 1] === "1" && words.includes("@quiet");
  const pass = (atoms) => box.isOpen && box.app.high(() => box.send(0, atoms));
  const say = isQuiet ? () => undefined : box.error;
  const given = { net: box.patch.net, clock: box.app.clock, pass, fail: box.fail, say };
  const receive = new UdpReceive(Number(port) || 0, given);
  box.onClose = () => receive.close();
  box.udp = receive;
  return (_, message) => receive.hear(message);
}

// A stand-in of Node for Max: what is sent goes to `patch.node`, which a scenario gives; without one it does not start.
function node(box, words) {
  const name = words.find((word) => !word.startsWith("@"));
  const start = box.patch.nodes[name];
  const answer = (outlet, ...atoms) =>
    box.app.clock.after(5, () => box.isOpen && box.app.deferlow(() => box.send(outlet, atoms)));
  const running = start ? start({ send: (...atoms) => answer(0, ...atoms), status: (...atoms) => answer(1, ...atoms) }) : null;
  return (_, message) => {
    if (running) running(message);
    else answer(1, "terminated"); // a script that Node cannot start says so at its right outlet only
  };
}

function named(box, [name]) {
  if (!name) return (_, message) => box.fail(`a send without a name hears ${message[0]}`);
  return (_, message) =>
    box.app.shared(box.app.receivers, box.patch.local(name), () => []).forEach((one) => one.send(0, message));
}

function receive(box, [name]) {
  box.app.shared(box.app.receivers, box.patch.local(name), () => []).push(box);
  return (_, message) => box.fail(`receive is told ${message[0]}`);
}

function thispatcher(box) {
  return (_, [word, how, name, ...values]) => {
    if (word !== "script") return box.fail(`thispatcher is told ${word}: the fake knows script`);
    const target = box.patch.get(name);
    if (how === "hide" || how === "show") target.isHidden = how === "hide";
    else if (how === "sendbox" && values[0] === "hidden") target.isHidden = Boolean(values[1]);
    else if (how === "send") target.receive(0, values);
    else box.fail(`thispatcher is told script ${how}`);
    return undefined;
  };
}

const nothing = (box) => (_, message) => box.fail(`${box.text} is told ${message.join(" ").slice(0, 60)}`);

const TYPED = {
  t: trigger,
  trigger,
  prepend: (box, words) => {
    const first = words.map(parse);
    return (_, message) => box.send(0, joined(box, [...first, ...message]));
  },
  append: (box, words) => {
    const last = words.map(parse);
    return (_, message) => box.send(0, joined(box, [...(isBang(message) ? [] : message), ...last]));
  },
  route,
  sel: select,
  select,
  gate,
  pak: collect(true),
  pack: collect(false),
  unpack: (box) => (_, message) => {
    const atoms = atomsOf(message);
    for (let i = Math.min(atoms.length, box.outlets) - 1; i >= 0; i--) box.send(i, [atoms[i]]);
  },
  iter: (box) => (_, message) => atomsOf(message).forEach((atom) => box.send(0, [atom])),
  change,
  i: cell(Math.trunc),
  int: cell(Math.trunc),
  f: cell(Number),
  float: cell(Number),
  "+": sum((a, b) => a + b),
  "-": sum((a, b) => a - b),
  "*": sum((a, b) => a * b),
  "/": sum((a, b) => a / b),
  "==": sum((a, b) => Number(a === b)),
  delay,
  del: delay,
  pipe,
  when,
  expr,
  midiselect,
  midiformat,
  speedlim: limit(false),
  qlim: limit(true),
  defer: (box) => (_, message) => box.app.defer(() => box.isOpen && box.send(0, message)),
  deferlow: (box) => (_, message) => box.app.deferlow(() => box.isOpen && box.send(0, message)),
  loadbang: (box) => ((box.onLoad = () => box.send(0, ["bang"])), nothing(box)),
  loadmess: (box, words) => ((box.onLoad = () => box.send(0, words.map(parse))), nothing(box)),
  closebang: nothing,
  print:
    (box, [name = "print"]) =>
    (_, message) =>
      box.patch.console.push(`${name}: ${message.join(" ")}`),
  midiin: nothing,
  midiout: (box) => (_, message) => box.patch.play(atomsOf(message)),
  "live.thisdevice": nothing,
  "live.banks": nothing,
  "live.colors": (box) => () => box.send(0, ["bang"]),
  pattr,
  udpsend,
  udpreceive,
  "node.script": node,
  s: named,
  send: named,
  r: receive,
  receive,
  thispatcher,
};

module.exports = { TYPED, atomsOf, isBang, isNumber, parse };
