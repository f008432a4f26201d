"""What is here and what is wrong, one sentence each: packages, device, models, port. Changes nothing."""

from __future__ import annotations

import platform
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

from bridge.config import PORT
from bridge.osc import OscError, Value, decode, encode
from bridge.provenance import version
from bridge.wire import PROTOCOL
from models.store import ModelError, check_golden, list_models, load_model, user_models

PATIENCE_S = 1.0  # for a server that is just loading its models


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    is_well: bool
    text: str


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
    protocol, number, device, state, models = map(str, welcome)
    return Finding(True, f"a server is up on port {port}: {number}, {state}, {models} models on {device}, protocol {protocol}")


def _packages() -> Iterator[Finding]:
    try:
        needed = metadata.requires("latent-bridge") or []
    except metadata.PackageNotFoundError:
        yield Finding(False, "latent-bridge is not installed but only lies here: in its folder, run `pip install -e .`")
        return
    yield Finding(True, f"latent-bridge {version('latent-bridge')}")
    missing = []
    for requirement in map(Requirement, needed):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue  # not for this Python, or not for running
        found = version(requirement.name)
        if found == "unknown":
            missing.append(requirement.name)
        else:
            yield Finding(True, f"{requirement.name} {found}")
    if missing:
        yield Finding(False, f"{', '.join(missing)} missing: run `pip install {' '.join(missing)}`")


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(False, f"torch cannot be loaded ({error}): run `pip install --force-reinstall torch`")
        return
    gpu = f"cuda, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    gpu = gpu or ("mps" if torch.backends.mps.is_available() else "")
    yield Finding(True, f"device {gpu}, and the cpu" if gpu else "device cpu; torch finds no GPU, and none is needed")


def _models() -> Iterator[Finding]:
    count = 0
    try:
        for card, folder in list_models():
            count += 1
            yield _model(card.name, str(folder))
    except ModelError as error:
        yield Finding(False, f"{error}: remove that folder, or put the model there again")
        return
    if not count:
        yield Finding(False, "no models are here: install latent-bridge again, or train one with `latent-bridge train`")
    own = user_models()
    yield Finding(True, f"your own models go to {own}" + ("" if own.is_dir() else ", which is not there yet"))


def _model(name: str, folder: str) -> Finding:
    from pathlib import Path

    try:
        differs = check_golden(load_model(folder), Path(folder))
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
    return message.values if message.address == "/bridge/welcome" and len(message.values) == 5 else None
