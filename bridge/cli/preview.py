"""The command that draws clips as one page for a browser, beside what they were made from. What is on it is not known here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.common import FORCE, SHARD, read_shard, tell

NAMED = 4  # groups that the title of a page names
CLIPS = typer.Argument(metavar="CLIP…", help="MIDI files, and folders of them; the records beside them tell their sources")
AGAINST = typer.Option("--against", metavar="SOURCE", help="the file to compare with, instead of what records tell")
OUT_FILE = typer.Option("--out", metavar="FILE.html", help="the page to write; it needs nothing beside it, and no network")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview")(preview)


def preview(
    clips: Annotated[list[Path], CLIPS],
    out: Annotated[Path, OUT_FILE],
    against: Annotated[Path | None, AGAINST] = None,
    shard: Annotated[str | None, SHARD] = None,
    force: Annotated[bool, FORCE] = False,
) -> None:
    """Draw clips beside their source on a page for a browser, with what is new in colour, and a button to hear each."""
    from bridge import file_jobs, writing
    from bridge.preview.groups import group_files
    from bridge.preview.page import draw_page

    part = read_shard(shard)
    if not force:
        file_jobs.refuse_existing([out])
    faults: list[str] = []
    groups = list(group_files(file_jobs.find_files(clips, out), against, faults))
    for fault in faults:
        tell(fault)
    if not any(group.cards for group in groups):
        raise file_jobs.FileError("there is nothing to show: none of the files could be read")
    if part:
        groups = [group for group in groups if part.has(group.title)]  # what was made of one file stays together
        if not groups:
            tell(f"nothing is of part {shard}: no page was written")
            raise typer.Exit(1 if faults else 0)
    titles = [group.title for group in groups]
    several = f"{', '.join(titles[:-1])} and {titles[-1]}" if len(titles) <= NAMED else f"{', '.join(titles[:NAMED])} and more"
    page = draw_page(groups, titles[0] if len(titles) == 1 else several)
    writing.write_together([(out, page.encode("utf-8", "backslashreplace"))])
    typer.echo(out)
    raise typer.Exit(1 if faults else 0)
