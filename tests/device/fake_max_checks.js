// Each strictness of the fake Max bites: the language, messages, time, and where the LiveAPI may be used.
//
//   node --expose-internals fake_max_checks.js
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { bare, failsWith, said, world } = require("./fake_world.js");
const { Live } = require("./live.js");
const { readDevice } = require("./frozen.js");
const { Clock, checkSyntax } = require("./max.js");

// The language

test("ES6 syntax is refused", () => {
  for (const source of [
    "let a = 1;",
    "var f = () => 1;",
    "var s = `a`;",
    "f(1,);",
    "class A {}",
    "for (var a of []) {}",
    "Number.EPSILON",
  ]) {
    assert.throws(() => checkSyntax(source, "a.js"), /not ES5/, source);
    assert.throws(() => bare(source), /not ES5/, source);
  }
  checkSyntax("var a = { get b() { return 1; } };", "a.js");
});

test("ES6 built-ins are gone and ES5 ones are there", () => {
  const gone =
    "Map Set WeakMap Symbol Promise Proxy Reflect BigInt globalThis console setTimeout setInterval require module " +
    "process Buffer Uint8Array Intl WebAssembly structuredClone Object.assign Object.entries Object.values Object.is " +
    "Array.from Array.of [].includes [].find [].findIndex [].fill [].flat [].flatMap [].at [].keys ''.includes " +
    "''.startsWith ''.endsWith ''.repeat ''.padStart ''.trimStart ''.codePointAt String.raw Number.isInteger " +
    "Number.isFinite Number.parseFloat Math.trunc Math.sign Math.hypot Math.log2 Math.fround Math.clz32";
  const here =
    "JSON.stringify Object.keys Object.create [].map [].reduce [].indexOf ''.trim Array.isArray Date.now parseInt " +
    "Math.random Function.prototype.bind encodeURIComponent post outlet Task Dict LiveAPI arrayfromargs";
  const kinds = (text) => {
    const names = text.split(" ");
    const tries = names.map((name) => `kind(function () { return ${name}; })`);
    const max = bare(`function go() { outlet(1, ["kinds", [${tries}].join(" ")]); }
      function kind(read) { try { return typeof read(); } catch (error) { return "undefined"; } }`);
    max.send("go");
    return max
      .take(1)[0][1]
      .split(" ")
      .map((kind, i) => [names[i], kind]);
  };
  for (const [name, kind] of kinds(gone)) assert.equal(kind, "undefined", name);
  for (const [name, kind] of kinds(here)) assert.equal(kind, "function", name);
});

test("arrays and errors that come from Max are of the script's own world, with nothing of ES6 on them", () => {
  const { go, max } = world(`
    var got = api.get("scale_intervals");
    say([got instanceof Array, typeof got.includes, typeof arrayfromargs("a", arguments).find]);
    try { outlet(9, 1); } catch (error) { say([error instanceof Error, error.message]); }`);
  const [arrays, errors] = go();
  assert.deepEqual(arrays, [true, "undefined", "undefined"]);
  assert.deepEqual(errors, [true, "there is no outlet 9"]);
  failsWith(max, /there is no outlet 9/);
});

test("chance and time are the test's own", () => {
  const source =
    "function go() { outlet(1, ['said', JSON.stringify([Math.random(), Date.now(), new Date().getTime(), max.time])]); }";
  const one = bare(source, { seed: 3 });
  const other = bare(source, { seed: 3 });
  for (const max of [one, other]) (max.clock.advance(250), max.send("go"));
  const [[random, now, date, time]] = said(one);
  assert.deepEqual([[random, now, date, time]], said(other));
  assert.ok(random >= 0 && random < 1);
  assert.deepEqual([now, date, time], [1.7e12 + 250, 1.7e12 + 250, 250]);
});

test("patcher and scripts are taken out of a frozen device, and of nothing else", (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "frozen-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, "a.amxd");
  const read = (bytes) => (fs.writeFileSync(file, bytes), readDevice(file));
  const patcher = { name: "a.amxd", text: '{"patcher":{"boxes":[]}}\n\0' };
  const script = { name: "a_1234.js", text: "var a = 'ä';\n" };
  const found = { name: "a.amxd", patcher: { boxes: [] }, scripts: { [script.name]: script.text } };
  assert.deepEqual(read(device(frozen(patcher, script))), found);
  assert.deepEqual(read(device(frozen(patcher))).scripts, {});
  assert.throws(() => read(device(Buffer.from("{}\n\0"))), /is not frozen/);
  assert.throws(() => read(Buffer.from("ampf\x04\0\0\0mmmm")), /has no patch in it/);
});

