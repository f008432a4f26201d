"""What must hold of the built device, looked up in its bytes: each broken rule is one sentence. Max itself says nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from max_for_live import amxd, objects, patch
from max_for_live.controls import CONTROLS, HEIGHT

BANK = 8
NARROW, WIDE = "iljtfrI.,:;'|-– ", "mwMW%"
LETTERS = {"narrow": 2.9, "wide": 8.0, "upper": 6.3, "lower": 5.2}  # pixels, about, in Live's font at its usual size
BOLD = 1.08
EDGE = 4  # pixels that a frame, or the margin of a text, takes on both sides together
MENU_EDGE = 15  # of a menu, with its triangle
LEAST_HEIGHTS = {"live.comment": 18, "live.text": 15, "live.dial": 48}  # or letters lose their feet

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cord:
    """A cord, from an outlet to an inlet, by the ids of the boxes."""

    source: str
    outlet: int
    target: str
    inlet: int


@dataclass(frozen=True)
class Built:
    """A patcher and its script, taken apart for the rules."""

    device: amxd.Device
    patcher: Json
    script: str

    @cached_property
    def boxes(self) -> list[Json]:
        """The boxes."""
        return [entry["box"] for entry in self.patcher["boxes"]]

    @cached_property
    def by_id(self) -> dict[str, Json]:
        """The boxes by their ids."""
        return {box["id"]: box for box in self.boxes}

    @cached_property
    def cords(self) -> list[Cord]:
        """The cords."""
        lines = [entry["patchline"] for entry in self.patcher["lines"]]
        return [Cord(*line["source"], *line["destination"]) for line in lines]

    @cached_property
    def joined(self) -> list[tuple[Json, int, Json]]:
        """The cords that have a box at both ends: from a box, its outlet, to a box."""
        both = [(self.by_id.get(cord.source), cord.outlet, self.by_id.get(cord.target)) for cord in self.cords]
        return [(source, outlet, target) for source, outlet, target in both if source and target]

    @cached_property
    def parameters(self) -> dict[str, Json]:
        """What the parameters say of themselves, by the ids of their boxes."""
        return {box["id"]: _value(box) for box in self.boxes if box.get("parameter_enable")}

    @cached_property
    def declared(self) -> dict[str, int]:
        """How many inlets and outlets the script declares."""
        found = re.findall(r"^(inlets|outlets)\s*=\s*(\d+)", self.script, re.MULTILINE)
        return {"inlets": 1, "outlets": 1} | {what: int(number) for what, number in found}

    def typed(self, name: str) -> list[Json]:
        """List the boxes of an object that is typed."""
        return [box for box in self.boxes if box["maxclass"] == "newobj" and box.get("text", "").split(" ")[0] == name]

    def after(self, box: Json, outlet: int = 0) -> list[Json]:
        """List the boxes that an outlet's cords lead to."""
        return [target for source, its, target in self.joined if source is box and its == outlet]

    def before(self, box: Json) -> list[Json]:
        """List the boxes whose cords lead to a box."""
        return [source for source, _, target in self.joined if target is box]


def lint(data: bytes) -> list[str]:
    """List what is wrong with a built device; nothing is well."""
    try:
        device = amxd.read(data)
    except amxd.AmxdError as error:
        return [str(error)]
    script = device.files[1].content.decode(errors="replace") if len(device.files) > 1 else ""
    wrong = list(_container(device))
    try:
        return wrong + lint_patcher(Built(device, device.patcher, script))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        return [*wrong, f"the patcher has not the shape of one: {error!r}"]


def lint_patcher(built: Built) -> list[str]:
    """List what is wrong with a patcher and its script."""
    return [sentence for rule in RULES for sentence in rule(built)]


def digest(table: Json, body: str) -> str:
    """Give what a script with a table is known by."""
    return hashlib.sha256((json.dumps(table, sort_keys=True) + body).encode()).hexdigest()[:8]


def _own_digest(script: bytes) -> str:
    head, _, body = script.decode(errors="replace").partition("\n")
    try:
        table = json.loads(head.removeprefix("var TABLE = ").removesuffix(";"))
    except ValueError:
        return ""
    mark = digest({key: value for key, value in table.items() if key != "build"}, body)
    return mark if table.get("build", "").endswith(mark) else ""


