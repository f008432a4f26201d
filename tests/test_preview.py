"""The page that shows and plays clips beside what they were made from: one file, offline, whatever is in the names."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.preview.page import draw_frame, draw_page
from bridge.preview.view import LONGEST, Card, Group, draw_part, draw_source
from models.music import midi
from models.music.clip import Clip, Note
from models.music.drum_map import find_drum_map

ROOT = Path(__file__).parents[1]
GM = find_drum_map("gm").voice_of


@dataclass
class Page(HTMLParser):
    """What is on a page, by class, and what it would load."""

    text: str
    titles: list[str] = field(default_factory=list)
    notes: dict[str, dict[str, int]] = field(default_factory=dict)  # by card, how many of each class
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    policy: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = "data" if given.get("type") == "application/json" else tag
        self.outside += [
            f"{tag} {name}" for name in given if name in ("src", "href", "style", "srcset") or name.startswith("on")
        ]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if "aria-label" in given:
            self.labels.append(given["aria-label"])
        if tag == "rect" and self.titles:
            counts = self.notes.setdefault(self.titles[-1], {})
            counts[given["class"]] = counts.get(given["class"], 0) + 1

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("h3", "script", "style"):
            {"h3": self.titles, "script": self.scripts, "style": self.styles}[self._inside].append(data)
        if self._inside == "data":
            self.clips = json.loads(data)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def preview(folder: Path, *arguments: object) -> Page:
    assert run("preview", *arguments, "--out", folder / "page.html", "--force") == 0
    return Page((folder / "page.html").read_text(encoding="utf-8"))


# What is new


def test_notes_are_told_apart_by_whose_they_are() -> None:
    source = Clip((Note(36, 0, 0.25), Note(38, 1, 0.25), Note(42, 2, 0.25)), 4.0)
    made = source.with_notes((Note(36, 0.01, 0.25, 60), Note(38, 1.5, 0.25), Note(49, 3, 0.25)))
    roll = draw_part(made, GM, [source])
    assert roll.origins == ("own", "new", "new")
    assert [note.pitch for note in roll.gone] == [38, 42]
    other = source.with_notes((Note(49, 3, 0.25), Note(36, 0, 0.25)))
    between = draw_part(made, GM, [source, other])
    assert (between.origins, between.gone) == (("own", "new", "other"), ())
    assert draw_part(made, GM).origins == ("plain",) * 3


def test_what_is_no_longer_there_lies_where_it_would_be() -> None:
    source = Clip((Note(60, 8, 1),), 4.0, start=8.0)
    made = Clip((Note(64, 2, 1),), 4.0)
    assert [note.start for note in draw_part(made, None, [source]).gone] == [0.0]


# The page


def test_a_page_needs_nothing_but_itself_and_allows_nothing_else() -> None:
    source = Clip((Note(36, 0, 0.25), Note(60, 0.5, 0.25)), 4.0)
    page = Page(draw_page([Group("a beat", (Card("a beat", (draw_source(source, GM),)),))], "a beat"))
    assert not page.outside
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page.text)
    (script,), (style,) = page.scripts, page.styles
    for name, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'")


def test_names_cannot_break_out_of_a_page() -> None:
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    clip = Clip((Note(60, 0, 1),), 4.0, name=evil)
    rolls = (draw_source(clip, None, name=evil), draw_part(clip, None, [clip], evil))
    group = Group(evil, (Card(evil, rolls, is_source=True),), about=evil, remarks=(evil,))
    page = Page(draw_page([group], evil))
    assert page.titles == [evil]
    assert page.clips[0]["title"] == evil
    assert len(page.scripts) == 1
    assert not page.outside
    frame = draw_frame([group], evil)
    assert frame.count("<") == 2
    assert frame.endswith("</iframe>")


def test_the_rolls_of_a_group_are_drawn_alike_and_said_in_words() -> None:
    source = Clip((Note(60, 0, 1, 100), Note(64, 1, 1, 50)), 4.0)
    made = source.with_notes((Note(60, 0, 1, 100), Note(90, -0.5, 1)))
    group = Group(
        "tune", (Card("tune", (draw_source(source, None),), is_source=True), Card("new", (draw_part(made, None, [source]),)))
    )
    text = draw_page([group], "tune")
    page = Page(text)
    assert len(set(re.findall(r'viewBox="(0 0 [\d.]+ \d+)" height', text))) == 1
    assert page.notes == {"tune": {"own": 2}, "new": {"own": 1, "new": 1}}
    assert "Piano roll of the clip: 2 notes, 1 of them new" in page.labels
    assert "Play new" in page.labels
    assert page.clips[1] == {
        "title": "new",
        "tempo": 120.0,
        "first": -0.5,
        "start": 0.0,
        "end": 4.0,
        "parts": [{"drums": False, "notes": [[-0.5, 1, 90, 100], [0, 1, 60, 100]]}],
    }


def test_drums_have_lanes_with_names_and_sounds_by_voice() -> None:
    clip = Clip((Note(36, 0, 0.25), Note(42, 0, 0.25), Note(20, 1, 0.25), Note(38, 1, 0.25, mute=True)), 4.0)
    text = draw_page([Group("beat", (Card("beat", (draw_source(clip, GM),)),))], "beat")
    assert re.findall(r"<text[^>]*>([^<]*)<", text) == ["pad 20", "closed hat", "snare", "kick"]
    assert Page(text).clips[0]["parts"][0] == {
        "drums": True,
        "notes": [[0, 0.25, 0, 100], [0, 0.25, 2, 100], [1, 0.25, -1, 100]],
    }


def test_drums_beside_notes_are_each_drawn_as_what_they_are() -> None:
    beat, tune = Clip((Note(36, 0, 0.25),), 4.0), Clip((Note(72, 0, 1),), 4.0)
    for first, other in (((beat, GM), (tune, None)), ((tune, None), (beat, GM))):
        cards = (
            Card("a", (draw_source(*first),)),
            Card("b", (draw_source(*other),)),
            Card("c", (draw_part(beat, first[1], []),)),
        )
        text = draw_page([Group("morph", cards)], "morph")
        assert not re.search(r' y="-|="-?nan', text)
        assert Page(text).notes == {"a": {"own": 1}, "b": {"own": 1}, "c": {"new": 1}}


@pytest.mark.parametrize("pitches", [(), (0,), (127,), (0, 127)])
def test_any_clip_can_be_drawn(pitches: tuple[int, ...]) -> None:
    notes = tuple(Note(pitch, 0.0, 0.0, 0.0) for pitch in pitches)
    for voices in (None, GM):
        clip = Clip(notes, 0.5, meter=(3, 64))
        text = draw_page([Group("", (Card("", (draw_part(clip, voices, [clip]),)),))], "")
        assert sum(Page(text).notes.get("", {}).values()) in (0, len(notes))
        assert not re.search(r'="-?nan|(width|height)="-', text)


def test_of_a_very_long_clip_the_beginning_is_shown_and_that_is_said() -> None:
    clip = Clip(tuple(Note(60, float(i), 1) for i in range(4000)), 4000.0)
    text = draw_page([Group("long", (Card("long", (draw_part(clip, None, [clip]),)),))], "long")
    assert f"its first {LONGEST:g} beats" in text
    whole = Clip(clip.notes[: int(LONGEST)], LONGEST)
    assert "its first" not in draw_page([Group("", (Card("", (draw_part(whole, None, [whole]),)),))], "")
    assert len(Page(text).clips[0]["parts"][0]["notes"]) == LONGEST
    assert len(text) < 100_000


# The command


@pytest.mark.usefixtures("own_models")
def test_records_tell_what_clips_were_made_from(clips: Path, tmp_path: Path) -> None:
    given = [clips / "funk.mid", clips / "band.mid"]
    assert run("vary", *given, "--count", 2, "--seed", 1, "--amount", 0.4, "--out", tmp_path / "new") == 0
    assert (
        run("interpolate", clips / "rock.mid", clips / "bossa.mid", "--steps", 3, "--seed", 1, "--out", tmp_path / "new") == 0
    )
    page = preview(tmp_path, tmp_path / "new")
    assert page.titles == [
        *("band.mid", "band_vary_01.mid", "band_vary_02.mid"),
        *("funk.mid", "funk_vary_01.mid", "funk_vary_02.mid"),
        *("rock.mid", "bossa.mid", *(f"rock--bossa_interpolate_0{k}.mid" for k in (1, 2, 3))),
    ]
    assert page.notes["funk.mid"].keys() == {"own"}
    assert page.notes["funk_vary_01.mid"].keys() == {"own", "new"}
    assert page.notes["rock--bossa_interpolate_01.mid"].keys() == {"own"}
    assert page.notes["bossa.mid"].keys() == {"other"}
    assert page.notes["rock--bossa_interpolate_03.mid"]["other"] > 0
    assert "vary · amount 0.4 · seed 1 · by drums" in page.text
    assert {"Drum lanes of Drums", "Piano roll of Bass"} <= {label.partition(":")[0] for label in page.labels}
    beside = preview(tmp_path, tmp_path / "new" / "funk_vary_01.mid", clips / "funk.mid")
    assert beside.titles == ["funk.mid", "funk_vary_01.mid"]  # the source is not shown twice


def test_any_file_is_compared_with_another(clips: Path, tmp_path: Path) -> None:
    song = midi.read(clips / "band.mid")
    bass = song.parts[1].clip
    other = midi.replace_part(song, 1, bass.with_notes(replace(n, pitch=n.pitch + 1) for n in bass.notes))
    midi.write(tmp_path / "other.mid", other)
    page = preview(tmp_path, tmp_path / "other.mid", clips / "band.mid", "--against", clips / "band.mid")
    assert page.titles == ["band.mid", "other.mid"]
    assert page.notes["other.mid"] == {"new": len(bass.notes)}  # of the other parts nothing is drawn, but all is heard
    assert "2 other parts as in the source" in page.text
    assert len(page.clips[1]["parts"]) == 3
    alone = preview(tmp_path, tmp_path / "other.mid")
    assert alone.notes["other.mid"].keys() == {"plain"}


def test_what_cannot_be_shown_is_said(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert run("preview", clips / "corrupt.mid", clips / "rock.mid", "--out", out) == 1
    said = capsys.readouterr()
    assert "corrupt.mid" in said.err
    assert said.out.strip() == str(out)
    assert run("preview", clips / "rock.mid", "--out", out) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert run("preview", clips / "corrupt.mid", "--out", out, "--force") == 1
    assert "nothing to show" in capsys.readouterr().err
    assert run("preview", clips / "rock.mid", "--against", clips / "corrupt.mid", "--out", out, "--force") == 1


@pytest.mark.usefixtures("own_models")
def test_a_source_that_is_gone_is_said_on_the_page(clips: Path, tmp_path: Path) -> None:
    assert run("vary", clips / "rock.mid", "--count", 1, "--seed", 1, "--out", tmp_path) == 0
    record = tmp_path / "rock_vary.json"
    told = json.loads(record.read_text())
    told["sources"][0] |= {"midi": None, "path": str(tmp_path / "gone.mid")}
    del told["sources"][0]["midi"]
    record.write_text(json.dumps(told))
    page = preview(tmp_path, tmp_path)
    assert page.notes["rock_vary_01.mid"].keys() == {"plain"}
    assert "gone.mid cannot be read" in page.text


@pytest.mark.skipif(shutil.which("node") is None, reason="peer: node")
def test_the_script_plays_what_it_is_told() -> None:
    command = ["node", "--test-reporter=tap", str(ROOT / "tests" / "preview" / "player_checks.js")]
    surroundings = {**os.environ, "PLAYER": str(ROOT / "bridge" / "preview" / "player.js")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=surroundings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout
    assert "\n# skipped 0\n" in done.stdout
