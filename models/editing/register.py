"""Parts that lie far below tunes or above them, given to a model octaves nearer: it learned tunes. Clips in, clips out.

Nothing here knows of grids, or of what becomes of a clip in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from models.families.family import Family
from models.music.clip import Clip
from models.music.paced import paced

MIDDLE = 64  # about where the middle of a tune's notes lies
FAR = 14  # semitones from there, beyond which a part is moved
OCTAVE = 12


@dataclass(frozen=True)
class Lift:
    """By how many semitones each of some clips is moved up, whole octaves; 0 for most."""

    semitones: tuple[int, ...]

    @staticmethod
    def of(clips: Sequence[Clip], family: Family) -> Lift:
        """Find how far clips are moved for a family."""
        return Lift(tuple(_height(clip) if family.is_pitched else 0 for clip in clips))

    def up(self, clips: Sequence[Clip]) -> list[Clip]:
        """Move each clip."""
        return [_moved(clip, by) for clip, by in zip(clips, self.semitones, strict=True)]

    def down(self, number: int, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Put what was made of one of the clips back to where that is."""
        return tuple(_moved(clip, -self.semitones[number]) for clip in clips)


def _height(clip: Clip) -> int:
    pitches = [note.pitch for note in paced(clip.notes)] or [MIDDLE]
    missing = MIDDLE - median(pitches)
    by = OCTAVE * round(missing / OCTAVE) if abs(missing) > FAR else 0
    # No note of the clip's own may leave what MIDI has: it would not come back as it was.
    return by if min(pitches) + by >= 0 and max(pitches) + by < 128 else 0


def _moved(clip: Clip, semitones: int) -> Clip:
    """Transpose a clip; a new note that would leave what MIDI has stays octaves nearer."""
    if not semitones:
        return clip
    return clip.with_notes(replace(n, pitch=_within(n.pitch + semitones)) for n in paced(clip.notes))


def _within(pitch: int) -> int:
    return pitch % OCTAVE if pitch < 0 else pitch if pitch < 128 else pitch - OCTAVE * -((127 - pitch) // OCTAVE)
