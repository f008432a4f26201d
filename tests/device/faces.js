// The objects of a patch that are seen: what they do with a message, with the mouse, and as parameters of Live.
//
// A face is made by `FACES[maxclass](box)` and returns { receive, ...hands }: receive(inlet, message) is what comes by a cord,
// the others are what a hand can do: click(form), choose(index), turn(value), hold(point), drop(point). Facts are those of the
// reference pages of each object (docs.cycling74.com/max8/refpages/live.text and so on).
"use strict";

const { atomsOf, isBang, isNumber } = require("./typed.js");

// What any of Live's faces is told without a word of its own: attributes, colours among them.
const LOOKS =
  /^(active|hidden|ignoreclick|annotation(_name)?|font(size|face|name)|presentation(_rect)?|textjustification|\w*color)$/;

// A parameter that is a number: a dial, a number box, a slider.
function number(box) {
  const { parameter_mmin: low = 0, parameter_mmax: high = 127, parameter_type: type = 0 } = box.valueof;
  const fit = (value) => {
    const near = Math.min(high, Math.max(low, Number(value)));
    return type === 1 || box.valueof.parameter_unitstyle === 0 ? Math.round(near) : near;
  };
  const tell = (value) => {
    box.send(1, [(value - low) / (high - low)]);
    box.send(0, [value]);
  };
  return parameter(box, { fit, tell, turn: (value) => box.parameter.write(fit(value), "turned") && tell(box.parameter.value) });
}

// A parameter that is one of several: a menu or a tab.
function choice(box) {
  const items = [...(box.valueof.parameter_enum || [])];
  const fit = (value) => {
    const index = isNumber(value) ? Math.trunc(value) : items.indexOf(String(value));
    if (index < 0 || index >= items.length) box.fail(`${value} is none of ${items.join(", ")}`);
    return Math.min(items.length - 1, Math.max(0, index));
  };
  const tell = (index) => {
    box.send(2, [index / Math.max(1, items.length - 1)]);
    box.send(1, [items[index]]);
    box.send(0, [index]);
  };
  const choose = (index) => {
    if (!(index in items)) throw new Error(`the test chooses item ${index} of ${box.name}, which has ${items.join(", ")}`);
    if (box.parameter.write(index, "turned")) tell(index);
  };
  return parameter(box, { fit, tell, choose, turn: choose, items });
}

// A button sends a bang with the mouse (docs.cycling74.com/max5/refpages/m4l-ref/live.text.html), a toggle 0 or 1. As a
// parameter that is mapped a button goes to 1 and back. No page says whether it tells its 0 when it is loaded: here it does.
function text(box) {
  box.label = box.json.text || "";
  const isButton = !box.json.mode;
  const tell = (value) => {
    box.send(1, [value ? box.json.texton || box.label : box.label]);
    box.send(0, [value]);
  };
  const more = {
    text: (words) => (box.label = words.join(" ")),
    texton: (words) => (box.json.texton = words.join(" ")),
    bang: () => (isButton ? box.send(0, ["bang"]) : hear(0, [1 - box.parameter.value])),
  };
  const click = (form = "bang") => {
    if (!isButton) return box.parameter.write(1 - box.parameter.value, "turned") && tell(box.parameter.value);
    box.send(1, [box.label]);
    return form.split(" ").forEach((atom) => box.send(0, [atom === "bang" ? atom : Number(atom)]));
  };
  const face = parameter(box, { fit: (value) => Number(Boolean(value)), tell, more, click });
  const hear = face.receive;
  // A controller that is mapped to it: the button goes to 1, and to 0 as the finger lifts.
  face.map = () => [1, 0].forEach((value) => (isButton ? box.send(0, [value]) : value && click()));
  return face;
}

// A parameter tells its value when the device is loaded, when it is turned, recalled, automated or undone.
function parameter(box, { fit, tell, more = {}, ...hands }) {
  box.parameter = box.patch.addParameter(box, tell, fit);
  const receive = (inlet, message) => {
    const [word, value] = message;
    if (isBang(message) && !more.bang) return tell(box.parameter.value);
    if (Object.hasOwn(more, word)) return more[word](message.slice(1));
    if (word === "set" || word === "assign" || isNumber(word) || word === "setsymbol" || word === "symbol") {
      const isSilent = word === "set" || word === "setsymbol";
      box.parameter.write(fit(isNumber(word) ? word : value), word === "assign" ? "assigned" : "set");
      return isSilent ? undefined : tell(box.parameter.value);
    }
    if (word === "init") return box.parameter.write(box.parameter.initial, "set") && tell(box.parameter.value);
    if (word === "outputvalue") return tell(box.parameter.value);
    return looks(box, message);
  };
  return { receive, tell, ...hands };
}

