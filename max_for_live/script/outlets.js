// What leaves the script: the numbers of its outlets, the values and texts that controls show, the status line, the views.
// No button's logic belongs here. Messages to the server leave in requests.js, the saved state in state.js.

var SERVER_OUT = 0, CONTROLS_OUT = 1, RECEIVER_OUT = 2, STATE_OUT = 3, NODE_OUT = 4, PLAY_OUT = 5;

var status = "", shownTexts = {};

function showStatus(sentence) {
  if (sentence !== status) show("status", sentence);
  status = sentence;
}

// Show the progress of a press, if it is the newest.
function showProgress(job, sentence) { if (openPresses().slice(-1)[0] === job) showStatus(job.title + ": " + sentence); }

// Set what a control shows. Never one of those that Live keeps as a parameter and can automate: each would be a step of
// the undo history (Ableton's production guidelines, Undo History). puck_x and puck_y are the exception, after a drag.
function show(control, value) { outlet(CONTROLS_OUT, [control, "set", value]); }

// The text of a button is an attribute, no value of a parameter; a toggle has another one while it is on. A live.text cuts off
// what is too long on both sides, so it is shortened before.
function showText(control, whole) {
  var text = Music.shorten(whole, TABLE.rooms[control] || Infinity, TABLE.letters);
  if (shownTexts[control] === text) return;
  shownTexts[control] = text;
  outlet(CONTROLS_OUT, [control, "text", text]);
  if (TABLE.controls[control].kind === "toggle") outlet(CONTROLS_OUT, [control, "texton", text]);
}

function fillList(control, words, index) {
  outlet(CONTROLS_OUT, [control, "clear"]);
  words.forEach(function (word) { outlet(CONTROLS_OUT, [control, "append", word]); });
  show(control, index);
}

function draw(message) { outlet(CONTROLS_OUT, message); }
