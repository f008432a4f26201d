"""What becomes of whole songs: `python bench/songs.py DIR` runs every verb over a folder of MIDI files and prints a table.

The verbs run as a user runs them, in a process of their own; sources and results are read with mido, not with our own reader.
The files stay where they are, results go to a folder that is thrown away (or to `--work`). A part is worked on where the
record says so, else (in files of one part) always. `--limit N` takes N of the files by chance, the same ones every time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

import mido

from models.music.drum_map import find_drum_map

ROOT = Path(__file__).parents[1]
ENDINGS = (".mid", ".midi", ".kar", ".rmi")
AMOUNTS = ("0.1", "0.3", "0.6")
SEED = "1"
PAIRS = 12  # of files that are interpolated and blended
MAJOR = (0, 2, 4, 5, 7, 9, 11)
SIXTH = 1 / 6  # beats: a note that comes back so near is the same note
EARLY = 1 / 8  # beats: half a sixteenth is feel
PROGRAM = (sys.executable, "-c", "from bridge.cli import main; main()")
Key = tuple[int, int]  # of a part: its track, its channel
Row = tuple[str, str]


@dataclass(frozen=True)
class Sound:
    """A note, in beats."""

    pitch: int
    start: float
    end: float
    velocity: int


@dataclass(frozen=True)
class Heard:
    """A file as another reader has it."""

    parts: dict[Key, list[Sound]]
    ends: dict[int, float]  # of tracks, in beats
    names: dict[int, str]
    others: dict[int, Counter[tuple[int, str]]]  # all that is no note, by track
    hanging: int
    bar: float

    @property
    def order(self) -> list[Key]:
        """The parts as the program numbers them."""
        return sorted(self.parts)


@dataclass
class Ran:
    """What a command did: the results of each source by its stem, what it said, and how long it took."""

    code: int
    seconds: float
    errors: list[str]
    results: dict[str, list[Path]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    has_traceback: bool = False


@dataclass(frozen=True)
class Pair:
    """A part before and after, with the file around it."""

    file: str
    key: Key
    before: list[Sound]
    after: list[Sound]
    source: Heard
    result: Heard

    @property
    def is_drums(self) -> bool:
        """Whether the file says so."""
        return self.key[1] == 10

    @property
    def new(self) -> list[Sound]:
        """The notes that the part did not have."""
        had = Counter((n.pitch, round(n.start * 48)) for n in self.before)
        found = []
        for n in self.after:
            place = (n.pitch, round(n.start * 48))
            if had[place]:
                had[place] -= 1
            else:
                found.append(n)
        return found


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


# --- the program ------------------------------------------------------------------------------------------------------------


def run(arguments: Sequence[object], out: Path) -> Ran:
    """Run a command as a user does."""
    before = time.monotonic()
    command = [*PROGRAM, *map(str, arguments), "--seed", SEED, "--force", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    ran = Ran(done.returncode, time.monotonic() - before, [], has_traceback="Traceback" in done.stderr)
    said = [line.removeprefix("latent-bridge: ") for line in done.stderr.splitlines()]
    for record in sorted(out.glob("*.json")):
        content = json.loads(record.read_text(encoding="utf-8"))
        stem = record.stem.rpartition("_")[0]
        ran.records[stem] = content
        ran.results[stem] = [out / output["name"] for output in content["outputs"]]
    told = {line for content in ran.records.values() for line in content["info"]}
    ran.errors = (
        [line for line in said if line not in told and not line.startswith("no seed was given")] if done.returncode else []
    )
    return ran


def worked_on(record: dict[str, Any], heard: Heard) -> list[Key]:
    """List the parts that a command worked on, by what it said of them."""
    used = next((m[1] for line in record["info"] if (m := re.search(r": used (.*?)(?:; copied through|$)", line, re.S))), None)
    if used is None:
        return heard.order if len(heard.parts) == 1 else []
    numbers = [int(n) for n in re.findall(r"(?:^|\), )(\d+) ", used)]
    return [heard.order[n - 1] for n in numbers if n <= len(heard.order)]


def pairs_of(ran: Ran, heard: dict[str, Heard]) -> list[Pair]:
    """List the parts that were worked on, before and after."""
    found: list[Pair] = []
    for stem, paths in ran.results.items():
        if stem not in heard or not paths or (after := listen(paths[0])) is None:
            continue
        for key in worked_on(ran.records[stem], heard[stem]):
            found.append(Pair(stem, key, heard[stem].parts[key], after.parts.get(key, []), heard[stem], after))
    return found


# --- another reader ---------------------------------------------------------------------------------------------------------


@cache
def listen(path: Path) -> Heard | None:
    """Read a file with mido; None where it cannot."""
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception:  # whatever it is, mido does not read this file
        return None
    if file.type == 2 or file.ticks_per_beat <= 0:
        return None
    parts: dict[Key, list[Sound]] = defaultdict(list)
    ends, names, others = dict[int, float](), dict[int, str](), dict[int, Counter[tuple[int, str]]]()
    hanging, bar = 0, 4.0
    for number, track in enumerate(file.tracks):
        now = 0
        sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        others[number] = Counter()
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                sounding[message.channel + 1, message.note].append((now, message.velocity))
            elif message.type in ("note_on", "note_off"):
                waiting = sounding[message.channel + 1, message.note]
                if waiting:
                    start, velocity = waiting.pop(0)
                    beats = (start / file.ticks_per_beat, now / file.ticks_per_beat)
                    parts[number, message.channel + 1].append(Sound(message.note, *beats, velocity))
            elif message.type not in ("end_of_track", "sequencer_specific"):
                others[number][now, str(message.copy(time=0))] += 1
                if message.type == "track_name":
                    names.setdefault(number, message.name)
                elif message.type == "time_signature" and not now:
                    bar = message.numerator * 4 / message.denominator
        ends[number] = now / file.ticks_per_beat
        for (channel, pitch), waiting in sounding.items():
            hanging += len(waiting)
            parts[number, channel] += [Sound(pitch, start / file.ticks_per_beat, ends[number], v) for start, v in waiting]
    ordered = {key: sorted(notes, key=lambda n: (n.start, n.pitch)) for key, notes in parts.items() if notes}
    return Heard(ordered, ends, names, others, hanging, bar)


# --- rows -------------------------------------------------------------------------------------------------------------------


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
    """Compare reconstructions of whole parts."""
    pairs = pairs_of(ran, heard)
    rows = []
    for what, some in kinds_of(pairs):
        ratios = [len(p.after) / len(p.before) for p in some]
        scores = sorted(f1(p.before, p.after, p.is_drums) for p in some)
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


# --- figures ----------------------------------------------------------------------------------------------------------------


class Sounding:
    """What sounds in a file when, drums left out, by beat."""

    def __init__(self, heard: Heard) -> None:
        self._by_beat: dict[int, list[Sound]] = defaultdict(list)
        for (_, channel), notes in heard.parts.items():
            for n in notes if channel != 10 else []:
                for beat in range(int(n.start), min(int(n.end), int(n.start) + 64) + 1):
                    self._by_beat[beat].append(n)

    def clashes(self, note: Sound) -> bool:
        """Tell whether another note a semitone away, in any octave, sounds when this one has begun."""
        at = note.start + EARLY / 2
        near = self._by_beat.get(int(at), [])
        return any(n.start <= at < n.end - EARLY / 2 and (n.pitch - note.pitch) % 12 in (1, 11) for n in near)


def f1(before: Sequence[Sound], after: Sequence[Sound], is_drums: bool = False) -> float:
    """Count notes that come back: the same pitch within a sixth of a beat, each once; of drums the same voice.

    Pads of no voice are left out: they are passed through.
    """
    if is_drums:
        voices = find_drum_map("gm").voice_of
        before, after = ([replace(n, pitch=voices[n.pitch]) for n in side if n.pitch in voices] for side in (before, after))
    left: dict[int, list[float]] = defaultdict(list)
    for n in after:
        left[n.pitch].append(n.start)
    found = 0
    for n in before:
        near = [at for at in left[n.pitch] if abs(at - n.start) <= SIXTH]
        if near:
            left[n.pitch].remove(min(near, key=lambda at, n=n: abs(at - n.start)))  # type: ignore[misc]
            found += 1
    return 2 * found / max(1, len(before) + len(after))


def is_kept(pair: Pair) -> bool:
    """Tell whether a part has as many notes as before, to a tenth; to two where it has fewer than 20."""
    apart = abs(len(pair.after) - len(pair.before))
    return apart <= (2 if len(pair.before) < 20 else 0.1 * len(pair.before))


def silent_bars(pair: Pair) -> set[int]:
    """List the bars in which a part is silent, to the sixteenth; a stroke of a drum sounds where it is struck."""
    bar = pair.source.bar
    last = bar_of(max([n.end for n in (*pair.before, *pair.after)], default=0.0), bar) + 1
    loud: set[int] = set()
    for n in pair.before:
        end = n.start if pair.is_drums else max(n.end - 2 * EARLY, n.start)
        loud.update(range(bar_of(n.start + EARLY, bar), bar_of(end + EARLY, bar) + 1))
    return set(range(last + 1)) - loud


def strange_pads(pairs: Iterable[Pair]) -> Iterator[bool]:
    """Tell of each new hit whether the part never uses its pad."""
    for pair in pairs:
        used = {n.pitch for n in pair.before}
        yield from (n.pitch not in used for n in pair.new)


def scale_of(heard: Heard) -> frozenset[int]:
    """Find the major scale that holds most of what sounds in a file."""
    weight = [0.0] * 12
    for (_, channel), notes in heard.parts.items():
        for n in notes if channel != 10 else []:
            weight[n.pitch % 12] += min(n.end - n.start, 8.0)
    scales = [frozenset((root + step) % 12 for step in MAJOR) for root in range(12)]
    return max(scales, key=lambda scale: sum(weight[k] for k in scale))


def leap(notes: Sequence[Sound]) -> float | None:
    """Average the leaps from stroke to stroke, of the highest notes."""
    top: dict[int, int] = {}
    for n in notes:
        top[round(n.start * 12)] = max(top.get(round(n.start * 12), 0), n.pitch)
    leaps = [abs(b - a) for a, b in pairwise(top.values())]
    return fmean(leaps) if leaps else None


def longest_gap(notes: Sequence[Sound]) -> float | None:
    """Find the longest time between strokes, in beats, rests of two bars and more left out."""
    gaps = [b - a for a, b in pairwise(sorted({n.start for n in notes})) if b - a < 8]
    return max(gaps, default=None)


def bars_differ(notes: Sequence[Sound]) -> float | None:
    """Compare each bar of four beats with the next: the share of hits that they do not have in common."""
    bars: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for n in notes:
        step = round(n.start * 4)
        bars[step // 16].add((step % 16, n.pitch))
    found = [len(bars[k] ^ bars[k + 1]) / len(bars[k] | bars[k + 1]) for k in sorted(bars) if k + 1 in bars]
    return fmean(found) if found else None


Figure = Callable[[Sequence[Sound]], float | None]
PITCHED: dict[str, Figure] = {
    "range, semitones": lambda notes: max(n.pitch for n in notes) - min(n.pitch for n in notes) if notes else None,
    "leap, semitones": leap,
    "note length, beats": lambda notes: fmean(min(n.end - n.start, 8) for n in notes) if notes else None,
    "velocity spread": lambda notes: pstdev(n.velocity for n in notes) if notes else None,
    "longest gap below two bars, beats": longest_gap,
    "next bars differ": bars_differ,
}
STRUCK: dict[str, Figure] = {key: PITCHED[key] for key in list(PITCHED)[3:]}


def kinds_of(pairs: Sequence[Pair]) -> list[tuple[str, list[Pair]]]:
    """Put pitched parts and drums apart, by what the file says."""
    return [("pitched", [p for p in pairs if not p.is_drums]), ("drums", [p for p in pairs if p.is_drums])]


def share(flags: Iterable[object]) -> str:
    """Print a share in percent."""
    found = [bool(flag) for flag in flags]
    return f"{100 * sum(found) / len(found):.1f} %" if found else "–"


def bar_of(at: float, bar: float) -> int:
    """Number the bar that a beat is in."""
    return int(at // bar)


if __name__ == "__main__":
    main()
