// Presses: from a button to a request, its results, and the sentence that ends it.
// How a request gets its answer is in requests.js, how a clip is written in results.js.

var MOST_PRESSES = 8; // under way at a time

var presses = []; // jobs, of which those under way are not over
var lastAsked = "", isSeedTyped = false; // since the last press

// A job is what steps of the work queue belong to. `parts` are the clips it is about, `made` those that came of it.
function newJob(verb) {
  return {
    verb: verb, parts: [], made: [], scenes: [], wanted: 0, failures: [], info: [], unfinished: 0, place: null,
    pads: {}, hasDrumRack: null, key: null, lockedNotes: "",
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
  var given = p.parts.length ? ["clips", p.parts.length] : [], pads = padsText(p.pads), kind = kindToAsk(p);
  TABLE.verbs[verb].forEach(function (field) {
    var value = valueOf(field, p);
    if (value !== "") given.push(field, value);
  });
  if (pads) given.push("pads", pads);
  if (chosen.model === "auto" && kind) given.push("kind", kind);
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
    else names.push(chosen.model !== "auto" ? chosen.model : kindOf(p).label);
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
