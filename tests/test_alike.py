"""Windows that are alike are varied alike, and those that are not each in its own way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bridge.engine import Engine
from bridge.requests import Vary
from models.editing.alike import MOST, group_windows
from models.families.registry import find_family
from models.music.clip import Clip, Note
from models.music.distance import compare
from models.store import load_model

DRUMS, MELODY = find_family("drums"), find_family("melody")


def phrase(first: int, at: float, *, last: int = 0) -> list[Note]:
    """Eight notes, two bars, of which the last may be another."""
    return [Note(first + k * 5 % 7 + (last if k == 7 else 0), at + k, 1.0) for k in range(8)]


def song(*phrases: list[Note]) -> Clip:
    return Clip(tuple(note for its in phrases for note in its), 8.0 * len(phrases))


def groups(clip: Clip) -> list[int]:
    return [int(group) for group in group_windows(MELODY.clip_to_grid(clip))]


def test_windows_that_repeat_each_other_with_small_changes_are_alike() -> None:
    assert groups(song(phrase(60, 0))) == [0]
    assert groups(song(phrase(60, 0), phrase(50, 8), phrase(60, 16, last=1), phrase(50, 24))) == [0, 1, 0, 1]
    assert groups(song(phrase(60, 0), [], [], phrase(60, 24))) == [0, 1, 1, 0]


def test_all_voices_of_a_window_count() -> None:
    high = song(phrase(72, 0), phrase(72, 8), phrase(72, 16))
    low = [note for at, first in ((0, 40), (8, 50), (16, 40)) for note in phrase(first, at)]
    layout = MELODY.clip_to_grid(Clip(tuple(sorted((*high.notes, *low), key=lambda n: n.start)), 24.0), voices=2)
    assert layout.voices == 2
    assert group_windows(layout).tolist() == [0, 1, 0]


def test_there_are_so_many_groups_at_the_most() -> None:
    rng = np.random.default_rng(1)
    notes = [Note(int(rng.integers(40, 90)), float(k), 1.0) for k in range(8 * 3 * MOST)]
    found = group_windows(MELODY.clip_to_grid(Clip(tuple(notes), 24.0 * MOST)))
    assert found.max() == MOST - 1
    assert len(found) == 3 * MOST


def test_what_a_beat_repeats_its_variation_repeats(tiny_models: Path) -> None:
    bar = [(36, 0.0), (38, 1.0), (36, 2.0), (38, 3.0), (42, 0.5), (42, 1.5)]
    notes = tuple(Note(pitch, 4.0 * k + beat, 0.25) for k in range(8) for pitch, beat in bar)
    clip = Clip(tuple(sorted(notes, key=lambda n: n.start)), 32.0)
    engine = Engine(load=lambda name, device: load_model(str(tiny_models / "drums")))
    for made in engine.run(Vary(clips=(clip,), amount=1.0, count=3, seed=1, kind="drums")).clips:
        halves = [
            Clip(
                tuple(
                    sorted(
                        (Note(n.pitch, round(4 * n.start) / 4 - at, 0.25) for n in made.notes if at <= n.start < at + 8),
                        key=lambda n: n.start,
                    )
                ),
                8.0,
            )
            for at in (8.0, 16.0)
        ]
        assert compare(*halves).distance < 0.5  # that unrelated decodes would differ by much more
