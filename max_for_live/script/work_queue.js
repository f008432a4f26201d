// When things run: the queue of steps, one a tick, the timers by name, and the one Task that drives both.
// What a step does is not known here. A step that throws ends its job with a sentence; see attempt().

var TICK_MS = 5; // ms between two steps

var queue = [];
var queuedByStep = null; // what the step that is running queues

function enqueue(job, step) {
  (queuedByStep || queue).push({ job: job, step: step });
  scheduleTick();
}

function enqueueEach(job, list, step) {
  list.forEach(function (item, index) { enqueue(job, function () { step(item, index); }); });
}

function runStep() {
  while (queue.length && queue[0].job.isOver) queue.shift();
  var next = queue.shift();
  if (!next) return;
  queuedByStep = [];
  // A press that was cancelled ends between two clips, never within one.
  runForJob(next.job, next.job.isCancelled && !next.job.unfinishedClip ? finishWithResults : next.step);
  queue = queuedByStep.concat(queue);
  queuedByStep = null;
}

// Do something for a job; should it fail, the job ends with a sentence, and no half clip stays behind.
function runForJob(job, step) {
  try {
    step(job);
  } catch (problem) {
    if (!problem.sentence) post("Latent Bridge: " + problem + "\n");
    if (queuedByStep) queuedByStep = [];
    if (job.unfinishedClip > 0) removeClip(newJob(job.verb), job.unfinishedClip);
    job.unfinishedClip = 0;
    if (job.onFail) job.onFail(problem.sentence || String(problem));
    else failPress(job, problem.sentence || "a fault of the device: " + problem);
  }
}

var timers = {}; // by name: when, and what
var task = null, nextTickAt = 0, isInTick = false, isAsleep = false;

function now() { return new Date().getTime(); }

function schedule(name, ms, run) {
  timers[name] = { due: now() + ms, run: run };
  scheduleTick();
}

function runTick() {
  nextTickAt = 0;
  isInTick = true;
  try {
    runTimers();
    runStep();
    eachRequest(checkRequest);
    sendOutbox();
  } finally {
    isInTick = false;
    scheduleTick();
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
function scheduleTick() {
  if (!task || isInTick) return;
  var time = now(), due = Infinity;
  if (Object.keys(requests).length) due = time + 4 * TICK_MS;
  if (queue.length || outbox.length) due = time + TICK_MS;
  Object.keys(timers).forEach(function (name) { due = Math.min(due, Math.max(timers[name].due, time + 1)); });
  if (due === Infinity || (nextTickAt && nextTickAt <= due)) return;
  task.cancel();
  task.schedule(due - time);
  nextTickAt = due;
}

// With audio off Max may let Tasks sleep; then what comes in from the server and the controls keeps things going.
function runIfAsleep() {
  if (nextTickAt && now() - nextTickAt > 500) isAsleep = true;
  for (var steps = 0; isAsleep && steps < 3; steps++) runTick();
  scheduleTick();
}
