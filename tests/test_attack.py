"""The attacks of bench/attack.py in short: a server or a command for each, with small numbers, and nothing that is timed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from bench.attacks import ATTACKS, Effort, Lost, Trial
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
    assert judge([*fine, line(127.0)], rest, 5) == ["memory grew from 120 to 127 MB after the first quarter"]
    assert judge([*fine, line(120.0, files=7)], rest, 5) == ["files grew from 6 to 7"]
    assert judge(fine, Line(0.0, 1, Counter(["no answer"]), 0.0, 0, 0, (), ()), 5) == ["1 requests ended with no answer"]
