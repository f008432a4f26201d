// Each strictness of the interpreted patch bites: cords and their order, queues, faces, parameters and their steps of undo.
//
//   node --expose-internals fake_patch_checks.js
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { App } = require("./app.js");
const { Live } = require("./live.js");
const { Clock } = require("./max.js");
const { Patch } = require("./patch.js");
const { patchOf, valueof } = require("./small_patch.js");

const PRINT = { maxclass: "newobj", text: "print", numoutlets: 0 };
const HEAD = "autowatch = 0; inlets = 9; outlets = 9;\n";

// A small patch in a set; `lines` are what its print boxes have printed since.
function small(
  boxes,
  cords,
  { built = {}, queue = "even", seed = 1, live = new Live(), saved, app, net: given, ...more } = {},
) {
  const clock = new Clock();
  const host = app || new App(clock, { seed, queue });
  const device = live.addDevice(live.tracks[0]);
  const ports = new Map();
  const net = given || {
    send: () => undefined,
    bind: (port, _take, deaf) => (ports.has(port) ? deaf() : (ports.set(port, 1), { close: () => 0 })),
  };
  const patch = new Patch(patchOf(boxes, cords, built), { app: host, live, device, net, saved, seed, ...more });
  const lines = () => patch.console.splice(0).map((line) => line.replace(/^print: /, ""));
  return {
    patch,
    live,
    device,
    app: host,
    clock: host.clock,
    lines,
    tell: (name, ...message) => patch.get(name).receive(0, message),
  };
}

const DIAL = { maxclass: "live.dial", ...valueof("Dial", { parameter_type: 1 }) };
const HIDDEN = { maxclass: "live.dial", ...valueof("Hidden", { parameter_type: 1, parameter_invisible: 2 }) };
const STORED = { maxclass: "live.dial", ...valueof("Stored", { parameter_type: 1, parameter_invisible: 1 }) };
const BUTTON = { maxclass: "live.text", mode: 0, text: "Go", ...valueof("Go", { parameter_type: 2, parameter_invisible: 2 }) };

// Messages

test("what leaves one outlet goes from right to left, and from the bottom up", () => {
  const at = (x, y) => ({ maxclass: "newobj", text: "append x", patching_rect: [x, y, 10, 10] });
  const { patch, lines, tell } = small(
    { in: "iter", left: at(0, 50), low: at(90, 90), high: at(90, 10), far: at(400, 0), print: PRINT },
    [
      ["in", "left"],
      ["in", "high"],
      ["in", "far"],
      ["in", "low"],
      ...["left", "low", "high", "far"].map((name) => [name, "print"]),
    ],
  );
  for (const name of ["left", "low", "high", "far"]) patch.get(name).face.receive = () => patch.get("print").receive(0, [name]);
  tell("in", 5);
  assert.deepEqual(lines(), ["far", "low", "high", "left"]);
});

test("t sends from right to left what its letters say; route takes the first word away, prepend adds one", () => {
  const { lines, tell } = small(
    { t: "t b i l s", a: "prepend a", b: "prepend b", c: "prepend c", d: "prepend d", print: PRINT },
    [
      ["t 0", "a"],
      ["t 1", "b"],
      ["t 2", "c"],
      ["t 3", "d"],
      ["a", "print"],
      ["b", "print"],
      ["c", "print"],
      ["d", "print"],
    ],
  );
  tell("t", 1.5, "x");
  assert.deepEqual(lines(), ["d 1.5", "c 1.5 x", "b 1", "a bang"]);
  const router = small({ route: "route one 2", a: "prepend a", b: "prepend b", c: "prepend c", print: PRINT }, [
    ["route 0", "a"],
    ["route 1", "b"],
    ["route 2", "c"],
    ["a", "print"],
    ["b", "print"],
    ["c", "print"],
  ]);
  router.tell("route", "one");
  router.tell("route", "one", 3);
  router.tell("route", 2, 4);
  router.tell("route", "other", 1);
  assert.deepEqual(router.lines(), ["a bang", "a 3", "b 4", "c other 1"]);
});

