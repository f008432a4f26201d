"""Clients of the server for Python programs: `Client` for threads, `AsyncClient` for asyncio. `protocol.asking` has the rest.

    with Client() as bridge:
        answer = bridge.ask("vary", [clip], amount=0.3, count=4)

Both need nothing but this package and the standard library, so that any host's Python can load them: no numpy, no python-osc.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from types import TracebackType

from bridge.protocol.asking import (
    SILENCE_S,
    Answer,
    Exchange,
    ServerError,
    ServerModel,
    Welcome,
    ask,
    ask_at,
    cancel,
    hello,
    read_model,
    read_welcome,
)
from bridge.protocol.osc import LONGEST_DATAGRAM, Message, OscError, read
from models.music.clip import Clip, Note

__all__ = ["Answer", "AsyncClient", "Client", "Clip", "NoServer", "Note", "Pending", "ServerError", "ServerModel", "Welcome"]

HOST, PORT = "127.0.0.1", 9120
PATIENCE_S = 60.0  # without a word of the server about a request, after which it is given up
TICK_S = 0.03  # between two looks at what is to be sent again
BUFFER = 2**22  # bytes that the system keeps for us: a large answer comes at once
BURST = 64  # datagrams that are sent before others of ours have their turn

log = logging.getLogger("bridge.client")

Progress = Callable[[float], None]


class NoServer(TimeoutError):
    """No server answers."""


def _nothing(fraction: float) -> None:
    """Tell no one how far a request is."""


class _Conversation:
    """What a client has asked and not yet been answered. Not thread-safe; the caller sends what it is given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = secrets.randbelow(2**31)
        self.open: dict[int, tuple[Exchange, Progress, Callable[[Answer | Exception], None]]] = {}
        self._id = secrets.randbelow(2**30)
        self._welcome: Message | None = None
        self._models: dict[int, ServerModel] = {}

    def begin(
        self, exchange: Exchange, now: float, progress: Progress, done: Callable[[Answer | Exception], None]
    ) -> list[bytes]:
        """Open a request under a new id; `done` is called once, with its answer or what kept it from one."""
        self._id = self._id % (2**31 - 1) + 1
        exchange.id = self._id
        to_send = list(exchange.opening())  # may raise: then nothing was opened
        exchange.heard = exchange.asked = now
        self.open[exchange.id] = exchange, progress, done
        return to_send

    def take(self, datagram: bytes, now: float) -> list[bytes]:
        """Take what came; returns what is to be sent. Whatever it is, it raises nothing."""
        to_send: list[bytes] = []
        try:
            for message in read(datagram):
                to_send += self._take(message, now)
        except (OscError, ValueError, TypeError, IndexError, OverflowError) as error:
            log.debug("a message that is none of ours: %s", error)
        return to_send

    def due(self, now: float, patience: float) -> list[bytes]:
        """Write what is to be sent again, and give up what was waited for long enough."""
        to_send: list[bytes] = []
        for number, (exchange, _, done) in list(self.open.items()):
            if now > exchange.heard + patience:
                del self.open[number]
                done(NoServer(f"the server has not answered {exchange.verb} within {patience:g} s"))
            else:
                to_send += exchange.due(now)
        return to_send

    def close(self) -> None:
        """End what is open."""
        for exchange, _, done in list(self.open.values()):
            done(NoServer(f"the client was closed before {exchange.verb} was answered"))
        self.open.clear()

    @property
    def welcome(self) -> Welcome | None:
        """What the server said of itself, once it has said all of it."""
        if self._welcome is None:
            return None
        found = read_welcome(self._welcome, self._models)
        return found if len(found.models) == self._welcome.values[4] else None

    def forget_welcome(self) -> None:
        """Wait for a new one."""
        self._welcome = None

    def _take(self, message: Message, now: float) -> list[bytes]:
        if message.address == "/bridge/welcome":
            self._welcome = message
            self._models = {}
        elif message.address == "/bridge/model":
            index, model = read_model(message)
            self._models[index] = model
        elif message.values and message.values[0] in self.open:
            exchange, progress, done = self.open[message.values[0]]  # type: ignore[index]
            before = exchange.fraction
            to_send = exchange.take(message, now)
            if exchange.fraction > before:
                self._tell(progress, exchange.fraction)
            if exchange.is_whole:
                del self.open[exchange.id]
                try:
                    done(exchange.answer())
                except (ServerError, ValueError) as error:
                    done(error)
            return to_send
        return []

    def _tell(self, progress: Progress, fraction: float) -> None:
        try:
            progress(fraction)
        except Exception as error:  # the caller's own; all else goes on
            log.warning("what is told of progress raised %s: %s", type(error).__name__, error)


