"""Folders of MIDI files and `.tar.xz` sets -> windows on the grid, by piece and split. No training, no networks."""

from __future__ import annotations

import csv
import hashlib
import re
import tarfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.families.context import Context, around, around_windows, context_size, sounding_beats
from models.families.family import Family, PartFacts
from models.families.grid import Grid
from models.families.routing import DRUM_CHANNEL, DRUMS, RoutedPart, route_parts
from models.music.clip import Clip, Note
from models.music.midi import MidiError, Part, Song, from_bytes
from models.music.midi_file import DEFAULT as DEFAULT_LIMITS
from models.plain_file import PlainFileError, read_plain_file
from models.whole_file import write_whole

MIDI_ENDINGS = (".mid", ".midi", ".kar", ".rmi")
BEATS = "beat_midi.txt"  # of a file of POP909, beside it
VOICES = 8  # lines that a polyphonic part is taken apart into, as editing does
LINE_HOP = 3  # lines are so many that every third window is enough, at all places of a phrase

# Kinds of windows: whole music, next to nothing, and a line of a part that is not the set's tune.
MUSIC, SPARSE, LINE = 0, 1, 2


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
class Surroundings:
    """What training needs of windows beside their music.

    `kind` [B] is MUSIC, SPARSE or LINE; `place` [B, 2] the line of a file that a window is of, and the beat it begins on;
    `context` [B, beats, C] what sounds around it, in half precision.
    """

    kind: NDArray[np.int64]
    place: NDArray[np.int64]
    context: NDArray[np.float16]

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Surroundings:
        """Those of some of the windows."""
        return Surroundings(self.kind[index], self.place[index], self.context[index])


@dataclass(frozen=True)
class Windows:
    """Windows with where they come from. `piece` numbers pieces; `feel` [B, 2]: whether velocity and timing count."""

    grid: Grid
    piece: NDArray[np.int64]
    feel: NDArray[np.bool_]
    sets: tuple[str, ...]
    set_of: NDArray[np.int64]
    more: Surroundings | None = None

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.grid)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Windows:
        """Some of the windows."""
        more = None if self.more is None else self.more.take(index)
        return Windows(self.grid[index], self.piece[index], self.feel[index], self.sets, self.set_of[index], more)

    def are(self, kind: int) -> NDArray[np.bool_]:
        """Tell which windows are of a kind [B]; where nothing is said of it, all are music."""
        return np.full(len(self), kind == MUSIC) if self.more is None else self.more.kind == kind

    def are_own(self, others: Collection[str]) -> NDArray[np.bool_]:
        """Tell which windows are whole music, and of other sets than some [B]."""
        own = [i for i, name in enumerate(self.sets) if name not in others]
        return np.asarray(np.isin(self.set_of, own) & self.are(MUSIC))

    def save(self, path: Path) -> None:
        """Write the windows to a file, so that a resumed training need not cut them again."""
        values = {f"grid_{name}": getattr(self.grid, name) for name in _GRID}
        values |= {name: getattr(self, name) for name in _WINDOWS}
        values |= {name: getattr(self.more, name) for name in _SURROUNDINGS if self.more is not None}
        packed = BytesIO()
        np.savez_compressed(packed, allow_pickle=False, sets=np.array(self.sets, np.str_), **values)
        write_whole(path, packed.getvalue())

    @staticmethod
    def load(path: Path) -> Windows:
        """Read what `save` wrote."""
        try:
            with path.open("rb") as packed, np.load(packed, allow_pickle=False) as file:
                found = dict(file)
            grid = Grid(*(found[f"grid_{name}"] for name in _GRID))
            more = Surroundings(*(found[name] for name in _SURROUNDINGS)) if "kind" in found else None
            return Windows(grid, found["piece"], found["feel"], tuple(found["sets"].tolist()), found["set_of"], more)
        except (BadZipFile, KeyError, ValueError, EOFError) as error:
            raise ValueError(
                f"{path} is cut off, or holds no windows: remove it, and --resume cuts them from --data"
            ) from error

    def sha256(self) -> str:
        """Hash what a training sees."""
        digest = hashlib.sha256()
        more = (self.more.kind, self.more.place, self.more.context) if self.more else ()
        for values in (self.grid.tokens, self.grid.velocities, self.grid.offsets, self.piece, self.feel, *more):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


