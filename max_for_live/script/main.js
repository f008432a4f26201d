// Start, and the two ways in: a control that is turned, a message that comes. The last file inside of Device.

var LARGEST = 16384; // bytes: udpsend's own 5096 are less than the self-test sends
var hasBegun = false, begunAt = 0, liveVersion = 0;

// live.thisdevice bangs when the device is loaded, and again when it is saved: the second time nothing starts anew.
function start() {
  cursor = new LiveAPI("live_set");
  if (task) task.cancel();
  task = new Task(function () {
    isAsleep = false;
    pump();
  });
  plannedAt = 0;
  [["host", "127.0.0.1"], ["port", TABLE.port], ["maxpacketsize", LARGEST]].forEach(function (message) {
    outlet(SERVER_OUT, message); // a udpsend that comes out of a saved set sends nothing before
  });
  show("build", TABLE.build);
  if (!hasBegun) {
    hasBegun = true;
    begunAt = now();
    server.session = Math.floor(Math.random() * 0x7fffffff) ^ (begunAt & 0xffffff);
    nextId = 1 + Math.floor(Math.random() * 0x3fffffff);
    go("live_app");
    liveVersion = Number(cursor.call("get_major_version")) || 0;
    say(serverText());
    greet();
  }
  showAll();
  save();
}

function turn(control, v) {
  if (UI.hasOwnProperty(control)) UI[control](v, control);
  if (hasBegun) keepGoing();
}

function hear(address, v) {
  if (!hasBegun || !OSC.hasOwnProperty(address)) return;
  OSC[address](v);
  keepGoing();
}

Object.keys(TABLE.controls).forEach(function (name) { values[name] = TABLE.controls[name].initial || 0; });
chosen.seed = values.seed;
