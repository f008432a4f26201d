"""Join the script, put the device together, and install it where Live looks for it.

What the patcher contains is in `patch`, what the container is in `amxd`, what must hold of the result in `lint`.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from bridge.config import PORT
from bridge.protocol.limits import PROTOCOL
from max_for_live import amxd, controls, families, patch
from max_for_live.built_device import declared
from max_for_live.lint import digest, lint, view_name

SCRIPT = Path(__file__).parent / "script"  # the folder of the script's files
# The files are joined in this order. Max calls any global function that a message names, so only those of the entry are global:
# the files of the device share the scope of one function, and music is one object.
MUSIC = "music.js"
DEVICE = (
    "outlets.js",
    "work_queue.js",
    "live_api.js",
    "kinds.js",
    "scales.js",
    "locks.js",
    "context.js",
    "scene.js",
    "requests.js",
    "server.js",
    "starter.js",
    "results.js",
    "destination.js",
    "hearing.js",
    "presses.js",
    "corners.js",
    "menus.js",
    "puck.js",
    "player.js",
    "pad_clip.js",
    "history.js",
    "rolls.js",
    "selection.js",
    "self_test.js",
    "state.js",
    "face.js",
    "controls.js",
    "main.js",
)
STARTER = Path(__file__).parent / "start_server.js"  # no part of the script: Node for Max runs it
ENTRY = "entry.js"
DRAWING = "drawing.js"  # what the views have in common; each view is a file of its own in the device
OPEN_SCOPE = "var Device = (function () {\n"
CLOSE_SCOPE = (  # what the entry calls
    "return { start: start, restore: restore, turn: turn, receive: receive, hearStarter: hearStarter };\n}());\n"
)
BUILT = Path(__file__).parent / f"{patch.NAME}.amxd"
FOLDER = Path("Presets", "MIDI Effects", "Max MIDI Effect")  # in Live's User Library


class BuildError(ValueError):
    """Why a device cannot be built or installed, in one sentence."""


def build(source: str | None = None) -> bytes:
    """Build the device, from the files in script/ or from a script's text.

    BuildError if the lint finds anything wrong with it.
    """
    if source is None:
        source = read_source()
    name, script, stamp = make_script(source)
    views = {view: make_view(view) for view in patch.VIEWS}
    starter = amxd.File(patch.STARTER, as_ascii(STARTER.read_text(encoding="utf-8")).encode("ascii"), flag=amxd.IS_MEDIA)
    outlets = declared(script)["outlets"]
    scripts = patch.Scripts(name, {view: file.name for view, file in views.items()}, starter.name, outlets)
    files = (
        amxd.patcher_file(f"{patch.NAME}.amxd", patch.patcher(scripts, stamp)),
        amxd.File(name, script.encode("ascii")),
        *views.values(),
        starter,
    )
    data = amxd.write(amxd.Device(files))
    wrong = lint(data)
    if wrong:
        raise BuildError(f"the device would not work: {'; '.join(wrong)}")
    return data


def read_source() -> str:
    """Read the script's files and join them into one text."""

    def read(name: str) -> str:
        return (SCRIPT / name).read_text(encoding="utf-8")

    return "\n".join([read(MUSIC), OPEN_SCOPE, *map(read, DEVICE), CLOSE_SCOPE, read(ENTRY)])


def make_script(source: str) -> tuple[str, str, str]:
    """Make the script of a device: its file name, its text with the table in the first line, and the build stamp."""
    table, body = _table(), as_ascii(source)
    mark = digest(table, body)
    stamp = f"{table['version']} {mark}"
    # Max caches scripts by name until Live is closed, so another text needs another name.
    return f"latent_bridge_{mark}.js", f"var TABLE = {json.dumps({'build': stamp, **table})};\n{body}", stamp


def make_view(view: str) -> amxd.File:
    """Make the file of a view: the common part of all views, and its own."""
    text = as_ascii("\n".join((SCRIPT / name).read_text(encoding="utf-8") for name in (DRAWING, f"{view}_view.js")))
    return amxd.File(view_name(view, text), text.encode("ascii"))


def as_ascii(text: str) -> str:
    """Write letters beyond ASCII as JavaScript's escapes, so that the file reads the same in any encoding."""
    units = re.compile("[^\x00-\x7f]")
    return units.sub(lambda match: _escape(match.group()), text)


def find_user_library(platform: str, home: Path) -> Path:
    """Return the default place of Live's User Library; `platform` is a value of sys.platform.

    BuildError if there is none there.
    """
    if platform == "darwin":
        library = home / "Music" / "Ableton" / "User Library"
    elif platform == "win32":
        library = home / "Documents" / "Ableton" / "User Library"
    else:
        raise BuildError("Live runs on macOS and Windows only; --to DIR copies the device to a folder of your choice")
    if not library.is_dir():
        raise BuildError(
            f"Live's User Library is not at {library}; Live's Settings, Library, show its place: --to DIR copies it there"
        )
    return library


def install(to: Path | None = None, *, force: bool = False) -> Path:
    """Copy the built device into Live's User Library, or to a folder, and return its path.

    BuildError if there is another file of that name, unless `force` is set.
    """
    if not BUILT.exists():
        raise BuildError(f"{BUILT} does not exist; `latent-bridge device build` makes it")
    folder = to if to is not None else find_user_library(sys.platform, Path.home()) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    place, data = folder / BUILT.name, BUILT.read_bytes()
    if place.exists() and place.read_bytes() != data and not force:
        raise BuildError(f"{place} exists and is another version; --force overwrites it")
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
