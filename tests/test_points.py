"""Points of a model's latent space: clips out to other tools and back, as files that numpy reads, and through pipes."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.cli import main
from bridge.engine import Engine
from bridge.latent_file import LatentFileError, from_npz, to_npz
from bridge.requests import Reconstruct
from models.editing.points import Points, on_sphere
from models.music import midi
from models.music.clip import Clip, same_notes
from tests.support.models import tiny_engine
from tests.support.processes import PROGRAM, ROOT


@pytest.fixture(scope="module")
def engine(tiny_models: Path) -> Engine:
    return tiny_engine(tiny_models)


def encode(engine: Engine, clip: Clip, **settings: object) -> Points:
    (points,) = engine.encode(Reconstruct.model_validate({"clips": (clip,), **settings}))
    return points


@pytest.mark.parametrize("name", ["funk", "ode_to_joy", "chords", "drums_7_8", "waltz_3_4", "empty", "one_bar", "pads_not_gm"])
def test_what_is_encoded_is_decoded_as_the_model_alone_has_it(engine: Engine, clips: Path, name: str) -> None:
    clip = midi.read_clip(clips / f"{name}.mid")
    alone = engine.run(Reconstruct(clips=(clip,), fill=True, seed=1)).clips[0]
    (points,) = from_npz(to_npz(encode(engine, clip)), "it")
    made = engine.decode(points)
    assert same_notes(made, alone)
    assert (made.beats, made.meter, made.tempo, made.name) == (clip.beats, clip.meter, clip.tempo, clip.name)


def test_points_lie_on_a_sphere_and_are_put_back_on_it(engine: Engine, clips: Path) -> None:
    points = encode(engine, midi.read_clip(clips / "chords.mid"))
    voices, windows, size = points.latents.shape
    assert (voices, windows) == (5, 2)
    assert np.allclose(np.linalg.norm(points.latents, axis=-1), np.sqrt(size), rtol=1e-3)
    same = on_sphere(points.latents.reshape(-1, size))
    assert (same == points.latents.reshape(-1, size)).all()
    farther = engine.decode(points.moved(points.latents * np.float32(3)))
    assert same_notes(farther, engine.decode(points))
    with pytest.raises(ValueError, match="centre of the sphere"):
        engine.decode(points.moved(points.latents * np.float32(0)))


def test_points_that_do_not_fit_are_refused_with_what_would(engine: Engine, clips: Path) -> None:
    points = encode(engine, replace(midi.read_clip(clips / "funk.mid"), beats=16.0))
    for wrong in (points.latents[:, :, :5], np.repeat(points.latents, 2, 0), np.repeat(points.latents, 2, 1)):
        with pytest.raises(ValueError, match=r"do not fit: drums writes 16 beats of 4/4 from 1 voice × 2 windows × 16 numbers"):
            engine.decode(points.moved(wrong, np.zeros(wrong.shape[:2], np.float32)))
    with pytest.raises(ValueError, match="from more windows"):
        engine.decode(points.moved(points.latents[:, :1], points.noise[:, :1]))


def test_points_of_other_weights_are_refused(engine: Engine, clips: Path) -> None:
    points = encode(engine, midi.read_clip(clips / "funk.mid"))
    other = Points(points.latents, points.noise, points.frame, points.model, "0" * 64)
    with pytest.raises(ValueError, match="other weights when these points were found: 000000000000"):
        engine.decode(other)


def test_a_file_holds_several_points_where_its_latents_have_one_axis_more(engine: Engine, clips: Path) -> None:
    points = encode(engine, midi.read_clip(clips / "rock.mid"))
    both = np.stack([points.latents, np.roll(points.latents, 1, -1)])
    a, b = from_npz(rewritten(to_npz(points), latents=both), "it")
    assert (a.latents == points.latents).all()
    assert (b.latents == both[1]).all()


def rewritten(content: bytes, **changed: NDArray[Any] | None) -> bytes:
    """Write a file anew as numpy does, with other arrays; None leaves one out."""
    with np.load(io.BytesIO(content)) as file:
        arrays = {**file, **changed}
    out = io.BytesIO()
    np.savez_compressed(out, **{name: array for name, array in arrays.items() if array is not None})
    return out.getvalue()


def about(**changed: object) -> Callable[[bytes], bytes]:
    """Change what a file says beside its numbers."""

    def change(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as file:
            told = json.loads(str(file["about"][()]))
        return rewritten(content, about=np.array(json.dumps({**told, **changed})))

    return change


def claiming(content: bytes) -> bytes:
    """Let a header claim a hundred billion numbers."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "latents.npy":
                header = data[10:].partition(b"\n")[0]
                claim = header.replace(b"(1, 1, 16)", b"(99999, 999999, 16)")
                data = data[:8] + len(claim + b"\n").to_bytes(2, "little") + claim + b"\n" + data[11 + len(header) :]
            new.writestr(entry.filename, data)
    return out.getvalue()


