"""How far two clips are apart, counted in notes (design §7). Clips in, numbers and index pairs out; no grids, no models."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.music.clip import Clip
from models.music.large_matching import LargeTarget, Matching, Ordered, augment_deep, flip, list_bits
from models.music.paced import paced, sorted_in_runs
from models.pause import pause

SAME_ONSET = 1 / 32  # beats: closer onsets count as the same
NEAR_ONSET = 1.0  # beats: how far a note may go and still be the same note, moved
LARGE = 4096  # notes of a clip beyond which it is matched in less memory (`large_matching`), with the same result

PATIENCE = 2  # notes to go through on paths for each note, before paths are looked for in another way

# The drum voice of a pitch, None for a pad of no voice: a mapping's `get`, as of `grid.VOICE_OF`.
VoiceOf = Callable[[int], int | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How clip b came from clip a: the notes by index, and how far the matched notes differ besides."""

    kept: tuple[tuple[int, int], ...]
    moved: tuple[tuple[int, int], ...]
    dropped: tuple[int, ...]
    added: tuple[int, ...]
    velocity: float  # mean absolute difference over kept and moved notes
    duration: float  # the same, in beats
    feel: float  # mean absolute onset difference of kept notes, in beats

    @property
    def distance(self) -> float:
        """(moved + added + dropped) / max(notes of a, notes of b)."""
        matched = len(self.kept) + len(self.moved)
        edits = len(self.moved) + len(self.added) + len(self.dropped)
        return edits / max(matched + len(self.dropped), matched + len(self.added), 1)


def distance(a: Clip, b: Clip, *, voice: VoiceOf | None = None) -> float:
    """Count (moved + added + dropped) / max(notes of a, notes of b) by optimal assignment: 0 the same, 2 nothing shared.

    A pair is kept if pitch is equal and the onsets, from each clip's start, are within 1/32 beat. It is moved if pitch or
    drum voice is the same and the onsets are within a beat, or the onsets are the same and the pitches are not.
    """
    return distances(a, [b], voice=voice)[0]


def distances(a: Clip, others: Sequence[Clip], *, voice: VoiceOf | None = None) -> list[float]:
    """Return the distance from a clip to each of many, faster than one by one."""
    reference = Reference(a, voice=voice)
    return [reference.distance(b) for b in others]


class Reference:
    """A clip that others are measured from, of which what was found out is remembered from one to the next."""

    def __init__(self, a: Clip, *, voice: VoiceOf | None = None) -> None:
        self._ordered, self._voice = _order(a), voice
        self._bits: _Target | None = None
        self._large: LargeTarget | None = None

    def distance(self, b: Clip) -> float:
        """Return the distance to another clip."""
        pause()
        kept, mates = self._match(_order(b))
        ours, theirs = len(self._ordered), len(mates)
        matched = theirs - mates.count(-1)
        return (ours + theirs - kept - matched) / max(ours, theirs, 1)

    def match(self, b: Clip) -> tuple[list[bool], list[int], Ordered, Ordered]:
        """Match another clip's notes with ours: which are kept, the number of each one's mate or -1, and the order of both."""
        source = _order(b)
        _, mates = self._match(source)
        low = high = 0
        is_kept: list[bool] = []
        onsets = [onset for onset, _, _ in self._ordered]
        for (onset, pitch, _), mate in paced(zip(source, mates, strict=True)):
            low, high = _window(onsets, onset, SAME_ONSET)
            is_kept.append(low <= mate < high and self._ordered[mate][1] == pitch)
        return is_kept, mates, source, self._ordered

    def _match(self, source: Ordered) -> tuple[int, list[int]]:
        """Match notes with ours: how many are kept, and the number of each one's mate, -1 for none."""
        if max(len(source), len(self._ordered)) <= LARGE:
            self._bits = self._bits or _target(self._ordered, self._voice)
            kept, _, mates = _match(source, self._bits)
            return kept, mates
        if self._large is None:
            same, near, voice = SAME_ONSET + SLACK, NEAR_ONSET + SLACK, self._voice
            self._large = LargeTarget(self._ordered, lambda pitch: lane_of(pitch, voice), same=same, near=near)
        found = Matching(source, self._large)
        return found.kept, found.mates


