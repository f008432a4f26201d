"""MIDI files in, MIDI files out: which to read, how to call what is made of them, the runs between. No options, no terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from bridge.devices import find_device
from bridge.engine import MORPH, Answer, Engine
from bridge.provenance import ModelUsed, Record, RecordError, SourceFile, check_models, outputs, versions, write_record
from bridge.requests import VERBS, ClipsRequest, Request
from bridge.validation import STAND_IN, clip_counts
from models.editing.batching import Progress
from models.families.registry import find_family, kinds
from models.families.routing import default_family, route
from models.music.clip import Clip
from models.music.midi import MidiError, Part, Song, find_part, from_bytes, replace_part, to_bytes
from models.store import ModelError, find_model, read_card

BATCH = 32  # windows of every decode, filled up where fewer: so a clip is the same whatever is made beside it, and at recall
GROUP = 16  # files that are run together
ENDINGS = (".mid", ".midi")


class FileError(ValueError):
    """Files that cannot be read or written as was asked, in one sentence."""


@dataclass(frozen=True)
class Job:
    """What is made together and written in one record: clips of no file, of one file, or of several that belong together."""

    stem: str  # where below the output folder, and how the names begin: "sub/beat"
    files: tuple[tuple[str, Path], ...]  # what each is called in messages and in the record, and where it is


@dataclass(frozen=True)
class Opened:
    """A MIDI file, and the parts of it that are worked on, by index."""

    name: str
    content: bytes
    song: Song
    parts: tuple[int, ...]
    info: tuple[str, ...] = ()

    @property
    def clips(self) -> list[Clip]:
        """The parts as clips that bear the name of the file, so that what is said of them is told apart."""
        parts = [self.song.parts[i] for i in self.parts]
        several = len(self.song.parts) > 1
        return [replace(part.clip, name=f"{self.name} {part.name}".strip() if several else self.name) for part in parts]

    def with_clips(self, clips: Sequence[Clip]) -> bytes:
        """Give the file with other clips in place of its parts; just the file it was where nothing changed."""
        song = self.song
        for part, clip in zip(self.parts, clips, strict=True):
            song = replace_part(song, part, clip)
        return self.content if song is self.song else to_bytes(song)


@dataclass(frozen=True)
class Made:
    """The files that a job made, in order, as bytes."""

    sources: tuple[Opened, ...]
    clips: tuple[bytes, ...]
    models: tuple[str, ...]  # the names that find them
    info: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """Why there is nothing, in one sentence."""

    reason: str


def plan(verb: str, request: Request, paths: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is made of which files; refuses two jobs whose clips would have the same names."""
    if not isinstance(request, ClipsRequest):
        return [Job(_model_name(request), ())]
    if is_together(request):
        folders = [path for path in paths if path.is_dir()]
        if folders:
            raise FileError(f"{folders[0]} is a folder; {verb} takes files")
        return [Job("--".join(path.stem for path in paths), tuple((path.name, path) for path in paths))]
    jobs: dict[str, Job] = {}
    for name, path in find_files(paths, out):
        job = Job(PurePath(name).with_suffix("").as_posix(), ((name, path),))
        # Most disks of musicians do not tell Beat from beat.
        other = jobs.setdefault(job.stem.casefold(), job)
        if other is not job:
            raise FileError(
                f"{other.files[0][1]} and {path} would both be written as {job.stem}_{verb}: take them one at a time"
            )
    return list(jobs.values())


def find_files(paths: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
    """List files as they are, and the MIDI files in folders by their names there, each once; never those inside `out`."""
    found: dict[Path, tuple[str, Path]] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path.resolve(), (path.name, path))
            continue
        inside = [p for p in sorted(path.rglob("*")) if _is_midi(p.relative_to(path)) and p.is_file()]
        if out.resolve() != path.resolve():
            inside = [p for p in inside if not p.resolve().is_relative_to(out.resolve())]
        if not inside:
            raise FileError(f"{path} holds no MIDI files ({' or '.join(ENDINGS)})")
        for file in inside:
            found.setdefault(file.resolve(), (file.relative_to(path).as_posix(), file))
    return list(found.values())


def is_together(request: Request) -> bool:
    """Tell whether all the clips of a request make one thing, as the ends of an interpolation do."""
    return isinstance(request, ClipsRequest) and clip_counts(type(request))[1] is not None


