"""Which sizes a network may have, and which weights one of these sizes has: names and shapes. No tensors, no torch.

A test holds the shapes to those of models.network.vae.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from models.families.context import CLASSES
from models.families.family import Family
from models.network.config import CONTEXT, DIGEST, SIZES, NetworkConfig

Shape = tuple[int, ...]

# The least and the most of each size: far beyond what is of use on a laptop, far below what fills one.
BOUNDS: dict[str, tuple[float, float]] = {
    "latent": (1, 1024),
    "width": (1, 2048),
    "heads": (1, 64),
    "encoder_layers": (1, 24),
    "trunk_layers": (1, 24),
    "embedding": (1, 1024),
    "hidden": (1, 2048),
    "bins": (2, 256),
    "dropout": (0, 1),
    "least_noise": (1e-4, 1),
    "plain": (0, 1),
}
MOST_WEIGHTS = 64_000_000  # of a network: 256 MB while it computes; the shipped ones have up to 3.7 million
LARGEST_WEIGHT = 1e4  # beyond any that training finds; from larger ones, sums overflow


def check_sizes(sizes: Mapping[str, bool | float | int]) -> None:
    """Refuse sizes that no network has, before anything is made of them."""
    for name, value in sizes.items():
        if name not in BOUNDS:
            raise ValueError(f"network: there is no size {ascii(name)[:80]}; there are: {', '.join(SIZES)}")
        low, high = BOUNDS[name]
        kind = NetworkConfig.__dataclass_fields__[name].type
        is_right = type(value).__name__ == kind or (kind == "float" and type(value) is int)
        if not is_right or not low <= value <= high:
            form = "true or false" if kind == "bool" else f"{'a whole' if kind == 'int' else 'a'} number in {low:g}..{high:g}"
            raise ValueError(f"network, {name}: {ascii(value)[:40]} is not allowed: it must be {form}")


def weight_shapes(family: Family, config: NetworkConfig) -> dict[str, Shape]:
    """List the weights of a network and their shapes; raises ValueError where the sizes do not fit each other."""
    if config.width % config.heads:
        raise ValueError(f"network: a width of {config.width} cannot be divided among {config.heads} heads")
    if config.latent % config.beats:
        raise ValueError(f"network: a latent of {config.latent} cannot be divided among the {config.beats} beats of a window")
    shapes = dict(_shapes(family, config))
    count = sum(map(math.prod, shapes.values()))
    if count > MOST_WEIGHTS:
        raise ValueError(f"network: these sizes make {count:,} weights; at most {MOST_WEIGHTS:,} are allowed")
    return shapes


def _shapes(family: Family, config: NetworkConfig) -> Iterator[tuple[str, Shape]]:
    features, facets = int(family.vocabulary.features.shape[1]), family.vocabulary.facet_count
    tokens, lanes, width, hidden, emb = config.tokens, config.lanes, config.width, config.hidden, config.embedding
    beats, beat, feel = config.beats, config.beat, 2 * config.lanes
    yield "token.weight", (tokens + 1, emb)
    yield "token_features.weight", (emb, features)
    yield from _linear("read", beat * (emb + feel), width)
    yield "read_place", (beats, width)
    yield from _transformer("encoder", width, config.encoder_layers)
    yield from _linear("to_latent", width, config.latent // beats)
    if config.plain:
        yield from _linear("to_spread", width, config.latent // beats)
    yield from _linear("from_latent", config.latent, beats * DIGEST)
    yield from _linear("from_beat", DIGEST + config.latent // beats, width)
    yield from _linear("known", beat * (features + facets), width)
    yield from _linear("level.0", 4, 64)
    yield from _linear("level.2", 64, width)
    yield "place", (beats, width)
    yield from _transformer("trunk", width, config.trunk_layers)
    yield from _linear("to_steps", width, beat * CONTEXT)
    yield from _linear("context", CONTEXT, 3 * hidden)
    yield "lag.weight", (3 * hidden, len(config.lags) * emb)
    yield "past_feel.weight", (3 * hidden, feel)
    yield "echo.weight", (3 * hidden, len(config.echoes) * (lanes + 1))
    yield "so_far.weight", (3 * hidden, features)
    yield from _linear("recur", hidden, 3 * hidden)
    yield from _linear("mix", hidden + CONTEXT, hidden)
    yield from _linear("predict", hidden, tokens)
    yield from _linear("predict_features", hidden, features)
    if config.slots > 1:
        yield "within.weight", (tokens, hidden)
    yield from _linear("feel.0", hidden + lanes * (1 + 3 * len(config.echoes)), 128)
    yield from _linear("feel.2", 128, lanes * 2 * config.bins)
    for kind, size in config.context:
        yield f"hear.{kind}.weight", (width, 1 + size)
        yield f"hear_steps.{kind}.weight", (CONTEXT, 1 + size)
        if family.vocabulary.classes is not None and size == CLASSES:
            yield from _linear(f"lean.{kind}", hidden, 1)


def may_be_missing(name: str) -> bool:
    """Tell whether a folder may lack a weight, which is then zero: the network was trained before there was such context."""
    return name.startswith(("hear.", "hear_steps.", "lean."))


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _transformer(name: str, width: int, layers: int) -> Iterator[tuple[str, Shape]]:
    for i in range(layers):
        layer = f"{name}.layers.{i}"
        yield f"{layer}.self_attn.in_proj_weight", (3 * width, width)
        yield f"{layer}.self_attn.in_proj_bias", (3 * width,)
        yield from _linear(f"{layer}.self_attn.out_proj", width, width)
        yield from _linear(f"{layer}.linear1", width, 4 * width)
        yield from _linear(f"{layer}.linear2", 4 * width, width)
        yield from _norm(f"{layer}.norm1", width)
        yield from _norm(f"{layer}.norm2", width)
    yield from _norm(f"{name}.norm", width)
