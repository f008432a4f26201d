"""The command line: what is typed becomes requests, and what comes of them is written and told. No music, no models here.

Every verb of `bridge.requests.VERBS` is a command with its fields as options; a verb that joins that table is here at once.
Nothing heavy is imported before a command runs, so that --help is there at once.
"""

from __future__ import annotations

import inspect
import json
import secrets
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from bridge.options import draft, parameters
from bridge.requests import VERBS, ClipsRequest, Request
from bridge.validation import sentence

PROGRAM = "latent-bridge"
STOPPED = 130  # the exit code of what Ctrl-C ended, as shells have it

OUT = typer.Option("--out", metavar="DIR", help="the folder to write to; made where it is missing")
TRACK = typer.Option(metavar="N", help="number or name of the part to work on, in files that have several")
FORCE = typer.Option("--force", help="write over files that exist")
JSON = typer.Option("--json", help="print one JSON object instead of the paths of the clips")
DEVICE = typer.Option("--device", metavar="auto|cpu|cuda|mps", help="where to compute; auto takes a GPU where there is one")
Device = Literal["auto", "cpu", "cuda", "mps"]

app = typer.Typer(
    name=PROGRAM,
    help="Continuous, exact variation of MIDI clips.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich takes as long to import as half of all the rest
    pretty_exceptions_enable=False,
)
service_app = typer.Typer(help="Start the server with the computer.", no_args_is_help=True, rich_markup_mode=None)
device_app = typer.Typer(help="The Max for Live device.", no_args_is_help=True, rich_markup_mode=None)
models_app = typer.Typer(help="List the models, or show one.", no_args_is_help=True, rich_markup_mode=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; whatever a user can cause ends in one sentence on stderr."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries warn of is for their developers
    try:
        app(arguments, prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        tell(f"{where}: {sentence(error)}" if where else sentence(error))
    except OSError as error:
        tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ValueError as error:
        tell(str(error))
    sys.exit(1)


def tell(text: str) -> None:
    """Say something on stderr."""
    typer.echo(f"{PROGRAM}: {text}", err=True)


@app.callback(invoke_without_command=True)
def _program(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        from bridge.provenance import version as version_of

        typer.echo(f"{PROGRAM} {version_of(PROGRAM)}")
        raise typer.Exit


# Making music


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a music verb works, beside what it is asked."""

    out: Annotated[Path, OUT]
    track: Annotated[str | None, TRACK] = None
    force: Annotated[bool, FORCE] = False
    json: Annotated[bool, JSON] = False
    device: Annotated[Device, DEVICE] = "auto"


@dataclass
class Report:
    """What a command has to tell: on stderr as it happens, and in the end the clips, or all of it as JSON, on stdout."""

    clips: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    info: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Tell what was done to make things fit, once."""
        if line not in self.info:
            self.info.append(line)
            tell(line)

    def fail(self, reason: str) -> None:
        """Tell what went wrong."""
        self.errors.append(reason)
        tell(reason)

    def close(self, *, as_json: bool, **more: object) -> None:
        """Print what was made, and leave with 1 where anything failed."""
        if as_json:
            typer.echo(json.dumps({**more, **vars(self)}, indent=2, ensure_ascii=False))
        elif self.clips:
            typer.echo("\n".join(self.clips))
        raise typer.Exit(1 if self.errors else 0)


def _music_command(verb: str, kind: type[Request]) -> Callable[..., None]:
    """Make the command of a verb: the fields of its request and those of `Making` are its options."""
    making = dict(inspect.signature(Making, eval_str=True).parameters)
    if not issubclass(kind, ClipsRequest):
        del making["track"]

    def command(**values: Any) -> None:  # noqa: ANN401 - typer has made them what `Making` says
        how = Making(**{name: values[name] for name in making})
        _make(verb, *draft(kind, values), how)

    command.__doc__ = kind.__doc__
    command.__signature__ = inspect.Signature([*parameters(kind), *making.values()])  # type: ignore[attr-defined]
    return command


for _verb, _kind in VERBS.items():
    app.command(_verb)(_music_command(_verb, _kind))


def _make(verb: str, request: Request, paths: Sequence[Path], how: Making) -> None:
    from bridge import batch

    labels = batch.labels(request)
    if not labels:
        raise typer.BadParameter("0 clips a side are none to write: 2 to 16", param_hint="'--grid'")
    jobs = batch.plan(verb, request, paths, how.out)
    places = {job: [batch.clip_path(how.out, job, verb, label) for label in labels] for job in jobs}
    if not how.force:
        batch.refuse_existing([path for job in jobs for path in (*places[job], batch.record_path(how.out, job, verb))])
    is_drawn = request.seed is None
    if is_drawn:
        request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
    report = Report()
    engine, device = batch.start_engine(how.device)
    settings = batch.settings(verb, request, track=how.track, device=device)
    with _stopping(report), _progress(verb) as progress:
        for job, made in batch.run(engine, request, jobs, track=how.track, progress=progress):
            if isinstance(made, batch.Failed):
                report.fail(made.reason)
                continue
            record = batch.record_path(how.out, job, verb)
            report.clips += map(str, batch.save(made, places[job], record, engine=engine, settings=settings))
            report.records.append(str(record))
            if is_drawn and len(report.records) == 1:
                tell(f"no seed was given; --seed {request.seed} makes the same again")
            report.models = list(dict.fromkeys([*report.models, *made.models]))
            for line in made.info:
                report.say(line)
    report.close(as_json=how.json, verb=verb, seed=request.seed, device=device)


@app.command()
def recall(
    record: Annotated[Path, typer.Argument(metavar="FILE.json", help="the record that lies beside the clips")],
    out: Annotated[Path, OUT],
    force: Annotated[bool, FORCE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make the clips of a record again, byte for byte: on the CPU, with the same weights and version of numpy."""
    from bridge import batch, provenance

    told = provenance.read_record(record)
    paths = [out / output.name for output in told.outputs]
    if not force:
        batch.refuse_existing(paths)
    report = Report()
    engine, device = batch.start_engine(told.device if told.device in batch.devices() else "cpu")
    for line in provenance.differences(told, device):
        report.say(line)
    with _stopping(report), _progress("recall") as progress:
        contents = batch.make_again(engine, told, progress)
    out.mkdir(parents=True, exist_ok=True)
    for path, content in zip(paths, contents, strict=False):
        path.write_bytes(content)
        report.clips.append(str(path))
    different = provenance.compare(told, contents)
    if different:
        report.fail(f"{len(different)} of {len(paths)} clips are not what {record} tells: {', '.join(different)}")
    else:
        report.say(f"{len(paths)} of {len(paths)} clips are the same, byte for byte")
    report.close(as_json=as_json, verb="recall", of=told.verb, same=not different, device=device)


# Models


app.add_typer(models_app, name="models")


@models_app.command("list")
def list_models(as_json: Annotated[bool, JSON] = False) -> None:
    """List the models that a name finds."""
    from models.store import list_models, shipped

    found = list(list_models())
    if as_json:
        rows = [{"name": folder.name, "folder": str(folder), **card.model_dump(mode="json")} for card, folder in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    _print_table(
        ("name", "family", "bars", "about", "from"),
        [
            (folder.name, card.family, card.bars, card.about, "shipped" if folder.parent == shipped() else folder)
            for card, folder in found
        ],
    )


@models_app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a name, or the path of a model folder")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what a model is, what it learned from and how well it does."""
    from models.store import find_model, read_card

    folder = find_model(name)
    card = {"folder": str(folder), **read_card(folder).model_dump(mode="json")}
    if as_json:
        typer.echo(json.dumps(card, indent=2, ensure_ascii=False))
        return
    _print_table(("", ""), [(key, _as_text(value)) for key, value in card.items()])


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="what to train, such as configs/train/drums.yaml")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="a folder of MIDI files, or of .tar.xz sets of them")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="the model folder; --model DIR then uses it")],
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run that DIR holds")] = False,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="instead of the config's")] = None,
    device: Annotated[Device, DEVICE] = "auto",
) -> None:
    """Train a model on MIDI files."""
    from bridge import batch
    from models.extras import need

    need("train", "train")
    from models.train import TrainConfig, train_model

    chosen = TrainConfig.read(config)
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    if not data.exists():
        raise ValueError(f"{data} does not exist; --data is a folder of MIDI files, or of .tar.xz sets of them")
    step = 0
    with _progress("train", chosen.steps) as progress:

        def report(now: int, figures: dict[str, float]) -> None:
            nonlocal step
            step = now
            progress(now / chosen.steps)
            if figures:
                tell(f"step {now} of {chosen.steps}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))

        try:
            folder = train_model(chosen, data, out, resume=resume, device=batch.find_device(device), report=report)
        except KeyboardInterrupt:
            tell(f"stopped at step {step} of {chosen.steps}; the same command with --resume goes on from where it last saved")
            raise typer.Exit(STOPPED) from None
    typer.echo(folder)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a name, or the path of a model folder")],
    data: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="a folder of MIDI files, or of .tar.xz sets of them")],
    split: Annotated[str, typer.Option(help="the split to measure on; without a splits.csv, all is taken")] = "test",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the figures there")] = None,
    seed: Annotated[int, typer.Option(min=0, help="fixes which windows are drawn, and what is sampled")] = 0,
    control: Annotated[
        bool, typer.Option("--control", help="also measure what requests promise: amounts, locks, steps, seams")
    ] = False,
) -> None:
    """Measure a model on held-out music, with floors and baselines beside."""
    from models.extras import need

    need("train", "evaluate")
    from bridge.evaluation import evaluate_model

    with _progress("evaluate") as progress:
        figures = evaluate_model(
            model, data, split=split, control=control, seed=seed, progress=lambda fraction, part: progress(fraction)
        )
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    beside: dict[str, dict[str, list[str]]] = {"floor": {}, "baseline": {}}
    for key, value in figures.items():
        kind, _, rest = key.partition(".")
        if kind in beside:
            name, _, figure = rest.partition(".")
            beside[kind].setdefault(figure, []).append(f"{name} {_as_text(value)}")
    own = {key: _as_text(value) for key, value in figures.items() if key.partition(".")[0] not in beside}
    keys = dict.fromkeys([*own, *beside["floor"], *beside["baseline"]])
    _print_table(
        ("", "model", "floors", "baselines"),
        [(key, own.get(key, ""), *(", ".join(by.get(key, [])) for by in beside.values())) for key in keys],
    )


