"""The attacks of bench/attack.py in short: a server or a command for each, with small numbers, and nothing that is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.attacks import ATTACKS, Effort, Trial

SHORT = Effort(seconds=1.0, datagrams=3000, share=0.05, is_timed=False)
OPEN: dict[str, str] = {}


def test_the_codec_of_the_attacks_writes_what_others_read() -> None:
    from pythonosc.osc_bundle import OscBundle
    from pythonosc.osc_message import OscMessage

    from bench.attacks.osc import bundle, pack, unpack

    message = pack("notes", 1, -2, 0.5, "näme", "four")
    read = OscMessage(message)
    assert (read.address, read.params) == ("/bridge/notes", [1, -2, 0.5, "näme", "four"])
    assert unpack(message) == ("notes", (1, -2, 0.5, "näme", "four"))
    assert [content.dgram for content in OscBundle(bundle([message, message]))] == [message, message]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xfail(strict=False, reason=OPEN[name]) if name in OPEN else ()) for name in ATTACKS],
)
def test_it_holds(name: str, tmp_path: Path, tiny_models: Path) -> None:
    trial = Trial(SHORT, tmp_path, tiny_models)
    ATTACKS[name](trial)
    assert not trial.failures


@pytest.mark.parametrize("name", ATTACKS)
def test_it_says_what_a_victim_would_see(name: str) -> None:
    assert (ATTACKS[name].__doc__ or "").endswith(".")
