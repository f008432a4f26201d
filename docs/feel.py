"""Draw a beat before and after `groove`, by itself and like another clip: `python docs/feel.py [FILE]`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bridge.engine import Engine
from bridge.requests import Groove
from models.families.drums import GM_KIT
from models.music.clip import Clip, Note
from models.music.drum_map import VOICE_NAMES
from models.music.midi import read_clip

ROOT = Path(__file__).parents[1]
BEATS = 8
MOST_MS = 30  # the deepest colour: so early, or so late


def main() -> None:
    """Play a beat that lies on the grid, and draw where and how loud its hits are struck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "feel.png")
    mpl.use("agg")
    engine, clips = Engine(), ROOT / "tests" / "clips"
    source, other = (read_clip(clips / name) for name in ("rock.mid", "shuffle.mid"))
    flat = source.with_notes(_on_grid(source))
    played = engine.run(Groove(clips=(flat,), count=2, seed=1)).clips
    half = engine.run(Groove(clips=(flat,), count=1, seed=1, timing=0.5, velocity=0.5)).clips
    like = engine.run(Groove(clips=(flat, other), count=1, seed=1, like=True)).clips
    rows = {
        "on the grid, all hits alike": flat,
        "groove, the first of eight": played[0],
        "the second": played[1],
        "the first with both dials at 0.5": half[0],
        "like shuffle.mid": like[0],
    }
    figure, axes = plt.subplots(len(rows), 1, figsize=(11, 2 * len(rows)), dpi=100, layout="constrained")
    for ax, (title, clip) in zip(axes, rows.items(), strict=True):
        shown = _draw(ax, clip, flat)
        ax.set_title(title, fontsize=9, loc="left")
    bar = figure.colorbar(shown, ax=axes, shrink=0.5, pad=0.01)
    bar.set_label("ms late, at the tempo of the clip", fontsize=8)
    figure.savefig(parser.parse_args().file)


def _on_grid(clip: Clip) -> list[Note]:
    return [replace(n, start=round(n.start * 4) / 4, velocity=80.0) for n in clip.notes]


def _draw(ax: Axes, clip: Clip, source: Clip) -> mpl.cm.ScalarMappable:
    """Draw hits as large as they are loud, in colour by how late they are."""
    pairs = [(n, o) for n, o in zip(clip.notes, source.notes, strict=True) if o.start < clip.start + BEATS]
    late = [(n.start - o.start) * 60_000 / clip.tempo for n, o in pairs]
    voices = [GM_KIT.get(n.pitch, len(VOICE_NAMES)) for n, _ in pairs]
    used = sorted(set(voices))
    shown = ax.scatter(
        [n.start for n, _ in pairs],
        [used.index(voice) for voice in voices],
        s=[(n.velocity / 8) ** 2 for n, _ in pairs],
        c=late,
        cmap="coolwarm",
        vmin=-MOST_MS,
        vmax=MOST_MS,
        edgecolors="#555555",
        linewidths=0.4,
    )
    ax.set_yticks(range(len(used)), [[*VOICE_NAMES, "other"][voice].replace("_", " ") for voice in used], fontsize=7)
    ax.set_ylim(-0.7, len(used) - 0.3)
    ax.set_xlim(clip.start - 0.2, clip.start + BEATS)
    for step in range(4 * BEATS):
        ax.axvline(clip.start + step / 4, color="#999999" if step % 4 == 0 else "#e4e4e4", linewidth=0.7, zorder=0)
    ax.set_xticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    return shown


if __name__ == "__main__":
    main()
