"""The held-out music that a model is measured on: windows, whole parts of files, and draws of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.families.family import Family, PartFacts
from models.families.grid import Grid
from models.music.clip import Clip
from models.music.midi import MidiError, Part, from_bytes
from models.network.decoding import LatentModel
from models.store import find_model, load_hashes
from models.training.dataset import DEFAULT, KNOWN, Source, Windows, cut, find_sources, pack, stretches

PER_PIECE = 8  # windows of a piece in a class: more say little new, and a piece with many would speak for all


@dataclass(frozen=True)
class Sizes:
    """How much is measured, at most: enough for intervals of a few hundredths, and for a quarter of an hour."""

    windows: int = 700  # of each class that is judged
    middles: int = 480  # pairs of windows to meet in the middle
    files: int = 120  # whole files that are reconstructed
    varied_files: int = 60  # whole files that are varied
    corners: int = 15  # times four whole parts whose interpolation and blend are asked for
    amounts: int = 100  # clips of two bars that are asked for amounts, and half as many of four
    magnified: int = 320  # of each class where single changes are judged
    pairs: int = 60  # of clips of two bars whose interpolation is measured, and as many of eight
    locks: int = 240  # requests with random locks
    halvings: int = 24  # of the held-out pieces, to see that the judges find no difference where there is none
    hidden: int = 300  # windows of which a part is hidden
    varied_pairs: int = 600  # of windows of a piece, one of which is varied
    in_context: int = 240  # windows that are varied with what sounds around them, and without


STANDARD = Sizes()  # of every figure that is published


@dataclass(frozen=True)
class Take:
    """The windows of one stretch of a part of a held-out piece in order, and the half window that each begins at.

    `clip` is the stretch as it is played, `others` all other pitched parts on its beats, None where there are none.
    """

    piece: int
    windows: Grid
    at: NDArray[np.int64]
    clip: Clip | None = None
    others: Clip | None = None


@dataclass(frozen=True)
class EvaluationData:
    """What a model is measured on.

    `test` and `train` are windows of held-out pieces and of those learned from, `hashes` are of the windows learned from.
    `parts` are all whole parts of the held-out files that are of the model's kind, `songs` those of the tracks and sets it
    was trained to make, each of the set in `song_sets`, and `takes` the windows of these in the order they are played.
    """

    test: Windows
    train: Windows | None
    hashes: NDArray[np.uint64]
    split: str = "test"
    parts: tuple[Clip, ...] = ()
    songs: tuple[Clip, ...] = ()
    song_sets: tuple[str, ...] = ()
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True)
class ClipSet:
    """Clips and the piece each comes from."""

    clips: list[Clip]
    piece: NDArray[np.int64]

    def take(self, index: NDArray[np.int64]) -> ClipSet:
        """Some of the clips."""
        return ClipSet([self.clips[i] for i in index], self.piece[index])


def read_evaluation_data(model: LatentModel, name: str, folder: Path, split: str) -> EvaluationData:
    """Read the music of a split of a data folder, and the windows that the model may have learned from where that is known.

    Raises ValueError where nothing in the split fits the model's windows.
    """
    family = model.family
    for sets in (listed(model, "sets"), ()):
        sources = list(find_sources(folder, split, sets))
        test = pack(iter(sources), family)
        if len(test):
            break
    else:
        raise ValueError(f"{folder} has no {family.name} to measure on in split {split!r}: nothing fits two bars of 4/4")
    has_splits = any((place / "splits.csv").exists() for place in (folder, folder.parent))
    is_train = has_splits and split != "train"
    train = pack(find_sources(folder, "train", listed(model, "sets")), family) if is_train else None
    found = list(_parts(sources, family))
    codec = listed(model, "codec_sets")
    chosen = [(source.set, clip) for source, clip in found if source.set not in codec and _is_chosen(source, clip)]
    takes = read_takes((source for source in sources if source.set not in codec), family)
    parts = tuple(clip for _, clip in found)
    songs, song_sets = tuple(clip for _, clip in chosen), tuple(name for name, _ in chosen)
    return EvaluationData(test, train, load_hashes(find_model(name)), split, parts, songs, song_sets, tuple(takes))


def read_takes(sources: Iterable[Source], family: Family) -> Iterator[Take]:
    """Cut the stretches of 4/4 of files into windows in the order they are played."""
    ids: dict[str, int] = {}
    for source in sources:
        try:
            song = from_bytes(source.content, name=source.name)
        except MidiError:
            continue  # as in packing
        piece = ids.setdefault(source.piece, len(ids))
        for stretch, others in stretches(song, source, family):
            windows = list(cut(stretch, family))
            if len(windows) > 1:
                at = np.array([at for at, _ in windows], np.int64)
                yield Take(piece, Grid.stack([grid for _, grid in windows]), at, stretch, others)


def _parts(sources: Iterable[Source], family: Family) -> Iterator[tuple[Source, Clip]]:
    for source in sources:
        try:
            song = from_bytes(source.content, name=source.name)
        except MidiError:
            continue  # as in packing
        yield from ((source, part.clip) for part in song.parts if _is_of(part, family))


def _is_of(part: Part, family: Family) -> bool:
    return family.learns_from(part.clip, PartFacts(part.channel, part.program, part.name, is_chosen=True))


def _is_chosen(source: Source, clip: Clip) -> bool:
    tracks = KNOWN.get(source.set, DEFAULT).tracks
    return not tracks or re.search(tracks, clip.name) is not None


def composed(windows: Windows, model: LatentModel) -> Windows:
    """Leave out the sets that a model only reconstructs (`codec_sets` of its config)."""
    codec = listed(model, "codec_sets")
    return windows.take(np.isin(windows.set_of, [i for i, s in enumerate(windows.sets) if s not in codec]))


def listed(model: LatentModel, key: str) -> tuple[str, ...]:
    """Read a list of names in the config that a model was trained by."""
    names = model.card.config.get(key) or ()
    return tuple(str(s) for s in names) if isinstance(names, list | tuple) else ()


def draw_few(piece: NDArray[np.int64], rng: np.random.Generator, most: int) -> NDArray[np.int64]:
    """Draw indices of windows, a few of each piece: [N], at most so many."""
    _, by_piece, rank = _ranked(piece, rng)
    return np.sort(rng.permutation(by_piece[rank < PER_PIECE])[:most])


def draw_two_lots(piece: NDArray[np.int64], rng: np.random.Generator, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw two lots of indices with the same pieces in both, evenly: no index is in both."""
    sizes, by_piece, rank = _ranked(piece, rng)
    rank = rank + np.repeat(rng.integers(2, size=len(sizes)), sizes)
    fits = rank < 2 * PER_PIECE
    lots = [rng.permutation(by_piece[fits & (rank % 2 == side)])[:most] for side in (0, 1)]
    return np.sort(lots[0]), np.sort(lots[1])


