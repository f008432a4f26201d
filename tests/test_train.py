"""Training: seeded, resumable, and what it writes loads at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from bridge.engine import Engine
from bridge.requests import Sample
from models.data import find_sources, pack
from models.grid import DRUMS, MELODY, Grid
from models.network import Feel, blur, project
from models.shape import Shape
from models.store import check_golden, find_model, load_model, read_card
from models.torch_model import build_network
from models.train import TrainConfig, Trainer, learn_from, train_model

CONFIGS = Path(__file__).parents[1] / "configs" / "train"


@pytest.fixture(scope="module")
def tiny() -> TrainConfig:
    return TrainConfig.read(CONFIGS / "tiny.yaml").model_copy(update={"steps": 6, "report_every": 3, "batch": 8})


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    config = TrainConfig.read(path)
    assert config.steps > 0
    sizes = {"tokens": 1, "voices": 1, **config.network}
    Shape(**sizes)  # type: ignore[arg-type]


def test_an_unknown_key_in_a_config_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("family: drums\nsteps: 1\nlearning_speed: 2\n", encoding="utf-8")
    with pytest.raises(ValidationError, match="learning_speed"):
        TrainConfig.read(path)


def test_training_writes_a_model_that_plays_at_once(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    seen: list[int] = []
    train_model(tiny, clips, out, report=lambda step, figures: seen.append(step))
    assert seen == list(range(1, 7))
    card = read_card(find_model(str(out)))
    assert (card.name, card.family, card.config["seed"]) == ("mine", "drums", 1)
    assert check_golden(load_model(str(out)), out) == []
    assert len(Engine().run(Sample(model=str(out), count=2, seed=1)).clips) == 2
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]


def test_a_resumed_run_is_the_same_run(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    train, valid = learn_from(clips, tiny)
    whole = Trainer(tiny, train, valid)
    for _ in range(4):
        whole.take_step()
    half = Trainer(tiny, train, valid)
    half.take_step()
    half.take_step()
    half.save(tmp_path)
    resumed = Trainer(tiny, train, valid)
    resumed.resume(tmp_path)
    for _ in range(2):
        resumed.take_step()
    for name, value in whole.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_a_run_does_not_overwrite_another(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "run.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="--resume"):
        train_model(tiny, clips, tmp_path)
    with pytest.raises(ValueError, match="nothing to resume"):
        train_model(tiny, clips, tmp_path / "other", resume=True)


def test_a_folder_without_bars_to_learn_from_is_named(tiny: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match="no two bars of drums"):
        train_model(tiny, tmp_path / "data", tmp_path / "out")


def test_windows_are_cut_from_common_time_by_piece(clips: Path) -> None:
    drums, melody = (pack(find_sources(clips), kind) for kind in (DRUMS, MELODY))
    assert len(drums) > 5
    assert len(melody) > 5
    assert drums.grid.tokens.shape[1:] == (32,)
    keys = {(int(p), t.tobytes()) for p, t in zip(drums.piece, drums.grid.tokens, strict=True)}
    assert len(keys) == len(drums)
    assert pack(find_sources(clips), DRUMS).sha256() == drums.sha256()


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_what_the_head_writes_is_what_it_would_be_taught_to_expect(name: str) -> None:
    """Free running and teacher forcing are the same function of the music before a step."""
    from models.family import find_family

    torch.manual_seed(0)
    family = find_family(name)
    net = build_network(family, Shape(1, 1, width=32, heads=2, hidden=32, latent=64)).eval()
    torch.nn.init.normal_(net.predict.weight, std=0.3)
    z, level = project(torch.randn(6, 64)), torch.full((6,), 0.5)
    contexts = net.contexts(z, level)
    dice = (torch.rand(6, 32), torch.rand(6, 32, family.kind.voices, 2))
    with torch.no_grad():
        tokens, feel = net.generate(contexts, dice)
        scores, _ = net.teach(contexts, tokens, feel, tokens)
    if family.illegal:
        after, never = family.illegal
        before = torch.nn.functional.pad(tokens, (1, 0), value=after)[:, :-1]
        scores[..., never] = scores[..., never].masked_fill(before == after, -torch.inf)
    heaped = scores.softmax(-1).cumsum(-1)
    again = torch.searchsorted(heaped, (dice[0] * heaped[..., -1])[..., None], right=True)[..., 0]
    assert torch.equal(again, tokens)


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_what_is_known_is_written(name: str) -> None:
    from models.family import find_family
    from models.latent import Dice
    from models.torch_model import TorchModel
    from tests.conftest import tiny_card

    family = find_family(name)
    torch.manual_seed(0)
    network = build_network(family, Shape(1, 1, width=16, heads=2, hidden=16, latent=16))
    model = TorchModel(tiny_card(name), family, network)
    rng = np.random.default_rng(0)
    tokens = rng.integers(family.kind.tokens - 2, size=(3, 32))
    target = Grid(tokens, np.zeros((3, 32, family.kind.voices), np.float32), np.zeros((3, 32, family.kind.voices), np.float32))
    facets = int(family.facets.max()) + 1
    known = rng.random((3, 32, facets)) < 0.5
    dice = Dice.roll(rng, 3, steps=32, voices=family.kind.voices)
    z = rng.standard_normal((3, 16), np.float32)
    made = model.decode(z, np.ones(3, np.float32), dice=dice, known=(target, known))
    told = known[..., family.facets]
    assert (family.features[made.tokens] == family.features[target.tokens])[told].all()


def test_blurring_keeps_the_power_of_a_latent() -> None:
    torch.manual_seed(0)
    mu = project(torch.randn(200, 128))
    for s in (0.0, 0.5, 1.0):
        z = blur(mu, torch.full((200,), s), torch.randn(200, 128))
        assert float((z**2).mean()) == pytest.approx(1, abs=0.02)


def test_the_encoder_places_windows_on_the_sphere() -> None:
    from models.family import find_family

    net = build_network(find_family("drums"), Shape(1, 1, width=16, heads=2, hidden=16, latent=32)).eval()
    nothing = torch.zeros(2, 32, 9)
    z = net.encode(torch.zeros(2, 32, dtype=torch.long), Feel(nothing, nothing))
    assert torch.allclose(z.norm(dim=1), torch.full((2,), 32**0.5))
