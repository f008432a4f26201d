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
from models.music.midi import Part, Song, from_bytes
from models.music.midi_file import MidiError, read_file
from models.plain_file import shown

ALWAYS = ("amount", "steps", "seed")  # settings that a page names; of others, those that are not the usual ones


@dataclass(frozen=True)
class Told:
    """What a record tells: itself, and its sources as far as they can be had."""

    path: Path
    record: Record
    sources: tuple[tuple[str, Song], ...]
    missing: tuple[str, ...]


def group_files(found: Sequence[tuple[str, Path]], against: Path | None, faults: list[str]) -> Iterator[Group]:
    """Put files together that were made of the same; what cannot be read is added to `faults`, a sentence each."""
    songs = [(name, path, song) for name, path in found if (song := _read(name, path, faults))]
    if against is not None:
        source = (shown(against.name), from_bytes(read_file(against), name=shown(against.name)))
        made = [(name, song) for name, path, song in songs if path.resolve() != against.resolve()]
        yield _group(source[0], [source], made, Kit())
        return
    records: dict[Path, dict[str, Told]] = {}
    groups: dict[Path, tuple[Told, list[tuple[str, Song]]]] = {}
    alone: list[tuple[str, Song]] = []
    for name, path, song in songs:
        folder = path.parent.resolve()
        if folder not in records:
            records[folder] = _records(folder)
        if told := records[folder].get(path.name):
            groups.setdefault(told.path, (told, []))[1].append((name, song))
        else:
            alone.append((name, song))
    for told, made in groups.values():
        request = told.record.request
        kit = Kit(str(request.get("drum_map") or "gm"), _pads(request.get("pads")))
        title = " + ".join(name for name, _ in told.sources) or told.path.stem
        group = _group(title, told.sources, made, kit, is_known=bool(told.sources) and not told.missing)
        remarks = (*told.missing, *told.record.info)
        yield replace(group, about=_about(told.record), remarks=remarks)
    shown_as_sources = {sha for told, _ in groups.values() for sha in (source.sha256 for source in told.record.sources)}
    files = {name: path for name, path, _ in songs}
    left = [(name, song) for name, song in alone if sha256(read_file(files[name])) not in shown_as_sources]
    for name, song in left:
        yield _group(name, (), [(name, song)], Kit())


def _group(
    title: str, sources: Sequence[tuple[str, Song]], made: Sequence[tuple[str, Song]], kit: Kit, *, is_known: bool = True
) -> Group:
    cards = []
    for number, (name, song) in enumerate(sources):
        rolls = [
            draw_source(part.clip, _voices(drums, kit), is_first=not number, name=part.name) for part, drums in _parts(song)
        ]
        cards.append(Card(name, tuple(rolls), is_source=True))
    kinds = {id(song): _parts(song) for _, song in (*sources, *made)}
    for name, song in made:
        rolls = []
        for number, (part, drums) in enumerate(kinds[id(song)]):
            beside = [its for _, source in sources if (its := _same_part(kinds[id(source)], number, part, drums))]
            clips = [its.clip for its in beside] if sources and is_known else None
            rolls.append(draw_part(part.clip, _voices(drums, kit), clips, part.name))
        cards.append(Card(name, tuple(rolls)))
    return Group(title, tuple(cards), sources=len(sources))


def _parts(song: Song) -> list[tuple[Part, bool]]:
    """List the parts of a song that have notes, and whether each is drums; one where none has any."""
    routes = AS_FILES_ARE.routes(song)
    pitched = [find_family(route.family).is_pitched for route in routes]
    parts = [(part, not is_pitched) for part, is_pitched in zip(song.parts, pitched, strict=True)]
    return [(part, drums) for part, drums in parts if part.clip.notes] or parts[:1]


def _same_part(parts: Sequence[tuple[Part, bool]], number: int, part: Part, drums: bool) -> Part | None:
    """Find the part of a source that another is to be compared with: of its track and channel, or else the only one like it."""
    same = [its for its, _ in parts if (its.track, its.channel) == (part.track, part.channel)]
    alike = [its for its, are in parts if are == drums]
    return same[0] if same else alike[0] if len(alike) == 1 else None


def _voices(drums: bool, kit: Kit) -> Mapping[int, int] | None:
    return kit.voices if drums else None


def _read(name: str, path: Path, faults: list[str]) -> Song | None:
    try:
        return from_bytes(read_file(path), name=shown(name))
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
                sources.append((source.name, from_bytes(_content(source), name=source.name)))
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
