// Presses of buttons: from the press to a request, its results, and the sentence that ends it. How a request gets its
// answer is in requests.js, how clips are written in results.js, what each button starts in controls.js.

var TITLES = { interpolate: "morph", blend: "pad", render: "path" }; // where a press has another name than its verb
var DOUBLE_CLICK_MS = 250; // in which a second press does not cancel the first

var presses = []; // the newest jobs; running are those that are not over
var lastRequested = "", isSeedTyped = false; // what the last press asked for, and whether the seed was set since
var generatedAt = -Infinity;

// Steps of the work queue belong to a job. `parts` are the clips it reads, `beside` those that sound with them, `made` and
// `scenes` what it has created, `unfinished` the clips that are being written.
function newJob(verb) {
  return {
    verb: verb, title: TITLES[verb] || verb, parts: [], beside: [], besideKinds: [], made: [], scenes: [], total: 0,
    failures: [], info: [], unfinished: [], place: null, to: "below", newTrack: null, kept: null, target: null, replaced: null,
    pads: {}, padNames: {}, hasDrumRack: null, key: null, meter: null, count: 0, lockedNotes: "", lockedBeats: "",
    isCancelled: false, isOver: false, onStop: null, onFail: null,
  };
}

function openPresses() { return presses.filter(function (job) { return !job.isOver; }); }

// Whether a press of the musician's runs; the puck's own requests do not count.
function isBusy() { return openPresses().some(function (job) { return job.verb !== "puck"; }); }

// Make, as the mode says; while something runs, stop it; without a server, start it.
function pressGenerate() {
  var isSecond = now() - generatedAt < DOUBLE_CLICK_MS;
  if (isBusy()) return isSecond ? undefined : pressCancel();
  if (hasBegun && isStartable()) return pressStart();
  generatedAt = now();
  GENERATE[modeName()]();
}

var GENERATE = {
  vary: function () { beginPress("vary", [readSource, readContext, prepareDestination, requestClips]); },
  sample: function () { beginPress("sample", [findSamplePlace, prepareDestination, requestClips]); },
  morph: function () {
    beginPress("interpolate", [readPick("a"), readPick("b"), readContext, prepareDestination, requestClips]);
  },
  pad: pressBlend,
};

// Start a press with these steps, or show why it cannot start. Returns its job.
function beginPress(verb, steps) {
  if (!hasBegun) return showStatus("Live is still loading");
  if (verb !== "self-test" && !isServerThere()) {
    if (now() - server.greetedAt >= HELLO_FAST_MS) connect();
    return showStatus(serverText());
  }
  if (verb !== "puck" && isBusy()) return showStatus("something is still running: press Cancel first");
  var job = newJob(verb);
  presses = openPresses().concat(job);
  showGenerate();
  showLight(0);
  enqueueFirst(job, steps);
  return job;
}

// The clip that is varied: the selected one. Where it was replaced by an earlier press and is as that left it, the original
// that was kept.
function readSource(job) {
  var clip = selectedClip(), part = readClip(clip), before = null;
  history.presses.forEach(function (press) {
    var isSame = press.replaced && press.replaced.clip === clip && press.replaced.fingerprint === part.fingerprint;
    if (isSame && destination() === "replace") before = press;
  });
  job.parts.push(part);
  if (!before) return;
  enqueue(job, function () {
    if (!goTo(before.kept.clip)) return;
    var kept = readClip(before.kept.clip);
    if (kept.fingerprint !== before.kept.fingerprint) return;
    job.kept = before.kept;
    job.target = part;
    job.parts = [kept];
  });
}

function pressCancel() {
  var open = openPresses();
  puck.isWanted = false;
  if (!open.length) return showStatus("nothing is running");
  open.forEach(function (job) {
    job.isCancelled = true;
    enqueue(job, finishWithResults);
  });
  eachRequest(function (request) {
    if (!request.job.isCancelled) return;
    request.isCancelled = true;
    request.isDone = false;
    outbox = outbox.filter(function (next) { return next.request !== request; });
    sendAndRepeat(request, ["/bridge/cancel", request.id]); // until the server confirms, or stays silent
  });
}

function requestClips(job) {
  if (asked() === lastRequested && !isSeedTyped) rollSeed(); // pressed again with nothing changed: make something new
  isSeedTyped = false;
  lastRequested = asked();
  job.amount = Math.round(values.amount);
  showKey(job);
  send();

  function asked() {
    var fingerprints = job.parts.concat(job.beside).map(function (part) { return part.fingerprint; });
    return JSON.stringify([job.verb, requestFields(job, job.verb), fingerprints]);
  }

  function send() {
    var isLoading = server.state === "warming";
    showProgress(job, isLoading ? "waiting for the server to load its models…" : "waiting for the server…");
    requestForPress(job, job.verb, requestFields(job, job.verb), send, function (reply) {
      placeResults(job, reply, resultNames(job, reply));
    });
  }
}

