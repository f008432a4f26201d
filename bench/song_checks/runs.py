"""Commands, run as a user runs them, and what became of each part of a file. No figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.song_checks.reader import Heard, Key, Sound, listen

ROOT = Path(__file__).parents[2]
SEED = "1"
PROGRAM = (sys.executable, "-c", "from bridge.cli import main; main()")


@dataclass
class Ran:
    """What a command did: the results of each source by its stem, what it said, and how long it took."""

    code: int
    seconds: float
    errors: list[str]
    results: dict[str, list[Path]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    has_traceback: bool = False


@dataclass(frozen=True)
class Pair:
    """A part before and after, with the file around it."""

    file: str
    key: Key
    before: list[Sound]
    after: list[Sound]
    source: Heard
    result: Heard

    @property
    def is_drums(self) -> bool:
        """Whether the file says so."""
        return self.key[1] == 10

    @property
    def new(self) -> list[Sound]:
        """The notes that the part did not have."""
        had = Counter((n.pitch, round(n.start * 48)) for n in self.before)
        found = []
        for n in self.after:
            place = (n.pitch, round(n.start * 48))
            if had[place]:
                had[place] -= 1
            else:
                found.append(n)
        return found


def run(arguments: Sequence[object], out: Path) -> Ran:
    """Run a command as a user does."""
    before = time.monotonic()
    command = [*PROGRAM, *map(str, arguments), "--seed", SEED, "--force", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    ran = Ran(done.returncode, time.monotonic() - before, [], has_traceback="Traceback" in done.stderr)
    said = [line.removeprefix("latent-bridge: ") for line in done.stderr.splitlines()]
    for record in sorted(out.glob("*.json")):
        content = json.loads(record.read_text(encoding="utf-8"))
        stem = record.stem.rpartition("_")[0]
        ran.records[stem] = content
        ran.results[stem] = [out / output["name"] for output in content["outputs"]]
    told = {line for content in ran.records.values() for line in content["info"]}
    ran.errors = (
        [line for line in said if line not in told and not line.startswith("no seed was given")] if done.returncode else []
    )
    return ran


def worked_on(record: dict[str, Any], heard: Heard) -> list[Key]:
    """List the parts that a command worked on, by what it said of them."""
    used = next((m[1] for line in record["info"] if (m := re.search(r": used (.*?)(?:; copied through|$)", line, re.S))), None)
    if used is None:
        return heard.order if len(heard.parts) == 1 else []
    numbers = [int(n) for n in re.findall(r"(?:^|\), )(\d+) ", used)]
    return [heard.order[n - 1] for n in numbers if n <= len(heard.order)]


def pairs_of(ran: Ran, heard: dict[str, Heard]) -> list[Pair]:
    """List the parts that were worked on, before and after."""
    found: list[Pair] = []
    for stem, paths in ran.results.items():
        if stem not in heard or not paths or (after := listen(paths[0])) is None:
            continue
        for key in worked_on(ran.records[stem], heard[stem]):
            found.append(Pair(stem, key, heard[stem].parts[key], after.parts.get(key, []), heard[stem], after))
    return found
