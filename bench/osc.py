"""Measure what a client of the OSC server waits for: `python bench/osc.py [--models DIR] [--json FILE]`.

Prints, alone and then next to a process that keeps a core busy: vary of 8, a puck position, hello and cancel during a slow
request, and notes per second there and back; then how long the server takes from its start to its first answer and until it
is ready, and the codec beside python-osc's. The server runs as a process of its own, as it does for a musician.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bridge.client import Client, ServerError
from bridge.protocol.osc import decode, encode
from models.music.clip import Clip, Note
from models.music.midi import read_clip

ROOT = Path(__file__).parents[1]
CROWD = 4  # clients who ask at once; what each waits, divided by their number
PROGRAM = [sys.executable, "-c", "from bridge.cli import main; main()", "serve", "--port", "0", "--device", "cpu"]
MARKS = {
    "vary of 8": 30.0,
    "puck position": 10.0,
    "hello during a slow request": 50.0,
    "cancel during a slow request": 50.0,
    "first welcome": 300.0,
    "ready": 3000.0,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="a folder of model folders, instead of your own and the shipped ones")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also write the figures to a file")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ)
        if options.models:
            (Path(home) / "latent-bridge").mkdir()
            (Path(home) / "latent-bridge" / "models").symlink_to(options.models.resolve(), target_is_directory=True)
            environment["XDG_DATA_HOME"] = home
        with server(environment, figures) as (port, process):
            print(f"{os.cpu_count()} cores, {options.repeats} repeats; milliseconds: p50 / p95")
            measure(port, "alone", options.repeats, figures)
            with busy_core():
                measure(port, "next to a busy core", options.repeats, figures)
            flood(port, process, figures)
    for name in ("first welcome", "ready", "slowest hello while warming"):
        print_row(name, "", figures[name], figures[name])
    codec(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


@contextmanager
def server(environment: dict[str, str], figures: dict[str, float]) -> Iterator[tuple[int, int]]:
    """Start a server, and note how long it takes: its port, and the number of its process."""
    started = time.perf_counter()
    with subprocess.Popen(PROGRAM, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        assert process.stdout
        port = int(process.stdout.readline().rpartition(":")[2].split()[0])
        with Client(port=port, name="bench") as client:
            is_ready = client.hello().is_ready
            figures["first welcome"] = 1000 * (time.perf_counter() - started)
            slowest = 0.0
            while not is_ready:
                asked = time.perf_counter()
                is_ready = client.hello().is_ready
                slowest = max(slowest, 1000 * (time.perf_counter() - asked))
            figures["ready"] = 1000 * (time.perf_counter() - started)
            figures["slowest hello while warming"] = slowest
        try:
            yield port, process.pid
        finally:
            process.terminate()


def flood(port: int, process: int, figures: dict[str, float]) -> None:
    """Send far more than is ever answered, from many ports, and print what memory it takes."""
    numbers = [v for i in range(1000) for v in (60, float(i), 0.25, 100.0)]
    for name in ("before a flood", "after a flood", "after another"):
        figures[f"memory, {name}, MiB"] = memory(process)
        print(f"{'memory, MiB':<34}{name:<22}{memory(process):>10.0f}")
        for _ in range(40):
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as rude:
                rude.connect(("127.0.0.1", port))
                for i in range(100):
                    rude.send(encode("/bridge/notes", [i, i % 64, (i * 7000) % 30_000, 4, *numbers]))
            with Client(port=port, name="bench") as polite:
                polite.hello()  # answered when all that came before has been dealt with


def memory(process: int) -> float:
    """Read how much memory a process has, where Linux tells it."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), float("nan"))


