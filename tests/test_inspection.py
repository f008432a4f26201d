"""What `inspect` shows: parts, voices, rests, keys, and the model of each part with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.inspection import inspect_song, name_keys, silent_bars, voices_at_once
from models.music.clip import Clip, Note
from models.music.key_finding import find_local_keys
from models.music.midi import Song, from_bytes, read, to_bytes

TUNE = (60, 64, 67, 65, 64, 62, 60, 59, 60, 62, 64, 67, 65, 62, 59, 60)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_a_band_is_shown_part_by_part(clips: Path) -> None:
    report = inspect_song(read(clips / "band.mid"))
    drums, bass, lead = report.parts
    assert (drums.model, drums.why, drums.key, drums.program) == ("drums", "MIDI channel 10", None, None)
    assert (bass.model, bass.why, bass.program, bass.voices) == ("melody", "its name, 'Bass'", 34, 1)
    assert (lead.number, lead.name, lead.channel, lead.notes) == (3, "Lead", 1, 7)
    assert drums.bars == 2


def test_voices_that_sound_at_once_are_counted_and_a_slur_is_none() -> None:
    slurred = Clip((Note(60, 0, 1.1), Note(62, 1, 1.1), Note(64, 2, 1)), 4.0)
    assert voices_at_once(slurred, True) == 1
    assert voices_at_once(slurred.with_notes((*slurred.notes, Note(48, 0, 4))), True) == 2
    assert voices_at_once(Clip((Note(36, 0, 3), Note(42, 0, 3), Note(38, 1, 3)), 4.0), False) == 2
    assert voices_at_once(Clip((), 4.0), True) == 0


def test_bars_of_rest_are_counted_to_the_sixteenth_however_long_they_last() -> None:
    notes = (Note(60, 0, 1), Note(62, 7.95, 1), Note(64, 400_000, 8.1))
    assert silent_bars(Clip(notes, 400_016.0), True) == 100_004 - 4
    assert silent_bars(Clip(notes[:2], 12.0), True) == 1
    held = Clip((Note(36, 0, 8),), 8.0)
    assert (silent_bars(held, True), silent_bars(held, False)) == (0, 1)
    assert silent_bars(Clip((), 8.0), True) == 2


def test_keys_are_named_in_their_order_and_what_is_not_clear_has_a_question_mark() -> None:
    def line(up: int, start: float, count: int) -> list[Note]:
        return [Note(p + up, start + k, 1.0) for k, p in enumerate(TUNE * count)]

    keys = find_local_keys(line(0, 0, 4) + line(3, 64, 4), bar=4.0, start=0.0, end=128.0)
    assert name_keys(keys) == "C Major → Eb Major"
    assert (name_keys(find_local_keys(line(0, 0, 1)[:4], bar=4.0, start=0.0, end=4.0)) or "").endswith("?")
    assert name_keys(()) is None


def test_chords_have_a_model_alone_and_beside_others(clips: Path) -> None:
    chords, rock = read(clips / "chords.mid"), read(clips / "rock.mid")
    (alone,) = inspect_song(chords).parts
    _, beside = inspect_song(Song(1, rock.ticks_per_beat, (), (*rock.parts, *chords.parts), (), ())).parts
    assert alone.model == beside.model == "melody"
    assert alone.voices == beside.voices > 2


def test_a_file_without_notes_has_no_model_and_no_key() -> None:
    (part,) = inspect_song(from_bytes(to_bytes(Clip((), 8.0, name="nothing")))).parts
    assert (part.model, part.key, part.why) == (None, None, "it has no notes")


def test_the_command_prints_tables_and_names_what_it_cannot_read(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("band.mid", "corrupt.mid"):
        (tmp_path / name).write_bytes((clips / name).read_bytes())
    code, out, err = run(capsys, "inspect", tmp_path)
    assert code == 1
    assert "band.mid: format 1, 2 bars" in out
    assert "its name, 'Bass'" in out
    assert err.startswith("latent-bridge: corrupt.mid is corrupt")
    assert run(capsys, "inspect", clips / "band.mid")[0] == 0


def test_the_command_prints_one_json_object(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "inspect", clips / "band.mid", clips / "zero_bytes.mid", "--json")
    told = json.loads(out)
    assert code == 1
    assert [part["model"] for part in told["files"][0]["parts"]] == ["drums", "melody", "melody"]
    assert told["files"][0]["keys"][0]["likely"]
    assert len(told["errors"]) == 1


@pytest.mark.full
def test_evaluate_can_measure_the_routing_alone(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "band.mid").write_bytes((clips / "band.mid").read_bytes())
    code, out, _ = run(capsys, "evaluate", "drums", tmp_path, "--routing", "--json", tmp_path / "out.json")
    assert code == 0
    assert "routing_accuracy_without_channel" in out
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["routing_accuracy"] == 1
