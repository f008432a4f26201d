// What Max calls. Max calls any global function that a message names, and udpreceive takes messages from the whole
// network: so these are the only global functions, and what a message says is looked up in tables (UI, OSC).

inlets = 1;
outlets = 6;
autowatch = 0;

function bang() { Device.start(this.patcher); }
function restore() { Device.restore(arrayfromargs(arguments).join(" ")); }
function ui(control) { Device.turn(String(control), arrayfromargs(arguments).slice(1)); }
function node() { Device.hearStarter(arrayfromargs(arguments)); }
function anything() { Device.receive(messagename, arrayfromargs(arguments)); }
