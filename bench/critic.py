"""Teach a model's critic which changes are a player's: `python bench/critic.py DATA MODEL [--pairs 1600]`.

Pairs of windows are found in the music that the model learned from; around the first of each the model makes candidates as far
away as the second is. What tells the second windows from them becomes `critic.safetensors` of the model's folder. How well it
tells them apart is measured on the validation split. Some minutes on one core; the test split is not read.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track
from sklearn.metrics import roc_auc_score

from models.editing.batching import Batcher, run_alone
from models.editing.clip_state import EditContext, EncodingCache
from models.editing.vary import CHOICES, offer
from models.evaluation.data import listed, read_takes
from models.evaluation.pairs import Pairs, mine_pairs
from models.families.constraints import Constraints
from models.families.critic import Critic
from models.families.statistics import Floats
from models.network.decoding import LatentModel, temperature_for
from models.store import find_model, load_model, write_critic
from models.training.calibration import as_clip, on_grid
from models.training.critic import describe_all, learn_critic
from models.training.dataset import find_sources

ASKED, USUAL = 8, 0.5  # variations that a request asks for by default, and their variety
PER_PIECE = 2.5  # pairs of a piece, about, beyond which more pieces are read
LEARNED = 8  # candidates of each pair that are learned from


def main() -> None:
    """Find pairs, decode beside them, learn, and say how well it goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=1600, help="of the training split, at most")
    options = parser.parse_args()
    model = load_model(options.model)
    players, made = describe(model, find_pairs(model, options.data, "train", options.pairs))
    critic = learn_critic(players, made)
    folder = find_model(options.model)
    write_critic(folder, model.card, critic)
    print(f"{len(next(iter(players.values())))} pairs learned from: {folder}")
    players, made = describe(model, find_pairs(model, options.data, "valid", options.pairs // 3))
    print(f"valid: AUC {tell(critic, players, made):.3f} of single decodes")


def find_pairs(model: LatentModel, data: Path, split: str, most: int) -> Pairs:
    """Find pairs of windows in a split of the sets that a model was trained to make music of."""
    codec, rng = listed(model, "codec_sets"), np.random.default_rng(0)
    sources = [source for source in find_sources(data, split, listed(model, "sets")) if source.set not in codec]
    pieces = sorted({source.piece for source in sources})
    chosen = {pieces[i] for i in rng.permutation(len(pieces))[: round(most / PER_PIECE)]}
    takes = list(read_takes((source for source in sources if source.piece in chosen), model.family))
    return mine_pairs(takes, model.family, rng, most)


def describe(model: LatentModel, pairs: Pairs) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Describe how the second windows differ from the first, and how candidates do."""
    players, made = zip(*_each(model, pairs), strict=True)
    return describe_all(players), describe_all(made)


def _each(model: LatentModel, pairs: Pairs) -> Iterator[tuple[dict[str, Floats], dict[str, Floats]]]:
    family, batcher = model.family, Batcher()
    kit = family.kit("gm", ())
    for i in track(range(len(pairs)), "decoding", transient=True):
        context = EditContext(model, Constraints(), kit, temperature_for(USUAL), i, EncodingCache(), finds_keys=True)
        own, second = (family.clip_to_grid(clip, kit).grid[:1] for clip in (pairs.first[i], pairs.second[i]))
        clip = as_clip(family, on_grid(own))
        offers = run_alone(
            offer(context, clip, amount=float(pairs.far[i]), number=round(ASKED * CHOICES)), batcher, lambda fraction: None
        )
        if not len(offers):
            continue
        few = offers[np.random.default_rng(i).permutation(len(offers))[:LEARNED]]
        yield family.changes(own, second, np.zeros(1, np.int64)), family.changes(own, few, np.zeros(len(few), np.int64))


def tell(critic: Critic, players: dict[str, Floats], made: dict[str, Floats]) -> float:
    """Compute how well a critic tells players' changes from made ones: the area under the ROC curve."""
    scores = [critic.score(each) for each in (players, made)]
    return float(roc_auc_score(np.repeat([1, 0], [len(s) for s in scores]), np.concatenate(scores)))


if __name__ == "__main__":
    main()
