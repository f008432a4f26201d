"""Files: the other tracks sound with each part, or another file does; and parts that are read as the kind that is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import main
from bridge.file_context import AS_FILES_ARE, Reading, with_file
from models.editing.gaps import Gaps
from models.editing.others import notes_beside
from models.music import midi
from models.music.clip import Clip, Note

pytestmark = pytest.mark.usefixtures("own_models")  # these hear what they are told

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command into a folder; give its exit code, its answer, and what it said."""

    def call(verb: str, *arguments: object, out: str = "out") -> tuple[int, Any, str]:
        with pytest.raises(SystemExit) as left:
            main([verb, *map(str, arguments), "--json", "--force", "--out", str(tmp_path / out)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(left.value.code or 0), json.loads(said.out) if said.out else None, said.err

    return call


def notes_of(path: str, part: int = 1) -> tuple[Note, ...]:
    return midi.read(path).parts[part].clip.notes


def test_the_other_tracks_of_a_file_are_heard_unless_none_are_wanted(run: Run, clips: Path) -> None:
    asked = ("vary", clips / "band.mid", "--track", 2, "--amount", 0.6, "--count", 1, "--seed", 3)
    found = {}
    for context in ("auto", "none", clips / "twinkle.mid"):
        code, answer, _ = run(*asked, "--context", context)
        assert (code, answer["context"]) == (0, Path(context).name)
        found[context] = notes_of(answer["clips"][0])
        assert notes_of(answer["clips"][0], 0) == notes_of(str(clips / "band.mid"), 0)  # they are only heard
    assert len(set(found.values())) == 3
    assert notes_of(run(*asked)[1]["clips"][0]) == found["auto"]


def test_a_part_that_is_alone_hears_nothing(run: Run, clips: Path) -> None:
    asked = ("vary", clips / "twinkle.mid", "--count", 1, "--seed", 3)
    first, second = (Path(run(*asked, "--context", context)[1]["clips"][0]).read_bytes() for context in ("auto", "none"))
    assert first == second


@pytest.mark.parametrize(
    "arguments",
    [
        ["vary", "band.mid", "--count", 1],
        ["vary", "band.mid", "--count", 1, "--context", "none"],
        ["vary", "twinkle.mid", "--count", 1, "--context", "band.mid"],
        ["vary", "band.mid", "--count", 1, "--kind", "bass:drums"],
        ["reconstruct", "band.mid", "--context", "waltz_3_4.mid"],
        ["interpolate", "band.mid", "menuet_in_g.mid", "--track", "bass", "--steps", 4],
        ["blend", "menuet_in_g.mid", "twinkle.mid", "--at", "0.4,0", "--context", "band.mid"],
        ["cross", "twinkle.mid", "ode_to_joy.mid", "--count", 1, "--context", "band.mid"],
        ["sample", "--kind", "notes", "--count", 1, "--context", "band.mid"],
    ],
)
def test_recall_hears_the_same(run: Run, clips: Path, tmp_path: Path, arguments: list[str | int]) -> None:
    copies = tmp_path / "in"
    shutil.copytree(clips, copies)
    if "interpolate" in arguments:  # the part to choose is called alike in both
        midi.write(copies / "menuet_in_g.mid", replace(midi.read_clip(clips / "menuet_in_g.mid"), name="Bass"))
    code, answer, said = run(*(copies / str(a) if str(a).endswith(".mid") else a for a in arguments), "--seed", 1)
    assert (code, said) == (0, said)
    shutil.rmtree(copies)  # a record needs nothing else
    (record,) = answer["records"]
    code, again, said = run("recall", record, out="again")
    assert (code, again["same"]) == (0, True), said


def test_where_a_song_goes_on_its_tracks_are_not_repeated() -> None:
    long = Clip(tuple(Note(60, float(k), 1.0) for k in range(16)), 16.0, channel=1)
    short = Clip((Note(40, 0.0, 2.0),), 4.0, channel=2)
    song = song_of(long, short)
    (other,) = AS_FILES_ARE.others(song, ["melody", "melody"], 0)
    assert [n.start for n in notes_beside(long, [other], Gaps()) or ()] == [0]
    # Another file goes round, all of its parts together.
    both = with_file(AS_FILES_ARE, "loop.mid", midi.to_bytes(song)).others(song_of(replace(long, beats=40.0)), ["melody"], 0)
    assert [n.start for n in notes_beside(replace(long, beats=40.0), both, Gaps()) or () if n.pitch == 40] == [0, 16, 32]


def test_parts_with_pickups_lie_where_the_file_has_them() -> None:
    early = Clip((Note(60, -1.0, 1.0), Note(62, 0.0, 4.0)), 8.0, channel=1)
    plain = Clip((Note(40, 0.0, 2.0), Note(43, 4.0, 2.0)), 8.0, channel=2)
    song = song_of(early, plain)
    shift = song.parts[0].shift
    assert shift == 4
    (beside_early,) = AS_FILES_ARE.others(song, ["melody", "melody"], 0)
    assert [n.start for n in beside_early.clip.notes] == [-4, 0]
    (beside_plain,) = AS_FILES_ARE.others(song, ["melody", "melody"], 1)
    assert [n.start for n in beside_plain.clip.notes] == [3, 4]


def song_of(*clips: Clip) -> midi.Song:
    """Put clips into the tracks of one song, as files have them."""
    songs = [midi.from_bytes(midi.to_bytes(clip)) for clip in clips]
    whole = midi.Song(1, 480, tuple(track for song in songs for track in song.tracks), (), (), ())
    return midi.from_bytes(midi.to_bytes(whole))


def test_a_run_goes_on_where_the_same_was_heard(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backing = tmp_path / "backing.mid"
    shutil.copy(clips / "band.mid", backing)

    def skipped(context: object) -> int:
        asked = (
            "vary",
            clips / "twinkle.mid",
            "--count",
            1,
            "--seed",
            1,
            "--skip-existing",
            "--json",
            "--out",
            tmp_path / "out",
        )
        with pytest.raises(SystemExit):
            main([str(a) for a in (*asked, "--context", context)])
        return len(json.loads(capsys.readouterr().out)["skipped"])

    assert [skipped(backing), skipped(backing), skipped("auto"), skipped("auto"), skipped("none")] == [0, 1, 0, 1, 0]
    assert [skipped(backing), skipped(backing)] == [0, 1]
    shutil.copy(clips / "waltz_3_4.mid", backing)  # other music of the same name
    assert skipped(backing) == 0


def test_records_made_before_there_was_context_hear_nothing(run: Run, clips: Path, tmp_path: Path) -> None:
    _, answer, _ = run("vary", clips / "band.mid", "--count", 1, "--seed", 1, "--context", "none")
    record = Path(answer["records"][0])
    told = json.loads(record.read_text(encoding="utf-8"))
    assert told.pop("context") == "none"
    record.write_text(json.dumps(told), encoding="utf-8")
    assert run("recall", record, out="again")[1]["same"]


def test_a_part_is_read_as_the_kind_that_is_told(run: Run, clips: Path) -> None:
    asked = ("vary", clips / "band.mid", "--count", 1, "--seed", 1)
    for told, models, asked_for in (
        ("2:drums", ["drums", "drums", "melody"], [2]),
        ("bass:drums,1:notes", ["melody", "drums", "melody"], [1, 2]),
        ("lead:notes", ["drums", "melody", "melody"], [3]),
    ):
        parts = run(*asked, "--kind", told)[1]["parts"]
        assert [part["model"] for part in parts] == models
        assert [part["number"] for part in parts if part["why"].endswith("was asked for")] == asked_for


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--kind", "2:drumz"],
            2,
            "'2:drumz' is not allowed: it must be drums|notes for all, or a part and its kind, as in 2:drums",
        ),
        (["--kind", "notes,2:drums"], 2, "'notes' is not allowed: it must be drums|notes for all, or a part and its kind"),
        (["--kind", ":drums"], 2, "':drums' is not allowed"),
        (["--kind", "drumz"], 2, "drumz is not allowed"),
        (["--kind", "9:drums"], 1, "band.mid has no track 9, only 1 Drums (channel 10), 2 Bass (channel 2)"),
        (["--context", "nowhere.mid"], 1, "nowhere.mid"),
        (["--context", "EMPTY"], 1, "empty.mid holds no notes: nothing in it can sound with the clips"),
        (["--context", "NOT_MIDI"], 1, "not_midi.mid"),
    ],
)
def test_what_cannot_be_heard_or_read_is_one_sentence(
    run: Run, clips: Path, arguments: list[str], code: int, said: str
) -> None:
    files = {"EMPTY": str(clips / "empty.mid"), "NOT_MIDI": str(clips / "not_midi.mid")}
    came, _, told = run("vary", clips / "band.mid", *(files.get(a, a) for a in arguments))
    assert came == code
    assert said in " ".join(told.replace("│", "").split())


def test_no_context_is_read_where_none_is_asked_for() -> None:
    song = song_of(Clip((Note(60, 0.0, 1.0),), 4.0, channel=1), Clip((Note(40, 0.0, 1.0),), 4.0, channel=2))
    assert Reading(context="none").others(song, ["melody", "melody"], 0) == []
