"""Encodes and decodes of several requests, computed in shared batches. What a request asks for, and why, is not known here.

A request is a generator (a Computation) that yields what it wants computed and is sent the result; so requests wait for one
another nowhere but here, and none has to be finished before another's next batch. Known elsewhere as continuous batching.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.families.grid import Grid
from models.network.decoding import DecodeBatch, DecodePieces, LatentModel
from models.network.latent import Latents, pad_rows

CPU_ROWS = 32  # rows of one batch on a CPU: more gain little, and progress, cancelling and other requests wait for a batch
GPU_ROWS = 1024
# Of every batch, filled up where fewer, unless the runtime keeps rows apart: so a clip is the same whatever is made beside it,
# and at recall.
FIXED_ROWS = 32
CPU_CONTENDED = 16  # rows while others wait: a row costs a third more so, but no batch takes much over 25 ms
CPU_SHARED = 8  # rows up to which requests share a batch: few cost nearly as much as one, many keep whose turn it is waiting

log = logging.getLogger("bridge")

T = TypeVar("T")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Encode:
    """Windows to be placed on the sphere, those of several grids behind one another; the result is Latents [B, Z]."""

    model: LatentModel
    grids: Sequence[Grid]

    def __len__(self) -> int:
        """How many rows there are."""
        return self._ends[-1] if self.grids else 0

    def part(self, first: int, last: int) -> Encode:
        """Some of the rows."""
        found: list[Grid] = []
        for k in range(bisect_right(self._ends, first), len(self.grids)):
            begin = self._ends[k] - len(self.grids[k])
            if begin >= last:
                break
            found.append(self.grids[k][max(first - begin, 0) : last - begin])
        return Encode(self.model, found)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self.grids)))

    @property
    def like(self) -> tuple[object, ...]:
        """Jobs that are alike can share a batch."""
        return id(self.model), Encode


@dataclass(frozen=True)
class Decode:
    """A batch of latents whose music is wanted; the result is a Grid. `span` is the progress before and after it, 0..1."""

    model: LatentModel
    batch: DecodeBatch | DecodePieces
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
        return id(self.model), Decode, self.batch.is_drawn


@dataclass(frozen=True)
class Turn:
    """Nothing is wanted but to go on: others have their turn first."""


Computation = Generator[Encode | Decode | Turn, Any, T]  # a request on its way to a T


@dataclass(eq=False)
class Task:
    """A request that is being computed."""

    computation: Computation[Any]
    progress: Progress
    done: Callable[[Any], None]
    job: Encode | Decode | Turn = Turn()
    taken: int = 0  # rows of the job that are computed
    made: list[NDArray[Any]] = field(default_factory=list)  # the arrays of the result, filled in as rows are computed
    result: Any = None  # of the job before, to go on with
    reached: float = 0.0  # the progress that was told

    @property
    def rows(self) -> int:
        """How many rows of its job are not yet computed."""
        return 0 if isinstance(self.job, Turn) else len(self.job) - self.taken

    def keep(self, result: Grid | Latents, rows: int) -> None:
        """Put computed rows in their place."""
        parts: list[NDArray[Any]] = [result]  # type: ignore[list-item]
        if isinstance(result, Grid):
            parts = [result.tokens, result.velocities, result.offsets]
        if not self.taken:
            size = self.rows
            self.made = parts if rows == size else [np.empty((size, *p.shape[1:]), p.dtype) for p in parts]
        for made, part in zip(self.made, parts, strict=True):
            if made is not part:
                made[self.taken : self.taken + rows] = part
        self.taken += rows


class Batcher:
    """Requests that are being computed, a batch at a time. Not thread-safe: one worker owns it."""

    def __init__(
        self,
        *,
        batch_size: int | None = None,
        most: int = CPU_ROWS,
        contended: int = CPU_CONTENDED,
        shared: int = CPU_SHARED,
    ) -> None:
        """`batch_size` fixes the size of every batch, so that a clip comes out the same whatever is decoded beside it.

        `most` rows are in one batch, `contended` while others wait; where whose turn it is has less than `shared` rows, others
        fill it up to these.
        """
        self._batch_size, self._most = batch_size, batch_size or most
        self._contended, self._shared = min(contended, self._most), min(shared, self._most)
        self._tasks: list[Task] = []

    def __len__(self) -> int:
        """How many requests are on their way."""
        return len(self._tasks)

    def add(self, computation: Computation[Any], progress: Progress, done: Callable[[Any], None]) -> Task:
        """Take a request. `done` gets its result, or the exception that ended it; `progress` may raise to end it."""
        task = Task(computation, progress, done)
        self._tasks.append(task)
        return task

    def run_batch(self, first: Task | None = None, *, is_contended: bool = False) -> list[tuple[Task, float]]:
        """Let one request go on, the one that has waited longest: its plain Python, or else a batch with rows of its job.

        Beside them are rows of others' jobs that are like it. `is_contended`, the batch is small, for others wait, here or
        elsewhere. Returns who had which share of the time.
        """
        if first not in self._tasks:
            first = self._tasks[0] if self._tasks else None
        if first is None:
            return []
        self._report_progress(first, first.taken)
        if first not in self._tasks:
            return []  # it was stopped
        self._tasks.remove(first)
        self._tasks.append(first)
        if isinstance(first.job, Turn):
            self._advance(first)
            return [(first, 1.0)]
        shares = self._share(first, self._contended if is_contended else self._most)
        jobs = [t.job.part(t.taken, t.taken + n) for t, n in shares if not isinstance(t.job, Turn)]
        for (task, n), result in zip(shares, _attempt(jobs, self._batch_size), strict=True):
            if isinstance(result, Exception):  # it is this request's own: whoever asked is told, all others go on
                self.end(task, result)
                continue
            task.keep(result, n)
            if task.rows:
                self._report_progress(task, task.taken)
            else:
                task.result = Grid(*task.made) if isinstance(task.job, Decode) else task.made[0]
                self._report_progress(task, task.taken)
                task.job, task.made = Turn(), []
        rows = max(1, sum(n for _, n in shares))
        return [(task, n / rows) for task, n in shares]

    def end(self, task: Task, result: object) -> None:
        """End a request with its result, or with an exception."""
        if task not in self._tasks:
            return
        self._tasks.remove(task)
        task.computation.close()
        if not isinstance(result, Exception):
            self._say_done(task)
        task.done(result)

    def _share(self, first: Task, most: int) -> list[tuple[Task, int]]:
        """Choose rows of a batch: as many as fit of the first, then of those like it, who waited longest first."""
        shares = [(first, min(first.rows, most))]
        left = self._shared - shares[0][1]
        for task in self._tasks:
            if left <= 0:
                break
            if task is not first and task.rows and _is_like(task, first):
                n = min(task.rows, left)
                shares.append((task, n))
                left -= n
        return shares

    def _report_progress(self, task: Task, taken: int) -> None:
        """Report how far a request is; its callback may raise to cancel it."""
        if isinstance(task.job, Decode):
            low, high = task.job.span
            share = taken / len(task.job) if len(task.job) else 0.0
            task.reached = max(task.reached, low + (high - low) * share)  # a request may begin anew: no one sees it go back
        try:
            task.progress(task.reached)
        except Exception as error:  # raised to stop it
            self.end(task, error)

    def _advance(self, task: Task) -> None:
        """Send a request what it waited for; it asks for the next rows, or has ended."""
        result, task.result = task.result, None
        try:
            task.job = task.computation.send(result)
            task.taken = 0
        except StopIteration as stop:
            self.end(task, stop.value)
        except Exception as error:  # it is this request's own
            self.end(task, error)

    def _say_done(self, task: Task) -> None:
        try:
            task.progress(1.0)
        except Exception as error:  # raised to stop it, which is too late
            log.debug("a request was stopped when it was done: %s", error)


def _is_like(a: Task, b: Task) -> bool:
    """Tell whether the jobs of two requests can share a batch."""
    return not isinstance(a.job, Turn) and not isinstance(b.job, Turn) and a.job.like == b.job.like


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
    model = jobs[0].model
    spare = max(0, batch_size - int(cuts[-1])) if batch_size and not model.rows_apart else 0
    if isinstance(jobs[0], Encode):
        grid = Grid.stack(grid for j in jobs if isinstance(j, Encode) for grid in j.grids)
        return np.split(model.encode(grid.map(lambda v: pad_rows(v, spare)))[: cuts[-1]], cuts[:-1])
    batch = DecodeBatch.stack([j.batch[:] for j in jobs if isinstance(j, Decode)], model.family)
    made = model.decode(batch.padded(spare))
    return [made[a:b] for a, b in pairwise([0, *cuts.tolist()])]
