"""Separating a part into lines of one note at a time. Notes in, indices out; no grids, no models.

The method is the contig mapping of Chew and Wu (Separating voices in polyphonic music: a contig mapping approach, CMMR 2004):
where the most notes sound, the lines are those notes from the top down; stretches of fewer notes join on to either side, each
as a whole, to the lines nearest in pitch. Theirs counts notes at every moment; this one where notes are struck, so that
detached notes make no stretches of silence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby

from models.music.clip import Clip, Note
from models.music.paced import EVERY, paced, sorted_in_runs
from models.pause import pause

LEGATO = 1 / 4  # beats: a note that rings into the next by no more is over when the next is struck
TOGETHER = 1 / 8  # beats: notes struck closer than that, the first not half over, are struck together

Strand = list[int]  # notes of a stretch that follow one another, by index


def separate_voices(notes: Sequence[Note], *, most: int) -> list[list[int]]:
    """Sort notes into at most `most` lines, by index, the top line first; of more notes at once the lowest are left out."""
    contigs = [_strands(run) for run in paced(_stretches(notes, most), 32)]
    lines = max((len(strands) for strands in contigs), default=0)
    full = [k for k, strands in enumerate(contigs) if len(strands) == lines]
    line_of: dict[int, int] = {}
    ends: dict[int, tuple[list[int], list[int]]] = {}  # the pitches of all lines where a stretch begins and where it ends
    for k, near in paced(_outwards(full, len(contigs)), 32):
        beside = ends[near][near < k] if near != k else [0] * lines
        facing = [notes[strand[0 if near < k else -1]].pitch for strand in contigs[k]]
        taken = _nearest(facing, beside, [{line_of[i] for i in strand if i in line_of} for strand in contigs[k]])
        ends[k] = beside.copy(), beside.copy()
        for line, strand in zip(taken, contigs[k], strict=True):
            ends[k][0][line], ends[k][1][line] = notes[strand[0]].pitch, notes[strand[-1]].pitch
            for i in strand:
                line_of.setdefault(i, line)
    found: list[list[int]] = [[] for _ in range(lines)]
    for i in paced(sorted_in_runs(line_of, key=lambda i: (notes[i].start, i))):
        found[line_of[i]].append(i)
    return found


def _stretches(notes: Sequence[Note], most: int) -> Iterator[list[list[int]]]:
    """Find the runs of strokes at which equally many notes sound: for each stroke these notes, struck or held, from the top."""
    order = sorted_in_runs(range(len(notes)), key=lambda i: (notes[i].start, -notes[i].pitch))
    strokes: list[list[int]] = []
    sounding: list[int] = []
    at = 0
    while at < len(order):
        pause()
        first = notes[order[at]]
        after = at + 1
        while after < len(order) and _is_struck_with(first, notes[order[after]].start):
            after += 1
            if after % EVERY == 0:
                pause()
        held = [i for i in sounding if notes[i].end - first.start > LEGATO or _is_struck_with(notes[i], first.start)]
        struck = sorted_in_runs(order[at:after], key=lambda i: (-notes[i].pitch,))[: most - len(held)]
        sounding = sorted(held + struck, key=lambda i: -notes[i].pitch)
        if sounding:
            strokes.append(sounding)
        at = after
    yield from (list(run) for _, run in groupby(strokes, key=len))


def _is_struck_with(note: Note, start: float) -> bool:
    return start - note.start < TOGETHER and start - note.start <= note.duration / 2


def _strands(run: list[list[int]]) -> list[Strand]:
    """Follow the notes through a stretch: what is struck takes the places of what is over, from the top."""
    places = list(run[0])
    strands = [[i] for i in places]
    for sounding in paced(run[1:], 64):
        struck = iter([i for i in sounding if i not in places])
        for place, i in enumerate(places):
            if i not in sounding:
                places[place] = next(struck)
                strands[place].append(places[place])
    return strands


def _outwards(full: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Order the stretches by how far they are from a full one, each with its neighbour on that side, a full one with itself."""
    steps = []
    for k in paced(range(count)):
        after = bisect_left(full, k)
        nearest = min(full[max(0, after - 1) : after + 1], key=lambda f: abs(f - k))
        steps.append((abs(nearest - k), k, k + (nearest > k) - (nearest < k)))
    return [(k, near) for _, k, near in sorted(steps)]


def _nearest(strands: Sequence[int], lines: Sequence[int], held: Sequence[set[int]]) -> list[int]:
    """Choose lines for strands, pitches both: what is held stays in its line, the others leap least and do not cross."""
    taken = {k: min(its) for k, its in enumerate(held) if its}
    new = [k for k in range(len(strands)) if k not in taken]
    free = [line for line in range(len(lines)) if line not in taken.values()]

    def leaps(chosen: Iterable[int]) -> int:
        return sum(abs(strands[k] - lines[line]) for k, line in zip(new, chosen, strict=True))

    taken.update(zip(new, min(combinations(free, len(new)), key=leaps), strict=True))
    return [taken[k] for k in range(len(strands))]


def top_voice(clip: Clip, among: Iterable[int] | None = None, *, step: float = 1 / 4) -> list[int]:
    """Find the notes of the highest voice, by index: of notes struck together the highest, and none below one that rings on.

    `step` is in beats: what is struck within half of it is struck together.
    """
    some = range(len(clip.notes)) if among is None else among
    order = sorted_in_runs(some, key=lambda i: (clip.notes[i].start, -clip.notes[i].pitch))
    voice: list[int] = []
    for i in paced(order):
        note = clip.notes[i]
        if voice:
            last = clip.notes[voice[-1]]
            together = note.start - last.start < 0.5 * step
            under = note.pitch < last.pitch and last.end - note.start > step
            if together and note.pitch > last.pitch:
                voice.pop()
            elif together or under:
                continue
        voice.append(i)
    return voice
