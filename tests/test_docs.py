"""The pages that are written from the code."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_osc_page_is_what_the_code_says() -> None:
    page = runpy.run_path(str(DOCS / "make_osc.py"))["page"]()
    assert (DOCS / "osc.md").read_text(encoding="utf-8") == page, "run `python docs/make_osc.py`"
