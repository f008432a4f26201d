// Time and chance of the fake Max: a virtual clock, and numbers that are the same in each run.
"use strict";

const MOST_AT_ONCE = 50; // ms of real time that pass at once: where the machine was busy with other things, time has stood still

// A virtual clock: time passes only in `advance`, or with the real time between `follow` and `stop`.
class Clock {
  constructor() {
    this.now = 0; // ms
    this._queue = [];
    this._count = 0;
    this._timer = null;
    this._start = null;
  }

  // Call something after a delay; returns what `cancel` takes.
  after(ms, call) {
    const entry = { at: this.now + Math.max(0, ms), number: this._count++, call };
    let i = this._queue.length;
    while (i > 0 && this._queue[i - 1].at > entry.at) i--;
    this._queue.splice(i, 0, entry);
    if (this._start !== null && i === 0) this._wait();
    return entry;
  }

  cancel(entry) {
    const i = this._queue.indexOf(entry);
    if (i >= 0) this._queue.splice(i, 1);
  }

  // Let time pass; returns whether `until` came true, where it is given.
  advance(ms, until) {
    const end = this.now + ms;
    for (;;) {
      if (until && until()) return true;
      if (!this._queue.length || this._queue[0].at > end) break;
      const entry = this._queue.shift();
      this.now = Math.max(this.now, entry.at);
      entry.call();
    }
    this.now = end;
    return Boolean(until && until());
  }

  // Go with the real time from now on.
  follow() {
    this._start = performance.now() - this.now;
    this._wait();
  }

  stop() {
    clearTimeout(this._timer);
    this._start = null;
  }

  _wait() {
    clearTimeout(this._timer);
    const real = () => performance.now() - this._start;
    const next = this._queue.length ? this._queue[0].at - real() : 50;
    this._timer = setTimeout(
      () => {
        if (this._start === null) return;
        // Else a timeout would pass before what has come by the network meanwhile is heard.
        this._start += Math.max(0, real() - this.now - MOST_AT_ONCE);
        this.advance(Math.max(0, real() - this.now));
        if (this._start !== null) this._wait();
      },
      Math.max(0, Math.min(50, next)),
    );
  }
}

// A small generator of numbers in 0..1 (mulberry32).
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

module.exports = { Clock, dice };
