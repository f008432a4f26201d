// Starting the server from Live: a Node for Max process, start_server.js, starts it with the command that `latent-bridge device
// install` has noted, and ends it with Live. What it tells comes back as words: ready, started, failed, ended.

var NODE_MS = 10000; // for Node for Max to start
var SERVING_MS = 60000; // for the server to answer

var starter = { state: "" }; // then "asked", "started", or "failed"

// Whether Generate starts the server; after a failure only Start tries again.
function isStartable() { return server.state === "gone" && starter.state !== "failed"; }

function isStarting() { return starter.state === "asked" || starter.state === "started"; }

function pressStart() {
  if (!hasBegun) return showStatus("Live is still loading");
  if (server.state !== "gone") return showStatus(serverText());
  starter.state = "asked";
  setServerState("starting");
  outlet(NODE_OUT, ["script", "start"]);
  outlet(NODE_OUT, ["serve", TABLE.port]); // heard where the process runs already
  schedule("starter", NODE_MS, function () {
    if (starter.state === "asked") failStart("Node for Max does not start: run latent-bridge serve");
  });
}

// The server answers, whoever has started it.
function endStart() { starter.state = ""; }

var STARTER_WORDS = {
  ready: function () { if (starter.state === "asked") outlet(NODE_OUT, ["serve", TABLE.port]); },
  started: function () {
    if (starter.state !== "asked") return;
    starter.state = "started";
    server.unanswered = 0; // look for it often
    schedule("hello", HELLO_FAST_MS, connect);
    schedule("starter", SERVING_MS, function () {
      if (starter.state === "started") failStart("the server was started and does not answer: run latent-bridge doctor");
    });
  },
  failed: function (v) { if (isStarting()) failStart(v.slice(1).join(" ")); },
  ended: function (v) { if (isStarting()) failStart(v.slice(1).join(" ")); },
};

function onStarter(v) { if (STARTER_WORDS.hasOwnProperty(v[0])) STARTER_WORDS[v[0]](v); }

function failStart(sentence) {
  starter.state = "failed";
  setServerState("gone", sentence || "no server: run latent-bridge serve");
  showStatus(serverText());
}
