"""Every bound and interval of the server, as one frozen value that tests can shrink; docs/osc.md prints them."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL = 1  # the version that hello and welcome name
NOTE_FIELDS = 8  # numbers of a note, which is also the largest width a client may send
REPLY_WIDTH = NOTE_FIELDS + 2  # of notes that we send: with from_clip and from_note
INT32 = -(2**31), 2**31 - 1  # the lowest and the highest


@dataclass(frozen=True)
class Limits:
    """What a client may send, how long the server waits, and how much it keeps. Times are in seconds.

    None of these can be set by a user: they follow from UDP, from the programs that speak OSC, and from memory.
    """

    # One message
    string_bytes: int = 200
    """Longest string, in UTF-8; echo is exempt."""
    verb_keys: int = 32
    """Most keys of a verb: more than any verb has."""
    reply_notes: int = 24
    """Notes in each message that we send: 4 + 24 × 10 values and the address are 245 atoms in 1,240 bytes."""
    missing_messages: int = 64
    """Most /bridge/missing messages at a time; what else is missing is asked for when these notes have come."""

    # One request
    clips: int = 64
    """Most clips of a request."""
    notes: int = 32_768
    """Most notes of a clip: three times the longest clip that is tested, 2 MiB of numbers."""
    beats: int = 4096
    """Longest clip: half an hour at 136 bpm."""
    note_beats: float = 2.0**20
    """Latest start and longest duration of a note: further out, a float32 cannot tell a 16th from a triplet."""
    windows: int = 16_384
    """Most windows of two bars in which something sounds, in all clips that a request makes."""
    work_s: float = 60.0
    """Longest time that a request may take by its estimate, on one core of the machine that is measured on."""
    work_bytes: int = 300 * 2**20
    """Most memory that a request may take by its estimate."""

    # Waiting for what is missing
    first_ask_s: float = 0.05
    """After this long without a new note, what is missing is asked for; then after twice that, and so on."""
    asks: int = 3
    """How often in a row asking may be in vain."""
    assembly_s: float = 30.0
    """Longest time for all of a request's notes to come: a client that sends one at a time must not keep it open for ever."""

    # What is kept
    kept_s: float = 60.0
    """How long answers are kept, and notes whose verb has not come."""
    sweep_s: float = 5.0
    """How often everything older than that is thrown away."""
    answers: int = 64
    """Answers kept for each client."""
    at_answers: int = 32
    """How many of these may answer puck positions: a moving puck must not push out a clip that may be asked for again."""
    sessions: int = 8
    """Sessions remembered of each client, because an old hello may come late."""
    forgotten: int = 1024
    """Ids of a client whose answers are gone but whose seeds are kept as long as answers are, for a late repeat."""
    held_bytes: int = 128 * 2**20
    """Half received, waiting and kept, of all clients; the client that holds most loses what it needs least."""
    clients: int = 2048
    """Clients remembered; those that never asked for anything are forgotten first, then who has been silent longest."""
    silent_s: float = 900.0
    """A client that has been silent for so long is forgotten, with its palettes; the device says hello every few seconds."""

    # Waiting for the worker
    open: int = 64
    """Half received requests of a client."""
    client_pending: int = 64
    """Requests of one client that run or wait for the worker."""
    pending: int = 1024
    """Requests of all clients that run or wait for the worker."""
    own_pending: int = 4
    """So many a client may always have, however many others have."""
    client_work_s: float = 120.0
    """Estimated seconds of work of one client that wait for the worker; one request may always."""
    active_bytes: int = 512 * 2**20
    """Estimated memory of requests that have begun; a further one waits until others have ended, unless it is small."""
    small_bytes: int = 16 * 2**20
    """Up to this estimate, a request is small."""
    progress_s: float = 0.1
    """Least time between two progress messages of a request."""
    palettes: int = 16
    """Palettes of a client."""
    palette_notes: int = 200_000
    """Notes in the palettes of all clients: some 100 MiB in the engine."""

    # Answers that come again, and echoes
    short_bytes: int = 4 * 2**10
    """Up to this size, an answer is repeated as often as it is asked for."""
    repeat_s: float = 0.25
    """Least time between two repeats of any other: clients ask again after 0.5 s."""
    large_bytes: int = 64 * 2**10
    """Beyond this size, an answer is repeated only so often; then its end alone is, by which a client can ask for the rest."""
    repeats: int = 8
    """How often a large answer is repeated."""
    echoes_per_s: int = 32
    """Echoes a second to one client."""
    echo_s: float = 0.05
    """An echo that is asked for again within this time is not answered again: two servers must not echo each other for ever."""

    # Datagrams on their way
    received_bytes: int = 64 * 2**20
    """Received and not yet dealt with, of all clients; what is more is as good as lost on the way."""
    client_received_bytes: int = 4 * 2**20
    """The same, of one client: twice the longest clip."""
    sending_bytes: int = 128 * 2**20
    """On their way to all peers; what is more is left for the clients to ask for again."""
    peer_sending_bytes: int = 16 * 2**20
    """The same, to one peer."""
    burst: int = 32
    """Datagrams sent at once: more overrun the buffer that a client's system gives it."""
    burst_s: float = 0.002
    """Time between bursts."""
    loopback_bytes_per_s: int = 32 * 2**20
    """Sent to a peer on this computer."""
    network_bytes_per_s: int = 256 * 2**10
    """Sent to any other peer within any second, repeats included."""

    # Replies to mistakes
    client_replies_per_s: int = 4
    """Replies a second to one client's messages that have no readable id."""
    replies_per_s: int = 32
    """The same, to all clients together."""
    reuse_s: float = 0.25
    """Least time between two errors for notes under an id that is taken: a whole clip of them gets one or two."""


DEFAULT = Limits()
