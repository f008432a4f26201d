"""The table of families: one line each. Loads no family before it is asked for, so that `--help` needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from models.music.drum_map import VOICE_NAMES

if TYPE_CHECKING:
    from models.families.family import Family


@dataclass(frozen=True)
class Entry:
    """A family's module, the word by which users say that a clip is of its kind, and the lanes they can name."""

    module: str
    kind: str
    lanes: tuple[str, ...] = ()


# The first is what is made where nothing says otherwise. `auto` takes the model that is called as the family.
FAMILIES = {
    "drums": Entry("models.families.drums", kind="drums", lanes=VOICE_NAMES),
    "melody": Entry("models.families.melody", kind="notes"),
}


def kinds() -> dict[str, str]:
    """List the families by the word that users say."""
    return {entry.kind: name for name, entry in FAMILIES.items()}


def lane_names() -> tuple[str, ...]:
    """List all lanes that can be named."""
    return tuple(dict.fromkeys(name for entry in FAMILIES.values() for name in entry.lanes))


def find_family(name: str) -> Family:
    """Look a family up by name."""
    if name not in FAMILIES:
        raise ValueError(f"there is no family {name!r}; there are: {', '.join(FAMILIES)}")
    family: Family = import_module(FAMILIES[name].module).FAMILY
    return family