def _ranked(
    piece: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Shuffle indices within pieces: the size of each piece, the indices piece by piece, and the rank of each in its piece."""
    order = rng.permutation(len(piece))
    by_piece = order[np.argsort(piece[order], kind="stable")]
    _, first, sizes = np.unique(piece[by_piece], return_index=True, return_counts=True)
    return sizes, by_piece, np.arange(len(piece)) - np.repeat(first, sizes)


def join_windows(windows: Windows, bars: int, family: Family) -> tuple[Grid, NDArray[np.int64]]:
    """Join windows of a piece that go on from one another into longer music: ([N, T], the piece of each [N])."""
    half = family.spec.half_steps
    first, second = (windows.grid.map(lambda v, a=a: v[:, a : a + half]) for a in (0, half))  # type: ignore[misc]
    ahead = family.vocabulary.without_leading_holds(second.tokens[:-1])
    goes_on = (windows.piece[1:] == windows.piece[:-1]) & (ahead == first.tokens[1:]).all((1, 2))
    starts: list[int] = []
    run = 0
    for index, joins in enumerate([False, *goes_on.tolist()]):
        run = run + 1 if joins else 0
        if run == bars - 2:
            starts.append(index - run)
            run = -2  # this window's second bar is the last of this clip, so the window after the next begins the next
    # A note that is held over a bar line is whole in the window that has both bars.
    begin = np.array(starts, np.int64)

    def join(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([a[begin], *(b[begin + k] for k in range(bars - 1))], 1)

    fields = ("tokens", "velocities", "offsets")
    grid = Grid(*(join(getattr(first, f), getattr(second, f)) for f in fields))  # type: ignore[arg-type]
    return grid, windows.piece[begin]
