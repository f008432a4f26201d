// The self-test: every part tried once, reported line by line.

// Try everything once and report it line by line, each at once: should Live crash, the report has what came before.
function pressSelftest() {
  var failed = [], passed = 0, sizes = [1, 2, 4, 8];
  var p = begin("self-test", [testBasics, function () { testClip(p, check); }, testSizes]);
  if (p) p.onFail = function (sentence) { check(false, "notes: " + sentence); };

  function testBasics() {
    check(true, "device " + TABLE.build + ", protocol " + TABLE.protocol);
    go("live_app");
    check(liveVersion >= 11, "Live " + cursor.call("get_version_string"));
    var said = "server " + server.version + ": " + serverText() + ", listening on port " + server.port;
    check(server.state === "ready", said);
  }

  // A text that comes back, in a message of so many kilobytes.
  function testSizes() {
    var size = sizes.shift(), sent = "e";
    if (!size) return later(p, summarise);
    while (sent.length < size * 1024 - 40) sent += "0123456789";
    ask({ job: p, verb: "echo", given: [sent], parts: [], echo: sent, longest: 1500, then: function (problem) {
      check(!problem, "UDP " + size + " kB" + (problem ? ": " + problem.code : ""));
      testSizes();
    } });
  }

  function check(isPassed, what) {
    if (isPassed) passed++;
    else failed.push(what.split(":")[0]);
    report((isPassed ? "PASS " : "FAIL ") + what);
  }

  function report(line) {
    post("Latent Bridge self-test: " + Music.plainText(line) + "\n");
    tell(p, line);
    if (!isServerThere()) return;
    ask({ job: newJob("report"), verb: "report", given: [Music.plainText(line)], parts: [], then: function () {} });
  }

  function summarise() {
    report((failed.length ? "FAIL " : "PASS ") + passed + " of " + (passed + failed.length));
    finish(p, "self-test: " + (failed.length ? "FAIL: " + failed.join(", ") : "PASS, all " + passed));
  }
}

// A clip of our own in an empty slot: its look and notes of every kind, read back; then it goes again.
function testClip(p, check) {
  var look = {
    source: null, beats: 4, name: "Latent Bridge self-test", color: 0xff3636, looping: 1, groove: 0,
    signature_numerator: 3, signature_denominator: 4, loop_start: 1, loop_end: 3, start_marker: 0.5, end_marker: 3.5,
  };
  var wanted = [0, 36, 60, 64, 127].map(function (pitch, i) {
    return {
      pitch: pitch, start_time: i / 3 - 0.5, duration: 0.25, velocity: 1 + 30 * i, mute: i % 2,
      probability: i === 1 ? 0.5 : 1, velocity_deviation: i === 2 ? 20 : 0, release_velocity: 64 + i,
    };
  });
  makeClip(p, { track: deviceTrack(), row: 0 }, look, function (clip) {
    fill(p, clip, wanted, function (found, problem) {
      var differs = Music.dressing(readLook(), look).filter(function (pair) { return pair[0] !== "color"; });
      var test = { made: [{ clip: clip, print: Music.fingerprint(found), name: look.name }], scenes: p.scenes };
      var way = ", by way " + ways.add + " and " + ways.remove;
      check(!problem, "notes: " + (problem || "written and read back") + way);
      check(!differs.length, "clip: " + (differs.join(" ") || "loop, markers and meter are as set"));
      p.unfinished = 0;
      p.scenes = [];
      unmake(p, test, function (gone) {
        check(gone === 1, "undo: the clip is " + (gone ? "gone again" : "still there"));
      });
    });
  });
}
