"""Draw the built device as Live would show it: `python max_for_live/picture.py [--out FILE]`.

What is drawn is read from the .amxd. How Live draws its objects is imitated, so shapes and colours are close, not exact.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from max_for_live import amxd
from max_for_live.build import BUILT
from max_for_live.lint import measure

DOCS = Path(__file__).parents[1] / "docs"
TITLE = 19  # height of the title bar that Live draws above a device
SIZE = 9.5  # of letters
FONT = "'Ableton Sans', Inter, 'Helvetica Neue', Arial, sans-serif"

DARK = {
    "frame": "#1d1d1d",
    "title": "#474747",
    "surface": "#2f2f2f",
    "text": "#c8c8c8",
    "line": "#474747",
    "edge": "#141414",
    "button": "#3d3d3d",
    "field": "#1c1c1c",
    "on": "#ffad56",
    "on_text": "#141414",
    "arc": "#05c3d8",
    "track": "#565656",
    "live_lcd_bg": "#161616",
    "live_lcd_control_fg": "#ffb532",
    "live_value_arc": "#05c3d8",
    "live_control_text_bg": "#1c1c1c",
    "live_control_fg": "#c8c8c8",
}
# What the script would have shown after a few presses.
EXAMPLE: Mapping[str, Any] = {"result": "3/8"}


@dataclass(frozen=True)
class Box:
    """A rectangle; with corners rounded by half its width, a disc."""

    x: float
    y: float
    w: float
    h: float
    fill: str
    edge: str = ""
    rounded: float = 0


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1
    is_filled: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text; `anchor` tells whether x is its start, middle or end."""

    x: float
    y: float
    text: str
    colour: str
    anchor: str = "start"
    is_bold: bool = False


Shape = Box | Line | Text
Show = Mapping[str, Any]  # what the script has shown, by the names of the controls


def main() -> None:
    """Draw the device into docs/, or into the files named by --out."""
    parser = argparse.ArgumentParser(description="Draw the built device.")
    parser.add_argument("--out", type=Path, action="append", help="a .svg or .png file; by default both in docs/")
    parser.add_argument("--plain", action="store_true", help="as the file has it, before the script shows anything")
    options = parser.parse_args()
    shapes = list(draw(BUILT.read_bytes(), {} if options.plain else EXAMPLE))
    for path in options.out or (DOCS / "device.svg", DOCS / "device.png"):
        if path.suffix == ".svg":
            path.write_text(as_svg(shapes), encoding="utf-8")
        elif path.suffix == ".png":
            write_png(shapes, path)
        else:
            parser.error(f"{path} is neither .svg nor .png")


def draw(data: bytes, show: Show) -> Iterator[Shape]:
    """Draw a built device below Live's title bar."""
    patcher = amxd.read(data).patcher
    _, _, width, height = patcher["openrect"]
    yield Box(0, 0, width, height + TITLE, DARK["surface"], DARK["frame"], 4)
    yield Box(0, 0, width, TITLE, DARK["title"], "", 4)
    yield Box(0, TITLE - 5, width, 5, DARK["title"])
    yield Box(7, 5, 9, 9, DARK["on"], "", 4.5)
    yield Text(22, 13.2, "Latent Bridge", DARK["text"], is_bold=True)
    for entry in patcher["boxes"]:
        box = entry["box"]
        if box.get("presentation") and not box.get("hidden"):
            x, y, w, h = box["presentation_rect"]
            yield from FACES[box["maxclass"]](box, (x, y + TITLE, w, h), show)


# Objects: one function for each


Rect = tuple[float, float, float, float]


