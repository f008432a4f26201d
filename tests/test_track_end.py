"""A file's part ends where it ended: what is new rings no longer than the source's track, and the track stays as long."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import mido
import pytest

from bridge.engine import Engine
from bridge.file_context import Reading
from bridge.files import make, open_file
from bridge.requests import Blend, ClipsRequest, Cross, Interpolate, Reconstruct, Vary
from models.editing.fitting import fit_clips
from models.editing.gaps import find_gaps
from models.families.grid import GridSpec
from models.music.clip import Clip, Note
from models.music.midi import Song, from_bytes, to_bytes
from models.music.morph import morph
from tests.support.clips import Kind, kinds
from tests.support.models import tiny_engine

END = 13.3  # of the track, in the fourth bar
BEATS = [(36, 0.0), (42, 0.5), (38, 1.0), (42, 1.5), (36, 2.25), (38, 3.02), (42, 3.5)]
REQUESTS: tuple[type[ClipsRequest], ...] = (Vary, Reconstruct, Interpolate, Blend, Cross)


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def clip(bars: int = 4, *, end: float | None = None, up: int = 0) -> Clip:
    """Some bars of a beat; what begins after a beat is left out, and what rings past it ends there."""
    notes = [Note(pitch + up, start + 4 * bar, 0.4) for bar in range(bars) for pitch, start in BEATS]
    last = 4.0 * bars if end is None else end
    notes = [replace(n, duration=min(n.duration, last - n.start)) for n in notes if n.start < last]
    return Clip(tuple(notes), 4.0 * bars, track_end=end)


def written(music: Clip) -> bytes:
    """Write a clip as a file whose track ends where the clip says it does."""
    song = from_bytes(to_bytes(replace(music, track_end=None)))
    events = song.tracks[0]
    end = round(music.sounding_end * song.ticks_per_beat)
    ended = ((*(event for event in events[:-1]), (end, events[-1][1])),)
    return to_bytes(Song(song.format, song.ticks_per_beat, ended, song.parts, song.tempos, song.meters))


def ends(data: bytes) -> tuple[float, float]:
    """Find where the last note of a file ends, and its track, as another reader has it."""
    file = mido.MidiFile(file=io.BytesIO(data))
    now, last = 0, 0
    for message in file.tracks[0]:
        now += message.time
        if message.type in ("note_on", "note_off"):
            last = now
    return last / file.ticks_per_beat, now / file.ticks_per_beat


def run_on(engine: Engine, verb: type[ClipsRequest], clips: Sequence[Clip], kind: Kind) -> list[bytes]:
    sources = [open_file(f"{i}.mid", written(one), verb.model_construct(), Reading()) for i, one in enumerate(clips)]
    special: dict[type[ClipsRequest], dict[str, object]]
    special = {Vary: {"amount": 0.9, "count": 4}, Blend: {"at": (0.4, 0.1)}, Interpolate: {"steps": 5}}
    keys = special.get(verb, {})
    request = verb.model_validate({"clips": [c for s in sources for c in s.clips], "seed": 3, "kind": kind, **keys})
    return [data for made in make(engine, request, sources, lambda fraction: None) for data in made.clips]


def test_a_file_says_where_its_track_ends() -> None:
    read = from_bytes(written(clip(end=END))).parts[0].clip
    assert read.track_end == pytest.approx(END, abs=1 / 480)
    assert (read.beats, read.sounding_end) == (16, read.track_end)
    assert from_bytes(written(clip())).parts[0].clip.track_end is None
    one_tick_short = clip(end=16 - 1 / 480)
    assert from_bytes(written(one_tick_short)).parts[0].clip.track_end == one_tick_short.track_end
    assert from_bytes(written(Clip((), 4.0, track_end=2.0))).parts[0].clip.track_end is None  # nothing tells what it is for


@kinds
@pytest.mark.parametrize("verb", REQUESTS)
def test_nothing_new_rings_past_the_end_of_the_track(engine: Engine, verb: type[ClipsRequest], kind: Kind) -> None:
    other = clip(end=END, up=4 if kind == "drums" else 1)
    clips = [clip(end=END), *([] if verb in (Vary, Reconstruct) else [other])]
    source = ends(written(clips[0]))
    made = run_on(engine, verb, clips, kind)
    assert any(data != written(clips[0]) for data in made)
    for data in made:
        note, track = ends(data)
        assert note <= source[1]
        assert track == source[1]


@kinds
def test_between_files_of_unequal_length_what_is_new_ends_with_the_longer(engine: Engine, kind: Kind) -> None:
    short, long = clip(2, end=7.2), clip(end=END)
    for pair in ((short, long), (long, short)):
        for data in run_on(engine, Interpolate, pair, kind)[1:-1]:
            note, track = ends(data)
            assert note <= track
            assert track == pytest.approx(END, abs=1 / 480)


def test_what_lies_between_ends_with_the_last_track_and_repeated_notes_with_it() -> None:
    short, long = clip(2, end=7.2), clip(end=END)
    a, b = fit_clips([short, long])
    assert (a.track_end, b.track_end, a.beats) == (END, END, 16)
    assert max(n.end for n in a.notes) <= END
    assert b.notes == long.notes
    middle = morph(short, long, 0.5)
    assert middle.track_end == END
    assert max(n.end for n in middle.notes) <= END
    ringing = Clip((Note(60, 0, 1), Note(62, 3, 2)), 4.0)
    assert [n.end for n in fit_clips([ringing, clip()])[0].notes][-1] == 16
    assert max(n.end for n in morph(ringing, clip(), 0.5).notes) <= 16


def test_a_clip_far_from_0_has_no_track_that_ends_before_it() -> None:
    beats = 1.4704186293569323
    far = Clip((), beats, start=16.0)
    assert far.end - far.start < beats  # by rounding
    a = Clip((Note(60, 0.0, 0.5),), 1.0)
    assert morph(a, far, 0.5).track_end is None
    assert [c.track_end for c in fit_clips([a, far])] == [None, None]


def test_the_track_ends_where_it_did_when_silences_are_taken_out_and_put_back() -> None:
    far = [replace(n, start=n.start + 4000) for n in clip(end=END).notes]
    gapped = Clip((*clip().notes, *far), 4016.0, track_end=4000 + END)
    gaps = find_gaps([gapped], GridSpec())
    closed = gaps.close(gapped)
    assert closed.track_end == pytest.approx(closed.end - 16 + END)
    assert gaps.open(closed).track_end == gapped.track_end
