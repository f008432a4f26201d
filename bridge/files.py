"""MIDI files in, MIDI files out: which to read, how to call what is made of them, the runs between. No options, no terminal."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from bridge.devices import find_device
from bridge.engine import MORPH, Answer, Engine
from bridge.provenance import (
    ModelUsed,
    Record,
    RecordError,
    SourceFile,
    check_models,
    find_seed,
    is_same,
    outputs,
    read_record,
    record_bytes,
    sha256,
    versions,
)
from bridge.requests import VERBS, ClipsRequest, Request
from bridge.validation import STAND_IN, clip_counts
from models.editing.batching import Progress
from models.families.registry import find_family, kinds
from models.families.routing import default_family, route
from models.music.clip import Clip
from models.music.midi import MidiError, Part, Song, find_part, from_bytes, list_parts, replace_parts, shortened, to_bytes
from models.music.midi_file import read_file, unwrap
from models.pause import pausing
from models.plain_file import shown
from models.store import ModelError, find_model, read_card

BATCH = 32  # windows of every decode, filled up where fewer: so a clip is the same whatever is made beside it, and at recall
GROUP = 16  # files that are run together
GROUP_BYTES = 2**20  # of all of them, so that large files do not add up in memory
ENDINGS = (".mid", ".midi", ".kar", ".rmi")
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
FINAL = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO)  # no other file could be written either

log = logging.getLogger("bridge")


class FileError(ValueError):
    """Files that cannot be read or written as was asked, in one sentence."""


class WriteError(FileError):
    """A file that could not be written; `is_final` where no other could be either."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = "the disk is full" if error.errno in FULL else error.strerror
        super().__init__(f"{path} cannot be written: {reason}")
        self.is_final = error.errno in FINAL


class NoProgress(Exception):
    """A file that has been worked on for too long without progress. No ValueError: nothing but its end may catch it."""


class Watch:
    """Ends work on a file that makes no progress for so many seconds; with 0 nothing ever ends."""

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._since = clock()

    def progressed(self) -> None:
        """Begin to count anew: a file is begun, or a batch is decoded."""
        self._since = self._clock()

    def check(self) -> None:
        """Raise where there was no progress for too long. To be called at pauses, which are none themselves."""
        if self.seconds and self._clock() - self._since > self.seconds:
            raise NoProgress

    def describe(self, names: str) -> str:
        """Say what was given up."""
        return f"{names}: given up after {self.seconds:g} s without progress; --file-timeout says how long to wait, 0 for ever"


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
    path: Path = Path()  # where it was read, or nowhere

    @property
    def clips(self) -> list[Clip]:
        """The parts as clips that bear the name of the file, so that what is said of them is told apart."""
        parts = [self.song.parts[i] for i in self.parts]
        several = len(self.song.parts) > 1
        return [
            replace(part.clip, name=f"{self.name} {shortened(part.name)}".strip() if several else self.name) for part in parts
        ]

    def with_clips(self, clips: Sequence[Clip]) -> bytes:
        """Give the file with other clips in place of its parts; just the file it was where nothing changed."""
        song = replace_parts(self.song, dict(zip(self.parts, clips, strict=True)))
        return unwrap(self.content) if song is self.song else to_bytes(song)


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


@dataclass(frozen=True)
class Done:
    """An earlier run made all there is to make."""


@dataclass(frozen=True)
class Care:
    """How files are run: how long each may take without progress, and which have been made before."""

    track: str | None = None
    watch: Watch = field(default_factory=Watch)
    is_done: Callable[[Job, Sequence[str]], bool] = lambda job, hashes: False  # a job, and the hashes of its files


