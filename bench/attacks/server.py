"""The server and the command line under attack, as processes of their own, and what they take of memory and time."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
HAS_PROC = Path("/proc/self/status").exists()
# What a shell starts in the background ignores Ctrl-C, and so do its children: here it is to work. The limit comes before all
# else is loaded; open files take numbers that `select` cannot hold.
START = """import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
limits, files = {limits!r}, {files!r}
if os.name == "posix":
    import resource
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(files)]
from bridge.cli import main
main()"""


def allow_files(number: int) -> bool:
    """Let this process, and those it starts, open so many files; False where the system does not."""
    if sys.platform == "win32":
        return False
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        if 0 <= soft < number:
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    except ValueError:
        return False
    return True


def command(limits: Mapping[str, int], *arguments: str | Path, files: int = 0) -> list[str]:
    """Write how the program is started under limits of the system."""
    return [sys.executable, "-c", START.format(limits=dict(limits), files=files), *map(str, arguments)]


def environment(home: Path, models: Path | None = None) -> dict[str, str]:
    """Give a user who has nothing, or only a folder of models."""
    own = {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home / "local"), "APPDATA": str(home / "local")}
    own |= {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    if models is not None:
        own["XDG_DATA_HOME"] = str(models.parents[1])
    return {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


class Server:
    """A server under attack."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes it holds, helpers included; VmHWM is the most it ever held. NaN where the system does not tell."""
        return memory(self.process.pid, field)

    def processor_time(self) -> float:
        """Seconds of processor that it has used; NaN where the system does not tell."""
        return sum(map(_processor_time, _family(self.process.pid))) if HAS_PROC else float("nan")

    def open_files(self) -> int:
        """How many files it has open; -1 where the system does not tell."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir()) if HAS_PROC else -1

    def threads(self) -> int:
        """How many threads it has, helpers' included; -1 where the system does not tell."""
        return sum(int(_status(pid, "Threads") or 0) for pid in _family(self.process.pid)) if HAS_PROC else -1

    def interrupt(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; its exit code, or None where it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def read_to_the_end(self) -> None:
        """Wait for what it wrote before it ended: its log is not to be closed while it is read."""
        self._reader.join(PATIENCE_S)

    def _read_log(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line.rstrip())


@contextmanager
def start_server(
    home: Path,
    *arguments: str | Path,
    memory_limit: int = 0,
    files: int = 0,
    models: Path | None = None,
) -> Iterator[Server]:
    """Start a server on a free port, for a user whose home is `home`; it is killed in the end."""
    limits = {"RLIMIT_AS": memory_limit * 2**20} if memory_limit else {}
    line = command(limits, "serve", "--port", "0", "--device", "cpu", *arguments, files=files)
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd=home,
        env=environment(home, models),
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            if "listening on" not in said:
                raise RuntimeError(f"the server does not start: {said} {process.stderr.read() if process.stderr else ''}")
            server = Server(process, int(said.rpartition(":")[2].split()[0]))
            try:
                yield server
            finally:
                process.kill()
                server.read_to_the_end()
        finally:
            process.kill()


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int | None  # None: it was killed, since it did not end
    output: str
    errors: str
    seconds: float
    memory: float  # megabytes at most; NaN where the system does not tell

    @property
    def is_sentence(self) -> bool:
        """Whether it failed as a program should: one sentence, no traceback."""
        return self.code == 1 and len(self.errors.strip().splitlines()) == 1 and not self.has_traceback

    @property
    def has_traceback(self) -> bool:
        """Whether a user saw our insides."""
        return "Traceback" in self.errors


def run_program(
    home: Path, *arguments: str | Path, seconds: float = PATIENCE_S, limits: Mapping[str, int] | None = None
) -> Done:
    """Run a command to its end, or until it has taken too long."""
    began = time.monotonic()
    line = command(limits or {}, *arguments)
    with (
        (home / "output").open("w+", encoding="utf-8", errors="replace") as output,
        (home / "errors").open("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=home, env=environment(home)
        ) as process,
    ):
        peak = float("nan")
        while process.poll() is None and time.monotonic() < began + seconds:
            now = memory(process.pid, "VmHWM")
            peak = now if not peak >= now else peak
            time.sleep(0.02)
        code = process.poll()
        process.kill()
        took = time.monotonic() - began
        output.seek(0)
        errors.seek(0)
        return Done(code, output.read(), errors.read(), took, peak)


def memory(process: int, field: str) -> float:
    """Megabytes that a process and its children hold; NaN where the system does not tell."""
    if not HAS_PROC:
        return float("nan")
    return sum(int((_status(pid, field) or "0").split()[0]) for pid in _family(process)) / 1024


def forget_peak(process: int) -> None:
    """Let VmHWM begin anew."""
    for pid in _family(process) if HAS_PROC else ():
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            continue  # then the peak of the start counts too


def _family(process: int) -> list[int]:
    found = [process]
    for pid in found:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue  # it has just ended
        for task in tasks:
            try:
                found += map(int, (task / "children").read_text(encoding="utf-8").split())
            except OSError:
                continue
    return found


def _status(process: int, field: str) -> str | None:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field + ":")), None)


def _processor_time(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_processor(servers: Sequence[Server], seconds: float) -> float:
    """Measure which share of a core servers use over some time; NaN where the system does not tell."""
    before = sum(server.processor_time() for server in servers)
    time.sleep(seconds)
    return (sum(server.processor_time() for server in servers) - before) / seconds


def machine() -> str:
    """Name the processor and the system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {name}, {platform.system()}, Python {platform.python_version()}"
