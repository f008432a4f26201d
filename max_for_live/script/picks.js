// Picks: the clips at the corners of the pad; A and B are also the ends of an interpolation.

var CORNERS = ["a", "b", "c", "d"];

var picks = { a: null, b: null, c: null, d: null };

function pressPick(corner) {
  if (!hasBegun) return showStatus("Live is still loading");
  enqueue(newJob("pick"), function () {
    var part = readClip(selectedClip()), isAgain = picks[corner] && picks[corner].clip === part.clip;
    picks[corner] = isAgain ? null : newPick(part);
    showPick(corner);
    showStatus(corner.toUpperCase() + (isAgain ? " is empty: pick another clip" : " is " + (part.name || "this clip")));
    puck.path = [];
    puck.palette = null;
    save();
  });
}

// What is remembered of a part, or of a pick that was saved.
function newPick(part) {
  return { clip: part.clip, path: part.path, name: Music.shortName(part.name), fingerprint: part.fingerprint, isLost: false };
}

function showPick(corner) {
  var pick = picks[corner];
  show("name_" + corner, !pick ? "–" : pick.isLost ? "?" : pick.name || "clip");
}

// The step that reads a picked clip, as it is now.
function readPick(corner) {
  return function (job) {
    var pick = picks[corner], letter = corner.toUpperCase();
    if (!pick) throw failure("pick clip " + letter + " first");
    pick.isLost = !findPick(pick);
    if (pick.isLost) {
      showPick(corner);
      throw failure("clip " + letter + " (" + pick.name + ") is not where it was: pick it again");
    }
    var part = readClip(pick.clip);
    picks[corner] = newPick(part);
    showPick(corner);
    job.parts.push(part);
  };
}

// Find a picked clip. After the set was opened again: the clip at its place, if it has its name or its notes.
function findPick(pick) {
  if (pick.clip && goTo(pick.clip)) return true;
  if (!goTo(pick.path) || api.type !== "Clip" || !getNumber("is_midi_clip")) return false;
  var hasItsName = Music.shortName(getText("name")) === pick.name && pick.name !== "";
  if (!hasItsName && Music.fingerprint(readNotes()) !== pick.fingerprint) return false;
  pick.clip = Number(api.id);
  return true;
}