def _live_text(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    is_on = box["mode"] == 1 and bool(_number(box, show))
    yield _field(rect, DARK["on"] if is_on else DARK["button"])
    yield _centred(rect, box["text"], DARK["on_text"] if is_on else DARK["text"], is_bold=bool(box.get("fontface")))


def _live_dial(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    x, y, w, _ = rect
    value, parameter = _number(box, show), box["saved_attribute_attributes"]["valueof"]
    low, high = int(parameter.get("parameter_mmin", 0)), int(parameter["parameter_mmax"])
    cx, cy, radius = x + w / 2, y + 25.5, 9.5
    start, end = 0.75 * math.pi, 2.25 * math.pi

    def angle(number: float) -> float:
        return start + (end - start) * (number - low) / (high - low)

    yield Text(cx, y + 9, parameter["parameter_shortname"], DARK["text"], "middle")
    yield _arc(cx, cy, radius, (start, end), DARK["track"])
    yield _arc(cx, cy, radius, (angle(max(low, 0)), angle(value)), DARK["arc"])
    along = angle(value)
    tip = (cx + radius * math.cos(along), cy + radius * math.sin(along))
    yield Line(((cx, cy), tip), DARK["text"], 1.6)
    unit = " %" if parameter["parameter_unitstyle"] == 5 else ""
    yield Text(cx, y + 45.5, f"{value}{unit}", DARK["text"], "middle")


def _live_numbox(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    yield _field(rect, DARK["field"])
    yield _centred(rect, str(_number(box, show)), DARK["text"])


def _live_menu(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    words = box["saved_attribute_attributes"]["valueof"]["parameter_enum"]
    yield from _menu(rect, words[_number(box, show)], DARK["field"])


def _umenu(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    items = box["items"] if isinstance(box["items"], str) else box["items"][0]
    yield from _menu(rect, show.get(box["varname"], items), _colour(box, "bgfillcolor", DARK["field"]))


def _live_comment(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    x, y, w, h = rect
    has_screen = "bgcolor" in box
    if has_screen:
        yield _field(rect, _colour(box, "bgcolor", ""))
    colour, text = _colour(box, "textcolor", DARK["text"]), str(show.get(box.get("varname", ""), box["text"]))
    is_bold = bool(box.get("fontface"))
    if box["textjustification"] == 1:
        yield Text(x + w / 2, y + 12.4, text, colour, "middle", is_bold)
        return
    if box["textjustification"] == 2:
        yield Text(x + w - 2, y + 12.4, text, colour, "end", is_bold)
        return
    for number, line in enumerate(_wrap(text, w - 6)[: max(1, int(h // 13))]):
        yield Text(x + (4 if has_screen else 2), y + 12.4 + 12 * number, line, colour, "start", is_bold)


def _live_tab(box: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    x, y, w, h = rect
    words, chosen = box["saved_attribute_attributes"]["valueof"]["parameter_enum"], _number(box, show)
    for index, word in enumerate(words):
        part = (x + w * index / len(words), y, w / len(words), h)
        yield _field(part, DARK["on"] if index == chosen else DARK["button"])
        yield _centred(part, word, DARK["on_text"] if index == chosen else DARK["text"])


def _jsui(_: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    yield _field(rect, DARK["live_lcd_bg"])


def _panel(_: Mapping[str, Any], rect: Rect, show: Show) -> Iterator[Shape]:
    yield _field(rect, DARK["button"])


FACES: Mapping[str, Callable[[Mapping[str, Any], Rect, Show], Iterator[Shape]]] = {
    "live.text": _live_text,
    "live.dial": _live_dial,
    "live.numbox": _live_numbox,
    "live.menu": _live_menu,
    "live.comment": _live_comment,
    "live.tab": _live_tab,
    "umenu": _umenu,
    "jsui": _jsui,
    "panel": _panel,
}


def _number(box: Mapping[str, Any], show: Show) -> int:
    parameter = box["saved_attribute_attributes"]["valueof"]
    return int(show.get(box["varname"], parameter.get("parameter_initial", [0])[0]))


def _colour(box: Mapping[str, Any], name: str, otherwise: str) -> str:
    expression = box.get("saved_attribute_attributes", {}).get(name, {}).get("expression", "")
    return DARK.get(expression.removeprefix("themecolor."), otherwise)


def _field(rect: Rect, fill: str) -> Box:
    x, y, w, h = rect
    return Box(x + 0.5, y + 0.5, w - 1, h - 1, fill, DARK["edge"])


def _centred(rect: Rect, text: str, colour: str, *, is_bold: bool = False) -> Text:
    x, y, w, h = rect
    return Text(x + w / 2, y + h / 2 + 3.4, text, colour, "middle", is_bold)


def _menu(rect: Rect, text: str, fill: str) -> Iterator[Shape]:
    x, y, w, h = rect
    yield _field(rect, fill)
    yield Text(x + 4, y + h / 2 + 3.4, text, DARK["text"])
    right, middle = x + w - 9, y + h / 2
    yield Line(((right - 3, middle - 2), (right + 3, middle - 2), (right, middle + 2.5)), DARK["text"], 0, is_filled=True)


def _arc(cx: float, cy: float, radius: float, angles: tuple[float, float], colour: str) -> Line:
    start, end = angles
    steps = max(2, int(abs(end - start) * 12))
    turns = [start + (end - start) * step / steps for step in range(steps + 1)]
    return Line(tuple((cx + radius * math.cos(t), cy + radius * math.sin(t)) for t in turns), colour, 2.6)


def _wrap(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


# Files


def as_svg(shapes: Sequence[Shape]) -> str:
    """Return shapes as SVG."""
    first = shapes[0]
    width, height = (first.w, first.h) if isinstance(first, Box) else (0, 0)
    body = "\n".join(map(_svg, shapes))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f'{head} font-family="{FONT}" font-size="{SIZE}">\n<title>Latent Bridge in Live</title>\n{body}\n</svg>\n'


def _svg(shape: Shape) -> str:
    if isinstance(shape, Box):
        edge = f' stroke="{shape.edge}"' if shape.edge else ""
        rounded = f' rx="{shape.rounded:g}"' if shape.rounded else ""
        place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.w:g}" height="{shape.h:g}"'
        return f'<rect {place}{rounded} fill="{shape.fill}"{edge}/>'
    if isinstance(shape, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        if shape.is_filled:
            return f'<polygon points="{points}" fill="{shape.colour}"/>'
        return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}"/>'
    weight = ' font-weight="bold"' if shape.is_bold else ""
    place = f'x="{shape.x:g}" y="{shape.y:g}" text-anchor="{shape.anchor}"'
    return f'<text {place} fill="{shape.colour}"{weight}>{escape(shape.text)}</text>'


def write_png(shapes: Sequence[Shape], path: Path, scale: int = 2) -> None:
    """Write shapes as PNG with matplotlib."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import patches
    from matplotlib import pyplot as plt

    first = shapes[0]
    width, height = (first.w, first.h) if isinstance(first, Box) else (0, 0)
    dpi = 72 * scale  # a point is then a pixel of the device
    figure = plt.figure(figsize=(width / 72, height / 72), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for shape in shapes:
        if isinstance(shape, Box):
            if shape.rounded == shape.w / 2:
                axes.add_patch(
                    patches.Circle((shape.x + shape.rounded, shape.y + shape.rounded), shape.rounded, color=shape.fill)
                )
                continue
            style = f"round,pad=0,rounding_size={shape.rounded}" if shape.rounded else "square,pad=0"
            corner = (shape.x, shape.y)
            edge = shape.edge or "none"
            axes.add_patch(
                patches.FancyBboxPatch(
                    corner, shape.w, shape.h, boxstyle=style, facecolor=shape.fill, edgecolor=edge, linewidth=1
                )
            )
        elif isinstance(shape, Line) and shape.is_filled:
            axes.add_patch(patches.Polygon(shape.points, facecolor=shape.colour, linewidth=0))
        elif isinstance(shape, Line):
            axes.plot(*zip(*shape.points, strict=True), color=shape.colour, linewidth=shape.width, solid_capstyle="butt")
        else:
            anchor = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
            weight = "bold" if shape.is_bold else "normal"
            # matplotlib's own font is wider than Live's
            axes.text(
                shape.x, shape.y, shape.text, color=shape.colour, fontsize=SIZE * 0.86, ha=anchor, va="baseline", weight=weight
            )
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
