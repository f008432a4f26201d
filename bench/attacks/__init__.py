"""The attacks: each file holds those of a kind, and lists them when it is imported."""

from bench.attacks import datagrams, load, requests
from bench.attacks.trial import ATTACKS, Effort, Trial

__all__ = ["ATTACKS", "Effort", "Trial", "datagrams", "load", "requests"]
