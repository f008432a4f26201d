"""A client that does all that the contract asks of one, and a relay that loses, doubles and delays its packets.

Its bytes are python-osc's, not ours: what our codec wrote wrong it would also read wrong.
"""

from __future__ import annotations

import heapq
import random
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_packet import OscPacket
from pythonosc.parsing import osc_types

HOST = "127.0.0.1"
NOTES = 30  # a message of width 8
SILENCE_S = 0.5  # after which a verb is sent again
GAP_S = 0.06  # after which lost reply notes are asked for
Row = tuple[float, ...]
Value = int | float | str | bytes | None
WRITERS: dict[type, tuple[str, Callable[..., bytes]]] = {
    int: ("i", osc_types.write_int),
    float: ("f", osc_types.write_float),
    str: ("s", osc_types.write_string),
}


class Message(NamedTuple):
    """An address and its values."""

    address: str
    values: tuple[Value, ...]


def encode(address: str, values: Sequence[int | float | str]) -> bytes:
    """Write a message by python-osc: by what its builder writes with, which itself takes several times as long."""
    tags = "".join(WRITERS[type(value)][0] for value in values)
    body = (WRITERS[type(value)][1](value) for value in values)
    return bytes(osc_types.write_string(address) + osc_types.write_string(f",{tags}") + b"".join(body))


def decode(datagram: bytes) -> list[Message]:
    """Read a datagram by python-osc."""
    if not OscBundle.dgram_is_bundle(datagram):
        found = OscMessage(datagram)
        return [Message(found.address, tuple(found.params))]
    return [Message(timed.message.address, tuple(timed.message.params)) for timed in OscPacket(datagram).messages]


@dataclass
class Reply:
    """What came of one id."""

    endings: list[Message] = field(default_factory=list)
    heads: dict[int, tuple[object, ...]] = field(default_factory=dict)
    rows: dict[int, dict[int, Row]] = field(default_factory=dict)
    info: list[str] = field(default_factory=list)
    conflicts: int = 0  # notes that came twice and differed

    @property
    def end(self) -> Message:
        """How it ended, which all its endings must agree on."""
        assert len(set(map(repr, self.endings))) == 1, self.endings
        return self.endings[0]

    @property
    def code(self) -> str:
        """The code of its error."""
        assert self.end.address == "/bridge/error", self.end
        return str(self.end.values[1])

    def clip(self, index: int) -> list[Row]:
        """The notes of a clip."""
        return [self.rows[index][i] for i in range(len(self.rows.get(index, {})))]

    def gaps(self) -> Iterator[tuple[int, int, int]]:
        """What is missing of a done answer, as index, first and count."""
        for index in range(int(self.end.values[1])) if self.end.address == "/bridge/done" else ():  # type: ignore[arg-type]
            if index not in self.heads:
                yield index, 0, -1
                continue
            missing = [i for i in range(int(self.heads[index][3])) if i not in self.rows.get(index, {})]  # type: ignore[call-overload]
            while missing:
                run = next((k for k, i in enumerate(missing) if i != missing[0] + k), len(missing))
                yield index, missing[0], run
                missing = missing[run:]


@dataclass(frozen=True)
class Question:
    """What was asked under an id."""

    id: int
    verb: str
    go: tuple[int | float | str, ...]  # the values of the verb
    clips: Sequence[Sequence[Row]]
    beats: float


