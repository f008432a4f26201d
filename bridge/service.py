"""Starting the server with the computer: launchd on macOS, a systemd user unit on Linux, a scheduled task on Windows.

The Live device starts it, too, where it does not run yet: `leave_note` tells it the command.

What to write and what to run is told by pure functions; only `install` and `remove` do it.
"""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from platformdirs import user_data_path

LABEL = "org.latent-bridge.server"  # launchd's names are like this
UNIT = "latent-bridge.service"
TASK = "Latent Bridge"
NOTE = "server.json"  # as max_for_live/start_server.js reads it


class ServiceError(ValueError):
    """Why the computer will not start the server, in one sentence."""


@dataclass(frozen=True)
class Plan:
    """Files to write (or remove) and commands to run, in order; `may_fail` are those whose failure means nothing."""

    files: Mapping[Path, str] = field(default_factory=dict)
    commands: tuple[tuple[str, ...], ...] = ()
    may_fail: tuple[tuple[str, ...], ...] = ()


def plan_install(platform: str, home: Path, command: Sequence[str]) -> Plan:
    """Say how a platform (as sys.platform has it) is made to start a command when its user logs in, and now."""
    if platform == "darwin":
        path = _launch_agent(home)
        return Plan(
            {path: _plist(command, home)},
            (("launchctl", "load", "-w", str(path)),),
            may_fail=(("launchctl", "unload", str(path)),),  # an older one
        )
    if platform == "win32":
        path = _task_file(home)
        return Plan(
            {path: _task(command)},
            (
                ("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(path)),
                ("schtasks", "/Run", "/TN", TASK),
            ),
        )
    if platform.startswith("linux"):
        return Plan(
            {_unit_file(home): _unit(command)},
            (
                ("systemctl", "--user", "daemon-reload"),
                ("systemctl", "--user", "enable", UNIT),
                ("systemctl", "--user", "restart", UNIT),
            ),
        )
    raise ServiceError(f"{platform} is not macOS, Windows or Linux: start `latent-bridge serve` as your system starts programs")


def plan_remove(platform: str, home: Path) -> Plan:
    """Say how that is undone; commands run before the files are removed."""
    if platform == "darwin":
        path = _launch_agent(home)
        return Plan({path: ""}, may_fail=(("launchctl", "unload", "-w", str(path)),))
    if platform == "win32":
        stop = (("schtasks", "/End", "/TN", TASK), ("schtasks", "/Delete", "/F", "/TN", TASK))
        return Plan({_task_file(home): ""}, may_fail=stop)
    return Plan({_unit_file(home): ""}, may_fail=(("systemctl", "--user", "disable", "--now", UNIT),))


def install(port: int | None = None) -> str:
    """Make this computer start the server; returns what was done."""
    _check_systemd()
    command = [*_program(), "serve", *(("--port", str(port)) if port else ())]
    plan = plan_install(sys.platform, Path.home(), command)
    for path, content in plan.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-16" if path.suffix == ".xml" else "utf-8")  # schtasks reads UTF-16
    for line in plan.may_fail:
        _run(line)
    for line in plan.commands:
        said = _run(line)
        if said is not None:
            for path in plan.files:
                path.unlink(missing_ok=True)
            raise ServiceError(f"`{' '.join(line)}` failed, and nothing was installed: {said}")
    return f"the server runs, and starts when you log in; told by {', '.join(map(str, plan.files))}"


def remove() -> str:
    """Undo `install`; returns what was done."""
    plan = plan_remove(sys.platform, Path.home())
    here = [path for path in plan.files if path.exists()]
    if not here:
        return "nothing is installed"
    for line in plan.may_fail:
        _run(line)
    for path in here:
        path.unlink()
    return f"the server no longer starts at login; {', '.join(map(str, here))} is removed"


def leave_note() -> Path | None:
    """Write down how the server is started, for the Live device; returns where. None where the program is not installed."""
    try:
        command = [*_program(), "serve"]
    except ServiceError:
        return None
    note = user_data_path("latent-bridge", appauthor=False) / NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"command": command}) + "\n", encoding="utf-8")
    return note


def _program() -> list[str]:
    """Find the command, by its whole path: what starts with the computer knows no PATH of yours."""
    beside = Path(sys.executable).with_name("latent-bridge" + (".exe" if sys.platform == "win32" else ""))
    found = str(beside) if beside.exists() else shutil.which("latent-bridge")
    if found is None:
        raise ServiceError("latent-bridge is not installed but only lies here: run `pip install -e .` in its folder")
    return [found]


def _check_systemd() -> None:
    if not sys.platform.startswith("linux"):
        return
    why = _run(("systemctl", "--user", "show-environment")) if shutil.which("systemctl") else "there is no systemctl"
    if why is not None:
        raise ServiceError(
            f"systemd does not run for you here ({why}): start `latent-bridge serve` as your system starts programs"
        )


def _run(line: Sequence[str]) -> str | None:
    """Run a command; returns why it failed."""
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else " ".join((done.stderr or done.stdout).split()) or f"exit {done.returncode}"


def _launch_agent(home: Path) -> Path:
    return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def _plist(command: Sequence[str], home: Path) -> str:
    log = str(home / "Library" / "Logs" / "latent-bridge.log")
    content = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Interactive",  # or macOS slows it down beside a DAW
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(content).decode()


def _unit_file(home: Path) -> Path:
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else home / ".config") / "systemd" / "user" / UNIT


def _unit(command: Sequence[str]) -> str:
    words = " ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"' for word in command
    )
    return f"""[Unit]
Description=Latent Bridge, variations of MIDI clips over OSC

[Service]
ExecStart={words}
Restart=on-failure
RestartSec=10

[Install]
WantedBy=default.target
"""


def _task_file(home: Path) -> Path:
    return home / "AppData" / "Local" / "latent-bridge" / "task.xml"


def _task(command: Sequence[str]) -> str:
    """Describe a task; the plain options of schtasks would end it after three days, or when a laptop is unplugged."""
    program, *arguments = command
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author"><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Hidden>true</Hidden>
    <RestartOnFailure><Interval>PT1M</Interval><Count>10</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(arguments))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
