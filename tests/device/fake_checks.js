// Each strictness of the fake Max and the fake Live bites.
//
//   node --expose-internals fake_checks.js
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { Live } = require("./live.js");
const { Clock, Max, checkSyntax, readScript } = require("./max.js");

const HEAD = "autowatch = 0; inlets = 1; outlets = 2;\n";

// A script in a world of its own; `body` is what it does when told to `go`, with `api` and `say` at hand.
function world(body, options) {
  const clock = new Clock();
  const live = new Live(options);
  const device = live.addDevice(live.tracks[0]);
  const source = `${HEAD}var api = null, kept = {};
    function say(value) { outlet(1, ["said", JSON.stringify(value === undefined ? null : value)]); }
    function bang() { api = new LiveAPI("live_set"); }
    function go() { ${body} }`;
  const max = new Max(source, { clock, live, device, outlets: 2 });
  max.send("bang");
  return { clock, live, device, max, track: live.tracks[0], go: () => (max.send("go"), said(max)) };
}

// What the script has said since the last time.
function said(max) {
  return max.take(1).map(([, text]) => JSON.parse(text));
}

function failsWith(max, pattern) {
  assert.match(max.failures.join("\n"), pattern);
  assert.throws(() => max.check(), pattern);
  max.failures.length = 0;
}

function bare(source, options) {
  return new Max(HEAD + source, { outlets: 2, live: new Live(), ...options });
}

const RIFF = [
  { pitch: 40, start_time: 0, duration: 1 },
  { pitch: 36, start_time: 2, duration: 1, mpe: "a bend" },
  { pitch: 36, start_time: -0.5, duration: 0.25 },
];

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

