"""What a request costs, estimated from its numbers before anything of it runs. Arithmetic; no models, no clock.

A window is two bars of 4/4. What counts are windows in which notes begin: silence costs nothing. The figures are CPU times of
one core of the machine that `bench/slices.py` is calibrated on, which prints them beside what requests really take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.limits import Limits
from bridge.protocol.messages import ProtocolError
from bridge.requests import Blend, Cross, Groove, Interpolate, Reconstruct, Request, Sample, Vary

if TYPE_CHECKING:
    from bridge.protocol.assembly import ClipBuffer

ROW_S = 1.4e-3  # to decode one window of one voice
NOTE_S = 5e-6  # to write a note as part of a clip, or to compare it
HEARD_S = 6e-6  # to lay a note along a clip that it sounds with
HEARD_BYTES = 250  # of such a note
CROWDED_S = 2e-9  # to compare a note with one that it may be matched with
CONTESTED_S = 6e-7  # the same, of one pitch and within a beat, where many have to give way for a step to come out even
PLAYED_S = 5e-4  # to play a note in eight ways
PLAYED_BYTES = 16_000  # of a note that is played
ROW_BYTES = 12_000  # of a window that is decoded, until it is a clip's
KEPT_BYTES = 5_000  # of a window of a result
NOTE_BYTES = 400  # of a note of a request
MADE_BYTES = 60  # of a note of a result: most are shared
BASE_BYTES = 8 * 2**20
SILENT = 8  # windows of silence between notes that are gone through; of longer silences EDGES
EDGES = 1
VOICES = 8  # of a polyphonic clip at the most
DRUMS = 27, 59  # the lowest and the highest pitch of a clip that may be drums
TOGETHER, LEGATO = 1 / 8, 1 / 4  # beats: as voices are told apart (`models.music.voices`)
FARTHEST = 2.0**21  # beats
AT_ONCE = 8192  # windows that are decoded together, and over the seams, at the most


@dataclass(frozen=True)
class Work:
    """What a request costs: seconds of CPU on the reference machine, and bytes of memory while it runs."""

    seconds: float
    bytes: int


NOTHING = Work(0.0, 0)


@dataclass(frozen=True)
class ClipWork:
    """What of a clip costs: windows in which notes begin, voices, notes, and the pairs of notes that lie close together."""

    windows: float
    voices: int
    notes: int
    pairs: float
    contested: float  # of these pairs, those of one pitch

    @property
    def rows(self) -> float:
        """Windows of all voices."""
        return self.windows * self.voices

    def repeated(self, times: float) -> ClipWork:
        """The same clip over and over."""
        return ClipWork(
            self.windows * times, self.voices, math.ceil(self.notes * times), self.pairs * times, self.contested * times
        )


@dataclass(frozen=True)
class NotesWork:
    """What of a clip's notes decides what it costs, whatever is asked: windows, notes, pairs that lie close, and voices."""

    windows: float
    notes: int
    pairs: float
    contested: float  # of these pairs, those of one pitch
    voices: int  # of a pitched part
    may_be_drums: bool


