"""Request classes <-> command lines: the options that a class has, and the request that options make. No commands, no files."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bridge.requests import ClipsRequest, Request
from bridge.validation import CLIPS, STAND_IN, clip_counts, plain_type, sentence, value_form

CORNERS = "abcdefgh"  # what the files are called that one request is about


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
    if plain_type(field.annotation) is bool:
        return _parameter(name, bool, typer.Option(_flag(name), help=field.description), field.default)
    option = typer.Option(_flag(name), help=field.description, metavar=value_form(name, field))
    if field.default is None:
        return _parameter(name, str | None, option, None)
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    return _parameter(name, str, option, default)


def _parameter(name: str, kind: object, info: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _pieces(kind: type[Request], name: str, value: object) -> object:
    """Split what was typed for a tuple at its commas; pydantic turns the pieces into what they should be."""
    is_tuple = get_origin(plain_type(kind.model_fields[name].annotation)) is tuple
    return tuple(str(value).split(",") if value else ()) if is_tuple and value is not None else value


def _paths(value: object) -> list[Path]:
    return [value] if isinstance(value, Path) else list(value) if isinstance(value, list | tuple) else []


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
