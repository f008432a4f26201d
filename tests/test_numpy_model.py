"""The runtime without torch computes what torch computes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models.grid import WINDOW_STEPS, leading_rests
from models.latent import Dice, noise
from models.store import check_golden, load_model, load_torch_model, shipped

NAMES = ("drums", "melody")


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 5])
def test_numpy_and_torch_write_the_same_music(name: str, rows: int) -> None:
    one, other = load_model(name), load_torch_model(name)
    rng = np.random.default_rng(rows)
    kind = one.family.kind
    z = noise(rng, rows, one.card.latent)
    levels = np.linspace(0.05, 1, rows, dtype=np.float32)
    dice = Dice.roll(rng, rows, steps=WINDOW_STEPS, voices=kind.voices, together=one.card.together)
    warmth = np.linspace(0, 1.2, rows, dtype=np.float32)
    bias = np.zeros((rows, WINDOW_STEPS, kind.tokens), np.float32)
    bias[:, ::3, kind.silence] = 2
    told = other.decode(noise(rng, rows, one.card.latent), levels, dice=dice)
    told = type(told)(leading_rests(told.tokens), told.velocities, told.offsets)
    facets = rng.random((rows, WINDOW_STEPS, int(one.family.facets.max()) + 1)) < 0.3
    for more in (
        {},
        {"dice": dice},
        {"dice": dice, "temperature": warmth},
        {"dice": dice, "bias": bias},
        {"dice": dice, "known": (told, facets), "bias": bias},
    ):
        a, b = one.decode(z, levels, **more), other.decode(z, levels, **more)
        assert np.array_equal(a.tokens, b.tokens), more.keys()
        assert np.abs(a.velocities - b.velocities).max() < 1e-3
        assert np.abs(a.offsets - b.offsets).max() < 1e-3
        assert np.abs(one.encode(a) - other.encode(b)).max() < 1e-3


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_the_golden_values_too(name: str) -> None:
    assert check_golden(load_torch_model(name), shipped() / name) == []


def test_what_is_known_and_what_is_forbidden_is_heeded() -> None:
    model = load_model("melody")
    rng = np.random.default_rng(1)
    z = noise(rng, 8, model.card.latent)
    dice = Dice.roll(rng, 8, steps=WINDOW_STEPS, voices=1)
    bias = np.zeros((8, WINDOW_STEPS, 130), np.float32)
    bias[..., [p for p in range(128) if p % 12 not in {0, 2, 4, 5, 7, 9, 11}]] = -np.inf
    tokens = model.decode(z, np.ones(8, np.float32), dice=dice, bias=bias).tokens
    assert {int(p) % 12 for p in tokens[tokens < 128]} <= {0, 2, 4, 5, 7, 9, 11}


def test_music_is_made_without_torch() -> None:
    script = (
        "import sys; from bridge.engine import Engine; from bridge.requests import Sample;"
        "Engine().run(Sample(count=1, seed=1)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
