"""Gets clips in and out of a DAW and of MIDI files. Nothing here imports torch or numpy at import time."""

__version__ = "0.1.0"
