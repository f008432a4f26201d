// Requests: an answer to each, though messages get lost. Parts and verbs go out, again where nothing is heard, replies are
// put together, and what is missing of them is asked for. What an answer is for, and the hello, are not known here.

var BURST = 8; // messages a tick: udpsend and the network have small queues
var SILENCE = 500; // ms without a word about an id, after which its verb is sent again
var PATIENCE = 6000; // ms without any sign of life, after which a request is given up
var LONGEST = 30000; // ms of silence about an id, of a server that is alive
var GAP = 100; // ms after which lost reply notes are asked for, then doubling
var MOST_GAPS = 50; // at a time
var ASKS = 5; // how often in a row nothing may come of that

var requests = {}; // by "id" and the id
var nextId = 0, outbox = [];

// Ask for something: { job, verb, given, parts, then } and, where it differs, the longest silence. `then` hears of a
// problem {code, text} or null, and of the reply.
function ask(request) {
  forget(request); // it may be asked anew, under another id
  request.id = nextId;
  nextId = nextId < 0x7ffffff0 ? nextId + 1 : 1;
  requests["id" + request.id] = request;
  request.reply = Music.emptyReply();
  request.isDone = false;
  request.heardAt = Infinity; // until something of it has left
  request.parts.forEach(function (part, index) { if (request.verb !== "at") sendPart(request, index, 0, -1); });
  return askAgain(request, ["/bridge/" + request.verb, request.id].concat(request.given));
}

function askAgain(request, message) {
  request.message = message;
  request.asks = 0;
  request.sentAt = 0; // until it has left
  transmit(message, request);
  return request;
}

function sendPart(request, index, first, notes) {
  if (!request.parts[index] || request.isCancelled) return;
  Music.partMessages(request.id, index, request.parts[index], first, notes).forEach(function (message) {
    transmit(message, request);
  });
}

// Let a handler hear of our own ids only.
function ofRequest(handle) {
  return function (v) {
    var request = requests["id" + Number(v[0])];
    if (!request) return;
    request.heardAt = server.heardAt = now();
    handle(request, v.slice(1));
  };
}

// Parts were lost too often, or the server has started anew in the middle of its answer: all of it once more.
function hearError(request, v) {
  var isHalf = request.isDone || v[0] === "incomplete" || v[0] === "id_reused", isFirst = !request.isRetried;
  request.isRetried = true;
  if (isHalf && isFirst && !request.isCancelled) ask(request);
  else end(request, { code: String(v[0]), text: v.slice(1).join(" ") });
}

function takeNews(request) {
  request.asks = 0;
  if (request.isDone && !Music.gaps(request.reply).length) end(request, null);
}

function end(request, problem) {
  forget(request);
  if (!request.isCancelled) attempt(request.job, function () { request.then(problem, request.reply); });
}

function forget(request) { delete requests["id" + request.id]; }

function eachRequest(visit) {
  Object.keys(requests).forEach(function (key) { if (requests[key]) visit(requests[key]); });
}

// Ask again where nothing was heard for a while, and give up in the end.
function tend(request) {
  var time = now(), quiet = time - Math.max(request.heardAt, request.sentAt);
  if (!request.sentAt) return;
  if (request.isDone) {
    if (quiet < GAP << Math.min(3, request.asks)) return;
    if (request.asks === ASKS) {
      return end(request, { code: "lost", text: "a part of the answer got lost: press again" });
    }
    Music.gaps(request.reply).slice(0, MOST_GAPS).forEach(function (gap) {
      transmit(["/bridge/resend", request.id].concat(gap), request);
    });
    request.asks++;
  } else {
    if (quiet < SILENCE) return;
    var isServerSilent = time - Math.max(request.heardAt, server.heardAt) > PATIENCE;
    if (isServerSilent || time - request.heardAt > (request.longest || LONGEST)) {
      return end(request, { code: "silent", text: "the server does not answer: run latent-bridge serve" });
    }
    sayHello(); // a server that has started anew does not know where we listen
    transmit(request.message, request);
  }
  request.sentAt = time;
}

function transmit(message, request) {
  outbox.push({ message: message, request: request || null });
  plan();
}

// Send a few messages; of requests that are over, and of a puck position that is stale, nothing more is sent.
function flush() {
  for (var sent = 0; outbox.length && sent < BURST; ) {
    var next = outbox.shift(), request = next.request;
    if (request && requests["id" + next.message[1]] !== request) continue;
    outlet(SERVER_OUT, next.message);
    sent++;
    if (!request) continue;
    request.sentAt = now();
    if (request.heardAt === Infinity) request.heardAt = request.sentAt;
  }
}
