"""One voice that alone may change, and one that is silent and is made to fit the rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.cli import main
from bridge.engine import Engine
from bridge.requests import Blend, Interpolate, Vary
from models.editing.batching import FIXED_ROWS
from models.families.drums import GM_KIT
from models.music.clip import Clip
from models.music.drum_map import VOICE_NAMES, voices_by_word
from models.music.midi import from_bytes, read_clip

CLIPS = Path(__file__).parent / "clips"
ROCK, FUNK, TUNE = (read_clip(CLIPS / f"{name}.mid") for name in ("rock", "funk", "ode_to_joy"))
HATS = {VOICE_NAMES.index("closed_hat"), VOICE_NAMES.index("open_hat")}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(batch_size=FIXED_ROWS)


def without_hats(clip: Clip) -> Clip:
    return clip.with_notes(n for n in clip.notes if GM_KIT.get(n.pitch) not in HATS)


@pytest.mark.parametrize(
    ("word", "voices"),
    [
        ("hihat", ("closed_hat", "open_hat")),
        ("Hi-Hats", ("closed_hat", "open_hat")),
        ("hh", ("closed_hat", "open_hat")),
        ("closed_hat", ("closed_hat",)),
        ("open hat", ("open_hat",)),
        ("toms", ("low_tom", "mid_tom", "high_tom")),
        ("floor tom", ("low_tom",)),
        ("cymbals", ("crash", "ride")),
        ("Bass Drum", ("kick",)),
        ("clap", ("snare",)),
    ],
)
def test_voices_are_called_as_musicians_call_them(word: str, voices: tuple[str, ...]) -> None:
    assert voices_by_word(word) == voices


def test_a_word_for_no_voice_is_told_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="trumpet is no drum voice; there are: hihat, toms, cymbals, kick, snare"):
        Vary(clips=(ROCK,), only=("trumpet",))


def test_only_the_voice_that_is_named_changes(engine: Engine) -> None:
    for made in engine.run(Vary(clips=(FUNK,), only=("hihat",), amount=0.6, count=4, seed=1)).clips:
        assert without_hats(made).in_order() == without_hats(FUNK).in_order()
        assert all(n.is_untouched for n in without_hats(made).notes)
        assert made != FUNK


@pytest.mark.parametrize("name", ["rock", "funk", "drums_7_8", "breakbeat"])
def test_a_silent_voice_is_made_and_all_else_stays(engine: Engine, name: str) -> None:
    source = without_hats(read_clip(CLIPS / f"{name}.mid"))
    answer = engine.run(Vary(clips=(source,), only=("hihat",), count=3, seed=1))
    assert len(answer.clips) == 3
    assert any("has no closed_hat or open_hat: made to fit the rest" in line for line in answer.info)
    for made in answer.clips:
        new = Counter(made.notes) - Counter(source.notes)
        assert not Counter(source.notes) - Counter(made.notes)
        assert new
        assert {GM_KIT[n.pitch] for n in new} <= HATS
        assert len({round(n.start * 4) for n in new}) >= source.beats / 4
        assert answer.decoded[0] == answer.decoded[1]


def test_bars_of_rest_stay_silent(engine: Engine) -> None:
    source = without_hats(ROCK)
    longer = Clip(source.notes, 16.0, channel=10)
    for made in engine.run(Vary(clips=(longer,), only=("hihat",), count=2, seed=1)).clips:
        assert max(n.start for n in made.notes) < 8


def test_an_empty_clip_gets_that_voice_alone(engine: Engine) -> None:
    made = engine.run(Vary(clips=(Clip((), 8.0, channel=10),), only=("hihat",), count=2, seed=1)).clips
    assert made
    assert all({GM_KIT[n.pitch] for n in clip.notes} <= HATS for clip in made)


def test_what_is_no_drums_stays_as_it_is(engine: Engine) -> None:
    answer = engine.run(Vary(clips=(TUNE,), only=("hihat",), seed=1))
    assert answer.clips == (TUNE,)
    assert "only drum voices can be named with only" in answer.info[0]
    with pytest.raises(ValueError, match="only names drum voices, and “ode_to_joy” is no drums"):
        engine.run(Interpolate(clips=(TUNE, TUNE), only=("hihat",), seed=1))


def test_between_clips_the_other_voices_are_those_of_the_first(engine: Engine) -> None:
    walk = engine.run(Interpolate(clips=(ROCK, FUNK), steps=4, only=("hihat",), seed=1)).clips
    assert walk[0] == ROCK
    assert walk[-1] == FUNK
    assert all(Counter(without_hats(clip).notes) == Counter(without_hats(ROCK).notes) for clip in walk[1:-1])
    middle = engine.run(Blend(clips=(ROCK, FUNK), at=(0.5, 0), only=("hihat",), seed=1)).clips[0]
    assert Counter(without_hats(middle).notes) == Counter(without_hats(ROCK).notes)


def test_of_a_file_only_its_drums_change(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["vary", str(CLIPS / "band.mid"), "--only", "hihat", "--count", "1", "--seed", "1", "--out", str(tmp_path)])
    assert not left.value.code
    before, after = (from_bytes(path.read_bytes()) for path in (CLIPS / "band.mid", tmp_path / "band_vary_01.mid"))
    for a, b in zip(before.parts, after.parts, strict=True):
        assert (a.clip.notes == b.clip.notes) == (a.channel != 10)
