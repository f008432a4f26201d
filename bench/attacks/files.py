"""Attacks by files: models that are none, MIDI files of a few bytes that take gigabytes, runs that are cut off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from bench.attacks.peer import BEAT, Peer, code_of
from bench.attacks.server import ROOT, Done, command, environment, run_program
from bench.attacks.trial import Lost, Trial, attack

CLIPS = ROOT / "tests" / "clips"
SHIPPED = ROOT / "models" / "pretrained"
MODEL_S, FILE_S = 10.0, 30.0
PATIENCE_S = 240.0  # where nothing is timed: what takes longer hangs
FILE_MB = 600.0
ROOM = {"RLIMIT_AS": 4 * 2**30}  # so that no attack harms the machine it is tried on
FULL_DISKS = 150, 1500  # bytes that fit in a file: fewer than a clip's, and fewer than its record's


Spoil = Callable[[Path], object]
Weights = dict[str, NDArray[np.generic]]


# Models


def _source(trial: Trial) -> Path:
    return (trial.models or SHIPPED) / "melody"


def _copy_model(trial: Trial, to: Path) -> Path:
    shutil.copytree(_source(trial), to, ignore=shutil.ignore_patterns("*.png", "evaluation.json", "metrics.jsonl"))
    return to


def _fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _card_of(text: str | bytes) -> Spoil:
    return lambda folder: (folder / "model.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())


_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
CARDS: dict[str, Spoil] = {
    "a list": _card_of("- 1\n- 2\n"),
    "not UTF-8": _card_of(b"name: \xff\xfe\n"),
    "nested deeply": _card_of("[" * 100_000),
    "an alias bomb": _card_of(_BOMB),
    "nothing": _card_of(""),
    "a tag of Python": _card_of("!!python/object/apply:os.system ['exit 3']\n"),
    "very large": _card_of("# " + "x" * 64 * 2**20),
}
if hasattr(os, "mkfifo"):
    CARDS["a fifo"] = lambda folder: _fifo(folder / "model.yaml")


@attack("bad folders among the user's models")
def bad_folders(trial: Trial) -> None:
    """One folder that is no model, and the server never gets ready: each request ends with `internal`."""
    trial.tried = f"cards: {', '.join(CARDS)}"
    cases = {name: {name: spoil} for name, spoil in CARDS.items()} if trial.effort.share >= 1 else {"all of them": CARDS}
    for number, (name, spoils) in enumerate(cases.items()):
        inner = Trial(trial.effort, trial.home / f"user{number}")
        models = inner.home / "own" / "latent-bridge" / "models"
        models.mkdir(parents=True)
        _copy_model(trial, models / "mine")
        for index, spoil in enumerate(spoils.values()):
            (models / f"bad{index}").mkdir()
            spoil(models / f"bad{index}")
        inner.models = models
        try:
            with inner.server(patience=20.0 if trial.effort.is_timed else PATIENCE_S) as server, Peer(server.port) as peer:
                welcome = peer.hello()
                count = int(welcome.values[4]) if welcome else 0
                lines = [peer.until("model", seconds=20) for _ in range(count)]
                known = [line.values[1] for line in lines if line]
                inner.expect("mine" in known, f"the good model beside it is not listed: {known}")
                for model in ("auto", "mine"):
                    code = code_of(peer.ask("vary", "count", 1, "seed", 1, "model", model, clips=[BEAT], seconds=20))
                    inner.expect(code == "done", f"a vary by {model} ends with {code}")
        except Lost:
            pass
        trial.failures += [f"{name}: {failure}" for failure in inner.failures]
        trial.before, trial.peak = inner.before, np.fmax(trial.peak, inner.peak)


def _rewrite(change: Callable[[Weights], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        weights = load_file(folder / "weights.safetensors")
        change(weights)
        save_file(weights, folder / "weights.safetensors")

    return spoil


def _cut(folder: Path) -> None:
    whole = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(whole[: len(whole) // 2])


def _first(weights: Mapping[str, object]) -> str:
    return max(weights, key=lambda name: (getattr(weights[name], "size", 0), name))


def _not_finite(weights: Weights) -> None:
    for name in weights:
        weights[name] = np.full_like(weights[name], np.nan)


WEIGHTS: dict[str, Spoil] = {
    "cut off": _cut,
    "a tensor missing": _rewrite(lambda w: w.pop(_first(w))),
    "NaN": _rewrite(_not_finite),
    "a tensor too many": _rewrite(lambda w: w.update(surprise=np.zeros(3, np.float16))),
    "another shape": _rewrite(lambda w: w.update({_first(w): w[_first(w)][:-1].copy()})),
    "whole numbers": _rewrite(lambda w: w.update({_first(w): w[_first(w)].astype(np.int8)})),
    "a header of 2^60 bytes": lambda folder: (folder / "weights.safetensors").write_bytes(struct.pack("<Q", 2**60)),
    "none": lambda folder: (folder / "weights.safetensors").unlink(),
}
if hasattr(os, "mkfifo"):
    WEIGHTS["a fifo"] = lambda folder: _fifo(folder / "weights.safetensors")


def _key_too_many(folder: Path) -> None:
    with (folder / "model.yaml").open("a", encoding="utf-8") as card:
        card.write("surprise: 1\n")


@attack("--model with bad weights")
def bad_weights(trial: Trial) -> None:
    """A download that broke off ends in a traceback, or in no end."""
    cases = {**{f"weights: {name}": spoil for name, spoil in WEIGHTS.items()}, "card: a key too many": _key_too_many}
    cases |= {f"card: {name}": CARDS[name] for name in ("an alias bomb", "nested deeply", "a fifo") if name in CARDS}
    if trial.effort.share < 1:
        cases = {name: cases[name] for name in list(cases)[:3]}
    trial.tried = "; ".join(cases)
    for number, (name, spoil) in enumerate(cases.items()):
        folder = _copy_model(trial, trial.home / f"model{number}")
        card = folder / "model.yaml"
        spoil(folder)
        weights = folder / "weights.safetensors"
        if card.is_file() and weights.is_file() and name.startswith("weights"):  # or its card gives it away
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            card.write_text(re.sub("weights_sha256: .*", f"weights_sha256: {digest}", card.read_text("utf-8")), "utf-8")
        seconds = 2 * MODEL_S if trial.effort.is_timed else PATIENCE_S
        arguments = ("sample", "--model", folder, "--count", "1", "--seed", "1", "--out", trial.home / f"out{number}")
        done = run_program(trial.home, *arguments, seconds=seconds, limits=ROOM)
        trial.expect(done.is_sentence, f"{name}: {_ended(done)}")
        trial.expect_soon(1000 * done.seconds, 1000 * MODEL_S, name)
        trial.peak = float(np.fmax(trial.peak, done.memory))


def _ended(done: Done) -> str:
    """Say how a command ended."""
    if done.code is None:
        return f"it does not end within {done.seconds:.0f} s"
    lines = done.errors.strip().splitlines()
    said = "a traceback" if done.has_traceback else f"{len(lines)} lines" if len(lines) != 1 else "one line"
    return f"exit {done.code}, {said}: {(lines or ['nothing'])[-1][:90]}"


# MIDI files


def midi(events: bytes, division: int = 480) -> bytes:
    """Write a MIDI file of one track."""
    track = events + b"\0\xff\x2f\0"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, division, b"MTrk", len(track)) + track


OURS = b'\x7dLatentBridge 1 {"part":1,"clip":{"beats":1e308}}'
FAR = b"\xff\xff\xff\x7f"  # 2^28 - 1 ticks, the longest that a file can write
MIDI: dict[str, bytes] = {
    "37 bytes, a note far away": midi(FAR + b"\x90\x3c\x40" + b"\x60\x80\x3c\x40"),
    "one very long note": midi(b"\0\x90\x3c\x40" + FAR + b"\x80\x3c\x40"),
    "our event with beats 1e308": midi(b"\0\xff\x7f" + bytes([len(OURS)]) + OURS + b"\0\x90\x3c\x40\x60\x80\x3c\x40"),
    "60,000 equal notes": midi(b"\0\x90\x3c\x40" * 60_000 + b"\x60\x80\x3c\x40" + b"\0\x80\x3c\x40" * 59_999),
    "one tick a beat": midi((b"\x7f\x90\x3c\x40" + b"\x7f\x80\x3c\x40") * 400, division=1),
    "a hundred very long notes": midi((b"\0\x90\x3c\x40" + FAR + b"\x80\x3c\x40") * 100),
    "a track of 4 GB, as it says": midi(b"\0\x90\x3c\x40")[:18] + b"\xff\xff\xff\xff",
}


@attack("small MIDI files that take much")
def midi_bombs(trial: Trial) -> None:
    """A file of 37 bytes takes gigabytes, and all the others of its folder wait."""
    cases = {name: {name: data} for name, data in MIDI.items()} if trial.effort.share >= 1 else {"all of them": MIDI}
    trial.tried = f"{'; '.join(MIDI)}; each between two good files"
    for number, (name, files) in enumerate(cases.items()):
        folder = trial.home / f"folder{number}"
        folder.mkdir()
        shutil.copy(CLIPS / "funk.mid", folder / "a_good.mid")
        shutil.copy(CLIPS / "twinkle.mid", folder / "z_good.mid")
        for index, data in enumerate(files.values()):
            (folder / f"m_bad{index}.mid").write_bytes(data)
        out = trial.home / f"out{number}"
        seconds = 2 * FILE_S if trial.effort.is_timed else PATIENCE_S
        arguments = ("vary", folder, "--count", "1", "--seed", "1", "--out", out)
        done = run_program(trial.home, *arguments, seconds=seconds, limits=ROOM)
        is_well = done.code in (0, 1) and not done.has_traceback
        trial.expect(is_well, f"{name}: {_ended(done)}")
        trial.expect(_has(out, "a_good", "z_good"), f"{name}: the good files beside it are not done")
        trial.expect(not done.memory > FILE_MB, f"{name}: {done.memory:.0f} MB")
        trial.expect_soon(1000 * done.seconds, 1000 * FILE_S, name)
        trial.peak = float(np.fmax(trial.peak, done.memory))


def _has(out: Path, *stems: str) -> bool:
    return all((out / f"{stem}_vary_01.mid").is_file() and (out / f"{stem}_vary.json").is_file() for stem in stems)


@attack("a fifo for a file")
def fifos(trial: Trial) -> None:
    """A file that never ends stops the whole run."""
    if not hasattr(os, "mkfifo"):
        trial.tried = "nothing: this system has none"
        return
    trial.tried = "in a folder, and named"
    folder = trial.home / "folder"
    folder.mkdir()
    shutil.copy(CLIPS / "funk.mid", folder / "z_good.mid")
    _fifo(folder / "m_fifo.mid")
    for number, paths in enumerate(([folder], [folder / "m_fifo.mid", folder / "z_good.mid"])):
        out = trial.home / f"out{number}"
        seconds = FILE_S if trial.effort.is_timed else PATIENCE_S
        done = run_program(trial.home, "vary", *paths, "--count", "1", "--seed", "1", "--out", out, seconds=seconds)
        name = "named" if number else "in a folder"
        trial.expect(done.code in ((1,) if number else (0, 1)) and not done.has_traceback, f"{name}: {_ended(done)}")
        trial.expect(_has(out, "z_good"), f"{name}: the good file beside it is not done")


@attack("a full disk")
def full_disk(trial: Trial) -> None:
    """A full disk leaves empty files, and does not say which."""
    if sys.platform == "win32":
        trial.tried = "nothing: this system has no limit of a file's size"
        return
    trial.tried = f"files of at most {' and '.join(map(str, FULL_DISKS))} bytes"
    for size in FULL_DISKS:
        out = trial.home / f"out{size}"
        arguments = ("vary", CLIPS / "funk.mid", "--count", "2", "--seed", "1", "--out", out)
        # What the program says goes to files too, which the limit holds for: to pipes then.
        line = command({"RLIMIT_FSIZE": size}, *arguments)
        own = environment(trial.home)
        done = subprocess.run(line, capture_output=True, text=True, cwd=trial.home, env=own, timeout=PATIENCE_S, check=False)
        ended = _ended(Done(done.returncode, done.stdout, done.stderr, 0, 0))
        trial.expect(done.returncode == 1 and "Traceback" not in done.stderr, f"{size}: {ended}")
        trial.expect("out" in done.stderr and "funk" in done.stderr, f"{size}: the file is not named: {ended}")
        broken = [path.name for path in out.rglob("*") if path.is_file() and not _is_whole(path)] if out.exists() else []
        trial.expect(not broken, f"{size}: left behind: {', '.join(broken)}")


def _is_whole(path: Path) -> bool:
    """Whether a file that was written is not a part of one."""
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            return isinstance(json.loads(data), dict)
        except ValueError:
            return False
    at = 14
    while at + 8 <= len(data):
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    return path.suffix == ".mid" and data.startswith(b"MThd") and at == len(data)


@attack("a folder run that is killed")
def killed_run(trial: Trial) -> None:
    """A run over a folder that is cut off must begin anew, or leaves half of a file that looks whole."""
    count, kills = trial.effort.of(48, 17), trial.effort.of(3)
    trial.tried = f"{count} files; killed {kills} times, gone on with --skip-existing"
    folder = trial.home / "folder"
    folder.mkdir()
    plain = (CLIPS / "funk.mid").read_bytes()
    for number in range(count):
        (folder / f"beat{number:02}.mid").write_bytes(plain)
    arguments = ("vary", folder, "--count", "2", "--seed", "5", "--out")
    whole = run_program(trial.home, *arguments, trial.home / "whole", seconds=PATIENCE_S)
    trial.demand(whole.code == 0, f"uninterrupted: {_ended(whole)}")
    out = trial.home / "out"
    for turn in range(kills):
        more = ("--skip-existing",) if turn else ()
        before = len(list(out.glob("*.json"))) if out.exists() else 0
        _kill_after(trial, [*arguments, out, *more], out, before + 1 + turn)
        broken = [path.name for path in out.rglob("*.*") if path.suffix in (".mid", ".json") and not _is_whole(path)]
        trial.expect(not broken, f"left behind: {', '.join(broken)}")
    done = run_program(trial.home, *arguments, out, "--skip-existing", seconds=PATIENCE_S)
    trial.demand(done.code == 0, f"gone on with: {_ended(done)}")
    first, second = (
        {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (trial.home / "whole", out)
    )
    other = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    trial.expect(not other, f"{len(other)} files differ from those of an uninterrupted run, such as {''.join(other[:1])}")


def _kill_after(trial: Trial, arguments: list[str | Path], out: Path, records: int) -> None:
    """Kill a run once so many records are there."""
    end = time.monotonic() + PATIENCE_S
    with subprocess.Popen(
        command({}, *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=trial.home,
        env=environment(trial.home),
    ) as process:
        while process.poll() is None and time.monotonic() < end:
            if out.exists() and len(list(out.glob("*.json"))) >= records:
                process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
                break
            time.sleep(0.001)
        process.kill()
