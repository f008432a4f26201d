"""Draw the built device as Live would show it: `python max_for_live/picture.py [--out FOLDER]`.

What is drawn is read from the .amxd; what the script would show comes from `scenes`. The views are drawn by their own scripts,
which Node runs with a stand-in of Max's drawing (picture.js). How Live draws its objects is imitated: close, not exact.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from max_for_live import amxd
from max_for_live.build import BUILT
from max_for_live.controls import HEIGHT, WIDTH, is_in_sight
from max_for_live.letters import FONT_SIZE, OTHER, WIDTHS, measure
from max_for_live.scenes import IN_USE, SCENES, STRAINED, Message, Scene

if TYPE_CHECKING:
    from matplotlib.patches import PathPatch

DOCS = Path(__file__).parents[1] / "docs"
TITLE = 19  # height of the title bar that Live draws above a device
GAP, CAPTION = 14, 16  # between the pictures of a sheet, and above each
FONT = "'Ableton Sans', Inter, 'Helvetica Neue', Arial, sans-serif"

Theme = Mapping[str, str]
# Colours of two of Live's themes, about; those that begin with live_ are the names that Max knows them by.
DARK: Theme = {
    "frame": "#1d1d1d",
    "title": "#474747",
    "surface": "#363636",
    "edge": "#1f1f1f",
    "field": "#1e1e1e",
    "track": "#5a5a5a",
    "live_control_bg": "#2a2a2a",
    "live_control_fg": "#c8c8c8",
    "live_control_fg_on": "#141414",
    "live_control_selection": "#ffad56",
    "live_control_text_bg": "#1e1e1e",
    "live_lcd_bg": "#181818",
    "live_lcd_frame": "#3a3a3a",
    "live_value_arc": "#03c3d5",
}
LIGHT: Theme = {
    "frame": "#8e8e8e",
    "title": "#a9a9a9",
    "surface": "#cdcdcd",
    "edge": "#8b8b8b",
    "field": "#ececec",
    "track": "#9a9a9a",
    "live_control_bg": "#e2e2e2",
    "live_control_fg": "#161616",
    "live_control_fg_on": "#101010",
    "live_control_selection": "#ffad56",
    "live_control_text_bg": "#ececec",
    "live_lcd_bg": "#f3f3f3",
    "live_lcd_frame": "#c8c8c8",
    "live_value_arc": "#0a96b4",
}
PAPER, INK = "#ffffff", "#404040"  # of a sheet


@dataclass(frozen=True)
class Polygon:
    """Points that are joined by lines: an area with a colour, an outline, or both."""

    points: tuple[tuple[float, float], ...]
    fill: str = ""
    line: str = ""
    width: float = 1
    opacity: float = 1
    is_closed: bool = True


@dataclass(frozen=True)
class Text:
    """A line of text; `anchor` tells whether x is its start, middle or end."""

    x: float
    y: float
    text: str
    colour: str
    anchor: str = "start"
    is_bold: bool = False
    size: float = FONT_SIZE

    @property
    def width(self) -> float:
        """How wide it is measured to be, and drawn in whatever font there is."""
        return measure(self.text, self.size, is_bold=self.is_bold)

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - self.width * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]


Shape = Polygon | Text
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Look:
    """A box and what it was told: its JSON, its place, the last value of each word, and the theme."""

    box: Mapping[str, Any]
    rect: Rect
    told: Mapping[str, Any]
    theme: Theme

    @property
    def parameter(self) -> Mapping[str, Any]:
        """What is saved of its parameter."""
        found: Mapping[str, Any] = self.box["saved_attribute_attributes"]["valueof"]
        return found

    @property
    def number(self) -> int:
        """Its value."""
        return int(self.told.get("set", self.parameter.get("parameter_initial", [0])[0]))

    def colour(self, name: str, otherwise: str) -> str:
        """Return an attribute's colour, as far as it follows the theme."""
        expression = self.box.get("saved_attribute_attributes", {}).get(name, {}).get("expression", "")
        return self.theme[expression.removeprefix("themecolor.") or otherwise]


def main() -> None:
    """Draw the device into docs/, or into another folder."""
    parser = argparse.ArgumentParser(description="Draw the built device.")
    parser.add_argument("--out", type=Path, default=DOCS, help="a folder; by default docs/")
    parser.add_argument("--strained", action="store_true", help="also with long names, and at Live's zoom of 50 and 200 %%")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = BUILT.read_bytes()
    sheets = dict(draw_sheets(data))
    (options.out / "device.svg").write_text(as_svg(sheets["device"]), encoding="utf-8")
    for name, shapes in sheets.items():
        write_png(shapes, options.out / f"{name}.png", 2)
    if options.strained:
        strained = list(draw_sheet(data, STRAINED, DARK))
        for scale in (0.5, 1, 2):
            write_png(strained, options.out / f"device_strained_{scale:g}.png", scale)


