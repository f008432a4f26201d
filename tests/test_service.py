"""What starts the server with the computer: files and commands for three systems, and for real where systemd runs."""

from __future__ import annotations

import configparser
import plistlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bridge.service import LABEL, TASK, UNIT, ServiceError, install, plan_install, plan_remove, remove

HOME = Path("/home/ann")
COMMAND = ["/opt/with space/latent-bridge", "serve", "--port", "9121"]


@pytest.fixture(autouse=True)
def no_config_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_macos_gets_a_launch_agent() -> None:
    plan = plan_install("darwin", HOME, COMMAND)
    ((path, content),) = plan.files.items()
    assert path == HOME / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    told = plistlib.loads(content.encode())
    assert (told["Label"], told["ProgramArguments"], told["RunAtLoad"]) == (LABEL, COMMAND, True)
    assert plan.commands == (("launchctl", "load", "-w", str(path)),)


def test_linux_gets_a_user_unit() -> None:
    plan = plan_install("linux", HOME, COMMAND)
    ((path, content),) = plan.files.items()
    assert path == HOME / ".config" / "systemd" / "user" / UNIT
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(content)
    assert unit["Service"]["ExecStart"] == '"/opt/with space/latent-bridge" "serve" "--port" "9121"'
    assert unit["Install"]["WantedBy"] == "default.target"
    assert ("systemctl", "--user", "enable", UNIT) in plan.commands


def test_windows_gets_a_task_without_an_end() -> None:
    plan = plan_install("win32", HOME, ["C:\\a & b\\latent-bridge.exe", "serve"])
    ((path, content),) = plan.files.items()
    task = ElementTree.fromstring(content.encode("utf-16"))
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert task.findtext(".//t:Command", namespaces=space) == "C:\\a & b\\latent-bridge.exe"
    assert task.findtext(".//t:Arguments", namespaces=space) == "serve"
    assert task.findtext(".//t:ExecutionTimeLimit", namespaces=space) == "PT0S"
    assert plan.commands[0] == ("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(path))


@pytest.mark.parametrize("platform", ["darwin", "linux", "win32"])
def test_removing_takes_away_what_was_installed(platform: str) -> None:
    plan = plan_remove(platform, HOME)
    assert set(plan.files) == set(plan_install(platform, HOME, COMMAND).files)
    assert plan.may_fail


def test_another_system_is_told_so() -> None:
    with pytest.raises(ServiceError, match="not macOS, Windows or Linux"):
        plan_install("sunos5", HOME, COMMAND)


def test_what_is_not_installed_cannot_be_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert remove() == "nothing is installed"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_on_linux_it_is_installed_and_removed_or_it_is_said_why_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    has_systemd = subprocess.run(["systemctl", "--user", "show-environment"], capture_output=True, check=False).returncode == 0
    if not has_systemd:
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(ServiceError, match="systemd does not run for you here"):
            install()
        assert not list(tmp_path.rglob("*.service"))
        return
    if plan_remove("linux", Path.home()).files.keys() & {
        p for p in [Path.home() / ".config/systemd/user" / UNIT] if p.exists()
    }:
        pytest.skip("a service of yours is installed here")
    assert "starts when you log in" in install(9127)
    assert "no more" in remove()
