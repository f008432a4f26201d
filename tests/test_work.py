"""The estimate of a request's work: what it counts, what it does not, and what it refuses."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import replace

import pytest

from bridge.protocol.assembly import ClipBuffer
from bridge.protocol.limits import DEFAULT
from bridge.protocol.messages import ProtocolError
from bridge.protocol.work import check_work, estimate, measure_clip
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.music.clip import Clip, Note

STANDIN = Clip((Note(60, 0, 1),), 4.0)


def buffer(starts: list[float], beats: float, *, pitches: tuple[int, int] = (36, 46), length: float = 0.1) -> ClipBuffer:
    rng = random.Random(1)
    made = ClipBuffer(DEFAULT)
    made.add_header([beats, 4, 4, len(starts)])
    rows = array("d")
    for start in starts:
        rows.extend((rng.randint(*pitches), start, length, 100, 0, 1, 0, 64))
    made.add_notes([0, 8, *rows])
    return made


def vary(count: int = 8) -> Vary:
    return Vary(clips=(STANDIN,), count=count, kind="drums", seed=1)


def test_silence_costs_nothing() -> None:
    short = estimate(vary(), [buffer([k / 2 for k in range(16)], 8.0)])
    long = estimate(vary(), [buffer([k / 2 for k in range(16)], 4096.0)])
    assert long.seconds < short.seconds + 0.3
    check_work(vary(64), [buffer([0.0, 2000.0], 4096.0)], DEFAULT)


def test_windows_notes_and_results_cost() -> None:
    few, many = buffer([k / 2 for k in range(64)], 32.0), buffer([k / 64 for k in range(2048)], 32.0)
    longer = buffer([k / 2 for k in range(640)], 320.0)
    least = estimate(vary(), [few])
    for more in (estimate(vary(), [many]), estimate(vary(), [longer]), estimate(vary(32), [few]), estimate(vary(), [few] * 3)):
        assert more.seconds > least.seconds
    chords = buffer([k / 2 for k in range(64) for _ in range(4)], 32.0, pitches=(60, 80), length=0.5)
    assert measure_clip(chords, "notes").voices == 4
    assert measure_clip(chords, "drums").voices == 1


@pytest.mark.parametrize(
    "request_",
    [
        vary(64),
        Sample(count=64, bars=64, seed=1),
        Reconstruct(clips=(STANDIN,), seed=1),
        Interpolate(clips=(STANDIN,) * 2, steps=64, seed=1),
        Interpolate(clips=(STANDIN,) * 2, steps=64, path="morph", seed=1),
        Blend(clips=(STANDIN,) * 4, grid=16, seed=1),
        Blend(clips=(STANDIN,) * 4, grid=0, seed=1),
        Cross(clips=(STANDIN,) * 2, count=64, seed=1),
    ],
    ids=lambda r: type(r).__name__,
)
def test_every_verb_has_an_estimate_and_a_limit(request_: Request) -> None:
    clips = [buffer([k / 4 for k in range(32)], 8.0)] * len(getattr(request_, "clips", ()))
    work = estimate(request_, clips)
    assert 0 < work.seconds < DEFAULT.work_s
    assert 0 < work.bytes < DEFAULT.work_bytes
    check_work(request_, clips, DEFAULT)
    with pytest.raises(ProtocolError, match=r"may take 0\.001 s") as refused:
        check_work(request_, clips, replace(DEFAULT, work_s=0.001))
    assert refused.value.code == "too_large"
    with pytest.raises(ProtocolError, match="may take 1 MiB"):
        check_work(request_, clips, replace(DEFAULT, work_bytes=2**20))


def test_a_short_clip_beside_a_long_one_counts_as_often_as_it_is_repeated() -> None:
    crowded, long = buffer([k / 32768 for k in range(32_768)], 1.0), buffer([0.0], 4096.0)
    with pytest.raises(ProtocolError, match="may take"):
        check_work(Interpolate(clips=(STANDIN,) * 2, seed=1), [crowded, long], DEFAULT)


def test_what_is_no_note_does_no_harm() -> None:
    assert math.isfinite(estimate(vary(), [buffer([math.nan, math.inf, -1e308, 1.0], 8.0)]).seconds)
