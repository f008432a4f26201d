"""What is measured of windows in their tunes, by products whose answers can be worked out; and rows of pairs by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from bridge.cli import main
from bridge.engine import Engine
from bridge.evaluation import EngineProduct
from models.editing.others import Other
from models.evaluation.data import EvaluationData, Sizes, Take
from models.evaluation.figures import Figures
from models.evaluation.in_context import ContextWindow, contexts, cut_clip, draw_windows, in_context
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.pair_features import show_pairs
from models.evaluation.pair_rows import pair_rows
from models.evaluation.product import Path as Way
from models.evaluation.product import Product, Variations, VarySettings
from models.evaluation.scales import best_scale
from models.evaluation.shares import Counts, compare_shares
from models.families.context import AFTER, BEFORE, OTHERS, columns
from models.families.registry import find_family
from models.music.clip import Clip, Note
from models.music.key import AUTO, FREE
from models.music.midi import Part, Song
from models.store import load_torch_model
from models.training.dataset import Source, cut, stretches
from tests.support.made_up import LINE, grooves, melodies

MELODY, DRUMS = find_family("melody"), find_family("drums")
SCALE = (0, 2, 4, 5, 7, 9, 11)
BARS = 8
SOME = Sizes(in_context=8)


def tune_of(piece: int) -> Take:
    """Eight bars of quarters up and down a major scale that is another in each piece, over its tonic triad; from beat 4 on."""
    root = 60 + piece
    pitches = [root + SCALE[(k * (2 + piece % 2)) % 7] for k in range(4 * BARS)]
    clip = Clip(tuple(Note(p, 4.0 + k, 1.0, 80.0) for k, p in enumerate(pitches)), 4.0 * BARS, start=4.0)
    triads = [Note(root - 12 + p, 4.0 + 4 * bar, 4.0, 70.0) for bar in range(BARS) for p in (0, 4, 7)]
    windows = list(cut(clip, MELODY))
    at = np.array([first for first, _ in windows])
    grid = type(windows[0][1]).stack([grid for _, grid in windows])
    return Take(piece, grid, at, clip, replace(clip, notes=tuple(triads)))


TAKES = tuple(map(tune_of, range(6)))


@dataclass(frozen=True)
class Hearing:
    """A product that moves each free note to the lowest pitch class it hears, to a semitone over the tonic where it hears none.

    `asked` gathers what it was asked; keys that are `free` it leaves, a tritone up.
    """

    asked: list[tuple[Clip, VarySettings, tuple[Other, ...]]] = field(default_factory=list)

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        beside = others or [()] * len(clips)
        self.asked.extend((clip, settings, tuple(its)) for clip, its in zip(clips, beside, strict=True))
        return Variations(tuple((self.moved(*each, settings),) for each in zip(clips, beside, strict=True)))

    def moved(self, clip: Clip, others: Sequence[Other], settings: VarySettings) -> Clip:
        def is_locked(note: Note) -> bool:
            return any(a <= note.start - clip.start < b for a, b in settings.lock_beats)

        pitch = heard(others) if others else 13 + min(n.pitch for n in clip.notes)
        notes = [n if is_locked(n) else replace(n, pitch=pitch + 12, start=n.start + 0.25) for n in clip.notes]
        return clip.with_notes(
            replace(n, pitch=n.pitch + 6) if settings.key == FREE and n.pitch == pitch + 12 else n for n in notes
        )

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        pitch = heard(others) if others else 61
        return [Clip((Note(pitch, 0.0, 1.0), Note(pitch, 5.0, 1.0)), 4.0 * bars)] * count

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Way = "even", seed: int) -> Sequence[Clip]:
        raise NotImplementedError

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        raise NotImplementedError

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        raise NotImplementedError


def heard(others: Sequence[Other]) -> int:
    return min(note.pitch for other in others for note in other.clip.notes)


def evaluation(models: Path, product: Product, takes: tuple[Take, ...] = TAKES, name: str = "melody") -> ModelEvaluation:
    data = EvaluationData(melodies(2) if name == "melody" else grooves(2), None, np.zeros(0, np.uint64), takes=takes)
    return ModelEvaluation(load_torch_model(str(models / name)), product, data, sizes=SOME)


def number(figures: Figures, key: str) -> float:
    value = figures[key]
    assert isinstance(value, float)
    return value


# --- shares -----------------------------------------------------------------------------------------------------------------


def test_a_share_counts_notes_and_not_windows() -> None:
    counts = Counts.of_flags([[True, True, True], [False], []], [0, 1, 2])
    assert counts.share == 3 / 4
    assert Counts.of_flags([[], []], [0, 1]).share is None
    assert Counts.of_values(np.array([1.0, np.nan, 3.0]), np.array([0, 1, 2])).share == 2


def test_a_difference_of_shares_lies_in_its_interval_which_knows_of_pieces() -> None:
    rng = np.random.default_rng(0)
    pieces = np.arange(200) // 20
    flags = rng.random((200, 5)) < 0.2 + 0.6 * (pieces[:, None] % 2)
    far, near = Counts.of_flags(flags.tolist(), pieces.tolist()), Counts.of_flags([[True, False]] * 200, pieces.tolist())
    by_piece = dict(compare_shares("k", far, near, np.random.default_rng(1)))
    by_window = dict(compare_shares("k", replace(far, piece=np.arange(200)), replace(near, piece=np.arange(200)), rng))
    assert by_piece["k"] == by_window["k"] == pytest.approx(flags.mean() - 0.5)
    widths = []
    for found in (by_piece, by_window):
        low, middle, high = (number(found, key) for key in ("k_low", "k", "k_high"))
        assert low < middle < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]
    assert set(dict(compare_shares("k", far, far, rng)).values()) == {0.0}
    assert set(dict(compare_shares("k", far, Counts.of_flags([], []), rng)).values()) == {None}


# --- windows ----------------------------------------------------------------------------------------------------------------


def test_what_else_sounds_lies_on_the_beats_of_a_stretch_and_drums_are_no_harmony() -> None:
    line = Clip(tuple(Note(60 + k % 5, float(k), 1.0) for k in range(16)), 16.0, name="tune")
    chords = Clip((Note(48, 0.0, 16.0), Note(52, 20.0, 1.0)), 21.0)
    parts = (Part(0, 1, None, line), Part(1, 2, None, chords), Part(2, 10, None, Clip((Note(36, 0.0, 1.0),), 16.0)))
    song = Song(1, 480, ((),), parts, (), ())
    source = Source("made up", "a.mid", "a", b"")
    ((clip, others), *_) = stretches(song, source, MELODY)
    assert others is not None
    assert clip.notes == line.notes
    assert [n.pitch for n in others.notes] == [48]
    assert (others.start, others.beats) == (clip.start, clip.beats)
    alone = replace(song, parts=(parts[0], parts[2]))
    assert [others for _, others in stretches(alone, source, MELODY)] == [None]


def test_a_cut_begins_on_beat_0_and_what_rings_into_it_is_only_there_where_all_is_cut() -> None:
    clip = Clip((Note(50, 3.0, 3.0), Note(60, 3.95, 1.0), Note(62, 7.0, 4.0), Note(64, 7.95, 1.0)), 16.0, start=0.0)
    assert [(n.pitch, n.start, n.end) for n in cut_clip(clip, 4.0, 4.0).notes] == [
        (60, 0.0, pytest.approx(0.95)),
        (62, 3.0, 4.0),
    ]
    assert [n.pitch for n in cut_clip(clip, 4.0, 4.0, whole=True).notes] == [50, 60, 62, 64]


def test_chords_and_clashes_are_those_of_the_beat() -> None:
    others = Clip((Note(60, 0.0, 4.0), Note(65, 4.0, 0.2), Note(67, 5.0, 1.0)), 8.0)
    window = ContextWindow(Take(0, TAKES[0].windows, TAKES[0].at, LINE, others), 0, LINE, 0.0, best_scale(LINE.notes))
    notes = [Note(72, 1.0, 1.0), Note(61, 2.0, 1.0), Note(62, 2.5, 1.0), Note(71, 3.9, 1.0), Note(67, 5.0, 1.0)]
    assert window.in_chords(notes) == [True, False, False, True]  # on beat 4 next to nothing sounds: there is no chord
    assert window.clashes(notes) == [False, True, False, False, False]
    assert ContextWindow(TAKES[0], 0, TAKES[0].clip or LINE, 0.0, frozenset(SCALE)).outside(notes) == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_decoders_are_told_what_sounds_around_a_window_and_nothing_of_it(tiny_models: Path) -> None:
    e = evaluation(tiny_models, Hearing())
    windows = draw_windows(e)
    told = contexts(e, windows)
    where = columns(MELODY.context)
    assert len(told) == len(windows) == len(TAKES)
    for w, its in zip(windows, told, strict=True):
        chord = {(w.take.piece + p) % 12 for p in (0, 4, 7)}
        assert {int(k) for k in np.flatnonzero(its[0, where[OTHERS]][1:])} == chord
        own = w.take.clip.notes if w.take.clip else ()
        for kind, by in ((BEFORE, -8.0), (AFTER, 8.0)):
            there = {n.pitch % 12 for n in own if n.start == 4.0 + w.first + by}
            assert {int(k) for k in np.flatnonzero(its[0, where[kind]][1:])} == there
    assert not told[..., where[AFTER].stop :].any()


# --- figures ----------------------------------------------------------------------------------------------------------------


def test_who_hears_the_context_plays_in_key_and_in_chords_and_who_does_not_is_found_out(tiny_models: Path) -> None:
    product = Hearing()
    figures = dict(in_context(evaluation(tiny_models, product)))
    assert figures["context_windows"] == figures["context_windows_accompanied"] == len(TAKES)
    for name in ("01", "03", "06"):
        assert figures[f"outside_context_{name}"] == figures[f"clash_context_{name}"] == 0
        assert figures[f"outside_context_{name}_more"] == figures[f"floor.copy.outside_context_{name}"] == 0
        assert figures[f"outside_context_free_{name}"] == 1  # a tritone over the tonic
        assert number(figures, f"outside_alone_{name}") > 0.5
        assert number(figures, f"baseline.alone.clash_context_{name}") > 0.5
        assert number(figures, f"clash_context_{name}_more_than_alone") < -0.5
    for name in ("sample", "vary_03", "vary_06"):
        exchanged, own = (number(figures, f"{by}.chords_{name}") for by in ("baseline.exchanged", "floor.copy"))
        assert figures[f"chords_{name}"] == 1
        assert number(figures, f"baseline.alone.chords_{name}") < 0.5
        assert exchanged < 0.7
        assert figures[f"chords_{name}_drop"] == pytest.approx(1 - exchanged)
        assert figures[f"chords_{name}_more"] == pytest.approx(1 - own)
    assert {key for key in figures if key.startswith("aim.")} > {"aim.outside_alone_01_more", "aim.chords_sample_drop"}


def test_a_tune_is_given_whole_with_all_but_the_window_locked(tiny_models: Path) -> None:
    product = Hearing()
    dict(in_context(evaluation(tiny_models, product)))
    whole = [(clip, settings, others) for clip, settings, others in product.asked if clip.beats > 8]
    assert len(whole) == len(TAKES) * 6
    for clip, settings, others in whole:
        assert sum(b - a for a, b in settings.lock_beats) == clip.beats - 8
        assert [other.clip.beats for other in others] == [clip.beats]
        assert clip.start == others[0].clip.start == 4
    assert {settings.key for _, settings, _ in whole} == {AUTO, FREE}
    alone = [others for clip, settings, others in product.asked if clip.beats == 8]
    assert sum(not others for others in alone) == len(TAKES) * 8  # alone and free, and what the chords are compared with
    assert sum(bool(others) for others in alone) == len(TAKES) * 4


def test_the_engine_answers_and_a_model_that_learned_nothing_gains_next_to_nothing(tiny_models: Path) -> None:
    product = EngineProduct(Engine(), str(tiny_models / "melody"))
    figures = dict(in_context(evaluation(tiny_models, product, TAKES[:2])))
    for name in ("03", "07", "10"):
        nats, alone, gain = (
            number(figures, k + name) for k in ("context_nats_", "baseline.alone.context_nats_", "context_gain_")
        )
        assert nats > math.log(8)  # a note among many
        assert gain == pytest.approx(alone - nats)
        assert 0 < abs(gain) < 0.5  # it is heard
    shares = [number(figures, k) for k in figures if k.startswith(("outside_", "clash_", "chords_")) and k[-1].isdigit()]
    assert all(0 <= share <= 1 for share in shares)
    assert len(shares) == 17


@pytest.mark.parametrize("takes", [(), (Take(0, TAKES[0].windows, TAKES[0].at),), (replace(TAKES[0], others=None),)])
def test_without_tunes_or_other_parts_figures_are_none_and_nothing_fails(tiny_models: Path, takes: tuple[Take, ...]) -> None:
    figures = dict(in_context(evaluation(tiny_models, Hearing(), takes)))
    assert figures["chords_sample"] is figures["chords_vary_03_drop_low"] is figures["clash_context_03"] is None or takes
    assert figures["context_windows_accompanied"] == 0


def test_families_that_hear_no_context_have_no_such_figures(tiny_models: Path) -> None:
    figures: Figures = dict(in_context(evaluation(tiny_models, Hearing(), (), "drums")))
    assert figures == {}


# --- rows of pairs ----------------------------------------------------------------------------------------------------------


def test_rows_of_pairs_are_those_of_the_second_window_less_the_first() -> None:
    up = LINE.with_notes(replace(n, pitch=n.pitch + (12 if k == 7 else 0), duration=0.5) for k, n in enumerate(LINE.notes))
    loud = LINE.with_notes(replace(n, velocity=80.0 + 10 * (-1) ** k) for k, n in enumerate(LINE.notes))
    firsts, seconds, made = [LINE] * 4, [LINE, up, LINE, up], [up, up, loud, loud]
    scales, piece = [best_scale(LINE.notes)] * 4, np.arange(4)
    real, ours = (show_pairs(MELODY, firsts, side, scales, piece) for side in (seconds, made))
    figures = dict(pair_rows(MELODY, real, ours, (firsts, seconds, made), np.random.default_rng(0)))
    assert figures["floor.players.pair_range"] == figures["pair_range"] == 6
    assert figures["pair_range_more"] == 0
    assert figures["pair_velocity_spread"] == 5
    assert figures["floor.players.pair_velocity_spread"] == 0
    assert figures["pair_velocity_spread_more"] == 5
    assert (
        figures["pair_note_length"] == figures["floor.players.pair_note_length"] == -1
    )  # of a beat to half a beat in half of them
    assert figures["aim.pair_range_more"] == "± 0.38"
    assert figures["pair_not_used_before"] == 1


def test_the_command_line_prints_aims_beside_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures: Figures = {"chords_sample": 0.5, "floor.copy.chords_sample": 0.59, "aim.chords_sample": "± 0.03", "clips": 3}
    monkeypatch.setattr("bridge.evaluation.evaluate_model", lambda *_, **__: figures)
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "melody", str(tmp_path)])
    assert not left.value.code
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line.split() for line in lines if "chords_sample" in line)
    assert row == ["chords_sample", "0.5", "copy", "0.59", "±", "0.03"]
    assert not any("aim." in line for line in lines)