def clip_path(out: Path, job: Job, verb: str, label: str) -> Path:
    """Say where a clip goes."""
    return out / f"{job.stem}_{verb}_{label}.mid"


def record_path(out: Path, job: Job, verb: str) -> Path:
    """Say where the record of a job goes."""
    return out / f"{job.stem}_{verb}.json"


def refuse_existing(paths: Sequence[Path]) -> None:
    """Refuse to write over files."""
    existing = [path for path in paths if path.exists()]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise FileError(f"{existing[0]}{more} would be overwritten: choose another --out, or add --force")


def run(
    engine: Engine, request: Request, jobs: Sequence[Job], *, track: str | None, progress: Progress
) -> Iterator[tuple[Job, Made | Failed]]:
    """Run jobs, several at a time, each as it would come out alone; a job that fails does not stop the others."""
    for first in range(0, len(jobs), GROUP):
        group = jobs[first : first + GROUP]

        def told(fraction: float, first: int = first, size: int = len(group)) -> None:
            progress((first + fraction * size) / len(jobs))

        yield from zip(group, _run_group(engine, request, group, track, told), strict=True)


def make(engine: Engine, request: Request, sources: Sequence[Opened], progress: Progress) -> list[Made]:
    """Run one request on files: one result for all of them where they belong together, else one for each."""
    if not isinstance(request, ClipsRequest):
        answer = engine.run(request, progress)
        return [Made((), tuple(map(to_bytes, answer.clips)), answer.models, answer.info)]
    clips = [clip for source in sources for clip in source.clips]
    answer = engine.run(request.model_copy(update={"clips": tuple(clips)}), progress)
    if is_together(request):
        # A clip that is a corner goes back into its own file; all else goes into A's, whose meter it has.
        homes = [next((i for i, corner in enumerate(clips) if clip == corner), 0) for clip in answer.clips]
        files = [sources[i].with_clips([clip]) for i, clip in zip(homes, answer.clips, strict=True)]
        said = (*(line for source in sources for line in source.info), *answer.info)
        return [Made(tuple(sources), tuple(files), tuple(dict.fromkeys(answer.models)), said)]
    variations: dict[int, list[Clip]] = defaultdict(list)
    for clip, index in zip(answer.clips, answer.sources, strict=True):
        variations[index].append(clip)
    made = []
    first = 0
    for source in sources:
        mine = range(first, first + len(source.parts))
        first = mine.stop
        files = _versions(source, [variations[i] for i in mine])
        fewer = [clips[i].name for i in mine if len(variations[i]) < len(files)]
        remarks = [*source.info, *_remarks_about(answer, mine)]
        remarks += [f"“{name}” has fewer variations than the other parts, so they come round again" for name in fewer]
        models = dict.fromkeys(answer.models[i] for i in mine)
        made.append(Made((source,), tuple(files), tuple(models), tuple(remarks)))
    return made


def _remarks_about(answer: Answer, mine: range) -> list[str]:
    """List what was said of some clips, or of none in particular."""
    return list(dict.fromkeys(r.text for r in answer.remarks if r.clip is None or r.clip in mine))


def open_file(name: str, content: bytes, request: Request, track: str | None) -> Opened:
    """Read a file and choose the parts of it to work on: `track`, the only one, or those that a model covers."""
    song = from_bytes(content, name=name)
    if track is not None or len(song.parts) == 1:
        try:
            return Opened(name, content, song, (find_part(song, track),))
        except MidiError as error:
            raise MidiError(f"{name} {error}") from error
    called = [f"{number} {part.name or 'unnamed'} (channel {part.channel})" for number, part in enumerate(song.parts, 1)]
    covered = [i for i, part in enumerate(song.parts) if _is_covered(part, request)]
    if not covered:
        raise FileError(f"{name} has no part that a model covers: {', '.join(called)}; choose one with --track")
    chosen = covered[:1] if is_together(request) else covered
    copied = [label for i, label in enumerate(called) if i not in chosen]
    said = f"{name}: used {', '.join(called[i] for i in chosen)}"
    said += f"; copied through {', '.join(copied)}" if copied else ""
    return Opened(name, content, song, tuple(chosen), (said,))


