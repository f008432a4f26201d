"""What Python programs and notebooks use, all of it named in `docs/python.md`; import it from `bridge`. No sockets, no options.

The same request, seed and clip give the same music as on the command line.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from bridge.devices import find_device
from bridge.engine import MORPH, Answer, read_beside
from bridge.engine import Engine as RequestEngine
from bridge.latent_file import MOST_BYTES, from_npz, to_npz
from bridge.preview.page import draw_frame, draw_page
from bridge.preview.view import Card, Group, Kit, Roll, draw_part, draw_source
from bridge.requests import VERBS, Blend, ClipsRequest, Cross, Drumify, Groove, Interpolate, Reconstruct, Request, Sample, Vary
from bridge.validation import clip_counts
from models.editing.batching import FIXED_ROWS, Progress
from models.editing.points import Points
from models.families.registry import find_family
from models.families.routing import route
from models.music.arrays import from_array, to_array
from models.music.clip import Clip, Note
from models.music.distance import Comparison, VoiceOf
from models.music.distance import compare as compare_notes
from models.music.midi import read_clip
from models.music.midi import write as write_clip
from models.music.note_seq import from_note_sequence, to_note_sequence
from models.music.pretty import from_pretty_midi, to_pretty_midi
from models.plain_file import PlainFileError, read_plain_file, shown
from models.store import survey_models

__all__ = [
    "Blend",
    "Clip",
    "Comparison",
    "Cross",
    "Drumify",
    "Engine",
    "Groove",
    "Interpolate",
    "Note",
    "Picture",
    "Points",
    "Reconstruct",
    "Results",
    "Sample",
    "Vary",
    "compare",
    "distance",
    "from_array",
    "from_note_sequence",
    "from_pretty_midi",
    "read_clip",
    "read_points",
    "show",
    "to_array",
    "to_note_sequence",
    "to_pretty_midi",
    "write_clip",
    "write_points",
]


@dataclass(frozen=True)
class Picture:
    """Clips that are drawn: a notebook shows it, with a button to hear each; `save` writes it as a page of its own."""

    groups: tuple[Group, ...]
    title: str

    def _repr_html_(self) -> str:
        return draw_frame(self.groups, self.title)

    def save(self, path: str | Path) -> None:
        """Write the page, one file that works offline."""
        Path(path).write_text(draw_page(self.groups, self.title), encoding="utf-8")


@dataclass(frozen=True)
class Results(Sequence[Clip]):
    """The clips that a request made, in order, and what there is to say of them. A notebook draws it beside its sources."""

    request: Request
    answer: Answer = field(repr=False)
    families: tuple[str, ...] = field(repr=False)  # of each clip of the request, or of what was made from nothing

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips."""
        return self.answer.clips

    @property
    def seed(self) -> int:
        """What makes the same clips again."""
        return self.answer.seed

    @property
    def models(self) -> tuple[str, ...]:
        """The model of each clip of the request."""
        return self.answer.models

    @property
    def info(self) -> tuple[str, ...]:
        """What was done to make things fit, in sentences."""
        return self.answer.info

    @property
    def distances(self) -> tuple[float, ...]:
        """How far each clip is from the one it was made from, or from the first of several; none where there is none."""
        if not isinstance(self.request, ClipsRequest) or isinstance(self.request, Drumify):
            return ()
        sources = [max(0, index) for index in self.answer.sources]
        return tuple(
            compare_notes(self.request.clips[i], clip, voice=self._voice(i)).distance
            for i, clip in zip(sources, self.answer.clips, strict=True)
        )

    @property
    def picture(self) -> Picture:
        """The clips beside their sources, with what is new in colour."""
        verb = next(verb for verb, kind in VERBS.items() if isinstance(self.request, kind))
        return Picture(tuple(self._groups(verb)), verb)

    def _repr_html_(self) -> str:
        return self.picture._repr_html_()

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Clip, ...]: ...
    def __getitem__(self, index: int | slice) -> Clip | tuple[Clip, ...]:
        return self.answer.clips[index]

    def __len__(self) -> int:
        return len(self.answer.clips)

    def _groups(self, verb: str) -> Iterator[Group]:
        sources = self.request.clips if isinstance(self.request, ClipsRequest) else ()
        labels = _labels(self.answer.clips, verb)
        if not sources or clip_counts(type(self.request))[1] is not None:  # type: ignore[arg-type]
            yield self._group(verb, sources, list(zip(labels, self.answer.clips, strict=True)), 0)
            return
        for i, source in enumerate(sources):
            made = [(t, c) for t, c, of in zip(labels, self.answer.clips, self.answer.sources, strict=True) if of == i]
            yield self._group(source.name or verb, [source], made, i)

    def _group(self, title: str, sources: Sequence[Clip], made: Sequence[tuple[str, Clip]], first: int) -> Group:
        cards = [
            Card(
                clip.name or f"clip {i + 1}",
                (draw_source(clip, self._source_voices(first + i), is_first=not i),),
                is_source=True,
            )
            for i, clip in enumerate(sources)
        ]
        cards += [Card(t, (draw_part(clip, self._voices(first), list(sources) or None),)) for t, clip in made]
        about = f"by {', '.join(dict.fromkeys(self.answer.models))}, seed {self.answer.seed}"
        return Group(title, tuple(cards), about, self.answer.info)

    def _voices(self, index: int) -> dict[int, int] | None:
        """Find the drum voice of each pad of a clip of the request; None where its notes are pitches."""
        if find_family(self.families[min(index, len(self.families) - 1)]).is_pitched:
            return None
        request = self.request
        kit = Kit(request.drum_map, request.pads) if isinstance(request, ClipsRequest) else Kit()
        return dict(kit.voices)

    def _source_voices(self, index: int) -> dict[int, int] | None:
        """Find the same of a source, which need not be what is made of it."""
        if isinstance(self.request, Drumify) and find_family(route(self.request.clips[index], self.request.kind)).is_pitched:
            return None
        return self._voices(index)

    def _voice(self, index: int) -> VoiceOf | None:
        voices = self._voices(index)
        return None if voices is None else voices.get


