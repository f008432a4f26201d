"""Latent Bridge as a contestant, of this tree or of an older one: run with the root of that on PYTHONPATH.

Takes the device, and the folder of clips. Reads {"row", "repeats"} as JSON by the line and answers with milliseconds, of the
clock and of the processor, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any


def main(device: str, clips: Path) -> None:
    """Answer until there is nothing more asked."""
    from bridge.engine import Engine
    from bridge.requests import Blend, Interpolate, Sample, Vary

    try:
        read_clip: Any = import_module("models.music.midi").read_clip
    except ModuleNotFoundError:  # older trees
        read_clip = import_module("models.midi").read_clip
    engine = Engine(device=device)
    funk, rock, bossa, house, tune = (read_clip(clips / f"{n}.mid") for n in ("funk", "rock", "bossa", "house", "ode_to_joy"))
    four_bars = replace(tune, beats=16.0, notes=tuple(note for note in tune.notes if note.end <= 16))
    requests = {
        "sample of 1": Sample(count=1, seed=1),
        "sample of 4": Sample(count=4, seed=1),
        "vary of 8": Vary(clips=(funk,), amount=0.3, count=8, seed=1),
        "vary of 8, 4 bars of melody": Vary(clips=(four_bars,), amount=0.3, count=8, seed=1),
        "vary of 8, 16 bars of melody": Vary(clips=(tune,), amount=0.3, count=8, seed=1),
        "interpolate of 9": Interpolate(clips=(funk, rock), steps=9, seed=1),
        "11×11 blend": Blend(clips=(funk, rock, bossa, house), grid=11, seed=1),
    }
    print(json.dumps(list(requests)), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        times, spent = [], []
        for _ in range(asked["repeats"]):
            started, began = time.perf_counter(), time.process_time()
            engine.run(requests[asked["row"]])
            times.append((time.perf_counter() - started) * 1e3)
            spent.append((time.process_time() - began) * 1e3)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"times": times, "spent": spent, "memory": memory}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
