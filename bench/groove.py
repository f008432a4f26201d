"""How human the feel is: `python bench/groove.py DATA_DIR [--split test] [--seq2seq DIR]`, on Groove's held-out pieces.

Takes in 4/4 are put on sixteenths, every stroke at velocity 80, and `groove` gives them timing and velocity again. Then, over
the hits of windows of two bars as the family lays them on its grid:

timing KL, velocity KL    divergence in nats of a histogram of what was made from one of what was played: offsets in 32 bins
                          of a thirty-second of a sixteenth, velocities in 32 bins of 4; half a value is added to each bin
by place                  the same within each of nine voices times four sixteenths of a beat, averaged by their hits
timing, velocity error    mean distance of a hit from where, and how loud, the drummer played it; in ms at the tempo of the take
AUC                       how well judges tell it from what was played, 0.5 not at all (`models.evaluation.judge`: boosted trees
                          on named features and a small net; folds by piece, at most eight windows of a piece); `halves` is what
                          they find between held-out pieces and others, where there is nothing to find

Beside it stand the quantised input, what hits of the same voice at the same sixteenth of a bar get when each is drawn on its
own from the training set, and the Seq2Seq that `bench/groove_seq2seq.py` trains.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.editing.groove import Playing, groove
from models.evaluation.data import draw_few
from models.evaluation.features import FeatureView
from models.evaluation.judge import LabelledWindows, judge, judge_halves
from models.evaluation.samples import OFFSET_BINS, VELOCITY_BINS, divergence
from models.families.drums import GM_KIT
from models.families.grid import Grid
from models.families.registry import find_family
from models.feel.player import Player
from models.feel.store import load_player
from models.music.clip import Clip
from models.music.midi import from_bytes
from models.training.dataset import cut, find_sources, stretches

FAMILY = find_family("drums")
VIEW = FeatureView(FAMILY, velocity=True, timing=True)
BEATS = 128.0  # of a take that are played, at most
FLAT = 80.0  # velocity of what is given
WINDOWS = 700

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Take:
    """What a drummer played, in 4/4, with the tempo it was played in."""

    clip: Clip
    piece: int


@dataclass(frozen=True)
class Windows:
    """Windows of takes, [B], the piece and the tempo of each."""

    grid: Grid
    piece: NDArray[np.int64]
    tempo: Floats
    keys: tuple[tuple[int, int], ...]  # the take, and the half window it begins at

    @property
    def struck(self) -> NDArray[np.bool_]:
        """Where something is struck, [B, T, V]."""
        return FAMILY.vocabulary.struck(self.grid.tokens)

    def take(self, rows: NDArray[np.int64]) -> Windows:
        """Some of the windows."""
        return Windows(self.grid[rows], self.piece[rows], self.tempo[rows], tuple(self.keys[i] for i in rows))


def read_takes(data: Path, split: str) -> list[Take]:
    """Read the takes of a split that are in 4/4."""
    takes: list[Take] = []
    pieces: dict[str, int] = {}
    for source in find_sources(data, split, ("groove",)):
        song = from_bytes(source.content, name=source.name)
        tempo = song.tempos[0][1] if song.tempos else 120.0
        for clip, _ in stretches(song, source, FAMILY):
            beats = min(clip.beats, BEATS)
            notes = [n for n in clip.notes if n.pitch in GM_KIT and n.start - clip.start < beats - 0.125]
            whole = replace(clip, notes=tuple(notes), beats=beats, tempo=tempo)
            takes.append(Take(whole, pieces.setdefault(source.piece, len(pieces))))
    return takes


def quantised(clip: Clip) -> Clip:
    """Put a take on sixteenths, all strokes alike; of strokes of one pad on one sixteenth all but the nearest between two."""
    from models.feel.hits import TICKS, find_places

    start = np.array([n.start - clip.start for n in clip.notes])
    place = find_places(start, np.array([n.pitch for n in clip.notes], np.int64), triplets=False)
    notes = [replace(n, start=clip.start + p / TICKS, velocity=FLAT) for n, p in zip(clip.notes, place.tolist(), strict=True)]
    return clip.with_notes(notes)


def on_ticks(clip: Clip) -> Clip:
    """Put onsets on the ticks of a file, as drummers' own are."""
    return clip.with_notes(replace(n, start=round(n.start * 480) / 480) for n in clip.notes)


def windows_of(takes: Sequence[Take], clips: Sequence[Clip]) -> Windows:
    """Cut clips made of takes into windows."""
    grids, piece, tempo, keys = [], [], [], []
    for k, (take, clip) in enumerate(zip(takes, clips, strict=True)):
        for first, grid in cut(clip, FAMILY):
            grids.append(grid)
            piece.append(take.piece)
            tempo.append(take.clip.tempo)
            keys.append((k, first))
    return Windows(Grid.stack(grids), np.array(piece), np.array(tempo), tuple(keys))


def drawn_apart(played: Windows, given: Windows, seed: int) -> Windows:
    """Give each hit the timing and velocity of some training hit of its voice at its sixteenth of a bar."""
    rng = np.random.default_rng((seed, 7))
    struck, known = given.struck, played.struck
    loud, late = np.zeros_like(given.grid.velocities), np.zeros_like(given.grid.offsets)
    for voice in range(struck.shape[2]):
        for step in range(16):
            at = np.arange(struck.shape[1]) % 16 == step
            pool = np.argwhere(known[:, at, voice])
            wanted = np.argwhere(struck[:, at, voice])
            if len(pool) and len(wanted):
                chosen = pool[rng.integers(len(pool), size=len(wanted))]
                for made, source in ((loud, played.grid.velocities), (late, played.grid.offsets)):
                    column = made[:, at, voice]
                    column[tuple(wanted.T)] = source[:, at, voice][tuple(chosen.T)]
                    made[:, at, voice] = column
    return replace(given, grid=Grid(given.grid.tokens, loud, late))


