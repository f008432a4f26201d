"""What a control of the device is, and what follows from its field in `bridge.requests`: range, default, description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic.fields import FieldInfo

from bridge.requests import VERBS

Kind = Literal["tab", "button", "toggle", "trigger", "dial", "number", "menu", "list", "text", "swatch", "view"]
Mode = Literal["vary", "sample", "morph", "pad"]
Page = Literal["front", "view", "more", "lock", "feel", "setup"]
Rect = tuple[int, int, int, int]  # x, y, width, height in pixels
MODES: tuple[Mode, ...] = get_args(Mode)
PAGES: tuple[Page, ...] = ("lock", "feel", "setup")  # of the fold-out
NOWHERE: Rect = (0, 0, 0, 0)  # the place of what is a parameter and not on the face

DEVICE_VERBS = ("sample", "vary", "interpolate", "blend")


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control: its kind, its texts, its place on the device, and when it is in sight.

    It is in sight in its `modes`, in all if there are none, and on its `page`: `view` gives way to the fold-out, `more` is the
    fold-out, of which `lock`, `feel` and `setup` are the pages; `front` is none of them. `field` is the field of a request that
    the control sets. `scale` times the control's number is the field's value; `words` pairs what a menu shows with the value it
    sends; `part` is what a toggle adds to a field that is a list; a field whose control stands at `unsent` is left out. `low`
    and `high` narrow the range of the request. A `trigger` is a button that Live can map to keys and MIDI; it does what the
    button `does` says. `is_main` draws a button in the accent of Live's theme. What the script sets (`is_set`) must be no step
    of Live's undo history, so Live neither stores nor automates it; the puck alone is set once a drag. What the script gives a
    text to (`is_named`) has room for it as in `controls.room_of`.
    """

    name: str
    kind: Kind
    label: str
    place: Rect
    modes: tuple[Mode, ...] = ()
    page: Page = "front"
    title: str = ""  # in automation lanes and Live's info view, if the label alone would not be clear there
    info: str = ""
    field: str = ""
    part: str = ""
    unsent: int | None = None
    unit: Literal["", "%"] = ""
    scale: float = 1.0
    low: int | None = None
    high: int | None = None
    initial: int | None = None
    words: tuple[tuple[str, str], ...] = ()
    align: Literal["left", "center", "right"] = "left"
    does: str = ""
    is_main: bool = False
    is_set: bool = False
    is_named: bool = False

    @property
    def is_parameter(self) -> bool:
        """Whether it is one of Live's objects that are parameters."""
        return self.kind not in ("list", "text", "swatch", "view")

    @property
    def is_automatable(self) -> bool:
        """Whether Live shows it among the parameters; a button there would fill the undo history."""
        return self.kind in ("tab", "toggle", "trigger", "dial", "number", "menu") and not self.is_set

    @property
    def is_told(self) -> bool:
        """Whether the script tells it something: a value, a text, what to draw, or where the puck was let go."""
        return not self.is_automatable or self.is_named or self.place == NOWHERE

    @property
    def is_heard(self) -> bool:
        """Whether the script hears of it by its own name."""
        return self.kind not in ("text", "swatch", "view", "trigger")


@dataclass(frozen=True)
class Label:
    """A fixed text, which is in sight with a control: named after it, or of modes and a page of its own."""

    name: str
    text: str
    place: Rect
    modes: tuple[Mode, ...] = ()
    page: Page = "front"
    align: Literal["left", "center", "right"] = "left"


def title(control: Control) -> str:
    """Return the name of a control in automation lanes and in Live's info view."""
    return control.title or control.label


def describe(control: Control) -> str:
    """Return what a control does: its own text, otherwise the description of its field."""
    if control.info or not control.field:
        return control.info
    text = field_of(control).description or ""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def span(control: Control) -> tuple[int, int]:
    """Return the lowest and the highest number of a control; ValueError if neither it nor its field has a range."""
    if control.words:
        return 0, len(control.words) - 1
    if control.kind in ("button", "toggle", "trigger"):
        return 0, 1
    low, high = limits(field_of(control)) if control.field else (None, None)
    lowest = control.low if control.low is not None else round(low / control.scale) if low is not None else None
    highest = control.high if control.high is not None else round(high / control.scale) if high is not None else None
    if lowest is None or highest is None:
        raise ValueError(f"the control {control.name} has no range: give it low and high, or a field that has limits")
    return lowest, highest


def initial(control: Control) -> int:
    """Return the number that a control starts with: its own, otherwise the default of its field, otherwise 0."""
    if control.initial is not None:
        return control.initial
    default = field_of(control).default if control.field else None
    return round(default / control.scale) if isinstance(default, int | float) else 0


def field_of(control: Control) -> FieldInfo:
    """Return a control's field, from the first request that has it; ValueError if none has."""
    found = next((VERBS[verb].model_fields[control.field] for verb in verbs_of(control)), None)
    if found is None:
        raise ValueError(
            f"the control {control.name} has the field {control.field!r}, which none of {', '.join(DEVICE_VERBS)} has"
        )
    return found


def verbs_of(control: Control) -> list[str]:
    """List the verbs whose requests have a control's field."""
    return [verb for verb in DEVICE_VERBS if control.field in VERBS[verb].model_fields]


def limits(info: FieldInfo) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that a field takes; None where there is no limit."""
    low = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    below = next((m.lt - 1 for m in info.metadata if hasattr(m, "lt")), None)  # of whole numbers
    return low, high if high is not None else below
