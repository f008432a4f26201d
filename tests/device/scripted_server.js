// A scripted server for stages, in virtual time: it answers as told, says what it was asked, and can lose, delay and forget.
//
//   server.asked                            verbs as they came: { verb, id, keys, clips: [{ beats, meter, rows, name }], context }
//   server.answer.vary = (ask) => [clips] | { error: [code, text] } | null for no answer
//   server.loses = (message, isRequest) => true for a message that gets lost
//   server.stop()   server.forget()   server.isUp = false
"use strict";

const { decode, encode } = require("./udp.js");

class Server {
  constructor(clock, options) {
    this.clock = clock;
    Object.assign(this, { isUp: true, state: "ready", protocol: 1, models: ["drums", "melody"], bases: {}, session: 77, delay: 2, busy: [], loses: () => false }, options);
    this.asked = [];
    this.reports = [];
    this.resent = [];
    this.hellos = [];
    this.answer = { sample, vary, interpolate, blend: () => [], at: (ask) => [whole(ask.clips[0])] };
    this.forget();
  }

  // What a server that has started anew knows: nothing.
  forget() {
    this.parts = new Map();
    this.answers = new Map();
    this.palettes = new Map();
    this.greeted = new Set();
  }

  // End as a server does: say so to all who said hello, then be silent.
  stop() {
    for (const stage of this.greeted) stage.say("/bridge/bye", this.session);
    this.isUp = false;
    this.forget();
  }

  // What carries the datagrams of a stage: its ports are those of one computer.
  netOf(stage) {
    const { ports } = stage.app;
    return {
      send: (datagram, host, port) => port === 9120 && this.hear(stage, decode(datagram)),
      bind: (port, take, deaf) => {
        if (ports.has(port) || this.busy.includes(port)) return void deaf();
        ports.set(port, take);
        return { close: () => ports.delete(port) };
      },
    };
  }

  deliver(stage, datagram) {
    const take = stage.app.ports.get(stage.port);
    if (take && stage.patch.isOpen) take(datagram);
  }

  hear(stage, message) {
    if (!this.isUp || this.loses(message, true)) return;
    this.clock.after(this.delay, () => this.isUp && this.take(stage, message));
  }

  tell(stage, ...message) {
    if (this.loses(message, false)) return;
    this.clock.after(this.delay, () => {
      if (this.greeted.has(stage)) this.deliver(stage, encode(message)); // else it does not know where to
    });
  }

  take(stage, [address, id, ...values]) {
    const name = address.replace("/bridge/", "");
    const part = (index) => {
      const parts = this.parts.get(id) || new Map();
      this.parts.set(id, parts);
      if (!parts.has(index)) parts.set(index, { rows: [] });
      return parts.get(index);
    };
    switch (name) {
      case "hello":
        this.hellos.push([id, ...values]);
        if (id === stage.port) this.greeted.add(stage);
        if (values[0] !== this.protocol) return this.tell(stage, "/bridge/error", -1, "version", `this server speaks protocol ${this.protocol}, not ${values[0]}: update the older of the two`);
        if (id === stage.port) this.welcome(stage);
        return undefined;
      case "clip":
        return void Object.assign(part(values[0]), { beats: values[1], meter: values.slice(2, 4), count: values[4], name: values[5] });
      case "notes": {
        const [index, first, width, ...numbers] = values;
        for (let k = 0; k < numbers.length / width; k++) part(index).rows[first + k] = numbers.slice(k * width, (k + 1) * width);
        return undefined;
      }
      case "echo":
        return this.tell(stage, "/bridge/echo", id, values[0]);
      case "report":
        if (!this.answers.has(id)) this.reports.push(values[0]);
        this.answers.set(id, true);
        return this.tell(stage, "/bridge/done", id, 0, 0, "");
      case "cancel":
        this.cancelled = id;
        return this.tell(stage, "/bridge/error", id, "cancelled", "cancelled");
      case "resend":
        this.resent.push([id, ...values]);
        return (this.answers.get(id) || []).filter((m) => belongs(m, values)).forEach((m) => this.tell(stage, ...m));
      default:
        return this.run(stage, name, id, values);
    }
  }

