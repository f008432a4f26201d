"""Check that a change of the code changes no music: record what requests give, change the code, replay them.

    python bench/replay.py record FILE.json.gz [FOLDER …]     before the change; folders of MIDI files beside tests/clips
    python bench/replay.py check FILE.json.gz [--every N]     after it, on the same machine and Python
    python bench/replay.py check FILE.json.gz --key free      of what was recorded when keys were free where none was named

Several hundred requests of all verbs, with seeds, locks and odd meters, and whole files by the command line. Clips are
compared note for note and field for field, files byte for byte; sentences and versions may differ.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import hashlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from bridge.cli import main as run_command
from bridge.engine import Engine
from bridge.requests import VERBS, Blend, ClipsRequest, Music
from models.editing.batching import run_alone
from models.music.clip import Clip, Note
from models.music.midi import MidiError, read

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "clips"
FILES_A_FOLDER = 3  # of each further folder, chosen by a fixed seed
LONGEST = 160  # notes of a clip that is taken whole; longer ones are cut to their first eight bars
LOCKS: tuple[dict[str, Any], ...] = (
    {"lock": ["rhythm"]},
    {"lock": ["pitch"]},
    {"lock": ["velocity"]},
    {"lock": ["rhythm", "velocity"]},
    {"lock_voices": ["kick", "snare"]},
    {"lock_beats": ["0:4"]},
    {"lock_notes": [0, 1]},
    {"key": "A minor"},
    {"density": 2},
    {"octave": 1.0},
    {"lock": ["pitch"], "lock_beats": ["0:2"], "density": -1},
    {"drum_map": "live_909"},
    {"pads": ["60:kick", "61:snare"]},
)
COMMANDS = (
    "vary {clips}/band.mid --amount .4 --count 3 --seed 5 --out {out}",
    "vary {clips}/format_0_band.mid --amount .3 --count 2 --seed 6 --out {out}",
    "vary {clips}/chords.mid --amount .3 --count 2 --seed 7 --out {out}",
    "vary {clips} --amount .2 --count 2 --seed 8 --out {out}",
    "reconstruct {clips}/funk.mid {clips}/ode_to_joy.mid --seed 1 --out {out}",
    "interpolate {clips}/rock.mid {clips}/bossa.mid --steps 5 --seed 2 --out {out}",
    "blend {clips}/rock.mid {clips}/bossa.mid {clips}/funk.mid --grid 3 --seed 3 --out {out}",
    "cross {clips}/twinkle.mid {clips}/ode_to_joy.mid --seed 4 --out {out}",
    "sample --count 3 --bars 4 --seed 9 --out {out}",
    "sample --kind notes --count 3 --seed 9 --out {out}",
)


def main() -> None:
    """Record or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    parser.add_argument("folders", type=Path, nargs="*", help="more MIDI files to record requests over")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="check only every Nth request")
    parser.add_argument("--key", metavar="KEY", help="ask for this key where a request of the recording names none")
    options = parser.parse_args()
    if options.action == "record":
        engine = Engine()
        entries = [{**asked, "gave": answer(engine, asked)} for asked in requests(read_clips(options.folders))]
        with gzip.open(options.file, "wt", encoding="utf-8") as file:
            json.dump({"requests": entries, "commands": commands()}, file)
        print(f"{len(entries)} requests and {len(COMMANDS)} commands recorded in {options.file}")
        return
    with gzip.open(options.file, "rt", encoding="utf-8") as file:
        recorded = json.load(file)
    sys.exit(check(recorded, options.every, options.key))


def check(recorded: dict[str, Any], every: int, key: str | None = None) -> int:
    """Replay, in a key where none is named, and print what differs; 1 where anything does."""
    counts: Counter[tuple[str, bool]] = Counter()
    engine = Engine()
    for number, entry in list(enumerate(recorded["requests"]))[::every]:
        in_key = {"key": key} if key and issubclass(VERBS[entry["verb"]], Music) else {}
        is_same = answer(engine, {**entry, "request": {**in_key, **entry["request"]}}) == entry["gave"]
        counts[entry["verb"], is_same] += 1
        if not is_same:
            shown = {key: value for key, value in entry["request"].items() if key != "clips"}
            print(
                f"request {number} differs: {entry['verb']} {json.dumps(shown)}, {len(entry['clips'])} clips: {entry['about']}"
            )
    now = commands(key)
    for line, files in recorded["commands"].items():
        counts["files", now.get(line) == files] += 1
        if now.get(line) != files:
            print(f"command differs: {line}")
    for verb in sorted({verb for verb, _ in counts}):
        print(f"{verb:<12} {counts[verb, True]:>5} the same {counts[verb, False]:>5} different")
    return int(any(count for (_, is_same), count in counts.items() if not is_same))


