// The self-test: every part is tried once. Each line is reported at once, so that the report survives a crash of Live.

function pressSelftest() {
  var failed = [], passed = 0, sizes = [1, 2, 4, 8];
  var job = beginPress("self-test", [testBasics, function () { testClip(job, check); }, testSizes]);
  if (job) job.onFail = function (sentence) { check(false, "notes: " + sentence); };

  function testBasics() {
    check(true, "device " + TABLE.build + ", protocol " + TABLE.protocol);
    goTo("live_app");
    check(liveVersion >= 11, "Live " + api.call("get_version_string"));
    var said = "server " + server.version + ": " + serverText() + ", listening on port " + server.port;
    check(server.state === "ready", said);
  }

  // Have messages of several sizes sent back.
  function testSizes() {
    var size = sizes.shift(), sent = "e";
    if (!size) return enqueue(job, summarise);
    while (sent.length < size * 1024 - 40) sent += "0123456789";
    sendRequest({ job: job, verb: "echo", values: [sent], parts: [], echo: sent, timeout: 1500, then: function (problem) {
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
    showProgress(job, line);
    if (!isServerThere()) return;
    sendRequest({ job: newJob("report"), verb: "report", values: [Music.plainText(line)], parts: [], then: function () {} });
  }

  function summarise() {
    report((failed.length ? "FAIL " : "PASS ") + passed + " of " + (passed + failed.length));
    finishPress(job, "self-test: " + (failed.length ? "FAIL: " + failed.join(", ") : "PASS, all " + passed));
  }
}

// Create a clip in an empty slot, with properties and notes of every kind; read them back, and delete the clip.
function testClip(job, check) {
  var properties = {
    source: null, beats: 4, name: "Latent Bridge self-test", color: 0xff3636, looping: 1, groove: 0,
    signature_numerator: 3, signature_denominator: 4, loop_start: 1, loop_end: 3, start_marker: 0.5, end_marker: 3.5,
  };
  var wanted = [0, 36, 60, 64, 127].map(function (pitch, i) {
    return {
      pitch: pitch, start_time: i / 3 - 0.5, duration: 0.25, velocity: 1 + 30 * i, mute: i % 2,
      probability: i === 1 ? 0.5 : 1, velocity_deviation: i === 2 ? 20 : 0, release_velocity: 64 + i,
    };
  });
  var result = { properties: properties, wanted: wanted, tried: null, slot: 0, clip: 0 };
  job.place = { track: deviceTrack(), row: 0 };
  enqueue(job, write);

  function write() {
    if (!writeResult(job, result)) return enqueue(job, write);
    writeNotes(job, result.clip, wanted, result.tried, function (found, problem) {
      var differs = Music.propertyChanges(readProperties(), properties).filter(function (pair) { return pair[0] !== "color"; });
      var way = ", call forms " + callForm.add + " and " + callForm.remove, scenes = job.scenes;
      check(!problem, "notes: " + (problem || "written and read back") + way);
      check(!differs.length, "clip: " + (differs.join(" ") || "loop, markers and meter are as set"));
      settle(job, result.clip);
      job.scenes = [];
      removeEntries(job, [newEntry(result.clip, properties.name, found, properties)], function (gone) {
        check(gone === 1, "undo: the clip " + (gone ? "was removed" : "is still there"));
        removeScenes(job, scenes, function () {});
      });
    });
  }
}
