"""Draws groups of clips as one HTML page that works offline: piano rolls, drum lanes, and sounds of its own. No files."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from bridge.preview.view import LONGEST, Card, Group, Roll, lane_name, lanes_of
from models.music.clip import Clip, Note

LANE, STROKE = 15, 0.16  # pixels of a drum lane, beats of a stroke
ROLL_HEIGHT, LEAST_ROW, MOST_ROW = 150, 4, 11  # pixels of a piano roll, about, and of a semitone
LEAST_SPAN = 12  # semitones
NAMES_WIDTH = 62  # pixels of the names of lanes, of pitches less
PITCHES_WIDTH = 28
WIDE = 16.0  # beats beyond which a card takes a whole row
SCROLLS = 52.0  # beats beyond which a roll is wider than the widest page
BEAT_WIDTH = 22  # pixels of a beat, at the least
NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
BLACK = {1, 3, 6, 8, 10}
LEGEND = {
    "own": "as in the source",
    "other": "as in another source",
    "new": "new or moved",
    "gone": "was there in the source",
}


@dataclass(frozen=True)
class Frame:
    """What rolls that lie beside one another share, so that they can be compared: lanes or rows, and the time."""

    start: float
    end: float
    lanes: tuple[str, ...]  # of drums
    low: int = 0
    high: int = 0

    @property
    def row(self) -> int:
        """The height of a lane or a semitone, in pixels."""
        return LANE if self.lanes else min(max(ROLL_HEIGHT // (self.high - self.low + 1), LEAST_ROW), MOST_ROW)

    @property
    def height(self) -> int:
        """The height of all rows."""
        return self.row * (len(self.lanes) or self.high - self.low + 1)


Frames = Mapping[tuple[int, bool], Frame]  # by the number of a part, and whether it is drums


def draw_page(groups: Sequence[Group], title: str) -> str:
    """Draw a whole page. Nothing in it is loaded from anywhere; its policy forbids all but its own script and style."""
    style, script = _resource("page.css") + _widths(groups), _resource("player.js")
    cards = [card for group in groups for card in group.cards]
    data = json.dumps([_sounds(card) for card in cards], separators=(",", ":")).replace("<", "\\u003c")
    bodies, first = [], 0
    for group in groups:
        bodies.append(_group(group, first))
        first += len(group.cards)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<div><h1>{escape(title)}</h1>{_legend(groups)}</div>
<div class="tools">
<label><input type="checkbox" id="loop" checked> Loop</label>
<label>Volume <input type="range" id="volume" min="0" max="100" value="80"></label>
</div>
</header>
<main>
{"".join(bodies)}</main>
<footer><p>Click into a roll to play from there. The sounds are this page’s own, not those of your instruments.</p></footer>
<p id="said" class="unseen" role="status"></p>
<script type="application/json" id="clips">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def draw_frame(groups: Sequence[Group], title: str) -> str:
    """Draw the same page for a notebook: in a frame of its own, so that neither's styles reach the other."""
    cards = sum(len(group.cards) for group in groups)
    tallest = max((sum(_frame([roll]).height + 30 for roll in c.rolls) for g in groups for c in g.cards), default=0)
    height = min(190 + (tallest + 80) * -(-cards // 2), 720)
    page = escape(draw_page(groups, title), quote=True)
    return (
        f'<iframe title="{escape(title, quote=True)}" srcdoc="{page}" sandbox="allow-scripts" width="100%" height="{height}" '
        'style="border:0;border-radius:10px;resize:vertical"></iframe>'
    )


def _group(group: Group, first: int) -> str:
    about = f'<p class="soft">{escape(group.about)}</p>' if group.about else ""
    remarks = ""
    if group.remarks:
        lines = "".join(f"<li>{escape(line)}</li>" for line in group.remarks)
        remarks = f"<details><summary>What was done to make it fit</summary><ul>{lines}</ul></details>"
    shown, frames = group.shown, _frames(group)
    cards = [_card(card, whole, frames, first + i) for i, (card, whole) in enumerate(zip(shown, group.cards, strict=True))]
    label = escape(group.title, quote=True)
    heading = f"<h2>{escape(group.title)}</h2>\n{about}{remarks}"
    return f'<section aria-label="{label}">\n{heading}<ul class="cards">\n{"".join(cards)}</ul>\n</section>\n'


def _card(card: Card, whole: Card, frames: Frames, number: int) -> str:
    clip, its = card.rolls[0].clip, [frames[k, roll.voices is not None] for k, roll in enumerate(card.rolls)]
    notes = sum(len(roll.clip.notes) for roll in card.rolls)
    new = sum(roll.new for roll in card.rolls)
    bars = clip.beats / clip.bar
    facts = [f"{bars:g} bar{'s' * (bars != 1)} of {clip.meter[0]}/{clip.meter[1]}", f"{notes} note{'s' * (notes != 1)}"]
    if any(origin != "plain" for roll in card.rolls for origin in roll.origins) and not card.is_source:
        facts[1] = f"{new} of {notes} notes new"
    if (others := len(whole.rolls) - len(card.rolls)) > 0:
        facts.append(f"{others} other part{'s' * (others != 1)} as in the source")
    if any(roll.is_cut for roll in card.rolls):
        facts.append(f"its first {LONGEST:g} beats")
    kind = "source, " if card.is_source else ""
    parts = "".join(_part(roll, frame, len(card.rolls) > 1) for roll, frame in zip(card.rolls, its, strict=True))
    classes = "card" + " source" * card.is_source + " wide" * (its[0].end - its[0].start > WIDE)
    return f"""<li class="{classes}" data-clip="{number}">
<div class="head"><button class="play" type="button" aria-pressed="false" aria-label="Play {escape(card.title, quote=True)}">
<svg class="start" viewBox="0 0 14 14" aria-hidden="true"><path d="M3 1l10 6-10 6z"/></svg>
<svg class="stop" viewBox="0 0 14 14" aria-hidden="true"><path d="M2 2h10v10h-10z"/></svg></button>
<div><h3>{escape(card.title)}</h3><p class="count">{kind}{escape(", ".join(facts))}</p></div></div>
{parts}</li>
"""


def _part(roll: Roll, frame: Frame, is_named: bool) -> str:
    """Draw one part: the names of its lanes or pitches, which keep their size, and a roll as wide as there is room."""
    name = f'<p class="part-name">{escape(roll.name or "unnamed")}</p>' if is_named else ""
    said = f"{'Drum lanes' if frame.lanes else 'Piano roll'} of {roll.name or 'the clip'}: {len(roll.clip.notes)} notes"
    said += f", {roll.new} of them new" if roll.new else ""
    length, height = frame.end - frame.start, frame.height
    width = f"{length:g}"
    body = [_ground(frame), _lines(roll.clip, frame, height)]
    body += [f'<path class="gone" d="{"".join(_box(note, roll, frame) for note in roll.gone)}"/>' if roll.gone else ""]
    for note, origin in zip(roll.clip.notes, roll.origins, strict=True):
        x, y, w, h = _place(note, roll, frame)
        opacity = "0.25" if note.mute else f"{0.45 + 0.55 * note.velocity / 127:.2f}"
        body.append(f'<rect class="{origin}" x="{x:.6g}" y="{y:.6g}" width="{w:.6g}" height="{h:.6g}" opacity="{opacity}"/>')
    body.append(f'<path class="now" d="M0 0V{height}"/>')
    scrolls = ' tabindex="0"' if length > SCROLLS else ""  # so that arrow keys scroll it
    return (
        f'{name}<div class="part">{_names(frame)}<div class="window"{scrolls}>'
        f'<svg class="roll {_width_class(length)}" role="img" aria-label="{escape(said, quote=True)}" '
        f'viewBox="0 0 {width} {height}" height="{height}" preserveAspectRatio="none" '
        f'data-start="{frame.start:g}" data-beats="{width}">{"".join(body)}</svg></div></div>\n'
    )


def _frames(group: Group) -> Frames:
    """Find a frame for each part: those beside one another are drawn alike, drums and notes each for themselves."""
    rolls: dict[tuple[int, bool], list[Roll]] = {}
    for card in group.shown:
        for k, roll in enumerate(card.rolls):
            rolls.setdefault((k, roll.voices is not None), []).append(roll)
    return {place: _frame(beside) for place, beside in rolls.items()}


def _frame(rolls: Sequence[Roll]) -> Frame:
    """Find the frame that several rolls fit in."""
    notes = [note for roll in rolls for note in (*roll.clip.notes, *roll.gone)]
    starts = [min([roll.clip.start, *(note.start for note in roll.clip.notes)]) for roll in rolls]
    start, end = min(starts), max(roll.clip.end for roll in rolls)
    voices = rolls[0].voices
    if voices is not None:
        return Frame(start, end, tuple(lanes_of(notes, voices)) or ("kick",))
    pitches = [note.pitch for note in notes] or [60]
    low, high = min(pitches) - 1, max(pitches) + 1
    spare = max(0, LEAST_SPAN - (high - low + 1))
    return Frame(start, end, (), max(0, low - spare // 2), min(127, high + (spare + 1) // 2))


def _names(frame: Frame) -> str:
    """Write the names of lanes, or of the Cs among the pitches."""
    row = frame.row
    if frame.lanes:
        texts = [(name, (k + 0.5) * row) for k, name in enumerate(frame.lanes)]
        width = NAMES_WIDTH
    else:
        texts = [(f"C{p // 12 - 2}", (frame.high - p + 0.5) * row) for p in range(frame.low, frame.high + 1) if not p % 12]
        width = PITCHES_WIDTH
    inside = "".join(f'<text x="{width - 6}" y="{y + 3.5:g}" text-anchor="end">{escape(text)}</text>' for text, y in texts)
    return f'<svg class="names" width="{width}" height="{frame.height}" aria-hidden="true">{inside}</svg>'


def _ground(frame: Frame) -> str:
    """Shade the rows of black keys, or every other lane."""
    length = f"{frame.end - frame.start:g}"
    if frame.lanes:
        dark: Iterable[int] = range(1, len(frame.lanes), 2)
    else:
        dark = (frame.high - pitch for pitch in range(frame.low, frame.high + 1) if pitch % 12 in BLACK)
    path = "".join(f"M0 {k * frame.row}h{length}v{frame.row}h-{length}z" for k in dark)
    return f'<path class="dark" d="{path}"/>'


def _lines(clip: Clip, frame: Frame, height: int) -> str:
    """Draw beats and bar lines, and shade what lies before beat 0."""
    beats: list[str] = []
    bars: list[str] = []
    count = int((frame.end - frame.start) * clip.meter[1] / 4 + 1e-6) + 2
    step = 4 / clip.meter[1]
    first = -int((clip.start - frame.start) / step + 1 - 1e-9)
    for k in range(first, first + count):
        x = clip.start + k * step - frame.start
        if 0 <= x <= frame.end - frame.start:
            (beats if k % clip.meter[0] else bars).append(f"M{x:g} 0V{height}")
    before = f'<path class="before" d="M0 0h{-frame.start + clip.start:g}v{height}H0z"/>' if frame.start < clip.start else ""
    return f'{before}<g class="lines"><path class="beats" d="{"".join(beats)}"/><path class="bars" d="{"".join(bars)}"/></g>'


def _place(note: Note, roll: Roll, frame: Frame) -> tuple[float, float, float, float]:
    """Place a note: x and width in beats, y and height in pixels; strokes are as tall as they are loud."""
    x, row = note.start - frame.start, frame.row
    if roll.voices is None:
        length = min(max(note.duration, 0.06), frame.end - note.start)
        return x, (frame.high - note.pitch) * row + 0.5, max(length - 0.02, 0.05), row - 1
    tall = (row - 3) * (0.35 + 0.65 * note.velocity / 127)
    lane = frame.lanes.index(lane_name(note.pitch, roll.voices))
    return x, (lane + 0.5) * row - tall / 2, STROKE, tall


def _box(note: Note, roll: Roll, frame: Frame) -> str:
    x, y, w, h = _place(note, roll, frame)
    return f"M{x:.6g} {y:.6g}h{w:.6g}v{h:.6g}h-{w:.6g}z" if 0 <= x < frame.end - frame.start else ""


def _legend(groups: Sequence[Group]) -> str:
    """Say what the colours mean, of those that are there."""
    rolls = [roll for group in groups for card in group.shown for roll in card.rolls]
    there = {origin for roll in rolls for origin in roll.origins} | ({"gone"} if any(roll.gone for roll in rolls) else set())
    items = [
        f'<li><svg viewBox="0 0 18 10" aria-hidden="true"><path class="{origin}" d="M1 1h16v8H1z"/></svg>{text}</li>'
        for origin, text in LEGEND.items()
        if origin in there
    ]
    return f'<ul class="legend">{"".join(items)}</ul>' if items else ""


def _sounds(card: Card) -> dict[str, object]:
    """List what a card plays, of all parts: times in beats, and for drums the voice in place of the pitch."""
    clip = card.rolls[0].clip
    parts = []
    for roll in card.rolls:
        voices = roll.voices
        notes = [
            [
                round(n.start, 4),
                round(n.duration, 4),
                n.pitch if voices is None else voices.get(n.pitch, -1),
                round(n.velocity),
            ]
            for n in roll.clip.notes
            if not n.mute and n.velocity > 0
        ]
        parts.append({"drums": voices is not None, "notes": sorted(notes)})
    first = min([clip.start, *(note.start for roll in card.rolls for note in roll.clip.notes)])
    return {
        "title": card.title,
        "tempo": clip.tempo,
        "first": round(first, 4),
        "start": clip.start,
        "end": clip.end,
        "parts": parts,
    }


def _width_class(beats: float) -> str:
    return f"beats-{math.ceil(beats)}"


def _widths(groups: Sequence[Group]) -> str:
    """Write how wide rolls are at the least: with a policy that allows no style in an element, each has a rule."""
    frames = [frame for group in groups for frame in _frames(group).values()]
    lengths = {math.ceil(frame.end - frame.start) for frame in frames}
    return "".join(f".{_width_class(beats)} {{ min-width: {beats * BEAT_WIDTH}px; }}\n" for beats in sorted(lengths))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _resource(name: str) -> str:
    return files("bridge.preview").joinpath(name).read_text(encoding="utf-8")
