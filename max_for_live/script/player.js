// The pad's player: while the puck moves, the device itself plays what lies under it, in time with the song, so that nothing of
// the set is changed until it rests; then the pad's clip takes over. What is asked of the server is in puck.js, how the clip is
// written in pad_clip.js.
//
// Live's object model gives no way to hear notes but to write them into a clip, and each change of one is a step of the undo
// history. So notes leave by the device's own MIDI output. When each sounds does not hang on this script, which Max runs when
// it has time: it says them some time ahead, by the song's ticks, and the patch reads Live's transport (`when`) and waits
// (`pipe`).
//
// Meanwhile the notes of the clip that plays on the track are held back: of what comes in, notes on its pitches do not pass
// (`midiselect`), and all else does. When nothing is held back, MIDI does not even go that way.

var AHEAD_MS = 350; // that notes are said ahead; Max may stall for some 100 ms
var PLAY_MS = 60; // between two looks
var LATE_MS = 80; // what is later than this is left out
var CLEAR_MS = 40; // around the moment at which one takes over from the other, no note should begin
var STALL_MS = 300; // by which this script may be late, at worst
var TICKS = 480; // of a beat

// In beats of the song: `start` is where the loop began, all before `until` is said, at `end` the clip takes over (null: not
// yet), and `ends` are those of notes that sound: { pitch, at }, and once they are said `due`, when they are over by the
// clock. `seen` is the last look at the song.
var player = {
  isOn: false, notes: [], loop: [0, 4], start: 0, until: 0, end: null, ends: [], muted: [], seen: null, tries: 0,
};

// The song now: its time in beats and the length of a beat, or null while the transport stands.
function readSong() {
  goTo("live_set");
  if (!getNumber("is_playing")) return null;
  return { time: getNumber("current_song_time"), beatMs: 60000 / getNumber("tempo"), now: now() };
}

// Play other notes from now on; `loop` is [start, end]. What was said already still sounds.
function playNotes(notes, loop) {
  player.notes = notes;
  player.loop = loop;
  if (player.isOn) return;
  player.tries = 0;
  enqueue(newJob("play"), takeOver);
}

// Take over from the clip that plays on the track, at a moment at which no note begins.
function takeOver(job) {
  var song = readSong();
  if (player.isOn || !puck.isMoving || !song) return;
  var slots = goTo(deviceTrack()) ? childIds("clip_slots") : [], slot = slots[getNumber("playing_slot_index")];
  var clip = goTo(slot) ? childId("clip") : 0, heard = goTo(clip) && getNumber("is_midi_clip") ? playing(clip) : null;
  var found = heard ? readNotes().filter(function (n) { return !n.mute; }) : [], clear = CLEAR_MS / song.beatMs;
  var isBad = heard && isBegun(found, heard.position - clear, heard.position + 2 * clear);
  if (isBad && player.tries++ < 8) return schedule("take over", CLEAR_MS, function () { enqueue(job, takeOver); });
  player.isOn = true;
  player.end = null;
  player.seen = song;
  player.start = heard ? song.time - (heard.position - heard.loop[0]) : startOfBar(song.time);
  player.until = song.time;
  muteNotes(found);
  // What sounds goes on to its end, which is held back: the device says it.
  found.forEach(function (n) {
    var end = Math.min(n.start_time + n.duration, heard.loop[1]);
    if (n.start_time <= heard.position && end > heard.position) endNote(n.pitch, song.time + end - heard.position);
  });
  playOn();
}

function startOfBar(time) { return Math.floor(time / barOfSong()) * barOfSong(); }

function isBegun(notes, from, to) {
  return notes.some(function (n) { return n.start_time > from && n.start_time < to; });
}

// Hold back notes on the pitches of these, beside those that are held back already; also before they are written to the clip.
function muteNotes(notes) {
  notes.forEach(function (n) { if (player.muted.indexOf(n.pitch) < 0) player.muted.push(n.pitch); });
  if (!player.muted.length) return;
  outlet(PLAY_OUT, ["mute", "note"].concat(player.muted));
  outlet(PLAY_OUT, ["gate", 2]);
}

// Have a note begin at a time of the song; with a velocity of 0 it ends.
function say(pitch, velocity, at, song) {
  outlet(PLAY_OUT, ["when", at * TICKS, song.beatMs / TICKS]);
  outlet(PLAY_OUT, ["note", pitch, velocity]);
}

function endNote(pitch, at) { player.ends.push({ pitch: pitch, at: at }); }

// Say which notes end before a time; those that have ended are forgotten.
function sayEnds(to, song) {
  player.ends = player.ends.filter(function (end) { return end.due === undefined || end.due > song.now; });
  player.ends.forEach(function (end) {
    if (end.due !== undefined || end.at >= to) return;
    say(end.pitch, 0, end.at, song);
    end.due = song.now + Math.max(0, end.at - song.time) * song.beatMs + STALL_MS;
  });
}

