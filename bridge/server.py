"""The OSC server: one socket, one queue, one worker that owns the models. What messages mean is in `wire`; no music here.

The main thread hears, answers and never computes; the worker computes and never touches the socket.
"""

from __future__ import annotations

import errno
import logging
import math
import secrets
import select
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
from typing import TYPE_CHECKING

from bridge import osc
from bridge.config import ServerConfig
from bridge.provenance import version
from bridge.requests import Blend, Vary
from bridge.wire import Code, Drop, Effect, Job, Outcome, Peer, Report, Send, Start, Stop, Wire, WireError
from models.clip import Clip, Note

if TYPE_CHECKING:
    from bridge.compute import Batches, Steps
    from bridge.engine import Engine
    from bridge.palette import Palette
    from models.family import LatentModel

log = logging.getLogger("bridge")
log_in = logging.getLogger("bridge.in")
log_out = logging.getLogger("bridge.out")

HEARD_AT_ONCE = 64  # datagrams, before what the worker has done is looked at again
BURST = 32  # datagrams of a long answer sent at once: more overrun the buffer that a client's system gives it
PAUSE_S = 0.002  # between bursts
LONG_ANSWERS = 100_000  # datagrams on their way; what is more is left for the clients to ask again for
LONGEST_WAIT_S = 0.5  # so that Ctrl-C is heard on Windows too, where it does not wake what waits on a socket
SOCKET_BUFFER = 4 * 2**20  # bytes asked of the system; it may give less
REPORT_BYTES = 2**20  # of the report file; then it begins anew, and one older is kept
TOGETHER = 8  # clients whose jobs are computed in the same batches; others wait for one of them to end
LAST_WAIT_S = 2.0  # for a decode that runs when the server ends
SWITCH_S = 0.0005  # Python's own 5 ms are what each datagram would wait for a busy worker
SHOWN = 200  # characters of a message in the log

Event = Callable[[Wire, float], list[Effect]]  # what the worker has to say to the wire, which is told the time


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
        self.wire = Wire(lambda: secrets.randbelow(2**31), version=version("latent-bridge"), device=config.device)
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
                self._turn()
        finally:
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
        self._nudge()

    def _turn(self) -> None:
        now = time.monotonic()
        until = min(self.wire.due, self._next_burst if self._long else math.inf)
        readable, _, _ = select.select([self._socket, self._woken], [], [], min(max(0.0, until - now), LONGEST_WAIT_S))
        if self._woken in readable:
            self._woken.recv(4096)
        self._do_all(self._finished())
        if self._socket in readable:
            for datagram, peer in self._heard():
                self._do_all(self._understood(datagram, peer))
        now = time.monotonic()
        self._do_all(self.wire.tick(now))
        if self._long and now >= self._next_burst:
            self._send_burst(now)

    def _heard(self) -> Iterator[tuple[bytes, Peer]]:
        for _ in range(HEARD_AT_ONCE):
            try:
                datagram, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError as error:  # Windows says here that an earlier answer found no one
                log.debug("nothing received: %s", error)
                continue
            yield datagram, address[:2]

    def _understood(self, datagram: bytes, peer: Peer) -> list[Effect]:
        now = time.monotonic()
        try:
            messages = osc.decode(datagram)
        except osc.OscError as error:
            log_in.debug("%s:%s %d bytes: %s", *peer, len(datagram), error)
            return self.wire.garbled(peer, str(error), now)
        effects: list[Effect] = []
        for message in messages:
            if log_in.isEnabledFor(logging.DEBUG):
                log_in.debug("%s:%s %s", *peer, _shown(message))
            try:
                effects += self.wire.hear(peer, message, now)
            except Exception:  # a bug of ours: this message is lost, the server is not
                log.exception("this message could not be dealt with: %s", _shown(message))
        return effects

    def _finished(self) -> list[Effect]:
        effects: list[Effect] = []
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return effects
            effects += event(self.wire, time.monotonic())

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
                    self._worker.drop(palette)
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
        self._nudge()

    def _nudge(self) -> None:
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


