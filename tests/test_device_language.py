"""The script of the Live device as text: ES5, nothing that crashes Live, each file to its subject."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from max_for_live import amxd, build, patch

ROOT = Path(__file__).parents[1]
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="peer: node")


@pytest.fixture(scope="module")
def built() -> bytes:
    return build.build()


def gate(script: str, folder: Path) -> list[str]:
    """Ask Node's own parser what is wrong with a script."""
    file = folder / "script.js"
    file.write_text(script, encoding="utf-8")
    command = [str(NODE), "--expose-internals", str(ROOT / "tests" / "device" / "es5.js"), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: list[str] = json.loads(run.stdout)
    return found


def test_music_knows_nothing_of_max_live_or_the_table() -> None:
    music = (build.SCRIPT / build.MUSIC).read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", re.sub("//.*", "", music)))
    assert {"Music", "resolveOverlaps"} <= words
    assert not words & {"Date", "Device", "Dict", "LiveAPI", "TABLE", "Task", "messnamed", "outlet", "post", "random"}


# What each file of the script may use, where that is what the file is for; the headers say it in words.
BELONGS = {
    r"\bnew LiveAPI\b": {"main.js"},
    r"\bnew Task\b": {"main.js"},
    r"\bnew Global\b": {"state.js", "server.js"},
    r"\bapi\.(goto|get|id|unquotedpath)\b": {
        *("live_api.js", "context.js", "scene.js", "history.js", "hearing.js", "corners.js", "destination.js"),
        "pad_clip.js",
    },
    r"\b(create_clip|create_scene|add_new_notes|remove_notes_\w+)\b": {"results.js"},
    r"\bduplicate_clip_to\b": {"results.js", "history.js"},
    r"\b(create_midi_track|duplicate_clip_to_arrangement)\b": {"destination.js"},
    r"\b(delete_scene|delete_track)\b": {"history.js"},
    r"\bdelete_clip\b": {"results.js", "history.js", "destination.js"},
    r"\boutlet\(SERVER_OUT\b": {"requests.js", "main.js"},
    r"\boutlet\(STATE_OUT\b": {"state.js"},
    r"\boutlet\(RECEIVER_OUT\b": {"server.js"},
    r"\boutlet\(NODE_OUT\b": {"starter.js"},
    r"\.hidden\b": {"face.js"},
    r"\boutlet\(PLAY_OUT\b": {"player.js"},
    r"\bMath\.random\b": {"controls.js", "main.js", "player.js", "state.js"},  # a note's probability is drawn as it is played
}


@pytest.mark.parametrize("pattern", BELONGS)
def test_a_file_of_the_script_uses_only_what_belongs_there(pattern: str) -> None:
    found = set()
    for file in build.DEVICE:
        script = re.sub("//.*", "", (build.SCRIPT / file).read_text(encoding="utf-8"))
        if re.search(pattern, script):
            found.add(file)
    assert found == BELONGS[pattern]


def test_every_file_of_the_script_is_joined_and_short() -> None:
    files = sorted(path.name for path in build.SCRIPT.glob("*"))
    views = [f"{view}_view.js" for view in patch.VIEWS]
    assert files == sorted([build.MUSIC, *build.DEVICE, build.ENTRY, build.DRAWING, *views])
    for file in files:
        lines = (build.SCRIPT / file).read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("// ")
        assert len(lines) <= 400
        assert max(map(len, lines)) <= 128


def test_only_the_entry_has_global_functions_that_a_message_could_call(built: bytes) -> None:
    script = amxd.read(built).files[1].content.decode("ascii")
    entry = script.rpartition("}());")[2]
    assert set(re.findall(r"^function (\w+)", entry, re.MULTILINE)) == {"bang", "restore", "ui", "node", "anything"}
    assert re.findall(r"^var (\w+) = (?:\{|\(function)", script, re.MULTILINE)[:2] == ["TABLE", "Music"]
    assert script.index(build.OPEN_SCOPE) < script.index("\nfunction showStatus(") < script.index(build.CLOSE_SCOPE)


@needs_node
@pytest.mark.parametrize("index", range(1, 2 + len(patch.VIEWS)))
def test_the_scripts_in_the_device_are_es5_and_do_nothing_that_crashes_live(built: bytes, index: int, tmp_path: Path) -> None:
    assert gate(amxd.read(built).files[index].content.decode(), tmp_path) == []


@needs_node
@pytest.mark.parametrize(
    "line",
    [
        "let a = 1;",
        "const a = 1;",
        "var f = () => 1;",
        "var t = `text`;",
        "class A {}",
        "function f(a = 1) {}",
        "function f(a, b,) {}",
        "f(...[1, 2]);",
        "for (var a of b) {}",
        "var o = { a, b: 1 };",
        "var o = { f() {} };",
        "var { a } = b;",
        "a ** 2;",
        "a?.b;",
        "async function f() {}",
        "function* f() {}",
        "[1].includes(1);",
        "[1].find(f);",
        "'a'.startsWith('a');",
        "'a'.padStart(2);",
        "Object.assign({}, {});",
        "Array.from([1]);",
        "Number.isInteger(1);",
        "Math.trunc(1.5);",
        "new Map();",
        "Promise.resolve();",
        "setTimeout(f, 1);",
        "console.log(1);",
        "outlet.apply(this, [0, 1]);",
        "function f() { messnamed.call(this, 'a'); }",
        "var api = new LiveAPI('live_set');",
        "var task = new Task(f);",
        "var d = Dict;",
        "(function () { new Task(f); }());",
    ],
)
def test_what_max_does_not_know_or_live_does_not_survive_is_refused(line: str, tmp_path: Path) -> None:
    assert gate(line, tmp_path)


@needs_node
def test_what_only_looks_like_it_is_allowed(tmp_path: Path) -> None:
    script = """
    // let it be: a => b, `outlet.apply`
    var text = "const x = () => new LiveAPI()", o = { find: 1, class: 2 }, Task2 = 1;
    function later() { return new LiveAPI("live_set").call("x", Math.round(1.5)); }
    function bang() { var task = new Task(later); task.schedule(0); outlet(0, ["a"].concat(o.find)); }
    """
    assert gate(script, tmp_path) == []
