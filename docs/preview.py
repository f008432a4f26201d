"""Draw the README's picture of a preview, of what `make demo` makes: `python docs/preview.py [FILE]`. Needs Chromium."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bridge.cli import main as run

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "clips"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZE = "1240,1130"  # of a window: the beat whole, and the first of the tune


def main() -> None:
    """Make the demo's clips, draw their page, and photograph its beginning."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "docs" / "preview.png")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"{options.file.name} is not drawn anew: there is none of {', '.join(BROWSERS)} to draw it with")
    with tempfile.TemporaryDirectory() as folder:
        out, page = Path(folder) / "demo", Path(folder) / "demo.html"
        for name in ("funk", "ode_to_joy"):
            command("vary", CLIPS / f"{name}.mid", "--amount", "0.3", "--seed", "1", "--out", out)
        command("interpolate", CLIPS / "rock.mid", CLIPS / "bossa.mid", "--steps", "6", "--seed", "1", "--out", out)
        command("preview", out, "--out", page)
        photograph = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}"]
        subprocess.run([*photograph, f"--screenshot={options.file.resolve()}", page.as_uri()], check=True, capture_output=True)


def command(*words: object) -> None:
    """Run a command of ours."""
    try:
        run([str(word) for word in words])
    except SystemExit as left:
        if left.code:
            raise


if __name__ == "__main__":
    main()
