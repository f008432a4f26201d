// Whether a script is one that Max's `js` object can take: ES5, by the parser that is built into Node, and nothing that is known to
// crash Live. `node --expose-internals es5.js FILE` prints what is wrong as a JSON list of sentences.
"use strict";

const fs = require("node:fs");

// What came with ES6 or later, or is not Max's. Members count only where they are called, by whatever is before the dot.
const GLOBALS = new Set(
  ("Map Set WeakMap WeakSet Symbol Promise Proxy Reflect BigInt globalThis Intl console setTimeout setInterval clearTimeout " +
    "clearInterval Int8Array Uint8Array Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array ArrayBuffer DataView " +
    "module exports process Buffer fetch").split(" ")
);
const MEMBERS = new Set(
  ("includes find findIndex findLast startsWith endsWith repeat padStart padEnd trimStart trimEnd matchAll replaceAll flat flatMap " +
    "copyWithin codePointAt normalize").split(" ")
);
const STATIC = {
  Object: "assign entries values fromEntries is getOwnPropertySymbols setPrototypeOf",
  Array: "from of",
  String: "raw fromCodePoint",
  Number: "isInteger isFinite isNaN isSafeInteger parseFloat parseInt EPSILON MAX_SAFE_INTEGER MIN_SAFE_INTEGER",
  Math: "trunc sign cbrt log2 log10 log1p expm1 hypot sinh cosh tanh asinh acosh atanh fround clz32 imul",
};
const LATER = new Set(["LiveAPI", "Task", "Dict"]); // they do not work before live.thisdevice has banged
const CRASH = new Set(["outlet", "messnamed"]); // `apply` and `call` of these take Live down

// Give what is wrong with a script, one sentence each.
function check(source) {
  const acorn = require("internal/deps/acorn/acorn/dist/acorn");
  let tree;
  try {
    tree = acorn.parse(source, { ecmaVersion: 5, locations: true });
  } catch (error) {
    return [`not ES5: ${error.message}`];
  }
  const wrong = [];
  const own = declared(tree);
  walk(tree, 0, null, (node, depth, parent) => {
    const say = (text) => wrong.push(`line ${node.loc.start.line}: ${text}`);
    if (node.type === "Identifier" && isReference(node, parent)) {
      if (GLOBALS.has(node.name) && !own.has(node.name)) say(`${node.name} is not there in Max's js`);
      if (LATER.has(node.name) && depth === 0) say(`${node.name} in global code is dead: Live is not there yet`);
    }
    if (node.type !== "MemberExpression" || node.computed) return;
    const name = node.property.name;
    const before = node.object.type === "Identifier" ? node.object.name : "";
    const isCalled = parent && parent.type === "CallExpression" && parent.callee === node;
    if (CRASH.has(before) && (name === "apply" || name === "call")) say(`${before}.${name} crashes Live: hand it an array`);
    if (isCalled && MEMBERS.has(name)) say(`.${name}() is not ES5`);
    if (before in STATIC && STATIC[before].split(" ").includes(name)) say(`${before}.${name} is not ES5`);
  });
  return wrong;
}

// The names that the script itself declares anywhere.
function declared(tree) {
  const names = new Set();
  walk(tree, 0, null, (node) => {
    if (node.type === "VariableDeclarator") names.add(node.id.name);
    if (/^Function/.test(node.type)) [node.id, ...node.params].forEach((id) => id && names.add(id.name));
    if (node.type === "CatchClause") names.add(node.param.name);
  });
  return names;
}

function isReference(node, parent) {
  if (!parent) return true;
  if (parent.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent.type === "Property") return parent.value === node;
  return parent.type !== "LabeledStatement";
}

// Depth is how many functions a node is in; those that are called where they are written run at once and do not count.
function walk(node, depth, parent, visit) {
  visit(node, depth, parent);
  const isFunction = /^Function/.test(node.type);
  const runsAtOnce = isFunction && parent && parent.type === "CallExpression" && parent.callee === node;
  const inside = isFunction && !runsAtOnce ? depth + 1 : depth;
  for (const key of Object.keys(node)) {
    for (const child of [].concat(node[key])) {
      if (child && typeof child.type === "string") walk(child, inside, node, visit);
    }
  }
}

console.log(JSON.stringify(check(fs.readFileSync(process.argv[2], "utf8"))));
