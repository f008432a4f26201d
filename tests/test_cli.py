"""The command line, as people meet it: on real files, with small models. One command after the other, hence its length."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import typer

from bridge import file_jobs, files
from bridge.cli import app, main
from bridge.cli.common import show_progress
from bridge.doctor import examine
from bridge.engine import Answer, Engine
from bridge.requests import VERBS, ClipsRequest, Request, Vary
from bridge.validation import STAND_IN
from bridge.watch import Watch
from models.editing.batching import FIXED_ROWS, Progress
from models.editing.others import Other
from models.music import midi
from models.music.midi_file import END_OF_TRACK
from models.pause import pause
from tests.support.processes import INTERRUPTIBLE, PROGRAM, started

pytestmark = pytest.mark.usefixtures("own_models")
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def names(self) -> list[str]:
        return [Path(line).name for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Result(int(left.value.code or 0), said.out, said.err)

    return call


# The commands and their options


@pytest.mark.parametrize("verb", VERBS)
def test_every_field_of_a_request_is_an_option_or_an_argument(verb: str) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    options = {option: parameter for parameter in command.params for option in parameter.opts}
    for name, field in VERBS[verb].model_fields.items():
        if name == "clips":
            assert [p for p in command.params if p.param_type_name == "argument"]
            continue
        option = options[f"--{name.replace('_', '-')}"]
        if name == "like":  # one more clip, which is a file here
            assert (option.metavar, option.default) == ("CLIP", None)
            continue
        assert (option.help or "").startswith(field.description or "")  # of parts of files there can be more to say
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        assert option.default == (default if default is None or isinstance(default, bool) else str(default))


def test_a_verb_is_described_by_its_request(run: Run) -> None:
    shown = run("--help").out
    for verb, kind in VERBS.items():
        assert f"{verb} " in shown
        assert (kind.__doc__ or "")[:20] in shown


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["vary", "--amount", "1.5"], ["--amount", "1.5", "0..1"]),
        (["vary", "--count", "0"], ["--count", "0", "1..64"]),
        (["vary", "--count", "many"], ["--count", "many", "1..64"]),
        (["vary", "--density", "9"], ["--density", "9", "a whole number in -4..4"]),
        (["vary", "--kind", "bass"], ["--kind", "bass", "'drums' or 'notes'"]),
        (["vary", "--seed", "-1"], ["--seed", "-1", "0..2147483647"]),
        (["vary", "--device", "abacus"], ["--device", "cpu"]),
        (["vary", "--loudness", "3"], ["--loudness"]),
    ],
)
def test_a_wrong_value_is_told_with_its_option_and_what_is_allowed(
    run: Run, tmp_path: Path, typed: list[str], told: list[str]
) -> None:
    result = run(*typed, "x.mid", "--out", tmp_path)
    assert result.code == 2
    for text in told:
        assert text in result.err.splitlines()[-1]


@pytest.mark.parametrize("at", ["0.5", "0.5,2", "0.5,0.5,0.5", "left,top"])
def test_a_puck_position_is_two_numbers_from_0_to_1(run: Run, tmp_path: Path, at: str) -> None:
    result = run("blend", "a.mid", "b.mid", "--at", at, "--out", tmp_path)
    assert result.code == 2
    assert "'--at'" in result.err
    assert "X,Y, numbers in 0..1" in result.err


def test_usage_errors_leave_with_2(run: Run, tmp_path: Path) -> None:
    assert run("vary", "x.mid").code == 2
    assert run("vary", "--out", tmp_path).code == 2
    assert run("interpolate", "a.mid", "--out", tmp_path).code == 2
    assert run("interpolate", "a.mid", "b.mid", "c.mid", "--out", tmp_path).code == 2
    assert run("blend", *"abcde", "--out", tmp_path).code == 2
    assert run("blend", "a.mid", "b.mid", "--grid", "0", "--out", tmp_path).code == 2
    assert run("blend", "a.mid", "b.mid", "--grid", "1", "--out", tmp_path).code == 2
    assert run("sing").code == 2


def test_the_version_is_printed(run: Run) -> None:
    result = run("--version")
    assert (result.code, result.out.split()[0]) == (0, "latent-bridge")


# What is made, and how it is called


def test_sample_names_clips_after_the_model(run: Run, tmp_path: Path) -> None:
    assert run("sample", "--count", 3, "--out", tmp_path).names == [f"drums_sample_0{k}.mid" for k in (1, 2, 3)]
    result = run("sample", "--model", "melody", "--count", 1, "--bars", 3, "--out", tmp_path)
    assert result.names == ["melody_sample_01.mid"]
    assert midi.read_clip(tmp_path / "melody_sample_01.mid").beats == 12


def test_a_folder_keeps_its_inner_paths(run: Run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "in/deep/er").mkdir(parents=True)
    shutil.copy(clips / "rock.mid", tmp_path / "in/rock.mid")
    shutil.copy(clips / "twinkle.mid", tmp_path / "in/deep/er/twinkle.MID")
    (tmp_path / "in/._rock.mid").write_bytes(b"what macOS leaves on other disks")
    (tmp_path / "in/notes.txt").write_text("not music")
    result = run("vary", tmp_path / "in", "--count", 2, "--seed", 1, "--key", "free", "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    made = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*"))
    assert made == [
        "deep/er/twinkle_vary.json",
        "deep/er/twinkle_vary_01.mid",
        "deep/er/twinkle_vary_02.mid",
        "rock_vary.json",
        "rock_vary_01.mid",
        "rock_vary_02.mid",
    ]


def test_clips_made_inside_a_folder_are_not_varied_with_it(run: Run, clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "rock.mid", tmp_path / "rock.mid")
    first = run("vary", tmp_path, "--count", 1, "--out", tmp_path / "out")
    again = run("vary", tmp_path, "--count", 1, "--out", tmp_path / "out", "--force")
    assert first.names == again.names == ["rock_vary_01.mid"]


def test_amount_0_gives_the_very_file(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("vary", clips / "band.mid", clips / "from_live.mid", "--amount", 0, "--out", tmp_path)
    assert result.names == ["band_vary_01.mid", "from_live_vary_01.mid"]
    for name in ("band", "from_live"):
        assert (tmp_path / f"{name}_vary_01.mid").read_bytes() == (clips / f"{name}.mid").read_bytes()


def test_the_ends_of_an_interpolation_are_the_files_given(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("interpolate", clips / "rock.mid", clips / "waltz_3_4.mid", "--steps", 3, "--out", tmp_path)
    assert result.names == [f"rock--waltz_3_4_interpolate_0{k}.mid" for k in (1, 2, 3)]
    first, middle, last = (tmp_path / name for name in result.names)
    assert first.read_bytes() == (clips / "rock.mid").read_bytes()
    assert last.read_bytes() == (clips / "waltz_3_4.mid").read_bytes()
    assert midi.read_clip(middle).meter == (4, 4)
    assert "the meter is 4/4" in result.err


def test_the_corners_of_a_blend_are_the_files_given(run: Run, clips: Path, tmp_path: Path) -> None:
    names = ("rock", "funk", "band", "house")
    result = run("blend", *(clips / f"{name}.mid" for name in names), "--grid", 3, "--out", tmp_path)
    stem = "rock--funk--band--house_blend"
    assert result.names == [f"{stem}_r{row:02}c{column:02}.mid" for row in (1, 2, 3) for column in (1, 2, 3)]
    for name, corner in zip(names, ("r01c01", "r01c03", "r03c01", "r03c03"), strict=True):
        assert (tmp_path / f"{stem}_{corner}.mid").read_bytes() == (clips / f"{name}.mid").read_bytes()


def test_one_position_of_the_puck_is_one_clip(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("blend", clips / "rock.mid", clips / "funk.mid", "--at", ".5,0", "--out", tmp_path)
    assert result.names == ["rock--funk_blend_01.mid"]


def test_reconstruct_gives_one_clip_of_each_file(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("reconstruct", clips / "rock.mid", clips / "twinkle.mid", "--out", tmp_path)
    assert result.names == ["rock_reconstruct_01.mid", "twinkle_reconstruct_01.mid"]


# Files of several parts


def test_of_several_parts_all_that_a_model_covers_are_varied(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("vary", clips / "band.mid", "--count", 2, "--out", tmp_path)
    before, after = midi.read(clips / "band.mid"), midi.read(tmp_path / "band_vary_01.mid")
    for old, new in zip(before.parts, after.parts, strict=True):
        assert old.clip.notes != new.clip.notes
        assert f"{old.name} (channel {old.channel})" in result.err
    assert not_notes(before) == not_notes(after)


def test_one_track_is_varied_and_the_others_are_copied_through(run: Run, clips: Path, tmp_path: Path) -> None:
    for track in (2, "bass"):
        result = run("vary", clips / "band.mid", "--track", track, "--count", 1, "--out", tmp_path, "--force", "--seed", 5)
        before, after = midi.read(clips / "band.mid"), midi.read(tmp_path / "band_vary_01.mid")
        changed = [old.name for old, new in zip(before.parts, after.parts, strict=True) if old.clip != new.clip]
        assert (result.code, changed) == (0, ["Bass"])
        assert not_notes(before) == not_notes(after)


def test_an_unknown_track_is_told_with_those_there_are(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("vary", clips / "band.mid", "--track", 9, "--out", tmp_path)
    assert result.code == 1
    assert "band.mid has no track 9, only 1 Drums (channel 10), 2 Bass (channel 2)" in result.err


def test_a_part_of_chords_among_others_is_varied_as_it_is_alone(run: Run, clips: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.mid"
    add_part(midi.read(clips / "rock.mid"), midi.read(clips / "chords.mid"), both)
    result = run("vary", both, "--count", 1, "--out", tmp_path)
    before, after = midi.read(both), midi.read(tmp_path / "both_vary_01.mid")
    changed = [old.channel for old, new in zip(before.parts, after.parts, strict=True) if old.clip != new.clip]
    assert changed == [10, 1]
    assert "voices, one by one" in result.err
    assert "copied through 1" in run("vary", both, "--model", "melody", "--count", 1, "--out", tmp_path / "one").err
    drums = tmp_path / "drums.mid"
    add_part(midi.read(clips / "rock.mid"), midi.read(clips / "funk.mid"), drums)
    assert "drums.mid has no part" in run("vary", drums, "--model", "melody", "--out", tmp_path / "none").err


@pytest.mark.parametrize("joined", [False, True])
def test_a_piano_on_two_tracks_is_varied_as_one_on_one_track(run: Run, clips: Path, tmp_path: Path, joined: bool) -> None:
    chords = midi.read_clip(clips / "chords.mid")
    right = replace(chords, channel=1, name="Right Hand")
    left = replace(chords.with_notes(n.changed(pitch=n.pitch - 24) for n in chords.notes), channel=1, name="Left Hand")
    piano = tmp_path / "piano.mid"
    if joined:
        midi.write(piano, right.with_notes((*right.notes, *left.notes)))
    else:
        midi.write(tmp_path / "right.mid", right)
        midi.write(tmp_path / "left.mid", left)
        add_part(midi.read(tmp_path / "right.mid"), midi.read(tmp_path / "left.mid"), piano)
    seen = json.loads(run("inspect", piano, "--json").out)["files"][0]["parts"]
    told = json.loads(run("vary", piano, "--count", 1, "--seed", 1, "--json", "--out", tmp_path).out)
    assert [(part["model"], part["why"]) for part in told["parts"]] == [(part["model"], part["why"]) for part in seen]
    assert len(seen) == 2 - joined
    before, after = midi.read(piano), midi.read(tmp_path / "piano_vary_01.mid")
    for old, new, part in zip(before.parts, after.parts, seen, strict=True):
        assert part["model"] == "melody"
        assert old.clip != new.clip
    alone = run("vary", piano, "--count", 1, "--seed", 1, "--context", "none", "--out", tmp_path / "alone")
    is_same = (tmp_path / "alone" / "piano_vary_01.mid").read_bytes() == (tmp_path / "piano_vary_01.mid").read_bytes()
    assert (alone.code, is_same) == (0, joined)  # each hand hears the other


def not_notes(song: midi.Song) -> list[list[tuple[int, bytes]]]:
    """List all events but notes and the ends of tracks."""
    return [
        [(tick, m) for tick, m in track if m[0] >= 0xA0 and m != END_OF_TRACK and b"LatentBridge" not in m]
        for track in song.tracks
    ]


def add_part(song: midi.Song, other: midi.Song, path: Path) -> None:
    """Write a file that holds the tracks of two."""
    whole = midi.Song(1, song.ticks_per_beat, (*song.tracks, *other.tracks), (), (), ())
    assert song.ticks_per_beat == other.ticks_per_beat
    midi.write(path, whole)


# Errors


def test_existing_files_are_refused_before_anything_is_done(run: Run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "rock_vary_03.mid").write_bytes(b"mine")
    result = run("vary", clips / "rock.mid", "--out", tmp_path)
    assert result.code == 1
    assert "rock_vary_03.mid" in result.err
    assert "--force" in result.err
    assert [p.name for p in tmp_path.iterdir()] == ["rock_vary_03.mid"]
    assert run("vary", clips / "rock.mid", "--out", tmp_path, "--force").code == 0
    assert (tmp_path / "rock_vary_03.mid").read_bytes() != b"mine"


def test_bad_files_are_named_and_the_rest_is_done(run: Run, clips: Path, tmp_path: Path) -> None:
    names = ("rock", "corrupt", "missing", "zero_bytes", "truncated", "twinkle")
    result = run("vary", *(clips / f"{name}.mid" for name in names), "--count", 1, "--key", "free", "--out", tmp_path)
    assert result.code == 1
    assert result.names == ["rock_vary_01.mid", "twinkle_vary_01.mid"]
    lines = [line for line in result.err.splitlines() if "seed" not in line]
    assert [name for name in names for line in lines if f"{name}.mid" in line] == [
        "corrupt",
        "missing",
        "zero_bytes",
        "truncated",
    ]
    assert all(line.startswith("latent-bridge: ") for line in lines)


def test_two_files_of_one_name_are_refused(run: Run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(clips / "funk.mid", tmp_path / "other" / "Rock.mid")
    result = run("vary", clips / "rock.mid", tmp_path / "other", "--out", tmp_path / "out")
    assert result.code == 1
    assert "would both be written as" in result.err
    assert not (tmp_path / "out").exists()


def test_one_file_given_twice_is_varied_once(run: Run, clips: Path, tmp_path: Path) -> None:
    assert run("vary", clips / "rock.mid", clips / "rock.mid", "--count", 1, "--out", tmp_path).names == ["rock_vary_01.mid"]


@pytest.mark.parametrize("verb", ["sample", "vary"])
def test_an_unknown_model_is_told_with_those_there_are(run: Run, clips: Path, tmp_path: Path, verb: str) -> None:
    files = [] if verb == "sample" else [clips / "rock.mid", clips / "band.mid"]
    result = run(verb, *files, "--model", "tuba", "--seed", 1, "--out", tmp_path)
    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "tuba" in result.err
    assert "drums, melody" in result.err


def test_what_cannot_be_is_one_sentence(run: Run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for arguments, told in (
        (("vary", tmp_path / "empty", "--out", tmp_path), "holds no MIDI files"),
        (("interpolate", tmp_path / "empty", clips / "rock.mid", "--out", tmp_path), "is a folder"),
        (("interpolate", clips / "rock.mid", clips / "corrupt.mid", "--out", tmp_path), "corrupt.mid is corrupt"),
        (("blend", clips / "rock.mid", clips / "twinkle.mid", "--out", tmp_path), "need different models"),
        (("vary", clips / "rock.mid", "--out", tmp_path / "file" / "x"), "file"),
        (("vary", clips / "rock.mid", "--device", "mps", "--out", tmp_path), "device mps"),
        (("recall", tmp_path / "file", "--out", tmp_path), "is not a record"),
        (("models", "show", "tuba"), "there is no model 'tuba'"),
    ):
        result = run(*arguments, *(("--seed", 1) if arguments[0] in VERBS else ()))
        assert result.code == 1
        assert told in result.err
        assert len(result.err.splitlines()) == 1, result.err


# What is told


def test_json_is_one_object_and_tells_the_seed(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("vary", clips / "rock.mid", clips / "corrupt.mid", "--count", 2, "--json", "--out", tmp_path)
    told = json.loads(result.out)
    assert result.code == 1
    assert told["clips"] == [str(tmp_path / f"rock_vary_0{k}.mid") for k in (1, 2)]
    assert told["records"] == [str(tmp_path / "rock_vary.json")]
    assert told["models"] == ["drums"]
    assert [error for error in told["errors"] if "corrupt.mid" in error]
    assert f"--seed {told['seed']} makes the same again" in result.err
    again = run("vary", clips / "rock.mid", "--count", 2, "--seed", told["seed"], "--out", tmp_path / "again")
    assert again.err == ""
    for name in again.names:
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_models_are_listed_and_shown(run: Run, own_models: Path) -> None:
    listed = run("models", "list").out
    assert "drums" in listed
    assert "melody" in listed
    assert {row["name"] for row in json.loads(run("models", "list", "--json").out)} >= {"drums", "melody"}
    assert "noise, for tests" in run("models", "show", "drums").out
    assert json.loads(run("models", "show", own_models / "melody", "--json").out)["family"] == "melody"


def test_no_bar_and_no_warnings_in_a_pipe(clips: Path, tmp_path: Path) -> None:
    command = [*PROGRAM, "vary", str(clips / "rock.mid"), "--count", "1", "--seed", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert (done.stdout.splitlines(), done.stderr) == ([str(tmp_path / "rock_vary_01.mid")], "")


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_bar_on_a_terminal(clips: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [*PROGRAM, "vary", str(clips / "rock.mid"), "--count", "1", "--seed", "1", "--out", str(tmp_path)]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        shown = b""
        while piece := read_terminal(ours):
            shown += piece
        assert process.stdout is not None
        assert process.stdout.read().splitlines() == [str(tmp_path / "rock_vary_01.mid")]
    os.close(ours)
    assert process.returncode == 0
    assert b"vary" in shown
    assert b"\x1b[" in shown


def read_terminal(handle: int) -> bytes:
    """Read what is there; nothing once the other end is closed."""
    try:
        return os.read(handle, 4096)
    except OSError:
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="stops programs in another way")
def test_ctrl_c_says_what_is_there_and_leaves_with_130(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(20):
        shutil.copy(clips / "chords.mid", tmp_path / "in" / f"chords_{number:02}.mid")
    command = [*INTERRUPTIBLE, "vary", str(tmp_path / "in"), "--count", "16", "--seed", "1", "--out", str(tmp_path / "out")]
    with started(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        first = process.stderr.readline()  # comes with the first clips
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=50)
    assert "polyphonic" in first
    assert process.returncode == 130
    assert rest.splitlines()[-1].startswith("latent-bridge: stopped; ")
    assert "Traceback" not in rest


# Folders that go on


@pytest.mark.skipif(sys.platform == "win32", reason="kills programs in another way")
def test_a_run_that_was_killed_goes_on_and_gives_the_bytes_of_one_that_was_not(clips: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        name = ("chords", "rock", "twinkle", "band")[number % 4]
        shutil.copy(clips / f"{name}.mid", tmp_path / "in" / f"{name}_{number:02}.mid")
    asked = ("vary", tmp_path / "in", "--count", 4, "--lock-voices", "kick", "--out")
    with started([*INTERRUPTIBLE, *map(str, (*asked, tmp_path / "out"))], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        seed = process.stderr.readline().partition("--seed ")[2].split()[0]  # comes with the first record
        process.kill()
    made_before = len(list((tmp_path / "out").glob("*.json")))
    result = run(*asked, tmp_path / "out", "--skip-existing")
    assert result.code == 0
    assert f"the seed is that of the run that goes on: {seed}" in result.err
    assert f"{made_before} of 40 were made before, and are left as they are" in result.err
    assert run(*asked, tmp_path / "whole", "--seed", seed).code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_done_is_skipped_and_what_is_not_is_made_again(run: Run, clips: Path, tmp_path: Path) -> None:
    names = ("rock", "funk", "house", "twinkle", "bossa")
    (tmp_path / "in").mkdir()
    for name in names:
        shutil.copy(clips / f"{name}.mid", tmp_path / "in")
    asked = ("vary", tmp_path / "in", "--count", 1, "--out", tmp_path / "out", "--skip-existing")
    assert run(*asked, "--seed", 3).names == [f"{name}_vary_01.mid" for name in sorted(names)]
    before = contents(tmp_path / "out")
    shutil.copy(clips / "shuffle.mid", tmp_path / "in" / "funk.mid")  # another source
    (tmp_path / "out" / "house_vary.json").unlink()  # not finished
    (tmp_path / "out" / "house_vary_01.mid").write_bytes(b"half")
    (tmp_path / "out" / "twinkle_vary_01.mid").unlink()  # lost
    (tmp_path / "out" / "bossa_vary.json").write_text("{")  # broken
    again = run(*asked, "--json")  # the seed is in the records
    told = json.loads(again.out)
    assert [Path(path).name for path in told["skipped"]] == ["rock_vary.json"]
    assert told["seed"] == 3
    after = contents(tmp_path / "out")
    assert {name for name in before if before[name] != after[name]} == {"funk_vary_01.mid", "funk_vary.json"}
    assert run(*asked).out == ""


def test_another_request_or_another_seed_is_made_again(run: Run, clips: Path, tmp_path: Path) -> None:
    asked = ("vary", clips / "rock.mid", "--count", 1, "--out", tmp_path, "--skip-existing")
    assert run(*asked, "--seed", 1).names == ["rock_vary_01.mid"]
    assert run(*asked, "--seed", 1).names == []
    for other in (("--seed", 2), ("--seed", 2, "--amount", 0.5), ("--seed", 2, "--amount", 0.5, "--track", 1)):
        assert run(*asked, *other).names == ["rock_vary_01.mid"]
    assert run(*asked).names == ["rock_vary_01.mid"]  # no record of this request: a new seed
    assert run(*asked, "--force").code == 2


def test_records_of_two_runs_do_not_say_which_is_to_go_on(run: Run, clips: Path, tmp_path: Path) -> None:
    for name, seed in (("rock", 1), ("funk", 2)):
        assert run("vary", clips / f"{name}.mid", "--count", 1, "--seed", seed, "--out", tmp_path).code == 0
    asked = ("vary", clips / "rock.mid", clips / "funk.mid", "--count", 1, "--out", tmp_path, "--skip-existing")
    result = run(*asked)
    assert result.code == 1
    assert "rock_vary.json has seed 1" in result.err
    assert "--seed" in result.err
    assert run(*asked, "--seed", 1).names == ["funk_vary_01.mid"]


def test_a_folder_that_is_written_to_can_go_on_too(run: Run, clips: Path, tmp_path: Path) -> None:
    for name in ("rock", "funk"):
        shutil.copy(clips / f"{name}.mid", tmp_path)
    asked = ("vary", tmp_path, "--count", 2, "--out", tmp_path, "--skip-existing")
    assert len(run(*asked, "--seed", 1).names) == 4
    (tmp_path / "funk_vary.json").unlink()
    assert run(*asked).names == ["funk_vary_01.mid", "funk_vary_02.mid"]


# Files that would stop a folder


@pytest.mark.parametrize("verb", ["vary", "reconstruct"])
@pytest.mark.parametrize("name", ["rock", "twinkle"])
def test_a_gap_of_any_length_is_kept(run: Run, clips: Path, tmp_path: Path, verb: str, name: str) -> None:
    song = midi.read(clips / f"{name}.mid")
    gap = 4 * song.ticks_per_beat * 1_000_000  # a million bars of 4/4 between the first bar and the second
    cut = 4 * song.ticks_per_beat
    track = tuple((tick + gap * (tick >= cut), message) for tick, message in song.tracks[0])
    midi.write(tmp_path / "gap.mid", replace(song, tracks=(track,)))
    result = run(verb, tmp_path / "gap.mid", "--seed", 1, *(("--count", 1) if verb == "vary" else ()), "--out", tmp_path)
    assert result.code == 0
    before = midi.read_clip(tmp_path / "gap.mid")
    after = midi.read_clip(tmp_path / f"gap_{verb}_01.mid")
    silent = 16.0, gap / song.ticks_per_beat - 16.0  # the windows at its edges may get notes
    assert after.beats == before.beats
    assert not [note for note in after.notes if silent[0] < note.start < silent[1]]
    assert [note for note in after.notes if note.start > silent[1]]


@pytest.mark.skipif(sys.platform == "win32", reason="has neither fifos nor /dev/zero")
def test_what_is_no_file_is_named_and_the_folder_goes_on(run: Run, clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "fifo.mid")
    (folder / "zero.mid").symlink_to("/dev/zero")
    (folder / "gone.mid").symlink_to(folder / "nowhere.mid")
    shutil.copy(clips / "rock.mid", folder)
    result = run("vary", folder, "--count", 1, "--seed", 1, "--out", tmp_path / "out")
    assert (result.code, result.names) == (1, ["rock_vary_01.mid"])
    for name, reason in (("fifo", "is not a file"), ("zero", "is not a file"), ("gone", "cannot be read: No such file")):
        assert [line for line in result.err.splitlines() if f"{name}.mid" in line and reason in line]
    assert len(result.err.splitlines()) == 3


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="has names in Unicode only")
def test_a_name_that_is_no_unicode_and_one_that_is_too_long_stop_nothing(run: Run, clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (os.fsdecode(b"\xff.mid"), "x" * 250 + ".mid", "rock.mid"):
        shutil.copy(clips / "rock.mid", folder / name)
    result = run("vary", folder, "--count", 1, "--seed", 1, "--out", tmp_path / "out")
    assert (result.code, result.names) == (1, ["rock_vary_01.mid", r"\udcff_vary_01.mid"])
    assert "cannot be written: File name too long" in result.err
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_karaoke_and_riff_files_are_read_in_folders_too(run: Run, clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    inside = (clips / "rock.mid").read_bytes()
    (folder / "song.kar").write_bytes((clips / "twinkle.mid").read_bytes())
    data = b"RMIDdata" + len(inside).to_bytes(4, "little") + inside
    (folder / "BEAT.RMI").write_bytes(b"RIFF" + len(data).to_bytes(4, "little") + data)
    result = run("vary", folder, "--amount", 0, "--seed", 1, "--out", tmp_path / "out")
    assert (result.code, result.names) == (0, ["BEAT_vary_01.mid", "song_vary_01.mid"])
    assert (tmp_path / "out" / "BEAT_vary_01.mid").read_bytes() == inside
    assert run("recall", tmp_path / "out" / "BEAT_vary.json", "--out", tmp_path / "again").code == 0
    assert (tmp_path / "again" / "BEAT_vary_01.mid").read_bytes() == inside


def test_files_of_one_name_and_several_endings_are_all_made(run: Run, clips: Path, tmp_path: Path) -> None:
    for name in ("song.kar", "song.mid", "tune.kar", "tune.MIDI"):
        shutil.copy(clips / "rock.mid", tmp_path / name)
    result = run("vary", tmp_path, "--count", 1, "--seed", 1, "--out", tmp_path / "out")
    assert result.code == 0
    assert result.names == [f"{name}_vary_01.mid" for name in ("song.kar", "song", "tune", "tune.kar")]


def test_stray_bytes_that_were_skipped_are_told(run: Run, clips: Path, tmp_path: Path) -> None:
    data = (clips / "rock.mid").read_bytes()
    size = int.from_bytes(data[18:22], "big")
    (tmp_path / "stray.mid").write_bytes(data[:18] + (size + 2).to_bytes(4, "big") + b"\0\xf8" + data[22:])
    result = run("vary", tmp_path / "stray.mid", "--count", 1, "--seed", 1, "--out", tmp_path / "out")
    assert result.code == 0
    assert "stray.mid held 1 stray real-time byte, which was skipped" in result.err


class Clock:
    """Time that passes only where a test lets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowEngine(Engine):
    """An engine that spends two minutes on clips of one file, and pauses meanwhile."""

    def __init__(self, clock: Clock, slow: str) -> None:
        super().__init__(batch_size=FIXED_ROWS)
        self._clock, self._slow = clock, slow

    def run(
        self,
        request: Request,
        progress: Progress = lambda fraction: None,
        *,
        families: Sequence[str] | None = None,
        others: Sequence[Sequence[Other]] = (),
    ) -> Answer:
        assert isinstance(request, ClipsRequest)
        if any(self._slow in clip.name for clip in request.clips):
            self._clock.now += 120
            pause()
        return super().run(request, progress, families=families, others=others)


