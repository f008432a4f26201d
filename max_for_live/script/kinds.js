// Kinds of clips, drums or notes: all that the script knows of what models are for. What differs between kinds stands in
// TABLE.kinds, which families.py makes; nothing elsewhere asks whether something is drums. Which model makes the clips, and
// how, only the server knows.

// The kind of a job's clips: that of clips on a track with a Drum Rack, or that of others.
function kindOf(p) {
  return TABLE.kinds.filter(function (kind) { return kind.has_drum_rack === Boolean(p.hasDrumRack); })[0];
}

// The kind to ask for: where there are clips and no Drum Rack, the server tells by the notes.
function kindToAsk(p) { return p.hasDrumRack || !p.parts.length ? kindOf(p).name : ""; }

// See whether a track has a Drum Rack, also within Racks: then clips are drums, and its pads say which note is what.
function hearTrack(p, track, notes) {
  var rack = findDrumRack(track), pitches = [];
  p.hasDrumRack = p.hasDrumRack !== false && rack > 0;
  notes.forEach(function (n) { if (pitches.indexOf(n.pitch) < 0) pitches.push(n.pitch); });
  if (rack) readPads(p, rack, pitches);
}

function findDrumRack(track) {
  var devices = go(track) ? ids("devices") : [];
  for (var i = 0; i < devices.length && i < GETS / 2; i++) {
    if (!go(devices[i])) continue;
    if (number("can_have_drum_pads")) return devices[i];
    if (!number("can_have_chains")) continue;
    ids("chains").forEach(function (chain) { if (go(chain)) devices = devices.concat(ids("devices")); });
  }
  return 0;
}

function readPads(p, rack, pitches) {
  if (!go(rack)) return;
  var pads = ids("drum_pads");
  pitches.slice(0, GETS).forEach(function (pitch) {
    var voice = go(pads[pitch]) ? Music.voiceOf(text("name"), TABLE.drum_words) : "";
    if (voice && !p.pads[pitch]) p.pads[pitch] = voice;
  });
  if (pitches.length > GETS) later(p, function () { readPads(p, rack, pitches.slice(GETS)); });
}

function padsText(pads) {
  return Object.keys(pads).reduce(function (said, pitch) {
    var longer = said + (said ? "," : "") + pitch + ":" + pads[pitch];
    return longer.length <= 200 ? longer : said;
  }, "");
}
