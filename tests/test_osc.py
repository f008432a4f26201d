"""The OSC codec: byte for byte what python-osc writes, and nothing but OscError for garbage."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.protocol.osc import LONGEST_DATAGRAM, Message, OscError, decode, encode

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
values = st.lists(
    st.one_of(st.integers(-(2**31), 2**31 - 1), st.floats(width=32), texts),
    max_size=30,
)
addresses = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(lambda text: "/" + text)


def built(address: str, args: Sequence[int | float | str | bytes]) -> OscMessage:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg, {int: "i", float: "f", str: "s", bytes: "b"}[type(arg)])
    return builder.build()


@given(address=addresses, args=values)
def test_a_message_has_the_bytes_that_python_osc_writes(address: str, args: list[int | float | str]) -> None:
    assert encode(address, args) == built(address, args).dgram


@given(address=addresses, args=values)
def test_what_is_written_is_read_bit_for_bit(address: str, args: list[int | float | str]) -> None:
    datagram = encode(address, args)
    (message,) = decode(datagram)
    assert message.address == address
    assert [type(value) for value in message.values] == [type(value) for value in args]
    assert encode(address, [v for v in message.values if isinstance(v, int | float | str)]) == datagram


@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda b: b"/a\0\0,ifs" + b)))
def test_garbage_raises_one_kind_of_error(data: bytes) -> None:
    with contextlib.suppress(OscError):
        assert isinstance(decode(data), list)


@given(args=values, cut=st.integers(0, 200), flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_damaged_messages_raise_one_kind_of_error(
    args: list[int | float | str], cut: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(encode("/bridge/vary", args))
    for at, byte in flips:
        data[at % len(data)] = byte
    with contextlib.suppress(OscError):
        decode(bytes(data[: len(data) - cut]))


def test_the_types_of_other_programs_are_read() -> None:
    data = b"/a\0\0,hdtTFNIbS[ic]\0\0" + struct.pack(">qdQ", -5, 0.1, 1) + struct.pack(">I", 3) + b"xyz\0" + b"hi\0\0"
    data += struct.pack(">iI", 7, 65)
    assert decode(data) == [Message("/a", (-5, 0.1, 1, True, False, None, True, b"xyz", "hi", 7, 65))]


def test_a_bundle_gives_its_messages_in_order() -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(built("/a", [1]))
    inner = OscBundleBuilder(IMMEDIATELY)
    inner.add_content(built("/b", [2.5]))
    bundle.add_content(inner.build())
    bundle.add_content(built("/c", ["x"]))
    assert decode(bundle.build().dgram) == [Message("/a", (1,)), Message("/b", (2.5,)), Message("/c", ("x",))]


def test_bundles_within_bundles_have_an_end() -> None:
    data = b""
    for _ in range(2000):
        data = b"#bundle\0" + b"\0" * 8 + len(data).to_bytes(4, "big") + data if data else b"#bundle\0" + b"\0" * 8
    with pytest.raises(OscError, match="deep"):
        decode(data)


def test_a_message_without_tags_has_no_values() -> None:
    assert decode(b"/bridge/hello\0\0\0") == [Message("/bridge/hello", ())]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an OSC message"),
        (b"/a", "no end"),
        (b"/a\0\0,i\0\0\0", "cut off"),
        (b"/a\0\0i\0\0\0", "no type tags"),
        (b"/a\0\0,x\0\0", "type tag 'x'"),
        (b"/\xff\0\0,\0\0\0", "not UTF-8"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", "blob"),
        (b"#bundle\0" + b"\0" * 8 + b"\xff\xff\xff\xff", "bundle"),
    ],
)
def test_an_error_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(OscError, match=reason):
        decode(data)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1e39, "a\0b", "\ud800", None, b"x", True, [1]])
def test_what_osc_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(OscError):
        encode("/a", [value])  # type: ignore[list-item]


def test_the_longest_datagram_is_read() -> None:
    numbers = [float(i) for i in range((LONGEST_DATAGRAM - 20) // 5)]
    data = encode("/a", numbers)
    assert len(data) <= LONGEST_DATAGRAM
    assert list(decode(data)[0].values) == numbers
