"""How much a personal model is of its artist: `python bench/personal.py DATA_DIR`, artist by artist and pooled over pieces.

Twelve files of an artist's `train` files are learned from, and windows of the artist's files of another split are scored: the
log of the mean over 64 latents of the teacher-forced likelihood at noise 1, nats a window, against the general model, paired
over pieces. Beside it stands plain fine-tuning of all weights, as `train --from` does it, for as many processor seconds. With
`--judges` samples are told apart too, and `--curve` learns from 5 to 100 files. Artists of the sets that the general model
learned from are known to it, the twelve files too; those of `--outside` are not.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.features import FeatureView
from models.evaluation.judge import LabelledWindows, judge
from models.evaluation.memorization import count_copies, window_hashes
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import NO_HABITS, tell_habits
from models.music.distance import distance
from models.network.decoding import DecodeBatch, temperature_for
from models.network.latent import Randomness, noise
from models.network.torch_runtime import TorchModel, build_network
from models.store import load_torch_model
from models.training.calibration import as_clip
from models.training.config import TrainConfig
from models.training.dataset import MUSIC, Windows, find_sources, join_windows, pack
from models.training.personal import Recipe, likelihood
from models.training.personalise import added, learn
from models.training.preparing import held_out
from models.training.publishing import habits_of
from models.training.trainer import Trainer

FILES = 12
MOST_WINDOWS = 36  # of an artist that are scored, as many of each piece as there is room for
SAMPLES, PAIRS, AT_ONCE = 240, 400, 80  # of each model; pairs whose distance is measured; samples at once
CURVE = (5, 12, 25, 50, 100)
RATES = (3e-5, 1e-4)  # of plain fine-tuning; the best on `valid` is what is compared with

# Whose music a file is: the set, and a pattern whose group is the artist. Those of `outside` are in no training set.
ARTISTS = {
    "drums": {"known": [("groove", r"(drummer\d+)/")], "outside": [("hydrogen_patterns", r"[^/]*/([a-z-]*[a-z])")]},
    "melody": {
        "known": [("openscore_lieder", r"(.+?)__")],
        "outside": [("nottingham", r".*?([a-z]+)[^/]*$"), ("mutopia", r"(?:keyboard|satb)/(?:[^/]*/)*?([A-Z][A-Za-z]+)[_-]")],
    },
}


@dataclass(frozen=True)
class Artist:
    """The files of an artist that may be learned from, in a random order, and the windows that are judged."""

    name: str
    files: list[Windows]
    judged: Windows

    def some(self, count: int, family: Family) -> Windows:
        """Join the first so many files."""
        return join_windows([(windows, i) for i, windows in enumerate(self.files[:count])], self.name, family)


def main() -> None:
    """Read the artists, learn, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of sets with splits.csv, as evaluate takes it")
    parser.add_argument("--model", default="drums")
    parser.add_argument("--split", default="valid", help="whose files are judged")
    parser.add_argument("--outside", action="store_true", help="artists of no training set")
    parser.add_argument("--only", default="", help="a pattern that names of artists must match")
    parser.add_argument("--judges", action="store_true", help="tell samples apart, and measure their distances and copies")
    parser.add_argument("--curve", action="store_true", help="learn from 5 to 100 files")
    parser.add_argument("--no-tuning", action="store_true", help="leave plain fine-tuning out")
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--rate", type=float, help="of plain fine-tuning; without, several are tried")
    parser.add_argument(
        "--recipe", default="", help="what differs from models.training.personal.Recipe, as in rank=8,steps=120"
    )
    options = parser.parse_args()
    model = load_torch_model(options.model)
    recipe = _recipe(options.recipe)
    found = find_artists(options.data, model.family, options.split, outside=options.outside)
    artists = [artist for artist in found if re.search(options.only, artist.name)]
    print(f"{options.model}, split {options.split}, {len(artists)} artists, {recipe}", flush=True)
    if options.curve:
        print_curve(model, artists, recipe, options.draws)
        return
    if options.judges:
        print_judges(model, artists, recipe)
        return
    rates = () if options.no_tuning else (options.rate,) if options.rate else RATES
    print_likelihoods(model, artists, recipe, rates, options.draws)


