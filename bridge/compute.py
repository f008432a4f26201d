"""Encodes and decodes of several requests, done in shared batches. What a request asks for, and why, is not known here.

A request is a generator that yields what it wants computed and is sent the result; so requests wait for one another
nowhere but here, and none has to be finished before another's next batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.family import LatentModel
from models.grid import Grid
from models.latent import Dice, Latents, pad_rows

CHUNK = 32  # rows of one batch on a CPU: more gain little, and progress, cancelling and other requests wait for a batch
GPU_CHUNK = 1024

log = logging.getLogger("bridge")

T = TypeVar("T")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Encode:
    """Windows to be placed on the sphere; the result is Latents [B, Z]."""

    model: LatentModel
    grid: Grid

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.grid)

    def part(self, first: int, last: int) -> Encode:
        """Some of the rows."""
        return Encode(self.model, self.grid[first:last])

    @property
    def like(self) -> tuple[object, ...]:
        """Jobs that are alike can share a batch."""
        return id(self.model), Encode


@dataclass(frozen=True)
class Decode:
    """Latents [B, Z] whose music is wanted, a Grid; see LatentModel.decode. `span` is where on the way this job lies, 0..1."""

    model: LatentModel
    latents: Latents
    levels: NDArray[np.float32]
    dice: Dice | None = None
    temperature: NDArray[np.float32] | None = None  # [B]
    known: tuple[Grid, NDArray[np.bool_]] | None = None
    bias: NDArray[np.float32] | None = None
    span: tuple[float, float] = (0.0, 1.0)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.latents)

    def part(self, first: int, last: int) -> Decode:
        """Some of the rows."""
        rows = slice(first, last)
        return Decode(
            self.model,
            self.latents[rows],
            self.levels[rows],
            self.dice[rows] if self.dice else None,
            self.temperature[rows] if self.temperature is not None else None,
            (self.known[0][rows], self.known[1][rows]) if self.known else None,
            self.bias[rows] if self.bias is not None else None,
        )

    @property
    def like(self) -> tuple[object, ...]:
        """Jobs that are alike can share a batch."""
        return id(self.model), Decode, self.dice is None

    @staticmethod
    def stack(jobs: Sequence[Decode], *, span: tuple[float, float] = (0.0, 1.0)) -> Decode:
        """Put the rows of several jobs of one model behind one another."""
        is_thrown = jobs[0].dice is not None
        return Decode(
            jobs[0].model,
            np.concatenate([j.latents for j in jobs]),
            np.concatenate([j.levels for j in jobs]),
            Dice.stack([j.dice for j in jobs if j.dice]) if is_thrown else None,
            np.concatenate([_or(j.temperature, (len(j),), 1) for j in jobs]) if is_thrown else None,
            _stack_known(jobs),
            _stack_bias(jobs),
            span,
        )


Steps = Generator[Encode | Decode, Any, T]  # a request on its way to a T


@dataclass
class _Task:
    steps: Steps[Any]
    progress: Progress
    done: Callable[[Any], None]
    job: Encode | Decode | None = None
    taken: int = 0  # rows of the job that are computed
    parts: list[Any] = field(default_factory=list)
    reached: float = 0.0  # the progress that was told


class Batches:
    """Requests that are being computed, a batch at a time. Not thread-safe: one worker owns it."""

    def __init__(self, *, rows: int | None = None, chunk: int = CHUNK) -> None:
        """`rows` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._rows, self._chunk = rows, rows or chunk
        self._tasks: list[_Task] = []

    def __len__(self) -> int:
        """How many requests are on their way."""
        return len(self._tasks)

    def add(self, steps: Steps[Any], progress: Progress, done: Callable[[Any], None]) -> None:
        """Begin a request. `done` gets its result, or the exception that ended it; `progress` may raise to end it."""
        task = _Task(steps, progress, done)
        self._tasks.append(task)
        self._go_on(task, None)

    def turn(self) -> None:
        """Compute one batch: rows of the oldest request's job, and beside them those of jobs like it, in equal shares."""
        for task in list(self._tasks):
            self._heed(task, task.taken)
        if not self._tasks:
            return
        first = self._tasks.pop(0)
        self._tasks.append(first)
        together = [first, *(t for t in self._tasks if t is not first and t.job and first.job and t.job.like == first.job.like)]
        shares = self._share(together)
        results = _attempt([t.job.part(t.taken, t.taken + n) for t, n in shares if t.job], self._rows)
        for (task, n), result in zip(shares, results, strict=True):
            if isinstance(result, Exception):  # it is this request's own: whoever asked is told, all others go on
                self._end(task, result)
                continue
            task.parts.append(result)
            task.taken += n
            if task.job and task.taken == len(task.job):
                whole = Grid.stack(task.parts) if isinstance(task.job, Decode) else np.concatenate(task.parts)
                self._go_on(task, whole)
            else:
                self._heed(task, task.taken)

    def _share(self, tasks: list[_Task]) -> list[tuple[_Task, int]]:
        """Give each task rows of the next batch, the smallest first, so that what one leaves others may have."""
        left = self._chunk
        shares: list[tuple[_Task, int]] = []
        waiting = sorted(tasks, key=lambda t: len(t.job) - t.taken if t.job else 0)
        for k, task in enumerate(waiting):
            wanted = len(task.job) - task.taken if task.job else 0
            n = min(wanted, max(1, left // (len(waiting) - k)))
            if n and n <= left:
                shares.append((task, n))
                left -= n
        return shares

    def _heed(self, task: _Task, taken: int) -> None:
        """Let a request say how far it is, and hear whether it is still wanted."""
        low, high = task.job.span if isinstance(task.job, Decode) else (0.0, 0.0)
        share = taken / len(task.job) if task.job and len(task.job) else 0.0
        task.reached = max(task.reached, low + (high - low) * share)  # a request may have to begin anew: no one sees it go back
        try:
            task.progress(task.reached)
        except Exception as error:  # raised to stop it
            self._end(task, error)

    def _go_on(self, task: _Task, result: object) -> None:
        """Send a request what it waited for; it asks for the next rows, or has ended."""
        try:
            task.job = task.steps.send(result)
            task.taken, task.parts = 0, []
        except StopIteration as stop:
            self._end(task, stop.value)
        except Exception as error:  # it is this request's own
            self._end(task, error)

    def _say_done(self, task: _Task) -> None:
        try:
            task.progress(1.0)
        except Exception as error:  # raised to stop it, which is too late
            log.debug("a request was stopped when it was done: %s", error)

    def _end(self, task: _Task, result: object) -> None:
        self._tasks.remove(task)
        task.steps.close()
        if not isinstance(result, Exception):
            self._say_done(task)
        task.done(result)


def run_alone(steps: Steps[T], batches: Batches, progress: Progress) -> T:
    """Run one request to its end."""
    results: list[Any] = []
    batches.add(steps, progress, results.append)
    while not results:
        batches.turn()
    if isinstance(results[0], Exception):
        raise results[0]
    made: T = results[0]
    return made


def _attempt(jobs: list[Encode | Decode], rows: int | None) -> list[Any]:
    """Compute jobs that are alike as one batch; where that fails each alone, so that only one at fault gets an exception."""
    try:
        return _compute(jobs, rows)
    except Exception as error:
        return [error] if len(jobs) == 1 else [result for job in jobs for result in _attempt([job], rows)]


def _compute(jobs: list[Encode | Decode], rows: int | None) -> list[Any]:
    """Compute jobs that are alike as one batch."""
    cuts = np.cumsum([len(job) for job in jobs])
    spare = max(0, rows - int(cuts[-1])) if rows else 0
    job = jobs[0]
    if isinstance(job, Encode):
        grid = Grid.stack(j.grid for j in jobs if isinstance(j, Encode))
        return np.split(job.model.encode(grid.map(lambda v: pad_rows(v, spare)))[: cuts[-1]], cuts[:-1])
    whole = Decode.stack([j for j in jobs if isinstance(j, Decode)])
    dice, known, warmth = whole.dice, whole.known, whole.temperature
    made = job.model.decode(
        pad_rows(whole.latents, spare),
        pad_rows(whole.levels, spare),
        dice=dice.padded(spare) if dice else None,
        temperature=pad_rows(warmth, spare) if warmth is not None else 1.0,
        known=(known[0].map(lambda v: pad_rows(v, spare)), pad_rows(known[1], spare)) if known else None,
        bias=pad_rows(whole.bias, spare) if whole.bias is not None else None,
    )
    return [made[a:b] for a, b in pairwise([0, *cuts.tolist()])]


def _or(values: NDArray[Any] | None, shape: tuple[int, ...], fill: float) -> NDArray[Any]:
    return np.full(shape, fill, np.float32) if values is None else values


def _stack_known(jobs: Sequence[Decode]) -> tuple[Grid, NDArray[np.bool_]] | None:
    """Stack what is known; of some rows that is nothing."""
    facets = next((j.known[1].shape[1:] for j in jobs if j.known), None)
    if facets is None:
        return None
    kind = jobs[0].model.family.kind
    return (
        Grid.stack(j.known[0] if j.known else Grid.empty(len(j), kind) for j in jobs),
        np.concatenate([j.known[1] if j.known else np.zeros((len(j), *facets), bool) for j in jobs]),
    )


def _stack_bias(jobs: Sequence[Decode]) -> NDArray[np.float32] | None:
    shape = next((j.bias.shape[1:] for j in jobs if j.bias is not None), None)
    return None if shape is None else np.concatenate([_or(j.bias, (len(j), *shape), 0) for j in jobs])