def draw_sheets(data: bytes) -> Iterator[tuple[str, list[Shape]]]:
    """Draw the pictures that the manuals show: the device in use, and all its states in a dark and in a light theme."""
    yield "device", list(draw(data, IN_USE, DARK))
    yield "device_states", list(draw_sheet(data, SCENES, DARK))
    yield "device_light", list(draw_sheet(data, SCENES, LIGHT))


def draw_sheet(data: bytes, scenes: Sequence[Scene], theme: Theme) -> Iterator[Shape]:
    """Draw several scenes, two in a row, each below its caption."""
    rows = math.ceil(len(scenes) / 2)
    tall = HEIGHT + TITLE + CAPTION + GAP
    yield _box(0, 0, 2 * WIDTH + 3 * GAP, rows * tall + GAP, PAPER)
    for index, scene in enumerate(scenes):
        x, y = GAP + (WIDTH + GAP) * (index % 2), GAP + tall * (index // 2)
        yield Text(x, y + 9, scene.caption, INK)
        yield from _moved(draw(data, scene, theme), x, y + CAPTION)


def draw(data: bytes, scene: Scene, theme: Theme) -> Iterator[Shape]:
    """Draw a built device in a scene, below Live's title bar."""
    yield _box(0, 0, WIDTH, HEIGHT + TITLE, theme["surface"], theme["frame"])
    yield _box(0, 0, WIDTH, TITLE, theme["title"])
    yield _disc(12, 9.5, 4.5, theme["live_control_selection"])
    yield Text(22, 13.2, "Latent Bridge", theme["live_control_fg"], is_bold=True)
    for _, shapes in draw_boxes(data, scene, theme):
        yield from _moved(shapes, 0, TITLE)


def draw_boxes(data: bytes, scene: Scene, theme: Theme) -> Iterator[tuple[Mapping[str, Any], list[Shape]]]:
    """Draw each box that is in sight."""
    device = amxd.read(data)
    boxes = [entry["box"] for entry in device.patcher["boxes"] if entry["box"].get("presentation")]
    seen = [box for box in boxes if is_in_sight(box["varname"], scene.mode, scene.page, has_voices=scene.has_voices)]
    views = iter(_draw_views(device, [box for box in seen if box["maxclass"] == "jsui"], scene.told, theme))
    told = _told(scene)
    for box in seen:
        x, y, w, h = box["presentation_rect"]
        if box["maxclass"] == "jsui":
            yield box, list(_moved(next(views), x, y))
        else:
            yield box, list(FACES[box["maxclass"]](Look(box, (x, y, w, h), told.get(box["varname"], {}), theme)))


def _told(scene: Scene) -> dict[str, dict[str, Any]]:
    """Return the last value of each word that each box was told."""
    told: dict[str, dict[str, Any]] = {"mode": {"set": ("vary", "sample", "morph", "pad").index(scene.mode)}}
    for name, word, *values in scene.told:
        words = told.setdefault(str(name), {})
        if word == "append":  # to the items of a menu, which `clear` takes away
            words.setdefault("append", []).append(values[0])
        elif word == "clear":
            words.pop("append", None)
        else:
            words[str(word)] = values[0] if len(values) == 1 else values
    return told


# Views: their own scripts draw them


def _draw_views(
    device: amxd.Device, boxes: Sequence[Mapping[str, Any]], told: Sequence[Message], theme: Theme
) -> list[list[Shape]]:
    sources = {file.name: file.content.decode() for file in device.files}
    asked = {
        "theme": {name: _channels(colour) for name, colour in theme.items() if name.startswith("live_")},
        "widths": {**WIDTHS, "other": OTHER},
        "views": [
            {
                "source": sources[box["filename"]],
                "size": box["presentation_rect"][2:],
                "messages": list(_messages(box["varname"], told)),
            }
            for box in boxes
        ],
    }
    command = ["node", str(Path(__file__).parent / "picture.js")]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=True)
    return [[_shape(shape) for shape in shapes] for shapes in json.loads(run.stdout)]


def _messages(view: str, told: Sequence[Message]) -> Iterator[Message]:
    """List what reaches a view: the patch takes a view's name away, but for those of the status line."""
    for name, *message in told:
        if view == "status" and name in ("status", "light"):
            yield (name, *message)
        elif name == view:
            yield tuple(message)


