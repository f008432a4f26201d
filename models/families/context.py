"""What sounds around a window, beat by beat, as decoders hear it. Arrays only; no clips, no networks.

A context is [B, beats, C]. Each kind of it has a run of numbers of its own: first whether it is known (1), then what it is,
all 0 where it is not known. So a context of zeros says nothing at all, and is the same as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.families.grid import shift_by_half
from models.families.layout import GridLayout
from models.music.clip import Note
from models.music.paced import paced

Context = NDArray[np.float32]

CLASSES = 12
FULL = 0.5  # beats: a pitch class that sounds for so long in a beat sounds there in full

# Kinds of context: the pitch classes of other parts at the same time, and those of the same part as far before and after as
# a window is long.
OTHERS, BEFORE, AFTER = "others", "before", "after"
AROUND: Mapping[str, int] = dict.fromkeys((OTHERS, BEFORE, AFTER), CLASSES)
# Of the music itself that is varied: its pitch classes, and its habits, numbers that a family chooses. A noisy latent does not
# tell them, and yet they are what musicians keep.
SCALE, HABITS = "scale", "habits"
# How far from that music what is written should be, as the design counts distance.
AMOUNT = "amount"


def context_size(kinds: Mapping[str, int]) -> int:
    """Count C, the numbers of a beat."""
    return sum(1 + size for size in kinds.values())


def around(kinds: Mapping[str, int]) -> dict[str, int]:
    """Choose the kinds that are about what sounds around a window, not about its own music."""
    return {kind: size for kind, size in kinds.items() if kind in AROUND}


def columns(kinds: Mapping[str, int]) -> dict[str, slice]:
    """Find the numbers of each kind: that of whether it is known, and those of what it is."""
    found: dict[str, slice] = {}
    first = 0
    for kind, size in kinds.items():
        found[kind] = slice(first, first + 1 + size)
        first += 1 + size
    return found


def sounding_beats(notes: Iterable[Note], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up for how long each pitch class sounds in beats that begin at [N]: [N, 12], in beats; notes at once count each."""
    own: list[list[Note]] = [[] for _ in range(CLASSES)]
    for note in paced(notes):
        own[note.pitch % CLASSES].append(note)
    found = np.zeros((len(beats), CLASSES))
    for k, its in enumerate(own):
        if its:
            starts, ends = np.sort([n.start for n in its]), np.sort([n.end for n in its])
            found[:, k] = _passed(starts, ends, beats + 1) - _passed(starts, ends, beats)
    return np.maximum(found, 0)


