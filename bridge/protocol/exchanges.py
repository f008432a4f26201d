"""The life of an id: its clips are assembled, what is missing is asked for, its job runs, and it ends once."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

from bridge.protocol.assembly import Job
from bridge.protocol.clients import Client, Clients, Exchange, KeptPalette
from bridge.protocol.effects import Drop, Outbox, Report, Silence, Start, Stop
from bridge.protocol.limits import Limits
from bridge.protocol.messages import ProtocolError, Reply, error_message
from bridge.protocol.osc import Value, encode
from bridge.protocol.work import check_work, estimate_position
from bridge.requests import Blend


class Exchanges:
    """Moves exchanges from open to running to ended, and tells their clients."""

    def __init__(self, clients: Clients, outbox: Outbox, limits: Limits) -> None:
        self._clients, self._outbox, self._limits = clients, outbox, limits
        self._running: dict[int, Exchange] = {}  # by the ticket of the job
        self._waiting: list[tuple[float, int, Exchange]] = []  # heap: when, a number to tell equals apart
        self._numbers = itertools.count(1)
        self._room = f"{limits.held_bytes // 2**20} MiB for all clients"

    @property
    def running(self) -> int:
        """How many jobs run or wait for the worker."""
        return len(self._running)

    @property
    def next_ask(self) -> float | None:
        """When `ask_for_missing` has something to do."""
        return self._waiting[0][0] if self._waiting else None

    def find_running(self, ticket: int) -> Exchange | None:
        """Find the exchange of a job; None where no one waits for it any more."""
        return self._running.get(ticket)

    def take_running(self, ticket: int) -> Exchange | None:
        """Find the exchange of a job that has ended, which then runs no more."""
        return self._running.pop(ticket, None)

    def open(self, client: Client, number: int, now: float) -> Exchange:
        """Begin an exchange."""
        exchange = client.exchanges[number] = Exchange(client, number, now)
        exchange.measure()
        return exchange

    # What is missing

    def await_clips(self, exchange: Exchange, now: float) -> None:
        """Start the job of a verb that has come as soon as its clips are complete."""
        exchange.due, exchange.deadline = now + self._limits.first_ask_s, now + self._limits.assembly_s
        self._start_if_complete(exchange, now)
        if exchange.state == "open":
            self._wait(exchange)

    def note_news(self, exchange: Exchange, now: float) -> None:
        """Take into account that some of its clips has come."""
        exchange.client.touch(exchange, now)
        exchange.measure()
        if exchange.has_verb:
            exchange.asks, exchange.due = 0, now + self._limits.first_ask_s
            self._start_if_complete(exchange, now)
            if exchange.state == "open" and exchange.due < exchange.queued:
                self._wait(exchange)

    def ask_for_missing(self, now: float) -> None:
        """Ask for what is missing where it is due, and give up where it does not come."""
        while self._waiting and self._waiting[0][0] <= now:
            when, _, exchange = heapq.heappop(self._waiting)
            is_known = exchange.client.exchanges.get(exchange.id) is exchange
            if not is_known or exchange.state != "open" or exchange.queued != when:
                continue
            if exchange.due <= now:
                self._ask_or_give_up(exchange, now)
            if exchange.state == "open":
                self._wait(exchange)

    def _wait(self, exchange: Exchange) -> None:
        exchange.queued = exchange.due
        heapq.heappush(self._waiting, (exchange.due, next(self._numbers), exchange))

    def _ask_or_give_up(self, exchange: Exchange, now: float) -> None:
        # What is missing beyond these is asked for when they have come; to list it all could take long.
        some = list(itertools.islice(exchange.missing(), self._limits.missing_messages + 1))
        if exchange.asks == self._limits.asks or now >= exchange.deadline:
            index, first, count = some[0]
            what = f"clip {index}" if count < 0 else f"note {first} of clip {index}"
            several = len(some) > self._limits.missing_messages
            more = ", and more" if several else f", and {len(some) - 1} more gaps" if len(some) > 1 else ""
            error = ProtocolError("incomplete", f"{what} never came{more}: send all of it again, with a new id")
            self.end_with_error(exchange, error, now)
            return
        del some[self._limits.missing_messages :]
        self._outbox.send(exchange.to, *(encode("/bridge/missing", [exchange.id, *gap]) for gap in some))
        exchange.asks += 1
        exchange.due = now + self._limits.first_ask_s * 2**exchange.asks

    # Jobs

    def _start_if_complete(self, exchange: Exchange, now: float) -> None:
        complete = exchange.clips()
        if complete is None or exchange.draft is None:
            return
        clips, context = complete[: exchange.clip_count], complete[exchange.clip_count :]
        try:
            work = check_work(exchange.draft, clips, self._limits, context)
        except ProtocolError as error:
            self.end_with_error(exchange, error, now)
            return
        waiting = exchange.client.waiting_s
        if waiting and waiting + work.seconds > self._limits.client_work_s:
            text = f"about {waiting:.0f} s of your work wait already, and this is {work.seconds:.0f} s more: "
            self._turn_away(exchange, text + f"send it again later; at most {self._limits.client_work_s:.0f} s may wait")
            return
        if isinstance(exchange.draft, Blend):
            exchange.palette = next(self._numbers)
            kept = KeptPalette(exchange.palette, clips, estimate_position(exchange.draft, clips), context)
            dropped = self._clients.keep_palette(exchange.client, exchange.id, kept)
            self._outbox.add(*(Drop(palette.number) for palette in dropped))
        job = Job(0, exchange.id, self._limits, clips, exchange.draft, exchange.palette, work=work)
        self._start(exchange, replace(job, context=context, context_kinds=exchange.context_kinds))

    def start_at(self, exchange: Exchange, palette: KeptPalette, at: tuple[float, float], now: float) -> None:
        """Start a puck position; of those on one palette, the latest wins."""
        for other in list(exchange.client.exchanges.values()):
            if other.is_at and other.palette == palette.number and other.state == "running":
                self._supersede(other, now)
        exchange.palette = palette.number
        self._start(exchange, Job(0, exchange.id, self._limits, palette.clips, None, palette.number, at, palette.work))

    def _start(self, exchange: Exchange, job: Job) -> None:
        """Hand a job to the worker, under a new ticket."""
        exchange.work = job.work
        self._run(exchange)
        self._outbox.add(Start(exchange.client.peer, replace(job, ticket=exchange.ticket or 0)))

    def report(self, exchange: Exchange, line: str) -> None:
        """Have a line written to the report file, under a new ticket."""
        self._run(exchange)
        self._outbox.add(Report(exchange.ticket or 0, line))

    def _run(self, exchange: Exchange) -> None:
        exchange.ticket = next(self._numbers)
        exchange.state, exchange.progress_sent = "running", exchange.touched
        self._running[exchange.ticket] = exchange

    def _turn_away(self, exchange: Exchange, text: str) -> None:
        """Refuse a request for now: its id is as new when it is sent again."""
        self._outbox.send(exchange.to, error_message(exchange.id, ProtocolError("busy", text), self._limits))
        exchange.client.remove(exchange)

    def send_progress(self, exchange: Exchange, now: float) -> None:
        """Tell how far a job is."""
        exchange.progress_sent = now
        self._outbox.send(exchange.to, encode("/bridge/progress", [exchange.id, float(exchange.fraction)]))

    # Ends

    def end(self, exchange: Exchange, reply: Reply, now: float) -> None:
        """End an id, which happens once."""
        self._stop_job(exchange)
        exchange.state, exchange.reply = "ended", reply
        if exchange.ticket is None:
            exchange.buffers.clear()
        exchange.measure()
        exchange.client.touch(exchange, now)
        self._outbox.send(exchange.to, *reply.datagrams)
        self._clients.trim_answers(exchange.client)

    def repeat(self, exchange: Exchange, now: float) -> None:
        """Answer again: what is short each time, else not too often; of a large answer in the end no more than its end."""
        reply, limits = exchange.reply, self._limits
        if reply is None or (reply.size > limits.short_bytes and now < exchange.repeated + limits.repeat_s):
            return
        exchange.repeated = now
        exchange.repeats += 1
        is_whole = reply.size <= limits.large_bytes or exchange.repeats <= limits.repeats
        self._outbox.send(exchange.to, *(reply.datagrams if is_whole else (reply.end,)))

    def end_with_error(self, exchange: Exchange, error: ProtocolError, now: float) -> None:
        """End an id without clips."""
        self.end(exchange, Reply(error_message(exchange.id, error, self._limits)), now)

    def fail(self, exchange: Exchange, error: ProtocolError, now: float) -> None:
        """End an id whose job has failed."""
        self._remove_palette(exchange)
        self.end_with_error(exchange, error, now)

    def cancel(self, exchange: Exchange, text: str, now: float) -> None:
        """End an id, wherever it is; `text` says why."""
        self._remove_palette(exchange)
        self.end_with_error(exchange, ProtocolError("cancelled", text), now)

    def supersede_stream(self, newest: Exchange, stream: Value, now: float) -> None:
        """End all older requests of a stream."""
        for other in list(newest.client.exchanges.values()):
            if other is not newest and other.state != "ended" and other.stream == stream:
                self._supersede(other, now)

    def forget_all(self, client: Client) -> None:
        """Forget all ids and palettes of a client, whose jobs stop; nothing more of them is sent."""
        for exchange in list(client.exchanges.values()):
            self._stop_job(exchange)
            self._outbox.add(Silence(exchange.to))
            client.remove(exchange)
        self._outbox.add(*(Drop(palette.number) for palette in client.palettes.values()))
        client.palettes.clear()
        client.trim_forgotten(0)

    def make_room(self, client: Client) -> None:
        """Keep what is held within its bound, after something was kept of a client."""
        for exchange in self._clients.make_room(client):
            self._stop_job(exchange)
            self._remove_palette(exchange)
            error = ProtocolError("too_large", f"more came and waits than the server has room for: {self._room}")
            self._outbox.send(exchange.to, error_message(exchange.id, error, self._limits))

    def _supersede(self, exchange: Exchange, now: float) -> None:
        self._remove_palette(exchange)
        self.end_with_error(exchange, ProtocolError("superseded", "a newer request took its place"), now)

    def _stop_job(self, exchange: Exchange) -> None:
        if exchange.ticket is not None and self._running.pop(exchange.ticket, None) is not None:
            self._outbox.add(Stop(exchange.ticket))

    def _remove_palette(self, exchange: Exchange) -> None:
        """Forget the palette that a blend was to make."""
        palette = self._clients.remove_palette(exchange)
        if palette:
            self._outbox.add(Drop(palette.number))
