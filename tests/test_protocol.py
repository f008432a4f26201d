"""What the protocol promises (design §5), rule by rule, without sockets, clocks or models.

It is as long as the contract: a test for each of its sentences, in their order.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.protocol.assembly import Job
from bridge.protocol.clients import CLIENT_BYTES
from bridge.protocol.effects import Drop, Effect, Report, Send, Silence, Start, Stop
from bridge.protocol.limits import DEFAULT, Limits
from bridge.protocol.messages import Outcome, ProtocolError, keys, note_row
from bridge.protocol.osc import Message, decode, encode
from bridge.protocol.session import ModelLine, Sessions
from bridge.requests import VERBS, Blend, Interpolate, Request, Sample, Vary
from models.music.clip import Clip, Note

A, B = ("127.0.0.1", 5001), ("127.0.0.1", 5002)
SEED, SESSION = 77, 4711
BEAT = ((36, 0.0, 0.25, 100.0), (38, 1.0, 0.25, 90.5), (42, 1.1, 0.25, 1.0))


def f32(value: float) -> float:
    return float(struct.unpack(">f", struct.pack(">f", value))[0])


class Talk:
    """A server's sessions, the time, and all that they wanted to be done."""

    def __init__(self, limits: Limits = DEFAULT, *, port: int = 0, seeds: Iterator[int] | None = None) -> None:
        draws = seeds or repeat(SEED)
        self.sessions = Sessions(lambda: next(draws), session=SESSION, port=port, version="1.2", device="cpu", limits=limits)
        self.now = 100.0
        self.jobs: list[Job] = []
        self.stopped: list[int] = []
        self.dropped: list[int] = []
        self.lines: list[str] = []
        self.report_error = ""
        self.ports: list[int] = []
        self.silenced: set[tuple[str, int]] = set()

    def take(self, effects: list[Effect]) -> list[Message]:
        sent: list[Message] = []
        for effect in effects:
            match effect:
                case Send(to, datagrams):
                    self.ports.append(to[1])
                    for datagram in datagrams:
                        assert len(datagram) <= 1400 or datagram.startswith(b"/bridge/echo")
                        sent += decode(datagram)
                case Start(_, job):
                    self.jobs.append(job)
                case Stop(ticket):
                    self.stopped.append(ticket)
                case Drop(palette):
                    self.dropped.append(palette)
                case Silence(to):
                    self.silenced.add(to)
                case Report(ticket, line):
                    self.lines.append(line)
                    sent += self.take(self.sessions.reported(ticket, self.report_error, self.now))
        return sent

    def say(self, name: str, *values: int | float | str, peer: tuple[str, int] = A) -> list[Message]:
        """Send a message over the codec, as a client would."""
        (message,) = decode(encode(f"/bridge/{name}", values))
        return self.take(self.sessions.receive(peer, message, self.now))

    def clip(self, number: int, index: int, notes: tuple[tuple[float, ...], ...] = BEAT, beats: float = 4.0) -> None:
        assert self.say("clip", number, index, beats, 4, 4, len(notes), "beat") == []
        if notes:
            assert self.say("notes", number, index, 0, len(notes[0]), *(v for note in notes for v in note)) == []

    def vary(self, number: int, *pairs: int | float | str, notes: tuple[tuple[float, ...], ...] = BEAT) -> Job:
        """Ask for variations of a whole clip; returns the job."""
        self.clip(number, 0, notes)
        assert self.say("vary", number, "clips", 1, *pairs) == []
        return self.jobs[-1]

    def palette(self, number: int, peer: tuple[str, int] = A) -> Job:
        for index in (0, 1):
            self.say("clip", number, index, 4.0, 4, 4, 0, peer=peer)
        self.say("blend", number, "clips", 2, "grid", 0, peer=peer)
        job = self.jobs[-1]
        self.finish(job, Outcome([], SEED, ["drums"]))
        return job

    def wait(self, seconds: float) -> list[Message]:
        self.now += seconds
        return self.take(self.sessions.tick(self.now))

    def finish(self, job: Job, outcome: Outcome | None = None) -> list[Message]:
        if outcome is None:
            clips = job.request().clips if job.clips else (Clip((), 4.0),)  # type: ignore[attr-defined]
            outcome = Outcome(clips, SEED, ["drums"])
        return self.take(self.sessions.finish(job.ticket, job.reply(outcome), self.now))


@pytest.fixture
def talk() -> Talk:
    return Talk()


def error(messages: list[Message]) -> tuple[int, str]:
    """The id and code of the one error that came."""
    (message,) = messages
    assert message.address == "/bridge/error"
    number, code, text = message.values
    assert isinstance(text, str)
    assert 0 < len(text.encode()) <= 200
    return int(number), str(code)  # type: ignore[arg-type]


def request(job: Job) -> Request:
    return job.request()


# Requests


def test_a_clip_and_a_verb_become_a_request(talk: Talk) -> None:
    job = talk.vary(7, "amount", 0.5, "count", 3, "seed", 9)
    made = job.request()
    assert isinstance(made, Vary)
    assert (made.amount, made.count, made.seed) == (0.5, 3, 9)
    assert made.clips[0] == Clip(tuple(Note(int(p), s, d, v) for p, s, d, v in [(*n[:1], *map(f32, n[1:])) for n in BEAT]), 4.0,
                                 name="beat")  # fmt: skip


def test_without_a_seed_one_is_drawn(talk: Talk) -> None:
    talk.say("sample", 1, "count", 2)
    assert talk.jobs[0].request() == Sample(count=2, seed=SEED)


@pytest.mark.parametrize("verb", VERBS)
def test_every_field_of_a_request_is_a_key(verb: str) -> None:
    fields = set(VERBS[verb].model_fields) - {"clips"}
    assert set(keys(verb)) == fields | {"clips", "context", "context_kinds", "reply_port", "stream"}
    assert all(keys(verb).values())


def test_floats_stand_for_integers_and_integers_for_floats(talk: Talk) -> None:
    talk.say("clip", 1.0, 0.0, 4, 4.0, 4.0, 1.0)
    talk.say("notes", 1.0, 0.0, 0.0, 4.0, 36.0, 0, 1, 100)
    talk.say("vary", 1.0, "clips", 1.0, "count", 2.0, "amount", 1)
    made = talk.jobs[0].request()
    assert isinstance(made, Vary)
    assert made.clips[0].notes == (Note(36, 0.0, 1.0, 100.0),)
    assert talk.jobs[0].id == 1


@pytest.mark.parametrize("width", range(4, 9))
def test_notes_have_four_to_eight_numbers(talk: Talk, width: int) -> None:
    given_ = (60.0, 0.5, 0.25, 99.0, 1.0, 0.5, -3.0, 20.0)[:width]
    job = talk.vary(1, notes=(given_,))
    (note,) = job.request().clips[0].notes  # type: ignore[attr-defined]
    whole = (*given_, *(0.0, 1.0, 0.0, 64.0)[width - 4 :])
    assert note_row(note) == whole


