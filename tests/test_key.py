"""Keys: text becomes the pitch classes of Live's scales, or a sentence that says what is allowed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bridge.requests import Sample
from models.music.key import ALSO, LETTERS, SCALES, parse_key

SIGNS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
ROOTS = [(letter + sign, (LETTERS[letter] + by) % 12) for letter in LETTERS for sign, by in SIGNS.items()]


@pytest.mark.parametrize("scale", SCALES)
def test_every_root_has_every_scale(scale: str) -> None:
    for text, root in ROOTS:
        key = parse_key(f"{text} {scale}")
        assert (key.root, key.steps) == (root, SCALES[scale])
        assert key.classes == {(root + step) % 12 for step in SCALES[scale]}
        assert [p for p in range(128) if key.has(p)] == [p for p in range(128) if p % 12 in key.classes]
        assert parse_key(key.name) == key
        for written in (f" {text.lower()}  {scale.upper()} ", f"{text}-{scale.lower()}", f"{text} {scale.replace(' ', '')}"):
            assert parse_key(written) == key


@pytest.mark.parametrize(("short", "scale"), ALSO.items())
def test_scales_have_the_other_names_that_musicians_use(short: str, scale: str) -> None:
    assert parse_key(f"F# {short}") == parse_key(f"F#{short}") == parse_key(f"F# {scale}")


def test_scales_are_seven_notes_or_what_their_name_says_and_hold_their_root() -> None:
    assert len(SCALES) == 35
    for steps in SCALES.values():
        assert steps[0] == 0
        assert list(steps) == sorted(set(steps))
        assert steps[-1] < 12
    assert {name for name, steps in SCALES.items() if len(steps) == 5} >= {"Minor Pentatonic", "Major Pentatonic"}


def test_a_key_can_be_a_root_and_its_semitones() -> None:
    key = parse_key("A 0 3, 5 7 10")
    assert (key.name, key.classes) == ("A 0 3 5 7 10", parse_key("A Minor Pentatonic").classes)
    assert parse_key(key.name) == key
    assert parse_key("C 12 0 14").steps == (0, 2)


@pytest.mark.parametrize("text", ["", "H minor", "minor", "3 5", "#", "♭"])
def test_what_has_no_root_gets_a_sentence_that_says_what_a_key_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"a key is a root \(C, F#, Bb …\) and a scale, as in A minor"):
        parse_key(text)


@pytest.mark.parametrize("text", ["C wrong", "C##", "A minor third", "Bbb minor", "A 0 x"])
def test_what_is_no_scale_gets_a_sentence_that_lists_the_scales(text: str) -> None:
    with pytest.raises(ValueError, match="there is no scale") as refused:
        parse_key(text)
    assert all(scale in str(refused.value) for scale in SCALES)


def test_a_request_takes_a_key_by_any_of_its_names_and_refuses_what_is_none() -> None:
    assert Sample(key="am").key == "A Minor"
    with pytest.raises(ValidationError, match="Whole Tone"):
        Sample(key="A jazzy")
