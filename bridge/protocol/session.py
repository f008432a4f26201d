"""The protocol (design §5): who speaks, and what each message makes the server do. Pure: no socket, no clock, no models.

Every method is told the time and returns what is to be done: datagrams to send, jobs to start or stop.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bridge.protocol.assembly import ClipBuffer
from bridge.protocol.clients import Client, Clients, Exchange, Peer
from bridge.protocol.effects import Effect, Outbox
from bridge.protocol.exchanges import Exchanges
from bridge.protocol.limits import DEFAULT, INT32, PROTOCOL, Limits
from bridge.protocol.messages import (
    Code,
    ProtocolError,
    Reply,
    as_text,
    cut_text,
    error_message,
    read_integer,
    read_number,
    read_pairs,
    read_reply_port,
    read_text,
    read_verb,
    shorten,
)
from bridge.protocol.osc import Message, Value, encode
from bridge.requests import VERBS

ADDRESSES = (*VERBS, "at", "resend", "cancel", "echo", "report", "hello", "clip", "notes")  # behind /bridge/
# What only servers say. To answer one could begin a talk between two servers that never ends.
FROM_SERVERS = frozenset(
    f"/bridge/{name}" for name in ("welcome", "model", "progress", "info", "missing", "done", "error", "bye")
)


@dataclass(frozen=True)
class ModelLine:
    """What a client is told of a model."""

    name: str
    family: str
    bars: int
    about: str
    base: str = ""  # of a personal model, the one that it was made from


class Sessions:
    """What the server knows of its clients, and what it does about each message. Not thread-safe: one thread owns it."""

    def __init__(
        self,
        draw_seed: Callable[[], int],
        *,
        session: int = 0,
        port: int = 0,
        version: str = "0",
        device: str = "cpu",
        limits: Limits = DEFAULT,
    ) -> None:
        """`session` is an int32 that is new with each start of the server, so that clients see a restart.

        `port` is the server's own, to which it never sends.
        """
        self._draw_seed, self._session, self._version, self._device = draw_seed, session, version, device
        self._port = port
        self._limits = limits
        self._models: Sequence[ModelLine] | None = None
        self._welcomes = self._write_welcome()
        self._clients = Clients(limits)
        self._outbox = Outbox()
        self._exchanges = Exchanges(self._clients, self._outbox, limits)
        self._reply_times: deque[float] = deque(maxlen=limits.replies_per_s)  # to messages without a readable id
        self._strangers: OrderedDict[Peer, deque[float]] = OrderedDict()  # the same, to some who are no clients yet
        self._swept = -math.inf

    @property
    def bytes_held(self) -> int:
        """Bytes that are half received or kept."""
        return self._clients.bytes_held

    @property
    def is_busy(self) -> bool:
        """Whether jobs run or wait."""
        return self._exchanges.running > 0

    @property
    def due(self) -> float:
        """When `tick` has something to do."""
        next_ask = self._exchanges.next_ask
        return self._swept + self._limits.sweep_s if next_ask is None else next_ask

    # What happens

    def receive(self, peer: Peer, message: Message, now: float) -> list[Effect]:
        """Take a message of a client."""
        if peer[1] == self._port or message.address in FROM_SERVERS:
            return []
        name = message.address.removeprefix("/bridge/")
        number = -1
        try:
            if name != "hello" or name == message.address:
                number = _read_id(message)
            if name == message.address:
                text = f"{shorten(name)} is not an address of this server: they begin with /bridge/"
                raise ProtocolError("unknown_verb", text)
        except ProtocolError as error:
            return self._receive_unreadable(peer, error, now)
        client = self._meet(peer, now)
        if client is None:
            self._refuse(peer, name, number, message.values, now)
            return self._outbox.take()
        try:
            if name == "hello":
                self._receive_hello(client, message.values)
                return self._outbox.take()
        except ProtocolError as error:
            self._reply_rate_limited(client, error, now)
            return self._outbox.take()
        try:
            self._receive_about(client, number, name, message.values[1:], now)
        except ProtocolError as error:
            to = self._reply_address(client.reply_to, name, message.values[1:])
            self._outbox.send(to, error_message(number, error, self._limits))
        self._exchanges.make_room(client)
        return self._outbox.take()

    def receive_garbage(self, peer: Peer, reason: str, now: float) -> list[Effect]:
        """Take a datagram that could not be read."""
        return [] if peer[1] == self._port else self._receive_unreadable(peer, ProtocolError("bad_request", reason), now)

    def _receive_unreadable(self, peer: Peer, error: ProtocolError, now: float) -> list[Effect]:
        """Answer what has no readable id, but not each time; who has said nothing else is not remembered for it."""
        client = self._clients.find(peer, now)
        if client:
            self._reply_rate_limited(client, error, now)
            return self._outbox.take()
        its = self._strangers.pop(peer, None) or deque[float](maxlen=self._limits.client_replies_per_s)
        self._strangers[peer] = its
        if len(self._strangers) > self._limits.replies_per_s:
            self._strangers.popitem(last=False)
        if self._may_reply(now, its, self._reply_times):
            self._outbox.send(peer, error_message(-1, error, self._limits))
        return self._outbox.take()

    def models_ready(self, device: str, models: Sequence[ModelLine]) -> list[Effect]:
        """Take the models once they are loaded, and tell all who have said hello."""
        self._device, self._models = device, models
        self._welcomes = self._write_welcome()
        for client in self._clients:
            if client.is_greeted:
                self._welcome(client)
        return self._outbox.take()

    def progress(self, ticket: int, fraction: float, now: float) -> list[Effect]:
        """Take how far a job is, 0..1."""
        exchange = self._exchanges.find_running(ticket)
        if exchange:
            exchange.fraction = max(exchange.fraction, fraction)
            if now >= exchange.progress_sent + self._limits.progress_s:
                self._exchanges.send_progress(exchange, now)
        return self._outbox.take()

    def finish(self, ticket: int, reply: Reply, now: float) -> list[Effect]:
        """Take the answer of a job; it is dropped where no one waits for it any more."""
        exchange = self._exchanges.take_running(ticket)
        if exchange:
            self._exchanges.end(exchange, reply, now)
            self._exchanges.make_room(exchange.client)
        return self._outbox.take()

    def fail(self, ticket: int, code: Code, text: str, now: float) -> list[Effect]:
        """Take why a job has no answer."""
        exchange = self._exchanges.take_running(ticket)
        if exchange:
            self._exchanges.fail(exchange, ProtocolError(code, text), now)
        return self._outbox.take()

    def reported(self, ticket: int, error: str, now: float) -> list[Effect]:
        """Take that a line was written to the report file, or why it was not."""
        exchange = self._exchanges.take_running(ticket)
        if exchange and error:
            self._exchanges.end_with_error(exchange, ProtocolError("internal", error), now)
        elif exchange:
            self._exchanges.end(exchange, Reply(encode("/bridge/done", [exchange.id, 0, 0, ""])), now)
        return self._outbox.take()

    def tick(self, now: float) -> list[Effect]:
        """Ask for what is missing, give up where it does not come, and forget what is old."""
        self._exchanges.ask_for_missing(now)
        if now >= self._swept + self._limits.sweep_s:
            self._swept = now
            for client in self._clients.sweep(now):
                self._forget(client)
        return self._outbox.take()

    def close(self, now: float) -> list[Effect]:
        """End all that is open, and say goodbye to all who have said hello: the server stops."""
        for client in self._clients:
            for exchange in [e for e in client.exchanges.values() if e.awaits_answer]:
                self._exchanges.cancel(exchange, "the server is stopping", now)
            if client.is_greeted:
                self._outbox.send(client.reply_to, encode("/bridge/bye", [self._session]))
        return self._outbox.take()

    # Clients

    def _meet(self, peer: Peer, now: float) -> Client | None:
        """Find a client or remember a new one; None where no one can be forgotten for it."""
        client = self._clients.find(peer, now)
        if client is None and self._clients.is_full:
            other = self._clients.find_forgettable(now)
            if other is None:
                return None
            self._forget(other)
        return client or self._clients.add(peer, now)

    def _forget(self, client: Client) -> None:
        self._exchanges.forget_all(client)
        self._clients.remove(client)

    def _refuse(self, peer: Peer, name: str, number: int, values: Sequence[Value], now: float) -> None:
        """Tell a client that cannot be remembered that the server is busy; it may send its verb again."""
        if name in ("clip", "notes") or not self._may_reply(now, self._reply_times):
            return  # the verb behind a clip is refused
        error = ProtocolError("busy", "too many clients wait for an answer: send it again later")
        self._outbox.send(self._reply_address(peer, name, values[1:]), error_message(number, error, self._limits))

    def _reply_address(self, usual: Peer, name: str, values: Sequence[Value]) -> Peer:
        """Find where the error of a verb goes that is refused before its keys are read."""
        port = None
        if name in VERBS:
            with suppress(ProtocolError):
                port = self._read_reply_port(read_pairs(name, values, self._limits))
        return usual[0], port or usual[1]

    def _receive_hello(self, client: Client, values: Sequence[Value]) -> None:
        given = dict(zip(("reply_port", "protocol", "session", "client"), values, strict=False))
        port = read_reply_port(given.get("reply_port", 0), self._port, least=0)
        protocol = read_integer(given.get("protocol", PROTOCOL), "protocol", *INT32)
        session = read_integer(given.get("session", 0), "session", *INT32)
        read_text(given.get("client", ""), "client", self._limits)
        if protocol == PROTOCOL and session not in client.sessions:
            self._exchanges.forget_all(client)  # before the port changes: what was to go there is not sent any more
            client.sessions.append(session)
        client.reply_port = port
        if protocol != PROTOCOL:
            text = f"this server speaks protocol {PROTOCOL}, not {protocol}: update the older of the two"
            raise ProtocolError("version", text)
        client.is_greeted = True
        self._welcome(client)

    def _welcome(self, client: Client) -> None:
        self._outbox.send(client.reply_to, *self._welcomes)

    def _write_welcome(self) -> tuple[bytes, ...]:
        """Write what answers a hello, which is the same for all."""
        state = "warming" if self._models is None else "ready"
        models = self._models or ()
        head = encode("/bridge/welcome", [PROTOCOL, self._version, self._device, state, len(models), self._session])
        names = [[cut_text(text, self._limits) for text in (m.name, m.family, m.about, m.base)] for m in models]
        lines = (
            encode("/bridge/model", [i, name, family, model.bars, about, base])
            for i, (model, (name, family, about, base)) in enumerate(zip(models, names, strict=True))
        )
        return (head, *lines)

    def _reply_rate_limited(self, client: Client, error: ProtocolError, now: float) -> None:
        """Answer what has no readable id, but not each time."""
        if self._may_reply(now, client.reply_times, self._reply_times):
            self._outbox.send(client.reply_to, error_message(-1, error, self._limits))

    @staticmethod
    def _may_reply(now: float, *times: deque[float]) -> bool:
        """Tell whether all of these have room for another reply within a second, which is then counted."""
        if any(len(last) == last.maxlen and last[0] > now - 1 for last in times):
            return False
        for last in times:
            last.append(now)
        return True

    # Messages about an id

    def _receive_about(self, client: Client, number: int, name: str, values: Sequence[Value], now: float) -> None:
        match name:
            case "clip" | "notes":
                self._receive_chunk(client, number, name, values, now)
            case "echo":
                self._echo(client, number, as_text(values[0] if values else ""), now)
            case "cancel":
                self._receive_cancel(client, number, now)
            case "resend":
                self._receive_resend(client, number, values)
            case _:
                self._receive_verb(client, number, name, values, now)

    def _echo(self, client: Client, number: int, text: str, now: float) -> None:
        """Send a text back, but not for ever to another server that does the same."""
        said = hash((number, text))
        if any(said == other and now < when + self._limits.echo_s for when, other in client.echoes):
            return
        if len(client.echoes) < self._limits.echoes_per_s or client.echoes[0][0] < now - 1:
            client.echoes.append((now, said))
            self._outbox.send(client.reply_to, encode("/bridge/echo", [number, text]))

    def _receive_chunk(self, client: Client, number: int, name: str, values: Sequence[Value], now: float) -> None:
        exchange = client.exchanges.get(number)
        if exchange is None:
            if not self._clients.make_room_for_open(client):
                return  # its verb will hear that the server is busy
            exchange = self._exchanges.open(client, number, now)
        if exchange.state == "ended" and exchange.ticket is None:
            return  # it ended before it ran, whatever still comes
        try:
            is_news = self._add_chunk(exchange, name, values)
        except ProtocolError as error:
            if exchange.state == "open":
                self._exchanges.end_with_error(exchange, error, now)
            elif now >= exchange.reuse_sent + self._limits.reuse_s:
                exchange.reuse_sent = now
                self._outbox.send(exchange.to, error_message(number, _id_reused(number), self._limits))
            return
        if is_news:
            self._exchanges.note_news(exchange, now)

    def _add_chunk(self, exchange: Exchange, name: str, values: Sequence[Value]) -> bool:
        """Put a header or notes where they belong; returns whether they are new."""
        index = read_integer(values[0] if values else None, "index", 0, self._limits.clips - 1)
        buffer = exchange.buffers.get(index)
        if buffer is None:
            if exchange.state != "open":
                raise _id_reused(exchange.id)
            buffer = exchange.buffers[index] = ClipBuffer(self._limits)
        return buffer.add_header(values[1:]) if name == "clip" else buffer.add_notes(values[1:])

    def _receive_cancel(self, client: Client, number: int, now: float) -> None:
        exchange = client.exchanges.get(number) or self._exchanges.open(client, number, now)
        if exchange.reply is not None:
            self._exchanges.repeat(exchange, now)
            return
        self._exchanges.cancel(exchange, "cancelled", now)

    def _receive_resend(self, client: Client, number: int, values: Sequence[Value]) -> None:
        if len(values) != 3:
            raise ProtocolError("bad_request", "a resend is: id index first count")
        exchange = client.exchanges.get(number)
        if exchange is None:
            raise ProtocolError("bad_request", f"nothing is kept of id {number}: answers are kept {self._limits.kept_s:.0f} s")
        if exchange.reply is None:
            return  # it comes by itself
        if not exchange.reply.clips:
            self._outbox.send(exchange.to, exchange.reply.end)
            return
        messages = exchange.reply.clips[read_integer(values[0], "index", 0, len(exchange.reply.clips) - 1)]
        first, count = read_integer(values[1], "first", 0, INT32[1]), read_integer(values[2], "count", -1, INT32[1])
        if count >= 0:
            a_message = self._limits.reply_notes
            messages = messages[1 + first // a_message : 1 + -(-(first + count) // a_message)]
        if messages:
            self._outbox.send(exchange.to, *messages)

    # Verbs

    def _receive_verb(self, client: Client, number: int, name: str, values: Sequence[Value], now: float) -> None:
        content = hash((name, repr(values)))
        exchange = client.exchanges.get(number)
        if exchange and (exchange.has_verb or exchange.state == "ended"):
            if exchange.content not in (content, None):
                raise _id_reused(number)
            self._repeat(exchange, now)
            return
        before = client.forgotten.get(number)
        if before and before.content != content:
            raise _id_reused(number)
        if self._is_busy(client, is_new=exchange is None):
            raise ProtocolError("busy", "too many requests are waiting: send it again later")
        exchange = exchange or self._exchanges.open(client, number, now)
        exchange.content, client.has_asked = content, True
        client.touch(exchange, now)
        try:
            if name == "at":
                self._receive_at(exchange, values, now)
            elif name == "report":
                self._exchanges.report(exchange, read_text(values[0] if values else "", "line", self._limits))
            elif name in VERBS:
                self._read_request(exchange, name, values, now)
                self._exchanges.await_clips(exchange, now)
            else:
                self._read_pairs(exchange, name, values)
                text = f"there is no /bridge/{shorten(name)}; there are: {' '.join(ADDRESSES)}"
                raise ProtocolError("unknown_verb", text)
        except ProtocolError as error:
            self._exchanges.end_with_error(exchange, error, now)

    def _is_busy(self, client: Client, *, is_new: bool) -> bool:
        if is_new and not self._clients.make_room_for_open(client):
            return True
        its = client.count("running")
        is_full = self._exchanges.running >= self._limits.pending and its >= self._limits.own_pending
        return is_full or its >= self._limits.client_pending

    def _read_pairs(self, exchange: Exchange, name: str, values: Sequence[Value]) -> dict[str, Value]:
        """Read keys and values; the answer goes to the port that they name, even where the verb itself is unknown."""
        given = read_pairs(name, values, self._limits)
        exchange.reply_port = self._read_reply_port(given)
        return given

    def _read_reply_port(self, given: dict[str, Value]) -> int | None:
        """Read which port the answer to a verb goes to, where it names one."""
        return read_reply_port(given["reply_port"], self._port) if "reply_port" in given else None

    def _read_request(self, exchange: Exchange, name: str, values: Sequence[Value], now: float) -> None:
        given = self._read_pairs(exchange, name, values)
        read = read_verb(name, given, self._limits, clips_before=1 + max(exchange.buffers, default=-1))
        exchange.draft, exchange.clip_count, exchange.stream = read.request, read.clips, read.stream
        exchange.context_count, exchange.context_kinds = read.context, read.context_kinds
        if read.request.seed is None:
            before = exchange.client.forgotten.get(exchange.id)
            seed = before.seed if before else self._draw_seed()
            exchange.draft = read.request.model_copy(update={"seed": seed})
        if read.stream is not None:
            self._exchanges.supersede_stream(exchange, read.stream, now)

    def _receive_at(self, exchange: Exchange, values: Sequence[Value], now: float) -> None:
        exchange.is_at = True
        if len(values) != 3:
            raise ProtocolError("bad_request", "a position is: id palette x y")
        palette = exchange.client.palettes.get(read_integer(values[0], "palette", *INT32))
        x, y = (read_number(value, axis) for value, axis in zip(values[1:], "xy", strict=True))
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ProtocolError("out_of_range", f"the position {x:g},{y:g} is not in 0..1,0..1")
        if palette is None:
            raise ProtocolError("no_palette", f"there is no palette {shorten(values[0])}: send its blend again, with a new id")
        self._exchanges.start_at(exchange, palette, (x, y), now)

    def _repeat(self, exchange: Exchange, now: float) -> None:
        """Answer a verb that has come before."""
        if exchange.reply is not None:
            self._exchanges.repeat(exchange, now)
        elif exchange.state == "running":
            self._exchanges.send_progress(exchange, now)


def _id_reused(number: int) -> ProtocolError:
    return ProtocolError("id_reused", f"id {number} was used for something else; a new request needs a new id")


def _read_id(message: Message) -> int:
    return read_integer(message.values[0] if message.values else None, "id", *INT32)
