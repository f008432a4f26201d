"""The device's controls: the one table that patch, script, lint, picture and manual follow from.

A control that is a field of a request names it and says no more than how it looks: what may be asked stands in
`bridge.requests`, so that a field which no request has cannot be on the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo

from bridge.requests import VERBS
from max_for_live.families import VOICE_MENU

Kind = Literal["button", "toggle", "dial", "number", "menu", "list", "pad", "text"]
Rect = tuple[int, int, int, int]  # x, y, width, height in pixels

WIDTH, HEIGHT = 719, 169  # Live shows no more height than this
DEVICE_VERBS = ("sample", "vary", "interpolate", "blend")
PAD_MAX = 127  # the pad's numbers, from the left and from the top


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control: what it is, what it says, where it stands.

    A main one stands out, a screen is drawn as Live's displays are.

    `field` is the request's; `scale` turns the control's number into the field's, `words` what a menu shows into what is asked,
    and `part` is what a toggle adds to a field that is a list. `low` and `high` may only narrow what the request allows.
    """

    name: str
    kind: Kind
    label: str
    place: Rect
    title: str = ""  # where the label alone would not tell what it is: in automation and Live's info view
    info: str = ""
    field: str = ""
    part: str = ""
    unit: Literal["", "%"] = ""
    scale: float = 1.0
    low: int | None = None
    high: int | None = None
    initial: int | None = None
    words: tuple[tuple[str, str], ...] = ()
    align: Literal["left", "right"] = "left"
    is_main: bool = False
    is_screen: bool = False

    @property
    def is_parameter(self) -> bool:
        """Whether Live keeps its value."""
        return self.kind not in ("list", "pad", "text")

    @property
    def is_automatable(self) -> bool:
        """Whether Live shows it among the parameters; a button there would fill the undo history."""
        return self.kind in ("toggle", "dial", "number", "menu")


@dataclass(frozen=True)
class Label:
    """A text that never changes."""

    text: str
    place: Rect
    is_heading: bool = False


def _pick(corner: str, x: int, y: int) -> tuple[Control, Control]:
    """Make the button that picks a corner's clip, at that corner of the pad, and the clip's name beside it."""
    where = {"A": "top left", "B": "top right", "C": "bottom left", "D": "bottom right"}[corner]
    is_left = corner in "AC"
    info = f"Remembers the selected clip as {corner}, the pad's corner at the {where}; pressed on it again, frees the corner."
    button, name = ((x, y, 16, 15), (x + 18, y - 1, 54, 18)) if is_left else ((x + 56, y, 16, 15), (x, y - 1, 54, 18))
    return (
        Control(name=f"pick_{corner.lower()}", kind="button", label=corner, place=button, title=f"Pick {corner}", info=info),
        Control(
            name=f"name_{corner.lower()}",
            kind="text",
            label="–",
            place=name,
            title=f"Clip {corner}",
            align="left" if is_left else "right",
        ),
    )


