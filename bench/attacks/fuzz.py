"""The fuzz: random bytes, and messages that are almost right, from several ports, between requests that must be answered."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack

from bench.attacks.osc import Value, bundle, pack
from bench.attacks.peer import BEAT, TUNE, Peer, code_of
from bench.attacks.trial import Trial, attack

PORTS = 8
HONEST = 0x5A5A0000  # where ids of proper requests begin: none of those that are fuzzed is near
TOGETHER = 64  # datagrams before the server is waited for: what overruns its buffer tests nothing
GROWTH_MB = 200.0
WORDS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\x7f\xc0\0\0",
    b"\x7f\x80\0\0",
    b"\0\0\x7f\xff",
)


@attack("fuzz")
def fuzz(trial: Trial) -> None:
    """Some datagram that nobody thought of ends the server, or leaves a request without an answer."""
    dice = random.Random(trial.effort.seed)
    count = trial.effort.datagrams
    trial.tried = f"{count} datagrams from {PORTS} ports, seed {trial.effort.seed}"
    asked = 0
    with trial.server() as server, trial.good(server), ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(PORTS)]
        witness = stack.enter_context(Peer(server.port))
        for peer in peers:
            peer.hello()
            peer.id = HONEST
        for number in range(count):
            which = dice.randrange(PORTS)
            datagram = _draw(dice, peers[which].own_port)
            # Half the ports never say hello, which may make the server forget what they wait for.
            if which >= PORTS // 2 or b"hello" not in datagram:
                peers[which].throw(datagram)
            if number % TOGETHER == TOGETHER - 1:
                trial.demand(witness.hello(seconds=30) is not None, f"hello is not answered after {number} datagrams")
                for peer in peers:
                    _forget(peer)
            if number % 1000 == 999:
                _ask_properly(trial, peers[asked % (PORTS // 2)], asked)
                asked += 1
        trial.notes.append(f"{asked} proper requests between them")
        trial.expect_growth(server, GROWTH_MB)


def _forget(peer: Peer) -> None:
    """Drop what was answered to garbage."""
    peer.drain()
    peer.ends = {number: ends for number, ends in peer.ends.items() if number >= HONEST}


def _ask_properly(trial: Trial, peer: Peer, turn: int) -> None:
    """Ask what must be answered, once; what was busy with garbage may be asked again."""
    end = time.monotonic() + 60
    code = "busy"
    while code == "busy" and time.monotonic() < end:
        if turn % 2:
            code = code_of(peer.ask("sample", "count", 1, "bars", 1, "seed", turn, seconds=60))
        else:
            code = code_of(peer.ask("vary", "amount", 0.5, "count", 2, "seed", turn, clips=[BEAT, TUNE], seconds=60))
        if code == "busy":
            peer.drain(0.1)
    trial.expect(code == "done", f"a proper request ends with {code}")
    peer.drain()
    ends = peer.ends.pop(peer.id, [])
    trial.expect(len(set(ends)) == 1, f"a proper request ends {len(ends)} times, each time otherwise")


def _draw(dice: random.Random, port: int) -> bytes:
    """Draw a datagram: mostly something valid that was spoiled in one or two places."""
    kind = dice.random()
    if kind < 0.05:
        return dice.randbytes(dice.randrange(1, 64) if kind < 0.04 else dice.randrange(1, 2000))
    if kind < 0.10:
        return bundle([_spoil(dice, _valid(dice, port)) for _ in range(dice.randrange(6))])
    message = _valid(dice, port)
    return message if kind < 0.3 else _spoil(dice, message)


def _number(dice: random.Random) -> Value:
    return dice.choice(
        (0, 1, -1, 2**31 - 1, -(2**31), 64, 32_767, 0.5, 1e30, float("nan"), float("inf"), -0.0, "7", dice.randrange(100))
    )


def _valid(dice: random.Random, port: int) -> bytes:
    """Draw a message as a client might send it; here and there a number is another."""
    number = dice.randrange(1, 200)

    def may(value: Value) -> Value:
        return _number(dice) if dice.random() < 0.05 else value

    match dice.randrange(12):
        case 0:
            reply_port = dice.choice((0, 0, 0, port, 9, 70_000))
            return pack("hello", reply_port, may(1), may(dice.randrange(20)), "fuzz")
        case 1 | 2:
            return pack("clip", number, may(dice.randrange(3)), may(8.0), may(4), may(4), may(dice.randrange(20)), "fuzz")
        case 3 | 4 | 5:
            width = dice.choice((4, 4, 4, 5, 8))
            rows = [may(float(dice.randrange(128))) for _ in range(width * dice.randrange(12))]
            return pack("notes", number, may(dice.randrange(3)), may(dice.randrange(20)), may(width), *rows)
        case 6:
            pairs: list[Value] = []
            for _ in range(dice.randrange(5)):
                key = dice.choice(
                    ("count", "amount", "seed", "key", "lock", "kind", "model", "stream", "clips", "steps", "bars")
                )
                pairs += [key, dice.choice((may(2), "a", "drums", "C major", "rhythm", 0.3))]
            return pack(dice.choice(("vary", "sample", "interpolate", "cross", "reconstruct", "blend")), number, *pairs)
        case 7:
            return pack("sample", number, "count", may(1), "bars", may(1), "seed", may(3))
        case 8:
            return pack("at", number, may(dice.randrange(200)), may(0.5), may(0.5))
        case 9:
            return pack("resend", number, may(0), may(0), may(-1))
        case 10:
            return pack("cancel", number)
        case _:
            return pack(dice.choice(("echo", "report", "done", "error", "welcome", "no_such")), number, "text")


def _spoil(dice: random.Random, data: bytes) -> bytes:
    """Change a message in one to three places."""
    found = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(found)) if found else 0
        match dice.randrange(6):
            case 0 if found:
                found[at] ^= 1 << dice.randrange(8)
            case 1:
                found[at : at + 4] = dice.choice(WORDS)
            case 2:
                del found[at:]
            case 3:
                del found[at : at + dice.randrange(1, 9)]
            case 4:
                found[at:at] = found[: dice.randrange(1, 40)]
            case _:
                found[at & ~3 : (at & ~3) + 4] = dice.randbytes(4)
    return bytes(found)
