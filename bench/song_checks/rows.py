"""The rows of the table, each a sentence about all files and a figure."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

from bench.song_checks.figures import (
    EARLY,
    PITCHED,
    STRUCK,
    Sounding,
    bar_of,
    f1,
    is_kept,
    scale_of,
    silent_bars,
    strange_pads,
    strokes,
)
from bench.song_checks.reader import Heard, listen
from bench.song_checks.runs import PROGRAM, ROOT, SEED, Pair, Ran, pairs_of, run, worked_on

Row = tuple[str, str]
PAIRS = 12  # of files that are interpolated and blended


def routing(sources: dict[str, Path], heard: dict[str, Heard]) -> list[Row]:
    """Count what `inspect` says of the parts; without the command, what the program's rule says of each part by itself."""
    done = subprocess.run(
        [*PROGRAM, "inspect", str(next(iter(sources.values())).parent), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))},
    )
    taken: dict[str, list[tuple[int, str]]] = {}
    if done.stdout.startswith("{"):
        for file in json.loads(done.stdout)["files"]:
            taken[Path(file["file"]).stem] = [(part["channel"], part["family"]) for part in file["parts"] if part["notes"]]
    else:
        from models.families.routing import route
        from models.music.midi import MidiError, from_bytes

        for stem, path in sources.items():
            try:
                song = from_bytes(path.read_bytes())
            except MidiError:
                continue
            taken[stem] = [(part.channel, route(part.clip)) for part in song.parts if part.clip.notes]
    parts = [part for stem, its in taken.items() if stem in heard for part in its]
    wrong = [stem for stem, its in taken.items() for channel, family in its if family == "drums" and channel != 10]
    unlabelled = [stem for stem in wrong if all(channel != 10 for channel, _ in taken[stem])]
    said = f"{len(wrong)} of {sum(channel != 10 for channel, _ in parts)}; {len(unlabelled)}"
    return [("parts not on channel 10 that are taken for drums; in files without a part on channel 10", said)]


def untouched(ran: Ran, sources: dict[str, Path]) -> list[Row]:
    """Count the files that come back byte for byte at amount 0."""
    same = sum(paths[0].read_bytes() == sources[stem].read_bytes() for stem, paths in ran.results.items() if paths)
    return [("amount 0: byte for byte the source", f"{same} of {len(ran.results)}")]


def reconstructed(ran: Ran, heard: dict[str, Heard]) -> list[Row]:
    """Compare reconstructions of whole parts; of drums, what their model can hold."""
    rows = []
    for what, some in kinds_of(pairs_of(ran, heard)):
        if what == "drums":
            held = [replace(p, before=strokes(p.before), after=strokes(p.after)) for p in some]
            lost = sum(len(p.before) for p in some) - sum(len(p.before) for p in held)
            rows.append(("reconstruct, drums: notes on pads of no voice, or doubled in their voice: left out below", str(lost)))
            some = [p for p in held if p.before]
        ratios = [len(p.after) / len(p.before) for p in some]
        scores = sorted(f1(p.before, p.after) for p in some)
        if some:
            text = f"{len(some)}; ×{median(ratios):.2f} (worst ×{max(ratios):.1f}), {share(map(is_kept, some))}; "
            text += f"{median(scores):.3f}, {scores[len(scores) // 10]:.2f}, {share(s >= 0.97 for s in scores)}"
            title = f"reconstruct, {what}: parts; notes, median, within 10 %; note F1, median, lowest tenth, ≥ .97"
            rows.append((title, text))
    return rows


def varied(amount: str, pairs: Sequence[Pair]) -> list[Row]:
    """Compare variations of whole parts."""
    rows = []
    for what, some in kinds_of(pairs):
        if not some:
            continue
        ratios = [len(p.after) / len(p.before) for p in some]
        text = f"{len(some)}; ×{median(ratios):.3f}, ×{fmean(ratios):.3f}; {share(map(is_kept, some))}"
        rows.append((f"vary {amount}, {what}: parts; notes, median, mean; within 10 %", text))
        new = [(p, n) for p in some for n in p.new]
        silent = {id(p): silent_bars(p) for p in some}
        text = share(bar_of(n.start + EARLY, p.source.bar) in silent[id(p)] for p, n in new)
        rows.append((f"vary {amount}, {what}: share of new notes in silent bars", text))
        figures = PITCHED if what == "pitched" else STRUCK
        for title, figure in figures.items():
            before, after = (
                [figure(side) for side in sides] for sides in zip(*((p.before, p.after) for p in some), strict=True)
            )
            told = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
            if told:
                a, b = fmean(a for a, _ in told), fmean(b for _, b in told)
                rows.append((f"vary {amount}, {what}: {title}, before → after", f"{a:.2f} → {b:.2f}"))
        if what == "pitched":
            rows += harmony(amount, some)
        else:
            rows.append(
                (f"vary {amount}, drums: share of new hits on pads that the part does not use", share(strange_pads(some)))
            )
    return rows


