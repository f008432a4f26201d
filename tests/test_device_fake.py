"""The fake Max, Live and network that the device's script is tried in are as strict as the real ones: each strictness bites."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "device"
CHECKS = ("fake_max", "fake_patch", "fake_live", "fake_notes", "fake_playing", "wire")

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="peer: node")


@pytest.mark.parametrize("name", [f"{name}_checks.js" for name in CHECKS])
def test_each_strictness_of_the_fake_bites(name: str) -> None:
    command = ["node", "--expose-internals", str(FOLDER / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout
    assert "\n# skipped 0\n" in done.stdout
