"""Matching the notes of two large clips: as `distance` matches those of small ones, in memory that grows with the notes alone.

What can be kept is found along runs of notes of one pitch, without sets. Sets of notes, as bits of one integer, are made only
where a path leads that brings one more note to a mate.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence

from models.music.paced import paced
from models.pause import pause

PATIENCE = 0.25  # notes to go through on paths for each note of both clips: music as it is played needs a fifth
LEAST = 4096  # notes to go through on paths in any case
FEW = 32  # bits that are taken out of an integer one by one

Ordered = list[tuple[float, int, int]]  # (onset from the clip's start, pitch, index), sorted


class Run:
    """Notes in order of onset, by number."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.onsets: list[float] = []

    def window(self, onset: float, reach: float) -> tuple[int, int]:
        """Find the places of the notes within a reach of an onset."""
        low = bisect_left(self.onsets, onset - reach)
        return low, bisect_right(self.onsets, onset + reach, low)


class LargeTarget:
    """The notes of a clip that others are matched with, by number in order of onset."""

    def __init__(self, ordered: Ordered, lane_of: Callable[[int], int], *, same: float, near: float) -> None:
        """Onsets as near as `same` are the same, and `near` is how far notes move within a lane."""
        self.same, self.near, self.lane_of = same, near, lane_of
        self.onsets = [onset for onset, _, _ in ordered]
        self.runs: dict[int, Run] = {}  # by pitch
        for number, (onset, pitch, _) in paced(enumerate(ordered)):
            run = self.runs.setdefault(pitch, Run())
            run.numbers.append(number)
            run.onsets.append(onset)
        self.bits: dict[int, int] = {}  # by pitch
        self.lane_bits: dict[int, int] = {}  # by lane
        for pitch, run in paced(self.runs.items(), 1):
            self.bits[pitch] = bits = as_bits(run.numbers)
            self.lane_bits[lane_of(pitch)] = self.lane_bits.get(lane_of(pitch), 0) | bits

    def window(self, onset: float, reach: float) -> int:
        """Find the notes within a reach of an onset, as bits."""
        low = bisect_left(self.onsets, onset - reach)
        high = bisect_right(self.onsets, onset + reach, low)
        return (1 << high) - (1 << low)


class Matching:
    """A best matching of source notes with a target: first as many kept as can be, then as many moved (see `distance`)."""

    def __init__(self, source: Ordered, target: LargeTarget) -> None:
        self._source, self._target = source, target
        size = len(target.onsets)
        self.mates = [-1] * len(source)  # the number of the target note that each source note is matched with, or -1
        self._owners = [-1] * size
        settled = self._keep()
        self.kept = len(source) - self.mates.count(-1)
        if self.kept in (len(source), size):
            return  # no note is left to be moved, or to be moved to
        self._free = as_bits([number for number, owner in paced(enumerate(self._owners), 4096) if owner < 0])
        self._is_reached = bytearray(len(source))
        self._contested = self._find_contested()
        self._move((1 << size) - 1 & ~(as_bits(settled) & ~self._contested))

    def _keep(self) -> list[int]:
        """Keep as many notes as can be: of windows of one width, the earliest free note is always a right choice.

        Returns the target notes whose owner can be kept as nothing else.
        """
        runs, same = self._target.runs, self._target.same
        settled: list[int] = []
        after: dict[int, int] = {}  # by pitch: the first place that is free
        for x, (onset, pitch, _) in paced(enumerate(self._source)):
            run = runs.get(pitch)
            if run is None:
                continue
            low, high = run.window(onset, same)
            place = max(low, after.get(pitch, 0))
            if place < high:
                number = run.numbers[place]
                after[pitch] = place + 1
                self.mates[x], self._owners[number] = number, x
                if high - low == 1:
                    settled.append(number)
        return settled

    def _find_contested(self) -> int:
        """Find what alternating paths from unkept source notes reach: source notes, and as bits target notes (contested)."""
        runs, same = self._target.runs, self._target.same
        onward: dict[int, dict[int, int]] = {}  # by pitch: place of a note that was found -> a later place, all between found
        found: list[int] = []
        queue = [x for x, mate in enumerate(self.mates) if mate < 0]
        for x in paced(queue, 64):
            self._is_reached[x] = 1
            onset, pitch, _ = self._source[x]
            run = runs.get(pitch)
            if run is None:
                continue
            low, high = run.window(onset, same)
            skips = onward.setdefault(pitch, {})
            for place in paced(_unskipped(skips, low, high)):
                found.append(run.numbers[place])
                queue.append(self._owners[run.numbers[place]])
        return as_bits(found)

    def _move(self, usable: int) -> None:
        """Match every source note that can be matched besides those that are, along augmenting paths over usable notes.

        While paths are short the shortest is looked for among all notes, as in small clips; where clips are so crowded that
        paths are long, what one led over is left out until all others have had their turn.
        """
        patience = LEAST + PATIENCE * (len(self._source) + len(self._owners))
        waiting = [x for x, mate in enumerate(self.mates) if mate < 0]
        left: list[int] = []
        for at, x in paced(enumerate(waiting), 8):
            unseen, seen = self._augment(x, usable)
            if self.mates[x] < 0:
                usable = unseen  # no later path can lead out of here either
            patience -= seen
            if patience < 0:
                left = waiting[at + 1 :]
                break
        while left:
            unseen = usable
            for x in left:
                self._free, unseen = augment_deep(x, self._pairs, self.mates, self._owners, (self._free, unseen))
            unmatched = [x for x in left if self.mates[x] < 0]
            if len(unmatched) == len(left):
                break
            left = unmatched

    def _augment(self, start: int, unseen: int) -> tuple[int, int]:
        """Match an unmatched note along a shortest path to a free one; returns what it did not lead over, and its length."""
        came: dict[int, int] = {}
        queue = [start]
        for x in paced(queue, 64):
            fresh = self._pairs(x) & unseen
            if free := fresh & self._free:
                flip(x, (free & -free).bit_length() - 1, came, self.mates, self._owners)
                self._free ^= free & -free
                break
            unseen ^= fresh
            for number in list_bits(fresh):
                came[number] = x
                queue.append(self._owners[number])
        return unseen, len(queue)

    def _pairs(self, x: int) -> int:
        """Find what a note may be matched with, as bits."""
        onset, pitch, _ = self._source[x]
        target = self._target
        same = target.window(onset, target.same)
        own = target.bits.get(pitch, 0) & same
        if not self._is_reached[x]:  # it is kept, and may be kept as another note
            return own & ~self._contested
        lane = target.lane_bits.get(target.lane_of(pitch), 0)
        moves = same | lane & target.window(onset, target.near) if lane else same
        return own | moves & ~self._contested