def measure_notes(
    pitches: Sequence[float], starts: Sequence[float], durations: Sequence[float], beats: float, meter: tuple[int, int]
) -> NotesWork:
    """Measure the notes of a clip as they were received: some milliseconds for the longest clip."""
    import numpy as np  # not before a clip comes: whoever only writes messages needs none

    window = window_beats(meter)
    last = math.ceil(beats / window)
    if not starts:
        return NotesWork(last, 0, 0.0, 0.0, 1, may_be_drums=False)  # an empty clip is sampled
    # What is no note is refused later, by its number; here it only must not do harm.
    pitch, start, lasts = (
        np.clip(np.nan_to_num(np.array(values)), -FARTHEST, FARTHEST) for values in (pitches, starts, durations)
    )
    ends = start + lasts
    alike = np.unique(start // 1 * 128 + pitch, return_counts=True)[1].astype(float)
    start.sort()
    places = np.unique(np.clip(start // window, -1, last))
    places = places[(places >= 0) & (places < last)]
    gaps = np.diff(places, prepend=-1, append=last) - 1
    order = np.arange(len(start))
    struck = np.searchsorted(start, start + TOGETHER) - order
    held = order + 1 - np.searchsorted(np.sort(ends - LEGATO), start, "right")
    return NotesWork(
        len(places) + float(np.where(gaps > SILENT, EDGES, gaps).sum()),
        len(start),
        float((np.unique(start // 1, return_counts=True)[1].astype(float) ** 2).sum()),
        float((alike**2).sum()),
        int(np.clip(max(struck.max(), held.max()), 1, VOICES)),
        may_be_drums=bool(DRUMS[0] <= pitch.min() and pitch.max() <= DRUMS[1]),
    )


def measure_clip(clip: ClipBuffer, kind: str | None) -> ClipWork:
    """Measure a clip that is complete, for what it is to be."""
    notes = clip.notes
    is_drums = kind == "drums" or (kind is None and notes.may_be_drums)
    return ClipWork(notes.windows, 1 if is_drums else notes.voices, notes.notes, notes.pairs, notes.contested)


def window_beats(meter: tuple[int, int]) -> float:
    """Find how long a window of two halves is, in beats: whole bars of up to four beats each, or parts of longer ones."""
    bar = meter[0] * 4 / meter[1]
    if bar <= 4:
        return 2 * bar * (4 // bar)
    return 2 * bar / math.ceil(bar / 4)


def estimate(request: Request, clips: Iterable[ClipBuffer]) -> Work:
    """Estimate what a request costs."""
    buffers = list(clips)
    if isinstance(request, Sample):
        rows = request.count * request.empty.beats / window_beats(request.empty.meter)
        return _work(2 * rows, 4 * rows, 0.0, 2 * rows, 0)
    measured = [measure_clip(clip, request.kind) for clip in buffers]
    match request:
        case Vary() if request.amount == 0:
            return _work(0, 0, 0, 0, sum(m.notes for m in measured))
        case Vary():
            works = [_vary(m, request) for m in measured]
            most = AT_ONCE * ROW_BYTES  # of all clips together
            rows = sum(m.rows * (request.count + 4) * 2 for m in measured)
            size = BASE_BYTES + min(most, int(rows * ROW_BYTES)) + sum(w.bytes - BASE_BYTES for w in works)
            return Work(sum(w.seconds for w in works), size)
        case Reconstruct():
            rows, notes = sum(m.rows for m in measured), sum(m.notes for m in measured)
            return _work(1.3 * rows, rows, 3 * notes, rows, notes)
        case Groove():
            notes = sum(m.notes for m in measured)
            turns = math.ceil(request.clip_count / 8)
            return Work(
                0.01 + notes * (turns * PLAYED_S + request.clip_count * 4 * NOTE_S),
                BASE_BYTES + notes * (PLAYED_BYTES + request.clip_count * 10 * MADE_BYTES),
            )
        case Interpolate() | Blend() | Cross():
            return _together(request, buffers, measured)
    raise ValueError(f"there is no estimate of a {type(request).__name__}")


def estimate_position(request: Request, clips: Sequence[ClipBuffer]) -> Work:
    """Estimate what a position of the puck costs on the palette that a blend has made: one decode."""
    rows = sum(measure_clip(clip, getattr(request, "kind", None)).rows for clip in clips)
    notes = max((clip.notes.notes for clip in clips), default=0)
    return Work(0.002 + 2 * rows * ROW_S + 3 * notes * NOTE_S, 2**20 + int(rows * ROW_BYTES + notes * MADE_BYTES))


def _vary(clip: ClipWork, request: Vary) -> Work:
    if not clip.notes:
        rows = clip.windows * request.count
        return _work(2 * rows, 4 * rows, 0.0, 2 * rows, 0)
    seams = 2 if clip.windows > 1 else 1
    candidates = math.ceil(request.count * 1.375)
    rows = clip.rows * seams * (candidates + 2)
    passes = 3 + 2 * candidates + 9 * request.count  # each result is written and compared some times until it is at the amount
    locks = 1 + bool(request.lock or request.lock_notes or request.lock_beats or request.lock_voices) * 0.5
    return _work(
        rows,
        0,  # of all clips together: see `estimate`
        locks * clip.notes * passes,
        clip.rows * candidates,
        clip.notes,
        pairs=clip.pairs * (candidates + 5 * request.count),
        made=clip.notes * request.count,
    )


def _together(request: Interpolate | Blend | Cross, buffers: Sequence[ClipBuffer], measured: Sequence[ClipWork]) -> Work:
    """Estimate work on clips that are laid out alike: all as long as the longest, with as many voices as one has most."""
    beats = buffers[0].beats if isinstance(request, Cross) else max(clip.beats for clip in buffers)
    laid = [m.repeated(max(1.0, beats / clip.beats)) for m, clip in zip(measured, buffers, strict=True)]
    most = math.ceil(beats / window_beats(buffers[0].meter))
    windows = min(most, sum(m.windows for m in laid))
    voices, notes, pairs = max(m.voices for m in laid), max(m.notes for m in laid), max(m.pairs for m in laid)
    given, rows, seams = sum(m.notes for m in laid), windows * voices, 2 if windows > 1 else 1
    match request:
        case Interpolate() if request.path == "morph":
            return _work(0, 0, given * request.steps * 4 + 2 * pairs, 0, given, made=4 * given * request.steps)
        case Interpolate():
            inner = max(0, request.steps - 2)
            points = max(2 * inner, 7) * 2 + 2 * (inner + 1) if request.path == "even" and inner else inner
            mixed = 3 * (request.steps - 1) if request.path == "even" and inner else 0
            comparisons = (points + 2 * mixed) * 8 if mixed else 0
            work = _work(
                rows * (points * seams + 2 * len(laid)),
                rows * points,
                notes * (4 * points + 4 * mixed + comparisons),
                rows * points,
                given,
                pairs=pairs * (comparisons + mixed),
                made=notes * (points + mixed),
            )
            contested = max(m.contested for m in laid) * comparisons * CONTESTED_S
            return Work(work.seconds + contested + 3e-5 * mixed * request.steps, work.bytes)
        case Blend():
            side = 1 if request.at is not None else request.grid
            points = side**2
            return _work(
                rows * (points * seams + 2 * len(laid)),
                rows * min(points, 64),
                notes * 3 * points,
                rows * points,
                given,
                made=notes * points,
            )
        case Cross():
            return _work(
                rows * (request.count * 1.5 + 2 * seams),
                rows * request.count * 1.5,
                notes * 4 * request.count,
                rows * request.count,
                given,
                made=notes * request.count,
            )


def _work(
    rows: float, at_once: float, notes: float, kept: float, given: float, *, pairs: float = 0.0, made: float = 0.0
) -> Work:
    seconds = 0.01 + rows * ROW_S + notes * NOTE_S + pairs * CROWDED_S + given * 5 * NOTE_S
    size = min(at_once, AT_ONCE) * ROW_BYTES + kept * KEPT_BYTES + given * NOTE_BYTES + made * MADE_BYTES
    return Work(seconds, BASE_BYTES + int(size))


def hear(request: Request, clips: Sequence[ClipBuffer], context: Sequence[ClipBuffer]) -> Work:
    """Estimate what it costs to lay clips along those that they sound with, over and over where they are shorter."""
    if isinstance(request, Sample):
        beats = [request.empty.beats]
    else:
        beats = [min(clip.beats, clip.notes.windows * window_beats(clip.meter)) for clip in clips]
    given = sum(clip.notes.notes for clip in context)
    laid = sum(clip.notes.notes * max(1.0, its / clip.beats) for clip in context for its in beats)
    return Work(laid * HEARD_S, int(given * NOTE_BYTES + laid * HEARD_BYTES))


def check_work(request: Request, clips: Sequence[ClipBuffer], limits: Limits, context: Sequence[ClipBuffer] = ()) -> Work:
    """Estimate what a request costs; refuse what would keep the worker for more than a minute or take too much memory.

    `context` are the clips that sound with its own.
    """
    windows = math.ceil(sum(clip.notes.windows for clip in clips))
    times = request.clip_count
    if windows * times > limits.windows:
        text = f"{times} clips of {windows} windows of two bars are more than the {limits.windows} windows of one request"
        raise ProtocolError("too_large", text)
    alone, heard = estimate(request, clips), hear(request, clips, context)
    work = Work(alone.seconds + heard.seconds, alone.bytes + heard.bytes)
    if work.seconds > limits.work_s:
        text = f"this would take about {work.seconds:.0f} s, and a request may take {limits.work_s:g} s: ask for less"
        raise ProtocolError("too_large", text)
    if work.bytes > limits.work_bytes:
        given, most = work.bytes / 2**20, limits.work_bytes / 2**20
        text = f"this would take about {given:.0f} MiB, and a request may take {most:.0f} MiB: ask for less"
        raise ProtocolError("too_large", text)
    return work
