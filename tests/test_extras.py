"""The optional installs: what lacks one says which, the doctor lists them, and the core does without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.extras import EXTRAS, MissingExtraError, need
from tests.support.tiny_models import SHAPES, shapes_of_torch

ROOT = Path(__file__).parents[1]
COMMAND = "import sys; from bridge.cli import main; main(sys.argv[1:])"


def in_the_core(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line where nothing but the core is found."""
    paths = [str(ROOT / "tests" / "core_only"), str(ROOT)]
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "x.yaml", "--data", "x", "--out", "y"], ("train needs PyTorch, scikit-learn and SciPy", "them", "train")),
        (["evaluate", "drums", "x"], ("evaluate needs PyTorch, scikit-learn and SciPy", "them", "train")),
        (["sample", "--device", "cuda", "--out", "y"], ("device cuda needs PyTorch", "it", "gpu")),
        (["sample", "--device", "mps", "--out", "y"], ("device mps needs PyTorch", "it", "gpu")),
    ],
)
def test_a_verb_that_lacks_its_install_names_it(tmp_path: Path, arguments: list[str], told: tuple[str, str, str]) -> None:
    done = in_the_core(*(tmp_path / a if a in ("x", "x.yaml", "y") else a for a in arguments))
    what, it, name = told
    assert done.stderr == f'latent-bridge: {what}: install {it} with pip install "latent-bridge[{name}]"\n'
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (1, "", [])


def test_music_is_made_and_recalled_in_the_core(clips: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert in_the_core("interpolate", clips / "rock.mid", clips / "funk.mid", "--seed", 1, "--out", first).returncode == 0
    done = in_the_core("recall", first / "rock--funk_interpolate.json", "--out", again)
    assert "7 of 7 clips are the same, byte for byte" in done.stderr


def test_the_doctor_lists_the_installs_and_none_is_an_error() -> None:
    lines = in_the_core("doctor").stdout.splitlines()
    assert [line for line in lines if line.startswith("ok     core ")]
    assert [line for line in lines if "device cpu" in line]
    wrong = [line for line in lines if line.startswith("wrong")]
    assert not [line for line in wrong if "port" not in line]  # another's server may be up on this machine


def test_a_notesequence_needs_its_install() -> None:
    code = "from models.music.clip import Clip; from models.music.note_seq import quantize; quantize(Clip((), 4.0))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "core_only"), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=env)
    told = 'a NoteSequence needs note-seq: install it with pip install "latent-bridge[note-seq]"'
    assert done.stderr.splitlines()[-1] == f"models.extras.MissingExtraError: {told}"


def test_what_is_needed_is_asked_of_the_table() -> None:
    missing = EXTRAS["train"].missing()
    if not missing:
        need("train", "train")
        return
    with pytest.raises(MissingExtraError, match="train needs"):
        need("train", "train")


@pytest.mark.full
@pytest.mark.parametrize("family", ["drums", "melody"])
def test_the_small_models_of_the_tests_have_the_shapes_of_the_network(family: str) -> None:
    assert json.loads(SHAPES.read_text(encoding="utf-8"))[family] == shapes_of_torch(family)