def find_artists(data: Path, family: Family, split: str, *, outside: bool) -> Iterator[Artist]:
    """Find the artists that have twelve files to learn from and something to be judged by."""
    for set_name, pattern in ARTISTS[family.name]["outside" if outside else "known"]:
        found: dict[str, tuple[list[Windows], list[Windows]]] = {}
        for k, of in enumerate(("train", split)):
            for source in find_sources(data, of, (set_name,)):
                match = re.match(pattern, source.name)
                windows = pack(iter([source]), family, everything=True)
                windows = windows.take(windows.are(MUSIC))
                if match and len(windows):
                    found.setdefault(match[1], ([], []))[k].append(windows)
        for name, (train, judged) in sorted(found.items()):
            if len(train) >= FILES and judged:
                order = np.random.default_rng(0).permutation(len(train))
                yield Artist(name, [train[i] for i in order], _some_of_each(judged, name, family))


def print_likelihoods(model: TorchModel, artists: Sequence[Artist], recipe: Recipe, rates: Sequence[float], draws: int) -> None:
    """Print the gains of a personal model, and of plain fine-tuning, over the general one."""
    print(
        f"{'artist':28} {'learned':>8} {'judged':>7} {'pieces':>7} {'general':>8} {'personal':>9} {'tuned':>24} {'seconds':>8}"
    )
    gains: list[NDArray[np.float64]] = []
    tuned_gains: dict[float, list[NDArray[np.float64]]] = {rate: [] for rate in rates}
    for artist in artists:
        learned, judged = artist.some(FILES, model.family), artist.judged
        general = likelihood(model, judged.grid, draws=draws)
        begin = time.process_time()
        mine = added(model, learn(model, learned, held_out(learned.piece), recipe))
        seconds = time.process_time() - begin
        personal = likelihood(mine, judged.grid, draws=draws)
        gains.append(by_piece(personal - general, judged.piece))
        shown = []
        for rate in rates:
            tuned = likelihood(fine_tune(model, learned, seconds, rate), judged.grid, draws=draws)
            tuned_gains[rate].append(by_piece(tuned - general, judged.piece))
            shown.append(f"{tuned_gains[rate][-1].mean():+.2f}")
        print(
            f"{artist.name[:28]:28} {len(learned):8} {len(judged):7} {len(gains[-1]):7} {general.mean():8.2f} "
            f"{gains[-1].mean():+9.2f} {' '.join(shown):>24} {seconds:8.1f}",
            flush=True,
        )
    pooled = np.concatenate(gains)
    print(f"personal over general, nats a window: {interval(pooled)} over {len(pooled)} pieces")
    for rate, its in tuned_gains.items():
        both = np.concatenate(its)
        print(f"fine-tuned at {rate:g} over general: {interval(both)}; personal over it: {interval(pooled - both)}")


def print_curve(model: TorchModel, artists: Sequence[Artist], recipe: Recipe, draws: int) -> None:
    """Print the gain by how many files were learned from."""
    print(f"{'artist':28} " + " ".join(f"{count:>7}" for count in CURVE))
    found: dict[int, list[NDArray[np.float64]]] = {count: [] for count in CURVE}
    for artist in artists:
        general = likelihood(model, artist.judged.grid, draws=draws)
        row = []
        for count in CURVE:
            if len(artist.files) < count:
                row.append("–")
                continue
            some = artist.some(count, model.family)
            mine = added(model, learn(model, some, held_out(some.piece), recipe))
            gained = likelihood(mine, artist.judged.grid, draws=draws) - general
            found[count].append(by_piece(gained, artist.judged.piece))
            row.append(f"{found[count][-1].mean():+.2f}")
        print(f"{artist.name[:28]:28} " + " ".join(f"{value:>7}" for value in row), flush=True)
    print(
        f"{'pooled over pieces':28} " + " ".join(f"{np.concatenate(its).mean() if its else 0:+7.2f}" for its in found.values())
    )


