"""The optional installs: what each brings, and the sentence for who lacks one. And what computes on a CPU here.

Imports nothing but the standard library, until it is asked for the latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec


class MissingExtraError(ValueError):
    """Something was asked for that an optional install brings, in one sentence that names it."""


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional install: `pip install "latent-bridge[name]"`."""

    name: str
    about: str
    packages: Mapping[str, str]  # what the package is called, by the name it is imported by

    @property
    def install(self) -> str:
        """The command that brings it."""
        return f'pip install "latent-bridge[{self.name}]"'

    def missing(self) -> list[str]:
        """Name the packages of it that are not here; nothing is imported to find out."""
        return [called for module, called in self.packages.items() if not _is_here(module)]


EXTRAS = {
    extra.name: extra
    for extra in (
        Extra("gpu", "computing on a GPU", {"torch": "PyTorch"}),
        Extra(
            "train",
            "the verbs train, personalise and evaluate",
            {"torch": "PyTorch", "sklearn": "scikit-learn", "scipy": "SciPy"},
        ),
        Extra("note-seq", "NoteSequences, from Python", {"note_seq": "note-seq"}),
        Extra("pretty-midi", "PrettyMIDI objects, from Python", {"pretty_midi": "pretty_midi"}),
    )
}


def need(name: str, what: str) -> None:
    """Refuse `what` in one sentence unless an optional install is here; for the first line of whatever needs one."""
    missing = EXTRAS[name].missing()
    if missing:
        packages = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        it = "it" if len(missing) == 1 else "them"
        raise MissingExtraError(f"{what} needs {packages}: install {it} with {EXTRAS[name].install}")


def is_installed(name: str) -> bool:
    """Tell whether all of an optional install is here."""
    return not EXTRAS[name].missing()


@lru_cache(maxsize=1)
def cpu_runtime() -> str:
    """Name what computes on a CPU here: ONNX Runtime, or numpy alone where that is not installed or does not load."""
    try:
        import onnxruntime  # noqa: F401
    except (ImportError, OSError):
        return "numpy"
    return "onnxruntime"


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a finder that forbids it, as the tests of the core have; a module without a spec
        return False
