"""The family `melody`: lines of one note at a time on sixteenths, with velocity.

All that is particular to melodies stands here; what they share with other sustained notes is in `sustained`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.families.family import PartFacts
from models.families.grid import Grid
from models.families.statistics import MAJOR, Floats, distinct, longest, median, ratio, rhythm_features
from models.families.sustained import HOLD, REST, SustainedFamily, sounding
from models.music.clip import Clip
from models.music.key import LETTERS, SCALES

BASSES = range(32, 40)  # General MIDI programs
LOW = 52  # below this mean pitch a part is a bass line


class Melody(SustainedFamily):
    """Lines: a tune, a lead, each voice of a polyphonic part."""

    name = "melody"
    about = "two bars of one line: pitch, rhythm and velocity"

    def evidence(self, clip: Clip) -> float:
        """Take what no other family is surer of."""
        return 0.5

    def learns_from(self, clip: Clip, facts: PartFacts) -> bool:
        """Learn from parts that are no drums and, unless they were chosen by name, no bass."""
        if facts.channel == 10:
            return False
        mean = sum(n.pitch for n in clip.notes) / max(1, len(clip.notes))
        return facts.is_chosen or not ((facts.program or 0) in BASSES or mean < LOW)

    # --- judging -----------------------------------------------------------------------------------------------------

    def named_features(self, grid: Grid) -> dict[str, Floats]:
        """Describe windows by rests, durations, intervals, key and repetition."""
        tokens = grid.tokens[..., 0]
        struck = tokens < HOLD
        named = rhythm_features(grid.tokens, struck[:, :, None], self.spec)
        count = np.maximum(struck.sum(1), 1)
        there, pitch, length = _notes(tokens)
        gap = there[:, 1:]
        interval = np.where(gap, pitch[:, 1:] - pitch[:, :-1], 0)
        wide = np.abs(interval)
        gaps = np.maximum(gap.sum(1), 1)
        named["hold_share"] = (tokens == HOLD).mean(1)
        named["rest_share"] = (tokens == REST).mean(1)
        named["rests"] = ((tokens == REST)[:, 1:] & (tokens != REST)[:, :-1]).sum(1).astype(float)
        named["longest_rest"] = longest(tokens == REST)
        named["ends_silent"] = (tokens[:, -1] == REST).astype(float)
        named["duration_mean"] = length.sum(1) / count
        named["duration_max"] = length.max(1).astype(float)
        named["durations"] = distinct(length, there)
        for low, high in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 7), (8, 32)):
            named[f"duration_{low}_{high}"] = ((length >= low) & (length <= high)).sum(1) / count
        named["pitch_mean"] = np.where(there, pitch, 0).sum(1) / count
        top, bottom = np.where(there, pitch, -1).max(1), np.where(there, pitch, 999).min(1)
        named["pitch_range"] = np.where(struck.any(1), top - bottom, np.nan)
        named["pitches"] = distinct(pitch, there)
        named["pitch_classes"] = distinct(pitch % 12, there)
        named["pitch_top"] = top.astype(float)
        named["last_pitch"] = np.take_along_axis(pitch, count[:, None] - 1, 1)[:, 0] - named["pitch_mean"]
        named["interval_mean"] = wide.sum(1) / gaps
        named["interval_max"] = wide.max(1).astype(float)
        named["interval_sum"] = interval.sum(1).astype(float)
        for low, high in ((0, 0), (1, 1), (2, 2), (3, 4), (5, 5), (6, 6), (7, 9), (10, 11), (12, 12), (13, 127)):
            named[f"interval_{low}_{high}"] = ((wide >= low) & (wide <= high) & gap).sum(1) / gaps
        turn = (interval[:, 1:] * interval[:, :-1] < 0).sum(1)
        named["turns"] = turn / gaps
        named["tritone"] = (wide == 6).sum(1).astype(float)
        leap_back = (wide[:, :-1] > 4) & (interval[:, 1:] * interval[:, :-1] < 0) & (wide[:, 1:] <= 4)
        named["leaps_resolved"] = ratio(leap_back.sum(1), ((wide[:, :-1] > 4) & gap[:, 1:]).sum(1))
        weight = np.zeros((len(tokens), 12))
        np.add.at(weight, (np.nonzero(there)[0], pitch[there] % 12), length[there])
        scale = np.isin((np.arange(12)[None] - np.arange(12)[:, None]) % 12, MAJOR)
        total = np.maximum(weight.sum(1), 1)
        inside = weight @ scale.T.astype(float)
        named["in_key"] = inside.max(1) / total
        tonic = inside.argmax(1)
        named["tonic_share"] = weight[np.arange(len(tokens)), tonic] / total
        share = weight / total[:, None]
        named["pitch_class_entropy"] = -(share * np.log(np.maximum(share, 1e-9))).sum(1)
        said = sounding(tokens)
        for lag in (4, 8, 16):
            both = struck[:, lag:] & struck[:, :-lag]
            shift = tokens[:, lag:] - tokens[:, :-lag]
            usual = median(shift, both)[:, None]
            named[f"pitch_again_{lag}"] = ((shift == 0) & both).sum(1) / count
            named[f"moved_again_{lag}"] = ratio(((shift == usual) & both).sum(1), both.sum(1))
            named[f"sounds_again_{lag}"] = ((said[:, lag:] == said[:, :-lag]) & (said[:, lag:] >= 0)).mean(1)
        return named

    def histograms(self, grid: Grid) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Count onsets of a window, by 2, and pitch class, interval to the next (semitones) and duration (steps) of notes."""
        there, pitch, length = _notes(grid.tokens[..., 0])
        steps = grid.tokens.shape[1]
        return {
            "density": (there.sum(1), np.arange(0, steps + 2, 2)),
            "pitch_class": (pitch[there] % 12, np.arange(13)),
            "interval": (np.clip(np.diff(pitch, axis=1)[there[:, 1:]], -13, 13), np.arange(-13, 15)),
            "duration": (length[there], np.arange(1, steps + 2)),
        }

    def judge_view(self, grid: Grid) -> list[NDArray[np.generic]]:
        """Show a melody in the key it is most likely in: onset, hold, rest, degree, height and interval."""
        tokens = grid.tokens[..., 0]
        pitch = sounding(tokens)
        sounds = pitch >= 0
        height = pitch - (np.where(sounds, pitch, 0).sum(1) / np.maximum(sounds.sum(1), 1))[:, None]
        degree = (pitch - _key(pitch)[:, None]) % 12
        before = np.concatenate([pitch[:, :1], pitch[:, :-1]], 1)
        interval = np.where(sounds & (before >= 0), np.abs(pitch - before), 0)
        return [
            (tokens < HOLD)[..., None],
            tokens[..., None] == HOLD,
            tokens[..., None] == REST,
            (degree[..., None] == np.arange(12)) & sounds[..., None],
            np.where(sounds, height / 12, 0)[..., None],
            interval[..., None] / 6,
        ]

    def random_locks(self, clip: Clip, rng: np.random.Generator) -> dict[str, dict[str, object]]:
        """Lock a key, or all pitches and velocities."""
        return {
            "key": {"key": f"{rng.choice(list(LETTERS))} {rng.choice(list(SCALES))}"},
            "pitch": {"lock": ("pitch", "velocity")},
        }

    def half_locked(self, clip: Clip) -> dict[str, object]:
        """Lock the first half of the time."""
        return {"lock_beats": ((0.0, clip.beats / 2),)}


