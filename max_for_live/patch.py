"""Make the JSON of the Max patcher: the controls, the objects behind them, and the cords between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.config import PORT
from max_for_live.amxd import MIDI_EFFECT, MODIFIED
from max_for_live.control import Control, Label, describe, initial, span, title
from max_for_live.controls import CONTROLS, HEIGHT, LABELS, LINES, PAD_MAX, WIDTH
from max_for_live.objects import THEME, find_object

NAME = "Latent Bridge"
LISTEN, LISTEN_PORTS = 9130, 16  # the first port that a device listens on, and how many it may try
JS_OUTLETS = 4  # to the server, to the controls, to the receiver, to the state
FONT, FONT_SIZE = "Ableton Sans Medium", 9.5
BANK = 8  # an encoder each on a control surface
STORED, HIDDEN = 1, 2  # parameter_invisible; 0 is automatable
JUSTIFIED = {"left": 0, "right": 2}

Json = dict[str, Any]


@dataclass(frozen=True)
class Node:
    """An object that is typed as text: its name here, the text in its box, and what else is saved with it."""

    name: str
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)


# From a node's outlet to a node's inlet.
Cord = tuple[str, int, str, int]


def nodes(script: str) -> tuple[Node, ...]:
    """List the objects that are not visible; `script` is the name of the js file."""
    settable = [control.name for control in CONTROLS if is_shown(control)]
    return (
        Node("midiin", "midiin"),
        Node("midiout", "midiout"),
        Node("thisdevice", "live.thisdevice"),
        Node("start", "t b b"),
        Node("state", "pattr state @thru 0", _state()),
        Node("restore", "prepend restore"),
        Node("receive", f"udpreceive {LISTEN}"),
        Node("defer", "deferlow"),  # otherwise messages may arrive in another order
        Node("script", f"js {script}", {"saved_object_attributes": {"filename": script, "parameter_enable": 0}}),
        Node("send", f"udpsend 127.0.0.1 {PORT}"),
        Node("show", "route " + " ".join(settable)),
        Node("both", "pak 0 0"),
        *(Node(f"ui {control.name}", f"prepend ui {control.name}") for control in CONTROLS if control.kind != "text"),
    )


def cords() -> Iterator[Cord]:
    """List the cords of the patcher."""
    yield "midiin", 0, "midiout", 0
    yield "thisdevice", 0, "start", 0
    yield "start", 1, "state", 0  # the saved state comes before the start
    yield "start", 0, "defer", 0
    yield "state", 0, "restore", 0
    yield "restore", 0, "defer", 0
    yield "receive", 0, "defer", 0
    yield "defer", 0, "script", 0
    yield "script", 0, "send", 0
    yield "script", 1, "show", 0
    yield "script", 2, "receive", 0
    yield "script", 3, "state", 0
    for outlet, control in enumerate(control for control in CONTROLS if is_shown(control)):
        yield "show", outlet, control.name, 0
    for control in CONTROLS:
        if control.kind == "pad":
            yield control.name, 0, "both", 0
            yield control.name, 1, "both", 1
            yield "both", 0, f"ui {control.name}", 0
        elif control.kind != "text":
            yield control.name, 0, f"ui {control.name}", 0
        if control.kind != "text":
            yield f"ui {control.name}", 0, "defer", 0


def is_shown(control: Control) -> bool:
    """Return whether the script sets what a control shows."""
    return control.kind != "button"


def patcher(script: str, build: str) -> Json:
    """Make the device's patcher; `script` is the name of the js file, `build` the stamp that the device shows."""
    boxes: dict[str, Json] = {}
    for number, rect in enumerate(LINES):
        boxes[f"line {number}"] = {"maxclass": "live.line", "justification": 1, **_shown(rect)}
    for label in LABELS:
        boxes[f"label {label.text}"] = _label(label)
    for control in CONTROLS:
        boxes[control.name] = _control(control, build)
    for node in nodes(script):
        boxes[node.name] = {"maxclass": "newobj", "text": node.text, **node.more}
    ids = {name: f"obj-{number}" for number, name in enumerate(boxes, 1)}
    for (name, box), place in zip(boxes.items(), _grid(len(boxes)), strict=True):
        found = find_object(box["maxclass"], box.get("text", ""), JS_OUTLETS)
        if found is None:
            raise ValueError(f"{name} is not a known object: {box.get('text', box['maxclass'])}")
        box |= {"id": ids[name], "numinlets": found.inlets, "numoutlets": len(found.outlets), "patching_rect": place}
        if found.outlets:
            box["outlettype"] = list(found.outlets)
    return {
        "fileversion": 1,
        "appversion": {"major": 8, "minor": 2, "revision": 0, "architecture": "x64", "modernui": 1},  # that of Live 11.1
        "classnamespace": "box",
        "rect": [60, 100, 1200, 700],
        "openrect": [0, 0, WIDTH, HEIGHT],
        "bglocked": 0,
        "openinpresentation": 1,
        "default_fontsize": FONT_SIZE,
        "default_fontface": 0,
        "default_fontname": FONT,
        "gridonopen": 1,
        "gridsize": [8, 8],
        "devicewidth": WIDTH,
        "description": "Varies, samples, interpolates and blends clips with a Latent Bridge server on this computer.",
        "boxes": [{"box": dict(sorted(box.items()))} for box in boxes.values()],
        "lines": [
            {"patchline": {"source": [ids[source], outlet], "destination": [ids[target], inlet]}}
            for source, outlet, target, inlet in cords()
        ],
        "parameters": _registry(boxes, ids),
        "dependency_cache": [{"name": script, "bootpath": ".", "type": "TEXT", "implicit": 1}],
        "latency": 0,
        "is_mpe": 0,
        "external_mpe_tuning_enabled": 0,
        "minimum_live_version": "",
        "minimum_max_version": "",
        "platform_compatibility": 0,
        "project": _project(script),
        "autosave": 0,
    }


