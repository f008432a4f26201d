"""Draw the pictures of docs/controls.md: `python docs/controls.py`. bench/controls.py and bench/drumify.py print its tables."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from bridge.engine import Engine
from bridge.requests import Drumify, Vary
from docs.pictures import KEPT, NEW, ROOT, colour, draw_drums, draw_notes, span
from docs.variation import read, title
from models.music.clip import Clip, Note
from models.music.midi import read_clip

SEED = 1
TURNED = (-1.0, 0.0, 1.0)


def main() -> None:
    """Draw."""
    mpl.use("agg")
    engine = Engine()
    for name, figure in (("controls", draw_dials(engine)), ("drumify", draw_drumify(engine)), ("only", draw_only(engine))):
        figure.savefig(ROOT / "docs" / f"{name}.png")


def draw_dials(engine: Engine) -> Figure:
    """Draw one variation of a beat or of a tune with each dial at its least, at 0 and at its most."""
    figure, axes = plt.subplots(4, 3, figsize=(13, 8.5), dpi=80, layout="constrained")
    dials = (
        ("syncopation", read("rock"), 0.5),
        ("swing", read("rock"), 0.1),
        ("intensity", read("rock"), 0.1),
        ("length", read("frere_jacques"), 0.1),
    )
    for row, (dial, clip, amount) in zip(axes, dials, strict=True):
        asked = ({"clips": (clip,), "amount": amount, "count": 1, "seed": SEED, dial: value} for value in TURNED)
        made = [engine.run(Vary.model_validate(one)).clips[0] for one in asked]
        draw = draw_notes if dial == "length" else draw_drums
        for ax, value, shown in zip(row, TURNED, made, strict=True):
            draw(ax, beginning(shown), span((clip,)), colour)
            title(ax, f"{dial} {value:g}", bold=value == 0)
    return figure


def draw_drumify(engine: Engine) -> Figure:
    """Draw a bass line, and the drums that follow it more and less closely."""
    bass = read_clip(ROOT / "tests" / "clips" / "band.mid", track=2)
    figure, axes = plt.subplots(4, 1, figsize=(9, 9), dpi=80, layout="constrained")
    draw_notes(axes[0], bass, span((bass,)), lambda note, clip: NEW)
    title(axes[0], "the bass line of band.mid", bold=True)
    struck = {round(n.start * 4) for n in bass.notes}

    def with_bass(note: Note, clip: Clip) -> str:
        return NEW if round(note.start * 4) in struck else KEPT

    for ax, follow in zip(axes[1:], (0.25, 0.5, 1.0), strict=True):
        made = engine.run(Drumify(clips=(bass,), follow=follow, count=1, seed=SEED)).clips[0]
        draw_drums(ax, made, (0, 0), with_bass)
        title(ax, f"drumify --follow {follow:g}: in colour what is struck with the bass")
    return figure


def draw_only(engine: Engine) -> Figure:
    """Draw a kick and a snare, and three hi-hats that are made for them."""
    whole = read("rock")
    bare = whole.with_notes(n for n in whole.notes if n.pitch in (36, 38))
    figure, axes = plt.subplots(2, 2, figsize=(12, 5), dpi=80, layout="constrained")
    made = engine.run(Vary(clips=(bare,), only=("hihat",), count=3, seed=SEED)).clips
    for k, (ax, shown) in enumerate(zip(axes.flat, (bare, *made), strict=True)):
        draw_drums(ax, shown, (0, 0), colour)
        title(ax, f"vary --only hihat: {k}" if k else "kick and snare", bold=not k)
    return figure


def beginning(clip: Clip) -> Clip:
    """Keep two bars of a clip."""
    return Clip(tuple(n for n in clip.notes if n.start < clip.start + 8), min(clip.beats, 8.0), clip.start, clip.meter)


if __name__ == "__main__":
    main()
