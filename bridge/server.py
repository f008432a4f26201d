"""The OSC server: one socket, and the loop around it. What messages mean is in `protocol`, what is computed in `worker`.

The main thread receives, answers and never computes; the worker computes and never touches the socket.
"""

from __future__ import annotations

import errno
import logging
import math
import secrets
import select
import signal
import socket
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from logging.handlers import RotatingFileHandler
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

from bridge.config import ServerConfig
from bridge.protocol import osc
from bridge.protocol.clients import Peer
from bridge.protocol.effects import Drop, Effect, Report, Send, Start, Stop
from bridge.protocol.session import Sessions
from bridge.provenance import version
from bridge.worker import Event, Worker

log = logging.getLogger("bridge")
log_in = logging.getLogger("bridge.in")
log_out = logging.getLogger("bridge.out")

RECEIVED_AT_ONCE = 64  # datagrams, before what the worker has done is looked at again
BURST = 32  # datagrams of a long answer sent at once: more overrun the buffer that a client's system gives it
PAUSE_S = 0.002  # between bursts
LONG_ANSWERS = 100_000  # datagrams on their way; what is more is left for the clients to ask again for
LONGEST_WAIT_S = 0.5  # so that Ctrl-C works on Windows too, where it does not wake what waits on a socket
SOCKET_BUFFER = 4 * 2**20  # bytes asked of the system; it may give less
REPORT_BYTES = 2**20  # of the report file; then it begins anew, and one older is kept
LAST_BURSTS_S = 1.0  # for long answers that are on their way when the server stops
SWITCH_S = 0.0005  # Python's own 5 ms are what each datagram would wait for a busy worker
SHOWN = 200  # characters of a message in the log


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
            version=version("latent-bridge"),
            device=config.device,
        )
        self._worker = Worker(config.device, self._tell)
        self._long: OrderedDict[tuple[Peer, bytes], deque[bytes]] = OrderedDict()  # answers on their way
        self._next_burst = 0.0
        self._report = config.report
        self._reports: logging.Logger | None = None
        self._is_stopped = False

    def run(self) -> None:
        """Serve until `stop`, whatever comes."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._worker.start()
        try:
            while not self._is_stopped:
                self._run_once()
        finally:
            self._say_goodbye()
            sys.setswitchinterval(before)
            self._worker.close()
            self._socket.close()
            self._wake.close()
            self._woken.close()
            for handler in self._reports.handlers if self._reports else ():
                handler.close()

    def stop(self) -> None:
        """End `run`; may be called from another thread."""
        self._is_stopped = True
        self._wake_up()

    def _run_once(self) -> None:
        """Wait for a datagram, the worker or the next deadline, and deal with all that is there."""
        now = time.monotonic()
        until = min(self.sessions.due, self._next_burst if self._long else math.inf)
        readable, _, _ = select.select([self._socket, self._woken], [], [], min(max(0.0, until - now), LONGEST_WAIT_S))
        if self._woken in readable:
            self._woken.recv(4096)
        self._do_all(self._take_events())
        if self._socket in readable:
            for datagram, peer in self._receive():
                self._do_all(self._read(datagram, peer))
        now = time.monotonic()
        self._do_all(self.sessions.tick(now))
        if self._long and now >= self._next_burst:
            self._send_burst(now)

    def _receive(self) -> Iterator[tuple[bytes, Peer]]:
        for _ in range(RECEIVED_AT_ONCE):
            try:
                datagram, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError as error:  # Windows says here that an earlier answer found no one
                log.debug("nothing received: %s", error)
                continue
            yield datagram, address[:2]

    def _read(self, datagram: bytes, peer: Peer) -> list[Effect]:
        now = time.monotonic()
        try:
            messages = osc.decode(datagram)
        except osc.OscError as error:
            log_in.debug("%s:%s %d bytes: %s", *peer, len(datagram), error)
            return self.sessions.receive_garbage(peer, str(error), now)
        effects: list[Effect] = []
        for message in messages:
            if log_in.isEnabledFor(logging.DEBUG):
                log_in.debug("%s:%s %s", *peer, _shown(message))
            try:
                effects += self.sessions.receive(peer, message, now)
            except Exception:  # a bug of ours: this message is lost, the server is not
                log.exception("this message could not be dealt with: %s", _shown(message))
        return effects

    def _take_events(self) -> list[Effect]:
        effects: list[Effect] = []
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return effects
            effects += event(self.sessions, time.monotonic())

    def _do_all(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, datagrams):
                    self._answer(to, datagrams)
                case Start(peer, job):
                    self._worker.put(peer, job)
                case Stop(ticket):
                    self._worker.stop(ticket)
                case Drop(palette):
                    self._worker.drop_palette(palette)
                case Report(line):
                    self._write_report(line)

    def _answer(self, to: Peer, datagrams: Sequence[bytes]) -> None:
        if len(datagrams) <= BURST:
            for datagram in datagrams:
                self._send(datagram, to)
        elif (to, datagrams[-1]) not in self._long and sum(map(len, self._long.values())) < LONG_ANSWERS:
            self._long[to, datagrams[-1]] = deque(datagrams)

    def _send_burst(self, now: float) -> None:
        """Send some of each long answer, so that none waits for another."""
        self._next_burst = now + PAUSE_S
        share = max(1, BURST // len(self._long))
        for key in list(self._long)[:BURST]:
            left = self._long[key]
            for _ in range(min(share, len(left))):
                self._send(left.popleft(), key[0])
            self._long.move_to_end(key)
            if not left:
                del self._long[key]

    def _say_goodbye(self) -> None:
        """End what is open, tell all who said hello, and send what is still on its way."""
        self._do_all(self._take_events())  # what is done is not cancelled
        now = time.monotonic()
        self._do_all(self.sessions.close(now))
        end = now + LAST_BURSTS_S
        while self._long and now < end:
            self._send_burst(now)
            time.sleep(PAUSE_S)
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

    def _write_report(self, line: str) -> None:
        if self._reports is None:
            self._reports = _open_report(self._report)
        self._reports.info(" ".join(line.split()))


def serve(config: ServerConfig, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, which is how services are stopped; `say` tells a person where."""
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=config.log_level.upper())
    server = Server(config)
    say(f"listening on {server.host}:{server.port} (UDP)")
    if not ip_address(server.host).is_loopback:
        say("everyone who can reach this computer over the network can now use this server; 127.0.0.1 keeps it to this one")

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    before = signal.signal(signal.SIGTERM, stop) if threading.current_thread() is threading.main_thread() else None
    try:
        server.run()
    except KeyboardInterrupt:
        log.debug("Ctrl-C")
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    say("stopped")


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


def _open_report(path: str) -> logging.Logger:
    from platformdirs import user_log_path

    file = Path(path) if path else user_log_path("latent-bridge", appauthor=False) / "report.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=REPORT_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    reports = logging.Logger("bridge.report", logging.INFO)
    reports.addHandler(handler)
    return reports


def _shown(message: osc.Message) -> str:
    text = " ".join((message.address, *map(str, message.values[: SHOWN // 2])))
    return repr(text[:SHOWN])[1:-1]
