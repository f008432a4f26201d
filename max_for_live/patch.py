"""Make the JSON of the Max patcher: the controls, the objects behind them, and the cords between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.config import PORT
from max_for_live.amxd import MIDI_EFFECT, MODIFIED
from max_for_live.control import NOWHERE, Control, Label, Rect, describe, initial, span, title
from max_for_live.controls import BANKS, CONTROLS, HEIGHT, LABELS, WIDTH, is_in_sight
from max_for_live.letters import FONT_SIZE
from max_for_live.objects import THEME, find_object

NAME = "Latent Bridge"
LISTEN, LISTEN_PORTS = 9130, 16  # the first port that a device listens on, and how many it may try
STARTER = "latent_bridge_start_server.js"  # its file in the device; Max looks for files by name alone
PLAYER = "route when note mute gate open pipe"  # what the script says to what plays the pad
VIEWS = ("roll", "pad", "status")  # what is drawn by a script of its own
FONT, MAIN_SIZE = "Ableton Sans Medium", 12
BANK = 8  # an encoder each on a control surface
STORED, HIDDEN = 1, 2  # parameter_invisible; 0 is automatable
NO_MODULATION, ABSOLUTE = 0, 4  # parameter_modmode; words and switches cannot be modulated
MOUSE_UP = 1  # outputmode: a press counts when it is let go, as in Live
JUSTIFIED = {"left": 0, "center": 1, "right": 2}

Json = dict[str, Any]


@dataclass(frozen=True)
class Scripts:
    """The names of the scripts' files, and how many outlets the main one declares."""

    main: str
    views: Mapping[str, str]  # by the name of the view
    starter: str  # what Node for Max runs, to start the server
    outlets: int

    @property
    def files(self) -> tuple[str, ...]:
        """All names."""
        return (self.main, *self.views.values(), self.starter)


@dataclass(frozen=True)
class Node:
    """An object that is typed as text: its name here, the text in its box, and what else is saved with it."""

    name: str
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)


# From a node's outlet to a node's inlet.
Cord = tuple[str, int, str, int]


def nodes(scripts: Scripts) -> tuple[Node, ...]:
    """List the objects that are not visible."""
    script, starter = scripts.main, scripts.starter
    sleeping = {"autostart": 0, "defer": 0, "watch": 0}  # it runs once it is asked to
    return (
        Node("midiin", "midiin"),
        Node("midiout", "midiout"),
        # All MIDI goes straight through; while the pad's player holds notes back, those on certain pitches do not.
        Node("through", "gate 2 1"),
        Node("hold back", "midiselect @ch all"),
        # The player. `when TICK MS`: what follows waits until a tick of the song, of so many ms each.
        Node("play", PLAYER),
        Node("ask time", "t l b"),
        Node("song time", "when"),
        Node("wait", "expr ($f1 - $f3) * $f2 * ($f1 > $f3)"),
        Node("later", "pipe 0 0 0."),
        Node("pair", "pack 0 0"),
        Node("bytes", "midiformat"),
        Node("open later", "pipe 1 0."),
        Node("thisdevice", "live.thisdevice"),
        Node("begin", "t b b"),
        Node("state", "pattr state @thru 0", _state()),
        Node("restore", "prepend restore"),
        # No port that others want: the script says which, and whether it works (docs.cycling74.com/max8/refpages/udpreceive).
        Node("receive", "udpreceive 0 @quiet 1"),
        Node("defer", "deferlow"),  # otherwise messages may arrive in another order
        Node("script", f"js {script}", {"saved_object_attributes": {"filename": script, "parameter_enable": 0}}),
        Node("starter", f"node.script {starter}", {"saved_object_attributes": sleeping}),
        Node("started", "prepend node"),
        Node("send", f"udpsend 127.0.0.1 {PORT}"),
        Node("show", "route " + " ".join(shown())),
        Node("status text", "prepend status"),
        Node("status light", "prepend light"),
        Node("ui views", "prepend ui"),
        *(Node(f"ui {control.name}", f"prepend ui {control.name}") for control in CONTROLS if control.is_heard),
        # A trigger's value is stored, and sent when a set is opened: only a press may pass.
        *(Node(f"if {control.name}", "sel 1") for control in CONTROLS if control.kind == "trigger"),
    )


def shown() -> dict[str, str]:
    """Return what the script can show, in the order of `route`, and the box that each leads to.

    A value that is set is a step of Live's undo history, so no cord leads to what the script never sets.
    """
    ends = {control.name: control.name for control in CONTROLS if control.is_told}
    return ends | {"status": "status text", "light": "status light"}


