// The puck: a palette made of the picked clips, positions asked for as it moves, the clip that plays them, Keep and Render.

var PUCK_NAME = "Latent Bridge puck";

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
