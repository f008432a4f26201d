"""Walks between clips: the steps chosen are the best there are, the ends are the clips, and what both have is never touched."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clip import Clip, Note
from models.distance import distance
from models.grid import VOICE_OF
from models.walk import Partway, choose_steps, even_walk
from tests.test_exact import fields, kinds, overlaps, some, sources

BEAT = Clip(tuple(Note(p, k, 0.25) for k in range(8) for p in (36, 42)), 8, channel=10)
OTHER = Clip(tuple(Note(p, k + 0.5, 0.25) for k in range(8) for p in (38, 46)), 8, channel=10)


def _mixed(share: float) -> Clip:
    """Take the first of one beat and the rest of the other."""
    first = [n for n in OTHER.notes if n.start < 8 * share]
    return BEAT.with_notes([*first, *(n for n in BEAT.notes if n.start >= 8 * share)])


@given(size=st.integers(2, 8), data=st.data())
@some(300)
def test_the_steps_chosen_are_the_best_of_all_ways_to_choose(size: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(2, size))
    apart = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).random((size, size))

    def cost(chosen: tuple[int, ...]) -> float:
        return sum(float(apart[i, j]) ** 2 for i, j in pairwise(chosen))

    chosen = tuple(choose_steps(apart, steps))
    assert (chosen[0], chosen[-1], len(chosen)) == (0, size - 1, steps)
    assert all(i < j for i, j in pairwise(chosen))
    ways = ((0, *inner, size - 1) for inner in combinations(range(1, size - 1), steps - 2))
    assert cost(chosen) == pytest.approx(min(cost(way) for way in ways))


def test_on_a_straight_way_the_steps_are_equal() -> None:
    places = np.arange(13.0)
    assert choose_steps(np.abs(places[:, None] - places), 5) == [0, 3, 6, 9, 12]


def test_more_steps_than_clips_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="5 steps cannot be chosen from 3 clips"):
        choose_steps(np.zeros((3, 3)), 5)


@pytest.mark.parametrize("until", [None, 0, -1])
@pytest.mark.parametrize("steps", [2, 3, 6])
def test_a_walk_begins_and_ends_with_the_clips_and_has_as_many_steps_as_asked_for(until: int | None, steps: int) -> None:
    way = [BEAT, *(_mixed(share) for share in (0.1, 0.15, 0.2, 0.25, 0.8, 0.9)), OTHER]
    walk = even_walk(way, steps, rng=np.random.default_rng(1), voice=VOICE_OF.get, until=until)
    assert len(walk) == steps
    assert walk[0] is BEAT
    assert walk[-1] is OTHER


def test_where_the_way_leaps_a_walk_is_evened_by_mixing() -> None:
    way = [BEAT, *(_mixed(share) for share in (0.05, 0.06, 0.07, 0.95)), OTHER]

    def spread(until: int | None) -> float:
        walk = even_walk(way, 5, rng=np.random.default_rng(1), voice=VOICE_OF.get, until=until)
        apart = [distance(x, y, voice=VOICE_OF.get) for x, y in pairwise(walk)]
        return float(np.std(apart) / np.mean(apart))

    assert spread(None) < 0.25 < spread(0)


def test_with_until_0_every_step_is_a_clip_of_the_way_and_with_minus_1_nothing_of_the_last_is_mixed_in() -> None:
    way = [BEAT, _mixed(0.1), _mixed(0.2), _mixed(0.3), OTHER]
    chosen = even_walk(way, 4, rng=np.random.default_rng(1), voice=VOICE_OF.get, until=0)
    assert all(any(step is clip for clip in way) for step in chosen)
    walk = even_walk(way, 4, rng=np.random.default_rng(1), voice=VOICE_OF.get, until=-1)
    there = {(n.pitch, n.start) for clip in way[:-1] for n in clip.notes}
    assert {(n.pitch, n.start) for clip in walk[:-1] for n in clip.notes} <= there


def test_a_walk_of_clips_that_are_all_alike_stays() -> None:
    walk = even_walk([BEAT] * 6, 4, rng=np.random.default_rng(1), voice=VOICE_OF.get)
    assert walk == [BEAT] * 4


def test_between_two_empty_clips_there_is_a_walk_whatever_was_decoded_between_them() -> None:
    empty = Clip((), 8, channel=10)
    way = [empty, BEAT, *(empty for _ in range(6)), OTHER, empty]
    walk = even_walk(way, 4, rng=np.random.default_rng(1), voice=VOICE_OF.get)
    assert (len(walk), walk[0], walk[-1]) == (4, empty, empty)


@kinds
@given(data=st.data())
@some(80)
def test_partway_is_made_of_both_clips_and_keeps_what_both_have(kind: str, data: st.DataObject) -> None:
    kind_of = sources["drums" if kind == "drums" else "notes"]
    x, y = data.draw(kind_of), data.draw(kind_of)
    shared = data.draw(st.lists(st.sampled_from(x.notes), max_size=5)) if x.notes else []
    y = x.with_notes([*y.notes, *shared])  # laid out alike
    voice = VOICE_OF.get if kind == "drums" else None
    way = Partway.between(x, y, data.draw(st.floats(0, 1)), voice)
    assert way.apply(0) is x
    assert way.apply(len(way)) is y or not len(way)
    both = fields(x.notes) & fields(y.notes)
    places = {(n.pitch, n.start) for n in (*x.notes, *y.notes)}
    for count in range(1, len(way)):
        made = way.apply(count)
        assert not both - fields(made.notes)
        assert {(n.pitch, n.start) for n in made.notes} <= places
        assert overlaps(made.notes) <= overlaps(x.notes) | overlaps(y.notes)
    assert len(way) == pytest.approx(distance(x, y, voice=voice) * max(len(x.notes), len(y.notes), 1), abs=1e-6)
