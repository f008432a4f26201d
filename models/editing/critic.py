"""Which of many decodes of a clip are taken: by chance, the oftener the more they change it as players do. No decoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.editing.balance import even_order
from models.editing.clip_state import NEAR, ClipState
from models.families.critic import Critic
from models.families.family import NoteEdit
from models.families.grid import Grid
from models.families.statistics import Floats
from models.music.paced import paced
from models.pause import pause

AMOUNTS = 0.05, 0.75  # that a critic is asked about: it has learned from changes of .1 to .6
SHARPNESS = 5.0  # times the log-odds: at 1 the choice among very many would be as a player's; here it is among a few
BROUGHT_BACK = 8  # how many clips are made of a decode that went too far; every other takes as many notes as it brings
EVEN = 1.0  # notes by which these may differ


def is_asked(source: ClipState, amount: float) -> bool:
    """Whether a critic can tell how a clip should be varied: one window, and nothing asked for that players do not do of it."""
    asked = source.constraints
    is_like_learned = len(source.layout.grid) == 1 and AMOUNTS[0] <= amount <= AMOUNTS[1]
    return is_like_learned and not (asked.density or asked.octave or asked.syncopation)


def find_offers(
    source: ClipState, grids: Sequence[Grid], amount: float, rng: np.random.Generator
) -> tuple[Grid, list[int], list[Grid]]:
    """Find the decodes of one window that went about as far as an amount, a window each; and those not far enough.

    What went too far is brought back in several ways, each keeping changes that lie side by side. The numbers tell which
    decode each is of.
    """
    near, size = source.rounding + NEAR, max(1, len(source.free.notes))
    own, family, voices = source.layout.grid, source.family, source.layout.voices
    offers: list[Grid] = []
    decodes: list[int] = []
    too_little: list[Grid] = []
    for number, grid in enumerate(grids):
        edits, balance = family.note_edits(own, grid, voices=voices), source.balance(grid)
        gains = np.array([balance.of(edit) for edit in paced(edits)], np.int64)
        far = _distances(gains, size)
        if not len(edits) or far[-1] < amount - near:
            too_little.append(grid)
        elif far[-1] <= amount + near:
            offers.append(grid)
            decodes.append(number)
        else:
            sets: list[list[NoteEdit]] = []
            for k in range(BROUGHT_BACK):
                first = int(rng.integers(max(1, len(edits) - round(amount * size))))
                order = np.roll(np.arange(len(edits)), -first)
                if k % 2:
                    order = order[even_order(gains[order].tolist(), EVEN)]
                taken = 1 + int(np.abs(_distances(gains[order], size) - amount).argmin())
                sets.append([edits[i] for i in order[:taken]])
            offers.append(family.apply_each(own, grid, sets))
            decodes += [number] * len(sets)
        pause()
    return Grid.stack(offers) if offers else own[:0], decodes, too_little


def _distances(gains: NDArray[np.int64], size: int) -> Floats:
    """Estimate how far a clip of so many notes goes by the first 1, 2, … of some edits: most are one note's change."""
    return np.asarray(np.arange(1, len(gains) + 1) / np.maximum(size, size + np.cumsum(gains)))


def draw_order(scores: Floats, rng: np.random.Generator) -> list[int]:
    """Order candidates by chance: one that scores a nat more comes first the oftener by the power of SHARPNESS.

    Taking the first few so is drawing them one by one without putting back (Gumbel top-k, Kool et al., arXiv 1903.06059).
    """
    return [int(k) for k in np.argsort(-(SHARPNESS * scores + rng.gumbel(size=len(scores))), kind="stable")]


def differing_first(order: Sequence[int], decodes: Sequence[int]) -> list[int]:
    """Put the first offer of each decode before all second ones, and so on: two of one decode are much alike."""
    seen: Counter[int] = Counter()
    turns: list[tuple[int, int]] = []
    for place, k in enumerate(order):
        turns.append((seen[decodes[k]], place))
        seen[decodes[k]] += 1
    return [order[place] for _, place in sorted(turns)]


def score(critic: Critic, source: ClipState, offers: Grid) -> Floats:
    """Score changed windows of a clip of one window: the log-odds that a player changed it so, [N]."""
    if not len(offers):
        return np.zeros(0)
    return critic.score(source.family.changes(source.layout.grid, offers, np.zeros(len(offers), np.int64)))
