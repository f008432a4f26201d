"""Evaluation of what users get: the product that `models.evaluation` asks, answered by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.others import Other
from models.evaluation import product
from models.evaluation.data import STANDARD, Sizes, read_evaluation_data
from models.evaluation.evaluate import evaluate
from models.evaluation.figures import Figures, Progress
from models.evaluation.product import Variations, VarySettings
from models.music.clip import Clip
from models.store import ModelError, find_model, load_torch_model


@dataclass(frozen=True)
class EngineProduct:
    """Answers as users are answered, each request by `Engine.run` with one model."""

    engine: Engine
    model: str

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        """Make clips from nothing, to sound with others."""
        request = Sample(model=self.model, count=count, bars=bars, seed=seed)
        return self._run(request, [others] if others else ()).clips

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        """Make variations of each clip, given what sounds with it."""
        request = Vary.model_validate({"clips": tuple(clips), "model": self.model, "seed": seed, **asdict(settings)})
        answer = self._run(request, others)
        made: list[list[Clip]] = [[] for _ in clips]
        for clip, source in zip(answer.clips, answer.sources, strict=True):
            made[source].append(clip)
        return Variations(tuple(map(tuple, made)), answer.decoded)

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: product.Path = "even", seed: int) -> Sequence[Clip]:
        """Make `steps` clips from a to b, both included."""
        return self._run(Interpolate(clips=(a, b), model=self.model, steps=steps, path=path, seed=seed)).clips

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        """Make a grid of blends, row by row."""
        return self._run(Blend(clips=tuple(corners), model=self.model, grid=grid, seed=seed)).clips

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        """Encode and decode each clip, nothing carried over."""
        return self._run(Reconstruct(clips=tuple(clips), model=self.model, seed=seed)).clips

    def _run(self, request: Request, others: Sequence[Sequence[Other]] = ()) -> Answer:
        return self.engine.run(request, others=others)


def evaluate_model(
    name: str,
    folder: Path,
    *,
    split: str = "test",
    control: bool = False,
    seed: int = 0,
    sizes: Sizes | None = None,
    progress: Progress = lambda fraction, part: None,
) -> Figures:
    """Measure a model on the held-out music of a data folder; one called NAME-plain is the textbook VAE to compare with.

    Raises ValueError where the folder holds nothing to measure on, ModelError where a model is missing or broken.
    """
    model = load_torch_model(name)  # the engine's own runtime gives no likelihoods
    data = read_evaluation_data(model, name, folder, split)
    try:
        find_model(f"{name}-plain")
    except ModelError:
        plain = None
    else:
        plain = load_torch_model(f"{name}-plain")  # one that is there but broken is an error, not a figure less
    answers = EngineProduct(Engine(), name)
    return evaluate(model, answers, data, plain=plain, control=control, seed=seed, sizes=sizes or STANDARD, progress=progress)
