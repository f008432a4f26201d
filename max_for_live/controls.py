"""The table of the device's controls. Patch, script, lint, picture and manual are made from it.

A control that sets a field of a request names the field and its own appearance only. Ranges and defaults are those of
`bridge.requests`, so that the device cannot have a field that no request has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.requests import VERBS
from max_for_live.control import DEVICE_VERBS, Control, Label, Rect, initial, span
from max_for_live.families import VOICE_MENU

WIDTH, HEIGHT = 719, 169  # pixels; Live shows no more height than this
PAD_MAX = 127  # the pad counts from 0 to this, from the left and from the top


def _pick(corner: str, x: int, y: int) -> tuple[Control, Control]:
    """Make the button that picks the clip of a corner, and the clip's name beside it."""
    where = {"A": "top left", "B": "top right", "C": "bottom left", "D": "bottom right"}[corner]
    is_left = corner in "AC"
    info = (
        f"Puts the selected clip at {corner}, the {where} corner of the pad. Press again on the same clip to empty the corner."
    )
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
        info="Drag between the picked clips to hear the blend at that point, in a clip of the device's own.",
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
        info="Position of the puck, from A and C on the left to B and D on the right. Can be automated.",
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
        info="Position of the puck, from A and B at the top to C and D at the bottom. Can be automated.",
    ),
    Control(
        name="keep",
        kind="button",
        label="Keep",
        place=(160, 108, 48, 15),
        info="Copies what the puck plays now into a slot of its own.",
    ),
    Control(
        name="render",
        kind="button",
        label="Render",
        place=(160, 127, 48, 15),
        info="Makes a row of clips along the path of the puck since the last pick, as many as Count says.",
    ),
    # Make
    Control(
        name="vary",
        kind="button",
        label="Vary",
        place=(221, 22, 56, 18),
        info="Makes variations of the selected clip, in free slots below it.",
        is_main=True,
    ),
    Control(
        name="sample",
        kind="button",
        label="Sample",
        place=(281, 22, 56, 18),
        info="Makes new clips without a source clip, in free slots of the selected track.",
        is_main=True,
    ),
    Control(
        name="interpolate",
        kind="button",
        label="Interpolate",
        place=(341, 22, 56, 18),
        info="Makes a series of clips that leads from clip A to clip B, as many as Steps says.",
        is_main=True,
    ),
    Control(
        name="blend",
        kind="button",
        label="Blend",
        place=(401, 22, 56, 18),
        info="Prepares the pad for the picked clips; then drag the puck.",
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
        info="The model that makes the clips; auto chooses the one that suits the clip.",
    ),
    Control(
        name="seed",
        kind="number",
        label="Seed",
        place=(265, 127, 94, 15),
        field="seed",
        high=9999,
        initial=1,
        info="The same seed gives the same clips. Pressing a button again with nothing changed draws a new seed.",
    ),
    Control(
        name="reroll",
        kind="button",
        label="New Seed",
        place=(363, 127, 94, 15),
        info="Draws a new seed, so that the same settings make other clips.",
    ),
    Control(
        name="hear",
        kind="toggle",
        label="Hear the Scene",
        place=(221, 91, 92, 15),
        initial=1,
        info="New notes fit what other tracks play with the clip, or have in its scene. Off, only the clip itself counts.",
    ),
    # Aim and lock
    Control(
        name="key",
        kind="toggle",
        label="In Live's Scale",
        place=(470, 22, 87, 18),
        field="key",
        initial=1,
        info="New notes keep to Live's scale, or where that is off, to the key of your clips. Off, they may be any notes.",
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
        info="Notes start only where notes started before.",
    ),
    Control(
        name="lock_pitch",
        kind="toggle",
        label="Pitch",
        place=(515, 108, 42, 15),
        title="Lock Pitch",
        field="lock",
        part="pitch",
        info="Notes keep their pitches.",
    ),
    Control(
        name="lock_velocity",
        kind="toggle",
        label="Velocity",
        place=(560, 108, 42, 15),
        title="Lock Velocity",
        field="lock",
        part="velocity",
        info="Notes keep their velocities.",
    ),
    Control(
        name="lock_notes",
        kind="toggle",
        label="Notes",
        place=(470, 127, 42, 15),
        title="Lock Notes",
        field="lock_notes",
        info="The notes selected in the clip stay as they are.",
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
    Control(name="back", kind="button", label="Back", place=(615, 22, 46, 18), info="Goes to the previous result."),
    Control(name="forward", kind="button", label="Forward", place=(665, 22, 46, 18), info="Goes to the next result."),
    Control(name="result", kind="text", label="no results yet", place=(615, 44, 96, 30), title="Result", is_screen=True),
    Control(
        name="more",
        kind="button",
        label="More Like This",
        place=(615, 78, 96, 15),
        info="Makes variations of the current result.",
    ),
    Control(
        name="undo",
        kind="button",
        label="Undo",
        place=(615, 108, 96, 15),
        info="Removes what the last press made. Clips that you have edited since stay.",
    ),
    Control(name="cancel", kind="button", label="Cancel", place=(615, 127, 96, 15), info="Stops what is running."),
    # Status
    Control(name="status", kind="text", label="starting…", place=(8, 148, 494, 18), title="Status", is_screen=True),
    Control(name="build", kind="text", label="", place=(506, 148, 96, 18), title="Build", align="right"),
    Control(
        name="selftest",
        kind="button",
        label="Self-Test",
        place=(615, 148, 96, 18),
        info="Tests everything once in an empty slot, shows what fails, and has the server write it to its report file.",
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


def tables() -> dict[str, Any]:
    """Return what the script needs to know: the fields of each verb, and each control's kind, field, range and start."""
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
