"""Computations in slices: the same results, in turns, and an end wherever they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bridge.slices import Closed, in_slices
from models.editing.batching import Computation, Turn
from models.pause import pause


def counting(pauses: int, seen: list[str]) -> Computation[int]:
    """Pause so often, ask once for something, pause as often again."""
    try:
        for _ in range(pauses):
            pause()
        got = yield "job"  # type: ignore[misc]
        seen.append(str(got))
        for _ in range(pauses):
            pause()
        return pauses
    finally:
        seen.append("closed")


def drive(computation: Computation[int]) -> tuple[int, list[object]]:
    """Run to the end; returns the result and what was yielded."""
    yielded: list[object] = []
    sent: object = None
    while True:
        try:
            yielded.append(computation.send(sent))
        except StopIteration as stop:
            return stop.value, yielded
        sent = "what was wanted" if yielded[-1] == "job" else None


def test_slices_give_what_the_whole_gives() -> None:
    seen: list[str] = []
    result, yielded = drive(in_slices(counting(3, seen), slice_s=0.0))
    assert (result, seen) == (3, ["what was wanted", "closed"])
    assert yielded == [Turn()] * 3 + ["job"] + [Turn()] * 3
    assert drive(in_slices(counting(3, []), slice_s=60.0)) == (3, ["job"])


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 5])
def test_closing_ends_the_computation_where_it_is(steps: int) -> None:
    seen: list[str] = []
    before = threading.active_count()
    computation = in_slices(counting(3, seen), slice_s=0.0)
    for k in range(steps):
        computation.send(None if k == 0 else "x")
    computation.close()
    assert seen[-1:] == (["closed"] if steps else [])
    assert threading.active_count() == before


def test_an_error_is_the_callers_and_a_close_is_no_error() -> None:
    def failing() -> Computation[int]:
        yield Turn()
        raise ValueError("no")

    computation = in_slices(failing())
    assert next(computation) == Turn()
    with pytest.raises(ValueError, match="no"):
        next(computation)

    def stubborn() -> Iterator[Turn]:
        try:
            while True:
                pause()
        except Exception:
            yield Turn()

    held: Computation[int] = in_slices(stubborn(), slice_s=0.0)  # type: ignore[arg-type]
    next(held)
    held.close()
    assert not issubclass(Closed, Exception)