def _container(device: amxd.Device) -> Iterator[str]:
    if device.kind != amxd.MIDI_EFFECT:
        yield "the container is that of another kind of device than a MIDI effect"
    if not device.is_frozen or device.meta != amxd.META_FROZEN:
        yield f"the container says meta {device.meta}; one that is frozen and has a script says {amxd.META_FROZEN}"
    if len(device.files) != 2:
        yield f"the container holds {len(device.files)} files; a patcher and a script belong there"
        return
    patcher, script = device.files
    if (patcher.kind, patcher.flag, patcher.name) != (amxd.JSON, amxd.IS_DEVICE, f"{patch.NAME}.amxd"):
        yield f"the first file, {patcher.name}, is not marked as the device's patcher"
    if (script.kind, script.flag) != (amxd.TEXT, 0) or script.name != f"latent_bridge_{_own_digest(script.content)}.js":
        yield f"the second file, {script.name}, is not marked as a script, or has not the name that its text gives it"
    if {file.modified for file in device.files} != {amxd.MODIFIED}:
        yield "a file's date is not the fixed one, so the same sources would give other bytes"
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
        yield "the project's amxdtype is another kind of device than the container's"


def _ids(built: Built) -> Iterator[str]:
    yield from _doubled("id", [box["id"] for box in built.boxes])
    yield from _doubled("scripting name", [box["varname"] for box in built.boxes if "varname" in box])


def _known(built: Built) -> Iterator[str]:
    for box in built.boxes:
        found = objects.find_object(box["maxclass"], box.get("text", ""), built.declared["outlets"])
        if found is None:
            yield f"{_named(box)} is no object that we know"
            continue
        if (box["numinlets"], box["numoutlets"]) != (found.inlets, len(found.outlets)):
            ports = f"{box['numinlets']} inlets and {box['numoutlets']} outlets"
            yield f"{_named(box)} says {ports}; it has {found.inlets} and {len(found.outlets)}"
        if box.get("outlettype", []) != list(found.outlets):
            yield f"{_named(box)} says that its outlets give {box.get('outlettype')}; they give {list(found.outlets)}"
        fixed = {f"{name}_color" if name == "bgfillcolor" else name for name in found.colours}
        for key in box.keys() - objects.BOX - found.attributes - fixed:
            yield f"{_named(box)} has no attribute {key}"
        yield from _saved(box, found)


def _saved(box: Json, found: objects.Object) -> Iterator[str]:
    saved = box.get("saved_attribute_attributes", {})
    for name in found.colours & {key.removesuffix("_color") for key in box} - saved.keys():
        yield f"{_named(box)} has a {name} that does not follow Live's theme"
    for name, value in saved.items():
        if name == "valueof":
            for key in value.keys() - objects.PARAMETER:
                yield f"{_named(box)}: a parameter has no {key}"
        elif name not in found.colours:
            yield f"{_named(box)} has no colour {name}"
        elif value["expression"].removeprefix("themecolor.") not in objects.THEME:
            yield f"{_named(box)}: Live's theme has no colour {value['expression']}"


def _cords(built: Built) -> Iterator[str]:
    yield from _doubled("cord", built.cords)
    for cord in built.cords:
        source, target = built.by_id.get(cord.source), built.by_id.get(cord.target)
        if source is None or target is None:
            yield f"a cord from {cord.source} to {cord.target} has no box at an end"
            continue
        if not 0 <= cord.outlet < source["numoutlets"]:
            yield f"a cord leaves outlet {cord.outlet} of {_named(source)}, which has {source['numoutlets']}"
        if not 0 <= cord.inlet < target["numinlets"]:
            yield f"a cord enters inlet {cord.inlet} of {_named(target)}, which has {target['numinlets']}"


# The face


def _frame(built: Built) -> Iterator[str]:
    width = built.patcher["openrect"][2]
    for box in _shown(built):
        x, y, w, h = box["presentation_rect"]
        if not all(isinstance(number, int) for number in (x, y, w, h)):
            yield f"{_named(box)} is not at whole pixels: {box['presentation_rect']}"
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > HEIGHT:
            yield f"{_named(box)} is at {box['presentation_rect']}, not inside {width} × {HEIGHT}"
    for one, other in combinations(_shown(built), 2):
        (ax, ay, aw, ah), (bx, by, bw, bh) = one["presentation_rect"], other["presentation_rect"]
        if ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah:
            yield f"{_named(one)} and {_named(other)} overlap"


