// The face: which controls are in sight, what Generate says, the light. What each control does is in controls.js, what is in
// sight when in TABLE.face. A box is hidden by its `hidden` (docs.cycling74.com/apiref/js/maxobj), which is no parameter.

var MODES = ["vary", "sample", "morph", "pad"];
var PAGES = ["lock", "feel", "setup"]; // of the fold-out
var RED = 0, ORANGE = 1, GREEN = 2;

var boxes = null; // the patcher
var hidden = null; // by name, as it is now; null before anything was laid out
var absent = { start: true, mine: true, only: true }; // by name: what is out of sight whatever the mode
var shownLight = "";

function modeName() { return MODES[Math.round(values.mode)] || MODES[0]; }

// Show what belongs to the mode and the page. As saved, the device is in its first mode with the fold-out closed.
function layOut() {
  if (!boxes || !hasBegun) return;
  if (!hidden) hidden = {};
  Object.keys(TABLE.face).forEach(function (name) {
    var isHidden = !isInSight(name), box = hidden[name] === isHidden ? null : boxes.getnamed(name);
    if (box) box.hidden = isHidden ? 1 : 0;
    hidden[name] = isHidden;
  });
}

function isInSight(name) {
  var sight = TABLE.face[name], isOpen = values.more > 0;
  if (absent[name] || (sight.modes.length && sight.modes.indexOf(modeName()) < 0)) return false;
  if (sight.page === "front" || sight.page === (isOpen ? "more" : "view")) return true;
  return isOpen && sight.page === PAGES[Math.round(values.page)];
}

function setAbsent(name, isAbsent) { absent[name] = isAbsent; }

function chooseMode(v) {
  storeValue(v, "mode");
  armed = "";
  layOut();
  showGenerate();
  if (!hasBegun) return;
  showCorners();
  drawRoll();
}

// Open the fold-out, on one of its pages if it is told which, or close it.
function openPage(isOpen, page) {
  values.more = isOpen ? 1 : 0;
  show("more", values.more);
  if (page) show("page", (values.page = PAGES.indexOf(page)));
  layOut();
}

function choosePage(v) {
  storeValue(v, "page");
  layOut();
}

// Generate says what it will do: make, stop, or start the server.
function showGenerate() {
  showText("generate", isBusy() ? "Cancel" : isStartable() ? "Start Server" : modeName() === "pad" ? "Blend" : "Generate");
}

// The light, with the share of the work that is done while something is under way.
function showLight(share) {
  var isWaiting = isBusy() || ["warming", "searching", "starting"].indexOf(server.state) >= 0;
  var message = ["light", "set", isWaiting ? ORANGE : server.state === "ready" ? GREEN : RED];
  if (isBusy()) message.push(share);
  if (message.join() === shownLight) return;
  shownLight = message.join();
  outlet(CONTROLS_OUT, message);
}
