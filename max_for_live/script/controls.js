// Controls: UI, the table of what each button, dial and menu does, and the values they hold. Nothing here reads Live or
// sends. The lint checks that UI has a handler for every control in controls.py and every word of the views, and no other.

var values = {}; // of dials, toggles and menus, by name
var chosen = { seed: 1, model: "auto", made: 0 }; // saved with the set; made counts the results

// What each control does; `v` are the values it sends.
var UI = {
  mode: chooseMode,
  generate: button(pressGenerate),
  to: storeValue,
  "with": storeValue,
  more: function (v) { openPage(Number(v[0]) > 0); },
  page: choosePage,
  locks_said: button(function () { openPage(true, "lock"); }),
  key_said: button(function () { openPage(true, "feel"); }),
  back: button(function () { step(-1); }),
  forward: button(function () { step(1); }),
  ab: button(pressAB, true),
  star: button(pressStar, true),
  keep_only: button(pressKeepOnly),
  undo: button(pressUndo),
  pick_a: button(function () { pressPick("a"); }, true),
  pick_b: button(function () { pressPick("b"); }, true),
  pick_c: button(function () { pressPick("c"); }, true),
  pick_d: button(function () { pressPick("d"); }, true),
  choose_track: chooseTrack,
  choose_clip: chooseClip,
  swap: button(pressSwap),
  keep: button(pressKeep),
  render: button(pressRender),
  clear_path: button(pressClearPath),
  reroll: button(function () { showStatus("seed " + rollSeed()); }),
  selftest: button(pressSelftest),
  start: button(pressStart),
  seed: chooseSeed,
  model: chooseModel,
  puck: function (v) { movePuck(Number(v[0]), Number(v[1]), true); },
  drop: function (v) { dropPuck(Number(v[0]), Number(v[1])); },
  corner: function (v) { if (CORNERS[Number(v[0])]) pressPick(CORNERS[Number(v[0])]); },
  seek: seek,
  puck_x: function (v) { movePuck(Number(v[0]) / 100, puck.y, false); },
  puck_y: function (v) { movePuck(puck.x, Number(v[0]) / 100, false); },
  amount: storeValue,
  variety: storeValue,
  count: storeValue,
  bars: storeValue,
  steps: storeValue,
  clips: storeValue,
  density: storeValue,
  octave: storeValue,
  swing: storeValue,
  syncopation: storeValue,
  intensity: storeValue,
  length: storeValue,
  mine: storeValue,
  key: chooseKey,
  lock_rhythm: chooseLock,
  lock_pitch: chooseLock,
  lock_velocity: chooseLock,
  lock_notes: chooseLock,
  lock_time: chooseLock,
  only: chooseLock,
  voice_1: chooseLock,
  voice_2: chooseLock,
  voice_3: chooseLock,
  voice_4: chooseLock,
  voice_5: chooseLock,
  voice_6: chooseLock,
  voice_7: chooseLock,
  voice_8: chooseLock,
};

// A button sends a bang, or 1, or 1 and then 0 when it is let go: a 0 is no press. Each value of a toggle that serves as a
// button is a press, but the one that it tells when the device is loaded.
function button(act, isToggle) {
  return function (v) { if (isToggle ? hasBegun : Number(v[0]) !== 0) act(v); };
}

function storeValue(v, name) { if (isFinite(Number(v[0]))) values[name] = Number(v[0]); }

function chooseKey(v, name) {
  storeValue(v, name);
  showKey(null);
}

function chooseSeed(v) {
  var seed = Math.round(Number(v[0]));
  if (!(seed >= 0) || !hasBegun) return; // what the box tells as it is loaded; the seed is in the state
  isSeedTyped = seed !== chosen.seed;
  chosen.seed = seed;
  save();
}

function rollSeed() {
  chosen.seed = Math.floor(Math.random() * 10000);
  show("seed", chosen.seed);
  save();
  return chosen.seed;
}

function chooseModel(v) {
  var name = isFinite(Number(v[0])) ? modelMenu[Number(v[0])] : String(v[0]);
  if (!name) return;
  chosen.model = name;
  showMine();
  save();
}
