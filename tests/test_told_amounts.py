"""Variations whose decoders are told how far to go: by the card's table, as far as telling reaches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bridge.engine import Engine
from bridge.requests import Vary
from models.music.clip import Clip, Note
from models.music.distance import distance
from models.network.cpu_runtime import NumpyModel
from models.network.decoding import DecodeBatch
from models.store import load_model
from models.training.calibration import calibrate, measure_lean
from tests.support.made_up import melodies
from tests.support.models import tiny_card

TOLD = {"told_noise": 0.3, "told_amounts": ((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)), "told_lean": 0.5}
LINE = Clip(tuple(Note(60 + k * 5 % 12, k * 0.5, 0.5) for k in range(16)), 8.0)


def test_what_to_tell_is_looked_up_and_is_nothing_where_telling_does_not_reach() -> None:
    card = tiny_card("melody").model_copy(update=TOLD)
    assert card.amount_to_tell(0.3) == pytest.approx(0.2)
    assert card.amount_to_tell(0.1) == pytest.approx(0.1)  # less than that is taken back
    assert card.amount_to_tell(0.09) is None
    assert card.amount_to_tell(0.61) is None
    assert tiny_card("melody").amount_to_tell(0.3) is None


@pytest.mark.parametrize("part", [{"told_noise": 0.3}, {"told_amounts": ((0.1, 0.2), (0.3, 0.4))}])
def test_a_card_tells_noise_and_amounts_or_neither(part: dict[str, object]) -> None:
    whole = tiny_card("melody").model_dump()
    with pytest.raises(ValidationError, match="go together"):
        type(tiny_card("melody")).model_validate({**whole, **part})


def test_told_variations_go_as_far_as_the_amount_and_hear_it(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(str(tiny_models / "melody"), runtime="numpy")
    model.card = model.card.model_copy(update=TOLD)
    heard: list[DecodeBatch] = []
    decode = NumpyModel.decode

    def noticed(self: NumpyModel, batch: DecodeBatch) -> object:
        heard.append(batch)
        return decode(self, batch)

    monkeypatch.setattr(NumpyModel, "decode", noticed)
    engine = Engine(load=lambda name, device: model)
    for amount in (0.25, 0.5, 0.9):
        heard.clear()
        clips = engine.run(Vary(clips=(LINE,), amount=amount, count=3, seed=1)).clips
        assert len(clips) == 3
        assert all(abs(distance(LINE, clip) - amount) <= 0.5 / 16 + 0.04 + 1e-6 for clip in clips)
        is_told = any(np.isclose(batch.noise_levels, 0.3).any() for batch in heard)
        assert is_told == (amount < 0.9)
    assert (
        engine.run(Vary(clips=(LINE,), amount=0.5, seed=1)).clips == engine.run(Vary(clips=(LINE,), amount=0.5, seed=1)).clips
    )


def test_the_table_of_what_is_told_rises_and_a_lean_is_found(tiny_models: Path) -> None:
    model = load_model(str(tiny_models / "melody"))
    windows = melodies(6).grid
    table, _ = calibrate(model, windows, told_noise=0.3, limit=24)
    assert [told for told, _ in table] == sorted(told for told, _ in table)
    assert [distance for _, distance in table] == sorted(distance for _, distance in table)
    assert 0 <= measure_lean(model, windows, 0.3, limit=24) <= 4
