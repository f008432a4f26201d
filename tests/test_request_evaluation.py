"""What `evaluate --control` measures: on clips made up here, and on answers whose figures can be worked out by hand."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bridge import control as module
from bridge.cli import main
from bridge.control import (
    Drill,
    chains,
    changed_onsets,
    clashes,
    control,
    free_part,
    in_context,
    likelihood,
    touched,
)
from bridge.engine import Answer, Engine
from bridge.requests import Blend, Interpolate, Request, Vary
from models.clip import Clip, Note
from models.data import Windows
from models.evaluate import Exam, Sitting
from models.grid import BAR_STEPS, DRUMS, HOLD, MELODY, REST, VOICE_OF, Grid, GridKind, leading_rests
from models.midi import MidiError, read
from models.store import load_torch_model

Run = Callable[[Request], Answer]
VOICE = VOICE_OF.get
BEAT = Clip(tuple(Note(pitch, k / 2, 0.25, 90.0 + k) for k in range(16) for pitch in ((36, 42) if k % 4 == 0 else (42,))), 8.0)
LINE = Clip(tuple(Note(60 + k, float(k), 1.0, 80.0) for k in range(8)), 8.0)


def marked(clip: Clip, index: int = 0) -> Clip:
    """A clip whose notes know where they come from, as an engine gives them back."""
    return clip.with_notes(replace(n, from_clip=index, from_note=i) for i, n in enumerate(clip.notes))


def without(clip: Clip, *indices: int) -> Clip:
    return clip.with_notes(n for i, n in enumerate(clip.notes) if i not in indices)


def changed(clip: Clip, index: int, **fields: float) -> Clip:
    return clip.with_notes(replace(n, **fields) if i == index else n for i, n in enumerate(clip.notes))  # type: ignore[arg-type]


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
    request = Vary.model_validate({"clips": (source,), **locks})
    assert not touched(request, made, VOICE if source is BEAT else None)


@pytest.mark.parametrize(("source", "locks", "made", "expected"), TOUCHED)
def test_what_a_lock_holds_is_counted_when_it_is_touched(
    source: Clip, locks: dict[str, object], made: Clip, expected: dict[str, int]
) -> None:
    request = Vary.model_validate({"clips": (source,), **locks})
    assert touched(request, made, VOICE if source is BEAT else None) == expected


def test_the_free_part_is_what_is_neither_in_a_locked_voice_nor_in_a_locked_stretch() -> None:
    free = free_part(BEAT, Vary(clips=(BEAT,), lock_voices=("closed_hat",), lock_beats=((0, 4),)))
    assert [(n.pitch, n.start) for n in free.notes] == [(36, 4), (36, 6)]


# --- clips from windows ---------------------------------------------------------------------------------------------------


def as_windows(bars: Grid, piece: int = 0) -> Windows:
    """Cut a row of bars [1, T] into windows of two at every bar, as packing does."""
    count = bars.tokens.shape[1] // BAR_STEPS - 1
    cut = bars.map(lambda v: np.concatenate([v[:, k * BAR_STEPS : (k + 2) * BAR_STEPS] for k in range(count)]))
    if bars.velocities.shape[2] == 1:
        cut = replace(cut, tokens=leading_rests(cut.tokens))
    where = np.zeros(count, np.int64)
    return Windows(cut, where + piece, np.ones((count, 2), bool), ("made up",), where)


def tune(bars: int, seed: int = 0) -> Grid:
    """A line of which some notes are held over bar lines."""
    rng = np.random.default_rng(seed)
    tokens = np.where(rng.random((1, bars * BAR_STEPS)) < 0.3, rng.integers(50, 70, (1, bars * BAR_STEPS)), HOLD)
    tokens[0, 0] = 60
    velocities = np.where(tokens < HOLD, 0.8, 0)[..., None].astype(np.float32)
    return Grid(tokens, velocities, np.zeros_like(velocities))


def beats(bars: int, seed: int = 0) -> Grid:
    rng = np.random.default_rng(seed)
    struck = rng.random((1, bars * BAR_STEPS, 9)) < 0.15
    struck[..., 2] = np.arange(bars * BAR_STEPS) % 2 == 0
    velocities = np.where(struck, rng.uniform(0.3, 1, struck.shape), 0).astype(np.float32)
    return Grid((struck << np.arange(9)).sum(2), velocities, np.zeros_like(velocities))


@pytest.mark.parametrize(("music", "kind"), [(tune(9), MELODY), (beats(9), DRUMS)])
def test_windows_that_go_on_from_one_another_are_the_bars_they_were_cut_from(music: Grid, kind: GridKind) -> None:
    grid, piece = chains(as_windows(music), 4, kind)
    assert piece.tolist() == [0, 0]
    for row, first in enumerate((0, 4 * BAR_STEPS)):
        np.testing.assert_array_equal(grid.tokens[row, 1:], music.tokens[0, first + 1 : first + 4 * BAR_STEPS])
        np.testing.assert_array_equal(grid.velocities[row], music.velocities[0, first : first + 4 * BAR_STEPS])


def test_windows_that_do_not_go_on_are_not_joined() -> None:
    windows = as_windows(beats(4))
    other = windows.take(np.array([0, 2]))
    assert len(chains(other, 4, DRUMS)[1]) == 0
    two_pieces = replace(windows, piece=np.array([0, 0, 1]))
    assert len(chains(two_pieces, 4, DRUMS)[1]) == 0
    assert chains(windows, 4, DRUMS)[1].tolist() == [0]


def test_a_changed_note_is_shown_in_the_middle_of_the_bar_around_it() -> None:
    tokens = np.zeros((1, 32), np.int64)
    tokens[0, [2, 29, 12]] = [1, 2, 4]
    velocities = (tokens[..., None] >> np.arange(9) & 1).astype(np.float32)
    shown = in_context(Grid(tokens, velocities, np.zeros_like(velocities)), 0.5, DRUMS)
    assert dict(zip(np.nonzero(shown.tokens[0])[0].tolist(), shown.tokens[shown.tokens > 0].tolist(), strict=True)) == {
        13: 2,
        18: 1,
    }
    np.testing.assert_array_equal(shown.velocities.any(2), shown.tokens > 0)


def test_a_context_that_begins_within_a_note_begins_with_a_rest() -> None:
    music = tune(2)
    held = replace(music, tokens=np.where(np.arange(32) == 0, 60, HOLD)[None])
    assert in_context(held, 4.0, MELODY).tokens.tolist() == [[REST] * 32]


def test_likelihood_is_shared_among_what_is_allowed() -> None:
    scores = np.log(np.full((1, 3, 4), 0.25, np.float32))
    right = np.array([[[1, 0, 0, 0], [0, 1, 0, 1], [0, 1, 0, 0]]], bool)
    among = np.array([[[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 0]]], bool)
    np.testing.assert_allclose(likelihood(scores, right, among), [[np.log(0.25), np.log(0.5), 0]], atol=1e-6)


# --- answers that can be worked out -----------------------------------------------------------------------------------------


def pieces(music: Sequence[Grid]) -> Windows:
    """Cut several pieces into windows."""
    parts = [as_windows(bars, piece) for piece, bars in enumerate(music)]
    return Windows(
        Grid.stack([p.grid for p in parts]),
        np.concatenate([p.piece for p in parts]),
        np.concatenate([p.feel for p in parts]),
        ("made up",),
        np.concatenate([p.set_of for p in parts]),
    )


def drill(tiny_models: Path, run: Run, *, files: tuple[Clip, ...] = ()) -> Drill:
    windows = pieces([beats(13, seed) for seed in range(3)])
    model = load_torch_model(str(tiny_models / "drums"))
    return Drill(run, model, Sitting(model, windows, Exam(windows, None, np.zeros(0, np.uint64)), None, 0), files, 0)


def dropping(request: Request) -> Answer:
    """Answer with variations that lack just as many notes as the amount says, each from another note on."""
    assert isinstance(request, Vary)
    clip = request.clips[0]
    size = round(request.amount * len(clip.notes))
    made = [without(clip, *((k + i) % len(clip.notes) for i in range(size))) for k in range(request.count)]
    return Answer(tuple(made), (0,) * len(made), ("drums",), 0)


def copying(request: Request) -> Answer:
    assert isinstance(request, Vary)
    return Answer(request.clips * request.count, (0,) * request.count, ("drums",), 0)


def test_variations_at_just_the_amount_have_no_error_beyond_rounding(tiny_models: Path) -> None:
    figures = dict(drill(tiny_models, dropping).amounts())
    assert figures["amount_mae"] == pytest.approx(0, abs=1e-9)
    assert figures["amount_monotone"] == 1
    assert figures["amount_notes_05"] == pytest.approx(0.5, abs=0.05)
    assert figures["repeats"] == figures["lacking"] == 0
    assert figures["decoded_share"] is None


def test_copies_are_as_far_off_as_the_amount_and_all_of_them_repeat(tiny_models: Path) -> None:
    taken = drill(tiny_models, copying)
    figures = dict(taken.amounts())
    clips = sum(len(taken.enough(taken.cuts[bars], "", 999).clips) for bars in (2, 4))
    assert figures["repeats"] == clips * 9 * 8
    assert figures["amount_mae_05"] == pytest.approx(0.5, abs=0.05)
    assert figures["count_spread"] is None


def test_only_clips_that_come_back_field_for_field_and_know_it_are_exact(tiny_models: Path, clips: Path) -> None:
    files = tuple(marked(BEAT).with_notes(BEAT.notes) for _ in range(4))

    def loyal(request: Request) -> Answer:
        assert isinstance(request, Vary | Interpolate | Blend)
        made = tuple(marked(clip, i) for i, clip in enumerate(request.clips))
        return Answer(made, tuple(range(len(made))), ("drums",), 0)

    def forgetful(request: Request) -> Answer:
        answer = loyal(request)
        return replace(answer, clips=(answer.clips[0].with_notes(request.clips[0].notes), *answer.clips[1:]))  # type: ignore[attr-defined]

    assert dict(drill(tiny_models, loyal, files=files).exact()) == {"exact_checked": 10, "exact_wrong": 0}
    assert dict(drill(tiny_models, forgetful, files=files).exact())["exact_wrong"] == 3


def test_a_walk_that_changes_as_many_notes_at_each_step_is_even(tiny_models: Path) -> None:
    def crossing(request: Request) -> Answer:
        assert isinstance(request, Interpolate)
        a, b = request.clips
        others = {"even": 0.0, "slerp": 0.6, "morph": 0.0}[request.path]
        walk = []
        for k in range(request.steps):
            at = max(0.0, k / (request.steps - 1) - others * (0 < k < request.steps - 1))
            walk.append(a.with_notes((*a.notes[round(at * len(a.notes)) :], *b.notes[: round(at * len(b.notes))])))
        return Answer(tuple(walk), (-1,) * len(walk), ("drums",), 0)

    figures = dict(drill(tiny_models, crossing).walks())
    even, floor, uneven = (figures[k] for k in ("step_cv", "floor.whole_notes.step_cv", "baseline.slerp.step_cv"))
    assert isinstance(even, float)
    assert isinstance(floor, float)
    assert isinstance(uneven, float)
    assert floor <= 0.1
    assert even < 0.3 < uneven
    assert figures["baseline.morph.step_cv"] == even


def test_an_engine_that_ignores_locks_is_found_out(tiny_models: Path) -> None:
    figures = dict(drill(tiny_models, dropping).locks())
    assert figures["locks_asked"] == 27
    assert isinstance(figures["locks_touched"], int)
    assert figures["locks_touched"] > 0
    assert figures["locks_touched_key"] == 0
    parts = [v for k, v in figures.items() if k.startswith("locks_touched_") and isinstance(v, int)]
    assert figures["locks_touched"] == sum(parts)


# --- the whole ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_every_figure_is_there_and_few_pieces_are_not_judged(
    tiny_models: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "ASKED", {2: 1, 4: 1})
    for limit in ("JUDGED", "PAIRS", "LOCKED", "HIDDEN"):
        monkeypatch.setattr(module, limit, 6)
    place = str(tiny_models / name)
    engine = Engine()
    windows = pieces([(beats if name == "drums" else tune)(9, seed) for seed in range(2)])
    heard: list[float] = []
    figures = control(
        lambda request: engine.run(request.model_copy(update={"model": place})),
        load_torch_model(place),
        Exam(windows, None, np.zeros(0, np.uint64)),
        progress=heard.append,
    )
    assert heard[-1] == 1
    assert heard == sorted(heard)
    assert figures["vary_auc_03_note"] is None
    assert figures["locks_asked"]
    assert {"amount_mae", "reach", "step_cv", "count_spread"} <= set(figures)
    told = "hidden_voices_nats" if name == "drums" else "hidden_pitch_nats"
    assert isinstance(figures[told], float)
    assert isinstance(figures[f"baseline.untold.{told}"], float)
    assert (figures["middle_in_key"] is None) == (name == "drums")


def test_our_own_clips_come_back_exactly(tiny_models: Path, clips: Path) -> None:
    parts: list[Clip] = []
    for path in sorted(clips.glob("*.mid")):
        try:
            parts += [part.clip for part in read(path).parts]
        except MidiError:
            continue
    engine = Engine()
    place = str(tiny_models / "drums")
    figures = dict(drill(tiny_models, lambda r: engine.run(r.model_copy(update={"model": place})), files=tuple(parts)).exact())
    assert figures["exact_wrong"] == 0
    assert isinstance(figures["exact_checked"], int)
    assert figures["exact_checked"] > len(parts) > 40


def test_the_command_line_prints_these_figures_with_the_others(
    tiny_models: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "ASKED", {2: 1, 4: 1})
    for limit in ("JUDGED", "PAIRS", "LOCKED", "HIDDEN", "EXACT"):
        monkeypatch.setattr(module, limit, 2)
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


def test_the_page_shows_the_figures_of_the_shipped_models(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(__file__).parents[1] / "docs"
    monkeypatch.syspath_prepend(str(docs))
    page = (docs / "variation.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(docs / "variation.py"))["with_table"](page) == page, "run `python docs/variation.py`"
