"""Times contestants side by side: this program, an older commit of it, and the peers, each a process, in turns in one run.

npm and pip install the peers into a folder of their own, once; one that cannot be here is left out by name, with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLIPS = ROOT / "tests" / "clips"
INSTALL_SECONDS = 1800
MAGENTA_JS = "@magenta/music@1.23.1"
# What Magenta 2.1.4 runs with: its own list of versions has no wheels for a Python of these days.
MAGENTA_PY = ("tensorflow-cpu==2.15.1", "tf_slim", "tensorflow-probability==0.23.0", "note-seq", "numpy<2", "protobuf<5")
FIRST_CLIP = "process start to first clip"
REPEATS = 5  # of a row in a turn
SLOW, SLOWEST = 500.0, 5000.0  # milliseconds of a row that is run once a turn, and of one that is run once


class MissingPeerError(Exception):
    """A peer that cannot be here, and why."""


@dataclass
class Contestant:
    """Whoever is timed: a process that answers, and a command that makes one clip and ends."""

    name: str
    command: Sequence[str]
    first: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
    warm: dict[str, float] = field(default_factory=dict)  # what the first, slow run of a row took
    times: dict[str, list[float]] = field(default_factory=dict)  # by the clock
    spent: dict[str, list[float]] = field(default_factory=dict)  # of the processor, all threads together
    memory: float = 0.0  # MiB
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process, which says what it can do."""
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self._env()
        )
        self.rows = self._read()

    def time(self, row: str, repeats: int) -> tuple[list[float], list[float]]:
        """Time a row: milliseconds by the clock, and of the processor."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"row": row, "repeats": repeats}) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        self.memory = answer["memory"]
        return answer["times"], answer["spent"]

    def time_first(self) -> tuple[list[float], list[float]]:
        """Time a process from its start to its end, with one clip made: the same."""
        started, before = time.perf_counter(), os.times()
        subprocess.run(self.first, check=True, capture_output=True, env=self._env())
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        return [(time.perf_counter() - started) * 1e3], [spent * 1e3]

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _read(self) -> Any:  # noqa: ANN401 (JSON)
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise MissingPeerError("it stopped by itself; see what its command says: " + " ".join(self.command))
        return json.loads(line)


def run(names: Sequence[str], cache: Path, device: str, baseline: str | None, rounds: int, *, busy: bool) -> list[Contestant]:
    """Time contestants in turns, and print what came of it: medians, and how many times ours the others take."""
    started: list[Contestant] = []
    with _busy_core() if busy else _quiet():
        try:
            for contestant in _contestants(names, cache, device, baseline):
                try:
                    contestant.start()
                    started.append(contestant)
                except MissingPeerError as error:
                    print(f"LEFT OUT: {contestant.name}: {error}")
            _take_turns(started, rounds)
        finally:
            for contestant in started:
                contestant.stop()
    return started


def table(contestants: Sequence[Contestant], *, spent: bool = False) -> list[str]:
    """Write medians as a table in Markdown, by the clock or as `spent`; behind others' stands how many times ours they are."""
    ours, of = contestants[0], [c.spent if spent else c.times for c in contestants]
    lines = [
        f"| {'processor time' if spent else 'median'}, ms | " + " | ".join(c.name for c in contestants) + " |",
        "|---|" + "---|" * len(contestants),
    ]
    for row in [*ours.rows, FIRST_CLIP]:
        own = statistics.median(of[0][row])
        cells = [f"{own:.1f} (p95 {percentile(of[0][row]):.1f})"]
        for other in of[1:]:
            its = other.get(row)
            cells.append(f"{statistics.median(its):,.1f} = **{statistics.median(its) / own:.1f} ×**" if its else "–")
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    lines.append("| memory, MiB | " + " | ".join(f"{c.memory:.0f}" for c in contestants) + " |")
    return lines


