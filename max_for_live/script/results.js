// Results: clips created in free slots, their properties set, their notes written and read back. Clips are created and
// written only here; a clip that the musician made or edited is touched only by writeOver(), which is asked for. Buttons and
// the server must not be known. Where results go is chosen in destination.js.
//
// A clip is created, dressed and filled in one turn, and several in it where there is room, so that Live has few steps to
// undo; whether that worked is looked at in turns that only read. (Song.begin_undo_step is on no page of Live's object model,
// so it is not used.)

var NOTES_PER_CALL = 500; // of add_new_notes

// Write each clip of a reply, then go on. `place` is a track and the row of its first slot that may be used.
function writeResults(job, reply, names, then) {
  var left = names.map(function (name, index) { return newResult(job, reply, index, name); });
  job.total = reply.clips;
  writeSome();

  function writeSome() {
    if (!left.length) return enqueue(job, then || finishWithResults);
    enqueue(job, function () {
      var written = [];
      do {
        showProgress(job, job.made.length + job.failures.length + written.length + 1 + " of " + job.total + "…");
        if (!writeResult(job, left[0])) break;
        written.push(left.shift());
      } while (left.length && hasRoom() && written.length * left[0].wanted.length < NOTES_PER_CALL);
      enqueueEach(job, written, function (result) { checkResult(job, result); });
      enqueue(job, writeSome);
    });
  }
}

// A clip that is to be made: its properties, the notes it must hold, and what is tried to that end.
function newResult(job, reply, index, name) {
  var properties = propertiesOf(reply, index, job.parts, Music.mainSource(reply, index, job.parts));
  chosen.made++;
  properties.name = name + " #" + chosen.made;
  properties.isAuditioned = job.verb !== "keep" && job.to !== "arrangement";
  if (!properties.source) properties.color = job.place.color;
  return {
    properties: properties, wanted: Music.rebuild(reply, index, job.parts, properties.base), tried: null, slot: 0, clip: 0,
    name: properties.name,
  };
}

// The properties of a result: those of its source, with a loop as long as the result.
function propertiesOf(reply, index, parts, source) {
  var head = reply.headers[index], beats = Music.exactBeats(head.beats, parts), base = source ? source.base : 0;
  var properties = {
    source: source, base: base, beats: beats, name: "", color: source ? source.color : 0,
    looping: source ? source.looping : 1, groove: source ? source.groove : 0,
    signature_numerator: head.meter[0], signature_denominator: head.meter[1],
    loop_start: base, loop_end: base + beats, start_marker: base, end_marker: base + beats,
  };
  if (source && source.beats === beats) EDGES.forEach(function (edge) { properties[edge] = source[edge]; });
  return properties;
}

// Create, dress and fill a clip, in this turn; false if that goes on in the next.
function writeResult(job, result) {
  if (!result.slot) {
    result.slot = nextSlot(job, job.place);
    if (!result.slot) return false;
    createClip(result.slot, result.properties);
  }
  result.clip = goTo(result.slot) ? childId("clip") : 0;
  if (!result.clip && !result.isLate) return !(result.isLate = true); // a Live that takes a turn for it
  if (!result.clip) throw failure("Live did not create a clip in a free slot");
  job.unfinished.push(result.clip);
  setProperties(result.clip, result.properties);
  result.tried = fillClip(result.clip, result.wanted);
  return true;
}

// Read a clip back, mend what Live did otherwise, and keep it or delete it.
function checkResult(job, result) {
  writeNotes(job, result.clip, result.wanted, result.tried, function (found, problem) {
    if (problem) {
      job.failures.push(problem);
      return removeClip(job, result.clip);
    }
    job.made.push(newEntry(result.clip, result.name, found, result.properties));
    settle(job, result.clip);
  });
}

// What the history keeps of a clip that was made.
function newEntry(clip, name, notes, properties) {
  var before = properties.source ? properties.source.launch : { legato: 0, launch_quantization: 0 };
  return {
    clip: clip, name: name, fingerprint: Music.fingerprint(notes), notes: notes, isStarred: false, base: properties.base,
    beats: properties.beats, meter: [properties.signature_numerator, properties.signature_denominator],
    launch: properties.isAuditioned ? before : null,
  };
}

// A clip is whole: it stays if the job fails.
function settle(job, clip) { job.unfinished = job.unfinished.filter(function (other) { return other !== clip; }); }

// The next free slot of a place, in a new scene if there is none; 0 if it is to be looked for further in another step.
function nextSlot(job, place) {
  requireMidiTrack(place.track);
  var slots = childIds("clip_slots");
  place.row = Math.min(place.row, slots.length); // scenes may have been deleted since
  var end = Math.min(slots.length, place.row + READS_PER_STEP);
  while (place.row < end && !(goTo(slots[place.row]) && !getNumber("has_clip"))) place.row++;
  if (place.row < end) return slots[place.row++];
  if (place.row < slots.length) return 0;
  goTo("live_set");
  var before = childIds("scenes");
  if (place.isFull) throw failure("there is no free slot, and Live did not create a new scene");
  api.call("create_scene", -1);
  var scenes = childIds("scenes");
  if (scenes.length > before.length) job.scenes.push(scenes[scenes.length - 1]);
  else place.isFull = true;
  return 0;
}

