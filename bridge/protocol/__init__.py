"""Clips, requests and replies <-> OSC messages (design §5). Pure: no socket, no clock, no models.

`osc` is the codec, `limits` holds every bound and interval, `messages` reads and writes values, `assembly` puts clips together
from their chunks, `clients` is what is remembered of each client, and `session` is the protocol itself: `Sessions` takes
messages and the time, and returns what is to be done. `asking` is the other side, a client's.
"""
