"""The network of both families: a spherical VAE whose latent has a dial for its precision. Tensors only; no clips, no files.

An encoder puts two bars on a sphere of radius sqrt(Z) in R^Z. A decoder gets that point mixed with Gaussian noise,
`z = sqrt(1 - s^2) mu + s e`, and is told the noise level s; it is trained for all levels at once. At small s it is the
decoder of a VAE with a rich code (-Z log s nats), at s = 1 the latent holds nothing and it is a generative model of music,
and in between it draws from what a blurred memory leaves open. So one set of weights reconstructs, varies, blends and
samples, and the prior N(0, I) at s = 1 is met exactly. Related: Bae et al., "Multi-Rate VAE" (arXiv 2212.03905), who
condition a VAE on its rate; Davidson et al., "Hyperspherical VAEs" (arXiv 1804.00891).

A trunk reads the latent (and any steps already known) for all beats at once; a small recurrent head then writes step by
step, seeing what it wrote one step, one beat, half a bar and one bar ago (the lookback of Magenta's Lookback RNN).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.shape import CALM, CONTEXT, DIGEST, ECHOES, LAGS, UNKNOWN, Shape


@dataclass(frozen=True)
class Symbols:
    """What the tokens of a family are made of.

    `onsets` [K, V]: the voices a token strikes. `features` [K, F]: what tokens have in common. `facets` [F]: the facet
    each feature belongs to; a facet is what can be known of a step on its own (one drum voice; the rhythm; the pitch).
    `illegal`: (after, token), a token that never follows another, nor starts a window after silence.
    """

    onsets: Tensor
    features: Tensor
    facets: Tensor
    illegal: tuple[int, int] | None = None


@dataclass(frozen=True)
class Feel:
    """Velocities 0..1 and offsets in steps, -0.5..0.5, each [B, T, V]."""

    velocities: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Known:
    """Steps the decoder is told: tokens [B, T], of which the facets [B, T, M] that are 1 count."""

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
    """Encoder, trunk and head over tokens [B, T] with velocities and offsets [B, T, V]."""

    onsets: Tensor
    features: Tensor
    facets: Tensor

    def __init__(self, shape: Shape, symbols: Symbols) -> None:
        super().__init__()
        self.shape = shape
        self.illegal = symbols.illegal
        self.register_buffer("onsets", symbols.onsets.float(), persistent=False)
        self.register_buffer("features", symbols.features.float(), persistent=False)
        self.register_buffer("facets", symbols.facets, persistent=False)
        features = symbols.features
        facets = int(symbols.facets.max()) + 1
        kinds, width, emb, hidden = shape.tokens, shape.width, shape.embedding, shape.hidden
        beats = shape.steps // shape.beat
        self.token = nn.Embedding(kinds + 1, emb)  # the last row means: not known
        self.token_features = nn.Linear(features.shape[1], emb, bias=False)
        feel = 2 * shape.voices
        self.read = nn.Linear(shape.beat * (emb + feel), width)
        self.read_place = nn.Parameter(torch.randn(beats, width) * 0.02)
        self.encoder = _transformer(shape, shape.encoder_layers)
        self.to_latent = nn.Linear(width, shape.latent // beats)
        if shape.plain:
            self.to_spread = nn.Linear(width, shape.latent // beats)
        self.from_latent = nn.Linear(shape.latent, beats * DIGEST)
        self.from_beat = nn.Linear(DIGEST + shape.latent // beats, width)
        self.known = nn.Linear(shape.beat * (features.shape[1] + facets), width)
        self.level = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, width))
        self.place = nn.Parameter(torch.randn(beats, width) * 0.02)
        self.trunk = _transformer(shape, shape.trunk_layers)
        self.to_steps = nn.Linear(width, shape.beat * CONTEXT)
        self.context = nn.Linear(CONTEXT, 3 * hidden)
        self.lag = nn.Linear(len(LAGS) * emb, 3 * hidden, bias=False)
        self.past_feel = nn.Linear(feel, 3 * hidden, bias=False)
        self.echo = nn.Linear(len(ECHOES) * (shape.voices + 1), 3 * hidden, bias=False)
        self.so_far = nn.Linear(features.shape[1], 3 * hidden, bias=False)
        self.recur = nn.Linear(hidden, 3 * hidden)
        self.mix = nn.Linear(hidden + CONTEXT, hidden)
        self.predict = nn.Linear(hidden, kinds)
        self.predict_features = nn.Linear(hidden, features.shape[1])
        self.feel = nn.Sequential(
            nn.Linear(hidden + shape.voices * (1 + 3 * len(ECHOES)), 128),
            nn.SiLU(),
            nn.Linear(128, shape.voices * 2 * shape.bins),
        )
        nn.init.normal_(self.token.weight, std=0.3)
        nn.init.zeros_(self.predict.weight)

    # --- the latent -------------------------------------------------------------------------------------------------

    def encode(self, tokens: Tensor, feel: Feel) -> Tensor:
        """Place windows on the sphere: tokens [B, T] -> [B, Z] of norm sqrt(Z); for a plain VAE, anywhere."""
        z = self.to_latent(self.hear(tokens, feel)).flatten(1)
        return z if self.shape.plain else project(z)

    def posterior(self, tokens: Tensor, feel: Feel) -> tuple[Tensor, Tensor]:
        """Find a plain VAE's posterior: mean and log-variance, each [B, Z]."""
        heard = self.hear(tokens, feel)
        return self.to_latent(heard).flatten(1), self.to_spread(heard).flatten(1)

    def hear(self, tokens: Tensor, feel: Feel) -> Tensor:
        """Read windows beat by beat: [B, beats, W]."""
        x = torch.cat([self.embed(tokens), feel.velocities, feel.offsets * 2], -1)
        x = self.read(x.view(len(x), self.shape.steps // self.shape.beat, -1))
        heard: Tensor = self.encoder(x + self.read_place)
        return heard

    def embed(self, tokens: Tensor) -> Tensor:
        """Look tokens up, UNKNOWN included: [...] -> [..., E]."""
        return self.token_table()[tokens % (self.shape.tokens + 1)]

    def token_table(self) -> Tensor:
        """All token embeddings: a part by what tokens have in common and a part of their own, [K + 1, E]."""
        shared = F.pad(self.token_features(self.features), (0, 0, 0, 1))
        own: Tensor = self.token.weight
        return own + shared

    # --- trunk and head ---------------------------------------------------------------------------------------------

    def contexts(self, z: Tensor, level: Tensor, known: Known | None = None) -> Tensor:
        """Read latents [B, Z] at noise levels [B], and what is known, into a context for each step [B, T, C]."""
        beats = self.shape.steps // self.shape.beat
        whole = self.from_latent(z).view(len(z), beats, -1)
        x = self.from_beat(torch.cat([whole, z.view(len(z), beats, -1)], -1))
        if known is not None:
            told = torch.cat([self.features[known.tokens] * known.facets[..., self.facets], known.facets], -1)
            x = x + self.known(told.view(len(z), beats, -1))
        else:
            x = x + self.known.bias
        signal = torch.sqrt(1 - level**2)
        precision = self.level(torch.stack([level, signal, torch.log(level), level**2], -1))
        x = self.trunk(x + precision[:, None] + self.place)
        steps: Tensor = self.to_steps(x)
        return steps.view(len(z), self.shape.steps, CONTEXT)

    def teach(self, contexts: Tensor, tokens: Tensor, feel: Feel, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Run the head over given music: token scores [B, T, K] and feel scores [B, T, V, 2, bins]; it sees `seen`."""
        past = [F.pad(seen, (lag, 0), value=UNKNOWN)[:, : seen.shape[1]] for lag in LAGS]
        gates = self.context(contexts) + self.lag(self.embed(torch.stack(past, -1)).flatten(2))
        felt = torch.cat([feel.velocities, feel.offsets * 2], -1)
        gates = gates + self.past_feel(F.pad(felt, (0, 0, 1, 0))[:, :-1])
        gates = gates + self.echo(torch.stack([self.echoes(seen, t) for t in range(seen.shape[1])], 1))
        used = (self.features[seen] * (seen != UNKNOWN)[..., None]).cummax(1).values
        gates = gates + self.so_far(F.pad(used, (0, 0, 1, 0))[:, :-1])
        hidden = self._run_gru(gates)
        out = self.mix_in(hidden, contexts)
        bits = self.onsets[tokens]
        felt = torch.cat([felt, bits], -1)
        before = [F.pad(felt, (0, 0, lag, 0))[:, :-lag] for lag in ECHOES]
        return self.logits(out), self.feel_logits(torch.cat([out, bits, *before], -1))

    @torch.no_grad()
    def tables(self) -> Tables:
        """Multiply out what does not depend on any music; good until the weights change."""
        size = self.shape.hidden
        lag_weights = self.lag.weight.view(3 * size, len(LAGS), -1)
        embeddings = self.token_table()
        return Tables(
            lags=torch.stack([embeddings @ lag_weights[:, i].T for i in range(len(LAGS))]),
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
        dice: tuple[Tensor, Tensor] | None,
        *,
        temperature: float | Tensor = 1.0,
        known: Known | None = None,
        bias: Tensor | None = None,
        tables: Tables | None = None,
    ) -> tuple[Tensor, Feel]:
        """Write music step by step: tokens [B, T] and their feel.

        `dice` are uniform numbers for tokens [B, T] and feel [B, T, V, 2]; without, the likeliest token and the mean feel.
        `temperature` is one number or [B, 1]; `bias` [B, T, K] is added to the scores of tokens, -inf forbids one.
        """
        shape, batch = self.shape, contexts.shape[0]
        table = tables or self.tables()
        gates = self.context(contexts)
        mixed = F.linear(contexts, table.mix_context, self.mix.bias)
        barred = self._barred(known) if known is not None else None

        # Histories begin with the bar before the window, of which nothing is known, so that no step is a special case.
        ahead = max(ECHOES) + 1
        which = torch.arange(len(LAGS), device=contexts.device)[:, None]
        tokens = contexts.new_full((batch, ahead + shape.steps), UNKNOWN, dtype=torch.long)
        # Velocities, twice the offsets, and what was struck.
        felt = contexts.new_zeros(batch, ahead + shape.steps, 3 * shape.voices)
        used = contexts.new_zeros(batch, self.features.shape[1])
        hidden = contexts.new_zeros(batch, shape.hidden)
        for t in range(shape.steps):
            now = t + ahead
            seen = torch.stack([tokens[:, now - lag] for lag in LAGS])
            gate = gates[:, t] + table.lags[which, seen].sum(0)
            if t:
                last = tokens[:, now - 1]
                used = torch.maximum(used, self.features[last])
                struck = felt[:, now - 1, 2 * shape.voices :]
                before = torch.stack([tokens[:, now - 1 - lag] for lag in ECHOES], 1)
                struck_before = torch.stack([felt[:, now - 1 - lag, 2 * shape.voices :] for lag in ECHOES], 1)
                alike = torch.cat([struck[:, None] == struck_before, (last[:, None] == before)[..., None]], -1)
                echoes = (alike & (before != UNKNOWN)[..., None]).flatten(1).to(gate.dtype)
                gate = torch.addmm(gate, torch.cat([felt[:, now - 1, : 2 * shape.voices], used, echoes], 1), table.past)
            hidden = self.gru(gate, hidden)
            out = F.silu(torch.addmm(mixed[:, t], hidden, table.mix))
            scores = torch.addmm(table.score_bias, out, table.score)
            if barred is not None:
                scores.masked_fill_(barred[:, t], -torch.inf)
            if bias is not None:
                scores += bias[:, t]
            if self.illegal:
                after, token = self.illegal
                last = tokens[:, now - 1]
                never = (last == after) | (last == UNKNOWN)
                if barred is not None or bias is not None:
                    never &= scores.isfinite().sum(-1) > 1  # where nothing else is allowed, what is told counts more
                scores[:, token].masked_fill_(never, -torch.inf)
            tokens[:, now] = _choose(scores, dice[0][:, t] if dice else None, temperature)
            bits = self.onsets[tokens[:, now]]
            feel = self.feel_logits(torch.cat([out, bits, *(felt[:, now - lag] for lag in ECHOES)], -1))
            warmth = CALM * (temperature[..., None, None] if isinstance(temperature, Tensor) else temperature)
            chances = (feel / warmth if dice else feel).softmax(-1)
            velocities, offsets = _spread(chances, dice[1][:, t] if dice else None)
            felt[:, now] = torch.cat([velocities * bits, 2 * offsets * bits, bits], -1)
        velocities, offsets, _ = felt[:, ahead:].chunk(3, -1)
        return tokens[:, ahead:], Feel(velocities, offsets / 2)

    def _barred(self, known: Known) -> Tensor:
        """Find the tokens that contradict what is known: [B, T, K]."""
        told = self.features[known.tokens] * known.facets[..., self.facets]
        # |f_k - f_known| summed over known features, as two products since all features are 0 or 1.
        weight = known.facets[..., self.facets]
        differs = weight @ self.features.T + told.sum(-1, keepdim=True) - 2 * told @ self.features.T
        return differs > 0.5

    def echoes(self, tokens: Tensor, t: int) -> Tensor:
        """Tell, before step t, which voices of the last step, and whether all of it, repeated: [B, E * (V + 1)]."""
        size = self.shape.voices + 1
        told = self.onsets.new_zeros(tokens.shape[0], len(ECHOES) * size)
        for i, lag in enumerate(ECHOES):
            if t > lag:
                last, before = tokens[:, t - 1], tokens[:, t - 1 - lag]
                seen = ((last != UNKNOWN) & (before != UNKNOWN))[:, None]
                alike = torch.cat([self.onsets[last] == self.onsets[before], (last == before)[:, None]], -1)
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
        return scores.view(*scores.shape[:-1], self.shape.voices, 2, self.shape.bins)

    def gru(self, gates: Tensor, hidden: Tensor) -> Tensor:
        """Take one step of the recurrent head: input gates [B, 3H], state [B, H] -> state [B, H]."""
        recurrent = self.recur(hidden)
        size = self.shape.hidden
        rz = torch.sigmoid(gates[:, : 2 * size] + recurrent[:, : 2 * size])
        new = torch.tanh(gates[:, 2 * size :] + rz[:, :size] * recurrent[:, 2 * size :])
        return torch.lerp(new, hidden, rz[:, size:])

    def _run_gru(self, gates: Tensor) -> Tensor:
        # torch's fused GRU wants to multiply its input itself; an identity would cost as much again as the real product.
        hidden = gates.new_zeros(gates.shape[0], self.shape.hidden)
        states = []
        for gate in gates.unbind(1):
            hidden = self.gru(gate, hidden)
            states.append(hidden)
        return torch.stack(states, 1)


def project(z: Tensor) -> Tensor:
    """Put points on the sphere of radius sqrt(Z)."""
    return F.normalize(z, dim=-1) * math.sqrt(z.shape[-1])


def blur(mu: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """Mix a latent with noise at a level in 0..1, [B, Z], [B], [B, Z]: its power stays what it was."""
    return torch.sqrt(1 - level**2)[:, None] * mu + level[:, None] * noise


def _choose(scores: Tensor, dice: Tensor | None, temperature: float | Tensor) -> Tensor:
    """Turn scores [B, K] into choices [B]: by the inverse of the cumulated probabilities, so that near scores choose alike."""
    if dice is None:
        return scores.argmax(-1)
    heaped = (scores / temperature).softmax(-1).cumsum(-1)
    return torch.searchsorted(heaped, (dice * heaped[:, -1])[:, None], right=True)[:, 0].clamp_max(scores.shape[-1] - 1)


def feel_bins(feel: Feel, bins: int) -> Tensor:
    """Find the bins of velocities and offsets, [B, T, V, 2]. Full velocity has a bin of its own: drum pads pile up there."""
    soft = (feel.velocities * (bins - 1)).long().clamp(0, bins - 2)
    velocity = torch.where(feel.velocities > 0.999, bins - 1, soft)
    return torch.stack([velocity, ((feel.offsets + 0.5) * bins).long().clamp(0, bins - 1)], -1)


def _spread(chances: Tensor, dice: Tensor | None) -> tuple[Tensor, Tensor]:
    """Turn chances [B, V, 2, N] of bins into velocities and offsets [B, V]: drawn, evenly within a bin, or their mean."""
    bins = chances.shape[-1]
    if dice is None:
        middles = torch.arange(0.5, bins, device=chances.device)
        soft = (middles / (bins - 1)).clamp_max(1)
        return chances[:, :, 0] @ soft, chances[:, :, 1] @ (middles / bins) - 0.5
    heaped = chances.cumsum(-1)
    goal = dice[..., None] * heaped[..., -1:]
    index = torch.searchsorted(heaped, goal, right=True).clamp_max(bins - 1)
    left = (heaped.gather(-1, index) - goal) / chances.gather(-1, index).clamp_min(1e-9)
    place = (index + 1 - left.clamp(0, 1))[..., 0]
    return (place[..., 0] / (bins - 1)).clamp_max(1), place[..., 1] / bins - 0.5


def _transformer(shape: Shape, layers: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        shape.width,
        shape.heads,
        4 * shape.width,
        dropout=shape.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(shape.width), enable_nested_tensor=False)