def answer(engine: Engine, asked: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Run a request: its clips, or the name of the error that refused it."""
    clips = tuple(to_clip(clip) for clip in asked["clips"])
    fields = {**asked["request"], **({"clips": clips} if issubclass(VERBS[asked["verb"]], ClipsRequest) else {})}
    try:
        request = VERBS[asked["verb"]].model_validate(fields)
        if isinstance(request, Blend) and request.grid == 0:
            run_alone(engine.start(request, palette=0), engine.batcher(), lambda fraction: None)
            positions = [engine.start_at(0, *at) for at in ((0.25, 0.5), (0.6, 0.1), (0.0, 1.0))]
            answers = [run_alone(position, engine.batcher(), lambda fraction: None) for position in positions]
            made: Sequence[Clip] = [clip for answer in answers for clip in answer.clips]
        else:
            made = engine.run(request).clips
    except ValueError as error:
        return type(error).__name__
    return [from_clip(clip, with_origin=True) for clip in made]


def commands(key: str | None = None) -> dict[str, dict[str, str]]:
    """Run the command lines, all that take one in a key, and hash the MIDI files that each wrote."""
    found: dict[str, dict[str, str]] = {}
    for line in COMMANDS:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            with suppress(SystemExit):  # a folder with broken files in it exits with 1
                in_key = ["--key", key] if key and issubclass(VERBS[line.split()[0]], Music) else []
                run_command([*line.format(clips=CLIPS, out=folder).split(), "--device", "cpu", *in_key])
            paths = sorted(Path(folder).rglob("*.mid"))
            found[line] = {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    return found


def requests(clips: Sequence[tuple[str, Clip]]) -> Iterator[dict[str, Any]]:
    """Ask all verbs about clips, each with what may be set in turn."""
    rng = random.Random(1)
    for bars in (1, 2, 3, 4, 8):
        for kind in ("drums", "notes"):
            yield asked("sample", {"bars": bars, "count": 3, "kind": kind, "seed": bars}, [])
    for settings in ({"key": "A minor", "kind": "notes"}, {"density": 3}, {"kind": "notes", "octave": -1.0}, {"variety": 0.9}):
        yield asked("sample", {"count": 4, "seed": 11, **settings}, [])
    for number, clip in enumerate(clips):
        for amount, count in ((0.1, 2), (0.3, 8), (0.6, 3), (1.0, 2)):
            yield asked("vary", {"amount": amount, "count": count, "seed": number}, [clip])
        for locks in rng.sample(LOCKS, 3):
            yield asked("vary", {"amount": 0.4, "count": 3, "seed": number, **locks}, [clip])
        yield asked("reconstruct", {"seed": number}, [clip])
        yield asked("vary", {"amount": 0.3, "count": 2, "seed": number, "kind": rng.choice(["drums", "notes"])}, [clip])
    yield asked("vary", {"amount": 0, "seed": 1}, [clips[0]])
    for number in range(60):
        pair, four = rng.sample(clips, 2), rng.sample(clips, 4)
        locks = rng.choice(LOCKS) if number % 3 == 0 else {}
        of_kind = {"kind": rng.choice(["drums", "notes"])} if number % 2 else {}
        path = rng.choice(["even", "even", "slerp", "morph"])
        yield asked("interpolate", {"steps": rng.choice([3, 5, 7]), "path": path, "seed": number, **locks, **of_kind}, pair)
        yield asked("cross", {"count": 3, "seed": number, **of_kind}, pair)
        corners = four[: rng.choice([2, 3, 4])]
        yield asked("blend", {"grid": rng.choice([0, 2, 3]), "seed": number, **locks, **of_kind}, corners)
        yield asked("vary", {"amount": 0.3, "count": 2, "seed": number, **of_kind}, four)


def asked(verb: str, settings: dict[str, Any], clips: Sequence[tuple[str, Clip]]) -> dict[str, Any]:
    """Write a request as JSON."""
    about = ", ".join(name for name, _ in clips)
    return {"verb": verb, "request": settings, "about": about, "clips": [from_clip(clip) for _, clip in clips]}


def read_clips(folders: Sequence[Path]) -> list[tuple[str, Clip]]:
    """Read the parts of our own clips, and of some files of each further folder."""
    paths = sorted(CLIPS.glob("*.mid"))
    for folder in folders:
        inside = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
        paths += random.Random(2).sample(inside, min(FILES_A_FOLDER, len(inside)))
    found: list[tuple[str, Clip]] = []
    for path in paths:
        try:
            parts = read(path).parts
        except MidiError:
            continue
        for part in parts[:3]:
            clip = part.clip
            if len(clip.notes) > LONGEST:
                beats = min(clip.beats, 8 * clip.bar)
                clip = dataclasses.replace(clip, beats=beats).with_notes(n for n in clip.notes if n.start < clip.start + beats)
            found.append((f"{path.name} {part.name}".strip(), clip))
    return found


def from_clip(clip: Clip, *, with_origin: bool = False) -> dict[str, Any]:
    """Write a clip as JSON; with the notes' origin, which is not part of their equality."""
    fields = dataclasses.asdict(clip)
    if not with_origin:
        for note in fields["notes"]:
            del note["from_clip"], note["from_note"]
    plain: dict[str, Any] = json.loads(json.dumps(fields))  # tuples as lists, as they come back from a file
    return plain


def to_clip(fields: dict[str, Any]) -> Clip:
    """Read what `from_clip` wrote."""
    values = {**fields, "notes": tuple(Note(**note) for note in fields["notes"]), "meter": tuple(fields["meter"])}
    for name in ("loop", "markers"):
        values[name] = tuple(values[name]) if values[name] else None
    return Clip(**values)


if __name__ == "__main__":
    main()
