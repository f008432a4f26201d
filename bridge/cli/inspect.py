"""The command that shows what MIDI files hold, part by part, and which model `auto` takes for each, before anything is made."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.common import SHARD, as_text, print_table, read_shard, tell

if TYPE_CHECKING:
    from bridge.inspection import SongReport

TITLES = ("", "name", "channel", "program", "notes", "voices", "silent bars", "key", "model", "why")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect")(inspect_files)


def inspect_files(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP…", help="MIDI files, and folders of them")],
    shard: Annotated[str | None, SHARD] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of tables")] = False,
) -> None:
    """Show the parts of MIDI files: what each is, its key (? where it is not clear), the model that auto takes, and why."""
    from bridge.file_jobs import find_files
    from bridge.inspection import inspect_song
    from models.music.midi import from_bytes
    from models.music.midi_file import MidiError, read_file
    from models.plain_file import shown

    part = read_shard(shard)
    found: list[dict[str, Any]] = []
    errors: list[str] = []
    listed = [file for given in clips for file in find_files([given], given)]
    files = {path.resolve(): (name, path) for name, path in listed if part is None or part.has(name)}
    for name, path in files.values():
        called = shown(name)
        try:
            report = inspect_song(from_bytes(read_file(path), name=called))
        except MidiError as error:
            errors.append(str(error))
            tell(str(error))
            continue
        if as_json:
            found.append(_as_json(called, report))
        else:
            _print(called, report)
    if as_json:
        typer.echo(json.dumps({"files": found, "errors": errors}, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if errors else 0)


def _print(name: str, report: SongReport) -> None:
    typer.echo(f"{name}: format {report.format}, {report.bars:g} bars")
    rows = [
        (
            part.number,
            part.name.replace("\n", " "),
            part.channel,
            as_text(part.program),
            part.notes,
            part.voices,
            f"{part.silent_bars} of {part.bars}",
            as_text(part.key),
            as_text(part.model),
            part.why.replace("\n", " "),
        )
        for part in report.parts
    ]
    print_table(TITLES, rows)


def _as_json(name: str, report: SongReport) -> dict[str, Any]:
    keys = [
        {
            "start": key.start,
            "end": key.end,
            "key": key.found.key.name,
            "confidence": round(key.found.confidence, 3),
            "likely": [likely.name for likely in key.found.likely],
        }
        for key in report.keys
    ]
    parts = [asdict(part) for part in report.parts]
    return {"file": name, "format": report.format, "bars": report.bars, "parts": parts, "keys": keys}
