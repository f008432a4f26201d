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
    "bridge.cli.options",
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
    # At most two and a half times what its libraries cost alone; bench/speed.py prints seconds, which depend on the machine.
    libraries = "import typer, pydantic\nclass Model(pydantic.BaseModel):\n    x: int"
    assert processor_time("from bridge.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass") < (
        2.5 * processor_time(libraries)
    )


def processor_time(code: str) -> float:
    """Seconds that code takes in a fresh interpreter, others at work or not: the least of five."""
    spent = []
    for _ in range(5):
        before = os.times()
        fresh(code)
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(spent)


def test_clips_need_the_standard_library_only() -> None:
    assert (
        not loaded_by("import models.music.clip")
        - set(sys.stdlib_module_names)
        - {"models", "__main__", "sitecustomize"}
        - site()
    )


def site() -> set[str]:
    """What this interpreter loads by itself."""
    return loaded_by("")


# Who may import what of ours, by the longest name that fits: `cli`, `server` -> `engine` -> `editing` -> `families`, `network`
# -> `music`. A package's own __init__ (versions, nothing else) is free to all of its package.
MUSIC = {"models.music", "models.pause"}
FAMILIES = {"models.families", *MUSIC}
NETWORK = {"models.network", "models.card", *FAMILIES}
FEEL = {"models.feel", "models.music", "models.pause"}
EDITING = {"models.editing", *FEEL, *NETWORK}
LEARNING = {"models.training", "models.store", *NETWORK}
ALLOWED: dict[str, set[str]] = {
    "models.extras": set(),
    "models.yaml_text": set(),
    "models.plain_file": set(),
    "models.tensor_file": set(),
    "models.whole_file": {"models.plain_file"},
    "models.pause": set(),
    "models.music": {*MUSIC, "models.extras", "models.plain_file", "models.yaml_text"},
    "models.families": FAMILIES,
    "models.card": set(),
    "models.network": NETWORK,
    "models.store": {
        *NETWORK,
        "models.extras",
        "models.plain_file",
        "models.tensor_file",
        "models.whole_file",
        "models.yaml_text",
    },
    "models.feel": FEEL,
    "models.feel.store": {
        "models.feel",
        *("models.plain_file", "models.store", "models.tensor_file", "models.yaml_text"),
    },
    "models.editing": EDITING,
    "models.training": {
        "models.feel",
        *LEARNING,
        *("models.evaluation.memorization", "models.plain_file", "models.tensor_file", "models.whole_file", "models.yaml_text"),
    },
    "models.evaluation": {*LEARNING, "models.evaluation", "models.editing"},
    "bridge.requests": {"models.families.registry", *MUSIC},
    "bridge.validation": {"bridge.requests", "models.music.clip"},
    "bridge.protocol": {"bridge.protocol", "bridge.requests", "bridge.validation", "models.music.clip", "models.pause"},
    "bridge.loaded_models": {"models.network.decoding"},
    "bridge.engine": {
        "bridge.loaded_models",
        "bridge.requests",
        "models.store",
        "models.network.decoding",
        *FAMILIES,
        "models.editing",
        "models.feel",
    },
    "bridge.config": {"models.yaml_text"},
    "bridge.devices": {"models.extras"},
    "bridge.provenance": {"models.extras", "models.plain_file"},
    "bridge.pipes": set(),
    "bridge.latent_file": {"bridge.requests", "models.editing.points", "models.music.clip"},
    "bridge.watch": {"bridge.pipes", "models.music.midi_file"},
    "bridge.writing": set(),
    "bridge.file_jobs": {
        "bridge.pipes",
        *("bridge.requests", "bridge.validation", "models.families.routing", "models.plain_file", "models.store"),
    },
    "bridge.file_context": {
        *("models.editing.others", "models.families.family", "models.families.registry", "models.families.routing"),
        *(*MUSIC, "models.plain_file"),
    },
    "bridge.files": {
        *("bridge.devices", "bridge.engine", "bridge.provenance", "bridge.requests", "bridge.validation"),
        *("bridge.file_context", "bridge.file_jobs", "bridge.pipes", "bridge.watch", "bridge.writing"),
        *(
            "models.editing.batching",
            "models.editing.others",
            "models.families.registry",
            "models.families.family",
            "models.families.routing",
            *MUSIC,
            "models.plain_file",
        ),
        "models.store",
    },
    "bridge.inspection": FAMILIES,
    "bridge.preview": {"bridge.preview", *MUSIC},
    "bridge.preview.groups": {
        *("bridge.file_context", "bridge.preview", "bridge.provenance", "bridge.requests"),
        *("models.families.registry", "models.plain_file", *MUSIC),
    },
    "bridge.evaluation": {
        *("bridge.engine", "bridge.requests", "bridge.validation", "models.evaluation", "models.editing.batching"),
        *("models.editing.others", "models.families.registry", "models.store", *MUSIC),
    },
    "bridge.fair_shares": set(),
    "bridge.inbox": {"bridge.protocol"},
    "bridge.outgoing": {"bridge.protocol"},
    "bridge.report": set(),
    "bridge.slices": {"models.editing.batching", "models.pause"},
    "bridge.model_shelf": {
        *("bridge.devices", "bridge.engine", "bridge.protocol", "bridge.requests"),
        *("models.families.registry", "models.music.clip", "models.network.decoding", "models.store"),
    },
    "bridge.worker": {
        *("bridge.engine", "bridge.fair_shares", "bridge.model_shelf", "bridge.protocol", "bridge.slices"),
        *("models.editing.batching", "models.pause", "models.store"),
    },
    "bridge.server": {
        *("bridge.config", "bridge.inbox", "bridge.outgoing", "bridge.protocol", "bridge.provenance", "bridge.report"),
        "bridge.worker",
    },
    "bridge.service": set(),
    "bridge.client": {"bridge.protocol.asking", "bridge.protocol.osc", "models.music.clip"},
    "bridge.protocol.asking": {"bridge.protocol.limits", "bridge.protocol.osc", "models.music.clip"},
    "bridge.model_words": {"models.card", "models.plain_file"},
    "bridge.api": {
        *("bridge.devices", "bridge.engine", "bridge.latent_file", "bridge.preview", "bridge.requests", "bridge.validation"),
        *("models.editing.batching", "models.editing.points", "models.families.registry", "models.families.routing"),
        *("models.music", "models.plain_file", "models.store"),
    },
    "bridge.doctor": {
        *("bridge.config", "bridge.devices", "bridge.files", "bridge.protocol", "bridge.provenance"),
        *("models.extras", "models.store"),
    },
    "bridge.cli.options": {"bridge.requests", "bridge.validation"},  # what the docs, too, are made from
    "bridge.cli": {
        *("bridge.cli", "bridge.config", "bridge.devices", "bridge.doctor", "bridge.evaluation", "bridge.files"),
        *("bridge.file_context", "bridge.file_jobs", "bridge.inspection", "bridge.latent_file", "bridge.pipes"),
        *("bridge.model_words", "bridge.preview"),
        *("bridge.watch", "bridge.writing"),
        *("bridge.provenance", "bridge.requests", "bridge.server", "bridge.service", "bridge.validation"),
        *("models.evaluation.routing", "models.extras", "models.store", "models.training", "max_for_live"),
        *("models.music.midi", "models.music.midi_file", "models.plain_file"),
    },
    "max_for_live": {"max_for_live", "bridge.config", "bridge.requests", "bridge.protocol", "models.music.drum_map"},
}
OF_PACKAGES = {"bridge": {"bridge.api"}}  # what packages themselves import, when it is asked for: else nothing
OURS = sorted(path for package in ("models", "bridge", "max_for_live") for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """Name the module of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in OURS}


def is_within(module: str, package: str) -> bool:
    """Tell whether a module is a package, or in it."""
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", OURS, ids=module_of)
def test_a_module_imports_only_what_the_arrows_allow(path: Path) -> None:
    module = module_of(path)
    rule = max((name for name in ALLOWED if is_within(module, name)), key=len, default="")
    allowed = ALLOWED[rule] if rule else OF_PACKAGES.get(module, set())
    package = module.partition(".")[0]
    wrong = {name for name in imports_of(path) & MODULES if not any(is_within(name, its) for its in allowed)} - {package}
    assert not wrong, f"{module} imports {', '.join(sorted(wrong))}; it may: {', '.join(sorted(allowed)) or 'nothing'}"


@pytest.mark.parametrize("path", sorted((ROOT / "bench").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_need_no_tests(path: Path) -> None:
    assert not [name for name in imports_of(path) if is_within(name, "tests")]


def test_the_table_of_arrows_names_nothing_that_is_not_there() -> None:
    named = {*ALLOWED, *set().union(*ALLOWED.values())}
    assert named <= MODULES | {"max_for_live"}


@pytest.mark.parametrize("path", sorted((ROOT / "bridge" / "protocol").rglob("*.py")), ids=module_of)
def test_the_protocol_knows_neither_sockets_nor_clocks(path: Path) -> None:
    assert not {"socket", "select", "time", "datetime", "threading", "asyncio", "typer"} & imports_of(path)


def test_the_protocol_loads_no_command_line_and_nothing_heavy() -> None:
    assert not loaded_by("import bridge.protocol.session") & {*HEAVY, "typer", "click"}


def test_the_command_line_loads_the_device_only_when_asked() -> None:
    assert "max_for_live" not in loaded_by("import bridge.cli")


def imports_of(path: Path) -> set[str]:
    """List the modules that a file imports anywhere, lazily too; of `from a import b` also a.b, which may be one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports by dots"
            assert not node.level, f"{path} imports by dots"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # Where only modules of a package are named, the package itself is but the way to them.
            names |= inner if inner <= MODULES else {node.module, *inner}
    return names
