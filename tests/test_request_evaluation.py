"""What `evaluate --control` measures: on clips made up here, and on answers whose figures can be worked out by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bridge.cli import main
from bridge.engine import Engine
from bridge.evaluation import EngineProduct
from models.editing.others import Other
from models.evaluation.amounts import amounts
from models.evaluation.changed_notes import in_context
from models.evaluation.data import EvaluationData, Sizes, join_windows
from models.evaluation.evaluate import CONTROL_PARTS
from models.evaluation.exactness import exactness
from models.evaluation.figures import Figures
from models.evaluation.hidden_parts import likelihood
from models.evaluation.interpolations import clashes, middles, step_evenness
from models.evaluation.locks import free_part, locks, touched
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.product import Path as Way
from models.evaluation.product import Product, Variations, VarySettings
from models.evaluation.request_evaluation import RequestEvaluation
from models.evaluation.variations import changed_onsets
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.families.sustained import HOLD, REST
from models.music.clip import Clip, Note
from models.music.midi import MidiError, read
from models.store import load_torch_model
from tests.support.made_up import BAR_STEPS, BEAT, LINE, as_windows, beats, changed, marked, pieces_of, tune, without

DRUM_FAMILY, MELODY_FAMILY = find_family("drums"), find_family("melody")
VOICE = DRUM_FAMILY.lane_of
FEW = Sizes(windows=40, middles=2, pairs=2, corners=2, amounts=2, magnified=6, locks=6, hidden=6)


# --- counting -------------------------------------------------------------------------------------------------------------


def test_clashes_are_notes_of_one_voice_that_are_too_close() -> None:
    flam = Clip((Note(38, 1, 0.1), Note(38, 1.1, 0.1), Note(36, 1.05, 0.1), Note(38, 1.25, 0.1)), 4.0)
    assert clashes(flam, VOICE) == 1
    assert clashes(flam, None) == 2
    assert clashes(flam.with_notes([Note(38, 1, 0.1), Note(40, 1.1, 0.1)]), VOICE) == 1  # two pads, one voice
    assert clashes(LINE, None) == 0


def test_dropped_notes_have_no_onset_and_moved_and_new_ones_do() -> None:
    made = changed(without(LINE, 7), 2, pitch=90)
    assert changed_onsets(LINE, made, None) == [2.0]
    later = replace(made, start=4.0).with_notes(replace(n, start=n.start + 4) for n in made.notes)
    assert changed_onsets(LINE, later, None) == [2.0]


# --- locks ----------------------------------------------------------------------------------------------------------------

KEPT = [
    (BEAT, {"lock_voices": ("kick",)}, without(BEAT, 1, 3)),
    (BEAT, {"lock_beats": ((4.0, 8.0),)}, without(BEAT, 0, 1)),
    (BEAT, {"lock_notes": (5,)}, without(BEAT, 1, 3)),
    (BEAT, {"lock": ("rhythm",)}, changed(without(BEAT, 0), 2, pitch=38)),
    (BEAT, {"lock": ("velocity",)}, changed(BEAT, 3, pitch=51, velocity=1.0)),  # a voice the clip has not
    (LINE, {"lock": ("rhythm",)}, changed(LINE, 3, pitch=72, velocity=1.0)),
    (LINE, {"lock": ("pitch",)}, changed(LINE, 3, start=3.25, duration=0.5)),
    (LINE, {"lock": ("velocity",)}, changed(LINE, 3, pitch=72, start=3.5)),
    (LINE, {"key": "C Major"}, changed(LINE, 3, pitch=71)),  # C sharp and others of the clip may stay
    (LINE, {"key": "C Major"}, changed(LINE, 1, duration=0.5)),
    (LINE, {"key": "C Major", "lock": ("pitch",)}, changed(LINE, 1, start=0.5)),
]
TOUCHED = [
    (BEAT, {"lock_voices": ("kick",)}, without(BEAT, 0), {"voices": 1}),
    (BEAT, {"lock_voices": ("kick",)}, changed(BEAT, 0, velocity=91.0), {"voices": 1}),
    (BEAT, {"lock_voices": ("kick",)}, BEAT.with_notes((*BEAT.notes, Note(35, 3, 0.25))), {"voices": 1}),
    (BEAT, {"lock_beats": ((4.0, 8.0),)}, without(BEAT, 18, 19), {"beats": 2}),
    (BEAT, {"lock_notes": (5, 6)}, changed(BEAT, 5, duration=0.3), {"notes": 1}),
    (BEAT, {"lock": ("rhythm",)}, changed(BEAT, 2, start=0.75), {"rhythm": 2}),
    (BEAT, {"lock": ("velocity",)}, changed(BEAT, 2, velocity=1.0), {"velocity": 1}),
    (LINE, {"lock": ("rhythm",)}, changed(LINE, 3, duration=0.5), {"rhythm": 1}),
    (LINE, {"lock": ("pitch",)}, changed(LINE, 3, pitch=72), {"pitch": 1}),
    (LINE, {"key": "C Major"}, changed(LINE, 3, pitch=70), {"key": 1}),
    (LINE, {"lock_notes": (0,), "key": "C Major"}, changed(LINE, 0, pitch=61), {"notes": 1, "key": 1}),
]


@pytest.mark.parametrize(("source", "locks", "made"), KEPT)
def test_what_a_lock_leaves_free_may_change(source: Clip, locks: dict[str, object], made: Clip) -> None:
    family = DRUM_FAMILY if source is BEAT else MELODY_FAMILY
    assert not touched(source, VarySettings(0.3, **locks), made, family)  # type: ignore[arg-type]


@pytest.mark.parametrize(("source", "locks", "made", "expected"), TOUCHED)
def test_what_a_lock_holds_is_counted_when_it_is_touched(
    source: Clip, locks: dict[str, object], made: Clip, expected: dict[str, int]
) -> None:
    family = DRUM_FAMILY if source is BEAT else MELODY_FAMILY
    assert touched(source, VarySettings(0.3, **locks), made, family) == expected  # type: ignore[arg-type]


def test_the_free_part_is_what_is_neither_in_a_locked_voice_nor_in_a_locked_stretch() -> None:
    free = free_part(BEAT, VarySettings(0.3, lock_voices=("closed_hat",), lock_beats=((0, 4),)), DRUM_FAMILY)
    assert [(n.pitch, n.start) for n in free.notes] == [(36, 4), (36, 6)]


# --- clips from windows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("music", "family"), [(tune(9), MELODY_FAMILY), (beats(9), DRUM_FAMILY)])
def test_windows_that_go_on_from_one_another_are_the_bars_they_were_cut_from(music: Grid, family: Family) -> None:
    grid, piece = join_windows(as_windows(music), 4, family)
    assert piece.tolist() == [0, 0]
    for row, first in enumerate((0, 4 * BAR_STEPS)):
        np.testing.assert_array_equal(grid.tokens[row, 1:], music.tokens[0, first + 1 : first + 4 * BAR_STEPS])
        np.testing.assert_array_equal(grid.velocities[row], music.velocities[0, first : first + 4 * BAR_STEPS])


def test_windows_that_do_not_go_on_are_not_joined() -> None:
    windows = as_windows(beats(4))
    other = windows.take(np.array([0, 2]))
    assert len(join_windows(other, 4, DRUM_FAMILY)[1]) == 0
    two_pieces = replace(windows, piece=np.array([0, 0, 1]))
    assert len(join_windows(two_pieces, 4, DRUM_FAMILY)[1]) == 0
    assert join_windows(windows, 4, DRUM_FAMILY)[1].tolist() == [0]


def test_a_changed_note_is_shown_in_the_middle_of_the_bar_around_it() -> None:
    tokens = np.zeros((1, 32), np.int64)
    tokens[0, [2, 29, 12]] = [1, 2, 4]
    velocities = (tokens[..., None] >> np.arange(9) & 1).astype(np.float32)
    shown = in_context(Grid(tokens[..., None], velocities, np.zeros_like(velocities)), 0.5, DRUM_FAMILY)
    assert dict(zip(np.nonzero(shown.tokens[0, :, 0])[0].tolist(), shown.tokens[shown.tokens > 0].tolist(), strict=True)) == {
        13: 2,
        18: 1,
    }
    np.testing.assert_array_equal(shown.velocities.any(2), shown.tokens[..., 0] > 0)


def test_a_context_that_begins_within_a_note_begins_with_a_rest() -> None:
    music = tune(2)
    held = replace(music, tokens=np.where(np.arange(32) == 0, 60, HOLD)[None, :, None])
    assert in_context(held, 4.0, MELODY_FAMILY).tokens[..., 0].tolist() == [[REST] * 32]


def test_likelihood_is_shared_among_what_is_allowed() -> None:
    scores = np.log(np.full((1, 3, 4), 0.25, np.float32))
    right = np.array([[[1, 0, 0, 0], [0, 1, 0, 1], [0, 1, 0, 0]]], bool)
    among = np.array([[[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]]], bool)
    np.testing.assert_allclose(likelihood(scores, right, among), [[np.log(0.25), np.log(0.5), 0]], atol=1e-6)


# --- answers that can be worked out -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dropping:
    """A product whose variations lack as many notes as the amount says, each from another note on, whatever is locked.

    `hurry` is how much further than it should each step but the last of an interpolation by slerp has gone.
    """

    hurry: float = 0.6

    def sample(self, count: int, *, bars: int, seed: int, others: Sequence[Other] = ()) -> Sequence[Clip]:
        return [BEAT] * count

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        return Variations(tuple(self.dropped(clip, settings) for clip in clips))

    def dropped(self, clip: Clip, settings: VarySettings) -> tuple[Clip, ...]:
        size = round(settings.amount * len(clip.notes))
        return tuple(
            without(clip, *((k + i) % len(clip.notes) for i in range(size))) for k in range(settings.count if size else 1)
        )

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Way = "even", seed: int) -> Sequence[Clip]:
        ahead = self.hurry if path == "slerp" else 0.0
        walk = []
        for k in range(steps):
            at = max(0.0, k / (steps - 1) - ahead * (0 < k < steps - 1))
            walk.append(a.with_notes((*a.notes[round(at * len(a.notes)) :], *b.notes[: round(at * len(b.notes))])))
        return walk

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        return corners

    def reconstruct(self, clips: Sequence[Clip], *, seed: int) -> Sequence[Clip]:
        return clips


@dataclass(frozen=True)
class Copying(Dropping):
    """A product that gives clips back as they are, each note marked as the one it is but in the first `forgotten` clips."""

    forgotten: int = 0

    def vary(
        self, clips: Sequence[Clip], settings: VarySettings, *, seed: int, others: Sequence[Sequence[Other]] = ()
    ) -> Variations:
        count = settings.count if settings.amount else 1
        return Variations(tuple((clip,) * count for clip in self.given_back(clips)))

    def interpolate(self, a: Clip, b: Clip, *, steps: int, path: Way = "even", seed: int) -> Sequence[Clip]:
        return self.given_back([a, b])

    def blend(self, corners: Sequence[Clip], *, grid: int, seed: int) -> Sequence[Clip]:
        return self.given_back(corners)

    def given_back(self, clips: Sequence[Clip]) -> list[Clip]:
        return [clip if i < self.forgotten else marked(clip, i) for i, clip in enumerate(clips)]


def requests(tiny_models: Path, product: Product, *, parts: tuple[Clip, ...] = (), sizes: Sizes = FEW) -> RequestEvaluation:
    windows = pieces_of([beats(13, seed) for seed in range(3)])
    data = EvaluationData(windows, None, np.zeros(0, np.uint64), parts=parts)
    return RequestEvaluation(ModelEvaluation(load_torch_model(str(tiny_models / "drums")), product, data, sizes=sizes))


def test_variations_at_just_the_amount_have_no_error_beyond_rounding(tiny_models: Path) -> None:
    figures = dict(amounts(requests(tiny_models, Dropping(), sizes=Sizes(amounts=20))))
    assert figures["amount_mae"] == pytest.approx(0, abs=1e-9)
    assert figures["amount_monotone"] == 1
    assert figures["amount_notes_05"] == pytest.approx(0.5, abs=0.05)
    assert figures["repeats"] == figures["lacking"] == 0
    assert figures["decoded_share"] is None


def test_copies_are_as_far_off_as_the_amount_and_all_of_them_repeat(tiny_models: Path) -> None:
    taken = requests(tiny_models, Copying())
    figures = dict(amounts(taken))
    clips = sum(len(taken.full_enough(taken.cuts[bars], "", most).clips) for bars, most in ((2, 2), (4, 1)))
    assert figures["repeats"] == clips * 9 * 8
    assert figures["amount_mae_05"] == pytest.approx(0.5, abs=0.05)
    assert figures["count_spread"] is None


def test_only_clips_that_come_back_field_for_field_and_know_it_are_exact(tiny_models: Path) -> None:
    parts = (BEAT,) * 4
    assert dict(exactness(requests(tiny_models, Copying(), parts=parts))) == {"exact_checked": 10, "exact_wrong": 0}
    assert dict(exactness(requests(tiny_models, Copying(forgotten=1), parts=parts)))["exact_wrong"] == 3


def test_an_interpolation_that_changes_as_many_notes_at_each_step_is_even(tiny_models: Path) -> None:
    figures = dict(step_evenness(requests(tiny_models, Dropping())))
    even, floor, uneven = (figures[k] for k in ("step_cv", "floor.whole_notes.step_cv", "baseline.slerp.step_cv"))
    assert isinstance(even, float)
    assert isinstance(floor, float)
    assert isinstance(uneven, float)
    assert floor <= 0.1
    assert even < 0.3 < uneven
    assert figures["baseline.morph.step_cv"] == even


def test_a_product_that_ignores_locks_is_found_out(tiny_models: Path) -> None:
    figures = dict(locks(requests(tiny_models, Dropping(), sizes=replace(FEW, locks=240))))
    assert figures["locks_asked"] == 27
    assert isinstance(figures["locks_touched"], int)
    assert figures["locks_touched"] > 0
    assert figures["locks_touched_key"] == 0
    parts = [v for k, v in figures.items() if k.startswith("locks_touched_") and isinstance(v, int)]
    assert figures["locks_touched"] == sum(parts)


# --- the whole ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_every_figure_is_there_and_few_pieces_are_not_judged(tiny_models: Path, name: str) -> None:
    place = str(tiny_models / name)
    windows = pieces_of([(beats if name == "drums" else tune)(9, seed) for seed in range(2)])
    data = EvaluationData(windows, None, np.zeros(0, np.uint64))
    taken = RequestEvaluation(ModelEvaluation(load_torch_model(place), EngineProduct(Engine(), place), data, sizes=FEW))
    figures: Figures = {key: value for part in CONTROL_PARTS for key, value in part(taken)}
    assert figures["vary_auc_03_note"] is figures["seam_auc"] is None
    assert figures["locks_asked"]
    assert {"amount_mae", "reach", "step_cv", "count_spread"} <= set(figures)
    told = "hidden_voices_nats" if name == "drums" else "hidden_pitch_nats"
    assert isinstance(figures[told], float)
    assert isinstance(figures[f"baseline.untold.{told}"], float)
    assert (dict(middles(taken.evaluation))["middle_in_key"] is None) == (name == "drums")


def test_our_own_clips_come_back_exactly(tiny_models: Path, clips: Path) -> None:
    parts: list[Clip] = []
    for path in sorted(clips.glob("*.mid")):
        try:
            parts += [part.clip for part in read(path).parts]
        except MidiError:
            continue
    product = EngineProduct(Engine(), str(tiny_models / "drums"))
    figures = dict(exactness(requests(tiny_models, product, parts=tuple(parts), sizes=replace(FEW, corners=15))))
    assert figures["exact_wrong"] == 0
    assert isinstance(figures["exact_checked"], int)
    assert figures["exact_checked"] > len(parts) > 40


def test_the_command_line_prints_these_figures_with_the_others(
    tiny_models: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bridge.evaluation.STANDARD", FEW)
    (tmp_path / "songs").mkdir()
    for name in ("house", "rock"):
        shutil.copy(clips / f"{name}.mid", tmp_path / "songs")
    file = tmp_path / "figures.json"
    with pytest.raises(SystemExit) as left:
        main(["evaluate", str(tiny_models / "drums"), str(tmp_path / "songs"), "--control", "--json", str(file)])
    assert not left.value.code
    figures = json.loads(file.read_text())
    assert figures["exact_checked"] == 2
    assert figures["exact_wrong"] == 0
    assert {"step_accuracy", "amount_mae", "reach", "step_cv", "count_spread"} <= set(figures)
    assert "count_spread" in capsys.readouterr().out