def test_of_files_that_run_together_only_the_slow_one_is_given_up(clips: Path, tmp_path: Path) -> None:
    clock = Clock()
    paths = [clips / f"{name}.mid" for name in ("rock", "funk", "house")]
    jobs = file_jobs.plan("vary", Vary(clips=(STAND_IN,)), paths, tmp_path)
    request = Vary(clips=(STAND_IN,), count=1, seed=1)
    for seconds, given_up in ((60.0, ["funk"]), (0.0, []), (180.0, [])):
        care = files.Care(watch=Watch(seconds, clock))
        made = dict(files.run(SlowEngine(clock, "funk"), request, jobs, progress=lambda fraction: None, care=care))
        failed = {job.stem: result.reason for job, result in made.items() if isinstance(result, files.Failed)}
        assert list(failed) == given_up
        assert all("funk.mid: given up after 60 s without progress" in reason for reason in failed.values())


class DeadDisk(type(Path())):  # type: ignore[misc]
    """A path on a disk that does not answer until a test is over."""

    answers = threading.Event()

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        self.answers.wait()
        return super().stat(follow_symlinks=follow_symlinks)  # type: ignore[no-any-return]


def test_a_disk_that_does_not_answer_is_not_waited_for(clips: Path) -> None:
    job = file_jobs.Job("rock", (("rock.mid", DeadDisk(clips / "rock.mid")),))
    care = files.Care(watch=Watch(0.01))
    ((_, result),) = files.run(Engine(), Vary(clips=(STAND_IN,), seed=1), [job], progress=lambda fraction: None, care=care)
    DeadDisk.answers.set()
    assert isinstance(result, files.Failed)
    assert result.reason.startswith("rock.mid: given up after 0.01 s without progress")