# The server


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="who may ask: 127.0.0.1 is this computer, 0.0.0.0 the whole network")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="the UDP port [9120]")] = None,
    device: Annotated[Device | None, DEVICE] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="a file like configs/server.yaml")] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, typer.Option(help="debug tells all messages")
    ] = None,
) -> None:
    """Serve clips over OSC, until Ctrl-C."""
    from bridge.config import ServerConfig, read_config
    from bridge.server import serve as serve_until_stopped

    given = {"host": host, "port": port, "device": device, "log_level": log_level}
    settings = read_config(config) if config else ServerConfig()
    serve_until_stopped(
        settings.model_copy(update={key: value for key, value in given.items() if value is not None}),
        _say_now,
    )


def _say_now(text: str) -> None:
    typer.echo(f"{PROGRAM}: {text}")
    sys.stdout.flush()  # or a pipe would hear where the server listens when it ends


app.add_typer(service_app, name="service")


@service_app.command()
def install(port: Annotated[int | None, typer.Option(min=1, max=65535, help="the UDP port [9120]")] = None) -> None:
    """Start the server with the computer, from now on."""
    from bridge.service import install as install_service

    typer.echo(install_service(port))


@service_app.command()
def remove() -> None:
    """Start the server with the computer no more."""
    from bridge.service import remove as remove_service

    typer.echo(remove_service())


