// What a musician does to reach a control, and to use it: choose its mode, open the fold-out, click. No test may know where a
// control is: it says what it wants, and the hands go there.
//
// Each of these is a generator: it does one thing, and yields what must come true before the next, as a script hides and shows
// in its own time. `play` runs one in virtual time; over real UDP, wire.js waits for each.
"use strict";

const SOON = 2000; // ms within which a control that was asked for is to be seen
const MODES = { vary: "vary", sample: "sample", interpolate: "morph", blend: "pad" }; // what a verb is made in
const MOST_PAD = 127; // of the places on the pad as tests say them, from the left and from the top

// Press a button; a verb is its mode and Generate, and Cancel is what Generate has become.
function* press(patch, name) {
  if (patch.has(name) || !(name in MODES || name === "cancel")) {
    yield* reach(patch, name);
    patch.click(name);
  } else if (name === "cancel") {
    yield* reach(patch, "generate");
    if (patch.get("generate").label === "Cancel") patch.click("generate");
  } else {
    yield* toMode(patch, MODES[name]);
    yield* reach(patch, "generate");
    patch.click("generate");
  }
}

// Turn a dial, a toggle or a menu to a value, or move the puck. What is off the face is automated.
function* turn(patch, name, ...values) {
  if (name === "puck" && !patch.has(name)) return yield* move(patch, values);
  if (!patch.get(name).json.presentation) return patch.automate(name, values[0]);
  yield* reach(patch, name);
  return patch.turn(name, ...values);
}

// Put a clip at a corner: arm it, and click on the clip, or press again where it is selected already.
function* pick(patch, corner, clip) {
  const { live } = patch;
  if (!patch.has("generate")) {
    live.select(clip);
    yield* look(patch);
    return patch.click(`pick_${corner}`);
  }
  yield* reach(patch, `pick_${corner}`);
  patch.click(`pick_${corner}`);
  yield* pause(patch, 400);
  if (live.view.detail_clip === clip) patch.click(`pick_${corner}`);
  else live.select(clip);
  return yield* pause(patch, 400);
}

function* move(patch, [x, y]) {
  yield* reach(patch, "pad");
  patch.drag("pad", [pixels(patch, ...patch.views.pad.world.place), pixels(patch, x / MOST_PAD, y / MOST_PAD)]);
  yield* pause(patch, 40);
}

// Drag the puck over places in one go, with so many ms between them.
function* drag(patch, places, ms) {
  yield* reach(patch, "pad");
  for (const [x, y] of places) {
    patch.hold("pad", pixels(patch, x / MOST_PAD, y / MOST_PAD));
    yield* pause(patch, ms);
  }
  patch.release();
}

// The pixel on the view of the pad where a place of the puck is.
function pixels(patch, x, y) {
  const [, , width, height] = patch.get("pad").json.presentation_rect;
  const edge = patch.views.pad.world.EDGE;
  return [Math.round(edge + x * (width - 2 * edge)), Math.round(edge + y * (height - 2 * edge))];
}

// The device is in Device View only while its track is selected.
function* look(patch) {
  if (show(patch)) return;
  yield* pause(patch, 150); // a hand has a way to go
  show(patch);
}

// Click on the device's track, unless it is selected; returns whether it was.
function show({ live, device }) {
  const isThere = live.isInView(device);
  if (!isThere) live.select(live.trackOf(device));
  return isThere;
}

// Go where a control can be seen: to its mode, with the fold-out open or closed.
function* reach(patch, name) {
  yield* look(patch);
  const place = (patch.table.face || {})[name];
  if (!place) return;
  const { modes, page } = place;
  const isOpen = patch.has("more") && patch.shown.more === 1;
  if (page !== "front" && isOpen !== (page !== "view")) patch.click("more");
  const pages = patch.has("page") ? patch.table.controls.page.choices : [];
  if (pages.includes(page) && patch.shown.page !== pages.indexOf(page)) {
    yield () => !patch.get("page").isHidden;
    patch.choose("page", pages.indexOf(page));
  }
  if (modes.length && !modes.includes(modeOf(patch))) yield* toMode(patch, modes[0]);
  yield () => !patch.get(name).isHidden;
  show(patch); // a new track may have been selected meanwhile
}

function modeOf(patch) {
  return patch.table.controls.mode.choices[patch.shown.mode];
}

function* toMode(patch, mode) {
  yield* look(patch);
  if (modeOf(patch) === mode) return;
  patch.choose("mode", patch.table.controls.mode.choices.indexOf(mode));
  yield* pause(patch, 100);
}

function* pause({ app }, ms) {
  const until = app.clock.now + ms;
  app.clock.after(ms, () => undefined); // so that time stops there
  yield () => app.clock.now >= until;
}

// Run one of these in virtual time.
function play(clock, steps) {
  for (const isSo of steps) {
    if (!clock.advance(SOON, isSo)) throw new Error(`not within ${SOON} ms: ${isSo}`);
  }
}

module.exports = { SOON, drag, look, pick, pixels, play, press, reach, turn };
