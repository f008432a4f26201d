"""Model folders that are broken, or meant to harm: each costs itself alone, and ends in one sentence that names the file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from safetensors.numpy import load, save

from bridge.cli import main
from bridge.config import ServerConfig
from bridge.doctor import examine
from bridge.model_shelf import ModelShelf
from bridge.server import Server
from models.families.critic import LEAVES, SPLITS, Critic
from models.families.registry import find_family
from models.network.config import NetworkConfig
from models.network.tensors import weight_shapes
from models.store import (
    CARD,
    CARD_BYTES,
    CRITIC,
    GOLDEN,
    HABITS,
    HASHES,
    WEIGHTS,
    ModelError,
    check_golden,
    find_model,
    list_models,
    load_hashes,
    load_model,
    load_torch_model,
    read_card,
    shipped,
    survey_models,
    write_critic,
    write_habits,
)
from models.yaml_text import load_yaml
from tests.support.osc_client import OscClient, Row

BEAT: tuple[Row, ...] = tuple((36 + 2 * (i % 4), i / 2, 0.25, 100.0, 0, 1.0, 0.0, 64.0) for i in range(16))
CLIP = Path(__file__).parent / "clips" / "rock.mid"
Damage = Callable[[Path], object]

# How a folder is broken, and what the sentence says of it


def text(content: str | bytes) -> Damage:
    """Put another text in place of the card."""
    return lambda folder: (folder / CARD).write_bytes(content if isinstance(content, bytes) else content.encode())


def card(**changes: object) -> Damage:
    """Change values of the card; what is None is left out."""

    def change(folder: Path) -> None:
        values = yaml.safe_load((folder / CARD).read_text()) | changes
        (folder / CARD).write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))

    return change


def weights(content: Callable[[bytes], bytes]) -> Damage:
    """Put other bytes in place of the weights, with a card that has their hash."""

    def change(folder: Path) -> None:
        made = content((folder / WEIGHTS).read_bytes())
        (folder / WEIGHTS).write_bytes(made)
        card(weights_sha256=hashlib.sha256(made).hexdigest())(folder)

    return change


def tensors(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change the tensors of the weights."""

    def rewrite(content: bytes) -> bytes:
        found = {name: values.copy() for name, values in load(content).items()}
        change(found)
        return save(found)

    return weights(rewrite)


def header(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change the header of the weights, and leave the numbers as they are."""

    def rewrite(content: bytes) -> bytes:
        end = 8 + struct.unpack("<Q", content[:8])[0]
        entries = json.loads(content[8:end])
        change(entries)
        made = json.dumps(entries).encode()
        return struct.pack("<Q", len(made)) + made + content[end:]

    return weights(rewrite)


def instead(name: str, make: Damage) -> Damage:
    """Put something that is no regular file in the place of one."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def link(target: str) -> Damage:
    return lambda path: path.symlink_to(target)


def fill(name: str, value: float) -> Callable[[dict[str, Any]], object]:
    return lambda found: found[name].reshape(-1).__setitem__(1, value)


BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(24))
RISING = [[0.0, 0.0], [0.5, 0.4], [0.4, 0.5]]

