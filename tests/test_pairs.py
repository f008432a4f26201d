"""The judges of pairs: which pairs are found, what is said of them, and who is told from a musician."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from models.editing.others import Other
from models.evaluation.baselines import random_edits
from models.evaluation.data import EvaluationData, Sizes, Take
from models.evaluation.figures import Figures
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.pair_features import describe, show_pairs, tells
from models.evaluation.pairs import BARS_APART, LEAST, MOST, mine_pairs, pairs
from models.evaluation.product import Path as Way
from models.evaluation.product import Variations, VarySettings
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.music.clip import Clip, Note
from models.music.distance import distance
from models.store import load_torch_model
from tests.support.made_up import BAR_STEPS, BEAT, LINE, as_windows, changed, grooves, without

DRUM_FAMILY, MELODY_FAMILY = find_family("drums"), find_family("melody")
EVERY, C_MAJOR = frozenset(range(12)), frozenset({0, 2, 4, 5, 7, 9, 11})
SMALL = Sizes(varied_pairs=50, halvings=1)


def take(piece: int, bars: int) -> Take:
    """A beat of a piece's own, of which each bar is played a little differently."""
    rng = np.random.default_rng(piece)
    first = grooves(1, 1, seed=piece).grid.tokens[0, :BAR_STEPS, 0]
    rows = np.concatenate([first ^ np.where(rng.random(BAR_STEPS) < 0.15, 1 << rng.integers(3, 9), 0) for _ in range(bars)])
    struck = DRUM_FAMILY.vocabulary.onsets[rows]
    grid = Grid(rows[None, :, None], struck[None].astype(np.float32) * 0.8, np.zeros((1, *struck.shape), np.float32))
    windows = as_windows(grid).grid
    return Take(piece, windows, np.arange(len(windows)))


TAKES = tuple(take(piece, 12) for piece in range(16))


# --- finding ----------------------------------------------------------------------------------------------------------------


def test_pairs_are_windows_of_one_piece_at_distances_that_variations_have_a_few_of_each_piece() -> None:
    found = mine_pairs(TAKES, DRUM_FAMILY, np.random.default_rng(0), 1000)
    assert len(found) > 60
    assert max(np.bincount(found.piece)) <= 8
    lane_of = DRUM_FAMILY.lane_of
    far = [distance(a, b, voice=lane_of) for a, b in zip(found.first, found.second, strict=True)]
    assert far == found.far.tolist()
    assert min(far) >= LEAST
    assert max(far) <= MOST + 1e-9
    assert len({(p, clip.notes) for p, clip in zip(found.piece.tolist(), found.first, strict=True)}) == len(found)


def test_the_same_draw_finds_the_same_pairs() -> None:
    a, b = (mine_pairs(TAKES, DRUM_FAMILY, np.random.default_rng(3), 20) for _ in range(2))
    assert (a.first, a.second) == (b.first, b.second)
    assert len(a) == 20


def test_windows_of_a_pair_do_not_overlap_and_those_of_struck_music_are_near_each_other() -> None:
    two = TAKES[0].windows[:2]
    for apart, is_pair in ((1, False), (2, True), (BARS_APART, True), (BARS_APART + 1, False)):
        near = Take(0, two, np.array([5, 5 + apart]))
        assert bool(len(mine_pairs([near], DRUM_FAMILY, np.random.default_rng(0), 9))) == is_pair


def test_without_takes_nothing_is_found() -> None:
    assert len(mine_pairs([], DRUM_FAMILY, np.random.default_rng(0), 9)) == 0


# --- features ---------------------------------------------------------------------------------------------------------------


def test_what_is_added_to_a_beat_is_described() -> None:
    ride = BEAT.with_notes((*BEAT.notes, Note(51, 1.25, 0.25), Note(51, 5.25, 0.25)))
    said = describe(DRUM_FAMILY, BEAT, ride, EVERY)
    expected = {
        "notes_grow": 2,
        "share_added": 1,
        "added_ride": 1,
        "ride_comes": 1,
        "added_not_used_before": 1,
        "added_in_both_bars": 1,
        "added_first_quarter": 0.5,
        "added_third_quarter": 0.5,
        "added_on_step_2_of_beat": 1,
        "added_alone": 1,
        "bars_differ_after": 0,
        "single_changes": 1,
        "changed_beats": 0.25,
        "vocabulary_grows": 1,
        "longest_gap_grows": 0,
    }
    assert {name: said[name] for name in expected} == pytest.approx(expected)
    assert "dropped_first_quarter" not in said