def print_judges(model: TorchModel, artists: Sequence[Artist], recipe: Recipe) -> None:
    """Print how samples of both models are told apart, from each other and from the artist, their distances and copies."""
    family, view = model.family, FeatureView(model.family, velocity=model.card.timing, timing=model.card.timing)
    titles = "personal|general", "artist|personal", "artist|general", "distance", "copies", "held out"
    print(f"{'artist':28} " + " ".join(f"{title:>16}" for title in titles))
    for artist in artists:
        learned = artist.some(FILES, family)
        mine = added(model, learn(model, learned, held_out(learned.piece), recipe))
        mine.habits = habits_of(learned, family) if model.hears else NO_HABITS
        drawn = [draw(its, SAMPLES, seed) for seed, its in ((1, model), (2, mine))]
        shown = [LabelledWindows(grid, np.arange(len(grid)) // 8 + 1000 * (k + 1)) for k, grid in enumerate(drawn)]
        real = LabelledWindows(artist.judged.grid, artist.judged.piece)
        aucs = [judge(shown[0], shown[1], view=view, seed=0).auc]
        if len(np.unique(real.piece)) >= 5:
            aucs += [judge(real, its, view=view, seed=0).auc for its in reversed(shown)]
        else:
            aucs += [float("nan")] * 2
        apart = [spread(grid, family) for grid in drawn]
        hashes = window_hashes(family.vocabulary.without_leading_holds(learned.grid.tokens), family)
        copies = [count_copies(grid.tokens, hashes, family) / len(grid) for grid in (drawn[1], artist.judged.grid)]
        row = (*aucs, apart[1] / apart[0], *copies)
        print(f"{artist.name[:28]:28} " + " ".join(f"{value:16.3f}" for value in row), flush=True)


def fine_tune(model: TorchModel, windows: Windows, seconds: float, rate: float) -> TorchModel:
    """Fine-tune all weights as `train --from` does, for so many processor seconds."""
    config = TrainConfig.model_validate(model.card.config).model_copy(
        update={
            **dict.fromkeys(("pair_share", "rest_share", "line_share", "wrong_share", "splice_share"), 0.0),
            "sets": (),
            "codec_sets": (),
            "batch": 32,
            "learning_rate": rate,
            "average": 0.9,
            "start": "",
            "patience": 0,
        }
    )
    trainer = Trainer(config.model_copy(update={"steps": 10**6, "warmup": 0}), windows, windows)
    trainer.network.load_state_dict(model.network.state_dict())
    trainer.state.average = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    begin = time.process_time()
    for done in range(10**6):
        spent = (time.process_time() - begin) / seconds
        if spent >= 1:
            break
        steps = max(10, round(done / max(spent, 1e-3)))  # so that the rate falls to the end of the time
        trainer.config = config.model_copy(update={"steps": steps, "warmup": steps // 10})
        trainer.take_step()
    network = build_network(model.family, model.network.config)
    network.load_state_dict(trainer.average)
    return TorchModel(model.card, model.family, network, habits=model.habits)


def draw(model: TorchModel, count: int, seed: int) -> Grid:
    """Sample windows as the engine does: from noise, each told the habits of a window that was learned from."""
    family, rng = model.family, np.random.default_rng(seed)
    parts = []
    for _ in range(0, count, AT_ONCE):
        told = None
        if len(model.habits) and model.hears:
            rows = model.habits[rng.integers(len(model.habits), size=AT_ONCE)]
            told = np.asarray(tell_habits(rows, family.spec.window_beats, family.context), np.float32)
        drawn = Randomness.draw(rng, AT_ONCE, family.spec, family.vocabulary, correlation=model.card.feel_correlation)
        warm = np.full(AT_ONCE, temperature_for(0.5), np.float32)
        z = noise(rng, AT_ONCE, model.card.latent)
        parts.append(model.decode(DecodeBatch(z, np.ones(AT_ONCE, np.float32), drawn, warm, context=told)))
    return Grid.stack(parts)[:count]


def spread(grid: Grid, family: Family) -> float:
    """Measure the mean distance of random pairs of windows."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(grid), size=(PAIRS, 2))
    clips = [as_clip(family, grid[i : i + 1]) for i in range(len(grid))]
    return float(np.mean([distance(clips[a], clips[b], voice=family.lane_of) for a, b in pairs.tolist() if a != b]))


def by_piece(values: NDArray[np.float64], piece: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average the windows of each piece."""
    return np.array([values[piece == p].mean() for p in np.unique(piece)])


def interval(values: NDArray[np.float64]) -> str:
    """Show a mean with its 95 % interval, a bootstrap over pieces."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(4000, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():+.2f} ({low:+.2f} to {high:+.2f})"


def _some_of_each(files: Sequence[Windows], name: str, family: Family) -> Windows:
    room, rng = max(2, MOST_WINDOWS // len(files)), np.random.default_rng(0)
    few = [(windows.take(np.sort(rng.permutation(len(windows))[:room])), i) for i, windows in enumerate(files)]
    return join_windows(few, name, family)


def _recipe(text: str) -> Recipe:
    values: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, _, value = pair.partition("=")
        values[key] = type(getattr(Recipe(), key))(value)
    return replace(Recipe(), **values)


if __name__ == "__main__":
    main()
