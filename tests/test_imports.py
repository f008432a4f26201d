"""Who may import whom: the arrows of the design, kept in fresh interpreters."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "note_seq", "mido", "scipy", "sklearn", "rich"}


def fresh(code: str) -> str:
    """Run code in an interpreter of its own, from the root of the repository."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def loaded_by(code: str) -> set[str]:
    """Name the packages that code loads."""
    told = fresh(f"{code}\nimport sys\nprint('LOADED', *sorted({{name.partition('.')[0] for name in sys.modules}}))")
    return set(told.rpartition("LOADED ")[2].split())


LIGHT = [
    "bridge",
    "bridge.requests",
    "bridge.validation",
    "bridge.options",
    "bridge.provenance",
    "bridge.cli",
    "max_for_live.build",
]


@pytest.mark.parametrize("module", LIGHT)
def test_the_light_modules_load_nothing_heavy(module: str) -> None:
    assert not loaded_by(f"import {module}") & HEAVY


def test_help_loads_nothing_heavy() -> None:
    help_ = "from bridge.cli import main\ntry:\n    main(['vary', '--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_by(help_) & HEAVY


def test_help_is_there_at_once() -> None:
    spent = []
    for _ in range(3):
        before = os.times()
        fresh("from bridge.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass")
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    # 0.3 s on a machine with nothing else to do, which bench/speed.py prints; processor time, since here others may be at work.
    assert min(spent) < 0.6


def test_clips_need_the_standard_library_only() -> None:
    assert not loaded_by("import models.clip") - set(sys.stdlib_module_names) - {"models", "__main__", "sitecustomize"} - site()


def site() -> set[str]:
    """What this interpreter loads by itself."""
    return loaded_by("")


@pytest.mark.parametrize("path", sorted((ROOT / "models").rglob("*.py")), ids=lambda path: path.stem)
def test_models_know_nothing_of_the_bridge(path: Path) -> None:
    assert not [name for name in imports_of(path) if name.partition(".")[0] == "bridge"]


@pytest.mark.parametrize("path", sorted((ROOT / "bridge").rglob("*.py")), ids=lambda path: path.stem)
def test_only_who_asks_knows_the_engine_and_no_one_the_command_line(path: Path) -> None:
    known = imports_of(path)
    assert "bridge.cli" not in known
    if "bridge.engine" in known:
        assert path.stem in ("cli", "worker", "batch", "evaluation")


@pytest.mark.parametrize("path", sorted((ROOT / "bridge" / "protocol").rglob("*.py")), ids=lambda path: path.stem)
def test_the_protocol_knows_what_can_be_asked_and_neither_sockets_nor_clocks(path: Path) -> None:
    ours = {name for name in imports_of(path) if name.partition(".")[0] in ("bridge", "models", "max_for_live")}
    known = {"bridge.protocol", "bridge.requests", "bridge.validation", "models.clip"}
    assert {".".join(name.split(".")[:2]) for name in ours} <= known
    assert not {"socket", "select", "time", "datetime", "threading", "asyncio", "typer"} & set(imports_of(path))


def test_the_protocol_loads_no_command_line_and_nothing_heavy() -> None:
    assert not loaded_by("import bridge.protocol.session") & {*HEAVY, "typer", "click"}


@pytest.mark.parametrize("path", sorted((ROOT / "max_for_live").rglob("*.py")), ids=lambda path: path.stem)
def test_the_device_knows_what_can_be_asked_and_nothing_of_how_it_is_done(path: Path) -> None:
    known = {"bridge.config", "bridge.requests", "bridge.protocol", "models.drum_map"}
    ours = {name for name in imports_of(path) if name.partition(".")[0] in ("bridge", "models")}
    assert {".".join(name.split(".")[:2]) for name in ours} <= known


@pytest.mark.parametrize("folder", ["bridge", "models"])
def test_only_the_command_line_knows_the_device_and_only_when_asked(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        uses = [name for name in imports_of(path) if name.partition(".")[0] == "max_for_live"]
        assert not uses or path.name == "cli.py"
    assert "max_for_live" not in loaded_by("import bridge.cli")


def imports_of(path: Path) -> list[str]:
    """List the modules that a file imports anywhere, lazily too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
