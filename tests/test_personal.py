"""Personal models: what `personalise` writes plays at once; what is wrong with one is said in a sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from bridge.cli import app
from bridge.engine import Engine
from bridge.requests import Sample, Vary
from models.music.clip import Clip, Note
from models.network.adapter import add_adapter, names_of
from models.store import ModelError, check_golden, find_model, load_model, load_torch_model, read_card
from models.training.dataset import find_sources, pack
from models.training.packed import save_packed
from models.training.personal import Recipe, fit, likelihood
from models.training.personalise import added, personalise, scaled
from models.training.preparing import Learnable, prepare

FEW = Recipe(steps=2, batch=8, rank=2)
BEAT = Clip(tuple(Note(pitch, k / 2, 0.25) for k in range(8) for pitch in (36, 42)), 8)


@pytest.fixture(scope="module")
def music(clips: Path) -> Learnable:
    return prepare(find_sources(clips), "clips", ["drums"]).families["drums"]


@pytest.fixture(scope="module")
def made(tiny_models: Path, music: Learnable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tiny_models.parents[1]))
        return personalise("drums", music, tmp_path_factory.mktemp("made") / "mine", recipe=FEW).folder


@pytest.fixture
def mine(own_models: Path, made: Path) -> Iterator[Path]:
    folder = own_models / "mine"
    yield Path(shutil.copytree(made, folder))
    shutil.rmtree(folder)


def test_a_personal_model_is_found_by_name_and_plays(mine: Path) -> None:
    card = read_card(find_model("mine"))
    assert (card.base, card.family, card.base_sha256) == ("drums", "drums", read_card(find_model("drums")).weights_sha256)
    assert sorted(path.name for path in mine.iterdir()) == [
        *("README.md", "adapter.safetensors", "golden.safetensors", "habits.safetensors", "model.yaml", "windows.safetensors"),
    ]
    assert check_golden(load_model("mine"), mine) == []
    assert len(Engine().run(Sample(model="mine", count=2, seed=1)).clips) == 2
    assert len(Engine().run(Vary(clips=(BEAT,), model="mine", kind="drums", count=2, seed=1)).clips) == 2


def test_a_personal_model_needs_no_torch(mine: Path) -> None:
    code = (
        "import sys; from bridge.engine import Engine; from bridge.requests import Sample; "
        "Engine().run(Sample(model='mine', count=1, seed=1)); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_dial_goes_from_the_general_model_to_mine(mine: Path) -> None:
    tensors = load_file(mine / "adapter.safetensors")
    rng = np.random.default_rng(0)
    loud = {name: rng.standard_normal(values.shape).astype(np.float16) for name, values in tensors.items()}
    rewrite(mine, loud)
    engine = Engine()

    def sampled(model: str, share: float = 1.0) -> list[tuple[Note, ...]]:
        return [clip.notes for clip in engine.run(Sample(model=model, count=3, seed=4, mine=share)).clips]

    assert sampled("mine", 0) == sampled("drums")
    assert sampled("mine", 1) != sampled("drums")
    assert sampled("mine", 0.5) not in (sampled("mine", 0), sampled("mine", 1))
    assert sampled("drums", 0.3) == sampled("drums")  # where there is no dial, it says nothing
    both = [load_model("mine"), load_torch_model("mine")]
    assert all(model.dial for model in both)
    assert check_golden(both[1], mine) == check_golden(both[0], mine)


def test_what_is_added_to_weights_is_a_share_of_it() -> None:
    weights = {"a.weight": np.ones((3, 4), np.float16), "a.bias": np.zeros(3, np.float16), "b": np.ones(2, np.float16)}
    up, down = np.arange(6.0).reshape(3, 2), np.ones((2, 4))
    adapter = {"a.weight/up": up, "a.weight/down": down, "a.bias/whole": np.array([1.0, 2.0, 3.0])}
    assert names_of(adapter) == ["a.weight", "a.bias"]
    assert all(values is weights[name] for name, values in add_adapter(weights, adapter, 0).items())
    half = add_adapter(weights, adapter, 0.5)
    assert np.allclose(half["a.weight"], 1 + 0.5 * up @ down)
    assert np.allclose(half["a.bias"], [0.5, 1.0, 1.5])
    assert half["b"] is weights["b"]
    once, again = add_adapter(weights, scaled(adapter, 0.5), 1.0), add_adapter(weights, adapter, 0.5)
    assert all(np.allclose(once[name], again[name]) for name in weights)


def test_learning_leaves_the_model_as_it_was_and_raises_what_it_learns_from(own_models: Path, clips: Path) -> None:
    model = load_torch_model("drums")
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    windows = pack(find_sources(clips), model.family, everything=True)
    recipe = replace(FEW, steps=30, learning_rate=0.03, rank=4)
    first, second = fit(model, windows, recipe, seed=3), fit(model, windows, recipe, seed=3)
    assert all((first[name] == second[name]).all() for name in first)
    after = model.network.state_dict()
    assert list(after) == list(before)
    assert all((after[name] == before[name]).all() for name in before)
    general, personal = (likelihood(its, windows.grid, draws=2).mean() for its in (model, added(model, first)))
    assert personal > general + 1


def test_too_little_music_is_said(own_models: Path, music: Learnable) -> None:
    few = replace(music, windows=music.windows.take(np.arange(3)), held=music.held[:3])
    with pytest.raises(ValueError, match="too few to learn from: at least 8 are needed"):
        personalise("drums", few, own_models / "few", recipe=FEW)
    assert not (own_models / "few").exists()


def rewrite(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Put other tensors in a personal model, with the hash that belongs to them."""
    import hashlib

    save_file(tensors, folder / "adapter.safetensors")
    card = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    card["weights_sha256"] = hashlib.sha256((folder / "adapter.safetensors").read_bytes()).hexdigest()
    (folder / "model.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")


