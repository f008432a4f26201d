"""Encodes and decodes of several requests, computed in shared batches. What a request asks for, and why, is not known here.

A request is a generator (a Computation) that yields what it wants computed and is sent the result; so requests wait for one
another nowhere but here, and none has to be finished before another's next batch. Known elsewhere as continuous batching.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from models.families.grid import Grid
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import pad_rows

CPU_ROWS = 32  # rows of one batch on a CPU: more gain little, and progress, cancelling and other requests wait for a batch
GPU_ROWS = 1024

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
    """A batch of latents whose music is wanted; the result is a Grid. `span` is the progress before and after it, 0..1."""

    model: LatentModel
    batch: DecodeBatch
    span: tuple[float, float] = (0.0, 1.0)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.batch)

    def part(self, first: int, last: int) -> Decode:
        """Some of the rows."""
        return Decode(self.model, self.batch[first:last])

    @property
    def like(self) -> tuple[object, ...]:
        """Jobs that are alike can share a batch."""
        return id(self.model), Decode, self.batch.randomness is None


Computation = Generator[Encode | Decode, Any, T]  # a request on its way to a T


@dataclass
class _Task:
    computation: Computation[Any]
    progress: Progress
    done: Callable[[Any], None]
    job: Encode | Decode | None = None
    taken: int = 0  # rows of the job that are computed
    parts: list[Any] = field(default_factory=list)
    reached: float = 0.0  # the progress that was told


class Batcher:
    """Requests that are being computed, a batch at a time. Not thread-safe: one worker owns it."""

    def __init__(self, *, batch_size: int | None = None, most: int = CPU_ROWS) -> None:
        """`batch_size` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it."""
        self._batch_size, self._most = batch_size, batch_size or most
        self._tasks: list[_Task] = []

    def __len__(self) -> int:
        """How many requests are on their way."""
        return len(self._tasks)

    def add(self, computation: Computation[Any], progress: Progress, done: Callable[[Any], None]) -> None:
        """Begin a request. `done` gets its result, or the exception that ended it; `progress` may raise to end it."""
        task = _Task(computation, progress, done)
        self._tasks.append(task)
        self._advance(task, None)

    def run_batch(self) -> None:
        """Compute one batch: rows of the oldest request's job, and beside them those of jobs like it, in equal shares."""
        for task in list(self._tasks):
            self._report_progress(task, task.taken)
        if not self._tasks:
            return
        first = self._tasks.pop(0)
        self._tasks.append(first)
        alike = [first, *(t for t in self._tasks if t is not first and t.job and first.job and t.job.like == first.job.like)]
        shares = self._share(alike)
        results = _attempt([t.job.part(t.taken, t.taken + n) for t, n in shares if t.job], self._batch_size)
        for (task, n), result in zip(shares, results, strict=True):
            if isinstance(result, Exception):  # it is this request's own: whoever asked is told, all others go on
                self._end(task, result)
                continue
            task.parts.append(result)
            task.taken += n
            if task.job and task.taken == len(task.job):
                whole = Grid.stack(task.parts) if isinstance(task.job, Decode) else np.concatenate(task.parts)
                self._advance(task, whole)
            else:
                self._report_progress(task, task.taken)

    def _share(self, tasks: list[_Task]) -> list[tuple[_Task, int]]:
        """Give each task rows of the next batch, the smallest first, so that what one leaves others may have."""
        left = self._most
        shares: list[tuple[_Task, int]] = []
        waiting = sorted(tasks, key=lambda t: len(t.job) - t.taken if t.job else 0)
        for k, task in enumerate(waiting):
            wanted = len(task.job) - task.taken if task.job else 0
            n = min(wanted, max(1, left // (len(waiting) - k)))
            if n and n <= left:
                shares.append((task, n))
                left -= n
        return shares

    def _report_progress(self, task: _Task, taken: int) -> None:
        """Report how far a request is; its callback may raise to cancel it."""
        low, high = task.job.span if isinstance(task.job, Decode) else (0.0, 0.0)
        share = taken / len(task.job) if task.job and len(task.job) else 0.0
        task.reached = max(task.reached, low + (high - low) * share)  # a request may have to begin anew: no one sees it go back
        try:
            task.progress(task.reached)
        except Exception as error:  # raised to stop it
            self._end(task, error)

    def _advance(self, task: _Task, result: object) -> None:
        """Send a request what it waited for; it asks for the next rows, or has ended."""
        try:
            task.job = task.computation.send(result)
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
        task.computation.close()
        if not isinstance(result, Exception):
            self._say_done(task)
        task.done(result)


def run_alone(computation: Computation[T], batcher: Batcher, progress: Progress) -> T:
    """Run one request to its end."""
    results: list[Any] = []
    batcher.add(computation, progress, results.append)
    while not results:
        batcher.run_batch()
    if isinstance(results[0], Exception):
        raise results[0]
    made: T = results[0]
    return made


def _attempt(jobs: list[Encode | Decode], batch_size: int | None) -> list[Any]:
    """Compute jobs that are alike as one batch; where that fails each alone, so that only one at fault gets an exception."""
    try:
        return _compute(jobs, batch_size)
    except Exception as error:
        return [error] if len(jobs) == 1 else [result for job in jobs for result in _attempt([job], batch_size)]


def _compute(jobs: Sequence[Encode | Decode], batch_size: int | None) -> list[Any]:
    """Compute jobs that are alike as one batch."""
    cuts = np.cumsum([len(job) for job in jobs])
    spare = max(0, batch_size - int(cuts[-1])) if batch_size else 0
    model = jobs[0].model
    if isinstance(jobs[0], Encode):
        grid = Grid.stack(j.grid for j in jobs if isinstance(j, Encode))
        return np.split(model.encode(grid.map(lambda v: pad_rows(v, spare)))[: cuts[-1]], cuts[:-1])
    batch = DecodeBatch.stack([j.batch for j in jobs if isinstance(j, Decode)], model.family)
    made = model.decode(batch.padded(spare))
    return [made[a:b] for a, b in pairwise([0, *cuts.tolist()])]