def _texts(built: Built) -> Iterator[str]:
    for box in _shown(built):
        value = _value(box)
        texts = [box["text"]] if box["maxclass"] in ("live.text", "live.comment") else []
        if box["maxclass"] == "live.menu":
            texts = value["parameter_enum"]
        if box["maxclass"] == "live.dial":
            texts = [value["parameter_shortname"]]
        if box["presentation_rect"][3] < LEAST_HEIGHTS.get(box["maxclass"], 0):
            yield f"{_named(box)} is too low for a text"
        edge = MENU_EDGE if box["maxclass"] == "live.menu" else EDGE
        for text in texts:
            if measure(text) * (BOLD if box.get("fontface") else 1) + edge > box["presentation_rect"][2]:
                yield f"{_named(box)} is too narrow for {text!r}"


# Parameters


def _parameters(built: Built) -> Iterator[str]:
    for what in ("parameter_longname", "parameter_shortname"):
        yield from _doubled(what.removeprefix("parameter_"), [value[what] for value in built.parameters.values()])
    listed = {key: value for key, value in built.patcher["parameters"].items() if key.startswith("obj-")}
    told = {key: [v["parameter_longname"], v["parameter_shortname"], 0] for key, v in built.parameters.items()}
    if listed != told:
        yield "the list of parameters is not that of the boxes"
    for box in built.boxes:
        value = built.parameters.get(box["id"])
        if box["maxclass"].startswith("live.") and value is None and box["maxclass"] not in ("live.comment", "live.line"):
            yield f"{_named(box)} is no parameter, so Live would never let it be clicked"
        elif value is not None:
            yield from _parameter(box, value)


def _parameter(box: Json, value: Json) -> Iterator[str]:
    if box["maxclass"] == "live.text" and box["mode"] == 0 and value.get("parameter_invisible") != 2:
        yield f"{_named(box)} is a button that can be automated, so that each click is a step to undo"
    if value.get("parameter_type") == 3 or value.get("parameter_invisible") == 2:
        return
    if not value.get("parameter_initial_enable") or "parameter_initial" not in value:
        yield f"{_named(box)} does not say what it starts with"
        return
    low, high = value.get("parameter_mmin", 0), value["parameter_mmax"]
    if not low <= value["parameter_initial"][0] <= high:
        yield f"{_named(box)} starts with {value['parameter_initial'][0]}, which is not in {low}..{high}"
    if value.get("parameter_type") == 1 and high - low > 255:
        yield f"{_named(box)} has {high - low + 1} whole numbers; Max keeps 256"
    if value.get("parameter_type") == 2 and len(value["parameter_enum"]) != high + 1:
        yield f"{_named(box)} has {len(value['parameter_enum'])} words and counts to {high}"


def _banks(built: Built) -> Iterator[str]:
    names = {value["parameter_longname"] for value in built.parameters.values()}
    for index, bank in built.patcher["parameters"].get("parameterbanks", {}).items():
        slots = bank["parameters"]
        if len(slots) != BANK or set(slots) <= {"-"}:
            yield f"parameter bank {index} is {slots}: Live crashes where it has not {BANK} slots, or nothing in them"
        for name in set(slots) - names - {"-"}:
            yield f"parameter bank {index} has {name!r}, which is no parameter"


# Between face and script


