"""Who is served next, by what each has used: start-time fair queueing. Keys and seconds, nothing else is known here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

CREDIT_S = 1.0  # what one who used little may use before others: a few requests of the usual size
FIRST_CREDIT_S = 0.1  # the same, of one who is new: about one such request
# The beginning of each job counts less, so that who asks for little is served soon, however many ask for much. Whoever cuts
# much into little has this much more than others at the most.
BEGINNING_S = 0.1
BEGINNING_SHARE = 0.25
REMEMBERED = 4096  # accounts; who is forgotten is as new

Key = TypeVar("Key", bound=Hashable)


class FairShares(Generic[Key]):
    """Accounts of what each has used, on a common clock that runs as fast as the one who has used least of those that wait.

    P. Goyal, H. Vin, H. Cheng, "Start-time fair queueing", IEEE/ACM Transactions on Networking 5 (1997), 690-704. Beyond that,
    who asks for less than a fair share has a credit, which is bounded, and so is not kept waiting by those that ask for more.
    """

    def __init__(self) -> None:
        self._used: OrderedDict[Key, float] = OrderedDict()
        self._clock = 0.0

    def next(self, waiting: Iterable[Key]) -> Key:
        """Choose the one of those that wait who has used least; of equals, the one that comes first here."""
        found = list(waiting)
        for key in found:
            self._enter(key)
        chosen = min(found, key=lambda key: self._used[key])
        self._clock = max(self._clock, self._used[chosen])
        return chosen

    def charge(self, key: Key, seconds: float, *, before: float = BEGINNING_S) -> None:
        """Count what one has used for a job; `before` is how many seconds the job had before, if it is to begin cheaply."""
        self._enter(key)
        cheap = min(max(0.0, BEGINNING_S - before), seconds)
        self._used[key] += seconds - cheap * (1 - BEGINNING_SHARE)

    def limit_credit(self, key: Key) -> None:
        """Leave one no more credit than one who is new has."""
        self._enter(key)
        self._used[key] = max(self._used[key], self._clock - FIRST_CREDIT_S)

    def _enter(self, key: Key) -> None:
        """Open an account, or let go of the credit that is beyond what one may have."""
        used = self._used.pop(key, self._clock - FIRST_CREDIT_S)
        self._used[key] = max(used, self._clock - CREDIT_S)
        while len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
