"""The Live device as it is built: its container to the byte, its patcher rule by rule, its script's language."""

from __future__ import annotations

import copy
import json
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from bridge.cli import main
from bridge.config import PORT
from bridge.requests import VERBS
from bridge.wire import PROTOCOL
from max_for_live import amxd, build, controls, families, patch, picture
from max_for_live.controls import CONTROLS, LABELS
from max_for_live.lint import RULES, Built, lint, lint_patcher
from models.drum_map import VOICE_NAMES

ROOT = Path(__file__).parents[1]
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="peer: node")

Json = dict[str, Any]


@pytest.fixture(scope="module")
def built() -> bytes:
    return build.build()


# The container

GOLDEN = b"".join(
    [
        b"ampf" + bytes.fromhex("04000000") + b"mmmm",
        b"meta" + bytes.fromhex("04000000") + bytes.fromhex("07000000"),
        b"ptch" + bytes.fromhex("0f010000"),  # from here on all but these lengths is big-endian
        b"mx@c" + bytes.fromhex("00000010") + bytes.fromhex("000000000000003f"),
        b'{\n "patcher": {\n  "bglocked": 0\n }\n}\n\0',
        b"post(1);\n",
        b"dlst" + bytes.fromhex("000000d0"),
        *(b"dire" + bytes.fromhex("00000064"), b"type" + bytes.fromhex("0000000c") + b"JSON"),
        b"fnam" + bytes.fromhex("00000014") + b"Golden.amxd\0",
        b"sz32" + bytes.fromhex("0000000c 00000026"),
        b"of32" + bytes.fromhex("0000000c 00000010"),
        b"vers" + bytes.fromhex("0000000c 00000000"),
        b"flag" + bytes.fromhex("0000000c 00000011"),
        b"mdat" + bytes.fromhex("0000000c e57b6980"),
        *(b"dire" + bytes.fromhex("00000064"), b"type" + bytes.fromhex("0000000c") + b"TEXT"),
        b"fnam" + bytes.fromhex("00000014") + b"golden.js\0\0\0",
        b"sz32" + bytes.fromhex("0000000c 00000009"),
        b"of32" + bytes.fromhex("0000000c 00000036"),
        b"vers" + bytes.fromhex("0000000c 00000000"),
        b"flag" + bytes.fromhex("0000000c 00000000"),
        b"mdat" + bytes.fromhex("0000000c e57b6980"),
    ]
)
GOLDEN_DEVICE = amxd.Device((amxd.patcher_file("Golden.amxd", {"bglocked": 0}), amxd.File("golden.js", b"post(1);\n")))


def test_a_device_has_exactly_the_bytes_of_the_format() -> None:
    assert amxd.write(GOLDEN_DEVICE) == GOLDEN


def test_what_is_written_is_read_back() -> None:
    assert amxd.read(GOLDEN) == GOLDEN_DEVICE
    assert amxd.read(GOLDEN).patcher == {"bglocked": 0}


@pytest.mark.parametrize("ending", [b"}\n\0", b"}\r\n\0", b"}\0", b"}\n\t\n}", b"}"], ids=repr)
@pytest.mark.parametrize("meta", [None, 0, 1, 0x07000000])
def test_devices_that_others_saved_are_read_and_written_as_they_are(ending: bytes, meta: int | None) -> None:
    text = b'{"patcher": {"boxes": [' + (b"]}" if ending.count(b"}") == 1 else b"]") + ending
    device = amxd.Device((amxd.File("", text, amxd.JSON, amxd.IS_DEVICE),), b"natt", meta, is_frozen=False)
    data = amxd.write(device)
    assert amxd.read(data) == device
    assert amxd.read(data).patcher["boxes"] == []


