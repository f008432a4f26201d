"""Drums that follow a rhythm: taps, a bass line, the onsets of a tune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge import Drumify as Exported
from bridge.api import Engine as Player
from bridge.cli import main
from bridge.engine import Engine
from bridge.requests import Drumify
from models.editing.batching import FIXED_ROWS
from models.families.drums import GM_KIT
from models.music.clip import Clip, Note
from models.music.midi import from_bytes, read_clip

CLIPS = Path(__file__).parent / "clips"
LEADING = {0, 1, 4, 5, 6}  # kick, snare and toms
BASS = [0, 1.5, 2, 3.5, 4, 5.5, 6, 6.5, 7.5]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(batch_size=FIXED_ROWS)


def bass(starts: list[float], beats: float = 8.0, late: float = 0.0) -> Clip:
    return Clip(tuple(Note(40, start + late, 0.25, 100.0) for start in starts), beats, name="bass")


def steps(clip: Clip, lanes: set[int] | None = None) -> set[int]:
    return {round((n.start - clip.start) * 4) for n in clip.notes if lanes is None or GM_KIT[n.pitch] in lanes}


@pytest.mark.parametrize("name", ["drums_7_8", "greensleeves", "korobeiniki", "chords", "drums_6_8", "pickup", "one_note"])
def test_at_1_the_drums_strike_the_rhythm_and_nothing_else(engine: Engine, name: str) -> None:
    clip = read_clip(CLIPS / f"{name}.mid")
    inside = clip.with_notes(n for n in clip.notes if n.start >= clip.start)
    for made in engine.run(Drumify(clips=(clip,), follow=1, count=2, seed=1)).clips:
        assert all(any(abs(n.start - onset.start) <= 0.13 for onset in inside.notes) for n in made.notes)
        assert all(any(abs(n.start - onset.start) <= 0.13 for n in made.notes) for onset in inside.notes)
        assert {n.pitch for n in made.notes} <= set(GM_KIT)
        assert (made.beats, made.meter, made.start) == (clip.beats, clip.meter, clip.start)


def test_by_default_kick_and_snare_follow_and_hats_keep_time(engine: Engine) -> None:
    made = engine.run(Drumify(clips=(bass(BASS),), count=8, seed=1)).clips
    wanted = steps(bass(BASS))
    found = [(len(steps(clip, LEADING) & wanted), len(steps(clip, LEADING) - wanted)) for clip in made]
    assert sum(hit for hit, _ in found) > 0.5 * len(made) * len(wanted)
    assert sum(beside for _, beside in found) < 0.25 * sum(hit for hit, _ in found)
    assert sum(len(steps(clip) - wanted) for clip in made) > 2 * len(made)


def test_less_is_followed_less(engine: Engine) -> None:
    agree = []
    for follow in (0.0, 0.5, 1.0):
        made = engine.run(Drumify(clips=(bass(BASS),), follow=follow, count=6, seed=1)).clips
        agree.append(sum(len(steps(clip, LEADING) ^ steps(bass(BASS))) for clip in made))
    assert agree[0] > agree[1] > agree[2]


def test_accents_are_heard(engine: Engine) -> None:
    taps = Clip(tuple(Note(60, k / 2, 0.25, 120.0 if k % 3 == 0 else 50.0) for k in range(16)), 8.0)
    loud: list[float] = []
    soft: list[float] = []
    for made in engine.run(Drumify(clips=(taps,), count=4, seed=1)).clips:
        for k in range(16):
            its = [n.velocity for n in made.notes if round(n.start * 4) == 2 * k]
            (soft if k % 3 else loud).append(max(its, default=0.0))
    assert sum(loud) / len(loud) > 1.25 * sum(soft) / len(soft)


def test_who_plays_late_is_followed_in_time(engine: Engine) -> None:
    tapped = bass(BASS)
    played = tapped.with_notes(replace(n, start=n.start + 0.04 * (k % 3)) for k, n in enumerate(tapped.notes))
    (made,) = engine.run(Drumify(clips=(played,), follow=1, count=1, seed=1)).clips
    starts = {n.start for n in played.notes}
    assert all(min(abs(n.start - start) for start in starts) < 0.005 for n in made.notes)


def test_a_bar_of_rest_stays_silent_and_a_held_note_is_none(engine: Engine) -> None:
    clip = Clip((*bass([0, 1, 2, 3]).notes, Note(40, 8, 8, 90.0)), 20.0)
    several = engine.run(Drumify(clips=(clip,), follow=0.2, count=4, seed=1)).clips
    assert not any(4 <= n.start < 7.9 or n.start > 16 for made in several for n in made.notes)
    assert any(12 <= n.start < 16 for made in several for n in made.notes)
    filled = engine.run(Drumify(clips=(clip,), follow=0.2, count=4, seed=1, fill=True)).clips
    assert any(4 <= n.start < 7.9 for made in filled for n in made.notes)


def test_what_repeats_is_played_alike(engine: Engine) -> None:
    again = bass([start + 8 * k for k in range(4) for start in BASS], 32.0)
    (made,) = engine.run(Drumify(clips=(again,), count=1, seed=1)).clips
    first = {(n.pitch, round(n.start * 4)) for n in made.notes if n.start < 7.9}
    third = {(n.pitch, round(n.start * 4) - 64) for n in made.notes if 15.9 < n.start < 23.9}
    assert first == third


def test_an_empty_clip_is_sampled(engine: Engine) -> None:
    answer = engine.run(Drumify(clips=(Clip((), 8.0, name="x"),), count=1, seed=1))
    assert answer.info == ("“x” has no rhythm to follow, so these are samples",)
    assert answer.clips[0].notes


def test_the_dials_and_the_density_hold_too(engine: Engine) -> None:
    plain, soft = (engine.run(Drumify(clips=(bass(BASS),), count=2, seed=1, intensity=by)).clips for by in (0, -1))
    assert sum(n.velocity for c in soft for n in c.notes) < 0.6 * sum(n.velocity for c in plain for n in c.notes)


def test_a_model_of_notes_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="drumify makes drums, and melody is no model of drums"):
        engine.run(Drumify(clips=(bass(BASS),), model="melody", seed=1))


def run(*typed: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([*map(str, typed)])
    return int(left.value.code or 0)


def test_a_bass_line_keeps_its_place_and_gets_a_drum_part_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("drumify", CLIPS / "band.mid", "--count", 1, "--seed", 1, "--out", tmp_path / "none") == 1
    assert "choose the one that the drums follow with --track" in capsys.readouterr().err
    assert run("drumify", CLIPS / "band.mid", "--track", 2, "--count", 2, "--seed", 1, "--out", tmp_path / "new") == 0
    before = from_bytes((CLIPS / "band.mid").read_bytes())
    after = from_bytes((tmp_path / "new" / "band_drumify_01.mid").read_bytes())
    assert len(after.parts) == len(before.parts) + 1
    assert [part.clip.notes for part in after.parts[:-1]] == [part.clip.notes for part in before.parts]
    assert (after.parts[-1].name, after.parts[-1].channel) == ("Drums", 10)
    assert run("recall", tmp_path / "new" / "band_drumify.json", "--out", tmp_path / "again") == 0


def test_what_was_tapped_becomes_the_drums(tmp_path: Path) -> None:
    assert run("drumify", CLIPS / "rock.mid", "--count", 1, "--seed", 1, "--out", tmp_path) == 0
    song = from_bytes((tmp_path / "rock_drumify_01.mid").read_bytes())
    assert len(song.parts) == 1


def test_results_in_python_are_drawn_beside_what_they_follow() -> None:
    made = Player().run(Exported(clips=(bass(BASS),), count=1, seed=1))
    assert made.distances == ()
    assert "<" in made._repr_html_()
