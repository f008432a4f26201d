"""Draw the pictures of docs/variation.md and write its table: `python docs/variation.py`.

The table is what `latent-bridge evaluate NAME DATA_DIR --control --json models/pretrained/NAME/evaluation.json` wrote.
"""

from __future__ import annotations

import json
from itertools import pairwise

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.engine import Engine
from bridge.requests import Interpolate, Vary
from docs.pictures import KEPT, NEW, ROOT, Paint, colour, draw_drums, draw_notes, span
from models.clip import Clip, Note
from models.distance import compare, distance
from models.grid import VOICE_OF
from models.midi import read_clip
from models.store import shipped
from models.walk import unevenness

PAGE = ROOT / "docs" / "variation.md"
MARKS = ("<!-- figures: written by docs/variation.py -->", "<!-- end of figures -->")
FROM_A, FROM_B = "#4a6fa5", "#5b8c5a"
PATHS = {"even": "ours", "slerp": "slerp", "morph": "note morph"}
SEED = 1

# What is measured, its key, what stands beside it (a floor, a baseline, or another key), and what it should be.
ROWS = (
    ("**Exact**: clips that did not come back field for field, of", "exact_wrong", ("exact_checked",), "0"),
    ("**Amount**: error beyond the rounding of whole notes", "amount_mae", (), "≤ 0.04"),
    ("… clips whose distance rises with every amount", "amount_monotone", (), "≥ 0.98"),
    ("… notes of a variation at 0.6, by those of the clip", "amount_notes_06", (), "1"),
    ("… how far variations lie from each other, by how far from the clip", "count_spread", (), "≥ 0.5"),
    ("… variations that repeat", "repeats", (), "0"),
    ("… changed notes that stem from a decode", "decoded_share", (), "≥ 0.95"),
    ("**Told from music** at 0.3, two bars; random edits as far", "vary_auc_03_window", ("random_edits",), "0.10 less"),
    ("… four bars, over the model's border", "vary_auc_03_clip", ("random_edits",), "0.10 less"),
    ("… changed notes in their context", "vary_auc_03_note", ("random_edits",), "0.10 less"),
    ("**Told from music** at 0.6, two bars; random edits as far", "vary_auc_06_window", ("random_edits",), "0.10 less"),
    ("… four bars, over the model's border", "vary_auc_06_clip", ("random_edits",), "0.10 less"),
    ("… changed notes in their context", "vary_auc_06_note", ("random_edits",), "0.10 less"),
    ("**Even**: variation of the steps, four changes a step or more; slerp, morph", "step_cv", ("slerp", "morph"), "≤ 0.25"),
    ("… at most, of 95 pairs in 100", "step_cv_worst", (), "≤ 0.25"),
    ("… fewer changes a step; the best split into whole notes", "step_cv_few", ("whole_notes",), "0.05 more"),
    ("… pairs within 0.05 of that split", "step_cv_few_kept", (), "1"),
    ("**Middles** told from music; slerp, morph, cross-fade", "middle_auc_window", ("slerp", "morph", "crossfade"), ""),
    ("… share in one major key; slerp, morph, cross-fade", "middle_in_key", ("slerp", "morph", "crossfade"), ""),
    ("… clashes of a hundred notes; slerp, morph, cross-fade", "middle_clashes", ("slerp", "morph", "crossfade"), ""),
    ("**Locks**: things touched, in so many requests", "locks_touched", ("locks_asked",), "0"),
    ("… amount over the free notes", "locks_amount_mae", (), ""),
    ("**Density** +2: notes a bar more; with −2", "density_2", ("density_minus_2",), "2 (−2)"),
    ("**Octave** +1 at amount 0.5: octaves higher", "octave_1", (), "0.5"),
    ("**First bar hidden**: nats a note; forced, untold", "hidden_bar_nats", ("forced", "untold"), "less"),
    ("… onset F1; forced, untold", "hidden_bar_f1", ("forced", "untold"), "more"),
    ("**Some voices hidden**: nats a note; forced, untold", "hidden_voices_nats", ("forced", "untold"), "less"),
    ("… onset F1; forced, untold", "hidden_voices_f1", ("forced", "untold"), "more"),
    ("**Pitches hidden**: nats a note; forced, untold", "hidden_pitch_nats", ("forced", "untold"), "less"),
    ("… share that is right; forced, untold", "hidden_pitch_accuracy", ("forced", "untold"), "more"),
    ("**Seams** told from other bar lines; before the variation", "seam_auc", ("copy",), ""),
    ("… clashes of a hundred notes more than before", "seam_doubled", (), "0"),
)


def main() -> None:
    """Draw, and write the table."""
    mpl.use("agg")
    engine = Engine()
    places = {name: ROOT / "docs" / f"variation_{name}.png" for name in ("amounts", "walk", "lock")}
    for name, figure in zip(places, (draw_amounts(engine), draw_walk(engine), draw_lock(engine)), strict=True):
        figure.savefig(places[name])
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def draw_amounts(engine: Engine) -> Figure:
    """Draw a beat and a tune, and a variation of each at amounts from 0.1 to 0.9."""
    figure, axes = plt.subplots(10, 2, figsize=(11, 13), dpi=76, layout="constrained", sharex="col")
    for column, name, draw, voice in (
        (axes[:, 0], "funk", draw_drums, VOICE_OF.get),
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
        steps = [distance(x, y, voice=VOICE_OF.get) for x, y in pairwise(walk)]
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


def with_table(page: str) -> str:
    """Put the table of the figures where the page has its marks."""
    before, _, rest = page.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return before + MARKS[0] + "\n" + "\n".join(table()) + "\n" + MARKS[1] + after


def table() -> list[str]:
    """Tabulate what each model's evaluation.json holds: the model's own figure, and what stands beside it in brackets."""
    files = {path.parent.name: path for path in sorted(shipped().glob("*/evaluation.json"))}
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}
    lines = ["| | aim | " + " | ".join(f"`{name}`" for name in found) + " |", "|---|---|" + "---|" * len(found)]
    for what, key, beside, aim in ROWS:
        shown = []
        for figures in found.values():
            others = [show(figures.get(k)) for name in beside for k in places(name, key) if k in figures]
            own = show(figures.get(key))
            shown.append(f"{own} ({', '.join(others)})" if others and own != "–" else own)
        lines.append(f"| {what} | {aim} | {' | '.join(shown)} |")
    return lines


def places(name: str, key: str) -> tuple[str, ...]:
    """List where a figure to stand beside another may be."""
    return (name, f"baseline.{name}.{key}", f"floor.{name}.{key}")


def show(value: object) -> str:
    """Write a figure."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else "–" if value is None else str(value)


def newness(note: Note, clip: Clip) -> str:
    """Choose grey for notes of the source, colour for others, in clips with no note of the source too."""
    return KEPT if note.is_untouched else NEW


def by_origin(a: Clip, b: Clip, clip: Clip) -> Paint:
    """Choose a colour for notes that are in A, another for those that are in B, grey for both, and one for new ones."""
    in_a, in_b = ({clip.notes[j] for _, j in compare(end, clip, voice=VOICE_OF.get).kept} for end in (a, b))

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
