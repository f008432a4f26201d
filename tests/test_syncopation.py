"""How strong the places of a bar are, what is syncopated, and the dial that asks for it."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from bridge.engine import Engine
from bridge.requests import Sample, Vary
from models.editing.batching import FIXED_ROWS
from models.music.clip import Clip
from models.music.meter import pulses, strengths, syncopation
from models.music.midi import read_clip

CLIPS = Path(__file__).parent / "clips"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(batch_size=FIXED_ROWS)


@pytest.mark.parametrize(
    ("meter", "expected"),
    [
        ((4, 4), [4, 2, 1, 0.5, 0.25]),
        ((3, 4), [3, 1, 0.5, 0.25]),
        ((2, 4), [2, 1, 0.5, 0.25]),
        ((6, 8), [3, 1.5, 0.5, 0.25]),
        ((12, 8), [6, 3, 1.5, 0.5, 0.25]),
        ((7, 8), [3.5, 0.5, 0.25]),
        ((1, 32), [0.125]),
    ],
)
def test_the_pulses_of_meters(meter: tuple[int, int], expected: list[float]) -> None:
    assert pulses(meter) == expected


def test_the_places_of_a_bar_of_four_are_as_strong_as_published() -> None:
    assert strengths(np.arange(16) / 4, (4, 4)).tolist() == [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4]
    assert strengths(np.array([-0.5, 3.0, 4.5]), (3, 4)).tolist() == [-2, 0, -2]


def test_an_onset_is_syncopated_by_how_much_stronger_the_silence_after_it_is() -> None:
    strong = strengths(np.arange(16) / 4, (4, 4))

    def of(*struck: int) -> float:
        return syncopation(np.isin(np.arange(16), struck), strong)

    assert of(0, 4, 8, 12) == 0
    assert of(0, 6) == 2  # the half bar after it is silent
    assert of(0, 6, 8) == 0
    assert of(0, 3, 6) == 2 + 2


def counted(clip: Clip) -> float:
    at = {round(n.start * 4) for n in clip.notes if clip.channel != 10 or n.pitch in (35, 36, 38)}
    steps = np.arange(round(clip.beats * 4))
    return syncopation(np.isin(steps, list(at)), strengths(steps / 4, clip.meter))


@pytest.mark.parametrize("name", ["rock", "greensleeves"])
def test_the_dial_makes_variations_more_syncopated_or_less(engine: Engine, name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    less, more = (engine.run(Vary(clips=(clip,), amount=0.5, count=3, seed=2, syncopation=by)).clips for by in (-1, 1))
    assert fmean(map(counted, more)) > fmean(map(counted, less))


def test_the_dial_holds_for_what_is_made_from_nothing(engine: Engine) -> None:
    less, more = (engine.run(Sample(count=6, seed=2, kind="notes", syncopation=by)).clips for by in (-1, 1))
    assert fmean(map(counted, more)) > fmean(map(counted, less))


def test_at_0_it_is_as_if_it_were_not_there_and_locks_win(engine: Engine) -> None:
    clip = read_clip(CLIPS / "rock.mid")
    plain = engine.run(Vary(clips=(clip,), count=2, seed=2)).clips
    assert engine.run(Vary(clips=(clip,), count=2, seed=2, syncopation=0)).clips == plain
    kicks = [n for n in clip.notes if n.pitch == 36]
    for made in engine.run(Vary(clips=(clip,), count=2, seed=2, syncopation=1, lock_voices=("kick",))).clips:
        assert [n for n in made.notes if n.pitch == 36] == kicks
