"""Draw the pictures of a preview, of what `make demo` makes, and of a notebook: `python docs/preview.py`. Needs Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bridge import Engine, Vary, read_clip
from bridge.cli import main as run

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "clips"
# A cell of a notebook, and what it draws.
CELL = """<!doctype html><meta charset="utf-8"><body style="margin: 16px; background: #fff; font: 14px monospace">
<pre style="margin: 0 0 12px; padding: 10px; background: #f2f2f2; border: 1px solid #ddd">
new = engine.run(Vary(clips=[read_clip("funk.mid")], count=3, seed=1))
new</pre>{drawn}</body>"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> None:
    """Draw both pages, and photograph their beginnings."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"the pictures stay as they are: there is none of {', '.join(BROWSERS)} to draw them with")
    with tempfile.TemporaryDirectory() as folder:
        out, page, cell = Path(folder) / "demo", Path(folder) / "demo.html", Path(folder) / "cell.html"
        for name in ("funk", "ode_to_joy"):
            command("vary", CLIPS / f"{name}.mid", "--amount", "0.3", "--seed", "1", "--out", out)
        command("interpolate", CLIPS / "rock.mid", CLIPS / "bossa.mid", "--steps", "6", "--seed", "1", "--out", out)
        command("preview", out, "--out", page)
        photograph(browser, page, "1240,1130", "preview.png")
        new = Engine().run(Vary(clips=(read_clip(CLIPS / "funk.mid"),), count=3, seed=1))
        cell.write_text(CELL.format(drawn=new._repr_html_()), encoding="utf-8")
        photograph(browser, cell, "1000,660", "notebook.png")


def photograph(browser: str, page: Path, size: str, name: str) -> None:
    """Write what a window of this size shows of a page."""
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}"]
    subprocess.run([*words, f"--screenshot={ROOT / 'docs' / name}", page.as_uri()], check=True, capture_output=True)


def command(*words: object) -> None:
    """Run a command of ours."""
    try:
        run([str(word) for word in words])
    except SystemExit as left:
        if left.code:
            raise


if __name__ == "__main__":
    main()
