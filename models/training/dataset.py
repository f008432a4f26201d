"""Folders of MIDI files and `.tar.xz` sets -> windows on the grid, by piece and split. No training, no networks."""

from __future__ import annotations

import csv
import hashlib
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family, PartFacts
from models.families.grid import Grid
from models.music.clip import Clip, Note
from models.music.midi import MidiError, Song, from_bytes

MIDI_ENDINGS = (".mid", ".midi")


@dataclass(frozen=True)
class Rules:
    """What one of the known sets needs: which tracks to read, and what of their feel a person played."""

    tracks: str = ""  # a regular expression on track names; empty takes every track that fits
    velocity: bool = True  # velocities mean something
    timing: bool = False  # onsets were played by a person against a metronome


# Sets not named here (a user's own folder) are read with DEFAULT. Feel is learned where it was played: see the data's README.
DEFAULT = Rules(timing=True)
KNOWN = {
    "groove": Rules(timing=True),
    "pop909": Rules(tracks="MELODY|BRIDGE"),
    "openscore_lieder": Rules(tracks="Voice", velocity=False),
    "openewld_pd": Rules(velocity=False),
    "nottingham": Rules(velocity=False),
    "drum_machine_patterns_200": Rules(velocity=False),
}


@dataclass(frozen=True)
class Windows:
    """Windows with where they come from. `piece` numbers pieces; `feel` [B, 2]: whether velocity and timing count."""

    grid: Grid
    piece: NDArray[np.int64]
    feel: NDArray[np.bool_]
    sets: tuple[str, ...]
    set_of: NDArray[np.int64]

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.grid)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Windows:
        """Some of the windows."""
        return Windows(self.grid[index], self.piece[index], self.feel[index], self.sets, self.set_of[index])

    def sha256(self) -> str:
        """Hash what a training sees."""
        digest = hashlib.sha256()
        for values in (self.grid.tokens, self.grid.velocities, self.grid.offsets, self.piece, self.feel):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Source:
    """One MIDI file of a data folder: its set, its name there, its piece and what it holds."""

    set: str
    name: str
    piece: str
    content: bytes
    beats: str = ""  # a beat annotation that is more reliable than the file's own meter (POP909)


def has_splits(folder: Path) -> bool:
    """Tell whether a splits.csv says which files are for training."""
    return bool(_read_splits(folder))


def find_sources(folder: Path, split: str | None = None, sets: Sequence[str] = ()) -> Iterator[Source]:
    """List the files of a folder of MIDI files or of sets; `split` keeps the files that splits.csv assigns to it."""
    splits = _read_splits(folder)
    for set_name, files in _find_sets(folder):
        if sets and set_name not in sets:
            continue
        contents = dict(files)
        for name in sorted(contents):
            if not name.lower().endswith(MIDI_ENDINGS):
                continue
            piece, its_split = splits.get((set_name, name), (f"{set_name}:{name}", None))
            if split and splits and its_split != split:
                continue
            beats = contents.get(str(PurePosixPath(name).with_name("beat_midi.txt")), b"").decode()
            yield Source(set_name, name, piece, contents[name], beats)


def pack(sources: Iterator[Source], family: Family, *, hop_halves: int = 1) -> Windows:
    """Cut the 4/4 bars of every fitting part into windows, half a window apart, each distinct one of a piece once."""
    parts: list[Grid] = []
    pieces: list[int] = []
    feel: list[tuple[bool, bool]] = []
    set_of: list[int] = []
    ids: dict[str, int] = {}
    sets: dict[str, int] = {}
    seen: set[tuple[int, bytes]] = set()
    for source in sources:
        rules = KNOWN.get(source.set, DEFAULT)
        try:
            song = from_bytes(source.content, name=source.name)
        except MidiError:
            continue  # the sets are whole; a user's broken file is named by `vary`, and training goes on without it
        piece = ids.setdefault(source.piece, len(ids))
        set_id = sets.setdefault(source.set, len(sets))
        for stretch in stretches(song, source, family):
            for _, grid in cut(stretch, family, hop_halves):
                key = (piece, grid.tokens.tobytes())
                if key not in seen:
                    seen.add(key)
                    parts.append(grid)
                    pieces.append(piece)
                    feel.append((rules.velocity, rules.timing))
                    set_of.append(set_id)
    grid = Grid.stack(parts) if parts else Grid.silent(0, family.spec, family.vocabulary)
    return Windows(
        grid,
        np.array(pieces, np.int64),
        np.array(feel, bool).reshape(-1, 2),
        tuple(sets),
        np.array(set_of, np.int64),
    )


def stretches(song: Song, source: Source, family: Family) -> Iterator[Clip]:
    """List the stretches of 4/4 of every part of a file that a family learns from."""
    rules = KNOWN.get(source.set, DEFAULT)
    for part in song.parts:
        if rules.tracks and not re.search(rules.tracks, part.clip.name):
            continue
        facts = PartFacts(part.channel, part.program, part.clip.name, is_chosen=bool(rules.tracks))
        if not family.learns_from(part.clip, facts):
            continue
        yield from _follow_beats(part.clip, song.tempos, source.beats) if source.beats else _common_time(part.clip, song.meters)


