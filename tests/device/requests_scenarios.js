// Scenarios of requests: messages that are lost, servers that die in between, cancelling, and answers that come late.
// Run with `node --expose-internals tests/device/requests_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { fresh, whole } = require("./stage.js");
const { verbs, withClip } = require("./stages.js");

test("the server's own sentence stands in the status line", () => {
  const stage = withClip();
  stage.server.answer.vary = () => ({ error: ["no_model", "there is no model of that name; there are: drums, melody"] });
  stage.press("vary").settle();
  assert.equal(stage.status, "vary: there is no model of that name; there are: drums, melody");
  stage.check();
});

test("numbers that come as symbols are numbers, and half a message is none", () => {
  const stage = withClip({}, 3);
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(400);
  const id = stage.server.asked[0].id;
  stage.say("/bridge/notes", id, 0, 0, 10, 60, 0);
  stage.say("/bridge/notes", id, 99999, 0, 10, 60, 0, 1, 100, 0, 1, 0, 64, -1, -1);
  stage.say("/bridge/clip", String(id), "0", "8.0", "4", "4", "1", "a name");
  stage.say("/bridge/notes", String(id), "0", "0", "10", ...["60", "1.5", "0.25", "100", "0", "1", "0", "64", "-1", "-1"]);
  stage.say("/bridge/done", String(id), "1", "5", "drums");
  stage.settle();
  assert.deepEqual(stage.made().map((c) => c.notes.map((n) => [n.pitch, n.start_time])), [[[60, 1.5]]]);
  stage.check();
});

test("requests are cut into messages that every system carries, and paced", () => {
  const stage = withClip({}, 1000);
  stage.press("vary").settle();
  const notes = stage.max.sent(0).filter(([a]) => a === "/bridge/notes");
  assert.equal(notes.reduce((sum, m) => sum + (m.length - 5) / m[4], 0), 1000);
  for (const message of notes) assert.ok(message.length - 1 <= 250 && 16 + 252 + (message.length - 1) * 4 <= 1400);
  for (const turn of stage.max.turns.filter((t) => t.what.startsWith("Task"))) assert.ok(turn.sent <= 60);
  stage.check();
});

