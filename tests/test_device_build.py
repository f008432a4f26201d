"""The Live device as it is built: its container to the byte, its table of controls, its picture and manual, the commands."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Annotated, get_args

import pytest
from pydantic import TypeAdapter

from bridge.cli import main
from bridge.config import PORT
from bridge.protocol.limits import PROTOCOL
from bridge.requests import VERBS
from max_for_live import amxd, build, families, manual, picture
from max_for_live import control as control_of
from max_for_live.control import MODES, PAGES, Mode
from max_for_live.controls import CONTROLS, is_in_sight
from max_for_live.letters import RESERVE
from max_for_live.lint import lint
from max_for_live.scenes import IN_USE, SCENES, STRAINED, Message, Scene

ROOT = Path(__file__).parents[1]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="peer: node")


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
        (b"", "this has nothing"),
        (b"not a device at all", "are left"),
        (GOLDEN[:-1], "are left"),
        (GOLDEN + b"\0", "belong to no chunk"),
        (GOLDEN.replace(b"mmmm", b"mmmx"), "is not a kind of device"),
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
            assert control_of.verbs_of(control), f"{control.name} is the field {control.field}, which no request has"


@pytest.mark.parametrize("control", [c for c in CONTROLS if c.field and c.kind in ("dial", "number")], ids=lambda c: c.name)
def test_a_dial_offers_nothing_that_a_request_refuses(control: control_of.Control) -> None:
    low, high = (number * control.scale for number in control_of.span(control))
    for verb in control_of.verbs_of(control):
        field = VERBS[verb].model_fields[control.field]
        least, most = control_of.limits(field)
        assert least is None or least <= low
        assert most is None or high <= most
        if field.default is not None and control.initial is None:
            assert control_of.initial(control) * control.scale == pytest.approx(field.default)


def field_accepts(name: str, value: str) -> bool:
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, *VERBS["vary"].model_fields[name].metadata])
    return bool(adapter.validate_python(value))


def test_what_the_menus_say_can_be_asked() -> None:
    keys = next(control for control in CONTROLS if control.name == "key")
    for _, asked in keys.words:
        assert asked == "live" or field_accepts("key", asked)
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
    assert table["face"]["amount"] == {"modes": ["vary"], "page": "front"}
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


@pytest.mark.parametrize("mode", MODES)
def test_every_control_is_in_sight_somewhere_and_the_main_ones_everywhere(mode: Mode) -> None:
    assert all(is_in_sight(name, mode, page) for name in ("mode", "generate", "undo", "more") for page in (None, *PAGES))
    assert is_in_sight("pad" if mode == "pad" else "roll", mode)
    assert not is_in_sight("lock_rhythm", mode)
    for name, its in (("lock_rhythm", "lock"), ("swing", "feel"), ("selftest", "setup")):
        assert [page for page in PAGES if is_in_sight(name, mode, page)] == [its]


# The picture


@needs_node
@pytest.mark.parametrize("scene", [*SCENES, *STRAINED], ids=lambda scene: scene.name)
def test_the_picture_shows_what_is_in_sight_and_cuts_off_no_text(built: bytes, scene: Scene) -> None:
    drawn = list(picture.draw_boxes(built, scene, picture.DARK))
    names = {box["varname"] for box, _ in drawn}
    for control in CONTROLS:
        if control.kind in ("button", "dial") and control.place != control_of.NOWHERE:
            assert (control.name in names) == is_in_sight(control.name, scene.mode, scene.page), control.name
    for box, shapes in drawn:
        x, y, w, h = box["presentation_rect"]
        for text in (shape for shape in shapes if isinstance(shape, picture.Text)):
            # A wider font than the measured one grows away from the anchor; views measure by themselves.
            more = text.width * (RESERVE - 1) * (box["maxclass"] != "jsui")
            share = {"start": 0, "middle": 0.5, "end": 1}[text.anchor]
            assert x <= text.left - more * share, (box["varname"], text)
            assert text.left + text.width + more * (1 - share) <= x + w, (box["varname"], text)
            assert y + 0.7 * text.size <= text.y <= y + h - 0.2 * text.size, (box["varname"], text)


ODD: dict[str, tuple[Message, ...]] = {
    "nothing told": (),
    "a clip without notes": (("roll", "begin", 4, 4, 4, 0), ("roll", "end")),
    "an end without a beginning": (("roll", "end"),),
    "no beats": (("roll", "begin", 0, 4, 4, 0), ("roll", "notes", 60, 0, 1, 0), ("roll", "end")),
    "a thousand beats in 7/8": (
        ("roll", "begin", 1000, 7, 8, 0),
        *(("roll", "notes", pitch, 7.5 * pitch, 3, pitch % 3) for pitch in range(128)),
        ("roll", "end"),
        ("roll", "playhead", 999.9),
    ),
    "notes on all sides of the loop": (
        ("roll", "begin", 4, 3, 4, 0),
        ("roll", "notes", 0, -2, 1, 0, 127, -0.5, 1, 1, 60, 3.9, 8, 2, 64, 4, 1, 1),
        ("roll", "end"),
        ("roll", "playhead", 4.5),
    ),
    "many drums, and one without a lane": (
        ("roll", "begin", 4, 4, 4, 1),
        *(("roll", "lane", row, 30 + row, f"Drum of the number {row}") for row in range(30)),
        ("roll", "notes", 99, 0, 1, 0, 30, 0, 0.01, 1, 59, 3.99, 1, 2),
        ("roll", "end"),
    ),
    "words that are numbers": (("roll", "begin", 4, 4, 4, 0), ("roll", "end"), ("roll", "title", 7, 8), ("status", "set", 404)),
    "another version's words": (("roll", "bend", 1), ("pad", "spin", 2), ("status", "append", "x"), ("light", "set", 9, 7)),
    "the pad's edges": (
        ("pad", "locked", 0),
        ("pad", "puck", 1, 1),
        ("pad", "corner", 9, 0, 0, 0, 1, "E"),
        ("pad", "corner", 0, 0, 0, 0, 1, "A", "black", "one"),
        ("pad", "trail", 0, 0, 1, 1, 5, -5),
    ),
}


@needs_node
@pytest.mark.parametrize(("mode", "theme"), [("vary", picture.DARK), ("pad", picture.LIGHT)], ids=["vary", "pad"])
def test_views_draw_whatever_they_are_told_inside_their_boxes(built: bytes, theme: picture.Theme, mode: Mode) -> None:
    # One after the other: what a view was told before must not harm it either.
    told = tuple(message for messages in ODD.values() for message in messages)
    for scene in (*(Scene(what, what, mode, messages) for what, messages in ODD.items()), Scene("all", "all", mode, told)):
        for box, shapes in picture.draw_boxes(built, scene, theme):
            x, y, w, h = box["presentation_rect"]
            for shape in shapes if box["maxclass"] == "jsui" else ():
                points = (
                    shape.points
                    if isinstance(shape, picture.Polygon)
                    else ((shape.left, shape.y), (shape.left + shape.width, shape.y))
                )
                outside = [(px, py) for px, py in points if not (x - 1 <= px <= x + w + 1 and y - 1 <= py <= y + h + 1)]
                assert not outside, (scene.name, box["varname"], shape)


@needs_node
def test_the_picture_in_the_docs_is_of_this_device(built: bytes) -> None:
    drawn = (ROOT / "docs" / "device.svg").read_text(encoding="utf-8")
    assert drawn == picture.as_svg(list(picture.draw(built, IN_USE, picture.DARK))), "run `python max_for_live/picture.py`"
    for name in ("device", "device_states", "device_light"):
        assert (ROOT / "docs" / f"{name}.png").stat().st_size < 500_000


def test_the_manual_tells_of_every_control() -> None:
    text = manual.README.read_text(encoding="utf-8")
    assert manual.fill(text) == text, "run `python max_for_live/manual.py`"
    for control in CONTROLS:
        assert not control_of.describe(control) or f"| {control_of.describe(control)} |" in text


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


def test_installing_copies_the_device_and_never_over_another(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    place = tmp_path / "devices" / "Latent Bridge.amxd"
    assert run(capsys, "device", "install", "--to", place.parent) == (0, str(place), "")
    assert run(capsys, "device", "install", "--to", place.parent)[0] == 0  # the same one again
    place.write_bytes(b"another")
    code, _, said = run(capsys, "device", "install", "--to", place.parent)
    assert code == 1
    assert "exists and is another version; --force overwrites it" in said
    assert place.read_bytes() == b"another"
    assert run(capsys, "device", "install", "--to", place.parent, "--force")[0] == 0
    assert place.read_bytes() == build.BUILT.read_bytes()


@pytest.mark.parametrize(("platform", "folder"), [("darwin", "Music"), ("win32", "Documents")])
def test_the_user_library_is_where_live_puts_it(platform: str, folder: str, tmp_path: Path) -> None:
    with pytest.raises(build.BuildError, match="--to DIR copies it there"):
        build.find_user_library(platform, tmp_path)
    library = tmp_path / folder / "Ableton" / "User Library"
    library.mkdir(parents=True)
    assert build.find_user_library(platform, tmp_path) == library


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_where_there_is_no_live_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = run(capsys, "device", "install")
    assert code == 1
    assert "Live runs on macOS and Windows only; --to DIR" in said