test("pak sends at each number that comes, pack only at the left one; a slider sends what is on the right first", () => {
  for (const [word, said] of [
    ["pak", ["0 30", "20 30", "20 50", "40 50"]],
    ["pack", ["20 30", "40 50"]],
  ]) {
    const { patch, lines } = small(
      { pad: { maxclass: "pictslider", rightvalue: 127, bottomvalue: 127 }, both: `${word} 0 0`, print: PRINT },
      [
        ["pad 0", "both 0"],
        ["pad 1", "both 1"],
        ["both", "print"],
      ],
    );
    patch.drag("pad", [
      [20, 30],
      [40, 50],
    ]);
    assert.deepEqual(lines(), said);
  }
});

test("a message of more than 256 atoms, an inlet that is not there and a word that a face does not know are failures", () => {
  const { patch, tell } = small({ pre: "prepend a", dial: DIAL, print: PRINT }, [["pre", "print"]]);
  tell("pre", ...Array(256).fill(1));
  patch.get("dial").receive(9, [1]);
  tell("dial", "sett", 5);
  tell("dial", "textcolor", 1, 0, 0, 1);
  assert.equal(patch.failures.length, 3);
  assert.throws(() => patch.check(), /257 atoms[^]*no inlet 9[^]*does not understand sett/);
  for (const box of ["sprintf %s", { maxclass: "live.grid" }]) assert.throws(() => small({ box }, []), /the fake Max has no/);
});

test("a cord that goes round in a circle ends in a stack overflow", () => {
  const { tell } = small({ a: "append 1", b: "iter" }, [
    ["a", "b"],
    ["b", "a"],
  ]);
  assert.throws(() => tell("a", 1), /stack overflow/);
});

// Time

test("deferlow keeps the order of what comes from the scheduler; defer turns it round", () => {
  for (const [word, said] of [
    ["deferlow", ["1", "2", "3"]],
    ["defer", ["3", "2", "1"]],
  ]) {
    const { app, clock, lines, tell } = small({ word, print: PRINT }, [["word", "print"]]);
    app.high(() => [1, 2, 3].forEach((n) => tell("word", n)));
    assert.deepEqual(lines(), []);
    clock.advance(1);
    assert.deepEqual(lines(), said);
  }
});

test("the queue is served at uneven times, now and then late, and the same with each seed", () => {
  const run = (seed) => {
    const { clock, lines, tell } = small({ low: "deferlow", print: PRINT }, [["low", "print"]], { queue: "uneven", seed });
    return Array.from({ length: 2000 }, () => {
      const before = clock.now;
      tell("low", 1);
      clock.advance(1000, () => lines().length > 0);
      return clock.now - before;
    });
  };
  const [times, same, other] = [run(3), run(3), run(4)];
  assert.deepEqual(times, same);
  assert.notDeepEqual(times, other);
  assert.ok(Math.min(...times) < 2 && Math.max(...times) > 100);
  assert.ok(times.filter((ms) => ms > 10).length > 200);
});

test("ten events of the queue are served at a time", () => {
  const { app, clock, tell } = small({ low: "deferlow" }, [], { queue: "uneven" });
  for (let i = 0; i < 25; i++) tell("low", i);
  const served = [];
  while (app.served < 25) {
    const before = app.served;
    clock.advance(1000, () => app.served > before);
    served.push(app.served - before);
  }
  assert.deepEqual(served, [10, 10, 5]);
});

