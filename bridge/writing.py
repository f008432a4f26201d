"""Files written whole or not at all. What is in them is not known here."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
FINAL = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO)  # no other file could be written either


class WriteError(ValueError):
    """A file that could not be written; `is_final` where no other could be either."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = "the disk is full" if error.errno in FULL else error.strerror
        super().__init__(f"{path} cannot be written: {reason}")
        self.is_final = error.errno in FINAL


def write_together(contents: Sequence[tuple[Path, bytes]]) -> None:
    """Write files whole or not at all, the last one last: where it is there, and new, all are."""
    temporary = [path.parent / f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part" for path, _ in contents]
    path = Path()
    try:
        # A temporary name follows from the final one, so that a run that goes on leaves none of one that was killed.
        for (path, content), part in zip(contents, temporary, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
        if len(contents) > 1:
            path.unlink(missing_ok=True)  # an older one must not speak for new files
        for (path, _), part in zip(contents, temporary, strict=True):
            part.replace(path)
    except OSError as error:
        raise WriteError(path, error) from error
    finally:
        for part in temporary:
            with suppress(OSError):
                part.unlink(missing_ok=True)
