// The scene: the clips of other tracks that sound with those of a press. They are read and sent with them, each with its kind,
// so that what is made fits them, and are never written. Which they are says the menu: those of the source's scene, those that
// play now, or none.

var TRACKS_PER_STEP = 8; // that are looked at
var MOST_BESIDE = 16; // clips that are sent, the first of many
var MOST_BESIDE_NOTES = 2000; // of them all: some 35 messages
var PLAYING = 1, OFF = 2; // of the menu; 0 is the scene

// The step that reads them. It is not known what sounds with a clip in the Arrangement.
function readScene(job) {
  var source = job.parts[0], row = source ? source.firstRow - 1 : job.place.row, found = [], count = 0;
  var choice = Math.round(values["with"]);
  if (choice === OFF || (source && !source.slot)) return;
  if (job.verb === "puck" && puck.palette) return void takeBeside(puck.palette); // read again by Blend
  goTo("live_set");
  var tracks = childIds("tracks"), own = source ? job.parts.map(trackOf) : [job.place.track];
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
      if (!goTo(one.clip)) return; // it was deleted since
      var beside = Music.audibleOf(readClip(one.clip), longest());
      if (!beside.notes.length || count + beside.notes.length > MOST_BESIDE_NOTES) return;
      count += beside.notes.length;
      job.beside.push(beside);
      job.besideKinds.push(kind);
    });
  }

  // The beats that will be made.
  function longest() {
    var bar = job.meter ? (4 * job.meter[0]) / job.meter[1] : 4;
    return job.parts.reduce(function (most, part) { return Math.max(most, part.beats); }, source ? 0 : values.bars * bar);
  }
}
