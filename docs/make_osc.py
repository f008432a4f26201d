"""Write docs/osc.md: `python docs/make_osc.py`. Verbs, keys, limits and codes are those of the code, which a test checks."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import get_args

from bridge.cli.options import parameters
from bridge.config import PORT
from bridge.protocol.limits import DEFAULT, PROTOCOL, REPLY_WIDTH, Limits
from bridge.protocol.messages import OWN_KEYS, Code
from bridge.requests import VERBS, ClipsRequest
from bridge.validation import clip_counts

PAGE = Path(__file__).with_name("osc.md")
TEMPLATE = PAGE.with_name("osc_template.md")

MEANINGS: dict[Code, str] = {
    "bad_request": "the message is not as this page says",
    "unknown_verb": "there is no such address",
    "unknown_key": "the verb has no such key",
    "out_of_range": "a number, a word or a note is not one of those allowed",
    "incomplete": "a part of the clips never came",
    "no_palette": "the palette of a puck position is not there (any more)",
    "no_model": "there is no model of that name",
    "id_reused": "this id was used for something else within the last minute",
    "superseded": "a newer request of the same stream, or a newer position on the same palette, took its place",
    "cancelled": "you cancelled it, or the server stops",
    "busy": "too many requests or clients are waiting: send it again later",
    "too_large": "it is larger than the limits below",
    "version": "the hello speaks another protocol",
    "internal": "a bug of ours: the server's log has more",
}

SHELL = f"oscsend 127.0.0.1 {PORT} /bridge/sample isisisi 1 count 4 seed 7 reply_port 9121"
VARY_FILE = """\
/bridge/clip iifiiis 1 0 4.0 4 4 3 beat
/bridge/notes iiiiifffifffifff 1 0 0 4 36 0.0 0.25 100.0 38 1.0 0.25 90.0 42 1.5 0.25 80.0
/bridge/vary isisisi 1 clips 1 count 4 reply_port 9121"""


def limits() -> str:
    """Write the table of all limits: their names, values and what the code says of them."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(Limits)).body if isinstance(node, ast.ClassDef))
    rows = []
    for field, said in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if not (isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)):
                raise ValueError(f"{field.target.id} says nothing of itself")
            name = field.target.id
            text = " ".join(str(said.value.value).split())
            rows.append(f"| `{name}` | {_amount(name, getattr(DEFAULT, name))} | {text} |")
    return "\n".join(["| limit | | |", "|---|---|---|", *rows])


def _amount(name: str, value: float) -> str:
    """Show a value with its unit, which is in its name."""
    if name.endswith(("_bytes", "bytes_per_s")) and value >= 2**10:
        unit, size = ("MiB", 2**20) if value >= 2**20 else ("KiB", 2**10)
        return f"{value / size:,.0f} {unit}"
    return f"{value:,.15g}" + (" s" if name.endswith("_s") and not name.endswith("_per_s") else "")


def page() -> str:
    """Write the page."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        port=PORT,
        protocol=PROTOCOL,
        max_string=DEFAULT.string_bytes,
        progress_ms=int(DEFAULT.progress_s * 1000),
        width_out=REPLY_WIDTH,
        first_ask_ms=int(DEFAULT.first_ask_s * 1000),
        asks=DEFAULT.asks,
        kept=int(DEFAULT.kept_s),
        answers=DEFAULT.answers,
        palettes=DEFAULT.palettes,
        repeats=DEFAULT.repeats,
        silent=int(DEFAULT.silent_s / 60),
        echoes=DEFAULT.echoes_per_s,
        mutters=DEFAULT.client_replies_per_s,
        verbs="\n\n".join(_verb(verb) for verb in VERBS),
        own_keys="\n".join(f"| `{key}` | {text} |" for key, text in OWN_KEYS.items()),
        codes="\n".join(f"| `{code}` | {MEANINGS[code]} |" for code in get_args(Code)),
        limits=limits(),
        shell=SHELL,
        vary_file=VARY_FILE,
    )


def _verb(verb: str) -> str:
    kind = VERBS[verb]
    clips = "no clips"
    if issubclass(kind, ClipsRequest):
        least, most = clip_counts(kind)
        most = most or DEFAULT.clips
        clips = f"{least} clips" if least == most else f"{least} to {most} clips"
    rows = []
    for parameter in parameters(kind):
        option = parameter.annotation.__metadata__[0]
        if parameter.name not in kind.model_fields or parameter.name == "clips":
            continue
        default = "" if parameter.default is None else f"`{parameter.default}`"
        form = (option.metavar or "").replace("|", "\\|")
        rows.append(f"| `{parameter.name}` | {form} | {default} | {option.help} |")
    head = f"### /bridge/{verb}\n\n{kind.__doc__} Takes {clips}."
    return "\n".join([head, "", "| key | values | default | |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
