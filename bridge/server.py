"""The OSC server: one socket, and the loop around it. What messages mean is in `protocol`, what is computed in `worker`.

The main thread receives, answers and never computes; the worker computes and never touches the socket.
"""

from __future__ import annotations

import errno
import gc
import logging
import math
import os
import secrets
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from bridge.config import ServerConfig
from bridge.inbox import Inbox
from bridge.outgoing import Outgoing
from bridge.protocol import osc
from bridge.protocol.clients import Peer
from bridge.protocol.effects import Drop, Effect, Report, Send, Silence, Start, Stop
from bridge.protocol.session import Sessions
from bridge.provenance import version
from bridge.report import ReportFile
from bridge.worker import Event, Worker

log = logging.getLogger("bridge")
log_in = logging.getLogger("bridge.in")
log_out = logging.getLogger("bridge.out")

RECEIVED_AT_ONCE = 256  # datagrams, before what the worker has done is looked at again
READING_S = 0.002  # of dealing with messages, before the same; then as long a rest, for the worker needs the interpreter too
IDLE_S = 5.0  # between looks for garbage while nothing is computed: a look takes long, and all wait for it
LONGEST_WAIT_S = 0.5  # so that Ctrl-C works on Windows too, where it does not wake what waits on a socket
SOCKET_BUFFER = 4 * 2**20  # bytes asked of the system; it may give less
LAST_BURSTS_S = 0.5  # for what is on its way when the server stops
SWITCH_S = 0.0005  # Python's own 5 ms are what each datagram would wait for a busy worker
SHOWN = 200  # characters of a message in the log
GARBAGE = 20_000, 20, 200  # thresholds of the collector: rarely what takes long, which is done when nothing is computed


class ServerError(ValueError):
    """Why there can be no server, in one sentence."""


