"""A computation in slices: its plain Python on a thread of its own, which waits where a slice is over. No queue, no clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any, TypeVar

from models.editing.batching import Computation, Decode, Encode, Turn
from models.pause import pausing

SLICE_S = 0.02  # of plain Python, before others have their turn

T = TypeVar("T")


class Closed(BaseException):
    """Raised at a pause of a computation that no one wants any more; code that handles its own errors must not hold it up."""


def in_slices(computation: Computation[T], slice_s: float = SLICE_S) -> Computation[T]:
    """Compute the same, but yield a Turn at the first pause after each slice. Closing it ends it at its next pause."""
    thread = _Thread(computation, slice_s)
    thread.start()
    sent: object = None
    try:
        while True:
            kind, value = thread.resume(sent)
            if kind == "returned":
                made: T = value
                return made
            if kind == "raised":
                raise value
            sent = yield value
    finally:
        thread.close()


class _Thread(threading.Thread):
    """Runs a computation as long as it has the turn. Two locks hand the turn over, so only one of two threads ever runs."""

    def __init__(self, computation: Generator[Encode | Decode | Turn, Any, Any], slice_s: float) -> None:
        super().__init__(name="slices", daemon=True)
        self._computation, self._slice_s = computation, slice_s
        self._mine, self._callers = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._callers.acquire()
        self._until = 0.0  # when the slice is over
        self._sent: object = None
        self._told: tuple[str, Any] = ("yielded", None)
        self._is_closed = self._has_ended = False

    def resume(self, sent: object) -> tuple[str, Any]:
        """Give the turn to the computation; returns what came of it when it gives the turn back."""
        self._sent = sent
        self._mine.release()
        self._callers.acquire()
        return self._told

    def close(self) -> None:
        """End the computation, which waits for its turn or has ended."""
        if self._has_ended:
            return
        self._is_closed = True
        self._mine.release()
        self._callers.acquire()

    def run(self) -> None:
        """Compute, whenever it is this thread's turn."""
        try:
            self._wait()
            with pausing(self._pause):
                job = self._computation.send(None)
                while True:
                    job = self._computation.send(self._give_back("yielded", job))
        except StopIteration as stop:
            self._told = "returned", stop.value
        except Closed:
            self._told = "returned", None
        except BaseException as error:  # it is the caller's
            self._told = "raised", error
        finally:
            self._computation.close()
            self._has_ended = True
            self._callers.release()

    def _pause(self) -> None:
        if time.perf_counter() >= self._until:
            self._give_back("yielded", Turn())

    def _give_back(self, kind: str, value: object) -> object:
        self._told = kind, value
        self._callers.release()
        return self._wait()

    def _wait(self) -> object:
        self._mine.acquire()
        if self._is_closed:
            raise Closed
        self._until = time.perf_counter() + self._slice_s
        return self._sent