def augment_deep(
    start: int,
    pairs: Callable[[int], int],
    mates: MutableSequence[int],
    owners: MutableMapping[int, int] | MutableSequence[int],
    bits: tuple[int, int],
) -> tuple[int, int]:
    """Match an unmatched note along any path to a free one, in place; returns what is then free, and what was not seen.

    Such paths are longer than the shortest, but are found sooner where clips are crowded: each step goes as near to a free
    note as it can. `pairs` are the notes that a note may be matched with, as bits; so are what is free and what is unseen.
    """
    free, unseen = bits
    came: dict[int, int] = {}
    path = [start]
    sets = [pairs(start)]
    while path:
        pause()
        x, fresh = path[-1], sets[-1] & unseen
        if found := fresh & free:
            number = (found & -found).bit_length() - 1
            flip(x, number, came, mates, owners)
            return free ^ 1 << number, unseen & ~(1 << number)
        if not fresh or not free:
            path.pop()
            sets.pop()
            if path and not sets:
                sets.append(pairs(path[-1]))
            continue
        low = (fresh & -fresh).bit_length() - 1
        before, after = free & (1 << low) - 1, free >> low
        goal = low + (after & -after).bit_length() - 1 if after else before.bit_length() - 1
        below = fresh & (1 << goal) - 1
        number = below.bit_length() - 1 if below else low
        unseen ^= 1 << number
        came[number] = x
        path.append(owners[number])
        sets.append(pairs(path[-1]))
        del sets[:-DEEPEST]
    return free, unseen


def flip(
    x: int,
    number: int,
    came: dict[int, int],
    mates: MutableSequence[int],
    owners: MutableMapping[int, int] | MutableSequence[int],
) -> None:
    """Match a note with a free one, and along the path to it each note with the one that the next note leaves."""
    while number >= 0:
        left = mates[x]
        mates[x], owners[number] = number, x
        number = left
        x = came.get(number, -1)


DEEPEST = 256  # sets of pairs that are kept along a path: the others are made again on the way back


def as_bits(numbers: list[int]) -> int:
    """Put numbers into one integer, a bit each."""
    if not numbers:
        return 0
    marks = bytearray(max(numbers) // 8 + 1)
    for number in paced(numbers, 4096):
        marks[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(marks, "little")


def list_bits(mask: int) -> list[int]:
    """List the bits of an integer, the lowest first."""
    found: list[int] = []
    if mask.bit_count() <= FEW:
        while mask:
            low = mask & -mask
            found.append(low.bit_length() - 1)
            mask ^= low
        return found
    digits = bin(mask)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        found.append(at)
        at = digits.find("1", at + 1)
    return found


def _unskipped(skips: dict[int, int], at: int, end: int) -> Iterator[int]:
    """Go through places that were not met before, and skip them from now on."""
    passed: list[int] = []
    while at < end:
        to = skips.get(at)
        passed.append(at)
        if to is None:
            to = at + 1
            yield at
        at = to
    for place in passed:
        skips[place] = at
