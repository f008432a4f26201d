"""What the built device does for a musician, in a fake Live with a scripted server; test_device_wire has the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from max_for_live.build import build
from models.music.drum_map import voice_by_name
from tests.support.pads import LIVE_808, LIVE_909, NAMES, NONE

FOLDER = Path(__file__).parent / "device"
SCENARIOS = sorted(path.stem.removesuffix("_scenarios") for path in FOLDER.glob("*_scenarios.js"))
ELSEWHERE = {"wire", "hasty"}  # in test_device_wire.py

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="peer: node")


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The device as it is built from its source."""
    path = tmp_path_factory.mktemp("device") / "device.amxd"
    path.write_bytes(build())
    return path


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in ELSEWHERE])
def test_every_scenario_ends_as_a_musician_expects(name: str, device: Path) -> None:
    done = run(name, device)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout
    assert "\n# skipped 0\n" in done.stdout
    assert "\n# todo 0\n" in done.stdout


def test_pads_are_understood_by_their_names_as_the_server_understands_them(device: Path) -> None:
    names = [name for named in (*NAMES.values(), NONE, LIVE_808, LIVE_909) for name in named]
    lines = (
        f"const {{ Stage }} = require({json.dumps(str(FOLDER / 'stage.js'))});",
        "const { Music, TABLE } = new Stage().max.world;",
        f"console.log(JSON.stringify({json.dumps(names)}.map((name) => Music.voiceOf(name, TABLE.drum_words))));",
    )
    done = subprocess.run(
        ["node", "-e", "".join(lines)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "DEVICE": str(device)},
    )
    assert json.loads(done.stdout) == [voice_by_name(name) or "" for name in names]


def run(name: str, device: Path) -> subprocess.CompletedProcess[str]:
    """Run a file of scenarios on a device."""
    command = ["node", "--expose-internals", "--test-reporter=tap", str(FOLDER / f"{name}_scenarios.js")]
    surroundings = {**os.environ, "DEVICE": str(device)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=surroundings)
