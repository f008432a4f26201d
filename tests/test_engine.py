"""Requests become clips: what the engine promises whatever the model is. The models here are small and untrained."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from bridge.engine import Answer, Engine
from bridge.requests import Blend, Interpolate, Reconstruct, Request, Sample, Vary
from models.clip import Clip, Note, same_notes
from models.grid import VOICE_OF
from models.midi import read_clip
from tests.test_grid import clips as any_clips

BEATS = "rock funk shuffle bossa halftime house breakbeat one_bar waltz_3_4 drums_6_8 drums_7_8 drums_5_4 pads_not_gm"
TUNES = "ode_to_joy twinkle greensleeves scarborough_fair when_the_saints menuet_in_g triplets pickup chords"
ODD = "overlaps lowest_and_highest one_note"
GOOD = " ".join((BEATS, TUNES, ODD)).split()


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    from models.store import load_model

    return Engine(load=lambda name, device: load_model(str(tiny_models / name), device))


@pytest.mark.parametrize("name", GOOD)
def test_amount_0_returns_the_clip_field_for_field(engine: Engine, clips: Path, name: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    answer = engine.run(Vary(clips=(clip,), amount=0, seed=1))
    assert answer.clips == (clip,)
    assert all((n.from_clip, n.from_note) == (0, i) for i, n in enumerate(answer.clips[0].notes))
    assert "amount is 0" in answer.info[0]


@given(clip=any_clips)
@settings(deadline=None, max_examples=25)
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
    [Sample(count=6, seed=3), Sample(count=3, bars=5, kind="notes", seed=3), Sample(count=3, bars=1, seed=3)],
)
def test_samples_are_different_clips_of_the_length_asked_for(engine: Engine, request_: Sample) -> None:
    answer = engine.run(request_)
    assert len(answer.clips) == request_.count
    assert all(not same_notes(a, b) for i, a in enumerate(answer.clips) for b in answer.clips[:i])
    for clip in answer.clips:
        assert clip.beats == 4 * request_.bars
        assert all(0 <= n.start < clip.beats for n in clip.notes)


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


def test_with_fixed_rows_a_clip_does_not_depend_on_its_neighbours(tiny_models: Path, clips: Path) -> None:
    from models.store import load_model

    engine = Engine(rows=32, load=lambda name, device: load_model(str(tiny_models / name), device))
    several = tuple(read_clip(clips / f"{n}.mid") for n in ("funk", "bossa", "breakbeat"))
    together = engine.run(Vary(clips=several, count=4, seed=5))
    alone = engine.run(Vary(clips=several[2:], count=4, seed=5))
    assert [c.notes for c, s in zip(together.clips, together.sources, strict=True) if s == 2] == [c.notes for c in alone.clips]


def test_pads_the_model_does_not_know_pass_through(engine: Engine) -> None:
    clip = Clip((Note(36, 0, 0.1), Note(38, 1, 0.1), Note(99, 2, 0.5, 33)), 8, channel=10)
    answer = engine.run(Vary(clips=(clip,), amount=1, count=4, seed=1))
    for varied in answer.clips:
        assert [n for n in varied.notes if n.pitch not in VOICE_OF] == [clip.notes[2]]
    assert any("99" in line for line in answer.info)


def test_a_polyphonic_clip_keeps_its_lower_voices_and_says_so(engine: Engine, clips: Path) -> None:
    clip = read_clip(clips / "chords.mid")
    answer = engine.run(Vary(clips=(clip,), amount=1, count=2, seed=1, kind="notes"))
    assert any("polyphonic" in line for line in answer.info)
    for varied in answer.clips:
        assert sum(n.is_untouched for n in varied.notes) >= len(clip.notes) / 2


def test_varying_an_empty_clip_is_sampling_and_says_so(engine: Engine) -> None:
    answer = engine.run(Vary(clips=(Clip((), 8, name="Empty"),), count=2, seed=1, kind="drums"))
    assert len(answer.clips) == 2
    assert any("empty" in line for line in answer.info)


def test_reconstructing_carries_no_note_over(engine: Engine, clips: Path) -> None:
    answer = engine.run(Reconstruct(clips=(read_clip(clips / "funk.mid"),), seed=1))
    assert len(answer.clips) == 1
    assert not any(n.is_untouched for n in answer.clips[0].notes)


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
