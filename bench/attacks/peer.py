"""A client that attackers and their victims speak through: it keeps count of every end, and sends again what got lost."""

from __future__ import annotations

import secrets
import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.attacks.osc import Message, Value, bundle, pack, unpack

HOST = "127.0.0.1"
SILENCE_S = 0.5  # after which a client sends its verb again
PATIENCE_S = 60.0
Row = tuple[float, ...]

BEAT: tuple[Row, ...] = tuple((36 + 2 * (i % 4), i / 2, 0.25, 100.0) for i in range(16))
TUNE: tuple[Row, ...] = tuple((60 + i % 5, i / 2, 0.5, 90.0) for i in range(16))


class Peer:
    """A socket that speaks to a server."""

    def __init__(self, port: int, *, host: str = HOST, bind: int = 0) -> None:
        self.host, self.port = host, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**23)
        self.socket.bind((host, bind))
        self.own_port: int = self.socket.getsockname()[1]
        self.session = secrets.randbelow(2**31)
        self.id = 1000
        self.ends: dict[int, list[Message]] = {}  # every done and error, by id
        self.heard: Counter[str] = Counter()  # messages, by name
        self.bytes = 0
        self.repeats = 0  # verbs that were sent again after a silence

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    # Sending

    def throw(self, datagram: bytes) -> None:
        """Send bytes, whatever they are; what the system has no room for is lost."""
        self.socket.settimeout(1.0)
        try:
            self.socket.sendto(datagram, (self.host, self.port))
        except (BlockingIOError, TimeoutError, ConnectionError):
            return

    def send(self, name: str, *values: Value) -> None:
        """Send a message."""
        self.throw(pack(name, *values))

    def send_clip(self, number: int, index: int, rows: Sequence[Row], beats: float, *, header: bool = True) -> None:
        """Send a clip, in as few datagrams as fit."""
        if header:
            self.send("clip", number, index, float(beats), 4, 4, len(rows), "attack")
        for first in range(0, len(rows), 1000):
            some = rows[first : first + 1000]
            self.send("notes", number, index, first, len(rows[0]), *(float(v) for row in some for v in row))

    # Receiving

    def receive(self, seconds: float) -> Message | None:
        """Take the next message; None where none comes in time."""
        end = time.monotonic() + seconds
        while True:
            # Not by select, which knows only the first 1,024 files of a process.
            self.socket.settimeout(max(0.0, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, TimeoutError):
                return None
            except ConnectionError:  # an earlier datagram found no one
                continue
            self.bytes += len(data)
            message = unpack(data)
            self.heard[message.name] += 1
            if message.name in ("done", "error") and message.id is not None:
                self.ends.setdefault(message.id, []).append(message)
            return message

    def drain(self, seconds: float = 0.0) -> list[Message]:
        """Take all that is there, and what still comes within some time."""
        end = time.monotonic() + seconds
        found = []
        while (message := self.receive(max(0.0, end - time.monotonic()))) is not None:
            found.append(message)
        return found

    def until(self, *names: str, number: int | None = None, seconds: float = PATIENCE_S) -> Message | None:
        """Wait for one of some messages, about an id where one is given; None where none comes in time."""
        end = time.monotonic() + seconds
        while (message := self.receive(max(0.0, end - time.monotonic()))) is not None:
            if message.name in names and (number is None or message.id == number):
                return message
        return None

    # Asking

    def hello(self, *, reply_port: int = 0, seconds: float = PATIENCE_S) -> Message | None:
        """Say hello, and again until someone answers."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.send("hello", reply_port, 1, self.session, "attack")
            if (welcome := self.until("welcome", seconds=min(SILENCE_S, left))) is not None:
                return welcome
        return None

    def wait_until_ready(self, seconds: float = PATIENCE_S) -> bool:
        """Say hello until the models are loaded."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            welcome = self.hello(seconds=max(0.0, end - time.monotonic()))
            if welcome is not None and welcome.values[3] == "ready":
                return True
            self.until("welcome", seconds=SILENCE_S)  # it comes by itself
        return False

    def new_id(self) -> int:
        """Take the next id."""
        self.id += 1
        return self.id

    def ask(
        self,
        verb: str,
        *pairs: Value,
        clips: Sequence[Sequence[Row]] = (),
        beats: float = 8.0,
        number: int | None = None,
        seconds: float = PATIENCE_S,
    ) -> Message | None:
        """Ask, and again after each silence, until it ends; None where it does not. Notes of the answer are not waited for."""
        number = self.new_id() if number is None else number
        go = pack(verb, number, *(("clips", len(clips)) if clips else ()), *pairs)
        for index, rows in enumerate(clips):
            self.send_clip(number, index, rows, beats)
        end = time.monotonic() + seconds
        self.throw(go)
        silent_since = time.monotonic()
        while (now := time.monotonic()) < end:
            message = self.receive(min(SILENCE_S, end - now))
            if message is None or message.id != number:
                if time.monotonic() - silent_since >= SILENCE_S:
                    self.repeats += 1
                    self.throw(go)
                    silent_since = time.monotonic()
                continue
            silent_since = time.monotonic()
            if message.name == "missing":
                index, _, count = (int(v) for v in message.values[1:4])
                self.send_clip(number, index, clips[index], beats, header=count < 0)
            elif message.name in ("done", "error"):
                return message
        return None

    def throw_bundle(self, messages: Sequence[bytes]) -> None:
        """Send messages as one datagram."""
        self.throw(bundle(messages))


def dropped(port: int) -> int:
    """Count the datagrams that the system had no room for in the buffer of a socket; 0 where it does not tell."""
    sockets = Path("/proc/net/udp")
    rows = (line.split() for line in sockets.read_text(encoding="ascii").splitlines()[1:]) if sockets.exists() else ()
    return sum(int(row[-1]) for row in rows if int(row[1].rpartition(":")[2], 16) == port)


def code_of(message: Message | None) -> str:
    """Name the end of an id: done, the code of its error, or silence."""
    if message is None:
        return "no answer"
    return "done" if message.name == "done" else str(message.values[1])
