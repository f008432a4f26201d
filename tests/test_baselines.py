"""The baselines give what they promise: a distance, exact ends, an even way between, and the music they were fitted to."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

import numpy as np
import pytest

from models.baselines import is_single_line, morph
from models.clip import Clip, Note
from models.distance import VoiceOf, distance
from models.evaluation.baselines import Markov, crossfade, random_edits
from models.grid import VOICE_OF

VOICE = VOICE_OF.get


class Way(Protocol):
    """A way from one clip to another."""

    def __call__(self, a: Clip, b: Clip, at: float, *, voice: VoiceOf | None) -> Clip: ...


def crossfade_with_seed(a: Clip, b: Clip, at: float, *, voice: VoiceOf | None) -> Clip:
    return crossfade(a, b, at, rng=np.random.default_rng(5), voice=voice)


def drum_clip(seed: int, beats: int = 8) -> Clip:
    rng = np.random.default_rng(seed)
    hits = [(pad, step) for pad in (36, 38, 42, 46, 81) for step in range(4 * beats) if rng.random() < 0.25]
    notes = (Note(p, t / 4 + rng.normal(0, 0.02), 0.1, float(rng.integers(30, 127))) for p, t in hits)
    return Clip(tuple(notes), beats, channel=10).in_order()


def tune(seed: int, beats: int = 8) -> Clip:
    rng = np.random.default_rng(seed)
    starts = [t / 4 for t in range(4 * beats) if rng.random() < 0.4]
    ends = [*starts[1:], float(beats)]
    return Clip(
        tuple(Note(int(rng.choice([60, 62, 64, 67, 69])), s, e - s, 80.0) for s, e in zip(starts, ends, strict=True)), beats
    )


CHORDS = Clip(tuple(Note(p + k, 2.0 * k, 2.5) for k in range(4) for p in (48, 52, 55)), 8)
PAIRS = [(drum_clip(1), drum_clip(2), VOICE), (tune(1), tune(2), None), (CHORDS, tune(3), None)]
WAYS: list[Way] = [morph, crossfade_with_seed]


@pytest.mark.parametrize("amount", [0, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(("clip", "voice"), [(drum_clip(1), VOICE), (tune(1), None), (CHORDS, None)])
def test_random_edits_lie_at_the_distance_asked_for(clip: Clip, voice: VoiceOf | None, amount: float) -> None:
    for seed in range(5):
        edited = random_edits(clip, amount, rng=np.random.default_rng(seed), voice=voice)
        assert abs(distance(clip, edited, voice=voice) - amount) <= 0.5 / max(len(clip.notes), len(edited.notes)) + 1e-9
        assert {note.pitch for note in edited.notes} <= {note.pitch for note in clip.notes}
        assert all(-0.125 <= note.start < clip.end for note in edited.notes)
        assert not is_single_line(clip) or is_single_line(edited)


def test_random_edits_leave_the_number_of_notes_about_as_it_is() -> None:
    clip = drum_clip(1)
    counts = [len(random_edits(clip, 0.5, rng=np.random.default_rng(s), voice=VOICE).notes) for s in range(20)]
    assert np.mean(counts) == pytest.approx(len(clip.notes), rel=0.06)


def test_random_edits_depend_on_the_seed_alone() -> None:
    first, again, other = (random_edits(tune(1), 0.4, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other


def test_edited_notes_forget_where_they_came_from_and_the_others_do_not() -> None:
    clip = tune(1)
    clip = clip.with_notes(replace(n, from_clip=0, from_note=i) for i, n in enumerate(clip.notes))
    for note in random_edits(clip, 0.5, rng=np.random.default_rng(1)).notes:
        assert note.is_untouched == (note in clip.notes)
        assert not note.is_untouched or clip.notes[note.from_note] == note


def test_a_vocabulary_gives_the_new_pitches() -> None:
    edited = random_edits(tune(1), 0.6, rng=np.random.default_rng(1), vocabulary=[61, 63])
    assert {n.pitch for n in edited.notes if n.pitch not in {m.pitch for m in tune(1).notes}} <= {61, 63}


def test_an_empty_clip_stays_empty_and_an_impossible_amount_is_refused() -> None:
    empty = Clip((), 8)
    assert random_edits(empty, 0.5, rng=np.random.default_rng(1)) == morph(empty, replace(empty, name="b"), 0.5) == empty
    with pytest.raises(ValueError, match=r"amount 1\.5 is not in 0\.\.1"):
        random_edits(empty, 1.5, rng=np.random.default_rng(1))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("a", "b", "voice"), PAIRS)
def test_the_ends_are_the_clips_themselves_and_the_way_between_is_even(
    way: Way, a: Clip, b: Clip, voice: VoiceOf | None
) -> None:
    steps = [way(a, b, k / 8, voice=voice) for k in range(9)]
    assert steps[0] is a
    assert steps[-1] is b
    whole = distance(a, b, voice=voice)
    for near, far in pairwise(steps):
        assert distance(near, far, voice=voice) <= 0.4 * whole  # an even eighth would be 0.125, were the way straight
    assert all(is_single_line(clip) for clip in steps) or not (voice is None and is_single_line(a) and is_single_line(b))


@pytest.mark.parametrize(("a", "b", "voice"), PAIRS)
def test_a_morph_arrives_where_it_is_going(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    for source, at in ((a, 1e-9), (b, 1 - 1e-9)):
        assert distance(source, morph(a, b, at, voice=voice), voice=voice) <= 0.5 / len(source.notes)


def test_a_morph_moves_a_note_in_sixteenths_and_glides_in_feel_and_force() -> None:
    a, b = Clip((Note(60, 1, 1, 40),), 4), Clip((Note(64, 1.52, 0.5, 100),), 4)
    halfway = morph(a, b, 0.5).notes[0]
    assert (halfway.start, halfway.duration, halfway.velocity) == pytest.approx((1.26, 0.75, 70))
    path = [morph(a, b, k / 50).notes[0] for k in range(51)]
    assert {n.pitch for n in path} <= {60, 64}  # no pitch class that neither clip has
    assert all(math.isclose(n.start % 0.25, k / 50 * 0.02, abs_tol=1e-9) for k, n in enumerate(path))


def test_a_morph_leads_no_hit_to_another_drum_voice() -> None:
    a, b = Clip((Note(36, 0, 0.1), Note(38, 1, 0.1)), 4), Clip((Note(42, 0, 0.1), Note(40, 1.5, 0.1)), 4)
    for k in range(21):
        assert {n.pitch for n in morph(a, b, k / 20, voice=VOICE).notes} <= {36, 38, 40, 42}
    assert {n.start for n in morph(a, b, 0.5, voice=VOICE).notes if n.pitch in (38, 40)} == {1.25}


def test_what_has_no_partner_goes_and_comes_one_by_one() -> None:
    a, b = Clip(tuple(Note(36, t, 0.1) for t in range(8)), 8), Clip((), 8)
    assert [len(morph(a, b, k / 8 + 0.001, voice=VOICE).notes) for k in range(8)] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [len(morph(b, a, k / 8 + 0.001, voice=VOICE).notes) for k in range(8)] == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("way", WAYS)
def test_between_clips_of_unequal_length_the_shorter_is_repeated(way: Way) -> None:
    a = Clip((Note(36, 10, 0.5), Note(38, 11, 0.5)), 2, start=10, meter=(2, 4), loop=(10, 12))
    b = Clip(tuple(Note(p, t, 0.5) for t, p in enumerate((36, 38, 36, 38, 36))), 5, meter=(5, 4))
    middle = way(a, b, 0.5, voice=VOICE)
    assert (middle.start, middle.beats, middle.meter, middle.loop) == (10, 5, (2, 4), None)
    assert distance(middle, b, voice=VOICE) <= 0.4
    assert way(b, a, 0.5, voice=VOICE).start == 0


def test_a_markov_chain_repeats_what_it_alone_has_seen() -> None:
    song = np.random.default_rng(1).integers(0, 512, (1, 32))
    assert (Markov.fit(song, order=3).sample(4, np.random.default_rng(2)) == song).all()


def test_a_markov_chain_draws_tokens_as_often_as_they_followed_there() -> None:
    windows = np.array([[0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1], [2, 3, 2, 3]])
    drawn = Markov.fit(windows, order=1, bar=2).sample(2000, np.random.default_rng(1))
    assert {tuple(row) for row in drawn.tolist()} == {(0, 1, 0, 1), (2, 3, 2, 3)}
    assert np.mean(drawn[:, 0] == 0) == pytest.approx(0.75, abs=0.04)


def test_a_markov_chain_backs_off_where_it_never_was() -> None:
    chain = Markov.fit(np.array([[0, 5], [1, 6]]), order=1, bar=2)
    chain = replace(chain, steps=4)  # steps 2 and 3: no token ever followed 5 or 6
    drawn = chain.sample(50, np.random.default_rng(1))
    assert set(drawn[:, 2].tolist()) == {0, 1}
    assert (drawn[:, 3] == drawn[:, 2] + 5).all()


def test_a_markov_chain_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="windows"):
        Markov.fit(np.zeros(4, int))
    with pytest.raises(ValueError, match="order 7"):
        Markov.fit(np.full((1, 4), 511), order=7)
