// Results: clips made in free slots, their look set and their notes written, each read back. All that is written into a
// clip is written here. Nothing knows the server, or which button was pressed.

var BATCH = 500; // notes of one add_new_notes

// Write each clip of a reply, then say so. A place is a track, and the row from which on its slots may be taken.
function writeResults(p, reply, names) {
  p.wanted = reply.clips;
  laterEach(p, names, function (name, index) { writeResult(p, reply, index, name); });
  later(p, conclude);
}

function writeResult(p, reply, index, name) {
  var look = lookOf(reply, index, p.parts, Music.mainPart(reply, index, p.parts));
  var wanted = Music.rebuild(reply, index, p.parts, look.base);
  chosen.made++;
  look.name = name + " #" + chosen.made;
  if (!look.source) look.color = p.place.color;
  tell(p, p.made.length + p.failures.length + 1 + " of " + p.wanted + "…");
  makeClip(p, p.place, look, function (clip) {
    fill(p, clip, wanted, function (found, problem) {
      if (problem) {
        p.failures.push(problem);
        return removeClip(p, clip);
      }
      p.made.push({ clip: clip, print: Music.fingerprint(found), name: look.name });
      p.unfinished = 0;
    });
  });
}

// How a result looks: as its source, with a loop as long as the result.
function lookOf(reply, index, parts, source) {
  var head = reply.heads[index], beats = Music.exactBeats(head.beats, parts), base = source ? source.base : 0;
  var look = {
    source: source, base: base, beats: beats, name: "", color: source ? source.color : 0,
    looping: source ? source.looping : 1, groove: source ? source.groove : 0,
    signature_numerator: head.meter[0], signature_denominator: head.meter[1],
    loop_start: base, loop_end: base + beats, start_marker: base, end_marker: base + beats,
  };
  if (source && source.beats === beats) EDGES.forEach(function (edge) { look[edge] = source[edge]; });
  return look;
}

// Make a clip in the next free slot of a place; where there is none, in a new scene.
function makeClip(job, place, look, then) {
  if (!go(place.track)) throw sorry("the track is gone");
  if (!number("has_midi_input") || number("is_foldable")) throw sorry(text("name") + " is no MIDI track");
  if (number("is_frozen")) throw sorry("track " + text("name") + " is frozen: unfreeze it first");
  var slots = ids("clip_slots");
  place.row = Math.min(place.row, slots.length); // scenes may have gone meanwhile
  var end = Math.min(slots.length, place.row + GETS);
  while (place.row < end && !(go(slots[place.row]) && !number("has_clip"))) place.row++;
  if (place.row < end) createClip(job, place, slots[place.row], look, then);
  else if (place.row < slots.length) later(job, again);
  else addScene(job, slots.length, again);

  function again() { makeClip(job, place, look, then); }
}

function addScene(job, before, then) {
  go("live_set");
  cursor.call("create_scene", -1);
  job.unfinished = -1; // until it is noted for undo
  later(job, function () {
    go("live_set");
    var scenes = ids("scenes");
    job.unfinished = 0;
    if (scenes.length <= before) throw sorry("there is no free slot, and Live makes no new scene");
    job.scenes.push(scenes[scenes.length - 1]);
    then();
  });
}

// The slot is empty in this very turn, so nothing is overwritten. A result as long as its source begins as a copy of
// it: so it keeps what no one can read and write, envelopes, launch settings and the MPE of untouched notes.
function createClip(job, place, slot, look, then) {
  var source = look.source, isAlike = source && source.slot && source.beats === look.beats && !look.isBare;
  var canCopy = isAlike && go(source.slot) && child("clip") === source.clip;
  job.unfinished = -1; // its id can be read in the next step
  if (canCopy) cursor.call("duplicate_clip_to", "id " + slot);
  else if (go(slot)) cursor.call("create_clip", look.beats);
  later(job, function () {
    var clip = go(slot) ? child("clip") : 0;
    if (clip) {
      job.unfinished = clip;
      place.row++;
      return dress(job, clip, look, function () { then(clip); });
    }
    if (!canCopy) throw sorry("Live made no clip in a free slot");
    look.isBare = true;
    makeClip(job, place, look, then);
  });
}

// Set what a clip does not have yet, one write a step.
function dress(job, clip, look, then) {
  needClip(clip);
  laterEach(job, Music.dressing(readLook(), look), function (pair) {
    needClip(clip);
    cursor.set(pair[0], pair[1]);
  });
  later(job, then);
}

// Which way of saying it this Live understands. To add notes: a plain object, JSON, a Dict. To remove them: a list of
// their ids, or all notes at once, of which those that are to stay are added again.
var WAYS = { add: 3, remove: 2 };

var ways = { add: 0, remove: 0 };

// Make the notes of a clip of ours the wanted ones: look, do one thing, look again, until they are. `then` hears what
// is there in the end, and a problem where it is not as wanted. What is there at first must pass `isOurs`, if given.
function fill(job, clip, wanted, then, isOurs) {
  var did = "", left = "";

  function look() {
    needClip(clip);
    var found = readNotes(), difference = Music.compareNotes(found, wanted);
    if (!did && isOurs && !isOurs(found)) return;
    var size = difference.remove.length + "/" + difference.add.length;
    if (size === "0/0") return then(found, "");
    if (did === "add" && difference.remove.length) return then(found, "Live changed a note of it");
    if (did && size === left) ways[did]++; // nothing has come of it: this Live wants it said in another way
    did = difference.remove.length ? "remove" : "add";
    left = size;
    if (ways[did] === WAYS[did]) {
      ways[did] = 0;
      return then(found, "Live takes " + (found.length ? "not all notes of it" : "no notes from the device"));
    }
    if (did === "remove") removeNotes(difference.remove);
    else addNotes(difference.add.slice(0, BATCH));
    later(job, look);
  }

  look();
}

function addNotes(notes) {
  var given = { notes: notes.map(function (n) { return Music.copyNote(n, 0); }) };
  if (ways.add === 0) return cursor.call("add_new_notes", given);
  if (ways.add === 1) return cursor.call("add_new_notes", JSON.stringify(given));
  var dict = new Dict();
  dict.setparse("given", JSON.stringify(given));
  cursor.call("add_new_notes", dict.get("given"));
}

function removeNotes(notes) {
  if (ways.remove === 0) cursor.call("remove_notes_by_id", notes.map(function (n) { return n.note_id; }));
  else cursor.call("remove_notes_extended", 0, 128, -FAR, 2 * FAR);
}

// Delete a clip that the job has made and not finished.
function removeClip(job, clip) {
  later(job, function () {
    if (go(clip) && climb("ClipSlot") && child("clip") === clip) cursor.call("delete_clip");
    job.unfinished = 0;
  });
}
