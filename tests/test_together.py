"""Training by several processes: parts of a batch weigh what the whole does, and two processes give one's loss curve."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.families.registry import find_family
from models.network.config import NetworkConfig
from models.network.torch_runtime import build_network
from models.store import read_card
from models.training.batches import Batches
from models.training.checkpoints import RUN
from models.training.config import TrainConfig
from models.training.dataset import Windows
from models.training.losses import batch_loss
from models.training.together import Group
from models.training.train import LEARNED, VALIDATED, learn_from, train_model
from models.training.trainer import METRICS, Trainer
from tests.support.processes import PROGRAM, ROOT

CONFIGS = ROOT / "configs" / "train"
EVERYTHING = {
    "pair_share": 0.25,
    "rest_share": 0.25,
    "line_share": 0.25,
    "told_share": 0.5,
    "pair_levels": ((0.1, 0.0), (1.0, 1.0)),
    "context_share": 0.7,
    "wrong_share": 0.5,
    "known_share": 0.5,
}


@pytest.fixture(scope="module")
def tiny() -> TrainConfig:
    config = TrainConfig.read(CONFIGS / "tiny.yaml")
    # Dropout is drawn by each process for itself.
    return config.model_copy(update={"steps": 8, "report_every": 2, "batch": 9, "network": {**config.network, "dropout": 0.0}})


@pytest.mark.parametrize("size", [2, 4])
def test_the_losses_of_the_parts_of_a_batch_average_to_that_of_the_whole(size: int, tiny: TrainConfig, clips: Path) -> None:
    config = tiny.model_copy(update={"family": "melody", "batch": 18, **EVERYTHING})
    family, cpu = find_family("melody"), torch.device("cpu")
    train, _ = learn_from(clips, config)
    sizes = NetworkConfig.of(family, config.network)
    torch.manual_seed(1)
    network = build_network(family, sizes)
    batches = Batches(config, family, train, sizes)
    for seed in range(3):
        batch = batches.draw(np.random.default_rng(seed))
        assert batch.wrong is not None
        whole = batch_loss(network, batch, config, cpu)
        parts = [batch_loss(network, batch.part(rank, size), config, cpu) for rank in range(size)]
        torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_two_processes_go_on_with_the_run_of_one_as_one_would(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    whole, shared, file = tmp_path / "whole", tmp_path / "shared", tmp_path / "tiny.yaml"
    train_model(tiny, clips, whole)

    def stop(step: int, figures: dict[str, float]) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(tiny, clips, shared, report=stop)
    begun = Trainer(tiny, Windows.load(shared / LEARNED), Windows.load(shared / VALIDATED))
    for _ in range(4):
        begun.take_step()
    begun.save(shared)
    file.write_text(tiny.model_dump_json())
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", *PROGRAM]
    asked = ["train", str(file), "--data", str(clips), "--out", str(shared), "--resume", "--device", "cpu"]
    said = subprocess.run([*together, *asked], cwd=ROOT, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [str(shared)]  # one of them speaks
    assert said.stderr.count("step 8 of 8") == 1
    ours, theirs = ([json.loads(line) for line in (folder / METRICS).read_text().splitlines()] for folder in (shared, whole))
    assert [line["step"] for line in ours] == [line["step"] for line in theirs] == [2, 4, 6, 8]
    for mine, its in zip(ours, theirs, strict=True):
        for name in ("loss", "nll_0.05", "nll_1"):
            assert mine[name] == pytest.approx(its[name], rel=1e-3), name  # sums in another order
    assert read_card(shared).config == read_card(whole).config
    assert not (shared / RUN).exists()


def test_a_batch_is_not_cut_into_less_than_windows(tiny: TrainConfig, clips: Path) -> None:
    train, valid = learn_from(clips, tiny)
    with pytest.raises(ValueError, match="9 windows is too small for 16 processes"):
        Trainer(tiny, train, valid, Group(0, 16))
