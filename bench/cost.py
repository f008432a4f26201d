"""Draw what music costs by the length of a clip, by the rows of a batch and by the clients: `python bench/cost.py [FILE]`.

Lengths and batches are in processor time, which others at work on the machine change little; what clients wait for is by the
clock. Behind the picture the figures are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.osc import memory, server
from bridge.client import Client
from bridge.engine import Engine
from bridge.requests import Vary
from models.extras import cpu_runtime
from models.music.clip import Clip
from models.music.midi import read_clip
from models.network.decoding import DecodeBatch
from models.network.latent import Randomness, noise
from models.store import load_model

ROOT = Path(__file__).parents[1]
BARS = (2, 4, 8, 16, 32, 64, 128)
ROWS = (1, 2, 4, 8, 16, 32, 48, 96)
CLIENTS = (1, 2, 4, 8, 16)
COLOURS = {"drums": "#e4572e", "melody": "#29648a", "onnxruntime": "#e4572e", "numpy": "#8a8f98", "memory": "#8a8f98"}


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "cost.png")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    mpl.use("agg")
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), dpi=110, layout="constrained")
    draw_lengths(axes[0], options.repeats)
    draw_batches(axes[1], options.repeats)
    draw_clients(axes[2], options.repeats)
    figure.savefig(options.file)


def draw_lengths(ax: Axes, repeats: int) -> None:
    """Vary clips of more and more bars, and draw what eight variations cost, and how much memory the program has by then."""
    engine, used = Engine(), []
    sources = {"drums": read_clip(ROOT / "tests/clips/funk.mid"), "melody": read_clip(ROOT / "tests/clips/ode_to_joy.mid")}
    times: dict[str, list[float]] = {name: [] for name in sources}
    for bars in BARS:
        for name, clip in sources.items():
            request = Vary(clips=(lasting(clip, 4.0 * bars),), amount=0.3, count=8, seed=1)
            times[name].append(spent(lambda request=request: engine.run(request), repeats if bars < 64 else 3))  # type: ignore[misc]
        used.append(memory(os.getpid()))
    for name, its in times.items():
        ax.plot(BARS, its, "o-", color=COLOURS[name], label=f"{name}, ms")
        say(f"vary of 8, {name}, ms by bars", BARS, its)
    say("memory, MiB by bars", BARS, used)
    ax.plot(BARS, used, "s:", color=COLOURS["memory"], label="memory, MiB")
    finish(ax, BARS, "bars of the clip", "Vary of 8: processor time", is_log=True)


def draw_batches(ax: Axes, repeats: int) -> None:
    """Decode batches of more and more rows, and draw what a row costs."""
    for runtime in dict.fromkeys((cpu_runtime(), "numpy")):
        model = load_model("drums", runtime=runtime)
        family, costs = model.family, []
        for rows in ROWS:
            rng = np.random.default_rng(rows)
            drawn = Randomness.draw(rng, rows, family.spec, family.vocabulary)
            batch = DecodeBatch(noise(rng, rows, model.card.latent), np.full(rows, 0.4, np.float32), drawn)
            costs.append(spent(lambda model=model, batch=batch: model.decode(batch), repeats))  # type: ignore[misc]
        ax.plot(
            ROWS, [cost / rows for cost, rows in zip(costs, ROWS, strict=True)], "o-", color=COLOURS[runtime], label=runtime
        )
        say(f"a decode of drums on {runtime}, ms by rows", ROWS, costs)
    finish(ax, ROWS, "rows of a batch", "Decoding two bars of drums: processor ms a row", is_log=False)


def draw_clients(ax: Axes, repeats: int) -> None:
    """Let more and more clients ask a server at once, again and again, and draw how long each waits."""
    clip, middle, late = read_clip(ROOT / "tests/clips/funk.mid"), [], []
    with server(dict(os.environ), {}) as (port, _), ExitStack() as stack, ThreadPoolExecutor(max(CLIENTS)) as pool:
        crowd = [stack.enter_context(Client(port=port, name=f"client {k}")) for k in range(max(CLIENTS))]
        seeds = iter(range(1, 10**6))

        def wait(client: Client) -> float:
            started = time.perf_counter()
            client.ask("vary", [clip], count=8, seed=next(seeds))
            return 1000 * (time.perf_counter() - started)

        wait(crowd[0])
        for clients in CLIENTS:
            waited = sorted(one for _ in range(4 * repeats // clients + 3) for one in pool.map(wait, crowd[:clients]))
            middle.append(statistics.median(waited))
            late.append(waited[int(len(waited) * 0.95)])
    for name, its, style in (("p50", middle, "o-"), ("p95", late, "s:")):
        ax.plot(CLIENTS, its, style, color=COLOURS["drums"], label=name)
        say(f"vary of 8 over OSC, {name}, ms by clients", CLIENTS, its)
    finish(ax, CLIENTS, "clients who ask at once", "Vary of 8 over OSC: ms by the clock", is_log=False)


def lasting(clip: Clip, beats: float) -> Clip:
    """Make a clip so long, repeating it or cutting it."""
    copies = range(int(-(-beats // clip.beats)))
    notes = (replace(n, start=n.start + k * clip.beats) for k in copies for n in clip.notes)
    return replace(clip, beats=beats, notes=tuple(n for n in notes if n.end <= beats), track_end=None, loop=None, markers=None)


def spent(run: Callable[[], object], repeats: int) -> float:
    """Measure processor time, after one run to warm up: the median, in milliseconds."""
    run()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        times.append((time.process_time() - started) * 1e3)
    return statistics.median(times)


def finish(ax: Axes, at: Sequence[int], along: str, title: str, *, is_log: bool) -> None:
    """Name what is drawn."""
    ax.set_xscale("log", base=2)
    if is_log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_xticks(at, [str(one) for one in at])
    ax.set_xlabel(along)
    ax.set_title(title, fontsize=10, loc="left")
    ax.grid(color="#dddddd", linewidth=0.6)
    ax.legend(fontsize=8)


def say(what: str, at: Sequence[int], values: Sequence[float]) -> None:
    """Print figures."""
    print(f"{what}: " + ", ".join(f"{one} {value:.1f}" for one, value in zip(at, values, strict=True)), flush=True)


if __name__ == "__main__":
    main()
