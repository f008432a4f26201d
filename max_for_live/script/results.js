// Results: clips created in free slots, their properties set, their notes written and read back. Clips are created and
// written only here; a clip that the musician made or edited is never touched. Buttons and the server must not be known.

var NOTES_PER_CALL = 500; // of add_new_notes

// Write each clip of a reply, then end the press. A place is a track, and the row of its first slot that may be used.
function writeResults(job, reply, names) {
  job.total = reply.clips;
  enqueueEach(job, names, function (name, index) { writeResult(job, reply, index, name); });
  enqueue(job, finishWithResults);
}

function writeResult(job, reply, index, name) {
  var properties = propertiesOf(reply, index, job.parts, Music.mainSource(reply, index, job.parts));
  var wanted = Music.rebuild(reply, index, job.parts, properties.base);
  chosen.made++;
  properties.name = name + " #" + chosen.made;
  if (!properties.source) properties.color = job.place.color;
  showProgress(job, job.made.length + job.failures.length + 1 + " of " + job.total + "…");
  makeClip(job, job.place, properties, function (clip) {
    writeNotes(job, clip, wanted, function (found, problem) {
      if (problem) {
        job.failures.push(problem);
        return removeClip(job, clip);
      }
      job.made.push({ clip: clip, fingerprint: Music.fingerprint(found), name: properties.name });
      job.unfinishedClip = 0;
    });
  });
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

// Create a clip in the next free slot of a place; if there is none, in a new scene.
function makeClip(job, place, properties, then) {
  if (!goTo(place.track)) throw failure("the track was deleted");
  if (!getNumber("has_midi_input") || getNumber("is_foldable")) throw failure(getText("name") + " is not a MIDI track");
  if (getNumber("is_frozen")) throw failure("track " + getText("name") + " is frozen: unfreeze it first");
  var slots = childIds("clip_slots");
  place.row = Math.min(place.row, slots.length); // scenes may have been deleted since
  var end = Math.min(slots.length, place.row + READS_PER_STEP);
  while (place.row < end && !(goTo(slots[place.row]) && !getNumber("has_clip"))) place.row++;
  if (place.row < end) createClip(job, place, slots[place.row], properties, then);
  else if (place.row < slots.length) enqueue(job, again);
  else addScene(job, slots.length, again);

  function again() { makeClip(job, place, properties, then); }
}

function addScene(job, before, then) {
  goTo("live_set");
  api.call("create_scene", -1);
  job.unfinishedClip = -1; // not to be cancelled before undo knows the scene
  enqueue(job, function () {
    goTo("live_set");
    var scenes = childIds("scenes");
    job.unfinishedClip = 0;
    if (scenes.length <= before) throw failure("there is no free slot, and Live did not create a new scene");
    job.scenes.push(scenes[scenes.length - 1]);
    then();
  });
}

// The slot was seen to be empty in this same step, so nothing is overwritten. A result as long as its source starts as a
// copy of it, to keep what scripts cannot read or write: envelopes, launch settings, MPE of untouched notes.
function createClip(job, place, slot, properties, then) {
  var source = properties.source, isAlike = source && source.slot && source.beats === properties.beats && !properties.isBare;
  var canCopy = isAlike && goTo(source.slot) && childId("clip") === source.clip;
  job.unfinishedClip = -1; // its id can only be read in the next step
  if (canCopy) api.call("duplicate_clip_to", "id " + slot);
  else if (goTo(slot)) api.call("create_clip", properties.beats);
  enqueue(job, function () {
    var clip = goTo(slot) ? childId("clip") : 0;
    if (clip) {
      job.unfinishedClip = clip;
      place.row++;
      return setProperties(job, clip, properties, function () { then(clip); });
    }
    if (!canCopy) throw failure("Live did not create a clip in a free slot");
    properties.isBare = true;
    makeClip(job, place, properties, then);
  });
}

// Set the properties that differ, one write per step.
function setProperties(job, clip, properties, then) {
  requireClip(clip);
  enqueueEach(job, Music.propertyChanges(readProperties(), properties), function (pair) {
    requireClip(clip);
    api.set(pair[0], pair[1]);
  });
  enqueue(job, then);
}

// Versions of Live differ in the arguments they accept. To add notes: an object, JSON text, or a Dict. To remove notes: a
// list of their ids; or remove all, after which those to keep are added again. callForm is the form in use.
var CALL_FORMS = { add: 3, remove: 2 };

var callForm = { add: 0, remove: 0 };

// Give a clip of ours the wanted notes: compare, make one change, compare again, until they agree. Then calls
// then(notes, problem), where problem is "" or a sentence. Does nothing if the first notes do not pass `isOurs`, if given.
function writeNotes(job, clip, wanted, then, isOurs) {
  var did = "", left = "";

  function step() {
    requireClip(clip);
    var found = readNotes(), difference = Music.compareNotes(found, wanted);
    if (!did && isOurs && !isOurs(found)) return;
    var size = difference.remove.length + "/" + difference.add.length;
    if (size === "0/0") return then(found, "");
    if (did === "add" && difference.remove.length) return then(found, "Live changed one of its notes");
    if (did && size === left) callForm[did]++; // no effect: this Live needs another form
    did = difference.remove.length ? "remove" : "add";
    left = size;
    if (callForm[did] === CALL_FORMS[did]) {
      callForm[did] = 0;
      return then(found, "Live did not accept " + (found.length ? "all of its notes" : "any notes from the device"));
    }
    if (did === "remove") removeNotes(difference.remove);
    else addNotes(difference.add.slice(0, NOTES_PER_CALL));
    enqueue(job, step);
  }

  step();
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
    job.unfinishedClip = 0;
  });
}