// The bytes of a device with a patch, and of a patch that is frozen.

function device(patch) {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(patch.length);
  return Buffer.concat([Buffer.from("ampf\x04\0\0\0mmmmmeta\x04\0\0\0\x07\0\0\0ptch"), size, patch]);
}

function frozen(...files) {
  const bodies = files.map(({ text }) => Buffer.from(text));
  const places = bodies.map((_, i) => 16 + Buffer.concat(bodies.slice(0, i)).length);
  const head = Buffer.from("mx@c\0\0\0\x10\0\0\0\0\0\0\0\0", "latin1");
  const all = Buffer.concat(bodies);
  head.writeBigUInt64BE(BigInt(16 + all.length), 8);
  const entries = files.map(({ name }, i) => {
    const fields = [
      chunk("fnam", Buffer.from(`${name}\0`)),
      chunk("sz32", word(bodies[i].length)),
      chunk("of32", word(places[i])),
    ];
    return chunk("dire", Buffer.concat(fields));
  });
  return Buffer.concat([head, all, chunk("dlst", Buffer.concat(entries))]);
}

function chunk(tag, body) {
  const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)]);
  return Buffer.concat([Buffer.from(tag), word(8 + padded.length), padded]);
}

function word(value) {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
}

// Messages

test("a message calls the function of its name, else anything, else fails", () => {
  const max = bare(`function vary(a, b) { outlet(0, ["vary", a, b]); }
    function anything() { outlet(0, ["anything", messagename].concat(arrayfromargs(arguments))); }
    function msg_int(value) { outlet(0, ["int", value]); }
    function list() { outlet(0, ["list"].concat(arrayfromargs(arguments))); }
    function hidden() { outlet(0, "hidden"); }
    hidden.local = 1;`);
  max.send("vary", 1, "x");
  max.send("/bridge/done", 7, "a b");
  max.send("hidden");
  max.send(3);
  max.send(2.9);
  max.send(1, 2, "c");
  max.send("post", "no function of Max itself");
  max.send("toString");
  assert.deepEqual(max.take(0), [
    ["vary", 1, "x"],
    ["anything", "/bridge/done", 7, "a b"],
    ["anything", "hidden"],
    ["int", 3],
    ["int", 2],
    ["list", 1, 2, "c"],
    ["anything", "post", "no function of Max itself"],
    ["anything", "toString"],
  ]);
  max.check();
  const mute = bare("");
  mute.send("vary");
  assert.deepEqual(mute.console, ["error: js: no function vary"]);
  failsWith(mute, /there is no function vary/);
});

test("a message that comes while the script is busy waits its turn", () => {
  const max = bare("function first() { outlet(0, 'a'); outlet(0, 'b'); } function second() { outlet(0, 'c'); }");
  max.on(0, ([atom]) => atom === "a" && max.send("second"));
  max.send("first");
  assert.deepEqual(max.take(0).flat(), ["a", "b", "c"]);
});

test("outlet.apply, outlet.call and messnamed.apply throw", () => {
  for (const call of [
    "outlet.apply(this, [0, 1])",
    "outlet.call(this, 0, 1)",
    "messnamed.apply(this, ['a', 1])",
    "outlet.bind(this)",
  ]) {
    const max = bare(`function go() { try { ${call}; } catch (error) { return; } }`);
    max.send("go");
    failsWith(max, /crashes Live/);
  }
});

test("only atoms leave through an outlet that exists", () => {
  for (const [call, pattern] of [
    ["outlet(2, 1)", /no outlet 2/],
    ["outlet(-1, 1)", /no outlet -1/],
    ["outlet(0, null)", /given null/],
    ["outlet(0, ['a', undefined])", /given undefined/],
    ["outlet(0, {})", /given an object/],
    ["outlet(0, 0 / 0)", /given NaN/],
    ["outlet(0, true)", /given true/],
    ["outlet(0, ['a', ['b', ['c']]])", /nested arrays/],
    ["outlet(0, new Array(40000).join('x'))", /symbol of 39999 characters/],
    ["outlet(0, 'a\\0b')", /NUL/],
    ["var many = []; for (var i = 0; i < 300; i++) many.push(i); outlet(0, many)", /300 atoms/],
  ]) {
    const max = bare(`function go() { ${call}; }`);
    max.send("go");
    failsWith(max, pattern);
    assert.equal(max.sent(0).length, 0);
  }
});