function requireMidiTrack(track) {
  if (!goTo(track)) throw failure("the track was deleted");
  if (!getNumber("has_midi_input") || getNumber("is_foldable")) throw failure(getText("name") + " is not a MIDI track");
  if (getNumber("is_frozen")) throw failure("track " + getText("name") + " is frozen: unfreeze it first");
}

// The slot was seen to be empty in this same step, so nothing is overwritten. A result as long as its source starts as a
// copy of it, to keep what scripts cannot read or write: envelopes, launch settings, MPE of untouched notes.
function createClip(slot, properties) {
  var source = properties.source, isAlike = source && source.slot && source.beats === properties.beats && !properties.isBare;
  var canCopy = isAlike && goTo(source.slot) && childId("clip") === source.clip;
  if (canCopy) api.call("duplicate_clip_to", "id " + slot);
  if (goTo(slot) && !childId("clip")) api.call("create_clip", properties.beats);
}

// Set the properties that differ.
function setProperties(clip, properties) {
  requireClip(clip);
  Music.propertyChanges(readProperties(), properties).forEach(function (pair) { api.set(pair[0], pair[1]); });
  if (properties.isAuditioned) setLaunch(LAUNCH);
}

// Versions of Live differ in the arguments they accept. To add notes: an object, JSON text, or a Dict. To remove notes: a
// list of their ids; or remove all, after which those to keep are added again. callForm is the form in use.
var CALL_FORMS = { add: 3, remove: 2 };

var callForm = { add: 0, remove: 0 };

// Make the notes of a clip the wanted ones, as far as one turn goes. Returns what was tried.
function fillClip(clip, wanted) {
  requireClip(clip);
  return changeNotes(Music.compareNotes(readNotes(), wanted), wanted);
}

// Remove and add in one turn: what plays on must not miss a beat.
function changeNotes(difference, wanted) {
  var isAll = difference.remove.length > 0 && callForm.remove > 0;
  var add = isAll ? wanted.slice().sort(Music.byStart) : difference.add;
  var tried = { removed: {}, missing: add.length, form: { add: callForm.add, remove: callForm.remove } };
  difference.remove.forEach(function (n) { tried.removed[n.note_id] = true; });
  if (difference.remove.length) removeNotes(difference.remove);
  if (add.length) addNotes(add.slice(0, NOTES_PER_CALL));
  return tried;
}

// Give a clip the wanted notes: compare, change, compare again, until they agree. Then calls then(notes, problem), where
// problem is "" or a sentence. `tried` is what was done before, or null.
function writeNotes(job, clip, wanted, tried, then) {
  enqueue(job, step);

  function step() {
    requireClip(clip);
    var found = readNotes(), difference = Music.compareNotes(found, wanted);
    var problem = tried ? judge(found, difference, tried) : "";
    if (problem || !(difference.remove.length + difference.add.length)) return then(found, problem);
    tried = changeNotes(difference, wanted);
    enqueue(job, step);
  }
}

// What was tried had no effect: this Live needs another form. It had another effect than wanted: a sentence.
function judge(found, difference, tried) {
  var stays = difference.remove.some(function (n) { return tried.removed[n.note_id]; });
  var isUnheard = difference.add.length > 0 && difference.add.length >= tried.missing;
  if (difference.remove.length && !stays) return "Live changed one of its notes";
  if (stays) return nextForm("remove", found, tried);
  return isUnheard ? nextForm("add", found, tried) : "";
}

function nextForm(verb, found, tried) {
  if (callForm[verb] !== tried.form[verb]) return ""; // another clip of this turn has found the form
  callForm[verb] = (callForm[verb] + 1) % CALL_FORMS[verb];
  if (callForm[verb]) return "";
  return "Live did not accept " + (found.length ? "all of its notes" : "any notes from the device");
}

function addNotes(notes) {
  var given = { notes: notes.map(function (n) { return Music.copyNote(n, 0); }) };
  if (callForm.add === 0) return api.call("add_new_notes", given);
  if (callForm.add === 1) return api.call("add_new_notes", JSON.stringify(given));
  var dict = new Dict();
  dict.setparse("given", JSON.stringify(given));
  api.call("add_new_notes", dict.get("given"));
}

function removeNotes(notes) {
  if (callForm.remove === 0) api.call("remove_notes_by_id", notes.map(function (n) { return n.note_id; }));
  else api.call("remove_notes_extended", 0, 128, -ALL_BEATS, 2 * ALL_BEATS);
}

// Delete a clip that the job has created and not finished.
function removeClip(job, clip) {
  enqueue(job, function () {
    if (goTo(clip) && goUpTo("ClipSlot") && childId("clip") === clip) api.call("delete_clip");
    settle(job, clip);
  });
}
