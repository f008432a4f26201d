// LiveAPI as the script of a device sees it: where it may be used, what it gives, how it says no. What there is: lom.js.
"use strict";

const { Refused, TABLES, byIdText } = require("./lom.js");

const LONGEST_SYMBOL = 32767;
const DEPRECATED = "get_notes set_notes get_selected_notes replace_selected_notes remove_notes".split(" ");

function apiClass(live, max) {
  const LiveAPI = class LiveAPI {
    constructor(...given) {
      guard("new LiveAPI");
      const callback = typeof given[0] === "function" || given[0] === null || given[0] === undefined ? given.shift() : null;
      hide(this, {
        _callback: callback || null,
        _object: null,
        _seen: 0,
        _path: "",
        _property: "",
        _last: undefined,
        _watch: null,
      });
      this.mode = 0;
      const [where] = given;
      if (where !== undefined) this._goto(where);
      if (callback) this._notify(["id", this._idNow()]);
    }

    get id() {
      guard("id");
      return String(this._idNow());
    }

    set id(value) {
      guard("id");
      if (!/^\d+$/.test(String(value))) refuse(`id is set to ${value}; it takes a number`);
      this._take(live.byId(value));
    }

    get path() {
      return `"${this.unquotedpath}"`;
    }

    set path(value) {
      guard("path");
      this._goto(value);
    }

    get unquotedpath() {
      guard("path");
      const object = this._now();
      return object ? live.path(object) : "";
    }

    get type() {
      guard("type");
      const object = this._now();
      return object ? object.type : "";
    }

    get info() {
      guard("info");
      return describe(live, this._now());
    }

    get children() {
      guard("children");
      const object = this._now();
      return max.inRealm(object ? Object.keys(TABLES[object.type].children) : []);
    }

    get property() {
      return this._property;
    }

    set property(name) {
      guard("property");
      this._property = String(name);
      if (this._watch) live.observers.splice(live.observers.indexOf(this._watch), 1);
      this._watch = null;
      if (!this._property) return;
      this._last = undefined;
      this._watch = () => this._look();
      live.observers.push(this._watch);
      this._look();
    }

    goto(path) {
      guard("goto");
      this._goto(path);
    }

    get(name) {
      guard("get");
      return this._do(`get ${name}`, 0, (object) => {
        if (max._turn) max._turn.gets++;
        if (max._turn && max._turn.set.has(`${object.id} ${name}`)) {
          max.fail(`get of ${name} in the turn that set it: this has crashed Live; look in a later Task`);
        }
        return max.inRealm(read(live, object, name));
      });
    }

    getstring(name) {
      const value = this.get(name);
      return Array.isArray(value) ? value.join(" ") : String(value);
    }

    getcount(name) {
      guard("getcount");
      return this._do(`getcount ${name}`, 0, (object) => {
        const child = TABLES[object.type].children[name];
        if (!child || !live.has(child) || !Array.isArray(child.of(object)))
          throw new Refused(`a ${object.type} has no ${name} to count`);
        return child.of(object).length;
      });
    }

    set(name, ...values) {
      guard("set");
      this._do(`set ${name}`, undefined, (object) => {
        const flat = values.flat();
        this._write(object, `set ${name}`, flat, () => write(live, object, name, flat));
        if (max._turn) max._turn.set.add(`${object.id} ${name}`);
      });
    }

    call(name, ...values) {
      guard("call");
      return this._do(`call ${name}`, undefined, (object) => {
        if (DEPRECATED.includes(name) && object.type === "Clip")
          throw new Refused(`${name} is deprecated: Live shows a dialog`);
        const found = TABLES[object.type].functions[name];
        if (!found || !live.has(found)) throw new Refused(`a ${object.type} of this Live has no function ${name}`);
        const run = () =>
          found.run(
            object,
            values.map((v) => plain(v)),
            { live, max },
          );
        return max.inRealm(
          found.isRead
            ? run()
            : this._write(
                object,
                name,
                values.map((v) => plain(v)),
                run,
              ),
        );
      });
    }

    _write(object, what, values, run) {
      const path = live.path(object);
      const trespass = (text) => max.fail(`trespass, by ${what}: ${text} is not the device's own`);
      const result = live.asStep(max.device, run, trespass, { by: max.device, what });
      if (max._turn) max._turn.writes++;
      live.log.push({ at: max.clock.now, by: max.device, path, what, values: JSON.parse(JSON.stringify(values)) });
      live.notify();
      return result;
    }

    _now() {
      if (this.mode === 1 && this._path) this._take(live.find(this._path, null, max.device));
      if (this._object && (this._object.id !== this._seen || !live.isAlive(this._object))) this._object = null;
      return this._object;
    }

    _take(object) {
      this._object = object;
      this._seen = object ? object.id : 0;
    }

    _idNow() {
      const object = this._now();
      return object ? object.id : 0;
    }

    _goto(where) {
      const path = String(where).replace(/^"|"$/g, "");
      const from = this._now();
      this._object = null;
      try {
        this._take(live.find(path, from, max.device));
        this._path = path.startsWith("id ") ? "" : path;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refuse(error.message);
      }
    }

    _do(what, nothing, run) {
      const object = this._now();
      if (!object) {
        refuse(`${what}: no valid object set`);
        return nothing;
      }
      try {
        return run(object);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refuse(`${what}: ${error.message} (${live.path(object)})`);
        return nothing;
      }
    }

    _look() {
      const object = this._now();
      const value = object ? read(live, object, this._property) : null;
      const text = JSON.stringify(value);
      if (text === this._last) return;
      const isFirst = this._last === undefined;
      this._last = text;
      if (isFirst) this._notify(["id", this._idNow()]);
      if (value !== null) this._notify([this._property, ...(Array.isArray(value) ? value : [value])]);
    }

    _notify(values) {
      if (!this._callback || max.phase === "closed") return;
      const { phase } = max;
      max.phase = "notifying";
      max.turn(`observer of ${this._property || "id"}`, () => this._callback.call(this, max.inRealm(values)));
      max.phase = phase;
    }
  };

  function guard(what) {
    if (max.phase === "loading") max.raise(`${what} in global code: the LiveAPI is not there yet`);
    if (max.phase === "unbanged") max.raise(`${what} before the bang of live.thisdevice`);
    if (max.phase === "notifying") max.raise(`${what} inside an observer callback: defer it with a Task`);
    if (max.phase === "closed") max.raise(`${what} of a device that is gone`);
  }

  function refuse(text) {
    max.error(`jsliveapi: ${text}`);
    max.fail(text);
  }

  // An argument as the LiveAPI takes it: an atom, or for the note functions something with fields.
  function plain(value) {
    if (typeof value === "string" && value.length > LONGEST_SYMBOL) throw new Refused(`a symbol of ${value.length} characters`);
    if (typeof value === "string") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (Array.isArray(value)) return value.map(plain);
    if (value !== null && typeof value === "object")
      return { isDict: Boolean(max.dictData(value)), data: max.dictData(value) || value };
    throw new Refused(`an argument is ${value}`);
  }

  return LiveAPI;
}