def test_a_frozen_device_without_meta_is_read() -> None:
    device = amxd.Device(GOLDEN_DEVICE.files, meta=None)
    assert amxd.read(amxd.write(device)) == device


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "this is nothing"),
        (b"not a device at all", "are left"),
        (GOLDEN[:-1], "are left"),
        (GOLDEN + b"\0", "belong to none"),
        (GOLDEN.replace(b"mmmm", b"mmmx"), "no kind of device"),
        (GOLDEN[:12] + GOLDEN[12:].replace(b"meta", b"ciph", 1), "encrypted"),
        (GOLDEN.replace(b"meta\x04", b"meta\x05").replace(b"\x07\0\0\0ptch", b"\x07\0\0\0\0ptch"), "4 bytes, not 5"),
        (GOLDEN.replace(b'"patcher"', b'"patched"'), "not the JSON of a patcher"),
    ],
)
def test_what_is_no_device_is_refused_in_one_sentence(data: bytes, told: str) -> None:
    with pytest.raises(amxd.AmxdError, match=told):
        amxd.read(data)


def test_no_byte_of_the_structure_can_change_unnoticed(built: bytes) -> None:
    archive = built.index(b"mx@c")
    (directory,) = struct.unpack(">Q", built[archive + 8 : archive + 16])
    structure = [*range(archive + 16), *range(archive + directory, len(built))]
    assert len(structure) > 250
    unnoticed = []
    for at in structure:
        for bit in (0x01, 0x20, 0x80):
            broken = bytearray(built)
            broken[at] ^= bit
            if not lint(bytes(broken)):
                unnoticed.append((at, bit))
    assert not unnoticed


def test_no_byte_of_the_script_can_change_unnoticed(built: bytes) -> None:
    script = amxd.read(built).files[1].content
    start = built.index(script)
    for at in range(start, start + len(script), 997):
        broken = bytearray(built)
        broken[at] ^= 0x01
        assert lint(bytes(broken)), at


@pytest.mark.parametrize("at", [0, 11, 40, 400, -500, -1])
def test_a_device_that_was_cut_off_is_noticed(built: bytes, at: int) -> None:
    assert lint(built[:at])


def test_the_same_sources_give_the_same_bytes(built: bytes) -> None:
    elsewhere = "from max_for_live.build import build; import sys; sys.stdout.buffer.write(build())"
    run = subprocess.run([sys.executable, "-c", elsewhere], cwd=ROOT, capture_output=True, check=True, timeout=120)
    assert run.stdout == built


def test_the_device_in_the_repository_is_what_the_sources_give(built: bytes) -> None:
    assert build.BUILT.read_bytes() == built


# The table


def test_every_field_on_the_device_is_one_of_a_request() -> None:
    for control in CONTROLS:
        if control.field:
            assert controls.verbs_of(control), f"{control.name} is the field {control.field}, which no request has"


@pytest.mark.parametrize("control", [c for c in CONTROLS if c.field and c.kind in ("dial", "number")], ids=lambda c: c.name)
def test_a_dial_offers_nothing_that_a_request_refuses(control: controls.Control) -> None:
    low, high = (number * control.scale for number in controls.span(control))
    for verb in controls.verbs_of(control):
        field = VERBS[verb].model_fields[control.field]
        least, most = controls.limits(field)
        assert least is None or least <= low
        assert most is None or high <= most
        if field.default is not None and control.initial is None:
            assert controls.initial(control) * control.scale == pytest.approx(field.default)


def test_what_the_menus_say_can_be_asked() -> None:
    voices = next(control for control in CONTROLS if control.field == "lock_voices")
    assert {voice for _, asked in voices.words for voice in asked.split(",") if voice} <= set(VOICE_NAMES)
    parts = {control.part for control in CONTROLS if control.field == "lock"}
    assert parts == {"rhythm", "pitch", "velocity"}


def test_the_kinds_of_clips_are_those_that_can_be_asked_for() -> None:
    asked = set(get_args(get_args(VERBS["vary"].model_fields["kind"].annotation)[0]))
    assert {kind.name for kind in families.KINDS} == asked
    assert sorted(kind.has_drum_rack for kind in families.KINDS) == [False, True]  # a track has one, or has none


def test_what_is_particular_to_a_kind_stands_in_one_file_of_the_script() -> None:
    names = "|".join(kind.name for kind in families.KINDS if kind.has_drum_rack)
    for file in build.DEVICE:
        script = re.sub("//.*", "", (build.SCRIPT / file).read_text(encoding="utf-8"))
        assert file == "kinds.js" or not re.search(rf"\b({names}|drum_\w+|can_have_drum_pads)\b", script), file