test("a script that throws, has other outlets than its box or watches its file fails", () => {
  const max = bare("function go() { nothing.here(); }");
  max.send("go");
  failsWith(max, /nothing is not defined/);
  failsWith(bare("outlets = 3;"), /3 outlets, its box 2/);
  failsWith(bare("autowatch = 1;"), /autowatch/);
});

// Time

test("a Task runs after its delay, repeats, is cancelled and takes its arguments", () => {
  const max = bare(`var task;
    function go() { task = new Task(tick, { name: "me" }, ["x", 2]); task.interval = 100; task.schedule(250);
      outlet(0, task.running); }
    function again() { task.repeat(3, 50); }
    function stop() { task.cancel(); outlet(0, task.running); }
    function tick(a, b) { outlet(0, [max.time, this.name, a, b]); }`);
  max.send("go");
  max.clock.advance(249);
  assert.deepEqual(max.take(0), [[1]]);
  max.clock.advance(1000);
  assert.deepEqual(max.take(0), [[250, "me", "x", 2]]);
  max.send("again");
  max.clock.advance(1000);
  assert.deepEqual(
    max.take(0).map(([time]) => time),
    [1299, 1399, 1499],
  );
  max.send("again");
  max.clock.advance(60);
  max.send("stop");
  max.clock.advance(1000);
  assert.deepEqual(
    max.take(0).map(([first]) => first),
    [2299, 0],
  );
  max.check();
});

test("a Task that throws fails, and the others go on", () => {
  const max = bare(
    `function go() { new Task(bad).schedule(1); new Task(good).schedule(2); }
    function bad() { throw new Error("no"); }
    function good() { outlet(0, "on"); }`,
  );
  max.send("go");
  max.clock.advance(5);
  assert.deepEqual(max.take(0), [["on"]]);
  failsWith(max, /Task bad: uncaught Error: no/);
});

test("the clock stops early where it is told to, and follows the real time", async () => {
  const clock = new Clock();
  let ran = 0;
  for (let i = 0; i < 10; i++) clock.after(i * 10, () => ran++);
  assert.equal(
    clock.advance(1000, () => ran === 3),
    true,
  );
  assert.equal(clock.now, 20);
  clock.follow();
  await new Promise((done) => clock.after(30, done));
  clock.stop();
  assert.ok(ran >= 6, `${ran}`);
});

// Where the LiveAPI may be used

test("LiveAPI, Task, Dict and outlet throw in global code, and the LiveAPI before the bang", () => {
  for (const use of ["new LiveAPI('live_set')", "new Task(function () {})", "new Dict('d')", "outlet(0, 1)"]) {
    failsWith(bare(`try { ${use}; } catch (error) { post("hidden"); }`), /global code/);
  }
  const max = bare("function go() { new LiveAPI('live_set'); }");
  max.send("go");
  failsWith(max, /before the bang/);
});

test("an observer is told at once, then of each change, and may not call Live", () => {
  const { max, live, go } = world(`
    kept.api = new LiveAPI(hear, "live_set");
    function hear(values) { if (values[0] === "tempo") say(values); if (kept.use) kept.api.get("tempo"); }
    kept.api.property = "tempo"; kept.use = true;`);
  assert.deepEqual(go(), [["tempo", 120]]);
  max.check();
  live.edit(live.song, { tempo: 90 });
  assert.deepEqual(said(max), [["tempo", 90]]);
  failsWith(max, /inside an observer callback/);
});

test("more than 200 gets in a turn, and a get straight after a set, are failures", () => {
  const { max, go } = world(`for (var i = 0; i < kept.gets; i++) api.get("tempo");
    if (!kept.gets) { api.set("tempo", 121); api.get("tempo"); } kept.gets = 201;`);
  go();
  failsWith(max, /get of tempo in the turn that set it/);
  go();
  failsWith(max, /201 gets in one turn/);
});
