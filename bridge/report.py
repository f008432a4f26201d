"""The report file: lines that devices send from their self-test. It must never end the server, whatever its disk does."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

log = logging.getLogger("bridge")

MOST_BYTES = 2**20  # then the file begins anew, and one older is kept


class ReportFile:
    """A file that lines are added to; it is opened with the first."""

    def __init__(self, path: str) -> None:
        """An empty path stands for the user's folder of logs."""
        self.path = path
        self._handler: _Handler | None = None

    def write(self, line: str) -> str:
        """Add a line; returns why it could not be written, in a sentence, or nothing."""
        try:
            if self._handler is None:
                self._handler = _open(self.path)
            self._handler.emit(logging.makeLogRecord({"msg": " ".join(line.split())}))
        except (OSError, ValueError) as error:
            log.warning("the report cannot be written: %s", error)
            return f"the report cannot be written: {error}"
        return ""

    def close(self) -> None:
        """Close the file."""
        if self._handler is not None:
            self._handler.close()


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Raise what went wrong, which is being handled, instead of printing it."""
        raise


def _open(path: str) -> _Handler:
    from platformdirs import user_log_path

    file = Path(path) if path else user_log_path("latent-bridge", appauthor=False) / "report.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and not file.is_file():
        raise ValueError(f"{file} is not a file")
    handler = _Handler(file, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    return handler
