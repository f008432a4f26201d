"""What `evaluate` measures: the judges, the copies, the residual and the figures, on music made up here."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.copies import count_copies, window_hashes
from models.data import Windows
from models.evaluate import Exam, Figures, evaluate, evaluate_folder
from models.features import Sight, features, histograms, lengths, sounding
from models.grid import DRUMS, HOLD, MELODY, REST, Grid
from models.judge import Exhibit, judge, judge_halves
from models.residual import carry_over
from models.store import load_torch_model

LINE = [60, HOLD, HOLD, REST, 62, HOLD, 64, 64, *[REST] * 8]  # a bar
FIGURES = """model data split clips step_accuracy step_accuracy_tf onset_precision onset_recall onset_f1 pitch_accuracy
    velocity_mae timing_mae_ms velocity_kl timing_kl rate_nats sample_auc vary_auc_03 vary_auc_06 middle_auc sample_copies
    overlap_density overlap_pitch_class overlap_interval overlap_duration void control.held_out control.markov
    floor.copy.step_accuracy floor.rest.step_accuracy floor.repeat.onset_f1 floor.train.sample_auc floor.train.middle_auc
    floor.test.sample_copies floor.train.overlap_density baseline.markov.sample_auc baseline.gaussian.sample_auc
    baseline.slerp.sample_auc baseline.slerp.middle_auc baseline.crossfade.middle_auc baseline.morph.middle_auc
    baseline.random_edits.vary_auc_03 baseline.random_edits.vary_auc_06"""
ONLY_MELODIES = {"pitch_accuracy", "overlap_interval", "overlap_duration"}


def grooves(pieces: int, each: int = 8, *, seed: int = 0, busy: float = 0.3) -> Windows:
    """Make up beats: kicks of each piece's own, backbeat, eighth hats, and now and then another stroke."""
    rng = np.random.default_rng(seed)
    bits = rng.random((pieces, each, 32, 9)) < busy / 9
    bits[..., 0] |= np.tile(rng.random((pieces, 1, 16)) < 0.25, (1, 1, 2))
    bits[..., 0, 0] = True
    bits[:, :, 4::8, 1] = True
    bits[:, :, ::2, 2] = True
    bits = bits.reshape(-1, 32, 9)
    velocities = np.where(bits, rng.uniform(0.4, 1, bits.shape), 0).astype(np.float32)
    offsets = np.where(bits, rng.normal(0, 0.1, bits.shape).clip(-0.5, 0.5), 0).astype(np.float32)
    grid = Grid((bits << np.arange(9)).sum(2), velocities, offsets)
    count = len(grid)
    return Windows(grid, np.arange(count) // each, np.ones((count, 2), bool), ("made up",), np.zeros(count, np.int64))


def melodies(pieces: int, each: int = 8, *, seed: int = 0) -> Windows:
    """Make up lines: eighths that walk up and down."""
    rng = np.random.default_rng(seed)
    count = pieces * each
    tokens = np.full((count, 32), HOLD)
    tokens[:, ::2] = np.clip(60 + rng.integers(-2, 3, (count, 16)).cumsum(1), 40, 90)
    velocities = np.where(tokens < HOLD, 0.8, 0)[..., None].astype(np.float32)
    feel = np.array([[True, False]] * count)
    grid = Grid(tokens, velocities, np.zeros_like(velocities))
    return Windows(grid, np.arange(count) // each, feel, ("made up",), np.zeros(count, np.int64))


def as_exhibit(windows: Windows, first: int = 0) -> Exhibit:
    return Exhibit(windows.grid, windows.piece + first)


# --- copies ---------------------------------------------------------------------------------------------------------------


def test_a_window_with_one_other_step_is_a_copy_and_one_with_two_is_not() -> None:
    known = grooves(4).grid.tokens
    hashes = window_hashes(known)
    one, two = known.copy(), known.copy()
    one[:, 7] ^= 1 << 8
    two[:, [7, 20]] ^= 1 << 8
    counts = [count_copies(tokens, hashes, kind=DRUMS) for tokens in (known, one, two)]
    assert counts == [len(known), len(known), 0]


def test_a_melody_in_another_key_is_a_copy_as_far_as_training_shifts_it() -> None:
    known = melodies(3).grid.tokens
    hashes = window_hashes(known)
    higher = np.where(known < HOLD, known + 5, known)
    assert count_copies(higher, hashes, kind=MELODY, transpose=6) == len(known)
    assert count_copies(higher, hashes, kind=MELODY, transpose=4) == 0


def test_the_hashes_in_model_folders_stay_good() -> None:
    tokens = np.array([np.arange(32), np.zeros(32, np.int64)])
    assert [hex(h) for h in window_hashes(tokens).tolist()] == ["0x9493463f7eff246", "0xc3d137d01ffadd9e"]


def test_without_hashes_nothing_is_a_copy() -> None:
    assert count_copies(grooves(1).grid.tokens, np.zeros(0, np.uint64), kind=DRUMS) == 0


# --- what a decode changes ------------------------------------------------------------------------------------------------


def test_where_a_decode_says_what_is_heard_of_the_music_the_music_stands() -> None:
    own, back = grooves(2, seed=1).grid, grooves(2, seed=2).grid
    same = carry_over(own, back, back, DRUMS)
    for field in ("tokens", "velocities", "offsets"):
        np.testing.assert_array_equal(getattr(same, field), getattr(own, field))


def test_a_decode_that_differs_is_carried_over_and_strokes_that_stay_keep_their_feel() -> None:
    own, decoded = grooves(2, seed=1).grid, grooves(2, seed=2).grid
    changed = carry_over(own, own, decoded, DRUMS)
    np.testing.assert_array_equal(changed.tokens, decoded.tokens)
    stays = DRUMS.onsets[own.tokens] & DRUMS.onsets[decoded.tokens]
    np.testing.assert_array_equal(changed.velocities[stays], own.velocities[stays])
    np.testing.assert_array_equal(changed.offsets[~stays], decoded.offsets[~stays])


def test_a_hold_that_lost_its_note_becomes_a_rest() -> None:
    own = melodies(1, 1).grid
    silent = np.array(own.tokens)
    silent[0, 0] = REST
    changed = carry_over(own, own, Grid(silent, own.velocities, own.offsets), MELODY)
    assert changed.tokens[0, :3].tolist() == [REST, REST, own.tokens[0, 2]]
    assert changed.velocities[0, 0, 0] == 0


# --- features -------------------------------------------------------------------------------------------------------------


def test_lengths_and_sounding_pitches_follow_the_holds() -> None:
    tokens = np.array([LINE])
    assert lengths(tokens)[0, :9].tolist() == [3, 0, 0, 0, 2, 0, 1, 1, 0]
    assert sounding(tokens)[0, :9].tolist() == [60, 60, 60, -1, 62, 62, 64, 64, -1]


def test_features_count_what_their_names_say() -> None:
    grid = Grid(np.array([LINE * 2]), np.full((1, 32, 1), 0.5, np.float32), np.zeros((1, 32, 1), np.float32))
    named = features(grid, Sight(MELODY, velocity=True, timing=False))
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
    for kind in (DRUMS, MELODY):
        named = features(Grid.empty(2, kind), Sight(kind, velocity=True, timing=True))
        assert all(values.shape == (2,) for values in named.values())
        assert named["density"].tolist() == [0, 0]
        assert np.isnan(named["velocity_mean"]).all()


def test_histograms_hold_every_value() -> None:
    for windows, kind in ((grooves(3), DRUMS), (melodies(3), MELODY)):
        for values, edges in histograms(windows.grid, kind).values():
            assert np.histogram(values, edges)[0].sum() == len(values) > 0


# --- judges ---------------------------------------------------------------------------------------------------------------


def test_judges_tell_what_differs_and_not_what_does_not() -> None:
    sight = Sight(DRUMS, velocity=True, timing=True)
    real = as_exhibit(grooves(30, 2, seed=1))
    busier = judge(real, as_exhibit(grooves(30, 2, seed=2, busy=2.0), 100), sight=sight, seed=0)
    alike = judge(real, as_exhibit(grooves(30, 2, seed=2), 100), sight=sight, seed=0)
    assert busier.auc > 0.95
    assert alike.auc < 0.75
    assert all(0 <= v.low <= v.auc <= v.high <= 1 for v in (busier, alike))


def test_the_same_seed_gives_the_same_verdict() -> None:
    sight = Sight(MELODY, velocity=False, timing=False)
    real, other = as_exhibit(melodies(6, 4, seed=1)), as_exhibit(melodies(6, 4, seed=2), 100)
    assert judge(real, other, sight=sight, seed=3) == judge(real, other, sight=sight, seed=3)


def test_halves_of_the_same_music_are_not_told_apart() -> None:
    auc = judge_halves(as_exhibit(grooves(20, 4, seed=1)), sight=Sight(DRUMS, velocity=False, timing=False), seed=0)
    assert 0.5 <= auc < 0.6


# --- figures --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drum_figures(tiny_models: Path) -> Figures:
    """The figures of a model that was not trained, with itself for a plain VAE."""
    model = load_torch_model(str(tiny_models / "drums"))
    test, train = grooves(10, seed=1), grooves(12, seed=2)
    exam = Exam(test, train, window_hashes(train.grid.tokens))
    heard: list[float] = []
    figures = evaluate(model, exam, plain=model, seed=5, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    return figures


def test_every_figure_of_the_design_is_there(drum_figures: Figures) -> None:
    assert [key for key in FIGURES.split() if key not in drum_figures] == []
    assert {key for key in FIGURES.split() if drum_figures[key] is None} == ONLY_MELODIES


def test_every_auc_lies_in_its_interval_and_above_one_half(drum_figures: Figures) -> None:
    aucs = [key for key in drum_figures if f"{key}_low" in drum_figures]
    assert len(aucs) == 14
    for key in aucs:
        auc, low, high = (drum_figures[k] for k in (key, f"{key}_low", f"{key}_high"))
        assert isinstance(auc, float)
        assert isinstance(low, float)
        assert isinstance(high, float)
        assert low <= auc <= high
        assert 0.5 <= auc <= 1


def test_noise_is_told_from_music_and_training_music_is_not(drum_figures: Figures) -> None:
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
    model = load_torch_model(str(tiny_models / "melody"))
    figures = evaluate(model, Exam(melodies(2), None, window_hashes(melodies(2).grid.tokens)))
    assert figures["floor.test.sample_copies"] == 1
    assert figures["sample_auc"] is None
    assert figures["void"] == "fewer than 10 held-out pieces: too few to judge by"
    assert isinstance(figures["pitch_accuracy"], float)
    assert isinstance(figures["overlap_interval"], float)
    assert figures["timing_mae_ms"] is None


def test_a_folder_of_midi_files_is_measured_whole(tiny_models: Path, clips: Path, tmp_path: Path) -> None:
    for name in ("house", "rock", "twinkle"):
        shutil.copy(clips / f"{name}.mid", tmp_path)
    figures = evaluate_folder(str(tiny_models / "drums"), tmp_path, split="test", seed=0, progress=lambda fraction: None)
    assert figures["model"] == "drums"
    assert figures["data"] == tmp_path.name
    assert isinstance(figures["clips"], int)
    assert figures["clips"] > 0
    assert isinstance(figures["step_accuracy"], float)


def test_a_folder_with_nothing_to_measure_is_refused(tiny_models: Path, clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "twinkle.mid", tmp_path)
    with pytest.raises(ValueError, match="has no drums to measure on"):
        evaluate_folder(str(tiny_models / "drums"), tmp_path, split="test", seed=0, progress=lambda fraction: None)
