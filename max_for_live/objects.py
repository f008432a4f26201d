"""Facts about the Max objects in the device: inlets, outlets, and the attributes that may be set in the file.

Max silently ignores unknown names, so the lint rejects any name that is not listed here. Counts and attributes are those of the
Max 8 reference and of devices that Ableton ships.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOX = _names(
    "id maxclass text numinlets numoutlets outlettype patching_rect presentation presentation_rect varname annotation"
    " annotation_name fontname fontsize fontface saved_attribute_attributes parameter_enable hidden"
)
PARAMETER = _names(
    "parameter_longname parameter_shortname parameter_type parameter_enum parameter_mmin parameter_mmax parameter_unitstyle"
    " parameter_initial parameter_initial_enable parameter_invisible parameter_modmode parameter_modmin parameter_modmax"
    " parameter_info parameter_annotation_name"
)
PATCHER = _names(
    "fileversion appversion classnamespace rect openrect bglocked openinpresentation default_fontsize default_fontface"
    " default_fontname gridonopen gridsize devicewidth description boxes lines parameters dependency_cache latency is_mpe"
    " external_mpe_tuning_enabled minimum_live_version minimum_max_version platform_compatibility project autosave"
)
# Colours of Live's theme, with the values that Max shows without Live.
THEME: Mapping[str, tuple[float, float, float, float]] = {
    "live_control_text_bg": (0.764706, 0.764706, 0.764706, 1),
    "live_control_bg": (0.647059, 0.647059, 0.647059, 1),
    "live_control_fg": (0, 0, 0, 1),
    "live_control_fg_on": (0, 0, 0, 1),
    "live_control_selection": (1, 0.709804, 0.196078, 1),
    "live_lcd_title": (0.5, 0.5, 0.5, 1),
    "live_lcd_bg": (0.156863, 0.156863, 0.156863, 1),
    "live_lcd_control_fg": (1, 0.709804, 0.196078, 1),
    "live_value_arc": (0.427451, 0.843137, 1, 1),
}


@dataclass(frozen=True)
class Object:
    """An object: the number of inlets, the type of each outlet, and the attributes and colours it may have in the file."""

    inlets: int
    outlets: tuple[str, ...]
    attributes: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset()


def _object(inlets: int, *outlets: str, attributes: str = "", colours: str = "") -> Object:
    return Object(inlets, outlets, _names(attributes), _names(colours))


# Visible objects: the name is the box's maxclass.
FACES: Mapping[str, Object] = {
    "live.tab": _object(1, "", "", "float", attributes="num_lines_patching num_lines_presentation livemode"),
    "live.text": _object(1, "", "", attributes="texton mode outputmode", colours="activebgcolor activetextcolor"),
    "live.dial": _object(1, "", "float"),
    "live.numbox": _object(1, "", "float"),
    "live.menu": _object(1, "", "", "float"),
    "live.comment": _object(1, attributes="textjustification", colours="textcolor bgcolor"),
    "umenu": _object(1, "int", "", "", attributes="items allowdrag bgfillcolor_type", colours="bgfillcolor textcolor"),
    "jsui": _object(1, "", attributes="filename border ignoreclick"),
    "panel": _object(1, attributes="mode border rounded angle proportion bgcolor"),
}

# Objects that are typed as text: a name, and arguments on which inlets and outlets may depend.
_Shape = Callable[[tuple[str, ...]], Object]
_TYPED: Mapping[str, _Shape] = {
    "midiin": lambda _: _object(1, "int"),
    "midiout": lambda _: _object(1),
    "live.thisdevice": lambda _: _object(1, "bang", "int", "int"),
    "gate": lambda numbers: _object(2, *[""] * int(numbers[0])),
    "midiselect": lambda _: _object(1, "", "", "", "int", "int", "", "int", "int"),  # the last are bytes that are not selected
    "midiformat": lambda _: _object(7, "int", ""),
    "when": lambda _: _object(1, "list", "bang"),
    "expr": lambda words: _object(max(int(found) for found in re.findall(r"\$f(\d)", " ".join(words))), ""),
    # An inlet and an outlet for each number, and an inlet for how long they wait.
    "pipe": lambda numbers: _object(len(numbers), *["" if "." in number else "int" for number in numbers[:-1]]),
    "pack": lambda numbers: _object(len(numbers), ""),
    "deferlow": lambda _: _object(1, ""),
    "prepend": lambda _: _object(1, ""),
    "udpreceive": lambda _: _object(1, ""),
    "udpsend": lambda _: _object(1),
    "pattr": lambda _: _object(1, "", "", "", attributes="saved_object_attributes"),
    "node.script": lambda _: _object(1, "", "", attributes="saved_object_attributes"),
    "t": lambda letters: _object(1, *({"b": "bang", "i": "int"}.get(letter, "") for letter in letters)),
    # `sel` of one number has an inlet to change it, and an outlet for what does not match.
    "sel": lambda numbers: _object(2 if len(numbers) == 1 else 1, *["bang"] * len(numbers), ""),
    # `route` has an inlet for each argument, to change it, and one for messages.
    "route": lambda names: _object(len(names) + 1, *[""] * (len(names) + 1)),
}


def find_object(maxclass: str, text: str = "", outlets: int = 0) -> Object | None:
    """Find an object; `outlets` is the number that the script of a `js` declares. None if the device may not use it."""
    if maxclass != "newobj":
        return FACES.get(maxclass)
    name, *arguments = text.split() or [""]
    if name == "js":
        return _object(1, *[""] * outlets, attributes="saved_object_attributes")
    shape = _TYPED.get(name)
    return shape(tuple(word for word in arguments if not word.startswith("@"))) if shape else None