CONTROLS: tuple[Control, ...] = (
    # Sources
    *_pick("A", 8, 22),
    *_pick("B", 84, 22),
    Control(
        name="puck",
        kind="pad",
        label="",
        place=(8, 41, 148, 82),
        title="Puck",
        info="Drag between the picked clips: what lies there plays in a clip of the device's own. Blend prepares it.",
    ),
    *_pick("C", 8, 127),
    *_pick("D", 84, 127),
    Control(
        name="puck_x",
        kind="dial",
        label="Puck X",
        place=(162, 6, 44, 48),
        unit="%",
        low=0,
        high=100,
        initial=0,
        info="Where the puck is, from A and C on the left to B and D on the right. Automate it.",
    ),
    Control(
        name="puck_y",
        kind="dial",
        label="Puck Y",
        place=(162, 56, 44, 48),
        unit="%",
        low=0,
        high=100,
        initial=0,
        info="Where the puck is, from A and B at the top to C and D at the bottom. Automate it.",
    ),
    Control(
        name="keep",
        kind="button",
        label="Keep",
        place=(160, 108, 48, 15),
        info="Puts what the puck plays now into a slot of its own.",
    ),
    Control(
        name="render",
        kind="button",
        label="Render",
        place=(160, 127, 48, 15),
        info="Turns the way the puck has gone since the last pick into a row of clips, as many as Count says.",
    ),
    # Make
    Control(
        name="vary",
        kind="button",
        label="Vary",
        place=(221, 22, 56, 18),
        info="Makes variations of the clip that is selected, in free slots below it.",
        is_main=True,
    ),
    Control(
        name="sample",
        kind="button",
        label="Sample",
        place=(281, 22, 56, 18),
        info="Makes clips from nothing, in free slots of the selected track.",
        is_main=True,
    ),
    Control(
        name="interpolate",
        kind="button",
        label="Interpolate",
        place=(341, 22, 56, 18),
        info="Walks from clip A to clip B, in as many clips as Steps says.",
        is_main=True,
    ),
    Control(
        name="blend",
        kind="button",
        label="Blend",
        place=(401, 22, 56, 18),
        info="Prepares the pad for the clips that are picked; then drag the puck.",
        is_main=True,
    ),
    Control(name="amount", kind="dial", label="Amount", place=(221, 42, 44, 48), field="amount", unit="%", scale=0.01),
    Control(
        name="variety",
        kind="dial",
        label="Variety",
        place=(269, 42, 44, 48),
        field="variety",
        unit="%",
        scale=0.01,
        info="Low plays safe, high is adventurous.",  # the request counts to 1, the dial to 100
    ),
    Control(name="count", kind="dial", label="Count", place=(317, 42, 44, 48), field="count", high=16),
    Control(name="bars", kind="dial", label="Bars", place=(365, 42, 44, 48), field="bars", high=16),
    Control(name="steps", kind="dial", label="Steps", place=(413, 42, 44, 48), field="steps", low=3, high=16),
    Control(
        name="model",
        kind="list",
        label="Model",
        place=(265, 108, 192, 15),
        field="model",
        words=(("auto", "auto"),),
        info="The model that makes the clips; auto chooses by what the clip is.",
    ),
    Control(
        name="seed",
        kind="number",
        label="Seed",
        place=(265, 127, 94, 15),
        field="seed",
        high=9999,
        initial=1,
        info="The same seed gives the same clips. A button pressed again with nothing changed draws a new one.",
    ),
    Control(
        name="reroll",
        kind="button",
        label="New Seed",
        place=(363, 127, 94, 15),
        info="Draws another seed: the same request then makes other clips.",
    ),
    # Aim and lock
    Control(
        name="key",
        kind="toggle",
        label="In Live's Scale",
        place=(470, 22, 87, 18),
        field="key",
        initial=1,
        info="New notes keep to the scale that is set in Live. Off, they are free.",
    ),
    Control(name="density", kind="dial", label="Density", place=(480, 42, 44, 48), field="density"),
    Control(name="octave", kind="dial", label="Octave", place=(548, 42, 44, 48), field="octave"),
    Control(
        name="lock_rhythm",
        kind="toggle",
        label="Rhythm",
        place=(470, 108, 42, 15),
        title="Lock Rhythm",
        field="lock",
        part="rhythm",
        info="No note may start elsewhere.",
    ),
    Control(
        name="lock_pitch",
        kind="toggle",
        label="Pitch",
        place=(515, 108, 42, 15),
        title="Lock Pitch",
        field="lock",
        part="pitch",
        info="No note may become another.",
    ),
    Control(
        name="lock_velocity",
        kind="toggle",
        label="Velocity",
        place=(560, 108, 42, 15),
        title="Lock Velocity",
        field="lock",
        part="velocity",
        info="No note may become louder or softer.",
    ),
    Control(
        name="lock_notes",
        kind="toggle",
        label="Notes",
        place=(470, 127, 42, 15),
        title="Lock Notes",
        field="lock_notes",
        info="The notes that are selected in the clip stay as they are.",
    ),
    Control(
        name="lock_voices",
        kind="menu",
        label="Voices",
        place=(515, 127, 87, 15),
        title="Lock Voices",
        field="lock_voices",
        words=VOICE_MENU,
        info="These drums stay as they are.",
    ),
    # Results
    Control(name="back", kind="button", label="Back", place=(615, 22, 46, 18), info="Goes to the result before."),
    Control(name="forward", kind="button", label="Forward", place=(665, 22, 46, 18), info="Goes to the next result."),
    Control(name="result", kind="text", label="no results yet", place=(615, 44, 96, 30), title="Result", is_screen=True),
    Control(
        name="more",
        kind="button",
        label="More Like This",
        place=(615, 78, 96, 15),
        info="Makes variations of the result you are at.",
    ),
    Control(
        name="undo",
        kind="button",
        label="Undo",
        place=(615, 108, 96, 15),
        info="Removes what the last press made. A clip that you have edited since stays.",
    ),
    Control(name="cancel", kind="button", label="Cancel", place=(615, 127, 96, 15), info="Stops what is under way."),
    # Status
    Control(name="status", kind="text", label="starting…", place=(8, 148, 494, 18), title="Status", is_screen=True),
    Control(name="build", kind="text", label="", place=(506, 148, 96, 18), title="Build", align="right"),
    Control(
        name="selftest",
        kind="button",
        label="Self-Test",
        place=(615, 148, 96, 18),
        info="Tries everything once in an empty slot, says what fails and has the server write it down for a bug report.",
    ),
)

