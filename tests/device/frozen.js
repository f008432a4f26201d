// What is inside a frozen device: its patcher and its scripts.
"use strict";

const fs = require("node:fs");

// Take a frozen device apart: { name, patcher, scripts: { name: source } }.
function readDevice(path) {
  const [patch, ...rest] = listFiles(readPatch(path));
  const { patcher } = JSON.parse(patch.bytes.toString("utf8").replace(/\0+$/, ""));
  return { name: patch.name, patcher, scripts: Object.fromEntries(rest.map((one) => [one.name, one.bytes.toString("utf8")])) };
}

function readPatch(path) {
  const file = fs.readFileSync(path);
  let at = 0;
  while (file.toString("latin1", at, at + 4) !== "ptch") {
    at += 8 + file.readUInt32LE(at + 4);
    if (at >= file.length) throw new Error(`${path} has no patch in it`);
  }
  const patch = file.subarray(at + 8, at + 8 + file.readUInt32LE(at + 4));
  if (patch.toString("latin1", 0, 4) !== "mx@c") throw new Error(`${path} is not frozen`);
  return patch;
}

function listFiles(patch) {
  const list = Number(patch.readBigUInt64BE(8));
  const files = [];
  let at = list + 8;
  while (at < patch.length) {
    const end = at + patch.readUInt32BE(at + 4);
    const file = {};
    for (let field = at + 8; field < end; field += patch.readUInt32BE(field + 4)) {
      const tag = patch.toString("latin1", field, field + 4);
      if (tag === "fnam") file.name = patch.toString("latin1", field + 8, patch.indexOf(0, field + 8));
      if (tag === "sz32") file.size = patch.readUInt32BE(field + 8);
      if (tag === "of32") file.offset = patch.readUInt32BE(field + 8);
    }
    files.push({ name: file.name, bytes: patch.subarray(file.offset, file.offset + file.size) });
    at = end;
  }
  return files;
}

module.exports = { readDevice };
