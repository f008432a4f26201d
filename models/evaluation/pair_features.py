"""What the judges see of a pair of windows: how the second differs from the first, in steps and pitches or voices only.

Velocity, timing and the lengths of notes are not shown: untouched notes keep theirs to the bit, which no musician does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from models.evaluation.features import with_differences
from models.evaluation.judge import Exhibits
from models.evaluation.scales import Classes
from models.families.family import Family
from models.families.statistics import Floats, longest, syncopation
from models.music.clip import Clip
from models.music.distance import compare

Hit = tuple[int, int]  # the step, and the pitch or the voice
QUARTERS = ("first", "second", "third", "last")  # of a window


def show_pairs(
    family: Family, firsts: Sequence[Clip], seconds: Sequence[Clip], scales: Sequence[Classes], piece: NDArray[np.int64]
) -> Exhibits:
    """Show pairs of clips of one window each, on the grid; `scales` are those of the pieces they come from."""
    rows = [describe(family, *each) for each in zip(firsts, seconds, scales, strict=True)]
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows]).reshape(len(rows), len(names))
    pictures = [_picture(family, *each) for each in zip(firsts, seconds, scales, strict=True)]
    spec = family.spec
    shown = with_differences(np.stack(pictures), spec) if pictures else np.zeros((0, 1, spec.steps), np.float32)
    return Exhibits(names, table, shown, piece)


def describe(family: Family, first: Clip, second: Clip, scale: Classes) -> dict[str, float]:
    """Describe by named numbers how a clip differs from another: where, how much at a time, and what becomes of the music.

    `_grows` is the second's less the first's. What makes no sense is left out: where nothing is added, no share of it.
    """
    hits = [_hits(family, clip) for clip in (first, second)]
    found = compare(first, second, voice=family.lane_of)
    dropped = [_hit(family, first, i) for i in (*found.dropped, *(i for i, _ in found.moved))]
    added = [_hit(family, second, j) for j in (*found.added, *(j for _, j in found.moved))]
    named = {
        **_counts(hits, len(found.moved), len(found.added), len(found.dropped)),
        **_places(family, "added", added),
        **_places(family, "dropped", dropped),
        **_figures(family, hits, added, dropped),
        **_grown(_rhythm(family, hits[0]), _rhythm(family, hits[1])),
        **_vocabulary(hits, added, dropped),
    }
    steps = [(_hit(family, first, i), _hit(family, second, j)) for i, j in found.moved]
    if steps:
        named["moved_in_place"] = fmean(float(a[0] == b[0]) for a, b in steps)
        named["moved_steps"] = fmean(abs(a[0] - b[0]) for a, b in steps)
    if family.is_pitched:
        named |= _grown(_line(hits[0], scale), _line(hits[1], scale), keep=("outside_scale",))
        named |= _pitches(hits, added, steps, scale)
    else:
        named |= _voices(family, hits, added, dropped)
    return named


def _counts(hits: Sequence[Sequence[Hit]], moved: int, added: int, dropped: int) -> dict[str, float]:
    changes = max(1, moved + added + dropped)
    return {
        "notes_ratio": len(hits[1]) / max(1, len(hits[0])),
        "notes_grow": float(len(hits[1]) - len(hits[0])),
        "share_moved": moved / changes,
        "share_added": added / changes,
        "share_dropped": dropped / changes,
    }


def _places(family: Family, what: str, hits: Sequence[Hit]) -> dict[str, float]:
    """Where in the window and in the beat something is."""
    if not hits:
        return {}
    spec = family.spec
    quarter, beat = spec.steps / len(QUARTERS), spec.steps_per_beat
    named = {f"{what}_{name}_quarter": _share(h[0] // quarter == k for h in hits) for k, name in enumerate(QUARTERS)}
    named |= {f"{what}_on_step_{k + 1}_of_beat": _share(h[0] % beat == k for h in hits) for k in range(beat)}
    named[f"{what}_on_bar_line"] = _share(h[0] % spec.half_steps == 0 for h in hits)
    named[f"{what}_second_bar"] = _share(h[0] >= spec.half_steps for h in hits)
    return named


def _figures(family: Family, hits: Sequence[Sequence[Hit]], added: Sequence[Hit], dropped: Sequence[Hit]) -> dict[str, float]:
    """Tell single changes from whole figures: what lies untouched, what runs through, what is repeated."""
    beat, half = family.spec.steps_per_beat, family.spec.half_steps
    changed = {h[0] for h in (*added, *dropped)}
    struck = sorted({h[0] for side in hits for h in side})
    runs = _runs([step in changed for step in struck])
    some = max(1, len(changed))
    beats = {step // beat for step in changed}
    with_notes = {step // beat for step in struck}
    whole = [all(s in changed for s in struck if s // beat == b) for b in with_notes]
    named = {
        "changed_runs": float(sum(is_changed for is_changed, _ in runs)),
        "changed_run_mean": _mean([n for is_changed, n in runs if is_changed]),
        "changed_run_longest": float(max((n for is_changed, n in runs if is_changed), default=0)),
        "kept_run_longest": float(max((n for is_changed, n in runs if not is_changed), default=0)),
        "changed_beats": len(beats) / max(1, len(with_notes)),
        "whole_beats_changed": _share(whole),
        "whole_bars_kept": float(sum(not any(s // half == bar for s in changed) for bar in (0, 1))),
        "half_bars_kept": float(sum(not any(s // (half // 2) == part for s in changed) for part in range(4))),
        "single_changes": sum(not any(abs(s - t) <= beat for t in changed if t != s) for s in changed) / some,
        "changes_per_step": (len(added) + len(dropped)) / some,
        "changed_in_both_bars": sum((s + half in changed) or (s - half in changed) for s in changed) / some,
    }
    for what, mine in (("added", added), ("dropped", dropped)):
        if mine:
            places = set(mine)
            named[f"{what}_in_both_bars"] = _share((s + half, lane) in places or (s - half, lane) in places for s, lane in mine)
            other = set(hits[1 if what == "added" else 0])
            named[f"{what}_repeats_a_bar"] = _share((s + half, x) in other or (s - half, x) in other for s, x in mine)
            named[f"{what}_repeats_a_beat"] = _share((s + beat, x) in other or (s - beat, x) in other for s, x in mine)
            alone = {s for s, n in Counter(s for s, _ in other).items() if n == 1}
            named[f"{what}_alone"] = _share(s in alone for s, _ in mine)
    ends = [(min((h[0] for h in side), default=0), max((h[0] for h in side), default=0)) for side in hits]
    named["starts_later"], named["ends_later"] = (float(ends[1][k] - ends[0][k]) for k in (0, 1))
    return named


def _rhythm(family: Family, hits: Sequence[Hit]) -> dict[str, float]:
    """What is counted before and after: gaps, runs, places, repetition."""
    spec, beat, half = family.spec, family.spec.steps_per_beat, family.spec.half_steps
    onset = np.zeros((1, spec.steps), bool)
    onset[0, [h[0] for h in hits]] = True
    there, total = set(hits), max(1, len(hits))
    gaps = [b - a for a, b in pairwise([*sorted({h[0] for h in hits}), spec.steps])]
    bars = [{(s % half, x) for s, x in hits if s // half == bar} for bar in (0, 1)]
    beats = Counter(h[0] // beat for h in hits)
    named = {
        "longest_gap": float(longest(~onset)[0]),
        "longest_run": float(longest(onset)[0]),
        "gap_spread": float(np.std(gaps)) if gaps else 0.0,
        "onset_steps": float(onset.sum()),
        "syncopation": float(syncopation(onset, spec)[0]),
        "bars_differ": len(bars[0] ^ bars[1]) / total,
        "bars_rhythm_differs": float((onset[0, :half] != onset[0, half:]).sum()) / max(1, int(onset.sum())),
        "first_bar_share": len(bars[0]) / total,
        "beats_spread": float(np.std([beats[b] for b in range(spec.window_beats)])),
        "silent_beats": float(sum(not beats[b] for b in range(spec.window_beats))),
        "on_beat": sum(h[0] % beat == 0 for h in hits) / total,
    }
    for lag, name in ((1, "step"), (beat, "beat"), (2 * beat, "two_beats"), (half, "bar")):
        named[f"again_after_a_{name}"] = sum((s - lag, x) in there for s, x in hits) / total
    return named


def _vocabulary(hits: Sequence[Sequence[Hit]], added: Sequence[Hit], dropped: Sequence[Hit]) -> dict[str, float]:
    """Which pitches or voices come and go."""
    used = [Counter(x for _, x in side) for side in hits]
    named = {
        "vocabulary_grows": float(len(used[1]) - len(used[0])),
        "vocabulary_new": float(len(set(used[1]) - set(used[0]))),
        "vocabulary_lost": float(len(set(used[0]) - set(used[1]))),
        "vocabulary_once": float(sum(n == 1 for n in used[1].values()) - sum(n == 1 for n in used[0].values())),
    }
    if added:
        named["added_not_used_before"] = _share(x not in used[0] for _, x in added)
        named["added_rare_before"] = _share(used[0][x] < 2 for _, x in added)
    if dropped:
        named["dropped_used_no_more"] = _share(x not in used[1] for _, x in dropped)
    return named


def _line(hits: Sequence[Hit], scale: Classes) -> dict[str, float]:
    """What a line is made of, before and after."""
    pitches = [x for _, x in hits]
    leaps = [abs(b - a) for a, b in pairwise(pitches)]
    turns = [(b - a) * (c - b) < 0 for a, b, c in zip(pitches, pitches[1:], pitches[2:], strict=False)]
    figures = Counter(pairwise(pitches))
    return {
        "leap_mean": _mean(leaps),
        "leap_largest": float(max(leaps, default=0)),
        "steps_of_scale": _share(1 <= leap <= 2 for leap in leaps),
        "same_again": _share(leap == 0 for leap in leaps),
        "thirds": _share(3 <= leap <= 4 for leap in leaps),
        "wide_leaps": _share(leap > 7 for leap in leaps),
        "range": float(max(pitches, default=0) - min(pitches, default=0)),
        "highest": float(max(pitches, default=0)),
        "lowest": float(min(pitches, default=0)),
        "height": _mean(pitches),
        "turns": _share(turns),
        "pitch_classes": float(len({p % 12 for p in pitches})),
        "outside_scale": _share(p % 12 not in scale for p in pitches),
        "figures_repeated": sum(n for n in figures.values() if n > 1) / max(1, len(leaps)),
        "ends_on": float(pitches[-1] if pitches else 0),
        "begins_on": float(pitches[0] if pitches else 0),
    }


def _pitches(
    hits: Sequence[Sequence[Hit]], added: Sequence[Hit], moved: Sequence[tuple[Hit, Hit]], scale: Classes
) -> dict[str, float]:
    """Which pitches a line gets."""
    classes = {x % 12 for _, x in hits[0]}
    pitches = [x for _, x in hits[0]]
    top, bottom = max(pitches, default=0), min(pitches, default=0)
    named: dict[str, float] = {}
    if added:
        named["added_outside_scale"] = _share(x % 12 not in scale for _, x in added)
        named["added_outside_classes"] = _share(x % 12 not in classes for _, x in added)
        named["added_beyond_range"] = _share(not bottom <= x <= top for _, x in added)
        named["added_semitone_from_used"] = _share(
            x % 12 not in classes and ({(x + 1) % 12, (x - 1) % 12} & classes) for _, x in added
        )
        line, new = hits[1], set(added)
        around = [abs(a[1] - b[1]) for a, b in pairwise(line) if a in new or b in new]
        others = [abs(a[1] - b[1]) for a, b in pairwise(line) if not (a in new or b in new)]
        named["added_leap"] = _mean(around)
        if others and around:
            named["added_leap_beside_kept"] = _mean(around) - _mean(others)
    repitched = [b[1] - a[1] for a, b in moved if a[0] == b[0] and a[1] != b[1]]
    if repitched:
        named["repitched_by"] = _mean([abs(r) for r in repitched])
        named["repitched_by_a_semitone"] = _share(abs(r) == 1 for r in repitched)
        named["repitched_up"] = _share(r > 0 for r in repitched)
        named["repitched_alike"] = max(Counter(repitched).values()) / len(repitched)
    return named


def _voices(family: Family, hits: Sequence[Sequence[Hit]], added: Sequence[Hit], dropped: Sequence[Hit]) -> dict[str, float]:
    """What becomes of each voice, and of what is struck together."""
    beat, half = family.spec.steps_per_beat, family.spec.half_steps
    named: dict[str, float] = {}
    for k, name in enumerate(family.lane_names):
        before, after = ([s for s, x in side if x == k] for side in hits)
        named[f"{name}_grows"] = float(len(after) - len(before))
        named[f"{name}_comes"] = float(bool(after) and not before)
        named[f"{name}_goes"] = float(bool(before) and not after)
        for what, mine in (("added", added), ("dropped", dropped)):
            if mine:
                named[f"{what}_{name}"] = _share(x == k for _, x in mine)
        for when, its in (("before", before), ("after", after)):
            places = [{s % half for s in its if s // half == bar} for bar in (0, 1)]
            named[f"{name}_bars_differ_{when}"] = float(len(places[0] ^ places[1]))
        named[f"{name}_bars_differ_grows"] = named[f"{name}_bars_differ_after"] - named[f"{name}_bars_differ_before"]
        for what, mine in (("added", added), ("dropped", dropped)):
            named[f"{what}_{name}_on_beat"] = float(sum(x == k and s % beat == 0 for s, x in mine))
    together = [Counter(s for s, _ in side) for side in hits]
    named |= _grown(_together(together[0]), _together(together[1]))
    for what, mine, other in (("added", added, together[0]), ("dropped", dropped, together[1])):
        if mine:
            named[f"{what}_where_struck"] = _share(bool(other[s]) for s, _ in mine)
    return named


def _together(strokes: Counter[int]) -> dict[str, float]:
    counts = list(strokes.values())
    return {
        "together_mean": _mean(counts),
        "together_most": float(max(counts, default=0)),
        "together_three": _share(n > 2 for n in counts),
        "together_one": _share(n == 1 for n in counts),
    }


def _grown(before: dict[str, float], after: dict[str, float], *, keep: Iterable[str] = ()) -> dict[str, float]:
    """What is more in the second, and what is in it; of `keep` what was in the first, too."""
    named = {f"{name}_grows": after[name] - before[name] for name in before}
    named |= {f"{name}_after": value for name, value in after.items()}
    return named | {f"{name}_before": before[name] for name in keep}


def _picture(family: Family, first: Clip, second: Clip, scale: Classes) -> NDArray[np.float32]:
    """Show a pair step by step, [T, C]: both windows, and what the second has and the first has not, and the reverse."""
    hits = [_hits(family, clip) for clip in (first, second)]
    steps = family.spec.steps
    if not family.is_pitched:
        struck = np.zeros((2, steps, len(family.lane_names)), np.float32)
        for side, mine in enumerate(hits):
            for step, lane in mine:
                struck[side, step, lane] = 1
        a, b = struck
        return np.concatenate([a, b, b * (1 - a), a * (1 - b)], 1)
    root = min(scale, key=lambda r: (len(scale - {(r + k) % 12 for k in (0, 2, 4, 5, 7, 9, 11)}), r), default=0)
    height = _mean([x for _, x in hits[0]])
    shown = np.zeros((2, steps, 16), np.float32)
    for side, mine in enumerate(hits):
        other = set(hits[1 - side])
        last = None
        for step, pitch in mine:
            shown[side, step, (pitch - root) % 12] = 1
            leap = abs(pitch - last) / 6 if last is not None else 0
            shown[side, step, 12:] = (1, (pitch - height) / 12, leap, (step, pitch) not in other)
            last = pitch
    return np.concatenate([shown[0], shown[1]], 1)


def _hits(family: Family, clip: Clip) -> list[Hit]:
    """List what is struck, in order of time and then of pitch; what has no voice is no hit."""
    every = {_hit(family, clip, i) for i in range(len(clip.notes))}
    return sorted(h for h in every if h[1] >= 0)


def _hit(family: Family, clip: Clip, index: int) -> Hit:
    note, lane_of = clip.notes[index], family.lane_of
    step = round((note.start - clip.start) * family.spec.steps_per_beat)
    lane = note.pitch if lane_of is None else lane_of(note.pitch)
    return min(max(step, 0), family.spec.steps - 1), -1 if lane is None else lane


def _runs(flags: Sequence[bool]) -> list[tuple[bool, int]]:
    runs: list[tuple[bool, int]] = []
    for flag in flags:
        if runs and runs[-1][0] == flag:
            runs[-1] = flag, runs[-1][1] + 1
        else:
            runs.append((flag, 1))
    return runs


def _share(flags: Iterable[object]) -> float:
    found = [bool(flag) for flag in flags]
    return sum(found) / len(found) if found else 0.0


def _mean(values: Sequence[float]) -> float:
    return float(fmean(values)) if values else 0.0


def tells(real: Floats, other: Floats) -> float:
    """Say how well one number alone tells two classes apart: max(AUC, 1 - AUC), numbers that make no sense left out."""
    a, b = real[~np.isnan(real)], other[~np.isnan(other)]
    if not len(a) or not len(b):
        return 0.5
    below = np.searchsorted(np.sort(a), b, "left") + np.searchsorted(np.sort(a), b, "right")
    auc = float(below.sum()) / (2 * len(a) * len(b))
    return max(auc, 1 - auc)
