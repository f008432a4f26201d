"""Train the model of feel: `python bench/train_feel.py configs/train/feel.yaml DATA_DIR --out DIR`; again goes on.

It leaves the weights, `feel.yaml` and the course of the training; `run.safetensors` is what a run that was stopped goes on
from, and no part of the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models.network.torch_runtime import use_one_thread
from models.training.feel import RUN, FeelConfig, FeelTrainer, publish, read_takes
from models.yaml_text import load_yaml


def main() -> None:
    """Read the arguments, train, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    use_one_thread()
    config = FeelConfig.model_validate(load_yaml(given.config.read_text(encoding="utf-8")))
    trainer = FeelTrainer(config, *(read_takes(given.data, split, config.sets) for split in ("train", "valid")))
    given.out.mkdir(parents=True, exist_ok=True)
    if (given.out / RUN).exists():
        trainer.resume(given.out)
    trainer.run(given.out, lambda step, figures: print(step, {k: round(v, 3) for k, v in figures.items()}, flush=True))
    publish(trainer, given.out, given.config.stem)


if __name__ == "__main__":
    main()
