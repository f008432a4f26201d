// Controls: what each button, dial and menu does, in the table UI, and what they say.
// The lint compares UI with the table in controls.py.

var values = {}; // what dials, toggles and menus say, by name
var chosen = { seed: 1, model: "auto", made: 0 }; // saved beside the picks and the puck; made counts the results

// What each control does, by its name.
var UI = {
  sample: button(function () { begin("sample", [findSamplePlace, hearKey, askVerb]); }),
  vary: button(function () { begin("vary", [readSelected, hearParts, askVerb]); }),
  interpolate: button(function () { begin("interpolate", [readPick("a"), readPick("b"), hearParts, askVerb]); }),
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
  reroll: button(function () { say("seed " + rollSeed()); }),
  selftest: button(pressSelftest),
  seed: chooseSeed,
  model: chooseModel,
  puck: function (v) { movePuck(Number(v[0]) / 127, Number(v[1]) / 127, true); },
  puck_x: function (v) { movePuck(Number(v[0]) / 100, puck.y, false); },
  puck_y: function (v) { movePuck(puck.x, Number(v[0]) / 100, false); },
  amount: keepValue,
  variety: keepValue,
  count: keepValue,
  bars: keepValue,
  steps: keepValue,
  density: keepValue,
  octave: keepValue,
  key: keepValue,
  lock_rhythm: keepValue,
  lock_pitch: keepValue,
  lock_velocity: keepValue,
  lock_notes: keepValue,
  lock_voices: keepValue,
};

// A press may come as a bang, as 1, or as 1 and then 0 when the mouse is let go.
function button(act) {
  var isHeld = false;
  return function (v) {
    var isRelease = isHeld && Number(v[0]) === 0;
    isHeld = Number(v[0]) === 1;
    if (!isRelease) act();
  };
}

function keepValue(v, name) { if (isFinite(Number(v[0]))) values[name] = Number(v[0]); }

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
  var name = isFinite(Number(v[0])) ? menu[Number(v[0])] : String(v[0]);
  if (!name) return;
  chosen.model = name;
  save();
}
