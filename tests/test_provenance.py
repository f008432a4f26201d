"""Records: the same clips again, byte for byte, whatever was made beside them the first time."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.provenance import EMBEDDED_BYTES
from models.extras import cpu_runtime
from models.music import midi

pytestmark = pytest.mark.usefixtures("own_models")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.mid"))}


def test_a_file_varied_among_others_comes_out_as_alone(clips: Path, tmp_path: Path) -> None:
    names = ("rock", "ode_to_joy", "band", "drums_7_8", "empty", "chords", "pickup", "house", "triplets")
    assert run("vary", *(clips / f"{name}.mid" for name in names), "--count", 5, "--seed", 11, "--out", tmp_path / "all") == 0
    for name in names:
        record = tmp_path / "all" / f"{name}_vary.json"
        assert run("recall", record, "--out", tmp_path / "recalled") == 0
        assert run("vary", clips / f"{name}.mid", "--count", 5, "--seed", 11, "--out", tmp_path / "alone") == 0
        assert record.read_bytes() == (tmp_path / "alone" / f"{name}_vary.json").read_bytes()
    assert contents(tmp_path / "all") == contents(tmp_path / "recalled") == contents(tmp_path / "alone")


def test_what_is_said_of_a_file_is_said_in_its_own_order(clips: Path, tmp_path: Path) -> None:
    tune, beat = midi.read(clips / "twinkle.mid"), midi.read(clips / "pads_not_gm.mid")
    clip = tune.parts[0].clip
    tune = midi.replace_part(tune, 0, clip.with_notes([*clip.notes, *(note.changed(pitch=40) for note in clip.notes[:2])]))
    midi.write(tmp_path / "both.mid", midi.Song(1, 480, (*tune.tracks, *beat.tracks), (), (), ()))
    for folder, beside in (("alone", []), ("among", [clips / "rock.mid"])):  # a drum clip is done first, and drums with it
        asked = (*beside, tmp_path / "both.mid", "--count", 1, "--seed", 1)
        assert run("vary", *asked, "--out", tmp_path / folder) == 0
    record = (tmp_path / "alone" / "both_vary.json").read_bytes()
    assert all(text in record for text in (b"is polyphonic", b"pads the model does not know"))
    assert record == (tmp_path / "among" / "both_vary.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "record"),
    [
        (["sample", "--count", 3, "--bars", 5], "drums_sample"),
        (["sample", "--kind", "notes", "--variety", 0.9], "melody_sample"),
        (["vary", "band.mid", "--track", "bass", "--amount", 0.6], "band_vary"),
        (["vary", "format_0_band.mid", "--kind", "notes"], "format_0_band_vary"),
        (["interpolate", "twinkle.mid", "menuet_in_g.mid", "--steps", 4], "twinkle--menuet_in_g_interpolate"),
        (["blend", "rock.mid", "band.mid", "drums_6_8.mid", "--grid", 3], "rock--band--drums_6_8_blend"),
        (["blend", "rock.mid", "funk.mid", "--at", "0.3,0"], "rock--funk_blend"),
        (["reconstruct", "from_live.mid"], "from_live_reconstruct"),
        (["vary", "funk.mid", "--lock-voices", "kick,snare", "--lock-beats", "0:2,6:8", "--pads", "60:kick"], "funk_vary"),
        (["vary", "twinkle.mid", "--lock", "rhythm", "--key", "A minor", "--lock-notes", "0,3", "--octave", 1], "twinkle_vary"),
        (["vary", "chords.mid", "--kind", "notes", "--lock", "pitch,velocity", "--density", -2], "chords_vary"),
        (["interpolate", "rock.mid", "twinkle.mid"], "rock--twinkle_interpolate"),
        (["cross", "twinkle.mid", "ode_to_joy.mid"], "twinkle--ode_to_joy_cross"),
        (["groove", "band.mid", "--count", 2, "--like", "funk.mid", "--timing", 0.7, "--lock-voices", "kick"], "band_groove"),
    ],
)
def test_recall_gives_the_same_bytes(clips: Path, tmp_path: Path, arguments: list[object], record: str) -> None:
    copies = tmp_path / "in"
    shutil.copytree(clips, copies)
    typed = [copies / str(argument) if str(argument).endswith(".mid") else argument for argument in arguments]
    assert run(*typed, "--out", tmp_path / "first") == 0
    shutil.rmtree(copies)  # a record needs nothing else
    assert run("recall", tmp_path / "first" / f"{record}.json", "--out", tmp_path / "again") == 0
    first = contents(tmp_path / "first")
    assert first
    assert contents(tmp_path / "again") == first


def test_a_record_tells_what_was_asked_and_made(clips: Path, tmp_path: Path) -> None:
    assert run("vary", clips / "rock.mid", "--count", 2, "--seed", 4, "--out", tmp_path) == 0
    record = json.loads((tmp_path / "rock_vary.json").read_text(encoding="utf-8"))
    assert (record["verb"], record["request"]["seed"], record["request"]["amount"]) == ("vary", 4, 0.3)
    assert [source["name"] for source in record["sources"]] == ["rock.mid"]
    assert [len(model["weights_sha256"]) for model in record["models"]] == [64]
    assert set(record["versions"]) == {"latent-bridge", "python", "numpy", cpu_runtime()}  # torch computes on a GPU only
    assert [output["name"] for output in record["outputs"]] == ["rock_vary_01.mid", "rock_vary_02.mid"]
    assert str(tmp_path) not in json.dumps(record)


def test_recall_refuses_other_weights(
    clips: Path,
    tmp_path: Path,
    other_model: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("vary", clips / "rock.mid", "--count", 1, "--out", tmp_path / "first") == 0
    other_model(tmp_path / "home" / "latent-bridge" / "models" / "drums")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert run("recall", tmp_path / "first" / "rock_vary.json", "--out", tmp_path / "again") == 1
    assert "drums had other weights" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_recall_says_which_clips_are_not_the_same(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("vary", clips / "rock.mid", "--count", 2, "--out", tmp_path) == 0
    path = tmp_path / "rock_vary.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["outputs"][1]["sha256"] = "0" * 64
    record["versions"][cpu_runtime()] = "1.0"
    path.write_text(json.dumps(record), encoding="utf-8")
    assert run("recall", path, "--out", tmp_path / "again") == 1
    told = capsys.readouterr().err
    assert "1 of 2 clips are not what" in told
    assert "rock_vary_02.mid" in told
    assert f"made with {cpu_runtime()} 1.0" in told


def test_a_damaged_record_is_refused(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("vary", clips / "rock.mid", "--count", 1, "--out", tmp_path) == 0
    path = tmp_path / "rock_vary.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["sources"][0]["midi"] = record["sources"][0]["midi"][:-8]
    path.write_text(json.dumps(record), encoding="utf-8")
    assert run("recall", path, "--out", tmp_path / "again") == 1
    assert "the copy of rock.mid in it is damaged" in capsys.readouterr().err


def test_what_numpy_made_is_recalled_with_numpy(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as before:
        for module in ("models.store", "bridge.provenance"):
            before.setattr(f"{module}.cpu_runtime", lambda: "numpy")
        assert run("vary", clips / "funk.mid", "--count", 3, "--seed", 3, "--out", tmp_path / "a") == 0
    record = tmp_path / "a" / "funk_vary.json"
    assert "onnxruntime" not in json.loads(record.read_text(encoding="utf-8"))["versions"]
    capsys.readouterr()
    assert run("recall", record, "--out", tmp_path / "b") == 0
    assert capsys.readouterr().err == "latent-bridge: 3 of 3 clips are the same, byte for byte\n"


def test_recall_does_not_write_over_files(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("vary", clips / "rock.mid", "--count", 1, "--out", tmp_path) == 0
    assert run("recall", tmp_path / "rock_vary.json", "--out", tmp_path) == 1
    assert "--force" in capsys.readouterr().err
    assert run("recall", tmp_path / "rock_vary.json", "--out", tmp_path, "--force") == 0


def test_a_large_source_is_told_by_its_path_and_is_looked_at_before_it_is_used(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = midi.read(clips / "rock.mid")
    track = (song.tracks[0][0], (0, b"\xff\x01" + b"x" * EMBEDDED_BYTES), *song.tracks[0][1:])
    large = tmp_path / "large.mid"
    midi.write(large, replace(song, tracks=(track,)))
    asked = ("vary", large, "--count", 1, "--seed", 1)
    assert run(*asked, "--out", tmp_path / "by_path") == 0
    assert run(*asked, "--embed", "--out", tmp_path / "embedded") == 0
    source, *others = json.loads((tmp_path / "by_path" / "large_vary.json").read_text(encoding="utf-8"))["sources"]
    assert (source["path"], source["midi"], others) == (str(large), None, [])
    assert run("recall", tmp_path / "by_path" / "large_vary.json", "--out", tmp_path / "again") == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "by_path") == contents(tmp_path / "embedded")

    large.write_bytes(large.read_bytes().replace(b"xx", b"xy", 1))
    assert run("recall", tmp_path / "by_path" / "large_vary.json", "--out", tmp_path / "changed") == 1
    assert "large.mid has changed since the clips were made from it" in capsys.readouterr().err
    large.unlink()
    assert run("recall", tmp_path / "by_path" / "large_vary.json", "--out", tmp_path / "gone") == 1
    assert (
        "large.mid cannot be read: No such file or directory; the clips were made from it, and with --embed"
        in capsys.readouterr().err
    )
    assert run("recall", tmp_path / "embedded" / "large_vary.json", "--out", tmp_path / "without") == 0
    assert contents(tmp_path / "without") == contents(tmp_path / "by_path")


def test_a_record_of_a_small_source_is_as_it_always_was(clips: Path, tmp_path: Path) -> None:
    assert run("vary", clips / "rock.mid", "--count", 1, "--out", tmp_path) == 0
    record = json.loads((tmp_path / "rock_vary.json").read_text(encoding="utf-8"))
    assert [set(source) for source in record["sources"]] == [{"name", "sha256", "midi"}]


@pytest.mark.skipif(sys.platform == "win32", reason="has no fifos")
def test_a_record_that_is_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    assert run("recall", tmp_path / "fifo.json", "--out", tmp_path) == 1
    assert "fifo.json is not a record of clips: it is not a file" in capsys.readouterr().err


def test_a_record_names_the_parts_that_were_worked_on(clips: Path, tmp_path: Path) -> None:
    assert run("vary", clips / "band.mid", "--count", 1, "--track", "1,3", "--seed", 1, "--out", tmp_path) == 0
    record = json.loads((tmp_path / "band_vary.json").read_text(encoding="utf-8"))
    assert [(part["file"], part["number"], part["name"], part["model"]) for part in record["parts"]] == [
        ("band.mid", 1, "Drums", "drums"),
        ("band.mid", 3, "Lead", "melody"),
    ]
    assert all(part["why"] for part in record["parts"])


def test_records_of_before_there_were_keys_rests_context_and_parts_recall(clips: Path, tmp_path: Path) -> None:
    made = ("--key", "free", "--fill", "--context", "none", "--count", 2, "--seed", 1, "--out", tmp_path)
    assert run("vary", clips / "ode_to_joy.mid", *made) == 0
    path = tmp_path / "ode_to_joy_vary.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for later in ("parts", "keys", "context"):
        del record[later]
    del record["request"]["fill"]
    record["request"]["key"] = None
    path.write_text(json.dumps(record), encoding="utf-8")
    assert run("recall", path, "--out", tmp_path / "again") == 0
    assert contents(tmp_path / "again") == {p.name: p.read_bytes() for p in sorted(tmp_path.glob("*.mid"))}
