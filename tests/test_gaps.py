"""Long silences: they cost nothing, stay as they are, and change nothing of the music about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Vary
from models.editing.batching import Batcher, Task, run_alone
from models.editing.gaps import find_gaps
from models.families.constraints import Constraints
from models.families.grid import GridSpec
from models.music.clip import Clip, Note
from tests.support.clips import Kind, fields, kinds
from tests.support.models import tiny_engine

SPEC = GridSpec()
BEAT = [(36, 0.0), (42, 0.5), (38, 1.0), (42, 1.5), (36, 2.25), (38, 3.015625), (42, 3.5), (46, 5.0), (36, 6.0), (38, 7.0)]


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def bars(*at: float) -> list[Note]:
    """Two bars of music from some beats on; from beat to beat they differ."""
    return [
        Note(pitch + k % 2 * (pitch == 42) * 4, start + beat, 0.25 + 0.1 * k, 80.0 + i)
        for k, beat in enumerate(at)
        for i, (pitch, start) in enumerate(BEAT)
    ]


def with_gap(beats: float, *, meter: tuple[int, int] = (4, 4)) -> Clip:
    """Two bars, a gap, and four bars."""
    return Clip(tuple(bars(0, 8 + beats, 16 + beats)), 24.0 + beats, meter=meter)


class Counting(Batcher):
    """A batcher that counts batches."""

    batches = 0

    def run_batch(self, first: Task | None = None, *, is_contended: bool = False) -> list[tuple[Task, float]]:
        self.batches += 1
        return super().run_batch(first, is_contended=is_contended)


def run(engine: Engine, request: Vary | Reconstruct | Interpolate | Blend | Cross) -> tuple[Answer, int]:
    """Run a request; how many batches it took tells what it cost."""
    batcher = Counting()
    return run_alone(engine.start(request), batcher, lambda fraction: None), batcher.batches


@pytest.mark.parametrize("beats", [80.0, 1e6])
@kinds
def test_a_variation_with_a_gap_is_that_of_the_closed_clip_with_the_gap_in_it(engine: Engine, kind: Kind, beats: float) -> None:
    gap, closed = with_gap(beats), with_gap(8.0)
    settings: dict[str, Any] = {"kind": kind, "count": 3, "seed": 5, "amount": 0.4}
    same, most = run(engine, Vary(clips=(closed,), **settings))
    made, batches = run(engine, Vary(clips=(gap,), **settings))
    assert batches <= most
    assert len(made.clips) == len(same.clips)
    for clip, its in zip(made.clips, same.clips, strict=True):
        assert (clip.beats, clip.start, clip.meter) == (gap.beats, gap.start, gap.meter)
        at = 12.0  # the first beat after what was taken out
        rung = [replace(n, duration=at - n.start) if n.start < at < n.end else n for n in its.notes]  # not over the gap
        moved = [replace(n, start=n.start + beats - 8.0) if n.start >= at else n for n in rung]
        assert fields(moved) == fields(clip.notes)
        assert [(n.from_clip, n.from_note) for n in clip.notes] == [(n.from_clip, n.from_note) for n in its.notes]
        assert all(n == gap.notes[n.from_note] for n in clip.notes if n.is_untouched)


@pytest.mark.parametrize("verb", [Reconstruct, Cross, Interpolate, Blend])
@kinds
def test_a_gap_costs_no_batch_and_stays_whatever_the_verb(
    engine: Engine, kind: Kind, verb: type[Reconstruct | Cross | Interpolate | Blend]
) -> None:
    gap, shorter = with_gap(1e6), with_gap(16.0)
    other = replace(gap, notes=tuple(replace(n, pitch=n.pitch + 1) for n in gap.notes[::2]))
    for_shorter = replace(shorter, notes=tuple(replace(n, pitch=n.pitch + 1) for n in shorter.notes[::2]))
    one = verb is Reconstruct
    more: dict[str, Any] = {Blend: {"grid": 3}, Interpolate: {"steps": 4}}.get(verb, {})
    _, most = run(engine, verb(clips=(shorter,) if one else (shorter, for_shorter), kind=kind, seed=1, **more))
    made, batches = run(engine, verb(clips=(gap,) if one else (gap, other), kind=kind, seed=1, **more))
    assert batches <= most + 3  # what is drawn differs, and with it how soon enough comes out
    for clip in made.clips:
        assert clip.beats == gap.beats
        assert not [n for n in clip.notes if 24 <= n.start < 1e6 - 8]
    if verb in (Interpolate, Blend):
        assert made.clips[0].notes == gap.notes
        assert made.clips[-1].notes == other.notes or verb is Blend


@kinds
def test_amount_0_and_several_gaps_leave_every_note(engine: Engine, kind: Kind) -> None:
    clip = Clip((Note(60, -0.4, 0.2), *bars(0.1, 320.0, 1000.25, 1e5), Note(50, 2e5 + 3, 1)), 2e5, start=0.0)
    untouched = engine.run(Vary(clips=(clip,), amount=0, kind=kind, seed=1)).clips
    assert untouched[0].notes == clip.notes
    spec, gaps = SPEC, find_gaps([clip], SPEC)
    assert len(gaps.gaps) == 4
    closed = gaps.close(clip)
    assert closed.beats < 200
    assert [a is b for a, b in zip(gaps.open(closed).notes, clip.notes, strict=True)] == [True] * len(clip.notes)
    assert gaps.open(closed) == clip
    assert not find_gaps([closed], spec).gaps
    made = engine.run(Vary(clips=(clip,), amount=0.3, count=4, kind=kind, seed=3)).clips
    for variation in made:
        assert variation.beats == clip.beats
        assert all(n == clip.notes[n.from_note] for n in variation.notes if n.is_untouched)
        assert {clip.notes[0], clip.notes[-1]} <= set(variation.notes)  # outside its length


@kinds
def test_locks_hold_across_a_gap(engine: Engine, kind: Kind) -> None:
    clip = with_gap(800.0)
    late = clip.notes[-3]
    request = Vary(
        clips=(clip,), amount=0.8, count=4, kind=kind, seed=2, lock_beats=((4.0, 812.0), (300, 500)), lock_notes=(27,)
    )
    locked = {n for n in clip.notes if 4 <= n.start < 812} | {late}
    for made in engine.run(request).clips:
        assert locked <= set(made.notes)
        assert {n for n in made.notes if 4 <= n.start < 812} == locked - {late}


@pytest.mark.parametrize("meter", [(4, 4), (3, 4), (5, 4), (7, 8), (6, 8), (9, 4), (33, 32)])
def test_whole_windows_are_taken_out(meter: tuple[int, int]) -> None:
    clip = with_gap(3000.0, meter=meter)
    gaps = find_gaps([clip], SPEC)
    (gap,) = gaps.gaps
    assert gap.length > 2800
    bar = clip.bar
    assert gap.length % bar == gap.at % (bar / 2) == 0


def test_what_only_one_clip_is_silent_in_stays() -> None:
    a, b = with_gap(1000.0), Clip(tuple(bars(*range(0, 1000, 8))), 1024.0)
    assert not find_gaps([a, b], SPEC).gaps
    assert find_gaps([a, a], SPEC).gaps


def test_a_note_that_rings_through_a_gap_rings_on_and_costs_nothing() -> None:
    drone, lead = Note(40, 0.0, 1e6), tuple(bars(0, 2000))
    clip = Clip((drone, *lead), 2016.0)
    gaps = find_gaps([clip], SPEC)
    closed = gaps.close(clip)
    assert closed.beats < 100
    other = closed.with_notes(n.changed(pitch=n.pitch + 1) for n in closed.notes)
    assert gaps.open(other).notes[0].end == pytest.approx(1e6)
    assert [n.start for n in gaps.open(other).notes] == [n.start for n in clip.notes]


def test_a_new_note_does_not_ring_through_a_gap() -> None:
    gaps = find_gaps([with_gap(800.0)], SPEC)
    long = Clip((Note(60, 7.0, 30.0),), 40.0)
    (note,) = gaps.open(long).notes
    assert note.end == gaps.gaps[0].at


def test_stretches_within_a_gap_are_no_longer_locked_and_others_move() -> None:
    gaps = find_gaps([with_gap(800.0)], SPEC)
    (gap,) = gaps.gaps
    beats = ((1.0, 2.0), (gap.at + 1, gap.at + 2), (gap.at - 1, gap.at + 5), (810.0, 812.0))
    closed = gaps.close_constraints(Constraints(beats=beats), 0.0).beats
    assert closed == ((1.0, 2.0), (gap.at - 1, gap.at), (810.0 - gap.length, 812.0 - gap.length))


def test_of_an_empty_clip_that_lasts_for_years_the_beginning_is_filled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sample", "vary"):
        monkeypatch.setattr(f"models.editing.{module}.LONGEST", 16.0)
    answer = engine.run(Vary(clips=(Clip((), 1e8, name="silence"),), kind="notes", count=2, seed=1))
    assert [clip.beats for clip in answer.clips] == [1e8] * 2
    assert all(note.start < 16.0 for clip in answer.clips for note in clip.notes)
    assert answer.info == ("“silence” is empty, so these are samples of its first 16 beats",)
