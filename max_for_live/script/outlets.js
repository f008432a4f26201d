// What leaves the script: its outlets, the values that controls show, and the status line.
// Max's outlet() for the server's messages is called in requests.js, for the saved state in state.js. No logic of any button here.

var SERVER_OUT = 0, CONTROLS_OUT = 1, RECEIVER_OUT = 2, STATE_OUT = 3;

var status = "";

function showStatus(sentence) {
  if (sentence !== status) show("status", sentence);
  status = sentence;
}

// Say how far a press is, if it is the newest.
function showProgress(job, sentence) { if (openPresses().slice(-1)[0] === job) showStatus(job.verb + ": " + sentence); }

function show(control, value) { outlet(CONTROLS_OUT, [control, "set", value]); }
