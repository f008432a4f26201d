// What the Live device does: with music.js before it, the one script of Max's `js` object, in ES5. The build puts
// `var TABLE = {...}` before both: the controls, the fields of each verb, version, ports, and the words for drum pads.
// What can be told without Max, Live and the network is in music.js.
//
// Device does things: presses, picks, the server, requests, results, the puck, history, self-test, state; then what
// these stand on: what Live tells, the work queue, time, the status line. To read it, begin with its tables `UI` and
// `OSC`: what each control and message does.
//
// What keeps Live safe: LiveAPI only after the bang of live.thisdevice and only in steps of the work queue, of which
// one Task runs one a tick, each with few reads or one write; nothing is written into a clip that is not the device's
// own and unedited; every write is read back. Functions live inside Music and Device since Max calls any global one
// that a message names, and udpreceive hears the whole network.

inlets = 1;
outlets = 4;
autowatch = 0;

var SERVER_OUT = 0, CONTROLS_OUT = 1, RECEIVER_OUT = 2, STATE_OUT = 3;

var Device = (function () {
  var TICK = 5; // ms between two steps
  var BURST = 8; // messages a tick: udpsend and the network have small queues
  var GETS = 40; // reads of a step, about: some 210 in one turn have crashed Live
  var BATCH = 500; // notes of one add_new_notes
  var SILENCE = 500; // ms without a word about an id, after which its verb is sent again
  var PATIENCE = 6000; // ms without any sign of life, after which a request is given up
  var LONGEST = 30000; // ms of silence about an id, of a server that is alive
  var GAP = 100; // ms after which lost reply notes are asked for, then doubling
  var MOST_GAPS = 50; // at a time
  var ASKS = 5; // how often in a row nothing may come of that
  var GREETINGS = 3; // unanswered hellos, after which the server is gone, or another port is tried
  var LOST = 3000; // ms without a word from it: one that loads its models may be slow
  var FAST = 500, SLOW = 2000, BEAT = 5000; // ms between hellos: at first, to a dead server, to a living one
  var MOST_PRESSES = 8; // under way at a time
  var FAR = 1 << 20; // beats: all notes lie within
  var LARGEST = 16384; // bytes: udpsend's own 5096 are less than the self-test sends
  var CORNERS = ["a", "b", "c", "d"];
  var EDGES = ["loop_start", "loop_end", "start_marker", "end_marker"];
  var PUCK_NAME = "Latent Bridge puck";

  var values = {}; // what dials, toggles and menus say, by name
  var chosen = { seed: 1, model: "auto", made: 0 }; // saved beside the picks and the puck; made counts the results
  var hasBegun = false, begunAt = 0, liveVersion = 0;

  // What each control does, by its name.
  var UI = {
    sample: button(function () { begin("sample", [findSamplePlace, hearKey, askVerb]); }),
    vary: button(function () { begin("vary", [readSelected, hearParts, askVerb]); }),
    interpolate: button(function () { begin("interpolate", [readPick("a"), readPick("b"), hearParts, askVerb]); }),
    blend: button(pressBlend),
    cancel: button(pressCancel),
    pick_a: button(function () { pressPick("a"); }),
    pick_b: button(function () { pressPick("b"); }),
    pick_c: button(function () { pressPick("c"); }),
    pick_d: button(function () { pressPick("d"); }),
    keep: button(pressKeep),
    render: button(pressRender),
    back: button(function () { pressStep(-1); }),
    forward: button(function () { pressStep(1); }),
    more: button(pressMore),
    undo: button(pressUndo),
    reroll: button(function () { say("seed " + rollSeed()); }),
    selftest: button(pressSelftest),
    seed: chooseSeed,
    model: chooseModel,
    puck: function (v) { movePuck(Number(v[0]) / 127, Number(v[1]) / 127, true); },
    puck_x: function (v) { movePuck(Number(v[0]) / 100, puck.y, false); },
    puck_y: function (v) { movePuck(puck.x, Number(v[0]) / 100, false); },
    amount: keepValue,
    variety: keepValue,
    count: keepValue,
    bars: keepValue,
    steps: keepValue,
    density: keepValue,
    octave: keepValue,
    key: keepValue,
    lock_rhythm: keepValue,
    lock_pitch: keepValue,
    lock_velocity: keepValue,
    lock_notes: keepValue,
    lock_voices: keepValue,
  };

  // What may come from the server; `v` are the values of the message, for most of them after the id.
  var OSC = {
    "/bridge/welcome": hearWelcome,
    "/bridge/model": hearModel,
    "/bridge/progress": ofRequest(function (request, v) {
      var share = Math.round(Number(v[0]) * 100);
      if (share > 0 && share <= 100) tell(request.job, share + " %…");
    }),
    "/bridge/info": ofRequest(function (request, v) {
      var said = v.join(" ");
      if (request.reply.info.indexOf(said) < 0) request.reply.info.push(said);
    }),
    "/bridge/clip": ofRequest(function (request, v) { if (Music.takeHead(request.reply, v)) takeNews(request); }),
    "/bridge/notes": ofRequest(function (request, v) { if (Music.takeRows(request.reply, v)) takeNews(request); }),
    "/bridge/missing": ofRequest(function (request, v) {
      sendPart(request, Number(v[0]), Number(v[1]), Number(v[2]));
    }),
    "/bridge/done": ofRequest(function (request, v) {
      request.isDone = true;
      request.reply.clips = Math.min(64, Number(v[0]) || 0);
      takeNews(request);
    }),
    "/bridge/error": function (v) {
      var isVersion = Number(v[0]) === -1 && v[1] === "version" && server.unanswered;
      if (isVersion) setServer("version", v.slice(2).join(" ") + " (this device is " + TABLE.version + ")");
      else ofRequest(hearError)(v);
    },
    "/bridge/echo": ofRequest(function (request, v) {
      end(request, request.echo === String(v[0]) ? null : { code: "garbled" });
    }),
  };

  // A press may come as a bang, as 1, or as 1 and then 0 when the mouse is let go.
  function button(act) {
    var isHeld = false;
    return function (v) {
      var isRelease = isHeld && Number(v[0]) === 0;
      isHeld = Number(v[0]) === 1;
      if (!isRelease) act();
    };
  }

  function keepValue(v, name) { if (isFinite(Number(v[0]))) values[name] = Number(v[0]); }

  function chooseSeed(v) {
    var seed = Math.round(Number(v[0]));
    if (!(seed >= 0)) return;
    isSeedTyped = hasBegun && seed !== chosen.seed;
    chosen.seed = seed;
    save();
  }

  function rollSeed() {
    chosen.seed = Math.floor(Math.random() * 10000);
    show("seed", chosen.seed);
    save();
    return chosen.seed;
  }

  function chooseModel(v) {
    var name = isFinite(Number(v[0])) ? menu[Number(v[0])] : String(v[0]);
    if (!name) return;
    chosen.model = name;
    save();
  }

  // Presses: what one button began, from the press to a result or a sentence

  var presses = []; // jobs, of which those under way are not over
  var lastAsked = "", isSeedTyped = false; // since the last press

  // A job is what steps of the work queue belong to. `parts` are the clips it is about, `made` those that came of it.
  function newJob(verb) {
    return {
      verb: verb, parts: [], made: [], scenes: [], wanted: 0, failures: [], info: [], unfinished: 0, place: null,
      pads: {}, isDrums: null, key: null, lockedNotes: "",
      isCancelled: false, isOver: false, onStop: null, onFail: null,
    };
  }

  function openPresses() { return presses.filter(function (p) { return !p.isOver; }); }

  // Begin a press whose steps are these; says why not, where it cannot be.
  function begin(verb, steps) {
    var open = openPresses();
    if (!hasBegun) return say("Live is still loading");
    if (verb !== "self-test" && !isServerThere()) {
      if (now() - server.greetedAt >= FAST) greet();
      return say(serverText());
    }
    if (open.length >= MOST_PRESSES) return say(open.length + " presses are under way: wait, or press Cancel");
    var p = newJob(verb);
    presses = open.concat(p);
    steps.forEach(function (step) { later(p, step); });
    return p;
  }

  function pressMore() {
    var result = history.list[Math.floor(history.at + 0.5)];
    if (!result) return say("nothing has been made yet: press Vary or Sample first");
    begin("vary", [function (p) {
      if (!go(result.clip)) throw sorry("this result is gone: step to another one");
      p.parts.push(readClip(result.clip));
    }, hearParts, askVerb]);
  }

  function pressCancel() {
    var open = openPresses();
    puck.isWanted = false;
    if (!open.length) return say("nothing is under way");
    open.forEach(function (p) {
      p.isCancelled = true;
      later(p, conclude);
    });
    eachRequest(function (request) {
      if (!request.job.isCancelled) return;
      request.isCancelled = true;
      request.isDone = false;
      outbox = outbox.filter(function (next) { return next.request !== request; });
      askAgain(request, ["/bridge/cancel", request.id]); // until the server has said so, or is silent
    });
  }

  // Find out what a request needs to know beside the notes.
  function hearParts(p) {
    p.place = placeBelow(p.parts[0]);
    if (values.lock_notes) later(p, function () { p.lockedNotes = selectedNotes(p.parts[0]); });
    laterEach(p, p.parts, function (part) { hearTrack(p, part.track, part.notes); });
    later(p, hearKey);
  }

  function askVerb(p) {
    if (asked() === lastAsked && !isSeedTyped) rollSeed(); // pressed again as it was: to hear something new
    isSeedTyped = false;
    lastAsked = asked();
    p.amount = Math.round(values.amount);
    send();

    function asked() {
      return JSON.stringify([p.verb, pairs(p, p.verb), p.parts.map(function (part) { return part.print; })]);
    }

    function send() {
      tell(p, server.state === "warming" ? "waits for the server to warm up…" : "asking…");
      askPress(p, p.verb, pairs(p, p.verb), send, function (reply) { writeResults(p, reply, namesOf(p, reply)); });
    }
  }

  // Ask a verb for a press. A scale whose name the server does not know is spelled in semitones from now on, and then
  // `again` asks anew; else `then` hears of the reply and its id.
  function askPress(p, verb, given, again, then) {
    var request = ask({ job: p, verb: verb, given: given, parts: p.parts, then: function (problem, reply) {
      if (problem && p.key && p.key.spelled && /^key\b/.test(problem.text)) {
        unknownKeys[p.key.named] = true;
        p.key = { named: p.key.spelled };
        return again();
      }
      if (problem) return stop(p, problem.text);
      p.info = reply.info;
      then(reply, request.id);
    } });
  }

  // Keys and values of a request, of the fields that its verb has.
  function pairs(p, verb) {
    var given = p.parts.length ? ["clips", p.parts.length] : [], pads = padsText(p.pads);
    TABLE.verbs[verb].forEach(function (field) {
      var value = valueOf(field, p);
      if (value !== "") given.push(field, value);
    });
    if (pads) given.push("pads", pads);
    if (chosen.model === "auto" && (p.isDrums || !p.parts.length)) given.push("kind", p.isDrums ? "drums" : "notes");
    return given;
  }

  // What is asked for a field, from the controls that have a say in it; "" leaves it out.
  function valueOf(field, p) {
    if (field === "model" || field === "seed") return chosen[field];
    if (field === "key") return p.key ? p.key.named : "";
    if (field === "lock_notes") return p.lockedNotes;
    var parts = [];
    for (var name in TABLE.controls) {
      var control = TABLE.controls[name];
      if (control.field !== field) continue;
      if (control.choices) return control.choices[values[name]] || "";
      if (!control.part) return Math.round(values[name]) * control.scale;
      if (values[name]) parts.push(control.part);
    }
    return parts.join(",");
  }

  function namesOf(p, reply) {
    var names = [], stems = stemsOf(p.parts);
    for (var i = 1; i <= reply.clips; i++) {
      if (p.verb === "vary") names.push(stems[0] + " ~" + p.amount + " %");
      else if (p.verb === "interpolate") names.push(stems.join(" > ") + " " + i + "/" + reply.clips);
      else names.push(chosen.model !== "auto" ? chosen.model : p.isDrums ? "Drums" : "Notes");
    }
    return names;
  }

  function nameOfBlend(parts, at) { return stemsOf(parts).join(" + ") + " " + percent(at) + " %"; }
  function stemsOf(parts) { return parts.map(function (part) { return Music.stem(part.name); }); }
  function percent(at) { return Math.round(at[0] * 100) + "/" + Math.round(at[1] * 100); }
  function count(n, one, many) { return n + " " + (n === 1 ? one : many); }
  function remarks(p) { return p.info.length ? " – " + p.info.join("; ") : ""; }

  // End a press with a sentence; what it has made can be undone.
  function finish(p, sentence) {
    if (p.isOver) return;
    p.isOver = true;
    p.parts = [];
    if (p.made.length || p.scenes.length) remember(p);
    if (sentence) say(sentence);
    if (p.onStop) p.onStop();
  }

  function stop(p, sentence) {
    var made = p.made.length ? "; " + count(p.made.length, "clip was", "clips were") + " made before" : "";
    finish(p, (p.isCancelled ? "cancelled" : p.verb + ": " + sentence) + made);
  }

  // End a press whose results are written.
  function conclude(p) {
    if (p.isCancelled) return stop(p, "");
    var isBelow = p.parts.length > 0 && p.parts[0].slot > 0;
    var sentence = count(p.made.length, "clip in a slot", "clips in slots") + (isBelow ? " below" : "");
    if (p.failures.length) sentence += "; " + count(p.failures.length, "was", "were") + " not kept: " + p.failures[0];
    finish(p, sentence + remarks(p));
  }

  // Picks: the clips of the puck's corners, and the ends of an interpolation

  var picks = { a: null, b: null, c: null, d: null };

  function pressPick(corner) {
    if (!hasBegun) return say("Live is still loading");
    later(newJob("pick"), function () {
      var part = readClip(selectedClip()), isAgain = picks[corner] && picks[corner].clip === part.clip;
      picks[corner] = isAgain ? null : newPick(part);
      showPick(corner);
      say(corner.toUpperCase() + (isAgain ? " is free: pick another clip" : " is " + (part.name || "this clip")));
      puck.path = [];
      puck.palette = null;
      save();
    });
  }

  // What is kept of a part, or of what was saved of it.
  function newPick(part) {
    return { clip: part.clip, where: part.where, name: Music.shortName(part.name), print: part.print, isLost: false };
  }

  function showPick(corner) {
    var pick = picks[corner];
    show("name_" + corner, !pick ? "–" : pick.isLost ? "?" : pick.name || "clip");
  }

  // The step that reads a picked clip, as it is now.
  function readPick(corner) {
    return function (p) {
      var pick = picks[corner], letter = corner.toUpperCase();
      if (!pick) throw sorry("pick clip " + letter + " first");
      pick.isLost = !findPick(pick);
      if (pick.isLost) {
        showPick(corner);
        throw sorry("clip " + letter + " (" + pick.name + ") is not where it was: pick it again");
      }
      var part = readClip(pick.clip);
      picks[corner] = newPick(part);
      showPick(corner);
      p.parts.push(part);
    };
  }

  // Find a picked clip: itself, or after the set was opened again what lies in its place and has its name or its notes.
  function findPick(pick) {
    if (pick.clip && go(pick.clip)) return true;
    if (!go(pick.where) || cursor.type !== "Clip" || !number("is_midi_clip")) return false;
    var hasItsName = Music.shortName(text("name")) === pick.name && pick.name !== "";
    if (!hasItsName && Music.fingerprint(readNotes()) !== pick.print) return false;
    pick.clip = Number(cursor.id);
    return true;
  }

  // The server: hello, welcome, ports

  var SENTENCES = {
    searching: "looking for the server…",
    warming: "the server is warming up…",
    gone: "no server: run latent-bridge serve",
  };
  var server = {
    state: "searching", text: SENTENCES.searching, // then warming, ready, gone, or version with a sentence of its own
    session: 0, port: TABLE.listen[0], isPortOurs: false, unanswered: 0, greetedAt: -Infinity, heardAt: -Infinity,
    version: "", expected: 0, listed: [], models: [],
  };
  var menu = ["auto"]; // the models as the menu shows them

  function greet() {
    if (server.unanswered >= GREETINGS && now() - server.heardAt > LOST) {
      if (server.state !== "version") setServer("gone");
      if (!server.isPortOurs && server.unanswered % GREETINGS === 0) {
        // A receiver whose port is taken is deaf and says so to no one: only a welcome tells that it is not.
        server.port = TABLE.listen[0] + ((server.port - TABLE.listen[0] + 1) % TABLE.listen[1]);
        outlet(RECEIVER_OUT, ["port", server.port]);
      }
    }
    sayHello();
    at("hello", server.unanswered > 4 * GREETINGS || server.state === "version" ? SLOW : FAST, greet);
  }

  function sayHello() {
    server.unanswered++;
    server.greetedAt = now();
    transmit(["/bridge/hello", server.port, TABLE.protocol, server.session, "Latent Bridge for Live"]);
  }

  function hearWelcome(v) {
    if (!server.unanswered && server.state !== "warming") return; // not asked for
    var protocol = Number(v[0]), state = v[3] === "ready" ? "ready" : "warming";
    server.unanswered = 0;
    server.isPortOurs = true;
    server.heardAt = now();
    server.version = String(v[1]);
    server.expected = Math.min(64, Number(v[4]) || 0);
    if (hasAllModels()) server.listed = []; // else some of the last list got lost
    at("hello", state === "ready" && !server.expected ? BEAT : FAST, greet); // fast until the models are there
    if (protocol === TABLE.protocol) return setServer(state);
    var said = "the server speaks protocol " + protocol + ", this device " + TABLE.protocol;
    setServer("version", said + ": update " + (protocol > TABLE.protocol ? "this device" : "the server"));
  }

  // The models come after the welcome, a message each; they count once all are there.
  function hearModel(v) {
    var index = Number(v[0]), listed = server.listed;
    if (!(index >= 0 && index < server.expected) || listed[index] || !v[1]) return;
    listed[index] = String(v[1]);
    if (!hasAllModels()) return;
    at("hello", BEAT, greet);
    if (listed.join() === server.models.join()) return;
    server.models = listed;
    showModels();
    if (/^(ready|listing)/.test(status)) say(serverText());
  }

  function hasAllModels() { return server.listed.filter(String).length >= server.expected; }

  function showModels() {
    menu = ["auto"].concat(server.models);
    if (menu.indexOf(chosen.model) < 0) menu.push(chosen.model); // gone now: the server says so when it is asked
    outlet(CONTROLS_OUT, ["model", "clear"]);
    menu.forEach(function (name) { outlet(CONTROLS_OUT, ["model", "append", name]); });
    show("model", menu.indexOf(chosen.model));
  }

  function setServer(state, sentence) {
    var text = sentence || SENTENCES[state] || "";
    if (server.state === state && server.text === text) return;
    server.state = state;
    server.text = text;
    if (!openPresses().length || state === "version") say(serverText());
  }

  function serverText() {
    if (server.state !== "ready") return server.text;
    if (!server.expected) return "ready, but the server has no models";
    return server.models.length ? "ready: " + server.models.join(", ") : "listing the models…";
  }

  function isServerThere() { return server.state === "ready" || server.state === "warming"; }

  // Requests: ask until there is an answer

  var requests = {}; // by "id" and the id
  var nextId = 0, outbox = [];

  // Ask for something: { job, verb, given, parts, then } and, where it differs, the longest silence. `then` hears of a
  // problem {code, text} or null, and of the reply.
  function ask(request) {
    forget(request); // it may be asked anew, under another id
    request.id = nextId;
    nextId = nextId < 0x7ffffff0 ? nextId + 1 : 1;
    requests["id" + request.id] = request;
    request.reply = Music.emptyReply();
    request.isDone = false;
    request.heardAt = Infinity; // until something of it has left
    request.parts.forEach(function (part, index) { if (request.verb !== "at") sendPart(request, index, 0, -1); });
    return askAgain(request, ["/bridge/" + request.verb, request.id].concat(request.given));
  }

  function askAgain(request, message) {
    request.message = message;
    request.asks = 0;
    request.sentAt = 0; // until it has left
    transmit(message, request);
    return request;
  }

  function sendPart(request, index, first, notes) {
    if (!request.parts[index] || request.isCancelled) return;
    Music.partMessages(request.id, index, request.parts[index], first, notes).forEach(function (message) {
      transmit(message, request);
    });
  }

  // Let a handler hear of our own ids only.
  function ofRequest(handle) {
    return function (v) {
      var request = requests["id" + Number(v[0])];
      if (!request) return;
      request.heardAt = server.heardAt = now();
      handle(request, v.slice(1));
    };
  }

  // Parts were lost too often, or the server has started anew in the middle of its answer: all of it once more.
  function hearError(request, v) {
    var isHalf = request.isDone || v[0] === "incomplete" || v[0] === "id_reused", isFirst = !request.isRetried;
    request.isRetried = true;
    if (isHalf && isFirst && !request.isCancelled) ask(request);
    else end(request, { code: String(v[0]), text: v.slice(1).join(" ") });
  }

  function takeNews(request) {
    request.asks = 0;
    if (request.isDone && !Music.gaps(request.reply).length) end(request, null);
  }

  function end(request, problem) {
    forget(request);
    if (!request.isCancelled) attempt(request.job, function () { request.then(problem, request.reply); });
  }

  function forget(request) { delete requests["id" + request.id]; }

  function eachRequest(visit) {
    Object.keys(requests).forEach(function (key) { if (requests[key]) visit(requests[key]); });
  }

  // Ask again where nothing was heard for a while, and give up in the end.
  function tend(request) {
    var time = now(), quiet = time - Math.max(request.heardAt, request.sentAt);
    if (!request.sentAt) return;
    if (request.isDone) {
      if (quiet < GAP << Math.min(3, request.asks)) return;
      if (request.asks === ASKS) {
        return end(request, { code: "lost", text: "a part of the answer got lost: press again" });
      }
      Music.gaps(request.reply).slice(0, MOST_GAPS).forEach(function (gap) {
        transmit(["/bridge/resend", request.id].concat(gap), request);
      });
      request.asks++;
    } else {
      if (quiet < SILENCE) return;
      var isServerSilent = time - Math.max(request.heardAt, server.heardAt) > PATIENCE;
      if (isServerSilent || time - request.heardAt > (request.longest || LONGEST)) {
        return end(request, { code: "silent", text: "the server does not answer: run latent-bridge serve" });
      }
      sayHello(); // a server that has started anew does not know where we listen
      transmit(request.message, request);
    }
    request.sentAt = time;
  }

  function transmit(message, request) {
    outbox.push({ message: message, request: request || null });
    plan();
  }

  // Send a few messages; of requests that are over, and of a puck position that is stale, nothing more is sent.
  function flush() {
    for (var sent = 0; outbox.length && sent < BURST; ) {
      var next = outbox.shift(), request = next.request;
      if (request && requests["id" + next.message[1]] !== request) continue;
      outlet(SERVER_OUT, next.message);
      sent++;
      if (!request) continue;
      request.sentAt = now();
      if (request.heardAt === Infinity) request.heardAt = request.sentAt;
    }
  }

  // Results into slots

  // Write each clip of a reply, then say so. A place is a track, and the row from which on its slots may be taken.
  function writeResults(p, reply, names) {
    p.wanted = reply.clips;
    laterEach(p, names, function (name, index) { writeResult(p, reply, index, name); });
    later(p, conclude);
  }

  function writeResult(p, reply, index, name) {
    var look = lookOf(reply, index, p.parts, Music.mainPart(reply, index, p.parts));
    var wanted = Music.rebuild(reply, index, p.parts, look.base);
    chosen.made++;
    look.name = name + " #" + chosen.made;
    if (!look.source) look.color = p.place.color;
    tell(p, p.made.length + p.failures.length + 1 + " of " + p.wanted + "…");
    makeClip(p, p.place, look, function (clip) {
      fill(p, clip, wanted, function (found, problem) {
        if (problem) {
          p.failures.push(problem);
          return removeClip(p, clip);
        }
        p.made.push({ clip: clip, print: Music.fingerprint(found), name: look.name });
        p.unfinished = 0;
      });
    });
  }

  // How a result looks: as its source, with a loop as long as the result.
  function lookOf(reply, index, parts, source) {
    var head = reply.heads[index], beats = Music.exactBeats(head.beats, parts), base = source ? source.base : 0;
    var look = {
      source: source, base: base, beats: beats, name: "", color: source ? source.color : 0,
      looping: source ? source.looping : 1, groove: source ? source.groove : 0,
      signature_numerator: head.meter[0], signature_denominator: head.meter[1],
      loop_start: base, loop_end: base + beats, start_marker: base, end_marker: base + beats,
    };
    if (source && source.beats === beats) EDGES.forEach(function (edge) { look[edge] = source[edge]; });
    return look;
  }

  // Make a clip in the next free slot of a place; where there is none, in a new scene.
  function makeClip(job, place, look, then) {
    if (!go(place.track)) throw sorry("the track is gone");
    if (!number("has_midi_input") || number("is_foldable")) throw sorry(text("name") + " is no MIDI track");
    if (number("is_frozen")) throw sorry("track " + text("name") + " is frozen: unfreeze it first");
    var slots = ids("clip_slots");
    place.row = Math.min(place.row, slots.length); // scenes may have gone meanwhile
    var end = Math.min(slots.length, place.row + GETS);
    while (place.row < end && !(go(slots[place.row]) && !number("has_clip"))) place.row++;
    if (place.row < end) createClip(job, place, slots[place.row], look, then);
    else if (place.row < slots.length) later(job, again);
    else addScene(job, slots.length, again);

    function again() { makeClip(job, place, look, then); }
  }

  function addScene(job, before, then) {
    go("live_set");
    cursor.call("create_scene", -1);
    job.unfinished = -1; // until it is noted for undo
    later(job, function () {
      go("live_set");
      var scenes = ids("scenes");
      job.unfinished = 0;
      if (scenes.length <= before) throw sorry("there is no free slot, and Live makes no new scene");
      job.scenes.push(scenes[scenes.length - 1]);
      then();
    });
  }

  // The slot is empty in this very turn, so nothing is overwritten. A result as long as its source begins as a copy of
  // it: so it keeps what no one can read and write, envelopes, launch settings and the MPE of untouched notes.
  function createClip(job, place, slot, look, then) {
    var source = look.source, isAlike = source && source.slot && source.beats === look.beats && !look.isBare;
    var canCopy = isAlike && go(source.slot) && child("clip") === source.clip;
    job.unfinished = -1; // its id can be read in the next step
    if (canCopy) cursor.call("duplicate_clip_to", "id " + slot);
    else if (go(slot)) cursor.call("create_clip", look.beats);
    later(job, function () {
      var clip = go(slot) ? child("clip") : 0;
      if (clip) {
        job.unfinished = clip;
        place.row++;
        return dress(job, clip, look, function () { then(clip); });
      }
      if (!canCopy) throw sorry("Live made no clip in a free slot");
      look.isBare = true;
      makeClip(job, place, look, then);
    });
  }

  // Set what a clip does not have yet, one write a step.
  function dress(job, clip, look, then) {
    needClip(clip);
    laterEach(job, Music.dressing(readLook(), look), function (pair) {
      needClip(clip);
      cursor.set(pair[0], pair[1]);
    });
    later(job, then);
  }

  // Make the notes of a clip of ours the wanted ones: look, do one thing, look again, until they are. `then` hears what
  // is there in the end, and a problem where it is not as wanted. What is there at first must pass `isOurs`, if given.
  function fill(job, clip, wanted, then, isOurs) {
    var did = "", left = "";

    function look() {
      needClip(clip);
      var found = readNotes(), difference = Music.compareNotes(found, wanted);
      if (!did && isOurs && !isOurs(found)) return;
      var size = difference.remove.length + "/" + difference.add.length;
      if (size === "0/0") return then(found, "");
      if (did === "add" && difference.remove.length) return then(found, "Live changed a note of it");
      if (did && size === left) ways[did]++; // nothing has come of it: this Live wants it said in another way
      did = difference.remove.length ? "remove" : "add";
      left = size;
      if (ways[did] === WAYS[did]) {
        ways[did] = 0;
        return then(found, "Live takes " + (found.length ? "not all notes of it" : "no notes from the device"));
      }
      if (did === "remove") removeNotes(difference.remove);
      else addNotes(difference.add.slice(0, BATCH));
      later(job, look);
    }

    look();
  }

  // Which way of saying it this Live understands. To add notes: a plain object, JSON, a Dict. To remove them: a list of
  // their ids, or all notes at once, of which those that are to stay are added again.
  var WAYS = { add: 3, remove: 2 };
  var ways = { add: 0, remove: 0 };

  function addNotes(notes) {
    var given = { notes: notes.map(function (n) { return Music.copyNote(n, 0); }) };
    if (ways.add === 0) return cursor.call("add_new_notes", given);
    if (ways.add === 1) return cursor.call("add_new_notes", JSON.stringify(given));
    var dict = new Dict();
    dict.setparse("given", JSON.stringify(given));
    cursor.call("add_new_notes", dict.get("given"));
  }

  function removeNotes(notes) {
    if (ways.remove === 0) cursor.call("remove_notes_by_id", notes.map(function (n) { return n.note_id; }));
    else cursor.call("remove_notes_extended", 0, 128, -FAR, 2 * FAR);
  }

  // Delete a clip that the job has made and not finished.
  function removeClip(job, clip) {
    later(job, function () {
      if (go(clip) && climb("ClipSlot") && child("clip") === clip) cursor.call("delete_clip");
      job.unfinished = 0;
    });
  }

  // The puck

  var puck = {
    x: 0, y: 0, path: [], palette: null, answer: null, request: null, clip: 0, print: "", sixteenth: 125,
    isWanted: false, isPreparing: false, isWriting: false, isStale: false, askedAt: -Infinity, wroteAt: -Infinity,
  };

  function pressBlend() {
    beginWithPalette("blend", function (p) {
      finish(p, "blend is ready: drag the puck" + remarks(p));
      puck.isWanted = true;
      drivePuck();
    });
  }

  function pressKeep() {
    var answer = puck.answer;
    if (!answer) return say("nothing to keep yet: pick clips and drag the puck");
    begin("keep", [function (p) {
      p.parts = answer.parts;
      p.place = placeBelow(p.parts[0]);
      writeResults(p, answer.reply, [nameOfBlend(p.parts, answer.at)]);
    }]);
  }

  function pressRender() {
    var points = Music.resample(puck.path.length ? puck.path : [[puck.x, puck.y]], values.count);
    beginWithPalette("render", function (p) {
      p.wanted = points.length;
      p.info = points.length < values.count ? ["the puck has not moved since the last pick"] : [];
      renderNext(p, puck.palette, points);
    });
  }

  function askAt(job, palette, where, then) {
    return ask({ job: job, verb: "at", given: [palette.id].concat(where), parts: palette.parts, then: then });
  }

  // One position after the other: of several at once the server answers the last only.
  function renderNext(p, palette, points) {
    if (!points.length) return later(p, conclude);
    askAt(p, palette, points[0], function (problem, reply) {
      if (problem && problem.code === "superseded") return renderNext(p, palette, points); // the puck has moved
      if (problem) {
        puck.palette = null;
        return stop(p, problem.text);
      }
      later(p, function () { writeResult(p, reply, 0, nameOfBlend(p.parts, points[0])); });
      later(p, function () { renderNext(p, palette, points.slice(1)); });
    });
  }

  function movePuck(x, y, isByPad) {
    if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1) || (x === puck.x && y === puck.y)) return;
    puck.x = x;
    puck.y = y;
    if (isByPad) showDials();
    else showPad();
    if (!hasBegun || now() - begunAt < 1000) return; // a set that opens moves its dials too
    if (puck.path.length >= 4000) puck.path = puck.path.filter(function (_, i) { return i % 2 === 0; });
    puck.path.push([x, y]);
    puck.isWanted = true;
    save();
    drivePuck();
  }

  function showDials() {
    show("puck_x", Math.round(puck.x * 100));
    show("puck_y", Math.round(puck.y * 100));
  }

  function showPad() { outlet(CONTROLS_OUT, ["puck", "set", Math.round(puck.x * 127), Math.round(puck.y * 127)]); }

  // Ask for the puck's position, at most once a sixteenth. As it begins to move, see whether the palette is still true.
  function drivePuck() {
    if (!puck.isWanted || puck.isPreparing) return;
    var wait = puck.askedAt + puck.sixteenth - now();
    if (wait > 0) return at("puck", wait, drivePuck);
    if (puck.palette && now() - puck.askedAt < 1000) return askPosition();
    beginWithPalette("puck", function (p) {
      finish(p, "");
      if (puck.isWanted) askPosition();
    });
  }

  function askPosition() {
    var where = [puck.x, puck.y], parts = puck.palette.parts;
    puck.isWanted = false;
    puck.askedAt = now();
    if (puck.request) forget(puck.request); // its answer would be stale
    puck.request = askAt(newJob("puck"), puck.palette, where, function (problem, reply) {
      if (!problem) {
        puck.answer = { reply: reply, parts: parts, at: where };
        return writePuck();
      }
      // The server has started anew, or a position of Render's took the place of this one.
      if (problem.code === "no_palette") puck.palette = null;
      else if (problem.code !== "superseded") return say("puck: " + problem.text);
      puck.isWanted = true;
      drivePuck();
    });
  }

  // Begin a press that reads the picked clips and has a palette made of them; `then` goes on with it.
  function beginWithPalette(verb, then) {
    var corners = CORNERS.filter(function (corner, i) { return i < 2 || picks[corner]; }); // A and B must be there
    var press = begin(verb, corners.map(readPick).concat(hear, function (p) { askPalette(p, then); }));
    if (!press) return;
    puck.isPreparing = true;
    press.onStop = function () { puck.isPreparing = false; };

    function hear(p) {
      go("live_set");
      puck.sixteenth = Math.max(60, 15000 / number("tempo"));
      hearParts(p);
    }
  }

  // Have a palette made, unless the one that is there was made of the same.
  function askPalette(p, then) {
    var given = pairs(p, "blend").concat("grid", 0);
    var parts = p.parts.map(function (part) { return [part.clip, part.print, part.beats, part.base]; });
    var mark = JSON.stringify([given, parts]);
    if (puck.palette && puck.palette.mark === mark) return take(puck.palette.id);
    tell(p, "preparing…");
    askPress(p, "blend", given, function () { askPalette(p, then); }, function (reply, id) { take(id); });

    function take(id) {
      puck.palette = { id: id, mark: mark, parts: p.parts.slice() };
      puck.isPreparing = false;
      then(p);
    }
  }

  // Write the newest answer into the audition clip, at most once a sixteenth. One that the musician edited is theirs.
  function writePuck() {
    puck.isStale = true;
    if (puck.isWriting) return;
    var wait = puck.wroteAt + puck.sixteenth - now();
    if (wait > 0) return at("write puck", wait, writePuck);
    var answer = puck.answer, look = lookOf(answer.reply, 0, answer.parts, answer.parts[0]), job = newJob("puck");
    var wanted = Music.rebuild(answer.reply, 0, answer.parts, look.base);
    look.name = PUCK_NAME;
    look.isBare = true;
    puck.isStale = false;
    puck.isWriting = true;
    puck.wroteAt = now();
    job.onStop = function () { puck.isWriting = false; };
    later(job, function () {
      if (puck.clip && go(puck.clip) && text("name") === PUCK_NAME) rewrite();
      else make();
    });

    function rewrite() {
      fill(job, puck.clip, wanted, function (found, problem) {
        dress(job, puck.clip, look, function () { done(found, problem); });
      }, function (found) {
        var isOurs = Music.fingerprint(found) === puck.print;
        if (!isOurs) later(job, make);
        return isOurs;
      });
    }

    function make() {
      makeClip(job, placeBelow(answer.parts[0]), look, function (clip) {
        puck.clip = clip;
        fill(job, clip, wanted, function (found, problem) {
          done(found, problem);
          if (go("live_set") && number("is_playing")) later(job, launch);
        });
      });
    }

    function launch() { if (go(puck.clip)) cursor.call("fire"); } // what else plays on the track stops, as by hand

    function done(found, problem) {
      job.unfinished = 0;
      puck.print = Music.fingerprint(found);
      puck.isWriting = false;
      say(problem ? "puck: " + problem : "puck at " + percent(answer.at) + " %");
      save();
      if (puck.isStale) writePuck();
    }
  }

  // History

  // `list` holds all results; `at` is where the musician stands: between two of them after a press, so that forward
  // goes to the first new one and back to the one before.
  var history = { presses: [], list: [], at: -0.5 };

  function remember(p) {
    history.presses.push({ made: p.made, scenes: p.scenes });
    history.at = history.list.length - 0.5;
    history.list = history.list.concat(p.made);
    showResult();
    save();
  }

  function pressStep(direction) {
    if (!history.list.length) return say("nothing has been made yet: press Vary or Sample first");
    var job = newJob("step");
    later(job, function () {
      var next = direction > 0 ? Math.floor(history.at) + 1 : Math.ceil(history.at) - 1, result = history.list[next];
      if (!result) return say(direction > 0 ? "this is the newest result" : "this is the first result");
      var slot = go(result.clip) && climb("ClipSlot") ? Number(cursor.id) : 0;
      if (!slot) {
        history.list.splice(next, 1); // someone has deleted it: on to the one behind it
        history.at = next - 0.5;
        showResult();
        return pressStep(direction);
      }
      later(job, function () { setView("highlighted_clip_slot", slot); });
      later(job, function () { setView("detail_clip", result.clip); });
      history.at = next;
      showResult();
      say("at " + result.name);
    });
  }

  function setView(name, id) { if (go(id) && go("live_set view")) cursor.set(name, "id " + id); }

  function showResult() {
    var total = history.list.length, result = history.list[history.at];
    if (result) show("result", history.at + 1 + "/" + total + " " + result.name);
    else show("result", total ? count(total, "result", "results") : "no results yet");
  }

  // Take back the last press: its clips where they are as they were written, and its scenes where they are still empty.
  function pressUndo() {
    if (openPresses().length) return say("something is under way: press Cancel first");
    var last = history.presses.pop();
    if (!last) return say("nothing to undo");
    unmake(newJob("undo"), last, function (gone, kept, scenes) {
      history.list = history.list.filter(function (result) { return last.made.indexOf(result) < 0; });
      history.at = history.list.length - 0.5;
      showResult();
      var stay = count(kept, "clip stays: it was", "clips stay: they were") + " changed or moved since";
      var others = (scenes ? " and " + count(scenes, "scene", "scenes") : "") + (kept ? "; " + stay : "");
      say("removed " + count(gone, "clip", "clips") + others);
    });
  }

  function unmake(job, last, then) {
    var gone = 0, kept = 0, scenes = 0;
    laterEach(job, last.made, function (result) {
      if (!go(result.clip)) return; // the musician has deleted it already
      var isAsMade = text("name") === result.name && Music.fingerprint(readNotes()) === result.print;
      if (!isAsMade || !climb("ClipSlot") || child("clip") !== result.clip) return kept++;
      cursor.call("delete_clip");
      gone++;
    });
    laterEach(job, last.scenes.slice().reverse(), function (scene) {
      if (!go(scene) || !number("is_empty") || text("name")) return;
      go("live_set");
      var all = ids("scenes");
      if (all.length < 2) return; // Live keeps one
      cursor.call("delete_scene", all.indexOf(scene));
      scenes++;
    });
    later(job, function () { then(gone, kept, scenes); });
  }

  // Self-test

  // Try everything once and report it line by line, each at once: should Live crash, the report has what came before.
  function pressSelftest() {
    var failed = [], passed = 0, sizes = [1, 2, 4, 8];
    var p = begin("self-test", [testBasics, function () { testClip(p, check); }, testSizes]);
    if (p) p.onFail = function (sentence) { check(false, "notes: " + sentence); };

    function testBasics() {
      check(true, "device " + TABLE.build + ", protocol " + TABLE.protocol);
      go("live_app");
      check(liveVersion >= 11, "Live " + cursor.call("get_version_string"));
      var said = "server " + server.version + ": " + serverText() + ", listening on port " + server.port;
      check(server.state === "ready", said);
    }

    // A text that comes back, in a message of so many kilobytes.
    function testSizes() {
      var size = sizes.shift(), sent = "e";
      if (!size) return later(p, summarise);
      while (sent.length < size * 1024 - 40) sent += "0123456789";
      ask({ job: p, verb: "echo", given: [sent], parts: [], echo: sent, longest: 1500, then: function (problem) {
        check(!problem, "UDP " + size + " kB" + (problem ? ": " + problem.code : ""));
        testSizes();
      } });
    }

    function check(isPassed, what) {
      if (isPassed) passed++;
      else failed.push(what.split(":")[0]);
      report((isPassed ? "PASS " : "FAIL ") + what);
    }

    function report(line) {
      post("Latent Bridge self-test: " + Music.plainText(line) + "\n");
      tell(p, line);
      if (!isServerThere()) return;
      ask({ job: newJob("report"), verb: "report", given: [Music.plainText(line)], parts: [], then: function () {} });
    }

    function summarise() {
      report((failed.length ? "FAIL " : "PASS ") + passed + " of " + (passed + failed.length));
      finish(p, "self-test: " + (failed.length ? "FAIL: " + failed.join(", ") : "PASS, all " + passed));
    }
  }

  // A clip of our own in an empty slot: its look and notes of every kind, read back; then it goes again.
  function testClip(p, check) {
    var look = {
      source: null, beats: 4, name: "Latent Bridge self-test", color: 0xff3636, looping: 1, groove: 0,
      signature_numerator: 3, signature_denominator: 4, loop_start: 1, loop_end: 3, start_marker: 0.5, end_marker: 3.5,
    };
    var wanted = [0, 36, 60, 64, 127].map(function (pitch, i) {
      return {
        pitch: pitch, start_time: i / 3 - 0.5, duration: 0.25, velocity: 1 + 30 * i, mute: i % 2,
        probability: i === 1 ? 0.5 : 1, velocity_deviation: i === 2 ? 20 : 0, release_velocity: 64 + i,
      };
    });
    makeClip(p, { track: deviceTrack(), row: 0 }, look, function (clip) {
      fill(p, clip, wanted, function (found, problem) {
        var differs = Music.dressing(readLook(), look).filter(function (pair) { return pair[0] !== "color"; });
        var test = { made: [{ clip: clip, print: Music.fingerprint(found), name: look.name }], scenes: p.scenes };
        var way = ", by way " + ways.add + " and " + ways.remove;
        check(!problem, "notes: " + (problem || "written and read back") + way);
        check(!differs.length, "clip: " + (differs.join(" ") || "loop, markers and meter are as set"));
        p.unfinished = 0;
        p.scenes = [];
        unmake(p, test, function (gone) {
          check(gone === 1, "undo: the clip is " + (gone ? "gone again" : "still there"));
        });
      });
    });
  }

  // State, as text in the set

  var savedText = "";
  var restored = null; // the audition clip of a set that was opened again: path and print

  function save() { at("save", 300, function () { if (hasBegun) later(newJob("save"), writeState); }); }

  // Where clips are is looked up anew: scenes may have been put in above them.
  function writeState() {
    var kept = CORNERS.map(function (corner) {
      var pick = picks[corner];
      if (pick && pick.clip && go(pick.clip)) pick.where = pathHere();
      return pick ? [pick.where, pick.name, pick.print] : 0;
    });
    var audition = puck.clip && go(puck.clip) ? [pathHere(), puck.print] : 0;
    var saved = Music.packState([chosen.seed, chosen.model, chosen.made, puck.x, puck.y, kept, audition]);
    if (saved === savedText) return;
    savedText = saved;
    outlet(STATE_OUT, [saved]);
  }

  function restore(given) {
    var saved = Music.unpackState(given);
    if (!saved || given === savedText) return;
    savedText = given;
    chosen = { seed: Number(saved[0]) || 0, model: String(saved[1]), made: Number(saved[2]) || 0 };
    puck.x = Music.clamp(Number(saved[3]) || 0, 0, 1);
    puck.y = Music.clamp(Number(saved[4]) || 0, 0, 1);
    CORNERS.forEach(function (corner, i) {
      var kept = saved[5] && saved[5][i], isPlace = kept && /^live_set tracks \d+ [a-z_\d ]+$/.test(kept[0]);
      var part = isPlace && { clip: 0, where: kept[0], name: String(kept[1]), print: String(kept[2]) };
      picks[corner] = part ? newPick(part) : null;
    });
    restored = saved[6] || null;
    if (hasBegun) showAll();
  }

  // Look once for what the state names, so that a clip that is gone is seen at once.
  function findRestored() {
    var job = newJob("restore");
    laterEach(job, CORNERS, function (corner) {
      var pick = picks[corner];
      if (pick && !pick.clip) pick.isLost = !findPick(pick);
      showPick(corner);
    });
    later(job, function () {
      var isPlace = restored && /^live_set tracks \d+ clip_slots \d+ clip$/.test(restored[0]);
      if (isPlace && go(restored[0]) && text("name") === PUCK_NAME) {
        puck.clip = Number(cursor.id);
        puck.print = String(restored[1]);
      }
      restored = null;
    });
  }

  function showAll() {
    show("seed", chosen.seed);
    showDials();
    showPad();
    showModels();
    showResult();
    findRestored();
  }

  // What Live tells: only to be called in steps

  var cursor = null; // the one LiveAPI object, made at the bang

  // Go to a path or an id; tells whether something is there.
  function go(where) {
    if (typeof where === "string") {
      cursor.goto(where);
      return Number(cursor.id) > 0;
    }
    if (!(where > 0)) return false;
    cursor.id = where;
    return Number(cursor.id) === where;
  }

  function get(name) {
    var value = cursor.get(name);
    return value === null || value === undefined ? [] : [].concat(value);
  }

  // Children come as id, number, id, number …
  function ids(name) { return get(name).filter(function (atom) { return atom !== "id"; }).map(Number); }
  function number(name) { return Number(get(name)[0]); }
  function text(name) { return get(name).join(" "); }
  function child(name) { return ids(name)[0] || 0; }
  function pathHere() { return String(cursor.unquotedpath).replace(/"/g, ""); }

  // Go up until a type of thing is reached.
  function climb(type) {
    for (var i = 0; i < 32; i++) {
      if (cursor.type === type) return true;
      if (cursor.type === "Song" || !go(child("canonical_parent"))) return false;
    }
    return false;
  }

  function needClip(clip) { if (!go(clip)) throw sorry("someone has removed the clip that was being written"); }

  // What went wrong, in a sentence for the status line.
  function sorry(sentence) { return { sentence: sentence }; }

  // All notes of the clip we are at, pickups and beyond the loop too. A text that came cut off is asked for in halves.
  function readNotes(from, span) {
    var first = from || 0, pitches = span || 128, half = pitches >> 1;
    var notes = Music.parseNotes(cursor.call("get_notes_extended", first, pitches, -FAR, 2 * FAR));
    if (notes) return notes;
    if (pitches === 1) throw sorry("Live does not tell the notes of this clip");
    return readNotes(first, half).concat(readNotes(first + half, pitches - half));
  }

  function readLook() {
    var look = { name: text("name"), groove: child("groove") };
    ["color", "looping"].concat(EDGES, "signature_numerator", "signature_denominator").forEach(function (name) {
      look[name] = number(name);
    });
    return look;
  }

  // Read a clip as a part of a request. Its beats count from the loop's start, or the start marker where nothing loops.
  function readClip(clip) {
    if (!go(clip)) throw sorry("the clip is gone");
    if (!number("is_midi_clip")) throw sorry("the selected clip is audio: select a MIDI clip");
    var part = readLook();
    part.clip = clip;
    part.where = pathHere();
    part.base = part.looping ? part.loop_start : part.start_marker;
    part.beats = (part.looping ? part.loop_end : part.end_marker) - part.base;
    part.meter = [part.signature_numerator, part.signature_denominator];
    part.notes = readNotes().sort(Music.byStart);
    part.print = Music.fingerprint(part.notes);
    go(child("canonical_parent"));
    part.slot = cursor.type === "ClipSlot" ? Number(cursor.id) : 0;
    if (!climb("Track")) throw sorry("the clip is on no track");
    part.track = Number(cursor.id);
    part.firstRow = part.slot ? ids("clip_slots").indexOf(part.slot) + 1 : selectedRow();
    return part;
  }

  // The clip that the musician means: in Session the highlighted slot's, in the Arrangement that in the detail view.
  function selectedClip() {
    var isArranging = go("live_app view") && text("focused_document_view") === "Arranger";
    go("live_set view");
    var detail = child("detail_clip"), slot = child("highlighted_clip_slot");
    var highlighted = go(slot) ? child("clip") : 0;
    var clip = isArranging ? detail || highlighted : highlighted || detail;
    if (!clip) throw sorry("select a MIDI clip first");
    return clip;
  }

  function readSelected(p) { p.parts.push(readClip(selectedClip())); }

  function selectedRow() {
    go("live_set view");
    var scene = child("selected_scene");
    go("live_set");
    return Math.max(0, ids("scenes").indexOf(scene));
  }

  // Results go below the clip they come from; for one in the Arrangement, on its track from the selected scene on.
  function placeBelow(part) { return { track: part.track, row: part.firstRow, color: part.color }; }

  // Sampled clips go to the highlighted slot and those below it; where that is no MIDI track, to the device's own.
  function findSamplePlace(p) {
    go("live_set view");
    var slot = child("highlighted_clip_slot");
    var isGood = go(slot) && climb("Track") && number("has_midi_input") && !number("is_foldable");
    if (!isGood) go(deviceTrack());
    p.place = { track: Number(cursor.id), row: 0, color: number("color") };
    p.place.row = isGood ? ids("clip_slots").indexOf(slot) : selectedRow();
    later(p, function () { hearTrack(p, p.place.track, []); });
  }

  // In a Rack the device's parent is a chain.
  function deviceTrack() {
    if (!go("this_device") || !climb("Track")) throw sorry("the device is on no track");
    return Number(cursor.id);
  }

  // The notes that are selected in a clip, as their places among its notes.
  function selectedNotes(part) {
    needClip(part.clip);
    var selected = Music.parseNotes(cursor.call("get_selected_notes_extended")) || [], isSelected = {}, places = [];
    selected.forEach(function (n) { isSelected[n.note_id] = true; });
    part.notes.forEach(function (n, i) { if (isSelected[n.note_id]) places.push(i); });
    if (places.length === 1) places.push(places[0]); // a lone number would travel as one
    if (places.join(",").length > 200) throw sorry("too many notes are selected to stay: lock rhythm or pitch instead");
    return places.join(",");
  }

  // See whether a track has a Drum Rack, also within Racks: then clips are drums, and its pads say which note is what.
  function hearTrack(p, track, notes) {
    var rack = findDrumRack(track), pitches = [];
    p.isDrums = p.isDrums !== false && rack > 0;
    notes.forEach(function (n) { if (pitches.indexOf(n.pitch) < 0) pitches.push(n.pitch); });
    if (rack) readPads(p, rack, pitches);
  }

  function findDrumRack(track) {
    var devices = go(track) ? ids("devices") : [];
    for (var i = 0; i < devices.length && i < GETS / 2; i++) {
      if (!go(devices[i])) continue;
      if (number("can_have_drum_pads")) return devices[i];
      if (!number("can_have_chains")) continue;
      ids("chains").forEach(function (chain) { if (go(chain)) devices = devices.concat(ids("devices")); });
    }
    return 0;
  }

  function readPads(p, rack, pitches) {
    if (!go(rack)) return;
    var pads = ids("drum_pads");
    pitches.slice(0, GETS).forEach(function (pitch) {
      var voice = go(pads[pitch]) ? Music.voiceOf(text("name"), TABLE.drum_words) : "";
      if (voice && !p.pads[pitch]) p.pads[pitch] = voice;
    });
    if (pitches.length > GETS) later(p, function () { readPads(p, rack, pitches.slice(GETS)); });
  }

  function padsText(pads) {
    return Object.keys(pads).reduce(function (said, pitch) {
      var longer = said + (said ? "," : "") + pitch + ":" + pads[pitch];
      return longer.length <= 200 ? longer : said;
    }, "");
  }

  // The key of the set, where there is one. Live 11 does not say whether its scale is meant and starts with C Major, so
  // that one is taken as none.
  function hearKey(p) {
    if (p.isDrums || !values.key) return;
    go("live_set");
    var scale = text("scale_name"), root = number("root_note");
    if (liveVersion >= 12 ? !number("scale_mode") : root === 0 && scale === "Major") return;
    var key = Music.keyTexts(root, scale, get("scale_intervals"));
    p.key = unknownKeys[key.named] ? { named: key.spelled } : key;
  }

  var unknownKeys = {}; // that the server does not know by name

  // The work queue: steps in order, one a tick. What a step queues comes right after it, before the steps of others.

  var work = [];
  var inserted = null; // what the step that is running queues

  function later(job, step) {
    (inserted || work).push({ job: job, step: step });
    plan();
  }

  function laterEach(job, list, step) {
    list.forEach(function (item, index) { later(job, function () { step(item, index); }); });
  }

  function runStep() {
    while (work.length && work[0].job.isOver) work.shift();
    var next = work.shift();
    if (!next) return;
    inserted = [];
    // A press that was cancelled ends between two clips, never within one.
    attempt(next.job, next.job.isCancelled && !next.job.unfinished ? conclude : next.step);
    work = inserted.concat(work);
    inserted = null;
  }

  // Do something for a job; should it fail, the job ends with a sentence, and no half clip stays behind.
  function attempt(job, step) {
    try {
      step(job);
    } catch (problem) {
      if (!problem.sentence) post("Latent Bridge: " + problem + "\n");
      if (inserted) inserted = [];
      if (job.unfinished > 0) removeClip(newJob(job.verb), job.unfinished);
      job.unfinished = 0;
      if (job.onFail) job.onFail(problem.sentence || String(problem));
      else stop(job, problem.sentence || "a fault of the device: " + problem);
    }
  }

  // Time: one Task for the queue, the network and whatever is due

  var timers = {}; // by name: when, and what
  var task = null, plannedAt = 0, isPumping = false, isAsleep = false;

  function now() { return new Date().getTime(); }

  function at(name, ms, run) {
    timers[name] = { due: now() + ms, run: run };
    plan();
  }

  function pump() {
    plannedAt = 0;
    isPumping = true;
    try {
      runTimers();
      runStep();
      eachRequest(tend);
      flush();
    } finally {
      isPumping = false;
      plan();
    }
  }

  function runTimers() {
    Object.keys(timers).forEach(function (name) {
      var timer = timers[name];
      if (timer.due > now()) return;
      delete timers[name];
      timer.run();
    });
  }

  // See to it that the Task runs when there is something to do.
  function plan() {
    if (!task || isPumping) return;
    var time = now(), due = Infinity;
    if (Object.keys(requests).length) due = time + 4 * TICK;
    if (work.length || outbox.length) due = time + TICK;
    Object.keys(timers).forEach(function (name) { due = Math.min(due, Math.max(timers[name].due, time + 1)); });
    if (due === Infinity || (plannedAt && plannedAt <= due)) return;
    task.cancel();
    task.schedule(due - time);
    plannedAt = due;
  }

  // With audio off Max may let Tasks sleep; then what comes in from the server and the controls keeps things going.
  function keepGoing() {
    if (plannedAt && now() - plannedAt > 500) isAsleep = true;
    for (var steps = 0; isAsleep && steps < 3; steps++) pump();
    plan();
  }

  // The status line and the other things that are shown

  var status = "";

  function say(sentence) {
    if (sentence !== status) show("status", sentence);
    status = sentence;
  }

  // Say how far a press is, if it is the newest.
  function tell(p, sentence) { if (openPresses().slice(-1)[0] === p) say(p.verb + ": " + sentence); }

  function show(control, value) { outlet(CONTROLS_OUT, [control, "set", value]); }

  // live.thisdevice bangs when the device is loaded, and again when it is saved: the second time nothing starts anew.
  function start() {
    cursor = new LiveAPI("live_set");
    if (task) task.cancel();
    task = new Task(function () {
      isAsleep = false;
      pump();
    });
    plannedAt = 0;
    [["host", "127.0.0.1"], ["port", TABLE.port], ["maxpacketsize", LARGEST]].forEach(function (message) {
      outlet(SERVER_OUT, message); // a udpsend that comes out of a saved set sends nothing before
    });
    show("build", TABLE.build);
    if (!hasBegun) {
      hasBegun = true;
      begunAt = now();
      server.session = Math.floor(Math.random() * 0x7fffffff) ^ (begunAt & 0xffffff);
      nextId = 1 + Math.floor(Math.random() * 0x3fffffff);
      go("live_app");
      liveVersion = Number(cursor.call("get_major_version")) || 0;
      say(serverText());
      greet();
    }
    showAll();
    save();
  }

  Object.keys(TABLE.controls).forEach(function (name) { values[name] = TABLE.controls[name].initial || 0; });
  chosen.seed = values.seed;

  return {
    start: start,
    restore: restore,
    turn: function (control, v) {
      if (UI.hasOwnProperty(control)) UI[control](v, control);
      if (hasBegun) keepGoing();
    },
    hear: function (address, v) {
      if (!hasBegun || !OSC.hasOwnProperty(address)) return;
      OSC[address](v);
      keepGoing();
    },
  };
}());

// What Max calls. What a message says is looked up in tables, so that it reaches nothing else.

function bang() { Device.start(); }
function restore() { Device.restore(arrayfromargs(arguments).join(" ")); }
function ui(control) { Device.turn(String(control), arrayfromargs(arguments).slice(1)); }
function anything() { Device.hear(messagename, arrayfromargs(arguments)); }