_GRID, _WINDOWS, _SURROUNDINGS = ("tokens", "velocities", "offsets"), ("piece", "feel", "set_of"), ("kind", "place", "context")


@dataclass(frozen=True)
class Source:
    """One MIDI file of a data folder: its set, its name there, its piece and what it holds."""

    set: str
    name: str
    piece: str
    content: bytes
    beats: str = ""  # a beat annotation that is more reliable than the file's own meter (POP909)
    is_own: bool = False  # of no known set: what its parts are is found out as for any file
    fault: str = ""  # why it could not be read, as the end of a sentence that begins with its name


def has_splits(folder: Path) -> bool:
    """Tell whether a splits.csv says which files of the folder are for training."""
    return bool({name for name, _ in _read_splits(folder)} & set(set_names(folder)))


def set_names(folder: Path) -> list[str]:
    """Name the sets below a folder: archives, folders, or the folder itself."""
    return [name for name, _ in _find_sets(folder)]


def find_sources(folder: Path, split: str | None = None, sets: Sequence[str] = ()) -> Iterator[Source]:
    """List the files of a folder of MIDI files or of sets; `split` keeps the files that splits.csv assigns to it.

    Those of a folder are read one by one, as they are asked for.
    """
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
            beats = contents.get(str(PurePosixPath(name).with_name(BEATS)), bytes)().decode()
            source = Source(set_name, name, piece, b"", beats, is_own=(set_name, name) not in splits)
            try:
                yield replace(source, content=contents[name]())
            except PlainFileError as error:
                yield replace(source, fault=str(error))


def count_files(folder: Path) -> int:
    """Count the MIDI files of a folder, those in archives not among them, without reading any."""
    return sum(name.lower().endswith(MIDI_ENDINGS) for name, _ in _read_folder(folder)) if folder.is_dir() else 0


