"""Rules that a built device must keep, checked in its bytes. Max reports nothing of this: it ignores what it does not know.

Each rule is a generator of sentences, one for each thing that is wrong.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, product

from max_for_live import amxd, guidelines, objects, patch
from max_for_live.built_device import Built, Json, name_of, parameter_of, shown
from max_for_live.control import MODES, PAGES
from max_for_live.controls import CONTROLS, HEIGHT, VIEW_SAYS, is_in_sight
from max_for_live.letters import FONT_SIZE, RESERVE, measure

BANK = 8  # parameters in a bank
EDGE = 4  # pixels of frame and margin, left and right together
MENU_EDGE = 15  # the same of a menu, with its triangle
TRIGGERS = {control.name for control in CONTROLS if control.kind == "trigger"}
# Pixels; less cuts off the lower ends of letters.
LEAST_HEIGHTS = {"live.comment": 18, "live.dial": 48} | dict.fromkeys(("live.text", "live.menu", "live.numbox", "live.tab"), 15)


def lint(data: bytes) -> list[str]:
    """List what is wrong with a built device; an empty list means that it is sound."""
    try:
        device = amxd.read(data)
    except amxd.AmxdError as error:
        return [str(error)]
    script = device.files[1].content.decode(errors="replace") if len(device.files) > 1 else ""
    wrong = list(_container(device))
    if wrong:
        return wrong  # what is in a broken container tells nothing
    try:
        return lint_patcher(Built(device, device.patcher, script))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        return [f"the patcher is not built like one: {error!r}"]


def lint_patcher(built: Built) -> list[str]:
    """List what is wrong with a patcher and its script."""
    return [sentence for rule in RULES for sentence in rule(built)]


def digest(table: Json, body: str) -> str:
    """Return the hash that names a script and its table: 8 hexadecimal digits."""
    return hashlib.sha256((json.dumps(table, sort_keys=True) + body).encode()).hexdigest()[:8]


def _own_digest(script: bytes) -> str:
    head, _, body = script.decode(errors="replace").partition("\n")
    try:
        table = json.loads(head.removeprefix("var TABLE = ").removesuffix(";"))
    except ValueError:
        return ""
    mark = digest({key: value for key, value in table.items() if key != "build"}, body)
    return mark if table.get("build", "").endswith(mark) else ""


def view_name(view: str, text: str) -> str:
    """Return the name of a view's file: Max caches scripts by name until Live is closed, so another text needs another name."""
    return f"latent_bridge_{view}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.js"


def _container(device: amxd.Device) -> Iterator[str]:
    if device.kind != amxd.MIDI_EFFECT:
        yield "the container is not that of a MIDI effect"
    if not device.is_frozen or device.meta != amxd.META_FROZEN:
        yield f"the container has meta {device.meta}; a frozen device with a script has {amxd.META_FROZEN}"
    if len(device.files) != 3 + len(patch.VIEWS):
        wanted = f"a patcher, a script, {len(patch.VIEWS)} views and what starts the server"
        yield f"the container holds {len(device.files)} files; {wanted} belong there"
        return
    patcher, script, *views, starter = device.files
    if (starter.kind, starter.flag, starter.name) != (amxd.TEXT, amxd.IS_MEDIA, patch.STARTER):
        yield f"the last file, {starter.name}, is not marked as a script for Node for Max"
    if (patcher.kind, patcher.flag, patcher.name) != (amxd.JSON, amxd.IS_DEVICE, f"{patch.NAME}.amxd"):
        yield f"the first file, {patcher.name}, is not marked as the device's patcher"
    if (script.kind, script.flag) != (amxd.TEXT, 0) or script.name != f"latent_bridge_{_own_digest(script.content)}.js":
        yield f"the second file, {script.name}, is not marked as a script, or its name does not hold the hash of its text"
    for view, file in zip(patch.VIEWS, views, strict=True):
        if (file.kind, file.flag) != (amxd.TEXT, 0) or file.name != view_name(view, file.content.decode(errors="replace")):
            yield f"the file {file.name} is not marked as a script, or its name does not hold the hash of its text"
    if {file.modified for file in device.files} != {amxd.MODIFIED}:
        yield "a file's date is not the fixed one, so the same sources would not give the same bytes"
    if not patcher.content.endswith(b"}\n\0"):
        yield "the patcher does not end as Max ends it"


# The patcher


