"""The commands that make music: one for each verb of `bridge.requests.VERBS`, its fields as options, and `recall`."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bridge.cli.common import (
    CONTEXT,
    DEVICE,
    DRY_RUN,
    EMBED,
    FILE_TIMEOUT,
    FORCE,
    JSON,
    OUT,
    SHARD,
    SKIP_EXISTING,
    TRACK,
    Device,
    Report,
    read_shard,
    show_progress,
    tell,
    tell_when_stopped,
)
from bridge.cli.options import draft, parameters
from bridge.requests import VERBS, ClipsRequest, Request
from bridge.validation import clip_counts

if TYPE_CHECKING:
    from bridge import file_jobs, files

KIND = "kind"  # the field of a request that says what its clips are
LIKE = "like"  # the one that says that its last clip is another, here a file


def add_to(app: typer.Typer) -> None:
    """Add the commands; a verb that joins the table is here at once."""
    for verb, kind in VERBS.items():
        app.command(verb)(_music_command(verb, kind))
    app.command()(recall)


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a music verb works, beside what it is asked."""

    out: Annotated[Path, OUT]
    track: Annotated[str | None, TRACK] = None
    context: Annotated[str, CONTEXT] = "auto"
    force: Annotated[bool, FORCE] = False
    skip_existing: Annotated[bool, SKIP_EXISTING] = False
    shard: Annotated[str | None, SHARD] = None
    dry_run: Annotated[bool, DRY_RUN] = False
    file_timeout: Annotated[float, FILE_TIMEOUT] = 60.0
    embed: Annotated[bool, EMBED] = False
    json: Annotated[bool, JSON] = False
    device: Annotated[Device, DEVICE] = "auto"


def _music_command(verb: str, kind: type[Request]) -> Callable[..., None]:
    """Make the command of a verb: the fields of its request and those of `Making` are its options."""
    making = dict(inspect.signature(Making, eval_str=True).parameters)
    if not issubclass(kind, ClipsRequest):
        for name in ("track", "file_timeout", "embed"):  # about files that are read
            del making[name]
    if not issubclass(kind, ClipsRequest) or clip_counts(kind)[1] is not None:  # folders are no ends and no corners
        del making["shard"]
    options = parameters(kind)
    if issubclass(kind, ClipsRequest):
        options = [_of_parts(option) if option.name == KIND else option for option in options]

    options = [_of_file(option) if option.name == LIKE else option for option in options]

    def command(**values: Any) -> None:  # noqa: ANN401 - typer has made them what `Making` says
        how = Making(**{name: values[name] for name in making})
        like = values.pop(LIKE, None)
        kinds_told = values[KIND] if issubclass(kind, ClipsRequest) and ":" in (values[KIND] or "") else None
        if kinds_told:
            values[KIND] = None
        _make(verb, *draft(kind, values), how, kinds_told, like)

    command.__doc__ = kind.__doc__
    command.__signature__ = inspect.Signature([*options, *making.values()])  # type: ignore[attr-defined]
    return command


def _of_parts(option: inspect.Parameter) -> inspect.Parameter:
    """Say of the option for the kind of clips that parts of files can have kinds of their own."""
    kind, info = get_args(option.annotation)
    told = typer.Option(
        *info.param_decls, help=f"{info.help}; for some parts of a file, as in 2:drums,bass:notes", metavar=info.metavar
    )
    return option.replace(annotation=Annotated[kind, told])


def _of_file(option: inspect.Parameter) -> inspect.Parameter:
    """Let a file be named where a request has one more clip."""
    told = typer.Option(help="a MIDI file with whose feel the clips are played, that of its drums", metavar="CLIP")
    return option.replace(annotation=Annotated[Path | None, told], default=None)