def test_a_position_is_two_numbers_in_a_string(talk: Talk) -> None:
    for index in (0, 1):
        talk.clip(1, index)
    talk.say("blend", 1, "clips", 2, "at", "0.25,1")
    made = talk.jobs[0].request()
    assert isinstance(made, Blend)
    assert made.at == (0.25, 1.0)


def test_without_clips_as_many_belong_as_came_before(talk: Talk) -> None:
    talk.clip(1, 0)
    talk.clip(1, 1)
    talk.say("interpolate", 1)
    made = talk.jobs[0].request()
    assert isinstance(made, Interpolate)
    assert len(made.clips) == 2


# What is refused


@pytest.mark.parametrize(
    ("verb", "pairs", "code"),
    [
        ("sample", ("count", 0), "out_of_range"),
        ("sample", ("count", -3), "out_of_range"),
        ("sample", ("count", 65), "out_of_range"),
        ("sample", ("count", 2.5), "bad_request"),
        ("sample", ("count", "many"), "bad_request"),
        ("sample", ("count", math.nan), "out_of_range"),
        ("sample", ("count", math.inf), "out_of_range"),
        ("sample", ("variety", math.inf), "out_of_range"),
        ("sample", ("variety", math.nan), "out_of_range"),
        ("sample", ("kind", "brass"), "out_of_range"),
        ("sample", ("cuont", 4), "unknown_key"),
        ("sample", ("path", "/etc/passwd"), "unknown_key"),
        ("sample", ("count",), "bad_request"),
        ("sample", ("count", 4, "count", 5), "bad_request"),
        ("sample", (4, "count"), "bad_request"),
        ("sample", ("clips", 1), "out_of_range"),
        ("sample", ("model", "x" * 201), "too_large"),
        ("sample", ("reply_port", 70000), "out_of_range"),
        ("sample", ("seed", -1), "out_of_range"),
        ("sample", tuple(x for i in range(40) for x in (f"k{i}", i)), "too_large"),
        ("vary", ("clips", 0), "out_of_range"),
        ("vary", ("clips", -1), "out_of_range"),
        ("vary", ("clips", 65), "out_of_range"),
        ("vary", ("amount", 1.5), "out_of_range"),
        ("interpolate", ("clips", 3), "out_of_range"),
        ("blend", ("grid", 1), "out_of_range"),
        ("blend", ("clips", 2, "at", "2,0"), "out_of_range"),
        ("blend", ("clips", 2, "at", "left"), "bad_request"),
        ("vray", (), "unknown_verb"),
        ("at", (1, 0.5, 0.5), "no_palette"),
        ("at", (1, 1.5, 0.5), "out_of_range"),
        ("at", (1, 0.5), "bad_request"),
        ("at", (1, math.nan, 0.5), "out_of_range"),
    ],
)
def test_a_bad_verb_is_refused_once_for_all(talk: Talk, verb: str, pairs: tuple[int | float | str, ...], code: str) -> None:
    first = talk.say(verb, 5, *pairs)
    assert error(first) == (5, code)
    assert not talk.jobs
    assert [m.values[:2] for m in talk.say(verb, 5, *pairs)] == [first[0].values[:2]]
    assert error(talk.say("sample", 5, "count", 4)) == (5, "id_reused")


# What sounds with the clips


def test_clips_behind_those_of_a_request_sound_with_them(talk: Talk) -> None:
    for index in range(3):
        talk.clip(1, index)
    assert talk.say("vary", 1, "clips", 1, "context", 2, "context_kinds", "drums,notes") == []
    (job,) = talk.jobs
    assert len(job.clips) == len(job.request().clips) == 1  # type: ignore[attr-defined]
    assert [len(clip.notes) for clip in job.context_clips()] == [3, 3]
    assert job.context_kinds == ("drums", "notes")
    # No note of an answer can be one of theirs.
    note = Note(36, 0.0, 0.25, 100.0, from_clip=1, from_note=0)
    assert talk.finish(job, Outcome([Clip((note,), 4.0)], 1, ["drums"]))[1].values[-2:] == (-1, -1)


def test_clips_from_nothing_can_have_a_context_and_without_clips_it_comes_last(talk: Talk) -> None:
    talk.clip(1, 0)
    assert talk.say("sample", 1, "clips", 0, "context", 1) == []
    for index in range(3):
        talk.clip(2, index)
    assert talk.say("vary", 2, "context", 1) == []
    assert [(len(job.clips), len(job.context)) for job in talk.jobs] == [(0, 1), (2, 1)]
    assert not talk.jobs[0].request().model_fields_set & {"clips"}


def test_a_context_that_never_comes_is_asked_for_and_then_incomplete(talk: Talk) -> None:
    talk.clip(1, 0)
    talk.say("clip", 1, 1, 4.0, 4, 4, 3)
    talk.say("notes", 1, 1, 0, 4, *BEAT[0])
    assert talk.say("vary", 1, "clips", 1, "context", 2) == []
    lost = [Message("/bridge/missing", values) for values in ((1, 1, 1, 2), (1, 2, 0, -1))]
    assert talk.wait(0.051) == lost
    for seconds in (0.101, 0.201):
        assert talk.wait(seconds) == lost
    assert error(talk.wait(0.401)) == (1, "incomplete")
    assert not talk.jobs


def test_a_context_belongs_to_what_was_asked(talk: Talk) -> None:
    for index in range(2):
        talk.clip(1, index)
    assert talk.say("vary", 1, "clips", 1, "context", 1) == []
    assert error(talk.say("vary", 1, "clips", 1)) == (1, "id_reused")
    assert error(talk.say("notes", 1, 1, 0, 4, 99, 0.0, 0.25, 100.0)) == (1, "id_reused")
    talk.wait(DEFAULT.reuse_s)
    assert error(talk.say("clip", 1, 2, 4.0, 4, 4, 0)) == (1, "id_reused")