def percentile(times: Sequence[float], share: float = 0.95) -> float:
    """Find the time below which so many are."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def _take_turns(contestants: list[Contestant], rounds: int) -> None:
    """Time rows, the contestants one after the other; the first turn warms up. Who stops is left out."""
    for turn in range(rounds + 1):
        for row in dict.fromkeys(row for contestant in contestants for row in (*contestant.rows, FIRST_CLIP)):
            for contestant in list(contestants):
                try:
                    _take_turn(contestant, row, turn)
                except (MissingPeerError, OSError, subprocess.CalledProcessError) as error:
                    print(f"LEFT OUT: {contestant.name}, at {row}: {error}")
                    contestants.remove(contestant)
                    contestant.stop()


def _take_turn(contestant: Contestant, row: str, turn: int) -> None:
    if row == FIRST_CLIP:
        times, spent = contestant.time_first()
    elif row not in contestant.rows:
        return
    else:
        before = contestant.warm.get(row, 0.0)
        if before > SLOWEST and turn > 1:
            return
        times, spent = contestant.time(row, 1 if turn == 0 or before > SLOW else REPEATS)
    if turn:
        contestant.times.setdefault(row, []).extend(times)
        contestant.spent.setdefault(row, []).extend(spent)
    else:
        contestant.warm[row] = times[0]


def _contestants(names: Sequence[str], cache: Path, device: str, baseline: str | None) -> Iterator[Contestant]:
    yield _ours("Latent Bridge", ROOT, device)
    if baseline:
        yield _ours(f"at {baseline[:7]}", _checked_out(baseline, cache), device)
    for name in names:
        try:
            yield PEERS[name](cache)
        except MissingPeerError as error:
            print(f"LEFT OUT: {name}: {error}")


def _ours(name: str, tree: Path, device: str) -> Contestant:
    code = (
        "import sys, tempfile; from bridge.cli import main\n"
        f"main(['vary', {str(CLIPS / 'funk.mid')!r}, '--count', '1', '--seed', '1', '--out', tempfile.mkdtemp()])"
    )
    command = [sys.executable, str(HERE / "ours.py"), device, str(CLIPS)]
    return Contestant(name, command, [sys.executable, "-c", code], {"PYTHONPATH": str(tree)})


def _checked_out(revision: str, cache: Path) -> Path:
    """Give a tree of an older commit, without its history."""
    tree = cache / revision
    if not tree.exists():
        tree.mkdir(parents=True)
        packed = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=tree, input=packed, check=True)
    return tree


def _magenta_js(cache: Path) -> Contestant:
    """Magenta.js as npm installs it: its JavaScript backend, which is what runs where there is no WebGL."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise MissingPeerError("there is no node with npm here")
    home = cache / "magenta-js"
    if not (home / "installed").exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text("{}", encoding="utf-8")
        _install([npm, "install", "--no-audit", "--no-fund", MAGENTA_JS], home)
        (home / "installed").touch()
    script = [node, str(HERE / "magenta_js.js")]
    return Contestant("Magenta.js", script, [*script, "first"], {"NODE_PATH": str(home / "node_modules")})


def _magenta_py(cache: Path) -> Contestant:
    """Python Magenta on TensorFlow."""
    home = cache / "magenta-py"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        finder = next((found for name in ("python3.11", "python3.10") if (found := shutil.which(name))), None)
        if finder is None:
            raise MissingPeerError("TensorFlow 2.15, which it needs, has wheels for Python 3.9 to 3.11 only")
        home.parent.mkdir(parents=True, exist_ok=True)
        _install([finder, "-m", "venv", str(home)], cache)
        _install([str(python), "-m", "pip", "install", "-q", *MAGENTA_PY], cache)
        _install([str(python), "-m", "pip", "install", "-q", "--no-deps", "magenta==2.1.4"], cache)
        (home / "installed").touch()
    script = [str(python), str(HERE / "magenta_py.py")]
    return Contestant("Python Magenta", script, [*script, "first"])


PEERS: dict[str, Callable[[Path], Contestant]] = {"magenta-js": _magenta_js, "magenta-py": _magenta_py}


def _install(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()] or ["without a word"]
        raise MissingPeerError(f"{' '.join(command)} failed: {lines[-1][:200]}") from error
    except subprocess.TimeoutExpired as error:
        raise MissingPeerError(f"{' '.join(command)} took more than {INSTALL_SECONDS} s") from error


@contextmanager
def _busy_core() -> Iterator[None]:
    """Keep one core busy, as a DAW does."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _quiet() -> Iterator[None]:
    yield
