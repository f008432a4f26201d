"""Figures that were published before `evaluate` measured the product, and why today's differ; for docs/cards.py."""

from __future__ import annotations

_ENGINE = "the old figure was of a second implementation of the verb, this is of the engine's answer"
_VARIED = f"{_ENGINE}, one of the eight that a request gives by default, which are chosen to differ from each other"
_WRITTEN = "real and made windows are now laid on the grid from written clips, as a user's are; another draw of windows"
_DRAW = "the same measure on another draw of windows, and of clips as written"

# What docs/cards.py shows of this is what differs from today's evaluation.json.
EARLIER: dict[str, dict[str, float]] = {
    "drums": {
        "step_accuracy": 0.996,
        "onset_f1": 0.995,
        "velocity_mae": 12.863,
        "timing_mae_ms": 9.217,
        "floor.train.sample_auc": 0.527,
        "sample_auc": 0.764,
        "baseline.markov.sample_auc": 0.997,
        "baseline.slerp.sample_auc": 0.980,
        "sample_copies": 0.010,
        "velocity_kl": 0.009,
        "timing_kl": 0.019,
        "overlap_density": 0.869,
        "middle_auc": 0.634,
        "baseline.slerp.middle_auc": 0.810,
        "baseline.morph.middle_auc": 0.939,
        "baseline.crossfade.middle_auc": 0.951,
        "vary_auc_03": 0.571,
        "baseline.random_edits.vary_auc_03": 0.871,
        "vary_auc_06": 0.699,
        "baseline.random_edits.vary_auc_06": 0.966,
    },
    "melody": {
        "step_accuracy": 0.998,
        "onset_f1": 1.000,
        "velocity_mae": 3.762,
        "floor.train.sample_auc": 0.503,
        "sample_auc": 0.654,
        "baseline.markov.sample_auc": 0.973,
        "baseline.slerp.sample_auc": 0.979,
        "sample_copies": 0.011,
        "velocity_kl": 0.057,
        "overlap_density": 0.944,
        "middle_auc": 0.660,
        "baseline.slerp.middle_auc": 0.912,
        "baseline.morph.middle_auc": 0.965,
        "baseline.crossfade.middle_auc": 0.977,
        "vary_auc_03": 0.575,
        "baseline.random_edits.vary_auc_03": 0.801,
        "vary_auc_06": 0.659,
        "baseline.random_edits.vary_auc_06": 0.946,
    },
}
WHY: dict[str, str] = {
    "step_accuracy": "of the answers of `reconstruct`, laid on the grid again, not of the network's own grid",
    "onset_f1": "of the answers of `reconstruct`, laid on the grid again, not of the network's own grid",
    "velocity_mae": "velocities are compared as whole MIDI velocities, as they are written",
    "timing_mae_ms": "times are compared as written: on ticks, and never before the clip begins",
    "floor.train.sample_auc": _WRITTEN,
    "sample_auc": "samples are now the engine's, written as clips in which no note begins before beat 0",
    "baseline.markov.sample_auc": _DRAW,
    "baseline.slerp.sample_auc": _DRAW,
    "sample_copies": "another draw of samples, by the engine",
    "velocity_kl": "another draw of samples, by the engine, with velocities as written",
    "timing_kl": "times are compared as written: on ticks, and never before the clip begins",
    "overlap_density": "another draw of samples, by the engine",
    "middle_auc": f"{_ENGINE}: the middle of its interpolation, which is stepped evenly",
    "baseline.slerp.middle_auc": _DRAW,
    "baseline.morph.middle_auc": _DRAW,
    "baseline.crossfade.middle_auc": _DRAW,
    "vary_auc_03": f"{_VARIED} (one of four, of 320 windows: drums 0.684, melody 0.643)",
    "baseline.random_edits.vary_auc_03": "edits go as far as the variations, which are now the engine's",
    "vary_auc_06": f"{_VARIED} (one of four, of 320 windows: drums 0.814, melody 0.732)",
    "baseline.random_edits.vary_auc_06": "edits go as far as the variations, which are now the engine's",
}
