"""How wide texts are, to tell what would be cut off. Live's own font cannot be had here: these are the widths of Helvetica."""

from __future__ import annotations

from collections.abc import Mapping

FONT_SIZE = 9.5  # of the device's texts, in pixels
RESERVE = 1.06  # for a font that is wider than the one that texts are measured by
BOLD = 1.08

# In thousandths of the font size.
_GROUPS = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[]\\ft",
    333: "()-`r",
    334: "{}",
    355: '"',
    389: "*",
    469: "^",
    500: "Jcksvxyz",
    556: "#$0123456789?L_abdeghnopqu–~",
    584: "+<=>",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1000: "…▶◀★→",
    1015: "@",
}
WIDTHS: Mapping[str, float] = {letter: width / 1000 for width, letters in _GROUPS.items() for letter in letters}
OTHER = 0.8  # of the font size, for letters that are not listed


def measure(text: str, size: float, *, is_bold: bool = False) -> float:
    """Estimate the width of a text in pixels."""
    return sum(WIDTHS.get(letter, OTHER) for letter in text) * size * (BOLD if is_bold else 1)