def plan(verb: str, request: Request, paths: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is made of which files; refuses two jobs whose clips would have the same names."""
    if not isinstance(request, ClipsRequest):
        return [Job(_model_name(request), ())]
    if is_together(request):
        folders = [path for path in paths if path.is_dir()]
        if folders:
            raise FileError(f"{folders[0]} is a folder; {verb} takes files")
        return [Job("--".join(path.stem for path in paths), tuple((shown(path.name), path) for path in paths))]
    jobs: dict[str, Job] = {}
    found = find_files(paths, out)
    for stem, (name, path) in zip(_stems([name for name, _ in found]), found, strict=True):
        job = Job(stem, ((shown(name), path),))
        # Most disks of musicians do not tell Beat from beat.
        other = jobs.setdefault(job.stem.casefold(), job)
        if other is not job:
            raise FileError(
                f"{other.files[0][1]} and {path} would both be written as {job.stem}_{verb}: take them one at a time"
            )
    return list(jobs.values())


def _stems(names: Sequence[str]) -> list[str]:
    """Call files by their names without the endings; of song.mid and song.kar the second keeps its own."""
    owners: dict[str, str] = {}
    stems = [PurePath(name).with_suffix("").as_posix() for name in names]
    endings = [PurePath(name).suffix.lower() for name in names]
    for stem, ending in zip(stems, endings, strict=True):
        if ending == ENDINGS[0] or stem.casefold() not in owners:
            owners[stem.casefold()] = ending
    whole = zip(names, stems, endings, strict=True)
    return [stem if owners[stem.casefold()] == ending else name for name, stem, ending in whole]


def find_files(paths: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
    """List files as they are, and the MIDI files in folders by their names there, each once; never those inside `out`."""
    found: dict[Path, tuple[str, Path]] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path.resolve(), (path.name, path))
            continue
        # What is no file is listed too: it is named where it is read.
        inside = [p for p in sorted(path.rglob("*")) if _is_midi(p.relative_to(path)) and not p.is_dir()]
        if out.resolve() != path.resolve():
            inside = [p for p in inside if not p.resolve().is_relative_to(out.resolve())]
        if not inside:
            raise FileError(f"{path} holds no MIDI files ({', '.join(ENDINGS[:-1])} or {ENDINGS[-1]})")
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
    existing = [path for path in paths if _is_there(path)]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise FileError(f"{existing[0]}{more} would be overwritten: choose another --out, or add --force")


def _is_there(path: Path) -> bool:
    with suppress(OSError):  # a name that is too long is told when it is written
        return path.exists()
    return False


def without_outputs(jobs: Sequence[Job], places: Callable[[Job], Sequence[Path]]) -> list[Job]:
    """Leave out the jobs whose files are clips of others among them: in a folder that is written to, these are no sources."""
    made = {path.resolve() for job in jobs for path in places(job)}
    return [job for job in jobs if not any(path.resolve() in made for _, path in job.files)]


def earlier_seed(jobs: Sequence[Job], out: Path, asked: Record) -> int | None:
    """Find the seed of the run that is to go on; None where it left no record."""
    return find_seed((record_path(out, job, asked.verb) for job in jobs), asked)


def was_done(engine: Engine, out: Path, asked: Record) -> Callable[[Job, Sequence[str]], bool]:
    """Give what tells whether an earlier run finished a job: its record, written last, is of this request and these files."""

    def is_done(job: Job, hashes: Sequence[str]) -> bool:
        place = record_path(out, job, asked.verb)
        try:
            record = read_record(place)
            check_models(record, models_used(engine, [used.name for used in record.models]))
        except ValueError:
            return False
        return is_same(record, asked, hashes) and all((place.parent / output.name).is_file() for output in record.outputs)

    return is_done


def run(
    engine: Engine, request: Request, jobs: Sequence[Job], *, progress: Progress, care: Care = Care()
) -> Iterator[tuple[Job, Made | Failed | Done]]:
    """Run jobs, several at a time, each as it would come out alone; a job that fails does not stop the others."""
    first = held = 0
    group: list[tuple[Job, Sequence[bytes] | Failed | Done]] = []

    def told(fraction: float) -> None:
        care.watch.progressed()
        progress((first + fraction * len(group)) / len(jobs))

    for job in jobs:
        contents = _read_job(job, care)
        size = 0 if isinstance(contents, Failed | Done) else sum(map(len, contents))
        if group and (len(group) == GROUP or held + size > GROUP_BYTES):
            yield from _run_group(engine, request, group, care, told)
            first, held, group = first + len(group), 0, []
        group.append((job, contents))
        held += size
    yield from _run_group(engine, request, group, care, told)


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
    """List what was said of some clips, or of none in particular; clip by clip, whatever was run beside them."""
    said = [(-1 if r.clip is None else r.clip, r.text) for r in answer.remarks if r.clip is None or r.clip in mine]
    return list(dict.fromkeys(text for _, text in sorted(said, key=lambda one: one[0])))


def open_file(name: str, content: bytes, request: Request, track: str | None, path: Path = Path()) -> Opened:
    """Read a file and choose the parts of it to work on: `track`, the only one, or those that a model covers."""
    song = from_bytes(content, name=name)
    said = tuple(f"{name} {remark}" for remark in song.remarks)
    if track is not None or len(song.parts) == 1:
        try:
            return Opened(name, content, song, (find_part(song, track),), said, path)
        except MidiError as error:
            raise MidiError(f"{name} {error}") from error
    covered = [i for i, part in enumerate(song.parts) if _is_covered(part, request)]
    if not covered:
        raise FileError(f"{name} has no part that a model covers: {list_parts(song)}; choose one with --track")
    chosen = covered[:1] if is_together(request) else covered
    copied = sorted(set(range(len(song.parts))) - set(chosen))
    used = f"{name}: used {list_parts(song, chosen)}"
    used += f"; copied through {list_parts(song, copied)}" if copied else ""
    return Opened(name, content, song, tuple(chosen), (*said, used), path)


def save(
    made: Made, paths: Sequence[Path], record: Path, *, engine: Engine, settings: Record, embed: bool = False
) -> list[Path]:
    """Write clips and their record, which is `settings` completed; returns the paths of the clips."""
    # Fewer clips than planned were made where no more exist.
    written = list(paths[: len(made.clips)])
    whole = {
        "sources": tuple(SourceFile.of(source.name, source.content, source.path, embed=embed) for source in made.sources),
        "models": models_used(engine, made.models),
        "info": made.info,
        "outputs": outputs([_recordable(path.name) for path in written], made.clips),
    }
    text = record_bytes(settings.model_copy(update=whole))
    write_together([*zip(written, made.clips, strict=True), (record, text)])
    return written


def _recordable(name: str) -> str:
    """Write a file name that is no Unicode as one that JSON can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def write_together(contents: Sequence[tuple[Path, bytes]]) -> None:
    """Write files whole or not at all, the last one last: where it is there, and new, all are."""
    temporary = [path.parent / f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part" for path, _ in contents]
    path = Path()
    try:
        # A temporary name follows from the final one, so that a run that goes on leaves none of one that was killed.
        for (path, content), part in zip(contents, temporary, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
        if len(contents) > 1:
            path.unlink(missing_ok=True)  # an older one must not speak for new files
        for (path, _), part in zip(contents, temporary, strict=True):
            part.replace(path)
    except OSError as error:
        raise WriteError(path, error) from error
    finally:
        for part in temporary:
            with suppress(OSError):
                part.unlink(missing_ok=True)


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
    sources = [open_file(source.name, _source_content(source), request, record.track) for source in record.sources]
    return list(make(engine, request, sources, progress)[0].clips)


def start_engine(device: str) -> tuple[Engine, str]:
    """Make an engine, and name the device it runs on."""
    found = find_device(device)
    return Engine(device=found, batch_size=BATCH), found


def models_used(engine: Engine, names: Sequence[str]) -> tuple[ModelUsed, ...]:
    """Look up the weights behind names; a morph has none."""
    models = {name: engine.model(name) for name in names if name != MORPH}
    return tuple(ModelUsed(name=name, weights_sha256=model.card.weights_sha256) for name, model in models.items())


def _source_content(source: SourceFile) -> bytes:
    """Give the bytes of a source: those in the record, or those of the file where it was if they are the same."""
    if source.content is not None:
        return source.content
    path = Path(source.path or "")
    try:
        content = read_file(path)
    except MidiError as error:
        raise RecordError(f"{error}; the clips were made from it, and with --embed it would be in the record") from error
    if sha256(content) != source.sha256:
        raise RecordError(f"{path} has changed since the clips were made from it: they cannot be made again")
    return content


def _read_job(job: Job, care: Care) -> Sequence[bytes] | Failed | Done:
    """Read the files of a job, where there is still something to make of them."""
    try:
        contents = [_read_in_time(path, care.watch) for _, path in job.files]
        return Done() if care.is_done(job, [sha256(content) for content in contents]) else contents
    except Exception as error:  # whatever is wrong with this file, the others are not to suffer
        return Failed(_describe(error, _names(job), care.watch))


def _run_group(
    engine: Engine,
    request: Request,
    group: Sequence[tuple[Job, Sequence[bytes] | Failed | Done]],
    care: Care,
    progress: Progress,
) -> Iterator[tuple[Job, Made | Failed | Done]]:
    opened = [
        contents if isinstance(contents, Failed | Done) else _open_job(job, contents, request, care) for job, contents in group
    ]
    whole = [files for files in opened if isinstance(files, tuple)]
    results = iter(_make_all(engine, request, whole, care.watch, progress))
    for (job, _), files in zip(group, opened, strict=True):
        yield job, next(results) if isinstance(files, tuple) else files


def _open_job(job: Job, contents: Sequence[bytes], request: Request, care: Care) -> tuple[Opened, ...] | Failed:
    opened: list[Opened] = []
    try:
        for (name, path), content in zip(job.files, contents, strict=True):
            care.watch.progressed()
            with pausing(care.watch.check):
                opened.append(open_file(name, content, request, care.track, path))
    except ModelError:
        raise  # no job of them all can do without
    except Exception as error:  # as in reading
        return Failed(_describe(error, _names(job), care.watch))
    return tuple(opened)


def _names(job: Job) -> str:
    return ", ".join(name for name, _ in job.files)


def _make_all(
    engine: Engine, request: Request, jobs: Sequence[tuple[Opened, ...]], watch: Watch, progress: Progress
) -> Sequence[Made | Failed]:
    if not jobs:
        return []
    try:
        watch.progressed()
        with pausing(watch.check):
            return make(engine, request, [source for job in jobs for source in job], progress)
    except ModelError:
        raise  # no job of them all can do without
    except Exception as error:  # one job's own, and which one shows when they run one by one
        if len(jobs) == 1:
            return [Failed(_describe(error, ", ".join(source.name for source in jobs[0]), watch))]
        return [result for job in jobs for result in _make_all(engine, request, [job], watch, progress)]


def _describe(error: Exception, names: str, watch: Watch) -> str:
    """Say in one sentence what kept a job from being done."""
    if isinstance(error, NoProgress):
        return watch.describe(names)
    if isinstance(error, ValueError):
        return f"{names}: {error}" if names and names not in str(error) else str(error)
    if isinstance(error, MemoryError):
        return f"{names}: needs more memory than there is".removeprefix(": ")
    log.debug("%s: a defect", names, exc_info=error)
    about = " ".join(f"{type(error).__name__} {error}".split())
    return f"{names}: a defect of the program kept it from being done ({about}); please report it".removeprefix(": ")


def _read_in_time(path: Path, watch: Watch) -> bytes:
    """Read a file, on a thread of its own: a disk that does not answer cannot be told to stop, but need not be waited for."""
    if not watch.seconds:
        return read_file(path)
    results: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            results.put(read_file(path))
        except Exception as error:
            results.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        result = results.get(timeout=watch.seconds)
    except queue.Empty:
        raise NoProgress from None
    if isinstance(result, Exception):
        raise result
    return result


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