# These are seen without a look at the weights.
BROKEN: dict[str, tuple[Damage, str]] = {
    "a list": (text("- a\n- b\n"), "it holds a list instead of names with values"),
    "nothing": (text(""), "is empty"),
    "a word": (text("tuba"), "it holds a text"),
    "a comment": (text("# tuba\n"), "it holds nothing instead"),
    "two documents": (text("a: 1\n---\nb: 2\n"), "it is not YAML"),
    "not UTF-8": (text(b"name: \xff\xfe\n"), "it is not UTF-8 at byte 6"),
    "a NUL": (text("name: \0\n"), "it is not YAML"),
    "not YAML": (text("name: [\n"), "it is not YAML"),
    "nested lists": (text("[" * 60_000), "more than 20 lists and mappings within one another"),
    "nested dashes": (text("- " * 30_000), "more than 20 lists and mappings within one another"),
    "nested keys": (text("? " * 30_000), "more than 20 lists and mappings within one another"),
    "nested deeply": (text("data: " + "{a: " * 300 + "1" + "}" * 300), "more than 20 lists and mappings"),
    "an alias bomb": (text(BOMB), "an anchor or a tag (& or !) is not allowed, in line 1"),
    "an alias": (text("a: *a\n"), "an alias (*) is not allowed, in line 1"),
    "a tag": (text("name: !!python/object/apply:os.system [id]\n"), "an anchor or a tag (& or !) is not allowed"),
    "a long number": (text("latent: " + "1" * 5000), "must stand in quotes"),
    "a number of sixties": (text("latent: " + ":".join(["1"] * 9000)), "must stand in quotes"),
    "no such day": (text("data: 2001-99-99\n"), "it holds a value that cannot be read"),
    "many values": (text("data: [" + "1," * 30_000 + "]"), "it holds more than 5,000 values"),
    "a huge card": (text("#" * (CARD_BYTES + 1)), "is too large: 65,537 bytes, of at most 65,536"),
    "a card that is a folder": (instead(CARD, Path.mkdir), "is not a file"),
    "an unknown setting": (card(speed=9), "speed: there is no such setting"),
    "a missing setting": (card(reach=None), "reach: it is missing"),
    "an unknown family": (card(family="tuba"), "there is no family 'tuba'; there are: drums, melody"),
    "no number": (card(reach="far"), "reach: it must be a valid number"),
    "an endless number": (card(reach=float("nan")), "reach: it must be"),
    "a negative number": (card(midpoint_noise=-1.0), "midpoint_noise: it must be greater than or equal to 0"),
    "an endless amount": (card(amounts=[[0.0, 0.0], [1.0, float("inf")]]), "amounts.1.1: it must be"),
    "amounts that fall": (card(amounts=RISING), "amounts: it does not rise from 0.5, 0.4 to 0.4, 0.5"),
    "one amount": (card(amounts=[[0.0, 0.0]]), "amounts: it must have at least 2 items"),
    "too much feel": (
        card(feel_correlation=[[0.5, 0.1] for _ in range(3)]),
        "feel_correlation: it must be nothing, or three pairs",
    ),
    "feel of two": (card(feel_correlation=[[0.1, 0.1], [0.2, 0.2]]), "feel_correlation: it must be nothing, or three pairs"),
    "a huge latent": (card(latent=10**9), "latent: it must be less than or equal to 1024"),
    "no bars": (card(bars=0), "bars: it must be greater than or equal to 1"),
    "endless steps": (card(steps_per_beat=10**30), "steps_per_beat: it must be"),
    "an endless whole number": (card(data={"windows": {"a": 10**400}}), "data: it holds other than finite numbers"),
    "control characters": (card(about="\x1b]0;mine\x07"), "about: it holds control characters"),
    "another name for a hash": (card(weights_sha256="../../x"), "weights_sha256: it must be a SHA-256"),
    "an unknown size": (card(network={"tokens": 4}), "network: there is no size 'tokens'; there are: latent, width"),
    "a huge size": (card(network={"hidden": 10**9}), "network, hidden: 1000000000 is not allowed: it must be a whole number"),
    "a broken size": (card(network={"width": 16.5}), "network, width: 16.5 is not allowed"),
    "no layers": (card(network={"trunk_layers": 0}), "network, trunk_layers: 0 is not allowed"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "weights.safetensors cannot be read: No such file"),
    "empty weights": (lambda folder: (folder / WEIGHTS).write_bytes(b""), "weights.safetensors is empty"),
    "endless weights": (lambda folder: os.truncate(folder / WEIGHTS, 300_000_000), "weights.safetensors is too large"),
}

if os.name == "posix":
    BROKEN |= {
        "a card that is a fifo": (instead(CARD, os.mkfifo), "is not a file"),
        "a card of zeros": (instead(CARD, link("/dev/zero")), "is not a file"),
        "a card that is nowhere": (instead(CARD, link("nowhere")), "cannot be read: No such file or directory"),
        "a card that is itself": (instead(CARD, link(CARD)), "cannot be read"),
        "weights that are a fifo": (instead(WEIGHTS, os.mkfifo), "weights.safetensors is not a file"),
        "weights of zeros": (instead(WEIGHTS, link("/dev/zero")), "weights.safetensors is not a file"),
    }
if Path("/proc/self/mem").exists():
    BROKEN["a card of the system"] = instead(CARD, link("/proc/self/mem")), "is empty"

