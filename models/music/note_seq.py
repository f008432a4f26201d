"""Clips <-> note-seq's NoteSequences, and what note-seq extracts from them. Needs the optional install `note-seq`."""

from __future__ import annotations

import importlib
import math
import warnings
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from models.extras import need
from models.music.clip import Clip, Note
from models.music.midi import MidiError, framed, whole_velocity

if TYPE_CHECKING:
    from note_seq import NoteSequence


def to_note_sequence(clip: Clip) -> NoteSequence:
    """Give the clip as a NoteSequence: seconds at the clip's tempo, whole velocities, no mute and no probability."""
    seconds = 60 / clip.tempo
    sequence = _note_seq().NoteSequence(ticks_per_quarter=clip.ticks_per_beat, total_time=max(clip.end, 0) * seconds)
    sequence.sequence_metadata.title = clip.name
    sequence.tempos.add(qpm=clip.tempo)
    sequence.time_signatures.add(numerator=clip.meter[0], denominator=clip.meter[1])
    for note in clip.notes:
        sequence.notes.add(
            pitch=note.pitch,
            velocity=whole_velocity(note),
            start_time=note.start * seconds,
            end_time=note.end * seconds,
            is_drum=clip.channel == 10,
        )
        sequence.total_time = max(sequence.total_time, note.end * seconds)
    return sequence


def from_note_sequence(sequence: NoteSequence) -> Clip:
    """Give all notes of a NoteSequence as one clip; on channel 10 if all are drums. It must keep one tempo."""
    tempos = {tempo.qpm for tempo in sequence.tempos} or {120.0}
    if len(tempos) > 1:
        raise MidiError(f"the NoteSequence has {len(tempos)} tempos; it must keep to one")
    tempo = tempos.pop()
    meters = [(signature.numerator, signature.denominator) for signature in sequence.time_signatures]
    frame = Clip(
        notes=(),
        beats=4.0,
        meter=meters[0] if meters else (4, 4),
        tempo=tempo,
        ticks_per_beat=sequence.ticks_per_quarter or 480,
        name=sequence.sequence_metadata.title,
        channel=10 if sequence.notes and all(note.is_drum for note in sequence.notes) else None,
    )
    beats = tempo / 60
    notes = [
        Note(note.pitch, note.start_time * beats, (note.end_time - note.start_time) * beats, float(note.velocity))
        for note in sequence.notes
    ]
    return framed(frame, notes, sequence.total_time * beats).in_order()


def quantize(clip: Clip, *, steps_per_quarter: int = 4) -> list[tuple[int, int, int]]:
    """List (pitch, start step, end step) of each note as note-seq quantises them, in order of time."""
    sequence, lead = _quantized(clip, steps_per_quarter)
    steps = [(note.pitch, note.quantized_start_step - lead, note.quantized_end_step - lead) for note in sequence.notes]
    return sorted(steps, key=lambda step: (step[1], step[0], step[2]))


def extract_melody(clip: Clip, *, steps_per_quarter: int = 4, gap_bars: int = 1) -> list[int]:
    """List note-seq's melody by step, from the bar of its first note: a pitch, -1 for an end, -2 for no event.

    It ends before `gap_bars` bars of rest. Of notes on one step the highest is taken; a note ends where the next begins.
    """
    sequence, _ = _quantized(clip, steps_per_quarter)
    melody = _note_seq().Melody()
    melody.from_quantized_sequence(sequence, gap_bars=gap_bars, ignore_polyphonic_notes=True, filter_drums=False)
    return list(melody)


def extract_drums(clip: Clip, *, steps_per_quarter: int = 4, gap_bars: int = 1) -> list[frozenset[int]]:
    """List note-seq's drum track by step, from the bar of its first hit to `gap_bars` bars of rest: the pitches struck."""
    sequence, _ = _quantized(clip, steps_per_quarter)
    drums = _note_seq().DrumTrack()
    drums.from_quantized_sequence(sequence, gap_bars=gap_bars, ignore_is_drum=True)
    return list(drums)


@cache
def _note_seq() -> ModuleType:
    """Import note-seq, which takes a second, without its warnings about audio, which we have none of."""
    need("note-seq", "a NoteSequence")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("note_seq")


def _quantized(clip: Clip, steps_per_quarter: int) -> tuple[NoteSequence, int]:
    """Quantise by note-seq, which has no time before 0; also give the steps by which pickups moved everything."""
    early = min((note.start for note in clip.notes), default=0.0)
    lead = max(math.ceil(-early / clip.bar), 0) * clip.bar
    moved = clip.with_notes(replace(note, start=note.start + lead) for note in clip.notes)
    return _note_seq().quantize_note_sequence(to_note_sequence(moved), steps_per_quarter), round(lead * steps_per_quarter)
