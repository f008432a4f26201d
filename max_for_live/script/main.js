// Start, and the ways in: a control that is moved, a message that arrives, a word of the server's starter. The last file
// within Device.

var MAX_PACKET_BYTES = 16384; // the self-test sends more than udpsend's 5096
var hasBegun = false, begunAt = 0, liveVersion = 0;
var observer = null; // of the clip in the Clip View

// live.thisdevice bangs when the device is loaded, and again when it is saved; then nothing starts anew.
function start(patcher) {
  boxes = patcher;
  api = new LiveAPI("live_set");
  if (observer) observer.property = "";
  if (task) task.cancel();
  task = new Task(function () {
    isAsleep = false;
    runTick();
  });
  nextTickAt = 0;
  [["host", "127.0.0.1"], ["port", TABLE.port], ["maxpacketsize", MAX_PACKET_BYTES]].forEach(function (message) {
    outlet(SERVER_OUT, message); // until then, a udpsend of a saved set sends nothing
  });
  show("build", TABLE.build);
  if (!hasBegun) begin();
  claimIdentity();
  showAll();
  save();
  observer = new LiveAPI(onSelection, "live_set view");
  observer.property = "detail_clip";
}

function begin() {
  hasBegun = true;
  begunAt = now();
  server.session = Math.floor(Math.random() * 0x7fffffff) ^ (begunAt & 0xffffff);
  nextId = 1 + Math.floor(Math.random() * 0x3fffffff);
  goTo("live_app");
  liveVersion = Number(api.call("get_major_version")) || 0;
  showServer();
  listenOn(server.port);
  connect();
  followCorners();
  followPlayhead();
}

function turn(control, v) {
  if (UI.hasOwnProperty(control)) UI[control](v, control);
  if (hasBegun) runIfAsleep();
}

function receive(address, v) {
  if (!hasBegun || !OSC.hasOwnProperty(address)) return;
  OSC[address](v);
  runIfAsleep();
}

function hearStarter(v) {
  if (!hasBegun) return;
  onStarter(v);
  runIfAsleep();
}

Object.keys(TABLE.controls).forEach(function (name) { values[name] = TABLE.controls[name].initial || 0; });
chosen.seed = values.seed;
