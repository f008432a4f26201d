"""Several processes that train one model, as `torchrun` starts them: who is who, and what they tell each other. No music."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Group:
    """The processes of a training, of which this is the `rank`th, from 0; the first alone measures and writes."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        """Whether this process measures and writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all have come here."""
        if self.size > 1:
            distributed.barrier()

    def mean(self, value: torch.Tensor) -> float:
        """Average a number over all."""
        value = value.detach().clone()
        if self.size > 1:
            distributed.all_reduce(value)
        return float(value) / self.size

    def of_first(self, value: int) -> int:
        """Give what the first has."""
        told = torch.tensor(value, device=self.device)
        if self.size > 1:
            distributed.broadcast(told, 0)
        return int(told)


ALONE = Group()


def is_first() -> bool:
    """Tell before anything is set up whether this process is the one that speaks."""
    return not distributed.is_torchelastic_launched() or os.environ["RANK"] == "0"


@contextmanager
def joined(device: str) -> Iterator[Group]:
    """Join the others that `torchrun` has started, on one GPU each or on one core; without it, train alone."""
    if not distributed.is_torchelastic_launched():
        yield Group(device=device)
        return
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise ValueError(f"this machine has {torch.cuda.device_count()} GPUs, which is less than --nproc-per-node asks for")
        torch.cuda.set_device(local)
        device = f"cuda:{local}"
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Group(rank, size, device)
    finally:
        distributed.destroy_process_group()
