// What leaves the script: the numbers of its outlets, the values that controls show, and the status line.
// No button's logic belongs here. Messages to the server leave in requests.js, the saved state in state.js.

var SERVER_OUT = 0, CONTROLS_OUT = 1, RECEIVER_OUT = 2, STATE_OUT = 3;

var status = "";

function showStatus(sentence) {
  if (sentence !== status) show("status", sentence);
  status = sentence;
}

// Show the progress of a press, if it is the newest.
function showProgress(job, sentence) { if (openPresses().slice(-1)[0] === job) showStatus(job.verb + ": " + sentence); }

function show(control, value) { outlet(CONTROLS_OUT, [control, "set", value]); }
