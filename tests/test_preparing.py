"""Preparing folders of MIDI files as they are found: what is taken, what is left and why, and the file that holds it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import CliRunner

from bridge.cli import app
from models.families.registry import find_family
from models.music.clip import Note
from models.tensor_file import read_tensors
from models.training.dataset import MUSIC, find_sources, pack, part_of
from models.training.packed import load_packed, save_packed
from models.training.preparing import Prepared, grid_agreement, held_out, prepare

DRUMS = find_family("drums")
BEATS = ("funk", "rock", "house", "bossa", "halftime", "breakbeat", "shuffle")


@pytest.fixture(scope="module")
def prepared(clips: Path) -> Prepared:
    return prepare(find_sources(clips), "clips")


def left(prepared: Prepared, name: str) -> str:
    (report,) = [report for report in prepared.files if report.name == name]
    assert not report.took
    return "; ".join(report.left)


def test_every_file_is_accounted_for(prepared: Prepared, clips: Path) -> None:
    assert [report.name for report in prepared.files] == sorted(path.name for path in clips.glob("*.mid"))
    assert all(report.took or report.left for report in prepared.files)
    for family, its in prepared.families.items():
        assert sum(report.took.get(family, 0) for report in prepared.files) == its.windows.are(MUSIC).sum()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("waltz_3_4.mid", "waltz_3_4: no two bars of 4/4"),
        ("chords.mid", "chords: no line by itself, or too few notes in any two bars"),
        ("empty.mid", "it holds no notes"),
        ("truncated.mid", "it is cut off: it ends in the middle of a track"),
        ("zero_bytes.mid", "it is empty"),
    ],
)
def test_what_is_left_is_left_for_a_reason(prepared: Prepared, name: str, why: str) -> None:
    assert left(prepared, name) == why


def test_files_are_taken_by_any_of_their_endings_and_what_cannot_be_read_is_named(clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "rock.mid", tmp_path / "rock.KAR")
    wrapped = (clips / "funk.mid").read_bytes()
    chunk = b"RMIDdata" + len(wrapped).to_bytes(4, "little") + wrapped
    (tmp_path / "funk.rmi").write_bytes(b"RIFF" + len(chunk).to_bytes(4, "little") + chunk)
    shutil.copy(clips / "rock.mid", tmp_path / "._rock.mid")  # as macOS leaves them, with what is no music in them
    (tmp_path / "nowhere.mid").symlink_to(tmp_path / "gone.mid")
    (tmp_path / "folder.mid").mkdir()
    with (tmp_path / "huge.mid").open("wb") as file:
        file.truncate(2**30)
    found = prepare(find_sources(tmp_path), "mine")
    assert [(report.name, bool(report.took)) for report in found.files] == [
        ("funk.rmi", True),
        ("huge.mid", False),
        ("nowhere.mid", False),
        ("rock.KAR", True),
    ]
    assert "too large" in left(found, "huge.mid")
    assert "cannot be read" in left(found, "nowhere.mid")
    said: list[str] = []
    assert len(pack(find_sources(tmp_path), DRUMS, say=said.append)) == 2
    assert [line.split()[0] for line in said] == ["huge.mid", "nowhere.mid"]


def test_parts_are_told_apart(prepared: Prepared) -> None:
    (band,) = [report for report in prepared.files if report.name == "band.mid"]
    assert band.took == {"drums": 1, "melody": 1}
    assert band.left == ("Bass: too low for melody: a bass",)
    assert "120" in band.tempo


def test_a_loop_of_one_bar_is_played_twice(prepared: Prepared, clips: Path) -> None:
    (loop,) = [report for report in prepared.files if report.name == "one_bar.mid"]
    assert loop.took == {"drums": 1}
    half = DRUMS.spec.half_steps
    alone = pack(iter([replace(next(s for s in find_sources(clips) if s.name == "one_bar.mid"), is_own=True)]), DRUMS).grid
    assert (alone.tokens[0, :half] == alone.tokens[0, half:]).all()


def test_what_is_there_twice_is_taken_once(clips: Path, tmp_path: Path) -> None:
    for name in BEATS:
        shutil.copy(clips / f"{name}.mid", tmp_path)
    shutil.copy(clips / "funk.mid", tmp_path / "same.mid")
    (tmp_path / "with_an_end.mid").write_bytes((clips / "funk.mid").read_bytes() + b"\0")  # other bytes, the same music
    found = prepare(find_sources(tmp_path), "beats")
    assert left(found, "same.mid") == "the same file as funk.mid"
    assert "over again" in left(found, "with_an_end.mid")


def test_no_piece_is_both_learned_from_and_held_out(prepared: Prepared) -> None:
    for its in prepared.families.values():
        train, valid = its.split()
        assert len(valid)
        assert not set(train.piece.tolist()) & set(valid.piece.tolist())


@pytest.mark.parametrize(("pieces", "held"), [(1, 0), (3, 0), (4, 1), (8, 2), (15, 2), (20, 2), (100, 10)])
def test_some_of_the_pieces_are_held_out(pieces: int, held: int) -> None:
    piece = np.repeat(np.arange(pieces), 3)
    assert len(np.unique(piece[held_out(piece)])) == held


def test_music_that_was_played_freely_is_known() -> None:
    rng = np.random.default_rng(0)
    straight = [Note(36, k / 4, 0.2) for k in range(64)]
    triplets = [Note(36, k / 3, 0.2) for k in range(64)]
    played = [Note(36, k / 4 + rng.normal(0, 0.03), 0.2) for k in range(64)]
    free = [Note(36, k * 0.317, 0.2) for k in range(64)]
    assert min(map(grid_agreement, (straight, triplets, played))) > 0.6
    assert grid_agreement(free) < 0.2


def test_prepared_music_is_read_as_it_was_written(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "mine.lbdata"
    save_packed(path, prepared, "clips")
    for family, its in prepared.families.items():
        again = load_packed(path, family)
        assert again.windows.sha256() == its.windows.sha256()
        assert (again.held == its.held).all()
        assert again.files == its.files
        assert part_of(again.windows).tolist() == part_of(its.windows).tolist()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[: len(content) // 2], "is cut off"),
        (lambda content: b"", "is empty"),
        (lambda content: save({"about": np.frombuffer(b"[]", np.int8)}), "of another version"),
        (lambda content: save({"other": np.zeros(3, np.int64)}), "not from `prepare`"),
        (
            lambda content: save({**read_tensors(content, ["I8", "I64", "F16", "F32"]), "drums/held": np.zeros(1, np.int8)}),
            "held",
        ),
        (
            lambda content: save(
                {k: v + 600 * (k == "drums/tokens") for k, v in read_tensors(content, ["I8", "I64", "F16", "F32"]).items()}
            ),
            "tokens that drums do not have",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(prepared: Prepared, tmp_path: Path, damage: object, said: str) -> None:
    path = tmp_path / "mine.lbdata"
    save_packed(path, prepared, "clips")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=f"mine.lbdata .*{said}"):
        load_packed(path, "drums")


def test_a_family_that_is_not_there_is_named(prepared: Prepared, tmp_path: Path) -> None:
    save_packed(tmp_path / "d.lbdata", Prepared({"drums": prepared.families["drums"]}, ()), "clips")
    with pytest.raises(ValueError, match="holds no melody to learn from; it holds: drums"):
        load_packed(tmp_path / "d.lbdata", "melody")


def test_the_command_prints_a_table_and_writes_the_file(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.lbdata"
    done = CliRunner().invoke(app, ["prepare", str(clips), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "no two bars of 4/4" in done.output
    assert len(load_packed(out, "drums").windows)
    told = json.loads(CliRunner().invoke(app, ["prepare", str(clips), "--out", str(out), "--force", "--json"]).stdout)
    assert told["families"]["drums"]["windows"] > 5
    assert {file["name"] for file in told["files"]} >= {"funk.mid", "chords.mid"}


def test_a_folder_with_nothing_usable_is_said(clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "waltz_3_4.mid", tmp_path)
    with pytest.raises(ValueError, match=r"holds nothing to learn from: .* no two bars of 4/4"):
        CliRunner().invoke(app, ["prepare", str(tmp_path), "--out", str(tmp_path / "a.lbdata")], catch_exceptions=False)
    assert not (tmp_path / "a.lbdata").exists()
