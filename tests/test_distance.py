"""The distance of design §7, against a dense assignment that is slow and obviously right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music import distance as distance_module
from models.music import large_matching, many_distances
from models.music.assignment import assign
from models.music.clip import Clip, Note
from models.music.distance import Comparison, VoiceOf, compare, distance, distances
from models.music.many_distances import Distances, match_many

VOICES = {36: 0, 38: 1, 40: 1}.get  # 37 is a pad of no voice


def clip(*notes: tuple[int, float], start: float = 0.0) -> Clip:
    return Clip(tuple(Note(pitch, onset, 0.25) for pitch, onset in notes), beats=8, start=start)


def edits_by_assignment(a: Clip, b: Clip, voice: VoiceOf | None) -> int:
    gains = np.zeros((len(a.notes), len(b.notes)), dtype=int)
    for i, x in enumerate(a.notes):
        for j, y in enumerate(b.notes):
            apart = abs((x.start - a.start) - (y.start - b.start)) - 1e-9
            has_one_voice = voice is not None and voice(x.pitch) is not None and voice(x.pitch) == voice(y.pitch)
            if x.pitch == y.pitch and apart <= 1 / 32:
                gains[i, j] = 2
            elif apart <= 1 / 32 or ((x.pitch == y.pitch or has_one_voice) and apart <= 1):
                gains[i, j] = 1
    return len(a.notes) + len(b.notes) - int(sum(gains[i, j] for i, j in assign(-gains)))


# Onsets crowd around a few places, 1/64 beat apart, so that notes compete for each other.
onsets = st.builds(lambda place, shift: place / 2 + shift / 64, st.integers(-1, 5), st.integers(-3, 3))
crowded = st.lists(st.builds(Note, st.integers(36, 40), onsets, st.just(0.25)), max_size=14)
clips = st.builds(lambda notes, start: Clip(tuple(notes), 4, start), crowded, st.sampled_from([0.0, 0.1, -2.0]))
voices = st.sampled_from([None, VOICES])


@settings(max_examples=300, deadline=None)
@given(clips, clips, voices)
def test_the_assignment_is_optimal(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    assert distance(a, b, voice=voice) == edits_by_assignment(a, b, voice) / max(len(a.notes), len(b.notes), 1)


@settings(max_examples=100, deadline=None)
@given(clips, clips, voices)
def test_distance_is_symmetric_and_never_more_than_two(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    assert 0 <= distance(a, b, voice=voice) == distance(b, a, voice=voice) <= 2


@settings(max_examples=100, deadline=None)
@given(clips, clips, voices)
def test_a_comparison_uses_every_note_once_and_only_allowed_pairs(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    found = compare(a, b, voice=voice)
    assert sorted([i for i, _ in found.kept + found.moved] + list(found.dropped)) == list(range(len(a.notes)))
    assert sorted([j for _, j in found.kept + found.moved] + list(found.added)) == list(range(len(b.notes)))
    for pairs, edits in ((found.kept, 0), (found.moved, 1)):
        for i, j in pairs:
            assert edits_by_assignment(a.with_notes([a.notes[i]]), b.with_notes([b.notes[j]]), voice) == edits
    assert found.distance == distance(a, b, voice=voice)


@given(clips)
def test_a_clip_is_at_distance_zero_from_itself_in_any_order_and_place(a: Clip) -> None:
    shifted = Clip(tuple(replace(n, start=n.start + 7) for n in reversed(a.notes)), a.beats, a.start + 7)
    assert distance(a, a) == distance(a, shifted) == 0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (clip(), clip(), 0),
        (clip(), clip((60, 0), (62, 1)), 1),
        (clip((60, 1)), clip((60, 1 + 1 / 32)), 0),
        (clip((60, 1)), clip((60, 1.04)), 1),
        (clip((60, 1)), clip((60, 2)), 1),
        (clip((60, 1)), clip((60, 2.01)), 2),
        (clip((60, 1)), clip((72, 1)), 1),
        (clip((60, 1)), clip((72, 1.25)), 2),
        (clip((60, 1), (64, 2)), clip((60, 1)), 0.5),
        (clip((60, 0)), clip((60, 16), start=16), 0),
        (clip((60, 0.1)), clip((60, 0.3), start=0.2), 0),
    ],
)
def test_notes_are_kept_moved_dropped_and_added_as_the_design_says(a: Clip, b: Clip, expected: float) -> None:
    assert distance(a, b) == expected


def test_pads_of_one_drum_voice_are_moved_not_dropped() -> None:
    a, b = clip((38, 0), (37, 2)), clip((40, 0.5), (36, 2.5))
    assert distance(a, b) == 2
    assert distance(a, b, voice=VOICES) == 1.5


def test_two_moves_do_not_cost_a_kept_note() -> None:
    found = compare(clip((60, 0), (60, 1)), clip((60, 1), (60, 2)))
    assert (found.kept, found.moved, found.dropped, found.added) == (((1, 0),), (), (0,), (1,))


def test_a_comparison_gives_velocity_duration_and_feel_their_own_figures() -> None:
    a = Clip((Note(60, 0, 1, 100), Note(62, 1, 1, 80), Note(90, 3, 1, 1)), 4)
    b = Clip((Note(60, 1 / 64, 0.5, 90), Note(65, 1, 1, 84)), 4)
    assert compare(a, b) == Comparison(((0, 0),), ((1, 1),), (2,), (), velocity=7, duration=0.25, feel=1 / 64)


def test_many_distances_at_once_are_the_same_distances() -> None:
    rng = np.random.default_rng(3)
    a, *others = (random_clip(int(rng.integers(0, 40)), 8, rng) for _ in range(9))
    others += [a.with_notes([*a.notes[::2], *b.notes]) for b in others]  # notes that were met before
    assert distances(a, others, voice=VOICES) == [distance(a, b, voice=VOICES) for b in others]


@pytest.mark.parametrize(("most_left", "cells"), [(64, 2**19), (3, 40)])
@settings(max_examples=100, deadline=None)
@given(some=st.lists(clips, min_size=1, max_size=6), voice=voices)
def test_distances_of_many_pairs_over_arrays_are_the_same(
    most_left: int, cells: int, some: list[Clip], voice: VoiceOf | None
) -> None:
    pairs = [(i, j) for i in range(len(some)) for j in range(len(some))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many_distances, "MOST_LEFT", most_left)
        patch.setattr(many_distances, "CELLS", cells)
        found = Distances(some[:2], voice=voice)
        found.add(some[2:])
        assert found.between(pairs) == [distance(some[i], some[j], voice=voice) for i, j in pairs]


@pytest.mark.parametrize("most_notes", [512, 20])
def test_distances_along_a_walk_of_longer_clips_are_the_same_over_arrays(
    most_notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_distances, "MOST_NOTES", most_notes)
    rng = np.random.default_rng(6)
    a, b = random_clip(60, 16, rng), random_clip(45, 16, rng)
    walk = [a.with_notes([*a.notes[: 60 - 6 * k], *b.notes[: 5 * k]]) for k in range(10)]
    pairs = [(i, j) for i in range(10) for j in range(10)]
    assert Distances(walk, voice=VOICES).between(pairs) == [distance(walk[i], walk[j], voice=VOICES) for i, j in pairs]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_matchings_of_many_graphs_are_the_largest(share: float) -> None:
    edges = np.random.default_rng(7).random((60, 9, 12)) < share
    assert match_many(edges).tolist() == [sum(int(graph[i, j]) for i, j in assign(-graph.astype(float))) for graph in edges]


@settings(max_examples=300, deadline=None)
@given(clips, clips, voices)
def test_large_clips_are_matched_as_small_ones_are(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    small = compare(a, b, voice=voice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance_module, "LARGE", 0)
        assert compare(a, b, voice=voice) == small


@pytest.mark.parametrize("large", [0, 4096])
def test_crowded_clips_are_matched_as_well_where_paths_are_long(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    pairs = [(random_clip(90, 1.5, rng), random_clip(90, 1.5, rng)) for _ in range(6)]
    expected = [edits_by_assignment(a, b, VOICES) / 90 for a, b in pairs]
    monkeypatch.setattr(distance_module, "LARGE", large)
    monkeypatch.setattr(distance_module, "PATIENCE", -1)
    monkeypatch.setattr(large_matching, "PATIENCE", -1)
    monkeypatch.setattr(large_matching, "LEAST", 0)
    assert [distance(a, b, voice=VOICES) for a, b in pairs] == expected


@pytest.mark.parametrize(
    ("notes", "beats", "limit"), [(40, 8, 100), (1_000, 128, 250), (10_000, 1_000, 250), (10_000, 8, 1_400)]
)
def test_the_work_of_a_note_does_not_grow_with_the_clip_and_little_where_it_is_crowded(
    notes: int, beats: int, limit: int
) -> None:
    rng = np.random.default_rng(5)
    a, b = random_clip(notes, beats, rng), random_clip(notes, beats, rng)
    assert executed_lines(lambda: distance(a, b)) < limit * notes  # about twice what it takes; seconds depend on the machine


def executed_lines(call: Callable[[], object]) -> int:
    """Count the lines of Python that a call executes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def random_clip(notes: int, beats: float, rng: np.random.Generator) -> Clip:
    pitches, starts = rng.integers(36, 45, notes), rng.uniform(0, beats, notes)
    return Clip(tuple(Note(int(p), float(s), 0.25) for p, s in zip(pitches, starts, strict=True)), beats)
