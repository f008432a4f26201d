"""ONNX Runtime computes what numpy computes, each row for itself; where it is missing, numpy is what computes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from models import extras
from models.families.constraints import Known
from models.families.context import context_size
from models.families.grid import Grid
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch, LatentModel
from models.network.latent import Randomness, noise
from models.network.onnx_bytes import Graph
from models.store import check_golden, load_model, shipped

NAMES = ("drums", "melody")
TOLERANCE = 1e-3  # of velocities, offsets and latents; tokens are the same
needs_onnxruntime = pytest.mark.skipif(extras.cpu_runtime() != "onnxruntime", reason="ONNX Runtime is not installed")


def batches(model: LatentModel, rows: int) -> list[DecodeBatch]:
    """All kinds of batches: the likeliest music, drawn, at no temperature, told, leant on, barred, and in a context."""
    rng = np.random.default_rng(rows)
    spec, vocabulary = model.family.spec, model.family.vocabulary
    z, levels = noise(rng, rows, model.card.latent), np.linspace(0.05, 1, rows, dtype=np.float32)
    drawn = Randomness.draw(rng, rows, spec, vocabulary, correlation=model.card.feel_correlation)
    music = model.decode(DecodeBatch(noise(rng, rows, model.card.latent), levels, drawn))
    told = Grid(vocabulary.without_leading_holds(music.tokens), music.velocities, music.offsets)
    mask = rng.random((rows, spec.steps, vocabulary.facet_count)) < 0.3
    mask[:, 4:12] = True  # whole steps, among them holds that have nothing to go on with
    bias = rng.standard_normal((rows, spec.steps, vocabulary.tokens), np.float32)
    bias[..., 1::7] = -np.inf
    context = (rng.random((rows, spec.window_beats, context_size(model.family.context))) < 0.3).astype(np.float32)
    return [
        DecodeBatch(z, levels),
        DecodeBatch(z, levels, drawn),
        DecodeBatch(z, levels, drawn, np.linspace(0, 1.2, rows, dtype=np.float32)),
        DecodeBatch(z, levels, Randomness.zero(rows, spec, vocabulary), np.zeros(rows, np.float32)),
        DecodeBatch(z, levels, drawn, known=Known(told, mask)),
        DecodeBatch(z, levels, drawn, logit_bias=bias, context=context),
        DecodeBatch(z, levels, drawn, known=Known(told, mask), logit_bias=np.maximum(bias, -3), context=context),
    ]


@needs_onnxruntime
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 6])
def test_both_write_the_same_music(name: str, rows: int) -> None:
    one, other = load_model(name, runtime="onnxruntime"), load_model(name, runtime="numpy")
    assert type(one) is not type(other)
    assert isinstance(other, NumpyModel)
    for batch in batches(other, rows):
        a, b = one.decode(batch), other.decode(batch)
        is_cold = batch.temperature is not None and not batch.temperature.any()
        tolerance = TOLERANCE + is_cold / other.config.bins  # of two bins that are as likely numpy takes the lower one
        assert np.array_equal(a.tokens, b.tokens)
        assert np.abs(a.velocities - b.velocities).max() < tolerance
        assert np.abs(a.offsets - b.offsets).max() < tolerance
        assert np.abs(one.encode(b) - other.encode(b)).max() < TOLERANCE


@needs_onnxruntime
@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_the_same_whatever_is_beside_it(name: str) -> None:
    model = load_model(name, runtime="onnxruntime")
    assert model.rows_apart
    for batch in batches(model, 13)[1::2]:
        whole = model.decode(batch)
        latents = model.encode(whole)
        for rows in (1, 2, 3, 7, 12):
            some = model.decode(batch[:rows])
            assert np.array_equal(some.tokens, whole.tokens[:rows])
            assert np.array_equal(some.velocities, whole.velocities[:rows])
            assert np.array_equal(some.offsets, whole.offsets[:rows])
            assert np.array_equal(model.encode(whole[:rows]), latents[:rows])


@needs_onnxruntime
@pytest.mark.parametrize("name", NAMES)
def test_it_gives_the_golden_values(name: str) -> None:
    assert check_golden(load_model(name, runtime="onnxruntime"), shipped() / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_numpy_gives_the_golden_values_too(name: str) -> None:
    assert check_golden(load_model(name, runtime="numpy"), shipped() / name) == []


def test_where_it_does_not_load_numpy_computes() -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None;"  # as if it were not installed
        "from bridge.engine import Engine; from bridge.requests import Sample;"
        "engine = Engine(); engine.run(Sample(count=1, seed=1)); print(type(engine.model('drums')).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == NumpyModel.__name__


@needs_onnxruntime
def test_graphs_are_what_the_format_says() -> None:
    import onnxruntime

    graph = Graph("sum")
    total = graph.add("Add", graph.take("x", "B", 2), graph.constant(np.array([[300.0, -0.5]], np.float32)))
    graph.give(graph.add("Clip", total, graph.constant(0.0), graph.constant(256.0)), "B", 2)
    assert not graph.weights  # few numbers are in the bytes
    made = onnxruntime.InferenceSession(graph.model()).run(None, {"x": np.array([[1, 1], [-200, 2]], np.float32)})
    assert made[0].tolist() == [[256.0, 0.5], [100.0, 1.5]]
