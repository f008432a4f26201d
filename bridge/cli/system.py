"""The commands around the music: the server, its start at login, the Live device, the doctor."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bridge.cli.common import DEVICE, PROGRAM, Device


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    service = typer.Typer(help="Start the server at login.", no_args_is_help=True, rich_markup_mode=None)
    service.command("install")(install_service)
    service.command("remove")(remove_service)
    app.add_typer(service, name="service")
    device = typer.Typer(help="The Max for Live device.", no_args_is_help=True, rich_markup_mode=None)
    device.command("build")(build_device)
    device.command("install")(install_device)
    device.command("path")(print_device_path)
    app.add_typer(device, name="device")
    app.command()(doctor)


def serve(
    host: Annotated[str | None, typer.Option(help="who may ask: 127.0.0.1 is this computer, 0.0.0.0 the whole network")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="the UDP port [9120]")] = None,
    device: Annotated[Device | None, DEVICE] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="a file like configs/server.yaml")] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, typer.Option(help="debug tells all messages")
    ] = None,
    while_input: Annotated[
        bool, typer.Option("--while-input", help="end when standard input does, with the program that started this")
    ] = False,
) -> None:
    """Serve clips over OSC, until Ctrl-C."""
    from bridge.config import ServerConfig, read_config
    from bridge.server import serve as serve_until_stopped

    given = {"host": host, "port": port, "device": device, "log_level": log_level}
    settings = read_config(config) if config else ServerConfig()
    is_computing = serve_until_stopped(
        settings.model_copy(update={key: value for key, value in given.items() if value is not None}),
        _say_now,
        sys.stdin.fileno() if while_input else None,
    )
    if is_computing:  # as Python ends, a thread in compiled code would abort it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _say_now(text: str) -> None:
    typer.echo(f"{PROGRAM}: {text}")
    sys.stdout.flush()  # else a pipe would learn where the server listens only when it ends


def install_service(port: Annotated[int | None, typer.Option(min=1, max=65535, help="the UDP port [9120]")] = None) -> None:
    """Start the server at login, from now on."""
    from bridge import service

    typer.echo(service.install(port))


def remove_service() -> None:
    """No longer start the server at login."""
    from bridge import service

    typer.echo(service.remove())


def build_device(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="instead of where the program has it")] = None,
    check: Annotated[bool, typer.Option("--check", help="write nothing; say whether the file is up to date")] = False,
) -> None:
    """Build the device from its sources, without Max."""
    from max_for_live.build import BUILT, build

    place, data = out or BUILT, build()
    if not check:
        place.write_bytes(data)
    elif not place.exists() or place.read_bytes() != data:
        raise ValueError(f"{place} is not what the sources give: run `{PROGRAM} device build`")
    typer.echo(place)


def install_device(
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="instead of Live's User Library")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a device there that differs")] = False,
) -> None:
    """Copy the device to where Live looks for it, and leave a note from which it can start the server."""
    from bridge.service import leave_note
    from max_for_live.build import install

    place = install(to, force=force)
    leave_note()
    typer.echo(place)


def print_device_path() -> None:
    """Print where the device is."""
    from max_for_live.build import BUILT

    if not BUILT.exists():
        raise ValueError(f"{BUILT} is not there; `{PROGRAM} device build` makes it")
    typer.echo(BUILT)


def doctor() -> None:
    """Check what is installed, the device, the models and the port."""
    from bridge.doctor import examine

    findings = list(examine())
    for finding in findings:
        typer.echo(f"{finding.label:<7}{finding.text}")
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else 1)
