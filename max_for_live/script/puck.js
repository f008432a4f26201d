// The puck on the pad: the palette that the server makes of the picked clips, requests for positions on it, the audition
// clip that plays the answers, and Keep and Render.

var PUCK_NAME = "Latent Bridge puck";

var puck = {
  x: 0, y: 0, path: [], palette: null, answer: null, request: null, clip: 0, fingerprint: "", sixteenthMs: 125,
  isWanted: false, isPreparing: false, isWriting: false, isStale: false, askedAt: -Infinity, wroteAt: -Infinity,
};

function pressBlend() {
  beginWithPalette("blend", function (job) {
    finishPress(job, "blend is ready: drag the puck" + infoText(job));
    puck.isWanted = true;
    updatePuck();
  });
}

function pressKeep() {
  var answer = puck.answer;
  if (!answer) return showStatus("nothing to keep yet: pick clips and drag the puck");
  beginPress("keep", [function (job) {
    job.parts = answer.parts;
    job.place = placeBelow(job.parts[0]);
    writeResults(job, answer.reply, [blendName(job.parts, answer.at)]);
  }]);
}

function pressRender() {
  var points = Music.resample(puck.path.length ? puck.path : [[puck.x, puck.y]], values.count);
  beginWithPalette("render", function (job) {
    job.total = points.length;
    job.info = points.length < values.count ? ["the puck has not moved since the last pick"] : [];
    renderNext(job, puck.palette, points);
  });
}

function requestPosition(job, palette, where, then) {
  return sendRequest({ job: job, verb: "at", values: [palette.id].concat(where), parts: palette.parts, then: then });
}

// One position after the other: if there are several at once, the server answers only the last.
function renderNext(job, palette, points) {
  if (!points.length) return enqueue(job, finishWithResults);
  requestPosition(job, palette, points[0], function (problem, reply) {
    if (problem && problem.code === "superseded") return renderNext(job, palette, points); // the puck has moved
    if (problem) {
      puck.palette = null;
      return failPress(job, problem.text);
    }
    enqueue(job, function () { writeResult(job, reply, 0, blendName(job.parts, points[0])); });
    enqueue(job, function () { renderNext(job, palette, points.slice(1)); });
  });
}

function movePuck(x, y, isByPad) {
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1) || (x === puck.x && y === puck.y)) return;
  puck.x = x;
  puck.y = y;
  if (isByPad) showDials();
  else showPad();
  if (!hasBegun || now() - begunAt < 1000) return; // Live moves the dials when a set is opened
  if (puck.path.length >= 4000) puck.path = puck.path.filter(function (_, i) { return i % 2 === 0; });
  puck.path.push([x, y]);
  puck.isWanted = true;
  save();
  updatePuck();
}

function showDials() {
  show("puck_x", Math.round(puck.x * 100));
  show("puck_y", Math.round(puck.y * 100));
}

function showPad() { outlet(CONTROLS_OUT, ["puck", "set", Math.round(puck.x * 127), Math.round(puck.y * 127)]); }

// Request the clip at the puck's position, at most once per sixteenth note. If the puck has rested, check first that the
// palette is still that of the picked clips.
function updatePuck() {
  if (!puck.isWanted || puck.isPreparing) return;
  var wait = puck.askedAt + puck.sixteenthMs - now();
  if (wait > 0) return schedule("puck", wait, updatePuck);
  if (puck.palette && now() - puck.askedAt < 1000) return requestPuckPosition();
  beginWithPalette("puck", function (job) {
    finishPress(job, "");
    if (puck.isWanted) requestPuckPosition();
  });
}

