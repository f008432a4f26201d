"""Requests become clips: what the engine promises whatever the model is. The models here are small and untrained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Request, Sample, Vary
from models.editing.clip_state import ClipState, Encoding
from models.families.constraints import Constraints
from models.families.drums import GM_KIT
from models.families.routing import route
from models.music.clip import Clip, Note, same_notes
from models.music.distance import distance
from models.music.midi import read_clip
from models.music.morph import is_single_line
from models.music.voices import top_voice
from tests.support.clips import Kind, fields, kinds, some, sources
from tests.support.clips import clips as any_clips
from tests.support.models import tiny_engine

BEATS = "rock funk shuffle bossa halftime house breakbeat one_bar waltz_3_4 drums_6_8 drums_7_8 drums_5_4 pads_not_gm"
TUNES = "ode_to_joy twinkle greensleeves scarborough_fair when_the_saints menuet_in_g triplets pickup chords"
ODD = "overlaps lowest_and_highest one_note"
GOOD = " ".join((BEATS, TUNES, ODD)).split()


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


@pytest.mark.parametrize("name", GOOD)
def test_amount_0_returns_the_clip_field_for_field(engine: Engine, clips: Path, name: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    answer = engine.run(Vary(clips=(clip,), amount=0, seed=1))
    assert answer.clips == (clip,)
    assert all((n.from_clip, n.from_note) == (0, i) for i, n in enumerate(answer.clips[0].notes))
    assert "amount is 0" in answer.info[0]


@given(clip=any_clips, kind=st.sampled_from(["drums", "melody"]), seed=st.integers(0, 99), share=st.floats(0, 0.5))
@settings(deadline=None, max_examples=60)
def test_no_changed_grid_is_written_farther_from_its_clip_than_its_bound(
    engine: Engine, clip: Clip, kind: str, seed: int, share: float
) -> None:
    family = engine.model(kind).family
    layout = family.clip_to_grid(clip, voices=3)
    compiled = family.compile(layout, Constraints())
    still = np.zeros(len(layout.grid), bool)
    state = ClipState(family, layout, Constraints(), compiled, Encoding(layout.grid), None, still)
    rng = np.random.default_rng(seed)
    tokens = layout.grid.tokens.copy()
    is_new = rng.random(tokens.shape) < share
    tokens[is_new] = rng.integers(0, family.vocabulary.tokens, int(is_new.sum()))
    grid = replace(layout.grid, tokens=tokens)
    assert state.distance_to(state.write(grid)) <= state.distance_bound(grid) + 1e-9


@given(clip=any_clips)
@settings(deadline=None, max_examples=12)
def test_any_clip_can_be_varied_and_what_is_called_untouched_is(engine: Engine, clip: Clip) -> None:
    answer = engine.run(Vary(clips=(clip,), amount=0.5, count=3, seed=1))
    assert answer.clips
    for varied in answer.clips:
        assert varied.beats == clip.beats
        for note in varied.notes:
            if note.is_untouched:
                assert note == clip.notes[note.from_note]


@pytest.mark.parametrize("name", GOOD)
def test_the_ends_of_an_interpolation_are_the_clips(engine: Engine, clips: Path, name: str) -> None:
    a, b = read_clip(clips / f"{name}.mid"), read_clip(clips / "rock.mid")
    for first, last in ((a, b), (b, a)):
        answer = engine.run(Interpolate(clips=(first, last), steps=4, seed=1, kind="drums"))
        assert answer.clips[0] == first
        assert answer.clips[-1] == last
        assert {n.from_clip for n in answer.clips[-1].notes} <= {1}


def test_the_steps_of_an_interpolation_differ(engine: Engine, clips: Path) -> None:
    pair = (read_clip(clips / "rock.mid"), read_clip(clips / "bossa.mid"))
    made = engine.run(Interpolate(clips=pair, steps=9, seed=1)).clips
    assert len(made) == 9
    assert all(not same_notes(a, b) for i, a in enumerate(made) for b in made[:i])
    assert engine.run(Interpolate(clips=pair, steps=2, seed=1)).clips == pair


@pytest.mark.parametrize("corners", [2, 3, 4])
def test_the_corners_of_a_blend_are_the_clips(engine: Engine, clips: Path, corners: int) -> None:
    given_clips = tuple(read_clip(clips / f"{n}.mid") for n in ("rock", "bossa", "house", "breakbeat")[:corners])
    answer = engine.run(Blend(clips=given_clips, grid=3, seed=1))
    grid = [answer.clips[i] for i in (0, 2, 6, 8)]
    repeated = (*given_clips, *given_clips[corners - 2 :])[:4]
    assert all(same_notes(a, b) for a, b in zip(grid, repeated, strict=True))


def test_a_blend_at_a_position_is_that_of_the_grid(engine: Engine, clips: Path) -> None:
    pair = (read_clip(clips / "rock.mid"), read_clip(clips / "bossa.mid"))
    assert engine.run(Blend(clips=pair, at=(0, 1), seed=1)).clips == (pair[0],)
    assert engine.run(Blend(clips=pair, grid=0, seed=1)).clips == ()


def test_the_middles_have_the_longer_length_and_the_meter_of_a(engine: Engine, clips: Path) -> None:
    a, b = read_clip(clips / "waltz_3_4.mid"), read_clip(clips / "breakbeat.mid")
    answer = engine.run(Interpolate(clips=(a, b), steps=3, seed=1))
    assert answer.clips[1].beats == max(a.beats, b.beats)
    assert answer.clips[1].meter == (3, 4)
    assert any("repeated" in line for line in answer.info)
    assert any("3/4" in line for line in answer.info)


def test_clips_that_need_different_models_do_not_blend(engine: Engine, clips: Path) -> None:
    pair = (read_clip(clips / "rock.mid"), read_clip(clips / "ode_to_joy.mid"))
    with pytest.raises(ValueError, match="different models"):
        engine.run(Blend(clips=pair, seed=1))


@pytest.mark.parametrize(
    "request_",
    [
        Sample(count=6, seed=3),
        Sample(count=3, bars=5, kind="notes", seed=3),
        Sample(count=3, bars=1, seed=3),
        Sample(count=2, bars=3, meter="7/8", seed=3),
        Sample(count=2, bars=3, meter="3/4", kind="notes", seed=3),
        Sample(count=2, bars=2, meter="5/4", seed=3),
    ],
)
def test_samples_are_different_clips_of_the_length_asked_for(engine: Engine, request_: Sample) -> None:
    answer = engine.run(request_)
    assert len(answer.clips) == request_.count
    assert all(not same_notes(a, b) for i, a in enumerate(answer.clips) for b in answer.clips[:i])
    for clip in answer.clips:
        numerator, denominator = clip.meter
        assert f"{numerator}/{denominator}" == request_.meter
        assert clip.beats == request_.bars * 4 * numerator / denominator
        assert all(0 <= n.start < clip.beats for n in clip.notes)


@pytest.mark.parametrize("meter", ["3", "3/5", "0/4", "three/4", "-3/4", "256/4", "3/4/4", ""])
def test_a_meter_that_no_clip_can_have_is_refused(meter: str) -> None:
    with pytest.raises(ValueError, match="write 3/4 or 7/8"):
        Sample(meter=meter)


def test_variations_differ_from_the_clip_and_from_each_other(engine: Engine, clips: Path) -> None:
    clip = read_clip(clips / "funk.mid")
    made = (clip, *engine.run(Vary(clips=(clip,), amount=0.4, count=8, seed=1)).clips)
    assert len(made) == 9
    assert all(not same_notes(a, b) for i, a in enumerate(made) for b in made[:i])


def test_the_same_seed_gives_the_same_clips_and_another_gives_others(engine: Engine, clips: Path) -> None:
    clip = read_clip(clips / "funk.mid")

    def run(seed: int) -> Answer:
        return engine.run(Vary(clips=(clip,), seed=seed, count=4))

    assert run(1) == run(1)
    assert run(1).clips != run(2).clips


def test_with_a_fixed_batch_size_a_clip_does_not_depend_on_its_neighbours(tiny_models: Path, clips: Path) -> None:
    engine = tiny_engine(tiny_models, 32)
    several = tuple(read_clip(clips / f"{n}.mid") for n in ("funk", "bossa", "breakbeat"))
    together = engine.run(Vary(clips=several, count=4, seed=5))
    alone = engine.run(Vary(clips=several[2:], count=4, seed=5))
    assert [c.notes for c, s in zip(together.clips, together.sources, strict=True) if s == 2] == [c.notes for c in alone.clips]


def test_pads_the_model_does_not_know_pass_through(engine: Engine) -> None:
    clip = Clip((Note(36, 0, 0.1), Note(38, 1, 0.1), Note(99, 2, 0.5, 33)), 8, channel=10)
    answer = engine.run(Vary(clips=(clip,), amount=1, count=4, seed=1))
    for varied in answer.clips:
        assert [n for n in varied.notes if n.pitch not in GM_KIT] == [clip.notes[2]]
    assert any("99" in line for line in answer.info)


def test_a_polyphonic_clip_keeps_its_lower_voices_and_says_so(engine: Engine, clips: Path) -> None:
    clip = read_clip(clips / "chords.mid")
    answer = engine.run(Vary(clips=(clip,), amount=1, count=2, seed=1, kind="notes"))
    assert any("polyphonic" in line for line in answer.info)
    voice = top_voice(clip)
    lower = {(n.pitch, n.start) for i, n in enumerate(clip.notes) if i not in voice}
    for varied in answer.clips:  # a lower note may end earlier, where a new one begins on its pitch
        assert lower <= {(n.pitch, n.start) for n in varied.notes}


def test_varying_an_empty_clip_is_sampling_and_says_so(engine: Engine) -> None:
    answer = engine.run(Vary(clips=(Clip((), 8, name="Empty"),), count=2, seed=1, kind="drums"))
    assert len(answer.clips) == 2
    assert any("empty" in line for line in answer.info)


def test_reconstructing_carries_no_note_over(engine: Engine, clips: Path) -> None:
    answer = engine.run(Reconstruct(clips=(read_clip(clips / "funk.mid"),), seed=1))
    assert len(answer.clips) == 1
    assert not any(n.is_untouched for n in answer.clips[0].notes)


def test_reconstructing_says_what_it_leaves_out(engine: Engine) -> None:
    beat = Clip((*(Note(36, k, 0.1) for k in range(8)), Note(38, 1, 0.1), Note(40, 1, 0.1), Note(56, 2, 0.1)), 8, channel=10)
    assert [line for line in engine.run(Reconstruct(clips=(beat,), seed=1)).info if "the clip" in line] == [
        "1 notes of the clip are on pads the model does not know (56): left out",
        "1 notes of the clip lie on one step with another of their voice: one is written for them",
    ]
    assert [line for line in engine.run(Vary(clips=(beat,), seed=1)).info if "pads" in line] == [
        "1 notes of the clip are on pads the model does not know (56): kept"
    ]


@pytest.mark.parametrize("request_", [Sample(count=2), Vary(clips=(Clip((), 4),))])
def test_a_request_without_a_seed_is_refused(engine: Engine, request_: Request) -> None:
    with pytest.raises(ValueError, match="seed"):
        engine.run(request_)


def test_progress_rises_to_1_and_may_stop_the_run(engine: Engine, clips: Path) -> None:
    seen: list[float] = []
    engine.run(Sample(count=2, bars=6, seed=1), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    class Stop(Exception): ...

    def stop(fraction: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        engine.run(Vary(clips=(read_clip(clips / "funk.mid"),), seed=1), stop)


def test_a_voice_that_only_one_clip_has_is_struck_on_the_pad_it_has_there(engine: Engine) -> None:
    a = Clip(tuple(Note(36, k / 2, 0.1) for k in range(16)), 8, channel=10)
    b = Clip(tuple(Note(40, k / 2, 0.1) for k in range(16)), 8, channel=10)
    made = [
        *engine.run(Interpolate(clips=(a, b), steps=9, seed=1)).clips,
        *engine.run(Blend(clips=(a, b), grid=5, seed=1)).clips,
        *engine.run(Cross(clips=(a, b), count=4, seed=1)).clips,
    ]
    assert {n.pitch for clip in made for n in clip.notes if GM_KIT[n.pitch] == GM_KIT[40]} == {40}


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return Engine()


@kinds
@given(data=st.data())
@some(12)
def test_a_seed_gives_the_same_clips_whatever_was_asked_before(engine: Engine, kind: Kind, data: st.DataObject) -> None:
    a, b = (data.draw(sources[kind]) for _ in range(2))
    seed = data.draw(st.integers(0, 2**31 - 1))
    requests: list[Request] = [
        Vary(clips=(a,), count=2, amount=0.5, seed=seed, kind=kind),
        Interpolate(clips=(a, b), steps=4, seed=seed, kind=kind),
        Blend(clips=(a, b), at=(0.4, 0), seed=seed, kind=kind),
        Cross(clips=(a, b), count=2, seed=seed, kind=kind),
        Sample(count=2, seed=seed, kind=kind),
    ]
    first = [engine.run(request) for request in requests]
    again = [engine.run(request) for request in reversed(requests)][::-1]
    assert [a.clips for a in first] == [a.clips for a in again]
    assert [a.info for a in first] == [a.info for a in again]


@pytest.mark.parametrize(("name", "other_name"), [("funk", "bossa"), ("twinkle", "ode_to_joy")])
def test_another_seed_gives_other_clips_in_every_verb_that_makes_some(
    engine: Engine, clips: Path, name: str, other_name: str
) -> None:
    clip, other = read_clip(clips / f"{name}.mid"), read_clip(clips / f"{other_name}.mid")
    for request in (
        Vary(clips=(clip,), count=4, amount=0.5),
        Interpolate(clips=(clip, other), steps=5),
        Blend(clips=(clip, other), at=(0.5, 0)),
        Cross(clips=(clip, other), count=4),
        Sample(count=4, kind="drums" if name == "funk" else "notes"),
    ):
        one, two = (engine.run(request.model_copy(update={"seed": seed})).clips for seed in (1, 2))
        assert one != two


@kinds
@given(data=st.data())
@some(25)
def test_no_two_variations_are_alike(engine: Engine, kind: Kind, data: st.DataObject) -> None:
    clip = data.draw(sources[kind].filter(lambda c: bool(c.notes)))
    count = data.draw(st.integers(1, 12))
    answer = engine.run(
        Vary(clips=(clip,), count=count, amount=data.draw(st.sampled_from([0.05, 0.3, 0.8])), seed=1, kind=kind)
    )
    assert 1 <= len(answer.clips) <= count
    assert len({frozenset(fields(c.notes).items()) for c in answer.clips}) == len(answer.clips)
    assert len(answer.clips) == count or any(f"not {count}" in line or "untouched" in line for line in answer.info)


@pytest.mark.parametrize("name", ["rock", "funk", "bossa", "ode_to_joy", "greensleeves", "when_the_saints"])
@pytest.mark.parametrize("amount", [0.15, 0.4])
def test_variations_differ_from_each_other_at_least_half_as_much_as_from_the_clip(
    shipped: Engine, clips: Path, name: str, amount: float
) -> None:
    clip = read_clip(clips / f"{name}.mid")
    voice = GM_KIT.get if route(clip) == "drums" else None
    made = shipped.run(Vary(clips=(clip,), count=8, amount=amount, seed=1)).clips
    assert len(made) == 8
    from_clip = fmean(distance(clip, varied, voice=voice) for varied in made)
    assert fmean(distance(a, b, voice=voice) for a, b in combinations(made, 2)) >= 0.5 * from_clip


LONG = ("funk", "rock", "bossa", "ode_to_joy", "greensleeves", "korobeiniki")


def _long(clip: Clip) -> Clip:
    """Repeat a clip to 16 bars of 4/4."""
    again = [replace(n, start=n.start + k * clip.beats) for k in range(int(64 // clip.beats) + 1) for n in clip.notes]
    return Clip(tuple(n for n in again if n.start < 64), 64, meter=clip.meter, channel=clip.channel)


def _doubled(notes: Iterable[Note]) -> set[tuple[int, float, float]]:
    """List the notes of a pitch that follow one another within a sixteenth of a beat."""
    onsets: dict[int, list[float]] = defaultdict(list)
    for n in notes:
        onsets[n.pitch].append(n.start)
    return {(p, a, b) for p, its in onsets.items() for a, b in pairwise(sorted(its)) if b - a < 1 / 16}


@pytest.mark.parametrize("name", LONG)
def test_a_long_clip_has_no_doubled_and_no_crossing_notes_where_windows_meet(shipped: Engine, clips: Path, name: str) -> None:
    """Windows are two bars; half a bar on either side of their ends is made by windows that lie over these."""
    clip = _long(read_clip(clips / f"{name}.mid"))
    made = shipped.run(Vary(clips=(clip,), amount=0.5, count=8, seed=3)).clips
    assert len(made) == 8
    doubled = [two for varied in made for two in _doubled(varied.notes) - _doubled(clip.notes)]
    assert not [two for two in doubled if any(low % 8 <= join % 8 <= high % 8 for _, low, high in [two] for join in (0, 2, 6))]
    places = {(pitch, round(low % 8, 2)) for pitch, low, _ in doubled}  # what the clip repeats, the variation repeats
    assert len(places) <= sum(len(varied.notes) for varied in made) / 400  # a drummer plays a flam now and then
    assert not is_single_line(clip) or all(is_single_line(varied) for varied in made)


def test_notes_ring_over_the_ends_of_windows_as_over_other_bar_lines(shipped: Engine) -> None:
    tune = [
        Note(48 + pitch, 4 * bar + beat, length)
        for bar in range(16)
        for pitch, beat, length in ((bar * 5 % 12 + 12, 1, 1), (bar * 7 % 12 + 12, 2, 1), (bar * 5 % 12 + 16, 3, 2))
    ]
    rings: dict[int, list[bool]] = defaultdict(list)
    for seed in range(2):
        for varied in shipped.run(Vary(clips=(Clip(tuple(tune), 64),), amount=0.4, count=8, seed=seed, kind="notes")).clips:
            for line in range(4, 64, 4):
                rings[line % 8].append(any(n.start < line < n.end - 1e-6 for n in varied.notes))
    assert abs(fmean(rings[0]) - fmean(rings[4])) < 0.15


def test_locks_that_cannot_be_are_refused_in_a_sentence(engine: Engine) -> None:
    clip = Clip((Note(36, 0.0, 0.25), Note(38, 1.0, 0.25)), 4.0, name="beat")
    with pytest.raises(ValueError, match="lock_notes 2 is no note of “beat”: it has 2, the first is 0"):
        engine.run(Vary(clips=(clip,), seed=1, lock_notes=(0, 2)))
    with pytest.raises(ValueError, match="4:2 is no stretch of beats"):
        Vary(clips=(clip,), lock_beats=((4.0, 2.0),))
    with pytest.raises(ValueError, match="'4' is not a pair: write from:to for beats, as in 0:4"):
        Vary.model_validate({"clips": (clip,), "lock_beats": ("4",)})


def test_a_stretch_that_locks_nothing_is_told(engine: Engine, clips: Path) -> None:
    funk, pickup = read_clip(clips / "funk.mid"), read_clip(clips / "pickup.mid")
    told = engine.run(Vary(clips=(funk,), count=1, lock_beats=((0, 4), (8, 12), (40, 44)), seed=1)).info
    assert "lock_beats 8:12,40:44 lies outside “funk”, which has 8 beats, the first is 0: nothing is locked by it" in told
    assert not [
        line
        for line in engine.run(Vary(clips=(pickup,), count=1, lock_beats=((-1, 0),), seed=1)).info
        if "outside" in line and "lock" in line
    ]
    between = engine.run(Interpolate(clips=(funk, read_clip(clips / "rock.mid")), steps=3, lock_beats=((9, 10),), seed=1))
    assert "lock_beats 9:10 lies outside" in between.info[0]
    blend = engine.run(Blend(clips=(funk, read_clip(clips / "rock.mid")), at=(0.5, 0), lock_beats=((9, 10),), seed=1))
    assert "lock_beats 9:10 lies outside" in blend.info[0]
