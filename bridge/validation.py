"""What the command line and OSC need to check a request before its clips are there, and to say what is wrong with it."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bridge.requests import ClipsRequest, Request
from models.music.clip import Clip

CLIPS = "clips"  # the field of a request that holds its clips
STAND_IN = Clip((), 4.0)  # what stands for a clip until it has been read or received
_SENTENCES = {"missing": "a value is missing", "extra_forbidden": "there is no such setting"}


def clip_counts(kind: type[ClipsRequest]) -> tuple[int, int | None]:
    """Return how few and how many clips a request takes; None where each clip is a request of its own."""
    metadata = kind.model_fields[CLIPS].metadata
    least = next((m.min_length for m in metadata if hasattr(m, "min_length")), 1)
    return least, next((m.max_length for m in metadata if hasattr(m, "max_length")), None)


def sentence(error: ValidationError, kind: type[Request] | None = None) -> str:
    """Say the first thing that is wrong: what was given and what is allowed, for a field of a request with its range."""
    first = error.errors()[0]
    if first["type"] in _SENTENCES and len(first["loc"]) < 2:
        return _SENTENCES[first["type"]]
    field = kind.model_fields.get(str(first["loc"][0])) if kind and first["loc"] else None
    form = value_form("", field) if field else ""
    if field and ".." in form:
        number = "a whole number" if plain_type(field.annotation) is int else "a number"
        return f"{first['input']} is not allowed: it must be {number} in {form}"
    if field and form.startswith("X"):
        limits = get_args(get_args(plain_type(field.annotation))[0])[1]
        return f"{_as_typed(first['input'])} is not allowed: it must be {form}, numbers in {value_form('', limits)}"
    reason = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    reason = reason.partition(", unable to parse")[0]
    return reason if first["type"] == "value_error" else f"{_as_typed(first['input'])} is not allowed: {reason}"


def value_form(name: str, field: FieldInfo) -> str:
    """Show how a value is written: 0..1, drums|notes, X,Y or just NAME."""
    kind = plain_type(field.annotation)
    if kind is bool:
        return "0|1"
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        items = get_args(kind)
        return "A,B,…" if Ellipsis in items else ",".join("XYZ"[: len(items)])
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    below = next((m.lt - 1 for m in field.metadata if hasattr(m, "lt")), None)  # for whole numbers
    high = next((m.le for m in field.metadata if hasattr(m, "le")), below)
    return name.upper() if low is None or high is None else f"{low}..{high}"


def plain_type(annotation: object) -> object:
    """Take `| None` and the constraints off a type."""
    if get_origin(annotation) is Annotated:
        return plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return plain_type(annotation)
    return annotation


def _as_typed(given: object) -> object:
    return ",".join(map(str, given)) if isinstance(given, tuple) else given
