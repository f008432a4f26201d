// State: what is saved with the set, as one text, and how it is restored when the set is opened again.

var savedText = "";
var restored = null; // the saved audition clip: [path, fingerprint]

function save() { schedule("save", 300, function () { if (hasBegun) enqueue(newJob("save"), writeState); }); }

// The clips' paths are read anew: scenes may have been inserted above them.
function writeState() {
  var kept = CORNERS.map(function (corner) {
    var pick = picks[corner];
    if (pick && pick.clip && goTo(pick.clip)) pick.path = currentPath();
    return pick ? [pick.path, pick.name, pick.fingerprint] : 0;
  });
  var audition = puck.clip && goTo(puck.clip) ? [currentPath(), puck.fingerprint] : 0;
  var saved = Music.packState([chosen.seed, chosen.model, chosen.made, puck.x, puck.y, kept, audition]);
  if (saved === savedText) return;
  savedText = saved;
  outlet(STATE_OUT, [saved]);
}

function restore(given) {
  var saved = Music.unpackState(given);
  if (!saved || given === savedText) return;
  savedText = given;
  chosen = { seed: Number(saved[0]) || 0, model: String(saved[1]), made: Number(saved[2]) || 0 };
  puck.x = Music.clamp(Number(saved[3]) || 0, 0, 1);
  puck.y = Music.clamp(Number(saved[4]) || 0, 0, 1);
  CORNERS.forEach(function (corner, i) {
    var kept = saved[5] && saved[5][i], isPlace = kept && /^live_set tracks \d+ [a-z_\d ]+$/.test(kept[0]);
    var part = isPlace && { clip: 0, path: kept[0], name: String(kept[1]), fingerprint: String(kept[2]) };
    picks[corner] = part ? newPick(part) : null;
  });
  restored = saved[6] || null;
  if (hasBegun) showAll();
}

// Look for the saved clips, so that a missing one shows at once.
function findRestored() {
  var job = newJob("restore");
  enqueueEach(job, CORNERS, function (corner) {
    var pick = picks[corner];
    if (pick && !pick.clip) pick.isLost = !findPick(pick);
    showPick(corner);
  });
  enqueue(job, function () {
    var isPlace = restored && /^live_set tracks \d+ clip_slots \d+ clip$/.test(restored[0]);
    if (isPlace && goTo(restored[0]) && getText("name") === PUCK_NAME) {
      puck.clip = Number(api.id);
      puck.fingerprint = String(restored[1]);
    }
    restored = null;
  });
}

function showAll() {
  show("seed", chosen.seed);
  showDials();
  showPad();
  showModels();
  showResult();
  findRestored();
}