class Engine:
    """Makes music with the models that are installed. Not thread-safe: give each thread its own."""

    def __init__(self, device: str = "cpu") -> None:
        """`device` is cpu, cuda, mps or auto."""
        self._engine = RequestEngine(device=find_device(device), batch_size=FIXED_ROWS)

    @property
    def models(self) -> list[str]:
        """The names of the models that can be asked for."""
        return [folder.name for _, folder in survey_models().listed()]

    def run(self, request: Request, *, context: Sequence[Clip] = (), progress: Progress = lambda fraction: None) -> Results:
        """Answer a request; what it has no seed for is drawn. `context` sounds with its clips, is heard and stays as it is."""
        if request.seed is None:
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        families, others = read_beside(request, context)
        answer = self._engine.run(request, progress, families=families, others=others)
        return Results(request, answer, self._families(request, answer))

    def encode(self, clip: Clip, *, model: str = "auto", kind: str | None = None, drum_map: str = "gm") -> Points:
        """Say where a clip lies in the latent space of its model."""
        asked = {"clips": (clip,), "model": model, "kind": kind, "drum_map": drum_map}
        return self._engine.encode(Reconstruct.model_validate(asked))[0]

    def decode(self, points: Points) -> Clip:
        """Write points as the likeliest music there."""
        return self._engine.decode(points)

    def _families(self, request: Request, answer: Answer) -> tuple[str, ...]:
        clips = request.clips if isinstance(request, ClipsRequest) else answer.clips[:1]
        return tuple(
            route(clip, request.kind) if name == MORPH or isinstance(request, Groove) else self._engine.model(name).family.name
            for clip, name in zip(clips, answer.models, strict=False)
        )


def compare(a: Clip, b: Clip, *, kind: str | None = None) -> Comparison:
    """Match the notes of two clips; `kind`, drums or notes, says what they are where their notes should not."""
    families = {route(clip, kind) for clip in (a, b)}
    voice = find_family(families.pop()).lane_of if len(families) == 1 else None
    return compare_notes(a, b, voice=voice)


def distance(a: Clip, b: Clip, *, kind: str | None = None) -> float:
    """Count (moved + added + dropped) / max(notes of a, notes of b): 0 for the same notes, 2 where nothing is shared."""
    return compare(a, b, kind=kind).distance


def show(*clips: Clip, against: Clip | None = None, kind: str | None = None, title: str = "clips") -> Picture:
    """Draw clips, beside one that they are compared with where it is given."""

    def voices(clip: Clip) -> dict[int, int] | None:
        return None if find_family(route(clip, kind)).is_pitched else dict(Kit().voices)

    cards = (
        [] if against is None else [Card(against.name or "source", (draw_source(against, voices(against)),), is_source=True)]
    )
    for label, clip in zip(_labels(clips, "clip"), clips, strict=True):
        roll: Roll = draw_part(clip, voices(clip), None if against is None else [against])
        cards.append(Card(label, (roll,)))
    if not cards:
        raise ValueError("there is no clip to show")
    return Picture((Group(title, tuple(cards)),), title)


def write_points(path: str | Path, points: Points) -> None:
    """Write points as a .npz file, as `latent-bridge encode` does."""
    Path(path).write_bytes(to_npz(points))


def read_points(path: str | Path) -> Points:
    """Read the points of one clip from a .npz file."""
    name = shown(Path(path).name)
    try:
        found = from_npz(read_plain_file(Path(path), MOST_BYTES), name)
    except PlainFileError as error:
        raise ValueError(f"{name} {error}") from error
    if len(found) > 1:
        raise ValueError(f"{name} holds the points of {len(found)} clips, not of one")
    return found[0]


def _labels(clips: Sequence[Clip], what: str) -> list[str]:
    return [f"{clip.name} {what} {i}".strip() for i, clip in enumerate(clips, 1)]
