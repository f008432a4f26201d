"""What a request will cost, from its numbers alone, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.limits import Limits
from bridge.protocol.messages import ProtocolError
from bridge.requests import Blend, Request

if TYPE_CHECKING:
    from bridge.protocol.assembly import ClipBuffer


@dataclass(frozen=True)
class Work:
    """Seconds of one core, and bytes of memory, both rough."""

    seconds: float
    bytes: int


A_POSITION = Work(0.005, 2**20)
"""Of a puck position."""


def estimate(request: Request, clips: Sequence[ClipBuffer]) -> Work:
    """Estimate the work of a request."""
    windows, times = _sizes(request, clips)
    return Work(0.004 * windows * times, windows * times * 10_000)


def check_work(request: Request, clips: Sequence[ClipBuffer], limits: Limits) -> None:
    """Refuse what would keep the worker for more than a minute or so."""
    windows, times = _sizes(request, clips)
    if windows * times > limits.windows:
        text = f"{times} clips of {windows} windows of two bars are more than the {limits.windows} windows of one request"
        raise ProtocolError("too_large", text)


def _sizes(request: Request, clips: Sequence[ClipBuffer]) -> tuple[int, int]:
    windows = sum(math.ceil(clip.beats / (2 * min(4.0, clip.meter[0] * 4 / clip.meter[1]))) for clip in clips)
    windows += -(-getattr(request, "bars", 0) // 2)
    side = request.grid if isinstance(request, Blend) and request.at is None else 1
    times = side**2 if isinstance(request, Blend) else getattr(request, "count", getattr(request, "steps", 1))
    return windows, times
