"""Training from its config and a folder of MIDI to a model folder, begun anew or resumed. No command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml

from models.families.registry import find_family
from models.network.torch_runtime import use_one_thread
from models.plain_file import shown
from models.store import CARD, find_model, read_card
from models.training.checkpoints import RUN
from models.training.config import TrainConfig
from models.training.dataset import MUSIC, Windows, find_sources, has_splits, pack, set_names
from models.training.packed import is_packed, load_packed
from models.training.page import PAGE, Page
from models.training.preparing import held_out
from models.training.publishing import publish
from models.training.readme import write_readme
from models.training.together import Group, joined
from models.training.trainer import METRICS, Report, Trainer
from models.whole_file import not_written, write_whole

# The windows of a run, as they were cut from its data; they are no part of the model.
LEARNED, VALIDATED = "learned.npz", "validated.npz"
RECORD = "config.yaml"

Say = Callable[[str], None]


def train_model(
    config: TrainConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    report: Report = lambda step, figures: None,
    say: Say = lambda sentence: None,
) -> Path:
    """Train a model on a folder of MIDI and write its folder, which loads at once: `--model OUT`.

    On the way the folder holds what a resumed run needs, some 80 MB at most; in the end the model, its card, the course of
    the training, and a page that shows it. `say` is told what was done to make things fit.
    """
    use_one_thread()
    try:
        with joined(device) as group:
            return _train(config, data, out, resume=resume, group=group, report=report, say=say)
    except OSError as error:
        if error.filename:
            raise
        raise not_written(out, error) from error


def _train(config: TrainConfig, data: Path, out: Path, *, resume: bool, group: Group, report: Report, say: Say) -> Path:
    kept = [out / LEARNED, out / VALIDATED]
    if group.is_first:
        _begin(config, data, out, resume=resume, say=say)
    group.wait()
    fitted = TrainConfig.read(out / RECORD)
    train, valid = (Windows.load(path) for path in kept)
    trainer = Trainer(fitted, train, valid, group)
    if resume:
        trainer.resume(out)
    elif fitted.start:
        trainer.start_from(fitted.start)
    if not group.is_first:
        trainer.run(out, lambda step, figures: None)
        return out
    _forget_after(out / METRICS, trainer.state.step)
    if not resume:
        trainer.save(out)  # from here on --resume goes on
    page = Page(trainer, out)

    def report_and_draw(step: int, figures: dict[str, float]) -> None:
        report(step, figures)
        if figures:
            page.draw()

    trainer.run(out, report_and_draw)
    if trainer.is_over and trainer.state.best:
        say(_ending(trainer))
    page.draw()
    publish(trainer, out)
    write_readme(out, read_card(out), _course(out / METRICS), trainer, page=PAGE)
    for path in (out / RUN, *kept):
        path.unlink(missing_ok=True)  # all that is left to do with a run is done
    return out


def _begin(config: TrainConfig, data: Path, out: Path, *, resume: bool, say: Say) -> None:
    """Write down what a run is of, its config and its windows, or refuse to where something else is there."""
    record, run = out / RECORD, out / RUN
    if resume and not run.exists():
        is_done = (out / CARD).exists()
        raise ValueError(f"nothing to resume: {out} holds {'a model that is finished' if is_done else f'no {RUN}'}")
    if not resume and (run.exists() or (out / CARD).exists()):
        what = "a run already; continue it with --resume" if run.exists() else "a model already; name another folder,"
        raise ValueError(
            f"{out} holds {what} or train into another folder" if run.exists() else f"{out} holds {what} or remove it"
        )
    begun = TrainConfig.read(record) if resume else None
    fitted = _as_begun(config, begun) if begun else _with_start(_fitted(config, data, say))
    if begun and fitted != begun:
        raise ValueError(f"{record} is not the config that was given; a run resumes with the one it began with")
    kept = [out / LEARNED, out / VALIDATED]
    if not (begun and all(path.exists() for path in kept)):
        train, valid = learn_from(data, fitted, say)
        out.mkdir(parents=True, exist_ok=True)
        for windows, path in zip((train, valid), kept, strict=True):
            windows.save(path)
    if not begun:
        (out / METRICS).unlink(missing_ok=True)
        write_whole(record, yaml.safe_dump(fitted.model_dump(mode="json"), sort_keys=False).encode())


def learn_from(data: Path, config: TrainConfig, say: Say = lambda sentence: None) -> tuple[Windows, Windows]:
    """Read what to learn from and what to validate on; where no splits.csv says, about every tenth piece validates."""
    if is_packed(data):
        train, valid = load_packed(data, config.family).split()
        return train, valid
    family = find_family(config.family)
    everything = bool(config.pair_share or config.rest_share or config.line_share or config.context_share)
    if has_splits(data):
        train, valid = (
            pack(find_sources(data, split, config.sets), family, everything=everything) for split in ("train", "valid")
        )
    else:
        found = pack(find_sources(data, sets=config.sets), family, everything=everything, say=say)
        held = held_out(found.piece)
        train, valid = found.take(~held), found.take(held if held.any() else ~held)
    if not train.are(MUSIC).any():
        raise ValueError(f"{shown(data)} holds no two bars of {config.family} in 4/4 to learn from")
    return train, valid


def _fitted(config: TrainConfig, data: Path, say: Say) -> TrainConfig:
    """Fit a config to the data: the sets that it names may not be there, for the music is someone's own."""
    if not is_packed(data) and has_splits(data) and (not config.sets or set(config.sets) & set(set_names(data))):
        return config
    if config.sets and not is_packed(data) and set(config.sets) & set(set_names(data)):
        return config
    if config.sets:
        say(f"{data.name} holds none of the sets that the config names: it is learned from as music of your own")
    return config.for_own_music()


def _with_start(config: TrainConfig) -> TrainConfig:
    """Write down what a training takes from the model it starts from, which may be another one day."""
    if not config.start:
        return config
    card = read_card(find_model(config.start))
    return config.model_copy(
        update={"start_sha256": card.weights_sha256, "pair_levels": config.pair_levels or tuple(card.amounts)}
    )


def _as_begun(config: TrainConfig, begun: TrainConfig) -> TrainConfig:
    """Fill in what the run that is resumed has written down of its start and of its data."""
    if begun.own_music:
        config = config.for_own_music()
    return config.model_copy(
        update={"start_sha256": begun.start_sha256, "pair_levels": config.pair_levels or begun.pair_levels}
    )


def _course(metrics: Path) -> list[dict[str, float]]:
    """Read the course of a run so far."""
    if not metrics.exists():
        return []
    return [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]


def _forget_after(metrics: Path, step: int) -> None:
    """Drop what a run measured after it was last saved: it will be measured again."""
    kept = [line for line in _course(metrics) if line["step"] <= step]
    write_whole(metrics, "".join(f"{json.dumps(line)}\n" for line in kept).encode())


def _ending(trainer: Trainer) -> str:
    best, step = trainer.state.best, trainer.state.step
    if best is None or best.step > 0:
        at = "" if best is None else f": that of step {best.step} did best on the pieces held out, and is what ships"
        return f"ended at step {step}{at}"
    return f"ended at step {step}: on the pieces held out nothing did better than {trainer.config.start}, so that is what ships"
