"""Reading YAML of plain values, at the start of every run, where milliseconds count. No files."""

from __future__ import annotations

from typing import Any

import yaml

# Libyaml is ten times faster, where PyYAML was built with it as its wheels are.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEEPEST = 20  # lists and mappings within one another; what we write has four
MOST_VALUES = 5000  # in one text; ours have up to 700
LONGEST_WORD = 4096  # characters of a value without quotes: reading a number takes the square of its digits


class YamlError(yaml.YAMLError, ValueError):
    """Why a text is no YAML of plain values, in one sentence."""


def load_yaml(text: str) -> Any:  # noqa: ANN401 - whatever the text says
    """Parse one document of plain values; raises YamlError.

    Anchors, aliases and tags are refused: no file of ours needs them, and a few lines of aliases stand for gigabytes.
    """
    try:
        _check(text)
        return yaml.load(text, _LOADER)
    except YamlError:
        raise
    except yaml.MarkedYAMLError as error:
        where = _line(error.problem_mark or error.context_mark)
        raise YamlError(f"it is not YAML: {error.problem or error.context}{where}") from error
    except yaml.YAMLError as error:
        raise YamlError(f"it is not YAML: {str(error).splitlines()[0]}") from error
    except (ValueError, OverflowError) as error:  # a date that no calendar has, a number of too many digits
        raise YamlError(f"it holds a value that cannot be read: {str(error).splitlines()[0]}") from error


def _check(text: str) -> None:
    """Look at a text piece by piece, which does not build anything, before it is read whole."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, _LOADER)):
        if number > MOST_VALUES:
            raise YamlError(f"it holds more than {MOST_VALUES:,} values")
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            if event.anchor is not None or event.tag is not None:
                raise YamlError(f"an anchor or a tag (& or !) is not allowed{_line(event.start_mark)}")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise YamlError(f"more than {DEEPEST} lists and mappings within one another are not allowed")
            elif not event.style and len(event.value) > LONGEST_WORD:
                raise YamlError(f"a value of more than {LONGEST_WORD:,} characters must stand in quotes")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise YamlError(f"an alias (*) is not allowed{_line(event.start_mark)}")


def _line(mark: Any) -> str:  # noqa: ANN401 - of PyYAML or of libyaml
    return f", in line {mark.line + 1}" if mark else ""