def test_a_palette_keeps_the_context_of_its_blend(talk: Talk) -> None:
    talk.palette(1)
    for index in range(3):
        talk.clip(2, index)
    talk.say("blend", 2, "clips", 2, "grid", 0, "context", 1)
    assert len(talk.jobs[-1].context) == 1
    talk.finish(talk.jobs[-1], Outcome([], 1, ["drums"]))
    talk.say("at", 3, 2, 0.5, 0.5)
    assert (talk.jobs[-1].palette, len(talk.jobs[-1].clips)) == (talk.jobs[-2].palette, 2)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (("context", 65), "context 65 is not in 0..64"),
        (("context", -1), "context -1 is not in 0..64"),
        (("clips", 60, "context", 5), "60 clips and 5 that sound with them are more than the 64 of a request"),
        (("clips", 1, "context", 2, "context_kinds", "drums"), "context_kinds names 1 kinds; it must name 2, one for each"),
        (("clips", 1, "context_kinds", "drums"), "context_kinds names 1 kinds; it must name 0, one for each"),
        (("clips", 1, "context", 2, "context_kinds", "drums,brass"), "context_kinds: brass is not one of: drums notes"),
    ],
)
def test_a_context_that_cannot_be_is_told_with_what_is_allowed(
    talk: Talk, pairs: tuple[int | float | str, ...], said: str
) -> None:
    (message,) = talk.say("vary", 1, *pairs)
    assert message.values[1] == "out_of_range"
    assert said in str(message.values[2])


def test_a_context_counts_towards_the_limits_of_a_request(talk: Talk) -> None:
    talk.clip(1, 0, tuple((36, float(k), 0.25, 100.0) for k in range(2000)), beats=4096.0)
    talk.clip(1, 1, BEAT * 4, beats=0.01)
    assert error(talk.say("vary", 1, "clips", 1, "count", 1, "context", 1)) == (1, "too_large")


@pytest.mark.parametrize(
    ("verb", "key", "value", "allowed"),
    [
        ("sample", "density", 9, "9 is not allowed: it must be a whole number in -4..4"),
        ("sample", "octave", -2.5, "-2.5 is not allowed: it must be a number in -2..2"),
        ("sample", "count", 65, "65 is not allowed: it must be a whole number in 1..64"),
        ("sample", "kind", "brass", "brass is not allowed: it must be 'drums' or 'notes'"),
    ],
)
def test_a_bad_value_is_told_with_what_is_allowed(
    talk: Talk, verb: str, key: str, value: int | float | str, allowed: str
) -> None:
    (message,) = talk.say(verb, 1, key, value)
    assert message.values[2] == f"{key}: {allowed}"


def test_an_unknown_key_lists_those_there_are_as_far_as_a_message_goes(talk: Talk) -> None:
    (message,) = talk.say("reconstruct", 1, "pad", "36:kick")
    for key in keys("reconstruct"):
        assert key in str(message.values[2])
    (message,) = talk.say("vary", 2, "cuont", 4)
    told = str(message.values[2])
    assert told.startswith("vary has no key cuont; it has, those like it first: count ")
    assert told.endswith(" …")
    assert len(told.encode()) <= DEFAULT.string_bytes


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("clip", (0, 4.0, 4, 4), "bad_request"),
        ("clip", (0, 0.0, 4, 4, 0), "out_of_range"),
        ("clip", (0, math.nan, 4, 4, 0), "out_of_range"),
        ("clip", (0, 1e9, 4, 4, 0), "out_of_range"),
        ("clip", (0, 4.0, 0, 4, 0), "out_of_range"),
        ("clip", (0, 4.0, 4, 3, 0), "out_of_range"),
        ("clip", (0, 4.0, 4, 4, -1), "out_of_range"),
        ("clip", (0, 4.0, 4, 4, 10**9), "out_of_range"),
        ("clip", (-1, 4.0, 4, 4, 0), "out_of_range"),
        ("clip", (64, 4.0, 4, 4, 0), "out_of_range"),
        ("clip", (0, "long", 4, 4, 0), "bad_request"),
        ("clip", (0, 4.0, 4, 4, 0, "n" * 201), "too_large"),
        ("notes", (0, 0), "bad_request"),
        ("notes", (0, 0, 3, 60, 0.0, 1.0), "out_of_range"),
        ("notes", (0, 0, 9, *[0.0] * 9), "out_of_range"),
        ("notes", (0, 0, 4, 60, 0.0, 1.0), "bad_request"),
        ("notes", (0, 0, 4, 60, 0.0, 1.0, "loud"), "bad_request"),
        ("notes", (0, -1, 4, 60, 0.0, 1.0, 100.0), "out_of_range"),
        ("notes", (0, 32768, 4, 60, 0.0, 1.0, 100.0), "too_large"),
    ],
)
def test_a_bad_chunk_ends_its_id(talk: Talk, name: str, values: tuple[int | float | str, ...], code: str) -> None:
    assert error(talk.say(name, 3, *values)) == (3, code)
    assert error(talk.say("vary", 3, "clips", 1)) == (3, code)
    assert talk.wait(10) == []


@pytest.mark.parametrize(
    "note",
    [
        (128, 0.0, 1.0, 100.0),
        (60.5, 0.0, 1.0, 100.0),
        (60, math.nan, 1.0, 100.0),
        (60, math.inf, 1.0, 100.0),
        (60, 1e30, 1.0, 100.0),
        (60, 0.0, -1.0, 100.0),
        (60, 0.0, 1.0, 128.0),
        (60, 0.0, 1.0, 100.0, 2.0),
        (60, 0.0, 1.0, 100.0, 0.0, 1.5),
        (math.nan, 0.0, 1.0, 100.0),
    ],
)
def test_what_is_no_note_is_refused_by_its_number(talk: Talk, note: tuple[float, ...]) -> None:
    job = talk.vary(1, notes=(note,))
    with pytest.raises(ProtocolError, match="clip 0, note 0") as refused:
        job.request()
    assert refused.value.code == "out_of_range"


def test_more_notes_than_the_header_says_are_refused(talk: Talk) -> None:
    talk.say("clip", 1, 0, 4.0, 4, 4, 1)
    assert error(talk.say("notes", 1, 0, 1, 4, 60, 0.0, 1.0, 100.0)) == (1, "out_of_range")
    talk.say("notes", 2, 0, 1, 4, 60, 0.0, 1.0, 100.0)
    assert error(talk.say("clip", 2, 0, 4.0, 4, 4, 1)) == (2, "out_of_range")


def test_a_request_that_would_take_minutes_is_too_large(talk: Talk) -> None:
    talk.say("clip", 1, 0, 4096.0, 4, 4, 0)
    assert error(talk.say("vary", 1, "clips", 1, "count", 64)) == (1, "too_large")


def test_what_has_no_id_is_answered_a_few_times_a_second(talk: Talk) -> None:
    answers = [talk.say("vary", "x") for _ in range(100)]
    assert [error(a) for a in answers if a] == [(-1, "bad_request")] * DEFAULT.client_replies_per_s
    talk.now += 1.01
    assert error(talk.take(talk.sessions.receive_garbage(A, "no OSC", talk.now))) == (-1, "bad_request")
    assert error(talk.say("vary")) == (-1, "bad_request")
    assert error(talk.say("vary", 2**31 * 1.0)) == (-1, "out_of_range")
    assert error(talk.take(talk.sessions.receive(B, Message("/other/vary", (1,)), talk.now))) == (-1, "unknown_verb")