def first_change(tensors: dict[str, np.ndarray]) -> str:
    """Name the first matrix that is changed."""
    return next(name for name in tensors if name.endswith("/up")).removesuffix("/up")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda t: t | {"nowhere.weight/whole": np.zeros(3, np.float16)},
            "changes 'nowhere.weight', which its model",
        ),
        (lambda t: t | {f"{first_change(t)}/up": np.zeros((1, 1), np.float16)}, "in the shape"),
        (lambda t: t | {f"{first_change(t)}/up": np.zeros(4, np.float16)}, "in a way that this program does not know"),
        (lambda t: {name: values for name, values in t.items() if name != f"{first_change(t)}/down"}, "lacks"),
        (lambda t: {name: values + np.float16(np.inf) for name, values in t.items()}, "not finite"),
    ],
)
def test_an_adapter_that_is_none_is_refused_in_a_sentence(
    mine: Path,
    spoil: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    said: str,
) -> None:
    rewrite(mine, spoil(load_file(mine / "adapter.safetensors")))
    with pytest.raises(ModelError, match=f"adapter.safetensors .*{said}"):
        load_model("mine")


def test_another_base_or_none_is_said_in_a_sentence(
    mine: Path, other_model: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "latent-bridge" / "models"
    shutil.copytree(mine, home / "mine")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="made from the model drums, which is here only with other weights"):
        load_model("mine")
    other_model(home / "drums")
    with pytest.raises(ModelError, match="which is here only with other weights"):
        load_model("mine")
    card = (home / "mine" / "model.yaml").read_text(encoding="utf-8")
    (home / "mine" / "model.yaml").write_text(card.replace("base: drums", "base: nobody"), encoding="utf-8")
    with pytest.raises(ModelError, match="made from the model nobody, which is not here"):
        load_model("mine")
    (home / "mine" / "model.yaml").write_text(card.replace("base: drums", "base: ../drums"), encoding="utf-8")
    with pytest.raises(ModelError, match="base"):
        load_model("mine")


def test_nothing_is_added_to_a_personal_model_or_to_one_that_has_no_name(mine: Path, music: Learnable, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a personal model itself: name the one that it was made from, drums"):
        personalise("mine", music, tmp_path / "other", recipe=FEW)
    shutil.copytree(find_model("drums"), tmp_path / "drums")
    with pytest.raises(ValueError, match="is not among your models"):
        personalise(str(tmp_path / "drums"), music, tmp_path / "other", recipe=FEW)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_model_that_finds_no_room_costs_nothing_that_was_there(mine: Path, music: Learnable, tmp_path: Path) -> None:
    import resource

    shutil.copytree(mine, tmp_path / "old")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        for name in ("old", "new"):
            with pytest.raises(ValueError, match=f"{name} cannot be written"):
                personalise("drums", music, tmp_path / name, recipe=FEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_the_command_learns_from_a_folder_or_a_prepared_file(
    own_models: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.personalise.Recipe", lambda: FEW)
    run = CliRunner().invoke
    done = run(app, ["personalise", str(clips), "--out", str(tmp_path / "mine")])
    assert done.exit_code == 0, done.output
    assert read_card(tmp_path / "mine").base == "drums"
    assert "of a learned" not in (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    save_packed(tmp_path / "band.lbdata", prepare(find_sources(clips), "band"), "band")
    assert run(app, ["personalise", str(tmp_path / "band.lbdata"), "--out", str(tmp_path / "band")]).exit_code == 0
    first, second = (read_card(tmp_path / name) for name in ("mine", "band"))
    assert first.weights_sha256 == second.weights_sha256
    with pytest.raises(ValueError, match="holds a personal model already; --force writes over it"):
        run(app, ["personalise", str(clips), "--out", str(tmp_path / "mine")], catch_exceptions=False)
    with pytest.raises(ValueError, match="no personal one"):
        run(app, ["personalise", str(clips), "--out", str(own_models / "drums"), "--force"], catch_exceptions=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no drums to learn from: there is no MIDI file in it"):
        run(app, ["personalise", str(tmp_path / "empty"), "--out", str(tmp_path / "none")], catch_exceptions=False)