def harmony(amount: str, pairs: Sequence[Pair]) -> list[Row]:
    """Count notes outside the scale of the whole tune, and those that clash with one that sounds."""
    scales = {p.file: scale_of(p.source) for p in pairs}
    old = share(n.pitch % 12 not in scales[p.file] for p in pairs for n in p.before)
    new = share(n.pitch % 12 not in scales[p.file] for p in pairs for n in p.new)
    rows = [(f"vary {amount}, pitched: outside the tune's scale, own notes → new notes", f"{old} → {new}")]
    around = {id(h): Sounding(h) for p in pairs for h in (p.source, p.result)}
    old = share(around[id(p.source)].clashes(n) for p in pairs for n in p.before)
    new = share(around[id(p.result)].clashes(n) for p in pairs for n in p.new)
    rows.append((f"vary {amount}, pitched: clash by a semitone with a sounding note, own → new", f"{old} → {new}"))
    return rows


def between(sources: dict[str, Path], heard: dict[str, Heard], work: Path, runs: dict[str, Ran]) -> list[Row]:
    """Interpolate and blend pairs of files, and count the notes of what lies between."""
    stems = [stem for stem in sources if stem in heard]
    order = random.Random(int(SEED)).sample(stems, len(stems))
    chosen = list(zip(order[::2], order[1::2], strict=False))[:PAIRS]
    inside: list[bool] = []
    examples: list[str] = []
    total = Ran(0, 0.0, [])
    blends = Ran(0, 0.0, [])
    for a, b in chosen:
        ran = run(["interpolate", sources[a], sources[b], "--steps", "5"], work / "interpolate")
        blend = run(["blend", sources[a], sources[b], "--at", "0.5,0"], work / "blend")
        for sum_, one in ((total, ran), (blends, blend)):
            sum_.seconds += one.seconds
            sum_.code = max(sum_.code, one.code)
            sum_.errors += one.errors
            sum_.has_traceback |= one.has_traceback
        stem = f"{sources[a].stem}--{sources[b].stem}"
        if ran.code or stem not in ran.results:
            continue
        total.results[stem] = ran.results[stem]
        counts = []
        for path in ran.results[stem]:
            made = listen(path)
            home = heard[b] if path == ran.results[stem][-1] else heard[a]
            if made is not None:
                changed = [key for key in made.parts if made.parts[key] != home.parts.get(key)]
                key = changed[0] if changed else (worked_on(ran.records[stem], home) or home.order)[0]
                counts.append(len(made.parts[key]))
        low, high = min(counts[0], counts[-1]), max(counts[0], counts[-1])
        inside += [0.97 * low - 2 <= count <= 1.03 * high + 2 for count in counts[1:-1]]
        examples.append(" ".join(map(str, counts)))
    runs["interpolate"], runs["blend"] = total, blends
    return [
        ("interpolate: pairs; middles whose notes are between those of the ends", f"{len(total.results)}; {share(inside)}"),
        ("interpolate: notes of the steps", "; ".join(examples[:6])),
    ]


def everywhere(runs: dict[str, Ran], heard: dict[str, Heard]) -> list[Row]:
    """Check what no verb may do, and count what was refused and how long it took."""
    past = longer = other = hanging = files = 0
    for name, ran in runs.items():
        if name == "sample":
            continue
        for stem, paths in ran.results.items():
            for path in paths if stem in heard else []:
                made, source = listen(path), heard[stem]
                if made is None:
                    continue
                files += 1
                hanging += made.hanging > source.hanging
                other += any(made.others[track] != source.others[track] for track in source.others)
                for (track, channel), notes in made.parts.items():
                    own = max((n.end for n in source.parts.get((track, channel), [])), default=0.0)
                    past += max(n.end for n in notes) > max(source.ends[track], own) + 1e-3
                longer += any(made.ends[track] > source.ends[track] + 1e-3 for track in source.ends if track in made.ends)
    rows = [
        ("results read; with hanging notes that the source has not; with other events changed", f"{files}; {hanging}; {other}"),
        ("parts whose last note ends after their track did; files with a track that is longer", f"{past}; {longer}"),
        ("tracebacks", str(sum(ran.has_traceback for ran in runs.values()))),
    ]
    for name, ran in runs.items():
        rows.append(
            (f"{name}: files done, sentences of refusal, seconds", f"{len(ran.results)}, {len(ran.errors)}, {ran.seconds:.0f}")
        )
    sentences = Counter(re.sub(r"\S+\.(mid|midi|kar|rmi)\b", "FILE", line) for ran in runs.values() for line in ran.errors)
    for sentence, count in sentences.most_common(8):
        rows.append((f"said {count} times", sentence[:160].replace("|", "/")))
    return rows


def kinds_of(pairs: Sequence[Pair]) -> list[tuple[str, list[Pair]]]:
    """Put pitched parts and drums apart, by what the file says."""
    return [("pitched", [p for p in pairs if not p.is_drums]), ("drums", [p for p in pairs if p.is_drums])]


def share(flags: Iterable[object]) -> str:
    """Print a share in percent."""
    found = [bool(flag) for flag in flags]
    return f"{100 * sum(found) / len(found):.1f} %" if found else "–"