class Pending:
    """A request that is on its way."""

    def __init__(self, client: Client, number: int, future: Future[Answer]) -> None:
        self.id = number
        self._client, self._future = client, future

    def result(self, timeout: float | None = None) -> Answer:
        """Wait for the answer; raises ServerError, or NoServer where none comes."""
        try:
            return self._future.result(timeout)
        except FutureTimeout as error:
            if isinstance(error, NoServer):
                raise
            raise NoServer(f"no answer within {timeout:g} s") from error

    @property
    def is_done(self) -> bool:
        """Whether the answer, or an error, is here."""
        return self._future.done()

    def cancel(self) -> None:
        """Say that it is no longer wanted: its result is a ServerError with the code `cancelled`, unless it was done before."""
        self._client._send(cancel(self.id))


class Client:
    """A client that any number of threads may use at once; a thread of its own listens. Use it as a context, or `close` it."""

    def __init__(self, host: str = HOST, port: int = PORT, *, name: str = "python", patience: float = PATIENCE_S) -> None:
        """`patience` is how many seconds a request is waited for without a word of the server about it."""
        self._at, self._patience = (host, port), patience
        self._lock = threading.RLock()  # who is told of progress may begin or cancel something
        self._news = threading.Condition(self._lock)
        self._conversation = _Conversation(name)
        self._socket = _socket(self._at)
        self._is_closed = False
        self._listener = threading.Thread(target=self._listen, name="latent-bridge client", daemon=True)
        self._listener.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; what is open ends with NoServer."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._conversation.close()
            self._news.notify_all()
        self._listener.join()
        self._socket.close()

    def hello(self, timeout: float = 10.0) -> Welcome:
        """Greet the server: it then forgets what a program that had our port before asked of it. Raises NoServer."""
        end = time.monotonic() + timeout
        with self._lock:
            self._conversation.forget_welcome()
        while (left := end - time.monotonic()) > 0:
            self._send(hello(self._conversation.session, self._conversation.name))
            with self._news:
                self._news.wait_for(lambda: self._conversation.welcome is not None or self._is_closed, min(left, SILENCE_S))
                if (found := self._conversation.welcome) is not None:
                    return found
                if self._is_closed:
                    break
        raise NoServer(_no_server(self._at))

    def wait_until_ready(self, timeout: float = 60.0) -> Welcome:
        """Greet the server, and wait until it has loaded its models."""
        found, end = self.hello(timeout), time.monotonic() + timeout
        while not found.is_ready:
            with self._news:
                self._news.wait(min(SILENCE_S, max(0.0, end - time.monotonic())))
            if time.monotonic() > end:
                raise NoServer(f"the server has not loaded its models within {timeout:g} s")
            found = self.hello(max(SILENCE_S, end - time.monotonic()))
        return found

    def ask(
        self,
        verb: str,
        clips: Sequence[Clip] = (),
        *,
        context: Sequence[Clip] = (),
        progress: Progress = _nothing,
        **keys: object,
    ) -> Answer:
        """Ask, and wait for the answer; the keys are those of docs/osc.md. Raises ServerError, or NoServer."""
        pending = self.begin(verb, clips, context=context, progress=progress, **keys)
        try:
            return pending.result()
        except KeyboardInterrupt:
            pending.cancel()
            raise

    def at(self, palette: Answer | int, x: float, y: float) -> Clip:
        """Blend at a position of the puck on the palette that the answer to a blend names: x to the right, y down."""
        return self._begin(ask_at(palette, x, y), _nothing).result().clips[0]

    def begin(
        self,
        verb: str,
        clips: Sequence[Clip] = (),
        *,
        context: Sequence[Clip] = (),
        progress: Progress = _nothing,
        **keys: object,
    ) -> Pending:
        """Ask without waiting. `progress` is told fractions on the thread that listens: it must not wait for an answer."""
        return self._begin(ask(verb, clips, context, keys), progress)

    def _begin(self, exchange: Exchange, progress: Progress) -> Pending:
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()

        def done(result: Answer | Exception) -> None:
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        with self._lock:
            if self._is_closed:
                raise NoServer("the client is closed")
            to_send = self._conversation.begin(exchange, time.monotonic(), progress, done)
        for datagram in to_send:
            self._send(datagram)
        return Pending(self, exchange.id, future)

    def _send(self, datagram: bytes) -> None:
        with contextlib.suppress(OSError):  # what is not sent is lost, as on any way; a closed port tells itself so
            self._socket.send(datagram)

    def _listen(self) -> None:
        last = time.monotonic()
        while not self._is_closed:
            is_there = select.select([self._socket], [], [], TICK_S)[0]
            to_send: list[bytes] = []
            if is_there:
                try:
                    datagram = self._socket.recv(LONGEST_DATAGRAM)
                except OSError:  # nobody listens on the server's port, now
                    datagram = b""
                with self._news:
                    to_send = self._conversation.take(datagram, time.monotonic()) if datagram else []
                    self._news.notify_all()
            now = time.monotonic()
            if now > last + TICK_S:
                last = now
                with self._lock:
                    to_send += self._conversation.due(now, self._patience)
            for datagram in to_send:
                self._send(datagram)