def save(made: Made, paths: Sequence[Path], record: Path, *, engine: Engine, settings: Record) -> list[Path]:
    """Write clips and their record, which is `settings` completed; returns the paths of the clips."""
    # Fewer clips than planned were made where no more exist.
    written = list(paths[: len(made.clips)])
    record.parent.mkdir(parents=True, exist_ok=True)
    for path, content in zip(written, made.clips, strict=True):
        path.write_bytes(content)
    whole = {
        "sources": tuple(SourceFile.of(source.name, source.content) for source in made.sources),
        "models": models_used(engine, made.models),
        "info": made.info,
        "outputs": outputs([path.name for path in written], made.clips),
    }
    write_record(record, settings.model_copy(update=whole))
    return written


def settings(verb: str, request: Request, *, track: str | None, device: str) -> Record:
    """Begin a record with what all the jobs of a command share."""
    asked = request.model_dump(mode="json", exclude={"clips"})
    return Record(verb=verb, request=asked, track=track, device=device, versions=versions(device))


def make_again(engine: Engine, record: Record, progress: Progress) -> list[bytes]:
    """Make the clips of a record again; refuses where its models are not here."""
    kind = VERBS.get(record.verb)
    if kind is None:
        raise RecordError(f"the record is of {record.verb}, which is not one of: {', '.join(VERBS)}")
    check_models(record, models_used(engine, [used.name for used in record.models]))
    asked = {**record.request, "clips": (STAND_IN,) * len(record.sources)} if record.sources else record.request
    request = kind.model_validate(asked)
    sources = [open_file(source.name, source.content, request, record.track) for source in record.sources]
    return list(make(engine, request, sources, progress)[0].clips)


def start_engine(device: str) -> tuple[Engine, str]:
    """Make an engine, and name the device it runs on."""
    found = find_device(device)
    return Engine(device=found, batch_size=BATCH), found


def models_used(engine: Engine, names: Sequence[str]) -> tuple[ModelUsed, ...]:
    """Look up the weights behind names; a morph has none."""
    models = {name: engine.model(name) for name in names if name != MORPH}
    return tuple(ModelUsed(name=name, weights_sha256=model.card.weights_sha256) for name, model in models.items())


def _run_group(
    engine: Engine, request: Request, jobs: Sequence[Job], track: str | None, progress: Progress
) -> list[Made | Failed]:
    opened: list[tuple[Opened, ...] | Failed] = []
    for job in jobs:
        try:
            opened.append(tuple(open_file(name, _read(path), request, track) for name, path in job.files))
        except ValueError as error:
            opened.append(Failed(str(error)))
    whole = [files for files in opened if not isinstance(files, Failed)]
    results = iter(_make_all(engine, request, whole, progress))
    return [files if isinstance(files, Failed) else next(results) for files in opened]


def _make_all(
    engine: Engine, request: Request, jobs: Sequence[tuple[Opened, ...]], progress: Progress
) -> Sequence[Made | Failed]:
    if not jobs:
        return []
    try:
        return make(engine, request, [source for job in jobs for source in job], progress)
    except ModelError:
        raise  # no job of them all can do without
    except ValueError as error:
        if len(jobs) == 1:
            names = ", ".join(source.name for source in jobs[0])
            return [Failed(str(error) if names in str(error) else f"{names}: {error}" if names else str(error))]
        return [result for job in jobs for result in _make_all(engine, request, [job], progress)]


def _versions(source: Opened, parts: Sequence[Sequence[Clip]]) -> list[bytes]:
    """Put the variations of all parts together: as many files as the part with most has, the others in turn."""
    varied = [(index, clips) for index, clips in zip(source.parts, parts, strict=True) if clips]
    if not varied:
        raise FileError(f"no variation of {source.name} was found")
    kept = replace(source, parts=tuple(index for index, _ in varied))
    return [kept.with_clips([clips[k % len(clips)] for _, clips in varied]) for k in range(max(len(c) for _, c in varied))]


def _is_covered(part: Part, request: Request) -> bool:
    """Tell whether a part of several is music for a model: for the one asked for, or else for any."""
    clip = part.clip
    if not clip.notes:
        return False
    family = route(clip)
    asked = kinds()[request.kind] if request.kind else None
    if asked is None and request.model != "auto":
        asked = read_card(find_model(request.model)).family
    return asked in (None, family) and find_family(family).covers(clip)


def _model_name(request: Request) -> str:
    """Name the model of a request without clips, as the engine chooses it."""
    return default_family(request.kind) if request.model == "auto" else read_card(find_model(request.model)).name


def _is_midi(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)  # such as the ._ files that macOS leaves on other disks
    return name.suffix.lower() in ENDINGS and not hidden


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
