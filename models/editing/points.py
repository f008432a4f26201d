"""Clips as points in latent space, for other tools to move, and points as clips. Clips and arrays; no files, no requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.editing.batching import Computation, Decode, Encode
from models.editing.clip_state import VOICES, EditContext
from models.music.clip import Clip
from models.network.decoding import DecodeBatch

NORM_SLACK = 1e-3  # by how much, of its norm, a point may lie off the sphere before it is put back on it


@dataclass(frozen=True, eq=False)
class Points:
    """Where the windows of a clip lie in the latent space of a model, and what is needed to write points as a clip again.

    `latents` [voices, windows, Z] are of norm sqrt(Z). Window k holds the k-th stretch of a voice that the model sees at once;
    the top voice comes first. `noise` [voices, windows] is what the decoder is told of each point, 0 that it is just this
    music, 1 that it says nothing: between the points of two clips it is more than at either.
    """

    latents: NDArray[np.float32]
    noise: NDArray[np.float32]
    frame: Clip  # without notes: the length, the meter and the name of the clip
    model: str
    weights_sha256: str
    drum_map: str = "gm"
    pads: tuple[tuple[int, str], ...] = ()

    def moved(self, latents: NDArray[np.float32], noise: NDArray[np.float32] | None = None) -> Points:
        """The same frame at other points."""
        return replace(self, latents=latents, noise=self.noise if noise is None else noise)


def find_latents(context: EditContext, clip: Clip) -> Computation[NDArray[np.float32]]:
    """Find the latents of a clip, [voices, windows, Z], bars of rest included."""
    layout = context.lay_out(clip)
    mu = yield Encode(context.model, (layout.grid,))
    return np.array(mu, np.float32).reshape(layout.voices, layout.windows, -1)


def write_points(context: EditContext, points: Points) -> Computation[Clip]:
    """Write points as the likeliest music there; raises ValueError where they do not fit their frame or the model."""
    family, size = context.family, context.model.card.latent
    voices, windows, z = points.latents.shape
    (top, bottom), beats = points.frame.meter, points.frame.beats
    about = f"latents of {voices} × {windows} × {z} do not fit: {points.model} writes {beats:g} beats of {top}/{bottom}"
    if beats > windows * family.spec.window_beats + 1:
        raise ValueError(f"{about} from more windows")
    layout, most = context.lay_out(points.frame), VOICES if family.is_pitched else 1
    if z != size or windows != layout.windows or not 1 <= voices <= most:
        many = f"1 to {most} voices" if most > 1 else "1 voice"
        raise ValueError(f"{about} from {many} × {layout.windows} windows × {size} numbers")
    layout = layout.with_voices(voices)
    batch = DecodeBatch(on_sphere(points.latents.reshape(-1, size)), points.noise.reshape(-1))
    grid = yield Decode(context.model, batch)
    return family.grid_to_clip(layout, grid)


def on_sphere(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put points [B, Z] that lie off the sphere of norm sqrt(Z) back on it; those on it stay as they are, bit for bit."""
    if not np.isfinite(latents).all():
        raise ValueError("a point holds what is no finite number")
    norm, wanted = np.linalg.norm(latents, axis=-1, keepdims=True), np.sqrt(latents.shape[-1])
    if len(norm) and norm.min() < 1e-6 * wanted:
        raise ValueError("a point lies in the centre of the sphere, and so in no direction")
    off = np.abs(norm - wanted) > NORM_SLACK * wanted
    return np.asarray(np.where(off, latents / norm * wanted, latents), np.float32)
