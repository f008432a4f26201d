"""What starts the server from Live, in Node with a stand-in for Max's own module, and the server that ends with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import service
from tests.support.processes import PROGRAM

STARTER = Path(__file__).parents[1] / "max_for_live" / "start_server.js"
LONGEST_S = 60

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="peer: node"),
    pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does"),
    pytest.mark.timeout(LONGEST_S + 10),
]

# Node for Max's module: what leaves the outlet is a line of JSON, a line of JSON is a message.
STAND_IN = """
const handlers = {};
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [name, ...values] = JSON.parse(line);
  handlers[name](...values);
});
module.exports = {
  addHandler: (name, run) => { handlers[name] = run; },
  outlet: (...atoms) => process.stdout.write(JSON.stringify(atoms) + "\\n"),
};
"""

# A server that tells with what it was started, and when its input has ended.
SERVER = "import sys, pathlib as p; f = p.Path(sys.argv[1]); f.write_text(' '.join(sys.argv[2:])); sys.stdin.read(); f.unlink()"


class Starter:
    """The script in Node, with a home of its own."""

    def __init__(self, home: Path) -> None:
        module = home / "node_modules" / "max-api"
        module.mkdir(parents=True)
        (module / "index.js").write_text(STAND_IN)
        surroundings = {**os.environ, "XDG_DATA_HOME": str(home), "HOME": str(home), "NODE_PATH": str(module.parent)}
        self.process = subprocess.Popen(
            ["node", str(STARTER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=surroundings
        )

    def tell(self, *atoms: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(atoms) + "\n")
        self.process.stdin.flush()

    def hear(self) -> list[object]:
        assert self.process.stdout
        line: list[object] = json.loads(self.process.stdout.readline())
        return line


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    made = Starter(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def leave(home: Path, command: list[str]) -> None:
    for folder in (home / "latent-bridge", home / "Library" / "Application Support" / "latent-bridge"):
        folder.mkdir(parents=True)
        (folder / service.NOTE).write_text(json.dumps({"command": command}))


def wait_for(path: Path, *, is_there: bool) -> None:
    """Wait until a file is there, or is gone; the test's time limit ends a wait in vain."""
    while path.exists() != is_there or (is_there and not path.read_text()):
        pass


def test_the_server_is_started_with_what_the_note_says_and_ends_with_live(starter: Starter, tmp_path: Path) -> None:
    told = tmp_path / "told"
    leave(tmp_path, [sys.executable, "-c", SERVER, str(told), "serve"])
    assert starter.hear() == ["ready"]
    starter.tell("serve", 9121)
    assert starter.hear() == ["started"]
    wait_for(told, is_there=True)
    assert told.read_text() == "serve --port 9121 --while-input"
    starter.tell("serve", 9121)
    assert starter.hear() == ["started"]  # the same one
    starter.process.send_signal(signal.SIGKILL)  # Live has crashed
    wait_for(told, is_there=False)


def test_why_a_server_does_not_start_or_stay_is_told(starter: Starter, tmp_path: Path) -> None:
    assert starter.hear() == ["ready"]
    starter.tell("serve", 9121)
    assert starter.hear() == ["failed", "run latent-bridge device install once, then press Start again"]
    leave(tmp_path, [str(tmp_path / "gone")])
    starter.tell("serve", 9121)
    said = starter.hear()
    assert said[0] == "failed"
    assert "is not at" in str(said[1])
    (tmp_path / "latent-bridge" / service.NOTE).write_text(
        json.dumps({"command": [sys.executable, "-c", "import sys; sys.exit('port 9121 is taken')"]})
    )
    starter.tell("serve", 9121)
    assert starter.hear() == ["started"]
    assert starter.hear() == ["ended", "the server ended: port 9121 is taken"]


def test_a_server_ends_with_its_input_where_it_is_told_to() -> None:
    command = [*PROGRAM, "serve", "--device", "cpu", "--port", "0", "--while-input"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        assert "listening" in server.stdout.readline()
        server.stdin.close()
        assert server.stdout.read().endswith("stopped\n")
        assert server.wait(LONGEST_S) == 0


def test_installing_the_device_leaves_the_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    note = service.leave_note()
    if note is None:
        pytest.skip("the program is not installed")
    command = json.loads(note.read_text())["command"]
    assert note.is_relative_to(tmp_path)
    assert Path(command[0]).is_absolute()
    assert command[1:] == ["serve"]
