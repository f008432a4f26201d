// Corners: the clips at the corners of the pad; A and B are also the ends of a morph. A corner is armed, and the clip that is
// clicked next, anywhere in the set, becomes it; or it is chosen from the menus in menus.js. A corner follows its clip.
//
// Picks must not need Live's selection at the press: Device View shows the devices of the selected track only, so a click on
// a clip of another track takes the device out of sight. What is clicked, the observer of detail_clip in selection.js tells.

var CORNERS = ["a", "b", "c", "d"];
var FOLLOW_MS = 1000; // between two looks at the picked clips

var picks = { a: null, b: null, c: null, d: null };
var armed = ""; // the corner that takes the next clip, or ""

function pressPick(corner) {
  if (!hasBegun) return showStatus("Live is still loading");
  enqueue(newJob("pick"), function () {
    var clip = selectedMidiClip();
    if (armed !== corner) return arm(corner, clip);
    armed = "";
    if (!clip) return showCorners();
    if (picks[corner] && picks[corner].clip === clip) empty(corner);
    else pick(corner, clip);
  });
}

function arm(corner, clip) {
  var name = goTo(clip) ? getText("name") || "this clip" : "", letter = corner.toUpperCase();
  var isOwn = picks[corner] && picks[corner].clip === clip;
  armed = corner;
  selected.clip = clip; // an observer may tell of the last click only now
  showCorners();
  fillTracks();
  showStatus(letter + ": click a clip" + (name ? ", or " + letter + " again to " + (isOwn ? "empty it" : "take " + name) : ""));
}

function empty(corner) {
  picks[corner] = null;
  changePalette();
  showStatus(corner.toUpperCase() + " is empty");
}

// A step that puts a clip at a corner.
function pick(corner, clip) {
  var part = readClip(clip);
  noteScale();
  picks[corner] = newPick(part);
  armed = "";
  changePalette();
  showStatus(corner.toUpperCase() + " is " + (part.name || "this clip"));
}

function changePalette() {
  puck.path = [];
  puck.palette = null;
  showCorners();
  drawTrail();
  save();
}

// A clip was clicked: it is what the armed corner waits for.
function takeSelected(clip) { if (armed && clip) pick(armed, clip); }

function pressSwap() {
  var a = picks.a;
  picks.a = picks.b;
  picks.b = a;
  changePalette();
}

// What is remembered of a part, or of a pick that was saved.
function newPick(part) {
  return {
    clip: part.clip, path: part.path, name: Music.shortName(part.name), fingerprint: part.fingerprint, color: part.color,
    trackName: part.trackName || "", key: scales[part.clip] || null, isLost: false,
  };
}

function showCorners() {
  CORNERS.forEach(function (corner, i) {
    var one = picks[corner], letter = corner.toUpperCase(), color = one ? one.color : 0;
    var state = armed === corner ? 2 : !one ? 0 : one.isLost ? 3 : 1;
    var name = !one ? "" : one.isLost ? "gone: " + one.name : one.name || "clip";
    draw(["pad", "corner", i, (color >> 16) & 255, (color >> 8) & 255, color & 255, state, name]);
    showText("pick_" + corner, letter + "  " + (state === 2 ? "click a clip" : name || "pick a clip"));
    show("pick_" + corner, state === 2 ? 1 : 0);
    outlet(CONTROLS_OUT, ["swatch_" + corner, "bgfillcolor"].concat(shares(color), state === 1 ? 1 : 0));
  });
  var isReady = picks.a && picks.b && !picks.a.isLost && !picks.b.isLost;
  draw(["pad", "locked", isReady ? 0 : 1]);
  draw(isReady ? ["pad", "says"] : ["pad", "says", "pick clips A and B"]);
}

// A colour as three numbers from 0 to 1.
function shares(color) { return [16, 8, 0].map(function (bits) { return ((color >> bits) & 255) / 255; }); }

