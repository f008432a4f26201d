// The pad's clip: a clip of the device's own on its own track, which plays what lies under the puck. It plays through: what
// sounds is not touched until it ends, so that no note is cut off and none struck again. (Two clips in turn, launched with
// Legato, would cut or strike anew at each change all that is held.)
//
// Each change of a clip is a step of Live's undo history. So while the puck moves, at most one change is made in a beat, and
// none while the transport stands, when nobody hears it; where the puck comes to rest, what lies there is written.
//
// The clip's name holds the identity of the device; one with another identity is never written.

var PUCK_NAME = "Latent Bridge puck";
var MOST_WRITTEN = 64; // fingerprints

// What the device has written last: also after Live's own Undo the clip is as one of these, and still the device's.
function noteWritten(fingerprint) {
  puck.fingerprint = fingerprint;
  puck.written = puck.written.slice(1 - MOST_WRITTEN).concat(fingerprint);
}

function padName() { return PUCK_NAME + " " + identity; }

// A step that finds the saved clip, on the device's own track only.
function findPadClip() {
  var slots = goTo(deviceTrack()) ? childIds("clip_slots") : [], at = 0;
  enqueue(newJob("restore"), look);

  function look() {
    for (var i = 0; i < READS_PER_STEP / 2 && at < slots.length && !puck.clip; i++, at++) {
      var clip = goTo(slots[at]) ? childId("clip") : 0;
      if (goTo(clip) && getText("name") === padName()) puck.clip = clip;
    }
    if (at < slots.length && !puck.clip) enqueue(newJob("restore"), look);
  }
}

// Write the newest answer into the pad's clip. If the musician has edited, renamed or moved it, it is theirs, and a new one is
// created.
function writeAudition() {
  puck.isStale = true;
  if (puck.isWriting || !puck.answer) return;
  if (puck.isMoving && !puck.isPlaying) return; // restPuck() comes back to it
  var wait = puck.wroteAt + puck.sixteenthMs * (puck.isMoving ? 4 : 1) - now();
  if (wait > 0) return schedule("write puck", wait, writeAudition);
  var answer = puck.answer, properties = propertiesOf(answer.reply, 0, answer.parts, answer.parts[0]), job = newJob("puck");
  var wanted = Music.rebuild(answer.reply, 0, answer.parts, properties.base), result = null;
  properties.name = padName();
  properties.isBare = true;
  puck.isStale = false;
  puck.isWriting = true;
  puck.wroteAt = now();
  job.onStop = function () { puck.isWriting = false; };
  enqueue(job, function () {
    if (isOwn(puck.clip)) rewrite();
    else make();
  });

  function isOwn(clip) {
    if (!clip || !goTo(clip) || getText("name") !== padName()) return false;
    if (puck.written.indexOf(Music.fingerprint(readNotes())) < 0) return false;
    return goUpTo("Track") && Number(api.id) === deviceTrack();
  }

  function rewrite() {
    requireClip(puck.clip);
    var heard = playing(puck.clip), found = readNotes();
    setProperties(puck.clip, properties);
    var part = heard ? Music.playThrough(found, wanted, heard.position, heard.lead, heard.loop) : { notes: wanted, rest: 0 };
    if (part.rest) schedule("rest of the pad", part.rest * heard.beatMs + TICK_MS, writeAudition);
    check(part.notes, changeNotes(Music.compareNotes(found, part.notes), part.notes));
  }

  function make() {
    var own = deviceTrack(), source = answer.parts[0];
    var beside = { track: own, row: Math.max(0, source.firstRow - 1), color: source.color };
    properties.isAuditioned = true;
    job.place = source.track === own ? placeBelow(source) : beside;
    result = { properties: properties, wanted: wanted, tried: null, slot: 0, clip: 0 };
    write();
  }

  function write() {
    if (!writeResult(job, result)) return enqueue(job, write);
    puck.clip = result.clip;
    check(wanted, result.tried);
  }

  function check(notes, tried) {
    writeNotes(job, puck.clip, notes, tried, function (found, problem) {
      settle(job, puck.clip);
      noteWritten(Music.fingerprint(found));
      puck.isWriting = false;
      showStatus(problem ? "puck: " + problem : "puck at " + percent(answer.at) + " %");
      goTo("live_set");
      puck.isPlaying = getNumber("is_playing") > 0;
      if (result && puck.isPlaying) enqueue(job, function () { hear(puck.clip); });
      if (!puck.isMoving) save();
      if (puck.isStale) writeAudition();
    });
  }
}
