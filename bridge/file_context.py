"""How MIDI files are read: which parts are worked on, as what, and what sounds with them. No options, no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.editing.others import Other
from models.families.family import PartFacts
from models.families.registry import find_family, kinds
from models.families.routing import Route, RoutedPart, route_parts
from models.music.clip import Clip
from models.music.midi import MidiError, Song, find_parts, from_bytes
from models.music.midi_file import read_file
from models.plain_file import shown

AUTO, NONE = "auto", "none"  # all other parts of a file sound with each, or nothing is known of what does


@dataclass(frozen=True)
class ContextFile:
    """A file whose parts sound with all that is worked on."""

    name: str
    content: bytes
    song: Song
    families: tuple[str, ...]
    path: Path = Path()


@dataclass(frozen=True)
class LikeFile:
    """A file with whose feel clips are played: the part that has it, and its family."""

    name: str
    content: bytes
    clip: Clip
    family: str
    path: Path = Path()


@dataclass(frozen=True)
class Reading:
    """How files are read: the parts that were asked for, those that are of a kind that was told, and what sounds with them."""

    track: str | None = None
    kinds: tuple[tuple[str, str], ...] = ()  # parts by number or name, and their kinds
    context: str = AUTO  # or NONE, or the name of a file
    file: ContextFile | None = None  # that file
    like: LikeFile | None = None  # whose feel is taken

    @property
    def kinds_told(self) -> str | None:
        """Write the kinds as they are typed."""
        return ",".join(f"{part}:{kind}" for part, kind in self.kinds) or None

    def routes(self, song: Song) -> list[Route]:
        """Choose the family of each part of a song: as told, or as `auto` does."""
        told: list[str | None] = [None] * len(song.parts)
        for part, kind in self.kinds:
            for i in find_parts(song, part):
                told[i] = kind
        return route_parts([RoutedPart(p.clip, PartFacts(p.channel, p.program, p.name)) for p in song.parts], told)

    def told_parts(self, song: Song) -> set[int]:
        """Find the parts whose kind was told."""
        return {i for part, _ in self.kinds for i in find_parts(song, part)}

    def others(self, song: Song, families: Sequence[str], part: int) -> list[Other]:
        """List what sounds with a part of a song, on that part's beats."""
        shift = song.parts[part].shift
        if self.file is not None:
            return _lay(self.file.song, self.file.families, shift)
        return _lay(song, families, shift, without=part) if self.context == AUTO else []

    def others_alone(self) -> list[Other]:
        """List what sounds with clips that are made from nothing."""
        return [] if self.file is None else _lay(self.file.song, self.file.families, 0.0)


AS_FILES_ARE = Reading()  # every part as `auto` has it, and all others of its file with it


def read_kinds(told: str) -> tuple[tuple[str, str], ...]:
    """Read which parts are of which kind, as in 2:drums,bass:notes."""
    pairs: list[tuple[str, str]] = []
    for piece in told.split(","):
        part, _, kind = piece.rpartition(":")
        if not part.strip() or kind not in kinds():
            known = "|".join(kinds())
            raise ValueError(f"{piece!r} is not allowed: it must be {known} for all, or a part and its kind, as in 2:drums")
        pairs.append((part.strip(), kind))
    return tuple(pairs)


def read_context(told: str, *, track: str | None = None, kinds: tuple[tuple[str, str], ...] = ()) -> Reading:
    """Say how files are read; `told` is auto, none, or a file, which is read."""
    reading = Reading(track, kinds, told)
    if told in (AUTO, NONE):
        return reading
    path = Path(told)
    return with_file(reading, shown(path.name), read_file(path), path)


def with_file(reading: Reading, name: str, content: bytes, path: Path = Path()) -> Reading:
    """Let the parts of a file sound with all that is worked on."""
    song = from_bytes(content, name=name)
    if not any(part.clip.notes for part in song.parts):
        raise MidiError(f"{name} holds no notes: nothing in it can sound with the clips")
    families = tuple(route.family for route in AS_FILES_ARE.routes(song))
    return replace(reading, context=name, file=ContextFile(name, content, song, families, path))


def read_like(path: Path) -> LikeFile:
    """Read a file whose feel is to be taken."""
    return like_of(shown(path.name), read_file(path), path)


def like_of(name: str, content: bytes, path: Path = Path()) -> LikeFile:
    """Find the part of a file whose feel is taken: its drums, else its first with notes."""
    song = from_bytes(content, name=name)
    parts = [(part, route.family) for part, route in zip(song.parts, AS_FILES_ARE.routes(song), strict=True) if part.clip.notes]
    if not parts:
        raise MidiError(f"{name} holds no notes: there is no feel in it to take")
    part, family = next((found for found in parts if not find_family(found[1]).is_pitched), parts[0])
    return LikeFile(name, content, replace(part.clip, name=name), family, path)


def _lay(song: Song, families: Sequence[str], shift: float, *, without: int | None = None) -> list[Other]:
    """Lay the parts of a song along one whose beats begin so much later: all as long as the song, for none repeats alone."""
    length = max(part.shift + part.clip.end for part in song.parts)
    found: list[Other] = []
    for i, (part, family) in enumerate(zip(song.parts, families, strict=True)):
        if i != without and part.clip.notes:
            there = Other(part.clip, find_family(family).is_pitched).moved(part.shift - shift)
            found.append(replace(there, clip=replace(there.clip, start=-shift, beats=length)))
    return found
