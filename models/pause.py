"""Places in long loops where other work gets a turn, or where an unwanted job ends. What happens there is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _nothing() -> None:
    """Go on."""


_hook: ContextVar[Callable[[], None]] = ContextVar("pause", default=_nothing)


def pause() -> None:
    """Give others a turn. To be called at least every few milliseconds of work that grows with a clip; costs 0.2 µs.

    It may raise whatever ends the job, so a caller leaves nothing half changed that outlives the job.
    """
    _hook.get()()


@contextmanager
def pausing(hook: Callable[[], None]) -> Iterator[None]:
    """Call `hook` at every pause in this block, on this thread."""
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)
