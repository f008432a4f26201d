// What all devices of a Live share in Max: its two priorities, names of objects, and the ports that are taken. No patch here.
//
// Max has a scheduler, which is punctual, and a queue of low priority in the main thread, which is not: it is served every few
// milliseconds, a few events at a time, and waits where Live draws or loads (docs.cycling74.com/max5/vignettes/core/
// advanced_scheduler.html). Scripts run in the queue only; what comes from the scheduler is put at its front, where several
// messages change places, and `deferlow` puts it at the end (docs.cycling74.com/reference/deferlow).
"use strict";

const { dice } = require("./clock.js");

const THROTTLE = 10; // events of the queue that are served at a time

class App {
  constructor(clock, { seed = 1, queue = "uneven" } = {}) {
    this.clock = clock;
    this.isHigh = false; // whether what runs now came from the scheduler
    this.served = 0;
    this.globals = new Map(); // what js objects share by name, as Global
    this.receivers = new Map(); // boxes that a message can be sent to by name
    this.ports = new Map(); // port: who listens there
    this._random = dice(seed * 7919);
    this._isEven = queue === "even";
    this._queue = [];
    this._isWaiting = false;
  }

  // As `defer` does, and js itself: at once from the main thread, else at the front of the queue.
  defer(call) {
    if (!this.isHigh) return void call();
    this._queue.unshift(call);
    this._wait();
  }

  // As `deferlow` does: at the end of the queue, from wherever it comes.
  deferlow(call) {
    this._queue.push(call);
    this._wait();
  }

  // Run something as the scheduler does, or as the mouse does in the main thread.
  high(call) {
    this._as(true, call);
  }

  low(call) {
    this._as(false, call);
  }

  // The thing of a name that all share, made by `make` the first time.
  shared(map, name, make) {
    if (!map.has(name)) map.set(name, make());
    return map.get(name);
  }

  _as(isHigh, call) {
    const before = this.isHigh;
    this.isHigh = isHigh;
    try {
      call();
    } finally {
      this.isHigh = before;
    }
  }

  _wait() {
    if (this._isWaiting || !this._queue.length) return;
    this._isWaiting = true;
    this.clock.after(this._isEven ? 0 : this._delay(), () => {
      this._isWaiting = false;
      const events = this._queue.splice(0, THROTTLE);
      this.served += events.length;
      for (const call of events) this.low(call);
      this._wait();
    });
  }

  // Mostly a few ms, at times tens of them, and now and then Live draws or loads something.
  _delay() {
    const luck = this._random();
    const within = (from, to) => from + (to - from) * this._random();
    if (luck < 0.8) return within(0.5, 4);
    if (luck < 0.97) return within(4, 25);
    return luck < 0.998 ? within(25, 70) : within(100, 300);
  }
}

module.exports = { App };
