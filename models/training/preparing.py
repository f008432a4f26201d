"""A folder of MIDI files as they are found in the world -> windows to learn from, and what was taken of each file and why not.

Parts are told apart as `auto` does it, meters by the files' own; what is played off its beats, or is another file over again,
is left. Files that share much of their music are one piece, so that nothing is held out that was learned from. No training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family, PartFacts
from models.families.registry import FAMILIES, find_family
from models.families.routing import RoutedPart, route_parts
from models.music.clip import Note
from models.music.midi import MidiError, Part, Song, from_bytes
from models.pause import pause
from models.plain_file import shown
from models.training.dataset import (
    MUSIC,
    Packing,
    Source,
    Windows,
    common_time,
    join_windows,
    learned_parts,
    part_of,
    repeated_loop,
)

COPY = 0.8  # a file of which so much is in an earlier one is that file over again
SAME_PIECE = 0.3  # files that share so much are one piece
LEAST_SHARED = 3  # windows that files share at least before they are compared: any two rock beats share one
FREE = 0.3  # how far onsets agree with any grid, 0 to 1, below which music was played without one
FREE_NOTES = 32  # of fewer notes nothing can be said
SHOWN = 3  # tempi and meters of a file that are named

Key = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class FileReport:
    """What was taken of a file: windows by family, its tempi and meters in words, and what was left and why, a phrase each."""

    name: str
    took: dict[str, int] = field(default_factory=dict)
    tempo: str = ""
    meter: str = ""
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Learnable:
    """The windows of one family: which of them are held out [B], and the files they are of."""

    windows: Windows
    held: NDArray[np.bool_]
    files: tuple[str, ...]

    def split(self) -> tuple[Windows, Windows]:
        """What to learn from, and what to validate on: where no piece can be spared, the same."""
        return self.windows.take(~self.held), self.windows.take(self.held if self.held.any() else ~self.held)


@dataclass(frozen=True)
class Prepared:
    """What a folder holds for each family, and what became of each file."""

    families: dict[str, Learnable]
    files: tuple[FileReport, ...]


def prepare(sources: Iterable[Source], name: str, families: Sequence[str] = tuple(FAMILIES)) -> Prepared:
    """Prepare all files of a folder called `name`, for some families."""
    shelves = {family: _Shelf(find_family(family)) for family in families}
    reports: list[FileReport] = []
    seen: dict[bytes, str] = {}
    for source in sources:
        pause()
        if source.fault:
            reports.append(FileReport(source.name, left=(f"it {source.fault}",)))
            continue
        content = sha256(source.content).digest()
        if content in seen:
            reports.append(FileReport(source.name, left=(f"the same file as {seen[content]}",)))
            continue
        seen[content] = source.name
        try:
            song = from_bytes(source.content, name="it")
        except MidiError as error:
            reports.append(FileReport(source.name, left=(str(error),)))
            continue
        reports.append(_take(source, song, list(shelves.values())))
    found = {family: shelf.close(name) for family, shelf in shelves.items() if shelf.files}
    return Prepared(found, tuple(reports))


def held_out(piece: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose what to validate on, by piece [B]: every tenth piece, and two of eight to nineteen, one of four to seven.

    Of all pieces, from the longest to the shortest, they are spread evenly, rather among the longer ones.
    """
    pieces, sizes = np.unique(piece, return_counts=True)
    count = max(len(pieces) // 10, min(2, len(pieces) // 4))
    places = ((np.arange(count) + 0.3) * len(pieces) / max(count, 1)).astype(int)
    return np.isin(piece, pieces[np.argsort(-sizes, kind="stable")[places]])


def grid_agreement(notes: Sequence[Note]) -> float:
    """Measure how far onsets lie on sixteenths or on triplets, 0 (anywhere) to 1 (exactly)."""
    starts = np.array([note.start for note in notes])
    return max(float(abs(np.exp(2j * np.pi * steps * starts).mean())) for steps in (1, 2, 3, 4)) if len(starts) else 1.0


class _Shelf:
    """The windows of one family, file by file, and by what of them a file over again is known."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.files: list[tuple[str, Windows, int]] = []
        self._keys: list[tuple[str, set[Key], int]] = []
        self._pieces = 0

    def add(self, source: Source, song: Song) -> tuple[Windows, str]:
        """Take the windows of a file that no earlier file has: those, and of which file it has others."""
        packing = Packing(self.family, everything=True)
        packing.add(source, song)
        windows = packing.windows()
        is_music = windows.are(MUSIC)
        if not is_music.any():
            return windows, ""
        keys = _keys(windows, self.family)
        mine = {key for key, of_music in zip(keys, is_music, strict=True) if of_music}
        nearest, shared, piece = "", 0, -1
        for name, theirs, its_piece in self._keys:
            both = len(mine & theirs)
            if both > shared:
                nearest, shared, piece = name, both, its_piece
        share = shared / len(mine) if shared >= min(LEAST_SHARED, len(mine)) else 0.0
        if share < SAME_PIECE:
            nearest, piece = "", self._pieces
            self._pieces += 1
        if share < COPY:
            known = set().union(*(theirs for _, theirs, its_piece in self._keys if its_piece == piece))
            windows = windows.take(np.array([key not in known or not m for key, m in zip(keys, is_music, strict=True)]))
            self.files.append((source.name, windows, piece))
            self._keys.append((source.name, mine, piece))
        else:
            windows = windows.take(np.zeros(len(windows), bool))
        return windows, nearest

    def close(self, name: str) -> Learnable:
        """Join all, and choose what is held out."""
        joined = join_windows([(windows, piece) for _, windows, piece in self.files], name, self.family)
        return Learnable(joined, held_out(joined.piece), tuple(file for file, _, _ in self.files))


def _take(source: Source, song: Song, shelves: Sequence[_Shelf]) -> FileReport:
    """Take what is worth learning of a file, and say what is not."""
    source = replace(source, is_own=True)
    report = FileReport(source.name, tempo=_tempi(song), meter=_meters(song))
    notes = [note for part in song.parts for note in part.clip.notes]
    if not notes:
        return replace(report, left=("it holds no notes",))
    if len(notes) >= FREE_NOTES and grid_agreement(notes) < FREE:
        return replace(report, left=("it was played freely: its notes do not lie on its beats",))
    took: dict[str, int] = {}
    left: list[str] = []
    heard: set[int] = set()
    for shelf in shelves:
        windows, nearest = shelf.add(source, song)
        is_music = windows.are(MUSIC)
        heard |= set(part_of(windows)[is_music].tolist())
        if is_music.any():
            took[shelf.family.name] = int(is_music.sum())
            if nearest:
                left.append(f"what it shares with {nearest}, with which it counts as one piece")
        elif nearest:
            left.append(f"{shelf.family.name}: {nearest} over again")
            heard |= learned_parts(song, source, shelf.family)
    left += _why_left(song, source, [shelf.family for shelf in shelves], heard)
    return replace(report, took=took, left=tuple(dict.fromkeys(left)))


def _why_left(song: Song, source: Source, families: Sequence[Family], heard: set[int]) -> list[str]:
    """Say of each part of which nothing was taken why not."""
    routes = route_parts([RoutedPart(p.clip, PartFacts(p.channel, p.program, p.name)) for p in song.parts])
    asked = {family.name: learned_parts(song, source, family) for family in families}
    reasons: dict[str, list[str]] = {}
    for number, (part, route) in enumerate(zip(song.parts, routes, strict=True)):
        if number in heard or not part.clip.notes:
            continue
        reasons.setdefault(_reason(part, number, route.family, asked, song), []).append(
            shown(part.name) or f"part {number + 1}"
        )
    return [f"{', '.join(names[:SHOWN])}{' …' if len(names) > SHOWN else ''}: {reason}" for reason, names in reasons.items()]


def _reason(part: Part, number: int, family: str, asked: dict[str, set[int]], song: Song) -> str:
    if family not in asked:
        return f"{family}, which was not asked for"
    if number not in asked[family]:
        return f"too low for {family}: a bass"
    if not any(common_time(repeated_loop(part.clip), song.meters)):
        return "no two bars of 4/4"
    return "too few notes in any two bars" if family == "drums" else "no line by itself, or too few notes in any two bars"


def _keys(windows: Windows, family: Family) -> list[Key]:
    """Name the music of windows so that the same in another key has the same name."""
    found: list[set[tuple[int, int]]] = [set() for _ in range(len(windows))]
    for b, step, lane in zip(*(values.tolist() for values in family.onset_lanes(windows.grid)), strict=True):
        found[b].add((step, lane))
    if not family.is_pitched:
        return [frozenset(its) for its in found]
    lowest = [min((lane for _, lane in its), default=0) for its in found]
    return [frozenset((step, lane - low) for step, lane in its) for its, low in zip(found, lowest, strict=True)]


def _tempi(song: Song) -> str:
    if not song.tempos:
        return "not said"
    tempi = sorted({round(tempo) for _, tempo in song.tempos})
    return f"{tempi[0]}" if len(tempi) == 1 else f"{tempi[0]}–{tempi[-1]}"


def _meters(song: Song) -> str:
    meters = list(dict.fromkeys(f"{a}/{b}" for _, (a, b) in song.meters)) or ["not said"]
    beats = max((part.clip.end for part in song.parts), default=0.0)
    bars = math.ceil(beats / 4)
    return ", ".join(meters[:SHOWN]) + (" …" if len(meters) > SHOWN else "") + f", {bars} bars"
