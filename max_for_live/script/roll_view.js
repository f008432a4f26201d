// The piano roll: the source and the result, what changed in colour, and where it plays.

function paint() {}
function anything() {}