BROKEN: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda content: b"", "is not a file that `latent-bridge encode` wrote"),
    (lambda content: content[:-40], "is not a file that `latent-bridge encode` wrote"),
    (lambda content: content.replace(b"NUMPY", b"NUMBY"), "is not a file"),
    (lambda content: rewritten(content, latents=None), "holds no array 'latents'"),
    (lambda content: rewritten(content, about=np.array("{")), "is not a file"),
    (lambda content: rewritten(content, about=np.array(7)), "about is an array of int64"),
    (lambda content: rewritten(content, latents=np.array([{}, object()])), "latents is an array of object"),
    (lambda content: rewritten(content, latents=np.zeros((3, 3))), "latents and noise of 3 × 3 and 1 × 1, not of voices"),
    (lambda content: rewritten(content, latents=np.full((1, 1, 16), np.inf)), "not finite numbers"),
    (lambda content: rewritten(content, latents=np.full((1, 1, 16), 1e300)), "not finite numbers"),
    (lambda content: rewritten(content, noise=np.full((1, 1), 1.5)), "noise that is not in 0..1"),
    (claiming, "latents is cut off"),
    (about(format="another 3"), "is of the format 'another 3'; this version reads"),
    (about(beats=-1), "longer than 0 beats"),
    (about(meter=[4]), "says in about of meter"),
    (about(colour="red"), "says in about of colour"),
    (about(pads=["60:gong"]), "says in about of pads"),
]


@pytest.mark.parametrize(("change", "told"), BROKEN)
def test_a_broken_or_foreign_file_ends_in_one_sentence(
    engine: Engine, clips: Path, change: Callable[[bytes], bytes], told: str
) -> None:
    content = to_npz(encode(engine, midi.read_clip(clips / "funk.mid")))
    with pytest.raises(LatentFileError, match=told) as error:
        from_npz(change(content), "z.npz")
    assert str(error.value).startswith("z.npz ") or str(error.value).startswith("z.npz:")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.usefixtures("own_models")
def test_encode_and_decode_are_commands(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("encode", clips / "band.mid", "--track", "2", "--out", tmp_path / "z.npz") == 0
    assert run("decode", tmp_path / "z.npz", "--out", tmp_path / "new") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(tmp_path / "z.npz"), str(tmp_path / "new" / "z_decode_01.mid")]
    assert "band.mid: part 2 is encoded, for melody" in said.err
    clip = midi.read_clip(tmp_path / "new" / "z_decode_01.mid")
    assert (clip.name, clip.channel) == ("Bass", 2)
    assert run("encode", clips / "band.mid", "--out", tmp_path / "z.npz") == 1
    assert run("decode", tmp_path / "z.npz", "--out", tmp_path / "new") == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert run("encode", clips / "band.mid", "--out", tmp_path / "z.npz", "--force") == 0
    assert run("encode", clips, "--out", tmp_path / "y.npz") == 1
    assert run("decode", tmp_path / "missing.npz", "--out", tmp_path) == 1
    assert run("decode", clips / "band.mid", "--out", tmp_path) == 1
    assert [line[:40] for line in capsys.readouterr().err.splitlines()[-3:]] == [
        f"latent-bridge: {clips} is a folder"[:40],
        "latent-bridge: missing.npz cannot be rea",
        "latent-bridge: band.mid is not a file th",
    ]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


# Pipes


def piped(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, cwd=ROOT, check=False, timeout=60)


@pytest.mark.usefixtures("own_models")
def test_one_clip_goes_through_pipes(clips: Path, tmp_path: Path) -> None:
    beat = (clips / "rock.mid").read_bytes()
    made = piped("vary", "-", "--count", 1, "--seed", 1, "--out", "-", given=beat)
    assert (made.returncode, made.stderr) == (0, b"")
    assert run("vary", clips / "rock.mid", "--count", 1, "--seed", 1, "--out", tmp_path) == 0
    assert made.stdout == (tmp_path / "rock_vary_01.mid").read_bytes()
    points = piped("encode", "-", "--out", "-", given=made.stdout)
    back = piped("decode", "-", "--out", "-", given=points.stdout)
    assert back.stdout[:4] == b"MThd"
    kept = piped("vary", "-", "--count", 1, "--seed", 1, "--out", tmp_path / "kept", given=beat)
    assert kept.stdout.decode().split() == [str(tmp_path / "kept" / "stdin_vary_01.mid")]
    assert run("recall", tmp_path / "kept" / "stdin_vary.json", "--out", tmp_path / "again") == 0
    assert (tmp_path / "again" / "stdin_vary_01.mid").read_bytes() == made.stdout


@pytest.mark.usefixtures("own_models")
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["vary", "rock.mid", "--out", "-"], "this vary makes up to 8: add --count 1"),
        (["interpolate", "rock.mid", "funk.mid", "--out", "-"], "this interpolate makes up to 7: give a folder"),
        (["vary", "rock.mid", "funk.mid", "--count", "1", "--out", "-"], "these are 2 files"),
        (["vary", "rock.mid", "--count", "1", "--json", "--out", "-"], "the clip itself goes to stdout"),
        (["vary", "rock.mid", "--count", "1", "--skip-existing", "--out", "-"], "the clip itself goes to stdout"),
        (["interpolate", "-", "-", "--out", "new"], "- is given more than once"),
    ],
)
def test_what_does_not_go_through_a_pipe_is_said(
    clips: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: list[str], told: str
) -> None:
    monkeypatch.chdir(clips)
    assert run(*typed) in (1, 2)
    said = capsys.readouterr()
    assert told in said.err
    assert not said.out


@pytest.mark.usefixtures("own_models")
def test_an_empty_pipe_is_named(tmp_path: Path) -> None:
    done = piped("vary", "-", "--count", 1, "--out", tmp_path)
    assert (done.returncode, done.stderr) == (1, b"latent-bridge: stdin is empty\n")
