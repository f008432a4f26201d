"""What drum windows and clips are judged by: the statistics, the locks and the files of the family `drums`.

See `models.evaluation.family_statistics.FamilyStatistics` for what each of these means.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.clip import Clip
from models.distance import VoiceOf
from models.evaluation.statistics import Floats, ratio, rhythm_features, syncopation
from models.family import Family
from models.grid import DRUMS, VOICE_OF, VOICES, Grid
from models.midi import Part

lanes: tuple[str, ...] = tuple(voice.name for voice in VOICES)
voice_of: VoiceOf | None = VOICE_OF.get
is_pitched = False


def named_features(grid: Grid) -> dict[str, Floats]:
    """Describe windows by what drummers do: density by voice, hands and cymbals at once, backbeat, fills, bars alike."""
    struck = DRUMS.onsets[grid.tokens]
    named = rhythm_features(grid.tokens, struck)
    for v, voice in enumerate(VOICES):
        named[f"density_{voice.name}"] = struck[:, :, v].sum(1).astype(float)
    together = struck.sum(2)
    hit = together > 0
    named["together_mean"] = ratio(together.sum(1), hit.sum(1))
    named["together_max"] = together.max(1).astype(float)
    named["voices"] = struck.any(1).sum(1).astype(float)
    named["hats_at_once"] = (struck[:, :, 2] & struck[:, :, 3]).sum(1).astype(float)
    named["cymbals_at_once"] = (struck[:, :, [2, 3, 7, 8]].sum(2) > 1).sum(1).astype(float)
    named["hands_at_once"] = (struck[:, :, 1:].sum(2) > 2).sum(1).astype(float)
    named["backbeat"] = struck[:, [4, 12, 20, 28], 1].sum(1).astype(float)
    named["kick_on_one"] = struck[:, [0, 16], 0].sum(1).astype(float)
    named["kick_syncopation"] = syncopation(struck[:, :, 0])
    named["snare_syncopation"] = syncopation(struck[:, :, 1])
    named["fill"] = struck[:, 24:, 4:7].sum((1, 2)).astype(float)
    for name, lanes in (("kick", [0]), ("snare", [1]), ("hats", [2, 3]), ("ride", [8])):
        bars = struck[:, :, lanes].reshape(len(struck), 2, -1)
        named[f"bars_alike_{name}"] = ratio((bars[:, 0] & bars[:, 1]).sum(1), (bars[:, 0] | bars[:, 1]).sum(1))
    return named


def histograms(grid: Grid) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Count onsets of a window, by 4, and which voice each onset is."""
    struck = DRUMS.onsets[grid.tokens]
    return {
        "density": (struck.sum((1, 2)), np.arange(0, struck[0].size + 4, 4)),
        "pitch_class": (np.nonzero(struck)[2], np.arange(DRUMS.voices + 1)),
    }


def judge_view(grid: Grid) -> list[NDArray[np.generic]]:
    """Show which voices are struck."""
    return [DRUMS.onsets[grid.tokens]]


def playable(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every row of drum tokens can be played."""
    return tokens


def begin_anew(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """No drum stroke is held over from what was before."""
    return tokens


def held(tokens: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Strokes are not held."""
    return None


def transpositions(tokens: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Drums are not transposed."""
    return tokens[None]


def covers(part: Part) -> bool:
    """Whether a part of a file is on the channel of the drums."""
    return part.channel == 10


def random_locks(clip: Clip, rng: np.random.Generator) -> dict[str, dict[str, object]]:
    """Lock up to two of the four voices that most beats are made of."""
    return {"lock_voices": {"lock_voices": tuple(str(v) for v in rng.permutation(lanes[:4])[:2])}}


def half_locked(clip: Clip) -> dict[str, object]:
    """Lock kick and hats."""
    return {"lock_voices": ("kick", "closed_hat")}


def hidden_parts(
    facets: NDArray[np.bool_], family: Family, rng: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Know about half of the voices."""
    yield "voices", facets & (rng.random((len(facets), 1, len(lanes))) < 0.5)
