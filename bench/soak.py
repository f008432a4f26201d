"""Use the server as two musicians do for hours: `python bench/soak.py --hours 1 [--lose 0.02] [--out docs/soak.md]`.

Two devices vary, sample, interpolate, blend, move the puck at 60 Hz, cancel what takes long, and now and then start anew from
another port. Prints by the quarter hour what was asked, how it ended, the server's memory, threads and open files, and what was
waited; then a verdict: nothing without an answer, no error that a client did not bring about, and nothing that grows.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.attacks.good import Waits
from bench.attacks.osc import Message, Value, pack
from bench.attacks.peer import BEAT, TUNE, Peer, Row, code_of
from bench.attacks.server import Server, machine, start_server

PUCK_HZ = 60
PUCK_S = 8.0  # of a gesture
STAY_S = 240.0  # until a device starts anew
PATIENCE_S = 60.0
EXPECTED = {"done", "superseded", "cancelled"}
TITLES = (
    "minutes",
    "asked",
    "ended otherwise than done",
    "memory, MB",
    "threads",
    "files",
    "vary p50 / p95, ms",
    "puck p50 / p95, ms",
)


@dataclass
class Counts:
    """What was asked and how it ended, since this was last looked at. Two devices write; adding to a list is one step."""

    ends: list[str] = field(default_factory=list)
    vary: list[float] = field(default_factory=list)
    puck: list[float] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)  # the last error of each code that is not expected


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    minutes: float
    asked: int
    others: Counter[str]
    memory: float
    threads: int
    files: int
    vary: Sequence[float]
    puck: Sequence[float]

    @property
    def cells(self) -> list[str]:
        """The line as it is printed."""
        others = ", ".join(f"{code} {count}" for code, count in sorted(self.others.items())) or "–"
        waits = [f"{Waits.at(times, 0.5):.0f} / {Waits.at(times, 0.95):.0f}" for times in (self.vary, self.puck)]
        return [f"{self.minutes:g}", str(self.asked), others, f"{self.memory:.0f}", str(self.threads), str(self.files), *waits]


class LossyPeer(Peer):
    """A socket on a line that loses and doubles datagrams."""

    def __init__(self, port: int, dice: random.Random, lose: float, double: float) -> None:
        super().__init__(port)
        self._dice, self._lose, self._double = dice, lose, double

    def throw(self, datagram: bytes) -> None:
        """Send bytes, unless they get lost; some come twice."""
        if self._dice.random() >= self._lose:
            super().throw(datagram)
        if self._dice.random() < self._double:
            super().throw(datagram)

    def receive(self, seconds: float) -> Message | None:
        """Take the next message that does not get lost."""
        end = time.monotonic() + seconds
        while (message := super().receive(max(0.0, end - time.monotonic()))) is not None:
            if self._dice.random() >= self._lose:
                return message
        return None


class Device:
    """A musician at work, on a thread of its own."""

    def __init__(self, port: int, counts: Counts, seed: int, lose: float, double: float) -> None:
        self._port, self._counts, self._lose, self._double = port, counts, lose, double
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after what is being done."""
        self._stop.set()
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            with LossyPeer(self._port, self._dice, self._lose, self._double) as peer:
                peer.id = self._dice.randrange(2**30)
                if peer.hello(seconds=PATIENCE_S) is None:
                    self._counts.ends.append("no welcome")
                leave = time.monotonic() + self._dice.uniform(0.5, 1.5) * STAY_S
                while time.monotonic() < leave and not self._stop.is_set():
                    action = self._dice.choices(ACTIONS, WEIGHTS)[0]
                    action(self, peer)
                    peer.ends.clear()
                    self._stop.wait(self._dice.uniform(0.1, 1.0))

    def _ask(self, peer: Peer, verb: str, *pairs: Value, clips: Sequence[Sequence[Row]] = ()) -> str:
        message = peer.ask(verb, *pairs, clips=clips, seconds=PATIENCE_S)
        self._counts.ends.append(code := code_of(message))
        if message and code not in EXPECTED:
            self._counts.said[code] = f"{verb}: {message.values[2]}"
        return code

    def _clips(self, count: int = 1) -> list[list[Row]]:
        """Take clips of one kind that the server has not met."""
        rows = self._dice.choice((BEAT, TUNE))
        return [[(*row[:3], 40.0 + self._dice.randrange(64)) for row in rows[self._dice.randrange(4) :]] for _ in range(count)]

    def vary(self, peer: Peer) -> None:
        """Ask for eight variations."""
        asked = time.monotonic()
        self._ask(peer, "vary", "count", 8, "amount", self._dice.randrange(10) / 10, clips=self._clips())
        self._counts.vary.append(1000 * (time.monotonic() - asked))

    def sample(self, peer: Peer) -> None:
        """Ask for new clips."""
        self._ask(peer, "sample", "count", self._dice.randrange(1, 17), "bars", self._dice.choice((1, 2, 4, 8)))

    def interpolate(self, peer: Peer) -> None:
        """Ask for the way between two clips."""
        self._ask(peer, "interpolate", "steps", 7, clips=self._clips(2))

    def blend(self, peer: Peer) -> None:
        """Ask for a grid of blends."""
        self._ask(peer, "blend", "grid", self._dice.randrange(3, 7), clips=self._clips(4))

    def puck(self, peer: Peer) -> None:
        """Move the puck: positions are sent whether or not the one before has been answered."""
        if self._ask(peer, "blend", "grid", 0, clips=self._clips(4)) != "done":
            return
        palette, sent = peer.id, dict[int, float]()
        peer.ends.clear()
        x = y = 0.5
        next_at, end = time.monotonic(), time.monotonic() + self._dice.uniform(0.3, 1.0) * PUCK_S
        while time.monotonic() < end:
            x, y = (min(1.0, max(0.0, v + self._dice.uniform(-0.05, 0.05))) for v in (x, y))
            sent[peer.new_id()] = time.monotonic()
            last = pack("at", peer.id, palette, x, y)
            peer.throw(last)
            next_at += 1 / PUCK_HZ
            while (now := time.monotonic()) < next_at:
                self._hear(peer, sent, next_at - now)
        patience = time.monotonic() + PATIENCE_S
        # Only the last one counts where some got lost: those before it are superseded, whether or not they were heard.
        while peer.id not in peer.ends and time.monotonic() < patience:
            if not self._hear(peer, sent, 0.5):
                peer.throw(last)
        is_whole = not (self._lose or self._double)
        for number in sent if is_whole else (peer.id,):
            self._counts.ends.append(code_of(peer.ends[number][0]) if number in peer.ends else "no answer")

    def _hear(self, peer: Peer, sent: dict[int, float], seconds: float) -> bool:
        message = peer.receive(seconds)
        if message and message.name == "done" and message.id in sent:
            self._counts.puck.append(1000 * (time.monotonic() - sent[message.id]))
        return message is not None

    def cancel(self, peer: Peer) -> None:
        """Ask for much, and cancel it."""
        number = peer.new_id()
        peer.send("sample", number, "count", 64, "bars", 32)
        peer.drain(self._dice.uniform(0.02, 0.4))
        end = time.monotonic() + PATIENCE_S
        while number not in peer.ends and time.monotonic() < end:
            peer.send("cancel", number)
            peer.until("done", "error", number=number, seconds=0.5)
        self._counts.ends.append(code_of(peer.ends[number][0]) if number in peer.ends else "no answer")