function looks(box, [word, ...values]) {
  if (!LOOKS.test(String(word))) return box.fail(`${box.json.maxclass} does not understand ${word}`);
  if (word === "hidden") box.isHidden = Boolean(values[0]);
  box.looks[word] = values.length === 1 ? values[0] : values;
  return undefined;
}

function comment(box) {
  box.label = box.json.text || "";
  const tells = {
    set: (words) => (box.label = words.length === 1 ? words[0] : words.join(" ")),
    text: (words) => (box.label = words.join(" ")),
    append: (words) => (box.label = [box.label, ...words].join(" ")),
    prepend: (words) => (box.label = [...words, box.label].join(" ")),
  };
  return {
    receive: (_, message) => {
      if (!Object.hasOwn(tells, message[0])) return looks(box, message);
      tells[message[0]](message.slice(1));
      return box.patch.onShow(box.name, box.label);
    },
  };
}

// umenu: its items come and go, and none of it is kept with the set.
function menu(box) {
  const given = box.json.items || [];
  const items = []
    .concat(given)
    .join(" ")
    .split(" , ")
    .filter((item) => item);
  box.items = items;
  box.chosen = 0;
  const tell = () => {
    box.send(1, [items[box.chosen]]);
    box.send(0, [box.chosen]);
  };
  const hears = {
    clear: () => (items.splice(0), (box.chosen = 0)),
    append: (words) => items.push(words.join(" ")),
    set: ([index]) => (box.chosen = index),
    setsymbol: (words) => (box.chosen = Math.max(0, items.indexOf(words.join(" ")))),
    setitem: ([index, ...words]) => (items[index] = words.join(" ")),
    insert: ([index, ...words]) => items.splice(index, 0, words.join(" ")),
    delete: ([index]) => items.splice(index, 1),
  };
  const choose = (index) => {
    if (!(index in items)) throw new Error(`the test chooses item ${index} of ${box.name}, which has ${items.join(", ")}`);
    box.chosen = index;
    tell();
  };
  const receive = (_, message) => {
    const [word, ...values] = message;
    if (isBang(message)) return tell();
    if (isNumber(word)) return word in items ? choose(word) : box.fail(`umenu has no item ${word}`);
    if (Object.hasOwn(hears, word)) return hears[word](values);
    return looks(box, message);
  };
  return { receive, choose, turn: choose };
}

// pictslider: two numbers; while it is dragged, what lies above goes out first, from the right outlet.
function pad(box) {
  const range = ["leftvalue", "rightvalue", "topvalue", "bottomvalue"].map((name) => box.json[name] || 0);
  const fit = (value, [low, high]) => Math.round(Math.min(Math.max(low, high), Math.max(Math.min(low, high), value)));
  box.at = [0, 0];
  const move = ([x, y]) => {
    box.at = [fit(x, range.slice(0, 2)), fit(y, range.slice(2))];
    box.send(1, [box.at[1]]);
    box.send(0, [box.at[0]]);
  };
  return {
    hold: move,
    drop: () => undefined,
    turn: (x, y) => move([x, y]),
    receive: (_, message) => {
      if (message[0] === "set") box.at = message.slice(1);
      else if (isNumber(message[0])) move([...atomsOf(message), box.at[1]].slice(0, 2));
      else looks(box, message);
    },
  };
}

function message(box) {
  let kept = String(box.json.text || "").split(" ");
  const say = () =>
    box.send(
      0,
      kept.map((word) => (/^-?\d+(\.\d*)?$/.test(word) ? Number(word) : word)),
    );
  return {
    click: say,
    receive: (inlet, given) =>
      inlet === 1 || given[0] === "set" ? (kept = given.slice(given[0] === "set" ? 1 : 0).map(String)) : say(),
  };
}

const still = (box) => ({ receive: (_, given) => looks(box, given) });

const FACES = {
  "live.text": text,
  "live.toggle": text,
  "live.button": text,
  "live.dial": number,
  "live.numbox": number,
  "live.slider": number,
  "live.menu": choice,
  "live.tab": choice,
  "live.comment": comment,
  comment,
  "live.line": still,
  panel: still,
  umenu: menu,
  pictslider: pad,
  message,
};

module.exports = { FACES };
