"""Laying clips out alike, for what lies between them. Clips in, clips out; no grids."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from models.music.clip import Clip, Note
from models.music.paced import paced, sorted_in_runs
from models.pause import pause


def fit_clips(clips: Sequence[Clip]) -> list[Clip]:
    """Lay clips out as the first is, all as long as the longest; where files say so, ending with the last of their tracks."""
    first, beats = clips[0], max(clip.beats for clip in clips)
    sounding = max(clip.sounding_beats for clip in clips)
    return [fit_clip(clip, first, beats, first.start + sounding if sounding < beats else None) for clip in clips]


def fit_clip(clip: Clip, first: Clip, beats: float, track_end: float | None = None) -> Clip:
    """Lay a clip out as the first is, repeated to a length; only notes that stay just as they were remain marked.

    Notes past its end stay past the end; a note that rings into the next round is cut where that strikes its pitch again, and
    none that is repeated rings past the end.
    """
    shift = first.start - clip.start
    last = first.start + beats if track_end is None else track_end
    rounds = math.ceil(beats / clip.beats - 1e-9)
    past = beats - clip.beats if rounds > 1 else 0.0
    notes = [_moved(n, shift + (past if n.start >= clip.end else 0.0)) for n in paced(clip.notes)]
    inside = [n for n in paced(clip.notes) if clip.start <= n.start < clip.end]
    ringing: Iterable[int] = range(len(notes))  # those that the next round may cut
    for k in range(1, rounds) if inside else ():
        pause()
        moved = (_moved(n, shift + k * clip.beats) for n in paced(inside))
        again = [_cut(n, last) for n in moved if n.start < last]
        struck = {n.pitch: n.start for n in paced(sorted_in_runs(again, key=lambda n: (-n.start,)))}
        for i in paced(ringing):
            notes[i] = _cut(notes[i], struck.get(notes[i].pitch, math.inf))
        # What rings on past this round: all others end before the next one begins.
        after = first.start + (k + 1) * clip.beats - 1e-6
        fresh = range(len(notes), len(notes) + len(again))
        notes += again
        ringing = [i for i in paced((*ringing, *fresh)) if notes[i].end > after and notes[i].start < first.start + beats]
    return replace(clip, notes=tuple(notes), beats=beats, start=first.start, meter=first.meter, track_end=track_end)


def _moved(note: Note, by: float) -> Note:
    return replace(note, start=note.start + by, from_clip=-1, from_note=-1) if by else note


def _cut(note: Note, at: float) -> Note:
    is_ringing = note.start < at < note.end
    return replace(note, duration=at - note.start, from_clip=-1, from_note=-1) if is_ringing else note