# These are seen when the model is loaded.
UNSOUND: dict[str, tuple[Damage, str]] = {
    "weights cut off": (lambda folder: os.truncate(folder / WEIGHTS, 9999), f"is not the file that {CARD} describes"),
    "other weights": (card(weights_sha256="0" * 64), f"is not the file that {CARD} describes"),
    "no hash": (card(weights_sha256=""), f"is not the file that {CARD} describes"),
    "far too many weights": (lambda folder: os.truncate(folder / WEIGHTS, 2**24), "is too large"),
    "four bytes": (weights(lambda content: b"tuba"), "its header does not fit in it"),
    "text": (weights(lambda content: b"tuba" * 100), "its header does not fit in it"),
    "a header that lies": (weights(lambda content: struct.pack("<Q", 2**63) + content[8:]), "its header does not fit in it"),
    "a header of no JSON": (weights(lambda content: struct.pack("<Q", 100) + content[8:]), "a header that is not JSON"),
    "a nested header": (weights(lambda content: struct.pack("<Q", 90_000) + b"[" * 90_000), "a header that is not JSON"),
    "a header that is a list": (weights(lambda content: struct.pack("<Q", 2) + b"[]"), "a header that names no tensors"),
    "no tensors": (weights(lambda content: struct.pack("<Q", 2) + b"{}"), "lacks token.weight, token_features.weight"),
    "cut off, with a hash": (weights(lambda content: content[:-2]), "is cut off within the tensor"),
    "more behind": (weights(lambda content: content + b"tuba"), "has 4 bytes behind its tensors"),
    "overlap": (
        header(lambda found: found["place"].update(data_offsets=found["read_place"]["data_offsets"])),
        "has tensors that overlap, or gaps between them",
    ),
    "a negative place": (
        header(lambda found: found["place"].update(data_offsets=[-512, -256])),
        "'place' whose shape or place is no list of sizes",
    ),
    "a shape of another size": (header(lambda found: found["place"].update(shape=[9, 16])), "'place' whose shape does not fit"),
    "an endless shape": (header(lambda found: found["place"].update(shape=[2**47, 2**47])), "'place' whose shape does not fit"),
    "a shape of words": (header(lambda found: found["place"].update(shape=["8", True])), "'place' whose shape or place"),
    "a type of words": (
        header(lambda found: found["place"].update(dtype=["F16"])),
        "'place' of type ['F16']; allowed: F16, F32",
    ),
    "whole numbers": (tensors(lambda found: found.update(place=np.zeros((8, 16), np.int64))), "'place' of type 'I64'"),
    "no such entry": (header(lambda found: found.update(place=7)), "says of the tensor 'place' other than"),
    "a missing tensor": (tensors(lambda found: found.pop("place")), "weights.safetensors lacks place"),
    "an unknown tensor": (
        tensors(lambda found: found.update({"tuba\x1b": np.zeros(2, np.float16)})),
        r"holds tuba\x1b, which this network does not have",
    ),
    "another shape": (
        tensors(lambda found: found.update(place=found["place"].T.copy())),
        "has place in the shape [16, 8] instead of [8, 16]",
    ),
    "NaN": (tensors(fill("place", np.nan)), "has numbers in place that are not finite"),
    "infinity": (tensors(fill("feel.2.bias", -np.inf)), "has numbers in feel.2.bias that are not finite"),
    "NaN in single precision": (
        tensors(lambda found: found.update(place=np.full((8, 16), np.nan, np.float32))),
        "has numbers in place that are not finite",
    ),
    "overflow": (tensors(lambda found: found.update(place=np.full((8, 16), 1e30, np.float32))), "in place as large as 1e+30"),
    "sizes that do not fit": (card(network={"width": 16, "heads": 3}, latent=128), "a width of 16 cannot be divided among 3"),
    "a latent of another size": (card(latent=24), "its latent is 24, that of its network 16"),
    "too many layers": (
        card(network={"width": 2048, "heads": 2, "encoder_layers": 24}, latent=128),
        "weights; at most 64,000,000 are allowed",
    ),
}
ALL = BROKEN | UNSOUND

GOLDENS: dict[str, tuple[Damage, str]] = {
    "none": (lambda folder: (folder / GOLDEN).unlink(), "cannot be read"),
    "other values": (lambda folder: (folder / GOLDEN).write_bytes(b"tuba"), f"is not the file that {CARD} describes"),
    "tokens that are none": (
        lambda folder: _with_golden(folder, tokens=np.full((4, 32, 1), 10**6)),
        "tokens that this family does not have",
    ),
    "latents of NaN": (
        lambda folder: _with_golden(folder, latents=np.full((4, 16), np.nan, np.float32)),
        "has numbers in latents that are not finite",
    ),
    "no windows": (
        lambda folder: _with_golden(folder, tokens=np.zeros((0, 32, 1), np.int64)),
        "has latents in the shape [4, 16] instead of [0, 16]",
    ),
    "a number": (lambda folder: _with_golden(folder, tokens=np.zeros((), np.int64)), "in the shape"),
}