@contextmanager
def busy_core() -> Iterator[None]:
    """Keep a core busy, as a DAW does."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.terminate()


def measure(port: int, where: str, repeats: int, figures: dict[str, float]) -> None:
    """Measure requests on a running server."""
    funk, rock = (beat(name) for name in ("funk", "rock"))
    with Client(port=port, name="bench") as client:
        client.hello()

        def timed(ask: Callable[[], object]) -> list[float]:
            times = []
            for _ in range(repeats):
                started = time.perf_counter()
                ask()
                times.append(1000 * (time.perf_counter() - started))
            return times

        seeds = iter(range(1, 10**6))

        def vary(client: Client = client) -> None:
            """Vary a clip that the server has not met: one velocity is another."""
            seed = next(seeds)
            first, *others = funk.notes
            new = replace(first, velocity=1 + seed % 126 + seed / 10**6)
            client.ask("vary", [funk.with_notes([new, *others])], count=8, seed=seed)

        note(figures, "vary of 8", where, timed(vary))
        note(
            figures,
            "vary of 8, of a clip met before",
            where,
            timed(lambda: client.ask("vary", [funk], count=8, seed=next(seeds))),
        )
        together: list[float] = []
        with ExitStack() as stack, ThreadPoolExecutor(CROWD) as pool:
            crowd = [stack.enter_context(Client(port=port, name="bench")) for _ in range(CROWD)]
            for _ in range(repeats // CROWD):
                started = time.perf_counter()
                list(pool.map(vary, crowd))
                together.append(1000 * (time.perf_counter() - started) / CROWD)
        note(figures, f"vary of 8, {CROWD} clients, each", where, together)
        palette = client.ask("blend", [funk, rock], grid=0, seed=1, kind="drums")
        positions = iter(range(1, 10**6))
        note(figures, "puck position", where, timed(lambda: client.at(palette, next(positions) * 0.618 % 1, 0.5)))
        hellos, cancels = [], []
        for _ in range(10):
            begun = threading.Event()
            slow = client.begin("sample", count=64, bars=64, progress=lambda fraction, begun=begun: begun.set())  # type: ignore[misc]
            begun.wait()
            started = time.perf_counter()
            client.hello()
            hellos.append(1000 * (time.perf_counter() - started))
            started = time.perf_counter()
            slow.cancel()
            with suppress(ServerError):
                slow.result()
            cancels.append(1000 * (time.perf_counter() - started))
        note(figures, "hello during a slow request", where, hellos)
        note(figures, "cancel during a slow request", where, cancels)
        long = Clip(tuple(Note(i % 128, i / 64, 0.25) for i in range(10_000)), 160.0)
        started = time.perf_counter()
        client.ask("vary", [long], amount=0)
        rate = 20_000 / (time.perf_counter() - started)
        figures[f"notes per second, {where}"] = rate
        print(f"{'notes per second, there and back':<34}{where:<22}{rate:>10.0f}")


def codec(figures: dict[str, float]) -> None:
    """Measure our codec beside python-osc's on a message as long as we send, and on one of 512 notes."""
    from pythonosc.osc_message import OscMessage
    from pythonosc.osc_message_builder import OscMessageBuilder

    for notes in (24, 512):
        values: list[int | float | str] = [1, 0, 0, 10]
        for i in range(notes):
            values += [60, i / 4, 0.25, 100.0, 0, 1.0, 0.0, 64.0, 0, i]
        data = encode("/bridge/notes", values)

        def build(values: list[int | float | str] = values) -> bytes:
            builder = OscMessageBuilder("/bridge/notes")
            for value in values:
                builder.add_arg(value)
            return bytes(builder.build().dgram)

        def parse(data: bytes = data) -> object:
            return OscMessage(data).params

        assert build() == data
        runs: dict[str, Callable[[], object]] = {
            "ours, encode": lambda values=values: encode("/bridge/notes", values),  # type: ignore[misc]
            "python-osc, encode": build,
            "ours, decode": lambda data=data: decode(data),  # type: ignore[misc]
            "python-osc, decode": parse,
        }
        for name, run in runs.items():
            times = []
            for _ in range(200 if notes < 100 else 50):
                started = time.perf_counter()
                run()
                times.append(1e6 * (time.perf_counter() - started))
            figures[f"codec, {notes} notes, {name}, us"] = statistics.median(times)
            print(f"{f'codec, {notes} notes, us':<34}{name:<22}{statistics.median(times):>10.1f}")


def beat(name: str) -> Clip:
    """Read the first two bars of one of our clips."""
    clip = read_clip(ROOT / "tests" / "clips" / f"{name}.mid")
    return replace(clip, beats=8.0, notes=tuple(n for n in clip.notes if n.start < 8))


def note(figures: dict[str, float], name: str, where: str, times: list[float]) -> None:
    """Keep and print p50 and p95."""
    ordered = sorted(times)
    p50, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    figures[f"{name}, {where}, p50"], figures[f"{name}, {where}, p95"] = p50, p95
    print_row(name, where, p50, p95)


def print_row(name: str, where: str, p50: float, p95: float) -> None:
    """Print a row, and the mark it should stay below at p95."""
    mark = f"   mark {MARKS[name]:.0f}: {'met' if p95 <= MARKS[name] else 'missed'}" if name in MARKS else ""
    print(f"{name:<34}{where:<22}{p50:>10.1f} / {p95:.1f}{mark}", flush=True)


if __name__ == "__main__":
    main()