def compare(a: Clip, b: Clip, *, voice: VoiceOf | None = None) -> Comparison:
    """Match the notes of two clips, kept and moved, in one of the best ways; indices are those of `a.notes`, `b.notes`."""
    pause()
    is_kept, mates, source, target = Reference(b, voice=voice).match(a)
    kept: list[tuple[int, int]] = []
    moved: list[tuple[int, int]] = []
    for (_, _, i), keeps, mate in paced(zip(source, is_kept, mates, strict=True)):
        if mate >= 0:
            (kept if keeps else moved).append((i, target[mate][2]))
    pairs = [(a.notes[i], b.notes[j]) for i, j in paced(kept + moved)]
    from_a, to_b = {i for i, _ in paced(kept + moved)}, {j for _, j in paced(kept + moved)}
    return Comparison(
        kept=tuple(sorted(kept)),
        moved=tuple(sorted(moved)),
        dropped=tuple(i for i in paced(range(len(a.notes))) if i not in from_a),
        added=tuple(j for j in paced(range(len(b.notes))) if j not in to_b),
        velocity=_mean([abs(x.velocity - y.velocity) for x, y in paced(pairs)]),
        duration=_mean([abs(x.duration - y.duration) for x, y in paced(pairs)]),
        feel=_mean([abs((a.notes[i].start - a.start) - (b.notes[j].start - b.start)) for i, j in paced(kept)]),
    )


def lane_of(pitch: int, voice: VoiceOf | None) -> int:
    """Number the lane of a pitch, where moves are within a beat: the pitch itself, or below 0 its drum voice."""
    number = None if voice is None else voice(pitch)
    return pitch if number is None else -1 - number


# Pairs exist only between near notes, so sets of target notes are bits of one integer, notes in order of onset: a window of
# time is a run of bits, a pitch or a voice a mask. That keeps small clips fast, and large ones too.

SLACK = 1e-9  # onsets are differences of floats; what is exactly 1/32 beat away must not fall out by rounding


@dataclass(frozen=True, slots=True)
class _Target:
    """The notes to be matched with, as bits: bit k is the k-th note in order of onset."""

    onsets: list[float]
    pitches: dict[int, int]  # pitch -> its notes
    lanes: dict[int, int]  # lane -> its notes; see lane_of
    voice: VoiceOf | None
    # (onset, pitch) -> what `keeps` found; variations of a clip have most of their notes in common.
    keepable: dict[tuple[float, int], int] = field(default_factory=dict)

    def keeps(self, onset: float, pitch: int) -> int:
        """Find the notes that a note of one of our pitches may be kept as, and remember them."""
        found = self.keepable[onset, pitch] = self.pitches[pitch] & self._window(onset, SAME_ONSET)
        return found

    def moves(self, onset: float, pitch: int) -> int:
        """Find the notes that a note may be moved to, or kept as."""
        same = self._window(onset, SAME_ONSET)
        lane = self.lanes.get(lane_of(pitch, self.voice))
        return same | lane & self._window(onset, NEAR_ONSET) if lane else same

    def _window(self, onset: float, width: float) -> int:
        """The notes within `width` beats of an onset."""
        low, high = _window(self.onsets, onset, width)
        return (1 << high) - (1 << low)


def _window(onsets: Sequence[float], onset: float, width: float) -> tuple[int, int]:
    """Find the places in rising onsets that lie within `width` beats of one."""
    reach = width + SLACK
    low = bisect_left(onsets, onset - reach)
    return low, bisect_right(onsets, onset + reach, low)


def _order(clip: Clip) -> Ordered:
    start = clip.start
    return sorted_in_runs([(note.start - start, note.pitch, i) for i, note in paced(enumerate(clip.notes))])


def _target(ordered: Ordered, voice: VoiceOf | None) -> _Target:
    pitches: dict[int, int] = {}
    for k, (_, pitch, _) in paced(enumerate(ordered)):
        pitches[pitch] = pitches.get(pitch, 0) | 1 << k
    lanes = pitches
    if voice is not None:
        lanes = {}
        for pitch, notes in pitches.items():
            lane = lane_of(pitch, voice)
            lanes[lane] = lanes.get(lane, 0) | notes
    return _Target([onset for onset, _, _ in ordered], pitches, lanes, voice)


