"""The patcher of the Live device, and its lint: each rule finds what it is for, in a device that was broken on purpose."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from max_for_live import amxd, build, controls, patch
from max_for_live.built_device import Built
from max_for_live.lint import RULES, lint, lint_patcher

Json = dict[str, Any]


@pytest.fixture(scope="module")
def built() -> bytes:
    return build.build()


def test_the_device_is_well(built: bytes) -> None:
    assert lint(built) == []


def test_only_what_live_11_has_is_in_the_patch(built: bytes) -> None:
    patcher = amxd.read(built).patcher
    used = {box["box"]["maxclass"] for box in patcher["boxes"]} | {
        box["box"]["text"].split()[0] for box in patcher["boxes"] if box["box"]["maxclass"] == "newobj"
    }
    assert not used & {"v8", "v8ui", "jweb", "fpic", "bpatcher"}
    assert patcher["appversion"]["major"] == 8
    assert (patcher["openrect"], patcher["openinpresentation"]) == ([0, 0, controls.WIDTH, 169], 1)


def test_notes_pass_through_the_device(built: bytes) -> None:
    assert ("through", 0, "midiout", 0) in patch.cords()


Break = Callable[[Json], None]


def box_of(patcher: Json, name: str) -> Json:
    boxes = [entry["box"] for entry in patcher["boxes"]]
    return next(box for box in boxes if name in (box.get("varname"), box.get("text")))


def value_of(patcher: Json, name: str) -> Json:
    found: Json = box_of(patcher, name)["saved_attribute_attributes"]["valueof"]
    return found


def cord(patcher: Json, source: str, target: str) -> Json:
    ids = box_of(patcher, source)["id"], box_of(patcher, target)["id"]
    lines = [entry["patchline"] for entry in patcher["lines"]]
    return next(line for line in lines if (line["source"][0], line["destination"][0]) == ids)


def set_in(find: Callable[[Json], Json], key: str, value: object) -> Break:
    def change(patcher: Json) -> None:
        find(patcher)[key] = value

    return change


def uncord(source: str, target: str) -> Break:
    def change(patcher: Json) -> None:
        gone = cord(patcher, source, target)
        patcher["lines"] = [entry for entry in patcher["lines"] if entry["patchline"] is not gone]

    return change


def swap_ends(one: tuple[str, str], other: tuple[str, str]) -> Break:
    def change(patcher: Json) -> None:
        a, b = cord(patcher, *one), cord(patcher, *other)
        a["destination"], b["destination"] = b["destination"], a["destination"]

    return change


def box(name: str, key: str, value: object) -> Break:
    return set_in(lambda patcher: box_of(patcher, name), key, value)


def value(name: str, key: str, value: object) -> Break:
    return set_in(lambda patcher: value_of(patcher, name), key, value)


def top(key: str, value: object) -> Break:
    return set_in(lambda patcher: patcher, key, value)


def bank(slots: list[str]) -> Break:
    return set_in(lambda patcher: patcher["parameters"]["parameterbanks"]["0"], "parameters", slots)


BROKEN: dict[str, tuple[Break, str]] = {
    "an id twice": (box("generate", "id", "obj-1"), "the id obj-1 occurs 2 times"),
    "a scripting name twice": (box("undo", "varname", "back"), "the scripting name back occurs 2 times"),
    "an unknown object": (box("midiin", "text", "midi_in"), "midi_in is not a known object"),
    "an unknown class": (box("undo", "maxclass", "live.butten"), "undo is not a known object"),
    "an unknown attribute": (box("undo", "colour", 1), "undo has no attribute colour"),
    "an unknown key of a parameter": (value("amount", "parameter_max", 1), "amount: a parameter has no parameter_max"),
    "an unknown key of the patcher": (top("opened", 1), "a patcher has no opened"),
    "a wrong count of outlets": (box("amount", "numoutlets", 3), "amount is saved with 1 inlets and 3 outlets; it has 1 and 2"),
    "a wrong kind of outlet": (box("amount", "outlettype", ["", ""]), "amount is saved with outlets of"),
    "a fixed colour": (
        lambda patcher: box_of(patcher, "generate")["saved_attribute_attributes"].pop("activebgcolor"),
        "generate has a activebgcolor that does not follow Live's theme",
    ),
    "an unknown colour": (
        set_in(lambda p: box_of(p, "generate")["saved_attribute_attributes"]["activebgcolor"], "expression", "live_pink"),
        "Live's theme has no colour live_pink",
    ),
    "a cord from an outlet that is not there": (
        set_in(lambda p: cord(p, "gate 2 1", "midiout"), "source", ["obj-1", 5]),
        "a cord leaves outlet 5",
    ),
    "a cord to an inlet that is not there": (
        lambda p: cord(p, "gate 2 1", "midiout")["destination"].__setitem__(1, 1),
        "a cord enters inlet 1 of midiout, which has 1",
    ),
    "a cord to nowhere": (
        set_in(lambda p: cord(p, "gate 2 1", "midiout"), "destination", ["obj-999", 0]),
        "to obj-999 has no box at an end",
    ),
    "a cord twice": (lambda p: p["lines"].append(p["lines"][0]), "occurs 2 times"),
    "a control out of the frame": (box("undo", "presentation_rect", [400, 146, 88, 17]), "not inside 476 × 169"),
    "a control below the frame": (box("undo", "presentation_rect", [380, 155, 88, 17]), "not inside 476 × 169"),
    "half a pixel": (box("undo", "presentation_rect", [380.5, 146, 87, 17]), "undo is not at whole pixels"),
    "an overlap": (box("undo", "presentation_rect", [380, 130, 88, 17]), "key_said and undo overlap"),
    "a text that is cut off": (box("undo", "text", "Undo what the last press made"), "undo is too narrow for 'Undo what"),
    "a text without feet": (box("result", "presentation_rect", [34, 146, 38, 12]), "result is not high enough for its text"),
    "a device that opens elsewhere": (top("openinpresentation", 0), "does not open in presentation"),
    "another width": (top("devicewidth", 700), "as wide as the device"),
    "another kind of device": (set_in(lambda p: p["project"], "amxdtype", 1633771873), "not that of the container"),
    "a parameter's name twice": (value("amount", "parameter_longname", "Variety"), "the longname Variety occurs 2 times"),
    "a parameter that is not listed": (lambda p: p["parameters"].pop(box_of(p, "amount")["id"]), "the list of parameters"),
    "a button that cannot be clicked": (box("undo", "parameter_enable", 0), "undo is no parameter"),
    "a button that fills the undo history": (value("undo", "parameter_invisible", 0), "undo is a button that can be automated"),
    "nothing to start with": (value("amount", "parameter_initial_enable", 0), "amount has no initial value"),
    "a start out of range": (value("count", "parameter_initial", [17]), "count starts with 17, which is not in 1..16"),
    "more whole numbers than a byte": (value("count", "parameter_mmax", 300), "count has 300 whole numbers"),
    "fewer words than numbers": (value("key", "parameter_mmax", 40), "key has 27 words and a maximum of 40"),
    "a print": (box("deferlow", "text", "print"), "print may print or speak"),
    "a stored value that the patch sets": (
        lambda p: p["lines"].append(
            {"patchline": {"source": [_route(p)["id"], 0], "destination": [box_of(p, "amount")["id"], 0]}}
        ),
        "amount is automated, and the patch can set it",
    ),
    "merged channels": (top("is_mpe", 0), "is_mpe is off"),
    "MIDI that goes elsewhere": (uncord("gate 2 1", "midiout"), "MIDI does not go straight"),
    "no oldest version of Live": (top("minimum_live_version", ""), "minimum_live_version is ''"),
    "a button that acts too early": (box("undo", "outputmode", 0), "undo acts when the mouse is pressed"),
    "a tab of another kind": (box("mode", "livemode", 0), "mode is a tab without Live mode"),
    "nothing for the Info View": (box("undo", "annotation", ""), "undo says nothing in Live's Info View"),
    "a parameter without Info": (value("undo", "parameter_info", ""), "undo is a parameter without Info"),
    "a name that Max gave": (
        value("amount", "parameter_longname", "live.dial[3]"),
        "amount has the generic name 'live.dial[3]'",
    ),
    "a word that Max gave": (value("undo", "parameter_enum", ["val1", "val2"]), "undo has the generic name 'val1'"),
    "no modulation": (value("amount", "parameter_modmode", 0), "amount has the modulation mode 0"),
    "modulated words": (value("key", "parameter_modmode", 4), "key has the modulation mode 4"),
    "a parameter off the face": (
        lambda p: box_of(p, "amount").pop("presentation"),
        "amount is a parameter and not on the face",
    ),
    "what is seen and disabled": (box("pad", "ignoreclick", 1), "pad is seen, and disabled"),
    "a parameter that Push does not have": (bank(["Variety", *["-"] * 7]), "Amount is in 0 banks"),
    "a bank without a name": (
        set_in(lambda p: p["parameters"]["parameterbanks"]["0"], "name", ""),
        "parameter bank 0 has no name",
    ),
    "unequal margins": (box("mode", "presentation_rect", [7, 6, 225, 17]), "the margins are 7 and 8 pixels"),
    "a wide device": (lambda p: p["openrect"].__setitem__(2, 719), "the device is 719 pixels wide"),
    "another font": (box("model", "fontname", "Arial"), "a font is Arial"),
    "a tab stop": (box("result", "text", "a\tb"), "result has a tab stop"),
    "a name that all devices share": (box("deferlow", "text", "s out"), "s out shares its name"),
    "two things in one place": (lambda p: box_of(p, "pad").pop("hidden"), "roll and pad are seen at the same place"),
    "another unit": (value("amount", "parameter_unitstyle", 3), "amount is shown with the unit 3"),
    "an empty parameter bank": (bank([]), "parameter bank 0 is []"),
    "an empty parameter bank of 8": (bank(["-"] * 8), "parameter bank 0 is"),
    "a parameter bank with another's name": (bank(["Amount", "Size", *["-"] * 6]), "parameter bank 0 has 'Size'"),
    "another script": (
        set_in(lambda p: p["dependency_cache"][0], "name", "old.js"),
        "the patch names js latent_bridge_",
    ),
    "another file": (
        lambda p: next(b["box"] for b in p["boxes"] if b["box"].get("text", "").startswith("js "))[
            "saved_object_attributes"
        ].update(filename="old.js"),
        "the js object's file is old.js",
    ),
    "no deferlow": (box("deferlow", "text", "t l"), "t l reaches the script without a deferlow"),
    "an outlet of the script that leads nowhere": (
        lambda p: p["lines"].remove(
            next(
                line for line in p["lines"] if line["patchline"]["destination"][0] == box_of(p, "udpsend 127.0.0.1 9120")["id"]
            )
        ),
        "outlet 0 of the script leads nowhere",
    ),
    "a control that is not heard": (box("prepend ui back", "text", "prepend ui bock"), "there is no prepend ui back"),
    "a control that says what is no control": (
        box("prepend ui back", "text", "prepend ui bock"),
        "prepend ui bock belongs to no",
    ),
    "a control without a cord": (uncord("undo", "prepend ui undo"), "prepend ui undo gets its messages from []"),
    "a control that goes nowhere": (uncord("prepend ui undo", "deferlow"), "prepend ui undo does not lead to the script"),
    "two controls exchanged": (
        swap_ends(("undo", "prepend ui undo"), ("start", "prepend ui start")),
        "prepend ui undo gets its messages from ['start']",
    ),
    "a selector that is no control": (
        lambda p: _rename(p, "seed", "sede"),
        "route names sede, which is no control",
    ),
    "a control that cannot be shown": (lambda p: _rename(p, "seed", "sede"), "show anything on seed"),
    "a selector that leads to another": (
        lambda p: _swap_outlets(p, "seed", "star"),
        "route's seed does not lead to seed",
    ),
}


def _route(patcher: Json) -> Json:
    routes = [entry["box"] for entry in patcher["boxes"] if entry["box"].get("text", "").startswith("route ")]
    return next(box for box in routes if box["text"] != patch.PLAYER)


def _rename(patcher: Json, old: str, new: str) -> None:
    _route(patcher)["text"] = _route(patcher)["text"].replace(f" {old} ", f" {new} ")


def _swap_outlets(patcher: Json, one: str, other: str) -> None:
    route = _route(patcher)["id"]
    ends = {box_of(patcher, name)["id"] for name in (one, other)}
    found = [e["patchline"] for e in patcher["lines"] if e["patchline"]["source"][0] == route]
    a, b = (line for line in found if line["destination"][0] in ends)
    a["destination"], b["destination"] = b["destination"], a["destination"]


@pytest.mark.parametrize("what", BROKEN)
def test_the_lint_says_what_is_broken(built: bytes, what: str) -> None:
    change, told = BROKEN[what]
    device = amxd.read(built)
    patcher = copy.deepcopy(device.patcher)
    change(patcher)
    said = lint_patcher(Built(device, patcher, device.files[1].content.decode()))
    assert any(told in sentence for sentence in said), said


def test_every_rule_of_the_lint_was_broken_here(built: bytes) -> None:
    device = amxd.read(built)
    silent = set(RULES)
    for change, _ in BROKEN.values():
        patcher = copy.deepcopy(device.patcher)
        change(patcher)
        silent -= {rule for rule in silent if list(rule(Built(device, patcher, device.files[1].content.decode())))}
    assert {rule.__name__ for rule in silent} <= {"_handled", "_played"}  # that one looks at the script: see the next tests


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\noutlets = 6", "\noutlets = 3", "the script declares 1 inlets and 3 outlets"),
        ("\ninlets = 1", "\ninlets = 2", "the script declares 2 inlets and 6 outlets"),
        ('outlet(PLAY_OUT, ["gate"', 'outlet(PLAY_OUT, ["door"', "the script and the player disagree on door"),
        ("  undo: button", "  stop: button", "the script has no handler for undo"),
        ("  undo: button", "  stop: button", "the script has a handler for stop, which no control reaches"),
    ],
)
def test_script_and_patch_must_agree(built: bytes, old: str, new: str, told: str) -> None:
    device = amxd.read(built)
    script = device.files[1].content.decode()
    assert old in script
    said = lint_patcher(Built(device, device.patcher, script.replace(old, new)))
    assert any(told in sentence for sentence in said), said


def test_a_device_that_would_not_work_is_not_built() -> None:
    with pytest.raises(build.BuildError, match="a cord leaves outlet 2 of js"):
        build.build("inlets = 1;\noutlets = 2;\n")
