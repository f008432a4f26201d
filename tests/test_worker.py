"""What the worker asks of the engine: palettes that are kept under a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.engine import UnknownPalette
from bridge.requests import Blend
from models.editing.batching import run_alone
from models.music.midi import read_clip
from tests.support.models import tiny_engine


def test_a_palette_is_kept_under_its_number_until_it_is_dropped(tiny_models: Path, clips: Path) -> None:
    engine = tiny_engine(tiny_models, 32)
    corners = tuple(read_clip(clips / f"{name}.mid") for name in ("rock", "funk"))
    request = Blend(clips=corners, grid=3, seed=1)

    def run_at(palette: int, x: float, y: float) -> object:
        return run_alone(engine.start_at(palette, x, y), engine.batcher(), lambda fraction: None)

    made = run_alone(engine.start(request, palette=7), engine.batcher(), lambda fraction: None)
    assert made.clips == engine.run(request).clips
    assert (made.models, made.seed) == (("drums", "drums"), 1)
    middle = run_at(7, 0.5, 0)
    assert middle.clips == made.clips[1:2]  # type: ignore[attr-defined]
    with pytest.raises(UnknownPalette, match="send its blend again"):
        run_at(8, 0.5, 0)
    engine.drop_palette(7)
    engine.drop_palette(7)
    with pytest.raises(UnknownPalette):
        run_at(7, 0.5, 0)
