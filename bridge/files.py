"""MIDI files in, MIDI files out: the runs between, one job as it would come out alone. No options, no terminal."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bridge.devices import find_device
from bridge.engine import MORPH, Answer, Engine, feel_name
from bridge.file_context import AS_FILES_ARE, NONE, Reading, like_of, read_kinds, with_file
from bridge.file_jobs import FileError, Job, is_together, record_path
from bridge.pipes import is_pipe
from bridge.provenance import (
    KeyOfPart,
    ModelUsed,
    PartOfFile,
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
from bridge.requests import VERBS, Change, ClipsRequest, Drumify, Groove, Interpolate, Request
from bridge.validation import STAND_IN
from bridge.watch import NoProgress, Watch, read_in_time
from bridge.writing import write_together
from models.editing.batching import FIXED_ROWS, Progress
from models.editing.others import Other
from models.families.registry import FAMILIES, find_family, kinds
from models.families.routing import Route, default_family
from models.music.clip import Clip
from models.music.midi import MidiError, Song, add_part, find_parts, from_bytes, list_parts, replace_parts, shortened, to_bytes
from models.music.midi_file import read_file, unwrap
from models.pause import pausing
from models.store import ModelError, find_model, load_model, read_card

ROUTES_SHOWN = 16  # reasons that a sentence holds
DRUM_PART = "Drums"  # what a part is called that drumify adds
GROUP = 16  # files that are run together
GROUP_BYTES = 2**20  # of all of them, so that large files do not add up in memory

log = logging.getLogger("bridge")


@dataclass(frozen=True)
class Opened:
    """A MIDI file, and the parts of it that are worked on, by index."""

    name: str
    content: bytes
    song: Song
    parts: tuple[int, ...]
    routes: tuple[Route, ...]  # what each of these parts is, and why
    families: tuple[str, ...] = ()  # what each part of the song is, whether it is worked on or not
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

    def with_drums(self, clip: Clip) -> bytes:
        """Give the file with a drum part that was made for its part: in place of one that was tapped, beside any other."""
        (index,) = self.parts
        if not find_family(self.routes[0].family).is_pitched:
            return self.with_clips([clip])
        return to_bytes(add_part(self.song, replace(clip, name=DRUM_PART), index))


@dataclass(frozen=True)
class Made:
    """The files that a job made, in order, as bytes."""

    sources: tuple[Opened, ...]
    clips: tuple[bytes, ...]
    models: tuple[str, ...]  # the names that find them
    info: tuple[str, ...]
    parts: tuple[PartOfFile, ...] = ()
    keys: tuple[KeyOfPart, ...] = ()


@dataclass(frozen=True)
class Failed:
    """Why there is nothing, in one sentence."""

    reason: str


@dataclass(frozen=True)
class Done:
    """An earlier run made all there is to make."""


@dataclass(frozen=True)
class Care:
    """How files are run: how they are read, how long each may take without progress, and which have been made before.

    `say_now` is told the names of the files that are worked on.
    """

    reading: Reading = field(default_factory=Reading)
    watch: Watch = field(default_factory=Watch)
    say_now: Callable[[str], None] = lambda names: None
    is_done: Callable[[Job, Sequence[str]], bool] = lambda job, hashes: False  # a job, and the hashes of its files


def earlier_seed(jobs: Sequence[Job], out: Path, asked: Record) -> int | None:
    """Find the seed of the run that is to go on; None where it left no record."""
    return find_seed((record_path(out, job, asked.verb) for job in jobs), asked)


def was_done(engine: Engine, out: Path, asked: Record) -> Callable[[Job, Sequence[str]], bool]:
    """Give what tells whether an earlier run finished a job: its record, written last, is of this request and these files."""

    def is_done(job: Job, hashes: Sequence[str]) -> bool:
        place = record_path(out, job, asked.verb)
        try:
            record = read_record(place)
            check_models(record, models_used(engine, record.verb, [used.name for used in record.models]))
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
        care.say_now(job.names)
        contents = _read_job(job, care)
        size = 0 if isinstance(contents, Failed | Done) else sum(map(len, contents))
        if group and (len(group) == GROUP or held + size > GROUP_BYTES):
            yield from _run_group(engine, request, group, care, told)
            first, held, group = first + len(group), 0, []
        group.append((job, contents))
        held += size
    yield from _run_group(engine, request, group, care, told)


def look(request: Request, jobs: Sequence[Job], care: Care) -> Iterator[tuple[Job, tuple[Opened, ...] | Failed | Done]]:
    """Read the files of jobs and choose their parts, as `run` does, and make nothing of them."""
    if request.model != "auto" and not isinstance(request, Groove):
        find_model(request.model)
    for job in jobs:
        contents = _read_job(job, care)
        yield job, contents if isinstance(contents, Failed | Done) else _open_job(job, contents, request, care)


def parts_to_use(request: Request, sources: Sequence[Opened]) -> tuple[PartOfFile, ...]:
    """Name the parts that would be worked on, and the model that would do it."""
    routes = [route for source in sources for route in source.routes]
    models = [request.model if request.model != "auto" else default_family(request.kind) for _ in routes]
    if request.model == "auto" and request.kind is None and not isinstance(request, Drumify):
        models = [route.family for route in routes]
    if isinstance(request, Groove):
        models = [feel_name(request.model)] * len(routes)
    is_morph = isinstance(request, Interpolate) and (request.path == MORPH or len(set(models)) > 1)
    return _parts_used(request, sources, [MORPH] * len(models) if is_morph else models)


def make(
    engine: Engine, request: Request, sources: Sequence[Opened], progress: Progress, reading: Reading = AS_FILES_ARE
) -> list[Made]:
    """Run one request on files: one result for all of them where they belong together, else one for each."""
    others = _others(request, sources, reading)
    if not isinstance(request, ClipsRequest):
        answer = engine.run(request, progress, others=others)
        return [Made((), tuple(map(to_bytes, answer.clips)), answer.models, answer.info, keys=_keys_of([("", 0)], answer))]
    clips = [clip for source in sources for clip in source.clips]
    families = [route.family for source in sources for route in source.routes]
    asked = request.model_copy(update={"clips": tuple(clips)})
    if reading.like is not None:
        asked = asked.model_copy(update={"clips": (*clips, reading.like.clip), "like": True})
        families.append(reading.like.family)
    answer = engine.run(asked, progress, families=families, others=others)
    used = _parts_used(request, sources, answer.models[: len(clips)])
    keys = _keys_of([(part.file, part.number) for part in used], answer)
    if is_together(request):
        # A clip that is a corner goes back into its own file; all else goes into A's, whose meter it has.
        homes = [next((i for i, corner in enumerate(clips) if clip == corner), 0) for clip in answer.clips]
        files = [sources[i].with_clips([clip]) for i, clip in zip(homes, answer.clips, strict=True)]
        said = (*(line for source in sources for line in source.info), *answer.info)
        return [Made(tuple(sources), tuple(files), tuple(dict.fromkeys(answer.models)), said, used, keys)]
    variations: dict[int, list[Clip]] = defaultdict(list)
    for clip, index in zip(answer.clips, answer.sources, strict=True):
        variations[index].append(clip)
    made = []
    first = 0
    for source in sources:
        mine = range(first, first + len(source.parts))
        first = mine.stop
        if isinstance(request, Drumify):
            files = [source.with_drums(clip) for clip in variations[mine.start]]
        else:
            files = _versions(source, [variations[i] for i in mine])
        fewer = [clips[i].name for i in mine if len(variations[i]) < len(files)]
        remarks = [*source.info, *_remarks_about(answer, mine)]
        remarks += [f"“{name}” has fewer variations than the other parts, so they come round again" for name in fewer]
        models = dict.fromkeys(answer.models[i] for i in mine)
        parts = used[mine.start : mine.stop]
        its = _keys_of([(part.file, part.number) for part in parts], answer, mine.start)
        made.append(Made((source,), tuple(files), tuple(models), tuple(remarks), parts, its))
    return made


def _others(request: Request, sources: Sequence[Opened], reading: Reading) -> list[list[Other]]:
    """List what sounds with each part; where files make one thing, it goes into the first, whose other parts sound with it."""
    if not sources:
        return [reading.others_alone()]
    parts = [(source, i) for source in sources for i in source.parts]
    found = [reading.others(source.song, source.families, i) for source, i in (parts[:1] if is_together(request) else parts)]
    if is_together(request):
        first, *rest = (source.song.parts[i].clip.start for source, i in parts)
        found += [[other.moved(start - first) for other in found[0]] for start in rest]
    return found


def _parts_used(request: Request, sources: Sequence[Opened], models: Sequence[str]) -> tuple[PartOfFile, ...]:
    """Name the model of each part, and why it was taken."""
    is_chosen = request.model != "auto" or request.kind is not None
    parts = [(source, i, route) for source in sources for i, route in zip(source.parts, source.routes, strict=True)]
    used = []
    for (source, i, route), model in zip(parts, models, strict=True):
        part, why = source.song.parts[i], route.reason
        why = "no one model covers the clips" if model == MORPH else "it was asked for" if is_chosen else why
        why = "drumify makes drums" if isinstance(request, Drumify) else why
        used.append(PartOfFile(file=source.name, number=i + 1, name=part.name, channel=part.channel, model=model, why=why))
    return tuple(used)


def _keys_of(parts: Sequence[tuple[str, int]], answer: Answer, first: int = 0) -> tuple[KeyOfPart, ...]:
    """List the keys of parts, given by file and number, that are the clips of an answer from `first` on."""
    return tuple(
        KeyOfPart(file=file, number=number, beat=key.start, key=key.key.name, is_clear=key.is_clear, notes=key.notes)
        for (file, number), keys in zip(parts, answer.keys[first:], strict=False)
        for key in keys
    )


def _remarks_about(answer: Answer, mine: range) -> list[str]:
    """List what was said of some clips, or of none in particular; clip by clip, whatever was run beside them."""
    said = [(-1 if r.clip is None else r.clip, r.text) for r in answer.remarks if r.clip is None or r.clip in mine]
    return list(dict.fromkeys(text for _, text in sorted(said, key=lambda one: one[0])))


def open_file(name: str, content: bytes, request: Request, reading: Reading = AS_FILES_ARE, path: Path = Path()) -> Opened:
    """Read a file and choose the parts of it to work on: those asked for, the only one, or those that a model covers."""
    song = from_bytes(content, name=name)
    said = tuple(f"{name} {remark}" for remark in song.remarks)
    try:
        routes, told = reading.routes(song), reading.told_parts(song)
        asked = find_parts(song, reading.track) if reading.track is not None or len(song.parts) == 1 else None
    except MidiError as error:
        raise MidiError(f"{name} {error}") from error
    if asked is not None:
        chosen = asked
        if len(chosen) > 1 and is_together(request):
            raise FileError(f"{name}: of each file one part is taken, not {len(chosen)}; choose it with --track")
    else:
        covered = [
            i for i, part in enumerate(song.parts) if part.clip.notes and (i in told or _is_of_model(routes[i].family, request))
        ]
        if not covered:
            raise FileError(f"{name} has no part that a model covers: {list_parts(song)}; choose one with --track")
        chosen = covered[:1] if is_together(request) else covered
        copied = sorted(set(range(len(song.parts))) - set(chosen))
        used = f"{name}: used {list_parts(song, chosen)}"
        used += f"; copied through {list_parts(song, copied)}" if copied else ""
        said = (*said, used)
    if isinstance(request, Drumify) and len(chosen) > 1:
        raise FileError(f"{name} has several parts: {list_parts(song)}; choose the one that the drums follow with --track")
    taken = tuple(routes[i] for i in chosen)
    if len(song.parts) > 1 and request.model == "auto" and request.kind is None and not isinstance(request, Drumify):
        said = (*said, f"{name}: {_list_routes(song, chosen, taken)}")
    return Opened(name, content, song, tuple(chosen), taken, tuple(route.family for route in routes), said, path)


def _list_routes(song: Song, parts: Sequence[int], routes: Sequence[Route]) -> str:
    """Say which model each part goes to and why, those of one model together, the first of very many."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, route in zip(parts, routes, strict=True):
        groups[route.family, route.reason].append(i + 1)
    listed = [f"{', '.join(map(str, its))} to {family} ({shortened(why)})" for (family, why), its in groups.items()]
    return "; ".join(
        [*listed[:ROUTES_SHOWN], *([f"and {len(listed) - ROUTES_SHOWN} more"] if len(listed) > ROUTES_SHOWN else [])]
    )


