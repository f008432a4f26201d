"""The worker: a queue of jobs, and the one thread that owns the models and computes them. No sockets."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.protocol.assembly import Job
from bridge.protocol.clients import Peer
from bridge.protocol.effects import Effect
from bridge.protocol.messages import Code, Outcome, ProtocolError
from bridge.protocol.session import ModelLine, Sessions
from bridge.requests import Vary
from models.music.clip import Clip, Note

if TYPE_CHECKING:
    from bridge.engine import Answer, Engine
    from models.editing.batching import Batcher, Computation
    from models.network.decoding import LatentModel

log = logging.getLogger("bridge")

CLIENTS_AT_ONCE = 8  # clients whose jobs are computed in the same batcher; others wait for one of these to end
LAST_WAIT_S = 2.0  # for a decode that runs when the server ends

Event = Callable[[Sessions, float], list[Effect]]  # what the worker has to tell the protocol, which is also told the time


class Stopped(Exception):
    """Raised inside a job that no one wants any more."""


class Worker(threading.Thread):
    """Computes jobs, one of each client at a time and those together in shared batches, on models that no one else touches."""

    def __init__(self, device: str, tell: Callable[[Event], None]) -> None:
        """`tell` is called on this thread with what is to be done on the main one."""
        super().__init__(name="worker", daemon=True)
        self._device, self._tell = device, tell
        self._changed = threading.Condition()  # guards all that follows
        self._queues: OrderedDict[Peer, deque[Job]] = OrderedDict()
        self._active: dict[Peer, Job] = {}
        self._unwanted: set[int] = set()  # tickets of active jobs that no one wants any more
        self._dropped: set[int] = set()  # palettes to be forgotten
        self._is_stopped = False

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
                    if not queue:
                        del self._queues[peer]
                    return

    def drop_palette(self, palette: int) -> None:
        """Forget a palette, after the blend that makes it."""
        with self._changed:
            self._dropped.add(palette)

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
        except Exception as error:  # whatever it is, hello is still answered, and each request is told why it cannot be done
            log.exception("the models cannot be loaded")
            self._fail_all(f"the models cannot be loaded: {error}")
            return
        self._tell(lambda sessions, now: sessions.models_ready(device, models))
        log.info("ready on %s: %s", device, ", ".join(model.name for model in models) or "there are no models")
        batcher = engine.batcher()
        while not self._is_stopped:
            for palette in self._take_dropped():
                engine.drop_palette(palette)
            for peer, job in self._take(is_idle=not len(batcher)):
                self._begin(engine, batcher, peer, job)
            batcher.run_batch()

    def _take(self, *, is_idle: bool) -> list[tuple[Peer, Job]]:
        """Take the next job of each client that has none at work; where nothing is at work, wait for one."""
        with self._changed:
            while is_idle and not self._queues and not self._is_stopped:
                self._changed.wait()
            taken: list[tuple[Peer, Job]] = []
            for peer in [peer for peer in self._queues if peer not in self._active]:
                if len(self._active) == CLIENTS_AT_ONCE:
                    break
                queue = self._queues.pop(peer)
                self._active[peer] = queue.popleft()
                if queue:
                    self._queues[peer] = queue  # behind the other clients
                taken.append((peer, self._active[peer]))
            return taken

    def _take_dropped(self) -> set[int]:
        """Take the palettes that can be forgotten now: no blend that is active or queued is still to make them."""
        with self._changed:
            jobs = [*self._active.values(), *(job for queue in self._queues.values() for job in queue)]
            awaited = {job.palette for job in jobs if job.draft is not None}
            ready = self._dropped - awaited
            self._dropped -= ready
            return ready

    def _leave(self, peer: Peer) -> None:
        with self._changed:
            self._unwanted.discard(self._active.pop(peer).ticket)

    def _begin(self, engine: Engine, batcher: Batcher, peer: Peer, job: Job) -> None:
        def report_progress(fraction: float) -> None:
            if self._is_stopped or job.ticket in self._unwanted:
                raise Stopped
            if fraction < 1:
                self._tell(lambda sessions, now: sessions.progress(job.ticket, fraction, now))

        def done(result: Answer | Exception) -> None:
            self._leave(peer)
            self._finish(job, result)

        batcher.add(_compute(engine, job), report_progress, done)

    def _finish(self, job: Job, result: Answer | Exception) -> None:
        from bridge.engine import UnknownPalette
        from models.store import ModelError

        try:
            if isinstance(result, Exception):
                raise result
            reply = job.reply(Outcome(result.clips, result.seed, result.models, result.info))
            self._tell(lambda sessions, now: sessions.finish(job.ticket, reply, now))
        except Stopped:
            log.debug("job %d was stopped", job.ticket)
        except ProtocolError as error:
            self._fail(job, error.code, str(error))
        except UnknownPalette as error:
            self._fail(job, "no_palette", str(error))
        except ModelError as error:
            self._fail(job, "no_model", str(error))
        except ValueError as error:
            self._fail(job, "bad_request", str(error))
        except MemoryError:
            self._fail(job, "too_large", "there is not enough memory for this")
        except Exception as error:  # a bug of ours, or a device that fails: this job ends, the server does not
            log.exception("job %d failed", job.ticket)
            self._fail(job, "internal", f"{type(error).__name__}: {error}")

    def _fail(self, job: Job, code: Code, text: str) -> None:
        self._tell(lambda sessions, now: sessions.fail(job.ticket, code, text, now))

    def _fail_all(self, text: str) -> None:
        """Refuse whatever comes, until the server ends."""
        while not self._is_stopped:
            for peer, job in self._take(is_idle=True):
                self._fail(job, "internal", text)
                self._leave(peer)


def _compute(engine: Engine, job: Job) -> Computation[Answer]:
    """Begin a job; an error in it, or in its clips, is the job's own."""
    if job.draft is None and job.palette is not None:
        return (yield from engine.start_at(job.palette, *job.at))
    return (yield from engine.start(job.request(), palette=job.palette))


def _start_engine(device: str) -> tuple[Engine, str, tuple[ModelLine, ...]]:
    """Load the models that `auto` chooses from, and run each once: the first run of anything is slow."""
    from bridge.devices import find_device
    from bridge.engine import Engine
    from models.families.registry import kinds
    from models.store import ModelError, list_models

    found = find_device(device)
    engine = Engine(device=found, load=_load_by_name)
    models = tuple(ModelLine(folder.name, card.family, card.bars, card.about) for card, folder in list_models())
    for kind, name in kinds().items():
        if name in {model.name for model in models}:
            try:
                clip = Clip((Note(36, 0.0, 0.25), Note(38, 1.0, 0.25)), 8.0)
                engine.run(Vary(clips=(clip,), count=1, model=name, kind=kind, seed=0))
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