def seq2seq(given: Windows, folder: Path) -> Windows:
    """Let the Seq2Seq write velocities and offsets of given hits."""
    import torch

    from bench.groove_seq2seq import load_seq2seq

    loud, late = load_seq2seq(folder).play(torch.from_numpy(given.struck.astype(np.float32)))
    velocities = np.round(np.clip(loud.numpy() * 127, 1, 127)) / 127 * given.struck
    return replace(
        given,
        grid=Grid(given.grid.tokens, velocities.astype(np.float32), (np.round(late.numpy() * 60) / 120).astype(np.float32)),
    )


def figures(real: Windows, made: Windows, seed: int, *, is_judged: bool = True) -> dict[str, float | str | None]:
    """Measure windows that were made of the same hits as real ones."""
    index = {key: i for i, key in enumerate(made.keys)}
    both = [(i, index[key]) for i, key in enumerate(real.keys) if key in index]
    a, b = (side.take(np.array(rows)) for side, rows in zip((real, made), zip(*both, strict=True), strict=True))
    hit = a.struck & b.struck
    step_ms = (15_000 / a.tempo)[:, None, None]
    found: dict[str, float | str | None] = {
        "windows": len(a.piece),
        "hits": int(hit.sum()),
        "timing_kl": divergence(a.grid.offsets[hit], b.grid.offsets[hit], OFFSET_BINS),
        "velocity_kl": divergence(a.grid.velocities[hit] * 127, b.grid.velocities[hit] * 127, VELOCITY_BINS),
        **by_place(a, b, hit),
        "timing_error_ms": float((np.abs(a.grid.offsets - b.grid.offsets) * step_ms)[hit].mean()),
        "velocity_error": float(np.abs(a.grid.velocities - b.grid.velocities)[hit].mean() * 127),
    }
    if is_judged:
        rows = draw_few(a.piece, np.random.default_rng((seed, 5)), WINDOWS)
        shown = [LabelledWindows(side.grid[rows], side.piece[rows]) for side in (a, b)]
        verdict = judge(*shown, view=VIEW, seed=seed)
        found |= {"auc": verdict.auc, "auc_low": verdict.low, "auc_high": verdict.high, "auc_by": verdict.by}
        found["judged"] = len(rows)
    return found


def by_place(a: Windows, b: Windows, hit: NDArray[np.bool_]) -> dict[str, float]:
    """Compare voice by voice and sixteenth by sixteenth of a beat."""
    sums, hits = np.zeros(2), 0
    for voice in range(hit.shape[2]):
        for step in range(4):
            some = hit & ((np.arange(hit.shape[1]) % 4 == step)[None, :, None] & (np.arange(hit.shape[2]) == voice))
            count = int(some.sum())
            if count >= 100:
                kl = (
                    divergence(a.grid.offsets[some], b.grid.offsets[some], OFFSET_BINS),
                    divergence(a.grid.velocities[some] * 127, b.grid.velocities[some] * 127, VELOCITY_BINS),
                )
                sums += count * np.array(kl)
                hits += count
    return {"timing_kl_by_place": float(sums[0] / max(1, hits)), "velocity_kl_by_place": float(sums[1] / max(1, hits))}


def measure(
    takes: Sequence[Take], trained: Callable[[], Windows], player: Player, folder: Path | None, seed: int, temperature: float
) -> Iterator[tuple[str, dict[str, float | str | None]]]:
    """Measure what was made, and what it is compared with."""
    real = windows_of(takes, [take.clip for take in takes])
    given = [quantised(take.clip) for take in takes]
    played = [
        on_ticks(groove(player, clip, GM_KIT, Playing(seed=seed, temperature=temperature), count=1).clips[0]) for clip in given
    ]
    made = windows_of(takes, played)
    yield "groove", figures(real, made, seed)
    yield "quantised", figures(real, windows_of(takes, given), seed, is_judged=False)
    yield "drawn apart", figures(real, drawn_apart(trained(), real, seed), seed)
    if folder is not None:
        yield "seq2seq", figures(real, seq2seq(real, folder), seed)
    rows = draw_few(real.piece, np.random.default_rng((seed, 5)), WINDOWS)
    yield "halves", {"auc": judge_halves(LabelledWindows(real.grid[rows], real.piece[rows]), view=VIEW, seed=seed)}


def main() -> None:
    """Read the arguments, play, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="valid", choices=("valid", "test"))
    parser.add_argument("--feel", default="feel", help="name or path of a model of feel")
    parser.add_argument("--seq2seq", type=Path, help="what bench/groove_seq2seq.py wrote")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    takes, player = read_takes(given.data, given.split), load_player(given.feel)

    def trained() -> Windows:
        learned = read_takes(given.data, "train")
        return windows_of(learned, [take.clip for take in learned])

    found = {}
    for name, its in measure(takes, trained, player, given.seq2seq, given.seed, given.temperature):
        found[name] = its
        shown = "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in its.items())
        sys.stdout.write(f"{name}: {shown}\n")
        sys.stdout.flush()
    if given.json:
        given.json.write_text(json.dumps({"split": given.split, **found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
