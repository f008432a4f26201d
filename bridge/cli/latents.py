"""The commands that turn a clip into points of a model's latent space, for other tools to move, and points into clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.common import FORCE, JSON, OUT, TRACK, Report, tell
from bridge.requests import Reconstruct

KIND = typer.Option(metavar="drums|notes", help=Reconstruct.model_fields["kind"].description)
MODEL = typer.Option(metavar="NAME", help=Reconstruct.model_fields["model"].description)
DRUM_MAP = typer.Option(metavar="NAME", help=Reconstruct.model_fields["drum_map"].description)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(encode)
    app.command()(decode)


def encode(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="a MIDI file; - reads it from stdin")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.npz", help="the file to write; - writes to stdout")],
    model: Annotated[str, MODEL] = "auto",
    kind: Annotated[str | None, KIND] = None,
    drum_map: Annotated[str, DRUM_MAP] = "gm",
    track: Annotated[str | None, TRACK] = None,
    force: Annotated[bool, FORCE] = False,
) -> None:
    """Write where a clip lies in a model's latent space, as a file that numpy reads."""
    from bridge import file_context, file_jobs, files, latent_file, pipes, watch, writing
    from bridge.validation import STAND_IN
    from models.plain_file import shown

    if clip.is_dir():
        raise file_jobs.FileError(f"{clip} is a folder; encode takes one file")
    if pipes.is_pipe(out):
        pipes.check_output()
    elif not force:
        file_jobs.refuse_existing([out])
    request = Reconstruct.model_validate({"clips": (STAND_IN,), "model": model, "kind": kind, "drum_map": drum_map})
    engine, _ = files.start_engine("cpu")
    name = shown(pipes.name_of(clip))
    content = watch.read_in_time(clip, watch.Watch())
    opened = files.open_file(name, content, request, file_context.Reading(track=track), clip)
    part, route = opened.parts[0], opened.routes[0]
    request = request.model_copy(update={"clips": (opened.song.parts[part].clip,)})
    (points,) = engine.encode(request, families=[route.family])
    if len(opened.song.parts) > 1:
        tell(f"{name}: part {part + 1} is encoded, for {points.model}; --track takes another")
    written = latent_file.to_npz(points)
    if pipes.is_pipe(out):
        pipes.write_output(written)
        return
    writing.write_together([(out, written)])
    typer.echo(out)


def decode(
    points: Annotated[Path, typer.Argument(metavar="FILE.npz", help="what encode wrote; - reads it from stdin")],
    out: Annotated[Path, OUT],
    force: Annotated[bool, FORCE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write the clips that lie at points of a model's latent space."""
    from bridge import file_jobs, files, latent_file, pipes, writing
    from models.music.midi import to_bytes
    from models.plain_file import PlainFileError, read_plain_file, shown

    name, most = shown(pipes.name_of(points)), latent_file.MOST_BYTES
    try:
        content = pipes.read_input(most) if pipes.is_pipe(points) else read_plain_file(points, most)
    except PlainFileError as error:
        raise latent_file.LatentFileError(f"{name} {error}") from error
    found = latent_file.from_npz(content, name)
    stem = Path(name).stem
    digits = max(2, len(str(len(found))))
    paths = [out / f"{stem}_decode_{number:0{digits}}.mid" for number in range(1, len(found) + 1)]
    if pipes.is_pipe(out):
        if len(found) > 1:
            raise pipes.PipeError(f"--out - takes one clip; {name} holds the points of {len(found)}: give a folder")
        pipes.check_output()
    elif not force:
        file_jobs.refuse_existing(paths)
    engine, _ = files.start_engine("cpu")
    contents = [to_bytes(engine.decode(one)) for one in found]
    if pipes.is_pipe(out):
        pipes.write_output(contents[0])
        return
    report = Report(models=[found[0].model])
    for path, made in zip(paths, contents, strict=True):
        writing.write_together([(path, made)])
        report.clips.append(str(path))
    report.close(as_json=as_json, verb="decode")
