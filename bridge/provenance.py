"""The record that lies beside clips: all that is needed to make them again. No engine, no options, no terminal."""

from __future__ import annotations

import base64
import hashlib
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from bridge import __version__
from models.extras import cpu_runtime
from models.plain_file import PlainFileError, read_plain_file, shown

EMBEDDED_BYTES = 256_000  # of a source: a larger one is told by its path
RECORD_BYTES = 128 * 2**20  # of a record with four sources of the largest size in it


class RecordError(ValueError):
    """A record that cannot be read, or that cannot be followed here, in one sentence."""


class SourceFile(BaseModel):
    """A MIDI file that clips were made from: whole, or where it was and what its hash is."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    sha256: str
    midi: str | None = Field(default=None, description="the file in base64")
    path: str | None = Field(default=None, description="where the file was, if it is not in here")

    @staticmethod
    def of(name: str, content: bytes, path: Path, *, embed: bool = False) -> SourceFile:
        """Keep a file: itself if it is small or is to be embedded, else its hash and its path."""
        place = str(path.resolve())
        is_text = place.isascii() or place.encode("utf-8", "ignore").decode() == place  # else JSON cannot hold it
        if embed or len(content) <= EMBEDDED_BYTES or not is_text:
            return SourceFile(name=name, sha256=sha256(content), midi=base64.b64encode(content).decode("ascii"))
        return SourceFile(name=name, sha256=sha256(content), path=place)

    @property
    def content(self) -> bytes | None:
        """The file's bytes, where they are in here."""
        return None if self.midi is None else base64.b64decode(self.midi)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.midi is None) == (self.path is None):
            raise ValueError(f"{self.name} must either be in it or have a path")
        if self.content is not None and sha256(self.content) != self.sha256:
            raise ValueError(f"the copy of {self.name} in it is damaged")
        return self


class ModelUsed(BaseModel):
    """A model by the name or path that found it, and the hash of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    weights_sha256: str


class Output(BaseModel):
    """A file that was made, by its name beside the record."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    sha256: str


class KeyOfPart(BaseModel):
    """What new notes of a part keep to from a beat on: the key, whether it is clear, and pitch classes by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    file: str = Field(description="the file that was worked on; none where clips are made from nothing")
    number: int = Field(description="of the part in its file, from 1; 0 where there is none")
    beat: float = Field(description="from which on, counted from the part's beginning")
    key: str
    is_clear: bool = Field(description="whether only one scale is likely; else new notes keep to what the likely ones share")
    notes: str = Field(description="that new notes may be, beside the part's own near by")


class PartOfFile(BaseModel):
    """A part that was worked on, the model that did, and why that one."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    file: str
    number: int = Field(description="of the part in its file, from 1")
    name: str
    channel: int
    model: str
    why: str


