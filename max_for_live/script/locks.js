// Locks: what of the source stays as it is. Single drum voices are shown by the names of the Drum Rack's pads. Which notes are
// selected is read from the source at the press, and the stretch of time is the one that the selected notes span: Live's
// object model has no time selection (Clip.View knows only the grid), but selecting time in the note editor selects its notes.

var shownVoices = []; // the names of what the toggles stand for, of those that are in sight

function readLocks(job) {
  var source = job.parts[0];
  if (!values.lock_notes && !values.lock_time) return;
  var places = selectedNotes(source), chosen = places.map(function (i) { return source.notes[i]; });
  if (values.lock_time && !chosen.length) throw failure("select a stretch in the clip first: what lies in it stays");
  if (values.lock_time) job.lockedBeats = Music.stretchOf(chosen, source.base);
  if (!values.lock_notes) return;
  if (places.length === 1) places.push(places[0]); // "3" would be sent as a number
  if (places.join(",").length > 200) throw failure("too many notes are selected to lock: lock rhythm or pitch instead");
  job.lockedNotes = places.join(",");
}

// The indices of the selected notes of a clip.
function selectedNotes(part) {
  requireClip(part.clip);
  var found = Music.parseNotes(api.call("get_selected_notes_extended")) || [], isSelected = {}, places = [];
  found.forEach(function (n) { isSelected[n.note_id] = true; });
  part.notes.forEach(function (n, i) { if (isSelected[n.note_id]) places.push(i); });
  return places;
}

// The voices that are lit, of those that a press's clips have: they are locked, or all others are.
function litVoicesOf(job) {
  var have = Object.keys(job.pads).map(function (pitch) { return job.pads[pitch]; });
  return TABLE.voices.reduce(function (locked, voices, i) { return locked.concat(isLocked(i) ? voices : []); }, [])
    .filter(function (voice) { return have.indexOf(voice) >= 0; }).join(",");
}

function isLocked(i) { return values["voice_" + (i + 1)] > 0; }

// Show the voices that a clip has, by the names of its pads.
function showVoices(job, notes) {
  var pitches = [];
  notes.forEach(function (n) { if (pitches.indexOf(n.pitch) < 0) pitches.push(n.pitch); });
  pitches.sort(function (a, b) { return a - b; });
  shownVoices = TABLE.voices.map(function (voices, i) {
    var own = pitches.filter(function (pitch) { return voices.indexOf(job.pads[pitch]) >= 0; });
    var name = own.map(function (pitch) { return job.padNames[pitch]; }).join(", ");
    setAbsent("voice_" + (i + 1), !name);
    if (name) showText("voice_" + (i + 1), name);
    return name;
  });
  setAbsent("voice_hint", shownVoices.some(Boolean));
  setAbsent("only", !shownVoices.some(Boolean));
  layOut();
  showLocks();
}

function chooseLock(v, control) {
  storeValue(v, control);
  showLocks();
}

function showLocks() {
  var said = shownVoices.filter(function (name, i) { return name && isLocked(i); });
  ["rhythm", "pitch", "velocity", "notes", "time"].forEach(function (what) {
    if (values["lock_" + what]) said.push(what === "notes" || what === "time" ? "selected " + what : what);
  });
  var isOnly = values.only > 0 && shownVoices.some(function (name, i) { return name && isLocked(i); });
  showText("locks_said", (isOnly ? "Only: " : "Lock: ") + (said.join(", ") || "Nothing"));
}
