"""Train the baseline of `bench/groove.py`: `python bench/groove_seq2seq.py DATA_DIR --out DIR [--minutes 60]`, resumable.

It is a Seq2Seq of the configuration published with GrooVAE (arXiv 1905.06118; the sizes, the dropout and the losses are those
of `groovae_2bar_humanize` in magenta's music_vae/configs.py, without the bottleneck): a bidirectional LSTM of 512 reads the
hits of two bars, two LSTMs of 256 write hit, velocity and offset of nine drums, step after step, and are scored by log loss
and by squared errors. A batch has 128 windows, not 512, so that an hour of one core holds some thousands of steps. No part of
the product knows of it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.families.registry import find_family
from models.network.torch_runtime import use_one_thread
from models.training.dataset import Windows, find_sources, pack
from models.whole_file import write_whole

DRUMS, ENCODER, LATENT, DECODER, KEPT = 9, 512, 256, 256, 0.3
BATCH, RATE, DECAY, LEAST_RATE, CLIP = 128, 1e-3, 0.9999, 1e-5, 1.0
EVERY = 200  # steps between validations
RUN, METRICS = "seq2seq.safetensors", "seq2seq.jsonl"


class Seq2Seq(nn.Module):
    """Hits [B, T, 9] in; logits of hits, velocities 0..1 and offsets -1..1 (half a step) out."""

    def __init__(self) -> None:
        """Make fresh weights."""
        super().__init__()
        self.encoder = nn.LSTM(3 * DRUMS, ENCODER, batch_first=True, bidirectional=True)
        self.latent = nn.Linear(2 * ENCODER, LATENT)
        self.start = nn.Linear(LATENT, 4 * DECODER)
        self.first = nn.LSTM(3 * DRUMS + LATENT, DECODER, batch_first=True)
        self.second = nn.LSTM(DECODER, DECODER, batch_first=True)
        self.last = nn.Linear(DECODER, 3 * DRUMS)

    def encode(self, hits: Tensor) -> tuple[Tensor, Tensor]:
        """Read hits: the latent [B, Z], and the states that the decoder begins with [4, B, D]."""
        silent = torch.cat([hits, torch.zeros_like(hits), torch.zeros_like(hits)], -1)
        _, (final, _) = self.encoder(self._dropped(silent))
        z = self.latent(torch.cat([final[0], final[1]], -1))
        return z, torch.tanh(self.start(z)).reshape(-1, 4, DECODER).movedim(1, 0).contiguous()

    def forward(self, hits: Tensor, velocities: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score music whose past is told."""
        z, states = self.encode(hits)
        said = torch.cat([hits, velocities, offsets], -1)
        before = F.pad(said, (0, 0, 1, 0))[:, :-1]
        out, _, _ = self._step(before, z, states[0:2], states[2:4])
        return out

    def _step(
        self, before: Tensor, z: Tensor, one: Tensor, two: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]:
        x = torch.cat([before, z[:, None].expand(-1, before.shape[1], -1)], -1)
        a, one_after = self.first(self._dropped(x), (one[:1].contiguous(), one[1:].contiguous()))
        b, two_after = self.second(self._dropped(a), (two[:1].contiguous(), two[1:].contiguous()))
        hits, velocities, offsets = self.last(b).float().chunk(3, -1)
        return (hits, torch.sigmoid(velocities), torch.tanh(offsets)), torch.cat(one_after), torch.cat(two_after)

    @torch.inference_mode()
    def play(self, hits: Tensor) -> tuple[Tensor, Tensor]:
        """Write velocities and offsets of given hits, step after step, [B, T, 9] each."""
        z, states = self.encode(hits)
        one, two = states[0:2], states[2:4]
        before, written = torch.zeros(len(hits), 1, 3 * DRUMS), []
        for t in range(hits.shape[1]):
            (_, velocities, offsets), one, two = self._step(before, z, one, two)
            now = hits[:, t : t + 1]
            written.append((velocities * now, offsets * now))
            before = torch.cat([now, *written[-1]], -1)
        loud, late = (torch.cat(values, 1) for values in zip(*written, strict=True))
        return loud, late

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, 1 - KEPT, self.training)


