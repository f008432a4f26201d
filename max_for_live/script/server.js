// The server: hello, welcome, the port to listen on, the list of models, and the table of all messages that may come.
// Requests and their answers are in requests.js.

var MAX_UNANSWERED = 3; // unanswered hellos, after which the server is gone, or another port is tried
var SERVER_GONE_MS = 3000; // ms without a word from it: one that loads its models may be slow
var HELLO_FAST_MS = 500, HELLO_SLOW_MS = 2000, HELLO_READY_MS = 5000; // ms between hellos: at first, to a dead server, to a living one

var SERVER_TEXTS = {
  searching: "looking for the server…",
  warming: "the server is warming up…",
  gone: "no server: run latent-bridge serve",
  stopped: "the server stopped",
};

var server = {
  state: "searching", text: SERVER_TEXTS.searching, // then warming, ready, gone, or version with a sentence of its own
  session: 0, serverSession: NaN, // ours, and the server's own, of which a welcome may say nothing
  port: TABLE.listen[0], isPortOurs: false, unanswered: 0, greetedAt: -Infinity, heardAt: -Infinity,
  version: "", expected: 0, received: [], models: [],
};

var modelMenu = ["auto"]; // the models as the menu shows them

// What may come from the server; `v` are the values of the message, for most of them after the id.
var OSC = {
  "/bridge/welcome": onWelcome,
  "/bridge/model": onModel,
  "/bridge/bye": onBye,
  "/bridge/progress": forRequest(function (request, v) {
    var share = Math.round(Number(v[0]) * 100);
    if (share > 0 && share <= 100) showProgress(request.job, share + " %…");
  }),
  "/bridge/info": forRequest(function (request, v) {
    var said = v.join(" ");
    if (request.reply.info.indexOf(said) < 0) request.reply.info.push(said);
  }),
  "/bridge/clip": forRequest(function (request, v) { if (Music.addHeader(request.reply, v)) onNewData(request); }),
  "/bridge/notes": forRequest(function (request, v) { if (Music.addRows(request.reply, v)) onNewData(request); }),
  "/bridge/missing": forRequest(function (request, v) {
    sendPart(request, Number(v[0]), Number(v[1]), Number(v[2]));
  }),
  "/bridge/done": forRequest(function (request, v) {
    request.isDone = true;
    request.reply.clips = Math.min(64, Number(v[0]) || 0);
    onNewData(request);
  }),
  "/bridge/error": function (v) {
    var isVersion = Number(v[0]) === -1 && v[1] === "version" && server.unanswered;
    if (isVersion) setServerState("version", v.slice(2).join(" ") + " (this device is " + TABLE.version + ")");
    else forRequest(onError)(v);
  },
  "/bridge/echo": forRequest(function (request, v) {
    endRequest(request, request.echo === String(v[0]) ? null : { code: "garbled" });
  }),
};

function connect() {
  if (server.unanswered >= MAX_UNANSWERED && now() - server.heardAt > SERVER_GONE_MS) {
    if (server.state !== "version") setServerState("gone");
    if (!server.isPortOurs && server.unanswered % MAX_UNANSWERED === 0) {
      // A receiver whose port is taken is deaf and says so to no one: only a welcome tells that it is not.
      server.port = TABLE.listen[0] + ((server.port - TABLE.listen[0] + 1) % TABLE.listen[1]);
      outlet(RECEIVER_OUT, ["port", server.port]);
    }
  }
  sendHello();
  schedule("hello", server.unanswered > 4 * MAX_UNANSWERED || server.state === "version" ? HELLO_SLOW_MS : HELLO_FAST_MS, connect);
}

function sendHello() {
  server.unanswered++;
  server.greetedAt = now();
  queueMessage(["/bridge/hello", server.port, TABLE.protocol, server.session, "Latent Bridge for Live"]);
}

function onWelcome(v) {
  if (!server.unanswered && server.state !== "warming") return; // not asked for
  var protocol = Number(v[0]), state = v[3] === "ready" ? "ready" : "warming";
  server.unanswered = 0;
  server.isPortOurs = true;
  server.heardAt = now();
  server.version = String(v[1]);
  server.expected = Math.min(64, Number(v[4]) || 0);
  server.serverSession = Number(v[5]);
  if (hasAllModels()) server.received = []; // else some of the last list got lost
  schedule("hello", state === "ready" && !server.expected ? HELLO_READY_MS : HELLO_FAST_MS, connect); // fast until the models are there
  if (protocol === TABLE.protocol) return setServerState(state);
  var said = "the server speaks protocol " + protocol + ", this device " + TABLE.protocol;
  setServerState("version", said + ": update " + (protocol > TABLE.protocol ? "this device" : "the server"));
}

// The server stops: look for it as at the start. Only the one that has welcomed us can say so.
function onBye(v) {
  if (!isServerThere() || Number(v[0]) !== server.serverSession) return;
  server.unanswered = 0;
  setServerState("gone", SERVER_TEXTS.stopped);
  schedule("hello", HELLO_FAST_MS, connect);
}

// The models come after the welcome, a message each; they count once all are there.
function onModel(v) {
  var index = Number(v[0]), listed = server.received;
  if (!(index >= 0 && index < server.expected) || listed[index] || !v[1]) return;
  listed[index] = String(v[1]);
  if (!hasAllModels()) return;
  schedule("hello", HELLO_READY_MS, connect);
  if (listed.join() === server.models.join()) return;
  server.models = listed;
  showModels();
  if (/^(ready|listing)/.test(status)) showStatus(serverText());
}

function hasAllModels() { return server.received.filter(String).length >= server.expected; }

function showModels() {
  modelMenu = ["auto"].concat(server.models);
  if (modelMenu.indexOf(chosen.model) < 0) modelMenu.push(chosen.model); // gone now: the server says so when it is asked
  outlet(CONTROLS_OUT, ["model", "clear"]);
  modelMenu.forEach(function (name) { outlet(CONTROLS_OUT, ["model", "append", name]); });
  show("model", modelMenu.indexOf(chosen.model));
}

function setServerState(state, sentence) {
  var text = sentence || SERVER_TEXTS[state] || "";
  if (server.state === state && server.text === text) return;
  server.state = state;
  server.text = text;
  if (!openPresses().length || state === "version") showStatus(serverText());
}

function serverText() {
  if (server.state !== "ready") return server.text;
  if (!server.expected) return "ready, but the server has no models";
  return server.models.length ? "ready: " + server.models.join(", ") : "listing the models…";
}

function isServerThere() { return server.state === "ready" || server.state === "warming"; }
