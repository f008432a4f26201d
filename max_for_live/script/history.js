// History: the results of all presses, stepping through them, and undo.

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
