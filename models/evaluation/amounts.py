"""Whether variations lie where they were asked to, and differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from models.evaluation.figures import Named, mean_or_none
from models.evaluation.model_evaluation import TOGETHER
from models.evaluation.product import VarySettings
from models.evaluation.request_evaluation import BARS, RequestEvaluation
from models.music.clip import Clip
from models.music.distance import VoiceOf, distances


@dataclass(frozen=True)
class AmountResult:
    """What a request for variations of a clip at an amount gave: the clips, and how far each lies from the source."""

    source: Clip
    amount: float
    clips: tuple[Clip, ...]
    far: list[float]

    @property
    def errors(self) -> list[float]:
        """How far each is from what was asked, beyond the rounding of whole notes."""
        return [max(0.0, abs(d - self.amount) - 0.5 / len(self.source.notes)) for d in self.far]

    @property
    def note_shares(self) -> list[float]:
        """How many notes each has, by those of the source."""
        return [len(c.notes) / len(self.source.notes) for c in self.clips]

    @property
    def repeats(self) -> int:
        """How many are another, or the source."""
        return 1 + len(self.clips) - len({c.in_order().notes for c in (self.source, *self.clips)})

    def spread(self, voice_of: VoiceOf | None) -> float | None:
        """Measure how far they lie from each other, by how far from the source; None where none does."""
        between = [d for k, c in enumerate(self.clips) for d in distances(c, self.clips[k + 1 :], voice=voice_of)]
        return (mean_or_none(between) or 0.0) / fmean(self.far) if sum(self.far) else None


def amounts(r: RequestEvaluation) -> Named:
    """Measure how far variations lie from where they were asked, amount by amount up to the model's reach.

    Notes: how many a variation has, by those of its clip; an amount could be met by leaving notes out.
    """
    e = r.evaluation
    goals = [k / 10 for k in range(1, 11) if k / 10 <= e.model.card.reach]
    most_of = {2: e.sizes.amounts, BARS: e.sizes.amounts // 2}
    sources = {bars: r.full_enough(r.cuts[bars], f"amounts {bars}", most).clips for bars, most in most_of.items()}
    decoded = [0, 0]
    found: dict[int, list[list[AmountResult]]] = {}
    for bars, clips in sources.items():
        by_goal = [ask(r, clips, goal, decoded) for goal in goals]
        found[bars] = [list(results) for results in zip(*by_goal, strict=True)]
    every = [result for of_clips in found.values() for of_clip in of_clips for result in of_clip]
    yield "reach", e.model.card.reach
    yield "amount_mae", mean_or_none(error for result in every for error in result.errors)
    yield "amount_mae_clip", mean_or_none(x for of_clip in found[BARS] for result in of_clip for x in result.errors)
    for goal in goals:
        mine = [result for result in every if result.amount == goal]
        yield f"amount_mae_{goal * 10:02.0f}", mean_or_none(error for result in mine for error in result.errors)
        yield f"amount_notes_{goal * 10:02.0f}", mean_or_none(share for result in mine for share in result.note_shares)
    means = [[fmean(result.far) for result in of_clip if result.far] for of_clips in found.values() for of_clip in of_clips]
    yield "amount_monotone", mean_or_none(float(all(a <= b + 1e-9 for a, b in pairwise(row))) for row in means)
    spreads = [s for s in (result.spread(e.voice_of) for result in every) if s is not None]
    yield "count_spread", mean_or_none(spreads)
    yield "count_spread_kept", mean_or_none(float(s >= 0.5) for s in spreads)
    yield "repeats", sum(result.repeats for result in every)
    yield "lacking", sum(VarySettings(0.0).count - len(result.clips) for result in every)
    yield "decoded_share", decoded[0] / decoded[1] if decoded[1] else None


def ask(r: RequestEvaluation, clips: Sequence[Clip], amount: float, decoded: list[int]) -> list[AmountResult]:
    """Ask for variations of many clips; `decoded` counts the new notes that a decode struck, and all new notes."""
    e = r.evaluation
    results: list[AmountResult] = []
    for first in range(0, len(clips), TOGETHER):
        some = clips[first : first + TOGETHER]
        answer = e.product.vary(some, VarySettings(amount), seed=e.seed)
        decoded[:] = [a + b for a, b in zip(decoded, answer.decoded, strict=True)]
        results += [AmountResult(a, amount, made, e.distances(a, made)) for a, made in zip(some, answer.of, strict=True)]
    return results
