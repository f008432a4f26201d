"""Sources -> the bytes of the .amxd, and the copy where Live looks for it. What is in them is said elsewhere."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from bridge.config import PORT
from bridge.wire import PROTOCOL
from max_for_live import amxd, controls, families, patch
from max_for_live.lint import digest, lint

SCRIPT = Path(__file__).parent / "script"  # the folder of the script's files
# The order in which they are joined. Music is pure and global; the files of the device share one function's scope, so that Max,
# which calls any global function that a message names, reaches only those of the entry.
MUSIC = "music.js"
DEVICE = (
    "outlets.js",
    "work_queue.js",
    "live_api.js",
    "kinds.js",
    "context.js",
    "requests.js",
    "server.js",
    "results.js",
    "presses.js",
    "picks.js",
    "puck.js",
    "history.js",
    "self_test.js",
    "state.js",
    "controls.js",
    "main.js",
)
ENTRY = "entry.js"
OPEN_SCOPE = "var Device = (function () {\n"
CLOSE_SCOPE = "return { start: start, restore: restore, turn: turn, receive: receive };\n}());\n"  # what the entry calls
BUILT = Path(__file__).parent / f"{patch.NAME}.amxd"
FOLDER = Path("Presets", "MIDI Effects", "Max MIDI Effect")  # in Live's User Library


class BuildError(ValueError):
    """Why there is no device, in one sentence."""


def build(source: str | None = None) -> bytes:
    """Build the device; `source` is the script's text, where it is not that of the folder script/."""
    if source is None:
        source = read_source()
    name, script, stamp = make_script(source)
    files = (
        amxd.patcher_file(f"{patch.NAME}.amxd", patch.patcher(name, stamp)),
        amxd.File(name, script.encode("ascii")),
    )
    data = amxd.write(amxd.Device(files))
    wrong = lint(data)
    if wrong:
        raise BuildError(f"the device would not work: {'; '.join(wrong)}")
    return data


def read_source() -> str:
    """Read the script's files and join them into one, those of the device within a function of their own."""

    def read(name: str) -> str:
        return (SCRIPT / name).read_text(encoding="utf-8")

    return "\n".join([read(MUSIC), OPEN_SCOPE, *map(read, DEVICE), CLOSE_SCOPE, read(ENTRY)])


def make_script(source: str) -> tuple[str, str, str]:
    """Make of the script's source what goes into the device: the file's name, its text with the table, and the build stamp."""
    table, body = _table(), as_ascii(source)
    mark = digest(table, body)
    stamp = f"{table['version']} {mark}"
    # Max keeps a script by its name for as long as Live runs, so another text needs another name.
    return f"latent_bridge_{mark}.js", f"var TABLE = {json.dumps({'build': stamp, **table})};\n{body}", stamp


def as_ascii(text: str) -> str:
    """Write what is not ASCII as JavaScript's escapes: in strings it means the same, and no encoding can be guessed wrong."""
    units = re.compile("[^\x00-\x7f]")
    return units.sub(lambda match: _escape(match.group()), text)


def find_user_library(platform: str, home: Path) -> Path:
    """Find Live's User Library as Live sets it up; `platform` is as sys.platform has it."""
    if platform == "darwin":
        library = home / "Music" / "Ableton" / "User Library"
    elif platform == "win32":
        library = home / "Documents" / "Ableton" / "User Library"
    else:
        raise BuildError("Live runs on macOS and Windows only; --to DIR copies the device to a folder that you name")
    if not library.is_dir():
        raise BuildError(
            f"Live's User Library is not at {library}; Live's Settings, Library, say where: --to DIR copies the device there"
        )
    return library


def install(to: Path | None = None, *, force: bool = False) -> Path:
    """Copy the built device into Live's User Library, or to a folder; a file that differs is written over only by force."""
    if not BUILT.exists():
        raise BuildError(f"{BUILT} is not there; `latent-bridge device build` makes it")
    folder = to if to is not None else find_user_library(sys.platform, Path.home()) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    place, data = folder / BUILT.name, BUILT.read_bytes()
    if place.exists() and place.read_bytes() != data and not force:
        raise BuildError(f"{place} is there and differs, perhaps an older one; --force writes over it")
    place.write_bytes(data)
    return place


def _table() -> dict[str, Any]:
    return {
        "version": metadata.version("latent-bridge"),
        "protocol": PROTOCOL,
        "port": PORT,
        "listen": [patch.LISTEN, patch.LISTEN_PORTS],
        **controls.tables(),
        **families.tables(),
    }


def _escape(letter: str) -> str:
    code = letter.encode("utf-16-be")
    return "".join(f"\\u{code[at : at + 2].hex()}" for at in range(0, len(code), 2))
