"""A built device taken apart for the lint: its boxes, cords and parameters, and its script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from max_for_live import amxd

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cord:
    """A cord, from an outlet to an inlet, by the ids of the boxes."""

    source: str
    outlet: int
    target: str
    inlet: int


@dataclass(frozen=True)
class Built:
    """A patcher and its script, taken apart for the rules."""

    device: amxd.Device
    patcher: Json
    script: str

    @cached_property
    def boxes(self) -> list[Json]:
        """The boxes."""
        return [entry["box"] for entry in self.patcher["boxes"]]

    @cached_property
    def by_id(self) -> dict[str, Json]:
        """The boxes by their ids."""
        return {box["id"]: box for box in self.boxes}

    @cached_property
    def cords(self) -> list[Cord]:
        """The cords."""
        lines = [entry["patchline"] for entry in self.patcher["lines"]]
        return [Cord(*line["source"], *line["destination"]) for line in lines]

    @cached_property
    def joined(self) -> list[tuple[Json, int, Json]]:
        """The cords that have a box at both ends: from a box, its outlet, to a box."""
        both = [(self.by_id.get(cord.source), cord.outlet, self.by_id.get(cord.target)) for cord in self.cords]
        return [(source, outlet, target) for source, outlet, target in both if source and target]

    @cached_property
    def parameters(self) -> dict[str, Json]:
        """What the parameters say of themselves, by the ids of their boxes."""
        return {box["id"]: parameter_of(box) for box in self.boxes if box.get("parameter_enable")}

    @cached_property
    def declared(self) -> dict[str, int]:
        """How many inlets and outlets the script declares."""
        return declared(self.script)

    def typed(self, name: str) -> list[Json]:
        """List the boxes of an object that is typed."""
        return [box for box in self.boxes if box["maxclass"] == "newobj" and box.get("text", "").split(" ")[0] == name]

    def after(self, box: Json, outlet: int = 0) -> list[Json]:
        """List the boxes that an outlet's cords lead to."""
        return [target for source, its, target in self.joined if source is box and its == outlet]

    def before(self, box: Json) -> list[Json]:
        """List the boxes whose cords lead to a box."""
        return [source for source, _, target in self.joined if target is box]


def declared(script: str) -> dict[str, int]:
    """Return how many inlets and outlets a script declares."""
    found = re.findall(r"^(inlets|outlets)\s*=\s*(\d+)", script, re.MULTILINE)
    return {"inlets": 1, "outlets": 1} | {what: int(number) for what, number in found}


def shown(built: Built) -> list[Json]:
    """List the boxes that are visible on the device."""
    return [box for box in built.boxes if box.get("presentation")]


def name_of(box: Json) -> str:
    """Name a box as sentences of the lint do: by its scripting name, its text, or its class and id."""
    return str(box.get("varname") or box.get("text") or f"{box['maxclass']} {box['id']}")


def parameter_of(box: Json) -> Json:
    """Return what a box saves of its parameter; empty where it is none."""
    found: Json = box.get("saved_attribute_attributes", {}).get("valueof", {})
    return found
