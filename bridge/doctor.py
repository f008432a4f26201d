"""What is here and what is wrong, one sentence each: packages, device, models, port. Changes nothing."""

from __future__ import annotations

import platform
import secrets
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from bridge import __version__
from bridge.config import PORT
from bridge.protocol.limits import PROTOCOL
from bridge.protocol.osc import OscError, Value, decode, encode
from bridge.provenance import version
from models.extras import EXTRAS, is_installed
from models.store import check_golden, load_model, survey_models, user_models

PATIENCE_S = 1.0  # for a server that is just loading its models


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    is_well: bool
    text: str
    is_absent: bool = False  # something optional that is not here: nothing is wrong

    @property
    def label(self) -> str:
        """One word for the start of the line."""
        return "absent" if self.is_absent else "ok" if self.is_well else "wrong"


def examine(port: int = PORT) -> Iterator[Finding]:
    """Look at everything, the quick things first."""
    yield Finding(sys.version_info >= (3, 11), f"Python {platform.python_version()} on {platform.platform(terse=True)}")
    yield from _packages()
    yield from _devices()
    yield from _models()
    yield examine_port(port)


def examine_port(port: int = PORT) -> Finding:
    """Ask whether a server is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return Finding(True, f"port {port} is free: no server is up, and one can start")
        except OSError:
            welcome = _ask(port)
    if welcome is None:
        return Finding(False, f"port {port} is taken by a program that is no server of ours: end it, or serve with --port")
    protocol, number, device, state, models = map(str, welcome[:5])
    return Finding(True, f"a server is up on port {port}: {number}, {state}, {models} models on {device}, protocol {protocol}")


def _packages() -> Iterator[Finding]:
    """The core, then each optional install: what is here of it, or what brings it."""
    try:
        needed = [Requirement(line) for line in metadata.requires("latent-bridge") or []]
    except metadata.PackageNotFoundError:
        yield Finding(False, "running from a checkout, not installed: in its folder, run `pip install -e .`")
        return
    found, missing = _found(needed, "")
    yield Finding(True, f"core {__version__}, making and serving music on a CPU: {', '.join(found)}")
    if missing:
        yield Finding(False, f"{', '.join(missing)} missing: run `pip install {' '.join(missing)}`")
    for name, extra in EXTRAS.items():
        found, missing = _found(needed, name)
        if missing:
            lacking = f"not here: {', '.join(missing)}" if found else "not here"
            yield Finding(True, f"{name}, {extra.about}: {lacking}; {extra.install} brings it", is_absent=True)
        else:
            yield Finding(True, f"{name}, {extra.about}: {', '.join(found)}")


def _found(needed: Sequence[Requirement], extra: str) -> tuple[list[str], list[str]]:
    """Sort what an extra needs, or the core for none, into what is here, with its version, and what is missing."""
    found: list[str] = []
    missing: list[str] = []
    for requirement in needed:
        marker = requirement.marker
        applies = marker.evaluate({"extra": extra}) if marker else not extra
        if not applies or (extra and marker and marker.evaluate({"extra": ""})):
            continue  # not for this Python, or not of this extra
        number = version(requirement.name)
        if number == "unknown":
            missing.append(requirement.name)
        else:
            found.append(f"{requirement.name} {number}")
    return found, missing


def _devices() -> Iterator[Finding]:
    if not is_installed("gpu"):
        yield Finding(True, "device cpu; a GPU needs the gpu install, and none is needed")
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(False, f"torch cannot be loaded ({error}): run `pip install --force-reinstall torch`")
        return
    gpu = f"cuda, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    gpu = gpu or ("mps" if torch.backends.mps.is_available() else "")
    yield Finding(True, f"device {gpu}, and the cpu" if gpu else "device cpu; torch finds no GPU, and none is needed")


def _models() -> Iterator[Finding]:
    survey = survey_models()
    for card, folder in survey.listed():
        yield _model(card.name, folder)
    for fault in survey.faults:
        yield Finding(False, f"{fault}: remove that folder, or put the model there again")
    if not survey.models:
        yield Finding(False, "no models are here: install latent-bridge again, or train one with `latent-bridge train`")
    own = user_models()
    yield Finding(True, f"your own models go to {own}" + ("" if own.is_dir() else ", which is not there yet"))


def _model(name: str, folder: Path) -> Finding:
    try:
        differs = check_golden(load_model(str(folder)), folder)
    except (ValueError, OSError) as error:
        return Finding(False, f"model {name} cannot be loaded: {error}")
    if differs:
        return Finding(False, f"model {name} does not give here what it should ({', '.join(differs)}): install it again")
    return Finding(True, f"model {name} gives here what it should, from {folder}")


def _ask(port: int) -> tuple[Value, ...] | None:
    """Say hello to whoever has a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE_S)
        client.connect(("127.0.0.1", port))
        try:
            client.send(encode("/bridge/hello", [0, PROTOCOL, secrets.randbelow(2**31), "doctor"]))
            (message, *_) = decode(client.recv(65536))
        except (OSError, OscError):
            return None
    return message.values if message.address == "/bridge/welcome" and len(message.values) >= 5 else None
