"""The network of feel, in torch, to be trained: hits and what came before in, chances of offsets and velocities out.

What it computes while it plays is in `models.feel.player`, by numpy, with the same weights; here all hits of a stretch are
scored at once, each told how those before it were really played.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.feel.hits import BINS, DYNAMIC, EARLIER, GROUPS, LOUD, STATIC
from models.feel.sizes import AROUND, DEEP, FEEL, HEARD, STATE, TOLD


class FeelNetwork(nn.Module):
    """Scores how stretches of hits were played, given the feel that they were played with."""

    def __init__(self, dropout: float = 0.0) -> None:
        """Make fresh weights."""
        super().__init__()
        self.dropout = dropout
        self.static_1, self.static_2 = nn.Linear(STATIC, AROUND), nn.Linear(AROUND, AROUND)
        self.prior_1, self.prior_2 = nn.Linear(2 * AROUND, DEEP), nn.Linear(DEEP, 2 * FEEL)
        self.heard_1, self.heard_2 = nn.Linear(AROUND + 4, HEARD), nn.Linear(HEARD, HEARD)
        self.feel_1, self.feel_2 = nn.Linear(2 * HEARD + 2 * AROUND, DEEP), nn.Linear(DEEP, 2 * FEEL)
        self.dynamic = nn.Linear(DYNAMIC, AROUND)
        self.state = nn.GRU(2 * AROUND + FEEL, STATE, batch_first=True)
        self.deep = nn.Linear(STATE + 2 * AROUND + FEEL, DEEP)
        self.late = nn.Linear(DEEP, BINS)
        self.told = nn.Embedding(BINS, TOLD)
        self.loud_1, self.loud_2 = nn.Linear(DEEP + TOLD, DEEP), nn.Linear(DEEP, LOUD)

    def around(self, static: Tensor) -> Tensor:
        """Read what hits are and where they lie, [..., STATIC] -> [..., AROUND]."""
        return gelu(self.static_2(self._dropped(gelu(self.static_1(self._dropped(static))))))

    def prior(self, around: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Guess the feel of hits: means and logarithms of deviations, [B, FEEL]."""
        return _gaussian(self.prior_2(gelu(self.prior_1(self._dropped(pooled(around, there))))))

    def posterior(self, around: Tensor, offset: Tensor, velocity: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Hear the feel of hits that were played."""
        sound = torch.stack([10 * offset, 100 * offset * offset, velocity / 64 - 1, (velocity >= LOUD).float()], -1)
        heard = gelu(self.heard_2(gelu(self.heard_1(torch.cat([around, sound], -1)))))
        both = torch.cat([pooled(heard, there), pooled(around, there)], -1)
        return _gaussian(self.feel_2(gelu(self.feel_1(self._dropped(both)))))

    def forward(self, around: Tensor, dynamic: Tensor, feel: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
        """Score hits: logits of bins [B, N, BINS], and of velocities given the bins [B, N, LOUD]."""
        seen = gelu(self.dynamic(self._dropped(dynamic)))
        z = feel[:, None].expand(-1, around.shape[1], -1)
        inputs = torch.cat([around, seen, z], -1)
        states, _ = self.state(self._dropped(inputs))
        deep = gelu(self.deep(torch.cat([self._dropped(states), inputs], -1)))
        loud = gelu(self.loud_1(torch.cat([deep, self.told(bins)], -1)))
        return self.late(self._dropped(deep)), self.loud_2(self._dropped(loud))

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def dynamics(values: Tensor, earlier: Tensor, groups: Tensor, gap: Tensor) -> Tensor:
    """Gather what was played before each hit: [B, N, DYNAMIC] of offsets and velocities [B, N, 2] scaled as `scaled` does.

    `groups` numbers the groups of hits within a stretch; a mean is over those of a group before a hit.
    """
    b, n, _ = values.shape
    there = (earlier >= 0).float()
    index = earlier.clamp(min=0).reshape(b, -1, 1).expand(-1, -1, 2)
    looked = values.gather(1, index).reshape(b, n, EARLIER, 2) * there[..., None]
    means = []
    past = torch.ones(n, n, dtype=torch.bool).tril(-1)
    for k in range(GROUPS):
        same = (groups[:, :, None, k] == groups[:, None, :, k]) & past
        count = same.sum(-1, keepdim=True).float()
        means += [same.float() @ values / (count + 1), torch.log1p(count)]
    return torch.cat([there, looked[..., 0], looked[..., 1], *means, gap], -1)


def scaled(offset: Tensor, velocity: Tensor) -> Tensor:
    """Bring offsets and velocities to numbers near 1, [..., 2]."""
    return torch.stack([offset * 20, velocity / 64 - 1], -1)


def pooled(values: Tensor, there: Tensor) -> Tensor:
    """Join what is said of all hits of a stretch: means and maxima, [B, N, D] -> [B, 2 D]."""
    mean = (values * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)
    most = values.masked_fill(~there[..., None].bool(), -1e4).amax(1)
    return torch.cat([mean, most.clamp(min=-10)], -1)


def _gaussian(both: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = both.float().chunk(2, -1)
    return mean, deviation.clamp(-6, 3)


def gelu(x: Tensor) -> Tensor:
    """As numpy computes it, too."""
    return F.gelu(x, approximate="tanh")
