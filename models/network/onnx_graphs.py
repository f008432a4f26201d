"""What models.network.cpu_runtime computes, as graphs for ONNX Runtime: a transformer, and the recurrent head with its drawing.

All steps of the head are one graph, so no Python runs between them. Its results are those of numpy but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.families.context import CLASSES
from models.families.grid import Vocabulary
from models.network.config import CONTEXT, NetworkConfig
from models.network.cpu_runtime import Array, Layer, Linear, Norm
from models.network.onnx_bytes import CONTRIB, INT32, INT64, Graph

BARRED = -1e9  # added to the score of a hold that has nothing to go on with
UNLIKE = 2.0  # in the place of an onset, 0 or 1, in steps before the window: nothing is like them


class Weights(NamedTuple):
    """Weights [I, O] and a bias [O] that are no layer's own."""

    weight: Array
    bias: Array


Affine = Linear | Norm | Weights


@dataclass(frozen=True)
class HeadWeights:
    """The weights of the head, as models.network.cpu_runtime multiplies them out."""

    lags: list[Array]  # of tokens so many steps back, each [K + 1, 3H]
    past: Array
    context: Affine
    mixing: Affine
    onward: Array  # [H, 4H]: to what the state leads to, and to its output
    start: Array  # [3H]
    score: Affine
    feel: tuple[Affine, Affine]
    leaning: Affine | None  # [H, kinds]


@dataclass(frozen=True)
class TrunkWeights:
    """The weights of what turns a latent, and all that is known, into contexts."""

    from_latent: Affine
    from_beat: Affine
    known: Affine
    level: tuple[Affine, Affine]
    place: Array
    layers: Sequence[Layer]
    norm: Affine
    to_steps: Affine
    hear: Array  # [C, W]
    hear_steps: Array  # [C, CONTEXT]


def encoder(read: Affine, place: Array, layers: Sequence[Layer], norm: Affine, end: Affine, heads: int) -> Graph:
    """Write the encoder: `music` [B, N, I] -> [B, N, Z / N]."""
    g, beats = Graph("encoder"), len(place)
    music = g.take("music", "B", beats, len(read.weight))
    x = g.add("Add", _linear(g, music, read), g.constant(place))
    z = _linear(g, _transformer(g, x, layers, norm, heads, beats), end)
    g.give(z, "B", beats, end.weight.shape[1])
    return g


def decoder(
    trunk: TrunkWeights, head: HeadWeights, config: NetworkConfig, vocabulary: Vocabulary, *, coolness_of_feel: float | None
) -> Graph:
    """Write the decoder: latents `z` [B, Z] -> tokens [T, B] and feel [T, B, 2V], of which the offsets are twice what they are.

    `precision` [B, 4] tells their noise levels. Of `told` [B, N, I], `around` [B, N, C], `bias` [T, B, K], `classes_around`
    [N, B, kinds, 12] and `may_bar` [T, B, 1] the rows, and of `bias` the tokens, may be one for all. Where the music is drawn
    there are `goals` [T, B], `feel_goals` [T, B, 2V, 1] and `coolness` [B, 1], which is one over the temperature, and
    `coolness_of_feel` times that for feel; with None it is the likeliest.
    """
    g = Graph("decoder")
    contexts = _contexts(g, trunk, config)
    _HeadWriter(g, head, config, vocabulary, coolness_of_feel).write(contexts)
    return g