test("the script is taken out of a frozen device, and of nothing else", (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "frozen-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, "a.amxd");
  const read = (bytes) => (fs.writeFileSync(file, bytes), readScript(file));
  const patcher = { name: "a.amxd", text: "{}\n\0" };
  const script = { name: "a_1234.js", text: "var a = 'ä';\n" };
  assert.deepEqual(read(device(frozen(patcher, script))), { name: script.name, source: script.text });
  assert.throws(() => read(device(Buffer.from("{}\n\0"))), /is not frozen/);
  assert.throws(() => read(device(frozen(patcher))), /holds 0 scripts/);
  assert.throws(() => read(device(frozen(patcher, script, script))), /holds 2 scripts/);
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

// Objects and paths

test("paths, ids and types are as Live's", () => {
  const { live, track, go, max } = world(`
    var seen = [];
    ["live_set tracks 0 clip_slots 0 clip", "canonical_parent", "canonical_parent",
     "this_device", "canonical_parent", "canonical_parent",
     "live_set tracks 9", "live_set view detail_clip", "id " + kept.id].forEach(function (path) {
      api.goto(path); seen.push([api.path, api.unquotedpath, typeof api.id, api.id === "0", api.type]);
        kept.id = kept.id || api.id; });
    say(seen);`);
  live.addClip(track, 0, { notes: RIFF });
  const rack = live.addDevice(track, { racks: 1 });
  max.device = rack;
  const [seen] = go();
  const clip = ['"live_set tracks 0 clip_slots 0 clip"', "live_set tracks 0 clip_slots 0 clip", "string", false, "Clip"];
  assert.deepEqual(seen[0], clip);
  assert.deepEqual(
    seen.slice(1, 8).map(([, path, , isNone, type]) => [path, isNone, type]),
    [
      ["live_set tracks 0 clip_slots 0", false, "ClipSlot"],
      ["live_set tracks 0", false, "Track"],
      ["live_set tracks 0 devices 1 chains 0 devices 0", false, "MaxDevice"],
      ["live_set tracks 0 devices 1 chains 0", false, "Chain"],
      ["live_set tracks 0 devices 1", false, "RackDevice"],
      ["", true, ""],
      ["", true, ""],
    ],
  );
  max.failures.length = 0; // "id undefined" is no id
});

test("get gives arrays, children as ids, and an object that is deleted is id 0", () => {
  const { live, track, go, max } = world(`
    if (!kept.clip) {
      kept.clip = new LiveAPI("live_set tracks 0 clip_slots 0 clip");
      api.goto("live_set");
      say([api.get("tempo"), api.get("tracks"), api.getcount("scenes"), api.get("scale_intervals"), kept.clip.get("name")]);
      api.goto("live_set tracks 0 clip_slots 1"); say(api.get("clip"));
      api.goto("live_set tracks 0 clip_slots 0"); say([api.get("has_clip"), api.get("clip")]);
    }
    say(kept.clip.id);`);
  const clip = live.addClip(track, 0, { name: "A b" });
  const [song, none, one, id] = go();
  assert.deepEqual(song, [[120], ["id", track.id], 8, [0, 2, 4, 5, 7, 9, 11], ["A b"]]);
  assert.deepEqual(none, ["id", 0]);
  assert.deepEqual(one, [[1], ["id", clip.id]]);
  assert.equal(id, String(clip.id));
  live.remove(clip);
  assert.deepEqual(go(), ["0"]);
  live.undo();
  assert.deepEqual(go(), ["0"], "what undo brings back has another id");
  assert.equal(track.slots[0].clip.name, "A b");
  max.check();
});

test("what does not exist is an error line and a failure, not an exception", () => {
  for (const [use, pattern] of [
    ["api.get('colour')", /no property colour/],
    ["api.set('colour', 1)", /no property colour/],
    ["api.set('root_note', 1)", /can only be read/],
    ["api.call('create_scenes', -1)", /no function create_scenes/],
    ["api.call('create_scene', 99)", /create_scene 99/],
    ["api.getcount('tempo')", /no tempo to count/],
    ["api.goto('live_set trackz 0')", /no trackz/],
    ["api.goto('live_set tracks')", /needs an index/],
    ["api.goto('live_set tracks 5'); api.get('name')", /no valid object set/],
    ["api.set('tempo', 5)", /not in 20..999/],
    ["api.id = 'id 5'", /takes a number/],
  ]) {
    const { max, go } = world(`${use}; say("on");`);
    assert.deepEqual(go(), ["on"]);
    assert.match(max.console.join("\n"), /^error: jsliveapi/);
    failsWith(max, pattern);
  }
});

test("Live 11 has no scale mode and 11.0 no get_all_notes_extended, and info says so", () => {
  const body = `api.goto('live_set'); say([api.info.indexOf('scale_mode') >= 0, api.info.indexOf('root_note') >= 0]);
      if (kept.get) api.get('scale_mode'); kept.get = 1;`;
  assert.deepEqual(world(body).go(), [[true, true]]);
  const { go, max } = world(body, { version: "11.3.43" });
  assert.deepEqual(go(), [[false, true]]);
  max.check();
  go();
  failsWith(max, /no property scale_mode/);
  const old = world("api.goto('live_set tracks 0 clip_slots 0 clip'); api.call('get_all_notes_extended');", {
    version: "11.0.12",
  });
  old.live.addClip(old.track, 0, {});
  old.go();
  failsWith(old.max, /no function get_all_notes_extended/);
});

// Clips

test("a clip can only be created in an empty slot of a MIDI track that is not frozen", () => {
  const { max, live, track, go } = world(
    `for (var i = 0; i < 6; i++) { api.goto("live_set tracks " + i + " clip_slots 0"); api.call("create_clip", 4); }`,
  );
  live.addTrack({ kind: "audio", name: "audio" });
  live.addTrack({ kind: "group", name: "group" });
  live.addTrack({ frozen: true, name: "frozen" });
  live.addClip(live.addTrack({ name: "taken" }), 0, {});
  live.addReturn("A");
  const before = live.snapshot();
  go();
  assert.deepEqual(
    live.tracks.map((t) => Boolean(t.slots[0].clip)),
    [true, false, false, false, true],
  );
  assert.equal(track.slots[0].clip.loopEnd, 4);
  assert.equal(live.snapshot(), before);
  assert.equal(max.failures.length, 5);
  failsWith(max, /track that is audio[^]*track that is group[^]*frozen[^]*a clip in this slot[^]*no valid object/);
});

test("return tracks have no slots and group slots say what they are", () => {
  const { live, go, max } = world(`
    api.goto("live_set return_tracks 0"); say([api.getcount("clip_slots"), api.get("clip_slots")]);
    api.goto("live_set tracks 1"); say([api.get("is_foldable"), api.get("has_midi_input")]);
    api.goto("clip_slots 0"); say(api.get("is_group_slot"));`);
  live.addReturn("A");
  live.addTrack({ kind: "group" });
  assert.deepEqual(go(), [[0, []], [[1], [0]], [1]]);
  max.check();
});

test("loop and markers may not be turned around, and belong to each other where a clip does not loop", () => {
  const { live, track, go, max } = world(`
    api.goto("live_set tracks 0 clip_slots 0"); if (!kept.made) { api.call("create_clip", 4); kept.made = 1; api.goto("clip");
      api.set("loop_end", 8); api.set("loop_start", 4); api.set("end_marker", 8); api.set("start_marker", 2);
        api.set("looping", 0); return; }
    api.goto("clip"); say([api.get("loop_start"), api.get("loop_end"), api.get("length")]);
    api.set("loop_end", 1); api.set("end_marker", 2); api.set("looping", 2); api.set("signature_denominator", 3);`);
  go();
  max.check();
  assert.deepEqual(go(), [[[2], [8], [6]]]);
  const { loopStart, loopEnd } = track.slots[0].clip;
  assert.deepEqual([loopStart, loopEnd, live.undoSteps], [4, 8, 6]);
  assert.equal(max.failures.length, 4);
  failsWith(max, /turn the loop around[^]*turn the markers around[^]*not 0 or 1[^]*not 1, 2, 4, 8 or 16/);
});

test("a name comes whole, or as atoms of which some are numbers", () => {
  const body = "api.goto('live_set tracks 0 clip_slots 0 clip'); say(api.get('name'));";
  for (const [names, expected] of [
    ["whole", ["Kick 808 2.5"]],
    ["atoms", ["Kick", 808, 2.5]],
  ]) {
    const { live, track, go } = world(body, { names });
    live.addClip(track, 0, { name: "Kick 808 2.5" });
    assert.deepEqual(go(), [expected]);
  }
});

test("a colour snaps to Live's palette", () => {
  const { track, go } = world(
    "api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); api.goto('clip'); api.set('color', 0xff3030);",
  );
  go();
  assert.equal(track.slots[0].clip.color, 0xff3636);
});

test("a device may change only what it made", () => {
  for (const [use, pattern] of [
    ["api.goto('live_set tracks 0 clip_slots 0 clip'); api.set('name', 'x')", /name of live_set tracks 0 clip_slots 0 clip/],
    ["api.goto('live_set tracks 0 clip_slots 0 clip'); api.call('remove_notes_extended', 0, 128, 0, 9)", /notes of/],
    ["api.goto('live_set tracks 0 clip_slots 0'); api.call('delete_clip')", /clip of live_set tracks 0 clip_slots 0/],
    ["api.call('delete_scene', 3)", /scene 3 is deleted/],
    ["api.set('tempo', 99)", /tempo of live_set/],
    ["api.goto('live_set tracks 0'); api.set('name', 'x')", /name of live_set tracks 0/],
    ["api.goto('live_set tracks 0 clip_slots 0'); api.call('duplicate_clip_to', 'id ' + kept.id)", /overwrites/],
  ]) {
    const { max, live, track, go } = world(`kept.id = arguments[0]; ${use};`);
    live.addClip(track, 0, { notes: RIFF });
    live.addClip(track, 1, {});
    const before = live.snapshot();
    max.send("go", track.slots[1].id);
    assert.notEqual(live.snapshot(), before);
    failsWith(max, pattern);
  }
});

test("what a musician has edited is theirs, and what another device made is not one's own", () => {
  const { max, live, device, go } = world(`api.goto("live_set tracks 0 clip_slots 0");
    if (!kept.made) api.call("create_clip", 4); else api.call("delete_clip"); kept.made = 1;`);
  go();
  assert.equal(live.made(device).length, 1);
  live.edit(live.tracks[0].slots[0].clip, { notes: RIFF });
  assert.equal(live.made().length, 0);
  go();
  failsWith(max, /trespass, by delete_clip/);
});

test("scenes are made at the end or within, each track gets a slot, and the last one stays", () => {
  const { max, live, go } = world(
    `say(api.call("create_scene", -1)[0]); api.call("create_scene", 0); api.call("delete_scene", 0);`,
    { scenes: 1, mostScenes: 3 },
  );
  live.addTrack({ kind: "audio" });
  live.addClip(live.tracks[0], 0, {});
  assert.deepEqual(go(), ["id"]);
  assert.deepEqual(
    live.tracks.map((t) => t.slots.length),
    [2, 2],
  );
  assert.ok(live.tracks[0].slots[0].clip);
  max.check();
  go();
  go();
  failsWith(max, /3 scenes already/);
});

test("each change is a step of the undo history, which the musician can go back and forth", () => {
  const { live, track, go, max } = world(
    `api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); api.goto('clip'); api.set('name', 'new');
      api.call('add_new_notes', { notes: [{ pitch: 1, start_time: 0, duration: 1 }] });`,
  );
  const before = live.snapshot();
  go();
  assert.equal(live.undoSteps, 3);
  assert.deepEqual(
    live.log.map(({ what }) => what),
    ["create_clip", "set name", "add_new_notes"],
  );
  live.undo();
  assert.equal(track.slots[0].clip.notes.length, 0);
  live.undo();
  live.undo();
  assert.equal(track.slots[0].clip, null);
  assert.equal(live.snapshot(), before);
  for (let i = 0; i < 4; i++) live.redo();
  assert.equal(track.slots[0].clip.notes.length, 1);
  max.check();
});

test("a selection goes with a click, and the view can be set by id", () => {
  const { live, track, go, max } = world(`
    api.goto("live_set view"); say([api.get("highlighted_clip_slot"), api.get("detail_clip"), api.get("selected_track")]);
    api.set("highlighted_clip_slot", "id " + arguments[0]); api.set("detail_clip", "id " + arguments[1]);`);
  const clip = live.addClip(track, 2, {});
  const other = live.addArrangementClip(live.addTrack({}), 8, {});
  live.select(track.slots[2]);
  max.send("go", live.tracks[1].slots[1].id, other.id);
  assert.deepEqual(said(max), [
    [
      ["id", track.slots[2].id],
      ["id", clip.id],
      ["id", track.id],
    ],
  ]);
  assert.equal(live.view.detail_clip, other);
  assert.equal(live.view.selected_track, live.tracks[1]);
  assert.equal(live.path(other), "live_set tracks 1 arrangement_clips 0");
  max.check();
});

// Notes

function onClip(body, options) {
  const all = world(
    `api.goto("live_set tracks 0 clip_slots 0"); if (!kept.made) api.call("create_clip", 4);
      kept.made = 1; api.goto("clip"); ${body}`,
    options,
  );
  return Object.assign(all, { notes: () => all.track.slots[0].clip.notes });
}

test("notes come as text, sorted by pitch and then time, only those of the region", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0 clip_slots 0 clip");
    say(api.call("get_notes_extended", 0, 128, -100, 200));
    say(api.call("get_notes_extended",
      { from_pitch: 0, pitch_span: 128, from_time: 0, time_span: 1, "return": ["pitch", "note_id"] }));
    say(api.call("get_notes_extended", 36, 1, 0, 10)); say(api.call("get_selected_notes_extended"));
      say(api.call("get_notes_by_id", [1, 3]));`);
  live.addClip(track, 0, { notes: [RIFF[0], { ...RIFF[1], selected: true }, RIFF[2]] });
  const texts = go();
  assert.ok(texts.every((one) => typeof one === "string"));
  const [all, first, low, marked, byId] = texts.map((one) => JSON.parse(one).notes);
  assert.deepEqual(
    all.map((n) => [n.pitch, n.start_time]),
    [
      [36, -0.5],
      [36, 2],
      [40, 0],
    ],
  );
  assert.equal(
    Object.keys(all[0]).join(),
    "note_id,pitch,start_time,duration,velocity,mute,probability,velocity_deviation,release_velocity",
  );
  assert.deepEqual(first, [{ pitch: 40, note_id: 1 }]);
  assert.deepEqual([low.length, marked.length, byId.length], [1, 1, 2]);
  max.check();
});

test("regions beyond the pitches, and the old note functions, are refused", () => {
  for (const [call, pattern] of [
    ["'get_notes_extended', 0, 129, 0, 4", /pitch_span 129/],
    ["'get_notes_extended', 1, 128, 0, 4", /pitch_span 128/],
    ["'get_notes_extended', 0, 128, 0, 0", /time_span 0/],
    ["'get_notes_extended', 0, 128", /from_pitch, pitch_span/],
    ["'remove_notes_extended', 0, 0, 0, 4", /pitch_span 0/],
    ["'get_notes', 0, 0, 4, 128", /deprecated/],
    ["'set_notes'", /deprecated/],
    ["'remove_notes', 0, 0, 4, 128", /deprecated/],
    ["'get_notes_extended', { 'return': ['colour'], from_pitch: 0, pitch_span: 128, from_time: 0, time_span: 1 }", /no colour/],
  ]) {
    const { max, go } = onClip(`api.call(${call});`);
    go();
    failsWith(max, pattern);
  }
});

test("notes that are not quite notes are refused, all of them", () => {
  for (const [note, pattern] of [
    ["{ pitch: 1, start_time: 0, duration: 1, note_id: 3 }", /the key note_id/],
    ["{ pitch: 1, start_time: 0, duration: 1, from_clip: 0 }", /the key from_clip/],
    ["{ pitch: 1, duration: 1 }", /no start_time/],
    ["{ pitch: 128, start_time: 0, duration: 1 }", /pitch 128/],
    ["{ pitch: 1.5, start_time: 0, duration: 1 }", /not whole/],
    ["{ pitch: 1, start_time: 0, duration: 0 }", /duration 0/],
    ["{ pitch: 1, start_time: 0 / 0, duration: 1 }", /start_time of a note is null/],
    ["{ pitch: 1, start_time: 0, duration: 1, probability: 1.5 }", /probability 1.5/],
    ["{ pitch: 1, start_time: 0, duration: 1, velocity: '9' }", /velocity of a note is 9/],
    ["{ pitch: 1, start_time: 0, duration: 1, velocity_deviation: 200 }", /velocity_deviation 200/],
  ]) {
    const { max, go, notes } = onClip(
      `api.call("add_new_notes", { notes: [{ pitch: 2, start_time: 0, duration: 1 }, ${note}] });`,
    );
    go();
    assert.equal(notes().length, 0);
    failsWith(max, pattern);
  }
});

test("velocities and durations are clamped without a word, and what is left out has Live's defaults", () => {
  const { max, go, notes } = onClip(`api.call("add_new_notes", { notes: [
    { pitch: 1, start_time: 0, duration: 1, velocity: 200 },
      { pitch: 2, start_time: 0, duration: 1e-9, velocity: 0, mute: true }, { pitch: 3, start_time: 0, duration: 1 }] });`);
  go();
  assert.deepEqual(
    notes().map((n) => [n.velocity, n.mute]),
    [
      [127, 0],
      [1, 1],
      [100, 0],
    ],
  );
  assert.ok(notes()[1].duration > 1e-9);
  assert.deepEqual([notes()[2].probability, notes()[2].velocity_deviation, notes()[2].release_velocity], [1, 0, 64]);
  max.check();
});

test("notes of one pitch that overlap are cut or dropped", () => {
  const { go, notes } = onClip(`api.call("add_new_notes", { notes: [
    { pitch: 1, start_time: 1, duration: 1 }, { pitch: 1, start_time: 0, duration: 1.5 },
    { pitch: 2, start_time: 0, duration: 2 }, { pitch: 2, start_time: 1, duration: 2 },
      { pitch: 3, start_time: 0, duration: 9 }] });`);
  go();
  assert.deepEqual(
    notes().map((n) => [n.pitch, n.start_time, n.duration]),
    [
      [1, 0, 1.5],
      [2, 0, 1],
      [2, 1, 2],
      [3, 0, 9],
    ],
  );
});

test("notes are changed by id: all fields or none, and what the object model does not show stays", () => {
  const { live, track, device, max, go } = world(`api.goto("live_set tracks 0 clip_slots 0 clip");
    var all = JSON.parse(api.call("get_notes_extended", 0, 128, -9, 99)).notes;
    all.forEach(function (note) { note.velocity = 50; if (kept.wrong) note.note_id += 7; }); kept.wrong = 1;
    api.call("apply_note_modifications", { notes: all });`);
  live.addClip(track, 0, { notes: RIFF }).owner = device;
  go();
  max.check();
  const after = track.slots[0].clip.notes;
  assert.deepEqual(
    after.map((n) => n.velocity),
    [50, 50, 50],
  );
  assert.equal(after.find((n) => n.start_time === 2).mpe, "a bend");
  go();
  failsWith(max, /there is no note/);
  assert.equal(track.slots[0].clip.notes, after);
});

test("a Live that does not understand a form of argument writes nothing and says so in the console only", () => {
  const note = '{"notes":[{"pitch":1,"start_time":0,"duration":1}]}';
  const forms = {
    object: `api.call("add_new_notes", ${note});`,
    string: `api.call("add_new_notes", '${note}');`,
    dict: `var d = new Dict(); d.parse('${note}'); api.call("add_new_notes", d);`,
  };
  for (const [form, call] of Object.entries(forms)) {
    for (const [how, count] of [
      ["ok", 1],
      ["ignored", 0],
    ]) {
      const { max, go, notes } = onClip(call, { notes: { [form]: how } });
      go();
      assert.equal(notes().length, count, `${form} ${how}`);
      assert.equal(max.console.length, 1 - count);
      max.check();
    }
  }
});

test("a Dict within a Dict is made from text and read again", () => {
  const { max, go } = world(`var d = new Dict("outer"); d.setparse("w", '{"notes":[{"pitch":1}]}');
    say(d.get("w").stringify()); say([d.contains("w"), d.getkeys(), new Dict("outer").get("w") !== null]); d.set("a", 5);
      say(d.get("a")); d.clear(); say(d.get("a"));`);
  assert.deepEqual(go(), ['{"notes":[{"pitch":1}]}', [1, ["w"], true], 5, null]);
  max.check();
});

test("a symbol longer than Max has is refused as an argument too", () => {
  const { max, go } =
    onClip(`var notes = []; for (var i = 0; i < 1000; i++) notes.push({ pitch: 1, start_time: i, duration: 0.5 });
    api.call("add_new_notes", JSON.stringify({ notes: notes }));`);
  go();
  failsWith(max, /a symbol of \d+ characters/);
});

test("what Live writes can be tampered with, and the text of numbers shortened", () => {
  const { live, max, go, notes } = onClip(
    `api.call("add_new_notes", { notes: [{ pitch: 1, start_time: 1 / 3, duration: 1 },
      { pitch: 2, start_time: 1, duration: 1 }] });
    say(JSON.parse(api.call("get_notes_extended", 0, 128, 0, 9)).notes[0].start_time);`,
    { digits: 6 },
  );
  live.tamper = (given) => given.slice(0, 1);
  assert.deepEqual(go(), [0.333333]);
  assert.equal(notes().length, 1);
  max.check();
});

test("a Drum Rack has 128 pads with names, and a device knows that it is one", () => {
  const { live, track, max, go } = world(`api.goto("live_set tracks 0 devices 1");
      say([api.get("can_have_drum_pads"), api.getcount("drum_pads"), api.getcount("chains")]);
    api.goto("drum_pads 38"); say([api.get("note"), api.get("name"), api.get("chains").length]);`);
  live.addDrumRack(track, { 36: "Kick", 38: "Snare Tight" });
  assert.deepEqual(go(), [
    [[1], 128, 2],
    [[38], ["Snare Tight"], 2],
  ]);
  max.check();
});

test("a device that is taken away does nothing more", () => {
  const { clock, max, go } = world("new Task(function () { say('late'); }).schedule(10);");
  go();
  max.close();
  max.send("go");
  clock.advance(100);
  assert.deepEqual(max.sent(1), []);
  max.check();
});

test("two devices in one set have worlds of their own and see each other's clips", () => {
  const one = world("api.goto('live_set tracks 0 clip_slots 0'); api.call('create_clip', 4); kept.mine = 1; say(kept);");
  const device = one.live.addDevice(one.live.addTrack({}));
  const source = `${HEAD}function bang() { var api = new LiveAPI("this_device"); outlet(1, [api.unquotedpath]);
    api.goto("live_set tracks 0 clip_slots 0"); outlet(1, [api.get("has_clip")[0], typeof kept]); }`;
  one.go();
  const two = new Max(source, { clock: one.clock, live: one.live, device, outlets: 2 });
  two.send("bang");
  assert.deepEqual(two.take(1), [["live_set tracks 1 devices 0"], [1, "undefined"]]);
  two.check();
});
