"""Standard input and output in the place of one file, as `-` on a command line. Bytes; what is in them is not known here."""

from __future__ import annotations

import sys
from pathlib import Path

PIPE = Path("-")
INPUT_NAME = "stdin"  # what names begin with that are made of it


class PipeError(ValueError):
    """A pipe that cannot be read or written as was asked, in one sentence."""


def is_pipe(path: Path) -> bool:
    """Tell whether a path stands for standard input or output. A file of that name can be given with its folder."""
    return path == PIPE


def name_of(path: Path) -> str:
    """Say what a file is called: by its name, or as what comes through the pipe."""
    return INPUT_NAME if is_pipe(path) else path.name


def read_input(most: int) -> bytes:
    """Read standard input to its end, 1 to `most` bytes."""
    if sys.stdin is None or sys.stdin.isatty():
        raise PipeError("stdin is a terminal: `-` reads a file that comes through a pipe, as in `… < beat.mid`")
    content = sys.stdin.buffer.read(most + 1)
    if not content:
        raise PipeError("stdin is empty")
    if len(content) > most:
        raise PipeError(f"stdin is too large: more than {most:,} bytes")
    return content


def check_output() -> None:
    """Refuse to write bytes to a terminal; to be asked before anything is made."""
    if sys.stdout is None or sys.stdout.isatty():
        raise PipeError("stdout is a terminal: `--out -` writes a file into a pipe, as in `… > new.mid`")


def write_output(content: bytes) -> None:
    """Write a file to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
