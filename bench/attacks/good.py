"""The good client: asks `vary` every two seconds and hello every quarter, in a process of its own, and notes what it waits.

Its process prints a line for each answer: what, when it was asked, seconds, how it ended, and up to then how often it asked
again after a silence, and how many datagrams its own sockets had no room for.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.attacks.peer import BEAT, Peer, code_of, dropped
from bench.attacks.server import ROOT

HELLO_S = 0.25
VARY_S = 2.0
WELL = "done", "welcome"
PATIENCE_S = 30.0  # after which it counts as not answered


@dataclass(frozen=True)
class Waits:
    """Milliseconds, in order, and what did not end well."""

    vary: Sequence[float] = ()
    hello: Sequence[float] = ()
    failures: Sequence[str] = ()
    repeats: int = 0  # of vary, after a silence: then something was lost, or very late
    dropped: int = 0  # datagrams for the good client itself

    @staticmethod
    def at(times: Sequence[float], share: float) -> float:
        """Take a quantile; NaN of nothing."""
        return times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


@dataclass
class GoodClient:
    """What the process of the good client tells, as it comes."""

    answers: list[tuple[str, float, float, str]] = field(default_factory=list)
    repeats: int = 0
    dropped: int = 0

    def waits(self, since: float = 0.0) -> Waits:
        """Sum up what was asked since then; the first vary, which finds nothing warm, counts too."""
        some = [answer for answer in list(self.answers) if answer[1] >= since]
        vary, hello = (
            sorted(1000 * took for kind, _, took, end in some if kind == name and end in WELL) for name in ("vary", "hello")
        )
        failures = [f"{kind}: {end}" for kind, _, _, end in some if end not in WELL]
        return Waits(vary, hello, failures, self.repeats, self.dropped)


@contextmanager
def good_client(port: int, pause: float = VARY_S) -> Iterator[GoodClient]:
    """Let a good client ask; it stops in the end."""
    line = [sys.executable, "-c", "from bench.attacks.good import main; main()", str(port), str(pause)]
    found = GoodClient()

    def listen() -> None:
        assert process.stdout
        for row in process.stdout:
            kind, asked, took, end, repeats, lost = row.rstrip("\n").split("\t")
            found.repeats, found.dropped = int(repeats), int(lost)
            found.answers.append((kind, float(asked), float(took), end))

    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        reader = threading.Thread(target=listen, daemon=True)
        reader.start()
        try:
            yield found
        finally:
            process.kill()
            reader.join(5)


def main() -> None:
    """Ask until killed; the port of the server and the pause between two varies are its arguments."""
    port, pause = int(sys.argv[1]), float(sys.argv[2])
    greeter, musician = Peer(port), Peer(port)

    def greet() -> str:
        greeter.drain()  # a welcome that came late answers an earlier one
        return "no answer" if greeter.hello(seconds=PATIENCE_S) is None else "welcome"

    turn = 0

    def vary() -> str:
        nonlocal turn
        turn += 1
        pitch, start, duration, _ = BEAT[0]
        beat = ((pitch, start, duration, 1 + turn % 127 + turn / 10**6), *BEAT[1:])  # a clip that the server has not met
        return code_of(musician.ask("vary", "count", 8, "seed", turn, clips=[beat], seconds=PATIENCE_S))

    def lost() -> str:
        return f"{musician.repeats}\t{dropped(musician.own_port) + dropped(greeter.own_port)}"

    musician.hello()
    threading.Thread(target=_repeat, args=("hello", HELLO_S, greet, lost), daemon=True).start()
    _repeat("vary", pause, vary, lost)


def _repeat(kind: str, pause: float, ask: Callable[[], str], lost: Callable[[], str]) -> None:
    due = time.monotonic()
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        asked = time.monotonic()
        end = ask()
        took = time.monotonic() - asked
        sys.stdout.write(f"{kind}\t{asked}\t{took}\t{end}\t{lost()}\n")  # at once: two threads write
        sys.stdout.flush()
        due = max(due + pause, time.monotonic())
