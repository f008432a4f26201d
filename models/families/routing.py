"""Which family a clip belongs to: the one rule of `auto`. Clips in, names out."""

from __future__ import annotations

from models.families.registry import FAMILIES, find_family, kinds
from models.music.clip import Clip


def route(clip: Clip, kind: str | None = None) -> str:
    """Choose the family for a clip: by `kind` where given, else the one whose evidence is strongest (`Family.evidence`)."""
    known = kinds()
    if kind is None:
        return max(FAMILIES, key=lambda name: find_family(name).evidence(clip))
    if kind not in known:
        raise ValueError(f"kind {kind!r} is not one of: {', '.join(known)}")
    return known[kind]


def default_family(kind: str | None) -> str:
    """Choose the family of clips that are made from nothing."""
    known = kinds()
    return known[kind] if kind else next(iter(known.values()))
