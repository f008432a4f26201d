"""Training: seeded, resumable, and what it writes loads at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from bridge.engine import Engine
from bridge.requests import Sample
from models.families.constraints import Known
from models.families.family import Family
from models.families.grid import Grid
from models.families.registry import find_family
from models.network.config import NetworkConfig
from models.network.decoding import DecodeBatch
from models.network.latent import Randomness
from models.network.torch_runtime import TorchModel, build_network
from models.network.vae import Feel, add_noise, project
from models.store import check_golden, find_model, load_model, load_torch_model, read_card
from models.training.checkpoints import RUN
from models.training.config import TrainConfig
from models.training.dataset import find_sources, pack
from models.training.feel import FeelConfig
from models.training.packed import save_packed
from models.training.preparing import prepare
from models.training.train import LEARNED, learn_from, train_model
from models.training.trainer import Trainer
from models.whole_file import WholeFileError, write_whole
from models.yaml_text import load_yaml
from tests.support.models import tiny_card
from tests.support.toy_family import FAMILY as TOY

CONFIGS = Path(__file__).parents[1] / "configs" / "train"
DRUMS, MELODY = find_family("drums"), find_family("melody")
families = pytest.mark.parametrize("family", [DRUMS, MELODY, TOY], ids=lambda family: family.name)


@pytest.fixture(scope="module")
def tiny() -> TrainConfig:
    return TrainConfig.read(CONFIGS / "tiny.yaml").model_copy(update={"steps": 6, "report_every": 3, "batch": 8})


OF_FEEL = sorted(CONFIGS.glob("feel*.yaml"))  # bench/train_feel.py reads these


@pytest.mark.parametrize("path", OF_FEEL, ids=lambda p: p.stem)
def test_every_shipped_config_of_feel_is_valid(path: Path) -> None:
    assert FeelConfig.model_validate(load_yaml(path.read_text(encoding="utf-8"))).steps > 0


@pytest.mark.parametrize("path", sorted(set(CONFIGS.glob("*.yaml")) - set(OF_FEEL)), ids=lambda p: p.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    config = TrainConfig.read(path)
    assert config.steps > 0
    assert NetworkConfig.of(find_family(config.family), config.network).latent > 0


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


@pytest.mark.parametrize("family", ["drums", "melody"])
def test_pairs_rests_lines_and_context_are_learned_and_resumed(
    family: str, tiny: TrainConfig, clips: Path, tmp_path: Path
) -> None:
    more = {
        "pair_share": 0.25,
        "rest_share": 0.25,
        "line_share": 0.25,
        "told_share": 0.5,
        "pair_levels": ((0.1, 0.0), (1.0, 1.0)),
    }
    heard = {"context_share": 0.7, "wrong_share": 0.5} if family == "melody" else {}
    config = tiny.model_copy(update={"family": family, "batch": 16, "steps": 2, "report_every": 2, **more, **heard})
    train_model(config, clips, tmp_path / "mine")
    assert read_card(tmp_path / "mine").config["pair_share"] == 0.25
    assert bool(len(load_model(str(tmp_path / "mine")).habits)) == bool(heard)  # only who hears them is told habits
    figures = json.loads((tmp_path / "mine" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"rest_f1", *(["context_none", "context_own", "context_wrong"] if heard else [])} <= set(figures)
    train, valid = learn_from(clips, config)
    whole, half, resumed = (Trainer(config, train, valid) for _ in range(3))
    whole.take_step()
    whole.take_step()
    half.take_step()
    half.save(tmp_path)
    resumed.resume(tmp_path)
    resumed.take_step()
    for name, value in whole.average.items():
        assert torch.equal(value, resumed.average[name]), name


def test_an_interrupted_training_goes_on_without_its_data(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train_model(tiny, clips, whole)

    def stop(step: int, figures: dict[str, float]) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(tiny, clips, stopped, report=stop)
    with pytest.raises(ValueError, match="--resume"):
        train_model(tiny, clips, stopped)
    train_model(tiny, tmp_path / "nowhere", stopped, resume=True)  # a run keeps what it learns from
    assert read_card(stopped).weights_sha256 == read_card(whole).weights_sha256
    assert (stopped / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    assert not [path.name for path in stopped.iterdir() if path.suffix in (".npz", ".part") or path.name == RUN]
    with pytest.raises(ValueError, match="a model that is finished"):
        train_model(tiny, clips, stopped, resume=True)
    with pytest.raises(ValueError, match="holds a model already"):
        train_model(tiny, clips, stopped)


def test_a_config_that_names_sets_learns_from_a_folder_of_ones_own(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    music = tmp_path / "my-midi"
    music.mkdir()
    for name in ("funk", "rock", "house", "bossa", "halftime", "breakbeat", "shuffle"):
        shutil.copy(clips / f"{name}.mid", music)
    (music / "corrupt.mid").write_bytes((clips / "corrupt.mid").read_bytes())
    said: list[str] = []
    config = tiny.model_copy(update={"sets": ("groove", "freedoom"), "codec_sets": ("freedoom",)})
    out = train_model(config, music, tmp_path / "mine", say=said.append)
    assert said[0] == "my-midi holds none of the sets that the config names: it is learned from as music of your own"
    assert said[1].startswith("corrupt.mid is corrupt")
    card = read_card(out)
    assert (card.about, card.config["sets"]) == ("drums learned from my-midi", [])
    readme, page = ((out / name).read_text(encoding="utf-8") for name in ("README.md", "training.html"))
    assert "that of the music it learned from" in readme
    assert "1 pieces that were held out" in readme
    assert page.count("<svg") > 4
    assert "http" not in page  # all that it shows is in it


def test_a_training_that_only_gets_worse_ends_early_with_what_it_began_with(
    tiny: TrainConfig, clips: Path, tmp_path: Path
) -> None:
    first = train_model(tiny, clips, tmp_path / "first")
    wild = tiny.model_copy(
        update={
            "start": str(first),
            "steps": 60,
            "report_every": 1,
            "learning_rate": 3.0,
            "warmup": 0,
            "patience": 2,
            "average": 0.0,
        }
    )
    said: list[str] = []
    second = train_model(wild, clips, tmp_path / "second", say=said.append)
    assert read_card(second).weights_sha256 == read_card(first).weights_sha256
    assert said[-1] == f"ended at step 2: on the pieces held out nothing did better than {first}, so that is what ships"


def test_a_full_disk_is_said_and_costs_nothing_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_bytes(b"old")
    (tmp_path / ".run.part").symlink_to("/dev/full")
    with pytest.raises(WholeFileError, match="the disk is full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_run_that_was_damaged_is_told(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    def stop(step: int, figures: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(tiny, clips, tmp_path, report=stop)
    whole = (tmp_path / RUN).read_bytes()
    for damaged in (whole[: len(whole) // 2], whole.replace(b'"step"', b'"stop"', 1), b""):
        (tmp_path / RUN).write_bytes(damaged)
        with pytest.raises(ValueError, match="is cut off, or of no run of this training: remove"):
            train_model(tiny, clips, tmp_path, resume=True)
    (tmp_path / RUN).write_bytes(whole)
    windows = (tmp_path / LEARNED).read_bytes()
    (tmp_path / LEARNED).write_bytes(windows[: len(windows) // 2])
    with pytest.raises(ValueError, match="remove it, and --resume cuts them"):
        train_model(tiny, clips, tmp_path, resume=True)
    (tmp_path / LEARNED).unlink()
    train_model(tiny, clips, tmp_path, resume=True)


def test_a_training_takes_prepared_music(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    prepared = prepare(find_sources(clips), "clips")
    save_packed(tmp_path / "mine.lbdata", prepared, "clips")
    config = tiny.model_copy(update={"rest_share": 0.2, "steps": 2})
    out = train_model(config, tmp_path / "mine.lbdata", tmp_path / "mine")
    train, _ = prepared.families["drums"].split()
    assert read_card(out).data["sha256"] == train.sha256()


def test_a_training_starts_from_a_model(tiny: TrainConfig, clips: Path, tmp_path: Path) -> None:
    first = train_model(tiny, clips, tmp_path / "first")
    begun = tiny.model_copy(update={"start": str(first), "steps": 1, "report_every": 1, "learning_rate": 1e-9, "warmup": 0})
    second = train_model(begun, clips, tmp_path / "second")
    recorded = read_card(second).config
    assert recorded["start_sha256"] == read_card(first).weights_sha256
    assert recorded["pair_levels"] == [list(pair) for pair in read_card(first).amounts]
    one, other = (load_torch_model(str(folder)).network.state_dict() for folder in (first, second))
    assert all(torch.allclose(one[name], other[name], atol=1e-3) for name in one)
    with pytest.raises(ValueError, match="cannot start from it"):
        Trainer(tiny.model_copy(update={"network": {}}), *learn_from(clips, tiny)).start_from(str(first))


def test_pairs_need_to_know_how_noisy_they_are(tiny: TrainConfig, clips: Path) -> None:
    config = tiny.model_copy(update={"pair_share": 0.5})
    with pytest.raises(ValueError, match="pair_levels"):
        Trainer(config, *learn_from(clips, config))


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
    drums, melody = (pack(find_sources(clips), family) for family in (DRUMS, MELODY))
    assert len(drums) > 5
    assert len(melody) > 5
    assert drums.grid.tokens.shape[1:] == (32, 1)
    keys = {(int(p), t.tobytes()) for p, t in zip(drums.piece, drums.grid.tokens, strict=True)}
    assert len(keys) == len(drums)
    assert pack(find_sources(clips), DRUMS).sha256() == drums.sha256()


@families
def test_what_the_head_writes_is_what_it_would_be_taught_to_expect(family: Family) -> None:
    """Free running and teacher forcing are the same function of the music before a step."""
    torch.manual_seed(0)
    config = NetworkConfig.of(family, {"width": 32, "heads": 2, "hidden": 32, "latent": 64})
    net = build_network(family, config).eval()
    torch.nn.init.normal_(net.predict.weight, std=0.3)
    z, level = project(torch.randn(6, 64)), torch.full((6,), 0.5)
    contexts = net.contexts(z, level)
    drawn = torch.rand(6, config.steps, config.slots), torch.rand(6, config.steps, config.lanes, 2)
    with torch.no_grad():
        tokens, feel = net.generate(contexts, drawn)
        scores, _ = net.teacher_forced(contexts, tokens, feel, tokens)
    for slot, (rest, hold) in enumerate(family.vocabulary.holds):
        before = torch.nn.functional.pad(tokens[..., slot], (1, 0), value=rest)[:, :-1]
        scores[..., slot, hold] = scores[..., slot, hold].masked_fill(before == rest, -torch.inf)
    heaped = scores.softmax(-1).cumsum(-1)
    again = torch.searchsorted(heaped, (drawn[0] * heaped[..., -1])[..., None], right=True)[..., 0]
    assert torch.equal(again, tokens)


@families
def test_what_is_known_is_written(family: Family) -> None:
    spec, vocabulary = family.spec, family.vocabulary
    torch.manual_seed(0)
    network = build_network(family, NetworkConfig.of(family, {"width": 16, "heads": 2, "hidden": 16, "latent": 16}))
    model = TorchModel(tiny_card(family.name), family, network)
    rng = np.random.default_rng(0)
    never = [hold for _, hold in vocabulary.holds]  # a hold that is told may have nothing to go on with
    ids = [np.setdiff1d(np.arange(its.start, its.stop), never) for its in vocabulary.ranges]
    tokens = np.stack([rng.choice(its, (3, spec.steps)) for its in ids], -1)
    silent = np.zeros((3, spec.steps, vocabulary.lanes), np.float32)
    target = Grid(tokens, silent, silent)
    mask = rng.random((3, spec.steps, vocabulary.facet_count)) < 0.5
    drawn = Randomness.draw(rng, 3, spec, vocabulary)
    z = rng.standard_normal((3, 16), np.float32)
    made = model.decode(DecodeBatch(z, np.ones(3, np.float32), drawn, known=Known(target, mask)))
    about = mask[..., vocabulary.facets]
    mine, its = (vocabulary.features[grid.tokens].any(-2) for grid in (made, target))
    assert (mine == its)[about].all()


def test_noise_keeps_the_power_of_a_latent() -> None:
    torch.manual_seed(0)
    mu = project(torch.randn(200, 128))
    for s in (0.0, 0.5, 1.0):
        z = add_noise(mu, torch.full((200,), s), torch.randn(200, 128))
        assert float((z**2).mean()) == pytest.approx(1, abs=0.02)


def test_the_encoder_places_windows_on_the_sphere() -> None:
    net = build_network(DRUMS, NetworkConfig.of(DRUMS, {"width": 16, "heads": 2, "hidden": 16, "latent": 32})).eval()
    nothing = torch.zeros(2, 32, 9)
    z = net.encode(torch.zeros(2, 32, 1, dtype=torch.long), Feel(nothing, nothing))
    assert torch.allclose(z.norm(dim=1), torch.full((2,), 32**0.5))
