"""On PYTHONPATH, makes an interpreter and its children find nothing of what only the optional installs bring.

So the tests of the core run as in an environment that has the core alone, whatever else is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

BLOCKED = {"torch", "scipy", "sklearn", "joblib", "note_seq", "pretty_midi", "librosa", "numba", "llvmlite", "pandas", "sympy"}


class Blocker(MetaPathFinder):
    """Refuses to import what the core has not."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Say that a blocked package is not there, and nothing about any other."""
        if fullname.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{fullname} is not part of the core, whose tests these are", name=fullname)
        return None


sys.meta_path.insert(0, Blocker())