def _header(built: Built) -> Iterator[str]:
    for key in built.patcher.keys() - objects.PATCHER:
        yield f"a patcher has no {key}"
    if built.patcher["openrect"][3] != HEIGHT or built.patcher["openrect"][2] != built.patcher["devicewidth"]:
        yield f"the frame is {built.patcher['openrect']}; it must be as wide as the device and {HEIGHT} high"
    if not built.patcher["openinpresentation"]:
        yield "the device does not open in presentation"
    if built.patcher["project"]["amxdtype"] != int.from_bytes(built.device.kind, "big"):
        yield "the project's amxdtype is not that of the container"


def _ids(built: Built) -> Iterator[str]:
    yield from _doubled("id", [box["id"] for box in built.boxes])
    yield from _doubled("scripting name", [box["varname"] for box in built.boxes if "varname" in box])


def _known(built: Built) -> Iterator[str]:
    for box in built.boxes:
        found = objects.find_object(box["maxclass"], box.get("text", ""), built.declared["outlets"])
        if found is None:
            yield f"{name_of(box)} is not a known object"
            continue
        if (box["numinlets"], box["numoutlets"]) != (found.inlets, len(found.outlets)):
            ports = f"{box['numinlets']} inlets and {box['numoutlets']} outlets"
            yield f"{name_of(box)} is saved with {ports}; it has {found.inlets} and {len(found.outlets)}"
        if box.get("outlettype", []) != list(found.outlets):
            yield f"{name_of(box)} is saved with outlets of {box.get('outlettype')}; they are {list(found.outlets)}"
        fixed = {f"{name}_color" if name == "bgfillcolor" else name for name in found.colours}
        for key in box.keys() - objects.BOX - found.attributes - fixed:
            yield f"{name_of(box)} has no attribute {key}"
        yield from _saved(box, found)


def _saved(box: Json, found: objects.Object) -> Iterator[str]:
    saved = box.get("saved_attribute_attributes", {})
    for name in found.colours & {key.removesuffix("_color") for key in box} - saved.keys():
        yield f"{name_of(box)} has a {name} that does not follow Live's theme"
    for name, value in saved.items():
        if name == "valueof":
            for key in value.keys() - objects.PARAMETER:
                yield f"{name_of(box)}: a parameter has no {key}"
        elif name not in found.colours:
            yield f"{name_of(box)} has no colour {name}"
        elif value["expression"].removeprefix("themecolor.") not in objects.THEME:
            yield f"{name_of(box)}: Live's theme has no colour {value['expression']}"


def _cords(built: Built) -> Iterator[str]:
    yield from _doubled("cord", built.cords)
    for cord in built.cords:
        source, target = built.by_id.get(cord.source), built.by_id.get(cord.target)
        if source is None or target is None:
            yield f"a cord from {cord.source} to {cord.target} has no box at an end"
            continue
        if not 0 <= cord.outlet < source["numoutlets"]:
            yield f"a cord leaves outlet {cord.outlet} of {name_of(source)}, which has {source['numoutlets']}"
        if not 0 <= cord.inlet < target["numinlets"]:
            yield f"a cord enters inlet {cord.inlet} of {name_of(target)}, which has {target['numinlets']}"


# What is visible


def _frame(built: Built) -> Iterator[str]:
    width = built.patcher["openrect"][2]
    for box in shown(built):
        x, y, w, h = box["presentation_rect"]
        if not all(isinstance(number, int) for number in (x, y, w, h)):
            yield f"{name_of(box)} is not at whole pixels: {box['presentation_rect']}"
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > HEIGHT:
            yield f"{name_of(box)} is at {box['presentation_rect']}, not inside {width} × {HEIGHT}"
    for one, other in combinations(shown(built), 2):
        (ax, ay, aw, ah), (bx, by, bw, bh) = one["presentation_rect"], other["presentation_rect"]
        if ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah and _are_seen_at_once(one, other):
            yield f"{name_of(one)} and {name_of(other)} overlap"


def _are_seen_at_once(one: Json, other: Json) -> bool:
    names = name_of(one), name_of(other)
    return any(
        all(is_in_sight(name, mode, page, has_voices=has_voices) for name in names)
        for mode, page, has_voices in product(MODES, (None, *PAGES), (False, True))
    )


