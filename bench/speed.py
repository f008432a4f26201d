"""Measure what a musician waits for: `python bench/speed.py [--peers] [--baseline REV] [--busy] [--device cuda] [--json FILE]`.

Prints, in one run: process start, model load, sample of 1 and 4, vary of 8, interpolate of 9, an 11×11 blend, clips per
second over a folder, and memory. Inference is on one thread: two OpenMP threads beside a busy core cost twenty times.
With `--device cuda` the same on the GPU, and how far it agrees with the CPU.

With `--peers`, Magenta.js and Python Magenta are installed (1.6 GB, under out/peers) and timed in the same run, in turns with
this program, and with `--baseline` an older commit of it, too; printed are ratios. `--busy` keeps one core busy meanwhile.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.peers import contest

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "clips"

# Milliseconds, median, one 2-core machine without a GPU, MusicVAE's mel_2bar_small (4.4 M parameters): how they were
# measured is told in the README. Columns: Magenta.js as installed, the fastest CPU Magenta.js, Python Magenta (TF 2.15).
PEERS = {
    "process start to first clip": (635, 537, 5156),
    "sample of 1": (88, 9.9, 3.0),
    "sample of 4": (370, 14.1, 6.9),
    "interpolate of 9": (1196, 51.9, 30),
    "11×11 blend": (11400, 72, 55.2),
}
MARKS = {"sample of 4": 8.0, "11×11 blend": 120.0, "vary of 8": 30.0, "latent-bridge --help": 300.0}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", type=Path, help="also write the figures to a file")
    parser.add_argument("--peers", nargs="*", choices=tuple(contest.PEERS), help="side by side with these, or with all")
    parser.add_argument("--baseline", metavar="REV", help="side by side with an older commit")
    parser.add_argument("--cache", type=Path, default=ROOT / "out" / "peers", help="where peers are installed")
    parser.add_argument("--rounds", type=int, default=6, help="turns that each takes side by side")
    parser.add_argument("--busy", action="store_true", help="side by side while one core is busy")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    if options.device == "cuda" and not has_cuda():
        print("SKIPPED: --device cuda was asked for, and torch finds no GPU here")
        return
    if options.peers is not None or options.baseline:
        peers = [] if options.peers is None else options.peers or list(contest.PEERS)
        side_by_side(peers, options)
        return
    print(f"device {options.device}, one thread, {options.repeats} repeats; milliseconds: min / median / p95")
    for name, run in (*processes(), *requests(options.device, figures)):
        times = measure(run, 5 if name.startswith(("latent-bridge", "process")) else options.repeats)
        figures[name] = statistics.median(times)
        print_row(name, times)
    per_second = folder_rate(options.device)
    figures["clips per second over a folder"] = per_second
    print(f"{'clips per second over a folder (vary, 8 each)':<46}{per_second:>8.0f}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["peak memory, MiB"] = memory
    print(f"{'peak memory, MiB':<46}{memory:>8.0f}")
    if options.device == "cuda":
        figures |= parity()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def side_by_side(peers: list[str], options: argparse.Namespace) -> None:
    """Time this program in turns with others, and print medians and ratios."""
    cache = options.cache.resolve()
    found = contest.run(peers, cache, options.device, options.baseline, options.rounds, busy=options.busy)
    beside = "beside one busy core" if options.busy else "alone"
    print(f"device {options.device}, {options.rounds} rounds in turns, {beside}; × says how many times ours the others take\n")
    print("\n".join(contest.table(found)), end="\n\n")
    print("\n".join(contest.table(found, spent=True)))
    if options.json:
        times = {contestant.name: {"clock": contestant.times, "processor": contestant.spent} for contestant in found}
        options.json.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def processes() -> list[tuple[str, Callable[[], object]]]:
    """List what starts a process of its own."""
    command = [str(Path(sys.executable).with_name("latent-bridge"))]
    clip = str(CLIPS / "funk.mid")

    def vary() -> None:
        with tempfile.TemporaryDirectory() as out:
            run([*command, "vary", clip, "--count", "1", "--seed", "1", "--out", out])

    def run(words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True)

    return [("latent-bridge --help", lambda: run([*command, "--help"])), ("process start to first clip", vary)]


def requests(device: str, figures: dict[str, float]) -> list[tuple[str, Callable[[], object]]]:
    """List the requests, on a loaded engine, and note what loading took."""
    from bridge.engine import Engine
    from bridge.requests import Blend, Interpolate, Sample, Vary
    from models.music.midi import read_clip

    started = time.perf_counter()
    engine = Engine(device=device)
    engine.run(Sample(count=1, seed=1))
    figures["torch import, model load, first sample"] = (time.perf_counter() - started) * 1e3
    print(f"{'torch import, model load, first sample':<46}{figures['torch import, model load, first sample']:>8.1f}")
    funk, rock, bossa, house = (read_clip(CLIPS / f"{n}.mid") for n in ("funk", "rock", "bossa", "house"))
    tune = read_clip(CLIPS / "ode_to_joy.mid")
    return [
        ("sample of 1", lambda: engine.run(Sample(count=1, seed=1))),
        ("sample of 4", lambda: engine.run(Sample(count=4, seed=1))),
        ("sample of 4 (melody)", lambda: engine.run(Sample(count=4, seed=1, kind="notes"))),
        ("vary of 8", lambda: engine.run(Vary(clips=(funk,), amount=0.3, count=8, seed=1))),
        ("vary of 8 (melody)", lambda: engine.run(Vary(clips=(tune,), amount=0.3, count=8, seed=1))),
        ("interpolate of 9", lambda: engine.run(Interpolate(clips=(funk, rock), steps=9, seed=1))),
        ("11×11 blend", lambda: engine.run(Blend(clips=(funk, rock, bossa, house), grid=11, seed=1))),
    ]


def folder_rate(device: str, copies: int = 64) -> float:
    """Vary many clips in one request, files read and written included: clips made per second."""
    from bridge.engine import Engine
    from bridge.requests import Vary
    from models.music.midi import read_clip, to_bytes

    engine = Engine(device=device)
    names = ("funk", "rock", "bossa", "house")
    engine.run(Vary(clips=(read_clip(CLIPS / "funk.mid"),), seed=1))
    started = time.perf_counter()
    clips = tuple(read_clip(CLIPS / f"{names[i % 4]}.mid") for i in range(copies))
    answer = engine.run(Vary(clips=clips, amount=0.3, count=8, seed=1))
    for clip in answer.clips:
        to_bytes(clip)
    return len(answer.clips) / (time.perf_counter() - started)


def parity(rows: int = 1000) -> dict[str, float]:
    """Compare GPU with CPU: posterior means, logits, and the share of clips whose grids are identical."""
    import numpy as np

    from models.network.decoding import DecodeBatch
    from models.network.latent import Randomness, noise
    from models.store import load_torch_model

    figures: dict[str, float] = {}
    for name in ("drums", "melody"):
        cpu, gpu = load_torch_model(name, "cpu"), load_torch_model(name, "cuda")
        rng = np.random.default_rng(0)
        drawn = Randomness.draw(rng, rows, cpu.family.spec, cpu.family.vocabulary)
        z, level = noise(rng, rows, cpu.card.latent), np.full(rows, 0.5, np.float32)
        batch = DecodeBatch(z, level, drawn, np.ones(rows, np.float32))
        grids = [m.decode(batch) for m in (cpu, gpu)]
        means = np.abs(cpu.encode(grids[0]) - gpu.encode(grids[0])).max()
        logits = np.abs(cpu.score(z, level, grids[0]) - gpu.score(z, level, grids[0])).max()
        same = (grids[0].tokens == grids[1].tokens).all((1, 2)).mean()
        print(f"{name}: means within {means:.1e} (allowed 1e-3), logits {logits:.1e} (1e-3), same grids {same:.2%} (99.9 %)")
        figures |= {
            f"parity.{name}.means": float(means),
            f"parity.{name}.logits": float(logits),
            f"parity.{name}.same": float(same),
        }
    return figures


def measure(run: Callable[[], object], repeats: int) -> list[float]:
    """Time repeated runs, after one to warm up: milliseconds, rising."""
    run()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)


def print_row(name: str, times: list[float]) -> None:
    """Print one line, with the mark to meet and the peers' medians where there are any."""
    row = f"{name:<46}{times[0]:>8.1f}{statistics.median(times):>8.1f}{times[int(len(times) * 0.95)]:>8.1f}"
    if name in MARKS:
        row += f"   mark {MARKS[name]:g}"
    if name in PEERS:
        row += "   Magenta.js {:g}, its fastest {:g}, Python Magenta {:g}".format(*PEERS[name])
    print(row)


def has_cuda() -> bool:
    """Ask torch for a GPU."""
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    main()
