"""A trained network -> a model folder, calibrated, with a card that says what made it. No training."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from models.card import Card, FeelCorrelation
from models.evaluation.memorization import window_hashes
from models.families.context import AMOUNT
from models.families.family import Family
from models.families.habits import NO_HABITS, Habits, choose_habits, row_size
from models.families.registry import find_family
from models.network.latent import noise
from models.network.torch_runtime import TorchModel
from models.store import find_model, read_card, save_model, write_habits
from models.training.calibration import calibrate, measure_feel_correlation, measure_lean
from models.training.dataset import MUSIC, Windows, find_sources, pack
from models.training.trainer import Trainer

PLAYED = 512  # windows of which it is measured how alike their strokes are


def publish(trainer: Trainer, folder: Path) -> Path:
    """Write the model folder: half-precision weights, golden values, hashes of the windows learned from, model.yaml."""
    config, family, train, valid = trainer.config, trainer.family, trainer.train, trainer.valid
    network = trainer.chosen()
    metrics = trainer.validation.measure(network)
    network.load_state_dict({k: v.half().float() for k, v in trainer.shipping.items()})
    is_music, pairs = train.are(MUSIC), len(trainer.batches.pairs)
    card = Card(
        name=folder.name,
        family=config.family,
        about=f"{family.name} learned from {', '.join(train.sets)}"[:200] if config.own_music else config.about or family.about,
        licence=_licence_of_own(config.start) if config.own_music else config.licence,
        network=config.network,
        latent=network.config.latent,
        steps_per_beat=family.spec.steps_per_beat,
        bars=max(1, family.spec.window_beats // 4),
        timing=bool(train.feel[:, 1].mean() > 0.5),
        reach=1.0,
        amounts=((0.0, 0.0), (1.0, 1.0)),
        midpoint_noise=config.midpoint_noise,
        data={
            "windows": {s: int(((train.set_of == i) & is_music).sum()) for i, s in enumerate(train.sets)},
            **({"pairs": pairs} if pairs else {}),
            "pieces": len(np.unique(train.piece)),
            "sha256": train.sha256(),
        },
        config=config.model_dump(mode="json"),
        commit=name_commit(),
        metrics={k: round(v, 4) for k, v in metrics.items()},
        weights_sha256="",
    )
    own = valid.take(valid.are_own(config.codec_sets))
    judged = own if len(own) else train.take(train.are_own(config.codec_sets))
    model = TorchModel(card, family, network, str(trainer.device))
    amounts, reach = calibrate(model, judged.grid)
    found = {"amounts": tuple(amounts), "reach": round(reach, 3), "feel_correlation": _feel_correlation(model, judged)}
    if config.told_noise and config.told_share and AMOUNT in family.context:
        found["told_noise"] = config.told_noise
        found["told_amounts"] = tuple(calibrate(model, judged.grid, told_noise=config.told_noise)[0])
        found["told_lean"] = measure_lean(model, judged.grid, config.told_noise)
    tokens = family.vocabulary.without_leading_holds(train.grid[is_music].tokens)
    habits = habits_of(train.take(train.are_own(config.codec_sets)), family) if config.context_share else NO_HABITS
    save_model(folder, card.model_copy(update=found), network, window_hashes(tokens, family), habits)
    return folder


def _licence_of_own(start: str) -> str:
    """Say what the weights may be used for that learned from someone's own music."""
    return "that of the music it learned from" + (f", and of {start} ({read_card(find_model(start)).licence})" if start else "")


def habits_of(windows: Windows, family: Family) -> Habits:
    """Keep what some windows are like, a few of each piece, for samples to be told."""
    if not row_size(family.context) or not len(windows):
        return NO_HABITS
    told = family.own_context(windows.grid)
    return NO_HABITS if told is None else choose_habits(told, windows.piece, family.context, np.random.default_rng(0))


def add_habits(folder: Path, data: Path) -> None:
    """Give a model that was published without habits those of the music that it learned from."""
    card = read_card(folder)
    family, sets, codec = find_family(card.family), card.config.get("sets"), card.config.get("codec_sets")
    train = pack(find_sources(data, "train", tuple(map(str, sets)) if isinstance(sets, list) else ()), family)
    write_habits(folder, card, habits_of(train.take(train.are_own(codec if isinstance(codec, list) else ())), family))


def _feel_correlation(model: TorchModel, judged: Windows) -> FeelCorrelation:
    played = judged.take(np.flatnonzero(judged.feel.all(1))).grid[:PLAYED]
    if len(played) == 0 or model.network.config.plain:
        return ()
    e = noise(np.random.default_rng(0), len(played), model.card.latent)
    ranks = model.feel_ranks(e, np.ones(len(played), np.float32), played)
    return measure_feel_correlation(ranks, model.family.vocabulary.struck(played.tokens))


def name_commit() -> str:
    """Name the commit of this code, where it runs from a checkout."""
    try:
        git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
