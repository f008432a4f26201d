// The server: hello, welcome, the port to listen on, the list of models, and the table of all messages that may come.
// Requests and their answers are in requests.js.

var GREETINGS = 3; // unanswered hellos, after which the server is gone, or another port is tried
var LOST = 3000; // ms without a word from it: one that loads its models may be slow
var FAST = 500, SLOW = 2000, BEAT = 5000; // ms between hellos: at first, to a dead server, to a living one

var SENTENCES = {
  searching: "looking for the server…",
  warming: "the server is warming up…",
  gone: "no server: run latent-bridge serve",
  stopped: "the server stopped",
};

var server = {
  state: "searching", text: SENTENCES.searching, // then warming, ready, gone, or version with a sentence of its own
  session: 0, itsSession: NaN, // ours, and the server's own, of which a welcome may say nothing
  port: TABLE.listen[0], isPortOurs: false, unanswered: 0, greetedAt: -Infinity, heardAt: -Infinity,
  version: "", expected: 0, listed: [], models: [],
};

var menu = ["auto"]; // the models as the menu shows them

// What may come from the server; `v` are the values of the message, for most of them after the id.
var OSC = {
  "/bridge/welcome": hearWelcome,
  "/bridge/model": hearModel,
  "/bridge/bye": hearBye,
  "/bridge/progress": ofRequest(function (request, v) {
    var share = Math.round(Number(v[0]) * 100);
    if (share > 0 && share <= 100) tell(request.job, share + " %…");
  }),
  "/bridge/info": ofRequest(function (request, v) {
    var said = v.join(" ");
    if (request.reply.info.indexOf(said) < 0) request.reply.info.push(said);
  }),
  "/bridge/clip": ofRequest(function (request, v) { if (Music.takeHead(request.reply, v)) takeNews(request); }),
  "/bridge/notes": ofRequest(function (request, v) { if (Music.takeRows(request.reply, v)) takeNews(request); }),
  "/bridge/missing": ofRequest(function (request, v) {
    sendPart(request, Number(v[0]), Number(v[1]), Number(v[2]));
  }),
  "/bridge/done": ofRequest(function (request, v) {
    request.isDone = true;
    request.reply.clips = Math.min(64, Number(v[0]) || 0);
    takeNews(request);
  }),
  "/bridge/error": function (v) {
    var isVersion = Number(v[0]) === -1 && v[1] === "version" && server.unanswered;
    if (isVersion) setServer("version", v.slice(2).join(" ") + " (this device is " + TABLE.version + ")");
    else ofRequest(hearError)(v);
  },
  "/bridge/echo": ofRequest(function (request, v) {
    end(request, request.echo === String(v[0]) ? null : { code: "garbled" });
  }),
};

function greet() {
  if (server.unanswered >= GREETINGS && now() - server.heardAt > LOST) {
    if (server.state !== "version") setServer("gone");
    if (!server.isPortOurs && server.unanswered % GREETINGS === 0) {
      // A receiver whose port is taken is deaf and says so to no one: only a welcome tells that it is not.
      server.port = TABLE.listen[0] + ((server.port - TABLE.listen[0] + 1) % TABLE.listen[1]);
      outlet(RECEIVER_OUT, ["port", server.port]);
    }
  }
  sayHello();
  at("hello", server.unanswered > 4 * GREETINGS || server.state === "version" ? SLOW : FAST, greet);
}

function sayHello() {
  server.unanswered++;
  server.greetedAt = now();
  transmit(["/bridge/hello", server.port, TABLE.protocol, server.session, "Latent Bridge for Live"]);
}

function hearWelcome(v) {
  if (!server.unanswered && server.state !== "warming") return; // not asked for
  var protocol = Number(v[0]), state = v[3] === "ready" ? "ready" : "warming";
  server.unanswered = 0;
  server.isPortOurs = true;
  server.heardAt = now();
  server.version = String(v[1]);
  server.expected = Math.min(64, Number(v[4]) || 0);
  server.itsSession = Number(v[5]);
  if (hasAllModels()) server.listed = []; // else some of the last list got lost
  at("hello", state === "ready" && !server.expected ? BEAT : FAST, greet); // fast until the models are there
  if (protocol === TABLE.protocol) return setServer(state);
  var said = "the server speaks protocol " + protocol + ", this device " + TABLE.protocol;
  setServer("version", said + ": update " + (protocol > TABLE.protocol ? "this device" : "the server"));
}

// The server stops: look for it as at the start. Only the one that has welcomed us can say so.
function hearBye(v) {
  if (!isServerThere() || Number(v[0]) !== server.itsSession) return;
  server.unanswered = 0;
  setServer("gone", SENTENCES.stopped);
  at("hello", FAST, greet);
}

// The models come after the welcome, a message each; they count once all are there.
function hearModel(v) {
  var index = Number(v[0]), listed = server.listed;
  if (!(index >= 0 && index < server.expected) || listed[index] || !v[1]) return;
  listed[index] = String(v[1]);
  if (!hasAllModels()) return;
  at("hello", BEAT, greet);
  if (listed.join() === server.models.join()) return;
  server.models = listed;
  showModels();
  if (/^(ready|listing)/.test(status)) say(serverText());
}

function hasAllModels() { return server.listed.filter(String).length >= server.expected; }

function showModels() {
  menu = ["auto"].concat(server.models);
  if (menu.indexOf(chosen.model) < 0) menu.push(chosen.model); // gone now: the server says so when it is asked
  outlet(CONTROLS_OUT, ["model", "clear"]);
  menu.forEach(function (name) { outlet(CONTROLS_OUT, ["model", "append", name]); });
  show("model", menu.indexOf(chosen.model));
}

function setServer(state, sentence) {
  var text = sentence || SENTENCES[state] || "";
  if (server.state === state && server.text === text) return;
  server.state = state;
  server.text = text;
  if (!openPresses().length || state === "version") say(serverText());
}

function serverText() {
  if (server.state !== "ready") return server.text;
  if (!server.expected) return "ready, but the server has no models";
  return server.models.length ? "ready: " + server.models.join(", ") : "listing the models…";
}

function isServerThere() { return server.state === "ready" || server.state === "warming"; }
