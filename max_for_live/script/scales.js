// Scales and keys. Live shows the scale of a clip only while that clip is selected: Song.root_note, scale_name and scale_mode
// are those of the current scale, which in Live 12 is the selected clip's, and Clip has none of its own
// (docs.cycling74.com/apiref/lom/song, …/clip). So the scale of each clip is noted while it is selected.

var scales = {}; // by clip: { root, name, intervals, isOn }
var unknownKeys = {}; // names of scales that the server does not know

// A step that learns the scale of a clip that was never selected, as one that was chosen from a menu: the Clip View shows it
// for a moment.
function learnScale(job, clip) {
  if (liveVersion < 12 || scales[clip]) return;
  goTo("live_set view");
  var before = childId("detail_clip");
  if (before !== clip) setInView("detail_clip", clip);
  enqueue(job, function () {
    noteScale();
    if (before && before !== clip) setInView("detail_clip", before);
  });
}

// Note the scale of the selected clip. Where Live has one scale for all (11), nothing is noted.
function noteScale() {
  if (liveVersion < 12) return;
  goTo("live_set view");
  var clip = childId("detail_clip");
  if (clip) scales[clip] = same(scales[clip], readScale());
}

function readScale() {
  goTo("live_set");
  return {
    root: getNumber("root_note"), name: getText("scale_name"), intervals: getValues("scale_intervals"),
    isOn: liveVersion >= 12 && getNumber("scale_mode") > 0,
  };
}

function same(before, after) { return before && JSON.stringify(before) === JSON.stringify(after) ? before : after; }

// The key of a press: that which was chosen; else the scale of the clip that is its source, of A where there are several, where
// Scale Mode is on; else the server finds it in the music. A press without a source takes the scale that Live shows.
function readKey(job) {
  var choice = chosenKey(), source = job.parts[0], scale = null;
  if (!kindOf(job).follows_scale) return;
  if (choice === "live" || choice === "auto") {
    noteScale();
    if (liveVersion >= 12 && source && !scales[source.clip] && !source.key && !job.isKeySought) {
      job.isKeySought = true;
      enqueue(job, function () { learnScale(job, source.clip); });
      return enqueue(job, readKey);
    }
    scale = liveVersion < 12 || !source ? readScale() : scales[source.clip] || source.key;
  }
  job.key = { named: choice === "live" ? "auto" : choice };
  if (!scale || (choice === "auto" && !isInUse(scale))) return;
  var key = Music.keyNames(scale.root, scale.name, scale.intervals);
  job.key = unknownKeys[key.named] ? { named: key.spelled } : key;
}

// Live 11 does not tell whether its scale is in use and starts with C Major, so that one counts as none.
function isInUse(scale) { return liveVersion >= 12 ? scale.isOn : !(scale.root === 0 && scale.name === "Major"); }

function chosenKey() { return TABLE.controls.key.choices[Math.round(values.key)] || "auto"; }

function showKey(job) {
  var choice = chosenKey(), named = job && job.key ? job.key.named : choice === "live" ? "Live's Scale" : choice;
  showText("key_said", "Key: " + named.charAt(0).toUpperCase() + named.slice(1));
}
