"""ReaScript for Reaper: vary the selected MIDI item. Its variations are put on its track, behind the last item there.

Needs `latent-bridge serve`, and Python 3.11 or newer as Reaper's Python (Preferences, Plug-Ins, ReaScript). Where that Python
does not find Latent Bridge, put the folder that it is installed in, or a clone, into PLACE. docs/hosts.md says more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import reaper_python as reaper

PLACE = ""  # the folder that holds `bridge`, such as a clone; empty where Python finds it by itself
PORT = 9120
SETTINGS: dict[str, Any] = {"amount": 0.3, "count": 4}  # the keys of `vary` in docs/osc.md
WAIT = 2.0  # seconds for a server to greet: Reaper stands still meanwhile
PROJECT = 0  # the one in front

if PLACE:
    sys.path.append(PLACE)

from bridge.client import Answer, Client, Clip, NoServer, Note, ServerError  # noqa: E402 - Python may have to be told where


def main() -> None:
    """Vary the item that is selected."""
    item = reaper.RPR_GetSelectedMediaItem(PROJECT, 0) if reaper.RPR_CountSelectedMediaItems(PROJECT) else None
    take = reaper.RPR_GetActiveTake(item) if item else None
    if not take or not reaper.RPR_TakeIsMIDI(take):
        say("select a MIDI item first")
        return
    clip = read(item, take)
    try:
        with Client(port=PORT, name="Reaper") as client:
            client.hello(WAIT)
            answer = client.ask("vary", [clip], **SETTINGS)
    except (NoServer, ServerError) as error:
        say(str(error))
        return
    reaper.RPR_Undo_BeginBlock2(PROJECT)
    try:
        write(reaper.RPR_GetMediaItem_Track(item), answer, clip)
    finally:
        reaper.RPR_Undo_EndBlock2(PROJECT, "Vary the item", -1)
        reaper.RPR_UpdateArrange()
    for line in answer.info:
        say(line)


def read(item: Any, take: Any) -> Clip:  # noqa: ANN401 - Reaper's pointers are texts, or numbers in a stand-in
    """Read an item as a clip: beats from its beginning, at the tempo and meter there."""
    position = reaper.RPR_GetMediaItemInfo_Value(item, "D_POSITION")
    length = reaper.RPR_GetMediaItemInfo_Value(item, "D_LENGTH")
    first, last = (reaper.RPR_TimeMap2_timeToQN(PROJECT, time) for time in (position, position + length))
    _, _, top, bottom, tempo = reaper.RPR_TimeMap_GetTimeSigAtTime(PROJECT, position, 0, 0, 0.0)
    _, _, count, _, _ = reaper.RPR_MIDI_CountEvts(take, 0, 0, 0)
    notes, channels = [], set()
    for index in range(count):
        found = reaper.RPR_MIDI_GetNote(take, index, 0, 0, 0.0, 0.0, 0, 0, 0)
        _, _, _, _, muted, on, off, channel, pitch, velocity = found
        start, end = (reaper.RPR_MIDI_GetProjQNFromPPQPos(take, at) - first for at in (on, off))
        notes.append(Note(pitch, start, max(end - start, 0.0), float(velocity), bool(muted)))
        channels.add(channel + 1)
    name = reaper.RPR_GetTakeName(take)
    channel = channels.pop() if len(channels) == 1 else None
    return Clip(tuple(notes), last - first, meter=(top, bottom), tempo=tempo, channel=channel, name=str(name))


def write(track: Any, answer: Answer, source: Clip) -> None:  # noqa: ANN401
    """Write clips as new items behind the last one of a track."""
    ends = [0.0]
    for index in range(reaper.RPR_CountTrackMediaItems(track)):
        item = reaper.RPR_GetTrackMediaItem(track, index)
        ends.append(sum(reaper.RPR_GetMediaItemInfo_Value(item, what) for what in ("D_POSITION", "D_LENGTH")))
    first = reaper.RPR_TimeMap2_timeToQN(PROJECT, max(ends))
    for number, clip in enumerate(answer.clips, 1):
        made = reaper.RPR_CreateNewMIDIItemInProj(track, first, first + clip.beats, 1)  # 1: in quarter notes
        item = made[0] if isinstance(made, Sequence) and not isinstance(made, str) else made
        take = reaper.RPR_GetActiveTake(item)
        for note in clip.notes:
            on, off = (reaper.RPR_MIDI_GetPPQPosFromProjQN(take, first + at) for at in (note.start, note.end))
            velocity = max(1, round(note.velocity))
            channel = (source.channel or 1) - 1
            reaper.RPR_MIDI_InsertNote(take, 0, int(note.mute), on, off, channel, note.pitch, velocity, 1)
        reaper.RPR_MIDI_Sort(take)
        reaper.RPR_GetSetMediaItemTakeInfo_String(take, "P_NAME", f"{source.name} vary {number}".strip(), 1)
        first += clip.beats


def say(text: str) -> None:
    """Write a line into Reaper's console."""
    reaper.RPR_ShowConsoleMsg(f"Latent Bridge: {text}\n")


main()
