"""Everything that a resumed run needs, in one file of a run's folder; it is no part of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from models.network.vae import Network
from models.whole_file import write_whole

RUN = "run.safetensors"


@dataclass(frozen=True)
class Best:
    """The averaged weights that did best on what is held out, the step they are of, and how they did: less is better."""

    step: int
    figure: float
    weights: dict[str, Tensor]


@dataclass
class State:
    """A run as it stands: the network and its optimizer, which are changed in place, the averaged weights, the step.

    `best` is None where a run does not stop early; `stale` counts the validations since then.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    step: int = 0
    best: Best | None = None
    stale: int = 0


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
    if run.best:
        state |= {f"best/{name}": value for name, value in run.best.weights.items()}
        state |= {"best_step": torch.tensor(run.best.step), "stale": torch.tensor(run.stale)}
        state["best_figure"] = torch.tensor(run.best.figure, dtype=torch.float64)
    write_whole(folder / RUN, save({k: v.contiguous().cpu() for k, v in state.items()}))


def load_state(run: State, folder: Path, device: torch.device) -> None:
    """Bring a run to where `save_state` wrote it."""
    try:
        _take_over(run, load_file(folder / RUN, device=str(device)))
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"{folder / RUN} is cut off, or of no run of this training: remove {folder}, and begin anew"
        ) from error


def _take_over(run: State, state: dict[str, Tensor]) -> None:
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
    if "best_step" in state:
        weights = {n: state[f"best/{n}"] for n in names}
        run.best = Best(int(state["best_step"]), float(state["best_figure"]), weights)
        run.stale = int(state["stale"])
