"""Which family a part of music belongs to, and why: the one rule of `auto`. Clips and facts in, names and reasons out.

Evidence that a part is drums adds up, in nats: its MIDI channel, the program, words in its name, what its notes look like, and
what the other parts of its file are. MIDI channel 10, which the standard keeps for drums, decides alone. `evaluate --routing`
prints how often that is right, with all in sight and with each source hidden.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from models.families.family import PartFacts
from models.families.registry import FAMILIES, find_family, kinds
from models.music.clip import Clip
from models.music.paced import paced

DRUMS = "drums"
DRUM_CHANNEL = 10
KIT_PROGRAMS = {0, 8, 16, 24, 25, 32, 40, 48, 56}  # the drum kits of GS and XG, which are sounds of their own elsewhere
MOST_NOTES = 4000  # of a part that are looked at: enough to know it by
MOST_OF_NOTES = 6.0  # nats that notes count at most: they look like drums, or do not, but never prove it

# What facts are worth, in nats for drums.
NAMED, OTHERS_ARE_DRUMS, BEST_OF_FILE, OTHER_PROGRAM = 8.0, -4.0, 1.5, -4.0

# Words of several languages that name drums or their parts, and words that name what has pitches. Whole words, or the
# beginnings of words where a star follows.
DRUM_WORDS = """
    drum* drm drms perc perc* kit kick* snare* hihat* hi-hat* hat hats cymbal* tom toms clap* crash ride tambourin* conga*
    bongo* shaker* cowbell* timbale* cajon* maraca* guiro* beatbox rimshot* batter* batterie bater* percus* schlagz*
    trommel* becken slagverk trummor trommer rummut perkus* ударн* барабан* тарелк* ドラム パーカッション 鼓 打击乐 드럼
    bicí bębn* davul*
"""
PITCHED_WORDS = """
    bass* basu* bas piano* klavier* pianoforte keys keyboard* guitar* gitar* guitarra chitarra guitare string* violin*
    viola* cello* violoncello* contrabass* voice* vocal* vox voce voz voix gesang singstimme chant canto melod* lead* chord*
    accord* akkord* organ* orgel orgue flut* flöte flauta oboe* clarinet* klarinette bassoon* fagott horn* trump* trompet*
    trombon* tuba brass sax* choir* chor coro pad pads synth* harp* harf* soprano* sopran alto* tenor* bariton* bridge*
    arp arp* harmon* celesta* marimba* vibraphone* xylophone* glockenspiel* timpani* pauken bells accordion* akkordeon
    banjo* mandolin* sitar* solo riff* бас* гитар* пианино фортепиано голос* мелод* скрипк* ピアノ ギター ベース ヴァイオリン
    メロディ ボーカル 钢琴 吉他 贝斯 旋律 피아노 기타 베이스
