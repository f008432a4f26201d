"""Gets clips in and out of a DAW and of MIDI files. Nothing here imports torch or numpy at import time.

From Python, all that `docs/python.md` shows is imported from here, and loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.api import *  # noqa: F403

__version__ = "0.1.0"

API = "bridge.api"
NAMES = (
    *(
        "Blend",
        "Clip",
        "Comparison",
        "Cross",
        "Drumify",
        "Engine",
        "Groove",
        "Interpolate",
        "Note",
        "Picture",
        "Points",
        "Reconstruct",
        "Results",
    ),
    *("Sample", "Vary", "compare", "distance", "from_array", "from_note_sequence", "from_pretty_midi", "read_clip"),
    *("read_points", "show", "to_array", "to_note_sequence", "to_pretty_midi", "write_clip", "write_points"),
)


def __getattr__(name: str) -> object:
    if name not in NAMES:
        raise AttributeError(f"module 'bridge' has no attribute {name!r}")
    return getattr(import_module(API), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *NAMES])
