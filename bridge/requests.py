"""What a caller may ask: the one table that the command line, the OSC addresses, the validation and the docs follow from."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, model_validator

from models.families.registry import kinds, lane_names
from models.music.clip import Clip, read_meter
from models.music.drum_map import find_drum_map, voices_by_word
from models.music.key import AUTO, FREE, parse_key


def _a_key(given: object) -> object:
    if given is None:  # in records from before there was a word for it
        return FREE
    if not isinstance(given, str):
        return given
    if (word := given.strip().lower()) in (AUTO, FREE):
        return word
    try:
        return parse_key(given).name
    except ValueError as error:
        raise ValueError(f"{error}; auto keeps to the key of the music, free to none") from error


def _a_meter(text: str) -> str:
    try:
        read_meter(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no meter: {error}; write 3/4 or 7/8") from error
    return text


def _a_map(name: str) -> str:
    return find_drum_map(name).name


def _a_pair(text: object) -> object:
    if isinstance(text, str) and text.count(":") != 1:
        raise ValueError(f"{text!r} is not a pair: write from:to for beats, as in 0:4, and pitch:voice for pads, as in 60:kick")
    return tuple(text.split(":")) if isinstance(text, str) else text


def _a_stretch(pair: tuple[float, float]) -> tuple[float, float]:
    if not pair[0] < pair[1]:
        raise ValueError(f"{pair[0]:g}:{pair[1]:g} is no stretch of beats: its end must come after its beginning, as in 0:4")
    return pair


def _voices(given: object) -> object:
    if isinstance(given, str):
        given = tuple(given.split(","))
    if not isinstance(given, tuple | list | frozenset | set):
        return given
    return tuple(dict.fromkeys(voice for word in given for voice in voices_by_word(str(word))))


Clips = tuple[InstanceOf[Clip], ...]
Unit = Annotated[float, Field(ge=0, le=1)]
Dial = Annotated[float, Field(ge=-1, le=1)]  # at 0 as if it were not there
Index = Annotated[int, Field(ge=0)]
# Which kinds and voices there are is the registry's to say.
VoiceName: TypeAlias = Literal[lane_names()]  # type: ignore[valid-type]
Kind: TypeAlias = Literal[tuple(kinds())]  # type: ignore[valid-type]
Stretch = Annotated[  # written 0:4, to beat 4 without it
    tuple[float, float], BeforeValidator(_a_pair, json_schema_input_type=str), AfterValidator(_a_stretch)
]
Pad = Annotated[tuple[Annotated[int, Field(ge=0, le=127)], VoiceName], BeforeValidator(_a_pair, json_schema_input_type=str)]


class Request(BaseModel):
    """What every request has."""

    # Of all kinds a run validates one: its validator is made when it is first used.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    model: str = Field(
        default="auto", description="name of a model, or auto: by kind, MIDI channel 10, or the notes themselves"
    )
    kind: Kind | None = Field(default=None, description="what the clips are, where auto should not guess")
    seed: int | None = Field(
        default=None, ge=0, lt=2**31, description="the same seed gives the same clips; a new one where none is given"
    )
    variety: Unit = Field(default=0.5, description="0 plays safe, 1 is adventurous")
    mine: Unit = Field(
        default=1.0,
        description="of a personal model: 0 plays as the model that it was made from, 1 as all it has learned of you",
    )

    @property
    def clip_count(self) -> int:
        """The most clips that are made, of each clip where the request is about each on its own."""
        return 1

    @property
    def labels(self) -> list[str]:
        """What the clips are called in file names."""
        digits = max(2, len(str(self.clip_count)))
        return [f"{number:0{digits}}" for number in range(1, self.clip_count + 1)]


class Music(Request):
    """A request whose new notes can be made to lean towards something."""

    key: Annotated[str, BeforeValidator(_a_key, json_schema_input_type=str)] = Field(
        default=AUTO,
        description="key of new notes: auto, that of the music; free, none; or a root and a scale of Live's list: A minor",
    )
    density: int = Field(default=0, ge=-4, le=4, description="so many notes a bar more, or fewer")
    octave: float = Field(default=0.0, ge=-2, le=2, description="new notes so many octaves higher, or lower")
    syncopation: Dial = Field(default=0.0, description="new notes off the strong beats, or below 0 onto them")
    length: Dial = Field(default=0.0, description="all notes that no lock keeps shorter, below 0, or longer: 1 is legato")
    intensity: Dial = Field(default=0.0, description="all notes that no lock keeps softer, below 0, or louder")
    swing: Dial = Field(
        default=0.0, description="all notes that no lock keeps swing: 1 takes straight off-beats to the triplet, -1 back"
    )


class Sample(Music):
    """Make clips from nothing."""

    count: int = Field(default=8, ge=1, le=64, description="how many clips")
    bars: int = Field(default=2, ge=1, le=64, description="length of each clip, in bars of its meter")
    meter: Annotated[str, AfterValidator(_a_meter)] = Field(default="4/4", description="meter of each clip, as in 3/4 or 7/8")

    @property
    def clip_count(self) -> int:
        """As many as were asked for."""
        return self.count

    @property
    def empty(self) -> Clip:
        """A clip of the length and the meter that were asked for, without notes."""
        meter = read_meter(self.meter)
        return Clip((), self.bars * meter[0] * 4 / meter[1], meter=meter)


class ClipsRequest(Request):
    """A request about clips."""

    clips: Clips = Field(min_length=1, description="the clips")
    drum_map: Annotated[str, AfterValidator(_a_map)] = Field(default="gm", description="the map of a drum clip's pads")
    pads: tuple[Pad, ...] = Field(default=(), description="pads that are other voices than the map says, as in 60:kick")


class Resting(ClipsRequest):
    """A request that leaves bars of rest as they are: those in which no clip has a note."""

    fill: bool = Field(default=False, description="bars of rest may get notes too")


class Change(Resting, Music):
    """A request that changes clips, of which some things can be locked; between clips the locks hold what A has."""

    lock: tuple[Literal["rhythm", "pitch", "velocity"], ...] = Field(default=(), description="what no note may change in")
    lock_voices: tuple[VoiceName, ...] = Field(default=(), description="drum voices that stay as they are")
    only: Annotated[tuple[VoiceName, ...], BeforeValidator(_voices, json_schema_input_type=tuple[str, ...])] = Field(
        default=(), description="drum voices that alone may change, as in hihat; those that are silent are made to fit the rest"
    )
    lock_beats: tuple[Stretch, ...] = Field(default=(), description="stretches that stay as they are, in beats, as in 0:4")
    lock_notes: tuple[Index, ...] = Field(default=(), description="notes that stay, by their index in the clip, from 0")


class Vary(Change):
    """Make variations of a clip."""

    amount: Unit = Field(
        default=0.3, description="how far from the clip: the share of its notes that change; 0 returns it untouched"
    )
    count: int = Field(default=8, ge=1, le=64, description="how many variations of each clip")

    @property
    def clip_count(self) -> int:
        """As many as were asked for; at amount 0 there is but the clip itself."""
        return self.count if self.amount else 1


class Interpolate(Change):
    """Go from one clip to another in even steps."""

    clips: Clips = Field(min_length=2, max_length=2, description="the two clips")
    steps: int = Field(default=7, ge=2, le=64, description="how many clips, both ends included")
    path: Literal["even", "slerp", "morph"] = Field(
        default="even",
        description="even: through the model, all steps alike; slerp: the plain great circle; morph: note by note, no model",
    )

    @property
    def clip_count(self) -> int:
        """The steps."""
        return self.steps


class Blend(Change):
    """Blend two to four clips: a grid of blends, or the one at a position of the puck."""

    clips: Clips = Field(min_length=2, max_length=4, description="the corners A, B, C and D")
    at: tuple[Unit, Unit] | None = Field(default=None, description="x to the right, y down: A is 0,0, B 1,0, C 0,1, D 1,1")
    grid: int = Field(
        default=7, ge=0, le=16, description="clips a side of a grid over the palette, corners included; 0 only prepares"
    )

    @model_validator(mode="after")
    def _one_is_no_grid(self) -> Self:
        if self.grid == 1:
            raise ValueError("grid 1 is not allowed: a grid has its corners, so at least 2, or 0 to only prepare")
        return self

    @property
    def clip_count(self) -> int:
        """One for each position."""
        return len(self.positions)

    @property
    def labels(self) -> list[str]:
        """Rows and columns, from the top left."""
        if self.at:
            return super().labels
        return [f"r{row:02}c{column:02}" for row in range(1, self.grid + 1) for column in range(1, self.grid + 1)]

    @property
    def positions(self) -> list[tuple[float, float]]:
        """The positions of the clips that are wanted, row by row."""
        if self.at:
            return [self.at]
        return [(column / (self.grid - 1), row / (self.grid - 1)) for row in range(self.grid) for column in range(self.grid)]


class Cross(ClipsRequest, Music):
    """Play the rhythm of one clip with the notes of another."""

    clips: Clips = Field(min_length=2, max_length=2, description="the clip whose rhythm it is, and the one whose notes")
    count: int = Field(default=4, ge=1, le=64, description="how many clips")

    @property
    def clip_count(self) -> int:
        """As many as were asked for."""
        return self.count


class Drumify(Resting, Music):
    """Make drum parts that follow a rhythm: taps, a bass line, the onsets of a tune."""

    follow: Unit = Field(
        default=0.5, description="how closely: 1 strikes each onset and nothing else; less lets hats keep time; 0 is any beat"
    )
    count: int = Field(default=4, ge=1, le=64, description="how many drum parts for each clip")

    @property
    def clip_count(self) -> int:
        """As many as were asked for."""
        return self.count


class Groove(ClipsRequest):
    """Give the notes of clips the timing and the velocity of drummers; the notes stay as they are."""

    timing: Unit = Field(default=1.0, description="how far notes move to where a drummer plays them; 0 moves none")
    velocity: Unit = Field(default=1.0, description="how far notes become as loud as a drummer plays them; 0 changes none")
    like: bool = Field(default=False, description="the last clip is only heard: the others are played with its feel")
    count: int = Field(default=8, ge=1, le=64, description="how many ways of playing each clip")
    lock_voices: tuple[VoiceName, ...] = Field(default=(), description="drum voices that stay as they are")
    lock_beats: tuple[Stretch, ...] = Field(default=(), description="stretches that stay as they are, in beats, as in 0:4")
    lock_notes: tuple[Index, ...] = Field(default=(), description="notes that stay, by their index in the clip, from 0")

    @model_validator(mode="after")
    def _has_some_to_play(self) -> Self:
        if self.like and len(self.clips) < 2:
            raise ValueError("like needs two clips at least: those to play, and behind them the one whose feel they get")
        return self

    @property
    def clip_count(self) -> int:
        """As many as were asked for; with both dials at 0 there is but the clip itself."""
        return self.count if self.timing or self.velocity else 1

    @property
    def played(self) -> Clips:
        """The clips that are played."""
        return self.clips[:-1] if self.like else self.clips


class Reconstruct(Resting):
    """Give back clips as the model alone has them: encoded and decoded, nothing carried over."""


VERBS: dict[str, type[Request]] = {
    "sample": Sample,
    "vary": Vary,
    "interpolate": Interpolate,
    "blend": Blend,
    "cross": Cross,
    "drumify": Drumify,
    "groove": Groove,
    "reconstruct": Reconstruct,
}
