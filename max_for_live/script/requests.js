// Requests: an answer to each, though messages get lost. Parts and verbs go out, again where nothing is heard, replies are
// put together, and what is missing of them is asked for. What an answer is for, and the hello, are not known here.

var MESSAGES_PER_TICK = 8; // messages a tick: udpsend and the network have small queues
var RESEND_MS = 500; // ms without a word about an id, after which its verb is sent again
var SERVER_TIMEOUT_MS = 6000; // ms without any sign of life, after which a request is given up
var REQUEST_TIMEOUT_MS = 30000; // ms of silence about an id, of a server that is alive
var GAP_RETRY_MS = 100; // ms after which lost reply notes are asked for, then doubling
var MAX_GAPS = 50; // at a time
var MAX_GAP_RETRIES = 5; // how often in a row nothing may come of that

var requests = {}; // by "id" and the id
var nextId = 0, outbox = [];

// Ask for something: { job, verb, given, parts, then } and, where it differs, the longest silence. `then` hears of a
// problem {code, text} or null, and of the reply.
function sendRequest(request) {
  dropRequest(request); // it may be asked anew, under another id
  request.id = nextId;
  nextId = nextId < 0x7ffffff0 ? nextId + 1 : 1;
  requests["id" + request.id] = request;
  request.reply = Music.emptyReply();
  request.isDone = false;
  request.heardAt = Infinity; // until something of it has left
  request.parts.forEach(function (part, index) { if (request.verb !== "at") sendPart(request, index, 0, -1); });
  return sendAndRepeat(request, ["/bridge/" + request.verb, request.id].concat(request.values));
}

function sendAndRepeat(request, message) {
  request.message = message;
  request.retries = 0;
  request.sentAt = 0; // until it has left
  queueMessage(message, request);
  return request;
}

function sendPart(request, index, first, notes) {
  if (!request.parts[index] || request.isCancelled) return;
  Music.partMessages(request.id, index, request.parts[index], first, notes).forEach(function (message) {
    queueMessage(message, request);
  });
}

// Let a handler hear of our own ids only.
function forRequest(handle) {
  return function (v) {
    var request = requests["id" + Number(v[0])];
    if (!request) return;
    request.heardAt = server.heardAt = now();
    handle(request, v.slice(1));
  };
}

// Parts were lost too often, or the server has started anew in the middle of its answer: all of it once more.
function onError(request, v) {
  var isHalf = request.isDone || v[0] === "incomplete" || v[0] === "id_reused", isFirst = !request.isRetried;
  request.isRetried = true;
  if (isHalf && isFirst && !request.isCancelled) sendRequest(request);
  else endRequest(request, { code: String(v[0]), text: v.slice(1).join(" ") });
}

function onNewData(request) {
  request.retries = 0;
  if (request.isDone && !Music.missingRanges(request.reply).length) endRequest(request, null);
}

function endRequest(request, problem) {
  dropRequest(request);
  if (!request.isCancelled) runForJob(request.job, function () { request.then(problem, request.reply); });
}

function dropRequest(request) { delete requests["id" + request.id]; }

function eachRequest(visit) {
  Object.keys(requests).forEach(function (key) { if (requests[key]) visit(requests[key]); });
}

// Ask again where nothing was heard for a while, and give up in the end.
function checkRequest(request) {
  var time = now(), quiet = time - Math.max(request.heardAt, request.sentAt);
  if (!request.sentAt) return;
  if (request.isDone) {
    if (quiet < GAP_RETRY_MS << Math.min(3, request.retries)) return;
    if (request.retries === MAX_GAP_RETRIES) {
      return endRequest(request, { code: "lost", text: "a part of the answer got lost: press again" });
    }
    Music.missingRanges(request.reply).slice(0, MAX_GAPS).forEach(function (gap) {
      queueMessage(["/bridge/resend", request.id].concat(gap), request);
    });
    request.retries++;
  } else {
    if (quiet < RESEND_MS) return;
    var isServerSilent = time - Math.max(request.heardAt, server.heardAt) > SERVER_TIMEOUT_MS;
    if (isServerSilent || time - request.heardAt > (request.timeout || REQUEST_TIMEOUT_MS)) {
      return endRequest(request, { code: "silent", text: "the server does not answer: run latent-bridge serve" });
    }
    sendHello(); // a server that has started anew does not know where we listen
    queueMessage(request.message, request);
  }
  request.sentAt = time;
}

function queueMessage(message, request) {
  outbox.push({ message: message, request: request || null });
  scheduleTick();
}

// Send a few messages; of requests that are over, and of a puck position that is stale, nothing more is sent.
function sendOutbox() {
  for (var sent = 0; outbox.length && sent < MESSAGES_PER_TICK; ) {
    var next = outbox.shift(), request = next.request;
    if (request && requests["id" + next.message[1]] !== request) continue;
    outlet(SERVER_OUT, next.message);
    sent++;
    if (!request) continue;
    request.sentAt = now();
    if (request.heardAt === Infinity) request.heardAt = request.sentAt;
  }
}
