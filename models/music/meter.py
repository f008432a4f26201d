"""How strong the places of a bar are, and how far music goes against them. Arrays of beats in, numbers out; no grids.

After Longuet-Higgins and Lee, The rhythmic interpretation of monophonic music (Music Perception 1, 1984): a place is as strong
as the longest pulse that has it, and an onset is syncopated by how much stronger the silent places until the next are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FINEST = 0.25  # beats of the shortest pulse
NEAR = 1e-6


def pulses(meter: tuple[int, int]) -> list[float]:
    """List the beats of the pulses of a meter, the bar first: half bars, what is counted, and halves down to sixteenths."""
    count, unit = meter[0], 4 / meter[1]
    found = [count * unit]
    if meter[1] >= 8 and count % 3 == 0 and count > 3:  # 12/8 is felt in dotted quarters
        count, counted = count // 3, [3 * unit, unit]
    else:
        counted = [unit]
    if count % 2 == 0 and count > 2:
        found.append(found[0] / 2)
    found += [beats for beats in counted if beats < found[-1] - NEAR]
    while found[-1] / 2 > FINEST - NEAR:
        found.append(found[-1] / 2)
    return found


def strengths(beats: NDArray[np.float64], meter: tuple[int, int]) -> NDArray[np.int64]:
    """Tell how strong places are, by their beats from a bar line: 0 for the bar itself, -1 for the next pulse, and so on."""
    periods = pulses(meter)
    found = np.full(beats.shape, -len(periods))
    for level, period in reversed(list(enumerate(periods))):
        phase = np.mod(beats + NEAR, period)
        found[phase < 2 * NEAR] = -level
    return found


def syncopation(onsets: NDArray[np.bool_], strong: NDArray[np.integer]) -> float:
    """Sum how much stronger the silent places after each onset are than its own; both are of places in order of time, [N]."""
    total, strongest = 0.0, -np.inf
    for is_onset, its in zip(onsets[::-1].tolist(), strong[::-1].tolist(), strict=True):
        if is_onset:
            total += max(0.0, strongest - its)
            strongest = -np.inf
        else:
            strongest = max(strongest, its)
    return total
