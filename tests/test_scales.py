"""Keys that nobody named: what is found in clips, and that new notes keep to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.cli import main
from bridge.engine import Answer, Engine
from bridge.requests import Blend, Cross, Interpolate, Reconstruct, Sample, Vary
from models.editing.gaps import find_gaps
from models.editing.others import Other
from models.editing.scales import FEWEST, KeyUsed, describe_keys, find_keys, join_scales, list_keys, scales_of, spell
from models.families.constraints import Constraints, Scale
from models.families.registry import find_family
from models.families.sustained import MASKED, NOT_STRUCK, STRUCK
from models.music.clip import Clip, Note
from models.music.key import parse_key
from models.music.midi import read_clip
from tests.support.clips import clips as any_clips
from tests.support.models import tiny_engine

MELODY = find_family("melody")
C_MAJOR = parse_key("C major").classes
REACH = 0.26  # beats: how far from a note of a source its step may be, either played early or late


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def line(pitches: Iterable[int], *, start: float = 0.0, name: str = "") -> Clip:
    """Write a line of half beats, as long as it takes in bars of four beats."""
    notes = tuple(Note(pitch, start + k / 2, 0.5) for k, pitch in enumerate(pitches))
    return Clip(notes, max(4.0, -(-len(notes) // 8) * 4.0), start=start, name=name)


def tune(up: int = 0) -> list[int]:
    """Eight bars that leave no doubt about their key: C major, so many semitones up."""
    return [60 + up + p for p in (0, 4, 7, 4, 5, 9, 12, 9, 7, 11, 14, 11, 0, 4, 7, 12) * 4]


def new_notes(made: Clip, *sources: Clip) -> list[Note]:
    """List the notes of a clip that none of the sources has there."""
    there = [n for source in sources for n in source.notes]
    return [n for n in made.notes if not any(o.pitch == n.pitch and abs(o.start - n.start) <= REACH for o in there)]


def classes(made: Iterable[Clip], *sources: Clip) -> set[int]:
    """Collect the pitch classes of what is new."""
    return {n.pitch % 12 for clip in made for n in new_notes(clip, *sources)}


# --- what is found -------------------------------------------------------------------------------------------------------


def test_a_clear_key_is_the_scale_and_an_accidental_stays_in_its_bar() -> None:
    pitches = tune()
    pitches[17] = 61
    clip = line(pitches)
    (key,) = keys = find_keys(clip)
    assert (key.start, key.key.name, key.is_clear, key.classes) == (0.0, "C Major", True, C_MAJOR)
    assert scales_of(clip, keys) == (Scale(0, C_MAJOR), Scale(8, C_MAJOR | {1}), Scale(12, C_MAJOR))
    assert describe_keys("“tune”", keys, scales_of(clip, keys)) == "key of “tune”: C Major (found)"


def test_where_no_key_is_clear_new_notes_keep_to_what_the_likely_ones_share_and_to_their_own() -> None:
    clip = line([60, 62, 64, 67, 69, 67, 64, 62, 60, 62, 64, 65, 67, 65, 64, 62])
    (key,) = keys = find_keys(clip)
    assert not key.is_clear
    assert {0, 2, 4, 7} <= key.classes < C_MAJOR
    (scale,) = scales_of(clip, keys)
    assert scale.classes == key.classes | {5, 9}
    said = describe_keys("the clip", keys, (scale,))
    assert said.startswith("no clear key in the clip: new notes keep to ")
    assert set(said.rpartition(" to ")[2].split()) == set("CDEFGA")


def test_of_a_single_pitch_more_is_allowed_than_what_is_sure() -> None:
    (key,) = find_keys(line([60] * 8))
    assert len(key.classes) >= FEWEST
    assert {0, 7} <= key.classes
    assert not key.is_clear


def test_a_key_that_changes_changes_the_scale() -> None:
    clip = line(tune() + tune(3))
    first, second = keys = find_keys(clip)
    assert (first.key.name, second.key.name, second.start) == ("C Major", "Eb Major", 32)
    assert scales_of(clip, keys) == (Scale(0, first.classes), Scale(32, second.classes))
    assert list_keys(keys) == "C Major; from beat 32 Eb Major"
    assert list_keys(keys * 3).endswith("; and 2 more")
    later = replace(clip.with_notes(replace(n, start=n.start + 7) for n in clip.notes), start=7.0)
    assert [key.start for key in find_keys(later)] == [0, 32]


def test_what_sounds_beside_a_clip_says_the_key_too() -> None:
    clip = line([64, 64, 67, 67])
    assert not find_keys(clip)[0].is_clear
    (key,) = find_keys(clip, line(tune(), start=0.0).notes)
    assert (key.key.name, key.is_clear) == ("C Major", True)


def test_nothing_that_sounds_has_no_key() -> None:
    assert find_keys(Clip((), 8.0)) == ()
    assert find_keys(Clip((Note(60, 0, 1, mute=True),), 8.0)) == ()
    assert scales_of(Clip((), 8.0), ()) == ()


@given(clip=any_clips)
@settings(deadline=None, max_examples=60)
def test_scales_of_any_clip_are_in_order_and_hold_its_own_notes(clip: Clip) -> None:
    keys = find_keys(clip)
    scales = scales_of(clip, keys)
    assert all(a.start < b.start for a, b in pairwise(scales))
    constraints = Constraints(scales=scales)
    for note in clip.notes if scales else ():
        if clip.start <= note.start < clip.end:
            allowed = constraints.allowed_classes(MELODY.clip_to_grid(clip).beats[:1, :1] * 0 + note.start - clip.start)
            assert allowed[0, 0, note.pitch % 12]


@given(
    several=st.lists(
        st.lists(
            st.tuples(st.sampled_from([0, 1, 4, 8, 9.5, 16]), st.frozensets(st.integers(0, 11), min_size=1)),
            unique_by=lambda scale: scale[0],
        ).map(lambda scales: tuple(Scale(*scale) for scale in sorted(scales, key=lambda scale: scale[0]))),
        max_size=3,
    ),
    beat=st.floats(0, 20),
)
def test_joined_scales_allow_what_any_of_them_does(several: list[tuple[Scale, ...]], beat: float) -> None:
    def allowed(scales: tuple[Scale, ...]) -> frozenset[int]:
        return max((s for s in scales if s.start <= beat), default=scales[0] if scales else Scale(0, frozenset())).classes

    heard = [scales for scales in several if scales]
    assert allowed(join_scales(several)) == frozenset().union(*map(allowed, heard))


def test_pitch_classes_are_spelled_from_the_root_as_in_the_key() -> None:
    assert spell(parse_key("Eb major").classes, parse_key("Eb major")) == "Eb F G Ab Bb C D"
    assert spell(parse_key("F# minor").classes, parse_key("F# minor")) == "F# G# A B C# D E"
    assert KeyUsed.named(parse_key("G minor")).notes == "G A Bb C D Eb F"


def test_scales_hold_step_by_step() -> None:
    layout = MELODY.clip_to_grid(line([61] * 16))
    scales = (Scale(0.0, frozenset({0, 2})), Scale(4.0, frozenset({4})))
    bias = MELODY.compile(layout, Constraints(scales=scales)).logit_bias
    assert bias is not None
    assert [p for p in range(60, 72) if bias[:][0, 1, p] == MASKED + NOT_STRUCK] == [60, 62]
    half = MELODY.spec.half_steps
    assert [p for p in range(60, 72) if bias[:][0, half + 1, p] == MASKED + NOT_STRUCK] == [64]
    assert bias[:][0, half, 61] == MASKED + STRUCK  # its own may be where it is
    assert Constraints(scales=scales, beats=((0, 1),)).unlocked().scales == scales


# --- what the engine does ------------------------------------------------------------------------------------------------


def vary(engine: Engine, clip: Clip, **asked: object) -> Answer:
    return engine.run(Vary.model_validate({"clips": (clip,), "kind": "notes", "amount": 0.6, "count": 4, "seed": 1, **asked}))


def test_new_notes_keep_to_the_key_that_is_found_unless_they_are_free(engine: Engine) -> None:
    clip = line(tune(), name="tune")
    found, free = vary(engine, clip), vary(engine, clip, key="free")
    assert classes(found.clips, clip) <= C_MAJOR
    assert not classes(free.clips, clip) <= C_MAJOR
    assert found.info == ("key of “tune”: C Major (found)",)
    assert found.keys == ((KeyUsed(0.0, parse_key("C Major"), True, C_MAJOR),),)
    assert (free.info, free.keys) == ((), ((),))
    named = vary(engine, clip, key="D major")
    assert (named.info, named.keys) == ((), ((KeyUsed.named(parse_key("D major")),),))


def test_the_key_changes_with_the_clip_over_long_silences_too(engine: Engine) -> None:
    for silence in (0.0, 4000.0):
        later = [replace(n, start=n.start + 32 + silence) for n in line(tune(3)).notes]
        clip = Clip((*line(tune()).notes, *later), 64 + silence)
        assert bool(find_gaps([clip], MELODY.spec).gaps) == bool(silence)
        answer = vary(engine, clip, count=2)
        assert [key.key.name for key in answer.keys[0]] == ["C Major", "Eb Major"]
        change = answer.keys[0][1].start
        assert 32 <= change <= 32 + silence
        assert later[0].start - change < 72
        for made in answer.clips:
            for note in new_notes(made, clip):
                key = answer.keys[0][note.start >= change]
                assert note.pitch % 12 in key.classes or abs(note.start - change) <= REACH


def test_drums_say_nothing_and_are_as_without(engine: Engine, clips: Path) -> None:
    beat = read_clip(clips / "rock.mid")
    answers = [engine.run(Vary(clips=(beat,), amount=0.4, count=3, seed=2, key=key)) for key in ("auto", "free")]
    assert answers[0] == answers[1]
    assert not any("key" in line for line in answers[0].info)


def test_between_clips_what_is_new_is_in_the_key_of_either(engine: Engine) -> None:
    clips = a, b = line(tune(), name="a"), line(tune(2), name="b")
    asked = {"clips": clips, "kind": "notes", "seed": 1}
    both = C_MAJOR | parse_key("D major").classes
    for request in (Interpolate.model_validate({**asked, "steps": 5}), Blend.model_validate({**asked, "grid": 3})):
        answer = engine.run(request)
        assert classes(answer.clips, a, b) <= both
        assert answer.info == ("new notes keep to the keys found in “a” (C Major) and “b” (D Major)",)
        assert [its[0].key.name for its in answer.keys] == ["C Major", "D Major"]
        free = engine.run(request.model_copy(update={"key": "free"}))
        assert not free.info
        assert not classes(free.clips, a, b) <= both
    silent = engine.run(Interpolate.model_validate({**asked, "clips": (Clip((), 32.0), b), "steps": 4}))
    assert classes(silent.clips, b) <= parse_key("D major").classes


def test_a_puck_keeps_to_the_keys_of_its_palette(engine: Engine) -> None:
    a, b = line(tune(), name="a"), line(tune(2), name="b")
    from models.editing.batching import run_alone

    run_alone(engine.start(Blend(clips=(a, b), grid=0, kind="notes", seed=1), palette=1), engine.batcher(), lambda _: None)
    made = run_alone(engine.start_at(1, 0.5, 0.0), engine.batcher(), lambda _: None)
    assert classes(made.clips, a, b) <= C_MAJOR | parse_key("D major").classes


def test_cross_has_the_pitches_and_says_the_key_of_the_second(engine: Engine) -> None:
    a, b = line(tune(), name="a"), line(tune(2), name="b")
    answer = engine.run(Cross(clips=(a, b), kind="notes", count=2, seed=1))
    assert {n.pitch for clip in answer.clips for n in clip.notes} <= {n.pitch for n in b.notes}
    assert answer.info == ("key of “b”: D Major (found)",)
    assert [[key.key.name for key in its] for its in answer.keys] == [[], ["D Major"]]
    free = engine.run(Cross(clips=(a, b), kind="notes", count=2, seed=1, key="free"))
    assert (free.clips, free.info) == (answer.clips, ())


def test_from_nothing_and_of_a_clip_as_the_model_has_it_there_is_no_key(engine: Engine) -> None:
    asked = {"kind": "notes", "count": 3, "seed": 4}
    found = engine.run(Sample.model_validate(asked))
    assert found == engine.run(Sample.model_validate({**asked, "key": "free"}))
    assert not engine.run(Reconstruct(clips=(line(tune()),), kind="notes", seed=1)).info
    assert vary(engine, Clip((), 8.0)).clips == vary(engine, Clip((), 8.0), key="free").clips


def test_what_sounds_with_clips_says_their_key(engine: Engine) -> None:
    beside = [Other(line(tune() + tune(3)))]
    scales = (C_MAJOR, parse_key("Eb major").classes)
    asked = {"kind": "notes", "count": 3, "seed": 4}
    made = engine.run(Sample.model_validate({**asked, "bars": 16}), others=[beside])
    assert made.info == ("key of what sounds with the new clips: C Major; from beat 32 Eb Major (found)",)
    assert [key.key.name for key in made.keys[0]] == ["C Major", "Eb Major"]
    empty = engine.run(Vary.model_validate({**asked, "clips": (Clip((), 64.0),)}), others=[beside])
    assert [key.key.name for key in empty.keys[0]] == ["C Major", "Eb Major"]
    drums = engine.run(Sample.model_validate({**asked, "bars": 16}), others=[[Other(line(tune()), is_pitched=False)]])
    assert drums.keys == ((),)
    for clip in (*made.clips, *empty.clips):
        assert all(n.pitch % 12 in scales[n.start >= 32] or abs(n.start - 32) <= REACH for n in clip.notes)
    clip = replace(line([64, 64, 67, 67] * 2), beats=32)
    assert not vary(engine, clip).keys[0][0].is_clear
    answer = engine.run(Vary(clips=(clip,), kind="notes", amount=0.6, count=3, seed=1), others=[[Other(line(tune()))]])
    assert answer.info == ("key of the clip: C Major (found)",)
    assert classes(answer.clips, clip) <= C_MAJOR


def test_what_is_not_changed_says_no_key(engine: Engine) -> None:
    clip = line(tune())
    assert vary(engine, clip, amount=0).info == ("one clip, untouched, since amount is 0",)
    assert not any("key" in text for text in vary(engine, clip, lock=("rhythm", "pitch")).info)


# --- words, records ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given_", "taken"), [("AUTO", "auto"), (" free ", "free"), (None, "free"), ("am", "A Minor")])
def test_a_key_is_a_word_or_a_name(given_: str | None, taken: str) -> None:
    assert Sample.model_validate({"key": given_}).key == taken
    assert Sample().key == "auto"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_a_key_that_is_none_is_told_with_what_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample", "--key", "H minor", "--out", tmp_path) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "'H minor' has no root" in said
    assert "auto keeps to the key of the music, free to none" in said


@pytest.mark.usefixtures("own_models")
def test_the_answer_and_the_record_list_the_keys_and_old_records_are_free(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("vary", clips / "band.mid", "--count", 2, "--seed", 3, "--json")
    assert run(*asked, "--out", tmp_path / "found") == 0
    listed = json.loads(capsys.readouterr().out)["keys"]
    record = json.loads((tmp_path / "found" / "band_vary.json").read_text())
    assert listed
    assert listed == record["keys"]
    assert {key["file"] for key in listed} == {"band.mid"}
    assert all(key["notes"].split() and key["key"] and key["beat"] >= 0 for key in listed)
    assert run("recall", tmp_path / "found" / "band_vary.json", "--out", tmp_path / "again") == 0
    assert run(*asked, "--key", "free", "--out", tmp_path / "free") == 0
    path = tmp_path / "free" / "band_vary.json"
    record = json.loads(path.read_text())
    assert (record["request"]["key"], record["keys"]) == ("free", [])
    record["request"]["key"] = None
    del record["keys"]
    path.write_text(json.dumps(record))
    assert run("recall", path, "--out", tmp_path / "old") == 0
    for made in sorted((tmp_path / "old").glob("*.mid")):
        assert made.read_bytes() == (tmp_path / "free" / made.name).read_bytes()
