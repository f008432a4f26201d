"""The worker: jobs of many clients, and the one thread that owns the models and computes them, in fair turns. No sockets."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.fair_shares import FairShares
from bridge.protocol.assembly import Job
from bridge.protocol.clients import Peer
from bridge.protocol.effects import Effect
from bridge.protocol.limits import DEFAULT, Limits
from bridge.protocol.messages import Code, Outcome, ProtocolError, Reply
from bridge.protocol.session import ModelLine, Sessions
from models.pause import pausing

if TYPE_CHECKING:
    from bridge.engine import Engine
    from models.editing.batching import Batcher, Computation, Task

log = logging.getLogger("bridge")

LIGHT_S = 0.02  # a job of so little work is not cut into slices
USUAL_S = 0.5  # of work: a job of more is not served before others for what its client did not use
LAST_WAIT_S = 1.0  # for what runs when the server ends

Event = Callable[[Sessions, float], list[Effect]]  # what the worker has to tell the protocol, which is also told the time


class Stopped(Exception):
    """Raised inside a job that no one wants any more."""


class Worker(threading.Thread):
    """Computes jobs, one of each client at a time: whose turn it is follows from how long each has been computed for."""

    def __init__(self, device: str, tell: Callable[[Event], None], limits: Limits = DEFAULT) -> None:
        """`tell` is called on this thread with what is to be done on the main one."""
        super().__init__(name="worker", daemon=True)
        self._device, self._tell, self._limits = device, tell, limits
        self._changed = threading.Condition()  # guards all that follows
        self._queues: OrderedDict[Peer, deque[Job]] = OrderedDict()
        self._active: dict[Peer, Job] = {}
        self._unwanted: set[int] = set()  # tickets of active jobs that no one wants any more
        self._dropped: set[int] = set()  # palettes to be forgotten
        self._is_stopped = False
        self._shares: FairShares[Peer] = FairShares()  # this and what follows belong to the worker's thread alone
        self._tasks: dict[Peer, Task] = {}
        self._had: dict[Peer, float] = {}  # seconds that each active job has been computed for
        self._is_contended = False  # whether other clients wait for a turn
        self._current: int | None = None  # the ticket of the job whose plain Python runs

    def put(self, peer: Peer, job: Job) -> None:
        """Queue a job."""
        with self._changed:
            self._queues.setdefault(peer, deque()).append(job)
            self._changed.notify()

    def stop(self, ticket: int) -> None:
        """Let a job end at its next pause, or never begin."""
        with self._changed:
            if any(job.ticket == ticket for job in self._active.values()):
                self._unwanted.add(ticket)
                return
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
            self._changed.notify()

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
        with pausing(self._pause):
            while not self._is_stopped:
                for palette in self._take_dropped():
                    engine.drop_palette(palette)
                self._end_unwanted(batcher)
                peer, job = self._next()
                if peer is None:
                    continue
                if job is not None:
                    self._begin(engine, batcher, peer, job)
                self._give_turn(batcher, peer)

    def _next(self) -> tuple[Peer | None, Job | None]:
        """Choose whose turn it is, and take the job that begins with it, if one does; wait where there is nothing to do."""
        with self._changed:
            while not self._queues and not self._active and not self._is_stopped and not self._dropped:
                self._changed.wait()
            taken = sum(job.work.bytes for job in self._active.values())
            peers = list(self._active)
            for peer, queue in self._queues.items():
                size = queue[0].work.bytes
                fits = size <= self._limits.small_bytes or not taken or taken + size <= self._limits.active_bytes
                if fits and peer not in self._active:
                    peers.append(peer)
            if not peers or self._is_stopped:
                return None, None
            self._is_contended = len(peers) > 1
            chosen = self._shares.next(peers)
            if chosen in self._active:
                return chosen, None
            queue = self._queues[chosen]
            job = self._active[chosen] = queue.popleft()
            if job.work.seconds > USUAL_S:  # it may have waited long, for memory
                self._shares.limit_credit(chosen)
            if not queue:
                del self._queues[chosen]
            return chosen, job

    def _give_turn(self, batcher: Batcher, peer: Peer) -> None:
        """Let a client's job go on, and charge everyone whose rows were computed with it."""
        from models.editing.batching import Turn

        is_alone = isinstance(self._tasks[peer].job, Turn)
        self._current = self._active[peer].ticket if is_alone else None
        owners = {id(task): owner for owner, task in self._tasks.items()}
        before = time.perf_counter(), time.process_time()
        shares = batcher.run_batch(self._tasks[peer], is_contended=self._is_contended)
        # Where other programs are at work a turn lasts long and takes little: no client is to pay for them.
        elapsed = min(time.perf_counter() - before[0], time.process_time() - before[1])
        self._current = None
        for task, share in shares:
            owner, seconds = owners[id(task)], elapsed * share
            had = self._had.get(owner, 0.0)
            self._shares.charge(owner, seconds, before=had)
            if owner in self._tasks:  # it has not ended with this turn
                self._had[owner] = had + seconds

    def _take_dropped(self) -> set[int]:
        """Take the palettes that can be forgotten now: no blend that is active or queued is still to make them."""
        with self._changed:
            jobs = [*self._active.values(), *(job for queue in self._queues.values() for job in queue)]
            awaited = {job.palette for job in jobs if job.draft is not None}
            ready = self._dropped - awaited
            self._dropped -= ready
            return ready

    def _end_unwanted(self, batcher: Batcher) -> None:
        with self._changed:
            peers = [peer for peer, job in self._active.items() if job.ticket in self._unwanted]
        for peer in peers:
            batcher.end(self._tasks[peer], Stopped())

    def _pause(self) -> None:
        """End a job of little work that no one wants any more; one that is cut into slices ends between them.

        Never within a batch, which others may share.
        """
        if self._current is not None and (self._is_stopped or self._current in self._unwanted):
            raise Stopped

    def _leave(self, peer: Peer) -> None:
        self._tasks.pop(peer, None)
        self._had.pop(peer, None)
        with self._changed:
            self._unwanted.discard(self._active.pop(peer).ticket)

    def _begin(self, engine: Engine, batcher: Batcher, peer: Peer, job: Job) -> None:
        from bridge.slices import in_slices

        told = 0.0

        def report_progress(fraction: float) -> None:
            nonlocal told
            if self._is_stopped:
                raise Stopped
            if told < fraction < 1:
                told = fraction
                self._tell(lambda sessions, now: sessions.progress(job.ticket, fraction, now))

        def done(result: Reply | Exception) -> None:
            self._leave(peer)
            self._finish(job, result)

        computation = _compute(engine, job)
        if job.work.seconds > LIGHT_S:
            computation = in_slices(computation)
        self._tasks[peer] = batcher.add(computation, report_progress, done)

    def _finish(self, job: Job, result: Reply | Exception) -> None:
        from bridge.engine import UnknownPalette
        from models.store import ModelError

        try:
            if isinstance(result, Exception):
                raise result
            reply = result
            self._tell(lambda sessions, now: sessions.finish(job.ticket, reply, now))
        except Stopped:  # whoever stopped it has told its client; if not, it is told now
            self._fail(job, "cancelled", "the server stopped computing this")
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
            peer, job = self._next()
            if peer is not None and job is not None:
                self._fail(job, "internal", text)
                self._leave(peer)


def _compute(engine: Engine, job: Job) -> Computation[Reply]:
    """Compute a job and write its answer; an error in it, or in its clips, is the job's own."""
    if job.draft is None and job.palette is not None:
        answer = yield from engine.start_at(job.palette, *job.at)
    else:
        from bridge.engine import read_beside

        request = job.request()
        families, others = read_beside(request, job.context_clips(), job.context_kinds)
        answer = yield from engine.start(request, palette=job.palette, families=families, others=others)
    return job.reply(Outcome(answer.clips, answer.seed, answer.models, answer.info))


def _start_engine(device: str) -> tuple[Engine, str, tuple[ModelLine, ...]]:
    from bridge.model_shelf import start_engine  # loads numpy

    return start_engine(device)