def test_the_header_of_the_script_is_the_table(built: bytes) -> None:
    script = amxd.read(built).files[1].content.decode("ascii")
    head, _, rest = script.partition("\n")
    table = json.loads(head.removeprefix("var TABLE = ").removesuffix(";"))
    assert rest == build.as_ascii(build.read_source())
    assert (table["protocol"], table["port"], table["listen"]) == (PROTOCOL, PORT, [9130, 16])
    for verb, fields in table["verbs"].items():
        assert fields
        assert set(fields) <= set(VERBS[verb].model_fields)
    assert set(table["controls"]) == {control.name for control in CONTROLS}
    assert table["controls"]["amount"] == {
        "kind": "dial",
        "field": "amount",
        "low": 0,
        "high": 100,
        "scale": 0.01,
        "initial": 30,
    }
    assert table["build"].startswith(table["version"])
    assert table["drum_words"]


def test_another_script_has_another_name() -> None:
    one, other = (build.make_script(text)[0] for text in ("a = 1;\n", "a = 2;\n"))
    assert one != other
    assert one.startswith("latent_bridge_")


def test_letters_beyond_ascii_are_escaped() -> None:
    assert build.as_ascii('"fertig… 𝄞"') == '"fertig\\u2026 \\ud834\\udd1e"'


# The patcher


def test_the_device_is_well(built: bytes) -> None:
    assert lint(built) == []


def test_only_what_live_11_has_is_in_the_patch(built: bytes) -> None:
    patcher = amxd.read(built).patcher
    used = {box["box"]["maxclass"] for box in patcher["boxes"]} | {
        box["box"]["text"].split()[0] for box in patcher["boxes"] if box["box"]["maxclass"] == "newobj"
    }
    assert not used & {"v8", "v8ui", "node.script", "jweb", "jsui", "fpic", "bpatcher"}
    assert patcher["appversion"]["major"] == 8
    assert (patcher["openrect"], patcher["openinpresentation"]) == ([0, 0, controls.WIDTH, 169], 1)


