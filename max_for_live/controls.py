"""The table of the device's controls. Patch, script, lint, picture and manual are made from it.

A control that sets a field of a request names the field and its own appearance only. Ranges and defaults are those of
`bridge.requests`, so that the device cannot have a field that no request has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from bridge.requests import VERBS
from max_for_live.control import DEVICE_VERBS, NOWHERE, Control, Label, Mode, Page, Rect, initial, span
from max_for_live.letters import FONT_SIZE, OTHER, RESERVE, WIDTHS

WIDTH, HEIGHT = 476, 169  # pixels; Live shows no more height than this

# One grid: eight rows of 17 pixels, 3 apart, 6 from the top and from the bottom; three blocks with 8 pixels around each.
# They read from left to right as a musician works: what there is (the music), how it shall change, do it, and where to.
#
#     8 ........ 232   240 ..... 372   380 .... 468
#     modes            light, line ........... …      row 0: what this is about, and how it is
#     the music        dials           Generate       rows 1, 2
#     (roll or pad;                    to             row 3
#     the fold-out     dials           with           row 4
#     covers it)                       lock           row 5
#                                      key            row 6
#     hear, choose     model           Undo           row 7
LEFT, MIDDLE, RIGHT = 8, 240, 380
COLUMN = 44  # a dial of Live's; the middle block holds three
DIAL = (44, 48)
VIEW: Rect = (LEFT, 26, 224, 117)


def _row(number: int, x: int, width: int) -> Rect:
    return x, 6 + 20 * number, width, 17


def _dial(row: int, column: int) -> Rect:
    return MIDDLE + COLUMN * column, 6 + 20 * row, *DIAL


def _box(row: int, column: int) -> Rect:
    """Place a number below its label, so that label and number stand where those of a dial do."""
    return MIDDLE + COLUMN * column + 2, 6 + 20 * row + 19, 40, 17


VARY: tuple[Mode, ...] = ("vary",)
SAMPLE: tuple[Mode, ...] = ("sample",)
MORPH: tuple[Mode, ...] = ("morph",)
PAD: tuple[Mode, ...] = ("pad",)
MAKING: tuple[Mode, ...] = ("vary", "sample")
DIALLED: tuple[Mode, ...] = ("vary", "sample", "morph")
CORNERS: tuple[Mode, ...] = ("morph", "pad")

NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# The menu of keys: the rule, none, Live's own, then each by name.
KEYS = (
    ("Auto", "auto"),
    ("Any Notes", "free"),
    ("Live's Scale", "live"),
    *((f"{note} {mode.title()}", f"{note} {mode}") for mode in ("major", "minor") for note in NOTES),
)


def _pick(corner: str, row: int) -> tuple[Control, Control]:
    """Make the button of a corner, which shows its clip, and the swatch of that clip's colour."""
    where = {"A": "top left", "B": "top right", "C": "bottom left", "D": "bottom right"}[corner]
    end = {"A": " In Morph, the clip to start from.", "B": " In Morph, the clip to arrive at."}.get(corner, "")
    modes = CORNERS if corner in "AB" else PAD
    return (
        Control(
            name=f"swatch_{corner.lower()}",
            kind="swatch",
            label="",
            place=_row(row, MIDDLE, 6),
            modes=modes,
            title=f"Colour of Clip {corner}",
        ),
        Control(
            name=f"pick_{corner.lower()}",
            kind="toggle",
            label=f"{corner}  pick a clip",
            place=_row(row, MIDDLE + 8, 124),
            modes=modes,
            title=f"Pick {corner}",
            info=(
                f"The clip at {corner}, the {where} corner of the pad.{end} Press, then click any clip of the set."
                " Press again to take the clip that is selected already; if it is this one, to empty the corner."
            ),
            is_set=True,
            is_named=True,
        ),
    )


