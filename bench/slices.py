"""Measure how long heavy requests go on without a pause, and how near the estimate of their work comes.

    python bench/slices.py [--only TEXT] [--but TEXT] [--where]

For each request: the longest time between two pauses of its own Python, the longest batch, all CPU time, what was estimated
and the memory that it took beyond what was there before. Times are CPU times of this thread.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.engine import Answer, Engine
from bridge.protocol.assembly import ClipBuffer
from bridge.protocol.limits import DEFAULT
from bridge.requests import Blend, ClipsRequest, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.batching import Computation
from models.music.clip import Clip, Note
from models.pause import pausing

OURS = {"pause.py", "paced.py", "slices.py", "contextlib.py"}


class Stopwatch:
    """CPU time of the Python of a request: in all, and the longest between two pauses."""

    def __init__(self) -> None:
        self.total, self.longest, self.where = 0.0, 0.0, ""
        self._since, self._place = 0.0, ""
        self.own = 0.0  # what the watch itself takes

    def start(self) -> None:
        """Begin a stretch."""
        self._place = "begin"
        self._since = time.thread_time()

    def tick(self) -> None:
        """End a stretch, and begin the next."""
        spent = time.thread_time() - self._since
        self.total += spent
        place = _place()
        if spent > self.longest:
            self.longest, self.where = spent, f"{self._place} .. {place}"
        self._place = place
        now = time.thread_time()
        self.own += now - self._since - spent
        self._since = now


def _place() -> str:
    frame = sys._getframe(2)
    while frame.f_back and Path(frame.f_code.co_filename).name in OURS:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def timed(computation: Computation[Answer], watch: Stopwatch) -> Computation[Answer]:
    """Run a computation, with a watch on its own Python."""
    result: Any = None
    while True:
        watch.start()
        try:
            with pausing(watch.tick):
                job = computation.send(result)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
        finally:
            watch.tick()
        result = yield job


def peak_mib() -> float:
    """Most memory of this process since `reset_peak`."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def reset_peak() -> None:
    """Begin to measure the most memory anew."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def music(notes: int, beats: float, pitches: tuple[int, int], seed: int, *, duration: float = 0.1) -> Clip:
    """Scatter notes over a clip, on sixteenths or nearly so."""
    rng = random.Random(seed)
    made = []
    for _ in range(notes):
        start = min(max(round(rng.random() * beats * 4) / 4 + rng.gauss(0, 0.02), 0), beats - 0.01)
        made.append(Note(rng.randint(*pitches), start, duration, float(rng.randint(1, 127))))
    return Clip(tuple(made), float(beats))


def crowd(notes: int, beats: float, pitches: tuple[int, int], seed: int) -> Clip:
    """Scatter notes over a clip anywhere."""
    rng = random.Random(seed)
    return Clip(tuple(Note(rng.randint(*pitches), rng.random() * beats, 0.1) for _ in range(notes)), float(beats))


DRUM, KEYS, ONE = (36, 51), (40, 90), (38, 38)


def requests() -> Iterator[tuple[str, Request]]:
    """List heavy requests of all verbs."""
    for kind, pitches, poly in (("drums", DRUM, 1), ("notes", KEYS, 0)):
        common: dict[str, Any] = {"kind": kind, "seed": 1}
        yield f"{kind} vary 100 notes, 16 beats", Vary(clips=(music(100, 16, pitches, 1),), **common)
        yield f"{kind} vary 32000 on one pitch, 8 beats", Vary(clips=(crowd(32000, 8, ONE, 1),), **common)
        yield f"{kind} vary 32000, 8 beats", Vary(clips=(crowd(32000, 8, pitches, 1),), count=2, **common)
        yield f"{kind} vary 8000, 1000 beats", Vary(clips=(music(8000, 1000, pitches, 1),), count=2, **common)
        yield f"{kind} vary 32000, 4096 beats", Vary(clips=(music(32000, 4096, pitches, 1),), count=1, **common)
        yield (
            f"{kind} vary 1000, 4096 beats, held",
            Vary(clips=(music(1000, 4096, pitches, 1, duration=4096.0),), count=1, **common),
        )
        yield f"{kind} vary 10, 4096 beats", Vary(clips=(music(10, 4096, pitches, 1),), count=16, **common)
        every = music(16000, 1024, pitches, 3)
        for name, locks in (
            ("pitch", {"lock": ("pitch",)}),
            ("rhythm and velocity", {"lock": ("rhythm", "velocity")}),
            ("stretches", {"lock_beats": tuple((k * 2.0, k * 2.0 + 1) for k in range(500))}),
            ("notes", {"lock_notes": tuple(range(0, 16000, 2))}),
            ("key", {"key": "A minor", "density": 2, "octave": 1.0}),
        ):
            yield f"{kind} vary 16000, {name}", Vary(clips=(every,), count=1, **locks, **common)
        sixty_four = tuple(music(200, 64, pitches, k) for k in range(64))
        yield f"{kind} vary 64 clips", Vary(clips=sixty_four, count=2, **common)
        yield f"{kind} reconstruct 64 clips", Reconstruct(clips=sixty_four, **common)
        yield f"{kind} reconstruct 32000, 4096 beats", Reconstruct(clips=(music(32000, 4096, pitches, 1),), **common)
        two = crowd(4000, 8, pitches, 1), crowd(4000, 8, pitches, 2)
        yield f"{kind} interpolate 4000 + 4000, 8 beats", Interpolate(clips=two, **common)
        yield f"{kind} interpolate morph 3000 + 3000", Interpolate(clips=two, path="morph", steps=3, **common)
        pair = music(60, 16, pitches, 1), music(60, 16, pitches, 2)
        yield f"{kind} interpolate 64 steps", Interpolate(clips=pair, steps=64, **common)
        long = music(4000, 512, pitches, 1), music(4000, 512, pitches, 2)
        yield f"{kind} interpolate 4000 + 4000, 512 beats", Interpolate(clips=long, steps=4, **common)
        yield f"{kind} cross 4000 + 4000, 512 beats", Cross(clips=long, **common)
        yield f"{kind} blend 16 by 16", Blend(clips=pair * 2, grid=16, **common)
        yield f"{kind} blend 4 of 4000, 512 beats", Blend(clips=long * 2, grid=3, **common)
        yield f"{kind} sample 64 of 64 bars", Sample(count=64, bars=64 if poly else 16, **common)


def as_buffer(clip: Clip) -> ClipBuffer:
    """Write a clip as the server receives it."""
    buffer = ClipBuffer(DEFAULT)
    buffer.beats, buffer.meter, buffer.count = clip.beats, clip.meter, len(clip.notes)
    rows = array("d")
    for n in clip.notes:
        rows.extend((n.pitch, n.start, n.duration, n.velocity, 0, 1, 0, 64))
    buffer.add_notes([0, 8, *rows])
    return buffer


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    gc.disable()  # looks for garbage take tens of milliseconds wherever they come; the server makes them when it is idle
    parser.add_argument("--only", default="", help="requests whose name has this in it")
    parser.add_argument("--but", default="?", help="none whose name has this in it")
    parser.add_argument("--where", action="store_true", help="say between which lines the longest stretch was")
    options = parser.parse_args()
    engine = Engine()
    for kind, pitches in (("drums", DRUM), ("notes", KEYS)):
        engine.run(Vary(clips=(music(20, 8, pitches, 1),), kind=kind, seed=1))
    titles = "slice ms", "batch ms", "python s", "all s", "MiB", "est. s", "est. MiB"
    print(f"{'request':<42}", *(f"{title:>8}" for title in titles))
    for name, request in requests():
        if options.only in name and options.but not in name:
            print(row(engine, name, request, where=options.where), flush=True)


def row(engine: Engine, name: str, request: Request, *, where: bool) -> str:
    """Measure one request."""
    reset_peak()
    idle = peak_mib()
    watch, results, longest = Stopwatch(), list[Any](), 0.0
    batcher = engine.batcher()
    began = time.thread_time()
    batcher.add(timed(engine.start(request), watch), lambda fraction: None, results.append)
    while not results:
        before, python = time.thread_time(), watch.total + watch.own
        batcher.run_batch()
        longest = max(longest, time.thread_time() - before - (watch.total + watch.own - python))
    spent = time.thread_time() - began - watch.own
    figures = [f"{1e3 * watch.longest:>8.1f}", f"{1e3 * longest:>8.1f}", f"{watch.total:>8.2f}", f"{spent:>8.2f}"]
    said = " ".join([f"{name:<42}", *figures, f"{peak_mib() - idle:>8.0f}", estimated(request)])
    if isinstance(results[0], Exception):
        said += f"  {type(results[0]).__name__}: {results[0]}"[:80]
    return said + (f"  {watch.where}" if where else "")


def estimated(request: Request) -> str:
    """What is estimated of a request before it runs."""
    try:
        from bridge.protocol.work import estimate
    except ImportError:
        return ""
    work = estimate(request, [as_buffer(clip) for clip in request.clips] if isinstance(request, ClipsRequest) else [])
    return f"{work.seconds:>8.2f} {work.bytes / 2**20:>8.0f}"


if __name__ == "__main__":
    main()
