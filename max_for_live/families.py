"""What the device knows of families of models: the one place for it, from which the script's table is made.

The device tells two kinds of clips apart, by whether their track has a Drum Rack. Which models there are, and what a model can
do, it hears from the server.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models.drum_map import drum_words


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of clips.

    `name` is what a request says in its field `kind`, `label` what sampled clips are named after where no model was chosen.
    Clips of a track with a Drum Rack are of the kind that `has_drum_rack`; new notes of one that `follows_scale` keep to the
    scale that is set in Live.
    """

    name: str
    label: str
    has_drum_rack: bool
    follows_scale: bool


KINDS = (
    Kind(name="drums", label="Drums", has_drum_rack=True, follows_scale=False),
    Kind(name="notes", label="Notes", has_drum_rack=False, follows_scale=True),
)

# What the menu for locking voices shows, and the drum voices that a request then locks.
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
    """Give what the script needs to know: the kinds, and the words by which the name of a drum pad tells its voice."""
    return {"kinds": [asdict(kind) for kind in KINDS], "drum_words": drum_words()}