def test_a_file_is_given_up_while_it_is_read_too(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("vary", clips / "rock.mid", "--seed", 1, "--file-timeout", 1e-9, "--out", tmp_path / "out")
    assert result.code == 1
    assert "rock.mid: given up after 1e-09 s without progress; --file-timeout" in result.err
    assert not (tmp_path / "out").exists()
    assert run("vary", clips / "rock.mid", "--file-timeout", -1, "--out", tmp_path / "out").code == 2


@pytest.mark.parametrize("left", [0, 1, 2])
def test_where_the_disk_is_full_nothing_is_half_written(
    run: Run, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    asked = ("vary", clips / "rock.mid", clips / "funk.mid", "--count", 2, "--seed", 1, "--out", tmp_path / "out")
    written: list[Path] = []
    whole = Path.write_bytes

    def write_bytes(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > left:
            whole(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return whole(path, data)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", write_bytes)
        result = run(*asked)
    name = ("rock_vary_01.mid", "rock_vary_02.mid", "rock_vary.json")[left]
    assert result.code == 1
    assert f"{tmp_path / 'out' / name} cannot be written: the disk is full" in result.err
    assert "--skip-existing goes on" in result.err
    assert list((tmp_path / "out").iterdir()) == []
    assert len(run(*asked, "--skip-existing").names) == 4


# Training and the doctor


@pytest.mark.full
def test_a_trained_folder_is_a_model_at_once(run: Run, clips: Path, tmp_path: Path) -> None:
    config = tmp_path / "short.yaml"
    sizes = "{width: 16, heads: 2, encoder_layers: 1, trunk_layers: 1, hidden: 16, latent: 16, embedding: 8}"
    config.write_text(f"family: drums\nsteps: 2\nbatch: 4\nwarmup: 1\nreport_every: 1\nnetwork: {sizes}\n")
    data = tmp_path / "data"
    data.mkdir()
    for number in range(10):
        shutil.copy(clips / "breakbeat.mid", data / f"{number}.mid")
    result = run("train", config, "--data", data, "--out", tmp_path / "mine", "--seed", 3, "--device", "cpu")
    assert (result.code, result.out.strip()) == (0, str(tmp_path / "mine"))
    assert "step 2 of 2: loss" in result.err
    made = run("vary", clips / "rock.mid", "--model", tmp_path / "mine", "--count", 1, "--out", tmp_path / "out")
    assert made.names == ["rock_vary_01.mid"]


@pytest.mark.full
def test_an_unknown_key_of_a_config_is_told(run: Run, clips: Path, tmp_path: Path) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text("family: drums\nsteps: 2\nspeed: 9\n")
    result = run("train", config, "--data", clips, "--out", tmp_path / "mine")
    assert (result.code, result.err) == (1, "latent-bridge: speed: there is no such setting\n")


@pytest.mark.full
def test_a_config_that_is_not_there_is_told(run: Run, clips: Path, tmp_path: Path) -> None:
    result = run("train", tmp_path / "none.yaml", "--data", clips, "--out", tmp_path / "mine")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "none.yaml" in result.err


def test_the_doctor_looks_at_models_and_port(own_models: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        findings = list(examine(server.getsockname()[1]))
    assert [f for f in findings if f.is_well and "model drums gives here what it should" in f.text]
    assert [f for f in findings if not f.is_well and "is taken" in f.text]


def test_the_doctor_finds_a_damaged_model(run: Run, own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "latent-bridge" / "models"
    shutil.copytree(own_models, copy)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (copy / "drums" / "weights.safetensors").write_bytes((copy / "melody" / "weights.safetensors").read_bytes())
    result = run("doctor")
    assert result.code == 1
    wrong = [line for line in result.out.splitlines() if line.startswith("wrong")]
    assert [line for line in wrong if "model drums" in line]
    assert not [line for line in wrong if "model melody" in line]


def test_several_parts_are_chosen_by_number_name_or_all_and_each_is_named_with_its_model(
    run: Run, clips: Path, tmp_path: Path
) -> None:
    band = clips / "band.mid"
    for track, numbers in (("1,3", [1, 3]), ("lead, drums", [1, 3]), ("all", [1, 2, 3]), ("2", [2])):
        told = run("vary", band, "--count", 1, "--seed", 1, "--track", track, "--json", "--force", "--out", tmp_path)
        assert told.code == 0, track
        parts = json.loads(told.out)["parts"]
        assert [part["number"] for part in parts] == numbers
        assert {part["number"]: part["model"] for part in parts} == {n: "drums" if n == 1 else "melody" for n in numbers}
        assert all(part["why"] for part in parts)
        before, after = midi.read(band), midi.read(tmp_path / "band_vary_01.mid")
        changed = [n for n, (a, b) in enumerate(zip(before.parts, after.parts, strict=True), 1) if a.clip != b.clip]
        assert set(changed) <= set(numbers)
    assert (
        "band.mid: 1 to drums (MIDI channel 10); 3 to melody (its name, 'Lead')"
        in run("vary", band, "--count", 1, "--seed", 1, "--track", "3,1", "--force", "--out", tmp_path).err
    )
    assert "has no track 9" in run("vary", band, "--seed", 1, "--track", "1,9", "--out", tmp_path / "none").err


def test_one_part_of_each_file_makes_an_interpolation(run: Run, clips: Path, tmp_path: Path) -> None:
    told = run("interpolate", clips / "band.mid", clips / "rock.mid", "--seed", 1, "--track", "all", "--out", tmp_path)
    assert told.code == 1
    assert "band.mid: of each file one part is taken, not 3; choose it with --track" in told.err


def test_a_part_goes_to_the_model_that_its_program_and_its_neighbours_tell(run: Run, clips: Path, tmp_path: Path) -> None:
    rock = midi.read_clip(clips / "rock.mid")
    named = tmp_path / "named.mid"
    midi.write(named, replace(rock, channel=1, name="Piano"))
    for options, model, why in (
        ((), "melody", "its name, 'Piano'"),
        (("--kind", "drums"), "drums", "it was asked for"),
        (("--model", "drums"), "drums", "it was asked for"),
    ):
        told = run("vary", named, "--count", 1, "--seed", 1, "--json", "--force", "--out", tmp_path, *options)
        (part,) = json.loads(told.out)["parts"]
        assert (part["model"], part["why"]) == (model, why)


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(run: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("vary", clips / "band.mid", clips / "corrupt.mid", "--count", 2, "--out", out)
    told = run(*asked, "--dry-run", "--json")
    assert not out.exists()
    assert told.code == 1  # as it would be: one of the files cannot be read
    answer = json.loads(told.out)
    assert [Path(path).name for path in answer["clips"]] == ["band_vary_01.mid", "band_vary_02.mid"]
    assert [part["model"] for part in answer["parts"]] == ["drums", "melody", "melody"]
    assert (answer["seed"], answer["dry_run"], len(answer["errors"])) == (None, True, 1)
    made = run(*asked, "--json")
    assert json.loads(made.out)["parts"] == answer["parts"]
    again = run(*asked, "--dry-run", "--skip-existing")
    assert (again.code, again.out) == (1, "")
    assert "1 of 2 were made before" in again.err
    assert "would be overwritten" in run(*asked, "--dry-run").err


def test_a_dry_run_knows_what_no_model_covers_together_and_which_models_there_are(
    run: Run, clips: Path, tmp_path: Path
) -> None:
    told = run("interpolate", clips / "rock.mid", clips / "twinkle.mid", "--dry-run", "--json", "--out", tmp_path)
    assert json.loads(told.out)["models"] == ["morph"]
    told = run("vary", clips / "rock.mid", "--kind", "notes", "--dry-run", "--json", "--out", tmp_path)
    assert json.loads(told.out)["models"] == ["melody"]
    assert "nowhere" in run("vary", clips / "rock.mid", "--model", "nowhere", "--dry-run", "--out", tmp_path).err
    assert run("sample", "--count", 2, "--dry-run", "--out", tmp_path).names == ["drums_sample_01.mid", "drums_sample_02.mid"]


def test_what_is_worked_on_is_named(clips: Path, tmp_path: Path) -> None:
    named: list[str] = []
    paths = [clips / "rock.mid", clips / "funk.mid", clips / "corrupt.mid"]
    request = Vary(clips=(STAND_IN,), count=1, seed=1)
    jobs = file_jobs.plan("vary", request, paths, tmp_path)
    list(files.run(Engine(), request, jobs, progress=lambda fraction: None, care=files.Care(say_now=named.append)))
    assert named == ["rock.mid", "funk.mid", "corrupt.mid", "rock.mid and 1 more"]


def test_a_bar_on_a_terminal_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress("vary") as progress:
        progress.name("[red]beat.mid")
        progress(0.5)
        progress(0.25)  # it does not run back
    shown = screen.getvalue()
    assert "vary [red]beat.mid" in shown
    assert "50%" in shown
    assert "25%" not in shown
