// The connection to the server: hello and welcome, the port to listen on, the list of models, and OSC, the table of all
// messages that may come. How requests get their answers is in requests.js.

var MAX_UNANSWERED = 3; // hellos, after which the server counts as gone, or another port is tried
var SERVER_GONE_MS = 3000; // silence; a server that loads its models may be slow
var HELLO_FAST_MS = 500, HELLO_SLOW_MS = 2000, HELLO_READY_MS = 5000; // between hellos: at first, later, when ready

var SERVER_TEXTS = {
  searching: "looking for the server…",
  warming: "the server is loading its models…",
  gone: "no server: press Start Server",
  starting: "starting the server…",
  stopped: "the server stopped",
};

var server = {
  state: "searching", text: SERVER_TEXTS.searching, // then "warming", "ready", "gone", or "version" with its own text
  session: 0, serverSession: NaN, // the device's, and the server's, which an older server does not tell
  port: TABLE.listen[0], isPortOurs: false, unanswered: 0, greetedAt: -Infinity, heardAt: -Infinity,
  version: "", expected: 0, received: [], models: [], bases: {}, shownText: "",
};

var ports = null; // of the devices of this Live: their ids by the ports that they listen on
var modelMenu = ["auto"]; // the models as the menu shows them

// What may come from the server; `v` are the values of the message, in forRequest() those after the id.
var OSC = {
  "/bridge/welcome": onWelcome,
  "/bridge/model": onModel,
  "/bridge/bye": onBye,
  "/bridge/progress": forRequest(function (request, v) {
    var share = Math.round(Number(v[0]) * 100);
    if (!(share > 0 && share <= 100)) return;
    showProgress(request.job, share + " %…");
    showLight(share / 100);
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

// Say hello, and again and again: often until the server answers, then to notice when it is gone.
function connect() {
  if (server.unanswered >= MAX_UNANSWERED && now() - server.heardAt > SERVER_GONE_MS) {
    if (server.state !== "version" && !starter.state) setServerState("gone");
    if (!server.isPortOurs && server.unanswered % MAX_UNANSWERED === 0) {
      // A udpreceive whose port is taken hears nothing and does not report it; only a welcome proves that it works.
      listenOn(server.port + 1);
    }
  }
  sendHello();
  var isSlow = server.unanswered > 4 * MAX_UNANSWERED || server.state === "version";
  schedule("hello", isSlow ? HELLO_SLOW_MS : HELLO_FAST_MS, connect);
}

// Listen on a port, or the next that no other device of this Live listens on: all share one Global.
function listenOn(port) {
  if (!ports) ports = new Global("latent_bridge_ports");
  var own = ownDevice();
  for (var i = 0; i < TABLE.listen[1]; i++) {
    var next = TABLE.listen[0] + ((port - TABLE.listen[0] + i) % TABLE.listen[1]);
    if (!isTaken(next, own)) break;
  }
  if (ports[server.port] === own) ports[server.port] = 0;
  ports[next] = own;
  server.port = next;
  outlet(RECEIVER_OUT, ["port", next]);
}

function isTaken(port, own) { return ports[port] > 0 && ports[port] !== own && goTo(Number(ports[port])); }

function sendHello() {
  server.unanswered++;
  server.greetedAt = now();
  queueMessage(["/bridge/hello", server.port, TABLE.protocol, server.session, "Latent Bridge for Live"]);
}

function onWelcome(v) {
  if (!server.unanswered && server.state !== "warming") return; // no hello is open: not from our server
  var protocol = Number(v[0]), state = v[3] === "ready" ? "ready" : "warming";
  server.unanswered = 0;
  endStart();
  server.isPortOurs = true;
  server.heardAt = now();
  server.version = String(v[1]);
  server.expected = Math.min(64, Number(v[4]) || 0);
  server.serverSession = Number(v[5]);
  if (hasAllModels()) server.received = []; // otherwise some models of the last list were lost
  var hasNoModels = state === "ready" && !server.expected;
  schedule("hello", hasNoModels ? HELLO_READY_MS : HELLO_FAST_MS, connect); // fast until all models are listed
  if (protocol === TABLE.protocol) return setServerState(state);
  var said = "the server speaks protocol " + protocol + ", this device " + TABLE.protocol;
  setServerState("version", said + ": update " + (protocol > TABLE.protocol ? "this device" : "the server"));
}

// The server has stopped: look for it again. A goodbye counts only from the server that welcomed us.
function onBye(v) {
  if (!isServerThere() || Number(v[0]) !== server.serverSession) return;
  server.unanswered = 0;
  setServerState("gone", SERVER_TEXTS.stopped);
  schedule("hello", HELLO_FAST_MS, connect);
}

// The models come after the welcome, one message each; they count once all are there.
function onModel(v) {
  var index = Number(v[0]), listed = server.received;
  if (!(index >= 0 && index < server.expected) || listed[index] || !v[1]) return;
  listed[index] = String(v[1]);
  server.bases[listed[index]] = String(v[5] || ""); // of a personal model, the one that it was made from
  if (!hasAllModels()) return;
  schedule("hello", HELLO_READY_MS, connect);
  if (listed.join() === server.models.join()) return;
  server.models = listed;
  showModels();
  if (status === server.shownText) showServer();
}

function hasAllModels() { return server.received.filter(String).length >= server.expected; }

function showModels() {
  modelMenu = ["auto"].concat(server.models);
  if (modelMenu.indexOf(chosen.model) < 0) modelMenu.push(chosen.model); // no longer there: the server says so when it is asked
  fillList("model", modelMenu, modelMenu.indexOf(chosen.model));
  showMine();
}

// Whether the chosen model is a personal one: only then there is a way to it from the model that it was made from.
function isMine() { return Boolean(server.bases[chosen.model]); }

function showMine() {
  setAbsent("mine", !isMine());
  layOut();
}

function setServerState(state, sentence) {
  var text = sentence || SERVER_TEXTS[state] || "";
  if (server.state === state && server.text === text) return;
  server.state = state;
  server.text = text;
  setAbsent("start", state !== "gone");
  layOut();
  showGenerate();
  showLight(0);
  if (!openPresses().length || state === "version") showServer();
}

function showServer() {
  server.shownText = serverText();
  showStatus(server.shownText);
}

function serverText() {
  if (server.state !== "ready") return server.text;
  if (!server.expected) return "ready, but the server has no models";
  return server.models.length ? "ready: " + server.models.join(", ") : "loading the list of models…";
}

function isServerThere() { return server.state === "ready" || server.state === "warming"; }
