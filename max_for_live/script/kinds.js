// Kinds of clips, drums or notes: all that the script knows about families of models. How kinds differ is in
// TABLE.kinds, made by families.py. No other file may ask whether a clip is drums; which model fits, the server decides.

// The kind of a job's clips, by whether their tracks have a Drum Rack.
function kindOf(job) {
  return TABLE.kinds.filter(function (kind) { return kind.has_drum_rack === Boolean(job.hasDrumRack); })[0];
}

// The kind to put into a request. Without a Drum Rack, the server finds out from the notes, if there are any.
function kindToRequest(job) { return job.hasDrumRack || !job.parts.length ? kindOf(job).name : ""; }

// The kind of a clip that is only heard.
function kindOfTrack(track) {
  var hasRack = findDrumRack(track) > 0;
  return TABLE.kinds.filter(function (kind) { return kind.has_drum_rack === hasRack; })[0].name;
}

// Look for a Drum Rack on a track, also within Racks; the names of its pads tell which drum each note is.
function readKind(job, track, notes) {
  var rack = findDrumRack(track), pitches = [];
  job.hasDrumRack = job.hasDrumRack !== false && rack > 0;
  notes.forEach(function (n) { if (pitches.indexOf(n.pitch) < 0) pitches.push(n.pitch); });
  if (rack) readPads(job, rack, pitches);
}

function findDrumRack(track) {
  var devices = goTo(track) ? childIds("devices") : [];
  for (var i = 0; i < devices.length && i < READS_PER_STEP / 2; i++) {
    if (!goTo(devices[i])) continue;
    if (getNumber("can_have_drum_pads")) return devices[i];
    if (!getNumber("can_have_chains")) continue;
    childIds("chains").forEach(function (chain) { if (goTo(chain)) devices = devices.concat(childIds("devices")); });
  }
  return 0;
}

function readPads(job, rack, pitches) {
  if (!goTo(rack)) return;
  var pads = childIds("drum_pads");
  pitches.slice(0, READS_PER_STEP).forEach(function (pitch) {
    if (job.padNames[pitch] || !goTo(pads[pitch])) return;
    var name = getText("name"), voice = Music.voiceOf(name, TABLE.drum_words);
    job.padNames[pitch] = name;
    if (voice) job.pads[pitch] = voice;
  });
  if (pitches.length > READS_PER_STEP) enqueue(job, function () { readPads(job, rack, pitches.slice(READS_PER_STEP)); });
}

function formatPads(pads) {
  return Object.keys(pads).reduce(function (said, pitch) {
    var longer = said + (said ? "," : "") + pitch + ":" + pads[pitch];
    return longer.length <= 200 ? longer : said;
  }, "");
}
