"""What all commands share: options that recur, what a command reports, tables and progress bars."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from bridge.file_jobs import Shard

PROGRAM = "latent-bridge"
NAME_SHOWN = 40  # characters of a file's name beside a progress bar
STOPPED = 130  # the exit code of what Ctrl-C ended, as shells have it

OUT = typer.Option(
    "--out", metavar="DIR|-", help="the folder to write to, made where it is missing; - writes one clip to stdout"
)
TRACK = typer.Option(metavar="N,…", help="numbers or names of the parts to work on, in files that have several; or all")
CONTEXT = typer.Option(
    metavar="auto|none|FILE",
    help="what sounds with each part, is heard and stays as it is: auto, all others of its file; or the parts of another file",
)
FORCE = typer.Option("--force", help="write over files that exist")
SKIP_EXISTING = typer.Option(
    "--skip-existing", help="go on where a run stopped: leave what it made of the same request, seed and files"
)
DRY_RUN = typer.Option("--dry-run", help="say what would be made of which parts, by which models, and make nothing")
FILE_TIMEOUT = typer.Option(min=0, metavar="S", help="give a file up after so many seconds without progress; 0 never does")
SHARD = typer.Option(
    "--shard", metavar="i/n", help="take only the i-th of n parts of all files, so that n machines can share a folder"
)
EMBED = typer.Option("--embed", help="put sources of more than 256 kB into the records too, not only their paths")
JSON = typer.Option("--json", help="print one JSON object instead of the paths of the clips")
DEVICE = typer.Option("--device", metavar="auto|cpu|cuda|mps", help="where to compute; auto takes a GPU where there is one")
Device = Literal["auto", "cpu", "cuda", "mps"]


def read_shard(text: str | None) -> Shard | None:
    """Read which part of the files is asked for; typer tells what is wrong."""
    from bridge.file_jobs import Shard

    try:
        return None if text is None else Shard.read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--shard'") from error


def tell(text: str) -> None:
    """Say something on stderr."""
    typer.echo(f"{PROGRAM}: {text}", err=True)


@dataclass
class Report:
    """What a command has to tell: on stderr as it happens, and in the end the clips, or all of it as JSON, on stdout."""

    clips: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    parts: list[dict[str, object]] = field(default_factory=list)  # which model each part went to, and why
    keys: list[dict[str, object]] = field(default_factory=list)  # that new notes of each part keep to
    info: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Tell what was done to make things fit, once."""
        if line not in self.info:
            self.info.append(line)
            tell(line)

    def fail(self, reason: str) -> None:
        """Tell what went wrong."""
        self.errors.append(reason)
        tell(reason)

    def close(self, *, as_json: bool, **more: object) -> None:
        """Print what was made, and leave with 1 where anything failed."""
        text = json.dumps({**more, **vars(self)}, indent=2, ensure_ascii=False) if as_json else "\n".join(self.clips)
        if text:
            typer.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))  # names of files need not be Unicode
        raise typer.Exit(1 if self.errors else 0)


class Progress:
    """What is told how far things are, and what is worked on; on a terminal a bar shows it."""

    def __call__(self, fraction: float) -> None:
        """Say how far all is, 0 to 1."""

    def name(self, what: str) -> None:
        """Say what is worked on."""


@contextmanager
def show_progress(what: str, steps: int = 100) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing in a pipe; give what to tell how far things are, 0 to 1."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as RichProgress

    with RichProgress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=steps)

        class Bar(Progress):
            def __call__(self, fraction: float) -> None:
                # A request that must try again begins anew; a bar that runs back would only worry.
                bar.update(task, completed=max(bar.tasks[0].completed, fraction * steps))

            def name(self, now: str) -> None:
                shown = now if len(now) <= NAME_SHOWN else f"{now[:NAME_SHOWN]}…"
                bar.update(task, description=escape(f"{what} {shown}".strip()))

        yield Bar()


class Pace:
    """How fast something goes, from its first step that is seen here on, and how long the rest will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def reach(self, step: float) -> None:
        """Be at a step."""
        self._last = self._clock(), step
        self._first = self._first or self._last

    def left(self, steps: float) -> str:
        """Say how long the rest will take, `, about 3 minutes left`; nothing where that is not known yet, or there is none."""
        if not self._first or self._last[1] <= self._first[1] or self._last[1] >= steps:
            return ""
        pace = (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
        seconds = pace * (steps - self._last[1])
        if seconds < 90:
            return f", about {max(1, round(seconds))} seconds left"
        return f", about {round(seconds / 60)} minutes left" if seconds < 5400 else f", about {seconds / 3600:.1f} hours left"


@contextmanager
def tell_when_stopped(report: Report) -> Iterator[None]:
    """Say on Ctrl-C what is already there."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"stopped; {len(report.clips)} clips were written" if report.clips else "stopped; nothing was written")
        raise typer.Exit(STOPPED) from None


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below titles on stdout, as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, box=box.SIMPLE, show_header=any(titles))
    for row in rows:
        table.add_row(*map(str, row))
    # A pipe has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)


def as_text(value: object) -> str:
    """Show a value in a cell of a table: four digits of a number, a dash for none."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