def _texts(built: Built) -> Iterator[str]:
    for box in shown(built):
        value, width = parameter_of(box), box["presentation_rect"][2]
        texts = [box["text"]] if box["maxclass"] in ("live.text", "live.comment") else []
        if box["maxclass"] in ("live.menu", "live.tab"):
            texts = value["parameter_enum"]
        if box["maxclass"] == "live.dial":
            texts = [value["parameter_shortname"]]
        if box["maxclass"] == "live.tab":
            width //= len(texts)
        if box["presentation_rect"][3] < LEAST_HEIGHTS.get(box["maxclass"], 0):
            yield f"{name_of(box)} is not high enough for its text"
        edge = MENU_EDGE if box["maxclass"] == "live.menu" else EDGE
        size = box.get("fontsize", FONT_SIZE)
        for text in texts:
            if measure(text, size, is_bold=bool(box.get("fontface"))) * RESERVE + edge > width:
                yield f"{name_of(box)} is too narrow for {text!r}"


# Parameters


def _parameters(built: Built) -> Iterator[str]:
    for what in ("parameter_longname", "parameter_shortname"):
        yield from _doubled(what.removeprefix("parameter_"), [value[what] for value in built.parameters.values()])
    listed = {key: value for key, value in built.patcher["parameters"].items() if key.startswith("obj-")}
    expected = {key: [v["parameter_longname"], v["parameter_shortname"], 0] for key, v in built.parameters.items()}
    if listed != expected:
        yield "the list of parameters is not that of the boxes"
    for box in built.boxes:
        value = built.parameters.get(box["id"])
        if box["maxclass"].startswith("live.") and value is None and box["maxclass"] != "live.comment":
            yield f"{name_of(box)} is no parameter, so Live would never let it be clicked"
        elif value is not None:
            yield from _parameter(box, value)


def _parameter(box: Json, value: Json) -> Iterator[str]:
    is_button = box["maxclass"] == "live.text" and box["mode"] == 0
    if is_button and value.get("parameter_invisible") != 2 and box["varname"] not in TRIGGERS:
        yield f"{name_of(box)} is a button that can be automated, so each click adds a step to the undo history"
    if value.get("parameter_type") == 3 or value.get("parameter_invisible") == 2:
        return
    if not value.get("parameter_initial_enable") or "parameter_initial" not in value:
        yield f"{name_of(box)} has no initial value"
        return
    low, high = value.get("parameter_mmin", 0), value["parameter_mmax"]
    if not low <= value["parameter_initial"][0] <= high:
        yield f"{name_of(box)} starts with {value['parameter_initial'][0]}, which is not in {low}..{high}"
    if value.get("parameter_type") == 1 and high - low > 255:
        yield f"{name_of(box)} has {high - low + 1} whole numbers; Max keeps 256"
    if value.get("parameter_type") == 2 and len(value["parameter_enum"]) != high + 1:
        yield f"{name_of(box)} has {len(value['parameter_enum'])} words and a maximum of {high}"


def _banks(built: Built) -> Iterator[str]:
    names = {value["parameter_longname"] for value in built.parameters.values()}
    for index, bank in built.patcher["parameters"].get("parameterbanks", {}).items():
        slots = bank["parameters"]
        if len(slots) != BANK or set(slots) <= {"-"}:
            yield f"parameter bank {index} is {slots}: Live crashes where it has other than {BANK} slots, or only empty ones"
        for name in set(slots) - names - {"-"}:
            yield f"parameter bank {index} has {name!r}, which is no parameter"


# Between controls and script


def _js(built: Built) -> Iterator[str]:
    scripts = built.typed("js")
    if len(scripts) != 1:
        yield f"there are {len(scripts)} js objects; one belongs there"
        return
    (box,), (name, *others) = scripts, [file.name for file in built.device.files[1:]]
    dependencies = [dependency["name"] for dependency in built.patcher["dependency_cache"]]
    code = list(built.patcher["project"]["contents"]["code"])
    drawn = [view["filename"] for view in built.boxes if view["maxclass"] == "jsui"]
    run = [other["text"].split()[1] for other in built.typed("node.script")]
    if sorted(others) != sorted(drawn + run):
        yield f"the other scripts are {', '.join(others)}; the patch names {', '.join(drawn + run)}"
    if [name, *others] != dependencies or [name, *others] != code or box["text"] != f"js {name}":
        yield f"the script is {name}; the patch names {box['text']}, {dependencies} and {code}"
    if box["saved_object_attributes"]["filename"] != name:
        yield f"the js object's file is {box['saved_object_attributes']['filename']}, not {name}"
    if (box["numinlets"], box["numoutlets"]) != (built.declared["inlets"], built.declared["outlets"]):
        declared = f"{built.declared['inlets']} inlets and {built.declared['outlets']} outlets"
        yield f"the script declares {declared}; its box has {box['numinlets']} and {box['numoutlets']}"
    for source in built.before(box):
        if source.get("text") != "deferlow":
            yield f"{name_of(source)} reaches the script without a deferlow"
    for outlet in range(box["numoutlets"]):
        if not built.after(box, outlet):
            yield f"outlet {outlet} of the script leads nowhere"


