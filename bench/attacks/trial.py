"""What an attack is, how hard it tries, and what is noted of it. The attacks themselves are beside this file."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.attacks.good import VARY_S, GoodClient, Waits, good_client
from bench.attacks.peer import Peer, dropped
from bench.attacks.server import Server, forget_peak, start_server

NOTHING = Waits()
VARY_TIMES = 3.0  # the good client's vary, under attack and in peace
HELLO_MS = 50.0
WARM_UP_S = 1.0  # of the good client: its first clip finds nothing warm


@dataclass(frozen=True)
class Effort:
    """How hard to try. Where nothing is timed, as in tests, only what happens counts, and not how soon."""

    seconds: float = 30.0  # of load
    datagrams: int = 1_000_000  # of the fuzz
    share: float = 1.0  # of all other numbers
    seed: int = 1
    memory_limit: int = 1500  # megabytes, as the system keeps it
    is_timed: bool = True
    quiet: Waits = NOTHING  # of the good client in peace

    def of(self, number: int, least: int = 1) -> int:
        """Take a share of a number."""
        return max(least, math.ceil(self.share * number))


class Lost(Exception):
    """Raised where an attack need not go on: what had to hold does not."""


@dataclass
class Trial:
    """One attack as it goes: what was tried, and what did not hold."""

    effort: Effort
    home: Path
    models: Path | None = None
    tried: str = ""
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # figures that are worth a line, whether or not it held
    before: float = float("nan")
    peak: float = float("nan")
    waits: Waits = NOTHING

    def expect(self, holds: bool, why: str) -> bool:
        """Note why it does not hold."""
        if not holds:
            self.failures.append(why)
        return holds

    def demand(self, holds: bool, why: str) -> None:
        """Note why it does not hold, and go no further."""
        if not self.expect(holds, why):
            raise Lost

    def expect_soon(self, milliseconds: float, limit: float, what: str) -> None:
        """Note what took too long, where times count."""
        if self.effort.is_timed and not milliseconds <= limit:
            self.failures.append(f"{what} took {milliseconds:.0f} ms, more than {limit:.0f}")

    def expect_growth(self, server: Server, megabytes: float) -> None:
        """Note memory that grew too much; where the system does not tell, nothing is known."""
        grown = server.memory("VmHWM") - self.before
        self.expect(not grown > megabytes, f"memory grew by {grown:.0f} MB, more than {megabytes:.0f}")

    @contextmanager
    def server(
        self, *arguments: str | Path, files: int = 0, patience: float = 60.0, is_to_end: bool = False
    ) -> Iterator[Server]:
        """Start a server and wait until it is ready; in the end it must be alive, and answer, unless it was to end."""
        self.home.mkdir(parents=True, exist_ok=True)
        limit = self.effort.memory_limit
        options = {"memory_limit": limit, "files": files, "models": self.models}
        with start_server(self.home, *arguments, **options) as server:  # type: ignore[arg-type]
            with Peer(server.port) as peer:
                self.demand(peer.wait_until_ready(patience), "it is never ready")
                peer.ask("vary", "amount", 0.3, "count", 1, "seed", 1, clips=[[(36, 0.0, 0.25, 100.0)]])
            forget_peak(server.process.pid)
            self.before = server.memory()
            watch = threading.Thread(target=self._watch, args=(server,), daemon=True)
            watch.start()
            try:
                yield server
            finally:
                self._look_after(server, is_to_end=is_to_end)

    def _watch(self, server: Server) -> None:
        """Note the most memory that it held: when it has ended, the system does not tell any more."""
        while server.is_alive and (now := server.memory("VmHWM")) > 0:
            self.peak = now
            time.sleep(0.2)

    def _look_after(self, server: Server, *, is_to_end: bool) -> None:
        if server.is_alive:
            self.peak = server.memory("VmHWM")
            with Peer(server.port) as peer:
                self.expect(peer.hello(seconds=20) is not None, "hello is not answered any more")
        elif not is_to_end:
            self.failures.append(f"the server ended with {server.wait(5)}: {_last_error(server.log)}")
        if any("could not be dealt with" in line or "Traceback" in line for line in server.log):
            self.failures.append(f"its log has a bug: {_last_error(server.log)}")

    @contextmanager
    def good(self, server: Server) -> Iterator[GoodClient]:
        """Let a good client ask meanwhile, where times count; it must not wait much longer than in peace."""
        if not self.effort.is_timed:
            yield GoodClient()
            return
        with good_client(server.port, VARY_S) as client:
            with Peer(server.port) as peer:
                peer.drain(WARM_UP_S)
            since = time.monotonic()
            yield client
            self.waits = client.waits(since)
        self.judge(self.waits)
        self.note_losses(dropped(server.port))

    def judge(self, waits: Waits) -> None:
        """Compare what the good client waited with what it waits in peace."""
        for failure in dict.fromkeys(waits.failures):
            self.failures.append(f"the good client's {failure} ({waits.failures.count(failure)} times)")
        quiet, under = Waits.at(self.effort.quiet.vary, 0.95), Waits.at(waits.vary, 0.95)
        if waits.vary and under > VARY_TIMES * quiet:
            self.failures.append(f"the good client's vary: {under:.0f} ms, in peace {quiet:.0f}")
        if waits.hello and (slow := Waits.at(waits.hello, 0.95)) > HELLO_MS:
            self.failures.append(f"the good client's hello: {slow:.0f} ms, more than {HELLO_MS:.0f}")

    def note_losses(self, at_server: int) -> None:
        """Note what was lost on the way, so that it is known why the good client waited."""
        if self.waits.repeats:
            self.notes.append(f"the good client asked {self.waits.repeats} times again")
        if at_server or self.waits.dropped:
            self.notes.append(f"no room for {at_server} datagrams at the server and {self.waits.dropped} at the good client")


def _last_error(log: Sequence[str]) -> str:
    """Find where the last error of a log came from, and what it was."""
    where = [line.strip() for line in log if line.strip().startswith("File ")]
    return "; ".join([*where[-1:], *log[-1:]])[-200:]


Run = Callable[[Trial], None]
ATTACKS: dict[str, Run] = {}


def attack(name: str) -> Callable[[Run], Run]:
    """List a function as an attack, under the name that the table has."""

    def add(run: Run) -> Run:
        ATTACKS[name] = run
        return run

    return add
