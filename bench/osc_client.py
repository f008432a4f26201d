"""A small OSC client for the benches: it asks, waits for the end, and asks again for what got lost."""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Sequence

from bridge.protocol.osc import Message, Value, decode, encode

HOST = "127.0.0.1"
NOTES = 30  # a message of width 8
SILENCE_S = 0.5  # after which a verb is sent again
PATIENCE_S = 60.0
Row = tuple[float, ...]


class OscClient:
    """Speaks to a server on this machine, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port, self._session = port, secrets.randbelow(2**31)
        self.id = secrets.randbelow(2**30)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        self._socket.bind((HOST, 0))

    def __enter__(self) -> OscClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, name: str, *values: int | float | str) -> None:
        """Send one message."""
        self._socket.sendto(encode(f"/bridge/{name}", values), (HOST, self._port))

    def until(self, *names: str, seconds: float = PATIENCE_S) -> Message:
        """Wait for one of some messages; raises TimeoutError."""
        end = time.monotonic() + seconds
        while select.select([self._socket], [], [], max(0.0, end - time.monotonic()))[0]:
            for message in decode(self._socket.recv(65536)):
                if message.address.removeprefix("/bridge/") in names:
                    return message
        raise TimeoutError(f"no {' or '.join(names)} within {seconds} s")

    def hello(self) -> Message:
        """Say hello, and again until someone answers."""
        for _ in range(int(PATIENCE_S / SILENCE_S)):
            self.send("hello", 0, 1, self._session, "bench")
            try:
                return self.until("welcome", seconds=SILENCE_S)
            except (TimeoutError, ConnectionError):
                continue
        raise TimeoutError("no server answers")

    def ask(
        self, verb: str, *pairs: int | float | str, clips: Sequence[Sequence[Row]] = (), beats: float = 8.0
    ) -> dict[int, set[int]]:
        """Ask until all of the answer is here: which notes came of each clip. Raises RuntimeError where it ends in an error."""
        self.id += 1
        go = (self.id, *(("clips", len(clips)) if clips else ()), *pairs)
        for index in range(len(clips)):
            self._send_clip(clips, index, 0, -1, beats)
        self.send(verb, *go)
        sizes: dict[int, int] = {}
        notes: dict[int, set[int]] = {}
        count: int | None = None
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                message = self.until("clip", "notes", "missing", "done", "error", "progress", seconds=SILENCE_S)
            except TimeoutError:
                if count is None:
                    self.send(verb, *go)
                for index in range(count or 0):
                    self.send("resend", self.id, index, 0, -1)
                continue
            number, *values = (_integer(value) for value in message.values[:5])
            if number != self.id:
                continue
            match message.address:
                case "/bridge/missing":
                    self._send_clip(clips, values[0], values[1], values[2], beats)
                case "/bridge/error":
                    raise RuntimeError(f"{verb}: {message.values}")
                case "/bridge/done":
                    count = values[0]
                case "/bridge/clip":
                    sizes[values[0]] = _integer(message.values[5])
                case "/bridge/notes":
                    index, first, width = values[:3]
                    notes.setdefault(index, set()).update(range(first, first + (len(message.values) - 4) // width))
            if len(sizes) == count and all(len(notes.get(index, ())) == size for index, size in sizes.items()):
                return notes
        raise TimeoutError(f"{verb} has no whole answer after {PATIENCE_S:.0f} s")

    def _send_clip(self, clips: Sequence[Sequence[Row]], index: int, first: int, count: int, beats: float) -> None:
        rows = clips[index]
        if count < 0:
            self.send("clip", self.id, index, beats, 4, 4, len(rows), "bench")
            first, count = 0, len(rows)
        for at in range(first, first + count, NOTES):
            some = rows[at : min(at + NOTES, first + count)]
            self.send("notes", self.id, index, at, 8, *(v for row in some for v in row))


def _integer(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0
