"""A family is one file and one line of the registry: a toy is added to a copy of the project, and everything is run on it.

Its windows are four beats of three steps, with two symbols a step: see `tests/support/toy_family.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.music.clip import Clip, Note
from models.music.midi import Song, from_bytes, read, to_bytes
from tests.support.osc_client import OscClient

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[1]
LINE = '    "toy": Entry("models.families.toy", kind="toy", lanes=("low", "high")),\n'
CONFIG = "family: toy\nsteps: 60\nbatch: 32\nwarmup: 5\nreport_every: 30\nlearning_rate: 0.004\n"
RUN = """
import json, sys
from bridge.cli import main
for arguments in json.load(sys.stdin):
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            sys.exit(f"{' '.join(arguments)} ended with {end.code}")
"""
SERVE = """
import json, sys, threading
from bridge.config import ServerConfig
from bridge.server import Server
server = Server(ServerConfig(port=0))
print(json.dumps(server.port), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), server.stop()), daemon=True).start()
server.run()
"""

EVALUATE = """
import json
from pathlib import Path
from bridge.evaluation import evaluate_model
from models.evaluation.data import Sizes
sizes = Sizes(
    windows=24, middles=12, files=3, varied_files=2, corners=1, amounts=2, magnified=12, pairs=2, locks=6, hidden=6, halvings=1
)
print(json.dumps(evaluate_model("toy", Path("music"), control=True, sizes=sizes)))
"""


class Project:
    """A copy of the packages with the toy in it, and the folders it works in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        code = shutil.ignore_patterns("pretrained", "__pycache__")
        for package in ("bridge", "models"):
            shutil.copytree(ROOT / package, folder / package, ignore=code)
        shutil.copy(ROOT / "tests" / "support" / "toy_family.py", folder / "models" / "families" / "toy.py")
        registry = folder / "models" / "families" / "registry.py"
        text = registry.read_text(encoding="utf-8")
        first = '    "melody": Entry('
        assert text.count(first) == 1
        registry.write_text(text.replace(first, LINE + first), encoding="utf-8")
        self.models = folder / "home" / "latent-bridge" / "models"
        (folder / "toy.yaml").write_text(CONFIG, encoding="utf-8")
        (folder / "music").mkdir()
        for seed in range(24):
            (folder / "music" / f"{seed}.mid").write_bytes(to_bytes(bongos(seed)))

    def start(self, code: str) -> subprocess.Popen[str]:
        """Start a Python of its own on the copy."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "XDG_DATA_HOME": str(self.folder / "home")}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=self.folder, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *commands: str) -> str:
        """Run command lines one after the other, and return what they print."""
        process = self.start(RUN)
        out, err = process.communicate(json.dumps([command.split() for command in commands]), timeout=200)
        assert process.returncode == 0, err
        return out


def bongos(seed: int, beats: float = 16.0) -> Clip:
    """Play a pattern of triplets with some strokes that leave it."""
    rng = np.random.default_rng(seed)
    pattern = rng.random((12, 2)) < 0.35
    notes = [
        Note(60 + drum, step / 3, 0.25, float(rng.integers(60, 120)))
        for step in range(int(beats * 3))
        for drum in (0, 1)
        if pattern[step % 12, drum] or rng.random() < 0.05
    ]
    return Clip(tuple(notes), beats, channel=12)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Project:
    made = Project(tmp_path_factory.mktemp("toy"))
    made.models.mkdir(parents=True)
    shutil.copytree(tiny_models / "melody", made.models / "melody")
    made.run(f"train toy.yaml --data music --out {made.models / 'toy'} --device cpu")
    return made


def written(folder: Path) -> Sequence[Clip]:
    """Read the first part of all clips of a folder."""
    return [read(path).parts[0].clip for path in sorted(folder.glob("*.mid")) if read(path).parts]


def test_every_verb_runs_on_it(project: Project) -> None:
    project.run(
        "sample --kind toy --count 3 --bars 3 --seed 1 --out samples",
        "vary music/0.mid --amount .3 --count 4 --seed 1 --out varied",
        "vary music/0.mid --amount .5 --count 3 --lock-voices low --seed 1 --out locked",
        "vary music/0.mid --amount .5 --count 3 --lock rhythm --density 1 --seed 1 --out steady",
        "interpolate music/0.mid music/1.mid --steps 5 --seed 1 --out walked",
        "blend music/0.mid music/1.mid music/2.mid --grid 3 --seed 1 --out blended",
        "cross music/0.mid music/1.mid --count 2 --seed 1 --out crossed",
        "reconstruct music/0.mid --seed 1 --out again",
        "recall varied/0_vary.json --out recalled",
    )
    source = read(project.folder / "music" / "0.mid").parts[0].clip
    assert len(written(project.folder / "samples")) == 3
    assert all(clip.beats == 12 for clip in written(project.folder / "samples"))
    varied = written(project.folder / "varied")
    assert len(varied) == 4
    assert all(clip.notes != source.notes and {n.pitch for n in clip.notes} <= {60, 61} for clip in varied)
    low = [n for n in source.notes if n.pitch == 60]
    assert all([n for n in clip.notes if n.pitch == 60] == low for clip in written(project.folder / "locked"))
    struck = {round(n.start * 3) for n in source.notes}
    assert all({round(n.start * 3) for n in clip.notes} == struck for clip in written(project.folder / "steady"))
    walked = written(project.folder / "walked")
    assert len(walked) == 5
    assert walked[0].notes == source.notes
    assert len(written(project.folder / "blended")) == 9
    for name in ("crossed", "again"):
        assert written(project.folder / name)
    for path in (project.folder / "varied").glob("*.mid"):
        assert (project.folder / "recalled" / path.name).read_bytes() == path.read_bytes()


def test_a_file_of_several_tracks_finds_it_by_its_evidence(project: Project) -> None:
    tune = Clip(tuple(Note(60 + p, p / 2, 0.5) for p in (0, 2, 4, 5, 7, 9, 11, 12)), 16.0)
    parts = [from_bytes(to_bytes(replace(clip, channel=k + 1, name=name))) for k, (clip, name) in enumerate(_named(tune))]
    song = Song(1, 480, tuple(track for part in parts for track in part.tracks), (), (), ())
    (project.folder / "both.mid").write_bytes(to_bytes(song))
    told = json.loads(project.run("vary both.mid --amount .3 --count 2 --seed 1 --json --out both"))
    assert set(told["models"]) == {"toy", "melody"}
    assert len(told["clips"]) == 2


def _named(tune: Clip) -> Sequence[tuple[Clip, str]]:
    return [(bongos(3), "bongos"), (tune, "tune")]


def test_it_is_evaluated(project: Project) -> None:
    out, err = project.start(EVALUATE).communicate("", timeout=200)
    assert out, err
    figures = json.loads(out)
    assert figures["clips"] > 24
    for key in ("step_accuracy", "step_accuracy_tf", "onset_f1", "file_onset_f1", "sample_auc", "vary_auc_03", "middle_auc"):
        assert isinstance(figures[key], float), key
    for key in ("amount_mae", "step_cv", "hidden_bar_nats", "hidden_voices_nats", "seam_auc"):
        assert isinstance(figures[key], float), key
    assert figures["exact_wrong"] == figures["locks_touched"] == 0


def test_a_server_answers_for_it(project: Project) -> None:
    process = project.start(SERVE)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())
        rows = [(n.pitch, n.start, n.duration, n.velocity, 0.0, 1.0, 0.0, 64.0) for n in bongos(1).notes]
        with OscClient(port) as client:
            client.wait_until_ready()
            reply = client.ask("vary", "kind", "toy", "count", 2, "seed", 1, clips=[rows], beats=16.0)
        assert reply.end.address == "/bridge/done"
        assert reply.end.values[1:] == (2, 1, "toy")
    finally:
        process.communicate("", timeout=30)
