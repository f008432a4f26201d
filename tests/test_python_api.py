"""What Python programs use: the page that documents it, run block by block, and what it promises beside."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bridge
from bridge import Engine, Interpolate, Sample, Vary, distance, from_array, read_clip, show, to_array, write_clip
from bridge.api import __all__ as exported
from models.music.clip import Clip, Note, same_notes

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "python.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
NEEDS = {"note_sequence": "note-seq", "pretty_midi": "pretty-midi"}

pytestmark = pytest.mark.usefixtures("own_models")


def run_page(clips: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, blocks: list[str]) -> dict[str, object]:
    """Run blocks one after the other, as one who reads the page does."""
    for name, file in (("beat", "funk"), ("other", "rock"), ("tune", "ode_to_joy")):
        shutil.copy(clips / f"{file}.mid", folder / f"{name}.mid")
    monkeypatch.chdir(folder)
    world: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), world)
    return world


def test_every_block_of_the_page_runs_in_the_core(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [block for block in BLOCKS if not any(word in block for word in NEEDS)]
    assert len(blocks) == len(BLOCKS) - len(NEEDS) > 8
    world = run_page(clips, tmp_path, monkeypatch, blocks)
    assert {"beat_1.mid", "beat_4.mid", "new.html", "middle.npz"} <= {path.name for path in tmp_path.iterdir()}
    assert isinstance(world["between"], Clip)


@pytest.mark.full
def test_every_block_of_the_page_runs_where_all_is_installed(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [BLOCKS[0], *(block for block in BLOCKS if "tune = " in block or any(word in block for word in NEEDS))]
    world = run_page(clips, tmp_path, monkeypatch, blocks)
    tune = world["tune"]
    assert isinstance(tune, Clip)
    for name in ("same", "again"):
        clip = world[name]
        assert isinstance(clip, Clip)
        assert distance(clip, tune) == 0
        assert (clip.beats, clip.meter, clip.tempo) == (tune.beats, tune.meter, tune.tempo)


def test_all_that_the_api_has_is_imported_from_one_place_and_documented() -> None:
    assert sorted(exported) == sorted(bridge.NAMES)
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in exported if name not in page and name not in ("Comparison", "Picture", "Points", "Results")] == []
    assert set(bridge.NAMES) <= set(dir(bridge))
    with pytest.raises(AttributeError, match="no attribute 'Sing'"):
        bridge.Sing  # noqa: B018


def test_the_same_request_gives_the_same_notes_as_on_the_command_line(clips: Path, tmp_path: Path) -> None:
    made = Engine().run(Vary(clips=(read_clip(clips / "rock.mid"),), count=2, seed=5))
    command = [sys.executable, "-c", "from bridge.cli import main; main()", "vary", str(clips / "rock.mid")]
    subprocess.run([*command, "--count", "2", "--seed", "5", "--out", str(tmp_path)], check=True, cwd=ROOT, timeout=60)
    for number, clip in enumerate(made, 1):
        write_clip(tmp_path / "ours.mid", clip)
        assert same_notes(read_clip(tmp_path / f"rock_vary_{number:02}.mid"), read_clip(tmp_path / "ours.mid"))


def test_a_seed_is_drawn_where_none_is_given_and_told() -> None:
    engine = Engine()
    first = engine.run(Sample(count=1))
    assert first.request.seed == first.seed
    assert engine.run(Sample(count=1, seed=first.seed)).clips == first.clips
    assert first.distances == ()


@pytest.mark.parametrize(("name", "lane"), [("funk", "kick"), ("ode_to_joy", "C3")])
def test_results_draw_themselves(clips: Path, name: str, lane: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    made = Engine().run(Vary(clips=(clip,), amount=0.4, count=2, seed=1))
    drawn = made._repr_html_()
    assert drawn.startswith("<iframe ")
    assert "sandbox=&quot;" not in drawn
    assert drawn.count("data-clip=") == 3
    assert lane in drawn
    assert "class=&quot;new&quot;" in drawn
    assert len(made.distances) == len(made)
    assert all(0 < found < 1.2 for found in made.distances)


def test_results_of_several_clips_and_of_none_draw_themselves(clips: Path) -> None:
    engine, names = Engine(), ("funk", "rock", "ode_to_joy")
    several = tuple(read_clip(clips / f"{name}.mid") for name in names)
    assert engine.run(Vary(clips=several, count=1, seed=1))._repr_html_().count("&lt;section") == 3
    between = engine.run(Interpolate(clips=several[1:], steps=4, seed=1))  # no model covers both
    assert between.models == ("morph", "morph")
    assert between._repr_html_().count("data-clip=") == 6
    assert "class=&quot;plain&quot;" in engine.run(Sample(count=1, seed=1))._repr_html_()


def test_clips_of_any_origin_are_shown(clips: Path, tmp_path: Path) -> None:
    beat = read_clip(clips / "funk.mid")
    show(beat, beat.with_notes(beat.notes[:3]), against=beat).save(tmp_path / "x.html")
    assert "&lt;" not in (tmp_path / "x.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no clip to show"):
        show()


def test_what_is_known_of_voices_counts_in_distances() -> None:
    beat = Clip(tuple(Note(36, float(start), 0.25) for start in range(4)), 4.0, channel=10)
    other_pad = beat.with_notes(Note(35, n.start, n.duration) for n in beat.notes)
    assert distance(beat, other_pad) == 1
    later = beat.with_notes(Note(35, n.start + 0.5, n.duration) for n in beat.notes)
    assert distance(beat, later) == 1  # each hit is moved, as another pad of its voice
    assert distance(beat, later, kind="notes") == 2


def test_arrays_come_back_as_they_were(clips: Path) -> None:
    tune = read_clip(clips / "greensleeves.mid")
    back = from_array(to_array(tune), meter=tune.meter, tempo=tune.tempo, beats=tune.beats)
    assert [(n.pitch, n.start, n.duration, n.velocity) for n in back.notes] == [
        (n.pitch, n.start, n.duration, n.velocity) for n in tune.notes
    ]
    assert from_array([]).beats == 4
    assert from_array([[60, 7.5, 0.6, 90]]).beats == 12
    for wrong, told in (
        ([[1, 2, 3]], r"shape \(1, 3\)"),
        ([[60.5, 0, 1, 90]], "whole ones"),
        ([[60, np.nan, 1, 90]], "finite"),
    ):
        with pytest.raises(ValueError, match=told):
            from_array(wrong)


def test_what_is_not_installed_is_named_with_its_install() -> None:
    code = "import bridge; c = bridge.Clip((), 4.0); bridge.to_pretty_midi(c)"
    env = {"PYTHONPATH": f"{ROOT / 'tests' / 'core_only'}:{ROOT}", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=env)
    told = 'a PrettyMIDI needs pretty_midi: install it with pip install "latent-bridge[pretty-midi]"'
    assert done.stderr.splitlines()[-1] == f"models.extras.MissingExtraError: {told}"


@pytest.mark.full
def test_a_pretty_midi_keeps_to_one_tempo_and_begins_at_0() -> None:
    from bridge import from_pretty_midi, to_pretty_midi

    clip = Clip((Note(60, -0.5, 1),), 4.0)
    with pytest.raises(ValueError, match=r"begins at 0, and the clip 0.5 beats before it"):
        to_pretty_midi(clip)
    pretty = to_pretty_midi(Clip((Note(60, 0, 1), Note(62, 1, 1, mute=True)), 4.0, channel=10, tempo=90.0))
    assert pretty.instruments[0].is_drum
    assert len(pretty.instruments[0].notes) == 1
    with pytest.raises(ValueError, match="has no instrument 1; it has 1"):
        from_pretty_midi(pretty, 1)
