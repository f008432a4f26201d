// The pad: its corners in the colours of their clips, the puck between them, and the path that was drawn.

function paint() {}
function anything() {}
