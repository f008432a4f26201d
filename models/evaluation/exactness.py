"""Whether what must come back as it was does: amount 0, the ends of an interpolation, the corners of a blend."""

from __future__ import annotations

from dataclasses import replace

from models.evaluation.figures import Named
from models.evaluation.product import VarySettings
from models.evaluation.request_evaluation import RequestEvaluation
from models.music.clip import Clip, same_notes

TOGETHER = 64  # whole parts in one request


def exactness(r: RequestEvaluation) -> Named:
    """Count whole parts of which amount 0, an end or a corner is not the clip itself, field for field."""
    parts, product, seed = r.evaluation.data.parts, r.evaluation.product, r.evaluation.seed
    pairs: list[tuple[Clip, Clip | None]] = []
    for first in range(0, len(parts), TOGETHER):
        some = parts[first : first + TOGETHER]
        answers = product.vary(some, VarySettings(0.0), seed=seed).of
        pairs += [(clip, made[0] if len(made) == 1 else None) for clip, made in zip(some, answers, strict=True)]
    order = r.rng("exact").permutation(len(parts))[: 4 * r.evaluation.sizes.corners]
    for four in order[: len(order) // 4 * 4].reshape(-1, 4):
        corners = tuple(parts[i] for i in four)
        pairs += zip(corners[:2], product.interpolate(*corners[:2], steps=2, seed=seed), strict=True)
        pairs += zip(corners, product.blend(corners, grid=2, seed=seed), strict=True)
    yield "exact_checked", len(pairs)
    yield "exact_wrong", sum(made is None or not is_same(given, made) for given, made in pairs)


def is_same(given: Clip, made: Clip) -> bool:
    """Whether a clip came back field for field, and every note knows that it did."""
    return same_notes(given, made) and replace(made, notes=given.notes) == given and all(n.is_untouched for n in made.notes)
