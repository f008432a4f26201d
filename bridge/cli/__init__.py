"""The command line: what is typed becomes requests, and what comes of them is written and told. No music, no models here.

`music` holds the verbs, `latents` encode and decode, `inspect` and `preview` what shows files, `models` what makes and
measures models, `system` the server, the device and the doctor. Nothing heavy is imported before a command runs, so that
--help is there at once.
"""

from __future__ import annotations

import copy
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import ValidationError

from bridge.cli import examples, inspect, latents, models, music, preview, system
from bridge.cli.common import PROGRAM, STOPPED, tell
from bridge.requests import VERBS
from bridge.validation import sentence

# New objects between two looks for garbage. What a start makes stays: with the usual 700, looking takes 7 % of the first clip.
GARBAGE_CHECK = 50_000
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",  # one is used (models.store); to start others takes 50 ms of the first clip
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # there are none; to look for them reads what is known of every installed package
}

app = typer.Typer(
    name=PROGRAM,
    help="Continuous, exact variation of MIDI clips.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich takes as long to import as half of all the rest
    pretty_exceptions_enable=False,
)
music.add_to(app)
latents.add_to(app)
inspect.add_to(app)
preview.add_to(app)
models.add_to(app)
system.add_to(app)
examples.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; whatever a user can cause ends in one sentence on stderr."""
    gc.set_threshold(GARBAGE_CHECK)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries warn of is for their developers
    try:
        _asked_for(sys.argv[1:] if arguments is None else arguments)(arguments, prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        tell(f"{where}: {sentence(error)}" if where else sentence(error))
    except OSError as error:
        tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ValueError as error:
        tell(str(error))
    sys.exit(1)


def _asked_for(arguments: Sequence[str]) -> typer.Typer:
    """Leave only the command that is asked for, where it is one of a verb: to prepare all others takes 3 % of a start."""
    if not arguments or arguments[0] not in VERBS:
        return app
    alone = copy.copy(app)
    alone.registered_groups = []
    alone.registered_commands = [command for command in app.registered_commands if command.name == arguments[0]]
    return alone


@app.callback(invoke_without_command=True)
def _program(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        from bridge.provenance import version as version_of

        typer.echo(f"{PROGRAM} {version_of(PROGRAM)}")
        raise typer.Exit
