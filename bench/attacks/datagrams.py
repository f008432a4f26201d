"""Attacks by small datagrams: memory that grows before it is paid, loops, answers that outweigh what asked for them."""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.attacks.osc import pack
from bench.attacks.peer import BEAT, Peer, code_of
from bench.attacks.server import allow_files, measure_processor
from bench.attacks.trial import HELLO_MS, Trial, attack

LONGEST_CLIP = 32_768  # notes
CLIPS = IDS = 64
HELD_MB = 128 + 64  # what the server may hold of half received clips, and what Python takes beside
LOOP_SHARE = 0.05  # of a core, for a server at rest


@attack("empty notes far ahead")
def empty_notes(trial: Trial) -> None:
    """A datagram of 22 kB makes the server hold a gigabyte, and everyone waits for seconds meanwhile."""
    peers, rounds = trial.effort.of(20), 5
    trial.tried = f"{peers * rounds} datagrams of 500 × first {LONGEST_CLIP - 1}, no notes"
    with trial.server() as server, trial.good(server), Peer(server.port) as witness, ExitStack() as stack:
        slowest = 0.0
        for _ in range(peers):
            peer = stack.enter_context(Peer(server.port))
            for turn in range(rounds):
                ahead = [pack("notes", turn * 8 + i // CLIPS, i % CLIPS, LONGEST_CLIP - 1, 4) for i in range(500)]
                peer.throw_bundle(ahead)
                asked = time.monotonic()
                trial.demand(witness.hello(seconds=20) is not None, "hello is not answered")
                slowest = max(slowest, 1000 * (time.monotonic() - asked))
        trial.expect_soon(slowest, HELLO_MS * 3, "hello right behind a datagram")
        trial.expect_growth(server, 50)


@attack("headers that promise much")
def great_promises(trial: Trial) -> None:
    """Headers of clips with 32,768 notes each, none of which comes, fill the memory."""
    ports = trial.effort.of(512)
    with trial.server() as server, trial.good(server), Peer(server.port) as witness, ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(min(ports, 400))]
        end = time.monotonic() + trial.effort.seconds
        sent = 0
        for number in range(IDS):
            for peer in peers:
                if sent and time.monotonic() > end:
                    break
                headers = [pack("clip", number, i, 4096.0, 4, 4, LONGEST_CLIP, "much") for i in range(CLIPS)]
                last = [pack("notes", number, i, LONGEST_CLIP - 1, 4, 60, 1.0, 1.0, 100.0) for i in range(CLIPS)]
                peer.throw_bundle([*headers, *last])
                sent += CLIPS
                trial.demand(witness.hello(seconds=20) is not None, "hello is not answered")
                peer.drain(0.02)  # it is memory that is attacked here; that a flood takes time is no news
        trial.tried = f"{sent} clips of {LONGEST_CLIP} notes, of which the last came, from {len(peers)} ports"
        trial.expect_growth(server, HELD_MB)


@attack("reply_port is the server's own")
def own_reply_port(trial: Trial) -> None:
    """The server talks to itself for ever, at the cost of a core."""
    trial.tried = "hello, a verb, echo, errors"
    with trial.server() as server, Peer(server.port) as peer:
        _set_off_loop(peer, server.port)
        peer.send("sample", peer.new_id(), "count", 1, "reply_port", server.port)
        used = measure_processor([server], 3.0 if trial.effort.is_timed else 1.0)
        _expect_no_loop(trial, used)


@attack("reply_port is another server's")
def others_reply_port(trial: Trial) -> None:
    """Two servers throw errors and echoes at each other for ever."""
    trial.tried = "two servers, hello, echo, errors"
    with trial.server() as first, trial.server() as second, Peer(first.port) as peer:
        _set_off_loop(peer, second.port)
        used = measure_processor([first, second], 3.0 if trial.effort.is_timed else 1.0)
        _expect_no_loop(trial, used)


def _set_off_loop(peer: Peer, port: int) -> None:
    peer.send("hello", port, 1, peer.session, "loop")
    peer.drain(0.2)
    for i in range(20):
        peer.send("echo", i, "round and round")
        peer.send("no_such_verb", 100 + i)
        peer.throw(b"/bridge/nothing\0,\0\0\0")
        peer.throw(b"what?")
    peer.drain(0.5)


def _expect_no_loop(trial: Trial, used: float) -> None:
    limit = LOOP_SHARE if trial.effort.is_timed else 0.12  # at rest it takes next to nothing; a loop all that it gets
    trial.notes.append(f"{used:.0%} of a core")
    trial.expect(not used > limit, f"a loop takes {used:.0%} of a core")


@attack("messages that only servers send")
def server_messages(trial: Trial) -> None:
    """What a server says is answered with an error, which another server answers with an error."""
    trial.tried = "welcome model progress info missing done error bye"
    with trial.server() as server, Peer(server.port) as peer:
        peer.hello()
        said = [
            pack("welcome", 1, "0", "cpu", "ready", 0, 5),
            pack("model", 0, "a", "b", 2, "c"),
            pack("progress", 77, 0.5),
            pack("info", 77, "text"),
            pack("missing", 77, 0, 0, -1),
            pack("done", 77, 1, 5, "drums"),
            pack("error", 77, "busy", "text"),
            pack("error", -1, "bad_request", "text"),
            pack("bye", 5),
        ]
        for datagram in said:
            peer.throw(datagram)
        peer.send("echo", 78, "the end")
        heard = []
        while (message := peer.receive(20)) is not None and message.name != "echo":
            heard.append(message)
        trial.expect(message is not None, "the server does not answer any more")
        answers = [f"{m.name} {m.values[-1]}" for m in heard if m.name not in ("welcome", "model")]  # of the hello before
        trial.expect(not answers, f"{len(answers)} are answered, such as {''.join(answers[:1])}")


@attack("report file that cannot be made")
def impossible_report(trial: Trial) -> None:
    """One line for the report file ends the server, where its folder cannot be made."""
    trial.tried = "a report below a file, and one that is a folder"
    for number, place in enumerate(("file/below/report.txt", ".")):
        home = trial.home / f"report{number}"
        home.mkdir(parents=True)
        (home / "file").write_text("not a folder")
        (home / "server.yaml").write_text(f"report: {(home / place).as_posix()}\n")
        with trial.server("--config", home / "server.yaml") as server, Peer(server.port) as peer:
            end = peer.ask("report", "a line", seconds=10)
            trial.expect(end is not None, "a report ends in neither done nor error")


# Amplification


@attack("a repeat draws the answer again")
def repeats(trial: Trial) -> None:
    """Sixty-eight bytes, sent again and again, draw megabytes a second."""
    times = 100
    with trial.server() as server, trial.good(server), Peer(server.port) as peer:
        for count, bars in ((4, 4), (64, trial.effort.of(64, 4))):
            peer.hello()
            go = pack("sample", peer.new_id(), "count", count, "bars", bars, "seed", 1)
            peer.throw(go)
            trial.expect(peer.until("done", number=peer.id, seconds=120) is not None, "it does not end")
            peer.drain(0.5)
            first = peer.bytes
            for _ in range(times):
                peer.throw(go)
            began = time.monotonic()
            while time.monotonic() < began + 1:
                peer.drain(0.1)
            again = peer.bytes - first
            trial.notes.append(
                f"{len(go)} bytes drew {first / 1000:.0f} kB, {times} repeats {again / 1000:.0f} kB within a second"
            )
            trial.expect(again < 4 * first, f"{times} repeats drew {again / first:.0f} times the first answer within a second")
            peer.bytes = 0
        trial.tried = f"{times} repeats of a short answer and of a long one"


@attack("much for a peer that is not on this computer")
def distant(trial: Trial) -> None:
    """Whoever forges a sender's address lets the server flood it."""
    host = _own_address()
    if host is None:
        trial.tried = "nothing: this machine has no other address"
        return
    trial.tried = f"samples, repeats and echoes of 60 kB to {host}"
    with trial.server("--host", "0.0.0.0") as server, Peer(server.port, host=host) as peer:
        go = pack("sample", 1, "count", 64, "bars", 64, "seed", 1)
        echo = pack("echo", 2, "e" * 60_000)
        peer.throw(go)
        most, seconds = 0.0, max(3, int(trial.effort.seconds / 4))
        for _ in range(seconds):
            peer.bytes, began = 0, time.monotonic()
            while time.monotonic() < began + 1:
                peer.throw(echo)
                peer.throw(go)
                peer.drain(0.1)
            most = max(most, peer.bytes / (time.monotonic() - began))
        trial.notes.append(f"at most {most / 1000:.0f} kB a second")
        trial.expect(most <= 1.25 * 256 * 1024, f"it drew {most / 1000:.0f} kB in a second, more than 256 kB")


def _own_address() -> str | None:
    """Find an address of this machine that is not loopback; nothing is sent for it."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        host = str(probe.getsockname()[0])
    return None if host.startswith("127.") else host


@attack("long echoes")
def long_echoes(trial: Trial) -> None:
    """Echoes of 60 kB keep the server from everyone else."""
    echo = pack("echo", 1, "e" * 60_000)
    with trial.server() as server, trial.good(server), Peer(server.port) as peer:
        sent = 0
        end = time.monotonic() + min(10.0, trial.effort.seconds)
        while time.monotonic() < end:
            for _ in range(10):
                peer.throw(echo)
            sent += 10
            peer.drain(0.05)
        trial.tried = f"{sent} echoes of 60 kB, 200 a second"


@attack("unknown models")
def unknown_models(trial: Trial) -> None:
    """A name that no model has costs the worker more than a clip."""
    count = trial.effort.of(500)
    trial.tried = f"{count} requests"
    with trial.server() as server, trial.good(server), Peer(server.port) as peer:
        used = server.processor_time()
        ids = []
        for i in range(count):
            ids.append(peer.new_id())
            peer.send("sample", peer.id, "model", f"no such model {i}", "count", 1)
            if i % 32 == 31:
                peer.until("done", "error", number=peer.id)
        peer.drain(0.2)
        for number in ids:
            if number not in peer.ends:
                peer.ask("sample", "model", f"no such model {number - ids[0]}", "count", 1, number=number)
        ends = {code_of(peer.ends[number][0]) if number in peer.ends else "no answer" for number in ids}
        cost = 1000 * (server.processor_time() - used) / count
        trial.notes.append(f"{cost:.1f} ms of processor each")
        trial.expect(ends == {"no_model"}, f"they end with {', '.join(sorted(ends))}")
        trial.expect(not (trial.effort.is_timed and cost > 10), f"each costs {cost:.0f} ms")


@attack("bundles of bad verbs")
def bad_bundles(trial: Trial) -> None:
    """Nine hundred verbs in a datagram, each of them wrong, keep the server from everyone else."""
    bad = [pack("sample", i, "key", "H minor", "count", 4) for i in range(900)]
    with trial.server() as server, trial.good(server), Peer(server.port) as peer:
        end = time.monotonic() + trial.effort.seconds
        sent = 0
        while time.monotonic() < end:
            peer.throw_bundle(bad)
            peer.drain(0.05)
            sent += 1
        trial.tried = f"{sent} datagrams of {len(bad)} verbs, 20 a second"


# Files


@attack("more open files than select takes")
def many_files(trial: Trial) -> None:
    """A server that has more than 1,024 files open hears nobody."""
    if not allow_files(2000):
        trial.tried = "nothing: this system does not allow so many"
        return
    trial.tried = "1,100 files open before its sockets"
    with trial.server(files=1100) as server, Peer(server.port) as peer:
        end = peer.ask("vary", "count", 2, "seed", 1, clips=[BEAT], seconds=20)
        trial.expect(code_of(end) == "done", f"vary ends with {code_of(end)}")