# Visible objects


def _control(control: Control, build: str) -> Json:
    makers = {
        "button": _button,
        "toggle": _toggle,
        "dial": _dial,
        "number": _number,
        "menu": _menu,
        "list": _list,
        "pad": _pad,
        "text": _text,
    }
    box = {**makers[control.kind](control), **_shown(control.place), "varname": control.name}
    if control.name == "build":
        box["text"] = build
    if describe(control):
        box |= {"annotation_name": title(control), "annotation": describe(control)}
    if control.is_parameter:
        texts = {"parameter_info": describe(control), "parameter_annotation_name": title(control)}
        box["saved_attribute_attributes"]["valueof"] |= texts
    return box


def _button(control: Control) -> Json:
    # Live never sends clicks to a live.text that is not a parameter; if it can be automated, clicks fill the undo history.
    box = {"maxclass": "live.text", "mode": 0, "text": control.label, "texton": control.label}
    if control.is_main:
        box["fontface"] = 1
    return box | _parameter(control, parameter_enum=["off", "on"], parameter_type=2, parameter_invisible=HIDDEN)


def _toggle(control: Control) -> Json:
    box = {"maxclass": "live.text", "mode": 1, "text": control.label, "texton": control.label}
    return box | _parameter(control, parameter_enum=["off", "on"], parameter_type=2, **_start(control))


def _dial(control: Control) -> Json:
    return {"maxclass": "live.dial"} | _parameter(
        control, parameter_type=1, parameter_unitstyle=5 if control.unit == "%" else 0, **_start(control)
    )


def _number(control: Control) -> Json:
    # Max stores integers in one byte; a larger range needs a float that is shown as an integer.
    return {"maxclass": "live.numbox"} | _parameter(control, parameter_type=0, parameter_unitstyle=0, **_start(control))


def _menu(control: Control) -> Json:
    words = [shown for shown, _ in control.words]
    return {"maxclass": "live.menu"} | _parameter(control, parameter_enum=words, parameter_type=2, **_start(control))


def _list(control: Control) -> Json:
    # The items of a live.menu are saved with the set and cannot safely change; the models come from the server.
    shown = [word for word, _ in control.words]
    commas = [part for word in shown for part in (word, ",")][:-1]
    colours = {"bgfillcolor": "live_control_text_bg", "textcolor": "live_control_fg"}
    look = {"fontname": FONT, "fontsize": FONT_SIZE, "bgfillcolor_type": "color", "allowdrag": 0}
    return {"maxclass": "umenu", "items": commas if len(commas) > 1 else shown[0], **look, **_themed(colours)}


def _pad(control: Control) -> Json:
    values = {"leftvalue": 0, "rightvalue": PAD_MAX, "topvalue": 0, "bottomvalue": PAD_MAX}
    return {
        "maxclass": "pictslider",
        **values,
        **_themed({"bgcolor": "live_lcd_bg", "color": "live_lcd_control_fg", "elementcolor": "live_value_arc"}),
    }


