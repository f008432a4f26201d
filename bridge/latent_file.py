"""Points of a clip <-> the bytes of a .npz file that numpy, and so any other tool, reads. No pickle, no engine, no terminal."""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.requests import Pad
from models.editing.points import Points
from models.music.clip import Clip

FORMAT = "latent-bridge points 1"
MOST_BYTES = 64 * 2**20  # of a file, and of what is in it: more than 100,000 windows
ARRAYS = {"latents": 4, "noise": 3}  # the axes that each may have at the most
ABOUT = "about"
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError, OSError, SyntaxError)


class LatentFileError(ValueError):
    """A file that holds no points, in one sentence."""


class About(BaseModel):
    """What a file says beside its numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: str = FORMAT
    model: str
    weights_sha256: str
    beats: float
    start: float
    meter: tuple[int, int]
    tempo: float
    ticks_per_beat: int
    name: str
    channel: int | None
    drum_map: str = "gm"
    pads: tuple[Pad, ...] = Field(default=())


def to_npz(points: Points) -> bytes:
    """Write points: `latents` [voices, windows, Z], `noise` [voices, windows], and in `about` all else, as JSON."""
    frame = points.frame
    shared = {name: getattr(frame, name) for name in ("beats", "start", "meter", "tempo", "ticks_per_beat", "name", "channel")}
    about = About(
        model=points.model, weights_sha256=points.weights_sha256, drum_map=points.drum_map, pads=points.pads, **shared
    )
    file = io.BytesIO()
    text = np.array(about.model_dump_json())
    np.savez(file, allow_pickle=False, latents=points.latents, noise=points.noise, about=text)
    return file.getvalue()


def from_npz(content: bytes, name: str) -> list[Points]:
    """Read points; several where `latents`, or `noise` too, have a first axis more. `name` is what an error calls the file."""
    try:
        arrays = _read_arrays(content)
        about = About.model_validate(json.loads(str(arrays[ABOUT][()])))
    except KeyError as error:
        raise LatentFileError(f"{name} holds no array {error}; `latent-bridge encode` writes such files") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise LatentFileError(f"{name} says in {ABOUT} of {where}: {first['msg'].removeprefix('Value error, ')}") from error
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200]
        raise LatentFileError(f"{name} is not a file that `latent-bridge encode` wrote: {reason}") from error
    if about.format != FORMAT:
        raise LatentFileError(f"{name} is of the format {about.format[:40]!r}; this version reads {FORMAT!r}")
    latents, noise = arrays["latents"], arrays["noise"]
    latents = latents[None] if latents.ndim == 3 else latents
    noise = noise[None] if noise.ndim == 2 else noise
    if latents.ndim != 4 or latents.shape[1:3] != noise.shape[1:] or not latents.size or len(noise) not in (1, len(latents)):
        shapes = f"{_shape(arrays['latents'])} and {_shape(arrays['noise'])}"
        raise LatentFileError(f"{name} has latents and noise of {shapes}, not of voices × windows × Z and voices × windows")
    if not np.isfinite(latents).all() or not ((noise >= 0) & (noise <= 1)).all():
        raise LatentFileError(f"{name} has latents that are not finite numbers, or noise that is not in 0..1")
    try:
        frame = Clip((), **about.model_dump(include={"beats", "start", "meter", "tempo", "ticks_per_beat", "name", "channel"}))
    except ValueError as error:
        raise LatentFileError(f"{name}: {error}") from error
    shared = about.model, about.weights_sha256, about.drum_map, about.pads
    noise = np.broadcast_to(noise, latents.shape[:3])
    return [Points(one, its, frame, *shared) for one, its in zip(latents, noise, strict=True)]


def _read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Find the arrays; none is made larger than the bytes that are there, whatever a header says."""
    found: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in (*ARRAYS, ABOUT):
            entry = file.getinfo(f"{name}.npy") if f"{name}.npy" in file.NameToInfo else None
            if entry is None:
                raise KeyError(name)
            if entry.file_size > MOST_BYTES:
                raise ValueError(f"{name} has more than {MOST_BYTES // 2**20} MiB")
            with file.open(entry) as stream:
                found[name] = _read_array(stream.read(MOST_BYTES + 1), name)
    return found


def _read_array(content: bytes, name: str) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    is_text = name == ABOUT
    if dtype.hasobject or (dtype.kind != "U" or shape != () if is_text else dtype.kind != "f" or len(shape) > ARRAYS[name]):
        raise ValueError(f"{name} is an array of {dtype} of shape {shape}")
    body = content[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body) or not dtype.itemsize:
        raise ValueError(f"{name} is cut off")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if is_fortran else "C")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return array if is_text else array.astype(np.float32)


def _shape(array: NDArray[Any]) -> str:
    return " × ".join(map(str, array.shape)) or "one number"