class Stopped(Exception):
    """Raised inside a job that no one wants any more."""


class Worker(threading.Thread):
    """Computes jobs, one of each client at a time and those together in shared batches, on models that no one else touches."""

    def __init__(self, device: str, tell: Callable[[Event], None]) -> None:
        super().__init__(name="worker", daemon=True)
        self._device, self._tell = device, tell
        self._changed = threading.Condition()
        self._queues: OrderedDict[Peer, deque[Job]] = OrderedDict()
        self._active: dict[Peer, Job] = {}
        self._unwanted: set[int] = set()  # tickets of active jobs that no one wants any more
        self._drops: set[int] = set()
        self._is_stopped = False
        self._palettes: dict[int, tuple[Palette, int]] = {}  # and their seeds

    def put(self, peer: Peer, job: Job) -> None:
        """Queue a job."""
        with self._changed:
            self._queues.setdefault(peer, deque()).append(job)
            self._changed.notify()

    def stop(self, ticket: int) -> None:
        """Let a job end after the batch that is being computed, or never begin."""
        with self._changed:
            if any(job.ticket == ticket for job in self._active.values()):
                self._unwanted.add(ticket)
            for peer, queue in self._queues.items():
                job = next((job for job in queue if job.ticket == ticket), None)
                if job is not None:
                    queue.remove(job)
                    if job.asked is not None:
                        self._drops.discard(job.palette)  # it will never be made
                    if not queue:
                        del self._queues[peer]
                    return

    def drop(self, palette: int) -> None:
        """Forget a palette, after the jobs that are at work on it."""
        with self._changed:
            waiting = [*self._active.values(), *(job for queue in self._queues.values() for job in queue)]
            if palette in self._palettes or any(job.palette == palette for job in waiting):
                self._drops.add(palette)

    def close(self) -> None:
        """End the thread, and wait for it a little."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self.join(LAST_WAIT_S)

    def run(self) -> None:
        """Load the models, then compute jobs."""
        try:
            engine, device, models = _start_engine(self._device)
        except Exception as error:  # whatever it is, hello still answers, and each request hears why it cannot be
            log.exception("the models cannot be loaded")
            why = f"the models cannot be loaded: {error}"
            while not self._is_stopped:
                for peer, job in self._take(is_idle=True):
                    self._fail(job, "internal", why)
                    self._leave(peer)
            return
        self._tell(lambda wire, now: wire.ready(device, models))
        log.info("ready on %s: %s", device, ", ".join(name for name, *_ in models) or "no models are here")
        batches = engine.batches()
        while not self._is_stopped:
            for peer, job in self._take(is_idle=not len(batches)):
                self._begin(engine, batches, peer, job)
            batches.turn()

    def _take(self, *, is_idle: bool) -> list[tuple[Peer, Job]]:
        """Take the next job of each client that has none at work; where nothing is, wait for one."""
        with self._changed:
            self._forget_palettes()
            while is_idle and not self._queues and not self._is_stopped:
                self._changed.wait()
            taken: list[tuple[Peer, Job]] = []
            for peer in [peer for peer in self._queues if peer not in self._active]:
                if len(self._active) == TOGETHER:
                    break
                queue = self._queues.pop(peer)
                self._active[peer] = queue.popleft()
                if queue:
                    self._queues[peer] = queue  # behind the other clients
                taken.append((peer, self._active[peer]))
            return taken

    def _leave(self, peer: Peer) -> None:
        with self._changed:
            self._unwanted.discard(self._active.pop(peer).ticket)

    def _forget_palettes(self) -> None:
        at_work = [*self._active.values(), *(job for queue in self._queues.values() for job in queue)]
        waiting = {job.palette for job in at_work if job.asked is not None}
        for palette in self._drops - waiting:
            self._palettes.pop(palette, None)
        self._drops &= waiting

    def _begin(self, engine: Engine, batches: Batches, peer: Peer, job: Job) -> None:
        def heed(fraction: float) -> None:
            if self._is_stopped or job.ticket in self._unwanted:
                raise Stopped
            if fraction < 1:
                self._tell(lambda wire, now: wire.progress(job.ticket, fraction, now))

        def done(result: Outcome | Exception) -> None:
            self._leave(peer)
            self._finish(job, result)

        batches.add(self._outcome(engine, job), heed, done)

    def _finish(self, job: Job, result: Outcome | Exception) -> None:
        from models.store import ModelError

        try:
            if isinstance(result, Exception):
                raise result
            reply = job.reply(result)
            self._tell(lambda wire, now: wire.finish(job.ticket, reply, now))
        except Stopped:
            log.debug("job %d was stopped", job.ticket)
        except WireError as error:
            self._fail(job, error.code, str(error))
        except ModelError as error:
            self._fail(job, "no_model", str(error))
        except ValueError as error:
            self._fail(job, "bad_request", str(error))
        except MemoryError:
            self._fail(job, "too_large", "there is not enough memory for this")
        except Exception as error:  # a bug of ours, or a device that fails: this job ends, the server does not
            log.exception("job %d failed", job.ticket)
            self._fail(job, "internal", f"{type(error).__name__}: {error}")

    def _outcome(self, engine: Engine, job: Job) -> Steps[Outcome]:
        if job.asked is None:
            if job.palette not in self._palettes:
                raise WireError("no_palette", "this palette is gone: send its blend again, with a new id")
            palette, seed = self._palettes[job.palette]
            clips = yield from palette.steps_at([job.at])
            return Outcome(clips, seed, [palette.model.card.name])
        request = job.request()
        if isinstance(request, Blend):
            palette, seed = (yield from engine.prepare(request)), request.seed or 0
            self._palettes[job.palette] = palette, seed
            clips = yield from palette.steps_at(_positions(request))
            return Outcome(clips, seed, [palette.model.card.name], palette.info)
        answer = yield from engine.steps(request)
        return Outcome(answer.clips, answer.seed, answer.models, answer.info)

    def _fail(self, job: Job, code: Code, text: str) -> None:
        self._tell(lambda wire, now: wire.fail(job.ticket, code, text, now))


def serve(config: ServerConfig, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `say` tells a person where."""
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=config.log_level.upper())
    server = Server(config)
    say(f"listening on {server.host}:{server.port} (UDP)")
    if not ip_address(server.host).is_loopback:
        say(
            "everyone who can reach this computer over the network can now use this server; 127.0.0.1 keeps it to this computer"
        )
    try:
        server.run()
    except KeyboardInterrupt:
        say("stopped")


