"""Write the cards of the shipped models from what `latent-bridge evaluate --json` printed: `python docs/cards.py`.

A card is models/pretrained/NAME/README.md; its figures are those of evaluation.json beside it, and no others.
"""

from __future__ import annotations

import json
from pathlib import Path

from models.family import Card
from models.store import read_card, shipped

README = Path(__file__).parents[1] / "README.md"
MARKS = ("<!-- figures: written by docs/cards.py -->", "<!-- end of figures -->")
# What `models.data.pack` gives for the same split since the MIDI reader last changed, beside what was learned from.
SINCE = {"drums": ("17,620", "17,621"), "melody": ("52,269", "52,265")}
READER = (
    "The windows were packed before the last change to the MIDI reader, which now gives {0} of them, not {1}: a training from "
    "scratch starts from data with another hash."
)
BASELINE = "Not for making music. Its figures are the columns named plain VAE in the [card of `{0}`](../{0}/README.md).\n"
Figures = dict[str, float | int | str | None]

# MusicVAE, two bars, sampled reconstruction at temperature 1 (Roberts et al. 2018, arXiv 1803.05428, table 2), on a
# private set of about 1.5 million files: not the same music as ours.
PUBLISHED = {"drums": 0.917, "melody": 0.951}
LICENCES = {
    "groove": "Groove MIDI Dataset, CC BY 4.0, Gillick et al. 2019",
    "pop909": "POP909, MIT, Wang et al. 2020",
    "openscore_lieder": "OpenScore Lieder, CC0",
    "openewld_pd": "OpenEWLD, the public-domain part, MIT, Simonetta et al. 2018",
    "freedoom": "Freedoom, BSD",
    "blasphemer": "Blasphemer, BSD",
    "easyrpg_rtp": "EasyRPG RTP, CC BY 4.0",
    "drum_machine_patterns_200": "200 Drum Machine Patterns, MIT",
}


