"""Reading a file that may be anything, or for ever: regular files only, up to a size. Nothing is written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# O_NONBLOCK: a fifo without a writer is opened at once, else never. O_BINARY: Windows must be told that bytes are meant.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class PlainFileError(ValueError):
    """Why a file was not read, as the end of a sentence that begins with its name."""


def check_plain_file(path: Path, most: int) -> None:
    """Refuse what is not a regular file of 1 to `most` bytes, without opening it."""
    try:
        _check(path.stat(), most)
    except OSError as error:
        raise PlainFileError(f"cannot be read: {error.strerror}") from error


def read_plain_file(path: Path, most: int) -> bytes:
    """Read a regular file of 1 to `most` bytes."""
    check_plain_file(path, most)
    try:
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            _check(os.fstat(file.fileno()), most)  # the one that is open, whatever its name has come to mean
            content = file.read(most + 1)
    except OSError as error:
        raise PlainFileError(f"cannot be read: {error.strerror}") from error
    if not content or len(content) > most:
        raise PlainFileError("changed while it was read")
    return content


def shown(path: Path | str) -> str:
    """Write a path so that it fits a line: file names may hold what ends one, or what a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(path))


def _check(status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PlainFileError("is not a file")
    if status.st_size == 0:  # files of the system without an end say so too
        raise PlainFileError("is empty")
    if status.st_size > most:
        raise PlainFileError(f"is too large: {status.st_size:,} bytes, of at most {most:,}")
