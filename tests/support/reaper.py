"""A stand-in for Reaper's `reaper_python`: as much of a project as docs/reaper_vary.py touches, answering as Reaper does.

What each function returns follows Reaper's own wrappers: those with outputs return all their arguments behind the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

PPQ = 960
TEMPO = 120.0


@dataclass
class Take:
    """A take: notes as (selected, muted, on, off, channel, pitch, velocity), in ticks from the item's beginning."""

    item: Item
    notes: list[tuple[int, int, float, float, int, int, int]] = field(default_factory=list)
    name: str = ""
    is_midi: bool = True


@dataclass
class Item:
    """An item: where it is, in seconds."""

    track: list[Item]
    position: float
    length: float
    take: Take = field(init=False)

    def __post_init__(self) -> None:
        self.take = Take(self)
        self.track.append(self)


@dataclass
class Project:
    """A project at one tempo; `undone` holds the steps of undo, `said` what the console shows."""

    track: list[Item] = field(default_factory=list)
    selected: list[Item] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    meter: tuple[int, int] = (4, 4)

    def module(self) -> ModuleType:
        """Make the module that a script imports."""
        found = ModuleType("reaper_python")
        for name in dir(self):
            if name.startswith("RPR_"):
                setattr(found, name, getattr(self, name))
        return found

    def RPR_CountSelectedMediaItems(self, project: int) -> int:
        return len(self.selected)

    def RPR_GetSelectedMediaItem(self, project: int, index: int) -> Item:
        return self.selected[index]

    def RPR_GetActiveTake(self, item: Item) -> Take:
        return item.take

    def RPR_TakeIsMIDI(self, take: Take) -> int:
        return int(take.is_midi)

    def RPR_GetTakeName(self, take: Take) -> str:
        return take.name

    def RPR_GetMediaItem_Track(self, item: Item) -> list[Item]:
        return item.track

    def RPR_GetMediaItemInfo_Value(self, item: Item, what: str) -> float:
        return {"D_POSITION": item.position, "D_LENGTH": item.length}[what]

    def RPR_CountTrackMediaItems(self, track: list[Item]) -> int:
        return len(track)

    def RPR_GetTrackMediaItem(self, track: list[Item], index: int) -> Item:
        return track[index]

    def RPR_TimeMap2_timeToQN(self, project: int, time: float) -> float:
        return time * TEMPO / 60

    def RPR_TimeMap_GetTimeSigAtTime(self, *given: Any) -> tuple[Any, ...]:  # noqa: ANN401
        project, time, _, _, _ = given
        return project, time, *self.meter, TEMPO

    def RPR_MIDI_CountEvts(self, take: Take, notes: int, controls: int, texts: int) -> tuple[Any, ...]:
        return len(take.notes), take, len(take.notes), 0, 0

    def RPR_MIDI_GetNote(self, *given: Any) -> tuple[Any, ...]:  # noqa: ANN401
        take, index, _, _, _, _, _, _, _ = given
        return 1, take, index, *take.notes[index]

    def RPR_MIDI_GetProjQNFromPPQPos(self, take: Take, ticks: float) -> float:
        return take.item.position * TEMPO / 60 + ticks / PPQ

    def RPR_MIDI_GetPPQPosFromProjQN(self, take: Take, beats: float) -> float:
        return (beats - take.item.position * TEMPO / 60) * PPQ

    def RPR_CreateNewMIDIItemInProj(self, track: list[Item], start: float, end: float, in_beats: int) -> tuple[Any, ...]:
        seconds = 60 / TEMPO if in_beats else 1.0
        return Item(track, start * seconds, (end - start) * seconds), track, start, end, in_beats

    def RPR_MIDI_InsertNote(self, *given: Any) -> tuple[Any, ...]:  # noqa: ANN401
        take, selected, muted, on, off, channel, pitch, velocity, _ = given
        assert all(type(number) is int for number in (selected, muted, channel, pitch, velocity))
        assert 0 <= channel < 16
        assert 1 <= velocity <= 127
        assert off >= on
        take.notes.append((selected, muted, on, off, channel, pitch, velocity))
        return 1, *given

    def RPR_MIDI_Sort(self, take: Take) -> None:
        take.notes.sort(key=lambda note: note[2])

    def RPR_GetSetMediaItemTakeInfo_String(self, take: Take, what: str, text: str, is_set: int) -> tuple[Any, ...]:
        assert (what, is_set) == ("P_NAME", 1)
        take.name = text
        return 1, take, what, text, is_set

    def RPR_Undo_BeginBlock2(self, project: int) -> None:
        self.undone.append("…")

    def RPR_Undo_EndBlock2(self, project: int, text: str, flags: int) -> None:
        assert self.undone.pop() == "…"
        self.undone.append(text)

    def RPR_UpdateArrange(self) -> None:
        pass

    def RPR_ShowConsoleMsg(self, text: str) -> None:
        self.said.append(text)
