"""What a page shows: groups of cards, each a clip or a file, its parts and which of their notes are new. No files, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from models.music.clip import Clip, Note
from models.music.distance import compare
from models.music.drum_map import VOICE_NAMES, find_drum_map, with_pads

# Whose a note is: the first source's, another's, of none of them; or plain, where there is nothing to compare with.
Origin = Literal["own", "other", "new", "plain"]
LONGEST = 256.0  # beats of a clip that are compared, drawn and played; the page says so where there are more


@dataclass(frozen=True)
class Roll:
    """The notes of one part as they are drawn; `gone` are those of the source that are no longer there."""

    clip: Clip
    voices: Mapping[int, int] | None  # the drum voice of each pad; None where notes are pitches
    name: str = ""
    origins: tuple[Origin, ...] = ()  # of each note
    gone: tuple[Note, ...] = ()
    is_cut: bool = False  # whether the clip is longer than what is shown of it

    @property
    def is_changed(self) -> bool:
        """Whether anything in it is not the first source's."""
        return bool(self.gone) or any(origin in ("new", "other") for origin in self.origins)

    @property
    def new(self) -> int:
        """How many notes are new."""
        return self.origins.count("new")


@dataclass(frozen=True)
class Card:
    """A clip, or all parts of a file that sound together."""

    title: str
    rolls: tuple[Roll, ...]
    is_source: bool = False


@dataclass(frozen=True)
class Group:
    """Sources and what was made of them, with what there is to say about it."""

    title: str
    cards: tuple[Card, ...]
    about: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Card, ...]:
        """The cards with those parts that differ somewhere; all parts where none do."""
        changed = {i for card in self.cards for i, roll in enumerate(card.rolls) if roll.is_changed}
        if not changed or len({len(card.rolls) for card in self.cards}) > 1:
            return self.cards
        return tuple(replace(card, rolls=tuple(card.rolls[i] for i in sorted(changed))) for card in self.cards)


@dataclass(frozen=True)
class Kit:
    """Which drum voice each pad is: a published map, and single pads that differ."""

    drum_map: str = "gm"
    pads: tuple[tuple[int, str], ...] = field(default=())

    @property
    def voices(self) -> Mapping[int, int]:
        """The place in VOICE_NAMES of each pad."""
        return with_pads(find_drum_map(self.drum_map), self.pads).voice_of


def draw_part(clip: Clip, voices: Mapping[int, int] | None, sources: Sequence[Clip] | None = None, name: str = "") -> Roll:
    """Tell which notes of a part are new, given the same part of each source; None where there is no source."""
    shown, sources = _beginning(clip), sources and [_beginning(source) for source in sources]
    is_cut = shown is not clip
    if sources is None:
        return Roll(shown, voices, name, _all("plain", shown), is_cut=is_cut)
    origins: list[Origin] = ["new"] * len(shown.notes)
    gone: tuple[Note, ...] = ()
    for number, source in reversed(list(enumerate(sources))):
        found = compare(source, shown, voice=None if voices is None else voices.get)
        for _, mine in found.kept:
            origins[mine] = "other" if number else "own"
        if len(sources) == 1:
            left = {*found.dropped, *(theirs for theirs, _ in found.moved)}
            gone = tuple(_laid(source.notes[i], source, shown) for i in sorted(left))
    return Roll(shown, voices, name, tuple(origins), gone, is_cut)


def draw_source(clip: Clip, voices: Mapping[int, int] | None, *, is_first: bool = True, name: str = "") -> Roll:
    """Show a part of a source: all notes are its own."""
    shown = _beginning(clip)
    return Roll(shown, voices, name, _all("own" if is_first else "other", shown), is_cut=shown is not clip)


def lane_name(pitch: int, voices: Mapping[int, int]) -> str:
    """Name the lane of a pad: its drum voice, or its number where it has none."""
    return VOICE_NAMES[voices[pitch]].replace("_", " ") if pitch in voices else f"pad {pitch}"


def lanes_of(notes: Iterable[Note], voices: Mapping[int, int]) -> list[str]:
    """List the lanes that notes need, cymbals above and the kick below, pads of no voice above all."""
    pads = {note.pitch for note in notes}
    named = [VOICE_NAMES[k].replace("_", " ") for k in sorted({voices[p] for p in pads if p in voices}, reverse=True)]
    return [f"pad {pitch}" for pitch in sorted(pads - voices.keys(), reverse=True)] + named


def _all(origin: Origin, clip: Clip) -> tuple[Origin, ...]:
    return (origin,) * len(clip.notes)


def _beginning(clip: Clip) -> Clip:
    """Cut what a page has no room for."""
    if clip.beats <= LONGEST:
        return clip
    end = clip.start + LONGEST
    return replace(clip, notes=tuple(note for note in clip.notes if note.start < end), beats=LONGEST, track_end=None)


def _laid(note: Note, source: Clip, clip: Clip) -> Note:
    """Lay a note of a source where it would be in a clip: distances count from the beginning of each."""
    return replace(note, start=note.start - source.start + clip.start)
