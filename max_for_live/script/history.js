// History: what each press has made and from what, stepping through it, choosing, and undo. Clips, scenes and tracks are
// deleted only here and in removeClip() of results.js, and only if they are as the device made them.

// `presses` are [{ verb, source, made, … }]; the place in them is a press and a step: 0 is its source, 1 its first result.
var history = { presses: [], press: -1, at: 0, isNew: false, undos: 0 }; // undos: those that run or wait

function addToHistory(job) {
  var source = job.parts[0], isOfOne = job.verb === "vary" && source;
  history.presses.push({
    verb: job.verb, to: job.to, made: job.made, scenes: job.scenes, newTrack: job.newTrack, kept: job.kept || null,
    replaced: job.replaced || null, isDrums: Boolean(job.hasDrumRack), pads: job.padNames,
    source: !isOfOne ? null : {
      clip: job.kept ? job.kept.clip : source.clip, name: source.name, notes: source.notes, base: source.base,
      fingerprint: source.fingerprint, beats: source.beats, meter: source.meter, isTheirs: true,
    },
  });
  history.press = history.presses.length - 1;
  history.at = job.replaced ? 1 : 0;
  history.isNew = !job.replaced;
  history.presses.slice(0, -4).forEach(forgetNotes);
  showResult();
  save();
}

// Notes are kept for the drawing only.
function forgetNotes(press) { press.made.forEach(function (entry) { entry.notes = null; }); }

function currentPress() { return history.presses[history.press] || null; }
function currentEntry() { return entryAt(history.press, history.at); }

function entryAt(index, at) {
  var press = history.presses[index];
  return !press ? null : at === 0 ? press.source : press.made[at - 1] || null;
}

// Go to the next clip that is there, hear it in place of the one before, and show it.
function step(direction) {
  if (!history.presses.length) return showStatus("there are no results yet: press Generate first");
  enqueue(newJob("step"), go);

  function go(job) {
    var next = nextPlace(history.press, history.at, direction);
    if (!next) return showStatus(direction > 0 ? "this is the newest result" : "this is the first result");
    visit(job, next[0], next[1], function () { go(job); });
  }
}

function nextPlace(press, at, direction) {
  for (var i = 0; i < 1000; i++) {
    at += direction;
    if (at < 0) at = (history.presses[--press] || { made: [] }).made.length;
    else if (history.presses[press] && at > history.presses[press].made.length) press++, (at = 0);
    if (!history.presses[press]) return null;
    if (entryAt(press, at)) return [press, at];
  }
  return null;
}

// A step that lets hear and shows a clip of the history; isGone() where the musician has deleted it.
function visit(job, press, at, isGone) {
  var entry = entryAt(press, at), isSession = entry && goTo(entry.clip) && goUpTo("ClipSlot");
  var slot = isSession ? Number(api.id) : 0;
  if (!entry || !goTo(entry.clip)) {
    forget(history.presses[press], entry);
    showResult();
    return isGone();
  }
  history.press = press;
  history.at = at;
  history.isNew = false;
  if (slot) hear(entry.clip);
  else if (entry.isArranged) jumpTo(entry.clip);
  if (slot && history.presses[press].newTrack) enqueue(job, function () { hushOther(history.presses[press], entry.clip); });
  enqueue(job, function () { showInLive(job, entry.clip, slot); });
  showResult();
  showStatus("at " + (at === 0 ? "the source, " : "") + entry.name);
}

// Of a source and its results on a new track only one is heard, once that track has an instrument: the other track stops when
// the clip begins, at the launch quantization.
function hushOther(press, clip) {
  var track = goTo(clip) && goUpTo("Track") ? Number(api.id) : 0, other = press.newTrack.track;
  if (track === other) other = press.source && goTo(press.source.clip) && goUpTo("Track") ? Number(api.id) : 0;
  if (!track || !goTo(press.newTrack.track) || !getNumber("has_audio_output")) return;
  if (goTo(other) && getNumber("playing_slot_index") >= 0) api.call("stop_all_clips");
}

// What lies in the Arrangement is heard where it lies, from so many beats after its start.
function jumpTo(clip, after) {
  goTo(clip);
  var beat = Math.max(0, getNumber("start_time") + (after || 0));
  if (goTo("live_set")) api.set("current_song_time", beat);
}

// Select a clip, but only on the device's own track: on another one the device would be out of sight, since Live's Device
// View shows the chain of the selected track.
function showInLive(job, clip, slot) {
  var own = deviceTrack();
  if (!goTo(clip) || !goUpTo("Track") || Number(api.id) !== own) return;
  if (slot) setInView("highlighted_clip_slot", slot);
  enqueue(job, function () { setInView("detail_clip", clip); });
}

function setInView(name, id) { if (goTo(id) && goTo("live_set view")) api.set(name, "id " + id); }

