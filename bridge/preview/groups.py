"""Which MIDI files a page shows beside which: by the records that lie beside them, or as was asked. Files in, groups out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bridge.file_context import AS_FILES_ARE
from bridge.preview.view import Card, Group, Kit, draw_part, draw_source
from bridge.provenance import Record, RecordError, SourceFile, read_record, sha256
from bridge.requests import VERBS
from models.families.registry import find_family
from models.music.midi import Part, from_bytes
from models.music.midi_file import MidiError, read_file
from models.plain_file import shown

ALWAYS = ("amount", "steps", "seed")  # settings that a page names; of others, those that are not the usual ones


@dataclass(frozen=True)
class MidiFile:
    """A file: what it is called, the hash of its bytes, and its parts that have notes, each with whether it is drums."""

    name: str
    sha256: str
    parts: tuple[tuple[Part, bool], ...]


@dataclass(frozen=True)
class Told:
    """What a record tells: itself, and its sources as far as they can be had."""

    path: Path
    record: Record
    sources: tuple[MidiFile, ...]
    missing: tuple[str, ...]


def group_files(found: Sequence[tuple[str, Path]], against: Path | None, faults: list[str]) -> Iterator[Group]:
    """Put files together that were made of the same; what cannot be read is added to `faults`, a sentence each."""
    if against is not None:
        source = _open(shown(against.name), read_file(against))
        others = [file for name, path in found if path.resolve() != against.resolve() and (file := _read(name, path, faults))]
        yield _group(source.name, [source], others, Kit())
        return
    records: dict[Path, dict[str, Told]] = {}
    groups: dict[Path, tuple[Told, list[MidiFile]]] = {}
    alone: list[MidiFile] = []
    for name, path in found:
        file, folder = _read(name, path, faults), path.parent.resolve()
        if file is None:
            continue
        if folder not in records:
            records[folder] = _records(folder)
        if told := records[folder].get(path.name):
            groups.setdefault(told.path, (told, []))[1].append(file)
        else:
            alone.append(file)
    for told, made in groups.values():
        request = told.record.request
        kit = Kit(str(request.get("drum_map") or "gm"), _pads(request.get("pads")))
        title = " + ".join(source.name for source in told.sources) or told.path.stem
        group = _group(title, told.sources, made, kit, is_known=bool(told.sources) and not told.missing)
        yield replace(group, about=_about(told.record), remarks=(*told.missing, *told.record.info))
    are_sources = {source.sha256 for told, _ in groups.values() for source in told.sources}
    for file in alone:
        if file.sha256 not in are_sources:  # else it is there already
            yield _group(file.name, (), [file], Kit(), is_known=False)


def _group(title: str, sources: Sequence[MidiFile], made: Sequence[MidiFile], kit: Kit, *, is_known: bool = True) -> Group:
    cards = []
    for number, source in enumerate(sources):
        drawn = [
            draw_source(part.clip, _voices(drums, kit), is_first=not number, name=part.name) for part, drums in source.parts
        ]
        cards.append(Card(source.name, tuple(drawn), is_source=True))
    for file in made:
        rolls = []
        for part, drums in file.parts:
            beside = [its for source in sources if (its := _same_part(source, part, drums))]
            kind = beside[0][1] if beside else drums  # what it was made from tells what it is
            clips = [its.clip for its, _ in beside] if is_known else None
            rolls.append(draw_part(part.clip, _voices(kind, kit), clips, part.name))
        cards.append(Card(file.name, tuple(rolls)))
    return Group(title, tuple(cards))


def _same_part(source: MidiFile, part: Part, drums: bool) -> tuple[Part, bool] | None:
    """Find the part of a source that another is to be compared with: of its track and channel, or else the only one like it."""
    same = [its for its in source.parts if (its[0].track, its[0].channel) == (part.track, part.channel)]
    alike = [its for its in source.parts if its[1] == drums]
    return same[0] if same else alike[0] if len(alike) == 1 else None


def _voices(drums: bool, kit: Kit) -> Mapping[int, int] | None:
    return kit.voices if drums else None


def _open(name: str, content: bytes) -> MidiFile:
    song = from_bytes(content, name=name)
    pitched = [find_family(route.family).is_pitched for route in AS_FILES_ARE.routes(song)]
    parts = [(part, not is_pitched) for part, is_pitched in zip(song.parts, pitched, strict=True)]
    return MidiFile(name, sha256(content), tuple([(part, drums) for part, drums in parts if part.clip.notes] or parts[:1]))


def _read(name: str, path: Path, faults: list[str]) -> MidiFile | None:
    try:
        return _open(shown(name), read_file(path))
    except MidiError as error:
        faults.append(str(error))
        return None


def _records(folder: Path) -> dict[str, Told]:
    """Find the records in a folder, by the names of the clips that they tell of."""
    found: dict[str, Told] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_record(path)
        except RecordError:
            continue  # some other file
        sources, missing = [], []
        for source in record.sources:
            try:
                sources.append(_open(source.name, _content(source)))
            except MidiError as error:
                missing.append(str(error))
        told = Told(path, record, tuple(sources), tuple(missing))
        found.update(dict.fromkeys((output.name for output in record.outputs), told))
    return found


def _content(source: SourceFile) -> bytes:
    if source.content is not None:
        return source.content
    content = read_file(Path(source.path or ""))
    if sha256(content) != source.sha256:
        raise MidiError(f"{source.name} has changed since; so what is new is not known")
    return content


def _about(record: Record) -> str:
    """Say in a line what was asked."""
    fields = VERBS[record.verb].model_fields if record.verb in VERBS else {}
    usual = {name: field.get_default() for name, field in fields.items()}
    asked = {name: value for name, value in record.request.items() if value not in (None, [], "")}
    said = [
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in sorted(asked.items(), key=lambda item: item[0] == "seed")
        if name in ALWAYS or (name != "count" and value != usual.get(name, value))
    ]
    models = ", ".join(model.name for model in record.models) or "no model"
    return " · ".join([record.verb, *said, f"by {models}"])


def _plain(value: object) -> str:
    return ",".join(map(_plain, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _pads(value: object) -> tuple[tuple[int, str], ...]:
    """Read the pads of a record's request."""
    pairs = value if isinstance(value, list) else []
    return tuple((int(pitch), str(voice)) for pitch, voice in pairs)