def _shape(drawn: Mapping[str, Any]) -> Shape:
    *channels, opacity = drawn["color"]
    colour = "#" + "".join(f"{round(255 * min(1, max(0, channel))):02x}" for channel in channels)
    if drawn["kind"] == "text":
        return Text(drawn["x"], drawn["y"], drawn["text"], colour, size=drawn["size"])
    points = tuple((x, y) for x, y in drawn["points"])
    if drawn["kind"] == "fill":
        return Polygon(points, fill=colour, opacity=opacity)
    return Polygon(points, line=colour, width=drawn["width"], opacity=opacity, is_closed=drawn["isClosed"])


def _channels(colour: str) -> list[float]:
    return [*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)), 1]


def _moved(shapes: Iterable[Shape], x: float, y: float) -> Iterator[Shape]:
    for shape in shapes:
        if isinstance(shape, Text):
            yield replace(shape, x=shape.x + x, y=shape.y + y)
        else:
            yield replace(shape, points=tuple((px + x, py + y) for px, py in shape.points))


# Objects of Live: one function for each


def _live_tab(look: Look) -> Iterator[Shape]:
    x, y, w, h = look.rect
    words = look.parameter["parameter_enum"]
    for index, word in enumerate(words):
        is_on = index == look.number
        left, right = round(x + w * index / len(words)), round(x + w * (index + 1) / len(words))
        part = (left, y, right - left - (index < len(words) - 1), h)
        yield _frame(part, look.theme["live_control_selection" if is_on else "live_control_bg"], look.theme)
        yield _centred(part, word, look.theme["live_control_fg_on" if is_on else "live_control_fg"])


def _live_text(look: Look) -> Iterator[Shape]:
    is_on = look.box["mode"] == 1 and bool(look.number)
    text = look.told.get("text", look.box["text"])
    fill = look.theme["live_control_selection"] if is_on else look.colour("activebgcolor", "live_control_bg")
    ink = look.theme["live_control_fg_on"] if is_on else look.colour("activetextcolor", "live_control_fg")
    yield _frame(look.rect, fill, look.theme)
    yield _centred(look.rect, text, ink, is_bold=bool(look.box.get("fontface")), size=look.box.get("fontsize", FONT_SIZE))


def _live_dial(look: Look) -> Iterator[Shape]:
    x, y, w, _ = look.rect
    theme, parameter = look.theme, look.parameter
    low, high = int(parameter.get("parameter_mmin", 0)), int(parameter["parameter_mmax"])
    cx, cy, radius = x + w / 2, y + 25.5, 9.5
    start, end = 0.75 * math.pi, 2.25 * math.pi

    def angle(number: float) -> float:
        return start + (end - start) * (number - low) / (high - low)

    yield Text(cx, y + 9, parameter["parameter_shortname"], theme["live_control_fg"], "middle")
    yield _arc(cx, cy, radius, (start, end), theme["track"])
    yield _arc(cx, cy, radius, (angle(max(low, 0)), angle(look.number)), theme["live_value_arc"])
    along = angle(look.number)
    tip = (cx + radius * math.cos(along), cy + radius * math.sin(along))
    yield Polygon(((cx, cy), tip), line=theme["live_control_fg"], width=1.6, is_closed=False)
    unit = " %" if parameter["parameter_unitstyle"] == 5 else ""
    yield Text(cx, y + 45.5, f"{look.number}{unit}", theme["live_control_fg"], "middle")


def _live_numbox(look: Look) -> Iterator[Shape]:
    yield _frame(look.rect, look.theme["field"], look.theme)
    yield _centred(look.rect, str(look.number), look.theme["live_control_fg"])


def _live_menu(look: Look) -> Iterator[Shape]:
    yield from _menu(look, look.parameter["parameter_enum"][look.number])


def _umenu(look: Look) -> Iterator[Shape]:
    items = look.told.get("append", [look.box["items"]])
    yield from _menu(look, str(items[int(look.told.get("set", 0))]))


def _menu(look: Look, text: str) -> Iterator[Shape]:
    x, y, w, h = look.rect
    yield _frame(look.rect, look.theme["field"], look.theme)
    yield Text(x + 4, y + h / 2 + 3.4, text, look.theme["live_control_fg"])
    right, middle = x + w - 8, y + h / 2
    triangle = ((right - 3, middle - 2), (right + 3, middle - 2), (right, middle + 2.5))
    yield Polygon(triangle, fill=look.theme["live_control_fg"])


def _live_comment(look: Look) -> Iterator[Shape]:
    x, y, w, _ = look.rect
    text, ink = str(look.told.get("set", look.box["text"])), look.theme["live_control_fg"]
    anchor, at = {0: ("start", x + 2), 1: ("middle", x + w / 2), 2: ("end", x + w - 2)}[look.box["textjustification"]]
    yield Text(at, y + 12.4, text, ink, anchor)