"""
STEEL = re.compile(r"\b(steel|melodic|taiko|synth)[ _-]?(drum|tom)", re.IGNORECASE)  # programs 114, 116 to 118: one sound
BASS_DRUM = re.compile(r"\bbass[ _-]?drum", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """The family of a part, why in words, and how much speaks for it being drums, in nats (below 0: against)."""

    family: str
    reason: str
    nats: float = 0.0


@dataclass(frozen=True)
class RoutedPart:
    """What is known of a part: its notes, and what a file says of it."""

    clip: Clip
    facts: PartFacts = field(default_factory=PartFacts)


def route(clip: Clip, kind: str | None = None) -> str:
    """Choose the family of a clip that is alone: by `kind` where given, else by its channel and its notes.

    Its name is not weighed here: in files it is that of the file, which may hold anything.
    """
    if kind is not None:
        return default_family(kind)
    return route_parts([_alone(clip)])[0].family


def route_parts(parts: Sequence[RoutedPart], overrides: Sequence[str | None] = ()) -> list[Route]:
    """Choose the families of all parts of a file, or of all clips that sound together; `overrides` are kinds, part by part."""
    weighed = _weigh_all(parts, overrides)
    return _route(weighed, range(len(weighed)))


def route_beside(clips: Sequence[Clip], beside: Sequence[Clip], told: Sequence[str] = ()) -> tuple[list[Route], list[Route]]:
    """Choose the families of clips, each given what sounds with it, and of what sounds with each; `told` are kinds of these."""
    others = _weigh_all([_alone(clip) for clip in beside], told)
    routes = [_route([_weigh(_alone(clip)), *others], [0])[0] for clip in paced(clips, 1)]
    return routes, _route(others, range(len(others)))


def default_family(kind: str | None) -> str:
    """Choose the family of clips that are made from nothing, or that are said to be of a kind."""
    known = kinds()
    if kind is not None and kind not in known:
        raise ValueError(f"kind {kind!r} is not one of: {', '.join(known)}")
    return known[kind] if kind else next(iter(known.values()))


@dataclass(frozen=True)
class _Weighed:
    """A part, what speaks for drums or against in it alone, and the kind that was told of it."""

    part: RoutedPart
    grounds: list[tuple[float, str]]
    kind: str | None

    @property
    def nats(self) -> float:
        """How much speaks for drums; of what was told, everything."""
        if self.kind is not None:
            return math.inf if default_family(self.kind) == DRUMS else -math.inf
        return sum(worth for worth, _ in self.grounds)


def _alone(clip: Clip) -> RoutedPart:
    return RoutedPart(clip, PartFacts(channel=clip.channel))


def _weigh_all(parts: Sequence[RoutedPart], told: Sequence[str | None]) -> list[_Weighed]:
    kinds_told = [*told, *[None] * (len(parts) - len(told))]
    return [_weigh(part, kind) for part, kind in paced(zip(parts, kinds_told, strict=True), 1)]


def _weigh(part: RoutedPart, kind: str | None = None) -> _Weighed:
    return _Weighed(part, [] if kind is not None else _grounds(part), kind)


def _route(parts: Sequence[_Weighed], which: Iterable[int]) -> list[Route]:
    """Choose the families of some of the parts that sound together."""
    nats = [its.nats for its in parts]
    on_drum_channel = any(its.part.facts.channel == DRUM_CHANNEL for its in parts)
    best = max(range(len(parts)), key=lambda k: nats[k], default=0)
    drums = [k for k, n in enumerate(nats) if n > NAMED]
    routes: list[Route] = []
    for k in paced(which, 1):
        its, part = parts[k], parts[k].part
        if its.kind is not None:
            routes.append(Route(default_family(its.kind), f"{its.kind} was asked for"))
            continue
        reasons = list(its.grounds)
        if part.facts.channel != DRUM_CHANNEL and part.clip.notes:
            if on_drum_channel:
                reasons.append((OTHERS_ARE_DRUMS, "other parts are on MIDI channel 10"))
            elif any(j != k for j in drums[:2]):
                reasons.append((OTHERS_ARE_DRUMS, "another part is the drums"))
            elif k == best and len(parts) > 2:
                reasons.append((BEST_OF_FILE, "of all parts it looks most like drums"))
        routes.append(_decide(part, reasons))
    return routes


def _decide(part: RoutedPart, reasons: Sequence[tuple[float, str]]) -> Route:
    """Weigh the evidence against that of the other families, and say what counted most."""
    nats = sum(worth for worth, _ in reasons) if reasons else -1.0  # what nothing speaks for is no drums
    is_on_drum_channel = part.facts.channel == DRUM_CHANNEL
    evidence = {name: find_family(name).evidence(part.clip) for name in FAMILIES if name != DRUMS}
    if DRUMS in FAMILIES:
        evidence = {DRUMS: 1.0 if is_on_drum_channel else 1 / (1 + math.exp(-nats)), **evidence}
    family = max(evidence, key=evidence.__getitem__)
    if family == DRUMS and is_on_drum_channel:
        return Route(family, "MIDI channel 10", nats)
    for_it = sorted((abs(worth), text) for worth, text in reasons if (worth > 0) == (family == DRUMS) and worth)
    return Route(family, for_it[-1][1] if for_it else "its notes", nats)


def _grounds(part: RoutedPart) -> list[tuple[float, str]]:
    """List what speaks for drums or against, each in nats and in words, of a part alone."""
    facts, grounds = part.facts, list[tuple[float, str]]()
    if facts.channel == DRUM_CHANNEL:
        grounds.append((2 * NAMED, "MIDI channel 10"))
    if facts.program is not None and facts.program not in KIT_PROGRAMS:
        grounds.append((OTHER_PROGRAM, f"program {facts.program + 1} is no drum kit"))
    said = names_drums(facts.name)
    if said is not None:
        grounds.append((NAMED if said else -NAMED, f"its name, {facts.name!r}"))
    if part.clip.notes:
        worth = max(-MOST_OF_NOTES, min(MOST_OF_NOTES, nats_of_notes(part.clip)))
        grounds.append((worth, f"its notes look {'like' if worth > 0 else 'unlike'} drums"))
    return grounds


def names_drums(name: str) -> bool | None:
    """Tell whether a name has words for drums (True), for what has pitches (False), or neither or both (None)."""
    if STEEL.search(name):
        return False
    plain = BASS_DRUM.sub("kick", re.sub("(?<=[a-z])(?=[A-Z])", " ", name)).casefold()
    words = re.findall(r"[^\W\d_]+(?:-hats?)?", plain)
    drums, pitched = (any(_is_one(word, list_) for word in words) for list_ in (_DRUM, _PITCHED))
    return None if drums == pitched else drums


def features_of_notes(clip: Clip) -> dict[str, float]:
    """Describe what a part's notes look like: which pads they would be, what is struck together, what is repeated."""
    notes = clip.notes[:MOST_NOTES]
    count = len(notes)
    pitches = Counter(n.pitch for n in notes)
    strokes: dict[int, set[int]] = {}
    for n in notes:
        strokes.setdefault(round(n.start * 12), set()).add(n.pitch)
    gaps = [abs(b - a) for struck in strokes.values() for a in struck for b in struck if a < b]
    in_order = sorted(notes, key=lambda n: (n.start, n.pitch))
    leaps = [abs(b.pitch - a.pitch) for a, b in pairwise(in_order) if b.start - a.start > 1 / 24]
    lengths = Counter(round(n.duration * 24) for n in notes)
    figures = Counter(frozenset(struck) for struck in strokes.values())
    kick, snare, hats, kit, any_pad = (sum(pitches[p] for p in pads) / count for pads in (KICK, SNARE, HATS, KIT, PADS))
    has_all = bool(kick and snare and hats)
    return {
        "kit": kit,
        "all kit": float(kit >= 0.95),
        "no pad": 1 - any_pad,
        "kick": kick,
        "snare": snare,
        "hats": hats,
        "kick, snare, hats": float(has_all),
        "kick and others": float(kick > 0 and kit >= 0.9 and len(pitches) > 1),
        "unlike": sum(gap % 12 in DISSONANT for gap in gaps) / len(gaps) if gaps else 0.0,
        "pitches": min(len(pitches), 30) / 10,
        "one pitch": float(len(pitches) == 1),
        "same length": max(lengths.values()) / count,
        "short": sum(n.duration < 0.3 for n in notes) / count,
        "leap": min(sum(leaps) / len(leaps), 20) / 10 if leaps else 0.0,
        "repeated": sum(n for n in figures.values() if n > 1) / len(strokes),
        "together": sum(len(struck) > 1 for struck in strokes.values()) / len(strokes),
        "three together": sum(len(struck) > 2 for struck in strokes.values()) / len(strokes),
    }