def _match(source: Ordered, target: _Target) -> tuple[int, list[int], list[int]]:
    """Match source notes with target bits so that 2 kept + moved is largest: (kept, keepable bits, bit or -1 per note).

    First as many notes are kept as can be: trading a kept pair for two moved ones gains nothing. A smallest vertex cover of
    the keepable pairs (König) then tells which matchings keep that many: those that match the whole cover, use keepable
    pairs covered at one end only and other pairs not covered at all. Augmenting paths over just such pairs never unmatch a
    note, so they lead to the most moved notes without losing a kept one.
    """
    keeps, mates, owners, (free, settled) = _keep(source, target)
    kept = len(owners)
    if not free or kept == len(source):
        return kept, keeps, mates  # no note is left to be moved, or to be moved to
    reached, contested = _uncovered(keeps, mates, owners)
    pairs = [notes & ~contested for notes in paced(keeps)]
    for x in paced(x for x, mate in enumerate(mates) if mate < 0 or x in reached):  # uncovered
        onset, pitch, _ = source[x]
        pairs[x] = keeps[x] | target.moves(onset, pitch) & ~contested
    usable = (1 << len(target.onsets)) - 1 & ~(settled & ~contested)
    _move(pairs, mates, owners, (free, usable))
    return kept, keeps, mates


def _keep(source: Ordered, target: _Target) -> tuple[list[int], list[int], dict[int, int], tuple[int, int]]:
    """Keep as many notes as can be; with windows of one width, the earliest free note is always a right choice.

    Returns the bits that each source note may be kept as, the bit it is kept as or -1, the owners of bits, and two sets of
    bits: those that are free, and those whose owner can be kept as nothing else.
    """
    free, settled = (1 << len(target.onsets)) - 1, 0
    keeps, mates = [0] * len(source), [-1] * len(source)
    owners: dict[int, int] = {}  # target bit -> source note
    for x, (onset, pitch, _) in paced(enumerate(source)):
        if pitch not in target.pitches:
            continue
        found = target.keepable.get((onset, pitch))
        keeps[x] = notes = target.keeps(onset, pitch) if found is None else found
        open_ = notes & free
        if open_:
            first = open_ & -open_
            free ^= first
            if notes == first:
                settled |= first
            mates[x] = bit = first.bit_length() - 1
            owners[bit] = x
    return keeps, mates, owners, (free, settled)


def _uncovered(keeps: list[int], mates: list[int], owners: dict[int, int]) -> tuple[set[int], int]:
    """Find what alternating paths from unkept source notes reach: source notes (uncovered), target bits (covered)."""
    queue = [x for x, notes in enumerate(keeps) if notes and mates[x] < 0]
    contested = 0
    for x in paced(queue):
        fresh = keeps[x] & ~contested
        contested |= fresh
        queue += [owners[bit] for bit in list_bits(fresh)]
    return set(queue), contested


def _move(pairs: list[int], mates: list[int], owners: dict[int, int], bits: tuple[int, int]) -> None:
    """Match every source note that can be matched besides those that are, in place, along shortest augmenting paths.

    `bits` are those that are free, and those that paths may lead over.
    """
    free, usable = bits
    patience = PATIENCE * (len(pairs) + LARGE)
    starts = [x for x, mate in enumerate(mates) if mate < 0 and pairs[x]]
    left: list[int] = []
    for at, start in paced(enumerate(starts), 16):
        free, unseen, seen = _augment(start, pairs, mates, owners, (free, usable))
        if mates[start] < 0:
            usable = unseen  # no later path can lead out of here either
        patience -= seen
        if patience < 0:
            left = starts[at + 1 :]
            break
    while left:  # paths are long: what one led over is left out until all others have had their turn
        unseen = usable
        for start in left:
            free, unseen = augment_deep(start, pairs.__getitem__, mates, owners, (free, unseen))
        unmatched = [x for x in left if mates[x] < 0]
        if len(unmatched) == len(left):
            break
        left = unmatched


def _augment(
    start: int, pairs: list[int], mates: list[int], owners: dict[int, int], bits: tuple[int, int]
) -> tuple[int, int, int]:
    """Match a note along a shortest augmenting path, if there is one: what is then free and unseen, and how many were seen."""
    free, unseen = bits
    came: dict[int, int] = {}
    queue = [start]
    for x in paced(queue):
        fresh = pairs[x] & unseen
        if fresh & free:
            first = fresh & free
            first &= -first
            flip(x, first.bit_length() - 1, came, mates, owners)
            return free ^ first, unseen & ~first, len(queue)
        unseen ^= fresh
        for bit in list_bits(fresh):
            came[bit] = x
            queue.append(owners[bit])
    return free, unseen, len(queue)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
