"""What a model is and how well it does, in words. A card and figures in, lines out; no files, no tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from models.plain_file import shown

if TYPE_CHECKING:
    from models.card import Card

Figures = Mapping[str, float | int | str | None]
UNMEASURED = "How well it does was not measured; `latent-bridge evaluate {name} DATA_DIR --control` does that."


def describe_model(card: Card, figures: Figures | None) -> list[str]:
    """Say what a model makes, what it learned from, and how well it does, a sentence a line."""
    feel = "with the timing of players" if card.timing else "on the grid"
    said = [f"{card.name}: {card.about}. It sees {card.bars} bars at once, and new notes lie {feel}."]
    said += _data(card)
    if not figures:
        said.append(UNMEASURED.format(name=card.name))
        accuracy = card.metrics.get("step_accuracy")
        if accuracy is not None:
            said.append(f"At the end of its training it gave back {_of_100(accuracy)} of 100 steps of music that was held out.")
        return said
    clips, split = figures.get("clips"), figures.get("split")
    many = f"{clips:,}" if isinstance(clips, int) else "some"
    said.append(
        f"How well it does, by {many} windows of {figures.get('data')}, split {split}, of pieces it did not learn from:"
    )
    return said + [f"  {line}" for line in _how_well(figures)]


def _data(card: Card) -> list[str]:
    """Say what it learned from, as far as its card tells."""
    windows, pieces = card.data.get("windows"), card.data.get("pieces")
    counts = {name: count for name, count in windows.items() if isinstance(count, int)} if isinstance(windows, dict) else {}
    most = sorted(counts.items(), key=lambda item: -item[1])
    named = ", ".join(f"{shown(str(name))} ({count:,} windows)" for name, count in most)
    of = f"{pieces:,} pieces" if isinstance(pieces, int) else "pieces"
    return [f"It learned from {of}" + (f": {named}." if named else ".")] if named or isinstance(pieces, int) else []


def _how_well(figures: Figures) -> Iterator[str]:
    """Say what a musician can make of figures, each with what to hold it against."""

    def number(key: str) -> float | None:
        value = figures.get(key)
        return float(value) if isinstance(value, int | float) else None

    def beside(*pairs: tuple[str, str]) -> str:
        there = [f"{text} {_of_100(value)}" for text, key in pairs if (value := number(key)) is not None]
        return f" ({', '.join(there)})" if there else ""

    if (steps := number("step_accuracy")) is not None:
        floor = beside(("a model that repeats each step:", "floor.repeat.step_accuracy"))
        yield f"Encoded and decoded, {_of_100(steps)} of 100 steps come back just as they were{floor}."
    if (whole := number("file_onset_f1")) is not None:
        yield f"Of whole files, {_of_100(whole)} of 100 notes come back{beside(('another file:', 'floor.copy.file_onset_f1'))}."
    judged = (
        ("sample_auc", "what it makes from nothing", ("a Markov chain:", "baseline.markov.sample_auc")),
        ("vary_auc_03", "variations at amount 0.3", ("random edits as far:", "baseline.random_edits.vary_auc_03")),
        ("middle_auc", "the middle between two clips", ("a morph of notes:", "baseline.morph.middle_auc")),
        ("pair_auc", "its variations and players' own", ("random edits as far:", "baseline.random_edits.pair_auc")),
    )
    found = [(auc, what, other) for key, what, other in judged if (auc := number(key)) is not None]
    if found and not figures.get("void"):
        training = beside(("music it learned from:", "floor.train.sample_auc"))
        yield f"A judge of real music and ours tells which is ours so many times of 100, where 50 is a guess{training}:"
        for auc, what, other in found:
            yield f"  {_of_100(auc)} for {what}{beside(other)}"
    if (missed := number("amount_mae")) is not None:
        yield f"Variations come within {missed:.2f} of the amount that was asked for, on average."
    if (rests := number("rest_notes")) is not None:
        yield f"Of 100 new notes, {_of_100(rests)} lie in bars where a file is silent."
    if (outside := number("outside_scale_03")) is not None:
        more = number("outside_scale_03_more")
        own = "" if more is None else f" (of the tunes' own: {_of_100(outside - more)})"
        yield f"Of 100 new notes, {_of_100(outside)} lie outside the scale of their tune{own}."
    asked, touched = number("locks_asked"), number("locks_touched")
    if asked and touched is not None:
        yield f"Of {asked:.0f} requests with locks, {touched:.0f} touched what was locked."


def _of_100(share: float) -> str:
    """Write a share as so many of 100; a decimal where whole numbers would say all or nothing."""
    hundred = 100 * share
    return f"{hundred:.0f}" if 1 <= hundred <= 99 or hundred in (0.0, 100.0) else f"{hundred:.1f}"
