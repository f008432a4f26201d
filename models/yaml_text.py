"""Reading YAML at the start of every run, where milliseconds count. No files."""

from __future__ import annotations

from typing import Any

import yaml

# Libyaml is ten times faster, where PyYAML was built with it as its wheels are.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the file says
    """Parse one document of plain values; raises yaml.YAMLError."""
    return yaml.load(text, _LOADER)
