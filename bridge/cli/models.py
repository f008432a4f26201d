"""The commands about models: list and show them, train and measure them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.common import DEVICE, FORCE, JSON, PROGRAM, STOPPED, Device, Pace, as_text, print_table, show_progress, tell

if TYPE_CHECKING:
    from bridge.cli.common import Progress
    from models.training.dataset import Source
    from models.training.preparing import FileReport


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List the models, or show one.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list")(list_models)
    group.command("show")(show_model)
    app.add_typer(group, name="models")
    app.command()(prepare)
    app.command()(train)
    app.command()(personalise)
    app.command()(evaluate)


def list_models(as_json: Annotated[bool, JSON] = False) -> None:
    """List the models that a name finds."""
    from models.store import shipped, survey_models

    survey = survey_models()
    found = survey.listed()
    for fault in survey.faults:
        tell(fault)
    if as_json:
        rows = [
            {"name": folder.name, "folder": str(folder), **card.model_dump(mode="json", exclude={"name"})}
            for card, folder in found
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print_table(
        ("name", "family", "bars", "about", "from"),
        [
            (folder.name, card.family, card.bars, card.about, "shipped" if folder.parent == shipped() else folder)
            for card, folder in found
        ],
    )


def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a name, or the path of a model folder")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what a model is, what it learned from and how well it does."""
    from bridge.model_words import describe_model
    from models.store import find_model, read_card, read_figures

    folder = find_model(name)
    card, figures = read_card(folder), read_figures(folder)
    if as_json:
        shown = {"folder": str(folder), **card.model_dump(mode="json"), "figures": figures}
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for line in describe_model(card, figures):
        typer.echo(line)
    typer.echo(f"\nFamily {card.family}, weights {card.licence}, {card.weights_sha256[:12]}, in {folder}")
    typer.echo(f"All of its card, and every figure: {PROGRAM} models show {name} --json")


def prepare(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder of MIDI files, or one of .tar.xz sets of them")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.lbdata", help="the file that train and personalise take as --data")
    ],
    force: Annotated[bool, FORCE] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of the table")] = False,
) -> None:
    """Prepare a folder of MIDI files to learn from: say what is taken, what is left and why, and pack it in one file."""
    from models.training.dataset import count_files, find_sources
    from models.training.packed import ENDING, save_packed
    from models.training.preparing import prepare as prepare_sources

    if not folder.exists():
        raise ValueError(f"{folder} does not exist; DIR is a folder of MIDI files, or of .tar.xz sets of them")
    if out.suffix.lower() != ENDING:
        raise typer.BadParameter(f"{out} must end in {ENDING}", param_hint="'--out'")
    if out.exists() and not force:
        raise ValueError(f"{out} exists; --force writes over it")
    with show_progress("prepare") as progress:
        sources = _told(find_sources(folder), count_files(folder), progress)
        prepared = prepare_sources(sources, folder.resolve().name)
    rows = [
        (
            report.name,
            ", ".join(f"{count} {family}" for family, count in report.took.items()) or "–",
            report.tempo,
            report.meter,
        )
        for report in prepared.files
    ]
    totals = {
        family: {
            "windows": int(its.windows.are(0).sum()),
            "held_out": int((its.windows.are(0) & its.held).sum()),
            "files": len(its.files),
        }
        for family, its in prepared.families.items()
    }
    if as_json:
        files = [asdict(report) for report in prepared.files]
        typer.echo(json.dumps({"out": str(out), "families": totals, "files": files}, indent=2, ensure_ascii=False))
    elif rows:
        left = ["; ".join(report.left) for report in prepared.files]
        print_table(
            ("file", "took, windows", "bpm", "meter", "left"), [(*row, why) for row, why in zip(rows, left, strict=True)]
        )
    if not prepared.families:
        raise ValueError(f"{folder} holds nothing to learn from: {_why_nothing(prepared.files)}")
    save_packed(out, prepared, folder.resolve().name)
    for family, its in totals.items():
        tell(
            f"{family}: {its['windows']:,} windows of {its['files']} files, {its['held_out']:,} of them held out to validate on"
        )
    if not as_json:
        typer.echo(out)


def _told(sources: Iterable[Source], count: int, progress: Progress) -> Iterator[Source]:
    for number, source in enumerate(sources):
        progress.name(source.name)
        progress(number / max(count, number + 1))
        yield source


def _why_nothing(files: Collection[FileReport]) -> str:
    if not files:
        return "there is no MIDI file in it"
    reasons = Counter(reason for report in files for reason in report.left)
    return (
        f"of {len(files)} files, most were left for this: {reasons.most_common(1)[0][0]}" if reasons else "its files are empty"
    )


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="what to train, such as configs/train/drums.yaml")],
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", help="a folder of MIDI files or of .tar.xz sets, or a file that prepare made"),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="the model folder; --model DIR then uses it")],
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run that DIR holds")] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="begin with the weights of a model, instead of the config's start"),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="instead of the config's")] = None,
    device: Annotated[Device, DEVICE] = "auto",
) -> None:
    """Train a model on MIDI files."""
    from bridge import devices
    from models.extras import need

    need("train", "train")
    from models.training.config import TrainConfig
    from models.training.together import is_first
    from models.training.train import train_model

    chosen = TrainConfig.read(config)
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    if start is not None:
        chosen = chosen.model_copy(update={"start": start})
    if not data.exists():
        raise ValueError(f"{data} does not exist; --data is a folder of MIDI files, or of .tar.xz sets of them")
    if not is_first():  # of those that torchrun has started, one speaks
        with suppress(KeyboardInterrupt):
            train_model(chosen, data, out, resume=resume, device=devices.find_device(device))
        return
    step = 0
    pace = Pace()
    with show_progress("train", chosen.steps) as progress:

        def report(now: int, figures: dict[str, float]) -> None:
            nonlocal step
            step = now
            progress(now / chosen.steps)
            pace.reach(now)
            if figures:
                measured = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                tell(f"step {now} of {chosen.steps}{pace.left(chosen.steps)}: {measured}")

        try:
            folder = train_model(chosen, data, out, resume=resume, device=devices.find_device(device), report=report, say=tell)
        except KeyboardInterrupt:
            tell(f"stopped at step {step} of {chosen.steps}; the same command with --resume goes on from where it last saved")
            raise typer.Exit(STOPPED) from None
    typer.echo(folder)


