"""What `evaluate` measures: the judges, the copies, the residual and the figures, on music made up here."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bridge.engine import Engine
from bridge.evaluation import EngineProduct, evaluate_model
from models.editing.others import Other
from models.evaluation.data import EvaluationData, Sizes
from models.evaluation.evaluate import evaluate
from models.evaluation.features import FeatureView, features
from models.evaluation.figures import Figures
from models.evaluation.judge import LabelledWindows, judge, judge_halves
from models.evaluation.memorization import count_copies, window_hashes
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.product import Path as Way
from models.evaluation.product import Variations, VarySettings
from models.evaluation.reconstruction import note_f1, reconstruction, whole_files
from models.evaluation.samples import samples
from models.evaluation.scales import best_scale, count_outside, count_own_outside
from models.evaluation.variations import notes_ratio, rest_notes, varied_files
from models.families.grid import Grid
from models.families.melody import Melody, lengths
from models.families.registry import find_family
from models.families.sustained import HOLD, REST, sounding
from models.music.clip import Clip, Note
from models.store import load_torch_model
from models.training.dataset import Windows
from tests.support.made_up import BEAT, LINE, changed, grooves, melodies, without

DRUM_FAMILY, MELODY_FAMILY = find_family("drums"), find_family("melody")
VOICE = DRUM_FAMILY.lane_of
SMALL = Sizes(windows=40, middles=14, files=2, varied_files=2, halvings=1)
BAR = [60, HOLD, HOLD, REST, 62, HOLD, 64, 64, *[REST] * 8]
OUTSIDE = {"outside_scale_01", "outside_scale_03", "outside_scale_06", "floor.copy.outside_scale"}
FIGURES = """model data split clips step_accuracy step_accuracy_tf onset_precision onset_recall onset_f1 pitch_accuracy
    velocity_mae timing_mae_ms velocity_kl timing_kl rate_nats sample_auc vary_auc_03 vary_auc_06 middle_auc sample_copies
    overlap_density overlap_pitch_class overlap_interval overlap_duration void control.held_out control.markov
    floor.copy.step_accuracy floor.rest.step_accuracy floor.repeat.onset_f1 floor.train.sample_auc floor.train.middle_auc
    pair_auc file_onset_f1 notes_ratio_01 notes_ratio_03 notes_ratio_06 rest_notes
    floor.test.sample_copies floor.train.overlap_density baseline.markov.sample_auc baseline.gaussian.sample_auc
    baseline.slerp.sample_auc baseline.slerp.middle_auc baseline.crossfade.middle_auc baseline.morph.middle_auc
    baseline.random_edits.vary_auc_03 baseline.random_edits.vary_auc_06"""
ONLY_MELODIES = {"pitch_accuracy", "overlap_interval", "overlap_duration", *OUTSIDE}
TO_COME = {"routing_accuracy"}


def labelled(windows: Windows, first: int = 0) -> LabelledWindows:
    return LabelledWindows(windows.grid, windows.piece + first)


# --- copies ---------------------------------------------------------------------------------------------------------------


def test_a_window_with_one_other_step_is_a_copy_and_one_with_two_is_not() -> None:
    known = grooves(4).grid.tokens
    hashes = window_hashes(known, DRUM_FAMILY)
    one, two = known.copy(), known.copy()
    one[:, 7] ^= 1 << 8
    two[:, [7, 20]] ^= 1 << 8
    counts = [count_copies(tokens, hashes, DRUM_FAMILY) for tokens in (known, one, two)]
    assert counts == [len(known), len(known), 0]


def test_a_melody_in_another_key_is_a_copy_as_far_as_training_shifts_it() -> None:
    known = melodies(3).grid.tokens
    hashes = window_hashes(known, MELODY_FAMILY)
    higher = np.where(known < HOLD, known + 5, known)
    assert count_copies(higher, hashes, MELODY_FAMILY) == len(known)
    assert count_copies(higher, hashes, NearMelody()) == 0


class NearMelody(Melody):
    """Melodies that training transposes by less than the test does."""

    transpose = 4


def test_the_hashes_in_model_folders_stay_good() -> None:
    tokens = np.array([np.arange(32), np.zeros(32, np.int64)])[..., None]
    assert [hex(h) for h in window_hashes(tokens, DRUM_FAMILY).tolist()] == ["0x9493463f7eff246", "0xc3d137d01ffadd9e"]


def test_without_hashes_nothing_is_a_copy() -> None:
    assert count_copies(grooves(1).grid.tokens, np.zeros(0, np.uint64), DRUM_FAMILY) == 0


# --- what a decode changes ------------------------------------------------------------------------------------------------


def test_where_a_decode_says_what_is_heard_of_the_music_the_music_stands() -> None:
    own, back = grooves(2, seed=1).grid, grooves(2, seed=2).grid
    same = DRUM_FAMILY.apply_residual(own, back, back)
    for field in ("tokens", "velocities", "offsets"):
        np.testing.assert_array_equal(getattr(same, field), getattr(own, field))


def test_a_decode_that_differs_is_carried_over_and_strokes_that_stay_keep_their_feel() -> None:
    own, decoded = grooves(2, seed=1).grid, grooves(2, seed=2).grid
    changed = DRUM_FAMILY.apply_residual(own, own, decoded)
    np.testing.assert_array_equal(changed.tokens, decoded.tokens)
    struck = DRUM_FAMILY.vocabulary.struck
    stays = struck(own.tokens) & struck(decoded.tokens)
    np.testing.assert_array_equal(changed.velocities[stays], own.velocities[stays])
    np.testing.assert_array_equal(changed.offsets[~stays], decoded.offsets[~stays])


def test_a_hold_that_lost_its_note_becomes_a_rest() -> None:
    own = melodies(1, 1).grid
    silent = np.array(own.tokens)
    silent[0, 0] = REST
    changed = MELODY_FAMILY.apply_residual(own, own, Grid(silent, own.velocities, own.offsets))
    assert changed.tokens[0, :3, 0].tolist() == [REST, REST, own.tokens[0, 2, 0]]
    assert changed.velocities[0, 0, 0] == 0


# --- features -------------------------------------------------------------------------------------------------------------


def test_lengths_and_sounding_pitches_follow_the_holds() -> None:
    tokens = np.array([BAR])
    assert lengths(tokens)[0, :9].tolist() == [3, 0, 0, 0, 2, 0, 1, 1, 0]
    assert sounding(tokens)[0, :9].tolist() == [60, 60, 60, -1, 62, 62, 64, 64, -1]


def test_features_count_what_their_names_say() -> None:
    grid = Grid(np.array([BAR * 2])[..., None], np.full((1, 32, 1), 0.5, np.float32), np.zeros((1, 32, 1), np.float32))
    named = features(grid, FeatureView(MELODY_FAMILY, velocity=True, timing=False))
    expected = {
        "density": 8,
        "density_bar_1": 4,
        "alike_16": 1,
        "rest_share": 18 / 32,
        "longest_rest": 8,
        "duration_mean": 1.75,
        "pitches": 3,
        "pitch_range": 4,
        "interval_max": 4,
        "interval_2_2": 4 / 7,
        "in_key": 1,
        "velocity_mean": 64,
        "velocity_spread": 0,
    }
    assert {name: pytest.approx(float(named[name][0])) for name in expected} == expected
    assert not any(name.startswith("offset") for name in named)


def test_features_of_silence_are_numbers_or_not_a_number_and_never_a_warning() -> None:
    for family in (DRUM_FAMILY, MELODY_FAMILY):
        named = features(Grid.silent(2, family.spec, family.vocabulary), FeatureView(family, velocity=True, timing=True))
        assert all(values.shape == (2,) for values in named.values())
        assert named["density"].tolist() == [0, 0]
        assert np.isnan(named["velocity_mean"]).all()


def test_histograms_hold_every_value() -> None:
    for windows, family in ((grooves(3), DRUM_FAMILY), (melodies(3), MELODY_FAMILY)):
        for values, edges in family.histograms(windows.grid).values():
            assert np.histogram(values, edges)[0].sum() == len(values) > 0


# --- judges ---------------------------------------------------------------------------------------------------------------


def test_judges_tell_what_differs_and_not_what_does_not() -> None:
    view = FeatureView(DRUM_FAMILY, velocity=True, timing=True)
    real = labelled(grooves(30, 2, seed=1))
    busier = judge(real, labelled(grooves(30, 2, seed=2, busy=2.0), 100), view=view, seed=0)
    alike = judge(real, labelled(grooves(30, 2, seed=2), 100), view=view, seed=0)
    assert busier.auc > 0.95
    assert alike.auc < 0.75
    assert all(0 <= v.low <= v.auc <= v.high <= 1 for v in (busier, alike))


def test_the_same_seed_gives_the_same_verdict() -> None:
    view = FeatureView(MELODY_FAMILY, velocity=False, timing=False)
    real, other = labelled(melodies(6, 4, seed=1)), labelled(melodies(6, 4, seed=2), 100)
    assert judge(real, other, view=view, seed=3) == judge(real, other, view=view, seed=3)


def test_halves_of_the_same_music_are_not_told_apart() -> None:
    view = FeatureView(DRUM_FAMILY, velocity=False, timing=False)
    auc = judge_halves(labelled(grooves(20, 4, seed=1)), view=view, seed=0, halvings=4)
    assert 0.5 <= auc < 0.6


# --- what becomes of whole clips --------------------------------------------------------------------------------------------


def test_notes_that_come_back_within_a_sixth_of_a_beat_are_found() -> None:
    assert note_f1(LINE, LINE, None) == 1
    assert note_f1(LINE, changed(LINE, 3, start=3.16), None) == 1
    assert note_f1(LINE, changed(LINE, 3, start=3.17), None) == pytest.approx(7 / 8)
    assert note_f1(LINE, changed(LINE, 3, pitch=90), None) == pytest.approx(7 / 8)
    assert note_f1(LINE, without(LINE, 0, 1), None) == pytest.approx(12 / 14)
    assert note_f1(LINE, LINE.with_notes([]), None) == 0
    assert note_f1(LINE.with_notes([]), LINE.with_notes([]), None) is None


def test_each_note_is_found_once() -> None:
    one, two = Clip((Note(60, 1, 0.1),), 4.0), Clip((Note(60, 0.9, 0.1), Note(60, 1.1, 0.1)), 4.0)
    assert note_f1(one, two, None) == pytest.approx(2 / 3)
    near = Clip((Note(60, 1, 0.1), Note(60, 1.2, 0.1)), 4.0)
    assert note_f1(near, Clip((Note(60, 1.15, 0.1), Note(60, 1.3, 0.1)), 4.0), None) == 1


def test_of_drums_the_voice_counts_and_pads_of_no_voice_are_left_out() -> None:
    assert note_f1(BEAT, changed(BEAT, 0, pitch=35), VOICE) == 1
    assert note_f1(BEAT, changed(BEAT, 0, pitch=38), VOICE) == pytest.approx(1 - 1 / len(BEAT.notes))
    assert note_f1(BEAT.with_notes((*BEAT.notes, Note(1, 0, 0.25))), BEAT, VOICE) == 1


def test_new_notes_in_bars_in_which_nothing_sounds_are_counted() -> None:
    four_bars = replace(LINE.with_notes([Note(60, 0, 6.0), Note(64, 15.9, 0.1)]), beats=16.0)
    made = four_bars.with_notes((*four_bars.notes, Note(70, 1, 1), Note(70, 7.9, 1), Note(70, 11, 1), Note(71, 2, 1)))
    assert rest_notes([four_bars], [made], MELODY_FAMILY) == pytest.approx(2 / 4)
    assert rest_notes([four_bars], [four_bars], MELODY_FAMILY) is None


def test_new_notes_outside_the_scale_of_the_whole_tune_are_counted() -> None:
    tune = LINE.with_notes(Note(pitch, float(k), 1.0) for k, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72)))
    assert best_scale(tune.notes) == {0, 2, 4, 5, 7, 9, 11}
    assert count_own_outside([tune]).share == 0
    assert count_outside([tune], [changed(changed(tune, 1, pitch=61), 3, pitch=69)]).share == 0.5
    assert count_outside([tune], [tune]).share is None


def test_the_ratio_of_notes_is_the_median_of_the_clips() -> None:
    twice = LINE.with_notes((*LINE.notes, *LINE.notes))
    assert notes_ratio([LINE] * 3, [LINE, without(LINE, 0), twice]) == 1
    assert notes_ratio([], []) is None


# --- figures --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Copying:
    """A product that gives back what it was given, and of nothing what it has learned by heart."""

    known: tuple[Clip, ...]

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        return [self.known[(k + seed) % len(self.known)] for k in range(count)]

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        return Variations(tuple((clip,) * settings.count for clip in clips))

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Way = "even", seed: int) -> Sequence[Clip]:
        return [a] * (steps - 1) + [b]

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        return corners

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        return clips


@pytest.fixture(scope="module")
def drum_figures(tiny_models: Path) -> Figures:
    """The figures of what an engine makes with a model that was not trained, with itself for a plain VAE."""
    place = str(tiny_models / "drums")
    model = load_torch_model(place)
    test, train = grooves(10, seed=1), grooves(12, seed=2)
    data = EvaluationData(test, train, window_hashes(train.grid.tokens, DRUM_FAMILY), songs=(BEAT, replace(BEAT, beats=16.0)))
    told: list[tuple[float, str]] = []
    figures = evaluate(
        model,
        EngineProduct(Engine(), place),
        data,
        plain=model,
        seed=5,
        sizes=SMALL,
        progress=lambda fraction, part: told.append((fraction, part)),
    )
    assert told == sorted(told)
    assert told[-1] == (1, "judge_controls")
    return figures


def test_a_product_that_copies_gets_the_figures_of_a_copy(tiny_models: Path) -> None:
    model = load_torch_model(str(tiny_models / "drums"))
    test, train = grooves(10, seed=1), grooves(12, seed=2)
    of_train = EvaluationData(train, None, np.zeros(0, np.uint64))
    known = tuple(ModelEvaluation(model, Copying(()), of_train).test_clips)
    data = EvaluationData(test, train, window_hashes(train.grid.tokens, DRUM_FAMILY), songs=(BEAT,))
    copied = ModelEvaluation(model, Copying(known), data, seed=5, sizes=SMALL)
    parts = (reconstruction, whole_files, samples, varied_files)
    figures: Figures = {key: value for part in parts for key, value in part(copied)}
    assert figures["sample_copies"] == 1
    assert figures["floor.test.sample_copies"] == 0
    assert [figures[f"notes_ratio_{name}"] for name in ("01", "03", "06")] == [1, 1, 1]
    assert figures["rest_notes"] is None
    assert figures["file_onset_f1"] == figures["step_accuracy"] == figures["onset_f1"] == 1
    assert figures["velocity_mae"] == figures["timing_mae_ms"] == 0
    auc = figures["sample_auc"]
    assert isinstance(auc, float)
    assert auc < 0.75


def test_a_product_that_gives_noise_gets_the_figures_of_noise(drum_figures: Figures) -> None:
    for key, most in (("step_accuracy", 0.5), ("onset_f1", 0.7), ("file_onset_f1", 0.8)):
        value = drum_figures[key]
        assert isinstance(value, float)
        assert 0 <= value < most
    assert drum_figures["sample_copies"] == 0
    assert isinstance(drum_figures["rest_notes"], float)  # the second file has two bars of rest
    assert drum_figures["notes_ratio_06"] != 1


def test_every_figure_of_the_design_is_there(drum_figures: Figures) -> None:
    keys = {*FIGURES.split(), *TO_COME, *OUTSIDE}
    assert keys - set(drum_figures) == set()
    assert {key for key in keys if drum_figures[key] is None} == ONLY_MELODIES | TO_COME | {"pair_auc"}  # no takes: test_pairs


def test_every_auc_lies_in_its_interval_and_above_one_half(drum_figures: Figures) -> None:
    aucs = [key for key in drum_figures if f"{key}_low" in drum_figures and "pair_auc" not in key]
    assert len(aucs) == 15
    for key in aucs:
        auc, low, high = (drum_figures[k] for k in (key, f"{key}_low", f"{key}_high"))
        assert isinstance(auc, float)
        assert isinstance(low, float)
        assert isinstance(high, float)
        assert low <= auc <= high
        assert 0.5 <= auc <= 1


def test_noise_is_distinguishable_from_music_and_training_music_is_not(drum_figures: Figures) -> None:
    noise, train, excess = (drum_figures[k] for k in ("sample_auc", "floor.train.sample_auc", "sample_auc_excess"))
    assert isinstance(noise, float)
    assert isinstance(train, float)
    assert noise > 0.95
    assert train < 0.75
    assert excess == noise - train


def test_figures_that_can_be_counted_by_hand(drum_figures: Figures) -> None:
    test = grooves(10, seed=1).grid.tokens
    assert drum_figures["clips"] == 80
    assert drum_figures["rate_nats"] == pytest.approx(-16 * math.log(0.05))
    assert drum_figures["floor.rest.step_accuracy"] == pytest.approx((test == 0).mean())
    assert drum_figures["floor.rest.onset_f1"] == 0
    assert drum_figures["floor.repeat.step_accuracy"] == pytest.approx((np.diff(test, axis=1) == 0).sum() / test.size)


def test_few_pieces_are_measured_but_not_judged(tiny_models: Path) -> None:
    place = str(tiny_models / "melody")
    data = EvaluationData(melodies(2), None, window_hashes(melodies(2).grid.tokens, MELODY_FAMILY))
    figures = evaluate(load_torch_model(place), EngineProduct(Engine(), place), data, sizes=SMALL)
    assert figures["floor.test.sample_copies"] == 1
    assert figures["sample_auc"] is figures["vary_auc_03"] is figures["middle_auc_low"] is None
    assert figures["file_onset_f1"] is figures["notes_ratio_03"] is None
    assert figures["void"] == "fewer than 10 held-out pieces: too few to judge by"
    assert isinstance(figures["pitch_accuracy"], float)
    assert isinstance(figures["overlap_interval"], float)
    assert figures["timing_mae_ms"] is None


def test_a_folder_of_midi_files_is_measured_whole(tiny_models: Path, clips: Path, tmp_path: Path) -> None:
    for name in ("house", "rock", "twinkle"):
        shutil.copy(clips / f"{name}.mid", tmp_path)
    figures = evaluate_model(str(tiny_models / "drums"), tmp_path, sizes=SMALL)
    assert figures["model"] == "drums"
    assert figures["data"] == tmp_path.name
    assert isinstance(figures["clips"], int)
    assert figures["clips"] > 0
    for key in ("step_accuracy", "file_onset_f1", "notes_ratio_03"):
        assert isinstance(figures[key], float)


def test_a_folder_with_nothing_to_measure_is_refused(tiny_models: Path, clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "twinkle.mid", tmp_path)
    with pytest.raises(ValueError, match="has no drums to measure on"):
        evaluate_model(str(tiny_models / "drums"), tmp_path)
