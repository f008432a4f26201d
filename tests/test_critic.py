"""The critic: what it is told of changes, what its trees say, and that the likelier of many decodes are taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bridge.engine import Engine
from bridge.requests import Vary
from models.editing.critic import SHARPNESS, differing_first, draw_order
from models.families.critic import LEAVES, MISSING, SPLITS, Critic, as_table, checksum
from models.families.grid import Grid
from models.families.registry import FAMILIES, find_family
from models.families.struck import StruckFamily
from models.music.midi import read_clip
from models.store import load_model
from models.training import critic as training
from models.training.critic import describe_all, learn_critic

CLIPS = Path(__file__).parent / "clips"
ONE = np.zeros(1, np.int64)


def _own(name: str, file: str) -> Grid:
    return find_family(name).clip_to_grid(read_clip(CLIPS / file)).grid[:1]


@pytest.mark.parametrize(("name", "file"), [("drums", "funk.mid"), ("melody", "ode_to_joy.mid")])
def test_a_window_that_did_not_change_is_described_by_no_change(name: str, file: str) -> None:
    own = _own(name, file)
    told = find_family(name).changes(own, own, ONE)
    changing = [key for key in told if key.startswith(("added", "dropped", "more_")) or key.endswith("_more")]
    assert len(changing) > 60
    # A leap to an added note less leaps elsewhere, where none is added, is the mean leap itself.
    assert {key for key in changing if np.nan_to_num(told[key][0]) != 0} <= {"added_leap_more"}
    assert told["bars_kept"] == 2
    assert told["notes_ratio"] == 1


def test_changes_of_drums_are_counted_where_they_are() -> None:
    family, own = find_family("drums"), _own("drums", "funk.mid")
    assert isinstance(family, StruckFamily)
    struck = family.vocabulary.struck(own.tokens).copy()
    dropped = tuple(np.argwhere(struck[0])[0])
    struck[(0, *dropped)] = False
    struck[0, 29, 7] = True  # a crash on the sixteenth before the last two: in the last quarter
    told = family.changes(own, Grid(family.tokens_of(struck), own.velocities, own.offsets), ONE)
    assert told["notes_more"] == 0
    assert told["share_added"] == 0.5
    assert told["added_lane_7"] == 1
    assert told["added_quarter_4"] == 1
    assert told["added_step_2_of_beat"] == 1
    assert told[f"dropped_lane_{dropped[1]}"] == 1


def test_changes_of_a_melody_tell_a_new_pitch_from_a_new_rhythm() -> None:
    family, own = find_family("melody"), _own("melody", "ode_to_joy.mid")
    tokens = own.tokens.copy()
    at = int(np.flatnonzero(tokens[0, :, 0] < 128)[2])
    tokens[0, at, 0] += 1
    told = family.changes(own, Grid(tokens, own.velocities, own.offsets), ONE)
    assert told["in_place"] == 1
    assert told["repitched_by"] == 1
    assert told["repitched_by_a_semitone"] == 1
    assert told["per_step"] == 2
    assert told["notes_more"] == 0


def test_many_windows_are_described_as_each_alone() -> None:
    family = find_family("melody")
    layout = family.clip_to_grid(read_clip(CLIPS / "ode_to_joy.mid"))
    own, made = layout.grid[:4], layout.grid[4:8]
    together = as_table(family.changes(own, made, np.arange(4)))
    alone = [as_table(family.changes(own[i : i + 1], made[i : i + 1], ONE)) for i in range(4)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def _rows(rng: np.random.Generator, n: int, more: float) -> dict[str, np.ndarray]:
    return {"a": rng.normal(more, 1, n), "b": rng.normal(0, 1, n), "c": np.where(rng.random(n) < 0.1, np.nan, rng.random(n))}


@pytest.mark.full
def test_a_critic_says_what_the_trees_say_that_it_was_learned_as(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    learned: list[GradientBoostingClassifier] = []
    monkeypatch.setattr(training, "TREES", 20)
    fit = GradientBoostingClassifier.fit

    def remember(self: GradientBoostingClassifier, *given: object, **named: object) -> GradientBoostingClassifier:
        learned.append(self)
        return fit(self, *given, **named)

    monkeypatch.setattr(GradientBoostingClassifier, "fit", remember)
    rng = np.random.default_rng(0)
    players, made = _rows(rng, 120, 1.0), _rows(rng, 300, 0.0)
    critic = learn_critic(players, made)
    told = describe_all([players, made])
    said = learned[0].decision_function(as_table(told))
    np.testing.assert_allclose(critic.score(told) - critic.score(told)[0], said - said[0], atol=1e-4)
    assert critic.score(players).mean() > critic.score(made).mean() + 0.5


def test_a_critic_of_other_features_is_refused() -> None:
    rng = np.random.default_rng(0)
    features = np.zeros((1, SPLITS), np.int16)
    leaves, names = np.zeros((1, LEAVES), np.float32), np.array([checksum({"a": np.zeros(1), "b": np.zeros(1)})])
    critic = Critic(features, np.zeros((1, SPLITS), np.float32), leaves, names)
    with pytest.raises(ValueError, match="made for other features"):
        critic.score(_rows(rng, 3, 0.0))
    assert as_table({"a": np.array([np.nan])})[0, 0] == MISSING


def test_the_order_is_drawn_and_the_likelier_come_first_the_oftener() -> None:
    rng = np.random.default_rng(0)
    scores = np.array([0.0, 1 / SHARPNESS, 2 / SHARPNESS])
    first = np.bincount([draw_order(scores, rng)[0] for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(first, np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), atol=0.03)


def test_of_each_decode_one_comes_before_any_comes_twice() -> None:
    assert differing_first([4, 0, 3, 1, 2], [7, 7, 8, 9, 7]) == [4, 3, 2, 0, 1]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_shipped_critics_fit_what_they_are_told(name: str) -> None:
    model = load_model(name)
    own = _own(name, "funk.mid" if name == "drums" else "ode_to_joy.mid")
    assert model.critic is not None
    assert np.isfinite(model.critic.score(model.family.changes(own, own, ONE))).all()


@pytest.mark.parametrize(("name", "file"), [("drums", "shuffle.mid"), ("melody", "frere_jacques.mid")])
def test_variations_that_a_critic_chose_score_higher(name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    clip = read_clip(CLIPS / file)
    clip = replace(clip, notes=tuple(n for n in clip.notes if n.end <= 8), beats=8.0, track_end=None)
    model = engine.model(name)
    critic = model.critic
    assert critic is not None

    def scores() -> float:
        family, told = model.family, []
        for seed in range(6):
            made = engine.run(Vary(clips=(clip,), model=name, amount=0.3, count=8, seed=seed)).clips
            own, *others = (family.clip_to_grid(c).grid[:1] for c in (clip, *made))
            told.append(critic.score(family.changes(own, Grid.stack(others), np.zeros(len(others), np.int64))).mean())
        return float(np.mean(told))

    chosen = scores()
    monkeypatch.setattr(model, "critic", None)
    assert chosen > scores() + 0.2
