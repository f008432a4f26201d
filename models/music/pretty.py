"""Clips <-> pretty_midi's objects. Needs the optional install `pretty-midi`."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from models.extras import need
from models.music.clip import Clip, Note
from models.music.midi import MidiError, framed, whole_velocity

if TYPE_CHECKING:
    from pretty_midi import PrettyMIDI

DRUM_CHANNEL = 10


def to_pretty_midi(clip: Clip, *, program: int = 0) -> PrettyMIDI:
    """Give the clip as a PrettyMIDI of one instrument: seconds at the clip's tempo, whole velocities, nothing muted."""
    library, seconds = _library(), 60 / clip.tempo
    midi = library.PrettyMIDI(resolution=clip.ticks_per_beat, initial_tempo=clip.tempo)
    midi.time_signature_changes.append(library.TimeSignature(*clip.meter, 0.0))
    instrument = library.Instrument(program=program, is_drum=clip.channel == DRUM_CHANNEL, name=clip.name)
    early = min([0.0, *(note.start for note in clip.notes)])  # there is no time before 0 there
    if early:
        raise MidiError(f"a PrettyMIDI begins at 0, and the clip {-early:g} beats before it")
    instrument.notes = [
        library.Note(whole_velocity(note), note.pitch, note.start * seconds, note.end * seconds)
        for note in clip.notes
        if not note.mute
    ]
    midi.instruments.append(instrument)
    return midi


def from_pretty_midi(midi: PrettyMIDI, instrument: int = 0) -> Clip:
    """Give an instrument of a PrettyMIDI, by its number from 0, as a clip. It must keep one tempo."""
    _library()
    if not 0 <= instrument < len(midi.instruments):
        raise MidiError(f"the PrettyMIDI has no instrument {instrument}; it has {len(midi.instruments)}, the first is 0")
    _, tempos = midi.get_tempo_changes()
    if len(set(tempos.tolist())) > 1:
        raise MidiError(f"the PrettyMIDI has {len(tempos)} tempos; it must keep to one")
    tempo = round(float(tempos[0]), 6) if len(tempos) else 120.0
    beats, chosen = tempo / 60, midi.instruments[instrument]
    meters = [(change.numerator, change.denominator) for change in midi.time_signature_changes]
    frame = Clip(
        notes=(),
        beats=4.0,
        meter=meters[0] if meters else (4, 4),
        tempo=tempo,
        ticks_per_beat=midi.resolution,
        name=chosen.name,
        channel=DRUM_CHANNEL if chosen.is_drum else None,
    )
    notes = [
        Note(note.pitch, note.start * beats, (note.end - note.start) * beats, float(note.velocity)) for note in chosen.notes
    ]
    return framed(frame, notes, midi.get_end_time() * beats).in_order()


@cache
def _library() -> ModuleType:
    """Import pretty_midi, without its warnings about how it finds its own files."""
    need("pretty-midi", "a PrettyMIDI")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pretty_midi")
