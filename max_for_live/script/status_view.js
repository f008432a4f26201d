// The light and the line: how the device is, in one colour and one sentence; and how far it is.

function paint() {}
function anything() {}
