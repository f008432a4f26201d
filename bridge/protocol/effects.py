"""What the protocol wants done: the server sends, the worker computes, forgets and stops."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.protocol.assembly import Job
from bridge.protocol.clients import Peer


@dataclass(frozen=True)
class Send:
    """Datagrams for a peer, in order."""

    to: Peer
    datagrams: tuple[bytes, ...]


@dataclass(frozen=True)
class Start:
    """A job for the worker."""

    peer: Peer
    job: Job


@dataclass(frozen=True)
class Stop:
    """A job that no one wants any more."""

    ticket: int


@dataclass(frozen=True)
class Drop:
    """A palette that no one can name any more."""

    palette: int


@dataclass(frozen=True)
class Report:
    """A line for the report file; like a job, it is finished or has failed."""

    ticket: int
    line: str


@dataclass(frozen=True)
class Silence:
    """Nothing of what is still on its way to a peer is to be sent: someone else may listen there now."""

    to: Peer


Effect = Send | Start | Stop | Drop | Report | Silence


class Outbox:
    """What is to be done since it was last asked."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []

    def add(self, *effects: Effect) -> None:
        """Want something done, after what was wanted before."""
        self._effects += effects

    def send(self, to: Peer, *datagrams: bytes) -> None:
        """Want datagrams sent."""
        self._effects.append(Send(to, datagrams))

    def take(self) -> list[Effect]:
        """Return all that is wanted, in order, once."""
        effects, self._effects = self._effects, []
        return effects
