// When things run: the queue of steps, one a tick, the timers by name, and the one Task that drives both.
// What a step does is not known here. A step that throws ends its job with a sentence; see attempt().

var TICK = 5; // ms between two steps

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