// Send the request of a press; then(reply, id). If the server does not know the scale's name, the scale is spelled in
// semitones from now on, and again() sends the request anew. The server names the field only in the error's text.
function requestForPress(job, verb, given, again, then) {
  var parts = job.parts.concat(job.beside);
  var request = sendRequest({ job: job, verb: verb, values: given, parts: parts, then: function (problem, reply) {
    if (problem && job.key && job.key.spelled && /^key\b/.test(problem.text)) {
      unknownKeys[job.key.named] = true;
      job.key = { named: job.key.spelled };
      return again();
    }
    if (problem) return failPress(job, problem.text);
    job.info = reply.info;
    then(reply, request.id);
  } });
}

// The keys and values of a request, for the fields that its verb has.
function requestFields(job, verb) {
  var given = job.parts.length || job.beside.length ? ["clips", job.parts.length] : [];
  var pads = formatPads(job.pads), kind = kindToRequest(job);
  if (job.beside.length) given.push("context", job.beside.length, "context_kinds", job.besideKinds.join(","));
  TABLE.verbs[verb].concat(verb === "sample" ? "meter" : "lock_beats").forEach(function (field) {
    var value = fieldValue(field, job);
    if (value !== "") given.push(field, value);
  });
  if (pads) given.push("pads", pads);
  if (chosen.model === "auto" && kind) given.push("kind", kind);
  return given;
}

// The value of a field, from the controls that belong to it; "" leaves the field out.
function fieldValue(field, job) {
  if (field === "model" || field === "seed") return chosen[field];
  if (field === "key") return job.key ? job.key.named : "";
  if (field === "count" && job.count) return job.count;
  if (field === "lock_notes") return job.lockedNotes;
  if (field === "lock_beats") return job.lockedBeats;
  if (field === "lock_voices") return values.only ? "" : litVoicesOf(job);
  if (field === "only") return values.only ? litVoicesOf(job) : "";
  if (field === "mine" && !isMine()) return "";
  if (field === "meter") return job.meter && job.meter.join("/") !== "4/4" ? job.meter.join("/") : "";
  var parts = [];
  for (var name in TABLE.controls) {
    var control = TABLE.controls[name];
    if (control.field !== field) continue;
    if (control.choices) return control.choices[values[name]] || "";
    if (!control.part && Math.round(values[name]) === control.unsent) return "";
    if (!control.part) return Math.round(values[name]) * control.scale;
    if (values[name]) parts.push(control.part);
  }
  return parts.join(",");
}

function resultNames(job, reply) {
  var names = [], stems = baseNames(job.parts);
  for (var i = 1; i <= reply.clips; i++) {
    if (job.verb === "vary") names.push(stems[0] + " ~" + job.amount + " %");
    else if (job.verb === "interpolate") names.push(stems.join(" > ") + " " + i + "/" + reply.clips);
    else names.push(chosen.model !== "auto" ? chosen.model : kindOf(job).label);
  }
  return names;
}

function blendName(parts, at) { return baseNames(parts).join(" + ") + " " + percent(at) + " %"; }

// What results are called after: a result's source, and not the pad's own clip by its long name.
function baseNames(parts) {
  return parts.map(function (part) { return part.name.indexOf(PUCK_NAME) === 0 ? "Pad" : Music.baseName(part.name); });
}

function percent(at) { return Math.round(at[0] * 100) + "/" + Math.round(at[1] * 100); }
function countOf(n, one, many) { return n + " " + (n === 1 ? one : many); }
function infoText(job) { return job.info.length ? " – " + job.info.join("; ") : ""; }

// End a press with a sentence; what it has created can be undone.
function finishPress(job, sentence) {
  if (job.isOver) return;
  job.isOver = true;
  if (job.made.length || job.scenes.length || job.newTrack) addToHistory(job);
  job.parts = [];
  job.beside = [];
  if (sentence) showStatus(sentence);
  showGenerate();
  showLight(0);
  if (job.onStop) job.onStop();
}

function failPress(job, sentence) {
  var made = job.made.length ? "; " + countOf(job.made.length, "clip was", "clips were") + " made before" : "";
  finishPress(job, (job.isCancelled ? "cancelled" : job.title + ": " + sentence) + made);
}

// End a press whose results are written.
function finishWithResults(job) {
  if (job.isCancelled) return failPress(job, "");
  var sentence = placeText(job);
  if (job.failures.length) sentence += "; " + countOf(job.failures.length, "was", "were") + " not kept: " + job.failures[0];
  finishPress(job, sentence + infoText(job));
}
