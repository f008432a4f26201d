"""Everything that a resumed run needs, in one file of a run's folder; it is no part of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.network.vae import Network

RUN = "run.safetensors"


@dataclass
class State:
    """A run as it stands: the network and its optimizer, which are changed in place, the averaged weights, the step."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    step: int = 0


def save_state(run: State, folder: Path) -> None:
    """Write a run, whole or not at all."""
    state: dict[str, Tensor] = {"step": torch.tensor(run.step)}
    names = [name for name, _ in run.network.named_parameters()]
    for name, value in run.network.named_parameters():
        state[f"weights/{name}"] = value.detach()
        state[f"average/{name}"] = run.average[name]
    for index, moments in run.optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            state[f"optimizer/{names[index]}/{key}"] = value
    part = folder / f"{RUN}.part"
    save_file({k: v.contiguous().cpu() for k, v in state.items()}, part)
    part.replace(folder / RUN)


def load_state(run: State, folder: Path, device: torch.device) -> None:
    """Bring a run to where `save_state` wrote it."""
    state = load_file(folder / RUN, device=str(device))
    names = [name for name, _ in run.network.named_parameters()]
    run.network.load_state_dict({n: state[f"weights/{n}"] for n in names})
    run.average = {n: state[f"average/{n}"] for n in names}
    fresh = run.optimizer.state_dict()
    # A weight that no config of this run ever used has no moments yet.
    fresh["state"] = {
        i: {k: state[f"optimizer/{n}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")}
        for i, n in enumerate(names)
        if f"optimizer/{n}/step" in state
    }
    run.optimizer.load_state_dict(fresh)
    run.step = int(state["step"])
