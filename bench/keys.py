"""How often the key of music is found: `python bench/keys.py [DATA_DIR]`, which takes two minutes.

Against the written keys of Nottingham and POP909's labels (which a program made from the recordings), both of the splits train
and valid: the key exactly, and its scale, which it shares with its relative. Whole tunes, and stretches of so many bars that
follow one another. Beside it how often one scale alone is likely and how often that is right, how often the true scale is
among the likely ones, and what share of the notes lies in what all of these share. Last, keys bar by bar where songs change
theirs.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import tarfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from models.music.clip import Note
from models.music.key import Key, parse_key
from models.music.key_finding import find_key, find_local_keys, keys, weigh
from models.music.midi import MidiError, Song, from_bytes

DATA = Path(__file__).parents[2] / "shared" / "data"
BARS = (None, 8, 2)
KEY_SIGNATURE = b"\xff\x59"
TEXTS = ("beat_midi.txt", "key_audio.txt")  # beside the songs of POP909


@dataclass(frozen=True)
class Tune:
    """All that sounds in a piece, in bars from 0; `labels` are (from bar, key)."""

    notes: tuple[Note, ...]
    melody: tuple[Note, ...]
    bars: int
    labels: tuple[tuple[float, Key], ...]


def main() -> None:
    """Read the sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    folder = parser.parse_args().data
    print(f"{'':44} {'stretches':>9} {'exact':>6} {'scale':>6} {'clear':>6} {'right':>6} {'likely':>6} {'inside':>6}")
    for name, read in (("nottingham", read_nottingham), ("pop909", read_pop909)):
        tunes = list(read(folder))
        steady = [tune for tune in tunes if len({key for _, key in tune.labels}) == 1]
        for bars in BARS:
            for what in ("all that sounds", "melody alone"):
                title = f"{name}, {f'{bars} bars' if bars else 'whole'}, {what}"
                stretches = [s for t in steady for s in cut(t.notes if what == "all that sounds" else t.melody, t, bars)]
                print(f"{title:44} {row(stretches)}")
        for what, some in (("one key", steady), ("several", [tune for tune in tunes if tune not in steady])):
            if some and (what == "one key" or name == "pop909"):
                print(f"{f'{name}, bar by bar, songs of {what}':44} {bar_by_bar(some)}")


def cut(notes: Sequence[Note], tune: Tune, bars: int | None) -> Iterator[tuple[list[Note], Key]]:
    """Cut notes into stretches of so many bars; those with a single pitch class are left out."""
    key = tune.labels[0][1]
    for first in range(0, tune.bars - (bars or tune.bars) + 1, bars or tune.bars):
        until = first + (bars or tune.bars)
        inside = [
            replace(n, start=max(n.start, first * 4.0), duration=min(n.end, until * 4.0) - max(n.start, first * 4.0))
            for n in notes
            if n.start < until * 4 and n.end > first * 4
        ]
        if len({n.pitch % 12 for n in inside}) > 1:
            yield inside, key


def row(stretches: Sequence[tuple[list[Note], Key]]) -> str:
    """Count what is found."""
    exact = scale = clear = right = likely = inside = notes = 0
    for heard, key in stretches:
        found = find_key(weigh(heard))
        assert found is not None
        is_scale = found.key.classes == key.classes
        exact += (found.key.root, found.key.classes) == (key.root, key.classes)
        scale += is_scale
        clear += found.is_clear
        right += found.is_clear and is_scale
        likely += any(one.classes == key.classes for one in found.likely)
        inside += sum(n.pitch % 12 in found.classes for n in heard)
        notes += len(heard)
    n = max(1, len(stretches))
    shares = (exact / n, scale / n, clear / n, right / max(1, clear), likely / n, inside / max(1, notes))
    return f"{len(stretches):9} " + " ".join(f"{100 * share:6.1f}" for share in shares)


def bar_by_bar(tunes: Sequence[Tune]) -> str:
    """Count the bars whose key is found where keys are followed through a song."""
    bars = exact = scale = changes = 0
    for tune in tunes:
        found = find_local_keys(tune.notes, bar=4.0, start=0.0, end=4.0 * tune.bars)
        changes += max(0, len(found) - 1)
        for first, key in tune.labels:
            later = [at for at, _ in tune.labels if at > first]
            for bar in range(round(first), round(min([*later, tune.bars]))):
                said = next((k.found.key for k in found if k.start <= 4 * bar + 2 < k.end), None)
                bars += 1
                exact += said is not None and (said.root, said.classes) == (key.root, key.classes)
                scale += said is not None and said.classes == key.classes
    share = 100 / max(1, bars)
    return f"{bars:9} {share * exact:6.1f} {share * scale:6.1f}   changes in 100 bars {share * changes:.2f}"