def _voice(number: int) -> Control:
    # Two rows of four: a kit's eight most played voices, under the locks that they belong to.
    row, column = divmod(number - 1, 4)
    return Control(
        name=f"voice_{number}",
        kind="toggle",
        label=f"Voice {number}",
        place=_row(3 + row, LEFT + 57 * column, 53),
        page="lock",
        title=f"Lock Voice {number}",
        field="lock_voices",
        info="This drum stays as it is. The names are those of the clip's Drum Rack.",
        is_named=True,
    )


def _trigger(does: str, label: str, title: str, x: int, width: int) -> Control:
    return Control(
        name=f"map_{does}",
        kind="trigger",
        label=label,
        place=_row(3, x, width),
        page="setup",
        title=f"{title} (Map)",
        info=f"The same as {title}. Map this one to a key, a MIDI controller or a Macro: Live cannot map the other.",
        does=does,
    )


def _locks() -> tuple[Control, ...]:
    # Each as wide as its word takes; together as wide as the voices below.
    told = (
        ("rhythm", 46, "Rhythm", "lock", "Notes start only where notes started before."),
        ("pitch", 36, "Pitch", "lock", "Notes keep their pitches."),
        ("velocity", 48, "Velocity", "lock", "Notes keep their velocities."),
        ("notes", 40, "Selected Notes", "lock_notes", "The notes that are selected in the clip stay as they are."),
        ("time", 38, "Selected Time", "", "The stretch of time that is selected in the clip stays as it is."),
    )
    xs = [LEFT + sum(width + 4 for _, width, *_ in told[:index]) for index in range(len(told))]
    return tuple(
        Control(
            name=f"lock_{name}",
            kind="toggle",
            label=name.title(),
            place=_row(2, x, width),
            page="lock",
            title=f"Lock {long}",
            field=field,
            part=name if field == "lock" else "",
            info=info,
        )
        for x, (name, width, long, field, info) in zip(xs, told, strict=True)
    )


def _feel() -> tuple[Control, ...]:
    told = (
        ("swing", 42, "Swing"),
        ("syncopation", 60, "Syncopation"),
        ("intensity", 42, "Intensity"),
        ("length", 42, "Length"),
    )
    xs = [LEFT + sum(width for _, width, _ in told[:index]) for index in range(len(told) + 1)]
    dials = [
        Control(
            name=name,
            kind="dial",
            label=label,
            place=(x, 70, width, 48),
            page="feel",
            field=name,
            unit="%",
            scale=0.01,
            unsent=0,
        )
        for x, (name, width, label) in zip(xs[:-1], told, strict=True)
    ]
    mine = Control(
        name="mine",
        kind="dial",
        label="Mine",
        place=(xs[-1], 70, 38, 48),
        page="feel",
        field="mine",
        unit="%",
        scale=0.01,
        unsent=100,
        info="Of a model of your own: 0 plays as the model that it was made from, 100 as all it has learned of you.",
    )
    return (*dials, mine)


