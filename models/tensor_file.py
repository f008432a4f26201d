"""Reading the bytes of a `.safetensors` file into arrays, whatever they are: nothing is trusted, nothing is run. No files.

The bytes are the length of a header, the header in JSON (a type, a shape and a place for each tensor), and the numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "I16": np.dtype("<i2"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
}
HEADER_BYTES = 2**20  # the largest header; that of a shipped model has 8 kB
MOST_AXES = 8
_FIELDS = {"dtype", "shape", "data_offsets"}

Tensors = dict[str, NDArray[Any]]


def read_tensors(content: bytes, types: Collection[str]) -> Tensors:
    """Find the tensors, each of one of some TYPES, as read-only views of the bytes; ValueError has the end of a sentence."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, HEADER_BYTES):
        raise ValueError("is cut off, or no .safetensors file: its header does not fit in it")
    header, start = _read_header(content[8 : 8 + length]), 8 + length
    found: Tensors = {}
    end = 0
    for begin, stop, name, kind, shape in sorted(_entry(name, entry, types) for name, entry in header.items()):
        if begin != end:
            raise ValueError(f"has tensors that overlap, or gaps between them, at {_word(name)}")
        end = stop
        if start + stop > len(content):
            raise ValueError(f"is cut off within the tensor {_word(name)}")
        found[name] = np.frombuffer(content, TYPES[kind], math.prod(shape), start + begin).reshape(shape)
    if start + end != len(content):
        raise ValueError(f"has {len(content) - start - end:,} bytes behind its tensors")
    return found


def _read_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError("has a header that is not JSON") from error
    if not isinstance(header, dict):
        raise ValueError("has a header that names no tensors")
    header.pop("__metadata__", None)
    return header


def _entry(name: str, entry: object, types: Collection[str]) -> tuple[int, int, str, str, tuple[int, ...]]:
    """Read what a header says of a tensor: where it begins and ends, its name, its type and its shape."""
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise ValueError(f"says of the tensor {_word(name)} other than a type, a shape and a place")
    kind, shape, place = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in types:
        raise ValueError(f"has a tensor {_word(name)} of type {_word(kind)}; allowed: {', '.join(types)}")
    if not _are_sizes(shape) or not _are_sizes(place) or len(shape) > MOST_AXES or len(place) != 2:
        raise ValueError(f"has a tensor {_word(name)} whose shape or place is no list of sizes")
    begin, end = place
    if end - begin != math.prod(shape) * TYPES[kind].itemsize:
        raise ValueError(f"has a tensor {_word(name)} whose shape does not fit its place")
    return begin, end, name, kind, tuple(shape)


def _are_sizes(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _word(name: object) -> str:
    """Show a name that may be anything, in a few characters."""
    return ascii(name)[:80]
