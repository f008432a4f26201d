"""The runtime without torch computes what torch computes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.families.constraints import Known
from models.families.context import Context, context_size
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.network.config import NetworkConfig
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Randomness, noise
from models.network.tensors import may_be_missing
from models.store import check_golden, load_model, load_torch_model, shipped
from tests.support.models import tiny_card
from tests.support.tiny_models import SIZES
from tests.support.toy_family import FAMILY as TOY

if TYPE_CHECKING:
    from models.network.torch_runtime import TorchModel

NAMES = ("drums", "melody")
MELODY = find_family("melody")


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 5])
def test_numpy_and_torch_write_the_same_music(name: str, rows: int) -> None:
    assert_alike(load_model(name), load_torch_model(name), rows)


def assert_alike(one: LatentModel, other: LatentModel, rows: int) -> None:
    """Hold two runtimes of one network to the same music: the likeliest, drawn, leant on, and told."""
    rng = np.random.default_rng(rows)
    spec, vocabulary = one.family.spec, one.family.vocabulary
    z = noise(rng, rows, one.card.latent)
    levels = np.linspace(0.05, 1, rows, dtype=np.float32)
    drawn = Randomness.draw(rng, rows, spec, vocabulary, correlation=one.card.feel_correlation)
    temperature = np.linspace(0, 1.2, rows, dtype=np.float32)
    bias = np.zeros((rows, spec.steps, vocabulary.tokens), np.float32)
    for token in vocabulary.silence:
        bias[:, ::3, token] = 2
    music = other.decode(DecodeBatch(noise(rng, rows, one.card.latent), levels, drawn))
    known = Known(
        Grid(vocabulary.without_leading_holds(music.tokens), music.velocities, music.offsets),
        rng.random((rows, spec.steps, vocabulary.facet_count)) < 0.3,
    )
    for batch in (
        DecodeBatch(z, levels),
        DecodeBatch(z, levels, drawn),
        DecodeBatch(z, levels, drawn, temperature),
        DecodeBatch(z, levels, drawn, logit_bias=bias),
        DecodeBatch(z, levels, drawn, known=known, logit_bias=bias),
        DecodeBatch(z, levels, drawn, context=sounding(one.family, rows, rng)),
    ):
        a, b = one.decode(batch), other.decode(batch)
        assert np.array_equal(a.tokens, b.tokens), batch
        assert np.abs(a.velocities - b.velocities).max() < 1e-3
        assert np.abs(a.offsets - b.offsets).max() < 1e-3
        assert np.abs(one.encode(a) - other.encode(b)).max() < 1e-3


def sounding(family: Family, rows: int, rng: np.random.Generator) -> Context:
    """Draw what sounds around windows."""
    shape = rows, family.spec.window_beats, context_size(family.context)
    return (rng.random(shape) < 0.3).astype(np.float32)


def with_context(name: str) -> tuple[NumpyModel, TorchModel]:
    """Give a shipped model weights by which what sounds around changes what is written, in both runtimes."""
    import torch

    from models.store import load_torch_model

    model = load_torch_model(name)
    torch.manual_seed(0)
    for key, tensor in model.network.named_parameters():
        if may_be_missing(key):
            torch.nn.init.normal_(tensor, std=0.2)
    weights = {key: values.detach().numpy() for key, values in model.network.named_parameters()}
    return NumpyModel(model.card, model.family, weights), model


@pytest.mark.full
@pytest.mark.parametrize("rows", [1, 5])
def test_numpy_and_torch_hear_the_same_context(rows: int) -> None:
    one, other = with_context("melody")
    assert_alike(one, other, rows)


@pytest.mark.full
def test_a_context_of_nothing_is_none() -> None:
    model, _ = with_context("melody")
    rng = np.random.default_rng(2)
    z, levels = noise(rng, 4, model.card.latent), np.ones(4, np.float32)
    drawn = Randomness.draw(rng, 4, model.family.spec, model.family.vocabulary)
    context = sounding(MELODY, 4, rng)
    silent, heard = (model.decode(DecodeBatch(z, levels, drawn, context=c)).tokens for c in (0 * context, context))
    assert np.array_equal(silent, model.decode(DecodeBatch(z, levels, drawn)).tokens)
    assert not np.array_equal(silent, heard)


def test_weights_of_before_there_was_context_do_not_hear_it() -> None:
    model = load_model("melody-plain")
    assert not model.hears
    rng = np.random.default_rng(3)
    z, levels = noise(rng, 4, model.card.latent), np.ones(4, np.float32)
    drawn = Randomness.draw(rng, 4, model.family.spec, model.family.vocabulary)
    a, b = (model.decode(DecodeBatch(z, levels, drawn, context=c)) for c in (None, sounding(MELODY, 4, rng)))
    assert np.array_equal(a.tokens, b.tokens)
    assert np.array_equal(a.velocities, b.velocities)


def test_batches_with_and_without_context_are_stacked() -> None:
    rng = np.random.default_rng(4)
    context = sounding(MELODY, 2, rng)
    rows = [DecodeBatch(noise(rng, 2, 8), np.ones(2, np.float32), context=c) for c in (None, context)]
    stacked = DecodeBatch.stack(rows, MELODY).padded(1)
    assert stacked.context is not None
    assert np.array_equal(stacked.context, np.concatenate([0 * context, context, context[-1:]]))
    assert np.array_equal(stacked.context[2:4], context)
    some = stacked[:3].context
    assert some is not None
    assert len(some) == 3


@pytest.mark.full
@pytest.mark.parametrize("rows", [1, 5])
def test_numpy_and_torch_write_the_same_music_where_a_step_has_several_slots(rows: int) -> None:
    import torch

    from models.network.torch_runtime import TorchModel, build_network

    torch.manual_seed(rows)
    network = build_network(TOY, NetworkConfig.of(TOY, SIZES))
    torch.nn.init.normal_(network.predict.weight, std=0.3)
    weights = {name: values.detach().numpy() for name, values in network.named_parameters()}
    card = tiny_card("toy", network=SIZES)
    assert_alike(NumpyModel(card, TOY, weights), TorchModel(card, TOY, network), rows)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_the_golden_values_too(name: str) -> None:
    assert check_golden(load_torch_model(name), shipped() / name) == []


def test_what_is_known_and_what_is_forbidden_is_heeded() -> None:
    model = load_model("melody")
    spec, vocabulary = MELODY.spec, MELODY.vocabulary
    rng = np.random.default_rng(1)
    z = noise(rng, 8, model.card.latent)
    drawn = Randomness.draw(rng, 8, spec, vocabulary)
    bias = np.zeros((8, spec.steps, vocabulary.tokens), np.float32)
    bias[..., [p for p in range(128) if p % 12 not in {0, 2, 4, 5, 7, 9, 11}]] = -np.inf
    tokens = model.decode(DecodeBatch(z, np.ones(8, np.float32), drawn, logit_bias=bias)).tokens
    assert {int(p) % 12 for p in tokens[tokens < 128]} <= {0, 2, 4, 5, 7, 9, 11}


def test_music_is_made_without_torch() -> None:
    script = (
        "import sys; from bridge.engine import Engine; from bridge.requests import Sample;"
        "Engine().run(Sample(count=1, seed=1)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
