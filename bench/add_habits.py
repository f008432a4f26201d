"""Give model folders that were published without habits those of the music they learned from: add_habits.py DATA FOLDER …"""

from __future__ import annotations

import sys
from pathlib import Path

from models.training.publishing import add_habits


def main() -> None:
    """Write the habits of each folder, and its card."""
    data, *folders = map(Path, sys.argv[1:])
    for folder in folders:
        add_habits(folder, data)


if __name__ == "__main__":
    main()
