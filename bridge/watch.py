"""Ends work on a file that makes no progress. What is worked on is not known here."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bridge.pipes import is_pipe, read_input
from models.music.midi_file import DEFAULT, read_file


class NoProgress(Exception):
    """A file that has been worked on for too long without progress. No ValueError: nothing but its end may catch it."""


class Watch:
    """Ends work on a file that makes no progress for so many seconds; with 0 nothing ever ends."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._since = clock()

    def progressed(self) -> None:
        """Begin to count anew: a file is begun, or a batch is decoded."""
        self._since = self._clock()

    def check(self) -> None:
        """Raise where there was no progress for too long. To be called at pauses, which are none themselves."""
        if self.seconds and self._clock() - self._since > self.seconds:
            raise NoProgress

    def describe(self, names: str) -> str:
        """Say what was given up."""
        return f"{names}: given up after {self.seconds:g} s without progress; --file-timeout says how long to wait, 0 for ever"


def read_in_time(path: Path, watch: Watch) -> bytes:
    """Read a file, on a thread of its own: a disk that does not answer cannot be told to stop, but need not be waited for.

    What comes through a pipe is waited for: whoever sends it may be at work.
    """
    if is_pipe(path):
        content = read_input(DEFAULT.file_bytes)
        watch.progressed()
        return content
    if not watch.seconds:
        return read_file(path)
    results: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            results.put(read_file(path))
        except Exception as error:
            results.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        result = results.get(timeout=watch.seconds)
    except queue.Empty:
        raise NoProgress from None
    if isinstance(result, Exception):
        raise result
    return result