def _with_golden(folder: Path, **changes: NDArray[Any]) -> None:
    content = save(load((folder / GOLDEN).read_bytes()) | changes)
    (folder / GOLDEN).write_bytes(content)
    card(golden_sha256=hashlib.sha256(content).hexdigest())(folder)


@dataclass(frozen=True)
class Home:
    """A user's folder of models: `mine`, which is whole, and one for each way to break it."""

    path: Path
    bad: dict[str, Path]


@pytest.fixture(scope="module")
def filled(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    path = tmp_path_factory.mktemp("home") / "latent-bridge" / "models"
    shutil.copytree(tiny_models / "drums", path / "mine")
    bad = {}
    for number, (name, (damage, _)) in enumerate(ALL.items()):
        bad[name] = path / f"bad{number:02}"
        shutil.copytree(tiny_models / "drums", bad[name])
        damage(bad[name])
    return Home(path, bad)


@pytest.fixture
def home(filled: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_DATA_HOME", str(filled.path.parents[1]))
    return filled


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it wrote."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


# One folder


@pytest.mark.parametrize("name", ALL)
def test_a_broken_folder_is_refused_in_a_sentence(home: Home, name: str) -> None:
    with pytest.raises(ModelError) as refused:
        load_model(str(home.bad[name]))
    assert ALL[name][1] in str(refused.value)
    assert str(home.bad[name]) in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


@pytest.mark.full
@pytest.mark.parametrize("name", UNSOUND)
def test_torch_refuses_the_same(home: Home, name: str) -> None:
    with pytest.raises(ModelError) as refused:
        load_torch_model(str(home.bad[name]))
    assert UNSOUND[name][1] in str(refused.value)


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_values_are_checked_too(tiny_models: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(tiny_models / "drums", tmp_path / "mine")
    model = load_model(str(tmp_path / "mine"))
    assert check_golden(model, tmp_path / "mine") == []
    GOLDENS[name][0](tmp_path / "mine")
    with pytest.raises(ModelError, match=GOLDEN) as refused:
        check_golden(load_model(str(tmp_path / "mine")), tmp_path / "mine")
    assert GOLDENS[name][1] in str(refused.value)


def _with_habits(content: bytes) -> Damage:
    def change(folder: Path) -> None:
        (folder / HABITS).write_bytes(content)
        card(habits_sha256=hashlib.sha256(content).hexdigest())(folder)

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / HABITS).unlink(), "cannot be read"),
        (card(habits_sha256="0" * 64), f"is not the file that {CARD} describes"),
        (_with_habits(b"tuba" * 9), "its header does not fit in it"),
        (_with_habits(save({"habits": np.zeros((2, 3), np.int8)})), "has habits in the shape [2, 3] instead of [2, 23]"),
        (_with_habits(save({"habits": np.zeros((0, 23), np.int8)})), "in the shape [0, 23] instead of [1, 23]"),
        (_with_habits(save({"habits": np.zeros(23, np.int8)})), "in the shape [23] instead of"),
        (_with_habits(save({"habits": np.zeros((2, 23), np.float32)})), "of type 'F32'; allowed: I8"),
        (_with_habits(save({"tuba": np.zeros((2, 23), np.int8)})), "lacks habits"),
    ],
)
def test_habits_are_checked_too(tiny_models: Path, tmp_path: Path, damage: Damage, said: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_models / "drums", folder)
    assert not len(load_model(str(folder)).habits)
    habits = np.arange(46, dtype=np.int8).reshape(2, 23)
    write_habits(folder, read_card(folder), habits)
    assert np.array_equal(load_model(str(folder)).habits, habits)
    damage(folder)
    with pytest.raises(ModelError, match=HABITS) as refused:
        load_model(str(folder))
    assert said in str(refused.value)


def _trees(**changed: NDArray[Any] | None) -> dict[str, Any]:
    named = {
        "features": np.zeros((4, SPLITS), np.int16),
        "thresholds": np.zeros((4, SPLITS), np.float32),
        "leaves": np.zeros((4, LEAVES), np.float32),
        "names": np.zeros(1, np.int64),
    }
    return {name: value for name, value in (named | changed).items() if value is not None}


