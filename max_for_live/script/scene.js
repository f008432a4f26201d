// The scene: the clips of other tracks that sound with those of a press. They are read and sent with them, each with its kind,
// so that what is made fits them, and are never written. Which they are says the menu: those of the source's scene, those that
// play now, or none.

var TRACKS_PER_STEP = 8; // that are looked at
var MOST_BESIDE = 16; // clips that are sent, the first of many
var MOST_BESIDE_NOTES = 2000; // of them all: some 35 messages
var PLAYING = 1, OFF = 2; // of the menu; 0 is the scene

// The step that reads them. With a clip in the Arrangement sounds what lies beside it there.
function readScene(job) {
  var source = job.parts[0], row = source ? source.firstRow - 1 : job.place.row, found = [], count = 0;
  var choice = Math.round(values["with"]);
  if (choice === OFF) return;
  if (job.verb === "puck" && puck.palette) return void takeBeside(puck.palette); // read again by Blend
  goTo("live_set");
  var tracks = childIds("tracks"), own = source ? job.parts.map(trackOf) : [job.place.track];
  if (source && !source.slot && choice !== PLAYING) return enqueueEach(job, tracks, lookBeside);
  for (var first = 0; first < tracks.length; first += TRACKS_PER_STEP) enqueue(job, look(first));
  enqueue(job, function () { enqueueEach(job, found.slice(0, MOST_BESIDE), readBeside); });

  function trackOf(part) { return part.track; }

  function takeBeside(palette) {
    job.beside = palette.beside;
    job.besideKinds = palette.besideKinds;
  }

  // Look for clips on some tracks.
  function look(from) {
    return function () {
      tracks.slice(from, from + TRACKS_PER_STEP).forEach(function (track, k) {
        if (own.indexOf(track) >= 0 || !goTo(track)) return;
        var slot = choice === PLAYING ? getNumber("playing_slot_index") : row;
        var isThere = slot >= 0 && goTo("live_set tracks " + (from + k) + " clip_slots " + slot + " clip");
        if (isThere && getNumber("is_midi_clip")) found.push({ track: track, clip: Number(api.id) });
      });
    };
  }

  function readBeside(one) {
    var kind = kindOfTrack(one.track);
    enqueue(job, function () {
      if (goTo(one.clip)) add(Music.audibleOf(readClip(one.clip), longest()), kind); // else it was deleted since
    });
  }

  function add(beside, kind) {
    if (!beside.notes.length || count + beside.notes.length > MOST_BESIDE_NOTES || job.beside.length === MOST_BESIDE) return;
    count += beside.notes.length;
    job.beside.push(beside);
    job.besideKinds.push(kind);
  }

  // Look for clips of a track in the Arrangement that sound with the source; those of a track count as one.
  function lookBeside(track) {
    if (own.indexOf(track) >= 0 || !goTo(track) || !getNumber("has_midi_input")) return;
    var clips = childIds("arrangement_clips"), kind = "", heard = [];
    var from = source.start + source.base - source.start_marker, to = from + source.beats;
    for (var i = 0; i < clips.length; i += READS_PER_STEP / 2) enqueue(job, readSome(clips.slice(i, i + READS_PER_STEP / 2)));
    enqueue(job, function () {
      if (!heard.length) return;
      kind = kindOfTrack(track);
      enqueueEach(job, heard, function (clip, i) { heard[i] = goTo(clip) ? readClip(clip) : null; });
      enqueue(job, function () { add(Music.arrangedOf(heard.filter(Boolean), from, source.beats), kind); });
    });

    function readSome(some) {
      return function () {
        some.forEach(function (clip) {
          if (goTo(clip) && getNumber("start_time") < to && getNumber("end_time") > from) heard.push(clip);
        });
      };
    }
  }

  // The beats that will be made.
  function longest() {
    var bar = job.meter ? (4 * job.meter[0]) / job.meter[1] : 4;
    return job.parts.reduce(function (most, part) { return Math.max(most, part.beats); }, source ? 0 : values.bars * bar);
  }
}
