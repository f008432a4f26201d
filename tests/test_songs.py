"""The checks that bench/songs.py makes of whole songs: its own reader of results, and the figures of its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.song_checks.figures import Sounding, bars_differ, f1, silent_bars, strange_pads, strokes
from bench.song_checks.reader import Heard, Sound, listen
from bench.song_checks.rows import reconstructed, varied
from bench.song_checks.runs import Pair, Ran, worked_on


def heard_in(path: Path) -> Heard:
    heard = listen(path)
    assert heard is not None
    return heard


def pair(before: list[tuple[int, float]], after: list[tuple[int, float]], channel: int = 1) -> Pair:
    sides = [[Sound(pitch, start, start + 1, 80) for pitch, start in side] for side in (before, after)]
    files = [Heard({(0, channel): side}, {0: 16.0}, {}, {}, 0, 4.0) for side in sides]
    return Pair("file", (0, channel), sides[0], sides[1], files[0], files[1])


def test_another_reader_finds_parts_track_ends_and_what_is_no_note(clips: Path) -> None:
    heard = heard_in(clips / "band.mid")
    assert [len(heard.parts[key]) for key in heard.order] == [28, 10, 7]
    assert [channel for _, channel in heard.order] == [10, 2, 1]
    assert heard.hanging == 0
    assert set(heard.ends.values()) <= {0.0, 8.0}
    assert heard_in(clips / "hanging_note.mid").hanging == 1
    assert listen(clips / "truncated.mid") is None


def test_the_parts_that_were_worked_on_are_read_from_what_was_said(clips: Path) -> None:
    heard = heard_in(clips / "band.mid")
    said = {"info": ["band.mid: used 1 Drums (channel 10), 3 Lead (channel 1); copied through 2 Bass (channel 2)"]}
    assert worked_on(said, heard) == [heard.order[0], heard.order[2]]
    assert worked_on({"info": []}, heard) == []
    alone = heard_in(clips / "twinkle.mid")
    assert worked_on({"info": []}, alone) == alone.order


def test_new_notes_silent_bars_and_density_are_counted() -> None:
    both = pair([(60, 0), (62, 1), (64, 12)], [(60, 0), (63, 1), (64, 12), (65, 7.9), (66, 5)])
    assert [n.pitch for n in both.new] == [63, 65, 66]
    assert {1, 2} <= silent_bars(both)
    assert 0 not in silent_bars(both)
    rows = dict(varied("0.3", [both]))
    assert rows["vary 0.3, pitched: share of new notes in silent bars"] == "66.7 %"
    assert rows["vary 0.3, pitched: parts; notes, median, mean; within 10 %"] == "1; ×1.667, ×1.667; 100.0 %"


def test_notes_come_back_once_each() -> None:
    both = pair([(60, 0), (60, 0.1), (62, 1)], [(60, 0.05), (62, 1.3)])
    assert f1(both.before, both.after) == pytest.approx(2 / 5)


def test_of_drums_what_their_model_can_hold_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    snares, cowbell = [(38, 1.0), (40, 1.02), (37, 0.98)], (56, 2.0)
    both = pair([(36, 0.0), *snares, cowbell], [(36, 0.0), (38, 1.0)], channel=10)
    assert len(strokes(both.before)) == 2
    monkeypatch.setattr("bench.song_checks.rows.pairs_of", lambda *_: [both, pair([cowbell], [], channel=10)])
    left_out, figures = reconstructed(Ran(0, 0.0, []), {})
    assert left_out[1] == "4"
    assert figures[1] == "1; ×1.00 (worst ×1.0), 100.0 %; 1.000, 1.00, 100.0 %"


def test_a_semitone_against_what_sounds_is_a_clash() -> None:
    both = pair([(60, 0), (72, 4)], [(60, 0)])
    sounding = Sounding(both.source)
    assert sounding.clashes(Sound(61, 0.5, 1, 80))
    assert sounding.clashes(Sound(73, 0.5, 1, 80))
    assert not sounding.clashes(Sound(64, 0.5, 1, 80))
    assert not sounding.clashes(Sound(61, 2, 3, 80))


def test_hits_on_other_pads_and_bars_that_differ_are_counted() -> None:
    beat = [(36, 0.0), (38, 1.0), (36, 4.0), (38, 5.0)]
    both = pair(beat, [*beat, (51, 2.0), (36, 3.0)], channel=10)
    assert list(strange_pads([both])) == [True, False]
    assert bars_differ(both.before) == 0
    assert bars_differ(both.after) == 0.5