def read_nottingham(folder: Path) -> Iterator[Tune]:
    """Read the tunes that name one key all through."""
    for contents in read_set(folder, "nottingham"):
        song = read_song(contents["mid"])
        if song is None:
            continue
        written = {key_of(event) for track in song.tracks for _, event in track if event.startswith(KEY_SIGNATURE)}
        if len(written) == 1:
            bar = song.parts[0].clip.bar
            parts = [[in_bars(n, n.start / bar, n.end / bar) for n in part.clip.notes] for part in song.parts]
            labels = ((0.0, written.pop()),)
            yield tune_of([n for part in parts for n in part], parts[0], labels)


def key_of(event: bytes) -> Key:
    """Read a key signature: its sharps, or flats below 0, and whether it is minor."""
    sharps, minor = int.from_bytes(event[2:3], signed=True), event[3]
    return keys()[(7 * sharps + (9 if minor else 0)) % 12 + (12 if minor else 0)]


def read_pop909(folder: Path) -> Iterator[Tune]:
    """Read the songs by their annotated bars, with the keys of their labels."""
    for contents in read_set(folder, "pop909"):
        song = read_song(contents["mid"])
        if song is None or "key_audio.txt" not in contents:
            continue
        rows = [line.split() for line in contents["beat_midi.txt"].decode().splitlines() if line.strip()]
        edges = [float(r[0]) for r in rows if float(r[2]) == 1]
        told = [line.split() for line in contents["key_audio.txt"].decode().splitlines() if line.strip()]
        labels = [
            (max(0.0, bar_at(edges, float(at))), parse_key(name.replace(":", " ")))
            for at, _, name in told
            if re.fullmatch(r"[A-G][b#]?:(maj|min)", name)
        ]
        if len(edges) < 3 or not labels:
            continue
        seconds = {part.clip.name: in_seconds(part.clip.notes, song) for part in song.parts}
        bars = {
            name: [in_bars(n, bar_at(edges, on), bar_at(edges, off)) for n, on, off in its if off > edges[0]]
            for name, its in seconds.items()
        }
        whole = [n for its in bars.values() for n in its]
        yield tune_of(whole, bars.get("MELODY", []), tuple(labels))


def tune_of(notes: Sequence[Note], melody: Sequence[Note], labels: tuple[tuple[float, Key], ...]) -> Tune:
    """Put a tune together."""
    return Tune(tuple(notes), tuple(melody), max(1, int(max((n.end for n in notes), default=0.0) / 4 + 0.999)), labels)


def in_bars(note: Note, first: float, last: float) -> Note:
    """Move a note to bars of four beats."""
    return replace(note, start=4 * first, duration=4 * max(last - first, 0.0))


def in_seconds(notes: Sequence[Note], song: Song) -> list[tuple[Note, float, float]]:
    """Say when notes sound, in seconds."""
    changes = list(song.tempos) if song.tempos and song.tempos[0][0] <= 0 else [(0.0, 120.0), *song.tempos]
    passed = [0.0]
    for (a, tempo), (b, _) in pairwise(changes):
        passed.append(passed[-1] + (b - a) * 60 / tempo)

    beats = [at for at, _ in changes]

    def seconds(beat: float) -> float:
        k = bisect_right(beats, max(beat, 0.0)) - 1
        return passed[k] + (beat - changes[k][0]) * 60 / changes[k][1]

    return [(n, seconds(n.start), seconds(n.end)) for n in notes]


def bar_at(edges: Sequence[float], time: float) -> float:
    """Say in which bar a time is, with its fraction."""
    low = min(max(bisect_right(edges, time) - 1, 0), len(edges) - 2)
    return max(low + (time - edges[low]) / (edges[low + 1] - edges[low]), 0.0)


def read_song(content: bytes) -> Song | None:
    """Read a MIDI file; None where it is broken."""
    try:
        return from_bytes(content)
    except MidiError:
        return None


def read_set(folder: Path, name: str) -> Iterator[dict[str, bytes]]:
    """Read the pieces of the splits train and valid: the MIDI file as `mid`, and by their names the texts beside it."""
    with (folder / "splits.csv").open(newline="", encoding="utf-8") as file:
        wanted = {r["file"] for r in csv.DictReader(file) if r["dataset"] == name and r["split"] in ("train", "valid")}
    with tarfile.open(fileobj=io.BytesIO((folder / f"{name}.tar.xz").read_bytes()), mode="r:xz") as archive:
        files: dict[str, bytes] = {}
        for member in archive:
            inner = member.name.removeprefix("./").removeprefix(f"{name}/")
            handle = archive.extractfile(member) if member.isfile() else None
            if handle and inner.endswith((".mid", ".txt")):
                files[inner] = handle.read()
    for path in sorted(wanted & files.keys()):
        texts = (f"{path.rpartition('/')[0]}/{text}" for text in TEXTS)
        yield {"mid": files[path], **{text.rpartition("/")[2]: files[text] for text in texts if text in files}}


if __name__ == "__main__":
    main()
