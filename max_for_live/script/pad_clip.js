// The pad's clip: a clip of the device's own on its own track, which plays what lies under the puck once it rests. While it
// moves player.js plays, since each change of a clip is a step of Live's undo history; so a move ends with one change.
//
// It plays through: what sounds is not touched until it ends, so that no note is cut off and none struck again. (Two clips in
// turn, launched with Legato, would cut or strike anew at each change all that is held.)
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

// The puck moves: its newest answer is heard, and nothing is written.
function playAnswer() {
  var answer = puck.answer, head = propertiesOf(answer.reply, 0, answer.parts, answer.parts[0]);
  playNotes(Music.rebuild(answer.reply, 0, answer.parts, head.base), [head.base, head.base + head.beats]);
  showStatus("puck at " + percent(answer.at) + " %");
}

// Write the newest answer into the pad's clip. If the musician has edited, renamed or moved it, it is theirs, and a new one is
// created.
function writeAudition() {
  puck.isStale = true;
  if (puck.isWriting || !puck.answer) return;
  if (puck.isMoving) return; // restPuck() comes back to it
  var answer = puck.answer, properties = propertiesOf(answer.reply, 0, answer.parts, answer.parts[0]), job = newJob("puck");
  var wanted = Music.rebuild(answer.reply, 0, answer.parts, properties.base), result = null;
  properties.name = padName();
  properties.isBare = true;
  if (player.isOn) playNotes(wanted, [properties.base, properties.base + properties.beats]);
  puck.isStale = false;
  puck.isWriting = true;
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
    var heard = player.isOn ? null : playing(puck.clip), found = goTo(puck.clip) ? readNotes() : []; // else nobody hears it
    if (player.isOn) muteNotes(wanted);
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
      if (player.isOn) handBack();
      else if (result && puck.isPlaying) enqueue(job, function () { hear(puck.clip); });
      if (!puck.isMoving) save();
      if (puck.isStale) writeAudition();
    });
  }
}
