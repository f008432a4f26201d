// What Max calls: the only functions that a message can name. What it says is looked up in tables, so that it reaches
// nothing else; Max calls any global function that a message names, and udpreceive hears the whole network.

inlets = 1;
outlets = 4;
autowatch = 0;

function bang() { Device.start(); }
function restore() { Device.restore(arrayfromargs(arguments).join(" ")); }
function ui(control) { Device.turn(String(control), arrayfromargs(arguments).slice(1)); }
function anything() { Device.receive(messagename, arrayfromargs(arguments)); }
