// Scenarios of starting the server from Live, by Node for Max.
// Run with `node --expose-internals tests/device/start_scenarios.js`; the server is scripted, see stage.js.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Stage } = require("./stage.js");

const STARTER = "latent_bridge_start_server.js";

// A stage without a server, on which Node for Max runs `starter`.
function without(starter) {
  const stage = new Stage({ server: { isUp: false }, nodes: starter ? { [STARTER]: starter } : {} });
  stage.start().wait(4000);
  assert.equal(stage.status, "no server: press Start Server");
  assert.equal(stage.text("generate"), "Start Server");
  return stage;
}

// What start_server.js does: it says that it is there, and starts the server when it is told to.
function obliging(stage, told = []) {
  return ({ send }) => (message) => {
    told.push(message);
    if (message.join(" ") === "script start") send("ready");
    if (message[0] !== "serve") return;
    send("started");
    stage().server.isUp = true;
  };
}

test("Generate starts the server where there is none, and then generates", () => {
  const told = [];
  let stage = null;
  stage = without(obliging(() => stage, told));
  stage.press("generate").wait(50);
  stage.wait(3000);
  assert.ok(told.some(([word, port]) => word === "serve" && port === 9120));
  assert.equal(stage.status, "ready: drums, melody");
  assert.equal(stage.text("generate"), "Generate");
  stage.check();
});

test("why it cannot be started is said, and Start in the fold-out tries again", () => {
  let tries = 0;
  const stage = without(({ send }) => ([word]) => {
    if (word === "serve" && ++tries) send("failed", "run latent-bridge device install once, then press Start again");
  });
  stage.press("generate").wait(500);
  assert.equal(stage.status, "run latent-bridge device install once, then press Start again");
  assert.equal(stage.text("generate"), "Generate");
  const before = tries;
  stage.press("start").wait(500);
  assert.ok(tries > before);
  stage.wait(5000);
  assert.equal(stage.status, "run latent-bridge device install once, then press Start again", "it stays in sight");
  stage.check();
});

test("where Node for Max does not start, the line says what to do", () => {
  const stage = without(null);
  stage.press("generate").wait(11000);
  assert.equal(stage.status, "Node for Max does not start: run latent-bridge serve");
  stage.server.isUp = true;
  stage.wait(6000);
  assert.equal(stage.status, "ready: drums, melody");
  stage.check();
});
