"""Attacks by work: the heaviest jobs that are allowed, from many ports, and cancelling them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from bench.attacks.osc import Value
from bench.attacks.peer import BEAT, Peer, Row, code_of
from bench.attacks.server import Server
from bench.attacks.trial import Trial, attack

CANCEL_MS = 100.0
DATAGRAMS_PER_S = 100  # of each port
WAITING_PLACES = 1024  # of all clients; 64 of each


def dense(notes: int, beats: float = 8.0, pitches: int = 1) -> list[Row]:
    """Put notes into so many beats, on so many pitches."""
    return [(36 + i % pitches, beats * i / notes, 0.25, 1.0 + i % 120) for i in range(notes)]


Heavy = Callable[[float], tuple[Sequence[Sequence[Row]], float, tuple[Value, ...]]]
# For each verb its heaviest, at a share of its size: clips, their beats, keys.
HEAVY: dict[str, Heavy] = {
    "interpolate": lambda s: ([dense(int(4000 * s)), dense(int(4000 * s), pitches=2)], 8.0, ("steps", 7, "kind", "drums")),
    "vary": lambda s: ([dense(int(32_000 * s))], 8.0, ("count", 64, "amount", 0.6)),
    "blend": lambda s: ([dense(int(1000 * s), 128.0, p) for p in (3, 5, 7, 11)], 128.0, ("grid", 16, "kind", "drums")),
    "cross": lambda s: ([dense(int(8000 * s)), dense(int(8000 * s), pitches=40)], 8.0, ("count", 64, "kind", "drums")),
    "reconstruct": lambda s: ([dense(int(1000 * s), 2048.0, 12)] * 60, 2048.0, ()),
    "sample": lambda s: ([], 8.0, ("count", 64, "bars", max(1, int(64 * s)))),
    "vary many": lambda s: ([dense(int(8000 * s), 1024.0, 40)], 1024.0, ("count", 64, "kind", "notes")),
}


def start_heavy(peer: Peer, name: str, patience: float = 5.0) -> int:
    """Start the heaviest job of a verb that is not refused; returns its id."""
    verb = name.split()[0]
    for share in (1.0, 0.5, 0.25, 0.1, 0.05, 0.02):
        clips, beats, pairs = HEAVY[name](share)
        number = peer.new_id()
        for index, rows in enumerate(clips):
            peer.send_clip(number, index, rows, beats)
        peer.send(verb, number, *(("clips", len(clips)) if clips else ()), *pairs, "seed", 1)
        end = time.monotonic() + patience
        # What was refused is refused at once; silence means that it runs.
        while (message := peer.receive(min(0.5, max(0.0, end - time.monotonic())))) is not None:
            if message.name == "missing" and message.id == number:
                for index, rows in enumerate(clips):
                    peer.send_clip(number, index, rows, beats)
                peer.send(verb, number, *(("clips", len(clips)) if clips else ()), *pairs, "seed", 1)
            if number in peer.ends:
                break
            if message.name == "progress" and message.id == number:
                return number
        if number not in peer.ends or peer.ends[number][0].values[1] != "too_large":
            return number
    return number


@attack("16 ports full of the heaviest jobs")
def sixteen_ports(trial: Trial) -> None:
    """While others have much computed, a musician waits for minutes."""
    _load(trial, 16)


@attack("64 ports full of the heaviest jobs")
def sixty_four_ports(trial: Trial) -> None:
    """As before, by a larger crowd that sends as much."""
    _load(trial, 64)


def _load(trial: Trial, ports: int) -> None:
    rate = DATAGRAMS_PER_S * min(ports, 16)
    ports = trial.effort.of(ports, 4)
    with trial.server() as server, ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(ports)]
        for number, peer in enumerate(peers):
            peer.hello(seconds=5)
            name = list(HEAVY)[number % len(HEAVY)]
            clips, beats, pairs = HEAVY[name](0.9)
            for _ in range(2):
                for index, rows in enumerate(clips):
                    peer.send_clip(peer.id, index, rows, beats)
                peer.send(name.split()[0], peer.id, *(("clips", len(clips)) if clips else ()), *pairs)
                peer.new_id()
            _fill(peer)
        sent = 0
        with trial.good(server):
            began = time.monotonic()
            while (now := time.monotonic()) < began + trial.effort.seconds:
                while sent < (now - began) * rate:
                    _pester(peers[sent % ports], sent // ports)
                    sent += 1
                for peer in peers:
                    peer.drain()
                time.sleep(0.002)
        trial.tried = f"{ports} ports with 64 jobs each, {sent} more datagrams, {rate} a second"
        _expect_light(trial, server)


def _fill(peer: Peer) -> None:
    for _ in range(64):
        peer.send("sample", peer.new_id(), "count", 64, "bars", 64)
    peer.hello(seconds=5)


def _pester(peer: Peer, turn: int) -> None:
    """Send what a port may send that has nothing good in mind."""
    match turn % 5:
        case 0:
            peer.send("sample", peer.new_id(), "count", 64, "bars", 64)
        case 1:
            peer.send("echo", 1, "e" * 1000)
        case 2:
            peer.send("sample", peer.id, "count", 64, "bars", 64)
        case 3:
            peer.send("resend", peer.id - 64, 0, 0, -1)
        case _:
            peer.send("hello", 0, 1, peer.session, "attack")


def _expect_light(trial: Trial, server: Server) -> None:
    with Peer(server.port) as peer:
        code = code_of(peer.ask("vary", "count", 8, "seed", 1, clips=[BEAT], seconds=30))
        trial.expect(code == "done", f"a vary of 8 beside them ends with {code}")


@attack("every waiting place taken")
def places_taken(trial: Trial) -> None:
    """Sixteen ports take all 1,024 places of the queue, and everyone else is told that the server is busy."""
    with trial.server() as server, ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(WAITING_PLACES // 64 + 2)]
        for peer in peers:
            peer.hello(seconds=10)
            _fill(peer)
        with trial.good(server):
            end = time.monotonic() + (min(10.0, trial.effort.seconds) if trial.effort.is_timed else 0)
            while time.monotonic() < end:
                for peer in peers:
                    peer.drain()
                time.sleep(0.02)
        trial.tried = f"{len(peers)} ports with 64 samples of 64 × 64 bars each"
        _expect_light(trial, server)


@attack("cancel of the heaviest")
def cancels(trial: Trial) -> None:
    """Who cancels what was too much still waits for it, and so does everyone else."""
    names = list(HEAVY) if trial.effort.share >= 1 else list(HEAVY)[:2]
    trial.tried = f"{', '.join(names)}: cancelled after 300 ms, then a light job of the same client and of another"
    with trial.server() as server, Peer(server.port) as other:
        quiet = max(_light(trial, other) for _ in range(5))
        for name in names:
            with Peer(server.port) as peer:
                peer.hello()
                number = start_heavy(peer, name)
                peer.drain(0.3)
                if number in peer.ends:
                    end = peer.ends[number][0]
                    trial.notes.append(f"{name}: {code_of(end)} before it could be cancelled ({end.values[-1]})")
                    continue
                cancelled, used = time.monotonic(), server.processor_time()
                peer.send("cancel", number)
                waits = [_light(trial, peer, cancelled)]
                used = 1000 * (server.processor_time() - used)
                waits.append(_light(trial, other))
                trial.notes.append(f"{name}: {waits[0]:.0f} ms, {used:.0f} of processor, and {waits[1]:.0f} ms")
                codes = [code_of(end) for end in peer.ends.get(number, [])]
                trial.expect(codes == ["cancelled"], f"the {name} ends with {', '.join(codes) or 'nothing'}")
                trial.expect_soon(waits[0], quiet + CANCEL_MS, f"a light job behind a cancelled {name}")
                trial.expect_soon(waits[1], quiet + CANCEL_MS, f"another's light job behind a cancelled {name}")
        trial.notes.append(f"in peace {quiet:.0f} ms")


def _light(trial: Trial, peer: Peer, since: float | None = None) -> float:
    """Ask for little; milliseconds since then, or since it was asked."""
    since = time.monotonic() if since is None else since
    code = code_of(peer.ask("vary", "count", 1, "seed", peer.id, clips=[BEAT], seconds=60 if trial.effort.is_timed else 30))
    trial.demand(code == "done", f"a light job ends with {code}")
    return 1000 * (time.monotonic() - since)
