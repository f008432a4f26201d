"""A variation of a clip of some length has about as many notes as the clip: which changes are kept, and in which order."""

from __future__ import annotations

import math
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.requests import Vary
from models.editing.balance import Balance, slack_of
from models.families.family import NoteEdit
from models.music.clip import Clip, Note
from models.music.distance import distance
from models.store import load_model
from tests.support.clips import Kind, kinds
from tests.test_told_amounts import TOLD

gains = st.lists(st.integers(-3, 3), max_size=60)


def balance_of(its: list[int], slack: float) -> tuple[Balance, list[NoteEdit]]:
    edits = [[(0, t, 0)] for t in range(len(its))]
    return Balance(np.array(its, np.int64).reshape(1, -1, 1), slack), edits


@given(its=gains, slack=st.sampled_from([1.0, 3.0, 7.5]))
def test_notes_that_come_and_go_are_even_as_long_as_there_are_both(its: list[int], slack: float) -> None:
    balance, edits = balance_of(its, slack)
    ordered = balance.order(edits)
    assert sorted(ordered) == sorted(edits)
    sums = list(accumulate(balance.of(edit) for edit in ordered))
    beyond = next((k for k, total in enumerate(sums) if abs(total) > slack), len(sums))
    tail = [balance.of(edit) for edit in ordered[beyond:]]
    assert all(gain > 0 for gain in tail) or all(gain < 0 for gain in tail) or slack < 3


@given(its=st.lists(st.integers(-1, 1), max_size=60))
def test_what_can_be_taken_together_is_counted(its: list[int]) -> None:
    balance, edits = balance_of(its, 2.0)
    assert balance.usable(edits) == len(its) - max(0, abs(sum(its)) - 2)
    sums = list(accumulate((balance.of(edit) for edit in balance.order(edits)), initial=0))
    assert all(abs(total) <= 2 for total in sums[: int(balance.usable(edits)) + 1])


@given(its=gains)
def test_where_any_number_may_come_the_order_stays(its: list[int]) -> None:
    balance, edits = balance_of(its, math.inf)
    assert balance.order(edits) == edits
    assert balance.usable(edits) == len(edits)


def test_what_has_come_already_is_made_up_for() -> None:
    balance, edits = balance_of([1, -1, 1, -1, -1, -1], 1.0)
    assert [balance.of(edit) for edit in balance.order(edits, 3)][:3] == [-1, -1, -1]


def test_a_long_clip_may_differ_by_a_few_notes() -> None:
    assert [slack_of(n, 8) for n in (1, 20, 100, 1000)] == [1, 1, 3, 30]
    assert slack_of(100, 2) == 5


def long_clip(kind: Kind) -> Clip:
    """Make eight bars of quavers."""
    pitches = (36, 42, 38, 42) if kind == "drums" else (60, 64, 67, 65, 62)
    notes = (Note(pitches[k % len(pitches)], k * 0.5, 0.4, 60.0 + k % 5) for k in range(64))
    return Clip(tuple(notes), 32.0, channel=10 if kind == "drums" else 1)


@kinds
@pytest.mark.parametrize("amount", [0.2, 0.4])
def test_a_variation_of_a_long_clip_has_as_many_notes(tiny_models: Path, kind: Kind, amount: float) -> None:
    model = load_model(str(tiny_models / ("drums" if kind == "drums" else "melody")))
    if kind != "drums":
        model.card = model.card.model_copy(update=TOLD)
    engine, clip = Engine(load=lambda name, device: model), long_clip(kind)
    for made in engine.run(Vary(clips=(clip,), amount=amount, count=4, seed=1, kind=kind)).clips:
        assert abs(len(made.notes) - 64) <= 0.1 * 64
        assert distance(clip, made, voice=engine.model(kind).family.lane_of) == pytest.approx(amount, abs=0.5 / 64 + 0.04)


def test_density_goes_before_the_balance(tiny_models: Path) -> None:
    engine = Engine(load=lambda name, device: load_model(str(tiny_models / "drums")))
    request = Vary(clips=(long_clip("drums"),), amount=0.4, count=2, seed=1, density=4)
    assert all(len(made.notes) > 64 * 1.1 for made in engine.run(request).clips)


def test_a_part_of_which_the_model_knows_no_note_is_left_as_it_is(tiny_models: Path) -> None:
    engine = Engine(load=lambda name, device: load_model(str(tiny_models / "drums")))
    shakers = Clip(tuple(Note(69, k * 0.5, 0.1, 60.0) for k in range(32)), 16.0, channel=10)
    answer = engine.run(Vary(clips=(shakers,), amount=0.4, count=3, seed=1))
    assert answer.clips == (shakers,)
    assert any("knows none of the notes" in line for line in answer.info)