Action = Callable[[Device, Peer], None]
ACTIONS: list[Action] = [Device.vary, Device.sample, Device.interpolate, Device.blend, Device.puck, Device.cancel]
WEIGHTS = (10, 4, 3, 2, 4, 3)


def main() -> None:
    """Work, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--every", type=float, default=15.0, metavar="MINUTES", help="between two lines of the table")
    parser.add_argument("--growth", type=float, default=5.0, metavar="PERCENT", help="of memory, in the second half")
    parser.add_argument("--lose", type=float, default=0.0, metavar="SHARE", help="datagrams that get lost, both ways")
    parser.add_argument("--double", type=float, default=0.0, metavar="SHARE", help="datagrams that are sent twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write a page, as docs/soak.md is")
    options = parser.parse_args()
    head = ["| " + " | ".join(TITLES) + " |", "|" + "---|" * len(TITLES)]
    print("\n".join(head), flush=True)
    counts, lines = Counts(), list[Line]()
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        with Peer(server.port) as peer:
            if not peer.wait_until_ready():
                raise SystemExit("the server is never ready")
        began = time.monotonic()
        devices = [Device(server.port, counts, options.seed + i, options.lose, options.double) for i in range(2)]
        while (passed := time.monotonic() - began) < 3600 * options.hours and server.is_alive:
            time.sleep(min(60 * options.every, max(0.1, 3600 * options.hours - passed)))
            lines.append(look(server, counts, (time.monotonic() - began) / 60))
            print(row(lines[-1].cells), flush=True)
        for device in devices:
            device.close()
        rest = look(server, counts, 0.0)  # what ended after the last line counts too
        wrong = [*judge(lines, rest, options.growth), *counts.said.values()]
        if not server.is_alive:
            wrong.append(f"the server ended with {server.process.returncode}")
    said = "Nothing grew, and every request was answered." if not wrong else "Not well: " + "; ".join(wrong) + "."
    print(f"\n{said}")
    if options.out:
        command = " ".join(["python bench/soak.py", *sys.argv[1:]])
        table = "\n".join([*head, *(row(line.cells) for line in lines)])
        options.out.write_text(page(command, table, said, sum(line.asked for line in lines)), encoding="utf-8")
    sys.exit(1 if wrong else 0)


def look(server: Server, counts: Counts, minutes: float) -> Line:
    """Take what was counted, and measure the server."""
    ends, vary, puck = list(counts.ends), list(counts.vary), list(counts.puck)
    del counts.ends[: len(ends)], counts.vary[: len(vary)], counts.puck[: len(puck)]
    others = Counter(end for end in ends if end != "done")
    measured = (server.memory(), server.threads(), server.open_files()) if server.is_alive else (float("nan"), -1, -1)
    return Line(round(minutes, 1), len(ends), others, *measured, sorted(vary), sorted(puck))


def judge(lines: Sequence[Line], rest: Line, percent: float) -> list[str]:
    """List what is not well."""
    wrong = []
    first = lines[: max(1, len(lines) // 2)]  # what a device that left has had is kept for a quarter of an hour
    codes = sum((line.others for line in [*lines, rest]), Counter[str]())
    wrong += [f"{count} requests ended with {code}" for code, count in codes.items() if code not in EXPECTED]
    before, after = max(line.memory for line in first), max(line.memory for line in lines)
    if after > before * (1 + percent / 100):
        wrong.append(f"memory grew from {before:.0f} to {after:.0f} MB in the second half")
    for name in ("threads", "files"):
        before, after = max(getattr(line, name) for line in first), getattr(lines[-1], name)
        if after > before:
            wrong.append(f"{name} grew from {before} to {after}")
    return wrong


def row(cells: Sequence[str]) -> str:
    """Write a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def page(command: str, table: str, said: str, asked: int) -> str:
    """Write docs/soak.md."""
    return f"""# An hour and more of use

<!-- Written by bench/soak.py. Do not edit. -->

Two devices at once vary, sample, interpolate, blend, move the puck at {PUCK_HZ} positions a second, cancel what takes long, and
start anew from another port every few minutes. `superseded` are positions that a newer one overtook, `cancelled` what the
device cancelled; anything else would be a fault. Memory is what the server holds at that moment, helpers included.

{datetime.now(UTC).date()}, {machine()}, `{command}`:

{table}

{asked} requests. {said}
"""


if __name__ == "__main__":
    main()
