"""The built device in the fake Live, over real UDP to a real server with the shipped models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from max_for_live.build import build
from tests.support.osc_client import OscClient
from tests.support.processes import PROGRAM, started

ROOT = Path(__file__).parents[1]
SERVE = [*PROGRAM, "serve", "--device", "cpu", "--log-level", "warning"]
LONGEST_S = 150  # of a scenario, where many others keep the machine busy; most take 5 s

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="peer: node"),
    pytest.mark.timeout(LONGEST_S + 20),
]


@dataclass(frozen=True)
class Stage:
    """A device and a server that scenarios are played with."""

    device: Path
    port: int
    report: Path

    def play(self, scenario: str) -> None:
        """Play a scenario of wire_scenarios.js to its end."""
        program = ["node", "--expose-internals", str(ROOT / "tests" / "device" / "wire_scenarios.js")]
        done = subprocess.run(
            [*program, str(self.device), str(self.port), scenario],
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
            cwd=ROOT,
            env={**os.environ, "SERVE": json.dumps(SERVE)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout == f"{scenario}: passed\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("wire")
    device, report, config = folder / "device.amxd", folder / "report.txt", folder / "server.yaml"
    device.write_bytes(build())
    config.write_text(f"report: {json.dumps(str(report))}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))  # a user's own models would come first
        command = [*SERVE, "--port", "0", "--config", str(config)]
        with started(command) as server:
            assert server.stdout
            port = int(server.stdout.readline().split()[3].rpartition(":")[2])
            with OscClient(port) as client:
                client.wait_until_ready()
            yield Stage(device, port, report)
            server.kill()


def test_each_button_of_the_device_does_what_it_says(stage: Stage) -> None:
    stage.play("every verb")
    lines = stage.report.read_text().splitlines()
    assert all("PASS" in line for line in lines), lines
    assert [size for size in (1, 2, 4, 8) if any(f"UDP {size} kB" in line for line in lines)] == [1, 2, 4, 8]


def test_each_button_of_the_device_does_so_where_packets_are_lost(stage: Stage) -> None:
    stage.play("every verb where packets are lost")


def test_clips_of_any_size_go_there_and_back(stage: Stage) -> None:
    stage.play("clips of 0, 1, 500 and 5000 notes")


def test_clips_of_any_size_go_there_and_back_where_packets_are_lost(stage: Stage) -> None:
    stage.play("clips of 0, 1, 500 and 5000 notes where packets are lost")


def test_a_hasty_musician_ends_with_all_clips_in_order(stage: Stage) -> None:
    stage.play("a hasty musician")


def test_a_press_outlives_a_server_that_is_killed_and_started_again(stage: Stage) -> None:
    stage.play("a server that is killed and started again")


def test_a_device_finds_another_port_where_its_own_is_taken(stage: Stage) -> None:
    stage.play("a port that is taken")


def test_devices_work_side_by_side_in_a_set_and_in_two(stage: Stage) -> None:
    stage.play("two devices in a set and one in another")


def test_a_set_that_is_opened_again_knows_its_picks_and_dials(stage: Stage) -> None:
    stage.play("a set that is opened again")


def test_results_go_where_they_are_sent_and_are_chosen_by_ear(stage: Stage) -> None:
    stage.play("destinations, and choosing by ear")


def test_results_go_where_they_are_sent_where_packets_are_lost(stage: Stage) -> None:
    stage.play("destinations, and choosing by ear, where packets are lost")


def test_the_pad_plays_through_where_packets_are_lost(stage: Stage) -> None:
    stage.play("a pad that plays through")


def test_meter_scale_bends_and_feel_hold_where_packets_are_lost(stage: Stage) -> None:
    stage.play("three-four, scales, MPE and dials of feel, where packets are lost")


def test_a_duplicated_track_and_lives_undo_leave_each_device_its_own(stage: Stage) -> None:
    stage.play("a duplicated track, and Live's own undo")


def test_what_strangers_send_changes_nothing(stage: Stage) -> None:
    stage.play("strangers on the network")


def test_many_hasty_musicians_end_with_all_clips_in_order(tmp_path: Path) -> None:
    device = tmp_path / "device.amxd"
    device.write_bytes(build())
    done = subprocess.run(
        ["node", "--expose-internals", str(ROOT / "tests" / "device" / "hasty_scenarios.js")],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        env={**os.environ, "DEVICE": str(device)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout
