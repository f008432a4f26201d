"""The life of an id: its clips are assembled, what is missing is asked for, its job runs, and it ends once."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

from bridge.protocol.assembly import Job, check_work
from bridge.protocol.clients import Client, Clients, Exchange, KeptPalette
from bridge.protocol.effects import Drop, Outbox, Start, Stop
from bridge.protocol.limits import Limits
from bridge.protocol.messages import ProtocolError, Reply, error_message
from bridge.protocol.osc import Value, encode
from bridge.requests import Blend


class Exchanges:
    """Moves exchanges from open to running to ended, and tells their clients."""

    def __init__(self, clients: Clients, outbox: Outbox, limits: Limits) -> None:
        self._clients, self._outbox, self._limits = clients, outbox, limits
        self._running: dict[int, Exchange] = {}  # by the ticket of the job
        self._waiting: list[tuple[float, int, Exchange]] = []  # heap: when, a number to tell equals apart
        self._numbers = itertools.count(1)

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
        exchange = client.exchanges[number] = Exchange(client, number, client.reply_to, now)
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
        missing = exchange.missing()
        if exchange.asks == self._limits.asks or now >= exchange.deadline:
            index, first, count = missing[0]
            what = f"clip {index}" if count < 0 else f"note {first} of clip {index}"
            more = f", and {len(missing) - 1} more gaps" if len(missing) > 1 else ""
            error = ProtocolError("incomplete", f"{what} never came{more}: send all of it again, with a new id")
            self.end_with_error(exchange, error, now)
            return
        some = missing[: self._limits.missing_messages]
        self._outbox.send(exchange.to, *(encode("/bridge/missing", [exchange.id, *gap]) for gap in some))
        exchange.asks += 1
        exchange.due = now + self._limits.first_ask_s * 2**exchange.asks

    # Jobs

    def _start_if_complete(self, exchange: Exchange, now: float) -> None:
        clips = exchange.clips()
        if clips is None or exchange.draft is None:
            return
        try:
            check_work(exchange.draft, clips, self._limits)
        except ProtocolError as error:
            self.end_with_error(exchange, error, now)
            return
        if isinstance(exchange.draft, Blend):
            exchange.palette = next(self._numbers)
            kept = KeptPalette(exchange.palette, clips)
            dropped = self._clients.keep_palette(exchange.client, exchange.id, kept)
            self._outbox.add(*(Drop(palette.number) for palette in dropped))
        self._start(exchange, Job(0, exchange.id, self._limits, clips, exchange.draft, exchange.palette))

    def start_at(self, exchange: Exchange, palette: KeptPalette, at: tuple[float, float], now: float) -> None:
        """Start a puck position; of those on one palette, the latest wins."""
        for other in list(exchange.client.exchanges.values()):
            if other.is_at and other.palette == palette.number and other.state == "running":
                self._supersede(other, now)
        exchange.palette = palette.number
        self._start(exchange, Job(0, exchange.id, self._limits, palette.clips, None, palette.number, at))

    def _start(self, exchange: Exchange, job: Job) -> None:
        """Hand a job to the worker, under a new ticket."""
        exchange.ticket = next(self._numbers)
        exchange.state, exchange.progress_sent = "running", exchange.touched
        self._running[exchange.ticket] = exchange
        self._outbox.add(Start(exchange.client.peer, replace(job, ticket=exchange.ticket)))

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
        """Forget all ids and palettes of a client, whose jobs stop."""
        for exchange in client.exchanges.values():
            self._stop_job(exchange)
        self._outbox.add(*(Drop(palette.number) for palette in client.palettes.values()))
        client.exchanges.clear()
        client.palettes.clear()
        client.size = 0

    def make_room(self, client: Client) -> None:
        """Keep what is held within its bound, after something was kept of a client."""
        for exchange in self._clients.make_room(client):
            error = ProtocolError("too_large", "more is half received than the server has room for")
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
