"""Whether what a request locks stays as it was, and what its soft aims do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from models.evaluation.amounts import AmountResult
from models.evaluation.figures import Named, mean_or_none
from models.evaluation.product import VarySettings
from models.evaluation.request_evaluation import BARS, ENOUGH, RequestEvaluation
from models.families.family import Family
from models.music.clip import Clip
from models.music.key import AUTO, FREE, parse_key

LOCKS = ("voices", "beats", "notes", "rhythm", "pitch", "velocity", "key")


def locks(r: RequestEvaluation) -> Named:
    """Count what requests with random locks touch, and measure the amount over the notes that locks leave free."""
    e, rng = r.evaluation, r.rng("locks")
    found: Counter[str] = Counter()
    errors: list[float] = []
    clips = [clip for bars in (2, BARS) for clip in r.full_enough(r.cuts[bars], f"locks {bars}", e.sizes.locks // 2).clips]
    for clip in clips:
        settings = random_locks(clip, e.family, rng)
        for made in e.product.vary([clip], settings, seed=e.seed).of[0]:
            found += touched(clip, settings, made, e.family)
        half = replace(VarySettings(0.5, count=4), **_fields(e.family.half_locked(clip)))
        free = free_part(clip, half, e.family)
        if len(free.notes) >= ENOUGH:
            others = [free_part(c, half, e.family) for c in e.product.vary([clip], half, seed=e.seed).of[0]]
            errors += AmountResult(free, half.amount, tuple(others), e.distances(free, others)).errors
    yield "locks_asked", len(clips)
    yield "locks_touched", found.total()
    for lock in LOCKS:
        yield f"locks_touched_{lock}", found[lock]
    yield "locks_amount_mae", mean_or_none(errors)


def targets(r: RequestEvaluation) -> Named:
    """Measure what the soft aims do to variations at 0.5: notes a bar, and octaves, beside the same without them."""
    e = r.evaluation
    clips = r.full_enough(e.sources, "targets", e.sizes.amounts // 2).clips
    asked = VarySettings(0.5, count=4)
    plain = list(e.vary_each(clips, asked))
    for key, more in (("density_2", 2), ("density_minus_2", -2)):
        made = e.vary_each(clips, replace(asked, density=more))
        yield key, mean_or_none(_notes_a_bar(a) - _notes_a_bar(b) for a, b in zip(made, plain, strict=True))
    if not e.family.is_pitched:
        yield "octave_1", None
        return
    higher = e.vary_each(clips, replace(asked, octave=1.0))
    yield "octave_1", mean_or_none(_height(a) - _height(b) for a, b in zip(higher, plain, strict=True))


def random_locks(clip: Clip, family: Family, rng: np.random.Generator) -> VarySettings:
    """Ask for variations with one to three locks, drawn by chance, at any amount."""
    beat = float(rng.integers(int(clip.beats)))
    choices: dict[str, dict[str, object]] = {
        "beats": {"lock_beats": ((beat, beat + float(rng.integers(1, 5))),)},
        "notes": {"lock_notes": tuple(int(i) for i in rng.permutation(len(clip.notes))[:4])},
        "lock": {"lock": tuple(str(k) for k in rng.permutation(["rhythm", "velocity"])[: 1 + int(rng.integers(2))])},
        **family.random_locks(clip, rng),
    }
    drawn = [choices[str(k)] for k in rng.permutation(list(choices))[: 1 + int(rng.integers(3))]]
    settings = VarySettings(float(rng.uniform(0.1, 0.9)), count=2)
    for fields in drawn:
        settings = replace(settings, **_fields(fields))
    return settings


def touched(source: Clip, settings: VarySettings, clip: Clip, family: Family) -> Counter[str]:
    """Count, by the lock, what of the things that a request locks on its clip is not there or not alone.

    Rhythm: onsets and lengths; of drums the sixteenths with a stroke. Pitch: the row of pitches. Velocity: each is one that
    the source has, in that drum voice where it has the voice. Key: of notes that are not where the source has one of their
    pitch; a locked row of pitches is in whatever key it is.
    """
    found: Counter[str] = Counter()
    both, voice_of = (source, clip), family.lane_of
    if settings.lock_voices and voice_of:
        voices = _locked_voices(settings, family)
        found["voices"] = _unlike(*([n for n in c.notes if voice_of(n.pitch) in voices] for c in both))
    for low, high in settings.lock_beats:
        found["beats"] += _unlike(*([n for n in c.notes if low <= n.start - c.start < high] for c in both))
    if settings.lock_notes:
        found["notes"] = (Counter(source.notes[i] for i in set(settings.lock_notes)) - Counter(clip.notes)).total()
    if "rhythm" in settings.lock:
        found["rhythm"] = (
            _off_beat(source, clip, family.spec.steps_per_beat)
            if voice_of
            else _unlike(*([(n.start, n.duration) for n in c.notes] for c in both))
        )
    if "pitch" in settings.lock:
        found["pitch"] = _unlike(*(list(enumerate(n.pitch for n in c.in_order().notes)) for c in both))
    if "velocity" in settings.lock:
        loud, now = ({(voice_of(n.pitch) if voice_of else None, n.velocity) for n in c.notes} for c in both)
        found["velocity"] = sum(v in {v for v, _ in loud} for v, _ in now - loud)
    if settings.key not in (AUTO, FREE) and "pitch" not in settings.lock:
        had = {(n.pitch, n.start) for n in source.notes}
        key = parse_key(settings.key)
        found["key"] = sum((n.pitch, n.start) not in had and not key.has(n.pitch) for n in clip.notes)
    return +found


def free_part(clip: Clip, settings: VarySettings, family: Family) -> Clip:
    """Leave out the notes of locked voices and stretches."""
    voices, voice_of = _locked_voices(settings, family), family.lane_of
    return clip.with_notes(
        n
        for n in clip.notes
        if not (voice_of and voice_of(n.pitch) in voices)
        and not any(a <= n.start - clip.start < b for a, b in settings.lock_beats)
    )


def _locked_voices(settings: VarySettings, family: Family) -> set[int]:
    return {k for k, lane in enumerate(family.lane_names) if lane in settings.lock_voices}


def _fields(fields: dict[str, object]) -> dict[str, Any]:
    return dict(fields)


def _unlike(a: Iterable[object], b: Iterable[object]) -> int:
    """Count how many of one lot are not in the other, whichever are more."""
    had, has = Counter(a), Counter(b)
    return max((had - has).total(), (has - had).total())


def _off_beat(a: Clip, b: Clip, steps_per_beat: int) -> int:
    """Count the sixteenths that have strokes in one clip only; a stroke midway between two is on either."""
    struck = [{_sixteenths((n.start - c.start) * steps_per_beat) for n in c.notes} for c in (a, b)]
    places = [set().union(*strokes) for strokes in struck]
    return sum(not stroke & places[1 - side] for side in (0, 1) for stroke in struck[side])


def _sixteenths(steps: float) -> frozenset[int]:
    return frozenset(math.floor(steps + 0.5 + slack) for slack in (-0.02, 0.02))


def _notes_a_bar(clips: Sequence[Clip]) -> float:
    return fmean(len(c.notes) * c.bar / c.beats for c in clips) if clips else 0.0


def _height(clips: Sequence[Clip]) -> float:
    """Find the mean pitch, in octaves."""
    pitches = [n.pitch / 12 for c in clips for n in c.notes]
    return fmean(pitches) if pitches else 0.0