CONTROLS: tuple[Control, ...] = (
    # Row 0: the mode first, as all else follows it; it is as wide as the view below, to which it belongs.
    Control(
        name="mode",
        kind="tab",
        label="Mode",
        place=_row(0, LEFT, 224),
        words=(("Vary", "vary"), ("Sample", "sample"), ("Morph", "morph"), ("Pad", "pad")),
        initial=0,
        info=(
            "Vary makes variations of a clip, Sample new clips, Morph a series from one clip to another;"
            " Pad blends up to four clips by hand."
        ),
    ),
    # One light and one line, above the dials and the button that they tell about; they are read and not used: no frame.
    Control(
        name="status",
        kind="view",
        label="",
        place=_row(0, MIDDLE, 206),
        title="Status",
        info="Green: ready. Orange: at work, or waiting for the server. Red: no server.",
    ),
    # The fold-out's button stands in the corner, where Live's own devices have theirs.
    Control(
        name="more",
        kind="toggle",
        label="…",
        place=_row(0, 450, 18),
        title="More",
        info="Locks, key, seed, the server and what can be mapped.",
        is_set=True,
    ),
    # The music: the largest thing there is, since what one hears and sees decides, not numbers.
    Control(
        name="roll",
        kind="view",
        label="",
        place=VIEW,
        modes=DIALLED,
        page="view",
        title="Clip",
        info=(
            "The source, or the current result: what is new in colour, what is gone as an outline, the rest grey."
            " Click to play from that bar."
        ),
    ),
    Control(
        name="pad",
        kind="view",
        label="",
        place=VIEW,
        modes=PAD,
        page="view",
        title="Pad",
        info=(
            "Drag between the corners to hear the blend at that point; the path that is drawn can be made into clips."
            " Click a corner to pick a clip for it."
        ),
    ),
    # Below the music, what is done with what one hears: step, compare, mark, clear up. Steps at the left as on a tape deck,
    # with their place between them; what deletes clips at the far end.
    Control(
        name="back",
        kind="button",
        label="◀",
        place=_row(7, LEFT, 24),
        title="Back",
        info="Plays and shows the previous result; before the first one comes the source.",
    ),
    Control(name="result", kind="text", label="–", place=(34, 146, 38, 18), title="Result", align="center"),
    Control(
        name="forward",
        kind="button",
        label="▶",
        place=_row(7, 74, 24),
        title="Forward",
        info="Plays and shows the next result.",
    ),
    Control(
        name="ab",
        kind="toggle",
        label="A/B",
        place=_row(7, 102, 30),
        title="Compare",
        info="Plays the source in place of the result, and the result again.",
        is_set=True,
    ),
    Control(
        name="star",
        kind="toggle",
        label="★",
        place=_row(7, 136, 24),
        title="Star",
        info="Marks this result as one to keep.",
        is_set=True,
    ),
    Control(
        name="keep_only",
        kind="button",
        label="Keep ★ Only",
        place=_row(7, 164, 68),
        title="Keep Only",
        info="Removes all results that are not marked. Clips that you have edited since stay.",
    ),
    # Dials. First column: how far; second: what may change with it; third: how many. A dial has its place in all of its modes.
    Control(name="amount", kind="dial", label="Amount", place=_dial(1, 0), modes=VARY, field="amount", unit="%", scale=0.01),
    Control(name="bars", kind="number", label="Bars", place=_box(1, 0), modes=SAMPLE, field="bars", high=16),
    Control(name="density", kind="dial", label="Density", place=_dial(1, 1), modes=MAKING, field="density"),
    Control(name="count", kind="number", label="Count", place=_box(1, 2), modes=MAKING, field="count", high=16),
    Control(
        name="variety",
        kind="dial",
        label="Variety",
        place=_dial(4, 0),
        modes=DIALLED,
        field="variety",
        unit="%",
        scale=0.01,
        info="Low plays safe, high is adventurous.",  # the request counts to 1, the dial to 100
    ),
    Control(name="octave", kind="dial", label="Octave", place=_dial(4, 1), modes=MAKING, field="octave"),
    Control(name="steps", kind="number", label="Steps", place=_box(4, 2), modes=MORPH, field="steps", low=3, high=16),
    Control(
        name="model",
        kind="list",
        label="Model",
        place=_row(7, MIDDLE + 36, 96),
        modes=DIALLED,
        field="model",
        words=(("auto", "auto"),),
        info="The model that makes the clips; auto chooses the one that suits the clip.",
    ),
    # Corners: the menus first, since they fill the corner that is armed below them; A above B above C above D, as on the pad.
    Control(
        name="choose_track",
        kind="list",
        label="Track",
        place=_row(1, MIDDLE, 64),
        modes=CORNERS,
        words=(("track…", ""),),
        title="Track",
        info="The track of the clip to put at a corner; clicking a clip does the same.",
    ),
    Control(
        name="choose_clip",
        kind="list",
        label="Clip",
        place=_row(1, MIDDLE + 68, 64),
        modes=CORNERS,
        words=(("clip…", ""),),
        title="Clip",
        info="The clip to put at the corner that waits for one, else at the first empty corner.",
    ),
    *_pick("A", 2),
    *_pick("B", 3),
    *_pick("C", 4),
    *_pick("D", 5),
    Control(
        name="swap",
        kind="button",
        label="Swap",
        place=_row(5, MIDDLE + COLUMN + 2, 40),
        modes=MORPH,
        title="Swap",
        info="Exchanges the two clips.",
    ),
    Control(
        name="keep",
        kind="button",
        label="Keep This",
        place=_row(6, MIDDLE, 64),
        modes=PAD,
        title="Keep This",
        info="Copies what the pad plays now into a slot of its own.",
    ),
    Control(
        name="clear_path",
        kind="button",
        label="Clear Path",
        place=_row(6, MIDDLE + 68, 64),
        modes=PAD,
        title="Clear Path",
        info="Forgets the path that was drawn.",
    ),
    Control(
        name="render",
        kind="button",
        label="Path to Clips",
        place=_row(7, MIDDLE, 88),
        modes=PAD,
        title="Path to Clips",
        info="Makes a row of clips along the path that was drawn, as many as the number beside says.",
    ),
    Control(
        name="clips",
        kind="number",
        label="Clips",
        place=_row(7, MIDDLE + 92, 40),
        modes=PAD,
        title="Clips of the Path",
        low=2,
        high=16,
        initial=8,
        info="How many clips the path becomes.",
    ),
    # The one accented button. Below it in the order of the sentence: generate, to here, with this, without touching that, in
    # this key; and at the end the way back.
    Control(
        name="generate",
        kind="button",
        label="Generate",
        place=(RIGHT, 26, 88, 37),
        title="Generate",
        info="Makes the clips. While it works, Cancel: stops, and what is made already stays.",
        is_main=True,
        is_named=True,
    ),
    Control(
        name="to",
        kind="menu",
        label="To",
        place=_row(3, RIGHT + 24, 64),
        words=(("Below", "below"), ("New Track", "track"), ("Replace", "replace"), ("Arrange", "arrangement")),
        title="Destination",
        initial=0,
        info=(
            "Where results go: free slots below the source; a new track; the source's own clip, the source being kept in a free"
            " slot, or muted behind all in the Arrangement (Vary only); or the Arrangement, at a bar where nothing is covered."
        ),
    ),
    Control(
        name="with",
        kind="menu",
        label="With",
        place=_row(4, RIGHT + 24, 64),
        words=(("Scene", "scene"), ("Playing", "playing"), ("Alone", "off")),
        title="Context",
        initial=0,
        info=(
            "What new notes shall fit: the clips of the same scene (in the Arrangement, what lies beside the clip), what plays"
            " now on other tracks, or the clip alone."
        ),
    ),
    Control(
        name="locks_said",
        kind="button",
        label="Lock: Nothing",
        place=_row(5, RIGHT, 88),
        title="Locks",
        info="What stays as it is. Opens the page where it is set.",
        is_named=True,
    ),
    Control(
        name="key_said",
        kind="button",
        label="Key: Auto",
        place=_row(6, RIGHT, 88),
        title="Key in Use",
        info="The key that new notes keep to. Opens the page where it is set.",
        is_named=True,
    ),
    Control(
        name="undo",
        kind="button",
        label="Undo",
        place=_row(7, RIGHT, 88),
        title="Undo",
        info="Removes what the last press made; a replaced source comes back. Clips that you have edited since stay.",
    ),
    # The fold-out. It covers the music and not the dials: who sets a lock wants to press Generate next. Three pages, in the
    # order in which they are wanted: what stays (from press to press), how it plays (from piece to piece), what is set up once.
    Control(
        name="page",
        kind="tab",
        label="Page",
        place=_row(1, LEFT, 224),
        page="more",
        words=(("Lock", "lock"), ("Feel", "feel"), ("Setup", "setup")),
        title="Page",
        initial=0,
        info="Lock: what stays as it is. Feel: the key, and how it plays. Setup: seed, the server, what can be mapped.",
        is_set=True,
    ),
    *_locks(),
    *(_voice(number) for number in range(1, 9)),
    Control(
        name="only",
        kind="toggle",
        label="Only These Change",
        place=_row(5, LEFT, 110),
        page="lock",
        title="Only These Change",
        field="only",
        info="The drums that are lit above are not locked: they alone may change.",
    ),
    Control(
        name="voice_hint",
        kind="text",
        label="Of drums, single voices can be locked here.",
        place=(LEFT, 66, 224, 18),
        page="lock",
        title="Voices",
    ),
    Control(
        name="key",
        kind="menu",
        label="Key",
        place=_row(2, 34, 110),
        page="feel",
        field="key",
        words=KEYS,
        initial=0,
        info=(
            "What new notes keep to: Auto is Live's scale where that is on, else the key of the music; a key of its own; or any"
            " notes. Nothing for drums."
        ),
    ),
    # Dials of feel: below 0 less, above 0 more, at 0 as the music is; what is one's own at the end, as few have it.
    *_feel(),
    Control(
        name="seed",
        kind="number",
        label="Seed",
        place=_row(2, 48, 44),
        page="setup",
        field="seed",
        high=9999,
        initial=1,
        info="The same seed gives the same clips. Pressing Generate again with nothing changed draws a new seed.",
        is_set=True,
    ),
    Control(
        name="reroll",
        kind="button",
        label="New",
        place=_row(2, 96, 38),
        page="setup",
        title="New Seed",
        info="Draws a new seed, so that the same settings make other clips.",
    ),
    _trigger("generate", "Generate", "Generate", 48, 54),
    _trigger("back", "Back", "Back", 106, 34),
    _trigger("forward", "Forward", "Forward", 144, 46),
    _trigger("ab", "A/B", "Compare", 194, 38),
    Control(
        name="start",
        kind="button",
        label="Start Server",
        place=_row(4, 48, 92),
        page="setup",
        title="Start Server",
        info="Starts the Latent Bridge server on this computer; it ends with Live.",
    ),
    Control(
        name="selftest",
        kind="button",
        label="Self-Test",
        place=_row(4, 144, 88),
        page="setup",
        title="Self-Test",
        info="Tests everything once in an empty slot, shows what fails, and has the server write it to its report file.",
    ),
    Control(name="build", kind="text", label="", place=(46, 106, 186, 18), page="setup", title="Build"),
    # Off the face: the pad sets them once at the end of a drag, and automation can move it.
    Control(
        name="puck_x",
        kind="dial",
        label="Puck X",
        place=NOWHERE,
        unit="%",
        low=0,
        high=100,
        initial=0,
        info="Position on the pad, from A and C on the left to B and D on the right.",
    ),
    Control(
        name="puck_y",
        kind="dial",
        label="Puck Y",
        place=NOWHERE,
        unit="%",
        low=0,
        high=100,
        initial=0,
        info="Position on the pad, from A and B at the top to C and D at the bottom.",
    ),
)

