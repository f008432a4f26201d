"""Draw the README's picture, a source and eight variations of a beat and of a tune: `python docs/pictures.py [FILE]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bridge.engine import Engine
from bridge.requests import Vary
from models.families.drums import GM_KIT
from models.music.clip import Clip, Note
from models.music.drum_map import VOICE_NAMES
from models.music.midi import read_clip

ROOT = Path(__file__).parents[1]
SHOWN = 16  # beats: of a longer clip the beginning
KEPT, NEW = "#8a8f98", "#e4572e"

Paint = Callable[[Note, Clip], str]


def main() -> None:
    """Vary a beat and a tune, and draw both with what stayed in grey and what is new in colour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "variations.png")
    parser.add_argument("--amount", type=float, default=0.3)
    options = parser.parse_args()
    mpl.use("agg")
    engine = Engine()
    figure, axes = plt.subplots(6, 3, figsize=(12, 10.5), dpi=110, layout="constrained")
    for rows, name, draw in ((axes[:3], "funk", draw_drums), (axes[3:], "ode_to_joy", draw_notes)):
        clip = read_clip(ROOT / "tests" / "clips" / f"{name}.mid")
        answer = engine.run(Vary(clips=(clip,), amount=options.amount, count=8, seed=1))
        low, high = span((clip, *answer.clips))
        for i, (ax, shown) in enumerate(zip(rows.flat, (clip, *answer.clips), strict=True)):
            draw(ax, shown, (low, high))
            new = sum(not n.is_untouched for n in shown.notes)
            title = f"{name}.mid" if i == 0 else f"{name}_vary_{i:02d}.mid: {new} of {len(shown.notes)} notes new"
            ax.set_title(title, fontsize=9, loc="left", fontweight="bold" if i == 0 else "normal")
    figure.suptitle(f"A beat, a tune, and eight variations of each at amount {options.amount:g}", fontsize=12)
    figure.savefig(options.file)


def colour(note: Note, clip: Clip) -> str:
    """Choose grey for what was there before, colour for what a model wrote."""
    is_source = not any(n.is_untouched for n in clip.notes)
    return KEPT if note.is_untouched or is_source else NEW


def draw_drums(ax: Axes, clip: Clip, span: tuple[int, int], paint: Paint = colour) -> None:
    """Draw hits by voice: as large as they are loud, where they were struck."""
    for n in clip.notes:
        voice = GM_KIT.get(n.pitch, len(VOICE_NAMES))
        ax.scatter(n.start, voice, s=4 + n.velocity * 0.35, color=paint(n, clip), linewidths=0)
    ax.set_yticks(range(len(VOICE_NAMES)), [name.replace("_", " ") for name in VOICE_NAMES], fontsize=6)
    ax.set_ylim(-0.7, len(VOICE_NAMES) - 0.3)
    frame(ax, clip)


def draw_notes(ax: Axes, clip: Clip, span: tuple[int, int], paint: Paint = colour) -> None:
    """Draw a piano roll."""
    for n in clip.notes:
        ax.barh(n.pitch, n.duration, left=n.start, height=0.8, color=paint(n, clip), alpha=0.4 + n.velocity / 212)
    ax.set_ylim(span[0] - 1.5, span[1] + 1.5)
    ax.tick_params(axis="y", labelsize=6)
    frame(ax, clip)


def frame(ax: Axes, clip: Clip) -> None:
    """Draw beats and bar lines."""
    shown = min(clip.beats, SHOWN)
    ax.set_xlim(clip.start - 0.15, clip.start + shown)
    ax.set_xticks([clip.start + b for b in range(int(shown) + 1)])
    ax.tick_params(axis="x", labelsize=6)
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    for bar in range(int(shown / clip.bar) + 1):
        ax.axvline(clip.start + bar * clip.bar, color="#999999", linewidth=0.9)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def span(clips: tuple[Clip, ...]) -> tuple[int, int]:
    """Find the lowest and the highest pitch of several clips."""
    pitches = [n.pitch for clip in clips for n in clip.notes if n.start < clip.start + SHOWN]
    return min(pitches), max(pitches)


if __name__ == "__main__":
    main()