class Server:
    """Listens as soon as it is made; `run` serves until `stop`."""

    def __init__(self, config: ServerConfig) -> None:
        self._socket = _listen(config.host, config.port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self.sessions = Sessions(
            lambda: secrets.randbelow(2**31),
            session=secrets.randbelow(2**31),
            port=self.port,
            version=version("latent-bridge"),
            device=config.device,
        )
        self._worker = Worker(config.device, self._tell)
        self._inbox = Inbox()
        self._buffer = memoryview(bytearray(2**16))  # for the datagram that is received
        self._collected = 0.0  # when garbage was last looked for
        self._outgoing = Outgoing()
        self._report = ReportFile(config.report)
        self._selector = selectors.DefaultSelector()  # select itself knows no more than 1,024 open files
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._is_stopped = False

    def run(self) -> None:
        """Serve until `stop`, whatever comes."""
        before = sys.getswitchinterval(), gc.get_threshold()
        sys.setswitchinterval(SWITCH_S)
        gc.set_threshold(*GARBAGE)
        self._worker.start()
        try:
            while not self._is_stopped:
                try:
                    self._run_once()
                except MemoryError:
                    log.error("there is no memory left: what has just come is lost")
        finally:
            self._say_goodbye()
            sys.setswitchinterval(before[0])
            gc.set_threshold(*before[1])
            self._worker.close()
            self._selector.close()
            self._socket.close()
            self._wake.close()
            self._woken.close()
            self._report.close()

    @property
    def is_computing(self) -> bool:
        """Whether the worker still loads or computes something."""
        return self._worker.is_alive()

    def stop(self) -> None:
        """End `run`; may be called from another thread."""
        self._is_stopped = True
        self._wake_up()

    def _run_once(self) -> None:
        """Wait for a datagram, the worker or the next deadline, and deal with all that is there."""
        until = -math.inf if len(self._inbox) else min(self.sessions.due, self._outgoing.due)
        wait = min(max(0.0, until - time.monotonic()), LONGEST_WAIT_S)
        readable = [key.fileobj for key, _ in self._selector.select(wait)]
        if self._woken in readable:
            self._woken.recv(4096)
        self._do_all(self._take_events())
        if self._socket in readable:
            self._receive()
        began = time.monotonic()
        self._read_some()
        now = time.monotonic()
        self._do_all(self.sessions.tick(now))
        self._send_burst(now)
        if len(self._inbox):
            time.sleep(now - began)
        elif not self.sessions.is_busy and any(gc.get_count()[1:]) and now >= self._collected + IDLE_S:
            self._collected = now
            gc.collect()

    def _receive(self) -> None:
        for _ in range(RECEIVED_AT_ONCE):
            try:
                size, address = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:  # Windows says here that an earlier answer found no one
                log.debug("nothing received: %s", error)
                continue
            self._inbox.put(address[:2], self._buffer[:size].tobytes())

    def _read_some(self) -> None:
        """Deal with messages, one of each client in turn, but not so long that others wait."""
        until = time.monotonic() + READING_S
        while len(self._inbox) and (now := time.monotonic()) < until:
            peer, message = self._inbox.take()
            if isinstance(message, osc.OscError):
                log_in.debug("%s:%s %s", *peer, message)
                self._do_all(self.sessions.receive_garbage(peer, str(message), now))
            elif message is not None:
                self._read(peer, message, now)

    def _read(self, peer: Peer, message: osc.Message, now: float) -> None:
        if log_in.isEnabledFor(logging.DEBUG):
            log_in.debug("%s:%s %s", *peer, _shown(message))
        try:
            effects = self.sessions.receive(peer, message, now)
        except Exception:  # a bug of ours: this message is lost, the server is not
            log.exception("this message could not be dealt with: %s", _shown(message))
        else:
            self._do_all(effects)

    def _take_events(self) -> list[Effect]:
        effects: list[Effect] = []
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return effects
            try:
                effects += event(self.sessions, time.monotonic())
            except Exception:  # a bug of ours: this answer is lost, the server is not
                log.exception("what the worker has done could not be dealt with")

    def _do_all(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, datagrams):
                    for datagram in self._outgoing.put(to, datagrams, time.monotonic()):
                        self._send(datagram, to)
                case Silence(to):
                    self._outgoing.drop(to)
                case Start(peer, job):
                    self._worker.put(peer, job)
                case Stop(ticket):
                    self._worker.stop(ticket)
                case Drop(palette):
                    self._worker.drop_palette(palette)
                case Report(ticket, line):
                    self._do_all(self.sessions.reported(ticket, self._report.write(line), time.monotonic()))

    def _send_burst(self, now: float) -> None:
        for datagram, to in self._outgoing.take(now):
            self._send(datagram, to)

    def _say_goodbye(self) -> None:
        """End what is open, tell all who said hello, and send what is still on its way."""
        self._do_all(self._take_events())  # what is done is not cancelled
        now = time.monotonic()
        self._do_all(self.sessions.close(now))
        end = now + LAST_BURSTS_S
        while self._outgoing.due < end and now < end:
            self._send_burst(now)
            time.sleep(max(0.0, self._outgoing.due - now))
            now = time.monotonic()

    def _send(self, datagram: bytes, to: Peer) -> None:
        if log_out.isEnabledFor(logging.DEBUG):
            log_out.debug("%s:%s %s", *to, _shown(osc.decode(datagram)[0]))
        try:
            self._socket.sendto(datagram, to)
        except OSError as error:  # no buffer, no one there: as good as lost on the way, and asked for again
            log_out.debug("%s:%s not sent: %s", *to, error)

    def _tell(self, event: Event) -> None:
        """Hand what the worker has done to the main thread."""
        self._events.put(event)
        self._wake_up()

    def _wake_up(self) -> None:
        try:
            self._wake.send(b"\0")
        except BlockingIOError:
            return  # it is being woken already
        except OSError as error:
            log.debug("the server is gone: %s", error)


def serve(config: ServerConfig, say: Callable[[str], None], lifeline: int | None = None) -> bool:
    """Serve until Ctrl-C or SIGTERM, which is how services are stopped; `say` tells a person where.

    Where there is a `lifeline`, a file descriptor, its end is the server's, too: whoever started it holds the other end.
    Returns whether a thread is left that still computes.
    """
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=config.log_level.upper())
    server = Server(config)
    say(f"listening on {server.host}:{server.port} (UDP)")
    if not ip_address(server.host).is_loopback:
        say("everyone who can reach this computer over the network can now use this server; 127.0.0.1 keeps it to this one")

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    if lifeline is not None:
        threading.Thread(target=_stop_after, args=(lifeline, server), daemon=True).start()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    say("stopped")
    return server.is_computing


def _stop_after(lifeline: int, server: Server) -> None:
    while os.read(lifeline, 4096):  # unbuffered: a thread that waits in a buffer keeps Python from ending
        pass
    server.stop()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerError(f"there is no address {host}: {error.strerror}") from error
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # without it, Windows lets two programs share a port
    if exclusive is not None:
        found.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    try:
        found.bind(address)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            text = f"port {port} on {host} is taken, by another server or another program: choose another with --port"
            raise ServerError(text) from error
        raise ServerError(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    found.setblocking(False)
    return found


def _shown(message: osc.Message) -> str:
    text = " ".join((message.address, *map(str, message.values[: SHOWN // 2])))
    return repr(text[:SHOWN])[1:-1]
