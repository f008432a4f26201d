"""How tests start the program as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from bridge.cli import main; main()")
# What a shell starts in the background ignores SIGINT, and so do its children, such as tests in CI: here Ctrl-C is to work.
INTERRUPTIBLE = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from bridge.cli import main; main()",
)


@contextmanager
def started(command: Sequence[str], *, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program in the root of the repository beside a test; where the test fails, it is ended too."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