function forget(press, entry) {
  if (press.source === entry) press.source = null;
  press.made = press.made.filter(function (other) { return other !== entry; });
  if (history.presses.indexOf(press) === history.press) history.at = Math.min(history.at, press.made.length);
}

function showResult() {
  var press = currentPress(), entry = currentEntry(), at = history.at;
  show("result", press ? at + "/" + press.made.length : "–");
  show("ab", at ? 1 : 0);
  show("star", entry && entry.isStarred ? 1 : 0);
  drawRoll();
}

// A is the source, B the result that was heard last.
function pressAB() {
  var press = currentPress(), isB = history.at === 0;
  if (!press || !press.made.length) {
    show("ab", 0);
    return showStatus("there are no results yet: press Generate first");
  }
  if (!press.source) return showStatus("these results have no source to compare with");
  if (!isB) press.last = history.at;
  enqueue(newJob("compare"), function (job) {
    visit(job, history.press, isB ? Math.min(press.last || 1, press.made.length) : 0, function () {
      showStatus("this clip was deleted");
    });
  });
}

function pressStar(v) {
  var entry = currentEntry(), isOn = Number(v[0]) > 0;
  if (!entry || !history.at || history.isNew) {
    show("star", 0);
    return showStatus(history.at ? "there are no results yet" : "step to a result first: the source stays in any case");
  }
  entry.isStarred = isOn;
  showStatus(entry.name + (isOn ? " is marked" : " is not marked any more"));
}

// Remove the results of this press that are not marked. Without a mark, the current one counts as marked.
function pressKeepOnly() {
  var press = currentPress(), entry = currentEntry();
  if (isBusy()) return showStatus("something is still running: press Cancel first");
  if (!press || !press.made.length) return showStatus("there are no results yet: press Generate first");
  var kept = press.made.filter(function (one) { return one.isStarred; });
  if (!kept.length && history.at && entry && !history.isNew) kept = [entry];
  if (!kept.length) return showStatus("mark a result first: then the others are removed");
  var others = press.made.filter(function (one) { return kept.indexOf(one) < 0 && !one.isTheirs; });
  var job = newJob("keep");
  playInstead(job, others, kept[0], function () {
    removeEntries(job, others, function (gone, stay) {
      kept.forEach(endAudition);
      press.made = press.made.filter(function (one) { return others.indexOf(one) < 0; });
      history.at = press.made.indexOf(kept[0]) + 1;
      history.isNew = false;
      showResult();
      showStatus("kept " + countOf(kept.length, "result", "results") + ", removed " + gone + stayText(stay));
    });
  });
}

// If one of these plays, have another clip take over first.
function playInstead(job, entries, other, then) {
  var isHeard = false;
  enqueueEach(job, entries, function (entry) { if (goTo(entry.clip) && getNumber("is_playing")) isHeard = true; });
  enqueue(job, function () {
    if (isHeard && other && goTo(other.clip)) hearThen(job, other.clip, then);
    else enqueue(job, then);
  });
}

// Undo the last press: delete its clips if they are unchanged, and its scenes and its track if they are still empty. What was
// replaced comes back.
function pressUndo() {
  if (isBusy()) return showStatus("something is still running: press Cancel first");
  if (history.undos++ === 0) undoLast();
}

// One after the other: a press may only be undone when what was made after it is gone.
function undoNext() {
  if (--history.undos > 0) enqueue(newJob("undo"), undoLast);
}

function undoLast() {
  var last = history.presses.pop(), job = newJob("undo");
  job.onStop = undoNext; // should it fail
  if (!last) {
    showStatus("nothing to undo");
    return undoNext();
  }
  history.press = history.presses.length - 1;
  history.at = 0;
  history.isNew = true;
  if (last.replaced) return restoreSource(job, last);
  playInstead(job, last.made, last.source, function () {
    removeEntries(job, last.made, function (gone, kept) {
      removeScenes(job, last.scenes, function (scenes) {
        removeTrack(job, last.newTrack, function () {
          var more = scenes ? " and " + countOf(scenes, "scene", "scenes") : "";
          showResult();
          showStatus("removed " + countOf(gone, "clip", "clips") + more + stayText(kept));
          undoNext();
        });
      });
    });
  });
}

function stayText(n) {
  return n ? "; " + countOf(n, "clip stays: it was", "clips stay: they were") + " changed or moved since" : "";
}

function removeEntries(job, entries, then) {
  var gone = 0, kept = 0;
  enqueueEach(job, entries, function (entry) {
    if (entry.isTheirs || !goTo(entry.clip)) return; // or the musician has deleted it already
    var isAsMade = getText("name") === entry.name && Music.fingerprint(readNotes()) === entry.fingerprint;
    if (!isAsMade) return kept++;
    if (entry.isArranged ? removeArranged(entry.clip) : goUpTo("ClipSlot") && childId("clip") === entry.clip) {
      if (!entry.isArranged) api.call("delete_clip");
      return gone++;
    }
    kept++;
  });
  enqueue(job, function () { then(gone, kept); });
}