LABELS: tuple[Label, ...] = (
    Label("count_label", "Count", (328, 23, COLUMN, 18), MAKING, align="center"),
    Label("bars_label", "Bars", (240, 23, COLUMN, 18), SAMPLE, align="center"),
    Label("steps_label", "Steps", (328, 83, COLUMN, 18), MORPH, align="center"),
    Label("model_label", "Model", (MIDDLE, 146, 36, 18), DIALLED),
    Label("to_label", "to", (RIGHT, 66, 24, 18)),
    Label("with_label", "with", (RIGHT, 86, 24, 18)),
    Label("key_label", "Key", (LEFT, 46, 26, 18), page="feel"),
    Label("seed_label", "Seed", (LEFT, 46, 36, 18), page="setup"),
    Label("map_label", "Map", (LEFT, 66, 36, 18), page="setup"),
    Label("server_label", "Server", (LEFT, 86, 36, 18), page="setup"),
    Label("build_label", "Build", (LEFT, 106, 36, 18), page="setup"),
)

# What stands in a text's way on a button, left and right together, in pixels.
MARGIN = 6


def room_of(name: str) -> int:
    """Return how many pixels the text of a control may be wide."""
    return next(control.place[2] for control in CONTROLS if control.name == name) - MARGIN


# The hint stands where the voices are, while there are none.
VOICES, ONLY, HINT = tuple(f"voice_{number}" for number in range(1, 9)), "only", "voice_hint"