def test_an_unknown_verb_is_answered_where_it_asks_to_be() -> None:
    talk = Talk()
    effects = talk.sessions.receive(A, Message("/bridge/vray", (3, "reply_port", 9191)), talk.now)
    assert [effect.to for effect in effects if isinstance(effect, Send)] == [(A[0], 9191)]


# Half received


def test_chunks_come_in_any_order_twice_and_after_the_verb(talk: Talk) -> None:
    notes = tuple((float(i % 128), f32(i * 0.1), 0.25, 100.0) for i in range(100))
    chunks: list[tuple[str, tuple[int | float | str, ...]]] = [
        ("notes", (1, 0, first, 4, *(v for n in notes[first : first + 7] for v in n))) for first in range(0, 100, 7)
    ]
    chunks += [("clip", (1, 0, 8.0, 4, 4, 100, "x")), ("vary", (1, "clips", 1, "seed", 2))]
    for seed in range(20):
        talk = Talk()
        doubled = chunks * 2
        random.Random(seed).shuffle(doubled)
        for name, values in doubled:
            talk.say(name, *values)
        (job,) = talk.jobs
        got = job.request().clips[0].notes  # type: ignore[attr-defined]
        assert [note_row(n)[:4] for n in got] == list(notes)


def test_what_is_missing_is_asked_for_three_times_doubling_then_it_is_incomplete(talk: Talk) -> None:
    talk.say("clip", 1, 0, 4.0, 4, 4, 10)
    talk.say("notes", 1, 0, 3, 4, *BEAT[0], *BEAT[1])
    assert talk.say("vary", 1, "clips", 2) == []
    lost = [Message("/bridge/missing", values) for values in ((1, 0, 0, 3), (1, 0, 5, 5), (1, 1, 0, -1))]
    assert talk.wait(0.049) == []
    assert talk.wait(0.002) == lost
    assert talk.wait(0.098) == []
    assert talk.wait(0.003) == lost
    assert talk.wait(0.198) == []
    assert talk.wait(0.003) == lost
    assert talk.wait(0.398) == []
    assert error(talk.wait(0.003)) == (1, "incomplete")
    assert talk.wait(50) == []
    assert error(talk.say("vary", 1, "clips", 2)) == (1, "incomplete")


def test_whatever_comes_gives_the_rest_time(talk: Talk) -> None:
    talk.say("clip", 1, 0, 4.0, 4, 4, 12)
    talk.say("vary", 1, "clips", 1)
    for i in range(11):
        assert talk.wait(0.051)
        assert talk.say("notes", 1, 0, i, 4, 36, float(i), 0.25, 100.0) == []
    talk.say("notes", 1, 0, 11, 4, 36, 0.0, 0.25, 100.0)
    assert len(talk.jobs) == 1
    assert talk.wait(1) == []


def test_a_client_that_dribbles_is_given_up(talk: Talk) -> None:
    talk.say("clip", 1, 0, 4.0, 4, 4, 30_000)
    talk.say("vary", 1, "clips", 1)
    said: list[Message] = []
    for i in range(1000):
        said += talk.wait(0.06)
        talk.say("notes", 1, 0, i, 4, 36, float(i), 0.25, 100.0)
    assert said[-1].values[:2] == (1, "incomplete")


def test_an_empty_clip_needs_no_notes(talk: Talk) -> None:
    assert talk.vary(1, notes=()).request().clips[0].notes == ()  # type: ignore[attr-defined]


def test_what_comes_without_a_verb_is_thrown_away_after_a_minute(talk: Talk) -> None:
    talk.clip(1, 0)
    assert talk.sessions.bytes_held > 0
    talk.wait(DEFAULT.kept_s + DEFAULT.sweep_s + 1)
    assert talk.sessions.bytes_held == CLIENT_BYTES


# Replies


def test_a_note_that_is_untouched_says_where_it_is_from(talk: Talk) -> None:
    job = talk.vary(1, notes=((36, -0.0, 0.1, 100.0), (38, 1.0, 0.25, 90.0), (42, 1.1, 0.25, 1.0)))
    clip = job.request().clips[0]  # type: ignore[attr-defined]
    first, _, third = (replace(n, from_clip=0, from_note=i) for i, n in enumerate(clip.notes))
    moved = Note(38, 1.0 + 1e-12, 0.25, 90.0, from_clip=0, from_note=1)
    positive = Note(36, 0.0, first.duration, 100.0, from_clip=0, from_note=0)
    wrong = Note(42, third.start, 0.25, 1.0, from_clip=0, from_note=99)
    out = talk.finish(job, Outcome([clip.with_notes([first, moved, positive, third, wrong])], 1, ["drums"]))
    (notes,) = (m for m in out if m.address == "/bridge/notes")
    rows = [notes.values[4 + i : 14 + i] for i in range(0, 50, 10)]
    assert [row[8:] for row in rows] == [(0, 0), (-1, -1), (-1, -1), (0, 2), (-1, -1)]
    assert notes.values[:4] == (1, 0, 0, 10)
    assert rows[3][:8] == (42, f32(1.1), 0.25, 1.0, 0, 1.0, 0.0, 64.0)
    assert [type(v) for v in rows[0]] == [int, float, float, float, int, float, float, float, int, int]


def test_a_reply_is_header_notes_info_and_done(talk: Talk) -> None:
    job = talk.vary(9)
    notes = tuple(Note(i % 128, i / 7, 0.1) for i in range(2 * DEFAULT.reply_notes + 1))
    clips = [Clip(notes, 8.0, meter=(7, 8), name="ä" * 150), Clip((), 4.0)]
    out = talk.finish(job, Outcome(clips, 5, ["drums", "melody", "drums"], ["tiled", "x" * 500]))
    assert [m.address.rpartition("/")[2] for m in out] == ["info", "info", "clip", "notes", "notes", "notes", "clip", "done"]
    assert all(len(m.values) + 1 <= 250 for m in out)
    assert out[-1].values == (9, 2, 5, "drums,melody")
    assert out[2].values == (9, 0, 8.0, 7, 8, 49, "ä" * 100)
    assert out[1].values == (9, "x" * 200)
    assert [m.values[2] for m in out if m.address == "/bridge/notes"] == [0, 24, 48]


