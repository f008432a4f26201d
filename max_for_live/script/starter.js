// Starting the server from Live: a Node for Max process, start_server.js, starts it where `latent-bridge device install` has
// left the command, and ends it with Live. What it tells comes back as words: ready, started, failed, ended.

var STARTER_MS = 10000; // for Node for Max to start

var starter = { state: "" }; // then "asked", "started", or "failed"

// Whether Generate starts the server; after a failure only Start tries again.
function isStartable() { return server.state === "gone" && starter.state !== "failed"; }

function pressStart() {
  if (!hasBegun) return showStatus("Live is still loading");
  if (server.state !== "gone") return showStatus(serverText());
  if (starter.state === "asked") return;
  starter.state = "asked";
  showStatus("starting the server…");
  outlet(NODE_OUT, ["script", "start"]);
  outlet(NODE_OUT, ["serve", TABLE.port]); // heard where the process runs already
  schedule("starter", STARTER_MS, function () {
    if (starter.state === "asked") failStart("Node for Max does not start: run latent-bridge serve");
  });
}

var STARTER_WORDS = {
  ready: function () { if (starter.state === "asked") outlet(NODE_OUT, ["serve", TABLE.port]); },
  started: function () {
    starter.state = "started";
    server.unanswered = 0; // look for it often
    setServerState("starting");
    schedule("hello", HELLO_FAST_MS, connect);
  },
  failed: function (v) { failStart(v.slice(1).join(" ")); },
  ended: function (v) { if (starter.state === "started" && !isServerThere()) failStart(v.slice(1).join(" ")); },
};

function onStarter(v) { if (STARTER_WORDS.hasOwnProperty(v[0])) STARTER_WORDS[v[0]](v); }

function failStart(sentence) {
  starter.state = "failed";
  setServerState("gone", sentence || "no server: run latent-bridge serve");
  showStatus(serverText());
}