def _text(control: Control) -> Json:
    look = _themed({"bgcolor": "live_lcd_bg", "textcolor": "live_lcd_control_fg"}) if control.is_screen else {}
    return {"maxclass": "live.comment", "text": control.label, "textjustification": JUSTIFIED[control.align], **look}


def _label(label: Label) -> Json:
    look = {"fontface": 1} if label.is_heading else {}
    return {"maxclass": "live.comment", "text": label.text, "textjustification": 0, **look, **_shown(label.place)}


def _shown(rect: Sequence[int]) -> Json:
    return {"presentation": 1, "presentation_rect": list(rect)}


def _themed(colours: Mapping[str, str]) -> Json:
    """Make colours follow Live's theme."""
    # A fill can also be a gradient, so its plain colour has a key of its own.
    fixed = {"bgfillcolor_color" if name == "bgfillcolor" else name: list(THEME[colour]) for name, colour in colours.items()}
    followed = {name: {"expression": f"themecolor.{colour}"} for name, colour in colours.items()}
    return {**fixed, "saved_attribute_attributes": followed}


# Parameters


def _parameter(control: Control, **more: object) -> Json:
    low, high = span(control)
    low_and_high = {"parameter_mmax": high} | ({"parameter_mmin": low} if low else {})
    names = {"parameter_longname": title(control), "parameter_shortname": _short(control), "parameter_modmode": 0}
    return {"parameter_enable": 1, "saved_attribute_attributes": {"valueof": names | low_and_high | more}}


def _start(control: Control) -> Json:
    return {"parameter_initial": [initial(control)], "parameter_initial_enable": 1}


def _short(control: Control) -> str:
    """Return the short name of a control, for dials and control surfaces."""
    return control.label if control.kind == "dial" else title(control)


def _state() -> Json:
    value = {"parameter_longname": "State", "parameter_shortname": "State", "parameter_type": 3, "parameter_invisible": STORED}
    return {
        "varname": "state",
        "parameter_enable": 1,
        "saved_object_attributes": {"parameter_enable": 1, "parameter_mappable": 0},
        "saved_attribute_attributes": {"valueof": value | {"parameter_modmode": 0}},
    }


def _registry(boxes: Mapping[str, Json], ids: Mapping[str, str]) -> Json:
    """Return the list of parameters that Live reads, with the banks for control surfaces."""
    listed: Json = {}
    for name, box in boxes.items():
        if box.get("parameter_enable"):
            value = box["saved_attribute_attributes"]["valueof"]
            listed[ids[name]] = [value["parameter_longname"], value["parameter_shortname"], 0]
    turned = [title(control) for control in CONTROLS if control.kind in ("dial", "number")]
    switched = [title(control) for control in CONTROLS if control.kind in ("toggle", "menu")]
    banks = [turned[at : at + BANK] for at in range(0, len(turned), BANK)] + [switched[:BANK]]
    # Live 12.4 crashes on a bank with fewer slots.
    full = [bank + ["-"] * (BANK - len(bank)) for bank in banks]
    listed["parameterbanks"] = {str(index): {"index": index, "name": "", "parameters": bank} for index, bank in enumerate(full)}
    return listed | {"inherited_shortname": 1}


# The rest


def _grid(count: int) -> Iterator[list[int]]:
    """Place boxes in rows, for those who open the patch in Max."""
    for number in range(count):
        yield [20 + number % 6 * 200, 20 + number // 6 * 60, 180, 22]


def _project(script: str) -> Json:
    return {
        "version": 1,
        "creationdate": MODIFIED,
        "modificationdate": MODIFIED,
        "viewrect": [0, 0, 300, 500],
        "autoorganize": 1,
        "hideprojectwindow": 1,
        "showdependencies": 1,
        "autolocalize": 0,
        "contents": {"patchers": {}, "code": {script: {"kind": "javascript", "local": 1}}},
        "layout": {},
        "searchpath": {},
        "detailsvisible": 0,
        "amxdtype": int.from_bytes(MIDI_EFFECT, "big"),
        "readonly": 0,
        "devpathtype": 0,
        "devpath": ".",
        "sortmode": 0,
        "viewmode": 0,
        "includepackages": 0,
    }
