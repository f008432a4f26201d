"""The baselines give what they promise: a distance, exact ends, an even way between, and the music they were fitted to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from models.evaluation.baselines import Markov, crossfade, random_edits
from models.music.clip import Clip, Note
from models.music.distance import VoiceOf, distance
from models.music.morph import is_single_line
from tests.support.made_up_clips import CHORDS, PAIRS, VOICE, drum_clip, tune


def crossfade_with_seed(a: Clip, b: Clip, at: float, *, voice: VoiceOf | None) -> Clip:
    return crossfade(a, b, at, rng=np.random.default_rng(5), voice=voice)


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
    assert random_edits(empty, 0.5, rng=np.random.default_rng(1)) == empty
    with pytest.raises(ValueError, match=r"amount 1\.5 is not in 0\.\.1"):
        random_edits(empty, 1.5, rng=np.random.default_rng(1))


@pytest.mark.parametrize(("a", "b", "voice"), PAIRS)
def test_the_ends_are_the_clips_themselves_and_the_way_between_is_even(a: Clip, b: Clip, voice: VoiceOf | None) -> None:
    steps = [crossfade_with_seed(a, b, k / 8, voice=voice) for k in range(9)]
    assert steps[0] is a
    assert steps[-1] is b
    whole = distance(a, b, voice=voice)
    for near, far in pairwise(steps):
        assert distance(near, far, voice=voice) <= 0.4 * whole  # an even eighth would be 0.125, were the way straight
    assert all(is_single_line(clip) for clip in steps) or not (voice is None and is_single_line(a) and is_single_line(b))


def test_between_clips_of_unequal_length_the_shorter_is_repeated() -> None:
    a = Clip((Note(36, 10, 0.5), Note(38, 11, 0.5)), 2, start=10, meter=(2, 4), loop=(10, 12))
    b = Clip(tuple(Note(p, t, 0.5) for t, p in enumerate((36, 38, 36, 38, 36))), 5, meter=(5, 4))
    middle = crossfade_with_seed(a, b, 0.5, voice=VOICE)
    assert (middle.start, middle.beats, middle.meter, middle.loop) == (10, 5, (2, 4), None)
    assert distance(middle, b, voice=VOICE) <= 0.4
    assert crossfade_with_seed(b, a, 0.5, voice=VOICE).start == 0


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
