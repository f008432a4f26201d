"""Figures of a model (being written)."""

from models.copies import window_hashes as window_hashes
