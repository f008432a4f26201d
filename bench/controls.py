"""Whether the dials do what they say, and what else they move: `python bench/controls.py DATA --model drums --split valid`.

Each dial is set to nine values from its least to its most, for clips of two bars of held-out pieces, one a piece. Of the
variations at 0.5 what it is about is measured: notes a bar, their height, syncopation, length, velocity, and where between two
beats the notes between them lie. Printed is Spearman's correlation with the dial, the median of all clips and the share that
has 0.8 or more; then what goes from the least to the most of a dial, in standard deviations among the held-out clips.

With `--only VOICES` it says instead what is made of these voices where they are taken out of clips that have them, beside the
same voices of another clip of the split: notes by those that were there, and onset F1 with them.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from bridge.engine import Engine
from bridge.requests import Vary
from models.evaluation.data import listed, read_takes
from models.families.family import Family
from models.music.clip import Clip
from models.music.dials import swing_unit
from models.music.drum_map import VOICE_NAMES, voices_by_word
from models.music.meter import strengths, syncopation
from models.store import load_model
from models.training.calibration import as_clip
from models.training.dataset import find_sources

DIALS = {"density": 4, "octave": 2, "syncopation": 1, "length": 1, "intensity": 1, "swing": 1}
ABOUT = {
    "density": "notes",
    "octave": "height",
    "syncopation": "syncopation",
    "length": "length",
    "intensity": "velocity",
    "swing": "off-beats",
}
SETTINGS = 9
LEADING = (0, 1)  # kick and snare, whose rhythms are what is syncopated of drums
NEAR = 0.125  # of a unit of swing: what lies so near a beat is on it
CLOSE = 1 / 8  # beats between onsets that are the same


@dataclass(frozen=True)
class Bench:
    """Held-out clips of a family, and what answers."""

    engine: Engine
    family: Family
    clips: list[Clip]
    seed: int

    def vary(self, clip: Clip, **asked: Any) -> tuple[Clip, ...]:  # noqa: ANN401
        """Ask for four variations."""
        kind = "notes" if self.family.is_pitched else "drums"
        return self.engine.run(Vary(clips=(clip,), kind=kind, amount=0.5, count=4, seed=self.seed, **asked)).clips

    def measure(self, clips: Sequence[Clip], source: Clip) -> dict[str, float]:
        """Measure what dials are about, the mean of some clips."""
        each = [dict(self._figures(clip, swing_unit(source))) for clip in clips]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but NaN
            return {name: float(np.nanmean([its[name] for its in each])) for name in each[0]}

    def _figures(self, clip: Clip, unit: float) -> Iterator[tuple[str, float]]:
        notes = clip.notes
        phases = [(n.start - clip.start) / unit % 1 for n in notes]
        between = [phase for phase in phases if NEAR <= phase <= 1 - NEAR]
        yield "notes", len(notes) * clip.bar / clip.beats
        yield "syncopation", self._syncopation(clip)
        yield "velocity", fmean(n.velocity for n in notes) if notes else np.nan
        yield "off-beats", fmean(between) if between else np.nan
        if self.family.is_pitched:
            yield "height", fmean(n.pitch / 12 for n in notes) if notes else np.nan
            yield "length", fmean(n.duration for n in notes) if notes else np.nan

    def _syncopation(self, clip: Clip) -> float:
        """Sum what `models.music.meter` counts a bar; of drums that of kick and snare, each by itself."""
        steps = np.arange(round(clip.beats * 4))
        total = 0.0
        for lane in (None,) if self.family.is_pitched else LEADING:
            rhythm = np.zeros(len(steps), bool)
            lane_of = self.family.lane_of
            at = [
                round((n.start - clip.start) * 4) for n in clip.notes if lane is None or (lane_of and lane_of(n.pitch) == lane)
            ]
            rhythm[[k for k in at if 0 <= k < len(steps)]] = True
            total += syncopation(rhythm, strengths(steps / 4, clip.meter))
        return total * clip.bar / clip.beats


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="drums")
    parser.add_argument("--split", default="valid")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="VOICES", help="voices that are taken out and made again, as in hihat")
    parser.add_argument("--dials", default=",".join(DIALS))
    options = parser.parse_args()
    family = load_model(options.model).family
    clips = list(draw_clips(options.data, options.model, options.split, options.seed))
    print(f"{options.model}, {options.split}: `python bench/controls.py DATA --model {options.model} --split {options.split}`")
    if options.only:
        voices = {VOICE_NAMES.index(v) for word in options.only.split(",") for v in voices_by_word(word)}
        print_infills(Bench(Engine(), family, clips, options.seed), voices, options.only, options.clips)
        return
    dials = [name for name in options.dials.split(",") if family.is_pitched or name not in ("octave", "length")]
    print_dials(Bench(Engine(), family, clips[: options.clips], options.seed), dials)


def draw_clips(data: Path, model: str, split: str, seed: int) -> Iterator[Clip]:
    """Draw one window of each piece, the pieces in an order by chance, those with at least eight onsets."""
    loaded, rng = load_model(model), np.random.default_rng(seed)
    by_piece: dict[int, list[Any]] = {}
    for take in read_takes(find_sources(data, split, listed(loaded, "sets")), loaded.family):
        by_piece.setdefault(take.piece, []).append(take.windows)
    for piece in rng.permutation(sorted(by_piece)).tolist():
        windows = by_piece[piece][rng.integers(len(by_piece[piece]))]
        k = int(rng.integers(len(windows)))
        clip = as_clip(loaded.family, windows[k : k + 1])
        if len(clip.notes) >= 8:
            yield clip


def print_dials(bench: Bench, dials: Sequence[str]) -> None:
    """Print what each dial does to what it is about, and to all else."""
    own = [bench.measure([clip], clip) for clip in bench.clips]
    spread = {name: float(np.nanstd([its[name] for its in own])) for name in own[0]}
    plain = [bench.measure(bench.vary(clip), clip) for clip in bench.clips]
    print(f"{len(bench.clips)} clips\n\n| dial | Spearman | clips at 0.8 or more | {' | '.join(spread)} |")
    print(f"|{'---|' * (3 + len(spread))}")
    for dial in dials:
        most = DIALS[dial]
        values = np.linspace(-most, most, SETTINGS)
        ranks, moved = [], []
        for clip, its in zip(bench.clips, plain, strict=True):
            asked = [its if value == 0 else bench.measure(bench.vary(clip, **{dial: value}), clip) for value in values.tolist()]
            heard = np.array([figures[ABOUT[dial]] for figures in asked])
            known = np.isfinite(heard)
            if known.sum() >= 3:
                ranks.append(float(spearmanr(values[known], heard[known]).statistic) if np.ptp(heard[known]) > 0 else 0.0)
            moved.append([asked[-1][name] - asked[0][name] for name in spread])
        far = np.nanmean(moved, 0) / np.array(list(spread.values()))
        share = fmean(rank >= 0.8 for rank in ranks)
        print(f"| {dial} | {median(ranks):.2f} | {share:.2f} | {' | '.join(f'{x:+.2f}' for x in far)} |", flush=True)


def print_infills(bench: Bench, voices: set[int], words: str, most: int) -> None:
    """Print what is made of voices that are taken out."""
    lane_of = bench.family.lane_of
    if lane_of is None:
        raise SystemExit("only drums have voices")
    its = [[n.start for n in clip.notes if lane_of(n.pitch) in voices] for clip in bench.clips]
    chosen = [k for k, starts in enumerate(its) if len(starts) >= 4][:most]
    ratios, agree, others = [], [], []
    for place, k in enumerate(chosen):
        rest = bench.clips[k].with_notes(n for n in bench.clips[k].notes if lane_of(n.pitch) not in voices)
        for made in bench.vary(rest, only=tuple(words.split(","))):
            new = [n.start for n in made.notes if lane_of(n.pitch) in voices]
            ratios.append(len(new) / len(its[k]))
            agree.append(f1(new, its[k]))
        others.append(f1(its[chosen[place - 1]], its[k]))
    print(f"{len(chosen)} clips with {words}, taken out and made again: {median(ratios):.2f} times the notes (median)")
    print(f"onset F1 with those that were there {fmean(agree):.2f}, of the same voices of another clip {fmean(others):.2f}")


def f1(made: Sequence[float], real: Sequence[float]) -> float:
    """Compare onsets."""
    near = [[abs(a - b) <= CLOSE for b in real] for a in made]
    found = sum(map(any, near)) + sum(map(any, zip(*near, strict=True)))
    return found / max(1, len(made) + len(real))


if __name__ == "__main__":
    main()
