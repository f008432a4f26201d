"""What `models show` says of a model in words, and what every --help shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from bridge.cli import app, main
from bridge.model_words import describe_model
from models.store import ModelError, read_card, read_figures, shipped
from tests.support.models import tiny_card


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_a_model_is_shown_in_words_with_what_to_hold_its_figures_against(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "show", name) == 0
    told = capsys.readouterr().out
    figures = read_figures(shipped() / name)
    assert figures is not None
    for text in (
        "of pieces it did not learn from",
        "a Markov chain:",
        "random edits as far:",
        "of 240 requests with locks, 0 touched",
    ):
        assert text.casefold() in told.casefold()
    assert f"{figures['clips']:,} windows of {figures['data']}" in told
    assert max(map(len, told.splitlines())) < 200
    assert run("models", "show", name, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["figures"]["step_accuracy"]) == (name, figures["step_accuracy"])


def test_a_model_that_was_not_measured_says_so(own_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "show", own_models / "drums") == 0
    assert "How well it does was not measured" in capsys.readouterr().out
    card = tiny_card("drums").model_copy(
        update={"metrics": {"step_accuracy": 0.912}, "data": {"pieces": 3, "windows": {"mine": 7}}}
    )
    said = describe_model(card, None)
    assert "It learned from 3 pieces: mine (7 windows)." in said
    assert said[-1] == "At the end of its training it gave back 91 of 100 steps of music that was held out."


def test_figures_that_are_void_or_few_are_not_praised() -> None:
    card = read_card(shipped() / "drums")
    said = "\n".join(describe_model(card, {"void": "the controls do not hold", "sample_auc": 0.5, "step_accuracy": 1.0}))
    assert "judge" not in said
    assert "100 of 100 steps" in said


@pytest.mark.parametrize("content", [b"[", b"[1]", b'{"a": [1]}', b"\xff", b""])
def test_broken_figures_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evaluation.json").write_bytes(content)
    with pytest.raises(ModelError, match="holds no figures"):
        read_figures(tmp_path)


# Examples


def commands(group: typer.core.TyperGroup, above: tuple[str, ...] = ()) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """List all commands by what is typed for them."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*above, name))
        elif isinstance(command, typer.core.TyperCommand):
            yield " ".join((*above, name)), command


GROUP = typer.main.get_command(app)
assert isinstance(GROUP, typer.core.TyperGroup)
ALL = dict(commands(GROUP))


@pytest.mark.parametrize("name", ALL)
def test_every_help_has_an_example_that_can_be_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*name.split(), "--help") == 0
    said = capsys.readouterr().out.replace("\n    ", " ")
    examples = [part.strip() for part in said.split("Example", 1)[1].split("latent-bridge ")[1:]]
    assert examples
    for example in examples:
        of = max((other for other in ALL if example.startswith(f"{other} ") or example == other), key=len)
        arguments = shlex.split(example.removeprefix(of))
        ALL[of].make_context(of, arguments)  # refuses what is no option, and what is missing
