"""Draw the pictures of docs/variation.md: `python docs/variation.py`. Its table is written by docs/cards.py."""

from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.engine import Engine
from bridge.requests import Interpolate, Vary
from docs.pictures import KEPT, NEW, ROOT, Paint, colour, draw_drums, draw_notes, span
from models.editing.evenness import unevenness
from models.families.drums import GM_KIT
from models.music.clip import Clip, Note
from models.music.distance import compare, distance
from models.music.midi import read_clip

FROM_A, FROM_B = "#4a6fa5", "#5b8c5a"
PATHS = {"even": "ours", "slerp": "slerp", "morph": "note morph"}
SEED = 1


def main() -> None:
    """Draw."""
    mpl.use("agg")
    engine = Engine()
    places = {name: ROOT / "docs" / f"variation_{name}.png" for name in ("amounts", "walk", "lock")}
    for name, figure in zip(places, (draw_amounts(engine), draw_walk(engine), draw_lock(engine)), strict=True):
        figure.savefig(places[name])


def draw_amounts(engine: Engine) -> Figure:
    """Draw a beat and a tune, and a variation of each at amounts from 0.1 to 0.9."""
    figure, axes = plt.subplots(10, 2, figsize=(11, 13), dpi=76, layout="constrained", sharex="col")
    for column, name, draw, voice in (
        (axes[:, 0], "funk", draw_drums, GM_KIT.get),
        (axes[:, 1], "ode_to_joy", draw_notes, None),
    ):
        clip = read(name)
        amounts = [k / 10 for k in range(1, 10)]
        made = [engine.run(Vary(clips=(clip,), amount=a, count=1, seed=SEED)).clips[0] for a in amounts]
        limits = span((clip, *made))
        title(column[0], f"{name}.mid", bold=True)
        draw(column[0], clip, limits)
        for ax, amount, shown in zip(column[1:], amounts, made, strict=True):
            draw(ax, shown, limits, newness)
            title(ax, f"amount {amount:g}: at distance {distance(clip, shown, voice=voice):.2f}")
    return figure


def draw_walk(engine: Engine) -> Figure:
    """Draw a walk between two beats by each path, and how far apart its steps are."""
    a, b = (read(name) for name in ("rock", "bossa"))
    figure, axes = plt.subplots(3, 7, figsize=(15, 6.4), dpi=80, layout="constrained")
    for row, (path, name) in zip(axes, PATHS.items(), strict=True):
        request = Interpolate.model_validate({"clips": (a, b), "steps": 6, "path": path, "seed": SEED})
        walk = engine.run(request).clips
        first, last = walk[0], walk[-1]
        for k, (ax, clip) in enumerate(zip(row, walk, strict=False)):
            draw_drums(ax, clip, (0, 0), by_origin(first, last, clip))
            if k:
                ax.set_yticks([])
            title(ax, {0: f"{name}: rock.mid", 5: "bossa.mid"}.get(k, f"{k} of 5"), bold=k in (0, 5))
        steps = [distance(x, y, voice=GM_KIT.get) for x, y in pairwise(walk)]
        row[-1].bar(range(1, 6), steps, color=NEW)
        row[-1].set_ylim(0, 1.1)
        row[-1].tick_params(labelsize=6)
        title(row[-1], f"steps, uneven by {unevenness(steps):.2f}")
    return figure


def draw_lock(engine: Engine) -> Figure:
    """Draw variations of a beat, without a lock and with the kick locked."""
    clip = read("breakbeat")
    figure, axes = plt.subplots(2, 4, figsize=(13, 4.6), dpi=80, layout="constrained")
    for row, locked in zip(axes, (False, True), strict=True):
        request = Vary(clips=(clip,), amount=0.6, count=3, seed=SEED, lock_voices=("kick",) if locked else ())
        made = engine.run(request).clips
        for k, (ax, shown) in enumerate(zip(row, (clip, *made), strict=False)):
            if locked:
                ax.axhspan(-0.5, 0.5, color="#fbe3d6", zorder=0)
            draw_drums(ax, shown, (0, 0), newness if k else colour)
            if k:
                ax.set_yticks([])
            title(ax, f"amount 0.6{', kick locked' if locked else ''}" if k else "breakbeat.mid", bold=not k)
    return figure


def newness(note: Note, clip: Clip) -> str:
    """Choose grey for notes of the source, colour for others, in clips with no note of the source too."""
    return KEPT if note.is_untouched else NEW


def by_origin(a: Clip, b: Clip, clip: Clip) -> Paint:
    """Choose a colour for notes that are in A, another for those that are in B, grey for both, and one for new ones."""
    in_a, in_b = ({clip.notes[j] for _, j in compare(end, clip, voice=GM_KIT.get).kept} for end in (a, b))

    def paint(note: Note, _: Clip) -> str:
        if note in in_a and note in in_b:
            return KEPT
        return FROM_A if note in in_a else FROM_B if note in in_b else NEW

    return paint


def read(name: str) -> Clip:
    """Read one of our own clips."""
    return read_clip(ROOT / "tests" / "clips" / f"{name}.mid")


def title(ax: Axes, text: str, *, bold: bool = False) -> None:
    """Write above a picture."""
    ax.set_title(text, fontsize=8, loc="left", fontweight="bold" if bold else "normal")


if __name__ == "__main__":
    main()
