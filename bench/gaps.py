"""What a long silence in a file costs: `python bench/gaps.py` prints processor seconds without it, with it, and the difference.

After the first bar of each clip a million bars of silence are put in; each figure is the least of four.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bridge import file_jobs, files
from bridge.engine import Engine
from bridge.requests import Reconstruct, Request, Vary
from bridge.validation import STAND_IN
from models.music import midi

CLIPS = Path(__file__).parents[1] / "tests" / "clips"
NAMES = ("rock", "twinkle", "band", "thousand_notes", "chords")
GAP_BARS = 1_000_000
REQUESTS: dict[str, Request] = {
    "vary": Vary(clips=(STAND_IN,), count=8, seed=1),
    "reconstruct": Reconstruct(clips=(STAND_IN,), seed=1),
}


def main() -> None:
    """Print a row for each clip and verb."""
    print(f"{'clip':<16}{'verb':<14}{'without':>9}{'with':>9}{'more':>9}")
    with tempfile.TemporaryDirectory() as folder:
        gapped = Path(folder) / "gap.mid"
        for name in NAMES:
            put_gap(CLIPS / f"{name}.mid", gapped)
            for verb, request in REQUESTS.items():
                without, with_gap = (seconds(verb, request, path) for path in (CLIPS / f"{name}.mid", gapped))
                print(f"{name:<16}{verb:<14}{without:>9.3f}{with_gap:>9.3f}{with_gap - without:>+9.3f}")


def put_gap(source: Path, out: Path) -> None:
    """Write a file again, with a silence after its first four beats."""
    song = midi.read(source)
    bar = 4 * song.ticks_per_beat
    tracks = tuple(tuple((tick + bar * GAP_BARS * (tick >= bar), event) for tick, event in track) for track in song.tracks)
    midi.write(out, replace(song, tracks=tracks))


def seconds(verb: str, request: Request, path: Path) -> float:
    """Measure the processor time of a run over a file by an engine that has not met it."""
    jobs, spent = file_jobs.plan(verb, request, [path], path.parent / "out"), []
    for _ in range(4):
        engine: Engine = files.start_engine("cpu")[0]
        for model in ("drums", "melody"):
            engine.model(model)
        began = time.process_time()
        list(files.run(engine, request, jobs, progress=lambda fraction: None))
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    main()
