"""What several tests need: clips of our own, and small models that take no time to make and to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from models.extras import EXTRAS, is_installed
from tests.support.models import make_model

# Files that need more than the core at their first lines; single tests elsewhere are marked `full`.
FULL = {
    "test_evaluate.py",
    "test_in_context.py",
    "test_pairs.py",
    "test_personal.py",
    "test_request_evaluation.py",
    "test_together.py",
    "test_training.py",
}
HAS_ALL = all(is_installed(name) for name in EXTRAS)

# Always the same examples: what passes once passes again. EXAMPLES=10 tries ten times as many of those by tests.support.clips.
settings.register_profile("same", derandomize=True, database=None)
settings.load_profile("same")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave files alone that cannot be imported where the core is installed alone."""
    return True if not HAS_ALL and collection_path.name in FULL else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs more than the core, and leave it out where there is no more."""
    for item in items:
        if item.path.name in FULL:
            item.add_marker("full")
    if not HAS_ALL:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Name in the very last line what was not tested because something outside is missing: .ci/run looks for it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons = [report.longrepr[2] for report in reporter.stats.get("skipped", [])] if reporter else []
    missing = sorted({reason.removeprefix("Skipped: ").removeprefix("peer: ") for reason in reasons})
    if reporter and missing:
        reporter.write_line(f"not tested, since missing: {', '.join(missing)}")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Run torch on one thread, as the program does: two are far slower beside a busy core."""
    if not is_installed("train"):
        return
    from models.network.torch_runtime import use_one_thread

    use_one_thread()


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of our own MIDI files."""
    return Path(__file__).parent / "clips"


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small untrained models, drums and melody, as a user's own: what they make is noise, but well-formed."""
    home = tmp_path_factory.mktemp("data")
    for name in ("drums", "melody"):
        make_model(home / "latent-bridge" / "models" / name)
    return home / "latent-bridge" / "models"


@pytest.fixture
def own_models(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small models in the place of a user's, where their names are found before those of the shipped ones."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tiny_models.parents[1]))
    return tiny_models


@pytest.fixture(scope="session")
def other_model() -> Callable[[Path], None]:
    """What makes a model folder with other weights than the small models have."""
    return lambda folder: make_model(folder, seed=2)