test("a Task runs in the queue: later than it was due, and not if it is cancelled meanwhile", () => {
  const source = `${HEAD}var times = [];
    function bang() { var t = new Task(function () { outlet(0, "ran", max.time); }); t.schedule(5);
      var never = new Task(function () { outlet(0, "never"); }); never.schedule(5);
      var stop = new Task(function () { never.cancel(); }); stop.schedule(5); }`;
  const late = [1, 2, 3, 4, 5].map((seed) => {
    const built = { scripts: { "a.js": source } };
    const { clock, lines, tell } = small({ js: "js a.js", print: PRINT }, [["js", "print"]], { queue: "uneven", seed, built });
    tell("js", "bang");
    clock.advance(1000);
    return Number(lines()[0].split(" ")[1]) > 5;
  });
  assert.ok(late.filter((isLate) => isLate).length >= 4);
});

test("a script hears what comes from the scheduler later, and what comes from the mouse at once", () => {
  const built = { scripts: { "a.js": `${HEAD}function anything() { outlet(0, messagename); }` } };
  const { app, clock, lines, tell } = small({ js: "js a.js", print: PRINT }, [["js", "print"]], { built });
  tell("js", "mouse");
  assert.deepEqual(lines(), ["mouse"]);
  app.high(() => tell("js", "midi"));
  assert.deepEqual(lines(), []);
  clock.advance(1);
  assert.deepEqual(lines(), ["midi"]);
});

// Loading

test("parameters tell their values as a device is loaded, in an order that one cannot rely on; then the bang comes", () => {
  const cords = [
    ["dial", "a"],
    ["stored", "b"],
    ["state", "c"],
    ["this", "d"],
    ...["a", "b", "c", "d"].map((name) => [name, "print"]),
  ];
  const state = {
    maxclass: "newobj",
    text: "pattr state @thru 0",
    ...valueof("State", { parameter_type: 3, parameter_invisible: 1 }),
  };
  const dial = {
    maxclass: "live.dial",
    ...valueof("Dial", { parameter_type: 1, parameter_initial: [7], parameter_initial_enable: 1 }),
  };
  const boxes = {
    dial,
    stored: STORED,
    state,
    this: "live.thisdevice",
    a: "prepend dial",
    b: "prepend stored",
    c: "prepend state",
    d: "prepend this",
    print: PRINT,
  };
  const orders = [1, 2, 3].map((seed) => {
    const { patch, lines } = small(boxes, cords, { seed, saved: { Stored: 30, State: "lb1" } });
    const loaded = lines();
    assert.deepEqual([...loaded].sort(), ["dial 7", "state lb1", "stored 30"]);
    patch.ready();
    assert.deepEqual(lines(), ["this bang"]);
    return loaded.join();
  });
  assert.equal(new Set(orders).size, 3);
});

test("buttons tell their 0 as they are loaded, and no press", () => {
  const { lines } = small({ go: BUTTON, print: PRINT }, [["go", "print"]]);
  assert.deepEqual(lines(), ["0"]);
});

test("hidden parameters are not kept with the set; two of one name are not allowed", () => {
  const { patch } = small({ dial: DIAL, hidden: HIDDEN, stored: STORED }, []);
  for (const name of ["dial", "hidden", "stored"]) patch.turn(name, 44);
  assert.deepEqual(patch.store(), { Dial: 44, Stored: 44 });
  assert.throws(() => small({ dial: DIAL, other: DIAL }, []), /two parameters are named Dial/);
  const again = small({ hidden: HIDDEN }, [], { saved: { Hidden: 44 } });
  assert.equal(again.patch.shown.hidden, 0);
});

// Parameters and undo

test("what a patch sets is a step of undo, silent or not; an assign is none where it is stored only; hidden ones make none", () => {
  for (const [box, word, steps] of [
    [DIAL, ["set"], 2],
    [DIAL, [], 2],
    [DIAL, ["assign"], 2],
    [STORED, ["set"], 2],
    [STORED, [], 2],
    [STORED, ["assign"], 0],
    [HIDDEN, ["set"], 0],
    [HIDDEN, [], 0],
    [HIDDEN, ["assign"], 0],
  ]) {
    const { live, tell, patch } = small({ box }, []);
    tell("box", ...word, 30);
    tell("box", ...word, 30);
    tell("box", ...word, 40);
    assert.equal(live.undoSteps, steps, `${box.saved_attribute_attributes.valueof.parameter_longname} ${word}`);
    assert.equal(patch.shown.box, 40);
  }
});