def test_lost_reply_notes_come_again(talk: Talk) -> None:
    job = talk.vary(9)
    clip = Clip(tuple(Note(i % 128, i / 7, 0.1) for i in range(100)), 8.0)
    out = talk.finish(job, Outcome([clip, clip], 5, ["drums"]))
    second = [m for m in out if m.address in ("/bridge/clip", "/bridge/notes") and m.values[1] == 1]
    assert talk.say("resend", 9, 1, 0, -1) == second
    assert talk.say("resend", 9, 1, 30, 1) == [second[2]]
    assert talk.say("resend", 9, 1, 23, 2) == second[1:3]
    assert talk.say("resend", 9, 1, 0, 2**31 - 1) == second[1:]
    assert talk.say("resend", 9, 1, 1000, 5) == []
    assert error(talk.say("resend", 9, 2, 0, 1)) == (9, "out_of_range")
    assert error(talk.say("resend", 9, 1, 0, -2)) == (9, "out_of_range")
    assert error(talk.say("resend", 9, 1)) == (9, "bad_request")
    assert error(talk.say("resend", 10, 0, 0, -1)) == (10, "bad_request")


def test_progress_is_told_ten_times_a_second(talk: Talk) -> None:
    job = talk.vary(9)
    told = []
    for step in range(100):
        told += talk.take(talk.sessions.progress(job.ticket, step / 100, talk.now + step * 0.01))
    assert 8 <= len(told) <= 10
    assert told[0].address == "/bridge/progress"
    assert [m.values[1] for m in told] == sorted(float(str(m.values[1])) for m in told)


def test_a_failed_job_ends_in_its_error(talk: Talk) -> None:
    job = talk.vary(9)
    assert error(talk.take(talk.sessions.fail(job.ticket, "no_model", "there is no model x", talk.now))) == (9, "no_model")
    assert talk.take(talk.sessions.fail(job.ticket, "internal", "again", talk.now)) == []
    assert error(talk.say("vary", 9, "clips", 1)) == (9, "no_model")


# Repeats


def test_a_repeat_gets_the_same_answer_and_is_computed_once(talk: Talk) -> None:
    job = talk.vary(1)
    repeat = talk.say("vary", 1, "clips", 1)
    assert [m.address for m in repeat] == ["/bridge/progress"]
    answer = talk.finish(job)
    talk.clip(1, 0)
    assert talk.say("vary", 1, "clips", 1) == answer
    assert len(talk.jobs) == 1


def test_another_content_under_the_same_id_is_refused(talk: Talk) -> None:
    job = talk.vary(1)
    assert error(talk.say("vary", 1, "clips", 1, "amount", 0.5)) == (1, "id_reused")
    answer = talk.finish(job)
    assert error(talk.say("sample", 1)) == (1, "id_reused")
    assert error(talk.say("clip", 1, 0, 8.0, 4, 4, 3)) == (1, "id_reused")
    assert talk.say("notes", 1, 0, 0, 4, 37, 0.0, 0.25, 100.0) == []  # told just now
    talk.now += DEFAULT.reuse_s
    assert error(talk.say("notes", 1, 0, 0, 4, 37, 0.0, 0.25, 100.0)) == (1, "id_reused")
    assert talk.say("vary", 1, "clips", 1) == answer


def test_another_note_while_notes_still_come_ends_the_id(talk: Talk) -> None:
    talk.clip(1, 0)
    assert error(talk.say("notes", 1, 0, 1, 4, 37, 0.0, 0.25, 100.0)) == (1, "id_reused")


def test_answers_are_kept_a_minute(talk: Talk) -> None:
    answer = talk.finish(talk.vary(1))
    talk.wait(59)
    assert talk.say("vary", 1, "clips", 1) == answer
    talk.wait(60 + DEFAULT.sweep_s)
    assert talk.sessions.bytes_held == CLIENT_BYTES
    talk.vary(1, "amount", 0.9)
    assert len(talk.jobs) == 2


def test_at_most_64_answers_are_kept_and_a_puck_pushes_out_only_its_own(talk: Talk) -> None:
    answer = talk.finish(talk.vary(1))
    talk.palette(2)
    for number in range(1000, 1200):
        talk.say("at", number, 2, 0.5, 0.5)
        talk.finish(talk.jobs[-1], Outcome([Clip((), 4.0)], 1, ["drums"]))
    assert talk.say("vary", 1, "clips", 1) == answer
    for number in range(3000, 3064):
        talk.say("sample", number)
        talk.finish(talk.jobs[-1], Outcome([], 1, ["drums"]))
    jobs = len(talk.jobs)
    talk.say("vary", 1, "clips", 1)
    assert len(talk.jobs) == jobs  # forgotten: its clip is needed again
    assert talk.wait(0.06) == [Message("/bridge/missing", (1, 0, 0, -1))]


def test_clients_do_not_share_ids(talk: Talk) -> None:
    talk.say("sample", 1, "seed", 1)
    talk.say("sample", 1, "seed", 2, peer=B)
    assert [job.request().seed for job in talk.jobs] == [1, 2]


# Hello, ports, small talk


def test_hello_is_answered_warming_then_ready(talk: Talk) -> None:
    assert talk.say("hello", 6000, 1, 5, "live") == [Message("/bridge/welcome", (1, "1.2", "cpu", "warming", 0, SESSION))]
    models = [ModelLine("drums", "drums", 2, "beats"), ModelLine("melody", "melody", 2, "x" * 300, "drums")]
    told = talk.take(talk.sessions.models_ready("cuda", models))
    assert told[0] == Message("/bridge/welcome", (1, "1.2", "cuda", "ready", 2, SESSION))
    assert told[1] == Message("/bridge/model", (0, "drums", "drums", 2, "beats", ""))
    assert talk.say("hello", 6000, 1, 5, "live") == told
    assert set(talk.ports) == {6000}


def test_another_protocol_is_refused(talk: Talk) -> None:
    assert error(talk.say("hello", 6000, 2, 5, "live")) == (-1, "version")


def test_a_hello_with_a_new_session_forgets(talk: Talk) -> None:
    talk.say("hello", 0, 1, 5, "x")
    talk.palette(3)
    job = talk.vary(1)
    talk.say("hello", 0, 1, 5, "x")
    assert talk.stopped == talk.dropped == []
    talk.say("hello", 0, 1, 6, "x")
    assert talk.stopped == [job.ticket]
    assert len(talk.dropped) == 1
    assert talk.finish(job) == []
    talk.say("hello", 0, 1, 5, "x")  # an old hello that comes late
    talk.vary(1, "amount", 0.9)
    talk.say("hello", 0, 1, 5, "x")
    assert len(talk.stopped) == 1
    assert error(talk.say("at", 9, 3, 0, 0)) == (9, "no_palette")


def test_replies_go_to_the_verbs_port_else_the_hellos_else_the_senders(talk: Talk) -> None:
    talk.finish(talk.vary(1))
    talk.say("hello", 6000, 1, 5, "x")
    talk.finish(talk.vary(2))
    talk.finish(talk.vary(3, "reply_port", 7000))
    assert error(talk.say("sample", 4, "reply_port", 7000, "count", 0))[1] == "out_of_range"
    assert talk.ports == [5001, 6000, 6000, 7000, 7000]