def _js(built: Built) -> Iterator[str]:
    scripts = built.typed("js")
    if len(scripts) != 1 or len(built.device.files) != 2:
        yield f"there are {len(scripts)} js objects, and {len(built.device.files) - 1} scripts; one of each belongs there"
        return
    (box,), name = scripts, built.device.files[1].name
    dependencies = [dependency["name"] for dependency in built.patcher["dependency_cache"]]
    code = list(built.patcher["project"]["contents"]["code"])
    if [name] != dependencies or [name] != code or box["text"] != f"js {name}":
        yield f"the script is {name}; the patch speaks of {box['text']}, {dependencies} and {code}"
    if box["saved_object_attributes"]["filename"] != name:
        yield f"the js object's file is {box['saved_object_attributes']['filename']}, not {name}"
    if (box["numinlets"], box["numoutlets"]) != (built.declared["inlets"], built.declared["outlets"]):
        said = f"{built.declared['inlets']} inlets and {built.declared['outlets']} outlets"
        yield f"the script declares {said}; its box has {box['numinlets']} and {box['numoutlets']}"
    for source in built.before(box):
        if source.get("text") != "deferlow":
            yield f"{_named(source)} reaches the script without a deferlow"
    for outlet in range(box["numoutlets"]):
        if not built.after(box, outlet):
            yield f"outlet {outlet} of the script leads nowhere"


def _said(built: Built) -> Iterator[str]:
    """What the controls say must come from the right one, and reach the script."""
    names = {control.name: control for control in CONTROLS}
    said = {box["text"].split()[-1]: box for box in built.typed("prepend") if box["text"].startswith("prepend ui ")}
    for name, control in names.items():
        if control.kind != "text" and name not in said:
            yield f"what {name} says reaches the script as nothing: there is no prepend ui {name}"
    for name, box in said.items():
        if name not in names:
            yield f"prepend ui {name} is of no control"
            continue
        if [after.get("text") for after in built.after(box)] != ["deferlow"]:
            yield f"prepend ui {name} does not lead to the script"
        sources = {source.get("varname") for source in _faces_before(built, box)}
        if sources != {name}:
            yield f"prepend ui {name} is fed by {sorted(map(str, sources))}"


def _shows(built: Built) -> Iterator[str]:
    """What the script shows must reach the control that it names."""
    names = {control.name for control in CONTROLS}
    for box in built.typed("route"):
        for outlet, name in enumerate(box["text"].split()[1:]):
            if name not in names:
                yield f"route speaks of {name}, which is no control"
            elif [after.get("varname") for after in built.after(box, outlet)] != [name]:
                yield f"route's {name} does not lead to {name}"
    routed = {name for box in built.typed("route") for name in box["text"].split()[1:]}
    for control in CONTROLS:
        if control.kind != "button" and control.name not in routed:
            yield f"the script cannot show anything on {control.name}: it is not in route"


def _handled(built: Built) -> Iterator[str]:
    """The script must know every control by its name, and no other."""
    handlers = find_handlers(built.script)
    said = {box["text"].split()[-1] for box in built.typed("prepend") if box["text"].startswith("prepend ui ")}
    for name in sorted(said - handlers):
        yield f"the script has no handler for {name}"
    for name in sorted(handlers - said):
        yield f"the script has a handler for {name}, which no control reaches"


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
    _said,
    _shows,
    _handled,
)


def find_handlers(script: str) -> set[str]:
    """Read from the script which controls its table UI has handlers for."""
    table = re.search(r"^( *)var UI = \{\n(.*?)^\1\};", script, re.MULTILINE | re.DOTALL)
    return set(re.findall(rf"^{table[1]}  (\w+):", table[2], re.MULTILINE)) if table else set()


def measure(text: str) -> float:
    """Estimate how many pixels wide a text is."""
    kinds = ("narrow" if c in NARROW else "wide" if c in WIDE else "upper" if c.isupper() else "lower" for c in text)
    return sum(LETTERS[kind] for kind in kinds)


def _faces_before(built: Built, box: Json) -> Iterator[Json]:
    """Find the faces that feed a box, through what packs several numbers into one message."""
    for source in built.before(box):
        if source.get("text", "").startswith("pak "):
            yield from _faces_before(built, source)
        else:
            yield source


def _doubled(what: str, things: Iterable[object]) -> Iterator[str]:
    for thing, times in Counter(things).items():
        if times > 1:
            yield f"the {what} {thing} is there {times} times"


def _shown(built: Built) -> list[Json]:
    return [box for box in built.boxes if box.get("presentation")]


def _named(box: Json) -> str:
    return str(box.get("varname") or box.get("text") or f"{box['maxclass']} {box['id']}")


def _value(box: Json) -> Json:
    found: Json = box.get("saved_attribute_attributes", {}).get("valueof", {})
    return found
