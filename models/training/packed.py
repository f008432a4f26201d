"""Prepared music as one file, `.lbdata`: tensors by family, and a text that says whose they are. Nothing in it is run.

It holds the windows as grids of notes, so it is as private as the music it was made from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.families.context import around, context_size
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import FAMILIES, find_family
from models.plain_file import read_plain_file, shown
from models.tensor_file import Tensors, read_tensors
from models.training.dataset import LINE, Surroundings, Windows
from models.training.preparing import Learnable, Prepared
from models.whole_file import write_whole

ENDING = ".lbdata"
VERSION = 1
PACKED_BYTES = 2**31  # the largest file; fifteen songs take some 5 MB
ABOUT_BYTES = 2**22
TYPES = ["F16", "F32", "I8", "I64"]


def is_packed(path: Path) -> bool:
    """Tell whether a path is that of prepared music, by its name."""
    return path.suffix.lower() == ENDING


def save_packed(path: Path, prepared: Prepared, name: str) -> None:
    """Write prepared music, whole or not at all."""
    from safetensors.numpy import save

    about = {"version": VERSION, "name": name, "files": {family: its.files for family, its in prepared.families.items()}}
    tensors: dict[str, NDArray[Any]] = {"about": np.frombuffer(json.dumps(about).encode(), np.int8)}
    for family, its in prepared.families.items():
        windows, more = its.windows, its.windows.more
        if more is None:
            raise ValueError("prepared music has what is around its windows")
        values = {
            "tokens": windows.grid.tokens,
            "velocities": windows.grid.velocities,
            "offsets": windows.grid.offsets,
            "piece": windows.piece,
            "feel": windows.feel.astype(np.int8),
            "held": its.held.astype(np.int8),
            "kind": more.kind,
            "place": more.place,
            "context": more.context,
        }
        tensors |= {f"{family}/{field}": np.ascontiguousarray(array) for field, array in values.items()}
    write_whole(path, save(tensors))


def load_packed(path: Path, family: str) -> Learnable:
    """Read what is prepared for a family; ValueError says in one sentence what is wrong."""
    try:
        tensors = read_tensors(read_plain_file(path, PACKED_BYTES), TYPES)
        about = _about(tensors.pop("about", None))
    except ValueError as error:
        raise ValueError(f"{shown(path)} {error}") from error
    there = [name for name in FAMILIES if f"{name}/tokens" in tensors]
    if family not in there:
        raise ValueError(f"{shown(path)} holds no {family} to learn from; it holds: {', '.join(there) or 'nothing'}")
    its = {name.partition("/")[2]: values for name, values in tensors.items() if name.startswith(f"{family}/")}
    try:
        return _learnable(its, about, find_family(family))
    except ValueError as error:
        raise ValueError(f"{shown(path)} {error}") from error


def _about(values: NDArray[Any] | None) -> dict[str, Any]:
    if values is None or values.dtype != np.int8 or not 0 < values.size <= ABOUT_BYTES:
        raise ValueError("does not say what it holds: it is not from `prepare`")
    try:
        about = json.loads(values.tobytes())
    except (ValueError, RecursionError) as error:
        raise ValueError("does not say what it holds: it is not from `prepare`") from error
    if not isinstance(about, dict) or about.get("version") != VERSION:
        raise ValueError(f"is of another version of `prepare` than this program reads, {VERSION}: prepare the folder again")
    return about


def _learnable(its: Tensors, about: dict[str, Any], family: Family) -> Learnable:
    """Put the tensors of a family together; refuses those that do not fit it."""
    spec, vocabulary = family.spec, family.vocabulary
    count = len(its["tokens"]) if its["tokens"].ndim else 0
    lanes, around_it = (count, spec.steps, vocabulary.lanes), context_size(around(family.context))
    shapes = {
        "tokens": (count, spec.steps, len(vocabulary.slots)),
        "velocities": lanes,
        "offsets": lanes,
        **dict.fromkeys(("piece", "held", "kind"), (count,)),
        **dict.fromkeys(("feel", "place"), (count, 2)),
        "context": (count, spec.window_beats, around_it),
    }
    for name, shape in shapes.items():
        if name not in its or its[name].shape != shape:
            raise ValueError(f"has {name} of {family.name} in another shape than this program reads, {list(shape)}")
    tokens, kind = its["tokens"], its["kind"]
    if tokens.dtype != np.int64 or (count and (tokens.min() < 0 or tokens.max() >= vocabulary.tokens)):
        raise ValueError(f"holds tokens that {family.name} do not have")
    if kind.dtype != np.int64 or (count and (kind.min() < 0 or kind.max() > LINE)):
        raise ValueError("holds windows of a kind that this program does not know")
    floats = [np.asarray(its[name], np.float32) for name in ("velocities", "offsets")]
    if any(np.abs(values).max(initial=0) > 1 or not np.isfinite(values).all() for values in floats):
        raise ValueError("holds velocities or offsets that no note has")
    windows = Windows(
        Grid(tokens.copy(), *floats),
        np.asarray(its["piece"], np.int64),
        its["feel"].astype(bool),
        (str(about.get("name", ""))[:100] or "prepared",),
        np.zeros(count, np.int64),
        Surroundings(kind.copy(), np.asarray(its["place"], np.int64), np.asarray(its["context"], np.float16)),
    )
    files = about.get("files")
    named = files.get(family.name, ()) if isinstance(files, dict) else ()
    return Learnable(windows, its["held"].astype(bool), tuple(map(str, named)) if isinstance(named, list) else ())