def test_echo_and_report(talk: Talk) -> None:
    assert talk.say("echo", 5, "x" * 3000) == [Message("/bridge/echo", (5, "x" * 3000))]
    assert talk.say("echo", 5) == [Message("/bridge/echo", (5, ""))]
    assert talk.say("echo", 5) == []  # at once: so do two servers that echo each other
    talk.now += DEFAULT.echo_s
    assert talk.say("echo", 5) == [Message("/bridge/echo", (5, ""))]
    talk.now += 1.01
    assert sum(len(talk.say("echo", number, "x")) for number in range(100)) == DEFAULT.echoes_per_s
    assert talk.say("report", 6, "all well") == [Message("/bridge/done", (6, 0, 0, ""))]
    assert talk.say("report", 6, "all well") == [Message("/bridge/done", (6, 0, 0, ""))]
    assert talk.lines == ["all well"]
    assert error(talk.say("report", 7, "x" * 201)) == (7, "too_large")
    talk.report_error = "the disk is full"
    assert error(talk.say("report", 8, "all well")) == (8, "internal")


def test_the_server_never_talks_to_itself_or_to_another_server() -> None:
    talk = Talk(port=9120)
    assert error(talk.say("sample", 1, "reply_port", 9120)) == (1, "out_of_range")
    assert error(talk.say("hello", 9120, 1, 5, "x")) == (-1, "out_of_range")
    assert talk.ports == [A[1]] * 2
    assert talk.say("sample", 1, peer=(A[0], 9120)) == []
    assert talk.take(talk.sessions.receive_garbage((A[0], 9120), "no OSC", talk.now)) == []
    for name in ("welcome", "model", "progress", "info", "missing", "done", "error", "bye"):
        assert talk.say(name, 1, 2, 3, peer=B) == []
    assert (talk.jobs, len(talk.sessions._clients)) == ([], 1)


def test_answers_follow_a_client_that_listens_elsewhere(talk: Talk) -> None:
    talk.say("hello", 6000, 1, 5, "x")
    job = talk.vary(1)
    talk.say("hello", 6001, 1, 5, "x")
    talk.finish(job)
    talk.say("vary", 1, "clips", 1)
    assert talk.ports == [6000, 6001, 6001, 6001]


def test_the_next_owner_of_a_port_gets_nothing_of_the_one_before(talk: Talk) -> None:
    talk.say("hello", 6000, 1, 5, "x")
    talk.palette(3)
    talk.finish(talk.vary(1))
    job = talk.vary(2, "reply_port", 6002)
    talk.say("hello", 6001, 1, 6, "y")
    assert talk.silenced == {(A[0], 6000), (A[0], 6002)}
    assert talk.finish(job) == []
    assert error(talk.say("resend", 1, 0, 0, -1)) == (1, "bad_request")
    assert error(talk.say("at", 9, 3, 0, 0)) == (9, "no_palette")


def test_a_late_repeat_gets_the_same_seed_and_another_content_is_refused() -> None:
    talk = Talk(Limits(answers=4), seeds=iter(range(100)))
    first = talk.vary(0)
    talk.finish(first)
    for number in range(1, 10):
        talk.finish(talk.vary(number))
    assert error(talk.say("vary", 0, "clips", 1, "amount", 0.9)) == (0, "id_reused")
    again = talk.vary(0)
    assert again is not first
    assert again.draft is not None
    assert first.draft is not None
    assert again.draft.seed == first.draft.seed
    talk.finish(again)
    talk.wait(DEFAULT.kept_s + DEFAULT.sweep_s + 1)
    talk.wait(DEFAULT.sweep_s + 1)
    assert talk.vary(0, "amount", 0.9).draft.seed == 10  # type: ignore[union-attr]


def test_a_large_answer_is_repeated_only_so_often_then_its_end_is(talk: Talk) -> None:
    job = talk.vary(1)
    long = Clip(tuple(Note(36, 0.01 * k, 0.25, 100) for k in range(3000)), 40.0)
    whole = talk.finish(job, Outcome([long], 1, ["drums"]))
    repeats: list[list[Message]] = []
    for _ in range(20):
        repeats.append(talk.say("vary", 1, "clips", 1))
        assert talk.say("vary", 1, "clips", 1) == []  # too soon
        talk.now += DEFAULT.repeat_s
    assert repeats[: DEFAULT.repeats] == [whole] * DEFAULT.repeats
    assert repeats[DEFAULT.repeats :] == [whole[-1:]] * (20 - DEFAULT.repeats)
    assert talk.say("resend", 1, 0, 0, -1) == whole[:-1]


def test_work_that_waits_is_bounded_for_each_client() -> None:
    talk = Talk(Limits(client_work_s=0.5))
    accepted = 0
    while talk.say("sample", accepted, "count", 16) == []:
        accepted += 1
    assert 0 < accepted < 64
    assert talk.say("sample", 1, "count", 16, peer=B) == []
    talk.finish(talk.jobs[0], Outcome([], 1, ["drums"]))
    assert talk.say("sample", accepted, "count", 16) == []  # the same id, sent again later


def test_a_client_with_few_requests_is_served_whoever_has_filled_the_queue() -> None:
    talk = Talk(Limits(pending=8))
    for port in range(4):
        for number in range(4):
            talk.say("sample", number, "count", 1, peer=("10.0.0.1", port + 1))
    assert error(talk.say("sample", 9, "count", 1, peer=("10.0.0.1", 1))) == (9, "busy")
    for number in range(DEFAULT.own_pending):
        assert talk.say("sample", number, "count", 1) == []
    assert error(talk.say("sample", 9, "count", 1)) == (9, "busy")


def test_who_only_says_hello_takes_no_ones_place_that_works_here() -> None:
    talk = Talk(Limits(clients=8))
    talk.say("hello", 0, 1, 5, "x")
    talk.palette(3)
    for port in range(1000):
        talk.say("hello", 0, 1, 5, "x", peer=("10.0.0.1", port + 1))
        talk.take(talk.sessions.receive_garbage(("10.0.0.2", port + 1), "no OSC", talk.now))
        talk.say("nonsense", 1, peer=("10.0.0.3", port + 1))
    assert talk.say("at", 9, 3, 0, 0) == []
    assert len(talk.sessions._clients) == 8


def test_a_client_that_is_silent_for_long_is_forgotten(talk: Talk) -> None:
    talk.say("hello", 0, 1, 5, "x")
    talk.palette(3)
    talk.wait(DEFAULT.silent_s + 1)
    assert len(talk.dropped) == 1
    assert talk.sessions.bytes_held == 0