def _start_engine(device: str) -> tuple[Engine, str, tuple[tuple[str, str, int, str], ...]]:
    """Load the models that `auto` chooses from, and run each once: the first run of anything is slow."""
    from bridge.batch import find_device
    from bridge.engine import Engine
    from models.family import KINDS
    from models.store import ModelError, list_models

    found = find_device(device)
    engine = Engine(device=found, load=_load_by_name)
    models = tuple((folder.name, card.family, card.bars, card.about) for card, folder in list_models())
    for kind, name in KINDS.items():
        if name in {name for name, *_ in models}:
            try:
                clip = Clip((Note(36, 0.0, 0.25), Note(38, 1.0, 0.25)), 8.0)
                engine.run(Vary(clips=(clip,), count=1, model=name, kind=kind, seed=0))  # type: ignore[arg-type]
            except ModelError as error:
                log.warning("%s", error)
    return engine, found, models


def _load_by_name(name: str, device: str) -> LatentModel:
    """Load a model that is listed: a message from the network must not choose a path."""
    from models.store import ModelError, list_models, load_model

    folders = {folder.name: folder for _, folder in list_models()}
    if name not in folders:
        raise ModelError(f"there is no model {name[:40]!r}; there are: {', '.join(folders) or 'none'}")
    return load_model(str(folders[name]), device)


def _positions(request: Blend) -> list[tuple[float, float]]:
    if request.at:
        return [request.at]
    side = request.grid
    return [(column / (side - 1), row / (side - 1)) for row in range(side) for column in range(side)]


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
