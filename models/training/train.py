"""Training from its config and a folder of MIDI to a model folder, begun anew or resumed. No command line."""

from __future__ import annotations

from pathlib import Path

import yaml

from models.families.registry import find_family
from models.network.torch_runtime import use_one_thread
from models.store import find_model, read_card
from models.training.checkpoints import RUN
from models.training.config import TrainConfig
from models.training.dataset import MUSIC, Windows, find_sources, has_splits, pack
from models.training.publishing import publish
from models.training.trainer import Report, Trainer

# The windows of a run, as they were cut from its data; they are no part of the model.
LEARNED, VALIDATED = "learned.npz", "validated.npz"


def train_model(
    config: TrainConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    report: Report = lambda step, figures: None,
) -> Path:
    """Train a model on a folder of MIDI and write its folder, which loads at once: `--model OUT`."""
    use_one_thread()
    out.mkdir(parents=True, exist_ok=True)
    record = out / "config.yaml"
    if resume and not (out / RUN).exists():
        raise ValueError(f"nothing to resume: {out} holds no {RUN}")
    config = _as_begun(config, TrainConfig.read(record)) if resume else _with_start(config)
    if resume and TrainConfig.read(record) != config:
        raise ValueError(f"{record} is not the config that was given; a run resumes with the one it began with")
    if not resume and (out / RUN).exists():
        raise ValueError(f"{out} holds a run already; continue it with --resume or train into another folder")
    kept = [out / LEARNED, out / VALIDATED]
    if all(path.exists() for path in kept):
        train, valid = (Windows.load(path) for path in kept)
    else:
        train, valid = learn_from(data, config)
        for windows, path in zip((train, valid), kept, strict=True):
            windows.save(path)
    trainer = Trainer(config, train, valid, device)
    if resume:
        trainer.resume(out)
    else:
        if config.start:
            trainer.start_from(config.start)
        record.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    trainer.run(out, report)
    return publish(trainer, out)


def learn_from(data: Path, config: TrainConfig) -> tuple[Windows, Windows]:
    """Read what to learn from and what to validate on; where no splits.csv says, every tenth piece validates."""
    family = find_family(config.family)
    everything = bool(config.pair_share or config.rest_share or config.line_share or config.context_share)
    if has_splits(data):
        train, valid = (
            pack(find_sources(data, split, config.sets), family, everything=everything) for split in ("train", "valid")
        )
    else:
        found = pack(find_sources(data, sets=config.sets), family, everything=everything)
        tenth = found.piece % 10 == 9
        train, valid = found.take(~tenth), found.take(tenth if tenth.any() else ~tenth)
    if not train.are(MUSIC).any():
        raise ValueError(f"{data} holds no two bars of {config.family} in 4/4 to learn from")
    return train, valid


def _with_start(config: TrainConfig) -> TrainConfig:
    """Write down what a training takes from the model it starts from, which may be another one day."""
    if not config.start:
        return config
    card = read_card(find_model(config.start))
    return config.model_copy(
        update={"start_sha256": card.weights_sha256, "pair_levels": config.pair_levels or tuple(card.amounts)}
    )


def _as_begun(config: TrainConfig, begun: TrainConfig) -> TrainConfig:
    """Fill in what the run that is resumed has written down of its start."""
    return config.model_copy(
        update={"start_sha256": begun.start_sha256, "pair_levels": config.pair_levels or begun.pair_levels}
    )