def _contexts(g: Graph, w: TrunkWeights, config: NetworkConfig) -> str:
    """Turn latents, and all that is known, into contexts [T, B, CONTEXT]."""
    beats, told_size, around_size = config.beats, len(w.known.weight), len(w.hear)
    z = g.take("z", "B", config.latent)
    own = g.add("Reshape", z, g.integers(-1, beats, config.latent // beats))
    whole = g.add("Reshape", _linear(g, z, w.from_latent), g.integers(-1, beats, w.from_latent.weight.shape[1] // beats))
    x = _linear(g, g.add("Concat", whole, own, axis=2), w.from_beat)
    x = g.add("Add", x, _linear(g, g.take("told", "R", beats, told_size), w.known))
    level = g.add("QuickGelu", _linear(g, g.take("precision", "B", 4), w.level[0]), domain=CONTRIB, alpha=1.0)
    level = g.add("Reshape", _linear(g, level, w.level[1]), g.integers(-1, 1, config.width))
    x = g.add("Add", x, g.add("Add", level, g.constant(w.place)))
    if around_size:
        around = g.take("around", "A", beats, around_size)
        x = g.add("Add", x, g.add("MatMul", around, g.constant(w.hear)))
    steps = _linear(g, _transformer(g, x, w.layers, w.norm, config.heads, beats), w.to_steps)
    steps = g.add("Reshape", steps, g.integers(-1, beats, config.beat, CONTEXT))
    if around_size:
        heard = g.add("MatMul", around, g.constant(w.hear_steps))
        steps = g.add("Add", steps, g.add("Reshape", heard, g.integers(-1, beats, 1, CONTEXT)))
    return g.add("Transpose", g.add("Reshape", steps, g.integers(-1, config.steps, CONTEXT)), perm=[1, 0, 2])


def _transformer(g: Graph, x: str, layers: Sequence[Layer], norm: Affine, heads: int, places: int) -> str:
    """Add a transformer: [B, N, W] -> [B, N, W]."""
    width = len(norm.weight)
    flat, apart = g.integers(-1, width), g.integers(-1, places, width)
    for layer in layers:
        project = g.constant(layer.project.weight), g.constant(layer.project.bias)
        heard = g.add("Attention", _norm(g, x, layer.norm1), *project, domain=CONTRIB, num_heads=heads)
        heard = _linear(g, g.add("Reshape", heard, flat), layer.join)
        x = g.add("Add", x, g.add("Reshape", heard, apart))
        inner = g.add("MatMul", g.add("Reshape", _norm(g, x, layer.norm2), flat), g.constant(layer.linear1.weight))
        inner = g.add("BiasGelu", inner, g.constant(layer.linear1.bias), domain=CONTRIB)
        x = g.add("Add", x, g.add("Reshape", _linear(g, inner, layer.linear2), apart))
    return _norm(g, x, norm)


class _HeadWriter:
    """Writes the head behind what makes its contexts: what `NumpyModel._write` of models.network.cpu_runtime computes."""

    def __init__(
        self,
        whole: Graph,
        weights: HeadWeights,
        config: NetworkConfig,
        vocabulary: Vocabulary,
        coolness_of_feel: float | None,
    ) -> None:
        self.weights, self.config, self.vocabulary, self.coolness_of_feel = weights, config, vocabulary, coolness_of_feel
        self.whole, self.step = whole, Graph("step")
        self.tokens, self.lanes, self.hidden = vocabulary.tokens, config.lanes, config.hidden
        self.features = vocabulary.features.shape[1]
        # A step that is remembered: velocities, offsets, what is struck, and that again with the token, to compare.
        self.felt, self.remembered = 3 * config.lanes, 4 * config.lanes + 1
        self.ahead = max(config.echoes) + 1

    def write(self, contexts: str) -> None:
        g, step, hidden, lanes, steps = self.whole, self.step, self.hidden, self.lanes, self.config.steps
        past_size = 2 * lanes + self.features + len(self.config.echoes) * (lanes + 1)
        # Each row of the batch begins with the same state.
        rows = g.add(
            "Mul", g.add("Slice", contexts, g.integers(0, 0), g.integers(1, 1), g.integers(0, 2)), g.constant(0.0)
        )  # [1, B, 1]
        rows = g.add("Reshape", rows, g.integers(-1, 1))

        def begin(values: NDArray[np.floating]) -> str:
            return g.add("Add", rows, g.constant(np.asarray(values, np.float32)[None]))

        unknown = np.zeros((self.ahead, self.remembered), np.float32)
        unknown[:, self.felt : -1], unknown[:, -1] = UNLIKE, self.tokens
        memory = g.add("Add", g.add("Reshape", rows, g.integers(-1, 1, 1)), g.constant(unknown[None]))
        start = self.weights.start
        states = [
            (step.take("state", "B", hidden), begin(np.zeros(hidden))),
            (step.take("onward_gates", "B", 2 * hidden), begin(start[: 2 * hidden])),
            (step.take("onward_new", "B", hidden), begin(start[2 * hidden :])),
            (step.take("past", "B", past_size), begin(np.zeros(past_size))),
            (step.take("used", "B", self.features), begin(np.zeros(self.features))),
            (step.take("memory", "B", self.ahead, self.remembered), memory),
        ]
        if self.vocabulary.holds:
            states.append((step.take("may_not_hold", "B", 1), begin(np.ones(1))))
        scanned = [
            (step.take("gate", "B", 3 * hidden), _linear(g, contexts, self.weights.context)),
            (step.take("mixed", "B", hidden), _linear(g, contexts, self.weights.mixing)),
            (step.take("bias_now", "R", "N"), g.take("bias", steps, "R", "N")),
        ]
        if self.vocabulary.holds:
            scanned.append((step.take("may_bar_now", "S", 1), g.take("may_bar", steps, "S", 1)))
        if self.weights.leaning is not None:
            kinds = self.weights.leaning.weight.shape[1]
            around = g.take("classes_around", self.config.beats, "A", kinds, CLASSES)
            beat_of_step = np.arange(steps) // self.config.beat
            around = g.add("Gather", around, g.constant(beat_of_step), axis=0)
            scanned.append((step.take("around_now", "A", kinds, CLASSES), around))
        if self.coolness_of_feel is not None:
            scanned.append((step.take("goal", "B"), g.take("goals", steps, "B")))
            scanned.append((step.take("feel_goal", "B", 2 * lanes, 1), g.take("feel_goals", steps, "B", 2 * lanes, 1)))
            g.take("coolness", "B", 1)
            self.feel_coolness = g.add("Mul", "coolness", g.constant(self.coolness_of_feel))
        self._write_step()
        made = g.split(
            "Scan",
            *(first for _, first in states),
            *(values for _, values in scanned),
            outputs=len(states) + 2,
            num_scan_inputs=len(scanned),
            body=step.body(),
        )
        g.give(made[-2], steps, "B", integers=True)
        g.give(made[-1], steps, "B", 2 * lanes)

    def _write_step(self) -> None:
        g, lanes, echoes = self.step, self.lanes, len(self.config.echoes)
        # The steps that the head looks back to, the last one first.
        seen = g.add("Gather", "memory", self.whole.integers(*(self.ahead - lag for lag in self.config.lags)), axis=1)
        echoed = self._cut(seen, 1, 1, echoes + 1)
        felt, compared = g.split("Split", echoed, self._sizes(self.felt, lanes + 1), outputs=2, axis=2)
        state, onward, out = self._recur(seen)
        token = self._choose(self._score(out))
        # What follows from a token: its features, what it strikes for velocity and for offset, and what is remembered of it.
        onsets = self.vocabulary.onsets.astype(np.float32)
        names = np.arange(self.tokens, dtype=np.float32)[:, None]
        told = np.concatenate([self.vocabulary.features, onsets, onsets, onsets, onsets, names], 1, dtype=np.float32)
        row = g.add("Gather", self.whole.constant(told), token, axis=0)
        sizes = self.features, 2 * lanes, 2 * lanes + 1
        features, strikes, kept = g.split("Split", row, self._sizes(*sizes), outputs=3, axis=1)
        struck = self._cut(kept, 1, 0, lanes)
        earlier = g.add("Reshape", felt, self._sizes(-1, echoes * self.felt))
        feel = g.add("Mul", self._feel(g.add("Concat", out, struck, earlier, axis=1)), strikes)
        now = g.add("Reshape", g.add("Concat", feel, kept, axis=1), self._sizes(-1, 1, self.remembered))
        memory = g.add("Concat", self._cut("memory", 1, 1, self.ahead), now, axis=1)
        # What the next step is told of the past: the feel, the features that were used, and what was repeated.
        same = g.add("Equal", compared, self._cut(now, 2, self.felt, self.remembered))
        echo = g.add("Reshape", g.add("Cast", same, to=1), self._sizes(-1, echoes * (lanes + 1)))
        used = g.add("Max", "used", features)
        past = g.add("Concat", feel, used, echo, axis=1)
        states = [state, *onward, past, used, memory]
        if self.vocabulary.holds:
            rests = np.isin(np.arange(self.tokens), [rest for rest, _ in self.vocabulary.holds]).astype(np.float32)
            states.append(g.add("Gather", self.whole.constant(rests[:, None]), token, axis=0))
        for name, size in zip(states, self._state_sizes(), strict=True):
            g.give(name, "B", *size)
        g.give(token, "B", integers=True)
        g.give(g.add("Identity", feel), "B", 2 * lanes)

    def _state_sizes(self) -> list[tuple[int, ...]]:
        past = 2 * self.lanes + self.features + len(self.config.echoes) * (self.lanes + 1)
        hidden, holds = self.hidden, [(1,)] if self.vocabulary.holds else []
        return [(hidden,), (2 * hidden,), (hidden,), (past,), (self.features,), (self.ahead, self.remembered), *holds]

    def _recur(self, seen: str) -> tuple[str, tuple[str, str], str]:
        """Take a step: the state, what it leads to, and the output."""
        g, size = self.step, self.hidden
        first_rows = np.arange(len(self.weights.lags), dtype=np.int32)[:, None] * (self.tokens + 1)
        names = g.add("Cast", self._cut(seen, 2, self.remembered - 1, self.remembered), to=INT32)
        rows = g.add("Add", names, self.whole.constant(first_rows))
        lagged = g.add("Gather", self.whole.constant(np.concatenate(self.weights.lags)), rows, axis=0)
        lagged = g.add("ReduceSum", lagged, self._sizes(1, 2), keepdims=0)
        gate = g.add("Gemm", "past", self.whole.constant(self.weights.past), g.add("Add", lagged, "gate"))
        gates, new = g.split("Split", gate, self._sizes(2 * size, size), outputs=2, axis=1)
        opened = g.add("Sigmoid", g.add("Add", gates, "onward_gates"))
        reset, keep = g.split("Split", opened, self._sizes(size, size), outputs=2, axis=1)
        new = g.add("Tanh", g.add("Add", new, g.add("Mul", reset, "onward_new")))
        state = g.add("Add", g.add("Mul", g.add("Sub", "state", new), keep), new)
        start = np.concatenate([self.weights.start, np.zeros(size, np.float32)])
        both = _linear(g, state, Weights(self.weights.onward, start), self.whole)
        onward_gates, onward_new, own = g.split("Split", both, self._sizes(2 * size, size, size), outputs=3, axis=1)
        return state, (onward_gates, onward_new), self._silu(g.add("Add", own, "mixed"))

    def _score(self, out: str) -> str:
        g = self.step
        scores = g.add("Add", _linear(g, out, self.weights.score, self.whole), "bias_now")
        if self.weights.leaning is not None and self.vocabulary.classes is not None:
            kinds = self.weights.leaning.weight.shape[1]
            leaning = g.add("Reshape", _linear(g, out, self.weights.leaning, self.whole), self._sizes(-1, 1, kinds))
            leaning = g.add("Reshape", g.add("MatMul", leaning, "around_now"), self._sizes(-1, CLASSES))
            classes = np.asarray(self.vocabulary.classes == np.arange(CLASSES)[:, None], np.float32)
            scores = g.add("Add", scores, g.add("MatMul", leaning, self.whole.constant(classes)))
        if self.vocabulary.holds:
            barred = np.zeros((1, self.tokens), np.float32)
            barred[0, self.vocabulary.holds[0][1]] = BARRED
            is_barred = g.add("Mul", "may_not_hold", "may_bar_now")
            scores = g.add("Add", scores, g.add("Mul", is_barred, self.whole.constant(barred)))
        return scores

    def _choose(self, scores: str) -> str:
        """Turn scores into tokens, by the inverse of the cumulated probabilities; where nothing is drawn, the likeliest."""
        g = self.step
        if self.coolness_of_feel is None:
            return g.add("ArgMax", scores, axis=1, keepdims=0)
        chances = g.add("Softmax", g.add("Mul", scores, "coolness"), axis=-1)
        # The sums run down the columns, which is several times as fast as along the rows.
        heaped = g.add("CumSum", g.add("Transpose", chances, perm=[1, 0]), self.whole.constant(np.array(0)))
        total = g.add("Gather", heaped, self.whole.constant(np.array(self.tokens - 1)), axis=0)
        passed = g.add("Cast", g.add("LessOrEqual", heaped, g.add("Mul", "goal", total)), to=1)
        return g.add("Cast", g.add("ReduceSum", passed, self._sizes(0), keepdims=0), to=INT64)

    def _feel(self, seen: str) -> str:
        """Choose velocities and offsets, twice: [B, 2V], drawn, evenly within a bin, or their mean."""
        g, lanes, bins = self.step, self.lanes, self.config.bins
        first, second = self.weights.feel
        velocities_first = np.arange(2 * lanes * bins).reshape(lanes, 2, bins).transpose(1, 0, 2).reshape(-1)
        ordered = Weights(np.ascontiguousarray(second.weight[:, velocities_first]), second.bias[velocities_first])
        scores = _linear(g, self._silu(_linear(g, seen, first, self.whole)), ordered, self.whole)
        shape = self._sizes(-1, 2 * lanes, bins)
        if self.coolness_of_feel is None:
            chances = g.add("Softmax", g.add("Reshape", scores, shape), axis=-1)
            middles = np.arange(0.5, bins, dtype=np.float32)
            means = np.stack([np.minimum(middles / (bins - 1), 1), 2 * middles / bins - 1])
            weighed = g.add("Mul", chances, self.whole.constant(np.repeat(means, lanes, 0).astype(np.float32)))
            return g.add("ReduceSum", weighed, self._sizes(2), keepdims=0)
        chances = g.add("Softmax", g.add("Reshape", g.add("Mul", scores, self.feel_coolness), shape), axis=-1)
        before = g.add("MatMul", chances, self.whole.constant(np.triu(np.ones((bins, bins), np.float32), 1)))
        # Bins are passed whole until the one that the goal lies in, which is passed as far as the goal lies in it.
        shares = g.add("Div", g.add("Sub", "feel_goal", before), g.add("Max", chances, self.whole.constant(1e-9)))
        shares = g.add("Clip", shares, self.whole.constant(0.0), self.whole.constant(1.0))
        passed = g.add("ReduceSum", shares, self._sizes(2), keepdims=0)
        unit = np.repeat(np.array([1 / (bins - 1), 2 / bins], np.float32), lanes)
        least = np.repeat(np.array([0, -1], np.float32), lanes)
        feel = g.add("Add", g.add("Mul", passed, self.whole.constant(unit)), self.whole.constant(least))
        return g.add("Min", feel, self.whole.constant(1.0))

    def _silu(self, x: str) -> str:
        return self.step.add("QuickGelu", x, domain=CONTRIB, alpha=1.0)

    def _cut(self, x: str, axis: int, first: int, after: int) -> str:
        return self.step.add("Slice", x, self._sizes(first), self._sizes(after), self._sizes(axis))

    def _sizes(self, *sizes: int) -> str:
        return self.whole.integers(*sizes)


def _linear(g: Graph, x: str, layer: Affine, constants: Graph | None = None) -> str:
    """Multiply and add; the weights are constants of the outermost graph."""
    holder = constants or g
    product = g.add("MatMul", x, holder.constant(layer.weight))
    return g.add("Add", product, holder.constant(layer.bias))


def _norm(g: Graph, x: str, norm: Affine) -> str:
    return g.add("LayerNormalization", x, g.constant(norm.weight), g.constant(norm.bias), axis=-1, epsilon=1e-5)