def personalise(
    data: Annotated[Path, typer.Argument(metavar="DIR", help="a folder of MIDI files, or a file that prepare made of one")],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="the model to add to, by its name")] = "drums",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="the model folder; without, it goes among your models, called as the data"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over a personal model that is there")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="the same seed learns the same")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of the folder")] = False,
) -> None:
    """Make a personal model of a few files, in seconds: what is added to a shipped one so that it plays like them."""
    from models.extras import need

    need("train", "personalise")
    from models.store import CARD, find_model, read_card, user_models
    from models.training.dataset import find_sources
    from models.training.packed import is_packed, load_packed
    from models.training.personalise import personalise as make_personal
    from models.training.preparing import prepare as prepare_sources

    if not data.exists():
        raise ValueError(f"{data} does not exist; DIR is a folder of MIDI files, or a file that prepare made")
    folder = out or user_models() / data.resolve().stem
    if (folder / CARD).exists():
        if not read_card(folder).base:
            raise ValueError(f"{folder} holds a model that is no personal one: name another folder")
        if not force:
            raise ValueError(f"{folder} holds a personal model already; --force writes over it")
    family = read_card(find_model(model)).family
    pace = Pace()
    try:
        with show_progress("personalise") as progress:
            if is_packed(data):
                music = load_packed(data, family)
            else:
                prepared = prepare_sources(find_sources(data), data.resolve().name, [family])
                if family not in prepared.families:
                    raise ValueError(f"{data} holds no {family} to learn from: {_why_nothing(prepared.files)}")
                music = prepared.families[family]
                took = sum(bool(report.took) for report in prepared.files)
                tell(f"{took} of {len(prepared.files)} files have {family} to learn from; `{PROGRAM} prepare` says why of each")

            def tick(fraction: float) -> None:
                pace.reach(fraction)
                progress.name(pace.left(1).removeprefix(", "))
                progress(fraction)

            made = make_personal(model, music, folder, seed=seed, tick=tick)
    except KeyboardInterrupt:
        tell("stopped; nothing was written")
        raise typer.Exit(STOPPED) from None
    if made.check is None:
        tell("too few pieces to hold some out: how much was learned is not known")
    else:
        gain = made.check.personal - made.check.general
        more = "more" if gain > 0 else "less"
        tell(f"pieces held out in a trial are {abs(gain):.2f} nats a window {more} likely than under {model}")
    name = folder.name if folder.parent == user_models() else str(folder)
    tell(f"learned in {made.seconds:.0f} seconds; --model {name} plays it, --mine 0 to 1 says how far")
    typer.echo(json.dumps({"folder": str(folder), **made.card.model_dump(mode="json")}, indent=2) if as_json else folder)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a name, or the path of a model folder")],
    data: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="a folder of MIDI files, or of .tar.xz sets of them")],
    split: Annotated[str, typer.Option(help="the split to measure on; without a splits.csv, all is taken")] = "test",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the figures there")] = None,
    seed: Annotated[int, typer.Option(min=0, help="fixes which windows are drawn, and what is sampled")] = 0,
    control: Annotated[
        bool, typer.Option("--control", help="also measure what requests promise: amounts, locks, steps, seams")
    ] = False,
    routing: Annotated[
        bool, typer.Option("--routing", help="measure only how well parts are told apart, whatever the model")
    ] = False,
) -> None:
    """Measure a model on held-out music, with floors and baselines beside."""
    from models.extras import need

    need("train", "evaluate")
    if routing:
        from models.evaluation.routing import measure_routing

        _write_figures(measure_routing(data, split), json_file)
        return
    from bridge.evaluation import evaluate_model

    with show_progress("evaluate") as progress:
        figures = evaluate_model(
            model, data, split=split, control=control, seed=seed, progress=lambda fraction, part: progress(fraction)
        )
    _write_figures(figures, json_file)


def _write_figures(figures: Mapping[str, float | int | str | None], json_file: Path | None) -> None:
    """Print figures with those to compare with and aims beside them, and write them where that was asked for."""
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    beside: dict[str, dict[str, list[str]]] = {"floor": {}, "baseline": {}}
    for key, value in figures.items():
        kind, _, rest = key.partition(".")
        if kind in beside:
            name, _, figure = rest.partition(".")
            beside[kind].setdefault(figure, []).append(f"{name} {as_text(value)}")
    aims = {key.removeprefix("aim."): as_text(value) for key, value in figures.items() if key.startswith("aim.")}
    own = {key: as_text(value) for key, value in figures.items() if key.partition(".")[0] not in (*beside, "aim")}
    keys = dict.fromkeys([*own, *beside["floor"], *beside["baseline"]])
    print_table(
        ("", "model", "floors", "baselines", "aim"),
        [(key, own.get(key, ""), *(", ".join(by.get(key, [])) for by in beside.values()), aims.get(key, "")) for key in keys],
    )
