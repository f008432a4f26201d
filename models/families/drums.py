"""The family `drums`: nine voices on sixteenths with velocity and micro-timing, one token a step for all voices at once.

All that is particular to drums stands here: the voices and their pads, the tokens, and how a drum part is recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.families.context import AMOUNT, HABITS, Context, columns, own_kinds
from models.families.family import Kit
from models.families.grid import Grid, Vocabulary
from models.families.statistics import Floats, ratio, repeated, rhythm_features, syncopation
from models.families.struck import StruckFamily
from models.music.clip import Clip
from models.music.drum_map import VOICE_NAMES, find_drum_map, with_pads
from models.music.paced import paced

BITS = 1 << np.arange(len(VOICE_NAMES))  # a token is the voices that it strikes, as bits: 0..511
ONSETS = (np.arange(512)[:, None] & BITS).astype(bool)
GM_KIT: Kit = find_drum_map("gm").voice_of

# Pads that drum clips are built on, by General MIDI: with these alone a clip is drums even where nothing sounds together.
CORE_PADS = {35, 36, 37, 38, 39, 40, 42, 44, 46, 49, 51}
PADS = CORE_PADS | set(GM_KIT) | {54, 56, 69, 70, 75, 82}


class Drums(StruckFamily):
    """Drum kits of nine voices."""

    name = "drums"
    about = "two bars of drums: nine voices, velocity and timing"
    vocabulary = Vocabulary(slots=(512,), onsets=ONSETS, features=ONSETS, facets=np.arange(len(VOICE_NAMES)), silence=(0,))
    lane_names = VOICE_NAMES
    leading = (1.0, 1.0, 0.25, 0.25, 0.5, 0.5, 0.5, 0.25, 0.25)
    context: ClassVar[Mapping[str, int]] = {HABITS: 2 * len(VOICE_NAMES) + 5, AMOUNT: 1}

    def default_kit(self) -> Kit:
        """The pads of General MIDI."""
        return GM_KIT

    def named_kit(self, drum_map: str, pads: Sequence[tuple[int, str]]) -> Kit:
        """Find the voice of each pad by a published map and what is said of single pads."""
        return with_pads(find_drum_map(drum_map), pads).voice_of

    def tokens_of(self, lanes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Write the voices of steps as bits: [..., V] -> [..., 1]."""
        return np.asarray(lanes @ BITS)[..., None]

    def own_context(self, grid: Grid) -> Context:
        """Tell which voices are played and how often, how busy it is, and how far beats, half bars and bars repeat."""
        struck = self.vocabulary.struck(grid.tokens)
        count = struck.sum(1)
        lags = self.spec.steps_per_beat, 2 * self.spec.steps_per_beat, self.spec.half_steps
        alike = [repeated(struck, lag) for lag in lags]
        busy = [struck.any(2).mean(1), struck.sum((1, 2)) / (2 * self.spec.steps)]
        habits = np.concatenate([count > 0, np.sqrt(count / self.spec.steps), np.stack([*alike, *busy], 1)], 1)
        return own_kinds({HABITS: habits}, self.spec.window_beats, self.context)

    def own_onsets(self, context: Context) -> Floats:
        """Read how many strokes there are, the last of the habits."""
        return np.asarray(context[:, 0, columns(self.context)[HABITS].stop - 1] * (2 * self.spec.steps), np.float64)

    def own_busy(self, context: Context) -> Floats:
        """Read the last of the habits but one."""
        return np.asarray(context[:, 0, columns(self.context)[HABITS].stop - 2], np.float64)

    def own_lanes(self, context: Context) -> Floats:
        """Read the second of the habits."""
        first = columns(self.context)[HABITS].start + 1 + len(VOICE_NAMES)
        return np.asarray(context[:, 0, first : first + len(VOICE_NAMES)], np.float64)

    def evidence(self, clip: Clip) -> float:
        """Be sure of MIDI channel 10; else let the notes tell.

        They are drums if nine in ten lie on General MIDI drum pads, a kick (35 or 36) is among them, and either one stroke in
        ten has another pad struck with it or all notes are on the core pads.
        """
        if clip.channel == self.channel:
            return 1.0
        pitches = [n.pitch for n in paced(clip.notes)]
        if not {35, 36} & set(pitches) or sum(p in PADS for p in pitches) < 0.9 * len(pitches):
            return 0.0
        strokes = Counter(round(n.start * 8) for n in paced(clip.notes))
        together = sum(count > 1 for count in strokes.values())
        return 0.9 if together >= 0.1 * len(strokes) or set(pitches) <= CORE_PADS else 0.0

    # --- judging -----------------------------------------------------------------------------------------------------

    def named_features(self, grid: Grid) -> dict[str, Floats]:
        """Describe windows by what drummers do: density by voice, hands and cymbals at once, backbeat, fills, bars alike."""
        struck = self.vocabulary.struck(grid.tokens)
        named = rhythm_features(grid.tokens, struck, self.spec)
        for v, name in enumerate(self.lane_names):
            named[f"density_{name}"] = struck[:, :, v].sum(1).astype(float)
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
        named["kick_syncopation"] = syncopation(struck[:, :, 0], self.spec)
        named["snare_syncopation"] = syncopation(struck[:, :, 1], self.spec)
        named["fill"] = struck[:, 24:, 4:7].sum((1, 2)).astype(float)
        for name, lanes in (("kick", [0]), ("snare", [1]), ("hats", [2, 3]), ("ride", [8])):
            bars = struck[:, :, lanes].reshape(len(struck), 2, -1)
            named[f"bars_alike_{name}"] = ratio((bars[:, 0] & bars[:, 1]).sum(1), (bars[:, 0] | bars[:, 1]).sum(1))
        return named

    def histograms(self, grid: Grid) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Count onsets of a window, by 4, and which voice each onset is."""
        struck = self.vocabulary.struck(grid.tokens)
        return {
            "density": (struck.sum((1, 2)), np.arange(0, struck[0].size + 4, 4)),
            "pitch_class": (np.nonzero(struck)[2], np.arange(self.vocabulary.lanes + 1)),
        }

    def random_locks(self, clip: Clip, rng: np.random.Generator) -> dict[str, dict[str, object]]:
        """Lock up to two of the four voices that most beats are made of."""
        return {"lock_voices": {"lock_voices": tuple(str(v) for v in rng.permutation(self.lane_names[:4])[:2])}}

    def half_locked(self, clip: Clip) -> dict[str, object]:
        """Lock kick and hats."""
        return {"lock_voices": ("kick", "closed_hat")}


FAMILY = Drums()