test("request notes that get lost are sent again when the server asks", () => {
  let count = 0;
  const stage = withClip({}, 1000);
  stage.server.loses = ([address], isRequest) => isRequest && ["/bridge/notes", "/bridge/clip"].includes(address) && count++ % 3 === 0;
  stage.press("vary").settle();
  assert.equal(stage.server.asked[0].clips[0].rows.filter(Boolean).length, 1000);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a verb of which nothing is heard is sent again after half a second, with the same id", () => {
  const stage = withClip();
  let lost = 2;
  stage.server.loses = ([address], isRequest) => isRequest && address === "/bridge/vary" && lost-- > 0;
  stage.press("vary").settle();
  assert.equal(verbs(stage).length, 3);
  assert.equal(new Set(verbs(stage).map((m) => m[1])).size, 1);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("reply notes that get lost, doubled and mixed up come out whole", () => {
  const stage = withClip({}, 500);
  let dice = 12345;
  const roll = () => (dice = (dice * 1103515245 + 12345) % 2147483648) / 2147483648;
  stage.server.loses = (message, isRequest) => !isRequest && roll() < 0.2;
  const { tell } = stage.server;
  stage.server.tell = function (to, ...message) {
    const copies = roll() < 0.2 ? 2 : 1;
    for (let i = 0; i < copies; i++) stage.clock.after(roll() * 30, () => tell.call(this, to, ...message));
  };
  stage.turn("count", 4).press("vary").settle();
  assert.equal(stage.made().length, 4);
  for (const clip of stage.made()) assert.equal(clip.notes.length, 500);
  assert.ok(stage.server.resent.length > 0);
  assert.equal(stage.live.snapshot(), stage.before);
  stage.check();
});

test("an answer of which a part never comes ends in a sentence", () => {
  const stage = withClip({}, 100);
  stage.server.loses = ([address, , , first], isRequest) => !isRequest && address === "/bridge/notes" && first === 24;
  stage.press("vary").settle();
  assert.equal(stage.status, "vary: part of the answer was lost: press again");
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a server that dies in mid-request costs some seconds and a sentence", () => {
  const stage = withClip();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(300);
  stage.server.isUp = false;
  stage.wait(9000);
  assert.ok(stage.lines.includes("vary: the server does not answer: run latent-bridge serve"));
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a server that starts anew in mid-request is told everything again", () => {
  const stage = withClip();
  const { vary } = stage.server.answer;
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(300);
  stage.server.forget();
  stage.server.answer.vary = vary;
  stage.wait(2500);
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("a server that starts anew in the middle of its answer is asked for all of it again", () => {
  const stage = withClip({}, 100);
  let isLossy = true;
  stage.server.loses = ([address], isRequest) => isLossy && !isRequest && address === "/bridge/notes";
  const { take } = stage.server;
  stage.server.take = function (to, message) {
    if (message[0] === "/bridge/resend" && isLossy) {
      isLossy = false;
      this.forget();
      this.greeted.add(to);
    }
    if (message[0] === "/bridge/resend" && !this.answers.has(message[1])) {
      return this.tell(to, "/bridge/error", message[1], "bad_request", "nothing is kept of it");
    }
    return take.call(this, to, message);
  };
  stage.press("vary").settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("progress keeps a request alive, and is shown", () => {
  const stage = withClip();
  const { vary } = stage.server.answer;
  let ask = null;
  stage.server.answer.vary = (given) => ((ask = given), null);
  stage.press("vary").wait(400);
  stage.server.run = (to, _verb, id) => stage.server.tell(to, "/bridge/progress", id, 0.4); // what the server says to a repeat
  stage.wait(30000);
  assert.equal(stage.status, "vary: 40 %…");
  delete stage.server.run;
  for (const m of [...stage.server.messages(ask.id, vary(ask)), ["/bridge/done", ask.id, 8, 5, "drums"]]) stage.server.tell(stage, ...m);
  stage.settle();
  assert.equal(stage.made().length, 8);
  stage.check();
});

test("cancel ends what is under way, tells the server, and leaves no half clip", () => {
  const stage = withClip();
  stage.server.answer.vary = () => null;
  stage.press("vary").wait(400).press("cancel").settle();
  assert.equal(stage.status, "cancelled");
  assert.equal(stage.server.cancelled, stage.server.asked[0].id);
  const late = withClip();
  const { vary } = late.server.answer;
  late.server.answer.vary = (ask) => vary(ask).map((clip) => ({ ...clip, rows: Array.from({ length: 700 }, (_, i) => fresh(i % 100, i / 100, 1 / 128)) }));
  late.turn("count", 8).press("vary");
  late.clock.advance(20000, () => late.track.slots[3].clip);
  assert.equal(late.text("generate"), "Cancel");
  late.press("cancel").settle();
  const made = late.made().length;
  assert.equal(late.status, made ? `cancelled; ${made} clips were made before` : "cancelled");
  assert.ok(made < 8 && late.made().every((c) => c.notes.length === 700));
  late.press("undo").settle();
  assert.equal(late.status, made ? `removed ${made} clips` : "nothing to undo");
  for (const one of [stage, late]) {
    assert.equal(one.live.snapshot(), one.before);
    assert.equal(one.text("generate"), "Generate");
    one.check();
  }
});

test("of a request that was cancelled nothing more is sent", () => {
  const stage = withClip({}, 3000);
  stage.press("vary").wait(300).press("cancel").wait(100);
  const sent = stage.max.sent(0).length;
  stage.settle();
  assert.ok(stage.max.sent(0).slice(sent).every(([a]) => a === "/bridge/hello" || a === "/bridge/cancel"));
  stage.check();
});

test("an answer that comes after all is not written when it was cancelled", () => {
  const stage = withClip();
  let ask = null;
  const { vary } = stage.server.answer;
  stage.server.answer.vary = (given) => ((ask = given), null);
  stage.press("vary").wait(400).press("cancel").wait(200);
  for (const m of [...stage.server.messages(ask.id, vary(ask)), ["/bridge/done", ask.id, 8, 5, "drums"]]) stage.server.tell(stage, ...m);
  stage.settle();
  assert.deepEqual(stage.made(), []);
  stage.check();
});

test("a request whose parts were lost too often is sent anew once, under another id", () => {
  const stage = withClip();
  let isFirst = true;
  stage.server.answer.vary = ({ clips }) => (isFirst ? ((isFirst = false), { error: ["incomplete", "note 3 never came"] }) : [whole(clips[0])]);
  stage.press("vary").settle();
  assert.equal(stage.made().length, 1);
  assert.notEqual(stage.server.asked[0].id, stage.server.asked[1].id);
  stage.check();
});
