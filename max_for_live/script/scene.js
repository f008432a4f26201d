// The scene: the clips of other tracks that sound with those of a press. They are read and sent with them, so that what is
// made fits them, and are never written. A source that plays hears what plays; one that does not hears the clips of its row.

var TRACKS_PER_STEP = 8; // that are looked at
var MOST_BESIDE = 16; // clips that are sent, the first of many
var MOST_BESIDE_NOTES = 2000; // of them all: some 35 messages

// The step that reads them, after the kind of the press's clips is known: drums hear no harmony. Nor is it known what
// sounds with a clip in the Arrangement.
function readScene(job) {
  var source = job.parts[0], row = source ? source.firstRow - 1 : job.place.row, found = [], count = 0;
  if (!values.hear || !kindOf(job).follows_scale || (source && !source.slot)) return;
  if (job.verb === "puck" && puck.palette) return void (job.beside = puck.palette.beside); // read again by Blend
  var isPlaying = goTo(source ? source.clip : "live_set") && getNumber("is_playing");
  goTo("live_set");
  var tracks = childIds("tracks"), own = source ? job.parts.map(trackOf) : [job.place.track];
  for (var first = 0; first < tracks.length; first += TRACKS_PER_STEP) enqueue(job, look(first));
  enqueue(job, function () { enqueueEach(job, found.slice(0, MOST_BESIDE), readBeside); });

  function trackOf(part) { return part.track; }

  // Look for clips on some tracks.
  function look(from) {
    return function () {
      tracks.slice(from, from + TRACKS_PER_STEP).forEach(function (track, k) {
        if (own.indexOf(track) >= 0 || !goTo(track)) return;
        var slot = isPlaying ? getNumber("playing_slot_index") : row;
        var isThere = slot >= 0 && goTo("live_set tracks " + (from + k) + " clip_slots " + slot + " clip");
        if (isThere && getNumber("is_midi_clip")) found.push({ track: track, clip: Number(api.id) });
      });
    };
  }

  // A clip on a track with a Drum Rack tells of no harmony, and is not read.
  function readBeside(one) {
    if (findDrumRack(one.track)) return;
    enqueue(job, function () {
      if (!goTo(one.clip)) return; // it was deleted since
      var beside = Music.audibleOf(readClip(one.clip), longest());
      if (!beside.notes.length || count + beside.notes.length > MOST_BESIDE_NOTES) return;
      count += beside.notes.length;
      job.beside.push(beside);
    });
  }

  // The beats that will be made.
  function longest() {
    return job.parts.reduce(function (most, part) { return Math.max(most, part.beats); }, source ? 0 : values.bars * 4);
  }
}