def pack(
    sources: Iterator[Source],
    family: Family,
    *,
    hop_halves: int = 1,
    everything: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> Windows:
    """Cut the 4/4 bars of every fitting part into windows, half a window apart, each distinct one of a piece once.

    With `everything` windows of few notes or none are among them, and each line of other parts that the family could play.
    `say` is told which files are broken; it goes on without them.
    """
    packing = Packing(family, hop_halves=hop_halves, everything=everything)
    for source in sources:
        song = None
        try:
            song = None if source.fault else from_bytes(source.content, name=source.name)
        except MidiError as error:
            say(f"{error}; it is left out")
        if source.fault:
            say(f"{source.name} {source.fault}; it is left out")
        packing.add(source, song)
    return packing.windows()


class Packing:
    """Files being cut into windows, one after the other; see `pack`."""

    def __init__(self, family: Family, *, hop_halves: int = 1, everything: bool = False) -> None:
        """Begin with no windows."""
        self.family, self._hop, self._everything = family, hop_halves, everything
        self._cuts: list[_Cut] = []
        self._pieces: list[int] = []
        self._feel: list[tuple[bool, bool]] = []
        self._set_of: list[int] = []
        self._ids: dict[str, int] = {}
        self._sets: dict[str, int] = {}
        self._seen: set[tuple[int, bytes]] = set()
        self._files = 0

    def add(self, source: Source, song: Song | None) -> None:
        """Cut a file; of one that could not be read, only its place is kept."""
        number, rules = self._files, KNOWN.get(source.set, DEFAULT)
        self._files += 1
        if song is None:
            return
        piece = self._ids.setdefault(source.piece, len(self._ids))
        set_id = self._sets.setdefault(source.set, len(self._sets))
        for cut in _windows(song, source, self.family, self._hop, self._everything):
            key = (piece, cut.grid.tokens.tobytes())
            if key not in self._seen:
                self._seen.add(key)
                self._cuts.append(replace(cut, place=(number * _LINES + cut.place[0], cut.place[1])))
                self._pieces.append(piece)
                self._feel.append((rules.velocity, rules.timing))
                self._set_of.append(set_id)

    def windows(self) -> Windows:
        """Stack what was cut."""
        cuts, family, everything = self._cuts, self.family, self._everything
        shape = len(cuts), family.spec.window_beats, context_size(around(family.context))
        more = Surroundings(
            np.array([cut.kind for cut in cuts], np.int64),
            np.array([cut.place for cut in cuts], np.int64).reshape(-1, 2),
            np.array([cut.context for cut in cuts] if everything else np.zeros(shape), np.float16).reshape(shape),
        )
        return Windows(
            Grid.stack([cut.grid for cut in cuts]) if cuts else Grid.silent(0, family.spec, family.vocabulary),
            np.array(self._pieces, np.int64),
            np.array(self._feel, bool).reshape(-1, 2),
            tuple(self._sets),
            np.array(self._set_of, np.int64),
            more if everything else None,
        )


def join_windows(files: Sequence[tuple[Windows, int]], set_name: str, family: Family) -> Windows:
    """Join the windows of files, cut with everything that is around them, each file with the number of its piece."""
    if not files:
        return Packing(family, everything=True).windows()
    first = np.array([_LINES, 0])
    more = [replace(w.more, place=w.more.place + i * first) for i, (w, _) in enumerate(files) if w.more is not None]
    sizes = [len(windows) for windows, _ in files]
    return Windows(
        Grid.stack([windows.grid for windows, _ in files]),
        np.repeat([piece for _, piece in files], sizes),
        np.concatenate([windows.feel for windows, _ in files]),
        (set_name,),
        np.zeros(sum(sizes), np.int64),
        Surroundings(*(np.concatenate([getattr(its, name) for its in more]) for name in _SURROUNDINGS)),
    )


def part_of(windows: Windows) -> NDArray[np.int64]:
    """Tell which part of its file each window was cut from [B], by its number from 0."""
    if windows.more is None:
        raise ValueError("only of windows whose places are known it is known what they were cut from")
    return np.asarray(windows.more.place[:, 0] % _LINES // (VOICES + 1))


_LINES = 100_000  # more than the lines of one file


@dataclass(frozen=True)
class _Cut:
    """One window [1, T, S] and what is around it."""

    grid: Grid
    kind: int
    place: tuple[int, int]
    context: Context
    first: int  # half window


def _windows(song: Song, source: Source, family: Family, hop: int, everything: bool) -> Iterator[_Cut]:
    timeline = _Timeline(song, source)
    chosen = learned_parts(song, source, family)
    for number, part in enumerate(song.parts):
        is_learned = number in chosen
        for clip in timeline.stretches(part.clip):
            line = number * (VOICES + 1)
            if is_learned:
                yield from _cut(clip, family, hop, timeline if everything else None, line)
            if everything and family.is_pitched and part.channel != DRUM_CHANNEL:
                yield from _cut_lines(clip, family, hop, timeline, line + 1, is_learned)


def stretches(song: Song, source: Source, family: Family) -> Iterator[tuple[Clip, Clip | None]]:
    """List the stretches of 4/4 of every part of a file that a family learns from, with what else sounds there (`beside`)."""
    timeline = _Timeline(song, source)
    chosen = learned_parts(song, source, family)
    for number, part in enumerate(song.parts):
        if number in chosen:
            for clip in timeline.stretches(part.clip):
                yield clip, timeline.beside(part, clip) if family.is_pitched else None


def learned_parts(song: Song, source: Source, family: Family) -> set[int]:
    """Choose the parts of a file that a family learns from.

    In a file of no known set, what a part is is found out as `auto` does it: drums need not be on MIDI channel 10.
    """
    rules = KNOWN.get(source.set, DEFAULT)
    routes = route_parts([RoutedPart(p.clip, PartFacts(p.channel, p.program, p.name)) for p in song.parts])
    found: set[int] = set()
    for number, (part, route) in enumerate(zip(song.parts, routes, strict=True)):
        is_chosen = not rules.tracks or re.search(rules.tracks, part.clip.name) is not None
        channel = DRUM_CHANNEL if source.is_own and route.family == DRUMS else part.channel
        facts = PartFacts(channel, part.program, part.clip.name, is_chosen=bool(rules.tracks))
        if is_chosen and family.learns_from(part.clip, facts) and (not source.is_own or route.family == family.name):
            found.add(number)
    return found


class _Timeline:
    """The parts of a piece on the beats that training reads them by."""

    def __init__(self, song: Song, source: Source) -> None:
        self.song, self.annotation, self._is_own = song, source.beats, source.is_own

    def stretches(self, clip: Clip) -> Iterator[Clip]:
        """Cut a part into its runs of bars of four beats."""
        if self.annotation:
            return _follow_beats(clip, self.song.tempos, self.annotation)
        return common_time(repeated_loop(clip) if self._is_own else clip, self.song.meters)

    @cached_property
    def pitched(self) -> list[Note]:
        """The notes of all pitched parts."""
        return [n for part in self.song.parts if part.channel != DRUM_CHANNEL for n in self._placed(part)]

    def beside(self, part: Part, clip: Clip) -> Clip | None:
        """Join all other pitched parts along a stretch of one, on its beats; None where there are none."""
        others = [o for o in self.song.parts if o is not part and o.channel != DRUM_CHANNEL and o.clip.notes]
        if not others:
            return None
        notes = [n for o in others for n in self._placed(o) if n.start < clip.end and n.end > clip.start]
        return Clip(tuple(sorted(notes, key=lambda n: (n.start, n.pitch))), clip.beats, start=clip.start)

    @cached_property
    def pitched_parts(self) -> int:
        """How many pitched parts there are."""
        return sum(part.channel != DRUM_CHANNEL for part in self.song.parts)

    def _placed(self, part: Part) -> Sequence[Note]:
        return _on_beats(part.clip, self.song.tempos, self.annotation)[0] if self.annotation else part.clip.notes

    def around(self, clip: Clip, line: Sequence[Note], family: Family, hop: int) -> Context:
        """Tell what sounds around the windows of a line of a stretch: of its own part `clip`, and of all else."""
        beats = clip.start + np.arange(round(clip.beats), dtype=np.float64)
        has_others = self.pitched_parts > 1 or len(line) < len(clip.notes)
        others = sounding_beats(self.pitched, beats) - sounding_beats(line, beats) if has_others else None
        spec = family.spec
        return around_windows(
            sounding_beats(clip.notes, beats), others, window_beats=spec.window_beats, hop_beats=hop * spec.window_beats // 2
        )


def cut(clip: Clip, family: Family, hop: int = 1) -> Iterator[tuple[int, Grid]]:
    """Cut a clip into windows [1, T] that are worth learning: the half window each begins at, and what it holds."""
    for found in _cut(clip, family, hop, None, 0):
        yield found.first, found.grid


def _cut(clip: Clip, family: Family, hop: int, timeline: _Timeline | None, number: int) -> Iterator[_Cut]:
    """Cut a stretch of a part into windows; with its timeline, into those of few notes too, with what is around each."""
    layout = family.clip_to_grid(clip)
    half = family.spec.half_steps
    halves = layout.grid.map(lambda values: values.reshape(-1, half, *values.shape[2:]))
    unmapped = np.zeros(len(halves.tokens), int)
    for i in layout.unmapped:
        at = int((clip.notes[i].start - clip.start) // family.spec.half_beats)
        if 0 <= at < len(unmapped):
            unmapped[at] += 1
    line = [clip.notes[i] for notes in layout.cells.values() for i in notes]
    heard = timeline.around(clip, line, family, 1) if timeline and around(family.context) else None
    for first in range(0, len(halves.tokens) - 1, hop):
        grid = _window(halves, first, family)
        apart = int(unmapped[first : first + 2].sum())
        is_music = family.is_worth_learning(grid, apart)
        if is_music or (timeline and not apart and first < _bars(clip, family)):
            context = (
                np.zeros((family.spec.window_beats, 0), np.float32) if heard is None else heard[min(first, len(heard) - 1)]
            )
            yield _Cut(grid, MUSIC if is_music else SPARSE, (number, _beat(clip, first, family)), context, first)


def _cut_lines(clip: Clip, family: Family, hop: int, timeline: _Timeline, number: int, is_learned: bool) -> Iterator[_Cut]:
    """Cut windows of the lines of a part, as the engine lays them out; of one that is learned from, the lower ones."""
    layout = family.clip_to_grid(clip, voices=VOICES)
    half, windows = family.spec.half_steps, layout.windows
    for voice in range(min(layout.voices, VOICES) if not is_learned or layout.voices > 1 else 0):
        rows = slice(voice * windows, (voice + 1) * windows)
        halves = layout.grid[rows].map(lambda values: values.reshape(-1, half, *values.shape[2:]))
        line = [clip.notes[i] for (b, _, _), notes in layout.cells.items() if rows.start <= b < rows.stop for i in notes]
        heard = timeline.around(clip, line, family, 1)
        for first in range(0, min(len(halves.tokens) - 1, _bars(clip, family)), LINE_HOP * hop):
            grid = _window(halves, first, family)
            is_music = family.is_worth_learning(grid, 0)
            context = heard[min(first, len(heard) - 1)]
            yield _Cut(grid, LINE if is_music else SPARSE, (number + voice, _beat(clip, first, family)), context, first)


def _window(halves: Grid, first: int, family: Family) -> Grid:
    grid = halves[first : first + 2].map(lambda v: v.reshape(1, -1, *v.shape[2:]))
    return Grid(family.vocabulary.without_leading_holds(grid.tokens), grid.velocities, grid.offsets)


def _beat(clip: Clip, first: int, family: Family) -> int:
    return round(clip.start + first * family.spec.half_beats)


def _bars(clip: Clip, family: Family) -> int:
    """Count the windows of a clip that lie wholly in it."""
    return max(1, int(clip.beats // family.spec.half_beats) - 1)


def repeated_loop(clip: Clip) -> Clip:
    """Play a clip of one bar of four beats twice, as loops are meant; others are left as they are."""
    end = max((note.end for note in clip.notes), default=0.0)
    if clip.start or not 2 < end <= 4.5 or any(note.start < 0 or note.start >= 3.875 for note in clip.notes):
        return clip
    again = tuple(replace(note, start=note.start + 4) for note in clip.notes)
    return replace(clip, notes=(*clip.notes, *again), beats=8.0)


def common_time(clip: Clip, meters: Sequence[tuple[float, tuple[int, int]]]) -> Iterator[Clip]:
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
    notes, starts = _on_beats(clip, tempos, annotation)
    run: list[int] = []
    for a, b in zip(starts, [*starts[1:], 0], strict=True):
        if b - a == 4:
            run.append(a)
            continue
        if len(run) >= 2:
            inside = [n for n in notes if run[0] - 0.125 <= n.start < run[-1] + 4 - 0.125]
            yield Clip(tuple(inside), 4.0 * len(run), start=float(run[0]))
        run = []


def _on_beats(clip: Clip, tempos: Sequence[tuple[float, float]], annotation: str) -> tuple[list[Note], list[int]]:
    """Put notes on annotated beats: the notes, and the beats on which bars start."""
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
    return notes, starts


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


def _find_sets(folder: Path) -> Iterator[tuple[str, Iterator[tuple[str, Callable[[], bytes]]]]]:
    """Find the sets below a folder: archives, folders, or the folder itself; of each its files, and what reads them."""
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


def _read_archive(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    root = path.name.removesuffix(".tar.xz") + "/"
    with tarfile.open(path, "r:xz") as archive:
        for member in archive:
            name = member.name.removeprefix("./").removeprefix(root)
            if member.isfile() and name.lower().endswith((*MIDI_ENDINGS, BEATS)):
                file = archive.extractfile(member)
                if file:
                    yield name, partial(bytes, file.read())


def _read_folder(folder: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in inside.parts)  # such as the ._ files that macOS leaves on other disks
        if path.name.lower().endswith((*MIDI_ENDINGS, BEATS)) and not is_hidden and not path.is_dir():
            yield inside.as_posix(), partial(read_plain_file, path, DEFAULT_LIMITS.file_bytes)
