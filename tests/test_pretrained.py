"""The models that ship: whole, small, honest about themselves, and better than a sketch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.engine import Engine
from bridge.requests import Interpolate, Reconstruct, Sample, Vary
from docs.cards import write_card
from models.families.drums import GM_KIT
from models.families.routing import route
from models.music.clip import Clip, Note
from models.music.distance import distance
from models.music.midi import read_clip
from models.store import CARD, WEIGHTS, check_golden, load_hashes, load_model, read_card, shipped

NAMES = ("drums", "melody")
BEATS = ("rock", "funk", "shuffle", "bossa", "halftime", "house", "breakbeat", "one_bar", "waltz_3_4", "drums_7_8")
TUNES = ("ode_to_joy", "twinkle", "frere_jacques", "greensleeves", "scarborough_fair", "menuet_in_g", "when_the_saints")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.mark.parametrize("folder", sorted(p.parent for p in shipped().glob(f"*/{CARD}")), ids=lambda p: p.name)
def test_a_shipped_model_is_whole_small_and_gives_its_golden_values(folder: Path) -> None:
    assert (folder / WEIGHTS).stat().st_size <= 8_000_000
    assert check_golden(load_model(str(folder)), folder) == []
    card = read_card(folder)
    assert card.name == folder.name
    assert card.commit
    assert len(load_hashes(folder)) > 1000
    assert not [p for p in folder.iterdir() if p.suffix in (".pt", ".pth", ".pkl", ".ckpt", ".bin", ".npy")]


@pytest.mark.full
@pytest.mark.parametrize("folder", sorted(p.parent for p in shipped().glob(f"*/{CARD}")), ids=lambda p: p.name)
def test_a_card_holds_the_config_that_is_in_the_repository(folder: Path) -> None:
    from models.training.config import TrainConfig

    config = TrainConfig.read(Path(__file__).parents[1] / "configs" / "train" / f"{folder.name}.yaml")
    shipped = TrainConfig.model_validate(read_card(folder).config)
    begun = {"start_sha256": shipped.start_sha256, "pair_levels": shipped.pair_levels}  # what the training fills in
    assert shipped == (config.model_copy(update=begun) if config.start else config)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_evaluate_printed_and_nothing_else(name: str) -> None:
    folder = shipped() / name
    figures = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert (folder / "README.md").read_text(encoding="utf-8") == write_card(read_card(folder), figures)
    assert figures["void"] == ""


@pytest.mark.parametrize("name", BEATS)
def test_beats_are_taken_for_drums_by_their_notes_alone(clips: Path, name: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    assert route(clip) == route(type(clip)(clip.notes, clip.beats)) == "drums"


@pytest.mark.parametrize("name", TUNES)
def test_tunes_are_not_taken_for_drums(clips: Path, name: str) -> None:
    assert route(read_clip(clips / f"{name}.mid")) == "melody"


@pytest.mark.parametrize("name", [*BEATS, *TUNES])
def test_a_reconstruction_is_close_to_the_clip(engine: Engine, clips: Path, name: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    made = engine.run(Reconstruct(clips=(clip,), seed=1)).clips[0]
    drums = route(clip) == "drums"
    known = [n for n in clip.notes if not drums or n.pitch in GM_KIT]
    here, there = ({(round(n.start * 4), GM_KIT[n.pitch] if drums else n.pitch) for n in c} for c in (known, made.notes))
    assert len(here & there) >= 0.9 * len(here | there)


@pytest.mark.parametrize("name", ["rock", "funk", "bossa", "ode_to_joy", "twinkle"])
def test_more_amount_goes_farther_from_the_clip(engine: Engine, clips: Path, name: str) -> None:
    clip = read_clip(clips / f"{name}.mid")
    voice = GM_KIT.get if route(clip) == "drums" else None
    means = []
    for amount in (0.1, 0.3, 0.6):
        made = engine.run(Vary(clips=(clip,), amount=amount, count=8, seed=1)).clips
        assert len(made) == 8
        apart = [distance(clip, m, voice=voice) for m in made]
        means.append(sum(apart) / len(apart))
        assert abs(means[-1] - amount) < 0.12
    assert means == sorted(means)


def test_the_middle_of_two_beats_shares_with_both(engine: Engine, clips: Path) -> None:
    a, b = read_clip(clips / "rock.mid"), read_clip(clips / "bossa.mid")
    middle = engine.run(Interpolate(clips=(a, b), steps=5, seed=1)).clips[2]
    apart = distance(a, b, voice=GM_KIT.get)
    assert distance(a, middle, voice=GM_KIT.get) < apart
    assert 0.5 * min(len(a.notes), len(b.notes)) < len(middle.notes) < 1.5 * max(len(a.notes), len(b.notes))


@pytest.mark.parametrize("kind", ["drums", "notes"])
def test_samples_hold_music(engine: Engine, kind: str) -> None:
    answer = engine.run(Sample(count=8, seed=1, kind=kind))
    assert sum(len(c.notes) >= 4 for c in answer.clips) >= 7


def test_a_clip_of_few_notes_is_varied_as_often_as_asked(engine: Engine) -> None:
    few = Clip(tuple(Note(pitch, start, 0.5) for pitch, start in ((77, 4.0), (74, 5.0), (77, 5.5), (79, 6.0))), 8.0)
    for seed in range(1, 5):
        answer = engine.run(Vary(clips=(few,), amount=0.3, count=3, seed=seed, kind="notes"))
        assert len({tuple((n.pitch, n.start) for n in clip.notes) for clip in answer.clips}) == 3
