"""A network as a LatentModel on numpy alone: for small batches on a CPU it is faster than torch, and it starts at once.

It computes what models.network.vae computes; a test holds the two together. No training, no scores: those are torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.families.constraints import Known
from models.families.context import CLASSES, Context, columns
from models.families.critic import Critic
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import NO_HABITS, Habits
from models.network.config import CONTEXT, FEEL_TEMPERATURE, UNKNOWN, NetworkConfig, whole_steps
from models.network.decoding import DecodeBatch, Dial
from models.network.latent import Latents
from models.network.tensors import may_be_missing

Array = NDArray[np.float32]
GELU = (1.1192207766e-6, -3.0583324075e-5, -1.248504156e-4, 3.646877464e-2, 0.797828139)  # of x^9, x^7, ... x
ROW_MULTIPLE = 4  # up to which batches are filled
COLDEST = 1e-4  # the temperature below which drawing is choosing the likeliest


class NumpyModel:
    """A LatentModel (see models.network.decoding) that runs on numpy."""

    rows_apart = False

    def __init__(
        self,
        card: Card,
        family: Family,
        weights: Mapping[str, NDArray[np.floating]],
        habits: Habits = NO_HABITS,
        critic: Critic | None = None,
    ) -> None:
        """Take the weights as they are saved, half precision or single, and multiply out what no music changes."""
        self.card, self.family, self.habits, self.critic = card, family, habits, critic
        self.dial: Dial | None = None
        self.config = config = NetworkConfig.of(family, card.network)
        self.least_noise = config.least_noise
        w = {name: np.asarray(values, np.float32) for name, values in weights.items()}
        self._vocabulary = vocabulary = family.vocabulary
        self._features = vocabulary.features.astype(np.float32)
        self._features_of_slot = vocabulary.features_of_slot.astype(np.float32)
        self._encoder = _Transformer(w, "encoder", config.encoder_layers, config.heads)
        self._trunk = _Transformer(w, "trunk", config.trunk_layers, config.heads)
        self._table = w["token.weight"].copy()  # [K + 1, E]; the last row means: not known
        self._table[:-1] += self._features @ w["token_features.weight"].T
        self._read, self._read_place = Linear(w, "read"), w["read_place"]
        self._to_latent = Linear(w, "to_latent")
        self._from_latent, self._from_beat = Linear(w, "from_latent"), Linear(w, "from_beat")
        self._known = Linear(w, "known")
        self._level = Linear(w, "level.0"), Linear(w, "level.2")
        self._beat_place, self._to_steps = w["place"], Linear(w, "to_steps")
        self._head = _Head(w, config, self._table, self._features)
        kinds = [kind for kind, _ in config.context]
        self.hears = any(values.any() for name, values in w.items() if may_be_missing(name))
        self._hear, self._hear_steps = (
            np.concatenate([w[f"{name}.{kind}.weight"].T for kind in kinds]) if kinds else np.zeros((0, size), np.float32)
            for name, size in (("hear", config.width), ("hear_steps", CONTEXT))
        )
        self._heard_at = columns(dict(config.context))
        self._leaning = [kind for kind in kinds if f"lean.{kind}.weight" in w]
        if self._leaning:
            self._lean = np.concatenate([w[f"lean.{kind}.weight"] for kind in self._leaning]).T.copy()
            self._lean_bias = np.concatenate([w[f"lean.{kind}.bias"] for kind in self._leaning])
            self._token_classes = np.asarray(vocabulary.classes == np.arange(CLASSES)[:, None], np.float32)  # [12, K]

    def encode(self, grid: Grid) -> Latents:
        """Place windows on the sphere, [B, Z]; for a plain VAE, anywhere."""
        rows, beats = len(grid), self.config.beats
        tokens = self._vocabulary.without_leading_holds(grid.tokens)
        x = np.concatenate([_over_slots(self._table[tokens]), grid.velocities, grid.offsets * 2], -1, dtype=np.float32)
        z = self._place(x.reshape(rows, beats, -1)).reshape(rows, -1)
        if self.config.plain:
            return z
        return np.asarray(z * np.sqrt(z.shape[-1]) / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12), np.float32)

    def decode(self, batch: DecodeBatch) -> Grid:
        """Write the music of a batch, a row of it a window."""
        rows = len(batch)
        if not self.hears and batch.context is not None:
            batch = replace(batch, context=None)
        level = np.clip(np.asarray(batch.noise_levels, np.float32), self.least_noise, 1)
        told = self._told(batch.known) if batch.known else None
        contexts = self._contexts(np.asarray(batch.latents, np.float32), level, told, batch.context)
        if spare := -rows % ROW_MULTIPLE if rows > 1 else 0:
            batch = batch.padded(spare)
            contexts = np.concatenate([contexts, np.repeat(contexts[-1:], spare, 0)])
        return self._write(contexts, batch)[:rows]

    def _place(self, music: Array) -> Array:
        """Place music [B, N, I]: [B, N, Z / N]."""
        return self._to_latent(self._encoder(self._read(music) + self._read_place))

    def _told(self, known: Known) -> Array:
        """Say what is known of the steps of each beat, in features, and which facets that is about: [B, N, I]."""
        mask = whole_steps(known.mask)
        features = self._features[known.grid.tokens]
        told = np.zeros((*mask.shape[:2], self._features.shape[1] + self._vocabulary.facet_count), np.float32)
        about = mask[..., self._vocabulary.facets].astype(np.float32)
        told[..., : about.shape[-1]] = (features[..., 0, :] if features.shape[2] == 1 else features.max(2)) * about
        told[..., about.shape[-1] :][..., self._vocabulary.facets] = about
        return told.reshape(len(mask), self.config.beats, -1)

    def _contradictions(self, known: Known) -> NDArray[np.bool_]:
        """Find the tokens of each slot that contradict what is known, [B, T, S, K]: the features all are 0 or 1."""
        about = known.mask[..., None, self._vocabulary.facets].astype(np.float32) * self._features_of_slot
        told = self._features[known.grid.tokens] * about
        shape, flat = (*known.grid.tokens.shape, -1), (-1, about.shape[-1])  # one product of all steps, not one each
        differs = about.reshape(flat) @ self._features.T - 2 * told.reshape(flat) @ self._features.T
        return np.asarray(differs.reshape(shape) + told.sum(-1, keepdims=True) > 0.5)

    def _logit_bias(self, batch: DecodeBatch) -> Array | None:
        """Join what is forbidden and what is leaned on: [B, T, S, K], or None where everything may come."""
        leanings = batch.leanings
        bias = None if leanings is None else leanings[..., None, :]
        if batch.known:
            barred = np.where(self._contradictions(batch.known), np.float32(-np.inf), np.float32(0))
            bias = barred if bias is None else barred + bias
        return bias

    def _contexts(self, z: Array, level: Array, told: Array | None, around: Context | None) -> Array:
        """Read latents at noise levels, what is known, and what sounds around, into a context for each step [B, T, C]."""
        rows, beats = len(z), self.config.beats
        whole = self._from_latent(z).reshape(rows, beats, -1)
        x = self._from_beat(np.concatenate([whole, z.reshape(rows, beats, -1)], -1))
        if told is None:
            x += self._known.bias
        else:
            x += self._known(told)
        x += self._level[1](_silu(self._level[0](precision_of(level))))[:, None] + self._beat_place
        if around is not None:
            x += around @ self._hear
        steps = self._to_steps(self._trunk(x)).reshape(rows, self.config.steps, CONTEXT)
        if around is not None:
            steps += np.repeat(around @ self._hear_steps, self.config.beat, 1)
        return steps

    def _classes_around(self, context: Context) -> Array:
        """Sort out the pitch classes that a context tells of, by kind: [beats, B, kinds, 12]."""
        kinds = [context[..., self._heard_at[kind].start + 1 : self._heard_at[kind].stop] for kind in self._leaning]
        return np.ascontiguousarray(np.stack(kinds, -2).transpose(1, 0, 2, 3))

    def _write(self, contexts: Array, batch: DecodeBatch) -> Grid:
        """Write music step by step; a step slot by slot."""
        config, rows, lanes, head = self.config, len(contexts), self.config.lanes, self._head
        vocabulary, slots, drawn = self._vocabulary, self.config.slots, batch.randomness
        temperature = np.maximum(np.ones(rows, np.float32) if batch.temperature is None else batch.temperature, COLDEST)
        bias = self._logit_bias(batch)
        ahead = max(config.echoes) + 1  # steps before the window, of which nothing is known, so that none is a special case
        gates, mixed = head.begin(contexts.transpose(1, 0, 2))
        around = None if batch.context is None or not self._leaning else self._classes_around(batch.context)
        tokens = np.full((ahead + config.steps, slots, rows), UNKNOWN)
        # Velocities, twice the offsets, and what was struck.
        felt = np.zeros((ahead + config.steps, rows, 3 * lanes), np.float32)
        past = np.zeros((rows, len(head.past)), np.float32)  # the last step's feel, all features so far, the last step's echoes
        feel, used, echoes = np.split(past, [2 * lanes, 2 * lanes + self._features.shape[1]], 1)
        echoes = echoes.reshape(rows, len(config.echoes), lanes + 1)
        earlier = np.array(config.echoes)
        hidden, onward = np.zeros((rows, config.hidden), np.float32), np.tile(head.start, (rows, 1))
        for t in range(config.steps):
            now = t + ahead
            gate = gates[t]
            for table, lag in zip(head.lags, config.lags, strict=True):
                for slot in range(slots):
                    gate += table.take(tokens[now - lag, slot], 0, mode="wrap")
            if t:
                feel[:] = felt[now - 1, :, : 2 * lanes]
                for slot in range(slots):
                    np.maximum(used, self._features.take(tokens[now - 1, slot], 0), out=used)
                _find_echoes(tokens, felt, now, earlier, echoes)
                gate += past @ head.past
            hidden = head.recur(gate, onward, hidden)
            out, onward = head.look(hidden, mixed[t])
            state = out
            for slot in range(slots):
                scores = head.score(state)
                if around is not None:
                    leaning = (out @ self._lean + self._lean_bias)[:, None] @ around[t // config.beat]  # [B, 1, 12]
                    scores += leaning[:, 0] @ self._token_classes
                if slots > 1:
                    scores[:, ~vocabulary.is_of_slot[slot]] = -np.inf
                if bias is not None:
                    scores += bias[:, t, slot if bias.shape[2] > 1 else 0]
                if vocabulary.holds:
                    rest, hold = vocabulary.holds[slot]
                    last = tokens[now - 1, slot]
                    never = (last == rest) | (last == UNKNOWN)
                    if bias is not None:
                        never &= np.isfinite(scores).sum(1) > 1  # where nothing else is allowed, what is told counts more
                    scores[never, hold] = -np.inf
                tokens[now, slot] = _choose(scores, drawn.tokens[:, t, slot] if drawn else None, temperature)
                if slot + 1 < slots:
                    state = state + head.within[tokens[now, slot]]
            bits = vocabulary.struck(tokens[now].T)
            felt[now, :, 2 * lanes :] = bits
            row, lane = np.nonzero(bits)
            if len(row):
                seen = np.concatenate([out, bits, *(felt[now - lag] for lag in config.echoes)], 1, dtype=np.float32)
                logits = head.feel(seen).reshape(rows, lanes, 2, config.bins)[row, lane]
                velocity, offset = _draw_feel(logits, drawn.feel[row, t, lane] if drawn else None, temperature[row])
                felt[now, row, lane], felt[now, row, lanes + lane] = velocity, 2 * offset
        velocities, offsets, _ = np.split(felt[ahead:].transpose(1, 0, 2), 3, axis=-1)
        return Grid(
            np.ascontiguousarray(tokens[ahead:].transpose(2, 0, 1)),
            np.ascontiguousarray(velocities),
            np.ascontiguousarray(offsets / 2 * np.float32(self.card.timing)),
        )


def precision_of(level: Array) -> Array:
    """Tell noise levels [B] in the four numbers that the network reads."""
    return np.stack([level, np.sqrt(1 - level**2), np.log(level), level**2], -1)


def _over_slots(values: Array) -> Array:
    """Add what the slots of a step say: [..., S, N] -> [..., N]."""
    return values[..., 0, :] if values.shape[-2] == 1 else np.asarray(values.sum(-2))


class Linear:
    """A linear layer."""

    def __init__(self, w: Mapping[str, Array], name: str) -> None:
        self.weight: Array = np.ascontiguousarray(w[f"{name}.weight"].T)
        self.bias: Array = w[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        """Multiply: [..., I] -> [..., O], as one product."""
        flat = x.reshape(-1, x.shape[-1]) @ self.weight
        flat += self.bias
        return flat.reshape(*x.shape[:-1], -1)


class Norm:
    """The norm of a layer."""

    def __init__(self, w: Mapping[str, Array], name: str) -> None:
        self.weight: Array = w[f"{name}.weight"]
        self.bias: Array = w[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        """Scale and shift: [..., W] -> [..., W]."""
        centred: Array = x - x.mean(-1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(1e-5))
        centred *= self.weight
        centred += self.bias
        return centred


class _Transformer:
    """A transformer that reads, norm first, as torch's TransformerEncoder does."""

    def __init__(self, w: Mapping[str, Array], name: str, layers: int, heads: int) -> None:
        self.heads = heads
        self.layers = [Layer(w, f"{name}.layers.{i}") for i in range(layers)]
        self.norm = Norm(w, f"{name}.norm")

    def __call__(self, x: Array) -> Array:
        """Read [B, N, W] -> [B, N, W]."""
        for layer in self.layers:
            x = x + layer.attend(layer.norm1(x), self.heads)
            x = x + layer.linear2(_gelu(layer.linear1(layer.norm2(x))))
        return self.norm(x)


