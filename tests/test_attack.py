"""The attacks of bench/attack.py in short: a server or a command for each, with small numbers, and nothing that is timed."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from bench.attacks import ATTACKS, Effort, Lost, Trial
from bench.attacks.good import Waits
from bench.attacks.peer import Peer, dropped
from bench.soak import Line, judge

SHORT = Effort(seconds=0.3, datagrams=2000, share=0.05, is_timed=False)
LONG = {"64 ports full of the heaviest jobs"}  # in short, they are what the others are
NAMES = [name for name in ATTACKS if name not in LONG]


@pytest.mark.parametrize("name", NAMES)
def test_it_holds(name: str, tmp_path: Path, tiny_models: Path) -> None:
    trial = Trial(SHORT, tmp_path, tiny_models)
    with suppress(Lost):
        ATTACKS[name](trial)
    assert not trial.failures


@pytest.mark.parametrize("name", ATTACKS)
def test_it_says_what_a_victim_would_see(name: str) -> None:
    assert (ATTACKS[name].__doc__ or "").endswith(".")


def test_a_soak_is_not_well_where_something_grows_or_stays_unanswered() -> None:
    def line(memory: float, files: int = 6, **others: int) -> Line:
        return Line(15.0, 100, Counter(others), memory, 2, files, (), ())

    rest = line(0.0)
    fine = [line(120.0), line(125.0, superseded=9), line(121.0), line(124.0, cancelled=2)]
    assert judge(fine, rest, 5) == []
    assert judge([*fine, line(132.0)], rest, 5) == ["memory grew from 125 to 132 MB in the second half"]
    assert judge([*fine, line(120.0, files=7)], rest, 5) == ["files grew from 6 to 7"]
    assert judge(fine, Line(0.0, 1, Counter(["no answer"]), 0.0, 0, 0, (), ()), 5) == ["1 requests ended with no answer"]


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="the system does not tell")
def test_what_a_socket_has_no_room_for_is_counted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as full, Peer(1) as peer:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full.bind((peer.host, 0))
        peer.port = full.getsockname()[1]
        assert dropped(peer.port) == 0
        for _ in range(100):
            peer.throw(bytes(1000))
        assert 50 < dropped(peer.port) < 100


def test_what_was_lost_is_noted(tmp_path: Path) -> None:
    trial = Trial(SHORT, tmp_path)
    trial.note_losses(0)
    assert trial.notes == []
    trial.waits = Waits(repeats=1, dropped=3)
    trial.note_losses(2)
    assert trial.notes == [
        "the good client asked 1 times again",
        "no room for 2 datagrams at the server and 3 at the good client",
    ]
