// History: the results of all presses, stepping through them, and undo.
// Clips and scenes are deleted only here and in removeClip() of results.js, and only if they are as the device made them.

// `list` holds all results; `at` is the index of the current one. After a press it lies between two (x.5), so that
// Forward goes to the first new result and Back to the one before.
var history = { presses: [], list: [], at: -0.5 };

function addToHistory(job) {
  history.presses.push({ made: job.made, scenes: job.scenes });
  history.at = history.list.length - 0.5;
  history.list = history.list.concat(job.made);
  showResult();
  save();
}

function pressStep(direction) {
  if (!history.list.length) return showStatus("there are no results yet: press Vary or Sample first");
  var job = newJob("step");
  enqueue(job, function () {
    var next = direction > 0 ? Math.floor(history.at) + 1 : Math.ceil(history.at) - 1, result = history.list[next];
    if (!result) return showStatus(direction > 0 ? "this is the newest result" : "this is the first result");
    var slot = goTo(result.clip) && goUpTo("ClipSlot") ? Number(api.id) : 0;
    if (!slot) {
      history.list.splice(next, 1); // the musician has deleted it: go on to the next
      history.at = next - 0.5;
      showResult();
      return pressStep(direction);
    }
    enqueue(job, function () { setInView("highlighted_clip_slot", slot); });
    enqueue(job, function () { setInView("detail_clip", result.clip); });
    history.at = next;
    showResult();
    showStatus("at " + result.name);
  });
}

function setInView(name, id) { if (goTo(id) && goTo("live_set view")) api.set(name, "id " + id); }

function showResult() {
  var total = history.list.length, result = history.list[history.at];
  if (result) show("result", history.at + 1 + "/" + total + " " + result.name);
  else show("result", total ? countOf(total, "result", "results") : "no results yet");
}

// Undo the last press: delete its clips if they are unchanged, and its scenes if they are still empty.
function pressUndo() {
  if (openPresses().length) return showStatus("something is still running: press Cancel first");
  var last = history.presses.pop();
  if (!last) return showStatus("nothing to undo");
  removeResults(newJob("undo"), last, function (gone, kept, scenes) {
    history.list = history.list.filter(function (result) { return last.made.indexOf(result) < 0; });
    history.at = history.list.length - 0.5;
    showResult();
    var stay = countOf(kept, "clip stays: it was", "clips stay: they were") + " changed or moved since";
    var others = (scenes ? " and " + countOf(scenes, "scene", "scenes") : "") + (kept ? "; " + stay : "");
    showStatus("removed " + countOf(gone, "clip", "clips") + others);
  });
}

function removeResults(job, last, then) {
  var gone = 0, kept = 0, scenes = 0;
  enqueueEach(job, last.made, function (result) {
    if (!goTo(result.clip)) return; // the musician has deleted it already
    var isAsMade = getText("name") === result.name && Music.fingerprint(readNotes()) === result.fingerprint;
    if (!isAsMade || !goUpTo("ClipSlot") || childId("clip") !== result.clip) return kept++;
    api.call("delete_clip");
    gone++;
  });
  enqueueEach(job, last.scenes.slice().reverse(), function (scene) {
    if (!goTo(scene) || !getNumber("is_empty") || getText("name")) return;
    goTo("live_set");
    var all = childIds("scenes");
    if (all.length < 2) return; // Live keeps one
    api.call("delete_scene", all.indexOf(scene));
    scenes++;
  });
  enqueue(job, function () { then(gone, kept, scenes); });
}