class Layer:
    """A layer of a transformer, norm first."""

    def __init__(self, w: Mapping[str, Array], name: str) -> None:
        self.norm1, self.norm2 = Norm(w, f"{name}.norm1"), Norm(w, f"{name}.norm2")
        self.linear1, self.linear2 = Linear(w, f"{name}.linear1"), Linear(w, f"{name}.linear2")
        # torch names the weights of the three projections into attention as if they were one layer's own.
        attention = {
            "in.weight": w[f"{name}.self_attn.in_proj_weight"],
            "in.bias": w[f"{name}.self_attn.in_proj_bias"],
        }
        self.project, self.join = Linear(attention, "in"), Linear(w, f"{name}.self_attn.out_proj")

    def attend(self, x: Array, heads: int) -> Array:
        """Read each place from all: [B, N, W] -> [B, N, W]."""
        rows, places, width = x.shape
        q, k, v = self.project(x).reshape(rows, places, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
        chances = _softmax(q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // heads)))
        return self.join((chances @ v).transpose(0, 2, 1, 3).reshape(rows, places, width))


class _Head:
    """The recurrent head, with the products of weights that it needs at every step."""

    def __init__(self, w: Mapping[str, Array], config: NetworkConfig, table: Array, features: Array) -> None:
        size, lags = config.hidden, len(config.lags)
        lag = w["lag.weight"].reshape(3 * size, lags, -1)
        self.lags = [np.ascontiguousarray(table @ lag[:, i].T) for i in range(lags)]  # each [K + 1, 3H]
        if config.slots > 1:
            self.within = w["within.weight"]  # [K, H]
        self.past = np.ascontiguousarray(np.concatenate([w["past_feel.weight"], w["so_far.weight"], w["echo.weight"]], 1).T)
        self.start: Array = w["recur.bias"]
        self._size = size
        self.context = Linear(w, "context")
        self._mix_context = {"c.weight": w["mix.weight"][:, size:], "c.bias": w["mix.bias"]}
        # What is remembered is read twice: for this step's output and for the next step's memory.
        self.onward = np.ascontiguousarray(np.concatenate([w["recur.weight"], w["mix.weight"][:, :size]]).T)
        self.scoring = np.ascontiguousarray((w["predict.weight"] + features @ w["predict_features.weight"]).T)
        self.score_bias = w["predict.bias"] + features @ w["predict_features.bias"]
        self.feeling = Linear(w, "feel.0"), Linear(w, "feel.2")

    @cached_property
    def mixing(self) -> Linear:
        return Linear(self._mix_context, "c")

    def begin(self, contexts: Array) -> tuple[Array, Array]:
        """Compute what depends on contexts alone, for all steps: input gates [T, B, 3H] and the context's share [T, B, H]."""
        return self.context(contexts), self.mixing(contexts)

    def recur(self, gate: Array, onward: Array, hidden: Array) -> Array:
        """Take one step: input gates [B, 3H], what the last state leads to [B, 3H], that state [B, H] -> state [B, H]."""
        size = self._size
        rz = _sigmoid(gate[:, : 2 * size] + onward[:, : 2 * size])
        new = np.tanh(gate[:, 2 * size :] + rz[:, :size] * onward[:, 2 * size :])
        hidden = hidden - new
        hidden *= rz[:, size:]
        hidden += new
        return hidden

    def look(self, hidden: Array, mixed: Array) -> tuple[Array, Array]:
        """Read a state [B, H] and the context's share [B, H]: the output [B, H], and what the state leads to [B, 3H]."""
        both = hidden @ self.onward
        onward = both[:, : 3 * self._size]
        onward += self.start
        return _silu(mixed + both[:, 3 * self._size :]), onward

    def score(self, out: Array) -> Array:
        """Score the tokens: [B, H] -> [B, K]."""
        scores: Array = out @ self.scoring
        scores += self.score_bias
        return scores

    def feel(self, state: Array) -> Array:
        """Score the bins of velocity and offset: [B, S] -> [B, V * 2 * bins]."""
        return self.feeling[1](_silu(self.feeling[0](state)))


def _find_echoes(tokens: NDArray[np.int64], felt: Array, now: int, lags: NDArray[np.int64], echoes: Array) -> None:
    """Tell which lanes of the last step, and whether all of it, repeated an earlier one: fill in [B, E, V + 1]."""
    lanes, earlier = echoes.shape[2] - 1, now - 1 - lags
    before = tokens[earlier].transpose(2, 0, 1)  # [B, E, S]
    struck = felt[earlier, :, 2 * lanes :].transpose(1, 0, 2)
    seen = (before != UNKNOWN).all(-1)
    np.logical_and(felt[now - 1, :, None, 2 * lanes :] == struck, seen[..., None], out=echoes[..., :lanes], casting="unsafe")
    echoes[..., lanes] = (tokens[now - 1].T[:, None] == before).all(-1) & seen


def _choose(scores: Array, drawn: Array | None, temperature: Array) -> NDArray[np.int64]:
    """Turn scores [B, K] into choices [B], by the inverse of the cumulated probabilities; without numbers, the likeliest."""
    if drawn is None:
        return np.asarray(scores.argmax(1))
    return _reach(_powers(scores / temperature[:, None]).cumsum(1), drawn)[0]


def _draw_feel(logits: Array, drawn: Array | None, temperature: Array) -> tuple[Array, Array]:
    """Turn the scores [N, 2, bins] of strokes into velocities and offsets [N]: drawn, evenly within a bin, or their mean."""
    bins = logits.shape[-1]
    if drawn is None:
        chances = _softmax(logits)
        middles = np.arange(0.5, bins, dtype=np.float32)
        return chances[:, 0] @ np.minimum(middles / (bins - 1), 1), chances[:, 1] @ (middles / bins) - np.float32(0.5)
    chances = _powers(logits / (FEEL_TEMPERATURE * temperature)[:, None, None]).reshape(-1, bins)
    heaped = chances.cumsum(1)
    index, goal = _reach(heaped, drawn.reshape(-1))
    at = np.arange(len(index)), index
    left = (heaped[at] - goal) / np.maximum(chances[at], 1e-9)
    place = (index + 1 - np.minimum(left, 1)).astype(np.float32).reshape(-1, 2)
    return np.minimum(place[:, 0] / (bins - 1), 1), place[:, 1] / bins - np.float32(0.5)


def _reach(heaped: Array, drawn: Array) -> tuple[NDArray[np.int64], Array]:
    """Find where each row of rising sums [N, K] first goes beyond a share of the whole: which [N], and that sum [N]."""
    goal = drawn * heaped[:, -1]
    beyond = heaped > goal[:, None]
    beyond[:, -1] = True  # rounding may make the goal the whole
    return beyond.argmax(1), goal


def _powers(x: Array) -> Array:
    powers: Array = x - x.max(-1, keepdims=True)
    np.exp(powers, out=powers)
    return powers


def _softmax(x: Array) -> Array:
    heaped = _powers(x)
    return np.asarray(heaped / heaped.sum(-1, keepdims=True))


def _sigmoid(x: Array) -> Array:
    # tanh does not overflow.
    half: Array = np.tanh(np.float32(0.5) * x)
    half *= np.float32(0.5)
    half += np.float32(0.5)
    return half


def _silu(x: Array) -> Array:
    half = np.float32(0.5) * x
    return np.asarray(half * np.tanh(half) + half)


def _gelu(x: Array) -> Array:
    """Compute x times the normal CDF of x, which is a sigmoid of a polynomial fitted to it (errors below 3e-6)."""
    square = x * x
    heap: Array = np.float32(GELU[0]) * square
    for c in GELU[1:-1]:
        heap += np.float32(c)
        heap *= square
    heap += np.float32(GELU[-1])
    heap *= x
    np.tanh(heap, out=heap)
    heap += np.float32(1)
    heap *= x
    heap *= np.float32(0.5)
    return heap
