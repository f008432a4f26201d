"""Graphs as ONNX files have them, written as bytes: what ONNX Runtime loads, without the package `onnx`. No networks here.

The format is Protocol Buffers; the numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT32, INT32, INT64 = 1, 6, 7
_TYPES = {"float32": FLOAT32, "int32": INT32, "int64": INT64}
LARGE = 1024  # bytes of a constant
IR_VERSION, OPSET, CONTRIB = 8, 17, "com.microsoft"

Attribute = int | float | Sequence[int] | bytes  # bytes are those of a graph


class Graph:
    """A graph that grows operation by operation. Values have names, which are those of no other graph that it is put in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.weights: dict[str, NDArray[Any]] = {}  # large constants by name: they are handed over beside the bytes, not copied
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._named = 0

    def take(self, name: str, *dims: int | str) -> str:
        """Add an input of single precision, and return its name; a dimension with a name has any size."""
        self._inputs.append(_value(name, FLOAT32, dims))
        return name

    def give(self, name: str, *dims: int | str, integers: bool = False) -> None:
        """Make a value an output."""
        self._outputs.append(_value(name, INT64 if integers else FLOAT32, dims))

    def constant(self, values: NDArray[Any] | float) -> str:
        """Add numbers that do not change, and return their name."""
        name = self._new_name()
        array = np.asarray(values, np.float32) if isinstance(values, float) else np.asarray(values)
        about = b"".join(_number(1, size) for size in array.shape) + _number(2, _TYPES[array.dtype.name])
        if array.nbytes < LARGE:
            self._constants.append(about + _field(8, name.encode()) + _field(9, array.tobytes()))
        else:
            elsewhere = _field(13, _field(1, b"location") + _field(2, b"beside")) + _number(14, 1)
            self._constants.append(about + _field(8, name.encode()) + elsewhere)
            self.weights[name] = np.ascontiguousarray(array)
        return name

    def integers(self, *values: int) -> str:
        """Add integers that do not change, a list of them."""
        return self.constant(np.array(values, np.int64))

    def add(self, operation: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add an operation with one output, and return the name of that."""
        return self.split(operation, *inputs, outputs=1, domain=domain, **attributes)[0]

    def split(self, operation: str, *inputs: str, outputs: int, domain: str = "", **attributes: Attribute) -> list[str]:
        """Add an operation with several outputs, and return their names."""
        names = [self._new_name() for _ in range(outputs)]
        self._nodes.append(
            b"".join(
                [
                    *(_field(1, name.encode()) for name in inputs),
                    *(_field(2, name.encode()) for name in names),
                    _field(4, operation.encode()),
                    _field(7, domain.encode()),
                    *(_field(5, _attribute(key, value)) for key, value in attributes.items()),
                ]
            )
        )
        return names

    def body(self) -> bytes:
        """Write the graph, to be an attribute of an operation of another one, or a model."""
        return b"".join(
            [
                *(_field(1, node) for node in self._nodes),
                _field(2, self.name.encode()),
                *(_field(5, tensor) for tensor in self._constants),
                *(_field(11, value) for value in self._inputs),
                *(_field(12, value) for value in self._outputs),
            ]
        )

    def model(self) -> bytes:
        """Write the graph as a model of its own."""
        sets = ((b"", OPSET), (CONTRIB.encode(), 1))
        versions = b"".join(_field(8, _field(1, domain) + _number(2, version)) for domain, version in sets)
        return _number(1, IR_VERSION) + _field(7, self.body()) + versions

    def _new_name(self) -> str:
        self._named += 1
        return f"{self.name}.{self._named}"


def _value(name: str, kind: int, dims: Sequence[int | str]) -> bytes:
    sizes = (_field(1, _number(1, d) if isinstance(d, int) else _field(2, d.encode())) for d in dims)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, b"".join(sizes))))


def _attribute(name: str, value: Attribute) -> bytes:
    start = _field(1, name.encode())
    if isinstance(value, bytes):
        return start + _field(6, value) + _number(20, 5)
    if isinstance(value, float):
        return start + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, 2)
    return start + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Write seven bits a byte, the lowest first; negative numbers as 64 bits have them."""
    value &= 2**64 - 1
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)
