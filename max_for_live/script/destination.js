// Where results go: into free slots below their source, onto a new track, in place of the source, or into the Arrangement;
// and the words that say so. How a clip is written is in results.js, how it is taken back in history.js.

var DESTINATIONS = ["below", "new track", "replace", "arrangement"];

function destination() { return DESTINATIONS[Math.round(values.to)] || "below"; }

// Results go into the slots below the source clip; for a clip in the Arrangement, from the selected scene on.
function placeBelow(part) { return { track: part.track, row: part.firstRow, color: part.color }; }

// The step that prepares the place of a press whose sources are read, or whose slot is found.
function prepareDestination(job) {
  job.to = destination();
  if (job.parts.length) job.place = placeBelow(job.parts[0]);
  if (job.to === "new track") makeTrack(job);
  if (job.to !== "replace") return;
  if (job.verb === "vary") job.count = 1; // one clip has one place
  else job.to = "below";
  job.isNoReplacing = job.verb !== "vary";
}

// A new track, right of that of the source; without an instrument, which no script can add.
function makeTrack(job) {
  requireMidiTrack(job.place.track);
  var name = getText("name") + " ideas", color = getNumber("color");
  goTo("live_set view");
  var shown = childId("selected_track");
  goTo("live_set");
  var before = childIds("tracks");
  api.call("create_midi_track", before.indexOf(job.place.track) + 1);
  var track = childIds("tracks").filter(function (id) { return before.indexOf(id) < 0; })[0] || 0;
  if (!goTo(track)) throw failure("Live did not create a new track");
  api.set("name", name);
  api.set("color", color);
  job.newTrack = { track: track, name: name };
  enqueue(job, function () { showAgain(shown); });
  job.place = { track: track, row: Math.max(0, job.place.row - 1), color: job.place.color };
}

// Should Live have selected the new track, the device would be out of sight.
function showAgain(track) {
  goTo("live_set view");
  if (childId("selected_track") !== track) setInView("selected_track", track);
}

// Write what a press has made to where it belongs, and end it.
function placeResults(job, reply, names) {
  if (job.to === "replace") return replaceSource(job, reply);
  if (job.to === "arrangement") return writeResults(job, reply, names, function () { layOutArrangement(job); });
  writeResults(job, reply, names);
}

// In place of the source

// Keep a copy of the source in a free slot, then write the result into the source clip, which plays on. Only now, after a
// look whether the copy is whole, a clip of the musician's is changed: they chose to have it replaced.
function replaceSource(job, reply) {
  var source = job.parts[0], properties = propertiesOf(reply, 0, job.parts, source), kept = job.kept;
  var wanted = Music.rebuild(reply, 0, job.parts, properties.base), own = job.target || source;
  job.total = 1;
  if (kept) return enqueue(job, write);
  if (!source.slot) return keepArranged(job, source, write);
  kept = { properties: keptProperties(source), wanted: source.notes, tried: null, slot: 0, clip: 0, name: source.name };
  enqueue(job, keep);

  function keep() {
    if (!writeResult(job, kept)) return enqueue(job, keep);
    writeNotes(job, kept.clip, source.notes, kept.tried, function (found, problem) {
      if (problem) throw failure("the source could not be kept, so it was not replaced: " + problem);
      settle(job, kept.clip);
      job.kept = { clip: kept.clip, name: kept.name, fingerprint: Music.fingerprint(found) };
      write();
    });
  }

  function write() {
    requireClip(own.clip);
    if (Music.fingerprint(readNotes()) !== own.fingerprint) throw failure("the clip was edited meanwhile: it stays as it is");
    writeOver(job, own.clip, wanted, function (found, problem) {
      if (problem) job.failures.push(problem);
      job.made.push(theirs(newEntry(own.clip, own.name, found, properties)));
      job.replaced = { clip: own.clip, fingerprint: Music.fingerprint(found) };
      finishWithResults(job);
    });
  }
}

// A source in the Arrangement is kept there: no script can copy it into a slot. It lies behind all that is on its track, muted.
function keepArranged(job, source, then) {
  readSpans(job, source.track, function (spans) {
    var beat = upToBar(spans.reduce(function (last, span) { return Math.max(last, span[1]); }, 0), barOfSong());
    var copy = copyArranged(source.track, source.clip, beat);
    var bar = Math.round(beat / barOfSong()) + 1;
    enqueue(job, function () {
      var isWhole = goTo(copy) && Music.fingerprint(readNotes()) === source.fingerprint;
      if (!isWhole) throw failure("the source could not be kept, so it was not replaced");
      api.set("muted", 1);
      job.kept = { clip: copy, name: source.name, fingerprint: source.fingerprint, isArranged: true, bar: bar };
      then();
    });
  });
}

// An entry whose clip is the musician's: never deleted.
function theirs(entry) {
  entry.isTheirs = true;
  return entry;
}

function keptProperties(source) {
  var properties = { source: source, base: source.base, beats: source.beats, name: source.name, groove: source.groove };
  ["color", "looping", "signature_numerator", "signature_denominator"].concat(EDGES).forEach(function (name) {
    properties[name] = source[name];
  });
  return properties;
}

