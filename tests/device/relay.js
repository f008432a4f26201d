// Between devices and a server: a relay that loses packets, and a server that can be killed.
//
//   const relay = await new Relay(serverPort, { seed: 1, share: 0.1 }).open();   then { leads: { 9120: relay.port } }
//   const server = new Server(command, port);  server.start();  await server.kill();
"use strict";

const { spawn } = require("node:child_process");
const dgram = require("node:dgram");
const { dice } = require("./max.js");
const { HOST, decode, encode } = require("./wire.js");

// Stands between devices and a server, and loses, doubles and delays (and so reorders) each a share of the packets.
class Relay {
  constructor(server, { seed, share = 0.1 }) {
    Object.assign(this, { server, share, random: dice(seed), lost: 0, doubled: 0, delayed: 0, port: 0 });
    this._clients = new Map(); // by the port that a device sends from: its back socket and the port it listens on
    this._front = dgram.createSocket({ type: "udp4", recvBufferSize: 2 ** 21 });
    this._front.on("message", (datagram, from) => this._forth(datagram, from.port));
    this._isOpen = true;
  }

  open() {
    return new Promise((done) => {
      this._front.bind(0, HOST, () => {
        this.port = this._front.address().port;
        done(this);
      });
    });
  }

  close() {
    this._isOpen = false;
    this._front.close();
    for (const { back } of this._clients.values()) back.close();
  }

  _forth(datagram, from) {
    const known = this._clients.get(from);
    if (known) {
      this._pass(() => this._sendOn(known, datagram));
      return;
    }
    const back = dgram.createSocket({ type: "udp4", recvBufferSize: 2 ** 21 });
    const client = { back, listens: from };
    back.on("error", () => undefined);
    back.on("message", (answer) => this._pass(() => this._front.send(answer, client.listens, HOST)));
    this._clients.set(from, client);
    back.bind(0, HOST, () => this._forth(datagram, from));
  }

  // The server must answer to the relay, not past it.
  _sendOn(client, datagram) {
    const [address, ...values] = decode(datagram);
    const at = address === "/bridge/hello" ? 0 : values.indexOf("reply_port") + 1;
    const isNamed = address === "/bridge/hello" ? values[0] > 0 : at > 0;
    if (isNamed) [client.listens, values[at]] = [values[at], client.back.address().port];
    client.back.send(isNamed ? encode([address, ...values]) : datagram, this.server, HOST);
  }

  _pass(send) {
    const go = (ms) => setTimeout(() => this._isOpen && send(), ms);
    const fate = this.random() / this.share;
    if (fate < 1) this.lost++;
    else if (fate < 2) {
      this.doubled++;
      send();
      go(this.random() * 50);
    } else if (fate < 3) {
      this.delayed++;
      go(this.random() * 100);
    } else send();
  }
}

// `latent-bridge serve`, which can be killed and started again on its port.
class Server {
  constructor(command, port) {
    Object.assign(this, { command, port, process: null });
  }

  start() {
    const [program, ...words] = this.command;
    this.process = spawn(program, [...words, "--port", String(this.port)], { stdio: "ignore" });
  }

  // When it answers, whether its models are loaded or not.
  async answers() {
    const socket = dgram.createSocket("udp4");
    await new Promise((done) => socket.bind(0, HOST, done));
    const heard = new Promise((done) => socket.once("message", done));
    const ask = () => socket.send(encode(["/bridge/echo", 1, "there?"]), this.port, HOST, () => undefined);
    const again = setInterval(ask, 50);
    await heard;
    clearInterval(again);
    socket.close();
  }

  kill() {
    const { process: running } = this;
    this.process = null;
    if (!running) return Promise.resolve();
    return new Promise((done) => {
      running.on("exit", done);
      running.kill("SIGKILL");
    });
  }
}

// A port that is free now.
function freePort() {
  return new Promise((done) => {
    const probe = dgram.createSocket("udp4");
    probe.bind(0, () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

module.exports = { Relay, Server, freePort };