def _with_critic(**changed: NDArray[Any] | None) -> Damage:
    def change(folder: Path) -> None:
        content = save(_trees(**changed))
        (folder / CRITIC).write_bytes(content)
        card(critic_sha256=hashlib.sha256(content).hexdigest())(folder)

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / CRITIC).unlink(), "cannot be read"),
        (card(critic_sha256="0" * 64), f"is not the file that {CARD} describes"),
        (_with_critic(names=None), "must hold features, thresholds, leaves and 1 more"),
        (_with_critic(features=np.zeros((4, SPLITS), np.float32)), "each as its own type of number"),
        (_with_critic(features=np.full((4, SPLITS), -1, np.int16)), "features that there are not"),
        (_with_critic(leaves=np.zeros((5, LEAVES), np.float32)), "has leaves in the shape [5, 8] instead of [4, 8]"),
        (_with_critic(leaves=np.full((4, LEAVES), np.nan, np.float32)), "not finite"),
        (_with_critic(thresholds=np.zeros(4, np.float32)), "has thresholds in the shape [4]"),
    ],
)
def test_a_critic_is_checked_too(tiny_models: Path, tmp_path: Path, damage: Damage, said: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_models / "drums", folder)
    assert load_model(str(folder)).critic is None
    write_critic(folder, read_card(folder), Critic(**_trees()))
    assert load_model(str(folder)).critic is not None
    damage(folder)
    with pytest.raises(ModelError, match=CRITIC) as refused:
        load_model(str(folder))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"tuba" * 9, save({"x": np.zeros(2, np.uint64)}), save({"hashes": np.zeros(2)})])
def test_hashes_are_checked_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HASHES).write_bytes(content)
    with pytest.raises(ModelError, match=HASHES):
        load_hashes(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "tuba", "a\0b", "x" * 5000, "/", "\udcff", "no/such/place"])
def test_a_name_that_no_model_has_is_refused_in_a_sentence(home: Home, name: str) -> None:
    with pytest.raises(ModelError, match=r"there is no model .*; there are: .*mine, .*drums"):
        find_model(name)


def test_what_is_written_is_read_without_aliases(tiny_models: Path, tmp_path: Path) -> None:
    from models.store import write_model

    model = load_model(str(tiny_models / "drums"))
    sets = ["one", "two"]
    twice = model.card.model_copy(update={"config": {"sets": sets, "codec_sets": sets}, "data": {"a": 1e-5, "b": 2.0**70}})
    written = write_model(tmp_path, twice, (tiny_models / "drums" / WEIGHTS).read_bytes(), model, np.zeros(0, np.uint64))
    assert read_card(tmp_path) == written
    assert check_golden(load_model(str(tmp_path)), tmp_path) == []


@pytest.mark.full
@pytest.mark.parametrize("name", ["drums", "melody", "drums-plain", "melody-plain", "tiny drums", "tiny melody"])
def test_the_list_of_weights_is_that_of_the_network(tiny_models: Path, name: str) -> None:
    from models.network.torch_runtime import build_network

    own = name.removeprefix("tiny ")
    found = read_card((shipped() if own == name else tiny_models) / own)
    family = find_family(found.family)
    config = NetworkConfig.of(family, found.network)
    network = build_network(family, config)
    assert weight_shapes(family, config) == {key: tuple(value.shape) for key, value in network.named_parameters()}


@pytest.mark.parametrize("given", ["a: 1\nb: [x, {c: 2.5}]\n", "null", "'&a *b !c'", "a: >\n  b & c\n"])
def test_plain_yaml_is_read_as_before(given: str) -> None:
    assert load_yaml(given) == yaml.safe_load(given)


# All of them together


def test_broken_folders_cost_themselves_alone(home: Home) -> None:
    listed = {folder.name for _, folder in list_models()}
    assert {"mine", "drums", "melody"} <= listed
    faults = survey_models().faults
    assert len(faults) == len(BROKEN)
    for name, (_, words) in BROKEN.items():
        assert home.bad[name].name not in listed
        assert [fault for fault in faults if str(home.bad[name]) in fault and words in fault], name


def test_they_are_named_on_the_command_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "models", "list")
    assert (code, len(err.splitlines())) == (0, len(BROKEN))
    assert "mine" in out
    code, out, err = run(capsys, "models", "list", "--json")
    assert {"mine", "melody"} <= {row["name"] for row in json.loads(out)}


