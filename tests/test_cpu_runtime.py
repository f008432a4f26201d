"""The runtime without torch computes what torch computes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models.families.constraints import Known
from models.families.grid import Grid
from models.families.registry import find_family
from models.network.config import NetworkConfig
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Randomness, noise
from models.store import check_golden, load_model, load_torch_model, shipped
from tests.support.models import tiny_card
from tests.support.tiny_models import SIZES
from tests.support.toy_family import FAMILY as TOY

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
    ):
        a, b = one.decode(batch), other.decode(batch)
        assert np.array_equal(a.tokens, b.tokens), batch
        assert np.abs(a.velocities - b.velocities).max() < 1e-3
        assert np.abs(a.offsets - b.offsets).max() < 1e-3
        assert np.abs(one.encode(a) - other.encode(b)).max() < 1e-3


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
