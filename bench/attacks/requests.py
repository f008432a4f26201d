"""Attacks on what is promised of ids: that each ends once, that answers reach who asked and no one else, and goodbyes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench.attacks.load import start_heavy
from bench.attacks.peer import BEAT, TUNE, Peer, code_of
from bench.attacks.server import allow_files
from bench.attacks.trial import Lost, Trial, attack

EXIT_S = 2.0
ENDED_S = 20.0  # where times do not count


def expect_once(trial: Trial, peer: Peer, number: int, what: str, *, seconds: float = 60.0) -> str:
    """Wait for the end of an id, which must come just once; returns done or the code of its error."""
    if number not in peer.ends:
        peer.until("done", "error", number=number, seconds=seconds)
    peer.drain(0.2)
    ends = [code_of(end) for end in peer.ends.get(number, [])]
    trial.expect(len(ends) == 1, f"{what} ends {len(ends)} times{': ' + ', '.join(ends) if ends else ''}")
    return ends[0] if ends else "no answer"


@attack("one byte from each of many ports")
def one_byte(trial: Trial) -> None:
    """Five hundred bytes from five hundred ports, and a request that runs is forgotten."""
    ports = trial.effort.of(1100, 40)  # twice as many are more than a server remembers
    trial.tried = f"{2 * ports} ports, while an id runs"
    _crowd(trial, ports, lambda peer: peer.throw(b"?"))


@attack("many peers say hello")
def many_hellos(trial: Trial) -> None:
    """Eleven hundred others say hello, and a client that was greeted before loses its request or its palette."""
    ports = trial.effort.of(1100, 40)  # twice as many are more than a server remembers
    trial.tried = f"{2 * ports} ports, while an id runs and a palette is kept"
    _crowd(trial, ports, lambda peer: peer.send("hello", 0, 1, peer.session, "crowd"))


def _crowd(trial: Trial, ports: int, say: Callable[[Peer], None]) -> None:
    allow_files(2 * ports + 200)
    with trial.server() as server, trial.good(server), Peer(server.port) as victim, ExitStack() as stack:
        victim.hello()
        end = victim.ask("blend", "grid", 0, "seed", 1, "kind", "drums", clips=[BEAT, BEAT[:8]])
        palette = victim.id
        trial.demand(code_of(end) == "done", f"blend ends with {code_of(end)}")
        running = victim.new_id()
        victim.send("sample", running, "count", 64, "bars", trial.effort.of(16, 2), "seed", 1)
        trial.demand(victim.until("progress", "done", number=running) is not None, "the sample does not begin")
        for _ in range(2 * ports):
            peer = stack.enter_context(Peer(server.port))
            say(peer)
            peer.drain(0.001)
        code = expect_once(trial, victim, running, "the id that ran")
        trial.expect(code == "done", f"the id that ran ends with {code}")
        code = code_of(victim.ask("at", palette, 0.5, 0.5, seconds=20))
        trial.expect(code == "done", f"a position on the palette ends with {code}")


@attack("notes without a verb")
def notes_without_verb(trial: Trial) -> None:
    """A client whose verbs got lost is told `busy` for a minute."""
    ids = trial.effort.of(200, 65)
    trial.tried = f"{ids} ids with notes and no verb, then a proper request"
    with trial.server() as server, Peer(server.port) as peer:
        peer.hello()
        for _ in range(ids):
            peer.send_clip(peer.new_id(), 0, BEAT, 8.0)
        code = code_of(peer.ask("vary", "count", 2, "seed", 1, clips=[BEAT], seconds=20))
        trial.expect(code == "done", f"it ends with {code}")


@attack("an id again after many newer ones")
def forgotten_id(trial: Trial) -> None:
    """A verb that is repeated late is computed anew, with another seed: two clips where the user asked for one."""
    newer = 100
    trial.tried = f"a verb without a seed, {newer} newer ids, the same verb again"
    with trial.server() as server, Peer(server.port) as peer:
        peer.hello()
        for verb, pairs, clips in (("vary", ("amount", 0.9, "count", 1), [BEAT]), ("sample", ("count", 1), [])):
            first = peer.ask(verb, *pairs, clips=clips)
            number = peer.id
            trial.demand(code_of(first) == "done", f"{verb} ends with {code_of(first)}")
            for _ in range(newer):
                peer.new_id()
                peer.send("cancel", peer.id)
                peer.until("error", number=peer.id, seconds=10)
            again = peer.ask(verb, *pairs, clips=clips, number=number)
            trial.expect(again is not None, f"the repeat of {verb} is not answered")
            if first and again and again.name == "done":
                trial.expect(first.values == again.values, f"{verb} has seed {first.values[2]}, then {again.values[2]}")


@attack("answers to an old reply_port")
def old_reply_port(trial: Trial) -> None:
    """Whoever takes over a port that a client has left hears what was meant for it."""
    trial.tried = "a new session, and the same one, with another reply_port while ids run"
    with trial.server() as server, Peer(server.port) as peer, Peer(server.port) as old, Peer(server.port) as new:
        for is_new_session in (True, False):
            name = "a new" if is_new_session else "the same"
            peer.send("hello", old.own_port, 1, peer.session, "attack")
            trial.demand(old.until("welcome", seconds=20) is not None, "no welcome at the reply_port")
            peer.send("sample", peer.new_id(), "count", 64, "bars", 4, "seed", 1)
            peer.send("sample", peer.new_id(), "count", 4, "bars", 64, "seed", 1)
            peer.session += is_new_session
            peer.send("hello", new.own_port, 1, peer.session, "attack")
            trial.demand(new.until("welcome", seconds=20) is not None, "no welcome at the new reply_port")
            old.drain(0.05)
            light = peer.new_id()
            peer.send("sample", light, "count", 1, "seed", 1)
            found = new.until("done", "error", number=light)
            trial.expect(code_of(found) == "done", f"the next request ends with {code_of(found)} at the new port")
            late = [message.name for message in old.drain(0.2) if message.name in ("clip", "notes", "done", "error")]
            trial.expect(not late, f"after {name} session says hello, {len(late)} messages still go to its old port")


@attack("the next owner of a port")
def next_owner(trial: Trial) -> None:
    """A program that gets the port of one that ended reads its clips, or moves on its palettes."""
    trial.tried = "palette, answer, long answer on its way; then another socket of the same port says hello"
    with trial.server() as server:
        with Peer(server.port) as first:
            first.hello()
            first.ask("blend", "grid", 0, "seed", 1, "kind", "drums", clips=[BEAT, BEAT[:8]])
            palette = first.id
            answer = first.ask("vary", "count", 2, clips=[TUNE])
            answered, port = first.id, first.own_port
            flood = first.new_id()
            first.send("sample", flood, "count", 64, "bars", trial.effort.of(64, 8), "seed", 1)
            trial.demand(first.until("clip", number=flood, seconds=120) is not None, "the long answer does not begin")
        try:
            second = Peer(server.port, bind=port)
        except OSError:
            trial.tried = "nothing: another program took the port"
            return
        with second:
            second.id = 5000
            trial.demand(second.hello() is not None, "no welcome")
            late = {message.id for message in second.drain(1.0) if message.name in ("clip", "notes", "done", "info")}
            trial.expect(flood not in late, "the rest of a long answer goes on to the next owner")
            for number in (palette, answered, flood):
                second.send("resend", number, 0, 0, -1)
            told = [message.name for message in second.drain(1.0) if message.name in ("clip", "notes", "done")]
            trial.expect(not told, f"the next owner reads {len(told)} messages of the one before")
            again = second.ask("vary", "count", 2, clips=[TUNE], number=answered)
            is_same = answer is not None and again is not None and again.values == answer.values
            trial.expect(not is_same, "the next owner who asks the same gets the answer of the one before")
            code = code_of(second.ask("at", palette, 0.5, 0.5, seconds=20))
            trial.expect(code == "no_palette", f"a position on the other's palette ends with {code}")


@attack("SIGTERM and Ctrl-C with open ids")
def goodbyes(trial: Trial) -> None:
    """A server that is stopped leaves its clients waiting, or does not stop."""
    numbers = [signal.SIGTERM, signal.SIGINT] if sys.platform != "win32" else []
    cases = [(number, is_heavy) for number in numbers for is_heavy in (True, False)]
    cases = cases if trial.effort.share >= 1 else cases[:1] + cases[-1:]
    trial.tried = "half received, running and waiting ids, light and heavy; each signal"
    for number, is_heavy in cases:
        try:
            _stop(trial, number, is_heavy=is_heavy)
        except Lost:
            continue


def _stop(trial: Trial, number: signal.Signals, *, is_heavy: bool) -> None:
    name = f"{number.name}{' beside a heavy job' if is_heavy else ''}"
    with trial.server(is_to_end=True) as server, Peer(server.port) as peer:
        peer.hello()
        ids = []
        if is_heavy:
            ids.append(start_heavy(peer, "interpolate"))
        for _ in range(3):
            ids.append(peer.new_id())
            peer.send("sample", peer.id, "count", 64, "bars", 64)
        ids.append(peer.new_id())
        peer.send("clip", peer.id, 0, 8.0, 4, 4, len(BEAT), "half")
        peer.send("vary", peer.id, "clips", 1)
        peer.until("missing", number=peer.id, seconds=5)
        peer.drain()
        left = [number for number in ids if number not in peer.ends]
        stopped = time.monotonic()
        server.interrupt(number)
        code = server.wait(ENDED_S)
        took = time.monotonic() - stopped
        trial.expect(code == 0, f"{name}: exit {code}")
        if trial.effort.is_timed:
            trial.expect(took <= EXIT_S, f"{name}: it takes {took:.1f} s to end")
        peer.drain(0.2)
        ends = {code_of(end) for i in left for end in peer.ends.get(i, [])}
        silent = [i for i in ids if len(peer.ends.get(i, [])) != 1]
        trial.expect(not silent, f"{name}: {len(silent)} of {len(ids)} ids do not end once")
        # Something may just have ended by itself.
        is_well = "cancelled" in ends and ends <= {"cancelled", "done", "incomplete"}
        trial.expect(is_well, f"{name}: ids end with {', '.join(sorted(ends)) or 'nothing'}")
        trial.expect(peer.heard["bye"] == 1, f"{name}: {peer.heard['bye']} goodbyes")
        trial.notes.append(f"{name}: {took:.2f} s")