def test_notes_pass_through_the_device(built: bytes) -> None:
    assert ("midiin", 0, "midiout", 0) in patch.cords()


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
    "an id twice": (box("vary", "id", "obj-1"), "the id obj-1 is there 2 times"),
    "a scripting name twice": (box("vary", "varname", "sample"), "the scripting name sample is there 2 times"),
    "an unknown object": (box("midiin", "text", "midi_in"), "midi_in is no object that we know"),
    "an unknown class": (box("vary", "maxclass", "live.butten"), "vary is no object that we know"),
    "an unknown attribute": (box("vary", "colour", 1), "vary has no attribute colour"),
    "an unknown key of a parameter": (value("amount", "parameter_max", 1), "amount: a parameter has no parameter_max"),
    "an unknown key of the patcher": (top("opened", 1), "a patcher has no opened"),
    "a wrong count of outlets": (box("amount", "numoutlets", 3), "amount says 1 inlets and 3 outlets; it has 1 and 2"),
    "a wrong kind of outlet": (box("amount", "outlettype", ["", ""]), "amount says that its outlets give"),
    "a fixed colour": (
        lambda patcher: box_of(patcher, "status")["saved_attribute_attributes"].pop("bgcolor"),
        "status has a bgcolor that does not follow Live's theme",
    ),
    "an unknown colour": (
        set_in(lambda p: box_of(p, "status")["saved_attribute_attributes"]["bgcolor"], "expression", "themecolor.live_pink"),
        "Live's theme has no colour themecolor.live_pink",
    ),
    "a cord from an outlet that is not there": (
        set_in(lambda p: cord(p, "midiin", "midiout"), "source", ["obj-1", 5]),
        "a cord leaves outlet 5",
    ),
    "a cord to an inlet that is not there": (
        lambda p: cord(p, "midiin", "midiout")["destination"].__setitem__(1, 1),
        "a cord enters inlet 1 of midiout, which has 1",
    ),
    "a cord to nowhere": (
        set_in(lambda p: cord(p, "midiin", "midiout"), "destination", ["obj-999", 0]),
        "to obj-999 has no box at an end",
    ),
    "a cord twice": (lambda p: p["lines"].append(p["lines"][0]), "is there 2 times"),
    "a control out of the frame": (box("selftest", "presentation_rect", [650, 150, 96, 18]), "not inside 719 × 169"),
    "a control below the frame": (box("selftest", "presentation_rect", [615, 155, 96, 18]), "not inside 719 × 169"),
    "half a pixel": (box("selftest", "presentation_rect", [615.5, 151, 90, 15]), "selftest is not at whole pixels"),
    "an overlap": (box("selftest", "presentation_rect", [615, 130, 96, 15]), "selftest overlap"),
    "a text that is cut off": (box("vary", "text", "Vary this clip"), "vary is too narrow for 'Vary this clip'"),
    "a text without feet": (box("status", "presentation_rect", [8, 151, 494, 12]), "status is too low for a text"),
    "a device that opens elsewhere": (top("openinpresentation", 0), "does not open in presentation"),
    "another width": (top("devicewidth", 700), "as wide as the device"),
    "another kind of device": (set_in(lambda p: p["project"], "amxdtype", 1633771873), "another kind of device"),
    "a parameter's name twice": (value("amount", "parameter_longname", "Variety"), "the longname Variety is there 2 times"),
    "a parameter that is not listed": (lambda p: p["parameters"].pop(box_of(p, "amount")["id"]), "the list of parameters"),
    "a button that cannot be clicked": (box("vary", "parameter_enable", 0), "vary is no parameter"),
    "a button that fills the undo history": (value("vary", "parameter_invisible", 0), "vary is a button that can be automated"),
    "nothing to start with": (value("amount", "parameter_initial_enable", 0), "amount does not say what it starts with"),
    "a start out of range": (value("count", "parameter_initial", [17]), "count starts with 17, which is not in 1..16"),
    "more whole numbers than a byte": (value("count", "parameter_mmax", 300), "count has 300 whole numbers"),
    "fewer words than numbers": (value("lock_voices", "parameter_mmax", 12), "lock_voices has 10 words and counts to 12"),
    "an empty parameter bank": (bank([]), "parameter bank 0 is []"),
    "a parameter bank of nothing": (bank(["-"] * 8), "parameter bank 0 is"),
    "a parameter bank with another's name": (bank(["Amount", "Size", *["-"] * 6]), "parameter bank 0 has 'Size'"),
    "another script": (
        set_in(lambda p: p["dependency_cache"][0], "name", "old.js"),
        "the patch speaks of js latent_bridge_",
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
    "a control that is not heard": (box("prepend ui vary", "text", "prepend ui wary"), "there is no prepend ui vary"),
    "a control that says what is no control": (box("prepend ui vary", "text", "prepend ui wary"), "prepend ui wary is of no"),
    "a control without a cord": (uncord("vary", "prepend ui vary"), "prepend ui vary is fed by []"),
    "a control that goes nowhere": (uncord("prepend ui vary", "deferlow"), "prepend ui vary does not lead to the script"),
    "two controls exchanged": (
        swap_ends(("vary", "prepend ui vary"), ("sample", "prepend ui sample")),
        "prepend ui vary is fed by ['sample']",
    ),
    "a selector that is no control": (
        lambda p: _rename(p, "amount", "amonut"),
        "route speaks of amonut, which is no control",
    ),
    "a control that cannot be shown": (lambda p: _rename(p, "amount", "amonut"), "show anything on amount"),
    "a selector that leads to another": (
        lambda p: _swap_outlets(p, "amount", "variety"),
        "route's amount does not lead to amount",
    ),
}


def _route(patcher: Json) -> Json:
    return next(entry["box"] for entry in patcher["boxes"] if entry["box"].get("text", "").startswith("route "))


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
    assert {rule.__name__ for rule in silent} <= {"_handled"}  # that one looks at the script: see the next tests


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\noutlets = 4", "\noutlets = 3", "the script declares 1 inlets and 3 outlets"),
        ("\ninlets = 1", "\ninlets = 2", "the script declares 2 inlets and 4 outlets"),
        ("  cancel: button", "  stop: button", "the script has no handler for cancel"),
        ("  cancel: button", "  stop: button", "the script has a handler for stop, which no control reaches"),
    ],
)
def test_script_and_patch_must_agree(built: bytes, old: str, new: str, told: str) -> None:
    device = amxd.read(built)
    script = device.files[1].content.decode()
    assert old in script
    said = lint_patcher(Built(device, device.patcher, script.replace(old, new)))
    assert any(told in sentence for sentence in said), said


