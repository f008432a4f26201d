// Starts the server for the device, in Node for Max, and ends it with Live. (docs.cycling74.com/reference/node.script)
//
// `latent-bridge device install` has left a note of the command that serves, where a program keeps its data. The server is
// started without a window and told to end with its standard input: that closes when this process is gone, however it goes.
// What is known of the server is told to the device's script: ready, started, failed WHY, ended WHY.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");
const { spawn } = require("child_process");
const Max = require("max-api");

const NOTE = "server.json"; // as bridge/service.py names it
const LONGEST = 160; // characters of a sentence

let child = null;

// Where programs keep their data, as the Python package platformdirs has it.
function dataFolder(platform, environment, home) {
  if (platform === "darwin") return path.join(home, "Library", "Application Support", "latent-bridge");
  if (platform === "win32") return path.join(environment.LOCALAPPDATA || path.join(home, "AppData", "Local"), "latent-bridge");
  return path.join(environment.XDG_DATA_HOME || path.join(home, ".local", "share"), "latent-bridge");
}

function readCommand() {
  const { command } = JSON.parse(fs.readFileSync(path.join(dataFolder(process.platform, process.env, os.homedir()), NOTE), "utf8"));
  if (!Array.isArray(command) || !command.length || !command.every((word) => typeof word === "string")) throw new Error("no command");
  return command;
}

function serve(port) {
  let command = [];
  if (child) return Max.outlet("started");
  try {
    command = readCommand();
  } catch (error) {
    return Max.outlet("failed", "run latent-bridge device install once, then press Start again");
  }
  let said = "";
  const options = { stdio: ["pipe", "ignore", "pipe"], windowsHide: true };
  const own = spawn(command[0], [...command.slice(1), "--port", String(port), "--while-input"], options);
  child = own;
  own.stdin.on("error", () => undefined); // it has ended already
  own.stderr.on("data", (text) => (said = (said + text).slice(-4000)));
  own.on("error", () => {
    if (child === own) child = null;
    Max.outlet("failed", `the server is not at ${command[0]}: run latent-bridge device install`.slice(0, LONGEST));
  });
  own.on("exit", () => {
    if (child === own) child = null;
    const last = said.trim().split("\n").pop();
    Max.outlet("ended", `the server ended${last ? `: ${last}` : ""}`.slice(0, LONGEST));
  });
  return own.pid ? Max.outlet("started") : undefined;
}

process.on("exit", () => child && child.kill());
Max.addHandler("serve", serve);
Max.outlet("ready");