function isSounding(pitch, at) {
  return player.ends.some(function (end) { return end.pitch === pitch && end.at > at + 0.01; });
}

// Say what comes next.
function playOn() {
  var song = player.isOn ? readSong() : null;
  if (!player.isOn) return;
  if (!song) return stopPlaying();
  followJump(song);
  sayEnds(song.time, song);
  var last = player.end === null ? Infinity : player.end, to = Math.min(last, song.time + AHEAD_MS / song.beatMs);
  comingNotes(Math.max(player.until, song.time - LATE_MS / song.beatMs), to).forEach(function (one) {
    if (isSounding(one.note.pitch, one.at) || Math.random() >= one.note.probability) return;
    var velocity = one.note.velocity + Math.random() * one.note.velocity_deviation;
    sayEnds(one.at, song);
    say(one.note.pitch, Music.clamp(Math.round(velocity), 1, 127), one.at, song);
    endNote(one.note.pitch, one.at + one.beats - 2 / song.beatMs);
  });
  sayEnds(to, song);
  player.until = Math.max(player.until, to);
  player.seen = song;
  if (song.time >= last) return giveUp(song);
  schedule("player", PLAY_MS, function () { enqueue(newJob("play"), playOn); });
}

// The notes that begin within a stretch of the song, round and round.
function comingNotes(from, to) {
  var loop = player.loop, length = loop[1] - loop[0], coming = [];
  player.notes.forEach(function (note) {
    if (note.mute || note.start_time < loop[0] || note.start_time >= loop[1]) return;
    var first = player.start + note.start_time - loop[0], beats = Math.min(note.duration, loop[1] - note.start_time);
    for (var at = first + Math.ceil((from - first) / length - 1e-9) * length; at < to; at += length) {
      coming.push({ note: note, at: at, beats: beats });
    }
  });
  return coming.sort(function (a, b) { return a.at - b.at; });
}

// Where the song has jumped, as at the end of the Arrangement's loop, clips play on as they do.
function followJump(song) {
  var jump = song.time - player.seen.time - (song.now - player.seen.now) / song.beatMs;
  if (Math.abs(jump) < 0.5) return;
  ["start", "until"].forEach(function (name) { player[name] += jump; });
  if (player.end !== null) player.end += jump;
  player.ends.forEach(function (end) { end.at += jump; });
}

// The pad's clip holds what is played, and takes over as soon as it plays, at a moment at which no note begins.
function handBack() {
  var song = player.isOn && player.end === null ? readSong() : null;
  if (!song || puck.isMoving) return;
  muteNotes(player.notes);
  enqueue(newJob("play"), function () { hear(puck.clip); });
  waitForClip();

  function waitForClip() {
    schedule("hand back", 2 * CLEAR_MS, function () { enqueue(newJob("play"), look); });
  }

  function look() {
    if (!player.isOn || puck.isMoving) return;
    song = readSong();
    if (!song || !goTo(puck.clip)) return stopPlaying();
    if (!getNumber("is_playing")) return getNumber("is_triggered") ? waitForClip() : stopPlaying();
    var clear = CLEAR_MS / song.beatMs, end = Math.max(player.until, song.time + LEAD_MS / song.beatMs);
    for (var i = 0; i < 16 && comingNotes(end - clear, end + clear).length; i++) end += clear / 2;
    outlet(PLAY_OUT, ["when", end * TICKS, song.beatMs / TICKS]);
    outlet(PLAY_OUT, ["open", 1]);
    player.end = end;
  }
}

// The clip plays. A note whose end was held back would sound for ever: all that neither plays ends.
function giveUp(song) {
  var sounding = comingNotes(player.end - player.loop[1] + player.loop[0], song.time + 1).map(function (one) {
    return one.at + one.beats > song.time - 0.1 ? one.note.pitch : -1;
  });
  player.muted.forEach(function (pitch) {
    if (sounding.indexOf(pitch) < 0 && !isSounding(pitch, song.time)) say(pitch, 0, song.time, song);
  });
  sayEnds(Infinity, song);
  endPlaying();
  if (puck.isMoving && puck.isStale) playNotes(player.notes, player.loop); // it was taken hold of again meanwhile
}

// At once, as when the transport stops.
function stopPlaying() {
  if (!player.isOn) return;
  outlet(PLAY_OUT, ["pipe", "clear"]);
  player.ends.map(function (end) { return end.pitch; }).concat(player.muted).forEach(function (pitch) {
    say(pitch, 0, 0, { beatMs: 0 });
  });
  player.ends = [];
  outlet(PLAY_OUT, ["gate", 1]);
  endPlaying();
}

function endPlaying() {
  player.isOn = false;
  player.muted = [];
  outlet(PLAY_OUT, ["mute", "note", "none"]);
}
