"""What the worker asks of the engine: palettes that are kept under a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.engine import UnknownPalette
from bridge.protocol.assembly import Job
from bridge.protocol.limits import DEFAULT
from bridge.protocol.session import Sessions
from bridge.protocol.work import Work
from bridge.requests import Blend, Sample
from bridge.worker import Event, Worker
from models.editing.batching import Turn, run_alone
from models.music.midi import read_clip
from models.pause import pausing
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


class Ends(Sessions):
    """Sessions that note how jobs end."""

    def __init__(self) -> None:
        super().__init__(lambda: 1)
        self.ended: dict[int, str] = {}

    def finish(self, ticket: int, reply: object, now: float) -> list[object]:  # type: ignore[override]
        """Note an answer."""
        self.ended[ticket] = "done"
        return []

    def fail(self, ticket: int, code: str, text: str, now: float) -> list[object]:  # type: ignore[override]
        """Note an error."""
        self.ended[ticket] = code
        return []


def test_who_shares_a_batch_with_a_job_that_is_cancelled_is_not_ended(tiny_models: Path) -> None:
    events: list[Event] = []
    worker, engine, ends = Worker("cpu", events.append), tiny_engine(tiny_models), Ends()
    batcher = engine.batcher()
    peers = [("127.0.0.1", 5001), ("127.0.0.1", 5002)]
    with pausing(worker._pause):
        for ticket, peer in enumerate(peers, 1):
            worker.put(peer, Job(ticket, 1, DEFAULT, draft=Sample(count=1, bars=2, seed=ticket), work=Work(0.001, 0)))
        for _ in peers:
            peer, job = worker._next()  # type: ignore[assignment]
            assert job is not None
            worker._begin(engine, batcher, peer, job)
            worker._give_turn(batcher, peer)
        assert not any(isinstance(task.job, Turn) for task in worker._tasks.values())
        worker.stop(1)
        worker._give_turn(batcher, peers[0])
        while len(batcher):
            worker._end_unwanted(batcher)
            found = worker._next()[0] if len(batcher) else None
            if found:
                worker._give_turn(batcher, found)
    for event in events:
        event(ends, 0.0)
    assert ends.ended == {1: "cancelled", 2: "done"}


def test_a_heavy_job_is_not_served_before_others_for_what_its_client_did_not_use() -> None:
    worker = Worker("cpu", lambda event: None)
    heavy, light, greedy = (("127.0.0.1", port) for port in (5001, 5002, 5003))
    for peer in (heavy, light):
        worker._shares.charge(peer, 0.0)
    worker._shares.charge(greedy, 100.0)
    worker._shares.next([greedy])
    draft = Sample(count=1, bars=2, seed=1)
    worker.put(heavy, Job(1, 1, DEFAULT, draft=draft, work=Work(5.0, 0)))
    worker.put(light, Job(2, 1, DEFAULT, draft=draft, work=Work(0.03, 0)))
    assert worker._next()[0] == heavy  # it came first, and has its first turn
    assert worker._next()[0] == light
