"""The network of all families: a spherical VAE whose decoder is told how noisy its latent is. Tensors only; no clips, no files.

An encoder puts a window on a sphere of radius sqrt(Z) in R^Z. A decoder gets that point mixed with Gaussian noise,
`z = sqrt(1 - s^2) mu + s e`, and is told the noise level s; it is trained for all levels at once. At small s it is the
decoder of a VAE with a rich code (-Z log s nats), at s = 1 the latent holds nothing and it is a generative model of music,
and in between it draws from what a noisy latent leaves open. So one set of weights reconstructs, varies, blends and
samples, and the prior N(0, I) at s = 1 is met exactly. Related: Bae et al., "Multi-Rate VAE" (arXiv 2212.03905), who
condition a VAE on its rate; Davidson et al., "Hyperspherical VAEs" (arXiv 1804.00891).

A trunk reads the latent (and any steps already known) for all beats at once; a small recurrent head then writes step by
step, seeing what it wrote one step, one beat, two beats and half a window ago (the lookback of Magenta's Lookback RNN). A
step of several slots is written slot by slot, each seeing those before it.

Shapes: B windows, T steps, S slots of a step, K tokens, V lanes, M facets, F features, Z latent, C context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.families.context import CLASSES, columns
from models.families.grid import Vocabulary
from models.network.config import CONTEXT, DIGEST, FEEL_TEMPERATURE, UNKNOWN, NetworkConfig


@dataclass(frozen=True)
class Feel:
    """Velocities 0..1 and offsets in steps, -0.5..0.5, each [B, T, V]."""

    velocities: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class KnownSteps:
    """Steps the decoder is told: tokens [B, T, S], of which the facets [B, T, M] that are 1 count."""

    tokens: Tensor
    facets: Tensor


@dataclass(frozen=True)
class Tables:
    """Products of weights that `generate` needs at every step."""

    lags: Tensor  # [L, K + 1, 3H]
    past: Tensor
    mix: Tensor
    mix_context: Tensor
    score: Tensor
    score_bias: Tensor


class Network(nn.Module):
    """Encoder, trunk and head over tokens [B, T, S] with velocities and offsets [B, T, V]."""

    onsets: Tensor
    features: Tensor
    facets: Tensor
    of_slot: Tensor
    features_of_slot: Tensor
    classes: Tensor

    def __init__(self, config: NetworkConfig, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        self.holds = vocabulary.holds
        self.register_buffer("onsets", torch.as_tensor(vocabulary.onsets).float(), persistent=False)
        self.register_buffer("features", torch.as_tensor(vocabulary.features).float(), persistent=False)
        self.register_buffer("facets", torch.as_tensor(vocabulary.facets), persistent=False)
        self.register_buffer("of_slot", torch.as_tensor(vocabulary.is_of_slot), persistent=False)
        self.register_buffer("features_of_slot", torch.as_tensor(vocabulary.features_of_slot).float(), persistent=False)
        features, facets = vocabulary.features, vocabulary.facet_count
        kinds, width, emb, hidden = config.tokens, config.width, config.embedding, config.hidden
        beats = config.steps // config.beat
        self.token = nn.Embedding(kinds + 1, emb)  # the last row means: not known
        self.token_features = nn.Linear(features.shape[1], emb, bias=False)
        feel = 2 * config.lanes
        self.read = nn.Linear(config.beat * (emb + feel), width)
        self.read_place = nn.Parameter(torch.randn(beats, width) * 0.02)
        self.encoder = _transformer(config, config.encoder_layers)
        self.to_latent = nn.Linear(width, config.latent // beats)
        if config.plain:
            self.to_spread = nn.Linear(width, config.latent // beats)
        self.from_latent = nn.Linear(config.latent, beats * DIGEST)
        self.from_beat = nn.Linear(DIGEST + config.latent // beats, width)
        self.known = nn.Linear(config.beat * (features.shape[1] + facets), width)
        self.level = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, width))
        self.place = nn.Parameter(torch.randn(beats, width) * 0.02)
        self.trunk = _transformer(config, config.trunk_layers)
        self.to_steps = nn.Linear(width, config.beat * CONTEXT)
        self.context = nn.Linear(CONTEXT, 3 * hidden)
        self.lag = nn.Linear(len(self.config.lags) * emb, 3 * hidden, bias=False)
        self.past_feel = nn.Linear(feel, 3 * hidden, bias=False)
        self.echo = nn.Linear(len(self.config.echoes) * (config.lanes + 1), 3 * hidden, bias=False)
        self.so_far = nn.Linear(features.shape[1], 3 * hidden, bias=False)
        self.recur = nn.Linear(hidden, 3 * hidden)
        self.mix = nn.Linear(hidden + CONTEXT, hidden)
        self.predict = nn.Linear(hidden, kinds)
        self.predict_features = nn.Linear(hidden, features.shape[1])
        if config.slots > 1:
            self.within = nn.Embedding(kinds, hidden)  # what a slot's token says to the slots after it in the same step
        self.feel = nn.Sequential(
            nn.Linear(hidden + config.lanes * (1 + 3 * len(self.config.echoes)), 128),
            nn.SiLU(),
            nn.Linear(128, config.lanes * 2 * config.bins),
        )
        nn.init.normal_(self.token.weight, std=0.3)
        nn.init.zeros_(self.predict.weight)
        # What sounds around a window begins as if it were not there.
        self.heard_at = columns(dict(config.context))
        self.hear = nn.ModuleDict({kind: _silent(1 + size, width) for kind, size in config.context})
        self.hear_steps = nn.ModuleDict({kind: _silent(1 + size, CONTEXT) for kind, size in config.context})
        classes = vocabulary.classes
        leaning = [kind for kind, size in config.context if classes is not None and size == CLASSES]
        self.lean = nn.ModuleDict({kind: _silent(hidden, 1, bias=True) for kind in leaning})
        if classes is not None:
            one_hot = torch.as_tensor(classes[None] == np.arange(CLASSES)[:, None]).float()
            self.register_buffer("classes", one_hot, persistent=False)  # [12, K]

    # --- the latent -------------------------------------------------------------------------------------------------

    def encode(self, tokens: Tensor, feel: Feel) -> Tensor:
        """Place windows on the sphere: tokens [B, T, S] -> [B, Z] of norm sqrt(Z); for a plain VAE, anywhere."""
        z = self.to_latent(self.encode_beats(tokens, feel)).flatten(1)
        return z if self.config.plain else project(z)

    def posterior(self, tokens: Tensor, feel: Feel) -> tuple[Tensor, Tensor]:
        """Find a plain VAE's posterior: mean and log-variance, each [B, Z]."""
        beats = self.encode_beats(tokens, feel)
        return self.to_latent(beats).flatten(1), self.to_spread(beats).flatten(1)

    def encode_beats(self, tokens: Tensor, feel: Feel) -> Tensor:
        """Read windows beat by beat: [B, beats, W]."""
        x = torch.cat([self.embed(tokens), feel.velocities, feel.offsets * 2], -1)
        x = self.read(x.view(len(x), self.config.steps // self.config.beat, -1))
        encoded: Tensor = self.encoder(x + self.read_place)
        return encoded

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up the tokens of steps, UNKNOWN included, and add those of all slots: [..., S] -> [..., E]."""
        return _over_slots(self.token_table()[tokens % (self.config.tokens + 1)])

    def features_of(self, tokens: Tensor) -> Tensor:
        """Find the features of steps: [..., S] -> [..., F]."""
        found = self.features[tokens]
        return found[..., 0, :] if found.shape[-2] == 1 else found.amax(-2)

    def lanes_of(self, tokens: Tensor) -> Tensor:
        """Find the lanes that steps strike: [..., S] -> [..., V]."""
        found = self.onsets[tokens]
        return found[..., 0, :] if found.shape[-2] == 1 else found.amax(-2)

    def token_table(self) -> Tensor:
        """All token embeddings: a part by what tokens have in common and a part of their own, [K + 1, E]."""
        shared = F.pad(self.token_features(self.features), (0, 0, 0, 1))
        own: Tensor = self.token.weight
        return own + shared

    # --- trunk and head ---------------------------------------------------------------------------------------------

    def contexts(self, z: Tensor, level: Tensor, known: KnownSteps | None = None, around: Tensor | None = None) -> Tensor:
        """Read latents [B, Z] at noise levels [B], what is known, and what sounds around, into a context a step [B, T, C]."""
        beats = self.config.steps // self.config.beat
        whole = self.from_latent(z).view(len(z), beats, -1)
        x = self.from_beat(torch.cat([whole, z.view(len(z), beats, -1)], -1))
        if known is not None:
            told = torch.cat([self.features_of(known.tokens) * known.facets[..., self.facets], known.facets], -1)
            x = x + self.known(told.view(len(z), beats, -1))
        else:
            x = x + self.known.bias
        signal = torch.sqrt(1 - level**2)
        precision = self.level(torch.stack([level, signal, torch.log(level), level**2], -1))
        if around is not None:
            for kind, where in self.heard_at.items():
                x = x + self.hear[kind](around[..., where])
        x = self.trunk(x + precision[:, None] + self.place)
        steps: Tensor = self.to_steps(x)
        steps = steps.view(len(z), self.config.steps, CONTEXT)
        if around is not None:
            for kind, where in self.heard_at.items():
                steps = steps + self.hear_steps[kind](around[..., where]).repeat_interleave(self.config.beat, 1)
        return steps

    def teacher_forced(
        self, contexts: Tensor, tokens: Tensor, feel: Feel, seen: Tensor, around: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run the head over given music: token scores [B, T, S, K] and feel scores [B, T, V, 2, bins]; it sees `seen`."""
        past = [F.pad(seen, (0, 0, lag, 0), value=UNKNOWN)[:, : seen.shape[1]] for lag in self.config.lags]
        gates = self.context(contexts) + self.lag(self.embed(torch.stack(past, 2)).flatten(2))
        felt = torch.cat([feel.velocities, feel.offsets * 2], -1)
        gates = gates + self.past_feel(F.pad(felt, (0, 0, 1, 0))[:, :-1])
        gates = gates + self.echo(torch.stack([self.echoes(seen, t) for t in range(seen.shape[1])], 1))
        used = (self.features_of(seen) * (seen != UNKNOWN).all(-1, keepdim=True)).cummax(1).values
        gates = gates + self.so_far(F.pad(used, (0, 0, 1, 0))[:, :-1])
        hidden = self._run_gru(gates)
        out = self.mix_in(hidden, contexts)
        bits = self.lanes_of(tokens)
        felt = torch.cat([felt, bits], -1)
        before = [F.pad(felt, (0, 0, lag, 0))[:, :-lag] for lag in self.config.echoes]
        scores = self.slot_logits(out, tokens)
        if around is not None and self.lean:
            heard = around.repeat_interleave(self.config.beat, 1)
            scores = scores + self.leanings(out, heard)[..., None, :]
        return scores, self.feel_logits(torch.cat([out, bits, *before], -1))

    def leanings(self, out: Tensor, heard: Tensor) -> Tensor:
        """Lean towards pitch classes that sound around, or away from them: [..., H], [..., C] -> [..., K]."""
        classes = sum(
            self.lean[kind](out) * heard[..., self.heard_at[kind].start + 1 : self.heard_at[kind].stop] for kind in self.lean
        )
        leaning: Tensor = classes @ self.classes.to(out.dtype)
        return leaning

    def slot_logits(self, out: Tensor, tokens: Tensor) -> Tensor:
        """Score the tokens of each slot, given those of the slots before it: [B, T, H], [B, T, S] -> [B, T, S, K]."""
        if self.config.slots == 1:
            return self.logits(out)[..., None, :]
        said = self.within(tokens)  # [B, T, S, H]
        before = said.cumsum(2) - said
        return self.logits(out[..., None, :] + before).masked_fill(~self.of_slot, -torch.inf)

    @torch.no_grad()
    def tables(self) -> Tables:
        """Multiply out what does not depend on any music; good until the weights change."""
        size = self.config.hidden
        lag_weights = self.lag.weight.view(3 * size, len(self.config.lags), -1)
        embeddings = self.token_table()
        return Tables(
            lags=torch.stack([embeddings @ lag_weights[:, i].T for i in range(len(self.config.lags))]),
            past=torch.cat([self.past_feel.weight, self.so_far.weight, self.echo.weight], 1).T.contiguous(),
            mix=self.mix.weight[:, :size].T.contiguous(),
            mix_context=self.mix.weight[:, size:],
            score=(self.predict.weight + self.features @ self.predict_features.weight).T.contiguous(),
            score_bias=self.predict.bias + self.features @ self.predict_features.bias,
        )

    @torch.no_grad()
    def generate(
        self,
        contexts: Tensor,
        drawn: tuple[Tensor, Tensor] | None,
        *,
        temperature: float | Tensor = 1.0,
        known: KnownSteps | None = None,
        bias: Tensor | None = None,
        around: Tensor | None = None,
        tables: Tables | None = None,
    ) -> tuple[Tensor, Feel]:
        """Write music step by step: tokens [B, T, S] and their feel.

        `drawn` are uniform numbers for tokens [B, T, S] and feel [B, T, V, 2]; without, the likeliest token and the mean
        feel. `temperature` is one number or [B, 1]; `bias` [B, T, K] is added to the scores of tokens, -inf forbids one.
        """
        config, batch = self.config, contexts.shape[0]
        table = tables or self.tables()
        gates = self.context(contexts)
        mixed = F.linear(contexts, table.mix_context, self.mix.bias)
        barred = self.contradictions(known) if known is not None else None

        # Histories begin with half a window before this one, of which nothing is known, so that no step is a special case.
        ahead = max(config.echoes) + 1
        tokens = contexts.new_full((batch, ahead + config.steps, config.slots), UNKNOWN, dtype=torch.long)
        # Velocities, twice the offsets, and what was struck.
        felt = contexts.new_zeros(batch, ahead + config.steps, 3 * config.lanes)
        used = contexts.new_zeros(batch, self.features.shape[1])
        hidden = contexts.new_zeros(batch, config.hidden)
        which = torch.arange(len(config.lags), device=contexts.device)[:, None, None]
        for t in range(config.steps):
            now = t + ahead
            seen = torch.stack([tokens[:, now - lag] for lag in config.lags])  # [L, B, S]
            gate = gates[:, t] + _over_slots(table.lags[which, seen]).sum(0)
            if t:
                last = tokens[:, now - 1]
                used = torch.maximum(used, self.features_of(last))
                struck = felt[:, now - 1, 2 * config.lanes :]
                before = torch.stack([tokens[:, now - 1 - lag] for lag in config.echoes], 1)  # [B, E, S]
                struck_before = torch.stack([felt[:, now - 1 - lag, 2 * config.lanes :] for lag in config.echoes], 1)
                same = (last[:, None] == before).all(-1, keepdim=True)
                alike = torch.cat([struck[:, None] == struck_before, same], -1)
                is_known = (before != UNKNOWN).all(-1, keepdim=True)
                echoes = (alike & is_known).flatten(1).to(gate.dtype)
                gate = torch.addmm(gate, torch.cat([felt[:, now - 1, : 2 * config.lanes], used, echoes], 1), table.past)
            hidden = self.gru(gate, hidden)
            out = F.silu(torch.addmm(mixed[:, t], hidden, table.mix))
            state = out
            leaning = None if around is None or not self.lean else self.leanings(out, around[:, t // config.beat])
            for slot in range(config.slots):
                scores = torch.addmm(table.score_bias, state, table.score)
                if leaning is not None:
                    scores += leaning
                if config.slots > 1:
                    scores.masked_fill_(~self.of_slot[slot], -torch.inf)
                if barred is not None:
                    scores.masked_fill_(barred[:, t, slot], -torch.inf)
                if bias is not None:
                    scores += bias[:, t]
                if self.holds:
                    rest, hold = self.holds[slot]
                    last_token = tokens[:, now - 1, slot]
                    never = (last_token == rest) | (last_token == UNKNOWN)
                    if barred is not None or bias is not None:
                        never &= scores.isfinite().sum(-1) > 1  # where nothing else is allowed, what is told counts more
                    scores[:, hold].masked_fill_(never, -torch.inf)
                tokens[:, now, slot] = _choose(scores, drawn[0][:, t, slot] if drawn else None, temperature)
                if slot + 1 < config.slots:
                    state = state + self.within(tokens[:, now, slot])
            bits = self.lanes_of(tokens[:, now])
            feel = self.feel_logits(torch.cat([out, bits, *(felt[:, now - lag] for lag in config.echoes)], -1))
            feel_temperature = FEEL_TEMPERATURE * (
                temperature[..., None, None] if isinstance(temperature, Tensor) else temperature
            )
            chances = (feel / feel_temperature if drawn else feel).softmax(-1)
            velocities, offsets = _draw_feel(chances, drawn[1][:, t] if drawn else None)
            felt[:, now] = torch.cat([velocities * bits, 2 * offsets * bits, bits], -1)
        velocities, offsets, _ = felt[:, ahead:].chunk(3, -1)
        return tokens[:, ahead:], Feel(velocities, offsets / 2)

    def contradictions(self, known: KnownSteps) -> Tensor:
        """Find the tokens of each slot that contradict what is known: [B, T, S, K]."""
        about = known.facets[..., self.facets][..., None, :] * self.features_of_slot  # [B, T, S, F]
        told = self.features[known.tokens] * about
        # |f_k - f_known| summed over known features, as two products since all features are 0 or 1.
        differs = about @ self.features.T + told.sum(-1, keepdim=True) - 2 * told @ self.features.T
        return differs > 0.5

    def echoes(self, tokens: Tensor, t: int) -> Tensor:
        """Tell, before step t, which voices of the last step, and whether all of it, repeated: [B, E * (V + 1)]."""
        size = self.config.lanes + 1
        told = self.onsets.new_zeros(tokens.shape[0], len(self.config.echoes) * size)
        for i, lag in enumerate(self.config.echoes):
            if t > lag:
                last, before = tokens[:, t - 1], tokens[:, t - 1 - lag]
                seen = ((last != UNKNOWN) & (before != UNKNOWN)).all(-1, keepdim=True)
                same = (last == before).all(-1, keepdim=True)
                alike = torch.cat([self.lanes_of(last) == self.lanes_of(before), same], -1)
                told[:, i * size : (i + 1) * size] = alike & seen
        return told

    def mix_in(self, hidden: Tensor, contexts: Tensor) -> Tensor:
        """Join what the head remembers with what the latent says: [..., H]."""
        return F.silu(self.mix(torch.cat([hidden, contexts], -1)))

    def logits(self, out: Tensor) -> Tensor:
        """Score every token: [..., H] -> [..., K]."""
        scores: Tensor = self.predict(out) + self.predict_features(out) @ self.features.T
        return scores

    def feel_logits(self, state: Tensor) -> Tensor:
        """Score the bins of velocity and offset from the head's state, what it strikes and what it felt: [..., V, 2, bins]."""
        scores: Tensor = self.feel(state)
        return scores.view(*scores.shape[:-1], self.config.lanes, 2, self.config.bins)

    def gru(self, gates: Tensor, hidden: Tensor) -> Tensor:
        """Take one step of the recurrent head: input gates [B, 3H], state [B, H] -> state [B, H]."""
        recurrent = self.recur(hidden)
        size = self.config.hidden
        rz = torch.sigmoid(gates[:, : 2 * size] + recurrent[:, : 2 * size])
        new = torch.tanh(gates[:, 2 * size :] + rz[:, :size] * recurrent[:, 2 * size :])
        return torch.lerp(new, hidden, rz[:, size:])

    def _run_gru(self, gates: Tensor) -> Tensor:
        # torch's fused GRU wants to multiply its input itself; an identity would cost as much again as the real product.
        hidden = gates.new_zeros(gates.shape[0], self.config.hidden)
        states = []
        for gate in gates.unbind(1):
            hidden = self.gru(gate, hidden)
            states.append(hidden)
        return torch.stack(states, 1)


def project(z: Tensor) -> Tensor:
    """Put points on the sphere of radius sqrt(Z)."""
    return F.normalize(z, dim=-1) * math.sqrt(z.shape[-1])


def add_noise(mu: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """Mix a latent with noise at a level in 0..1, [B, Z], [B], [B, Z]: its power stays what it was."""
    return torch.sqrt(1 - level**2)[:, None] * mu + level[:, None] * noise


def _over_slots(values: Tensor) -> Tensor:
    """Add what the slots of a step say: [..., S, N] -> [..., N]."""
    return values[..., 0, :] if values.shape[-2] == 1 else values.sum(-2)


def _choose(scores: Tensor, drawn: Tensor | None, temperature: float | Tensor) -> Tensor:
    """Turn scores [B, K] into choices [B]: by the inverse of the cumulated probabilities, so that near scores choose alike."""
    if drawn is None:
        return scores.argmax(-1)
    heaped = (scores / temperature).softmax(-1).cumsum(-1)
    return torch.searchsorted(heaped, (drawn * heaped[:, -1])[:, None], right=True)[:, 0].clamp_max(scores.shape[-1] - 1)


def feel_bins(feel: Feel, bins: int) -> Tensor:
    """Find the bins of velocities and offsets, [B, T, V, 2]. Full velocity has a bin of its own: drum pads pile up there."""
    soft = (feel.velocities * (bins - 1)).long().clamp(0, bins - 2)
    velocity = torch.where(feel.velocities > 0.999, bins - 1, soft)
    return torch.stack([velocity, ((feel.offsets + 0.5) * bins).long().clamp(0, bins - 1)], -1)


def _draw_feel(chances: Tensor, drawn: Tensor | None) -> tuple[Tensor, Tensor]:
    """Turn chances [B, V, 2, N] of bins into velocities and offsets [B, V]: drawn, evenly within a bin, or their mean."""
    bins = chances.shape[-1]
    if drawn is None:
        middles = torch.arange(0.5, bins, device=chances.device)
        soft = (middles / (bins - 1)).clamp_max(1)
        return chances[:, :, 0] @ soft, chances[:, :, 1] @ (middles / bins) - 0.5
    heaped = chances.cumsum(-1)
    goal = drawn[..., None] * heaped[..., -1:]
    index = torch.searchsorted(heaped, goal, right=True).clamp_max(bins - 1)
    left = (heaped.gather(-1, index) - goal) / chances.gather(-1, index).clamp_min(1e-9)
    place = (index + 1 - left.clamp(0, 1))[..., 0]
    return (place[..., 0] / (bins - 1)).clamp_max(1), place[..., 1] / bins - 0.5


def _silent(inputs: int, outputs: int, *, bias: bool = False) -> nn.Linear:
    """Make a layer that adds nothing until it has learned to."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    for weights in layer.parameters():
        nn.init.zeros_(weights)
    return layer


def _transformer(config: NetworkConfig, layers: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        4 * config.width,
        dropout=config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False)
