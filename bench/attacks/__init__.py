"""The attacks: each file holds those of a kind, and lists them when it is imported."""

from bench.attacks import datagrams, files, fuzz, load, requests
from bench.attacks.trial import ATTACKS, Effort, Lost, Trial

__all__ = ["ATTACKS", "Effort", "Lost", "Trial", "datagrams", "files", "fuzz", "load", "requests"]
