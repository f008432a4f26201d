"""The pages that are written from the code."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from docs.cards import README, VARIATION, control_table, summary, with_table
from models.store import shipped

DOCS = Path(__file__).parents[1] / "docs"


def test_the_osc_page_is_what_the_code_says() -> None:
    page = runpy.run_path(str(DOCS / "make_osc.py"))["page"]()
    assert (DOCS / "osc.md").read_text(encoding="utf-8") == page, "run `python docs/make_osc.py`"


def test_the_tables_show_the_figures_of_the_shipped_models() -> None:
    files = sorted(shipped().glob("*/evaluation.json"))
    found = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in files}
    for page, table in ((README, summary(found)), (VARIATION, control_table(found))):
        text = page.read_text(encoding="utf-8")
        assert with_table(text, table) == text, "run `python docs/cards.py`"