function hide(object, fields) {
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(object, name, { value, writable: true });
}

function read(live, object, name) {
  const { properties, children } = TABLES[object.type];
  if (Object.hasOwn(children, name) && live.has(children[name])) {
    const value = children[name].of(object);
    return Array.isArray(value) ? value.flatMap((one) => ["id", one.id]) : ["id", value && live.isAlive(value) ? value.id : 0];
  }
  if (!Object.hasOwn(properties, name) || !live.has(properties[name]))
    throw new Refused(`a ${object.type} of this Live has no property ${name}`);
  const value = properties[name].get(object);
  if (typeof value === "string" && live.names === "atoms") return atoms(value);
  return Array.isArray(value) ? value : [typeof value === "boolean" ? Number(value) : value];
}

// A text as a list of words, of which some are numbers.
function atoms(value) {
  const words = value.split(" ").filter((word) => word);
  return words.map((word) => (/^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word));
}

function write(live, object, name, values) {
  const { properties, children } = TABLES[object.type];
  const found = (Object.hasOwn(properties, name) && properties[name]) || (Object.hasOwn(children, name) && children[name]);
  if (!found || !live.has(found)) throw new Refused(`a ${object.type} of this Live has no property ${name}`);
  if (!found.set) throw new Refused(`${name} of a ${object.type} can only be read`);
  found.set(object, found.of ? byIdText(live, values) : values[0], live);
}

function describe(live, object) {
  if (!object) return "No object";
  const { properties, children, functions } = TABLES[object.type];
  const here = (table) => Object.keys(table).filter((name) => live.has(table[name]));
  return [
    `id ${object.id}`,
    `type ${object.type}`,
    ...here(children).map((name) => `child${Array.isArray(children[name].of(object)) ? "ren" : ""} ${name} ${name}`),
    ...here(properties).map((name) => `property ${name} ${typeof properties[name].get(object)}`),
    ...here(functions).map((name) => `function ${name}`),
    "done",
  ].join("\n");
}

module.exports = { apiClass };
