"""An example or two for the --help of each command. What commands do is not known here."""

from __future__ import annotations

import typer

from bridge.cli.common import PROGRAM

EXAMPLES = {
    "sample": ("sample --count 4 --bars 4 --out new/", "sample --kind notes --key 'A minor' --out new/"),
    "vary": (
        "vary beat.mid --amount .3 --out new/",
        "vary song.mid --track Bass --lock rhythm --count 4 --out new/",
        "vary beat.mid --only hihat --out new/",
    ),
    "interpolate": ("interpolate a.mid b.mid --steps 7 --out new/",),
    "blend": ("blend a.mid b.mid c.mid d.mid --grid 5 --out new/", "blend a.mid b.mid --at .25,0 --out new/"),
    "groove": ("groove beat.mid --out new/", "groove beat.mid --timing 0.5 --like drummer.mid --count 4 --out new/"),
    "cross": ("cross rhythm.mid notes.mid --count 4 --out new/",),
    "drumify": ("drumify song.mid --track Bass --out new/", "drumify taps.mid --follow 1 --swing .5 --out new/"),
    "reconstruct": ("reconstruct beat.mid --out new/",),
    "recall": ("recall new/beat_vary.json --out again/",),
    "encode": ("encode beat.mid --out z.npz",),
    "decode": ("decode z.npz --out new/",),
    "inspect": ("inspect song.mid", "inspect loops/ --json"),
    "preview": ("preview new/ --out new.html", "preview take_2.mid take_3.mid --against take_1.mid --out takes.html"),
    "models list": ("models list",),
    "models show": ("models show drums",),
    "prepare": ("prepare my-midi/ --out mine.lbdata",),
    "personalise": ("personalise my-beats/", "vary beat.mid --model my-beats --out new/"),
    "train": ("train configs/train/drums.yaml --data my-midi/ --out mine", "vary beat.mid --model mine --out new/"),
    "evaluate": ("evaluate mine held-out-midi/ --control --json figures.json",),
    "serve": ("serve", "serve --port 9130 --log-level debug"),
    "service install": ("service install",),
    "service remove": ("service remove",),
    "device build": ("device build --check",),
    "device install": ("device install",),
    "device path": ("device path",),
    "doctor": ("doctor",),
}


def add_to(app: typer.Typer) -> None:
    """Put the examples of every command below its --help."""
    for group in (app, *(info.typer_instance for info in app.registered_groups)):
        above = next((info.name for info in app.registered_groups if info.typer_instance is group), None)
        for command in group.registered_commands if group else ():
            name = command.name or (command.callback.__name__ if command.callback else "")
            lines = EXAMPLES.get(f"{above} {name}" if above else name, ())
            # \b keeps the lines as they are, where paragraphs would be filled.
            command.epilog = "\n".join(
                ["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {PROGRAM} {t}" for t in lines)]
            )