LABELS: tuple[Label, ...] = (
    Label("Sources", (8, 3, 148, 18), is_heading=True),
    Label("Make", (221, 3, 236, 18), is_heading=True),
    Label("Aim and Lock", (470, 3, 132, 18), is_heading=True),
    Label("Results", (615, 3, 96, 18), is_heading=True),
    Label("Model", (221, 107, 42, 18)),
    Label("Seed", (221, 126, 42, 18)),
    Label("Lock", (470, 90, 132, 18)),
)

LINES: tuple[Rect, ...] = (
    (212, 8, 5, 134),
    (461, 8, 5, 134),
    (606, 8, 5, 134),
    (8, 144, 703, 3),
)


def title(control: Control) -> str:
    """Say what a control is called in automation lanes and in Live's info view."""
    return control.title or control.label


def describe(control: Control) -> str:
    """Say what a control does: in its own words, else in the request's."""
    if control.info or not control.field:
        return control.info
    text = field_of(control).description or ""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def span(control: Control) -> tuple[int, int]:
    """Give the lowest and the highest number that a control can say."""
    if control.words:
        return 0, len(control.words) - 1
    if control.kind in ("button", "toggle"):
        return 0, 1
    low, high = limits(field_of(control)) if control.field else (None, None)
    lowest = control.low if control.low is not None else round(low / control.scale) if low is not None else None
    highest = control.high if control.high is not None else round(high / control.scale) if high is not None else None
    if lowest is None or highest is None:
        raise ValueError(f"{control.name} has no range: neither the table nor the request gives one")
    return lowest, highest


def initial(control: Control) -> int:
    """Give the number that a control starts with: the request's default, where the table gives none."""
    if control.initial is not None:
        return control.initial
    default = field_of(control).default if control.field else None
    return round(default / control.scale) if isinstance(default, int | float) else 0


def field_of(control: Control) -> FieldInfo:
    """Find a control's field in the first request that has it."""
    found = next((VERBS[verb].model_fields[control.field] for verb in verbs_of(control)), None)
    if found is None:
        raise ValueError(f"{control.name} is the field {control.field!r}, which no request of the device has")
    return found


def verbs_of(control: Control) -> list[str]:
    """List the verbs that a control has a say in."""
    return [verb for verb in DEVICE_VERBS if control.field in VERBS[verb].model_fields]


def limits(info: FieldInfo) -> tuple[float | None, float | None]:
    """Read from a field the least and the most that it takes."""
    low = next((m.ge for m in info.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in info.metadata if hasattr(m, "le")), None)
    below = next((m.lt - 1 for m in info.metadata if hasattr(m, "lt")), None)  # of whole numbers
    return low, high if high is not None else below


def tables() -> dict[str, Any]:
    """Give what the script needs to know: for each verb its fields, and for each control what it says."""
    asked = list(dict.fromkeys(control.field for control in CONTROLS if control.field))
    return {
        "verbs": {verb: [name for name in asked if name in VERBS[verb].model_fields] for verb in DEVICE_VERBS},
        "controls": {control.name: dict(_facts(control)) for control in CONTROLS},
    }


def _facts(control: Control) -> Iterator[tuple[str, Any]]:
    yield "kind", control.kind
    if control.field:
        yield "field", control.field
    if control.part:
        yield "part", control.part
    if control.kind in ("dial", "number"):
        yield "low", span(control)[0]
        yield "high", span(control)[1]
        yield "scale", control.scale
    if control.words:
        yield "choices", [asked for _, asked in control.words]
    if control.is_automatable:
        yield "initial", initial(control)
