"""The distances of many pairs of clips at once, over arrays: each is what `distance` gives. Clips in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.music.clip import Clip
from models.music.distance import NEAR_ONSET, SAME_ONSET, SLACK, Reference, VoiceOf, lane_of
from models.pause import pause

MOST_NOTES = 512  # of a clip; those with more are measured one by one, in memory that grows with the notes alone
MOST_LEFT = 64  # notes of a clip that are not kept in another: what these take grows with their square
NONE = -1  # a rank that is in no window
CELLS = 2**19  # numbers that are made at once

Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Onsets = NDArray[np.float64]
Window = tuple[NDArray[Any], NDArray[Any]]  # the first of some places in order, and that after the last
Pair = tuple[int, int]


class Distances:
    """Clips, more and more of them, of which any pair can be measured; by number, in the order in which they were added."""

    def __init__(self, clips: Sequence[Clip] = (), *, voice: VoiceOf | None = None) -> None:
        self._voice = voice
        self._lanes = np.array([lane_of(pitch, voice) for pitch in range(128)])
        self._clips: list[Clip] = []
        self._notes: list[tuple[Onsets, Numbers]] = []  # of each clip: onsets from its start, and pitches
        self.add(clips)

    def add(self, clips: Sequence[Clip]) -> None:
        """Add clips."""
        for clip in clips:
            notes = clip.notes if len(clip.notes) <= MOST_NOTES else ()
            onsets = np.array([note.start for note in notes], np.float64) - clip.start
            self._notes.append((onsets, np.array([note.pitch for note in notes], np.int64)))
            pause()
        self._clips += clips

    def between(self, pairs: Sequence[Pair]) -> list[float]:
        """Measure the distance from the first to the second of each pair."""
        found = np.zeros(len(pairs))
        sizes = np.array([len(clip.notes) for clip in self._clips])
        done = 0
        for some in self._groups(pairs):
            most = sizes[np.array(some)].max(1)
            edits, is_sure = self._count_edits(some)
            found[done : done + len(some)] = edits / np.maximum(most, 1)
            alone = np.flatnonzero(~is_sure | (most > MOST_NOTES))
            for i, those in groupby(alone.tolist(), key=lambda k: some[k][0]):
                reference = Reference(self._clips[i], voice=self._voice)
                for k in those:
                    found[done + k] = reference.distance(self._clips[some[k][1]])
            done += len(some)
            pause()
        measured: list[float] = found.tolist()
        return measured

    def _groups(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        """Cut pairs into groups of as many as are measured at once."""
        if len(self._notes) * sum(len(onsets) for onsets, _ in self._notes) <= CELLS:
            yield from [pairs] if pairs else []
            return
        clips: set[int] = set()
        first = notes = 0
        for k, pair in enumerate(pairs):
            notes += sum(len(self._notes[i][0]) for i in pair if i not in clips)
            clips.update(pair)
            if len(clips) * notes > CELLS:
                yield pairs[first : k + 1]
                clips, first, notes = set(), k + 1, 0
        if first < len(pairs):
            yield pairs[first:]

    def _count_edits(self, pairs: Sequence[Pair]) -> tuple[Numbers, Bools]:
        """Count the notes that are moved, added and dropped between pairs of clips, and tell which counts are sure.

        They are where no note can be kept as one of several: then all that can be kept are, and what is left can only be moved
        among itself. For to lead moves over a kept pair gains one of them, and loses what counts twice.
        """
        clips = sorted({clip for pair in pairs for clip in pair})
        a, b = np.searchsorted(clips, np.array(pairs)).T
        table = _Table.of([self._notes[k] for k in clips], self._lanes)
        has, is_had = table.keepable[a[:, None], table.rows[b]], table.keeping[b[:, None], table.rows[a]]  # [P, n]
        is_left, is_missing = has == 0, is_had == 0
        edits = is_left.sum(1) + is_missing.sum(1)
        is_sure = (has <= 1).all(1) & (is_had <= 1).all(1) & ((is_left.sum(1) <= MOST_LEFT) & (is_missing.sum(1) <= MOST_LEFT))
        todo = np.flatnonzero(is_sure & is_left.any(1) & is_missing.any(1))
        at_once = max(1, CELLS // 4 // max(1, is_left.sum(1).max() * is_missing.sum(1).max()))
        for k in range(0, len(todo), at_once):
            some = todo[k : k + at_once]
            left, missing = (
                _packed(rows[which[some]], mask[some], len(table.rank) - 1)
                for rows, which, mask in ((table.rows, b, is_left), (table.rows, a, is_missing))
            )
            edits[some] -= match_many(table.moves(left, missing))
            pause()
        return edits, is_sure


@dataclass(frozen=True)
class _Table:
    """The notes of clips: each onset and pitch that any has, in order of pitch, has a place; the last is that of no note."""

    rows: Numbers  # [N, n]: the places of each clip's notes
    lanes: NDArray[np.int32]  # [U]
    rank: NDArray[np.int32]  # [U], of the onset among all
    same: Window  # [U]: the ranks of onsets that are the same
    near: Window  # [U]
    keepable: NDArray[np.int32]  # [N, U]: how many notes of a clip one could be kept as
    keeping: NDArray[np.int32]  # [N, U]: how many notes of a clip could be kept as one

    @staticmethod
    def of(clips: Sequence[tuple[Onsets, Numbers]], lanes: Numbers) -> _Table:
        """Find the places of some clips' notes."""
        sizes = [len(onsets) for onsets, _ in clips]
        onsets, pitches = (np.concatenate(values) for values in zip(*clips, strict=True))
        order = np.lexsort((onsets, pitches))
        onsets, pitches = onsets[order], pitches[order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = (np.diff(onsets) != 0) | (np.diff(pitches) != 0)
        place = np.empty(len(order), np.int64)
        place[order] = np.cumsum(is_first) - 1
        onsets, pitches = onsets[is_first], pitches[is_first]
        rows = np.full((len(clips), max(sizes)), len(onsets))
        rows[np.arange(rows.shape[1]) < np.array(sizes)[:, None]] = place
        ranked = np.sort(onsets)
        rank = np.searchsorted(ranked, onsets)

        same, near = (_windows(ranked, onsets, width) for width in (SAME_ONSET, NEAR_ONSET))
        # Whose windows an onset is in: the same but for rounding, by which a note may be within reach of one that it is not of.
        reach = SAME_ONSET + SLACK
        backward = np.searchsorted(ranked + reach, onsets), np.searchsorted(ranked - reach, onsets, "right")
        counts = np.zeros((len(clips), len(onsets) + 1), np.int32)
        np.add.at(counts, (np.arange(len(clips))[:, None], rows), 1)
        before = np.zeros_like(counts)
        np.cumsum(counts[:, :-1], 1, out=before[:, 1:])
        key_of_pitch = pitches * (len(ranked) + 1)

        def count(window: Window) -> NDArray[np.int32]:
            low, high = (np.searchsorted(key_of_pitch + rank, key_of_pitch + end) for end in window)
            found = np.ones_like(counts)
            found[:, :-1] = before[:, high] - before[:, low]
            return found

        def with_none(values: Numbers) -> NDArray[np.int32]:
            return np.append(values, NONE).astype(np.int32)

        return _Table(
            rows,
            with_none(lanes[pitches]),
            with_none(rank),
            (with_none(same[0]), with_none(same[1])),
            (with_none(near[0]), with_none(near[1])),
            count(same),
            count(backward),
        )

    def moves(self, places: Numbers, others: Numbers) -> Bools:
        """Find which notes [P, S] may be moved to which others [P, T]."""
        rank, here, there = self.rank[others][:, None], places[:, :, None], others[:, None]

        def within(window: Window) -> Bools:
            return (window[0][here] <= rank) & (rank < window[1][here])

        found: Bools = within(self.same) | (self.lanes[here] == self.lanes[there]) & within(self.near)
        return found


def _windows(ranked: Onsets, onsets: Onsets, width: float) -> Window:
    """Find which of some rising onsets are within so many beats of each of others: the first, and that after the last."""
    reach = width + SLACK
    return np.searchsorted(ranked, onsets - reach), np.searchsorted(ranked, onsets + reach, "right")


def _packed(rows: Numbers, is_left: Bools, nothing: int) -> Numbers:
    """Push what is left of rows to their beginning, and cut off what no row needs."""
    size = is_left.sum(1)
    found = np.full((len(rows), size.max()), nothing)
    found[np.arange(found.shape[1]) < size[:, None]] = rows[is_left]
    return found


def match_many(edges: Bools) -> Numbers:
    """Find the size of a largest matching of each of many small graphs, rows with columns: edges [G, R, C] -> [G]."""
    graphs, rows, columns = edges.shape
    row_of, column_of = np.full((graphs, columns), -1), np.full((graphs, rows), -1)
    every, is_free = np.arange(graphs), np.ones((graphs, columns), bool)
    for row in range(rows):  # the first free column is often right
        free = edges[:, row] & is_free
        first = free.argmax(1)
        g = np.flatnonzero(free[every, first])
        row_of[g, first[g]], column_of[g, row], is_free[g, first[g]] = row, first[g], False
    sizes: Numbers = (column_of >= 0).sum(1)
    most = np.minimum(edges.any(1).sum(1), edges.any(2).sum(1))
    open_ = np.flatnonzero(sizes < most)
    edges, row_of, column_of = edges[open_], row_of[open_], column_of[open_]
    while len(open_):
        grown = _augment(edges, row_of, column_of)
        sizes[open_[grown]] += 1
        goes_on = grown & (sizes[open_] < most[open_])
        open_, edges, row_of, column_of = open_[goes_on], edges[goes_on], row_of[goes_on], column_of[goes_on]
    return sizes


def _augment(edges: Bools, row_of: Numbers, column_of: Numbers) -> Bools:
    """Lengthen the matching of each graph by a shortest path from a free row to a free column, in place; where there is one."""
    came = np.full(row_of.shape, -1)  # the row from which each column was reached first
    end = np.full(len(edges), -1)  # the free column that was reached
    reached_from = column_of < 0
    while True:
        ways = edges & reached_from[:, :, None] & (came < 0)[:, None]
        is_new = ways.any(1) & (end < 0)[:, None]
        if not is_new.any():
            break
        came = np.where(is_new, ways.argmax(1), came)
        free = is_new & (row_of < 0)
        end = np.where(free.any(1), free.argmax(1), end)
        g, column = np.nonzero(is_new & (row_of >= 0))
        reached_from = np.zeros(column_of.shape, bool)
        reached_from[g, row_of[g, column]] = True
    grown = end >= 0
    g = np.flatnonzero(grown)
    column = end[g]
    while len(g):  # hand each column on the path to the row before it
        row = came[g, column]
        given = column_of[g, row]
        column_of[g, row], row_of[g, column] = column, row
        g, column = g[given >= 0], given[given >= 0]
    return grown