def test_what_a_line_gets_that_its_scale_has_not_is_described() -> None:
    tune = LINE.with_notes(Note(pitch, float(k), 1.0) for k, pitch in enumerate((60, 62, 64, 65, 67, 65, 64, 62)))
    said = describe(MELODY_FAMILY, tune, changed(without(tune, 7), 4, pitch=73), C_MAJOR)
    expected = {
        "added_outside_scale": 1,
        "added_beyond_range": 1,
        "range_grows": 6,
        "notes_ratio": 7 / 8,
        "moved_in_place": 1,
        "repitched_by": 6,
        "share_dropped": 0.5,
        "dropped_last_quarter": 0.5,
        "outside_scale_before": 0,
        "outside_scale_after": 1 / 7,
        "longest_gap_grows": 4,
        "pitch_classes_grows": 0,
    }
    assert {name: said[name] for name in expected} == pytest.approx(expected)


def test_the_judges_see_no_velocity_no_timing_and_no_length() -> None:
    plain = [show_pairs(family, [a], [b], [C_MAJOR], np.zeros(1, np.int64)) for family, a, b in _felt(0)]
    felt = [show_pairs(family, [a], [b], [C_MAJOR], np.zeros(1, np.int64)) for family, a, b in _felt(1)]
    for a, b in zip(plain, felt, strict=True):
        assert a.names == b.names
        np.testing.assert_array_equal(a.table, b.table)
        np.testing.assert_array_equal(a.picture, b.picture)


def _felt(how: int) -> list[tuple[Family, Clip, Clip]]:
    def feel(clip: Clip) -> Clip:
        changed_by = {"velocity": 30.0, "duration": 0.125} if how else {}
        return clip.with_notes(replace(n, **changed_by) for n in clip.notes)  # type: ignore[arg-type]

    return [(DRUM_FAMILY, feel(BEAT), feel(without(BEAT, 3))), (MELODY_FAMILY, feel(LINE), feel(changed(LINE, 2, pitch=70)))]


def test_one_number_tells_what_it_tells() -> None:
    low, high, none = np.array([1.0, 2, np.nan]), np.array([3.0, 4]), np.array([np.nan])
    assert tells(low, high) == tells(high, low) == 1
    assert tells(low, low) == 0.5
    assert tells(low, none) == 0.5


# --- judging ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Player:
    """A product whose variations are what `second` says, and which can do nothing else."""

    seconds: dict[tuple[Note, ...], Clip]

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        rng = np.random.default_rng((seed, len(clips[0].notes)))
        found = [self.seconds.get(clip.notes) for clip in clips]
        edits = [random_edits(clip, settings.amount, rng=rng, voice=DRUM_FAMILY.lane_of) for clip in clips]
        return Variations(tuple((b or edited,) for b, edited in zip(found, edits, strict=True)))

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        raise NotImplementedError

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Way = "even", seed: int) -> Sequence[Clip]:
        raise NotImplementedError

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        raise NotImplementedError

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        raise NotImplementedError


def figures_of(player: Player, models: Path, takes: tuple[Take, ...]) -> Figures:
    model = load_torch_model(str(models / "drums"))
    data = EvaluationData(grooves(6), None, np.zeros(0, np.uint64), takes=takes)
    return dict(pairs(ModelEvaluation(model, player, data, sizes=SMALL)))


def test_who_plays_what_musicians_played_is_not_told_from_them_and_random_edits_are(tiny_models: Path) -> None:
    model = load_torch_model(str(tiny_models / "drums"))
    data = EvaluationData(grooves(6), None, np.zeros(0, np.uint64), takes=TAKES)
    e = ModelEvaluation(model, Player({}), data, sizes=SMALL)
    found = mine_pairs(TAKES, DRUM_FAMILY, e.rng("pairs"), SMALL.varied_pairs)
    musician = Player(dict(zip((c.notes for c in e.clips(found.grid)), found.second, strict=True)))
    figures = figures_of(musician, tiny_models, TAKES)
    assert figures["pairs"] == figures["pairs_judged"] == 50
    assert figures["pair_auc"] == pytest.approx(0.5, abs=0.02)
    edits = figures["baseline.random_edits.pair_auc"]
    assert isinstance(edits, float)
    assert edits > 0.6
    assert str(figures["pair_tell_1"]).count("real") == 1
    assert isinstance(figures["control.pairs"], float)


def test_too_few_pieces_are_not_judged(tiny_models: Path) -> None:
    figures = figures_of(Player({}), tiny_models, TAKES[:2])
    assert figures["pair_auc"] is None
    assert figures["pair_void"] == "too few pieces with pairs to judge by"