def _make(verb: str, request: Request, paths: Sequence[Path], how: Making, kinds_told: str | None, like: Path | None) -> None:
    from bridge import file_context, file_jobs, files, pipes, watch, writing

    labels, to_pipe = request.labels, pipes.is_pipe(how.out)
    if not labels:
        raise typer.BadParameter("0 clips a side are none to write: 2 to 16", param_hint="'--grid'")
    if how.force and how.skip_existing:
        raise typer.BadParameter("--force makes all anew, so there is nothing to skip", param_hint="'--skip-existing'")
    if to_pipe and (how.skip_existing or how.json):
        raise typer.BadParameter("with --out - the clip itself goes to stdout, and nothing else", param_hint="'--out'")

    shard = read_shard(how.shard)

    def places(job: file_jobs.Job) -> list[Path]:
        return [how.out] if to_pipe else [file_jobs.clip_path(how.out, job, verb, label) for label in labels]

    everything = file_jobs.plan(verb, request, paths, how.out)
    if (how.skip_existing or shard) and not to_pipe:
        everything = file_jobs.without_outputs(everything, places)
    jobs = [job for job in everything if shard is None or shard.has(job.names)]
    if to_pipe:
        file_jobs.only_one(verb, jobs, labels)
        if not how.dry_run:
            pipes.check_output()
    elif not how.force and not how.skip_existing:
        file_jobs.refuse_existing([path for job in jobs for path in (*places(job), file_jobs.record_path(how.out, job, verb))])
    try:
        kinds = file_context.read_kinds(kinds_told) if kinds_told else ()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--kind'") from error
    reading = file_context.read_context(how.context, track=how.track, kinds=kinds)
    if like is not None:
        reading = replace(reading, like=file_context.read_like(like))
    engine, device = files.start_engine(how.device)
    report = Report()
    if shard:
        report.say(f"{len(jobs)} of {len(everything)} files are of part {shard.number} of {shard.of}")
    if how.skip_existing and request.seed is None:
        asked = files.settings(verb, request, reading=reading, device=device)
        if (seed := files.earlier_seed(everything, how.out, asked)) is not None:
            request = request.model_copy(update={"seed": seed})
            report.say(f"the seed is that of the run that goes on: {seed}")
    if shard and request.seed is None and not how.dry_run:
        raise typer.BadParameter("the parts of a run have one seed: give each of them the same", param_hint="'--seed'")
    is_drawn = request.seed is None and not how.dry_run
    if is_drawn:
        request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
    settings = files.settings(verb, request, reading=reading, device=device, embed=how.embed)
    care = files.Care(reading, watch.Watch(how.file_timeout))
    if how.skip_existing:
        care = replace(care, is_done=files.was_done(engine, how.out, settings))
    if how.dry_run:
        _look(verb, request, jobs, care, report, places)
        report.close(as_json=how.json, verb=verb, seed=request.seed, device=device, context=reading.context, dry_run=True)
    with tell_when_stopped(report), show_progress(verb) as progress:
        care = replace(care, say_now=progress.name)
        for job, made in files.run(engine, request, jobs, progress=progress, care=care):
            record = file_jobs.record_path(how.out, job, verb)
            if isinstance(made, files.Done):
                report.skipped.append(str(record))
                continue
            if isinstance(made, files.Failed):
                report.fail(made.reason)
                continue
            try:
                if to_pipe:
                    pipes.write_output(made.clips[0])
                    written = []
                else:
                    written = files.save(made, places(job), record, engine=engine, settings=settings, embed=how.embed)
                    report.records.append(str(record))
            except writing.WriteError as error:
                report.fail(str(error))
                if error.is_final:
                    if job is not jobs[-1]:
                        tell("stopped; --skip-existing goes on from here")
                    break
                continue
            report.clips += map(str, written)
            if is_drawn and len(report.records) + to_pipe == 1:
                tell(f"no seed was given; --seed {request.seed} makes the same again")
            report.models = list(dict.fromkeys([*report.models, *made.models]))
            report.parts += [part.model_dump() for part in made.parts]
            report.keys += [key.model_dump() for key in made.keys]
            for line in made.info:
                report.say(line)
    if report.skipped:
        report.say(f"{len(report.skipped)} of {len(jobs)} were made before, and are left as they are")
    report.close(as_json=how.json, verb=verb, seed=request.seed, device=device, context=reading.context)


def _look(
    verb: str,
    request: Request,
    jobs: Sequence[file_jobs.Job],
    care: files.Care,
    report: Report,
    places: Callable[[file_jobs.Job], Sequence[Path]],
) -> None:
    """Say what would be made."""
    from bridge import files

    for job, found in files.look(request, jobs, care):
        if isinstance(found, files.Done):
            report.skipped.append(job.names)
            continue
        if isinstance(found, files.Failed):
            report.fail(found.reason)
            continue
        report.clips += map(str, places(job))
        parts = files.parts_to_use(request, found)
        report.parts += [part.model_dump() for part in parts]
        report.models = list(dict.fromkeys([*report.models, *(part.model for part in parts)]))
        for line in (line for source in found for line in source.info):
            report.say(line)
    if report.skipped:
        report.say(f"{len(report.skipped)} of {len(jobs)} were made before, and would be left as they are")
    clips = "1 clip" if len(report.clips) == 1 else f"{len(report.clips)} clips at most"
    report.say(f"nothing was made: {verb} would write {clips}")


def recall(
    record: Annotated[Path, typer.Argument(metavar="FILE.json", help="the record that lies beside the clips")],
    out: Annotated[Path, OUT],
    force: Annotated[bool, FORCE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make the clips of a record again, byte for byte: on the CPU, with the same weights and versions."""
    from bridge import devices, file_jobs, files, provenance, writing

    told = provenance.read_record(record)
    paths = [out / output.name for output in told.outputs]
    if not force:
        file_jobs.refuse_existing(paths)
    report = Report()
    engine, device = files.start_engine(told.device if told.device in devices.devices() else "cpu", provenance.runtime_of(told))
    for line in provenance.differences(told, device):
        report.say(line)
    with tell_when_stopped(report), show_progress("recall") as progress:
        contents = files.make_again(engine, told, progress)
    for path, content in zip(paths, contents, strict=False):
        writing.write_together([(path, content)])
        report.clips.append(str(path))
    different = provenance.compare(told, contents)
    if different:
        report.fail(f"{len(different)} of {len(paths)} clips are not what {record} tells: {', '.join(different)}")
    else:
        report.say(f"{len(paths)} of {len(paths)} clips are the same, byte for byte")
    report.close(as_json=as_json, verb="recall", of=told.verb, same=not different, device=device)
