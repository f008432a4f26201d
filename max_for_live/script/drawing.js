// What the views have in common: colours from Live's theme, and text that fits. Each view is a `jsui` and a file of its own in
// the device, and begins with these lines. A view draws what it is told, and decides nothing.

autowatch = 0;
inlets = 1;
outlets = 1;
mgraphics.init();
mgraphics.relative_coords = 0;
mgraphics.autofill = 0;
