"""Attackers' own OSC: messages <-> bytes, by struct alone. Nothing of the server's code, whose mistakes it would share."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

Value = int | float | str
HEAD = b"#bundle\0" + struct.pack(">Q", 1)


class Message(NamedTuple):
    """What came: the address without /bridge/, and the values."""

    name: str
    values: tuple[Value, ...]

    @property
    def id(self) -> int | None:
        """The first value, where it is a whole number."""
        return self.values[0] if self.values and isinstance(self.values[0], int) else None


def text(value: str) -> bytes:
    """Write a string, filled up to four bytes."""
    data = value.encode()
    return data + bytes(4 - len(data) % 4)


def pack(name: str, *values: Value) -> bytes:
    """Write a message to /bridge/<name>."""
    tags = "".join("s" if isinstance(v, str) else "f" if isinstance(v, float) else "i" for v in values)
    body = b"".join(text(v) if isinstance(v, str) else struct.pack(">f" if isinstance(v, float) else ">i", v) for v in values)
    return text(f"/bridge/{name}") + text("," + tags) + body


def bundle(messages: Iterable[bytes]) -> bytes:
    """Write several messages as one datagram."""
    return HEAD + b"".join(struct.pack(">i", len(message)) + message for message in messages)


def unpack(data: bytes) -> Message:
    """Read a message of the server, which sends no bundles, and only int32, float32 and strings."""
    address, at = _text(data, 0)
    tags, at = _text(data, at)
    values: list[Value] = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = _text(data, at)
            values.append(value)
        else:
            values.append(struct.unpack_from(">" + tag, data, at)[0])
            at += 4
    return Message(address.removeprefix("/bridge/"), tuple(values))


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 4 - (end - at) % 4