function requestPuckPosition() {
  var where = [puck.x, puck.y], parts = puck.palette.parts;
  puck.isWanted = false;
  puck.askedAt = now();
  if (puck.request) dropRequest(puck.request); // its answer would be outdated
  puck.request = requestPosition(newJob("puck"), puck.palette, where, function (problem, reply) {
    if (!problem) {
      puck.answer = { reply: reply, parts: parts, at: where };
      return writeAudition();
    }
    // The server was restarted, or a position of Render's superseded this one.
    if (problem.code === "no_palette") puck.palette = null;
    else if (problem.code !== "superseded") return showStatus("puck: " + problem.text);
    puck.isWanted = true;
    updatePuck();
  });
}

// Start a press that reads the picked clips and has a palette made of them; then(job).
function beginWithPalette(verb, then) {
  var corners = CORNERS.filter(function (corner, i) { return i < 2 || picks[corner]; }); // A and B must be there
  var press = beginPress(verb, corners.map(readPick).concat(readTempo, function (job) { requestPalette(job, then); }));
  if (!press) return;
  puck.isPreparing = true;
  press.onStop = function () { puck.isPreparing = false; };

  function readTempo(job) {
    goTo("live_set");
    puck.sixteenthMs = Math.max(60, 15000 / getNumber("tempo"));
    readContext(job);
  }
}

// Have a palette made, unless there is one of the same clips and settings.
function requestPalette(job, then) {
  var given = requestFields(job, "blend").concat("grid", 0);
  var parts = job.parts.concat(job.beside).map(function (part) {
    return [part.clip, part.fingerprint, part.beats, part.base];
  });
  var mark = JSON.stringify([given, parts]);
  if (puck.palette && puck.palette.mark === mark) return use(puck.palette.id);
  showProgress(job, "preparing…");
  requestForPress(job, "blend", given, function () { requestPalette(job, then); }, function (reply, id) { use(id); });

  function use(id) {
    puck.palette = { id: id, mark: mark, parts: job.parts.slice(), beside: job.beside.slice() };
    puck.isPreparing = false;
    then(job);
    updatePuck(); // it may have moved meanwhile
  }
}

// Write the newest answer into the audition clip, at most once per sixteenth note. If the musician has edited or renamed
// that clip, it is theirs, and a new one is created.
function writeAudition() {
  puck.isStale = true;
  if (puck.isWriting) return;
  var wait = puck.wroteAt + puck.sixteenthMs - now();
  if (wait > 0) return schedule("write puck", wait, writeAudition);
  var answer = puck.answer, properties = propertiesOf(answer.reply, 0, answer.parts, answer.parts[0]), job = newJob("puck");
  var wanted = Music.rebuild(answer.reply, 0, answer.parts, properties.base);
  properties.name = PUCK_NAME;
  properties.isBare = true;
  puck.isStale = false;
  puck.isWriting = true;
  puck.wroteAt = now();
  job.onStop = function () { puck.isWriting = false; };
  enqueue(job, function () {
    if (puck.clip && goTo(puck.clip) && getText("name") === PUCK_NAME) rewrite();
    else make();
  });

  function rewrite() {
    writeNotes(job, puck.clip, wanted, function (found, problem) {
      setProperties(job, puck.clip, properties, function () { done(found, problem); });
    }, function (found) {
      var isOurs = Music.fingerprint(found) === puck.fingerprint;
      if (!isOurs) enqueue(job, make);
      return isOurs;
    });
  }

  function make() {
    makeClip(job, placeBelow(answer.parts[0]), properties, function (clip) {
      puck.clip = clip;
      writeNotes(job, clip, wanted, function (found, problem) {
        done(found, problem);
        if (goTo("live_set") && getNumber("is_playing")) enqueue(job, launch);
      });
    });
  }

  function launch() { if (goTo(puck.clip)) api.call("fire"); } // as when the musician launches it

  function done(found, problem) {
    job.unfinishedClip = 0;
    puck.fingerprint = Music.fingerprint(found);
    puck.isWriting = false;
    showStatus(problem ? "puck: " + problem : "puck at " + percent(answer.at) + " %");
    save();
    if (puck.isStale) writeAudition();
  }
}
