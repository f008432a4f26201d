// Controls: UI, the table of what each button, dial and menu does, and the values they hold. Nothing here reads Live or
// sends. The lint checks that UI has a handler for every control in controls.py, and no other.

var values = {}; // of dials, toggles and menus, by name
var chosen = { seed: 1, model: "auto", made: 0 }; // saved with the set; made counts the results

// What each control does; `v` are the values it sends.
var UI = {
  sample: button(function () { beginPress("sample", [findSamplePlace, readKey, requestClips]); }),
  vary: button(function () { beginPress("vary", [readSelected, readContext, requestClips]); }),
  interpolate: button(function () { beginPress("interpolate", [readPick("a"), readPick("b"), readContext, requestClips]); }),
  blend: button(pressBlend),
  cancel: button(pressCancel),
  pick_a: button(function () { pressPick("a"); }),
  pick_b: button(function () { pressPick("b"); }),
  pick_c: button(function () { pressPick("c"); }),
  pick_d: button(function () { pressPick("d"); }),
  keep: button(pressKeep),
  render: button(pressRender),
  back: button(function () { pressStep(-1); }),
  forward: button(function () { pressStep(1); }),
  more: button(pressMore),
  undo: button(pressUndo),
  reroll: button(function () { showStatus("seed " + rollSeed()); }),
  selftest: button(pressSelftest),
  seed: chooseSeed,
  model: chooseModel,
  puck: function (v) { movePuck(Number(v[0]) / 127, Number(v[1]) / 127, true); },
  puck_x: function (v) { movePuck(Number(v[0]) / 100, puck.y, false); },
  puck_y: function (v) { movePuck(puck.x, Number(v[0]) / 100, false); },
  amount: storeValue,
  variety: storeValue,
  count: storeValue,
  bars: storeValue,
  steps: storeValue,
  density: storeValue,
  octave: storeValue,
  key: storeValue,
  hear: storeValue,
  lock_rhythm: storeValue,
  lock_pitch: storeValue,
  lock_velocity: storeValue,
  lock_notes: storeValue,
  lock_voices: storeValue,
};

// A button sends a bang, or 1, or 1 and then 0 when the mouse is released.
function button(act) {
  var isHeld = false;
  return function (v) {
    var isRelease = isHeld && Number(v[0]) === 0;
    isHeld = Number(v[0]) === 1;
    if (!isRelease) act();
  };
}

function storeValue(v, name) { if (isFinite(Number(v[0]))) values[name] = Number(v[0]); }

function chooseSeed(v) {
  var seed = Math.round(Number(v[0]));
  if (!(seed >= 0)) return;
  isSeedTyped = hasBegun && seed !== chosen.seed;
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
  save();
}
