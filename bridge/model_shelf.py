"""The models that the server offers: found by name, never by path, and looked for again while it runs."""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.protocol.session import ModelLine
from bridge.requests import Vary
from models.music.clip import Clip, Note

if TYPE_CHECKING:
    from bridge.engine import Engine
    from models.network.decoding import LatentModel

log = logging.getLogger("bridge")

LOOK_S = 1.0  # between two looks at the user's folders
LOOK_SHARE = 0.02  # of the worker's time, the most that looking takes: with very many folders it looks more rarely
SENTENCE_BYTES = 200  # of an error over OSC
SETTLED_S = 2.0  # a file that changed less long ago may change again without another time

Stamp = tuple[int, ...]


class ModelShelf:
    """An index of the models by name. A name that is not in it costs next to nothing, nor does a broken model a second time.

    Not for two threads at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at all folders; what is wrong with one is said in the log, once."""
        self._clock = clock
        self._said: set[str] = set()
        self._failed: dict[Path, tuple[tuple[Stamp, ...], str]] = {}
        self._seen: dict[str, tuple[Stamp, ...]] | None = None
        self._next_look = 0.0
        self._look()

    def lines(self) -> tuple[ModelLine, ...]:
        """Say what each model is."""
        return self._lines

    def load(self, name: str, device: str) -> LatentModel:
        """Load a model that is listed: a message from the network must not choose a path."""
        from models.store import ModelError, no_model

        if self._clock() >= self._next_look:
            self._look()
        if name not in self._places:
            raise no_model(name, list(self._places), SENTENCE_BYTES)
        errors: list[ModelError] = []
        for folder in self._places[name]:
            try:
                return self._load(folder, device)
            except ModelError as error:
                errors.append(error)
                self._say(str(error))
        raise errors[0]

    def _load(self, folder: Path, device: str) -> LatentModel:
        from models.store import ModelError, load_model

        stamps = _stamps(folder)
        failed = self._failed.get(folder)
        if failed and failed[0] == stamps:
            raise ModelError(failed[1])
        try:
            return load_model(str(folder), device)
        except ModelError as error:
            if _is_settled(stamps):
                self._failed[folder] = stamps, str(error)
            raise

    def _look(self) -> None:
        """Read the cards again if any of the user's has come, gone or changed."""
        from models.store import survey_models, user_models

        begin = self._clock()
        seen = {name: _stamps(user_models() / name) for name in _names(user_models())}
        if seen != self._seen:
            survey = survey_models()
            self._places = survey.places()
            self._lines = tuple(
                ModelLine(folder.name, card.family, card.bars, card.about, card.base or "") for card, folder in survey.listed()
            )
            for fault in survey.faults:
                self._say(fault)
            self._failed = {folder: failed for folder, failed in self._failed.items() if folder.name in self._places}
            self._seen = seen if all(map(_is_settled, seen.values())) else None
        end = self._clock()
        self._next_look = end + max(LOOK_S, (end - begin) / LOOK_SHARE)

    def _say(self, fault: str) -> None:
        if fault not in self._said:
            self._said.add(fault)
            log.warning("%s", fault)


def start_engine(device: str) -> tuple[Engine, str, tuple[ModelLine, ...]]:
    """Make an engine of the models on the shelf, and run those that `auto` chooses from: the first run of anything is slow."""
    from bridge.devices import find_device
    from bridge.engine import Engine
    from models.families.registry import kinds
    from models.store import ModelError

    found, shelf = find_device(device), ModelShelf()
    engine = Engine(device=found, load=shelf.load)
    names = {line.name for line in shelf.lines()}
    for kind, name in kinds().items():
        if name in names:
            try:
                clip = Clip((Note(36, 0.0, 0.25), Note(38, 1.0, 0.25)), 8.0)
                engine.run(Vary(clips=(clip,), count=1, model=name, kind=kind, seed=0))
            except ModelError as error:
                log.warning("%s", error)
            except Exception:  # a model that makes no music costs its own requests, not those of others
                log.exception("the model %s cannot make anything", name)
    return engine, found, shelf.lines()


def _names(home: Path) -> list[str]:
    try:
        return [path.name for path in home.iterdir()]
    except OSError:
        return []


def _stamps(folder: Path) -> tuple[Stamp, ...]:
    """Tell one state of a model folder from another without reading it."""
    from models.store import ADAPTER, CARD, WEIGHTS

    return tuple(_stamp(folder / name) for name in (CARD, WEIGHTS, ADAPTER))


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return stat.S_IFMT(status.st_mode), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _is_settled(stamps: tuple[Stamp, ...]) -> bool:
    return all(not stamp or time.time() - max(stamp[2:4]) / 1e9 > SETTLED_S for stamp in stamps)
