// The language of Max's `js` object: ES5, and nothing that came later.
"use strict";

// What ES5 has; everything else is taken away.
const GLOBALS =
  "Object Function Array String Boolean Number Date RegExp Error EvalError RangeError ReferenceError SyntaxError TypeError " +
  "URIError Math JSON NaN Infinity undefined parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI " +
  "encodeURIComponent eval";
const MEMBERS = {
  Object:
    "create defineProperty defineProperties getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf keys freeze isFrozen " +
    "seal isSealed preventExtensions isExtensible",
  "Object.prototype": "constructor toString toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable",
  "Function.prototype": "constructor toString apply call bind",
  Array: "isArray",
  "Array.prototype":
    "constructor toString toLocaleString concat join pop push reverse shift slice sort splice unshift indexOf lastIndexOf " +
    "every some forEach map filter reduce reduceRight",
  String: "fromCharCode",
  "String.prototype":
    "constructor toString valueOf charAt charCodeAt concat indexOf lastIndexOf localeCompare match replace search slice " +
    "split substr substring toLowerCase toLocaleLowerCase toUpperCase toLocaleUpperCase trim",
  Number: "MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY",
  "Number.prototype": "constructor toString toLocaleString valueOf toFixed toExponential toPrecision",
  Math:
    "E LN10 LN2 LOG2E LOG10E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow random round sin " +
    "sqrt tan",
  JSON: "parse stringify",
  Date: "parse UTC now",
};

// Refuse what is not ES5, with Node's own parser; it is there only under `node --expose-internals`.
function checkSyntax(source, name) {
  const late = source.match(/\bNumber\s*\.\s*(EPSILON|M\w+_SAFE_INTEGER)/); // which `strip` cannot take away
  if (late) throw new SyntaxError(`${name} is not ES5: ${late[0]}`);
  if (!process.execArgv.includes("--expose-internals")) return;
  const { parse } = require("internal/deps/acorn/acorn/dist/acorn");
  try {
    parse(source, { ecmaVersion: 5, sourceType: "script" });
  } catch (error) {
    throw new SyntaxError(`${name} is not ES5: ${error.message}`);
  }
}

// These run in the script's own world, as text.

/* eslint-disable */
function strip(globals, members) {
  var root = Function("return this")();
  var own = Object.getOwnPropertyNames;
  var drop = function (object, kept) {
    own(object).forEach(function (name) {
      if (kept.indexOf(name) >= 0 || name === "prototype" || name === "length" || name === "name") return;
      if (typeof object === "function" && (name === "arguments" || name === "caller")) return;
      delete object[name];
    });
  };
  var lists = {};
  Object.keys(members).forEach(function (path) {
    lists[path] = members[path].split(" ");
  });
  drop(root, globals.split(" "));
  Object.keys(lists).forEach(function (path) {
    var parts = path.split(".");
    drop(parts.length === 2 ? root[parts[0]][parts[1]] : root[path], lists[path]);
  });
}

function fakeTime(now, random) {
  var Real = Date;
  var Fake = function (y, m, d, h, i, s, ms) {
    if (!(this instanceof Fake)) return new Real(now()).toString();
    switch (arguments.length) {
      case 0:
        return new Real(now());
      case 1:
        return new Real(y);
      default:
        return new Real(y, m, d || 1, h || 0, i || 0, s || 0, ms || 0);
    }
  };
  Fake.prototype = Real.prototype;
  Fake.prototype.constructor = Fake;
  Fake.parse = Real.parse;
  Fake.UTC = Real.UTC;
  Fake.now = function () {
    return now();
  };
  Date = Fake;
  Math.random = function () {
    return random();
  };
}
/* eslint-enable */

module.exports = { GLOBALS, MEMBERS, checkSyntax, fakeTime, strip };