def _panel(look: Look) -> Iterator[Shape]:
    *channels, opacity = look.told.get("bgfillcolor", look.box["bgcolor"])
    colour = "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
    yield replace(_box(*look.rect, colour), opacity=opacity)


FACES: Mapping[str, Callable[[Look], Iterator[Shape]]] = {
    "live.tab": _live_tab,
    "live.text": _live_text,
    "live.dial": _live_dial,
    "live.numbox": _live_numbox,
    "live.menu": _live_menu,
    "live.comment": _live_comment,
    "umenu": _umenu,
    "panel": _panel,
}


def _box(x: float, y: float, w: float, h: float, fill: str, line: str = "") -> Polygon:
    return Polygon(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), fill, line)


def _frame(rect: Rect, fill: str, theme: Theme) -> Polygon:
    x, y, w, h = rect
    return _box(x + 0.5, y + 0.5, w - 1, h - 1, fill, theme["edge"])


def _disc(x: float, y: float, radius: float, fill: str) -> Polygon:
    turns = [2 * math.pi * step / 32 for step in range(32)]
    return Polygon(tuple((x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns), fill)


def _centred(rect: Rect, text: str, colour: str, *, is_bold: bool = False, size: float = FONT_SIZE) -> Text:
    x, y, w, h = rect
    return Text(x + w / 2, y + h / 2 + 0.36 * size, text, colour, "middle", is_bold, size)


def _arc(cx: float, cy: float, radius: float, angles: tuple[float, float], colour: str) -> Polygon:
    start, end = angles
    steps = max(2, int(abs(end - start) * 12))
    turns = [start + (end - start) * step / steps for step in range(steps + 1)]
    points = tuple((cx + radius * math.cos(t), cy + radius * math.sin(t)) for t in turns)
    return Polygon(points, line=colour, width=2.6, is_closed=False)


# Files


def _size(shapes: Sequence[Shape]) -> tuple[float, float]:
    """Return how large a picture is: as large as its first shape."""
    first = shapes[0]
    return first.points[2] if isinstance(first, Polygon) else (0, 0)


def as_svg(shapes: Sequence[Shape]) -> str:
    """Return shapes as SVG."""
    width, height = _size(shapes)
    body = "\n".join(map(_svg, shapes))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f'{head} font-family="{FONT}">\n<title>Latent Bridge in Live</title>\n{body}\n</svg>\n'


def _svg(shape: Shape) -> str:
    if isinstance(shape, Polygon):
        points = " ".join(f"{round(x, 2):g},{round(y, 2):g}" for x, y in shape.points)
        kind = "polygon" if shape.is_closed else "polyline"
        line = f' stroke="{shape.line}" stroke-width="{shape.width:g}"' if shape.line else ""
        opacity = f' opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
        return f'<{kind} points="{points}" fill="{shape.fill or "none"}"{line}{opacity}/>'
    weight = ' font-weight="bold"' if shape.is_bold else ""
    place = f'x="{round(shape.x, 2):g}" y="{round(shape.y, 2):g}" text-anchor="{shape.anchor}" font-size="{shape.size:g}"'
    length = f'textLength="{shape.width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text {place} {length} fill="{shape.colour}"{weight}>{escape(shape.text)}</text>'


def write_png(shapes: Sequence[Shape], path: Path, scale: float = 2) -> None:
    """Write shapes as PNG with matplotlib; `scale` is Live's zoom."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import patches
    from matplotlib import pyplot as plt

    width, height = _size(shapes)
    figure = plt.figure(figsize=(width / 72, height / 72), dpi=72 * scale)  # a point is then a pixel of the device
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for shape in shapes:
        if isinstance(shape, Polygon):
            look = {"linewidth": shape.width if shape.line else 0, "alpha": shape.opacity}
            inks = {"facecolor": shape.fill or "none", "edgecolor": shape.line or "none"}
            axes.add_patch(patches.Polygon(shape.points, closed=shape.is_closed, fill=bool(shape.fill), **inks, **look))
        else:
            axes.add_patch(_letters(shape))
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _letters(text: Text) -> PathPatch:
    """Return the outlines of a text, as wide as it is measured."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family="DejaVu Sans", weight="bold" if text.is_bold else "normal")
    path = TextPath((0, 0), text.text, size=text.size * 0.92, prop=font)
    drawn = path.get_extents().x1
    stretch = text.width / drawn if drawn > 0 else 1
    return PathPatch(
        Affine2D().scale(stretch, -1).translate(text.left, text.y).transform_path(path), color=text.colour, linewidth=0
    )


if __name__ == "__main__":
    main()
