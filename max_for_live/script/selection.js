// The selection: the clip that was clicked, as an observer tells, and what follows from it: an armed corner takes it, its
// scale is known, its notes are drawn. An observer may change nothing ("Changes cannot be triggered by notifications"), so
// what it tells is looked at in a step.

var SELECTION_MS = 30; // after a click; several in a row count as one

var selected = { clip: 0, part: null, kind: null }; // with its notes, and as drums or not

// Called by Live when another clip is shown in the Clip View.
function onSelection(given) { if (given[0] === "detail_clip") schedule("selection", SELECTION_MS, lookAtSelection); }

function lookAtSelection() {
  if (!hasBegun) return;
  enqueue(newJob("selection"), function () {
    var clip = selectedMidiClip(), isNew = clip !== selected.clip;
    selected.clip = clip;
    noteScale();
    if (!isNew) return;
    if (clip) readShown(clip);
    else selected.part = null;
    if (armed) return takeSelected(clip);
    if (clip) findInHistory(clip);
    drawRoll();
  });
}

// Read the selected clip for what the device shows of it: its notes and the voices that can be locked.
function readShown(clip) {
  var job = newJob("look"), part = selected.part = readClip(clip);
  enqueue(job, function () { readKind(job, part.track, part.notes); });
  enqueue(job, function () {
    selected.kind = { isDrums: job.hasDrumRack, pads: job.padNames };
    showVoices(job, part.notes);
    drawRoll();
  });
}

// The MIDI clip in the Clip View, or 0.
function selectedMidiClip() {
  goTo("live_set view");
  var clip = childId("detail_clip");
  return goTo(clip) && getNumber("is_midi_clip") ? clip : 0;
}

// A click on a result goes to it, without launching it.
function findInHistory(clip) {
  history.presses.forEach(function (press, i) {
    press.made.forEach(function (entry, k) {
      if (entry.clip !== clip) return;
      history.press = i;
      history.at = k + 1;
      history.isNew = false;
      showResult();
    });
  });
}
