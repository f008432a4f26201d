"""What Ableton asks of devices that are shared, as far as a built file shows it: rules for the lint.

The source is m4l-production-guidelines.md of Ableton/maxdevtools, mostly its final checklist; each rule names the entry that
it is for. What only a person with Live can see is in the README's checklist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from max_for_live.built_device import Built, Json, name_of, parameter_of, shown

WIDEST = 480  # pixels; the guidelines name none, and this is what one block of Live's own larger devices takes
INT, FLOAT, ENUM, BLOB = 1, 0, 2, 3  # parameter_type
AUTOMATED, STORED, HIDDEN = 0, 1, 2  # parameter_invisible
GENERIC = re.compile(r"^(live\.|pattr|val\d|umenu|parameter)|\[\d+\]$")
LOUD = ("print", "error", "loadbang", "loadmess", "message")  # what prints, or speaks before Live is ready
SHARED = ("s", "r", "send", "receive", "buffer~", "coll", "dict", "value")  # whose names all devices of a set share
MOUSE_UP = 1


def _console(built: Built) -> Iterator[str]:
    """Error messages: there are no prints in the Max Console on load."""
    for box in built.boxes:
        if box.get("text", "").split(" ")[0] in LOUD and box["maxclass"] in ("newobj", "message"):
            yield f"{name_of(box)} may print or speak when the device is loaded"


def _undo(built: Built) -> Iterator[str]:
    """Undo history: Live's undo menu is never flooded. What is stored and set from the patch is a step of it each time."""
    for box in built.boxes:
        value = built.parameters.get(box["id"])
        if value is None or value.get("parameter_invisible", AUTOMATED) != AUTOMATED or box["maxclass"] == "live.text":
            continue
        if built.before(box) and "presentation" in box:
            yield f"{name_of(box)} is automated, and the patch can set it"


def _mpe(built: Built) -> Iterator[str]:
    """MPE: MIDI devices support MPE (is_mpe is set to active)."""
    if not built.patcher["is_mpe"]:
        yield "is_mpe is off, so Live merges the channels of MPE notes"
    ends = [(source.get("text"), outlet, target.get("text")) for source, outlet, target in built.joined]
    starts = [end for end in ends if end[0] == "midiin"]
    if starts != [("midiin", 0, "gate 2 1")] or [end for end in ends if end[:2] == ("gate 2 1", 0)] != [
        ("gate 2 1", 0, "midiout")
    ]:
        yield "MIDI does not go straight from midiin to midiout, but for a gate that is open"


def _versions(built: Built) -> Iterator[str]:
    """Version support: the device runs well with all versions from the lowest versions set in the device."""
    for key in ("minimum_live_version", "minimum_max_version"):
        if not re.fullmatch(r"\d+\.\d+(\.\d+)?", built.patcher[key]):
            yield f"{key} is {built.patcher[key]!r}"


def _mouse(built: Built) -> Iterator[str]:
    """Live objects: Mouse Up is the output mode of live.text, live.tab has Live mode enabled."""
    for box in built.boxes:
        if box["maxclass"] == "live.text" and box.get("outputmode") != MOUSE_UP:
            yield f"{name_of(box)} acts when the mouse is pressed, not when it is let go as Live's own buttons do"
        if box["maxclass"] == "live.tab" and not box.get("livemode"):
            yield f"{name_of(box)} is a tab without Live mode"


def _infos(built: Built) -> Iterator[str]:
    """Info fields: all Info Title and Info fields are filled in."""
    for box in built.boxes:
        value = built.parameters.get(box["id"])
        is_used = box["maxclass"] in ("jsui", "umenu") or (value is not None and value.get("parameter_type") != BLOB)
        if is_used and not (box.get("annotation") and box.get("annotation_name")):
            yield f"{name_of(box)} says nothing in Live's Info View"
        if value and is_used and not (value.get("parameter_info") and value.get("parameter_annotation_name")):
            yield f"{name_of(box)} is a parameter without Info"


def _names(built: Built) -> Iterator[str]:
    """Naming: non-generic long and short names, without auto-appended indices. Enum labels: no generic values."""
    for key, value in built.parameters.items():
        for name in (
            value.get("parameter_longname", ""),
            value.get("parameter_shortname", ""),
            *value.get("parameter_enum", ()),
        ):
            if not name or GENERIC.search(name):
                yield f"{name_of(built.by_id[key])} has the generic name {name!r}"