def cords() -> Iterator[Cord]:
    """List the cords of the patcher."""
    yield "midiin", 0, "through", 1
    yield "through", 0, "midiout", 0
    yield "through", 1, "hold back", 0
    yield "hold back", 7, "midiout", 0  # as it came
    yield "script", 5, "play", 0
    yield "play", 0, "ask time", 0
    yield "ask time", 1, "song time", 0  # before it is asked how long to wait
    yield "song time", 1, "wait", 2
    yield "ask time", 0, "wait", 0
    yield "wait", 0, "later", 2
    yield "wait", 0, "open later", 1
    yield "play", 1, "later", 0
    yield "play", 2, "hold back", 0
    yield "play", 3, "through", 0
    yield "play", 4, "open later", 0
    yield "open later", 0, "through", 0
    yield "play", 5, "later", 0
    yield "play", 5, "open later", 0
    for inlet in range(2):
        yield "later", inlet, "pair", inlet
    yield "pair", 0, "bytes", 0
    yield "bytes", 0, "midiout", 0
    yield "thisdevice", 0, "begin", 0
    yield "begin", 1, "state", 0  # the saved state comes before the start
    yield "begin", 0, "defer", 0
    yield "state", 0, "restore", 0
    yield "restore", 0, "defer", 0
    yield "receive", 0, "defer", 0
    yield "defer", 0, "script", 0
    yield "script", 0, "send", 0
    yield "script", 1, "show", 0
    yield "script", 2, "receive", 0
    yield "script", 3, "state", 0
    yield "script", 4, "starter", 0
    yield "starter", 0, "started", 0
    yield "started", 0, "defer", 0
    for outlet, end in enumerate(shown().values()):
        yield "show", outlet, end, 0
    yield "status text", 0, "status", 0
    yield "status light", 0, "status", 0
    for control in CONTROLS:
        if control.is_heard:
            yield control.name, 0, f"ui {control.name}", 0
            yield f"ui {control.name}", 0, "defer", 0
        elif control.kind == "trigger":
            yield control.name, 0, f"if {control.name}", 0
            yield f"if {control.name}", 0, f"ui {control.does}", 0
        elif control.kind == "view" and control.name != "status":
            yield control.name, 0, "ui views", 0
    yield "ui views", 0, "defer", 0


def patcher(scripts: Scripts, build: str) -> Json:
    """Make the device's patcher; `build` is the stamp that the device shows."""
    boxes: dict[str, Json] = {}
    for label in LABELS:
        boxes[label.name] = _label(label)
    for control in CONTROLS:
        boxes[control.name] = _control(control, scripts, build)
    for node in nodes(scripts):
        boxes[node.name] = {"maxclass": "newobj", "text": node.text, **node.more}
    ids = {name: f"obj-{number}" for number, name in enumerate(boxes, 1)}
    for (name, box), place in zip(boxes.items(), _grid(len(boxes)), strict=True):
        found = find_object(box["maxclass"], box.get("text", ""), scripts.outlets)
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
        "description": "Varies, samples, morphs and blends clips with a Latent Bridge server on this computer.",
        "boxes": [{"box": dict(sorted(box.items()))} for box in boxes.values()],
        "lines": [
            {"patchline": {"source": [ids[source], outlet], "destination": [ids[target], inlet]}}
            for source, outlet, target, inlet in cords()
        ],
        "parameters": _registry(boxes, ids),
        "dependency_cache": [{"name": name, "bootpath": ".", "type": "TEXT", "implicit": 1} for name in scripts.files],
        "latency": 0,
        "is_mpe": 1,  # else Live merges MPE's channels for what comes after the device
        "external_mpe_tuning_enabled": 0,
        "minimum_live_version": "11.1",
        "minimum_max_version": "8.2",
        "platform_compatibility": 0,
        "project": _project(scripts),
        "autosave": 0,
    }


# Visible objects


def _control(control: Control, scripts: Scripts, build: str) -> Json:
    makers = {
        "tab": _tab,
        "button": _button,
        "toggle": _toggle,
        "trigger": _trigger,
        "dial": _dial,
        "number": _number,
        "menu": _menu,
        "list": _list,
        "text": _text,
        "swatch": _swatch,
    }
    box = _view(control, scripts) if control.kind == "view" else makers[control.kind](control)
    box |= {**_place(control.name, control.place), "varname": control.name}
    if control.name == "build":
        box["text"] = build
    if describe(control):
        box |= {"annotation_name": title(control), "annotation": describe(control)}
    if control.is_parameter:
        texts = {"parameter_info": describe(control), "parameter_annotation_name": title(control)}
        box["saved_attribute_attributes"]["valueof"] |= texts
    return box


def _tab(control: Control) -> Json:
    words = [shown for shown, _ in control.words]
    box = {"maxclass": "live.tab", "num_lines_patching": 1, "num_lines_presentation": 1, "livemode": 1}
    return box | _parameter(control, parameter_enum=words, parameter_type=2)


def _button(control: Control) -> Json:
    # Live never sends clicks to a live.text that is not a parameter; if it can be automated, clicks fill the undo history.
    box = _pressed(control, 0) | _parameter(control, parameter_enum=["off", "on"], parameter_type=2)
    if control.is_main:
        box |= {"fontface": 1, "fontsize": MAIN_SIZE}
        colours = _themed({"activebgcolor": "live_control_selection", "activetextcolor": "live_control_fg_on"})
        saved = box["saved_attribute_attributes"] | colours.pop("saved_attribute_attributes")
        box |= colours | {"saved_attribute_attributes": saved}
    return box