def _passed(starts: NDArray[np.float64], ends: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up how long notes have sounded until times [N]."""
    begun, over = np.searchsorted(starts, at), np.searchsorted(ends, at)
    heaps = (np.concatenate([[0.0], np.cumsum(times)]) for times in (starts, ends))
    began, ended = next(heaps)[begun], next(heaps)[over]
    return np.asarray((begun - over) * at - began + ended)


def as_heard(sounding: NDArray[np.float64], is_known: NDArray[np.bool_]) -> Context:
    """Write what sounds [..., 12] as one kind of context [..., 13]; what is not known [...] is 0."""
    heard = np.minimum(sounding / FULL, 1)
    heard[heard < 1e-6] = 0  # of differences
    flagged = np.concatenate([np.ones((*heard.shape[:-1], 1)), heard], -1)
    return np.asarray(np.where(is_known[..., None], flagged, 0), np.float32)


def around_windows(
    own: NDArray[np.float64], others: NDArray[np.float64] | None, *, window_beats: int, hop_beats: int
) -> Context:
    """Write what is around the windows of a part that begin every `hop_beats`, the kinds of AROUND: [B, beats, C].

    `own` [N, 12] is what sounds of the part in each beat, `others` the same of all other parts, None where there are none.
    """
    total = len(own)
    firsts = np.arange(0, total - window_beats + 1, hop_beats)
    at = firsts[:, None] + np.arange(window_beats)
    parts = [as_heard(np.zeros((*at.shape, CLASSES)) if others is None else others[at], np.full(at.shape, others is not None))]
    for shift in (-window_beats, window_beats):
        there = at + shift
        is_known = (there >= 0) & (there < total)
        parts.append(as_heard(own[np.clip(there, 0, total - 1)], is_known))
    return np.concatenate(parts, -1)


def around_layout(layout: GridLayout, others: Sequence[Note] | None = None, *, at_seam: bool = False) -> Context:
    """Write what is around the windows of a clip, the kinds of AROUND: [B, beats, C].

    `others` are the notes of other parts, on the clip's own beats; None where nothing is known of any. A voice of a clip hears
    its other voices too. `at_seam`, the windows are those over the seams (`shift_by_half`).
    """
    spec, voices = layout.spec, layout.voices
    steps = slice(None, None, spec.steps_per_beat)
    beats, is_open = layout.beats, layout.open_steps
    if at_seam:
        beats, is_open = shift_by_half(beats, voices=voices), shift_by_half(is_open, voices=voices)
    beats = beats[:, steps].reshape(voices, -1, spec.window_beats)
    is_open = is_open[:, steps].reshape(voices, -1, spec.window_beats)
    own = _sounding_at(layout.clip.notes, beats[0])
    beside = np.zeros_like(own) if others is None else _sounding_at(others, beats[0])
    found: list[Context] = []
    for voice in range(voices):
        heard = beside
        if voices > 1:
            rows = range(voice * layout.windows, (voice + 1) * layout.windows)
            line = [note for (b, _, _), notes in layout.notes_at.items() if b in rows for note in notes]
            heard = own - _sounding_at(line, beats[0]) + beside
        parts = [as_heard(heard, is_open[voice] & (others is not None or voices > 1))]
        for shift in (-1, 1):
            known = np.roll(is_open[voice], -shift, 0)
            known[-1 if shift > 0 else 0] = False  # nothing is known of what is before a clip, or after it
            parts.append(as_heard(np.roll(own, -shift, 0), known & is_open[voice]))
        found.append(np.concatenate(parts, -1))
    return np.concatenate(found)


def _sounding_at(notes: Iterable[Note], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up for how long pitch classes sound in beats [...]: [..., 12]."""
    return sounding_beats(notes, beats.reshape(-1)).reshape(*beats.shape, CLASSES)


def join_context(context: Context, own: Context | None, kinds: Mapping[str, int]) -> Context:
    """Join what is around windows (the kinds of AROUND) with what is told of them themselves."""
    if own is None:
        own = np.zeros((*context.shape[:-1], context_size(kinds)), np.float32)
    whole = own.copy()
    whole[..., : context.shape[-1]] = context
    return whole


def own_kinds(told: Mapping[str, NDArray[np.floating]], beats: int, kinds: Mapping[str, int]) -> Context:
    """Write what is told of windows as wholes, by kind [B, N], as a context in which nothing else is known."""
    rows = len(next(iter(told.values()))) if told else 0
    context = np.zeros((rows, beats, context_size(kinds)), np.float32)
    for kind, where in columns(kinds).items():
        if kind in told:
            context[..., where.start] = 1
            context[..., where.start + 1 : where.stop] = told[kind][:, None]
    return context


def tell_amount(context: Context, amounts: NDArray[np.floating], kinds: Mapping[str, int]) -> Context:
    """Tell contexts [B, beats, C] how far from the music they describe another should be: amounts [B], NaN says nothing."""
    told = context.copy()
    where = columns(kinds)[AMOUNT]
    is_told = np.isfinite(amounts)
    told[..., where.start] = is_told[:, None]
    told[..., where.start + 1] = np.where(is_told, amounts, 0)[:, None]
    return told


def transpose_context(context: Context, semitones: NDArray[np.int64], kinds: Mapping[str, int]) -> Context:
    """Transpose what contexts [B, beats, C] tell of pitch classes, each by its semitones [B]."""
    moved = context.copy()
    turn = (np.arange(CLASSES) - semitones[:, None]) % CLASSES
    for kind, where in columns(kinds).items():
        if kinds[kind] == CLASSES:
            classes = context[..., where.start + 1 : where.stop]
            moved[..., where.start + 1 : where.stop] = np.take_along_axis(
                classes, np.repeat(turn[:, None], context.shape[1], 1), -1
            )
    return moved


def without_kinds(context: Context, dropped: Mapping[str, NDArray[np.bool_]], kinds: Mapping[str, int]) -> Context:
    """Make kinds of context unknown where [B] says so."""
    told = context.copy()
    for kind, where in columns(kinds).items():
        if kind in dropped:
            told[dropped[kind], :, where] = 0
    return told
