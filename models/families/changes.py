"""How one window differs from another, in numbers by which players' changes can be told from made ones. Arrays only.

`own` and `made` are onsets [N, T, V], `added` and `dropped` those that only one of both has. Velocity, timing and how long
notes last are left out. Shares of nothing are 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.families.grid import GridSpec
from models.families.statistics import Floats

Bools = NDArray[np.bool_]
PITCHES = 128


def describe_changes(own: Bools, made: Bools, added: Bools, dropped: Bools, spec: GridSpec) -> dict[str, Floats]:
    """Describe changes by where they lie, how they hang together, and what they do to repetition: named numbers [N]."""
    lanes = own.shape[2]
    named = {**_sizes(own, made, added, dropped), **_figures(own, made, added, dropped, spec)}
    for what, mine, other in (("added", added, made), ("dropped", dropped, own)):
        named |= {f"{what}_{name}": values for name, values in _places(mine, other, spec).items()}
    for what, window in (("own", own), ("made", made)):
        named |= {f"{what}_{name}": values for name, values in _form(window, spec).items()}
    named |= {f"{name}_more": named[f"made_{name}"] - named[f"own_{name}"] for name in ("first", "last", "bars_differ")}
    if lanes > 1:
        named |= _lanes(own, made, added, dropped, spec)
    return {name: np.asarray(values, np.float64) for name, values in named.items()}


def describe_pitches(own: NDArray[np.int64], made: NDArray[np.int64]) -> dict[str, Floats]:
    """Describe which pitches come and go, of lines [N, T] of pitches where a note begins, below 0 elsewhere."""
    was, is_ = own >= 0, made >= 0
    added, dropped = is_ & (made != own), was & (made != own)
    before, after = _counts(own), _counts(made)
    of_class = before[:, : PITCHES // 12 * 12].reshape(len(own), -1, 12).sum(1)
    rows, pitch, gone = np.arange(len(own))[:, None], np.where(is_, made, 0), np.where(was, own, 0)
    is_new_class = of_class[rows, pitch % 12] == 0
    beside = (of_class[rows, (pitch + 1) % 12] > 0) | (of_class[rows, (pitch - 1) % 12] > 0)
    top, bottom = own.max(1)[:, None], np.where(was, own, PITCHES).min(1)[:, None]
    turned = was & is_ & (made != own)
    by = np.where(turned, made - own, 0)
    leap, leap_elsewhere = _leaps(made, added)
    return {
        "pitches_new": ((after > 0) & (before == 0)).sum(1).astype(float),
        "pitches_lost": ((before > 0) & (after == 0)).sum(1).astype(float),
        "pitches_once": (after == 1).sum(1) - (before == 1).sum(1).astype(float),
        "added_unused": _share(added & (before[rows, pitch] == 0), added),
        "added_rare": _share(added & (before[rows, pitch] < 2), added),
        "added_new_class": _share(added & is_new_class, added),
        "added_semitone": _share(added & is_new_class & beside, added),
        "added_beyond": _share(added & ((made > top) | (made < bottom)), added),
        "dropped_for_good": _share(dropped & (after[rows, gone] == 0), dropped),
        "repitched_by": np.abs(by).sum(1) / np.maximum(turned.sum(1), 1),
        "repitched_by_a_semitone": _share(np.abs(by) == 1, turned),
        "repitched_up": _share(by > 0, turned),
        "height_more": pitch.sum(1) / np.maximum(is_.sum(1), 1) - gone.sum(1) / np.maximum(was.sum(1), 1),
        "added_leap": leap,
        "added_leap_more": leap - leap_elsewhere,
    }


def _sizes(own: Bools, made: Bools, added: Bools, dropped: Bools) -> dict[str, Floats]:
    come, go = added.sum(2), dropped.sum(2)
    n, total = np.maximum(own.sum((1, 2)), 1), np.maximum((come + go).sum(1), 1)
    shifted = np.zeros(len(own))
    for lag in (1, 2):
        shifted += (added[:, lag:] & dropped[:, :-lag]).sum((1, 2)) + (dropped[:, lag:] & added[:, :-lag]).sum((1, 2))
    return {
        "notes": own.sum((1, 2)).astype(float),
        "far": np.maximum(come.sum(1), go.sum(1)) / n,
        "notes_more": made.sum((1, 2)) - own.sum((1, 2)).astype(float),
        "notes_ratio": made.sum((1, 2)) / n,
        "share_added": come.sum(1) / total,
        "in_place": np.minimum(come, go).sum(1) / np.maximum(np.minimum(come.sum(1), go.sum(1)), 1),
        "shifted": shifted / total,
    }


def _figures(own: Bools, made: Bools, added: Bools, dropped: Bools, spec: GridSpec) -> dict[str, Floats]:
    """Tell single changes from whole figures: what lies untouched, what runs through."""
    beat, half = spec.steps_per_beat, spec.half_steps
    changed: Bools = np.asarray((added | dropped).any(2))
    struck: Bools = np.asarray((own | made).any(2))
    some = np.maximum(changed.sum(1), 1)
    runs, longest, longest_kept = _runs(changed, struck)
    by_beat, struck_by_beat = (steps.reshape(len(own), -1, beat) for steps in (changed, struck))
    sounding = struck_by_beat.any(2)
    beats = np.maximum(sounding.sum(1), 1)
    near = np.zeros_like(changed)
    for lag in range(1, beat + 1):
        near[:, lag:] |= changed[:, :-lag]
        near[:, :-lag] |= changed[:, lag:]
    return {
        "runs": runs,
        "run_longest": longest,
        "run_mean": some / np.maximum(runs, 1),
        "kept_longest": longest_kept,
        "beats_changed": by_beat.any(2).sum(1) / beats,
        "whole_beats_changed": (sounding & ~(struck_by_beat & ~by_beat).any(2)).sum(1) / beats,
        "bars_kept": (~changed.reshape(len(own), 2, half).any(2)).sum(1).astype(float),
        "half_bars_kept": (~changed.reshape(len(own), 4, half // 2).any(2)).sum(1).astype(float),
        "single": (changed & ~near).sum(1) / some,
        "per_step": (added.sum((1, 2)) + dropped.sum((1, 2))) / some,
        "in_both_bars": 2 * (changed[:, :half] & changed[:, half:]).sum(1) / some,
    }


def _places(mine: Bools, other: Bools, spec: GridSpec) -> dict[str, Floats]:
    """Where changes lie, and whether the window that has them has the same a bar or a beat away; `other` is that window."""
    beat, half, quarter = spec.steps_per_beat, spec.half_steps, spec.steps // 4
    at = mine.sum(2)
    n = np.maximum(at.sum(1), 1)
    named = {f"quarter_{k + 1}": at[:, k * quarter : (k + 1) * quarter].sum(1) / n for k in range(4)}
    named |= {f"step_{k + 1}_of_beat": at[:, k::beat].sum(1) / n for k in range(beat)}
    named["on_bar_line"] = at[:, ::half].sum(1) / n
    named["both_bars"] = 2 * (mine[:, :half] & mine[:, half:]).sum((1, 2)) / n
    for lag, name in ((half, "bar"), (beat, "beat")):
        again = np.zeros_like(mine)
        again[:, lag:] |= other[:, :-lag]
        again[:, :-lag] |= other[:, lag:]
        named[f"repeats_a_{name}"] = (mine & again).sum((1, 2)) / n
    named["alone"] = ((other.sum(2) == 1) & mine.any(2)).sum(1) / n
    return named


def _form(window: Bools, spec: GridSpec) -> dict[str, Floats]:
    """Where a window begins and ends, and how far its bars differ."""
    on: Bools = np.asarray(window.any(2))
    steps = window.shape[1]
    bars = window.reshape(len(window), 2, spec.half_steps, -1)
    return {
        "first": np.where(on.any(1), on.argmax(1), steps).astype(float),
        "last": np.where(on.any(1), steps - 1 - on[:, ::-1].argmax(1), 0).astype(float),
        "bars_differ": (bars[:, 0] ^ bars[:, 1]).sum((1, 2)) / np.maximum(window.sum((1, 2)), 1),
    }


def _lanes(own: Bools, made: Bools, added: Bools, dropped: Bools, spec: GridSpec) -> dict[str, Floats]:
    """What becomes of each lane, and of what is struck together."""
    half = spec.half_steps
    before, after, come, go = (strokes.sum(1) for strokes in (own, made, added, dropped))
    named = {
        "lanes_new": ((after > 0) & (before == 0)).sum(1).astype(float),
        "lanes_lost": ((before > 0) & (after == 0)).sum(1).astype(float),
        "lanes_once": (after == 1).sum(1) - (before == 1).sum(1).astype(float),
        "added_where_struck": (added.sum(2) * own.any(2)).sum(1) / np.maximum(come.sum(1), 1),
        "dropped_where_struck": (dropped.sum(2) * made.any(2)).sum(1) / np.maximum(go.sum(1), 1),
    }
    differ = [(window[:, :half] ^ window[:, half:]).sum(1) for window in (own, made)]
    for v in range(own.shape[2]):
        named[f"added_lane_{v}"] = come[:, v] / np.maximum(come.sum(1), 1)
        named[f"dropped_lane_{v}"] = go[:, v] / np.maximum(go.sum(1), 1)
        named[f"lane_{v}_more"] = after[:, v] - before[:, v].astype(float)
        named[f"own_bars_differ_lane_{v}"], named[f"made_bars_differ_lane_{v}"] = (bars[:, v].astype(float) for bars in differ)
    return named


def _runs(changed: Bools, struck: Bools) -> tuple[Floats, Floats, Floats]:
    """Count runs of struck steps that changed, and find the longest of them, and of those that did not: [N] each."""
    runs, now, longest, kept, longest_kept = np.zeros((5, len(changed)))
    goes_on = np.zeros(len(changed), bool)
    for t in range(changed.shape[1]):
        there, is_changed = struck[:, t], struck[:, t] & changed[:, t]
        runs += is_changed & ~goes_on
        goes_on = np.where(there, is_changed, goes_on)
        now, kept = np.where(there, (now + 1) * is_changed, now), np.where(there, (kept + 1) * ~is_changed, kept)
        longest, longest_kept = np.maximum(longest, now), np.maximum(longest_kept, kept)
    return runs, longest, longest_kept


def _counts(line: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the notes of each pitch: [N, T] -> [N, 128]."""
    counts = np.zeros((len(line), PITCHES), np.int64)
    row, step = np.nonzero(line >= 0)
    np.add.at(counts, (row, line[row, step]), 1)
    return counts


def _leaps(line: NDArray[np.int64], added: Bools) -> tuple[Floats, Floats]:
    """Average the leaps to and from added notes, and all others, in semitones: [N] each."""
    total, count = np.zeros((2, len(line))), np.zeros((2, len(line)))
    last, last_added = np.full(len(line), -1), np.zeros(len(line), bool)
    for t in range(line.shape[1]):
        begins = line[:, t] >= 0
        leap = np.abs(line[:, t] - last)
        for k, which in enumerate((added[:, t] | last_added, ~(added[:, t] | last_added))):
            counted = which & begins & (last >= 0)
            total[k] += leap * counted
            count[k] += counted
        last, last_added = np.where(begins, line[:, t], last), np.where(begins, added[:, t], last_added)
    near, elsewhere = total / np.maximum(count, 1)
    return near, elsewhere


def _share(some: Bools, of: Bools) -> Floats:
    return np.asarray(some.sum(1) / np.maximum(of.sum(1), 1))
