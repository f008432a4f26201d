"""Which files are read, what is made of which together, and what the results are called. Nothing is read or made here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from bridge.pipes import INPUT_NAME, is_pipe, name_of
from bridge.requests import ClipsRequest, Request
from bridge.validation import clip_counts
from models.families.routing import default_family
from models.plain_file import shown
from models.store import find_model, read_card

ENDINGS = (".mid", ".midi", ".kar", ".rmi")


class FileError(ValueError):
    """Files that cannot be read or written as was asked, in one sentence."""


@dataclass(frozen=True)
class Job:
    """What is made together and written in one record: clips of no file, of one file, or of several that belong together."""

    stem: str  # where below the output folder, and how the names begin: "sub/beat"
    files: tuple[tuple[str, Path], ...]  # what each is called in messages and in the record, and where it is

    @property
    def names(self) -> str:
        """Its files, as they are called in messages."""
        return ", ".join(name for name, _ in self.files)


@dataclass(frozen=True)
class Shard:
    """One of several parts of a folder: the `number`th of `of`, from 1. A file's name in its folder alone says whose it is.

    So machines need not see the same files at the same time to share a folder, and no file is of two parts.
    """

    number: int
    of: int

    @staticmethod
    def read(text: str) -> Shard:
        """Read a part as it is typed, `2/4`; raises ValueError where it is none."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise ValueError(f"{shown(text)} is no part of a whole: it is i/n, from 1/4 to 4/4 for a folder in four parts")
        return Shard(number, of)

    def has(self, name: str) -> bool:
        """Tell whether a file of that name is of this part."""
        # Disks differ in how they write an umlaut, and in whether they tell Beat from beat.
        same = unicodedata.normalize("NFC", shown(name)).casefold()
        hashed = hashlib.sha256(same.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(hashed[:8]) % self.of == self.number - 1


def plan(verb: str, request: Request, paths: Sequence[Path], out: Path) -> list[Job]:
    """Decide what is made of which files; refuses two jobs whose clips would have the same names."""
    if not isinstance(request, ClipsRequest):
        return [Job(_model_name(request), ())]
    if sum(map(is_pipe, paths)) > 1:
        raise FileError("- is given more than once; one clip comes through stdin")
    if is_together(request):
        folders = [path for path in paths if path.is_dir()]
        if folders:
            raise FileError(f"{folders[0]} is a folder; {verb} takes files")
        stem = "--".join(INPUT_NAME if is_pipe(path) else path.stem for path in paths)
        return [Job(stem, tuple((shown(name_of(path)), path) for path in paths))]
    jobs: dict[str, Job] = {}
    found = find_files(paths, out)
    for stem, (name, path) in zip(_stems([name for name, _ in found]), found, strict=True):
        job = Job(stem, ((shown(name), path),))
        # Most disks of musicians do not tell Beat from beat.
        other = jobs.setdefault(job.stem.casefold(), job)
        if other is not job:
            raise FileError(
                f"{other.files[0][1]} and {path} would both be written as {job.stem}_{verb}: take them one at a time"
            )
    return list(jobs.values())


def _stems(names: Sequence[str]) -> list[str]:
    """Call files by their names without the endings; of song.mid and song.kar the second keeps its own."""
    owners: dict[str, str] = {}
    stems = [PurePath(name).with_suffix("").as_posix() for name in names]
    endings = [PurePath(name).suffix.lower() for name in names]
    for stem, ending in zip(stems, endings, strict=True):
        if ending == ENDINGS[0] or stem.casefold() not in owners:
            owners[stem.casefold()] = ending
    whole = zip(names, stems, endings, strict=True)
    return [stem if owners[stem.casefold()] == ending else name for name, stem, ending in whole]


def find_files(paths: Sequence[Path], out: Path) -> list[tuple[str, Path]]:
    """List files as they are, and the MIDI files in folders by their names there, each once; never those inside `out`."""
    found: dict[Path, tuple[str, Path]] = {}
    for path in paths:
        if is_pipe(path) or not path.is_dir():
            found.setdefault(path.resolve(), (name_of(path), path))
            continue
        # What is no file is listed too: it is named where it is read.
        inside = [p for p in sorted(path.rglob("*")) if _is_midi(p.relative_to(path)) and not p.is_dir()]
        if out.resolve() != path.resolve():
            inside = [p for p in inside if not p.resolve().is_relative_to(out.resolve())]
        if not inside:
            raise FileError(f"{path} holds no MIDI files ({', '.join(ENDINGS[:-1])} or {ENDINGS[-1]})")
        for file in inside:
            found.setdefault(file.resolve(), (file.relative_to(path).as_posix(), file))
    return list(found.values())


def is_together(request: Request) -> bool:
    """Tell whether all the clips of a request make one thing, as the ends of an interpolation do."""
    return isinstance(request, ClipsRequest) and clip_counts(type(request))[1] is not None


def clip_path(out: Path, job: Job, verb: str, label: str) -> Path:
    """Say where a clip goes."""
    return out / f"{job.stem}_{verb}_{label}.mid"


def record_path(out: Path, job: Job, verb: str) -> Path:
    """Say where the record of a job goes."""
    return out / f"{job.stem}_{verb}.json"


def only_one(verb: str, jobs: Sequence[Job], labels: Sequence[str]) -> None:
    """Refuse to make anything but one clip: more do not go through a pipe."""
    if len(jobs) > 1:
        raise FileError(f"--out - takes one clip; these are {len(jobs)} files: give one, or a folder as --out")
    if len(labels) > 1:
        how = "add --count 1" if verb in ("sample", "vary", "cross", "drumify", "groove") else "give a folder"
        raise FileError(f"--out - takes one clip; this {verb} makes up to {len(labels)}: {how}")


def refuse_existing(paths: Sequence[Path]) -> None:
    """Refuse to write over files."""
    existing = [path for path in paths if _is_there(path)]
    if existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise FileError(f"{existing[0]}{more} would be overwritten: choose another --out, or add --force")


def _is_there(path: Path) -> bool:
    with suppress(OSError):  # a name that is too long is told when it is written
        return path.exists()
    return False


def without_outputs(jobs: Sequence[Job], places: Callable[[Job], Sequence[Path]]) -> list[Job]:
    """Leave out the jobs whose files are clips of others among them: in a folder that is written to, these are no sources."""
    made = {path.resolve() for job in jobs for path in places(job)}
    return [job for job in jobs if not any(path.resolve() in made for _, path in job.files)]


def _model_name(request: Request) -> str:
    """Name the model of a request without clips, as the engine chooses it."""
    return default_family(request.kind) if request.model == "auto" else read_card(find_model(request.model)).name


def _is_midi(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)  # such as the ._ files that macOS leaves on other disks
    return name.suffix.lower() in ENDINGS and not hidden