# The Live device


app.add_typer(device_app, name="device")


@device_app.command("build")
def build_device(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="instead of where the program has it")] = None,
    check: Annotated[bool, typer.Option("--check", help="write nothing; say whether the file is up to date")] = False,
) -> None:
    """Build the device from its sources, without Max."""
    from max_for_live.build import BUILT, build

    place, data = out or BUILT, build()
    if not check:
        place.write_bytes(data)
    elif not place.exists() or place.read_bytes() != data:
        raise ValueError(f"{place} is not what the sources give: run `{PROGRAM} device build`")
    typer.echo(place)


@device_app.command("install")
def install_device(
    to: Annotated[Path | None, typer.Option("--to", metavar="DIR", help="instead of Live's User Library")] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a device there that differs")] = False,
) -> None:
    """Copy the device to where Live looks for it."""
    from max_for_live.build import install

    typer.echo(install(to, force=force))


@device_app.command("path")
def print_device_path() -> None:
    """Print where the device is."""
    from max_for_live.build import BUILT

    if not BUILT.exists():
        raise ValueError(f"{BUILT} is not there; `{PROGRAM} device build` makes it")
    typer.echo(BUILT)


@app.command()
def doctor() -> None:
    """Check what is installed, the device, the models and the port."""
    from bridge.doctor import examine

    findings = list(examine())
    for finding in findings:
        typer.echo(f"{finding.label:<7}{finding.text}")
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else 1)


# Showing


@contextmanager
def _progress(what: str, steps: int = 100) -> Iterator[Callable[[float], None]]:
    """Show a bar on a terminal, and nothing in a pipe; give what to tell how far things are, 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda fraction: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=steps)

        def show(fraction: float) -> None:
            # A request that must try again begins anew; a bar that runs back would only worry.
            bar.update(task, completed=max(bar.tasks[0].completed, fraction * steps))

        yield show


@contextmanager
def _stopping(report: Report) -> Iterator[None]:
    """Say on Ctrl-C what is already there."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"stopped; {len(report.clips)} clips were written" if report.clips else "stopped; nothing was written")
        raise typer.Exit(STOPPED) from None


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, box=box.SIMPLE, show_header=any(titles))
    for row in rows:
        table.add_row(*map(str, row))
    # A pipe has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
