"""A network as a LatentModel on ONNX Runtime: on a CPU two to three times as fast as numpy, which is there where it is not.

The encoder and the decoder are graphs, each of which is written and loaded when it is first needed. What goes into them is
prepared by numpy, no sum of which depends on how many rows there are.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.families.context import CLASSES
from models.families.grid import Grid
from models.network.config import FEEL_TEMPERATURE
from models.network.cpu_runtime import COLDEST, Array, NumpyModel, precision_of
from models.network.decoding import DecodeBatch
from models.network.onnx_bytes import Graph
from models.network.onnx_graphs import HeadWeights, TrunkWeights, Weights, decoder, encoder

Session = Any  # onnxruntime has no types
# What is drawn, 0..1, is kept from both ends: at 0 what is next to impossible would be taken, at 1 rounding may leave nothing.
LEAST_GOAL, MOST_GOAL = np.float32(1e-6), np.float32(1 - 2**-20)


class OnnxModel(NumpyModel):
    """A LatentModel (see models.network.decoding) that runs on ONNX Runtime."""

    rows_apart = True

    def decode(self, batch: DecodeBatch) -> Grid:
        """Write the music of a batch, a row of it a window. One row is computed as two: alone its sums are in another order."""
        return self._decode(batch) if len(batch) > 1 else self._decode(batch.padded(1))[:1]

    def _place(self, music: Array) -> Array:
        placed: Array = self._encoder_session.run(None, {"music": music})[0]
        return placed

    def _decode(self, batch: DecodeBatch) -> Grid:
        steps, beats, lanes, rows = self.config.steps, self.config.beats, self.config.lanes, len(batch)
        drawn, context = batch.randomness, batch.context if self.hears else None
        level = np.clip(np.asarray(batch.noise_levels, np.float32), self.least_noise, 1)
        feed: dict[str, NDArray[Any]] = {
            "z": np.asarray(batch.latents, np.float32),
            "precision": precision_of(level),
            "told": self._told(batch.known) if batch.known else np.zeros((1, beats, len(self._known.weight)), np.float32),
        }
        if len(self._hear):
            unheard = np.zeros((1, beats, len(self._hear)), np.float32)
            feed["around"] = unheard if context is None else np.asarray(context, np.float32)
        bias = self._logit_bias(batch)
        feed["bias"] = np.zeros((steps, 1, 1), np.float32) if bias is None else _steps_first(bias[:, :, 0])
        if self._vocabulary.holds:
            # Where nothing else is allowed, what is told counts more than that a hold has nothing to go on with.
            may_bar = np.ones((steps, 1), bool) if bias is None else np.isfinite(feed["bias"]).sum(-1) > 1
            feed["may_bar"] = may_bar[..., None].astype(np.float32)
        if self._leaning:
            silence = np.zeros((beats, 1, len(self._leaning), CLASSES), np.float32)
            feed["classes_around"] = silence if context is None else self._classes_around(context)
        if drawn is None:
            tokens, feel = self._likeliest_session.run(None, feed)
        else:
            temperature = np.ones(rows, np.float32) if batch.temperature is None else np.asarray(batch.temperature, np.float32)
            feed["coolness"] = 1 / np.maximum(temperature, np.float32(COLDEST))[:, None]
            feed["goals"] = np.clip(_steps_first(drawn.tokens)[..., 0], LEAST_GOAL, MOST_GOAL)
            feel_goals = drawn.feel.transpose(1, 0, 3, 2).reshape(steps, rows, 2 * lanes, 1)
            feed["feel_goals"] = np.clip(np.asarray(feel_goals, np.float32), LEAST_GOAL, MOST_GOAL)
            tokens, feel = self._drawing_session.run(None, feed)
        velocities, offsets = np.split(feel.transpose(1, 0, 2), 2, axis=-1)
        return Grid(
            np.ascontiguousarray(tokens.T[..., None]),
            np.ascontiguousarray(velocities),
            np.ascontiguousarray(offsets / 2 * np.float32(self.card.timing)),
        )

    @cached_property
    def _encoder_session(self) -> Session:
        layers, norm = self._encoder.layers, self._encoder.norm
        return _load(encoder(self._read, self._read_place, layers, norm, self._to_latent, self.config.heads))

    @cached_property
    def _drawing_session(self) -> Session:
        return self._decoder_session(1 / FEEL_TEMPERATURE)

    @cached_property
    def _likeliest_session(self) -> Session:
        return self._decoder_session(None)

    def _decoder_session(self, coolness_of_feel: float | None) -> Session:
        weights = self._trunk_weights, self._head_weights
        return _load(decoder(*weights, self.config, self._vocabulary, coolness_of_feel=coolness_of_feel))

    @property
    def _trunk_weights(self) -> TrunkWeights:
        return TrunkWeights(
            from_latent=self._from_latent,
            from_beat=self._from_beat,
            known=self._known,
            level=self._level,
            place=self._beat_place,
            layers=self._trunk.layers,
            norm=self._trunk.norm,
            to_steps=self._to_steps,
            hear=self._hear,
            hear_steps=self._hear_steps,
        )

    @property
    def _head_weights(self) -> HeadWeights:
        h = self._head
        return HeadWeights(
            lags=h.lags,
            past=h.past,
            context=h.context,
            mixing=h.mixing,
            onward=h.onward,
            start=h.start,
            score=Weights(h.scoring, h.score_bias),
            feel=h.feeling,
            leaning=Weights(self._lean, self._lean_bias) if self._leaning else None,
        )


def _steps_first(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values.swapaxes(0, 1), np.float32)


def _load(graph: Graph) -> Session:
    """Load a graph to be run on the thread that asks."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    weights = [onnxruntime.OrtValue.ortvalue_from_numpy(values) for values in graph.weights.values()]
    options.add_external_initializers(list(graph.weights), weights)
    return onnxruntime.InferenceSession(graph.model(), options, providers=["CPUExecutionProvider"])
