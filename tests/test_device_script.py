"""What the device's script does for a musician, in a fake Live with a scripted server; test_device_wire has the real one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from max_for_live.build import make_script, read_source
from models.music.drum_map import voice_by_name
from tests.support.pads import LIVE_808, LIVE_909, NAMES, NONE

FOLDER = Path(__file__).parent / "device"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="peer: node")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script as it goes into the device."""
    name, text, _ = make_script(read_source())
    path = tmp_path_factory.mktemp("device") / name
    path.write_text(text, encoding="ascii")
    return path


@pytest.mark.parametrize("name", ["results", "asking", "network", "requests", "puck", "history", "scene"])
def test_every_scenario_ends_as_a_musician_expects(name: str, script: Path) -> None:
    done = run(name, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout
    assert "\n# skipped 0\n" in done.stdout
    assert "\n# todo 0\n" in done.stdout


def test_pads_are_understood_by_their_names_as_the_server_understands_them(script: Path) -> None:
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
        env={**os.environ, "DEVICE_SCRIPT": str(script)},
    )
    assert json.loads(done.stdout) == [voice_by_name(name) or "" for name in names]


def run(name: str, script: Path) -> subprocess.CompletedProcess[str]:
    """Run a file of scenarios on a script."""
    command = ["node", "--expose-internals", "--test-reporter=tap", str(FOLDER / f"{name}_scenarios.js")]
    surroundings = {**os.environ, "DEVICE_SCRIPT": str(script)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=surroundings)