def main() -> None:
    """Write every card that has figures, and the summary in the README."""
    found: dict[str, Figures] = {}
    for folder in sorted(shipped().iterdir()):
        figures = folder / "evaluation.json"
        if figures.exists():
            found[folder.name] = json.loads(figures.read_text(encoding="utf-8"))
            (folder / "README.md").write_text(write_card(read_card(folder), found[folder.name]), encoding="utf-8")
        else:
            card = read_card(folder)
            text = "\n".join(
                [f"# {card.name}: {card.about}", "", *about(card), BASELINE.format(folder.name.removesuffix("-plain"))]
            )
            (folder / "README.md").write_text(text, encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    README.write_text(before + MARKS[0] + "\n" + "\n".join(summary(found)) + "\n" + MARKS[1] + after, encoding="utf-8")


def summary(found: dict[str, Figures]) -> list[str]:
    """Tabulate the figures that matter most, of all models."""
    rows = [
        ("steps exactly right, free-running (MusicVAE publishes 0.917 and 0.951)", "step_accuracy", ""),
        ("onset F1", "onset_f1", ""),
        ("told from music: real training clips (the floor)", "floor.train.sample_auc", "auc"),
        ("told from music: samples", "sample_auc", "auc"),
        ("… samples of a Markov chain", "baseline.markov.sample_auc", "auc"),
        ("… samples of a plain VAE", "baseline.slerp.sample_auc", "auc"),
        ("told from music: middles of two clips", "middle_auc", "auc"),
        ("… slerp in a plain VAE", "baseline.slerp.middle_auc", "auc"),
        ("… a morph of notes", "baseline.morph.middle_auc", "auc"),
        ("told from music: variations at 0.3", "vary_auc_03", "auc"),
        ("… random edits that go as far", "baseline.random_edits.vary_auc_03", "auc"),
        ("told from music: variations at 0.6", "vary_auc_06", "auc"),
        ("… random edits that go as far", "baseline.random_edits.vary_auc_06", "auc"),
    ]
    table = ["| held-out pieces | " + " | ".join(f"`{name}`" for name in found) + " |", "|---|" + "---|" * len(found)]
    for title, key, kind in rows:
        shown = [with_interval(f, key) if kind else show(f.get(key)) for f in found.values()]
        table.append(f"| {title} | {' | '.join(shown)} |")
    return table


def write_card(card: Card, figures: Figures) -> str:
    """Write a card."""
    return "\n".join(
        [
            f"# {card.name}: {card.about}",
            "",
            *about(card),
            "## Figures",
            "",
            f"`latent-bridge evaluate {card.name} ../shared/data --json FILE` prints all of them; split `{figures['split']}`, "
            f"{figures['clips']} windows of {figures['data']}. AUC: how well the better of two fixed judges (a small "
            "convolutional net on grids, boosted trees on named features; folds by piece) tells held-out music from "
            "something else; 0.5 is not at all, 1 is always; in brackets the 95 % interval.",
            "",
            *reconstruction(card, figures),
            *judged(figures),
            *spread(card, figures),
            *LIMITS[card.name],
        ]
    )


def about(card: Card) -> list[str]:
    """Say what it makes, from what, under which licence, and how it was trained."""
    windows = card.data["windows"]
    assert isinstance(windows, dict)
    sets = ", ".join(f"{name} ({count:,})" for name, count in windows.items())
    licences = "; ".join(LICENCES[name] for name in windows)
    codec = card.config.get("codec_sets") or []
    assert isinstance(codec, list)
    lines = [
        f"- **Weights**: {card.licence}. `weights.safetensors`, half precision; `golden.safetensors` holds a few latents and the "
        "grids they must give (`latent-bridge doctor` checks them); `windows.safetensors` holds hashes of the windows learned "
        "from, by which copies are found.",
        f"- **Learned from** the `train` split of {sets}: unique two-bar windows of {card.data['pieces']:,} pieces, all openly "
        f"licensed ({licences}).",
    ]
    if codec:
        lines.append(
            f"- {', '.join(map(str, codec))} were shown only with little noise on the latent: the model can hear them, but "
            "samples like none of them."
        )
    lines += [
        f"- **Trained** by `latent-bridge train configs/train/{card.name}.yaml --data ../shared/data --out DIR` at commit "
        f"`{card.commit}`: {card.config['steps']:,} steps of {card.config['batch']} windows. `model.yaml` holds the whole config "
        "and the hash of the data, `metrics.jsonl` the course of the training.",
        *([f"- {READER.format(*SINCE[card.name])}"] if card.name in SINCE else []),
        "",
    ]
    return lines


def reconstruction(card: Card, figures: Figures) -> list[str]:
    """Tabulate what decoding the posterior mean gives back."""
    rows = ["step_accuracy", "onset_precision", "onset_recall", "onset_f1", "pitch_accuracy"]
    table = [
        "### Reconstruction, free-running",
        "",
        "| | this model | another clip | always rest | the step before | MusicVAE, published |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if figures.get(row) is None:
            continue
        floors = [show(figures.get(f"floor.{name}.{row}")) for name in ("copy", "rest", "repeat")]
        published = f"{PUBLISHED[card.name]:.3f}" if row == "step_accuracy" else ""
        table.append(f"| `{row}` | **{show(figures[row])}** | {' | '.join(floors)} | {published} |")
    table += [
        "",
        f"Teacher-forced step accuracy {show(figures['step_accuracy_tf'])}. Velocity is off by {show(figures['velocity_mae'], 1)} of "
        "127"
        + (f", timing by {show(figures['timing_mae_ms'], 1)} ms at 120 bpm" if figures.get("timing_mae_ms") is not None else "")
        + f" (mean). The latent carries at most {show(figures['rate_nats'], 0)} nats (`rate_nats`). MusicVAE's figure is of other, "
        "private music.",
        "",
    ]
    return table


def judged(figures: Figures) -> list[str]:
    """Tabulate the AUCs, each beside its floor and its baselines."""
    floor = figures["floor.train.sample_auc"]
    rows = [
        (
            "samples",
            "sample_auc",
            [("Markov chain", "markov"), ("plain VAE, prior", "slerp"), ("plain VAE, Gaussian", "gaussian")],
        ),
        (
            "middles of two clips",
            "middle_auc",
            [("cross-fade", "crossfade"), ("morph", "morph"), ("plain VAE, slerp", "slerp")],
        ),
        ("variations at 0.3", "vary_auc_03", [("random edits, as far", "random_edits")]),
        ("variations at 0.6", "vary_auc_06", [("random edits, as far", "random_edits")]),
    ]
    table = [
        "### Told from music (AUC, lower is better)",
        "",
        f"Real training clips against the held-out ones: {with_interval(figures, 'floor.train.sample_auc')}. That is the floor; "
        "what counts is the excess over it.",
        "",
        "| | this model | excess | baselines |",
        "|---|---|---|---|",
    ]
    for title, key, baselines in rows:
        value = figures.get(key)
        excess = f"{value - floor:+.3f}" if isinstance(value, float) and isinstance(floor, float) else ""
        others = ", ".join(
            f"{name} {show(figures[f'baseline.{by}.{key}'])}"
            for name, by in baselines
            if figures.get(f"baseline.{by}.{key}") is not None
        )
        table.append(f"| {title} (`{key}`) | **{with_interval(figures, key)}** | {excess} | {others} |")
    void = figures.get("void")
    verdict = f"**Void: {void}.** Controls:" if void else "The controls hold:"
    table += [
        "",
        f"{verdict} held-out pieces against other held-out pieces {show(figures['control.held_out'])} (must be 0.50 ± 0.05), "
        f"Markov chain {show(figures['control.markov'])} (must be at least 0.90).",
        "",
        "The sampling temperature, the calmer temperature of feel and the loosening of middles (`loose`) were chosen while looking at "
        "test pieces, so the figures of samples and middles flatter a little; network and weights were not.",
        "",
        f"Samples that agree with some training window on 31 of 32 steps: {show(figures['sample_copies'])} (held-out music: "
        f"{show(figures['floor.test.sample_copies'])}).",
        "",
    ]
    return table


def spread(card: Card, figures: Figures) -> list[str]:
    """Tabulate how samples are spread beside held-out music."""
    table = [
        "### Spread of samples",
        "",
        "Overlap of histograms with held-out music, 1 is the same (`overlap_*`); beside it that of real training clips.",
        "",
        "| | this model | training clips |",
        "|---|---|---|",
    ]
    for name in ("density", "pitch_class", "interval", "duration"):
        key = f"overlap_{name}"
        if figures.get(key) is not None:
            label = "voice" if card.family == "drums" and name == "pitch_class" else name.replace("_", " ")
            table.append(f"| {label} | {show(figures[key])} | {show(figures.get(f'floor.train.{key}'))} |")
    line = f"KL divergence of velocities {show(figures['velocity_kl'])} nats"
    if figures.get("timing_kl") is not None:
        line += (
            f", of timing {show(figures['timing_kl'])} nats (GrooVAE publishes 0.08 and 0.31 for humanising, its seq2seq model)"
        )
    return [*table, "", line + ".", "", "![What the aims cost each other](tradeoff.png)", "", TRADE_OFF, ""]


TRADE_OFF = (
    "One set of weights serves every point of this curve, since the decoder is told how noisy its latent is. The left side keeps "
    "more of the clip, the right side sounds more like music in general; `vary` walks along it with the amount, and middles of two "
    "clips are decoded at the noise that their distance from both implies. (`python docs/tradeoff.py` draws it.)"
)

LIMITS = {
    "drums": [
        "## Limits",
        "",
        "- Sixteenths with micro-timing: of two strokes of one voice within a sixteenth, the louder is heard; a variation keeps or "
        "drops both.",
        "- Nine voices. Other pads are passed through untouched.",
        "- Ten drummers on an electronic kit, mostly rock, funk, jazz and Latin in 4/4. Electronic genres are heard, not sampled.",
        "",
    ],
    "melody": [
        "## Limits",
        "",
        "- One line on sixteenths; triplets are heard as the nearest sixteenths, and notes that stay keep their own time.",
        "- No micro-timing was learned (no open set has any that a person played), so new notes lie on the grid. Velocities are POP909's "
        "and Freedoom's.",
        "- Pop, art song and folk in major and minor. Keys are not locked.",
        "",
    ],
}


def with_interval(figures: Figures, key: str) -> str:
    """Show an AUC and its interval."""
    return f"{show(figures.get(key))} ({show(figures.get(f'{key}_low'))}–{show(figures.get(f'{key}_high'))})"


def show(value: float | int | str | None, digits: int = 3) -> str:
    """Show a figure, or that there is none."""
    return "–" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