def save(
    made: Made, paths: Sequence[Path], record: Path, *, engine: Engine, settings: Record, embed: bool = False
) -> list[Path]:
    """Write clips and their record, which is `settings` completed; returns the paths of the clips."""
    # Fewer clips than planned were made where no more exist.
    written = list(paths[: len(made.clips)])
    whole = {
        "sources": tuple(
            SourceFile.of(source.name, source.content, source.path, embed=embed or is_pipe(source.path))
            for source in made.sources
        ),
        "parts": made.parts,
        "models": models_used(engine, settings.verb, made.models),
        "info": made.info,
        "keys": made.keys,
        "outputs": outputs([_recordable(path.name) for path in written], made.clips),
    }
    text = record_bytes(settings.model_copy(update=whole))
    write_together([*zip(written, made.clips, strict=True), (record, text)])
    return written


def _recordable(name: str) -> str:
    """Write a file name that is no Unicode as one that JSON can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def settings(verb: str, request: Request, *, reading: Reading, device: str, embed: bool = False) -> Record:
    """Begin a record with what all the jobs of a command share."""
    file, like = reading.file, reading.like
    return Record(
        verb=verb,
        request=request.model_dump(mode="json", exclude={"clips"}),
        track=reading.track,
        kinds=reading.kinds_told,
        context=reading.context,
        context_file=None if file is None else SourceFile.of(file.name, file.content, file.path, embed=embed),
        like_file=None if like is None else SourceFile.of(like.name, like.content, like.path, embed=embed),
        device=device,
        versions=versions(device),
    )


def make_again(engine: Engine, record: Record, progress: Progress) -> list[bytes]:
    """Make the clips of a record again; refuses where its models are not here."""
    kind = VERBS.get(record.verb)
    if kind is None:
        raise RecordError(f"the record is of {record.verb}, which is not one of: {', '.join(VERBS)}")
    check_models(record, models_used(engine, record.verb, [used.name for used in record.models]))
    asked = {**record.request, "clips": (STAND_IN,) * len(record.sources)} if record.sources else record.request
    if "fill" in kind.model_fields:  # records of before there were rests do not name it
        asked = {"fill": True, **asked}
    request = kind.model_validate(asked)
    reading = Reading(record.track, read_kinds(record.kinds) if record.kinds else (), record.context or NONE)
    if record.context_file is not None:
        reading = with_file(reading, record.context_file.name, _source_content(record.context_file))
    if record.like_file is not None:
        reading = replace(reading, like=like_of(record.like_file.name, _source_content(record.like_file)))
    sources = [open_file(source.name, _source_content(source), request, reading) for source in record.sources]
    return list(make(engine, request, sources, progress, reading)[0].clips)


def start_engine(device: str, runtime: str | None = None) -> tuple[Engine, str]:
    """Make an engine, and name the device it runs on; on a CPU, `runtime` computes, or what is best here."""
    found = find_device(device)
    return Engine(device=found, batch_size=FIXED_ROWS, load=partial(load_model, runtime=runtime)), found


def models_used(engine: Engine, verb: str, names: Sequence[str]) -> tuple[ModelUsed, ...]:
    """Look up the weights behind the names of models that a verb used; a morph has none."""
    some = [name for name in dict.fromkeys(names) if name != MORPH]
    return tuple(ModelUsed(name=name, weights_sha256=engine.weights_sha256(verb, name)) for name in some)


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
        contents = [read_in_time(path, care.watch) for _, path in job.files]
        return Done() if care.is_done(job, [sha256(content) for content in contents]) else contents
    except Exception as error:  # whatever is wrong with this file, the others are not to suffer
        return Failed(_describe(error, job.names, care.watch))


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
    if whole:
        first, *others = [source.name for files in whole for source in files] or [""]
        care.say_now(f"{first} and {len(others)} more" if others else first)
    results = iter(_make_all(engine, request, whole, care, progress))
    for (job, _), files in zip(group, opened, strict=True):
        yield job, next(results) if isinstance(files, tuple) else files


def _open_job(job: Job, contents: Sequence[bytes], request: Request, care: Care) -> tuple[Opened, ...] | Failed:
    opened: list[Opened] = []
    try:
        for (name, path), content in zip(job.files, contents, strict=True):
            care.watch.progressed()
            with pausing(care.watch.check):
                opened.append(open_file(name, content, request, care.reading, path))
    except ModelError:
        raise  # no job of them all can do without
    except Exception as error:  # as in reading
        return Failed(_describe(error, job.names, care.watch))
    return tuple(opened)


def _make_all(
    engine: Engine, request: Request, jobs: Sequence[tuple[Opened, ...]], care: Care, progress: Progress
) -> Sequence[Made | Failed]:
    if not jobs:
        return []
    try:
        care.watch.progressed()
        with pausing(care.watch.check):
            return make(engine, request, [source for job in jobs for source in job], progress, care.reading)
    except ModelError:
        raise  # no job of them all can do without
    except Exception as error:  # one job's own, and which one shows when they run one by one
        if len(jobs) == 1:
            return [Failed(_describe(error, ", ".join(source.name for source in jobs[0]), care.watch))]
        return [result for job in jobs for result in _make_all(engine, request, [job], care, progress)]


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


def _versions(source: Opened, parts: Sequence[Sequence[Clip]]) -> list[bytes]:
    """Put the variations of all parts together: as many files as the part with most has, the others in turn."""
    varied = [(index, clips) for index, clips in zip(source.parts, parts, strict=True) if clips]
    if not varied:
        raise FileError(f"no variation of {source.name} was found")
    kept = replace(source, parts=tuple(index for index, _ in varied))
    return [kept.with_clips([clips[k % len(clips)] for _, clips in varied]) for k in range(max(len(c) for _, c in varied))]


def _is_of_model(family: str, request: Request) -> bool:
    """Tell whether a part of several is music for the model, the kind or the voices asked for; for some model every part is."""
    if isinstance(request, Change) and request.only and not FAMILIES[family].lanes:
        return False
    asked = kinds()[request.kind] if request.kind else None
    if asked is None and request.model != "auto" and not isinstance(request, Groove):
        asked = read_card(find_model(request.model)).family
    return asked in (None, family)