  welcome(stage) {
    const models = this.state === "ready" ? this.models : [];
    this.tell(stage, "/bridge/welcome", this.protocol, "0.1.0", "cpu", this.state, models.length, ...(this.session === null ? [] : [this.session]));
    models.forEach((model, i) => this.tell(stage, "/bridge/model", i, model, model, 2, "about it", this.bases[model] || ""));
  }

  run(stage, verb, id, values) {
    if (this.answers.has(id)) return this.answers.get(id).forEach((m) => this.tell(stage, ...m));
    const ask = { verb, id, keys: {}, clips: [] };
    if (verb === "at") {
      ask.clips = this.palettes.get(values[0]);
      ask.at = values.slice(1);
      if (!ask.clips) return this.tell(stage, "/bridge/error", id, "no_palette", "there is no such palette");
    } else {
      for (let i = 0; i < values.length; i += 2) ask.keys[values[i]] = values[i + 1];
      const own = ask.keys.clips || 0;
      const missing = this.missing(id, own + (ask.keys.context || 0));
      if (missing.length) return missing.forEach((gap) => this.tell(stage, "/bridge/missing", id, ...gap));
      ask.clips = Array.from({ length: own }, (_, i) => this.parts.get(id).get(i));
      ask.context = Array.from({ length: ask.keys.context || 0 }, (_, i) => this.parts.get(id).get(own + i));
    }
    this.asked.push(ask);
    const answer = this.answer[verb](ask);
    if (verb === "blend") this.palettes.set(id, ask.clips);
    if (!answer) return undefined;
    const messages = answer.error ? [["/bridge/error", id, ...answer.error]] : [...this.messages(id, answer), ["/bridge/done", id, answer.length, 5, "drums"]];
    this.answers.set(id, messages);
    return messages.forEach((m) => this.tell(stage, ...m));
  }

  missing(id, clips) {
    const gaps = [];
    for (let i = 0; i < clips; i++) {
      const part = (this.parts.get(id) || new Map()).get(i);
      if (!part || part.count === undefined) gaps.push([i, 0, -1]);
      else for (let k = 0; k < part.count; k++) if (!part.rows[k]) gaps.push([i, k, 1]);
    }
    return gaps;
  }

  *messages(id, clips) {
    for (const text of clips.info || []) yield ["/bridge/info", id, text];
    for (const [index, clip] of clips.entries()) {
      yield ["/bridge/clip", id, index, clip.beats, ...clip.meter, clip.rows.length, clip.name || ""];
      for (let first = 0; first < clip.rows.length; first += 24) {
        yield ["/bridge/notes", id, index, first, 10, ...clip.rows.slice(first, first + 24).flat()];
      }
    }
  }
}

function belongs([address, , index, first], [wanted, from, count]) {
  if (index !== wanted || address === "/bridge/done") return false;
  if (count < 0) return true;
  return address === "/bridge/notes" && first < from + count && first + 24 > from;
}

// Answers: rows of ten numbers, the last two naming the note that this one is

function whole(part, index = 0) {
  return { ...part, rows: part.rows.map((row, i) => [...pad(row), index, i]) };
}

function pad(row) {
  return [...row, 0, 1, 0, 64].slice(0, 4).concat(row.length > 4 ? row.slice(4) : [0, 1, 0, 64]);
}

// Variation k lacks note k and has a new one at a third of a beat further.
function vary({ keys, clips }) {
  return Array.from({ length: keys.count }, (_, k) => {
    const clip = whole(clips[0]);
    const gone = k % Math.max(1, clip.rows.length);
    return { ...clip, rows: [...clip.rows.filter((_row, i) => i !== gone), fresh(100, 1 / 3 + k / 8)] };
  });
}

function sample({ keys }) {
  return Array.from({ length: keys.count }, (_, k) => ({ beats: keys.bars * 4, meter: [4, 4], rows: [fresh(36, 0), fresh(38 + k, 1.5)] }));
}

function interpolate({ keys, clips }) {
  const middle = Array.from({ length: keys.steps - 2 }, (_, k) => ({ ...clips[0], beats: Math.max(clips[0].beats, clips[1].beats), rows: [fresh(60 + k, 0.5)] }));
  return [whole(clips[0], 0), ...middle, whole(clips[1], 1)];
}

function fresh(pitch, start, duration = 0.25) {
  return [pitch, start, duration, 90, 0, 1, 0, 64, -1, -1];
}

module.exports = { Server, fresh, pad, whole };