def _sent(built: Built) -> Iterator[str]:
    """What a control sends must reach the script under the name of that control, or of the one that it stands for."""
    heard = {control.name: {control.name} for control in CONTROLS if control.is_heard}
    for control in CONTROLS:
        if control.kind == "trigger":
            heard[control.does].add(control.name)
    prepends = _prepends(built)
    for name in heard.keys() - prepends.keys():
        yield f"there is no prepend ui {name}, so the script never receives what {name} sends"
    for name, box in prepends.items():
        if name not in heard:
            yield f"prepend ui {name} belongs to no control"
            continue
        if [after.get("text") for after in built.after(box)] != ["deferlow"]:
            yield f"prepend ui {name} does not lead to the script"
        sources = {str(source.get("varname")) for source in _controls_before(built, box)}
        if sources != heard[name]:
            yield f"prepend ui {name} gets its messages from {sorted(sources)}"


def _shows(built: Built) -> Iterator[str]:
    """What the script shows must reach the control that it names."""
    expected = patch.shown()
    routes = [box for box in built.typed("route") if box["text"] != patch.PLAYER]
    for box in routes:
        for outlet, name in enumerate(box["text"].split()[1:]):
            end = {"status text": "prepend status", "status light": "prepend light"}.get(expected.get(name, ""), name)
            if name not in expected:
                yield f"route names {name}, which is no control"
            elif [name_of(after) for after in built.after(box, outlet)] != [end]:
                yield f"route's {name} does not lead to {end}"
    routed = {name for box in routes for name in box["text"].split()[1:]}
    for name in expected.keys() - routed:
        yield f"the script cannot show anything on {name}: it is not in route"


def _played(built: Built) -> Iterator[str]:
    """What the script says to the player must be a word that it knows."""
    known = set(patch.PLAYER.split()[1:])
    for word in sorted(set(re.findall(r'outlet\(PLAY_OUT, \["(\w+)"', built.script)) ^ known):
        yield f"the script and the player disagree on {word}"


def _handled(built: Built) -> Iterator[str]:
    """The script must know every control by its name, and no other."""
    handlers = find_handlers(built.script)
    reached = _prepends(built).keys() | set(VIEW_SAYS)
    for name in sorted(reached - handlers):
        yield f"the script has no handler for {name}"
    for name in sorted(handlers - reached):
        yield f"the script has a handler for {name}, which no control reaches"


def _prepends(built: Built) -> dict[str, Json]:
    boxes = [box for box in built.typed("prepend") if box["text"].startswith("prepend ui ")]
    return {box["text"].split()[-1]: box for box in boxes}


RULES: tuple[Callable[[Built], Iterable[str]], ...] = (
    _header,
    _ids,
    _known,
    _cords,
    _frame,
    _texts,
    _parameters,
    _banks,
    _js,
    _sent,
    _shows,
    _played,
    _handled,
    *guidelines.RULES,
)


def find_handlers(script: str) -> set[str]:
    """Return the names of the controls that the script's table UI has handlers for."""
    table = re.search(r"^( *)var UI = \{\n(.*?)^\1\};", script, re.MULTILINE | re.DOTALL)
    return set(re.findall(rf'^{table[1]}  "?(\w+)"?:', table[2], re.MULTILINE)) if table else set()


def _controls_before(built: Built, box: Json) -> Iterator[Json]:
    """Find the controls that send to a box, also through a sel."""
    for source in built.before(box):
        if source.get("text", "").startswith("sel "):
            yield from _controls_before(built, source)
        else:
            yield source


def _doubled(what: str, things: Iterable[object]) -> Iterator[str]:
    for thing, times in Counter(things).items():
        if times > 1:
            yield f"the {what} {thing} occurs {times} times"