# What the views tell the script: the puck dragged and let go, a corner clicked, a place in the roll clicked.
VIEW_SAYS = ("puck", "drop", "corner", "seek")

# Pages of a control surface, eight encoders each, in the order of use.
BANKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Vary", ("amount", "variety", "count", "density", "octave", "to", "with", "mode")),
    ("Pad", ("puck_x", "puck_y", "clips", "steps", "bars", "map_generate", "map_back", "map_forward")),
    ("Feel", ("swing", "syncopation", "intensity", "length", "mine", "key", "map_ab")),
    ("Locks", ("lock_rhythm", "lock_pitch", "lock_velocity", "lock_notes", "lock_time", "only")),
    ("Voices", VOICES),
)


def tables() -> dict[str, Any]:
    """Return what the script needs to know: the fields of each verb, each control, and what is in sight when."""
    asked = list(dict.fromkeys(control.field for control in CONTROLS if control.field))
    return {
        "verbs": {verb: [name for name in asked if name in VERBS[verb].model_fields] for verb in DEVICE_VERBS},
        "controls": {control.name: dict(_facts(control)) for control in CONTROLS},
        "face": sights(),
        "rooms": {control.name: room_of(control.name) for control in CONTROLS if control.is_named},
        "letters": {letter: round(width * FONT_SIZE * RESERVE, 1) for letter, width in {**WIDTHS, "other": OTHER}.items()},
    }


