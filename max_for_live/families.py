"""All that the device knows about families of models. The script gets it as a table; its file kinds.js reads it.

The device tells two kinds of clips apart, by whether their track has a Drum Rack. Which models exist it learns from the server.
A new kind of clip for the device is a row of KINDS here and, if another sign than a Drum Rack shows it, a rule in kinds.js.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models.music.drum_map import drum_words


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of clips.

    `name` is the value of a request's field `kind`; `label` names sampled clips if no model was chosen. Clips on a track with a
    Drum Rack are of the kind with `has_drum_rack`. If `follows_scale`, new notes may be kept to the scale that is set in Live.
    """

    name: str
    label: str
    has_drum_rack: bool
    follows_scale: bool


KINDS = (
    Kind(name="drums", label="Drums", has_drum_rack=True, follows_scale=False),
    Kind(name="notes", label="Notes", has_drum_rack=False, follows_scale=True),
)

# The drum voices that each of the toggles for locking them stands for. A toggle is a parameter that Live keeps and automates,
# so what it stands for may not depend on the clip; a drummer keeps time on one cymbal or the other.
VOICES = (
    *(("kick",), ("snare",), ("closed_hat",), ("open_hat",), ("low_tom",), ("mid_tom",), ("high_tom",)),
    ("crash", "ride"),
)


def tables() -> dict[str, Any]:
    """Return what the script needs to know: the kinds, the drum voices, and the words that tell them from a pad's name."""
    return {"kinds": [asdict(kind) for kind in KINDS], "voices": VOICES, "drum_words": drum_words()}
