// Requests over a network that loses messages: clips and verbs are sent, and sent again when no answer comes; replies
// are assembled, and missing notes asked for. What an answer is for must not be known here. Hello is in server.js.

var MESSAGES_PER_TICK = 8; // udpsend and the network have small queues
var RESEND_MS = 500; // silence about a request after which it is sent again
var SERVER_TIMEOUT_MS = 6000; // silence of the server after which a request fails
var REQUEST_TIMEOUT_MS = 30000; // silence about a request while the server answers others
var GAP_RETRY_MS = 100; // before missing notes of a reply are asked for; doubles
var MAX_GAPS = 50; // asked for at a time
var MAX_GAP_RETRIES = 5; // in a row without any news

var requests = {}; // by "id" + id
var nextId = 0, outbox = [];

// Send a request { job, verb, values, parts, then } and wait for its answer: then(problem, reply), where problem is
// { code, text } or null. `timeout` may replace REQUEST_TIMEOUT_MS.
function sendRequest(request) {
  dropRequest(request); // it may be sent anew, under another id
  request.id = nextId;
  nextId = nextId < 0x7ffffff0 ? nextId + 1 : 1;
  requests["id" + request.id] = request;
  request.reply = Music.emptyReply();
  request.isDone = false;
  request.heardAt = Infinity; // until something of it is sent
  request.parts.forEach(function (part, index) { if (request.verb !== "at") sendPart(request, index, 0, -1); });
  return sendAndRepeat(request, ["/bridge/" + request.verb, request.id].concat(request.values));
}

function sendAndRepeat(request, message) {
  request.message = message;
  request.retries = 0;
  request.sentAt = 0; // until it is sent
  queueMessage(message, request);
  return request;
}

function sendPart(request, index, first, notes) {
  if (!request.parts[index] || request.isCancelled) return;
  Music.partMessages(request.id, index, request.parts[index], first, notes).forEach(function (message) {
    queueMessage(message, request);
  });
}

// Make a handler of messages about a request; those about ids that are not ours are ignored.
function forRequest(handle) {
  return function (v) {
    var request = requests["id" + Number(v[0])];
    if (!request) return;
    request.heardAt = server.heardAt = now();
    handle(request, v.slice(1));
  };
}

// If parts were lost too often, or the server was restarted in the middle of its answer, send all of it once more.
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

// Send again what has had no answer for a while; fail in the end.
function checkRequest(request) {
  var time = now(), quiet = time - Math.max(request.heardAt, request.sentAt);
  if (!request.sentAt) return;
  if (request.isDone) {
    if (quiet < GAP_RETRY_MS << Math.min(3, request.retries)) return;
    if (request.retries === MAX_GAP_RETRIES) {
      return endRequest(request, { code: "lost", text: "part of the answer was lost: press again" });
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
    sendHello(); // a restarted server does not know our port
    queueMessage(request.message, request);
  }
  request.sentAt = time;
}

function queueMessage(message, request) {
  outbox.push({ message: message, request: request || null });
  scheduleTick();
}

// Send a few messages. Those of finished requests and of outdated puck positions are dropped.
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
