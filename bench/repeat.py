"""Run the whole suite again and again, to find tests that fail by chance: `python bench/repeat.py [--runs 10] [--ignored 2]`.

Some of the runs ignore SIGINT, as what a shell, cron or a CI runner starts in the background does. Prints a line a run.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARALLEL = ("-n", "4", "--dist", "loadfile")  # as the Makefile has it
PARTS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("core", ("-m", "pytest", "-q", *PARALLEL), {"PYTHONPATH": str(ROOT / "tests" / "core_only")}),
    ("full", ("-m", "pytest", "-q", *PARALLEL, "-m", "full"), {}),
)
SUMMARY = re.compile(r"^\d+ (passed|failed|error).*$", re.MULTILINE)
# A shell that ignores SIGINT hands that on to what it starts.
IGNORING = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


def main() -> None:
    """Run, print, and leave with 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--ignored", type=int, default=2, help="runs that ignore SIGINT, the first ones")
    options = parser.parse_args()
    failures = 0
    for number in range(1, options.runs + 1):
        is_ignored = number <= options.ignored
        started, said = time.monotonic(), []
        for name, arguments, environment in PARTS:
            command = (*(IGNORING if is_ignored else ()), sys.executable, *arguments)
            done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
            failures += done.returncode != 0
            summaries = [match.group() for match in SUMMARY.finditer(done.stdout)]
            said.append(f"{name}: {summaries[-1] if summaries else 'no summary'}")
            if done.returncode:
                print(done.stdout[-4000:])
        how = ", SIGINT ignored" if is_ignored else ""
        print(f"run {number} of {options.runs}: {'; '.join(said)}; {time.monotonic() - started:.0f} s{how}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