def _notes(tokens: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Put the notes of each window in a row, padded: which there are, their pitches (-1) and their lengths (0), [B, T] each."""
    struck = tokens < HOLD
    order = np.argsort(~struck, axis=1, kind="stable")
    there = np.arange(tokens.shape[1]) < struck.sum(1)[:, None]
    pitch = np.where(there, np.take_along_axis(tokens, order, 1), -1)
    return there, pitch, np.where(there, np.take_along_axis(lengths(tokens), order, 1), 0)


def lengths(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps that each onset of melody tokens lasts, [B, T], 0 where there is none."""
    steps = tokens.shape[1]
    ends = np.where(tokens != HOLD, np.arange(steps), steps)
    after = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate([after[:, 1:], np.full((len(tokens), 1), steps)], 1)
    return np.where(tokens < HOLD, following - np.arange(steps), 0)


def _key(pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Guess the key of sounding pitches [B, T], -1 for silence: the major scale, and the triad, that hold most."""
    weight = np.stack([((pitch % 12 == k) & (pitch >= 0)).sum(1) for k in range(12)], 1)
    degree = (np.arange(12)[None] - np.arange(12)[:, None]) % 12
    fit = np.isin(degree, MAJOR) + 0.3 * np.isin(degree, [0, 4, 7])
    best: NDArray[np.int64] = (weight @ fit.T).argmax(1)
    return best


FAMILY = Melody()
