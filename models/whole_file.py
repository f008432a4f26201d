"""Writing a file whole or not at all. What is in it is not known here; nothing is read."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from models.plain_file import shown

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class WholeFileError(ValueError):
    """A file that could not be written, in one sentence; what was there before is as it was."""


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in the place of an older one, or leave that as it is."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> WholeFileError:
    """Say why a file was not written."""
    return WholeFileError(f"{shown(path)} cannot be written: {'the disk is full' if error.errno in FULL else error.strerror}")