// Write notes over those of a clip, in as few turns as it takes; what sounds plays on.
function writeOver(job, clip, wanted, then) {
  requireClip(clip);
  var heard = playing(clip), found = readNotes();
  var now = heard ? Music.playThrough(found, wanted, heard.position, heard.lead, heard.loop) : { notes: wanted, rest: 0 };
  var tried = changeNotes(Music.compareNotes(found, now.notes), now.notes);
  writeNotes(job, clip, now.notes, tried, function (notes, problem) {
    if (problem || !now.rest) return then(notes, problem);
    schedule("rest of " + clip, now.rest * heard.beatMs + TICK_MS, function () {
      enqueue(job, function () { writeOver(job, clip, wanted, then); });
    });
  });
}

var LEAD_MS = 120; // before a change of notes is surely heard

// Where the current clip plays, or null: its position, its loop, and how long a beat lasts.
function playing(clip) {
  var position = positionOf(clip), isLooped = position !== null && getNumber("looping");
  if (position === null) return null;
  var loop = isLooped ? [getNumber("loop_start"), getNumber("loop_end")] : [getNumber("start_marker"), getNumber("end_marker")];
  goTo("live_set");
  var beatMs = 60000 / getNumber("tempo"), isRunning = getNumber("is_playing");
  goTo(clip);
  return isRunning && position < loop[1] ? { position: position, loop: loop, beatMs: beatMs, lead: LEAD_MS / beatMs } : null;
}

// The Arrangement

// Copy what was made into the Arrangement, one after the other from a bar on where nothing is covered: Live's
// duplicate_clip_to_arrangement overwrites. Then the slots are free again.
function layOutArrangement(job) {
  var track = job.place.track, made = job.made, lengths = [], beat = 0;
  if (!made.length) return finishWithResults(job);
  enqueueEach(job, made, function (entry) {
    requireClip(entry.clip);
    // No page says whether a clip that begins before its loop is as long as its loop there, or longer.
    lengths.push(Math.max(getNumber("length"), getNumber("end_marker") - getNumber("start_marker")));
  });
  enqueue(job, function () {
    var source = job.parts[0];
    if (source && !source.slot && goTo(source.clip)) beat = getNumber("end_time");
    var bar = barOfSong();
    if (!beat) beat = getNumber("current_song_time");
    readSpans(job, track, function (spans) {
      var total = lengths.reduce(function (sum, length) { return sum + upToBar(length, bar); }, 0);
      beat = findGap(spans, upToBar(beat, bar), total, bar);
      job.bar = Math.round(beat / bar) + 1;
      enqueueEach(job, made, function (entry, i) {
        layOne(job, track, entry, beat);
        beat += upToBar(lengths[i], bar);
      });
      enqueue(job, finishWithResults);
    });
  });
}

function layOne(job, track, entry, beat) {
  if (!goTo(entry.clip) || !goUpTo("ClipSlot")) return;
  var slot = Number(api.id), copy = copyArranged(track, entry.clip, beat);
  if (goTo(slot)) api.call("delete_clip");
  entry.clip = copy;
  entry.isArranged = true;
}

// Copy a clip to a beat of the Arrangement, over what lies there; returns the copy.
function copyArranged(track, clip, beat) {
  if (!goTo(track)) throw failure("the track was deleted");
  var answer = [].concat(api.call("duplicate_clip_to_arrangement", "id " + clip, beat)).join(" ");
  var copy = Number((/id (\d+)/.exec(answer) || [])[1]) || newest(childIds("arrangement_clips"), beat);
  if (!copy) throw failure("Live did not copy the clip into the Arrangement; it is where it was");
  return copy;
}

// The beats of a bar of the song, which is the current object then.
function barOfSong() {
  goTo("live_set");
  return (4 * getNumber("signature_numerator")) / getNumber("signature_denominator");
}

function newest(clips, beat) {
  return clips.filter(function (clip) { return goTo(clip) && Math.abs(getNumber("start_time") - beat) < 1e-6; })[0] || 0;
}

// Where a track's clips lie in the Arrangement, [start, end] each, in order.
function readSpans(job, track, then) {
  var clips = goTo(track) ? childIds("arrangement_clips") : [], spans = [];
  for (var i = 0; i < clips.length; i += READS_PER_STEP / 2) enqueue(job, read(clips.slice(i, i + READS_PER_STEP / 2)));
  enqueue(job, function () { then(spans.sort(function (a, b) { return a[0] - b[0]; })); });

  function read(some) {
    return function () {
      some.forEach(function (clip) { if (goTo(clip)) spans.push([getNumber("start_time"), getNumber("end_time")]); });
    };
  }
}

function findGap(spans, from, beats, bar) {
  return spans.reduce(function (beat, span) {
    return span[1] <= beat || span[0] >= beat + beats ? beat : upToBar(span[1], bar);
  }, from);
}

function upToBar(beat, bar) { return Math.ceil(beat / bar - 1e-6) * bar; }

// What a press has made, and where it is.
function placeText(job) {
  var n = job.made.length, isBelow = job.parts.length > 0 && job.parts[0].slot > 0;
  if (job.to === "replace") {
    var where = job.kept.isArranged ? "at bar " + job.kept.bar + " of the Arrangement, muted" : "in a slot";
    return job.parts[0].name + " is replaced; Undo brings it back, and it is kept " + where;
  }
  if (job.to === "arrangement" && job.bar) return countOf(n, "clip", "clips") + " in the Arrangement, from bar " + job.bar;
  if (job.newTrack) {
    return countOf(n, "clip", "clips") + " on the new track " + job.newTrack.name + ": give it an instrument";
  }
  return countOf(n, "clip in a slot", "clips in slots") + (isBelow ? " below" : "") +
    (job.isNoReplacing ? ": only Vary replaces a clip" : "");
}
