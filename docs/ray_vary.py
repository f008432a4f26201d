"""Vary a folder on the machines of a Ray cluster: `python docs/ray_vary.py loops/ new/ --seed 7 --parts 16 --amount .3`.

Each part is what `latent-bridge vary … --shard i/n --skip-existing` makes of it. Where a worker dies, Ray gives its part to
another one, which leaves what is there and makes the rest. All machines must see both folders, by the same paths.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

import ray  # pip install ray; no part of any extra

RETRIES = 10  # of a part whose worker died


@ray.remote(num_cpus=1, max_retries=RETRIES)  # type: ignore[untyped-decorator]
def vary(part: str, asked: Sequence[str]) -> tuple[int, int, float]:
    """Make a part in this worker: its exit code, where that was, and how long it took."""
    from bridge.cli import main as latent_bridge

    begin = time.monotonic()
    try:
        latent_bridge(["vary", *asked, "--skip-existing", "--shard", part])
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    return code, os.getpid(), time.monotonic() - begin


def main() -> None:
    """Hand the parts out, and tell of each when it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--seed", required=True, help="all parts have the same")
    parser.add_argument("--parts", type=int, default=16, help="several times as many as there are workers")
    parser.add_argument("--workers", type=int, help="on this machine; without, the cluster's, or all cores")
    options, more = parser.parse_known_args()
    ray.init(num_cpus=options.workers, log_to_driver=False, logging_level="error")
    asked = [options.folder, "--out", options.out, "--seed", options.seed, *more]
    names = [f"{i}/{options.parts}" for i in range(1, options.parts + 1)]
    parts = {vary.remote(name, asked): name for name in names}
    waiting, failed = list(parts), []
    while waiting:
        (done,), waiting = ray.wait(waiting)
        code, worker, seconds = ray.get(done)
        print(f"part {parts[done]}: {'done' if not code else 'not all of it could be made'}, worker {worker}, {seconds:.1f} s")
        failed += [parts[done]] if code else []
    sys.exit(f"again, to see what is wrong: latent-bridge vary … --shard {failed[0]}" if failed else 0)


if __name__ == "__main__":
    main()