function removeArranged(clip) {
  if (!goTo(clip) || !goUpTo("Track")) return false;
  api.call("delete_clip", "id " + clip);
  return true;
}

function removeScenes(job, made, then) {
  var scenes = 0;
  enqueueEach(job, made.slice().reverse(), function (scene) {
    if (!goTo(scene) || !getNumber("is_empty") || getText("name")) return;
    goTo("live_set");
    var all = childIds("scenes");
    if (all.length < 2) return; // Live keeps one
    api.call("delete_scene", all.indexOf(scene));
    scenes++;
  });
  enqueue(job, function () { then(scenes); });
}

// A track of ours is removed as long as nothing was put on it.
function removeTrack(job, made, then) {
  var isEmpty = Boolean(made) && goTo(made.track) && getText("name") === made.name && !childIds("devices").length;
  isEmpty = isEmpty && !childIds("arrangement_clips").length;
  var slots = isEmpty ? childIds("clip_slots") : [];
  for (var i = 0; i < slots.length; i += READS_PER_STEP) enqueue(job, look(slots.slice(i, i + READS_PER_STEP)));
  enqueue(job, function () {
    if (isEmpty && goTo("live_set")) api.call("delete_track", childIds("tracks").indexOf(made.track));
    then();
  });

  function look(some) {
    return function () { some.forEach(function (slot) { if (goTo(slot) && getNumber("has_clip")) isEmpty = false; }); };
  }
}

// Bring back the source that a press has replaced: its kept copy is copied over it, with all that scripts cannot write. While
// it plays, the kept copy plays in its stead.
function restoreSource(job, press) {
  var clip = press.replaced.clip, kept = press.kept;
  enqueue(job, function () {
    var isThere = goTo(clip) && Music.fingerprint(readNotes()) === press.replaced.fingerprint;
    var isKept = isThere && goTo(kept.clip) && Music.fingerprint(readNotes()) === kept.fingerprint;
    if (!isThere) throw failure("the clip was edited since: the source stays where it is kept");
    if (!isKept) throw failure("the kept source was changed or deleted: undo it in Live");
    if (kept.isArranged) return copyOver();
    if (!goTo(clip) || !goUpTo("ClipSlot")) throw failure("the clip was moved: copy the kept source back by hand");
    var slot = Number(api.id), isHeard = goTo(clip) && getNumber("is_playing");
    if (isHeard) hearThen(job, kept.clip, function () { copyBack(slot, true); });
    else copyBack(slot, false);
  });

  // In the Arrangement the copy lies exactly over the clip that was written.
  function copyOver() {
    goTo(clip);
    var beat = getNumber("start_time"), track = goUpTo("Track") ? Number(api.id) : 0;
    var back = copyArranged(track, kept.clip, beat);
    enqueue(job, function () {
      if (!goTo(back) || Music.fingerprint(readNotes()) !== kept.fingerprint) {
        throw failure("Live did not copy the source back: it is still kept");
      }
      api.set("muted", 0);
      rename(clip, back);
      end();
    });
  }

  function copyBack(slot, isHeard) {
    if (!goTo(kept.clip) || !goUpTo("ClipSlot")) throw failure("the kept source was moved: copy it back by hand");
    api.call("duplicate_clip_to", "id " + slot);
    enqueue(job, function () {
      var back = goTo(slot) ? childId("clip") : 0;
      if (!back || !goTo(back)) throw failure("Live did not copy the source back: it is still kept");
      var isWhole = Music.fingerprint(readNotes()) === kept.fingerprint;
      if (!isWhole) throw failure("Live did not copy the source back: it is still kept");
      rename(clip, back);
      if (isHeard) hearThen(job, back, end);
      else end();
    });
  }

  function end() {
    enqueue(job, function () {
      if (kept.isArranged) removeArranged(kept.clip);
      else if (goTo(kept.clip) && goUpTo("ClipSlot") && childId("clip") === kept.clip) api.call("delete_clip");
      removeScenes(job, press.scenes, function () {
        showResult();
        showStatus("the source is back");
        undoNext();
      });
    });
  }
}

// A clip has another id since it was copied back.
function rename(before, after) {
  CORNERS.forEach(function (corner) { if (picks[corner] && picks[corner].clip === before) picks[corner].clip = after; });
  history.presses.forEach(function (press) {
    [press.source].concat(press.made).forEach(function (entry) { if (entry && entry.clip === before) entry.clip = after; });
  });
}
