// OSC as far as Max goes, and what is narrow in udpsend and udpreceive, whatever carries their datagrams.
//
// A `net` carries: net.send(datagram, host, port), net.bind(port, take) -> { close() } | null where the port is taken.
"use strict";

const HOST = "127.0.0.1";
const PACKET = 5096; // bytes, of udpsend until it is told otherwise
const MAC_PACKET = 9216; // bytes, the largest that macOS sends
const LONGEST_SYMBOL = 32767;
const QUEUE = 512; // messages that wait in udpsend or udpreceive; what is more is lost
const POLLED = 20; // messages that udpreceive takes from its queue each ms

// `isAny` lets through what is no address: strangers may send it.
function encode(atoms, isAny = false) {
  const [address, ...values] = atoms;
  if (!isAny && (typeof address !== "string" || !address.startsWith("/"))) throw new TypeError(`${address} is no OSC address`);
  const tags = values.map(tagOf).join("");
  return Buffer.concat([string(address), string(`,${tags}`), ...values.map((value, i) => bytes(value, tags[i]))]);
}

function decode(datagram) {
  let at = 0;
  const text = () => {
    const end = datagram.indexOf(0, at);
    if (end < 0) throw new TypeError("a string without an end");
    const found = datagram.toString("utf8", at, end);
    at = end + 4 - ((end - at) % 4);
    return found;
  };
  const address = text();
  const values = [];
  for (const tag of text().slice(1)) {
    if (tag === "s") values.push(text());
    else if (tag === "i") values.push(datagram.readInt32BE((at += 4) - 4));
    else if (tag === "f") values.push(datagram.readFloatBE((at += 4) - 4));
    else throw new TypeError(`type tag ${tag} of ${address}: Max reads i, f and s for certain`);
  }
  return [address, ...values];
}

// A JavaScript number that is whole leaves js as an int.
function tagOf(value) {
  if (typeof value === "string") return "s";
  if (!Number.isInteger(value)) return "f";
  if (value !== (value | 0)) throw new TypeError(`${value} does not fit into 32 bits`);
  return "i";
}

function bytes(value, tag) {
  if (tag === "s") return string(value);
  const four = Buffer.alloc(4);
  if (tag === "i") four.writeInt32BE(value);
  else four.writeFloatBE(value);
  return four;
}

function string(text) {
  const body = Buffer.from(text, "utf8");
  return Buffer.concat([body, Buffer.alloc(4 - (body.length % 4))]);
}

// [udpsend 127.0.0.1 9120], restored with a set: it sends nothing until it is told host and port.
class UdpSend {
  constructor({ net, clock, fail, say }) {
    Object.assign(this, { net, clock, fail, say, host: null, port: null, size: PACKET, sent: {}, most: 0, isOpen: true });
    this._burst = { at: -1, count: 0 };
  }

  hear(atoms) {
    const [selector, value] = atoms;
    if (selector === "host") this.host = this._host(value);
    else if (selector === "port") this.port = value;
    else if (selector === "maxpacketsize") this.size = value;
    else this._send(atoms);
  }

  close() {
    this.isOpen = false;
  }

  _host(value) {
    if (value !== HOST) this.fail(`udpsend is sent to ${value}: names are looked up, and may be IPv6`);
    return value;
  }

  _send(atoms) {
    let datagram;
    try {
      datagram = encode(atoms);
    } catch (error) {
      this.fail(`udpsend: ${error.message}`);
      return;
    }
    const long = atoms.find((atom) => typeof atom === "string" && atom.length > LONGEST_SYMBOL);
    if (long) this.fail(`udpsend: a symbol of ${long.length} characters`);
    else if (datagram.length > Math.min(this.size, MAC_PACKET)) {
      this.say(`udpsend: packet of ${datagram.length} bytes is too large`);
      this.fail(`udpsend: ${atoms[0]} has ${datagram.length} bytes; ${Math.min(this.size, MAC_PACKET)} are allowed`);
    } else if (this._hasRoom() && this.host !== null && this.port !== null && this.isOpen) {
      this.sent[atoms[0]] = (this.sent[atoms[0]] || 0) + 1;
      this.net.send(datagram, this.host, this.port);
    }
  }

  _hasRoom() {
    if (this._burst.at !== this.clock.now) this._burst = { at: this.clock.now, count: 0 };
    this.most = Math.max(this.most, ++this._burst.count);
    if (this._burst.count <= QUEUE) return true;
    this.fail(`udpsend: more than ${QUEUE} messages at once`);
    return false;
  }
}

// [udpreceive 9130]: hears everyone; on a port that is taken it is deaf, which only the console tells. Without a port it waits
// to be told one. What it hears comes out in the scheduler's thread (docs.cycling74.com/reference/udpreceive).
class UdpReceive {
  constructor(port, { net, clock, pass, fail, say }) {
    Object.assign(this, { net, clock, pass, fail, say, port: 0, heard: {}, lost: 0, _bound: null });
    this._queue = [];
    if (port) this._bind(port);
  }

  get isBound() {
    return Boolean(this._bound && this._bound.isBound !== false);
  }

  hear([selector, value]) {
    if (selector === "port" && Number.isInteger(value) && value > 0 && value < 65536) this._bind(value);
    else this.fail(`udpreceive is told ${selector} ${value}`);
  }

  close() {
    if (this._bound) this._bound.close();
    this._bound = null;
    this.pass = () => undefined;
  }

  take(datagram) {
    let atoms;
    try {
      atoms = decode(datagram);
    } catch (error) {
      this.fail(`udpreceive: ${error.message}`);
      return;
    }
    this.heard[atoms[0]] = (this.heard[atoms[0]] || 0) + 1;
    if (this._queue.length >= QUEUE) {
      this.lost++;
      return;
    }
    this._queue.push(atoms);
    if (this._queue.length === 1) this.clock.after(1, () => this._poll());
  }

  _bind(port) {
    if (this._bound) this._bound.close();
    this.port = port;
    const deaf = () => {
      this.say(`udpreceive: bind to port ${port} unsuccessful`);
      this._bound = null;
    };
    this._bound = this.net.bind(port, (datagram) => this.take(datagram), deaf);
  }

  _poll() {
    for (const atoms of this._queue.splice(0, POLLED)) this.pass(atoms);
    if (this._queue.length) this.clock.after(1, () => this._poll());
  }
}

module.exports = { HOST, UdpReceive, UdpSend, decode, encode };
