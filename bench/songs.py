"""What becomes of whole songs: `python bench/songs.py DIR` runs every verb over a folder of MIDI files and prints a table.

The verbs run as a user runs them, in a process of their own; sources and results are read with mido, not with our own reader.
The files stay where they are, results go to a folder that is thrown away (or to `--work`). A part is worked on where the
record says so, else (in files of one part) always. `--limit N` takes N of the files by chance, the same ones every time.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from pathlib import Path

from bench.song_checks.reader import listen
from bench.song_checks.rows import Row, between, everywhere, reconstructed, routing, untouched, varied
from bench.song_checks.runs import SEED, Ran, pairs_of, run

ENDINGS = (".mid", ".midi", ".kar", ".rmi")
AMOUNTS = ("0.1", "0.3", "0.6")


def main() -> None:
    """Run the verbs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, help="where results go, and stay")
    parser.add_argument("--limit", type=int, help="how many of the files")
    parser.add_argument("--json", type=Path, help="also write the rows there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        work = options.work or Path(thrown_away)
        rows = measure(options.folder, work, options.limit)
    print("| what | figure |\n|---|---|")
    for what, figure in rows:
        print(f"| {what} | {figure} |")
    if options.json:
        options.json.write_text(json.dumps(dict(rows), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def measure(folder: Path, work: Path, limit: int | None) -> list[Row]:
    """Run all verbs over a folder and measure what came of it."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if limit and limit < len(paths):
        paths = sorted(random.Random(int(SEED)).sample(paths, limit))
    chosen = work / "sources"
    sources: dict[str, Path] = {}
    for number, path in enumerate(paths):
        stem = f"{number:03}_{re.sub(r'[^A-Za-z0-9]+', '_', path.stem)[:40]}"
        sources[stem] = chosen / f"{stem}{path.suffix.lower()}"
        sources[stem].parent.mkdir(parents=True, exist_ok=True)
        sources[stem].write_bytes(path.read_bytes())
    heard = {stem: h for stem, path in sources.items() if (h := listen(path)) is not None}
    rows: list[Row] = [
        (
            "files; that mido reads; parts with notes",
            f"{len(sources)}; {len(heard)}; {sum(len(h.parts) for h in heard.values())}",
        )
    ]
    rows += routing(sources, heard)
    runs: dict[str, Ran] = {}
    runs["vary 0"] = run(["vary", chosen, "--amount", "0", "--count", "1"], work / "vary_0")
    runs["reconstruct"] = run(["reconstruct", chosen], work / "reconstruct")
    for amount in AMOUNTS:
        runs[f"vary {amount}"] = run(["vary", chosen, "--amount", amount, "--count", "1"], work / f"vary_{amount}")
    rows += untouched(runs["vary 0"], sources)
    rows += reconstructed(runs["reconstruct"], heard)
    for amount in AMOUNTS:
        rows += varied(amount, pairs_of(runs[f"vary {amount}"], heard))
    rows += between(sources, heard, work, runs)
    runs["sample"] = run(["sample", "--count", "8"], work / "sample")
    rows += everywhere(runs, heard)
    return rows


if __name__ == "__main__":
    main()
