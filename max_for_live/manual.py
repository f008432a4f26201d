"""Write what each control does into the README, from the table: `python max_for_live/manual.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from max_for_live.control import PAGES, Control, describe, title
from max_for_live.controls import CONTROLS

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- from controls.py -->", "<!-- end -->"
SECTIONS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("In all modes", (), False),
    ("Vary, Sample and Morph", ("vary", "sample", "morph"), False),
    ("Morph and Pad", ("morph", "pad"), False),
    ("Behind …", (), True),
)


def main() -> None:
    """Put the tables between the marks."""
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")


def fill(text: str) -> str:
    """Return a text with the tables between the marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def tables() -> str:
    """Return the tables of all controls that say what they do; each stands in the first section that it belongs to."""
    left = [control for control in CONTROLS if describe(control)]
    parts = []
    for heading, modes, is_more in SECTIONS:
        mine = [control for control in left if _belongs(control, modes, is_more=is_more)]
        left = [control for control in left if control not in mine]
        parts.append("\n".join([f"**{heading}**", "", "| control | |", "|---|---|", *_rows(mine)]))
    return "\n\n".join(parts)


def _belongs(control: Control, modes: tuple[str, ...], *, is_more: bool) -> bool:
    if is_more or control.page in ("more", *PAGES):
        return is_more
    return set(control.modes) <= set(modes) if modes else not control.modes


def _rows(controls: list[Control]) -> Iterator[str]:
    for control in controls:
        where = f" *({', '.join(mode.title() for mode in control.modes)})*" if control.modes else ""
        yield f"| **{title(control)}**{where} | {describe(control)} |"


if __name__ == "__main__":
    main()
