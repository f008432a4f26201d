"""A folder that several machines share: `--shard i/n` of the verbs that take folders, on real files, with small models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.file_jobs import Shard
from tests.support.processes import INTERRUPTIBLE, started

pytestmark = pytest.mark.usefixtures("own_models")
NAMES = ("rock", "funk", "house", "twinkle", "bossa", "shuffle")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def loops(clips: Path, tmp_path: Path) -> Path:
    (tmp_path / "loops" / "more").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(clips / f"{name}.mid", tmp_path / "loops")
        shutil.copy(clips / f"{name}.mid", tmp_path / "loops" / "more")
    return tmp_path / "loops"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verb", ["vary", "reconstruct"])
def test_the_parts_together_are_the_whole_byte_for_byte(verb: str, run: Run, loops: Path, tmp_path: Path) -> None:
    asked = (verb, loops, "--seed", 3, *(("--count", 1) if verb == "vary" else ()))
    assert run(*asked, "--out", tmp_path / "whole")[0] == 0
    whole = contents(tmp_path / "whole")
    parts = []
    for number in (1, 2, 3):
        assert run(*asked, "--shard", f"{number}/3", "--out", tmp_path / f"{number}")[0] == 0
        parts.append(contents(tmp_path / f"{number}"))
    assert sum(map(len, parts)) == len(whole)
    assert parts[0] | parts[1] | parts[2] == whole


def test_a_folder_that_is_written_to_is_shared_too(run: Run, loops: Path, tmp_path: Path) -> None:
    asked = ("vary", loops, "--seed", 3, "--count", 1, "--out")
    assert run(*asked, tmp_path / "whole")[0] == 0
    for number in (1, 2):
        code, _, said = run(*asked, loops, "--shard", f"{number}/2")
        assert code == 0
        assert f"of {2 * len(NAMES)} files are of part {number} of 2" in said  # what the first has made is no music
    made = {name: content for name, content in contents(loops).items() if "_vary" in name}
    assert made == contents(tmp_path / "whole")


def test_whose_a_file_is_follows_from_its_name_alone() -> None:
    names = [f"loops/{number}.mid" for number in range(1000)]
    sizes = [sum(Shard(number, 4).has(name) for name in names) for number in (1, 2, 3, 4)]
    assert sum(sizes) == 1000
    assert min(sizes) > 200
    assert all(Shard(1, 1).has(name) for name in names)
    # As disks of other machines have them: in other letters, or with an umlaut in two characters.
    assert all(Shard(k, 9).has("Beat.MID") is Shard(k, 9).has("beat.mid") for k in range(1, 10))
    assert all(Shard(k, 9).has("gr\u00fcn.mid") is Shard(k, 9).has("gru\u0308n.mid") for k in range(1, 10))
    assert [Shard(k, 4).has("loops/rock.mid") for k in (1, 2, 3, 4)] == [False, False, True, False]  # now and ever


@pytest.mark.parametrize("wrong", ["0/4", "5/4", "a/b", "1", "1/0", "-1/4", "1/4/4", "½/4"])
@pytest.mark.parametrize("verb", ["vary", "inspect", "preview"])
def test_what_is_no_part_is_told(verb: str, wrong: str, run: Run, loops: Path, tmp_path: Path) -> None:
    out = () if verb == "inspect" else ("--out", tmp_path / ("p.html" if verb == "preview" else "out"))
    code, _, said = run(verb, loops, f"--shard={wrong}", *out)
    assert code == 2
    assert f"{wrong} is no part of a whole" in " ".join(said.split())
    assert "1/4 to 4/4" in " ".join(said.split())


def test_parts_of_a_run_have_one_seed(run: Run, loops: Path, tmp_path: Path) -> None:
    asked = ("vary", loops, "--count", 1, "--out", tmp_path / "out", "--shard", "1/2")
    code, _, said = run(*asked)
    assert code == 2
    assert "--seed" in said
    assert not (tmp_path / "out").exists()
    assert run(*asked, "--dry-run")[0] == 0


def test_a_part_of_nothing_is_no_error(run: Run, clips: Path, tmp_path: Path) -> None:
    codes = [
        run("vary", clips / "rock.mid", "--seed", 1, "--count", 1, "--shard", f"{k}/5", "--out", tmp_path / "out")[0]
        for k in range(1, 6)
    ]
    assert codes == [0] * 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["rock_vary.json", "rock_vary_01.mid"]


def test_files_that_belong_together_have_no_parts(run: Run, clips: Path, tmp_path: Path) -> None:
    code, _, said = run("interpolate", clips / "rock.mid", clips / "funk.mid", "--shard", "1/2", "--out", tmp_path)
    assert code == 2
    assert "No such option" in said


def test_inspect_and_preview_take_parts(run: Run, loops: Path, tmp_path: Path) -> None:
    told = [json.loads(run("inspect", loops, "--json", "--shard", f"{k}/3")[1]) for k in (1, 2, 3)]
    shown = [file["file"] for part in told for file in part["files"]]
    assert sorted(shown) == sorted(f"{folder}{name}.mid" for name in NAMES for folder in ("", "more/"))
    assert run("vary", loops, "--seed", 1, "--count", 2, "--out", tmp_path / "new")[0] == 0
    pages = []
    for k in (1, 2, 3):
        assert run("preview", tmp_path / "new", "--shard", f"{k}/3", "--out", tmp_path / f"{k}.html")[0] == 0
        pages.append((tmp_path / f"{k}.html").read_text())
    for name in NAMES:  # all clips of a source are on one page
        assert sum(f"more/{name}_vary_01.mid" in page for page in pages) == 1
        assert [f"more/{name}_vary_01.mid" in page for page in pages] == [f"more/{name}_vary_02.mid" in page for page in pages]


@pytest.mark.skipif(sys.platform == "win32", reason="kills programs in another way")
def test_a_part_that_was_killed_goes_on_and_the_others_lose_nothing(clips: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        name = ("band", "rock", "twinkle", "funk")[number % 4]
        shutil.copy(clips / f"{name}.mid", tmp_path / "in" / f"{name}_{number:02}.mid")
    asked = ("vary", tmp_path / "in", "--count", 2, "--seed", 5, "--out")
    first = (*asked, tmp_path / "out", "--shard", "1/2")
    with started([*INTERRUPTIBLE, *map(str, first)], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "used" in line)  # comes with the first records
        process.kill()
    made_before = len(list((tmp_path / "out").glob("*.json")))
    assert 0 < made_before < 25
    assert run(*asked, tmp_path / "out", "--shard", "2/2")[0] == 0
    code, _, said = run(*first, "--skip-existing")
    assert code == 0
    assert f"{made_before} of " in said
    assert run(*asked, tmp_path / "whole")[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
