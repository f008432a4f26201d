"""How fast peers are sent to, and in which order messages are dealt with."""

from __future__ import annotations

import math

from bridge.inbox import Inbox
from bridge.outgoing import Outgoing
from bridge.protocol.limits import DEFAULT
from bridge.protocol.osc import Message, OscError, encode

NEAR, FAR = ("127.0.0.1", 9000), ("192.168.1.7", 9000)
LONG = [b"%05d" % k + bytes(1235) for k in range(4000)]  # 5 MB


def send(outgoing: Outgoing, seconds: float, now: float = 0.0) -> list[tuple[float, bytes, tuple[str, int]]]:
    """Send what is due for a while."""
    sent: list[tuple[float, bytes, tuple[str, int]]] = []
    end = now + seconds
    while outgoing.due < end:
        now = max(now, outgoing.due)
        sent += [(now, datagram, to) for datagram, to in outgoing.take(now)]
    return sent


def test_a_short_answer_goes_at_once_and_a_long_one_in_bursts() -> None:
    outgoing = Outgoing()
    assert outgoing.put(NEAR, LONG[:8], 0.0) == LONG[:8]
    assert outgoing.put(NEAR, LONG[:100], 0.0) == []
    sent = send(outgoing, 10)
    assert [datagram for _, datagram, _ in sent] == LONG[:100]
    assert max(sum(when == at for when, *_ in sent) for at, *_ in sent) <= DEFAULT.burst
    assert math.isinf(outgoing.due)


def test_an_answer_on_its_way_is_not_sent_twice() -> None:
    outgoing = Outgoing()
    for _ in range(100):
        assert outgoing.put(NEAR, LONG, 0.0) == []
    assert len(send(outgoing, 100)) == len(LONG)


def test_who_is_far_is_sent_to_slowly_whatever_it_asks_for() -> None:
    outgoing = Outgoing()
    sent = [(0.0, datagram, FAR) for k in range(50) for datagram in outgoing.put(FAR, [b"%d" % k + bytes(60_000)], 0.0)]
    outgoing.put(FAR, LONG, 0.0)
    sent += send(outgoing, 40)
    assert len(sent) > 1000
    for start, *_ in sent:
        assert sum(len(datagram) for when, datagram, _ in sent if start <= when < start + 1) <= DEFAULT.network_bytes_per_s


def test_no_peer_waits_for_another() -> None:
    outgoing = Outgoing()
    outgoing.put(FAR, LONG, 0.0)
    outgoing.put(NEAR, LONG, 0.0)
    other = ("127.0.0.1", 9001)
    outgoing.put(other, LONG[:64], 0.0)
    done = [when for when, _, to in send(outgoing, 100) if to == other]
    assert len(done) == 64
    assert max(done) <= (64 / (DEFAULT.burst / 3) + 1) * DEFAULT.burst_s


def test_what_is_on_its_way_can_be_dropped() -> None:
    outgoing = Outgoing()
    outgoing.put(NEAR, LONG, 0.0)
    outgoing.take(0.0)
    outgoing.drop(NEAR)
    assert math.isinf(outgoing.due)
    assert outgoing.put(NEAR, LONG[:1], 0.01) == LONG[:1]


def test_messages_of_a_bundle_wait_for_those_of_others() -> None:
    inbox = Inbox()
    parts = [encode("/bridge/x", [k]) for k in range(1000)]
    bundle = b"#bundle\0" + bytes(8) + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    inbox.put(NEAR, bundle)
    inbox.put(FAR, encode("/bridge/hello", [1]))
    assert [inbox.take() for _ in range(2)] == [(NEAR, Message("/bridge/x", (0,))), (FAR, Message("/bridge/hello", (1,)))]
    assert [inbox.take()[1] for _ in range(999)] == [Message("/bridge/x", (k,)) for k in range(1, 1000)]
    assert inbox.take() == (NEAR, None)
    assert len(inbox) == 0


def test_garbage_is_told_and_what_follows_it_is_read() -> None:
    inbox = Inbox()
    for datagram in (b"garbage", b"", encode("/bridge/x", [1])):
        inbox.put(NEAR, datagram)
    found = [inbox.take()[1] for _ in range(3)]
    assert [type(message) for message in found] == [OscError, OscError, Message]


def test_what_is_received_and_not_dealt_with_has_a_bound() -> None:
    inbox = Inbox()
    for _ in range(1000):
        inbox.put(NEAR, b"/" + bytes(60_000))
    inbox.put(FAR, encode("/bridge/x", [1]))
    assert {inbox.take()[0] for _ in range(2)} == {NEAR, FAR}
    read = 1
    while len(inbox):
        inbox.take()
        read += 1
    assert read <= DEFAULT.client_received_bytes // 60_000