test("set is silent, a number and an assign are told on; values stay in their range, whole where they are whole", () => {
  const { lines, tell } = small({ box: DIAL, print: PRINT }, [["box", "print"]]);
  lines();
  tell("box", "set", 30);
  assert.deepEqual(lines(), []);
  tell("box", 40.4);
  tell("box", "assign", 300);
  assert.deepEqual(lines(), ["40", "100"]);
});

test("a hand makes one step, of its own; automation none, and it comes from the scheduler", () => {
  const built = { scripts: { "a.js": `${HEAD}function msg_int(n) { outlet(0, n); }` } };
  const { live, patch, lines, clock } = small(
    { dial: DIAL, js: "js a.js", print: PRINT },
    [
      ["dial", "js"],
      ["js", "print"],
    ],
    { built },
  );
  lines();
  patch.turn("dial", 30);
  assert.deepEqual([live.steps.length, live.undoSteps, lines()], [1, 0, ["30"]]);
  patch.automate("dial", 50);
  assert.deepEqual([live.steps.length, lines()], [1, []]);
  clock.advance(1);
  assert.deepEqual(lines(), ["50"]);
});

test("undo and redo set a parameter back, and it tells what it is then", () => {
  const { live, patch, lines } = small({ dial: DIAL, print: PRINT }, [["dial", "print"]]);
  patch.turn("dial", 30);
  patch.turn("dial", 60);
  lines();
  live.undo();
  live.undo();
  live.redo();
  assert.deepEqual(lines(), ["30", "0", "30"]);
  assert.equal(patch.shown.dial, 30);
});

// Hands

test("a control is reached only where it can be seen, and while its device is in view", () => {
  const { live, patch } = small(
    { go: BUTTON, off: { ...BUTTON, presentation: 0, ...valueof("Off") }, hide: "thispatcher", dial: DIAL },
    [],
  );
  patch.click("go");
  assert.throws(() => patch.click("off"), /not on the face/);
  assert.throws(() => patch.click("dial"), /cannot be clicked/);
  patch.get("hide").receive(0, ["script", "hide", "go"]);
  assert.throws(() => patch.click("go"), /hidden/);
  patch.get("hide").receive(0, ["script", "show", "go"]);
  const other = live.addTrack({ name: "Other" });
  live.select(live.addClip(other, 0, { name: "Else", length: 4 }));
  assert.throws(() => patch.click("go"), /not in view/);
  live.select(live.tracks[0]);
  patch.click("go");
  assert.throws(() => patch.map("go"), /no parameter that can be mapped/);
});

test("a button sends what the mouse makes of it: a bang, 1, or 1 and 0; a toggle changes", () => {
  for (const [clicks, said] of [
    ["bang", ["bang"]],
    ["1", ["1"]],
    ["1 0", ["1", "0"]],
  ]) {
    const { patch, lines } = small({ go: BUTTON, print: PRINT }, [["go", "print"]], { clicks });
    lines();
    patch.click("go");
    assert.deepEqual(lines(), said);
  }
  const toggle = { maxclass: "live.text", mode: 1, text: "On", ...valueof("On", { parameter_type: 2, parameter_mmax: 1 }) };
  const { patch, lines } = small({ toggle, print: PRINT }, [["toggle", "print"]]);
  lines();
  patch.click("toggle");
  patch.turn("toggle", 1);
  patch.turn("toggle", 0);
  assert.deepEqual(lines(), ["1", "0"]);
});

