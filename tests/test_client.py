"""The Python client of the server, on a real server: whole answers whatever gets lost, from threads and from asyncio."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.client import Answer, AsyncClient, Client, NoServer, Pending, ServerError
from bridge.config import ServerConfig
from bridge.protocol.asking import Exchange, key_values
from bridge.protocol.osc import decode, encode
from bridge.server import Server
from models.music import midi
from models.music.clip import Clip, Note
from tests.support.osc_client import Relay
from tests.support.reaper import Item, Project

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
BEAT = Clip(tuple(Note(36 + 2 * (i % 4), i / 3, 1 / 7, 100.0) for i in range(24)), 8.0, channel=10, name="beat")
TUNE = Clip(tuple(Note(60 + i % 5, i / 2, 0.5, 90.0) for i in range(16)), 8.0, tempo=97.0, name="tune")


@pytest.fixture(scope="module")
def port(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tiny_models.parents[1]))
        server = Server(ServerConfig(port=0, device="cpu", report=str(tmp_path_factory.mktemp("log") / "report.txt")))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with Client(port=server.port) as client:
                client.wait_until_ready()
            yield server.port
        finally:
            server.stop()
            thread.join(10)


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client(port=port) as found:
        found.hello()
        yield found


def test_a_welcome_says_what_there_is(client: Client) -> None:
    welcome = client.hello()
    assert (welcome.is_ready, welcome.device) == (True, "cpu")
    assert {("drums", "drums", 2), ("melody", "melody", 2)} <= {(m.name, m.family, m.bars) for m in welcome.models}
    assert client.wait_until_ready().session == welcome.session


def test_what_did_not_change_is_the_very_note_that_was_sent(client: Client) -> None:
    answer = client.ask("vary", [BEAT], amount=0.4, count=4, seed=3)
    assert (answer.seed, answer.model) == (3, "drums")
    assert 1 <= len(answer.clips) <= 4
    kept = 0
    for clip in answer.clips:
        assert (clip.beats, clip.meter, clip.channel) == (8.0, (4, 4), 10)
        for note in clip.notes:
            if note.from_note >= 0:
                kept += 1
                assert note == BEAT.notes[note.from_note]  # thirds and sevenths of a beat, which float32 has not
    assert kept
    (same,) = client.ask("vary", [TUNE], amount=0).clips
    assert (same.notes, same.tempo) == (TUNE.notes, TUNE.tempo)


def test_a_clip_that_begins_elsewhere_is_sent_from_its_beginning(client: Client) -> None:
    later = replace(TUNE, start=16.0, notes=tuple(replace(n, start=n.start + 16) for n in TUNE.notes))
    (same,) = client.ask("vary", [later], amount=0).clips
    assert (same.start, same.notes) == (0.0, TUNE.notes)


def test_every_verb_and_its_settings(client: Client) -> None:
    assert len(client.ask("sample", count=2, bars=2, kind="notes", key="A minor").clips) == 2
    assert len(client.ask("interpolate", [BEAT, BEAT], steps=3, kind="drums").clips) == 3
    assert len(client.ask("reconstruct", [TUNE, BEAT]).clips) == 2
    locked = client.ask("vary", [BEAT], lock=["rhythm"], lock_beats=[(0, 4)], lock_voices=("kick", "snare"), fill=True, count=1)
    assert [n for n in locked.clips[0].notes if n.start < 3.9] == [n for n in BEAT.notes if n.start < 3.9]
    assert client.ask("vary", [TUNE], context=[BEAT], context_kinds=["drums"], count=1).clips
    assert client.ask("sample", context=[TUNE], kind="notes", count=1).clips


def test_a_palette_gives_the_clip_at_a_position(client: Client) -> None:
    palette = client.ask("blend", [BEAT, replace(BEAT, notes=BEAT.notes[:7])], grid=0, kind="drums")
    assert palette.clips == ()
    assert client.at(palette, 1, 0).notes == BEAT.notes[:7]
    assert client.at(palette.id, 1, 0).notes != BEAT.notes[:7]  # with the id alone, times are of 32 bits
    with pytest.raises(ServerError) as error:
        client.at(12345, 0, 0)
    assert error.value.code == "no_palette"


@pytest.mark.parametrize(
    ("keys", "code"),
    [({"amount": 2}, "out_of_range"), ({"loudness": 1}, "unknown_key"), ({"model": "none"}, "no_model")],
)
def test_what_the_server_refuses_is_an_error_with_its_sentence(client: Client, keys: dict[str, Any], code: str) -> None:
    with pytest.raises(ServerError) as error:
        client.ask("vary", [BEAT], **keys)
    assert error.value.code == code
    assert str(error.value)


def test_what_cannot_be_sent_is_told_at_once_and_opens_nothing(client: Client) -> None:
    for wrong, told in (
        ({"seed": 2**40}, "does not fit"),
        ({"amount": float("nan")}, "no finite"),
        ({"lock": {1}}, "not a set"),
    ):
        with pytest.raises(ValueError, match=told):
            client.ask("vary", [BEAT], **wrong)
    with pytest.raises(ValueError, match="NUL"):
        client.ask("vary", [BEAT], stream="a\0b")
    assert not client._conversation.open


def test_a_request_is_cancelled_and_tells_how_far_it_is(client: Client) -> None:
    begun = threading.Event()
    pending = client.begin("sample", count=64, bars=64, progress=lambda fraction: begun.set())
    assert begun.wait(20)
    assert not pending.is_done
    pending.cancel()
    with pytest.raises(ServerError) as error:
        pending.result(20)
    assert error.value.code == "cancelled"


def test_an_answer_is_whole_whatever_gets_lost_doubled_or_late(port: int) -> None:
    long = Clip(tuple(Note(i % 128, i / 16, 0.25, 1 + i % 127) for i in range(1500)), 96.0)
    with Relay(port, seed=5, share=0.15) as relay, Client(port=relay.port) as client:
        (same,) = client.ask("vary", [long], amount=0).clips
        assert same.notes == long.notes
        assert len(client.ask("vary", [BEAT], count=3, seed=1).clips) == 3
        assert relay.lost
        assert relay.doubled


def test_many_threads_ask_one_client_and_each_gets_its_own(client: Client) -> None:
    answers: dict[int, Answer] = {}

    def ask(seed: int) -> None:
        answers[seed] = client.ask("vary", [BEAT], count=2, seed=seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {seed: answer.seed for seed, answer in answers.items()} == {seed: seed for seed in range(8)}
    assert answers[1].clips == client.ask("vary", [BEAT], count=2, seed=1).clips


def test_a_callback_that_fails_harms_no_one_and_one_may_begin_something(client: Client) -> None:
    told = threading.Event()
    begun: list[Pending] = []

    def fail(fraction: float) -> None:
        begun.append(client.begin("sample", count=1))
        told.set()
        raise RuntimeError("mine")

    pending = client.begin("sample", count=64, bars=64, progress=fail)
    assert told.wait(20)
    pending.cancel()
    assert len(begun[0].result(20).clips) == 1
    with pytest.raises(ServerError, match="cancel"):
        pending.result(20)


def test_where_no_server_is_that_is_said_and_nothing_is_waited_for_after_the_end() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
        with Client(port=port, patience=0.2) as client:
            with pytest.raises(NoServer, match=r"no server answers at 127.0.0.1:\d+; `latent-bridge serve` starts one"):
                client.hello(0.3)
            with pytest.raises(NoServer, match=r"has not answered sample within 0.2 s"):
                client.ask("sample")
            pending = client.begin("sample")
        with pytest.raises(NoServer):
            pending.result(5)
        with pytest.raises(NoServer, match="closed"):
            client.ask("sample")


# Garbage


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 40,
        b"#bundle\0",
        encode("/bridge/done", [1]),
        encode("/bridge/done", [1, "x", "y", "z"]),
        encode("/bridge/error", [1]),
        encode("/bridge/clip", [1, 0]),
        encode("/bridge/notes", [1, 0, 0, 0, 1.0]),
        encode("/bridge/notes", [1, 0, 2_000_000, 10, *[1.0] * 10]),
        encode("/bridge/notes", [1, 0, 0, 10, 300, *[1.0] * 9]),
        encode("/bridge/missing", [1, 7, -4, -9]),
        encode("/bridge/progress", [1, "much"]),
        encode("/bridge/welcome", [1]),
    ],
)
def test_what_is_no_answer_is_passed_over(garbage: bytes) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind((HOST, 0))
        server.settimeout(10)
        with Client(port=server.getsockname()[1]) as client:
            pending = client.begin("sample", count=1)
            datagram, sender = server.recvfrom(65536)
            number = decode(datagram)[0].values[0]
            assert isinstance(number, int)
            server.sendto(garbage.replace(b"\0\0\0\1", number.to_bytes(4, "big"), 1), sender)
            server.sendto(encode("/bridge/error", [number, "busy", "come again"]), sender)
            with pytest.raises((ServerError, ValueError, IndexError, NoServer)):
                pending.result(10)


def test_chunks_keep_to_what_every_program_can_read() -> None:
    long = BEAT.with_notes(Note(i % 128, i / 64, 0.25) for i in range(1000))
    exchange = Exchange(
        2**31 - 1, "vary", key_values({"lock_beats": [(0, 4.5), (6, 8)], "at": (0.25, 0), "fill": True, "no": None}), [long]
    )
    sent = [decode(datagram)[0] for datagram in exchange.opening()]
    assert all(len(datagram) <= 1400 for datagram in exchange.opening())
    assert all(len(message.values) <= 250 for message in sent)
    assert [message.address for message in sent] == ["/bridge/clip", *["/bridge/notes"] * 34, "/bridge/vary"]
    assert sent[-1].values == (2**31 - 1, "lock_beats", "0:4.5,6:8", "at", "0.25,0", "fill", 1)
    assert sum((len(m.values) - 4) // 8 for m in sent[1:-1]) == 1000


# asyncio


def test_the_same_for_asyncio(port: int) -> None:
    async def use() -> tuple[Answer, ...]:
        async with AsyncClient(port=port) as client:
            assert (await client.wait_until_ready()).is_ready
            answers = await asyncio.gather(*(client.ask("vary", [BEAT], count=2, seed=seed) for seed in range(4)))
            palette = await client.ask("blend", [BEAT, TUNE], grid=0, kind="drums")
            assert (await client.at(palette, 0, 0)).notes == BEAT.notes
            with pytest.raises(ServerError, match="amount"):
                await client.ask("vary", [BEAT], amount=2)
            long = asyncio.create_task(client.ask("sample", count=64, bars=64))
            await asyncio.wait([long], timeout=0.1)
            long.cancel()
            with pytest.raises(asyncio.CancelledError):
                await long
            assert not client._conversation.open
            return tuple(answers)

    answers = asyncio.run(use())
    with Client(port=port) as client:
        assert answers == tuple(
            replace(client.ask("vary", [BEAT], count=2, seed=seed), id=answers[seed].id) for seed in range(4)
        )


def test_asyncio_gets_whole_answers_too_and_says_where_none_come(port: int) -> None:
    async def lossy(relay: int) -> tuple[Note, ...]:
        async with AsyncClient(port=relay) as client:
            return (await client.ask("vary", [TUNE], amount=0)).clips[0].notes

    with Relay(port, seed=8, share=0.2) as relay:
        assert asyncio.run(lossy(relay.port)) == TUNE.notes

    async def nobody(unused: int) -> None:
        async with AsyncClient(port=unused, patience=0.2) as client:
            with pytest.raises(NoServer, match="no server answers"):
                await client.hello(0.3)
            with pytest.raises(NoServer, match="has not answered"):
                await client.ask("sample")
        with pytest.raises(NoServer, match="closed"):
            await client.ask("sample")

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as unused:
        unused.bind((HOST, 0))
        asyncio.run(nobody(unused.getsockname()[1]))


# Other hosts


def test_a_host_needs_nothing_but_the_standard_library() -> None:
    code = "import sys; import bridge.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(done.stdout.split()) <= {*sys.stdlib_module_names, "bridge", "models", "__main__"}


def test_every_block_of_the_page_for_hosts_runs(port: int) -> None:
    page = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    world: dict[str, object] = {}
    for block in blocks:
        exec(compile(re.sub(r"Client\(\)", f"Client(port={port})", block), "docs/hosts.md", "exec"), world)
    one, two = world["one"], world["two"]
    assert isinstance(one, Answer)
    assert isinstance(two, Answer)
    assert (one.seed, two.seed) == (1, 2)
    told = ["track", "clip", 60, 0.5, 0.25, 100, 0, 62, 1.0, 0.5, 90, 1]
    clip = world["from_abletonosc"](told, 4.0)  # type: ignore[operator]
    assert clip.notes == (Note(60, 0.5, 0.25, 100), Note(62, 1.0, 0.5, 90, mute=True))
    assert world["to_abletonosc"](clip, 3, 4) == [3, 4, *told[2:]]  # type: ignore[operator]


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    found = Project()
    monkeypatch.setitem(sys.modules, "reaper_python", found.module())
    return found


def run_in_reaper(port: int, monkeypatch: pytest.MonkeyPatch, wait: float = 20.0) -> None:
    text = (ROOT / "docs" / "reaper_vary.py").read_text(encoding="utf-8")
    assert "PORT = 9120\n" in text
    assert "WAIT = 2.0 " in text
    monkeypatch.setattr(sys, "path", [*sys.path])
    changed = text.replace("PORT = 9120\n", f"PORT = {port}\n").replace("WAIT = 2.0 ", f"WAIT = {wait} ")
    exec(compile(changed, "reaper_vary.py", "exec"), {"__name__": "__main__"})


def test_a_script_varies_an_item_in_a_stand_in_for_reaper(
    port: int, project: Project, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = midi.read_clip(clips / "funk.mid")
    item = Item(project.track, 2.0, source.beats / 2)
    item.take.notes = [(0, 0, round(n.start * 960), round(n.end * 960), 9, n.pitch, round(n.velocity)) for n in source.notes]
    item.take.name = "funk"
    Item(project.track, 20.0, 1.0)  # behind which the variations go
    project.selected.append(item)
    before = list(item.take.notes)
    run_in_reaper(port, monkeypatch)
    made = project.track[2:]
    assert [one.position for one in made] == [21.0 + k * source.beats / 2 for k in range(len(made))]
    assert 1 <= len(made) <= 4
    assert (item.take.notes, project.undone) == (before, ["Vary the item"])
    for number, one in enumerate(made, 1):
        assert (one.length, one.take.name) == (source.beats / 2, f"funk vary {number}")
        assert {note[4] for note in one.take.notes} == {9}
        mine = {(round(on), pitch, velocity) for _, _, on, _, _, pitch, velocity in one.take.notes}
        assert mine != {(on, pitch, velocity) for _, _, on, _, _, pitch, velocity in before}
        assert len(mine & {(on, pitch, velocity) for _, _, on, _, _, pitch, velocity in before}) > len(before) / 3


def test_in_the_stand_in_for_reaper_what_is_wrong_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run_in_reaper(9, monkeypatch)
    item = Item(project.track, 0.0, 4.0)
    item.take.is_midi = False
    project.selected.append(item)
    run_in_reaper(9, monkeypatch)
    assert project.said == ["Latent Bridge: select a MIDI item first\n"] * 2
    item.take.is_midi = True
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as unused:
        unused.bind((HOST, 0))
        run_in_reaper(unused.getsockname()[1], monkeypatch, wait=0.1)
    assert "no server answers" in project.said[-1]
    assert (len(project.track), project.undone) == (1, [])
