"""Mutate MIDI files and see what becomes of each: it is read, or refused with a sentence, in little time and memory.

    python bench/files.py [FOLDER] [--files N] [--seed N] [--engine-every N] [--seconds S] [--mebibytes M] [--keep DIR]

Each mutant is read, its parts are listed as a person would see them, and it is written and read again, which must give the
same parts. Every Nth also goes through the engine (`reconstruct`, `vary` of one, in turn). All this is done by a child process
that is replaced when it dies, or is ended when it goes so many seconds without progress, or six times as many in all; the
same seed makes the same mutants. Exits with 1 where anything but a song or a sentence came out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from bench.mutations import Tracks, mutate
from models.music.clip import Clip
from models.music.midi import from_bytes, list_parts, to_bytes
from models.music.midi_file import END_OF_TRACK, write

CLIPS = Path(__file__).parents[1] / "tests" / "clips"
ENDINGS = (".mid", ".midi", ".kar", ".rmi")
READ, REFUSED, TRACEBACK, TIME, MEMORY = "read", "refused", "traceback", "over time", "over memory"
VERBS = ("reconstruct", "vary")


@dataclass(frozen=True)
class Outcome:
    """What came of a mutant."""

    kind: str
    detail: str
    seconds: float = 0.0
    mebibytes: float = 0.0


@dataclass(frozen=True)
class Tried:
    """A mutant: how it was made of which file, what was done with it, and what came of that."""

    mutation: str
    source: str
    verb: str
    outcome: Outcome


# What is done with a mutant


def work(connection: Connection, mebibytes: int) -> None:
    """Do what is asked until nothing more is: in a process of its own, which may die of it."""
    _limit_memory(mebibytes)
    engine = None
    while (asked := connection.recv()) is not None:
        verb, data = asked
        if verb and engine is None:
            from bridge.files import start_engine

            engine, _ = start_engine("cpu")
        _forget_peak()
        began = time.perf_counter()
        try:
            detail = _through_engine(engine, verb, data, connection) if verb else _through_reader(data)
            kind = READ
        except ValueError as error:
            kind, detail = REFUSED, str(error)
            if "\n" in detail or len(detail) > 10_000 or not detail.startswith("file.mid"):
                kind, detail = TRACEBACK, f"a sentence that is none: {detail[:200]!r}"
        except MemoryError:
            kind, detail = MEMORY, "MemoryError"
        except Exception:
            kind, detail = TRACEBACK, traceback.format_exc(limit=-3)
        connection.send(Outcome(kind, detail, time.perf_counter() - began, _peak()))


def _through_reader(data: bytes) -> str:
    song = from_bytes(data, name="file.mid")
    listed = list_parts(song)
    if len(listed) > 100_000:
        raise RuntimeError(f"a list of parts of {len(listed)} characters")
    written = to_bytes(song)
    again = from_bytes(written)
    if again.parts != song.parts or to_bytes(again) != written:
        raise RuntimeError("another song after writing and reading")
    return ""


def _through_engine(engine: object, verb: str, data: bytes, connection: Connection) -> str:
    from bridge import files
    from bridge.engine import Engine
    from bridge.requests import Reconstruct, Request, Vary
    from bridge.validation import STAND_IN

    if not isinstance(engine, Engine):
        raise TypeError("no engine")
    stand_in: tuple[Clip, ...] = (STAND_IN,)
    request: Request = Vary(clips=stand_in, count=1, seed=1) if verb == "vary" else Reconstruct(clips=stand_in, seed=1)
    source = files.open_file("file.mid", data, request)
    told = time.monotonic()

    def progress(fraction: float) -> None:
        nonlocal told
        if time.monotonic() - told > 0.5:
            told = time.monotonic()
            connection.send(fraction)

    try:
        made = files.make(engine, request, [source], progress)
    except ValueError as error:
        raise ValueError(f"file.mid {error}") from error
    for clip in made[0].clips:
        from_bytes(clip)
    return ""


def _limit_memory(mebibytes: int) -> None:
    with suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (mebibytes * 2**20, mebibytes * 2**20))


def _forget_peak() -> None:
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


class Child:
    """The process that does the work."""

    def __init__(self, mebibytes: int) -> None:
        self._mebibytes = mebibytes
        self._process: SpawnProcess | None = None

    def ask(self, verb: str, data: bytes, seconds: float) -> Outcome:
        """Have something done; the process ends where that takes too long."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=work, args=(theirs, self._mebibytes), daemon=True)
            self._process.start()
            theirs.close()
            self.ask(VERBS[0], (CLIPS / "rock.mid").read_bytes(), 120)  # what is loaded first is not counted to a mutant
        try:
            self._connection.send((verb, data))
            began = time.monotonic()
            while self._connection.poll(seconds) and time.monotonic() - began < 6 * seconds:
                outcome = self._connection.recv()
                if isinstance(outcome, Outcome):
                    return outcome
            spent = time.monotonic() - began
            kind, detail = TIME, f"given up after {spent:.0f} s, the last {min(seconds, spent):g} or less without progress"
        except (EOFError, OSError):
            kind, detail = MEMORY, "the process died"
        self.end()
        return Outcome(kind, detail, seconds)

    def end(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.join()
        self._process = None


# The run


def main() -> None:
    """Make mutants, have each tried, print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=CLIPS)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine-every", type=int, default=4, metavar="N", help="every Nth mutant; 0 is none")
    parser.add_argument("--seconds", type=float, default=20.0, help="without progress")
    parser.add_argument("--mebibytes", type=int, default=2048, help="of address space, with what is loaded")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the mutants there that were not read or refused")
    options = parser.parse_args()
    child = Child(options.mebibytes)
    tried = list(try_all(options, child))
    print_outcomes(tried)
    honest = long_piece()
    outcome = child.ask("", honest, 600)
    child.end()
    print(
        f"\n40 minutes of sixteenths in 20 tracks, {len(honest):,} bytes: {outcome.kind}, written and read again in "
        f"{outcome.seconds:.1f} s, {outcome.mebibytes:.0f} MiB with all that is loaded"
    )
    sys.exit(int(any(t.outcome.kind not in (READ, REFUSED) for t in tried)))


def long_piece() -> bytes:
    """Write an honest piece that is as large as any."""
    end = 40 * 120 * 480
    tracks: Tracks = [[(0, b"\xff\x51\x07\xa1\x20"), (end, END_OF_TRACK)]]
    for track in range(20):
        on, off = 0x90 | track % 16, 0x80 | track % 16
        notes = ((tick, 40 + (tick // 120 * 7 + track) % 40) for tick in range(0, end, 120))
        tracks.append(
            [e for tick, pitch in notes for e in ((tick, bytes((on, pitch, 80))), (tick + 110, bytes((off, pitch, 64))))]
        )
        tracks[-1].append((end, END_OF_TRACK))
    return write(1, 480, tracks)


def try_all(options: argparse.Namespace, child: Child) -> Iterator[Tried]:
    """Try each mutant."""
    sources = [path for path in sorted(options.folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.stat().st_size]
    for number in range(options.files):
        rng = random.Random(f"{options.seed} {number}")
        source = rng.choice(sources)
        mutation, data = mutate(source.read_bytes(), rng)
        is_for_engine = options.engine_every and number % options.engine_every == 0
        verb = VERBS[number // options.engine_every % len(VERBS)] if is_for_engine else ""
        outcome = child.ask(verb, data, options.seconds)
        if options.keep and outcome.kind not in (READ, REFUSED):
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number:05}_{outcome.kind.replace(' ', '_')}.mid").write_bytes(data)
        yield Tried(mutation, source.name, verb, outcome)


def print_outcomes(tried: Sequence[Tried]) -> None:
    """Print counts, the sentences, and the worst."""
    kinds = (READ, REFUSED, TRACEBACK, TIME, MEMORY)
    print(f"{'mutation':<24}" + "".join(f"{kind:>12}" for kind in kinds))
    counts = Counter((name, t.outcome.kind) for t in tried for name in t.mutation.split(" + "))
    for name in sorted({name for name, _ in counts}):
        print(f"{name:<24}" + "".join(f"{counts[name, kind] or '':>12}" for kind in kinds))
    for verb in ("", *VERBS):
        its = Counter(t.outcome.kind for t in tried if t.verb == verb)
        print(f"{'all: ' + (verb or 'read, write, read'):<24}" + "".join(f"{its[kind]:>12}" for kind in kinds))
    print("\nrefused with")
    sentences = Counter(re.sub(r"[\d,.]+", "N", t.outcome.detail)[:100] for t in tried if t.outcome.kind == REFUSED)
    for sentence, count in sentences.most_common(20):
        print(f"{count:>6}  {sentence}")
    slowest = max(tried, key=lambda t: t.outcome.seconds)
    largest = max(tried, key=lambda t: t.outcome.mebibytes)
    print(f"\nslowest  {slowest.outcome.seconds:.2f} s: {slowest.mutation} of {slowest.source} {slowest.verb}")
    print(
        f"largest  {largest.outcome.mebibytes:.0f} MiB with all that is loaded: "
        f"{largest.mutation} of {largest.source} {largest.verb}"
    )
    for t in tried:
        if t.outcome.kind not in (READ, REFUSED):
            print(f"\n{t.outcome.kind}: {t.mutation} of {t.source} {t.verb}\n{t.outcome.detail}")


if __name__ == "__main__":
    main()
