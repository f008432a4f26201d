// Menus of tracks and clips: the second way to pick a clip, for those who do not want to leave the device's track. The lists
// are filled anew when a corner is armed, and when a track is chosen.

var MOST_LISTED = 200;

var menus = { tracks: [], clips: [] }; // ids; the first item of each menu is its title

function fillTracks() {
  var job = newJob("menu"), names = [];
  menus.tracks = [];
  goTo("live_set");
  var tracks = childIds("tracks").slice(0, MOST_LISTED);
  for (var i = 0; i < tracks.length; i += READS_PER_STEP / 2) enqueue(job, list(tracks.slice(i, i + READS_PER_STEP / 2)));
  enqueue(job, function () { fillList("choose_track", ["track…"].concat(names), 0); });
  fillList("choose_clip", ["clip…"], 0);

  function list(some) {
    return function () {
      some.forEach(function (track) {
        if (!goTo(track) || !getNumber("has_midi_input")) return;
        menus.tracks.push(track);
        names.push(getText("name") || "track");
      });
    };
  }
}

function chooseTrack(v) {
  var track = menus.tracks[Number(v[0]) - 1], job = newJob("menu"), names = [];
  if (!track || !hasBegun) return;
  menus.clips = [];
  enqueue(job, function () {
    if (!goTo(track)) throw failure("this track was deleted");
    var slots = childIds("clip_slots"), arranged = childIds("arrangement_clips");
    enqueueSome(slots, function (slot) { return goTo(slot) ? childId("clip") : 0; });
    enqueueSome(arranged, function (clip) { return clip; });
    enqueue(job, function () { fillList("choose_clip", ["clip…"].concat(names), 0); });
  });

  function enqueueSome(ids, clipOf) {
    for (var i = 0; i < ids.length; i += READS_PER_STEP / 4) enqueue(job, list(ids.slice(i, i + READS_PER_STEP / 4), clipOf));
  }

  function list(some, clipOf) {
    return function () {
      some.forEach(function (id) {
        var clip = clipOf(id);
        if (!clip || menus.clips.length === MOST_LISTED || !goTo(clip) || !getNumber("is_midi_clip")) return;
        menus.clips.push(clip);
        names.push(getText("name") || "clip " + menus.clips.length);
      });
    };
  }
}

// The chosen clip goes to the armed corner, else to the first that is empty.
function chooseClip(v) {
  var clip = menus.clips[Number(v[0]) - 1], free = CORNERS.filter(function (corner) { return !picks[corner]; });
  var corner = armed || free[0];
  if (!clip || !hasBegun) return;
  if (!corner) return showStatus("all corners are taken: press one first");
  enqueue(newJob("pick"), function () { pick(corner, clip); });
}