// Look at the picked clips now and then: they may be renamed, moved or deleted.
function followCorners() {
  schedule("follow", FOLLOW_MS, followCorners);
  if (openPresses().length || queue.length) return;
  enqueue(newJob("follow"), function () {
    var hasChanged = false;
    noteScale();
    CORNERS.forEach(function (corner) {
      var one = picks[corner], isThere = one && one.clip && goTo(one.clip);
      if (!one || (one.isLost && !isThere)) return;
      if (!isThere) return lose(corner);
      var name = Music.shortName(getText("name")), color = getNumber("color"), path = currentPath();
      var key = scales[one.clip] || one.key;
      if (name === one.name && color === one.color && path === one.path && key === one.key && !one.isLost) return;
      one.name = name;
      one.color = color;
      one.path = path;
      one.key = key;
      one.isLost = false;
      hasChanged = true;
    });
    if (!hasChanged) return;
    showCorners();
    save();
  });
}

// The clip of a corner is not there any more: look for it elsewhere, once. (What comes back by undo has another id.)
function lose(corner) {
  var one = picks[corner];
  one.clip = 0;
  findPick(newJob("find"), one, function () {
    if (picks[corner] !== one) return;
    showCorners();
    save();
    if (one.isLost) showStatus("clip " + corner.toUpperCase() + " (" + one.name + ") is gone: pick another one");
  });
}

// The step that reads a picked clip, as it is now.
function readPick(corner) {
  return function (job) {
    var one = picks[corner], letter = corner.toUpperCase(), wasLost = one && one.isLost;
    if (!one) throw failure("pick clip " + letter + " first");
    findPick(job, one, function () {
      if (one.isLost) {
        showCorners();
        throw failure("clip " + letter + " (" + one.name + ") is not where it was: pick it again");
      }
      var part = readClip(one.clip);
      picks[corner] = newPick(part);
      picks[corner].key = scales[part.clip] || one.key;
      part.key = picks[corner].key;
      if (wasLost) showCorners();
      job.parts.push(part);
    });
  };
}

// Find a picked clip: by its id; after the set was opened again by its place and its notes; then anywhere by its name and its
// notes; then at its place, where clip and track have its names: it was edited since. Else it is lost. then() runs in a step.
function findPick(job, one, then) {
  if (one.clip && goTo(one.clip)) return found(Number(api.id));
  var atPlace = goTo(one.path) && api.type === "Clip" && getNumber("is_midi_clip") ? Number(api.id) : 0;
  if (atPlace && isItself(atPlace)) return found(atPlace);
  var name = atPlace && goTo(atPlace) ? Music.shortName(getText("name")) : "";
  var isEdited = name === one.name && name !== "" && one.trackName && goUpTo("Track") && getText("name") === one.trackName;
  searchClips(job, isLike, function (clip) { found(clip || (isEdited && goTo(atPlace) ? atPlace : 0)); });

  function isLike(clip) { return Music.shortName(getText("name")) === one.name && isItself(clip); }
  function isItself(clip) { return goTo(clip) && Music.fingerprint(readNotes()) === one.fingerprint; }

  function found(clip) {
    one.clip = clip;
    one.isLost = !clip;
    if (clip && goTo(clip)) {
      one.path = currentPath();
      one.color = getNumber("color");
      one.name = Music.shortName(getText("name"));
    }
    then();
  }
}

// Look through all MIDI clips of the set, few in each step; then(clip) with the first that fits, or 0.
function searchClips(job, fits, then) {
  goTo("live_set");
  var tracks = childIds("tracks"), at = 0, left = [], result = 0;
  enqueue(job, look);

  function look() {
    for (var i = 0; i < READS_PER_STEP / 2 && !result; i++) {
      while (!left.length && at < tracks.length) left = clipPlaces(tracks[at++]);
      if (!left.length) break;
      var clip = left.shift()();
      if (clip && goTo(clip) && getNumber("is_midi_clip") && fits(clip)) result = clip;
    }
    if (result || (!left.length && at >= tracks.length)) return then(result);
    enqueue(job, look);
  }

  // The places of a track where clips may be, each as a function that gives the clip's id or 0.
  function clipPlaces(track) {
    if (!goTo(track) || !getNumber("has_midi_input")) return [];
    var inSlots = childIds("clip_slots").map(function (slot) {
      return function () { return goTo(slot) ? childId("clip") : 0; };
    });
    return inSlots.concat(childIds("arrangement_clips").map(function (clip) { return function () { return clip; }; }));
  }
}
