// Results: clips made in free slots, their look set and their notes written, each read back. All that is written into a
// clip is written here. Nothing knows the server, or which button was pressed.

var NOTES_PER_CALL = 500; // notes of one add_new_notes

// Write each clip of a reply, then say so. A place is a track, and the row from which on its slots may be taken.
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

// How a result looks: as its source, with a loop as long as the result.
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

// Make a clip in the next free slot of a place; where there is none, in a new scene.
function makeClip(job, place, properties, then) {
  if (!goTo(place.track)) throw failure("the track is gone");
  if (!getNumber("has_midi_input") || getNumber("is_foldable")) throw failure(getText("name") + " is no MIDI track");
  if (getNumber("is_frozen")) throw failure("track " + getText("name") + " is frozen: unfreeze it first");
  var slots = childIds("clip_slots");
  place.row = Math.min(place.row, slots.length); // scenes may have gone meanwhile
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
  job.unfinishedClip = -1; // until it is noted for undo
  enqueue(job, function () {
    goTo("live_set");
    var scenes = childIds("scenes");
    job.unfinishedClip = 0;
    if (scenes.length <= before) throw failure("there is no free slot, and Live makes no new scene");
    job.scenes.push(scenes[scenes.length - 1]);
    then();
  });
}

// The slot is empty in this very turn, so nothing is overwritten. A result as long as its source begins as a copy of
// it: so it keeps what no one can read and write, envelopes, launch settings and the MPE of untouched notes.
function createClip(job, place, slot, properties, then) {
  var source = properties.source, isAlike = source && source.slot && source.beats === properties.beats && !properties.isBare;
  var canCopy = isAlike && goTo(source.slot) && childId("clip") === source.clip;
  job.unfinishedClip = -1; // its id can be read in the next step
  if (canCopy) api.call("duplicate_clip_to", "id " + slot);
  else if (goTo(slot)) api.call("create_clip", properties.beats);
  enqueue(job, function () {
    var clip = goTo(slot) ? childId("clip") : 0;
    if (clip) {
      job.unfinishedClip = clip;
      place.row++;
      return setProperties(job, clip, properties, function () { then(clip); });
    }
    if (!canCopy) throw failure("Live made no clip in a free slot");
    properties.isBare = true;
    makeClip(job, place, properties, then);
  });
}

// Set what a clip does not have yet, one write a step.
function setProperties(job, clip, properties, then) {
  requireClip(clip);
  enqueueEach(job, Music.propertyChanges(readProperties(), properties), function (pair) {
    requireClip(clip);
    api.set(pair[0], pair[1]);
  });
  enqueue(job, then);
}

// Which way of saying it this Live understands. To add notes: a plain object, JSON, a Dict. To remove them: a list of
// their ids, or all notes at once, of which those that are to stay are added again.
var CALL_FORMS = { add: 3, remove: 2 };

var callForm = { add: 0, remove: 0 };

// Make the notes of a clip of ours the wanted ones: look, do one thing, look again, until they are. `then` hears what
// is there in the end, and a problem where it is not as wanted. What is there at first must pass `isOurs`, if given.
function writeNotes(job, clip, wanted, then, isOurs) {
  var did = "", left = "";

  function step() {
    requireClip(clip);
    var found = readNotes(), difference = Music.compareNotes(found, wanted);
    if (!did && isOurs && !isOurs(found)) return;
    var size = difference.remove.length + "/" + difference.add.length;
    if (size === "0/0") return then(found, "");
    if (did === "add" && difference.remove.length) return then(found, "Live changed a note of it");
    if (did && size === left) callForm[did]++; // nothing has come of it: this Live wants it said in another way
    did = difference.remove.length ? "remove" : "add";
    left = size;
    if (callForm[did] === CALL_FORMS[did]) {
      callForm[did] = 0;
      return then(found, "Live takes " + (found.length ? "not all notes of it" : "no notes from the device"));
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

// Delete a clip that the job has made and not finished.
function removeClip(job, clip) {
  enqueue(job, function () {
    if (goTo(clip) && goUpTo("ClipSlot") && childId("clip") === clip) api.call("delete_clip");
    job.unfinishedClip = 0;
  });
}
