// Scheduling: the queue of steps, of which one runs per tick, the timers, and the one Task that drives both.
// What a step does must not be known here.
//
// Live stays responsive because each step does few reads, or the writes of few clips: as few turns as that allows, since each
// may be a step of the undo history. What a step enqueues runs right after it, before
// the steps of other jobs.

var TICK_MS = 5; // between two steps

var queue = [];
var spent = { reads: 0 }; // by the running step, of Live
var queuedByStep = null; // what the running step has enqueued; null between steps

function enqueue(job, step) {
  (queuedByStep || queue).push({ job: job, step: step });
  scheduleTick();
}

function enqueueEach(job, list, step) {
  list.forEach(function (item, index) { enqueue(job, function () { step(item, index); }); });
}

// Take the first of these steps at once and the others before all that waits: what the musician has pressed is about what is
// selected at that moment, and Max may take its time for the next turn.
function enqueueFirst(job, steps) {
  if (queuedByStep) return steps.forEach(function (step) { enqueue(job, step); });
  queue = steps.map(function (step) { return { job: job, step: step }; }).concat(queue);
  runStep();
  scheduleTick();
}

function runStep() {
  while (queue.length && queue[0].job.isOver) queue.shift();
  var next = queue.shift();
  if (!next) return;
  queuedByStep = [];
  spent.reads = 0;
  // A cancelled press ends between two clips, never while one is being written.
  runForJob(next.job, next.job.isCancelled && !next.job.unfinished.length ? finishWithResults : next.step);
  queue = queuedByStep.concat(queue);
  queuedByStep = null;
}

// Do something for a job. If it throws, the job ends with a sentence, and unfinished clips are deleted.
function runForJob(job, step) {
  try {
    step(job);
  } catch (problem) {
    if (!problem.sentence) post("Latent Bridge: " + problem + "\n");
    if (queuedByStep) queuedByStep = [];
    job.unfinished.forEach(function (clip) { removeClip(newJob(job.verb), clip); });
    job.unfinished = [];
    if (job.onFail) job.onFail(problem.sentence || String(problem));
    else failPress(job, problem.sentence || "internal error of the device: " + problem);
  }
}

var timers = {}; // by name: { due, run }
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

// Schedule the Task for the next thing there is to do.
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

// With audio off Max may not run Tasks; then messages from the server and the controls drive the queue.
function runIfAsleep() {
  if (nextTickAt && now() - nextTickAt > 500) isAsleep = true;
  for (var steps = 0; isAsleep && steps < 3; steps++) runTick();
  scheduleTick();
}