@cache
def sights() -> dict[str, dict[str, Any]]:
    """Return in which modes and on which page each thing is in sight; what is always in sight is not listed."""
    everything: tuple[Control | Label, ...] = (*CONTROLS, *LABELS)
    things = [thing for thing in everything if thing.place != NOWHERE]
    return {
        thing.name: {"modes": list(thing.modes), "page": thing.page} for thing in things if thing.modes or thing.page != "front"
    }


def is_in_sight(name: str, mode: Mode, page: Page | None = None, *, has_voices: bool = True) -> bool:
    """Return whether a thing is in sight in a mode, for a clip with drum voices or without; `page` is of an open fold-out."""
    if name == HINT or name in (*VOICES, ONLY):
        return page == "lock" and (name != HINT) == has_voices
    sight = sights().get(name, {"modes": [], "page": "front"})
    pages = ("front", "more", page) if page else ("front", "view")
    return (not sight["modes"] or mode in sight["modes"]) and sight["page"] in pages


def _facts(control: Control) -> Iterator[tuple[str, Any]]:
    yield "kind", control.kind
    if control.field:
        yield "field", control.field
    if control.part:
        yield "part", control.part
    if control.unsent is not None:
        yield "unsent", control.unsent
    if control.kind in ("dial", "number"):
        yield "low", span(control)[0]
        yield "high", span(control)[1]
        yield "scale", control.scale
    if control.words:
        yield "choices", [asked for _, asked in control.words]
    if control.is_automatable or control.kind == "number":
        yield "initial", initial(control)