class OscClient:
    """Asks for things over UDP, and asks again until it has them.

    As a context it says hello: the server then forgets what it knew of an earlier client that had the same port.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = secrets.randbelow(2**31)
        self.id = secrets.randbelow(2**30)  # programs that are tested beside us begin at 1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        self.socket.bind((HOST, 0))

    def __enter__(self) -> OscClient:
        try:
            self.hello()
        except BaseException:
            self.socket.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, name: str, *values: int | float | str) -> None:
        """Send one message."""
        self.socket.sendto(encode(f"/bridge/{name}", values), (HOST, self.port))

    def receive(self, seconds: float) -> list[Message]:
        """Wait for a datagram."""
        if not select.select([self.socket], [], [], max(0.0, seconds))[0]:
            return []
        return decode(self.socket.recv(65536))

    def until(self, address: str, seconds: float = 20.0, *, number: int | None = None) -> Message:
        """Wait for a message; with `number` for one about this id, where another error about it fails."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for message in self.receive(end - time.monotonic()):
                is_ours = number is None or message.values[:1] == (number,)
                if is_ours and message.address == f"/bridge/{address}":
                    return message
                assert number is None or not is_ours or message.address != "/bridge/error", message
        raise TimeoutError(f"no /bridge/{address} within {seconds} s")

    def hello(self, seconds: float = 20.0) -> Message:
        """Say hello, and again until someone answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send("hello", 0, 1, self.session, "test")
            try:
                return self.until("welcome", SILENCE_S)
            except (TimeoutError, ConnectionError):
                continue
        raise TimeoutError(f"no welcome within {seconds} s")

    def wait_until_ready(self, seconds: float = 50.0) -> None:
        """Wait until the models are there, which is told without being asked."""
        if self.hello(seconds).values[3] != "ready":
            assert self.until("welcome", seconds).values[3] == "ready"

    def ask(
        self,
        verb: str,
        *pairs: int | float | str,
        clips: Sequence[Sequence[Row]] = (),
        context: Sequence[Sequence[Row]] = (),
        beats: float = 8.0,
        seconds: float = 50.0,
    ) -> Reply:
        """Ask for something, with clips of notes of eight numbers, until all of the answer is here."""
        return self.wait_for(self.begin(verb, *pairs, clips=clips, context=context, beats=beats), seconds)

    def begin(
        self,
        verb: str,
        *pairs: int | float | str,
        clips: Sequence[Sequence[Row]] = (),
        context: Sequence[Sequence[Row]] = (),
        beats: float = 8.0,
    ) -> Question:
        """Ask for something under a new id, without waiting for the answer."""
        self.id += 1
        counts = [(name, len(given)) for name, given in (("clips", clips), ("context", context)) if given]
        go = (self.id, *(value for count in counts for value in count), *pairs)
        question = Question(self.id, verb, go, [*clips, *context], beats)
        for index in range(len(question.clips)):
            self._send_clip(question, index, 0, -1)
        self.send(verb, *go)
        return question

    def wait_for(self, question: Question, seconds: float = 50.0) -> Reply:
        """Wait until all of an answer is here, asking again for what does not come."""
        reply = Reply()
        heard = asked = time.monotonic()
        end = heard + seconds
        while time.monotonic() < end:
            for message in self.receive(GAP_S):
                if message.values[:1] == (question.id,):
                    heard = time.monotonic()
                    if message.address == "/bridge/missing":
                        self._send_clip(question, *(int(v) for v in message.values[1:]))  # type: ignore[arg-type]
                    else:
                        _take(reply, message)
            now = time.monotonic()
            if reply.endings:
                if not (gaps := list(reply.gaps())) and now > heard:
                    return reply
                if now > heard + GAP_S and now > asked + GAP_S:
                    asked = now
                    for gap in gaps[:50]:
                        self.send("resend", question.id, *gap)
            elif now > max(heard, asked) + SILENCE_S:
                asked = now
                self.send(question.verb, *question.go)
        raise TimeoutError(f"{question.verb} {question.id} has no end after {seconds} s: {reply}"[:500])

    def _send_clip(self, question: Question, index: int, first: int, count: int) -> None:
        """Send notes of a clip; count -1 stands for the header and all notes."""
        rows = question.clips[index]
        if count < 0:
            self.send("clip", question.id, index, question.beats, 4, 4, len(rows), "test")
            first, count = 0, len(rows)
        for at in range(first, first + count, NOTES):
            some = rows[at : min(at + NOTES, first + count)]
            self.send("notes", question.id, index, at, 8, *(v for row in some for v in row))


def _take(reply: Reply, message: Message) -> None:
    values = message.values[1:]
    match message.address:
        case "/bridge/done" | "/bridge/error":
            reply.endings.append(message)
        case "/bridge/info":
            reply.info.append(str(values[0]))
        case "/bridge/clip":
            reply.heads[int(values[0])] = values[1:]  # type: ignore[arg-type]
        case "/bridge/notes":
            index, first, width, *numbers = values
            rows = reply.rows.setdefault(int(index), {})  # type: ignore[arg-type]
            for k in range(0, len(numbers), int(width)):  # type: ignore[arg-type]
                row = tuple(numbers[k : k + int(width)])  # type: ignore[arg-type]
                number = int(first) + k // int(width)  # type: ignore[arg-type]
                reply.conflicts += rows.setdefault(number, row) != row  # type: ignore[arg-type]


class Relay(threading.Thread):
    """Stands between a client and a server, and loses, doubles, delays and so reorders a share of the packets."""

    def __init__(self, server_port: int, *, seed: int, share: float = 0.1) -> None:
        super().__init__(daemon=True)
        self._server, self._share, self._dice = (HOST, server_port), share, random.Random(seed)
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for one in (self._front, self._back):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
            one.bind((HOST, 0))
        self.port = self._front.getsockname()[1]
        self._is_stopped = threading.Event()
        self.lost = self.doubled = self.delayed = 0

    def __enter__(self) -> Relay:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_stopped.set()
        self.join()
        self._front.close()
        self._back.close()

    def run(self) -> None:
        """Pass packets on, after a fashion."""
        client: tuple[str, int] | None = None
        held: list[tuple[float, int, bool, bytes]] = []
        number = 0
        while not self._is_stopped.is_set():
            wait = min(0.02, max(0.0, held[0][0] - time.monotonic())) if held else 0.02
            for one in select.select([self._front, self._back], [], [], wait)[0]:
                datagram, sender = one.recvfrom(65536)
                is_request = one is self._front
                client = sender if is_request else client
                for delay in self._fate():
                    number += 1
                    heapq.heappush(held, (time.monotonic() + delay, number, is_request, datagram))
            while held and held[0][0] <= time.monotonic():
                _, _, is_request, datagram = heapq.heappop(held)
                if is_request:
                    self._back.sendto(datagram, self._server)
                elif client:
                    self._front.sendto(datagram, client)

    def _fate(self) -> list[float]:
        """When each copy of a packet goes on."""
        dice = self._dice.random() / self._share
        if dice < 1:
            self.lost += 1
            return []
        if dice < 2:
            self.doubled += 1
            return [0.0, self._dice.uniform(0, 0.05)]
        if dice < 3:
            self.delayed += 1
            return [self._dice.uniform(0, 0.1)]
        return [0.0]