class Record(BaseModel):
    """What was asked, of what, of whom, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    verb: str
    request: dict[str, JsonValue] = Field(description="every setting, with the seed; all but the clips")
    track: str | None
    kinds: str | None = Field(default=None, description="the parts whose kind was told, as in 2:drums")
    context: str | None = Field(
        default=None, description="what sounds with the parts: auto, none or a file; older ones have none"
    )
    context_file: SourceFile | None = Field(default=None, description="that file")
    like_file: SourceFile | None = Field(default=None, description="the file whose feel was taken")
    sources: tuple[SourceFile, ...] = ()
    parts: tuple[PartOfFile, ...] = Field(default=(), description="of the sources; older records do not name them")
    models: tuple[ModelUsed, ...] = ()
    device: str
    versions: dict[str, str]
    info: tuple[str, ...] = ()
    keys: tuple[KeyOfPart, ...] = ()
    outputs: tuple[Output, ...] = ()


def record_bytes(record: Record) -> bytes:
    """Give a record as JSON that people can read; what no one asked for is left out, as it was before it could be asked for."""
    left_out: dict[str, Any] = {name: True for name in ("kinds", "context_file", "like_file") if getattr(record, name) is None}
    if all(source.path is None for source in record.sources):
        left_out["sources"] = {"__all__": {"path"}}
    return (record.model_dump_json(indent=2, exclude=left_out) + "\n").encode()


def read_record(path: Path) -> Record:
    """Read a record from a file."""
    try:
        return Record.model_validate_json(read_plain_file(path, RECORD_BYTES))
    except PlainFileError as error:
        raise RecordError(f"{shown(path)} is not a record of clips: it {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise RecordError(f"{path} is not a record of clips: {where + ': ' if where else ''}{reason}") from error


def versions(device: str) -> dict[str, str]:
    """Name the versions that the bytes of a clip depend on: torch computes on a GPU, ONNX Runtime or numpy alone on a CPU."""
    runtime = cpu_runtime() if device == "cpu" else "torch"
    packages = dict.fromkeys(("latent-bridge", runtime, "numpy"))
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def runtime_of(record: Record) -> str | None:
    """Name what the clips of a record must be computed with to be the same, where it was not what is first used on a CPU."""
    return "numpy" if record.device == "cpu" and "onnxruntime" not in record.versions else None


def version(package: str) -> str:
    """Look up the version of an installed package without importing it; of one that is loaded, without reading a file."""
    if package == "latent-bridge":
        return __version__
    loaded = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    from importlib import metadata  # brings the parser of mail headers with it, and is rarely needed

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def check_models(record: Record, here: Sequence[ModelUsed]) -> None:
    """Refuse to follow a record with other weights than those that its models had."""
    for then, now in zip(record.models, here, strict=True):
        if now != then:
            hashes = f"{then.weights_sha256[:12]}, here they are {now.weights_sha256[:12]}"
            raise RecordError(f"{then.name} had other weights when it made these clips: {hashes}; they cannot be made again")


def is_same(record: Record, settings: Record, hashes: Sequence[str]) -> bool:
    """Tell whether a record is of the same request of the same sources, given by their hashes; the seed belongs to it."""
    return _asked(record) == _asked(settings) and [source.sha256 for source in record.sources] == list(hashes)


def find_seed(records: Iterable[Path], settings: Record) -> int | None:
    """Find the seed of earlier records of the same request; None where there is no such record."""
    seeds: dict[int, Path] = {}
    for path in records:
        try:
            record = read_record(path)
        except RecordError:
            continue  # it is not there, or of no use: what it tells of is made again
        seed = record.request.get("seed")
        if isinstance(seed, int) and _asked(record, seed=False) == _asked(settings, seed=False):
            seeds.setdefault(seed, path)
    if len(seeds) > 1:
        (a, one), (b, other), *_ = seeds.items()
        raise RecordError(f"{one} has seed {a} and {other} has {b}: say with --seed which run is to go on")
    return next(iter(seeds), None)


def _asked(record: Record, *, seed: bool = True) -> tuple[object, ...]:
    asked = {key: value for key, value in record.request.items() if seed or key != "seed"}
    files = [file and file.sha256 for file in (record.context_file, record.like_file)]
    return record.verb, record.track, record.kinds, record.context or "none", *files, asked


def differences(record: Record, device: str) -> list[str]:
    """Say what is different here that may change the bytes."""
    now = {**versions(device), "device": device}
    then = {**record.versions, "device": record.device}
    computed_by = next((name for name in ("torch", "onnxruntime") if name in then), "numpy")
    return [
        f"the clips were made with {name} {old}, here it is {now.get(name, 'not used')}: they may differ"
        for name, old in then.items()
        if name in (computed_by, "device") and old != now.get(name)
    ]


def compare(record: Record, contents: Sequence[bytes]) -> list[str]:
    """Name the files of a record that are not among what was made again, in their order."""
    made = [sha256(content) for content in contents]
    return [output.name for k, output in enumerate(record.outputs) if k >= len(made) or output.sha256 != made[k]]


def sha256(content: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(content).hexdigest()


def outputs(names: Sequence[str], contents: Sequence[bytes]) -> tuple[Output, ...]:
    """Note files by name and hash."""
    return tuple(Output(name=name, sha256=sha256(content)) for name, content in zip(names, contents, strict=True))