test("tabs and menus tell their number and their word, and only of items that they have", () => {
  const enums = valueof("Tab", { parameter_type: 2, parameter_enum: ["Vary", "Pad"], parameter_mmax: 1 });
  const { patch, lines, tell } = small(
    {
      tab: { maxclass: "live.tab", ...enums },
      menu: { maxclass: "umenu", items: ["a", ",", "b"] },
      n: "prepend n",
      w: "prepend w",
      print: PRINT,
    },
    [
      ["tab 0", "n"],
      ["tab 1", "w"],
      ["menu 0", "n"],
      ["menu 1", "w"],
      ["n", "print"],
      ["w", "print"],
    ],
  );
  lines();
  patch.choose("tab", "Pad");
  tell("menu", "append", "c", "d");
  patch.choose("menu", "c d");
  assert.deepEqual(lines(), ["w Pad", "n 1", "w c d", "n 2"]);
  assert.throws(() => patch.choose("tab", 2), /chooses item 2/);
  tell("tab", 5);
  assert.match(patch.failures.join(), /5 is none of Vary, Pad/);
});

// Scripts and what they share

test("a script hides boxes by their names, not while it is loaded, and sends them any message", () => {
  const source = `${HEAD}function bang() { var go = this.patcher.getnamed("go"); go.hidden = 1; go.message("text", "Stop"); go.set(1);
    outlet(0, go.maxclass, this.patcher.getnamed("nothing") === null ? "none" : "some"); }`;
  const { patch, lines, tell } = small({ go: BUTTON, js: "js a.js", print: PRINT }, [["js", "print"]], {
    built: { scripts: { "a.js": source } },
  });
  lines();
  tell("js", "bang");
  assert.deepEqual(lines(), ["live.text none"]);
  assert.throws(() => patch.click("go"), /hidden/);
  assert.equal(patch.shown.go, "Stop");
  patch.check();
  const early = small({ js: "js a.js", go: BUTTON }, [], {
    built: { scripts: { "a.js": `${HEAD}patcher.getnamed("go").hidden = 1;` } },
  });
  assert.throws(() => early.patch.check(), /in global code/);
});

test("devices of one Live share what is Global, messages by name, and ports", () => {
  const source = `${HEAD}var shared = null; function bang() { shared = new Global("it"); shared.count = (shared.count || 0) + 1; outlet(0, shared.count); }`;
  const boxes = {
    js: "js a.js",
    heard: "r everyone",
    say: "s everyone",
    own: "r ---own",
    mine: "s ---own",
    udp: "udpreceive 9130",
    print: PRINT,
  };
  const cords = [
    ["js", "print"],
    ["heard", "print"],
    ["own", "print"],
  ];
  const live = new Live();
  const one = small(boxes, cords, { live, built: { scripts: { "a.js": source } } });
  live.addTrack({ name: "Two" });
  const two = small(boxes, cords, { live, app: one.app, built: { scripts: { "a.js": source } } });
  for (const { tell } of [one, two]) tell("js", "bang");
  one.tell("say", "hello");
  one.tell("mine", "me");
  assert.deepEqual(
    [one.lines(), two.lines()],
    [
      ["1", "hello", "me"],
      ["2", "hello"],
    ],
  );
});

test("udpreceive on port 0 listens to none, and is quiet where it is told to be", () => {
  const live = new Live();
  const one = small({ udp: "udpreceive 0 @quiet 1" }, [], { live });
  assert.deepEqual([one.patch.get("udp").udp.isBound, one.lines()], [false, []]);
  for (const [text, said] of [
    ["udpreceive 0 @quiet 1", []],
    ["udpreceive 0", ["error: udpreceive: bind to port 9130 unsuccessful"]],
  ]) {
    const net = { send: () => undefined, bind: (_port, _take, deaf) => deaf() };
    const { patch, lines, tell } = small({ udp: text }, [], { net });
    tell("udp", "port", 9130);
    assert.deepEqual([patch.get("udp").udp.isBound, lines()], [false, said]);
    tell("udp", "port", "many");
    assert.match(patch.failures.join(), /udpreceive is told port many/);
  }
});

