// State: what is saved with the set, as one text, how it is restored when the set is opened again, and whose it is. `assign`
// keeps it out of the undo history (docs.cycling74.com/reference/pattr: for parameters that are Stored Only).
//
// A device is copied with its state: with its track, as a preset, into another set. So each has an identity of its own, which
// is in its state and in the name of its pad clip; the copy, which starts while the original lives, takes a new one. Max's
// Global objects are shared by all scripts of all devices.

var DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";

var savedText = "";
var identity = "";
var devices = null; // all identities in use: the id of Live's for each

function save() { schedule("save", 300, function () { if (hasBegun) enqueue(newJob("save"), writeState); }); }

// The clips' paths are read anew: scenes may have been inserted above them.
function writeState() {
  if (puck.isMoving) return save(); // once it rests
  var kept = CORNERS.map(function (corner) {
    var one = picks[corner];
    if (one && one.clip && goTo(one.clip)) one.path = currentPath();
    return one ? [one.path, one.name, one.fingerprint, one.color, one.trackName, one.key] : 0;
  });
  var saved = Music.packState({
    identity: identity, seed: chosen.seed, model: chosen.model, made: chosen.made, x: puck.x, y: puck.y, corners: kept,
    pad: puck.fingerprint,
  });
  if (saved === savedText) return;
  savedText = saved;
  outlet(STATE_OUT, ["assign", saved]);
}

function restore(given) {
  var text = given.replace(/^assign /, ""), saved = Music.unpackState(text);
  if (!saved || text === savedText) return;
  savedText = text;
  identity = String(saved.identity || "").slice(0, 8);
  chosen = { seed: Number(saved.seed) || 0, model: String(saved.model || "auto"), made: Number(saved.made) || 0 };
  puck.x = Music.clamp(Number(saved.x) || 0, 0, 1);
  puck.y = Music.clamp(Number(saved.y) || 0, 0, 1);
  puck.clip = 0;
  puck.fingerprint = String(saved.pad || "");
  puck.written = [puck.fingerprint];
  CORNERS.forEach(function (corner, i) { picks[corner] = restorePick(saved.corners && saved.corners[i]); });
  if (!hasBegun) return;
  claimIdentity();
  showAll();
}

function restorePick(kept) {
  if (!kept || !/^live_set tracks \d+ [a-z_\d ]+$/.test(kept[0])) return null;
  var key = kept[5] && kept[5].intervals instanceof Array ? kept[5] : null;
  return {
    clip: 0, path: kept[0], name: String(kept[1]), fingerprint: String(kept[2]), color: Number(kept[3]) || 0,
    trackName: String(kept[4] || ""), key: key, isLost: false,
  };
}

// Take a new identity if there is none, or if the device that had it before is still there: this one is its copy.
function claimIdentity() {
  if (!devices) devices = new Global("latent_bridge_devices");
  var own = ownDevice(), holder = identity ? Number(devices["d" + identity]) || 0 : 0;
  if (!identity || (holder && holder !== own && goTo(holder))) {
    identity = "";
    for (var i = 0; i < 4; i++) identity += DIGITS.charAt(Math.floor(Math.random() * DIGITS.length));
    puck.clip = 0;
    puck.fingerprint = "";
    puck.written = [];
    save();
  }
  devices["d" + identity] = own;
}

// Look for the saved clips, so that a missing one shows at once.
function findRestored() {
  CORNERS.forEach(function (corner) {
    var one = picks[corner];
    if (!one || one.clip) return;
    findPick(newJob("restore"), one, showCorners);
  });
  if (!puck.clip && puck.fingerprint) enqueue(newJob("restore"), findPadClip);
}

function showAll() {
  show("seed", chosen.seed);
  layOut();
  showGenerate();
  showLight(0);
  showLocks();
  showKey(null);
  draw(["pad", "puck", puck.x, puck.y]);
  showCorners();
  showModels();
  showResult();
  findRestored();
}