def test_a_device_that_would_not_work_is_not_built() -> None:
    with pytest.raises(build.BuildError, match="the script declares 1 inlets and 2 outlets"):
        build.build("inlets = 1;\noutlets = 2;\n")


# The script's language


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


@needs_node
def test_the_script_in_the_device_is_es5_and_does_nothing_that_crashes_live(built: bytes, tmp_path: Path) -> None:
    assert gate(amxd.read(built).files[1].content.decode(), tmp_path) == []


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


# The picture


def test_the_picture_shows_every_control(built: bytes) -> None:
    svg = picture.as_svg(list(picture.draw(built, {})))
    for control in CONTROLS:
        if control.kind in ("button", "toggle", "dial"):
            assert f">{control.label}</text>" in svg, control.name
    assert all(f">{label.text}</text>" in svg for label in LABELS)


def test_the_picture_in_the_docs_is_of_this_device(built: bytes) -> None:
    drawn = (ROOT / "docs" / "device.svg").read_text(encoding="utf-8")
    assert drawn == picture.as_svg(list(picture.draw(built, picture.EXAMPLE)))
    assert (ROOT / "docs" / "device.png").stat().st_size < 150_000


def test_the_manual_tells_of_every_control() -> None:
    manual = (ROOT / "max_for_live" / "README.md").read_text(encoding="utf-8")
    for control in CONTROLS:
        if controls.describe(control):
            assert f"| **{controls.title(control)}** | {controls.describe(control)} |" in manual


# The commands


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return int(left.value.code or 0), said.out.strip(), said.err.strip()


def test_building_says_where_the_device_is(capsys: pytest.CaptureFixture[str], tmp_path: Path, built: bytes) -> None:
    out = tmp_path / "mine.amxd"
    assert run(capsys, "device", "build", "--out", out) == (0, str(out), "")
    assert out.read_bytes() == built
    assert run(capsys, "device", "build", "--out", out, "--check")[0] == 0


def test_checking_finds_a_device_that_is_not_of_these_sources(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "old.amxd"
    out.write_bytes(b"old")
    code, _, said = run(capsys, "device", "build", "--out", out, "--check")
    assert (code, said) == (1, f"latent-bridge: {out} is not what the sources give: run `latent-bridge device build`")
    assert out.read_bytes() == b"old"


def test_the_path_is_that_of_the_device_that_ships(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "device", "path")
    assert code == 0
    assert Path(out).read_bytes() == build.BUILT.read_bytes()


def test_installing_copies_the_device_and_never_over_another(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = tmp_path / "devices" / "Latent Bridge.amxd"
    assert run(capsys, "device", "install", "--to", place.parent) == (0, str(place), "")
    assert run(capsys, "device", "install", "--to", place.parent)[0] == 0  # the same one again
    place.write_bytes(b"another")
    code, _, said = run(capsys, "device", "install", "--to", place.parent)
    assert code == 1
    assert "is there and differs" in said
    assert place.read_bytes() == b"another"
    assert run(capsys, "device", "install", "--to", place.parent, "--force")[0] == 0
    assert place.read_bytes() == build.BUILT.read_bytes()


@pytest.mark.parametrize(("platform", "folder"), [("darwin", "Music"), ("win32", "Documents")])
def test_the_user_library_is_where_live_puts_it(platform: str, folder: str, tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match="--to DIR copies the device there"):
        build.find_user_library(platform, tmp_path)
    library = tmp_path / folder / "Ableton" / "User Library"
    library.mkdir(parents=True)
    assert build.find_user_library(platform, tmp_path) == library


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_where_there_is_no_live_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = run(capsys, "device", "install")
    assert code == 1
    assert "Live runs on macOS and Windows only; --to DIR" in said
