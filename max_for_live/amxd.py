"""Read and write the .amxd container, byte for byte. What its patcher contains is not known here.

A file consists of chunks: a tag, a little-endian length, and that many bytes. `ampf` is the kind of device, `meta` a number,
`ptch` the content: the patcher's JSON or, in a frozen device, an archive `mx@c` of the patcher and the files it needs, followed
by a directory. All numbers in the archive are big-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

MIDI_EFFECT = b"mmmm"
KINDS = (b"aaaa", MIDI_EFFECT, b"iiii", b"nagg", b"natt")  # audio effect, MIDI effect, instrument, and Live 12's two MIDI tools
JSON, TEXT = b"JSON", b"TEXT"
IS_DEVICE = 17  # the flag of the device's own patcher; other files have 0
IS_MEDIA = 8  # the flag of a script that Node for Max runs; Max puts it into a folder of its own
META_FROZEN = 7  # frozen, with other files
EPOCH = 2_082_844_800  # seconds from 1904, where Max counts from, to 1970
MODIFIED = EPOCH + 1_767_225_600  # of every file, so that the same sources give the same bytes
MAX_BYTES = 2**30  # the limit of Max

_HEADER = struct.Struct(">4sIQ")  # mx@c, size of this header, offset of the directory
_CHUNK = struct.Struct("<4sI")
_FIELD = struct.Struct(">4sI")
_FIELDS = (b"type", b"fnam", b"sz32", b"of32", b"vers", b"flag", b"mdat")


class AmxdError(ValueError):
    """Why bytes are not a device, in one sentence."""


@dataclass(frozen=True)
class File:
    """A file in a device; `modified` is in seconds since 1904."""

    name: str
    content: bytes
    kind: bytes = TEXT
    flag: int = 0
    modified: int = MODIFIED


@dataclass(frozen=True)
class Device:
    """A device and its files. The first file is the patcher; a device that is not frozen has no others."""

    files: tuple[File, ...]
    kind: bytes = MIDI_EFFECT
    meta: int | None = META_FROZEN
    is_frozen: bool = True

    @property
    def patcher(self) -> dict[str, Any]:
        """The patcher, from its JSON; AmxdError if the first file is not one."""
        try:
            return dict(json.loads(self.files[0].content.rstrip(b"\0"))["patcher"])
        except (ValueError, KeyError, TypeError) as error:
            raise AmxdError("the device's first file is not the JSON of a patcher") from error


def patcher_file(name: str, patcher: dict[str, Any]) -> File:
    """Make the file of a patcher, with the ending that Max writes."""
    text = json.dumps({"patcher": patcher}, indent=1, ensure_ascii=False)
    return File(name, text.encode() + b"\n\0", JSON, IS_DEVICE)


def write(device: Device) -> bytes:
    """Return the bytes of a device."""
    meta = b"" if device.meta is None else _chunk(b"meta", struct.pack("<I", device.meta))
    content = _archive(device.files) if device.is_frozen else device.files[0].content
    return _chunk(b"ampf", device.kind) + meta + _chunk(b"ptch", content)


def read(data: bytes) -> Device:
    """Read a device; AmxdError if anything in its structure is not as it must be."""
    chunks = list(_chunks(data))
    tags = [tag for tag, _ in chunks]
    if b"ciph" in tags:
        raise AmxdError("the device is encrypted")
    if tags not in ([b"ampf", b"ptch"], [b"ampf", b"meta", b"ptch"]):
        raise AmxdError(f"a device has ampf, perhaps meta, and ptch; this has {_names(tags) or 'nothing'}")
    kind, content = chunks[0][1], chunks[-1][1]
    if kind not in KINDS:
        raise AmxdError(f"{_names([kind])} is not a kind of device; there are {_names(KINDS)}")
    meta = None
    if len(chunks) == 3:
        if len(chunks[1][1]) != 4:
            raise AmxdError(f"meta is one number of 4 bytes, not {len(chunks[1][1])}")
        (meta,) = struct.unpack("<I", chunks[1][1])
    if content.startswith(b"mx@c"):
        device = Device(tuple(_read_archive(content)), kind, meta)
    else:
        device = Device((File("", content, JSON, IS_DEVICE),), kind, meta, is_frozen=False)
    _ = device.patcher
    return device


def _chunk(tag: bytes, content: bytes) -> bytes:
    return _CHUNK.pack(tag, len(content)) + content


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(data) > MAX_BYTES:
        raise AmxdError(f"the file has {len(data)} bytes; Max accepts {MAX_BYTES}")
    at = 0
    while at < len(data):
        if at + _CHUNK.size > len(data):
            raise AmxdError(f"{len(data) - at} bytes after the last chunk belong to no chunk")
        tag, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + size > len(data):
            raise AmxdError(f"chunk {_names([tag])} is said to have {size} bytes, and {len(data) - at} are left")
        yield tag, data[at : at + size]
        at += size


def _archive(files: tuple[File, ...]) -> bytes:
    content, entries = b"", b""
    for file in files:
        name = file.name.encode() + b"\0"
        values = {
            b"type": file.kind,
            b"fnam": name + b"\0" * (-len(name) % 4),
            b"sz32": struct.pack(">I", len(file.content)),
            b"of32": struct.pack(">I", _HEADER.size + len(content)),
            b"vers": struct.pack(">I", 0),
            b"flag": struct.pack(">I", file.flag),
            b"mdat": struct.pack(">I", file.modified),
        }
        entries += _field(b"dire", b"".join(_field(tag, values[tag]) for tag in _FIELDS))
        content += file.content
    header = _HEADER.pack(b"mx@c", _HEADER.size, _HEADER.size + len(content))
    return header + content + _field(b"dlst", entries)


def _field(tag: bytes, content: bytes) -> bytes:
    return _FIELD.pack(tag, _FIELD.size + len(content)) + content


def _read_archive(data: bytes) -> Iterator[File]:
    if len(data) < _HEADER.size:
        raise AmxdError("the archive ends in its header")
    _, size, directory = _HEADER.unpack_from(data)
    if size != _HEADER.size or not _HEADER.size <= directory <= len(data):
        raise AmxdError(
            f"the archive's header gives its size as {size} and the directory's offset as {directory}; "
            f"it has {_HEADER.size} bytes, of {len(data)} in all"
        )
    found = list(_fields(data[directory:]))
    if [tag for tag, _ in found] != [b"dlst"]:
        raise AmxdError(f"at the directory's offset is {_names(tag for tag, _ in found) or 'nothing'}, not dlst")
    entries = found[0][1]
    at = _HEADER.size
    for tag, entry in _fields(entries):
        if tag != b"dire":
            raise AmxdError(f"the directory has {_names([tag])} instead of an entry dire")
        file, offset, length = _entry(entry)
        if offset != at or at + length > directory:
            raise AmxdError(f"{file.name} is said to have {length} bytes at {offset}; there are {directory - at} at {at}")
        yield File(file.name, data[at : at + length], file.kind, file.flag, file.modified)
        at += length
    if at == _HEADER.size or at != directory:
        raise AmxdError(f"{directory - at} bytes of the archive belong to no file")


def _entry(data: bytes) -> tuple[File, int, int]:
    """Read an entry of the directory: the file without its content, and the content's offset and length."""
    fields = list(_fields(data))
    if tuple(tag for tag, _ in fields) != _FIELDS:
        raise AmxdError(f"an entry of the directory has the fields {_names(_FIELDS)}, not {_names(tag for tag, _ in fields)}")
    values = dict(fields)
    name = values.pop(b"fnam")
    if any(len(value) != 4 for value in values.values()):
        raise AmxdError("an entry of the directory has a field that is not 4 bytes long")
    text = name.rstrip(b"\0")
    if not text or b"\0" in text or len(name) != len(text) + 4 - len(text) % 4:
        raise AmxdError(f"{name!r} is not a file name that ends with a zero and is padded to 4 bytes")
    (version, length, offset, flag, modified) = (
        struct.unpack(">I", values[tag])[0] for tag in (b"vers", b"sz32", b"of32", b"flag", b"mdat")
    )
    if version:
        raise AmxdError(f"an entry of the directory has version {version}; only 0 is known")
    try:
        return File(text.decode(), b"", values[b"type"], flag, modified), offset, length
    except UnicodeDecodeError as error:
        raise AmxdError(f"{text!r} is not a file name in UTF-8") from error


def _fields(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        if at + _FIELD.size > len(data):
            raise AmxdError(f"{len(data) - at} bytes of the directory belong to no field")
        tag, size = _FIELD.unpack_from(data, at)
        if size < _FIELD.size or at + size > len(data):
            raise AmxdError(f"{_names([tag])} is said to have {size} bytes, and {len(data) - at} are left")
        yield tag, data[at + _FIELD.size : at + size]
        at += size


def _names(tags: Iterable[bytes]) -> str:
    return " ".join(tag.decode("ascii", "backslashreplace") for tag in tags)