def tensors(windows: Windows) -> tuple[Tensor, Tensor, Tensor]:
    """Hits, velocities 0..1 and offsets -1..1 of windows, zero where nothing is struck."""
    grid = windows.grid
    hits = find_family("drums").vocabulary.struck(grid.tokens)
    values = (hits, grid.velocities * hits, grid.offsets * 2 * hits)
    return tuple(torch.from_numpy(np.asarray(v, np.float32)) for v in values)  # type: ignore[return-value]


def loss_of(network: Seq2Seq, hits: Tensor, velocities: Tensor, offsets: Tensor) -> Tensor:
    """Score a batch as published: the log loss of hits and the squared errors of the rest, summed over drums."""
    said, loud, late = network(hits, velocities, offsets)
    parts = (
        F.binary_cross_entropy_with_logits(said, hits, reduction="none"),
        (loud - velocities) ** 2,
        (late - offsets) ** 2,
    )
    return torch.stack([part.sum(-1).mean() for part in parts]).sum()


def load_seq2seq(path: Path) -> Seq2Seq:
    """Read the weights that did best on what is held out."""
    network = Seq2Seq()
    state = load_file(path / RUN if path.is_dir() else path)
    network.load_state_dict({k.removeprefix("best/"): v for k, v in state.items() if k.startswith("best/")})
    return network.eval()


def train(train: Windows, valid: Windows, out: Path, minutes: float) -> None:
    """Train for so many processor minutes, those of the runs before included."""
    torch.manual_seed(1)
    network = Seq2Seq()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    names = [name for name, _ in network.named_parameters()]
    step, used, best = 0, 0.0, np.inf
    kept = {k: v.clone() for k, v in network.state_dict().items()}
    out.mkdir(parents=True, exist_ok=True)
    if (out / RUN).exists():
        state = load_file(out / RUN)
        network.load_state_dict({n: state[f"weights/{n}"] for n in names})
        kept = {n: state[f"best/{n}"] for n in names}
        moments = optimizer.state_dict()
        moments["state"] = {
            i: {k: state[f"optimizer/{n}/{k}"] for k in ("step", "exp_avg", "exp_avg_sq")} for i, n in enumerate(names)
        }
        optimizer.load_state_dict(moments)
        step, used, best = int(state["step"]), float(state["used"]), float(state["best"])
    learned, held = tensors(train), tensors(valid)
    begun = time.process_time() - used
    while (used := time.process_time() - begun) < 60 * minutes:
        network.train()
        rows = torch.from_numpy(np.random.default_rng((1, step)).integers(len(train), size=BATCH))
        for group in optimizer.param_groups:
            group["lr"] = LEAST_RATE + (RATE - LEAST_RATE) * DECAY**step
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(network, *(values[rows] for values in learned))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        step += 1
        if step % EVERY:
            continue
        network.eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            measured = float(np.mean([float(loss_of(network, *(v[i::4] for v in held))) for i in range(4)]))
        if measured < best:
            best, kept = measured, {k: v.clone() for k, v in network.state_dict().items()}
        with (out / METRICS).open("a", encoding="utf-8") as file:
            line = {
                "step": step,
                "loss": round(float(loss.detach()), 4),
                "valid": round(measured, 4),
                "minutes": round(used / 60, 2),
            }
            file.write(json.dumps(line) + "\n")
        state = {f"weights/{n}": v.detach() for n, v in network.named_parameters()}
        state |= {f"best/{n}": v for n, v in kept.items()}
        for i, its in optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{names[i]}/{k}": v for k, v in its.items()}
        state |= {"step": torch.tensor(step), "used": torch.tensor(used), "best": torch.tensor(best)}
        write_whole(out / RUN, save({k: v.contiguous() for k, v in state.items()}))


def main() -> None:
    """Read the arguments, cut the windows, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60, help="processor minutes, those of earlier runs included")
    given = parser.parse_args()
    use_one_thread()
    family = find_family("drums")
    found = [pack(find_sources(given.data, split, ("groove",)), family) for split in ("train", "valid")]
    train(found[0], found[1], given.out, given.minutes)


if __name__ == "__main__":
    main()
