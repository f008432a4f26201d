"""Playing given hits as drummers do: the network of feel by numpy, hit after hit. No clips, no files, no training.

It computes what `models.training.feel_network` computes; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.feel.hits import (
    BIN,
    BINS,
    DYNAMIC,
    EARLIER,
    GROUP_COUNT,
    GROUPS,
    HALF_BINS,
    LOUD,
    STATIC,
    Floats,
    Hits,
    Ints,
    bins_of,
    describe,
    gaps,
    group,
    look_back,
)
from models.feel.sizes import AROUND, DEEP, FEEL, HEARD, STATE, TOLD
from models.pause import pause

ROWS = 8  # that are played side by side, always: what is played does not depend on how many are wanted
EVERY = 64  # hits between two pauses
LATE_TEMPERATURE = 1.2
OFFSET_SCALE, VELOCITY_SCALE = 20.0, 64.0


@dataclass(frozen=True)
class Known:
    """What of hits is known beforehand, [N] each: they are played as they are told to, and the others fit them.

    `low` and `high` are the bins between which an offset must lie.
    """

    offset: NDArray[np.bool_]
    velocity: NDArray[np.bool_]
    low: Ints
    high: Ints

    @staticmethod
    def nothing(count: int) -> Known:
        """Leave all open."""
        none = np.zeros(count, bool)
        return Known(none, none, np.zeros(count, np.int64), np.full(count, BINS - 1))


class Player:
    """Plays hits. Weights are as `models.training.feel_network` names them."""

    def __init__(self, weights: Mapping[str, NDArray[np.floating]], *, weights_sha256: str = "") -> None:
        """Take the weights as they are saved, half precision or single."""
        self.weights_sha256 = weights_sha256
        self._w = {name: np.asarray(values, np.float32) for name, values in weights.items()}

    @property
    def weights(self) -> Mapping[str, Floats]:
        """The weights, by name."""
        return self._w

    def hear(self, hits: Hits) -> Floats:
        """Hear the feel of hits that were played, [FEEL]."""
        around, offset = self._around(hits), hits.offset
        sound = np.stack([10 * offset, 100 * offset * offset, hits.velocity / 64 - 1, hits.velocity >= LOUD], -1)
        heard = np.concatenate([around, sound.astype(np.float32)], -1)
        heard = _gelu(self._line("heard_2", _gelu(self._line("heard_1", heard))))
        both = np.concatenate([_pooled(heard), _pooled(around)])
        return self._line("feel_2", _gelu(self._line("feel_1", both)))[:FEEL]

    def guess(self, hits: Hits) -> tuple[Floats, Floats]:
        """Guess the feel of hits: means and deviations of what drummers play them with, [FEEL] each."""
        found = self._line("prior_2", _gelu(self._line("prior_1", _pooled(self._around(hits)))))
        return found[:FEEL], np.exp(np.clip(found[FEEL:], -6, 3))

    def play(self, hits: Hits, feels: Floats, draws: Floats, known: Known, *, temperature: float = 1.0) -> tuple[Floats, Ints]:
        """Play hits with some feels [R, FEEL], by draws [R, N, 3] of 0..1: offsets in beats and velocities, [R, N] each.

        Offsets are drawn at LATE_TEMPERATURE times the temperature: what is played goes by what was played before it, and
        drifts to what is usual. With this, offsets of held-out pieces are spread as drummers' own (chosen on `valid`).
        """
        parts = [
            self._play_rows(hits, feels[i : i + ROWS], draws[i : i + ROWS], known, temperature)
            for i in range(0, len(feels), ROWS)
        ]
        return np.concatenate([offset for offset, _ in parts]), np.concatenate([velocity for _, velocity in parts])

    def _play_rows(self, hits: Hits, feels: Floats, draws: Floats, known: Known, temperature: float) -> tuple[Floats, Ints]:
        wanted, n = len(feels), len(hits)
        feels, draws = (np.concatenate([v, np.zeros((ROWS - wanted, *v.shape[1:]), v.dtype)]) for v in (feels, draws))
        w, around, earlier, groups = self._w, self._around(hits), look_back(hits), group(hits)
        seen_w = w["dynamic.weight"].T
        there = (earlier >= 0).astype(np.float32)
        counts = _counts_before(groups)
        looked = seen_w[EARLIER : 3 * EARLIER]
        means = 3 * EARLIER + 3 * np.arange(GROUPS)
        mean_w = np.concatenate([seen_w[means], seen_w[means + 1]])
        base = there @ seen_w[:EARLIER] + np.log1p(counts) @ seen_w[means + 2] + gaps(hits, earlier) @ seen_w[-2:]
        base += w["dynamic.bias"]
        size = around.shape[1]
        into_state, into_deep = w["state.weight_ih_l0"].T, w["deep.weight"].T
        state_around = around @ into_state[:size] + w["state.bias_ih_l0"]
        deep_around = around @ into_deep[STATE : STATE + size] + w["deep.bias"]
        state_feel, deep_feel = feels @ into_state[2 * size :], feels @ into_deep[STATE + 2 * size :]
        state_seen, deep_seen = into_state[size : 2 * size], into_deep[STATE + size : STATE + 2 * size]
        recurrent, recurrent_bias = w["state.weight_hh_l0"].T, w["state.bias_hh_l0"]
        # The last column stands for hits that are not there.
        played = np.zeros((2, ROWS, n + 1), np.float32)
        sums = np.zeros((GROUP_COUNT, 2, ROWS), np.float32)
        state = np.zeros((ROWS, STATE), np.float32)
        offsets, velocities = np.zeros((ROWS, n), np.float32), np.zeros((ROWS, n), np.int64)
        own = bins_of(hits.offset)
        for i in range(n):
            if i % EVERY == 0:
                pause()
            mean = sums[groups[i]] / (counts[i] + 1)[:, None, None]
            past = np.concatenate([*played[:, :, earlier[i]].transpose(0, 2, 1), mean[:, 0], mean[:, 1]]).T
            seen = _gelu(past[:, : 2 * EARLIER] @ looked + past[:, 2 * EARLIER :] @ mean_w + base[i])
            state = _gru(state_around[i] + state_feel + seen @ state_seen, state @ recurrent + recurrent_bias, state)
            deep = _gelu(state @ into_deep[:STATE] + seen @ deep_seen + deep_around[i] + deep_feel)
            if known.offset[i]:
                bins = np.full(ROWS, own[i])
                offsets[:, i] = hits.offset[i]
            else:
                late = self._line("late", deep)
                late[:, : known.low[i]] = late[:, known.high[i] + 1 :] = -np.inf
                bins = _draw(late / (temperature * LATE_TEMPERATURE), draws[:, i, 0])
                offsets[:, i] = (bins - HALF_BINS + draws[:, i, 1] - 0.5) * BIN
            if known.velocity[i]:
                velocities[:, i] = hits.velocity[i]
            else:
                loud = _gelu(self._line("loud_1", np.concatenate([deep, w["told.weight"][bins]], 1)))
                velocities[:, i] = 1 + _draw(self._line("loud_2", loud) / temperature, draws[:, i, 2])
            played[0, :, i], played[1, :, i] = offsets[:, i] * OFFSET_SCALE, velocities[:, i] / VELOCITY_SCALE - 1
            sums[groups[i]] += played[:, :, i]
        return offsets[:wanted], velocities[:wanted]

    def _around(self, hits: Hits) -> Floats:
        return _gelu(self._line("static_2", _gelu(self._line("static_1", describe(hits)))))

    def _line(self, name: str, x: Floats) -> Floats:
        return x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"]


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """List the weights and their shapes."""
    lines = {
        "static_1": (STATIC, AROUND),
        "static_2": (AROUND, AROUND),
        "prior_1": (2 * AROUND, DEEP),
        "prior_2": (DEEP, 2 * FEEL),
        "heard_1": (AROUND + 4, HEARD),
        "heard_2": (HEARD, HEARD),
        "feel_1": (2 * HEARD + 2 * AROUND, DEEP),
        "feel_2": (DEEP, 2 * FEEL),
        "dynamic": (DYNAMIC, AROUND),
        "deep": (STATE + 2 * AROUND + FEEL, DEEP),
        "late": (DEEP, BINS),
        "loud_1": (DEEP + TOLD, DEEP),
        "loud_2": (DEEP, LOUD),
    }
    shapes: dict[str, tuple[int, ...]] = {"told.weight": (BINS, TOLD)}
    for name, (inputs, outputs) in lines.items():
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    for part, inputs in (("ih", 2 * AROUND + FEEL), ("hh", STATE)):
        shapes |= {f"state.weight_{part}_l0": (3 * STATE, inputs), f"state.bias_{part}_l0": (3 * STATE,)}
    return shapes


def _gru(given: Floats, own: Floats, state: Floats) -> Floats:
    """Step a recurrent layer, as torch orders its gates: reset, update, new."""
    reset, update = (_sigmoid(given[:, k * STATE : (k + 1) * STATE] + own[:, k * STATE : (k + 1) * STATE]) for k in (0, 1))
    new = np.tanh(given[:, 2 * STATE :] + reset * own[:, 2 * STATE :])
    return (1 - update) * new + update * state


def _counts_before(groups: Ints) -> Floats:
    """Count the hits of each group before each hit, [N, GROUPS]."""
    seen = np.zeros(GROUP_COUNT, np.float32)
    found = np.zeros(groups.shape, np.float32)
    for i, mine in enumerate(groups):
        found[i] = seen[mine]
        seen[mine] += 1
    return found


def _draw(logits: Floats, chance: Floats) -> Ints:
    """Draw from each row by a number of 0..1."""
    weights = np.exp(logits - logits.max(1, keepdims=True))
    below = np.cumsum(weights, 1)
    found: Ints = np.minimum((below < (chance * below[:, -1])[:, None]).sum(1), logits.shape[1] - 1)
    return found


def _pooled(values: Floats) -> Floats:
    return np.concatenate([values.mean(0), np.maximum(values.max(0), -10)])


def _gelu(x: Floats) -> Floats:
    found: Floats = 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))
    return found


def _sigmoid(x: Floats) -> Floats:
    found: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return found