class AsyncClient:
    """The same for asyncio, used as `async with AsyncClient() as bridge:`. A task that is cancelled cancels what it asked."""

    def __init__(self, host: str = HOST, port: int = PORT, *, name: str = "python", patience: float = PATIENCE_S) -> None:
        """`patience` is how many seconds a request is waited for without a word of the server about it."""
        self._at, self._patience = (host, port), patience
        self._conversation = _Conversation(name)
        self._transport: asyncio.DatagramTransport | None = None
        self._news = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AsyncClient:
        loop = asyncio.get_running_loop()
        opened = _socket(self._at)
        opened.setblocking(False)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self), sock=opened)
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening; what is open ends with NoServer."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        self._conversation.close()
        if self._transport is not None:
            self._transport.close()
        self._transport = self._looking = None

    async def hello(self, timeout: float = 10.0) -> Welcome:
        """Greet the server: it then forgets what a program that had our port before asked of it. Raises NoServer."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        self._conversation.forget_welcome()
        asked = -SILENCE_S
        while (now := loop.time()) < end:
            if now >= asked + SILENCE_S:
                self._send([hello(self._conversation.session, self._conversation.name)])
                asked = now
            await self._wait(min(asked + SILENCE_S, end) - now)
            if (found := self._conversation.welcome) is not None:
                return found
        raise NoServer(_no_server(self._at))

    async def wait_until_ready(self, timeout: float = 60.0) -> Welcome:
        """Greet the server, and wait until it has loaded its models."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        found = await self.hello(timeout)
        while not found.is_ready:
            if loop.time() > end:
                raise NoServer(f"the server has not loaded its models within {timeout:g} s")
            await self._wait(SILENCE_S)
            found = await self.hello(max(SILENCE_S, end - loop.time()))
        return found

    async def ask(
        self,
        verb: str,
        clips: Sequence[Clip] = (),
        *,
        context: Sequence[Clip] = (),
        progress: Progress = _nothing,
        **keys: object,
    ) -> Answer:
        """Ask, and wait for the answer; the keys are those of docs/osc.md. Raises ServerError, or NoServer."""
        return await self._ask(ask(verb, clips, context, keys), progress)

    async def at(self, palette: Answer | int, x: float, y: float) -> Clip:
        """Blend at a position of the puck on the palette that the answer to a blend names: x to the right, y down."""
        return (await self._ask(ask_at(palette, x, y), _nothing)).clips[0]

    async def _ask(self, exchange: Exchange, progress: Progress) -> Answer:
        if self._transport is None:
            raise NoServer("the client is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def done(result: Answer | Exception) -> None:
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        for number, datagram in enumerate(self._conversation.begin(exchange, loop.time(), progress, done), 1):
            self._send([datagram])
            if not number % BURST:
                await asyncio.sleep(0)
        try:
            return await future
        except asyncio.CancelledError:
            self._send([cancel(exchange.id)])
            self._conversation.open.pop(exchange.id, None)
            raise

    async def _wait(self, seconds: float) -> None:
        """Wait for something to come, at most so long."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), max(0.0, seconds))

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            self._send(self._conversation.due(loop.time(), self._patience))

    def _send(self, datagrams: Iterable[bytes]) -> None:
        if self._transport is not None:
            for datagram in datagrams:
                self._transport.sendto(datagram)

    def _came(self, datagram: bytes) -> None:
        self._send(self._conversation.take(datagram, asyncio.get_running_loop().time()))
        self._news.set()


class _Listener(asyncio.DatagramProtocol):
    """Hands on what comes."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._client._came(data)

    def error_received(self, exc: Exception) -> None:
        log.debug("nobody listens there: %s", exc)


def _socket(at: tuple[str, int]) -> socket.socket:
    """Open a socket that hears this server alone."""
    found = socket.getaddrinfo(*at, type=socket.SOCK_DGRAM)[0]
    opened = socket.socket(found[0], socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    opened.connect(found[4])
    return opened


def _no_server(at: tuple[str, int]) -> str:
    return f"no server answers at {at[0]}:{at[1]}; `latent-bridge serve` starts one"
