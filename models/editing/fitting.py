"""Laying clips out alike, for what lies between them. Clips in, clips out; no grids."""

from __future__ import annotations

import math
from dataclasses import replace

from models.music.clip import Clip, Note


def fit_clip(clip: Clip, first: Clip, beats: float) -> Clip:
    """Lay a clip out as the first is, repeated to a length; only notes that stay just as they were remain marked.

    Notes past its end stay past the end; a note that rings into the next round is cut where that strikes its pitch again.
    """
    shift = first.start - clip.start
    rounds = math.ceil(beats / clip.beats - 1e-9)
    notes = [_moved(n, shift + (beats - clip.beats if rounds > 1 and n.start >= clip.end else 0.0)) for n in clip.notes]
    inside = [n for n in clip.notes if clip.start <= n.start < clip.end]
    for k in range(1, rounds):
        again = [n for n in (_moved(n, shift + k * clip.beats) for n in inside) if n.start < first.start + beats]
        struck = {n.pitch: n.start for n in sorted(again, key=lambda n: -n.start)}
        notes = [*(_cut(n, struck.get(n.pitch, math.inf)) for n in notes), *again]
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter)


def _moved(note: Note, by: float) -> Note:
    return replace(note, start=note.start + by, from_clip=-1, from_note=-1) if by else note


def _cut(note: Note, at: float) -> Note:
    is_ringing = note.start < at < note.end
    return replace(note, duration=at - note.start, from_clip=-1, from_note=-1) if is_ringing else note