def test_each_ends_a_command_in_one_sentence(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, folder in home.bad.items():
        commands: list[tuple[object, ...]] = [("vary", CLIP, "--model", folder, "--out", tmp_path)]
        commands += [("models", "show", folder)] if name in BROKEN else []
        for command in commands:
            code, out, err = run(capsys, *command)
            assert (code, out, len(err.splitlines())) == (1, "", 1), name
            assert ALL[name][1] in err, name
    assert not list(tmp_path.iterdir())
    assert run(capsys, "vary", CLIP, "--model", "mine", "--count", 1, "--out", tmp_path)[0] == 0


def test_the_doctor_names_each(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [finding.text for finding in examine(0) if not finding.is_well]
    for name, folder in home.bad.items():
        assert [text for text in wrong if str(folder) in text and ALL[name][1] in text], name
    assert not [text for text in wrong if str(home.path / "mine") in text]
    assert run(capsys, "doctor")[0] == 1


def test_a_broken_folder_does_not_hide_the_shipped_model_of_its_name(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = tmp_path / "latent-bridge" / "models"
    shutil.copytree(tiny_models / "drums", own / "drums")
    shutil.copytree(tiny_models / "drums", own / "melody")  # a model of another family than its name says
    shutil.copytree(tiny_models / "drums", own / "auto")
    assert find_model("drums") == own / "drums"
    assert find_model("melody") == own / "melody"  # by name, with what it is
    assert {folder.name: folder for _, folder in list_models()}["melody"] == shipped() / "melody"
    assert len(survey_models().faults) == 2
    tensors(fill("place", np.nan))(own / "drums")
    assert load_model("drums").card == read_card(shipped() / "drums")
    assert ModelShelf().load("drums", "cpu").card == read_card(shipped() / "drums")
    assert "are not finite" in caplog.text
    text("- a\n")(own / "drums")
    assert find_model("drums") == shipped() / "drums"


def test_a_folder_of_models_that_is_none_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "latent-bridge").mkdir()
    (tmp_path / "latent-bridge" / "models").write_text("tuba")
    assert [folder.parent for _, folder in list_models()] == [shipped()] * 4


# The server


def test_the_shelf_finds_what_is_installed_later_and_says_each_fault_once(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own, now = tmp_path / "latent-bridge" / "models", 0.0
    shutil.copytree(tiny_models / "drums", own / "bad")
    text("- a\n")(own / "bad")
    with caplog.at_level(logging.WARNING):
        shelf = ModelShelf(lambda: now)
        for name in ("mine", "bad", str(own / "bad"), "../models", ".", "auto", "x" * 1000):
            with pytest.raises(ModelError, match=r"there is no model .*; there are: drums, ") as refused:
                shelf.load(name, "cpu")
            assert len(str(refused.value).encode()) <= 200
        shutil.copytree(tiny_models / "drums", own / "mine")
        with pytest.raises(ModelError, match="there is no model 'mine'"):
            shelf.load("mine", "cpu")
        now = 1000.0
        assert shelf.load("mine", "cpu").card.about == "noise, for tests"
        os.truncate(own / "mine" / WEIGHTS, 5000)
        for _ in range(3):
            now += 1000
            with pytest.raises(ModelError, match=f"is not the file that {CARD} describes"):
                shelf.load("mine", "cpu")
        shutil.rmtree(own / "mine")
        now += 1000
        with pytest.raises(ModelError, match="there is no model 'mine'"):
            shelf.load("mine", "cpu")
    assert caplog.text.count("it holds a list instead") == 1
    assert caplog.text.count("is not the file") == 1


def test_a_name_that_is_unknown_costs_no_look_at_the_cards(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = ModelShelf(lambda: 0.0)
    monkeypatch.setattr("models.store.read_plain_file", None)
    with pytest.raises(ModelError, match=r"there is no model 'tuba'; there are: "):
        shelf.load("tuba", "cpu")


@pytest.fixture
def server(home: Home, tmp_path: Path) -> Iterator[Server]:
    found = Server(ServerConfig(port=0, device="cpu", report=str(tmp_path / "report.txt")))
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_a_server_among_broken_folders_answers(home: Home, server: Server) -> None:
    with OscClient(server.port) as client:
        client.wait_until_ready()
        for model in ("mine", "drums"):
            reply = client.ask("vary", "count", 2, "seed", 1, "kind", "drums", "model", model, clips=[BEAT])
            assert reply.end.address == "/bridge/done", reply.end
            assert reply.end.values[3] in (model, "drums")
        for folder in (*home.bad.values(), home.path / "tuba"):
            reply = client.ask("vary", "model", folder.name, clips=[BEAT])
            assert reply.code == "no_model"
        assert client.ask("sample", "kind", "notes", "seed", 1).end.address == "/bridge/done"