def _trigger(control: Control) -> Json:
    return _pressed(control, 0) | _parameter(control, parameter_enum=["off", "on"], parameter_type=2)


def _toggle(control: Control) -> Json:
    return _pressed(control, 1) | _parameter(control, parameter_enum=["off", "on"], parameter_type=2)


def _pressed(control: Control, mode: int) -> Json:
    texts = {"text": control.label, "texton": control.label}
    return {"maxclass": "live.text", "mode": mode, "outputmode": MOUSE_UP, **texts}


def _dial(control: Control) -> Json:
    return {"maxclass": "live.dial"} | _parameter(
        control, parameter_type=1, parameter_unitstyle=5 if control.unit == "%" else 0
    )


def _number(control: Control) -> Json:
    # Max stores integers in one byte; a larger range needs a float that is shown as an integer.
    low, high = span(control)
    kind = 1 if high - low < 256 else 0
    return {"maxclass": "live.numbox"} | _parameter(control, parameter_type=kind, parameter_unitstyle=0)


def _menu(control: Control) -> Json:
    words = [shown for shown, _ in control.words]
    return {"maxclass": "live.menu"} | _parameter(control, parameter_enum=words, parameter_type=2)


def _list(control: Control) -> Json:
    # The items of a live.menu are saved with the set and cannot safely change; models, tracks and clips come while it is open.
    shown = [word for word, _ in control.words]
    commas = [part for word in shown for part in (word, ",")][:-1]
    colours = {"bgfillcolor": "live_control_text_bg", "textcolor": "live_control_fg"}
    look = {"fontname": FONT, "fontsize": FONT_SIZE, "bgfillcolor_type": "color", "allowdrag": 0}
    return {"maxclass": "umenu", "items": commas if len(commas) > 1 else shown[0], **look, **_themed(colours)}


def _view(control: Control, scripts: Scripts) -> Json:
    return {"maxclass": "jsui", "filename": scripts.views[control.name], "border": 0, "parameter_enable": 0}


def _swatch(_: Control) -> Json:
    # Nothing to see until a clip gives its colour; a panel's one colour is saved as bgcolor, and set as bgfillcolor.
    look = {"mode": 0, "border": 0, "rounded": 0, "angle": 270.0, "proportion": 0.5, "bgcolor": [0.0, 0.0, 0.0, 0.0]}
    return {"maxclass": "panel", **look}


def _text(control: Control) -> Json:
    return {"maxclass": "live.comment", "text": control.label, "textjustification": JUSTIFIED[control.align]}


def _label(label: Label) -> Json:
    text = {"maxclass": "live.comment", "text": label.text, "textjustification": JUSTIFIED[label.align], "varname": label.name}
    return text | _place(label.name, label.place)


def _place(name: str, rect: Rect) -> Json:
    """Place a box on the face; what is not in sight at first is saved so, lest it flash when the device is loaded."""
    if rect == NOWHERE:
        return {}
    hidden = {} if is_in_sight(name, "vary") else {"hidden": 1}
    return {"presentation": 1, "presentation_rect": list(rect), **hidden}


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
    names = {"parameter_longname": title(control), "parameter_shortname": _short(control)}
    kept = {"parameter_initial": [initial(control)], "parameter_initial_enable": 1}
    hidden = {} if control.is_automatable else {"parameter_invisible": HIDDEN}
    starts = kept if control.is_automatable or control.kind == "number" else {}
    return {
        "parameter_enable": 1,
        "saved_attribute_attributes": {"valueof": names | low_and_high | _modulation(control) | starts | hidden | more},
    }


def _modulation(control: Control) -> Json:
    if control.kind not in ("dial", "number") or control.is_set:
        return {"parameter_modmode": NO_MODULATION}
    low, high = span(control)
    return {"parameter_modmode": ABSOLUTE, "parameter_modmin": low, "parameter_modmax": high}


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
    titles = {control.name: title(control) for control in CONTROLS}
    # Live 12.4 crashes on a bank with fewer slots.
    banks = [(name, [titles[one] for one in names] + ["-"] * (BANK - len(names))) for name, names in BANKS]
    listed["parameterbanks"] = {
        str(index): {"index": index, "name": name, "parameters": slots} for index, (name, slots) in enumerate(banks)
    }
    return listed | {"inherited_shortname": 1}


# The rest


def _grid(count: int) -> Iterator[list[int]]:
    """Place boxes in rows, for those who open the patch in Max."""
    for number in range(count):
        yield [20 + number % 6 * 200, 20 + number // 6 * 60, 180, 22]


def _project(scripts: Scripts) -> Json:
    return {
        "version": 1,
        "creationdate": MODIFIED,
        "modificationdate": MODIFIED,
        "viewrect": [0, 0, 300, 500],
        "autoorganize": 1,
        "hideprojectwindow": 1,
        "showdependencies": 1,
        "autolocalize": 0,
        "contents": {"patchers": {}, "code": {name: {"kind": "javascript", "local": 1} for name in scripts.files}},
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
