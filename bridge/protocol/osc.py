"""OSC 1.0 messages <-> bytes, written as python-osc writes them, only faster. No addresses of ours, no sockets."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

Value = int | float | str | bytes | None

LONGEST_DATAGRAM = 65_507  # bytes that fit in one UDP datagram
DEEPEST_BUNDLE = 8  # bundles within bundles: no known program nests them, and garbage must not exhaust the stack
CACHED_TAGS = 1024  # longer type tags are compiled anew each time: a stranger's messages must not fill the memory

TAGS: dict[type, str] = {int: "i", float: "f", str: "s"}
CONSTANTS: dict[str, Value] = {"T": True, "F": False, "N": None, "I": True}  # I is the bang of Max and Pd
FIXED = {"h": ">q", "d": ">d", "t": ">Q", "i": ">i", "f": ">f", "r": ">I", "c": ">I", "m": ">I"}


class OscError(ValueError):
    """Bytes that are not OSC, or values that OSC cannot hold; the only error that is raised here, whatever the bytes."""


class Message(NamedTuple):
    """An address and its values."""

    address: str
    values: tuple[Value, ...]


def encode(address: str, values: Sequence[int | float | str]) -> bytes:
    """Write a message of int32, float32 and strings."""
    try:
        tags = "".join([TAGS[type(value)] for value in values])
        head = _string(address) + _string("," + tags)
        if "s" not in tags:
            return head + _struct_of(tags).pack(*values)
        return head + b"".join([_string(v) if isinstance(v, str) else _struct_of(TAGS[type(v)]).pack(v) for v in values])
    except KeyError as error:
        raise OscError(f"{address} holds a {error.args[0].__name__}; only int, float and str are sent") from error
    except (struct.error, OverflowError) as error:
        raise OscError(f"{address} holds a number that is no int32 or float32: {error}") from error
    except UnicodeEncodeError as error:
        raise OscError(f"{address} holds a string that is not Unicode") from error


def decode(datagram: bytes) -> list[Message]:
    """Read a datagram: one message, or those of a bundle in order."""
    return list(read(datagram))


def read(datagram: bytes, *, depth: int = 0) -> Iterator[Message]:
    """Read a datagram message by message: a large bundle holds thousands, and what follows it must not wait for them all."""
    if datagram.startswith(b"/"):
        yield _message(datagram)
        return
    if not datagram.startswith(b"#bundle\0"):
        raise OscError("this is not an OSC message: they begin with / or #bundle")
    if depth == DEEPEST_BUNDLE:
        raise OscError(f"bundles lie more than {DEEPEST_BUNDLE} deep")
    at = 16
    while at < len(datagram):
        size = int.from_bytes(datagram[at : at + 4], "big")
        at += 4
        if not 0 < size <= len(datagram) - at:
            raise OscError(f"a bundle names {size} bytes where {max(0, len(datagram) - at)} are left")
        yield from read(datagram[at : at + size], depth=depth + 1)
        at += size


def _message(datagram: bytes) -> Message:
    address, at = _read_string(datagram, 0)
    if at >= len(datagram):
        return Message(address, ())  # before OSC 1.0, messages without values had no tags
    tags, at = _read_string(datagram, at)
    if not tags.startswith(","):
        raise OscError(f"the values of {address[:40]} have no type tags")
    tags = tags[1:]
    try:
        if not tags.strip("if"):
            return Message(address, _struct_of(tags).unpack_from(datagram, at))
        return Message(address, _mixed(datagram, at, tags))
    except struct.error as error:
        raise OscError(f"{address[:40]} is cut off") from error


def _mixed(datagram: bytes, at: int, tags: str) -> tuple[Value, ...]:
    values: list[Value] = []
    for tag in tags:
        if tag in "sS":
            text, at = _read_string(datagram, at)
            values.append(text)
        elif tag in FIXED:
            values.append(struct.unpack_from(FIXED[tag], datagram, at)[0])
            at += struct.calcsize(FIXED[tag])
        elif tag in CONSTANTS:
            values.append(CONSTANTS[tag])
        elif tag == "b":
            size = struct.unpack_from(">I", datagram, at)[0]
            at += 4
            if size > len(datagram) - at:
                raise OscError(f"a blob names {size} bytes where {len(datagram) - at} are left")
            values.append(datagram[at : at + size])
            at += size + -size % 4
        elif tag not in "[]":  # arrays are read as the values they hold
            raise OscError(f"type tag {tag!r} is not one of: i f s b h d t T F N I S c r m [ ]")
    return tuple(values)


def _string(text: str) -> bytes:
    data = text.encode()
    if b"\0" in data:
        raise OscError("a string holds a NUL, which would end it")
    return data + b"\0" * (4 - len(data) % 4)


def _read_string(datagram: bytes, at: int) -> tuple[str, int]:
    end = datagram.find(b"\0", at)
    if end < 0:
        raise OscError("a string has no end")
    try:
        return datagram[at:end].decode(), end + 4 - (end - at) % 4
    except UnicodeDecodeError as error:
        raise OscError("a string is not UTF-8") from error


def _struct_of(tags: str) -> struct.Struct:
    return _cached_struct(tags) if len(tags) <= CACHED_TAGS else struct.Struct(">" + tags)


@lru_cache(maxsize=256)
def _cached_struct(tags: str) -> struct.Struct:
    return struct.Struct(">" + tags)
