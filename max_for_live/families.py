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

# What the menu for locking voices shows, and the drum voices that the request then locks.
VOICE_MENU = (
    ("No Voices", ""),
    ("Kick", "kick"),
    ("Snare", "snare"),
    ("Kick + Snare", "kick,snare"),
    ("Hats", "closed_hat,open_hat"),
    ("Toms", "low_tom,mid_tom,high_tom"),
    ("Cymbals", "crash,ride"),
    ("All but Kick", "snare,closed_hat,open_hat,low_tom,mid_tom,high_tom,crash,ride"),
    ("All but Snare", "kick,closed_hat,open_hat,low_tom,mid_tom,high_tom,crash,ride"),
    ("All but Hats", "kick,snare,low_tom,mid_tom,high_tom,crash,ride"),
)


def tables() -> dict[str, Any]:
    """Return what the script needs to know: the kinds, and the words that tell a drum pad's voice from its name."""
    return {"kinds": [asdict(kind) for kind in KINDS], "drum_words": drum_words()}
