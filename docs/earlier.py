"""Figures of the weights that shipped before, for docs/cards.py."""

from __future__ import annotations

EARLIER: dict[str, dict[str, float]] = {
    "drums": {
        "step_accuracy": 0.996,
        "onset_f1": 0.995,
        "file_onset_f1": 0.951,
        "notes_ratio_01": 1.002,
        "notes_ratio_03": 1.015,
        "notes_ratio_06": 1.087,
        "rest_notes": 0.003,
        "sample_auc": 0.724,
        "sample_copies": 0.013,
        "middle_auc": 0.655,
        "vary_auc_03": 0.748,
        "vary_auc_06": 0.825,
    },
    "melody": {
        "step_accuracy": 0.998,
        "onset_f1": 1.000,
        "pitch_accuracy": 0.996,
        "file_onset_f1": 0.621,
        "notes_ratio_01": 1.086,
        "notes_ratio_03": 1.197,
        "notes_ratio_06": 1.387,
        "rest_notes": 0.211,
        "sample_auc": 0.661,
        "sample_copies": 0.007,
        "middle_auc": 0.681,
        "vary_auc_03": 0.741,
        "vary_auc_06": 0.818,
    },
}