test("what a pattr keeps is one word that comes back as it was", () => {
  const state = { maxclass: "newobj", text: "pattr state @thru 0", ...valueof("State", { parameter_invisible: 1 }) };
  for (const [text, isGood] of [
    ["lb1~5B.x", true],
    ["a b", false],
    ["1", false],
    ["a,b", false],
    ["a$1", false],
    [`a${"x".repeat(4000)}`, false],
  ]) {
    const { live, patch, tell } = small({ state }, []);
    tell("state", "assign", text);
    assert.deepEqual([patch.failures.length === 0, live.undoSteps], [isGood, 0], text.slice(0, 20));
  }
});

test("a jsui draws in the queue, hears the mouse, and is refused what mgraphics does not have", () => {
  const source = `${HEAD}var drawn = 0; mgraphics.init(); function set() { mgraphics.redraw(); mgraphics.redraw(); }
    function paint() { drawn++; mgraphics.rectangle(0, 0, mgraphics.size[0], 5); mgraphics.fill(); outlet(0, "drawn", drawn, mgraphics.size); }
    function onclick(x, y, isDown) { outlet(0, "click", x, y, isDown); } function ondrag(x, y, isDown) { outlet(0, "drag", x, y, isDown); }
    function wrong() { mgraphics.circle(1, 2, 3); }`;
  const view = { maxclass: "jsui", filename: "view.js" };
  const { patch, clock, lines, tell } = small({ view, print: PRINT }, [["view", "print"]], {
    built: { scripts: { "view.js": source } },
  });
  tell("view", "set", 1);
  assert.deepEqual(lines(), []);
  clock.advance(1);
  assert.deepEqual(lines(), ["drawn 1 40 20"]);
  patch.drag("view", [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(lines(), ["click 1 2 1", "drag 3 4 1", "drag 3 4 0"]);
  patch.check();
  tell("view", "wrong");
  assert.throws(() => patch.check(), /mgraphics.circle is not a function/);
});

test("MIDI goes through a patch that knows MPE as it came; without that the channels become one", () => {
  const cords = [["midiin", "midiout"]];
  const bytes = [0x91, 60, 100, 0xe1, 0, 70, 0x92, 64, 90, 0xd2, 30, 0xf8];
  for (const [isMpe, kept] of [
    [1, bytes],
    [0, [0x90, 60, 100, 0xe0, 0, 70, 0x90, 64, 90, 0xd0, 30, 0xf8]],
  ]) {
    const { patch } = small({ midiin: "midiin", midiout: "midiout" }, cords, { built: { isMpe } });
    patch.midi(bytes);
    assert.deepEqual(patch.played, kept);
  }
});

test("Node for Max starts what a scenario gives it, and says so when there is nothing to start", () => {
  const boxes = { node: "node.script serve.js @autostart 0", a: "prepend said", b: "prepend status", print: PRINT };
  const cords = [
    ["node 0", "a"],
    ["node 1", "b"],
    ["a", "print"],
    ["b", "print"],
  ];
  const nodes = {
    "serve.js":
      ({ send }) =>
      (message) =>
        send("got", ...message),
  };
  const works = small(boxes, cords, { nodes });
  const fails = small(boxes, cords);
  for (const { tell, clock } of [works, fails]) {
    tell("node", "script", "start");
    clock.advance(10);
  }
  assert.deepEqual([works.lines(), fails.lines()], [["said got script start"], ["status terminated"]]);
});

test("a patch that is closed does nothing more", () => {
  const { app, clock, patch, lines, tell } = small({ low: "deferlow", later: "delay 20", print: PRINT }, [
    ["low", "print"],
    ["later", "print"],
  ]);
  tell("low", 1);
  tell("later", "bang");
  patch.close();
  clock.advance(100);
  assert.deepEqual(lines(), []);
  assert.equal(app.isHigh, false);
});
