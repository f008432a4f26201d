// The puck on the pad: the palette that the server makes of the picked clips, requests for positions on it, Keep and Render.
// The clip that plays the answers is in pad_clip.js.

var COALESCE_MS = 20; // x and y arrive one after the other, and count as one move
var MOVING_MS = 400; // after a move by a dial, the puck counts as moving

var puck = {
  x: 0, y: 0, path: [], palette: null, answer: null, request: null, clip: 0, fingerprint: "", written: [], sixteenthMs: 125,
  isWanted: false, isPreparing: false, isWriting: false, isStale: false, isPlaying: false, isMoving: false, isByPad: false,
  askedAt: -Infinity, movedAt: -Infinity,
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
    prepareDestination(job);
    enqueue(job, function () { placeResults(job, answer.reply, [blendName(job.parts, answer.at)]); });
  }]);
}

function pressRender() {
  var points = Music.resample(puck.path.length ? puck.path : [[puck.x, puck.y]], values.clips);
  beginWithPalette("render", function (job) {
    job.total = points.length;
    job.info = points.length < values.clips ? ["the puck has not moved since the last pick"] : [];
    prepareDestination(job);
    renderNext(job, puck.palette, points);
  });
}

function pressClearPath() {
  puck.path = [];
  drawTrail();
  showStatus("the path is cleared");
}

function drawTrail() {
  draw(["pad", "trail", "clear"]);
  for (var i = 0; i < puck.path.length; i += 100) {
    var some = puck.path.slice(i, i + 100);
    draw(some.reduce(function (message, point) { return message.concat(point); }, ["pad", "trail"]));
  }
}

function requestPosition(job, palette, where, then) {
  return sendRequest({ job: job, verb: "at", values: [palette.id].concat(where), parts: palette.parts, then: then });
}

// One position after the other: if there are several at once, the server answers only the last.
function renderNext(job, palette, points, made) {
  var results = made || [];
  if (!points.length) return enqueue(job, function () { writeRendered(job, results); });
  requestPosition(job, palette, points[0], function (problem, reply) {
    if (problem && problem.code === "superseded") return renderNext(job, palette, points, results); // the puck has moved
    if (problem) {
      puck.palette = null;
      return failPress(job, problem.text);
    }
    renderNext(job, palette, points.slice(1), results.concat({ reply: reply, at: points[0] }));
  });
}

function writeRendered(job, results) {
  if (!results.length) return job.to === "arrangement" ? layOutArrangement(job) : finishWithResults(job);
  var next = newResult(job, results[0].reply, 0, blendName(job.parts, results[0].at));
  enqueue(job, write);

  function write() {
    if (!writeResult(job, next)) return enqueue(job, write);
    checkResult(job, next);
    enqueue(job, function () { writeRendered(job, results.slice(1)); });
  }
}

// Only Live's own steps of x and of y make a move; while a set is opened they make none.
function movePuck(x, y, isByPad) {
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1) || (x === puck.x && y === puck.y)) return;
  puck.x = x;
  puck.y = y;
  if (!isByPad) draw(["pad", "puck", x, y]);
  if (!hasBegun || now() - begunAt < 1000) return;
  puck.isMoving = true;
  puck.movedAt = now();
  puck.isByPad = isByPad;
  schedule("move", COALESCE_MS, takeMove);
  schedule("rest", MOVING_MS, restPuck);
}

function takeMove() {
  var last = puck.path[puck.path.length - 1];
  if (last && last[0] === puck.x && last[1] === puck.y) return;
  if (puck.path.length >= 4000) puck.path = puck.path.filter(function (_, i) { return i % 2 === 0; });
  puck.path.push([puck.x, puck.y]);
  draw(["pad", "trail", puck.x, puck.y]);
  puck.isWanted = true;
  updatePuck();
}

// The puck has come to rest: what it plays there is written, and remembered. Where its last answer is on the way, that is what
// will be written.
function restPuck() {
  if (puck.isByPad) return; // until it is let go
  puck.isMoving = false;
  save();
  if (puck.isStale && !isAsking()) writeAudition();
}

function isAsking() {
  return puck.isWanted || puck.isPreparing || (puck.request !== null && requests["id" + puck.request.id] === puck.request);
}

// The puck was let go: the parameters of its place are set, once.
function dropPuck(x, y) {
  movePuck(x, y, true);
  show("puck_x", Math.round(puck.x * 100));
  show("puck_y", Math.round(puck.y * 100));
  puck.isByPad = false;
  takeMove();
  restPuck();
}

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
    if (!problem && reply.headers[0]) {
      puck.answer = { reply: reply, parts: parts, at: where };
      puck.isStale = true;
      return puck.isMoving ? playAnswer() : writeAudition();
    }
    // The server was restarted, or a position of Render's superseded this one.
    if (problem && problem.code === "no_palette") puck.palette = null;
    else if (!problem || problem.code !== "superseded") {
      if (puck.isStale && !puck.isMoving) writeAudition(); // the last that came
      return showStatus("puck: " + (problem ? problem.text : "the server's answer holds no clip"));
    }
    puck.isWanted = true;
    updatePuck();
  });
}

// Start a press that reads the picked clips and has a palette made of them; then(job).
function beginWithPalette(verb, then) {
  var corners = CORNERS.filter(function (corner, i) { return i < 2 || picks[corner]; }); // A and B must be there
  var press = beginPress(verb, corners.map(readPick).concat(readTempo, function (job) { requestPalette(job, then); }));
  if (!press || press.isOver) return;
  puck.isPreparing = true;
  press.onStop = function () { puck.isPreparing = false; };

  function readTempo(job) {
    goTo("live_set");
    puck.sixteenthMs = Math.max(60, 15000 / getNumber("tempo"));
    puck.isPlaying = getNumber("is_playing") > 0;
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
    puck.palette = {
      id: id, mark: mark, parts: job.parts.slice(), beside: job.beside.slice(), besideKinds: job.besideKinds.slice(),
    };
    puck.isPreparing = false;
    then(job);
    updatePuck(); // it may have moved meanwhile
  }
}
