"""Request classes <-> command lines: the options that a class has, and the request that options make. No commands, no files."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bridge.requests import ClipsRequest, Request
from models.clip import Clip

CLIPS = "clips"
CORNERS = "abcdefgh"  # what the files are called that one request is about
SAID = {"missing": "a value is missing", "extra_forbidden": "there is no such setting"}
STAND_IN = Clip((), 4.0)  # what stands for a clip until its file is read


def parameters(kind: type[Request]) -> list[inspect.Parameter]:
    """Turn the fields of a request into parameters that typer reads: its own first, then those that all requests have."""
    names = sorted(kind.model_fields, key=lambda name: (name in Request.model_fields, name != CLIPS))
    options = [_option(name, kind.model_fields[name]) for name in names if name != CLIPS]
    return [*_arguments(kind), *options] if issubclass(kind, ClipsRequest) else options


def draft(kind: type[Request], values: Mapping[str, object]) -> tuple[Request, list[Path]]:
    """Make a request of what was typed, with stand-ins for its clips, and list their files; typer tells what is wrong."""
    paths = [path for name in (*CORNERS, CLIPS) for path in _paths(values.get(name))]
    asked = {name: _pieces(kind, name, value) for name, value in values.items() if name in kind.model_fields and name != CLIPS}
    if issubclass(kind, ClipsRequest):
        asked[CLIPS] = (STAND_IN,) * (1 if clip_counts(kind)[1] is None else len(paths))
    try:
        return kind.model_validate(asked), paths
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        raise typer.BadParameter(sentence(error, kind), param_hint=repr(_flag(str(where[0]))) if where else None) from error


def clip_counts(kind: type[ClipsRequest]) -> tuple[int, int | None]:
    """Tell how few clips a request takes, and how many; None where each is asked about on its own."""
    metadata = kind.model_fields[CLIPS].metadata
    least = next((m.min_length for m in metadata if hasattr(m, "min_length")), 1)
    return least, next((m.max_length for m in metadata if hasattr(m, "max_length")), None)


def sentence(error: ValidationError, kind: type[Request] | None = None) -> str:
    """Say the first thing that is wrong: what was given and what is allowed, for a field of a request with its range."""
    first = error.errors()[0]
    if first["type"] in SAID and len(first["loc"]) < 2:
        return SAID[first["type"]]
    field = kind.model_fields.get(str(first["loc"][0])) if kind and first["loc"] else None
    form = _form("", field) if field else ""
    if field and ".." in form:
        number = "a whole number" if _plain(field.annotation) is int else "a number"
        return f"{first['input']} is not allowed: it must be {number} in {form}"
    if field and form.startswith("X"):
        limits = get_args(get_args(_plain(field.annotation))[0])[1]
        return f"{_typed(first['input'])} is not allowed: it must be {form}, numbers in {_form('', limits)}"
    reason = first["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    reason = reason.partition(", unable to parse")[0]
    return reason if first["type"] == "value_error" else f"{_typed(first['input'])} is not allowed: {reason}"


def _typed(given: object) -> object:
    return ",".join(map(str, given)) if isinstance(given, tuple) else given


def _arguments(kind: type[ClipsRequest]) -> Iterator[inspect.Parameter]:
    least, most = clip_counts(kind)
    described = kind.model_fields[CLIPS].description
    if most is None:
        yield _parameter(CLIPS, list[Path], typer.Argument(help="MIDI files, and folders of them", metavar="CLIP"))
        return
    for number, name in enumerate(CORNERS[:most]):
        argument = typer.Argument(help=f"{described}: a MIDI file", metavar=name.upper())
        yield _parameter(name, Path, argument) if number < least else _parameter(name, Path | None, argument, None)


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    # All but a switch is a text to typer, so that there is one place where values are checked: the request.
    if _plain(field.annotation) is bool:
        return _parameter(name, bool, typer.Option(_flag(name), help=field.description), field.default)
    option = typer.Option(_flag(name), help=field.description, metavar=_form(name, field))
    if field.default is None:
        return _parameter(name, str | None, option, None)
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    return _parameter(name, str, option, default)


def _parameter(name: str, kind: object, info: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _form(name: str, field: FieldInfo) -> str:
    """Show how a value is typed: 0..1, drums|notes, X,Y or just NAME."""
    kind = _plain(field.annotation)
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if get_origin(kind) is tuple:
        items = get_args(kind)
        return "A,B,…" if Ellipsis in items else ",".join("XYZ"[: len(items)])
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    below = next((m.lt - 1 for m in field.metadata if hasattr(m, "lt")), None)  # for whole numbers
    high = next((m.le for m in field.metadata if hasattr(m, "le")), below)
    return name.upper() if low is None or high is None else f"{low}..{high}"


def _pieces(kind: type[Request], name: str, value: object) -> object:
    """Split what was typed for a tuple at its commas; pydantic turns the pieces into what they should be."""
    is_tuple = get_origin(_plain(kind.model_fields[name].annotation)) is tuple
    return tuple(str(value).split(",") if value else ()) if is_tuple and value is not None else value


def _paths(value: object) -> list[Path]:
    return [value] if isinstance(value, Path) else list(value) if isinstance(value, list | tuple) else []


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _plain(annotation: object) -> object:
    """Take `| None` and the constraints off a type."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return _plain(annotation)
    return annotation
