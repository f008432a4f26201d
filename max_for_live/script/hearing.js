// Hearing a clip at once, in time and without a gap: launching it in place of what its track plays. What is heard is chosen
// in history.js and puck.js.
//
// A clip with Legato takes over the play position of the clip that played on its track, and with a Launch Quantization of
// None at once (Ableton's manual, Launching Clips). Both are properties of clips (docs.cycling74.com/apiref/lom/clip);
// ClipSlot.fire has no documented argument for Legato. Each change of them is a step of Live's undo history, so clips that are
// made to be chosen by ear have both from the turn on in which they are made, until they are kept. To the musician's own clips
// they are lent: set, and put back as soon as the clip plays.

var RESTORE_MS = 300; // until a clip that was fired surely plays
var LAUNCH = { legato: 1, launch_quantization: 1 };
var AT_BAR = { launch_quantization: 0 }; // the set's own; without a clip before it there is no place to take over

var lent = {}; // launch settings to be put back, by clip: [[name, value], …]

// The step that launches a clip, unless it plays already. Where its track plays nothing it is launched as the musician's own
// launching would: at the launch quantization, and while the transport stands at once, which starts it.
function hear(clip) {
  if (!goTo(clip) || getNumber("is_playing")) return;
  var slot = goUpTo("ClipSlot") ? Number(api.id) : 0;
  if (!slot || !goUpTo("Track")) return;
  var isBusyTrack = getNumber("playing_slot_index") >= 0, isRunning = goTo("live_set") && getNumber("is_playing");
  goTo(clip);
  if (isRunning && isBusyTrack) lend(clip, LAUNCH);
  else if (isRunning && isAuditioned(clip)) lend(clip, AT_BAR);
  api.call("fire");
}

function isAuditioned(clip) {
  return clip === puck.clip || history.presses.some(function (press) {
    return press.made.some(function (entry) { return entry.clip === clip && entry.launch; });
  });
}

function lend(clip, settings) {
  var before = Object.keys(settings).map(function (name) { return [name, getNumber(name)]; });
  var changed = before.filter(function (pair) { return pair[1] !== settings[pair[0]]; });
  if (!changed.length && !lent[clip]) return;
  changed.forEach(function (pair) { api.set(pair[0], settings[pair[0]]); });
  if (!lent[clip]) lent[clip] = changed;
  putBackLater(clip);
}

function putBackLater(clip) {
  schedule("put back " + clip, RESTORE_MS, function () { enqueue(newJob("launch"), function () { putBack(clip); }); });
}

function putBack(clip) {
  var pairs = lent[clip] || [];
  if (goTo(clip) && getNumber("is_triggered")) return putBackLater(clip); // it waits for its bar
  delete lent[clip];
  if (goTo(clip)) pairs.forEach(function (pair) { api.set(pair[0], pair[1]); });
}

// Give the current clip launch settings: LAUNCH, or those of its source.
function setLaunch(settings) { Object.keys(settings).forEach(function (name) { api.set(name, settings[name]); }); }

// A clip that is kept is launched as its source is.
function endAudition(entry) {
  if (entry.launch && goTo(entry.clip)) setLaunch(entry.launch);
  entry.launch = null;
}

// Hear one clip, and go on once it surely plays.
function hearThen(job, clip, then) {
  enqueue(job, function () { hear(clip); });
  enqueue(job, function () {
    schedule("heard " + clip, RESTORE_MS + 4 * TICK_MS, function () { enqueue(job, then); });
  });
}