def _modulation(built: Built) -> Iterator[str]:
    """Modulation: all parameters have a modulation mode set. Words and blobs cannot be modulated."""
    for key, value in built.parameters.items():
        is_number = (
            value.get("parameter_type", FLOAT) in (INT, FLOAT) and value.get("parameter_invisible", AUTOMATED) == AUTOMATED
        )
        if bool(value.get("parameter_modmode")) != is_number:
            yield f"{name_of(built.by_id[key])} has the modulation mode {value.get('parameter_modmode')}"


def _sight(built: Built) -> Iterator[str]:
    """Automation, MIDI mapping: what can be automated can be seen, or is meant to be off the face; nothing seen is disabled."""
    off = {box.get("varname") for box in built.boxes if built.parameters.get(box["id"]) and "presentation" not in box}
    for name in sorted(map(str, off - {"puck_x", "puck_y", "state"})):
        yield f"{name} is a parameter and not on the face"
    for box in shown(built):
        if box.get("ignoreclick") or box.get("active") == 0:
            yield f"{name_of(box)} is seen, and disabled"


def _push(built: Built) -> Iterator[str]:
    """Push: the parameters show up correctly on Push. Each that can be automated is in one bank, and each bank has a name."""
    banks = built.patcher["parameters"].get("parameterbanks", {})
    listed = [name for bank in banks.values() for name in bank["parameters"] if name != "-"]
    for value in built.parameters.values():
        times = listed.count(value["parameter_longname"])
        if times != (value.get("parameter_invisible", AUTOMATED) == AUTOMATED):
            yield f"{value['parameter_longname']} is in {times} banks"
    for index, bank in banks.items():
        if not bank["name"]:
            yield f"parameter bank {index} has no name"


def _place(built: Built) -> Iterator[str]:
    """Positioning: as far from the left side as from the right. Width: not too much of the Device view."""
    rects = [box["presentation_rect"] for box in shown(built)]
    width = built.patcher["openrect"][2]
    left, right = min(x for x, *_ in rects), width - max(x + w for x, _, w, _ in rects)
    top, bottom = min(y for _, y, *_ in rects), built.patcher["openrect"][3] - max(y + h for _, y, _, h in rects if h != 18)
    if (left, top) != (right, bottom):
        yield f"the margins are {left} and {right} pixels, {top} and {bottom}"
    if width > WIDEST:
        yield f"the device is {width} pixels wide; {WIDEST} are enough"


def _fonts(built: Built) -> Iterator[str]:
    """Font consistency: all fonts are Live's. Tab stops: comments don't include any."""
    for name in (built.patcher["default_fontname"], *(box.get("fontname", "Ableton Sans") for box in built.boxes)):
        if not name.startswith("Ableton Sans"):
            yield f"a font is {name}, not Live's"
    for box in built.boxes:
        if "\t" in box.get("text", ""):
            yield f"{name_of(box)} has a tab stop in its text"


def _independence(built: Built) -> Iterator[str]:
    """Independence: multiple instances run well simultaneously. Shared names begin with three dashes."""
    for box in built.boxes:
        kind, *words = box.get("text", "").split(" ")
        if box["maxclass"] == "newobj" and kind in SHARED and not (words and words[0].startswith("---")):
            yield f"{name_of(box)} shares its name with other devices"


def _first_sight(built: Built) -> Iterator[str]:
    """Default initialization: what is changed dynamically is saved in its default state, to prevent a flash."""
    groups: dict[tuple[int, ...], list[Json]] = {}
    for box in shown(built):
        groups.setdefault(tuple(box["presentation_rect"]), []).append(box)
    for boxes in groups.values():
        seen = [name_of(box) for box in boxes if not box.get("hidden")]
        if len(seen) > 1:
            yield f"{' and '.join(seen)} are seen at the same place when the device is loaded"


def _values(built: Built) -> Iterator[str]:
    """Value editing: types and units correspond to the data; an integer has at most 256 values."""
    for box in built.boxes:
        value = parameter_of(box)
        if box["maxclass"] == "live.dial" and value.get("parameter_unitstyle") not in (0, 5):
            yield f"{name_of(box)} is shown with the unit {value.get('parameter_unitstyle')}"


RULES: tuple[Callable[[Built], Iterable[str]], ...] = (
    _console,
    _undo,
    _mpe,
    _versions,
    _mouse,
    _infos,
    _names,
    _modulation,
    _sight,
    _push,
    _place,
    _fonts,
    _independence,
    _first_sight,
    _values,
)