# Cancel, streams, palettes


def test_cancel_ends_an_id_and_stops_its_job(talk: Talk) -> None:
    job = talk.vary(1)
    assert error(talk.say("cancel", 1)) == (1, "cancelled")
    assert talk.stopped == [job.ticket]
    assert talk.finish(job) == []
    assert error(talk.say("vary", 1, "clips", 1)) == (1, "cancelled")
    assert error(talk.say("cancel", 1)) == (1, "cancelled")


def test_cancel_on_a_finished_id_repeats_the_answer(talk: Talk) -> None:
    answer = talk.finish(talk.vary(1))
    assert talk.say("cancel", 1) == answer


def test_a_cancel_that_overtakes_its_verb_holds(talk: Talk) -> None:
    assert error(talk.say("cancel", 1)) == (1, "cancelled")
    talk.clip(1, 0)
    assert error(talk.say("vary", 1, "clips", 1)) == (1, "cancelled")
    assert not talk.jobs


def test_cancel_ends_what_is_half_received(talk: Talk) -> None:
    talk.say("vary", 1, "clips", 1)
    assert error(talk.say("cancel", 1)) == (1, "cancelled")
    assert talk.wait(10) == []


def test_of_a_stream_the_latest_wins(talk: Talk) -> None:
    first = talk.vary(1, "stream", "a")
    other = talk.vary(2, "stream", "b")
    talk.clip(3, 0)
    assert error(talk.say("vary", 3, "clips", 1, "stream", "a")) == (1, "superseded")
    assert talk.stopped == [first.ticket]
    assert talk.finish(first) == []
    assert talk.finish(other)[-1].address == "/bridge/done"
    assert error(talk.say("vary", 1, "clips", 1, "stream", "a")) == (1, "superseded")
    assert len(talk.jobs) == 3


def test_a_stream_supersedes_what_is_half_received(talk: Talk) -> None:
    talk.say("vary", 1, "clips", 1, "stream", 5)
    assert error(talk.say("sample", 2, "stream", 5)) == (1, "superseded")
    assert talk.wait(10) == []


def test_of_positions_on_a_palette_the_latest_wins(talk: Talk) -> None:
    talk.palette(1)
    talk.palette(2)
    talk.say("at", 10, 1, 0.5, 0.5)
    talk.say("at", 11, 2, 0.5, 0.5)
    job = talk.jobs[-1]
    assert error(talk.say("at", 12, 1, 0.25, 1)) == (10, "superseded")
    assert (job.draft, job.at) == (None, (0.5, 0.5))
    assert talk.jobs[-1].at == (0.25, 1.0)
    assert talk.finish(job, Outcome([Clip((), 4.0)], 3, ["drums"]))[-1] == Message("/bridge/done", (11, 1, 3, "drums"))


def test_a_position_knows_the_notes_of_its_palette(talk: Talk) -> None:
    for index in (0, 1):
        talk.clip(1, index)
    talk.say("blend", 1, "clips", 2, "grid", 0)
    talk.finish(talk.jobs[-1], Outcome([], 1, ["drums"]))
    talk.say("at", 2, 1, 0, 0)
    note = Note(36, 0.0, 0.25, 100.0, from_clip=1, from_note=0)
    out = talk.finish(talk.jobs[-1], Outcome([Clip((note,), 4.0)], 1, ["drums"]))
    assert out[1].values[-2:] == (1, 0)


def test_a_palette_lives_until_16_newer_ones(talk: Talk) -> None:
    first = talk.palette(1)
    for number in range(2, 17):
        talk.palette(number)
    talk.say("at", 100, 1, 0, 0)
    assert talk.jobs[-1].palette == first.palette
    assert talk.dropped == []
    talk.palette(17)
    assert talk.dropped == [first.palette]
    assert error(talk.say("at", 101, 1, 0, 0)) == (101, "no_palette")


def test_a_blend_that_failed_or_was_cancelled_leaves_no_palette(talk: Talk) -> None:
    for number in (1, 2):
        for index in (0, 1):
            talk.clip(number, index)
        talk.say("blend", number, "clips", 2, "grid", 0)
    talk.take(talk.sessions.fail(talk.jobs[0].ticket, "internal", "no", talk.now))
    talk.say("cancel", 2)
    assert talk.dropped == [job.palette for job in talk.jobs]
    assert error(talk.say("at", 5, 1, 0, 0)) == (5, "no_palette")
    assert error(talk.say("at", 6, 2, 0, 0)) == (6, "no_palette")


# Bounds


def test_a_client_with_too_much_to_do_is_told_to_wait(talk: Talk) -> None:
    for number in range(DEFAULT.client_pending):
        assert talk.say("sample", number) == []
    assert error(talk.say("sample", 999)) == (999, "busy")
    assert talk.say("sample", 1, peer=B) == []
    talk.finish(talk.jobs[0], Outcome([], 1, ["drums"]))
    assert talk.say("sample", 999) == []


def test_notes_without_a_verb_never_block_a_client() -> None:
    talk = Talk(Limits(open=4))
    for number in range(1000):
        talk.clip(number, 0)
    assert talk.sessions.bytes_held <= CLIENT_BYTES + 4 * 5000
    assert talk.say("vary", 999, "clips", 1) == []
    assert [job.id for job in talk.jobs] == [999]
    talk.say("vary", 0, "clips", 1)  # the oldest was forgotten: its clip is asked for
    assert talk.wait(DEFAULT.first_ask_s) == [Message("/bridge/missing", (0, 0, 0, -1))]


def test_half_received_requests_do_not_pile_up() -> None:
    talk = Talk(Limits(open=4))
    for number in range(4):
        assert talk.say("vary", number, "clips", 1) == []
    assert error(talk.say("vary", 4, "clips", 1)) == (4, "busy")
    assert error(talk.say("sample", 5, "reply_port", 7000)) == (5, "busy")
    assert talk.ports == [A[1], 7000]
    assert talk.say("sample", 5, peer=B) == []


def test_memory_has_a_bound_and_who_holds_most_pays() -> None:
    most = 4 * 2**20
    talk = Talk(Limits(held_bytes=most))
    talk.vary(1)
    for peer in range(6000, 6008):
        for number in range(64):
            for first in range(0, 600, 32):  # a block each
                talk.say("notes", number, 0, first, 4, 36, 0.0, 0.25, 100.0, peer=(A[0], peer))
                assert talk.sessions.bytes_held <= most
    assert error(talk.say("vary", 1, "clips", 1, "amount", 0.9)) == (1, "id_reused")  # A's is remembered