def cut(clip: Clip, family: Family, hop: int = 1) -> Iterator[tuple[int, Grid]]:
    """Cut a clip into windows [1, T] that are worth learning: the half window each begins at, and what it holds."""
    layout = family.clip_to_grid(clip)
    half = family.spec.half_steps
    halves = layout.grid.map(lambda values: values.reshape(-1, half, *values.shape[2:]))
    unmapped = np.zeros(len(halves.tokens), int)
    for i in layout.unmapped:
        at = int((clip.notes[i].start - clip.start) // family.spec.half_beats)
        if 0 <= at < len(unmapped):
            unmapped[at] += 1
    for first in range(0, len(halves.tokens) - 1, hop):
        grid = halves[first : first + 2].map(lambda v: v.reshape(1, -1, *v.shape[2:]))
        grid = Grid(family.vocabulary.without_leading_holds(grid.tokens), grid.velocities, grid.offsets)
        if family.is_worth_learning(grid, int(unmapped[first : first + 2].sum())):
            yield first, grid


def _common_time(clip: Clip, meters: Sequence[tuple[float, tuple[int, int]]]) -> Iterator[Clip]:
    """Keep the stretches of a piece that are in 4/4 or 2/4; a file that names no meter is taken to be in 4/4."""
    changes = list(meters) or [(0.0, (4, 4))]
    if changes[0][0] > 0:
        changes.insert(0, (0.0, (4, 4)))
    end = max((n.end for n in clip.notes), default=0.0)
    for k, (first, meter) in enumerate(changes):
        until = changes[k + 1][0] if k + 1 < len(changes) else end
        bars = int((until - first) // 4 + (k + 1 == len(changes)))
        if meter in ((4, 4), (2, 4), (2, 2)) and bars >= 2:
            notes = [n for n in clip.notes if first - 0.125 <= n.start < first + bars * 4 - 0.125]
            yield Clip(tuple(notes), float(bars * 4), start=first)


def _follow_beats(clip: Clip, tempos: Sequence[tuple[float, float]], annotation: str) -> Iterator[Clip]:
    """Put notes on annotated beats (lines of seconds, _, 1 on bar starts) and keep the runs of bars of four beats."""
    rows = [line.split() for line in annotation.splitlines() if line.strip()]
    times = np.array([float(r[0]) for r in rows])
    starts = [i for i, r in enumerate(rows) if float(r[2]) == 1]
    onsets = np.interp(_seconds([n.start for n in clip.notes], tempos), times, np.arange(len(times)), left=-1, right=-1)
    ends = np.interp(_seconds([n.end for n in clip.notes], tempos), times, np.arange(len(times)))
    notes = [
        Note(n.pitch, float(s), max(float(e - s), 1 / 16), n.velocity)
        for n, s, e in zip(clip.notes, onsets, ends, strict=True)
        if s >= 0
    ]
    run: list[int] = []
    for a, b in zip(starts, [*starts[1:], 0], strict=True):
        if b - a == 4:
            run.append(a)
            continue
        if len(run) >= 2:
            inside = [n for n in notes if run[0] - 0.125 <= n.start < run[-1] + 4 - 0.125]
            yield Clip(tuple(inside), 4.0 * len(run), start=float(run[0]))
        run = []


def _seconds(beats: Sequence[float], tempos: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Turn beats into seconds by a tempo map of (beat, beats per minute)."""
    changes = list(tempos) if tempos and tempos[0][0] <= 0 else [(0.0, 120.0), *tempos]
    at = np.array([beat for beat, _ in changes])
    pace = np.array([60 / tempo for _, tempo in changes])
    passed = np.concatenate([[0.0], np.cumsum(np.diff(at) * pace[:-1])])
    k = np.maximum(np.searchsorted(at, beats, side="right") - 1, 0)
    return np.asarray(passed[k] + (np.asarray(beats) - at[k]) * pace[k])


def _read_splits(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    for place in (folder, folder.parent):
        path = place / "splits.csv"
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                return {(r["dataset"], r["file"]): (r["piece"], r["split"]) for r in csv.DictReader(file)}
    return {}


def _find_sets(folder: Path) -> Iterator[tuple[str, Iterator[tuple[str, bytes]]]]:
    """Find the sets below a folder: archives, folders, or the folder itself."""
    if folder.is_file():
        yield folder.name.removesuffix(".tar.xz"), _read_archive(folder)
        return
    archives = sorted(folder.glob("*.tar.xz"))
    for archive in archives:
        yield archive.name.removesuffix(".tar.xz"), _read_archive(archive)
    if (folder / "splits.csv").exists():
        for inner in sorted(p for p in folder.iterdir() if p.is_dir()):
            yield inner.name, _read_folder(inner)
    elif not archives:
        yield folder.name, _read_folder(folder)


def _read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    root = path.name.removesuffix(".tar.xz") + "/"
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            name = member.name.removeprefix("./").removeprefix(root)
            if member.isfile() and name.lower().endswith((*MIDI_ENDINGS, "beat_midi.txt")):
                file = archive.extractfile(member)
                if file:
                    yield name, file.read()


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.lower().endswith((*MIDI_ENDINGS, "beat_midi.txt")):
            yield path.relative_to(folder).as_posix(), path.read_bytes()
