"""Models by name, loaded when they are first asked for; few are kept. No requests, no folders."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from weakref import WeakValueDictionary

from models.network.decoding import LatentModel

MOST = 8  # models that are kept beside those that are always: some 10 to 30 MB each


class LoadedModels:
    """The models that were asked for lately. Not thread-safe.

    Who works with a model holds it, so that one that is no longer kept here goes when the last computation and the last palette
    have done with it; asked for before, it is the same model again.
    """

    def __init__(self, load: Callable[[str], LatentModel], always: Collection[str] = (), most: int = MOST) -> None:
        """`always` are the names of models that are never let go of."""
        self._load, self._always, self._most = load, frozenset(always), most
        self._kept: OrderedDict[str, LatentModel] = OrderedDict()  # those asked for last come last
        self._alive: WeakValueDictionary[str, LatentModel] = WeakValueDictionary()

    def find(self, name: str) -> LatentModel:
        """Find a model, loading it where it is not here."""
        model = self._alive.get(name)
        if model is None:
            model = self._alive[name] = self._load(name)
        self._kept[name] = model
        self._kept.move_to_end(name)
        others = [kept for kept in self._kept if kept not in self._always]
        for kept in others[: -self._most]:
            del self._kept[kept]
        return model