def test_what_waits_counts_too_and_is_told_when_it_has_to_go() -> None:
    talk = Talk(Limits(held_bytes=2**20))
    beat = tuple((36, 0.01 * k, 0.25, 100.0) for k in range(1024))
    for number in range(13):
        talk.vary(number, notes=beat)
    other = ("10.0.0.1", 1)
    for number in range(3):
        said = talk.say("clip", number, 0, 40.0, 4, 4, len(beat), "long", peer=other)
        for first in range(0, len(beat), 64):
            rows = [value for note in beat[first : first + 64] for value in note]
            said += talk.say("notes", number, 0, first, 4, *rows, peer=other)
        assert talk.say("vary", number, "clips", 1, peer=other) == []
        assert talk.sessions.bytes_held <= 2**20
    assert talk.stopped == [talk.jobs[12].ticket]  # the newest of who holds most
    assert error(said) == (12, "too_large")
    assert talk.finish(talk.jobs[0])[-1].address == "/bridge/done"


def test_promises_and_empty_messages_take_no_memory(talk: Talk) -> None:
    for number in range(64):
        for index in range(64):
            assert talk.say("clip", number, index, 4096, 4, 4, 32768, "long") == []
            assert talk.say("notes", number, index, 32767, 4) == []
    assert talk.sessions.bytes_held < 64 * 64 * 1000 + 64 * 2000
    assert talk.say("notes", 0, 0, 32767, 4, 36, 0.0, 0.25, 100.0) == []
    assert talk.sessions.bytes_held < 64 * 64 * 1000 + 64 * 2000


def test_a_clip_that_comes_in_single_notes_from_its_end_is_whole(talk: Talk) -> None:
    beat = tuple((36 + k % 12, 0.25 * k, 0.25, 1.0 + k) for k in range(100))
    assert talk.say("vary", 1, "clips", 1) == []
    for k in reversed(range(100)):
        assert talk.say("notes", 1, 0, k, 4, *beat[k]) == []
        assert talk.say("notes", 1, 0, k, 4, *beat[k]) == []
    assert talk.say("clip", 1, 0, 40.0, 4, 4, 100, "beat") == []
    (job,) = talk.jobs
    assert [(n.pitch, n.start, n.duration, n.velocity) for n in job.request().clips[0].notes] == list(beat)  # type: ignore[attr-defined]
    assert error(talk.say("notes", 1, 0, 50, 4, *beat[51])) == (1, "id_reused")


def test_clients_are_forgotten_only_when_there_are_too_many_and_first_those_who_never_said_hello() -> None:
    talk = Talk(Limits(clients=8))
    talk.say("hello", 6000, 1, 5, "x")
    for port in range(20):
        talk.say("report", 1, f"{port}", peer=("10.0.0.1", port + 1))
    assert len(talk.sessions._clients) == 8
    talk.say("report", 1, "19", peer=("10.0.0.1", 20))  # a repeat: this one is remembered
    assert talk.lines == [f"{port}" for port in range(20)]
    talk.say("hello", 6000, 1, 5, "x")
    assert len(talk.sessions._clients) == 8


def test_no_client_is_forgotten_while_it_waits_for_an_answer() -> None:
    talk = Talk(Limits(clients=4))
    peers = [("10.0.0.1", port + 1) for port in range(4)]
    for peer in peers[:3]:
        assert talk.say("sample", 1, "count", 1, peer=peer) == []
    talk.say("vary", 1, "clips", 1, peer=peers[3])  # half received, and owed an answer too
    assert error(talk.say("sample", 7, "count", 1, "reply_port", 7000)) == (7, "busy")
    assert talk.ports == [7000]
    assert error(talk.say("hello", 0, 1, 5, "x")) == (-1, "busy")
    assert talk.say("clip", 8, 0, 4.0, 4, 4, 0) == []  # the verb behind it is told
    assert error(talk.say("vary", 8, "clips", 1)) == (8, "busy")
    assert error(talk.take(talk.sessions.receive_garbage(A, "no OSC", talk.now))) == (-1, "bad_request")
    assert (len(talk.jobs), talk.stopped) == (3, [])
    for job in talk.jobs[:]:
        assert talk.finish(job, Outcome([], 1, ["drums"]))[-1] == Message("/bridge/done", (1, 0, 1, "drums"))
    assert talk.say("sample", 7, "count", 1, "reply_port", 7000) == []  # now one has its answer, and can be forgotten
    assert len(talk.jobs) == 4
    assert [m.values[:2] for m in talk.wait(60) if m.address == "/bridge/error"] == [(1, "incomplete")]


def test_clients_that_are_turned_away_are_told_so_a_few_times_a_second() -> None:
    talk = Talk(Limits(clients=1, replies_per_s=5))
    talk.say("sample", 1, "count", 1)
    answers = [talk.say("sample", 1, "count", 1, peer=("10.0.0.1", port + 1)) for port in range(100)]
    assert [error(a) for a in answers if a] == [(1, "busy")] * 5
    talk.now += 1.01
    assert error(talk.say("sample", 1, "count", 1, peer=B)) == (1, "busy")


def test_a_server_that_stops_ends_what_is_open_and_says_goodbye() -> None:
    talk = Talk()
    talk.say("hello", 6000, 1, 5, "x")
    job = talk.vary(1)
    talk.say("vary", 2, "clips", 1)  # half received
    talk.clip(3, 0)  # without a verb, no one waits for an answer
    done = talk.vary(4)
    talk.finish(done)
    talk.palette(5)
    talk.say("sample", 1, "count", 1, peer=B)
    talk.ports.clear()
    sent = talk.take(talk.sessions.close(talk.now))
    assert sorted(m.values[:2] for m in sent if m.address == "/bridge/error") == [
        (1, "cancelled"),
        (1, "cancelled"),
        (2, "cancelled"),
    ]
    assert [m for m in sent if m.address == "/bridge/bye"] == [Message("/bridge/bye", (SESSION,))]
    assert sorted(talk.ports) == sorted([6000, 6000, 6000, B[1]])
    assert len(talk.stopped) == 2
    assert talk.finish(job) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["clip", "notes", "vary", "sample", "blend", "at", "cancel", "resend", "hello", "echo", "report", "x"]
            ),
            st.lists(
                st.one_of(
                    st.integers(-2, 5), st.floats(width=32), st.sampled_from(["clips", "count", "seed", "stream", "a", ""])
                ),
                max_size=9,
            ),
        ),
        max_size=40,
    )
)
@settings(max_examples=150, deadline=None)
def test_nonsense_raises_nothing_and_every_id_ends_at_most_once_with_one_ending(
    messages: list[tuple[str, list[int | float | str]]],
) -> None:
    talk = Talk()
    for name, values in messages:
        talk.say(name, *values)
    for _ in range(10):
        talk.wait(5)
    assert not [e for c in talk.sessions._clients for e in c.exchanges.values() if e.state == "open" and e.has_verb]
