"""Walks between clips: the steps chosen are the best there are, the ends are the clips, and what both have is never touched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.editing.evenness import FULL_STEP, Evenness, best_split, choose_steps, unevenness
from models.editing.interpolation import Mixing, PartialEdit, Path, even_steps
from models.families.drums import GM_KIT
from models.music.clip import Clip, Note
from models.music.distance import VoiceOf, distance
from tests.support.clips import fields, kinds, overlaps, some, sources

BEAT = Clip(tuple(Note(p, k, 0.25) for k in range(8) for p in (36, 42)), 8, channel=10)
OTHER = Clip(tuple(Note(p, k + 0.5, 0.25) for k in range(8) for p in (38, 46)), 8, channel=10)


def _path(clips: Sequence[Clip], voice: VoiceOf | None = GM_KIT.get) -> Path:
    """Lay clips on a path, each a little further on."""
    path = Path(clips[0], clips[-1], voice=voice)
    path.add(clips[1:-1], [k / (len(clips) - 1) for k in range(1, len(clips) - 1)])
    return path


def _far(walk: Sequence[Clip], voice: VoiceOf | None = GM_KIT.get) -> list[float]:
    return [distance(x, y, voice=voice) for x, y in pairwise(walk)]


def _mixed(share: float) -> Clip:
    """Take the first of one beat and the rest of the other."""
    first = [n for n in OTHER.notes if n.start < 8 * share]
    return BEAT.with_notes([*first, *(n for n in BEAT.notes if n.start >= 8 * share)])


@given(size=st.integers(2, 8), data=st.data())
@some(300)
def test_the_steps_chosen_are_the_best_of_all_there_are_to_choose(size: int, data: st.DataObject) -> None:
    steps = data.draw(st.integers(2, size))
    apart = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).random((size, size))

    def cost(chosen: tuple[int, ...]) -> float:
        return sum(float(apart[i, j]) ** 2 for i, j in pairwise(chosen))

    chosen = tuple(choose_steps(apart, steps))
    assert (chosen[0], chosen[-1], len(chosen)) == (0, size - 1, steps)
    assert all(i < j for i, j in pairwise(chosen))
    choices = ((0, *inner, size - 1) for inner in combinations(range(1, size - 1), steps - 2))
    assert cost(chosen) == pytest.approx(min(cost(choice) for choice in choices))


def test_on_a_straight_path_the_steps_are_equal() -> None:
    places = np.arange(13.0)
    assert choose_steps(np.abs(places[:, None] - places), 5) == [0, 3, 6, 9, 12]


def test_more_steps_than_clips_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="5 steps cannot be chosen from 3 clips"):
        choose_steps(np.zeros((3, 3)), 5)


@pytest.mark.parametrize("mixing", get_args(Mixing))
@pytest.mark.parametrize("steps", [2, 3, 6])
def test_a_walk_begins_and_ends_with_the_clips_and_has_as_many_steps_as_asked_for(mixing: Mixing, steps: int) -> None:
    clips = [BEAT, *(_mixed(share) for share in (0.1, 0.15, 0.2, 0.25, 0.8, 0.9)), OTHER]
    walk = even_steps(_path(clips), steps, rng=np.random.default_rng(1), mixing=mixing)
    assert len(walk) == steps
    assert walk[0] is BEAT
    assert walk[-1] is OTHER


def test_where_the_path_leaps_a_walk_is_evened_by_mixing() -> None:
    clips = [BEAT, *(_mixed(share) for share in (0.05, 0.06, 0.07, 0.95)), OTHER]

    def spread(mixing: Mixing) -> float:
        return unevenness(_far(even_steps(_path(clips), 5, rng=np.random.default_rng(1), mixing=mixing)))

    assert spread("anywhere") < 0.25 < spread("nowhere")


def test_with_mixing_nowhere_every_step_is_a_clip_of_the_path_and_before_the_last_nothing_of_the_last_is_mixed_in() -> None:
    clips = [BEAT, _mixed(0.1), _mixed(0.2), _mixed(0.3), OTHER]
    chosen = even_steps(_path(clips), 4, rng=np.random.default_rng(1), mixing="nowhere")
    assert all(any(step is clip for clip in clips) for step in chosen)
    walk = even_steps(_path(clips), 4, rng=np.random.default_rng(1), mixing="before the last")
    there = {(n.pitch, n.start) for clip in clips[:-1] for n in clip.notes}
    assert {(n.pitch, n.start) for clip in walk[:-1] for n in clip.notes} <= there


def test_a_walk_of_clips_that_are_all_alike_stays() -> None:
    walk = even_steps(_path([BEAT] * 6), 4, rng=np.random.default_rng(1))
    assert walk == [BEAT] * 4


def test_between_two_empty_clips_there_is_a_walk_whatever_was_decoded_between_them() -> None:
    empty = Clip((), 8, channel=10)
    clips = [empty, BEAT, *(empty for _ in range(6)), OTHER, empty]
    walk = even_steps(_path(clips), 4, rng=np.random.default_rng(1))
    assert (len(walk), walk[0], walk[-1]) == (4, empty, empty)


def test_unevenness_is_how_much_steps_vary_for_their_mean() -> None:
    assert unevenness([0.2, 0.2, 0.2]) == pytest.approx(0)
    assert unevenness([0.0, 0.2]) == 1
    assert unevenness([0.0, 0.0]) == 0


def test_the_best_split_of_seven_notes_into_three_steps_is_three_two_two() -> None:
    assert best_split(7, 3) == pytest.approx(unevenness([3, 2, 2]))
    assert best_split(6, 3) == pytest.approx(0)
    assert best_split(1, 3) == pytest.approx(2**0.5)


def test_steps_of_many_changes_may_vary_by_a_quarter_and_those_of_fewer_by_hardly_more_than_the_best_split() -> None:
    assert Evenness(FULL_STEP * 6, 6).most == 0.25
    assert Evenness(FULL_STEP * 6 - 6, 6).most == 0.05
    assert Evenness(8, 6).most == pytest.approx(best_split(8, 6) + 0.05)


def test_a_walk_may_stand_still_only_where_there_are_fewer_changes_than_steps() -> None:
    still = [0.0] + [0.1] * 11
    assert unevenness(still) < Evenness(16, 12).most
    assert not Evenness(16, 12).holds(still)
    assert Evenness(11, 12).holds(still)


@given(data=st.data())
@some(100)
def test_between_clips_a_few_notes_apart_a_walk_is_as_even_as_whole_notes_can_be(data: st.DataObject) -> None:
    """Whatever was decoded between them: nothing but the ends again, a mix of them, or other music."""
    steps = data.draw(st.integers(2, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    changes = data.draw(st.integers(1, min(FULL_STEP * steps - 1, 16)))
    notes = [Note(int(rng.integers(50, 70)), k / 2, 0.25) for k in range(16)]
    moved = set(rng.permutation(16)[:changes].tolist())
    a = Clip(tuple(notes), 8)
    b = a.with_notes(Note(n.pitch + 20, n.start, 0.25) if k in moved else n for k, n in enumerate(notes))
    decoded = {
        "the ends": [a, a, a, a, b, b, b, b],
        "a mix": [a.with_notes(b.notes[k] if rng.random() < 0.5 else n for k, n in enumerate(notes)) for _ in range(8)],
        "other music": [a.with_notes(Note(int(rng.integers(30, 50)), k / 2, 0.25) for k in range(16)) for _ in range(8)],
    }
    path = _path([a, *decoded[data.draw(st.sampled_from(sorted(decoded)))], b], None)
    far = _far(even_steps(path, steps + 1, rng=rng), None)
    assert unevenness(far) <= best_split(changes, steps) + 0.05
    assert changes < steps or min(far) > 0


def test_no_more_is_mixed_than_evenness_needs() -> None:
    even = [BEAT, *(_mixed(share) for share in (0.25, 0.5, 0.75)), OTHER]
    walk = even_steps(_path(even), 5, rng=np.random.default_rng(1))
    assert all(any(step is clip for clip in even) for step in walk)
    leap = [even[0], even[1], *([even[1]] * 3), even[3], even[4]]
    walk = even_steps(_path(leap), 5, rng=np.random.default_rng(1))
    assert sum(not any(step is clip for clip in leap) for step in walk) == 1


@kinds
@given(data=st.data())
@some(80)
def test_a_partial_edit_is_made_of_both_clips_and_keeps_what_both_have(kind: str, data: st.DataObject) -> None:
    kind_of = sources["drums" if kind == "drums" else "notes"]
    x, y = data.draw(kind_of), data.draw(kind_of)
    shared = data.draw(st.lists(st.sampled_from(x.notes), max_size=5)) if x.notes else []
    y = x.with_notes([*y.notes, *shared])  # laid out alike
    voice = GM_KIT.get if kind == "drums" else None
    edit = PartialEdit.between(x, y, data.draw(st.floats(0, 1)), voice)
    assert edit.apply(0) is x
    assert edit.apply(len(edit)) is y or not len(edit)
    both = fields(x.notes) & fields(y.notes)
    places = {(n.pitch, n.start) for n in (*x.notes, *y.notes)}
    for count in range(1, len(edit)):
        made = edit.apply(count)
        assert not both - fields(made.notes)
        assert {(n.pitch, n.start) for n in made.notes} <= places
        assert overlaps(made.notes) <= overlaps(x.notes) | overlaps(y.notes)
    assert len(edit) == pytest.approx(distance(x, y, voice=voice) * max(len(x.notes), len(y.notes), 1), abs=1e-6)