def nats_of_notes(clip: Clip) -> float:
    """Weigh what the notes of a part look like, in nats for drums."""
    return NOTES_BASE + sum(NOTES_NATS[name] * value for name, value in features_of_notes(clip).items())


# General MIDI pads that make a part look like drums.
KICK, SNARE, HATS = {35, 36}, {37, 38, 39, 40}, {42, 44, 46, 49, 51, 52, 53, 55, 57, 59}
KIT = set(range(35, 54)) | {55, 57, 59}
PADS = KIT | {54, 56, 58} | set(range(27, 35)) | set(range(60, 82))
DISSONANT = {1, 2, 6, 10, 11}  # semitones between pads that are struck together, seldom between notes of a chord
# Nats of each feature: a logistic regression on parts of all sets (train and valid) and on two bars of each. The base is 0.75
# lower than fitted: to take chords for drums is the worse mistake.
NOTES_BASE = -10.6
NOTES_NATS = {
    "kit": 0.52,
    "all kit": 0.84,
    "no pad": 0.88,
    "kick": 3.06,
    "snare": 2.93,
    "hats": 3.05,
    "kick, snare, hats": 1.24,
    "kick and others": 1.17,
    "unlike": 4.78,
    "pitches": -1.73,
    "one pitch": 1.47,
    "same length": 2.63,
    "short": 3.74,
    "leap": 1.81,
    "repeated": 1.11,
    "together": 0.13,
    "three together": -0.45,
}


def _read_words(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    words = text.casefold().split()
    return frozenset(w for w in words if not w.endswith("*")), tuple(w[:-1] for w in words if w.endswith("*"))


def _is_one(word: str, of: tuple[frozenset[str], tuple[str, ...]]) -> bool:
    return word in of[0] or word.startswith(of[1])


_DRUM, _PITCHED = _read_words(DRUM_WORDS), _read_words(PITCHED_WORDS)
