"""Write all that is published of the figures: `python docs/cards.py`, from models/pretrained/*/evaluation.json, in a second.

The cards (models/pretrained/NAME/README.md), the table in the README and the one in docs/variation.md hold these figures and no
others. `python docs/figures.py` measures them.
"""

from __future__ import annotations

import json
from pathlib import Path

from docs.earlier import EARLIER
from models.card import Card
from models.store import read_card, shipped

ROOT = Path(__file__).parents[1]
README, VARIATION = ROOT / "README.md", ROOT / "docs" / "variation.md"
MARKS = ("<!-- figures: written by docs/cards.py -->", "<!-- end of figures -->")
BASELINE = "Not for making music: it is a textbook VAE to compare with. Its figures are those named plain VAE in the [card of `{0}`](../{0}/README.md).\n"
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

# What is measured of requests, its key, what stands beside it (a floor, a baseline, or another key), and what it should be.
ROWS = (
    ("**Exact**: clips that did not come back field for field, of", "exact_wrong", ("exact_checked",), "0"),
    ("**Amount**: error beyond the rounding of whole notes", "amount_mae", (), "≤ 0.04"),
    ("… clips whose distance rises with every amount", "amount_monotone", (), "≥ 0.98"),
    ("… notes of a variation at 0.6, by those of the clip", "amount_notes_06", (), "1"),
    ("… how far variations lie from each other, by how far from the clip", "count_spread", (), "≥ 0.5"),
    ("… variations that repeat", "repeats", (), "0"),
    ("… changed notes that come from a decode", "decoded_share", (), "≥ 0.95"),
    ("**Whole files**: notes of a variation at 0.1, by those of the file (median)", "notes_ratio_01", (), "1 ± 0.03"),
    ("… at 0.3", "notes_ratio_03", (), "1 ± 0.03"),
    ("… at 0.6", "notes_ratio_06", (), "1 ± 0.03"),
    ("… new notes at 0.3 in bars where the file is silent", "rest_notes", (), "0"),
    (
        "… notes that `reconstruct` gives back (F1); the grid alone, without a network",
        "file_onset_f1",
        ("baseline.grid.file_onset_f1",),
        "0.01 less",
    ),
    (
        "**In key**: new notes at 0.3 outside the scale of the tune, whole tunes; own",
        "outside_scale_03",
        ("floor.copy.outside_scale",),
        "0.02 more",
    ),
    ("… two bars of a tune, with the rest of it and other parts; own", "outside_context_03", ("copy",), "0.02 more"),
    ("… two bars alone; own", "outside_alone_03", ("copy",), "0.04 more"),
    ("… `key free`; own", "outside_free_03", ("copy",), "0.08 more"),
    (
        "**With other parts**: new notes at 0.3 that clash; own, without hearing them",
        "clash_context_03",
        ("copy", "alone"),
        "no more",
    ),
    (
        "… in the chord of the beat; own, without hearing it, with another",
        "chords_vary_03",
        ("copy", "alone", "exchanged"),
        "own ± 0.03",
    ),
    ("… of samples", "chords_sample", ("copy", "alone", "exchanged"), "own ± 0.03"),
    (
        "… nats a note of held-out windows; untold, told what sounds elsewhere",
        "context_nats_07",
        ("alone", "exchanged"),
        "less",
    ),
    ("**Distinguishable** at 0.3, two bars; random edits as far", "vary_auc_03", ("random_edits",), "0.10 less"),
    ("… four bars, across the border of the model's windows", "vary_auc_03_clip", ("random_edits",), "0.10 less"),
    ("… changed notes in their context", "vary_auc_03_note", ("random_edits",), "0.10 less"),
    ("**Distinguishable** at 0.6, two bars; random edits as far", "vary_auc_06", ("random_edits",), "0.10 less"),
    ("… four bars, across the border of the model's windows", "vary_auc_06_clip", ("random_edits",), "0.10 less"),
    ("… changed notes in their context", "vary_auc_06_note", ("random_edits",), "0.10 less"),
    ("**Even**: variation of the steps, four changes a step or more; slerp, morph", "step_cv", ("slerp", "morph"), "≤ 0.25"),
    ("… at most, of 95 pairs in 100", "step_cv_worst", (), "≤ 0.25"),
    ("… fewer changes a step; the best split into whole notes", "step_cv_few", ("whole_notes",), "0.05 more"),
    ("… pairs within 0.05 of that split", "step_cv_few_kept", (), "1"),
    ("**Middles** distinguishable; slerp, morph, cross-fade", "middle_auc", ("slerp_path", "morph", "crossfade"), ""),
    ("… share in one major key; slerp, morph, cross-fade", "middle_in_key", ("slerp", "morph", "crossfade"), ""),
    ("… clashes of a hundred notes; slerp, morph, cross-fade", "middle_clashes", ("slerp", "morph", "crossfade"), ""),
    ("**Locks**: things touched, in so many requests", "locks_touched", ("locks_asked",), "0"),
    ("… amount over the free notes", "locks_amount_mae", (), ""),
    ("**Density** +2: notes a bar more; with −2", "density_2", ("density_minus_2",), "2 (−2)"),
    ("**Octave** +1 at amount 0.5: octaves higher", "octave_1", (), "0.5"),
    ("**First bar hidden**: nats a note; forced, untold", "hidden_bar_nats", ("forced", "untold"), "less"),
    ("… onset F1; forced, untold", "hidden_bar_f1", ("forced", "untold"), "more"),
    ("**Some voices hidden**: nats a note; forced, untold", "hidden_voices_nats", ("forced", "untold"), "less"),
    ("… onset F1; forced, untold", "hidden_voices_f1", ("forced", "untold"), "more"),
    ("**Pitches hidden**: nats a note; forced, untold", "hidden_pitch_nats", ("forced", "untold"), "less"),
    ("… share that is right; forced, untold", "hidden_pitch_accuracy", ("forced", "untold"), "more"),
    ("**Seams** distinguishable from other bar lines; before the variation", "seam_auc", ("copy",), ""),
    ("… clashes of a hundred notes more than before", "seam_doubled", (), "0"),
)

PAIR_ROWS = {
    "outside_scale": "added notes outside the scale",
    "not_used_before": "added notes of pitches, or hits of voices, that the first did not use",
    "leap": "leaps, semitones more",
    "range": "range, semitones more",
    "longest_gap": "longest gap between onsets, sixteenths more",
    "dropped_first": "of what is dropped, in the first half-bar",
    "dropped_third": "of what is dropped, in the third half-bar",
    "bars_differ": "hits by which the two bars differ",
    "velocity_spread": "spread of velocities, of 127, more",
    "note_length": "length of notes, sixteenths more",
}


def main() -> None:
    """Write every card, the summary in the README and the table of docs/variation.md."""
    found: dict[str, Figures] = {}
    for folder in sorted(path.parent for path in shipped().glob("*/model.yaml")):  # the model of feel has a page of its own
        figures, card = folder / "evaluation.json", read_card(folder)
        if figures.exists():
            found[folder.name] = json.loads(figures.read_text(encoding="utf-8"))
            text = write_card(card, found[folder.name])
        else:
            basis = BASELINE.format(folder.name.removesuffix("-plain"))
            text = "\n".join([f"# {card.name}: {card.about}", "", *about(card), basis])
        (folder / "README.md").write_text(text, encoding="utf-8")
    for page, table in ((README, summary(found)), (VARIATION, control_table(found))):
        page.write_text(with_table(page.read_text(encoding="utf-8"), table), encoding="utf-8")


def with_table(page: str, table: list[str]) -> str:
    """Put a table where a page has its marks."""
    before, _, rest = page.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return before + MARKS[0] + "\n" + "\n".join(table) + "\n" + MARKS[1] + after


def summary(found: dict[str, Figures]) -> list[str]:
    """Tabulate the figures that matter most, of all models."""
    rows = [
        ("steps exactly right after `reconstruct` (MusicVAE publishes 0.917 and 0.951)", "step_accuracy", ""),
        ("onset F1, windows of two bars", "onset_f1", ""),
        ("note F1, whole files", "file_onset_f1", ""),
        ("… of the grid alone, without a network", "baseline.grid.file_onset_f1", ""),
        ("notes of a variation of a whole file at 0.3, by those of the file", "notes_ratio_03", ""),
        ("new notes at 0.3 in bars where the file is silent", "rest_notes", ""),
        ("distinguishable: real training clips (the floor)", "floor.train.sample_auc", "auc"),
        ("distinguishable: samples", "sample_auc", "auc"),
        ("… samples of a Markov chain", "baseline.markov.sample_auc", "auc"),
        ("… samples of a plain VAE", "baseline.slerp.sample_auc", "auc"),
        ("distinguishable: middles of two clips", "middle_auc", "auc"),
        ("… slerp in a plain VAE", "baseline.slerp.middle_auc", "auc"),
        ("… a morph of notes", "baseline.morph.middle_auc", "auc"),
        ("distinguishable: variations at 0.3", "vary_auc_03", "auc"),
        ("… random edits that go as far", "baseline.random_edits.vary_auc_03", "auc"),
        ("distinguishable: variations at 0.6", "vary_auc_06", "auc"),
        ("… random edits that go as far", "baseline.random_edits.vary_auc_06", "auc"),
        ("distinguishable from how players vary themselves", "pair_auc", "auc"),
        ("… random edits that go as far", "baseline.random_edits.pair_auc", "auc"),
        ("new notes at 0.3 outside the scale of the tune", "outside_scale_03", ""),
        ("… the tunes' own notes", "floor.copy.outside_scale", ""),
    ]
    table = ["| held-out pieces | " + " | ".join(f"`{name}`" for name in found) + " |", "|---|" + "---|" * len(found)]
    for title, key, kind in rows:
        shown = [with_interval(f, key) if kind else show(f.get(key)) for f in found.values()]
        table.append(f"| {title} | {' | '.join(shown)} |")
    return table


def control_table(found: dict[str, Figures]) -> list[str]:
    """Tabulate how well requests are met: the model's own figure, and what stands beside it in brackets."""
    lines = ["| | aim | " + " | ".join(f"`{name}`" for name in found) + " |", "|---|---|" + "---|" * len(found)]
    for what, key, beside, aim in ROWS:
        if not any(key in figures for figures in found.values()):
            continue  # measured since these figures were
        shown = []
        for figures in found.values():
            places = [k for name in beside for k in (name, f"baseline.{name}.{key}", f"floor.{name}.{key}")]
            others = [_short(figures[k]) for k in places if k in figures]
            own = _short(figures.get(key))
            shown.append(f"{own} ({', '.join(others)})" if others and own != "–" else own)
        lines.append(f"| {what} | {aim} | {' | '.join(shown)} |")
    return lines


def write_card(card: Card, figures: Figures) -> str:
    """Write a card."""
    return "\n".join(
        [
            f"# {card.name}: {card.about}",
            "",
            *about(card),
            "## Figures",
            "",
            f"`latent-bridge evaluate {card.name} ../shared/data --control --json FILE` prints all of them; split `{figures['split']}`, "
            f"{figures['clips']} windows of {figures['data']}. What is measured are clips as users get them: the answers of the "
            "engine to requests about held-out music, laid on the grid again. Only the likelihoods (teacher forcing, hidden parts) "
            "and the plain VAE, a baseline, are asked of networks.",
            "",
            *reconstruction(card, figures),
            *whole_files(figures),
            *in_context(figures),
            *distinguishable(figures),
            *as_players_vary(figures),
            *spread(card, figures),
            *changes(card, figures),
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
        "grids they must give (`latent-bridge doctor` checks them); `windows.safetensors` holds hashes of the training windows, "
        "by which copies are found."
        + (
            " `habits.safetensors` holds some dozen numbers each, no notes, of what a few windows of every piece are like "
            "(how busy, how high, how far they repeat): a sample is told those of one."
            if card.habits_sha256
            else ""
        )
        + (
            " `critic.safetensors` holds trees that tell a player's change of a window from a made one: of many decodes around two "
            "bars the likelier ones are taken (`bench/critic.py`)."
            if card.critic_sha256
            else ""
        ),
        f"- **Training data**: the `train` split of {sets}: unique two-bar windows of {card.data['pieces']:,} pieces, all openly "
        f"licensed ({licences}).",
    ]
    if codec:
        lines.append(
            f"- {', '.join(map(str, codec))} were shown only with little noise on the latent: the model reconstructs them, but "
            "its samples are like none of them."
        )
    lines += [
        f"- **Trained** by `latent-bridge train configs/train/{card.name}.yaml --data ../shared/data --out DIR` at commit "
        f"`{card.commit}`: {card.config['steps']:,} steps of {card.config['batch']} windows. `model.yaml` holds the whole config "
        "and the hash of the data, `metrics.jsonl` the course of the training.",
        "",
    ]
    return lines


def reconstruction(card: Card, figures: Figures) -> list[str]:
    """Tabulate what `reconstruct` gives back of windows."""
    rows = ["step_accuracy", "onset_precision", "onset_recall", "onset_f1", "pitch_accuracy"]
    table = [
        "### Reconstruction",
        "",
        "`reconstruct` encodes a clip and decodes its posterior mean, free-running, with nothing carried over.",
        "",
        "| | this model | another clip | silence | each step repeats the last | MusicVAE, published |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if figures.get(row) is None:
            continue
        floors = [show(figures.get(f"floor.{name}.{row}")) for name in ("copy", "rest", "repeat")]
        published = f"{PUBLISHED[card.name]:.3f}" if row == "step_accuracy" else ""
        table.append(f"| `{row}` | **{show(figures[row])}** | {' | '.join(floors)} | {published} |")
    late = figures.get("timing_mae_ms")
    timing = f", timing by {show(late, 1)} ms at 120 bpm" if late is not None else ""
    table += [
        "",
        f"Teacher-forced step accuracy {show(figures['step_accuracy_tf'])}. Velocity is off by {show(figures['velocity_mae'], 1)} of "
        f"127{timing} (mean). The latent carries at most {show(figures['rate_nats'], 0)} nats (`rate_nats`). MusicVAE's figure is of "
        "other, private music.",
        "",
    ]
    return table


def whole_files(figures: Figures) -> list[str]:
    """Tabulate what becomes of whole held-out files, rests and all."""
    rows = [
        (
            "notes that `reconstruct` gives back, F1: same pitch or voice, within a sixth of a beat",
            "file_onset_f1",
            "baseline.grid.file_onset_f1",
            "the grid alone, without a network",
        ),
        *(
            (f"… of the set {key.partition('.')[2]}", key, f"baseline.grid.{key}", "the grid alone")
            for key in figures
            if key.startswith("file_onset_f1.")
        ),
        ("notes of a variation at 0.1, by those of the file (median)", "notes_ratio_01", "", "1 is as many as before"),
        ("… at 0.3", "notes_ratio_03", "", "1"),
        ("… at 0.6", "notes_ratio_06", "", "1"),
        ("new notes at 0.3 that lie in bars where the file is silent", "rest_notes", "", "0 is none"),
        (
            "new notes at 0.1 outside the scale of the tune",
            "outside_scale_01",
            "floor.copy.outside_scale",
            "the tunes' own notes",
        ),
        ("… at 0.3", "outside_scale_03", "floor.copy.outside_scale", "the same"),
        ("… at 0.6", "outside_scale_06", "floor.copy.outside_scale", "the same"),
    ]
    table = ["### Whole files", "", "| | this model | beside |", "|---|---|---|"]
    for title, key, floor, beside in rows:
        if figures.get(key) is None:
            continue
        shown = f"{beside}: {show(figures.get(floor))}" if floor else beside
        table.append(f"| {title} (`{key}`) | **{show(figures.get(key))}** | {shown} |")
    return [
        *table,
        "",
        "The windows above were chosen to hold enough notes; files are not.",
        "",
    ]


def in_context(figures: Figures) -> list[str]:
    """Tabulate keys, clashes and chords of windows in their tunes and alone, and what the context tells of held-out music."""
    if "context_windows" not in figures:
        return []
    amounts = ("01", "03", "06")
    outside = (
        ("whole tunes", "outside_scale", "floor.copy.outside_scale"),
        ("two bars in their tune", "outside_context", "floor.copy.outside_context_03"),
        ("two bars alone", "outside_alone", "floor.copy.outside_alone_03"),
        ("two bars alone, `key free`", "outside_free", "floor.copy.outside_free_03"),
        ("two bars in their tune, `key free`", "outside_context_free", "floor.copy.outside_context_free_03"),
    )
    table = [
        "### In key, and with what sounds around",
        "",
        f"{figures['context_windows']} windows of two bars, each of another part, varied four times each: *in their tune*, which is given "
        "whole with all but the window locked, with the other parts of its piece; *alone*; and with `key free`, which is the model's "
        "own merit. In brackets how much more than of their own notes, and the 95 % interval over pieces.",
        "",
        "| new notes outside the scale of the whole tune | at 0.1 | at 0.3 | at 0.6 | own notes | more, aim |",
        "|---|---|---|---|---|---|",
    ]
    for what, key, own in outside:
        cells = " | ".join(_more_of(figures, f"{key}_{name}") for name in amounts)
        table.append(f"| {what} (`{key}_*`) | {cells} | {show(figures.get(own))} | {figures.get(f'aim.{key}_03_more', '')} |")
    cells = " | ".join(_more_of(figures, f"clash_context_{name}") for name in amounts)
    alone = " | ".join(show(figures.get(f"baseline.alone.clash_context_{name}")) for name in amounts)
    table += [
        "",
        "| new notes that begin a semitone from what another part sounds | at 0.1 | at 0.3 | at 0.6 | own notes | more, aim |",
        "|---|---|---|---|---|---|",
        f"| in their tune (`clash_context_*`) | {cells} | {show(figures.get('floor.copy.clash_context_03'))} | ≤ 0 |",
        f"| alone | {alone} | | |",
        "",
        "| notes in the chord of their beat (`chords_*`) | with the other parts | own notes | without | with those of another piece | drop, aim |",
        "|---|---|---|---|---|---|",
    ]
    for what, name in (("samples", "sample"), ("new notes at 0.3", "vary_03"), ("… at 0.6", "vary_06")):
        key = f"chords_{name}"
        beside = " | ".join(show(figures.get(f"{by}.{key}")) for by in ("floor.copy", "baseline.alone", "baseline.exchanged"))
        drop = f"{_difference(figures, f'{key}_drop')}, {figures.get(f'aim.{key}_drop')}"
        table.append(f"| {what} | {_more_of(figures, key)} | {beside} | {drop} |")
    table += [
        "",
        "| held-out windows, nats a note (`context_nats_*`) | told what sounds around | untold | told what sounds elsewhere | gain |",
        "|---|---|---|---|---|",
    ]
    for level, name in (("0.3", "03"), ("0.7", "07"), ("1", "10")):
        key = f"context_nats_{name}"
        shown = " | ".join(show(figures.get(f"{by}{key}")) for by in ("", "baseline.alone.", "baseline.exchanged."))
        table.append(f"| noise level {level} | {shown} | {_difference(figures, f'context_gain_{name}')} |")
    return [*table, ""]


def _more_of(figures: Figures, key: str) -> str:
    """Show a share, and how much more it is than what it is compared with."""
    return f"**{show(figures.get(key))}** ({_difference(figures, f'{key}_more')})"


def _difference(figures: Figures, key: str) -> str:
    """Show a difference and its interval, with their signs."""
    return f"{_signed(figures.get(key))}: {_signed(figures.get(f'{key}_low'))} to {_signed(figures.get(f'{key}_high'))}"


def _signed(value: float | int | str | None) -> str:
    return f"{value:+.3f}" if isinstance(value, float) else show(value)


def distinguishable(figures: Figures) -> list[str]:
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
            [
                ("cross-fade", "crossfade"),
                ("morph", "morph"),
                ("slerp in our model", "slerp_path"),
                ("plain VAE, slerp", "slerp"),
            ],
        ),
        ("variations at 0.3", "vary_auc_03", [("random edits, as far", "random_edits")]),
        ("variations at 0.6", "vary_auc_06", [("random edits, as far", "random_edits")]),
    ]
    table = [
        "### Distinguishable from real music (AUC, lower is better)",
        "",
        "How well the better of two fixed judges (a small convolutional net on grids, boosted trees on named features; folds by piece) "
        "tells real held-out music from something else: 0.5 is chance, 1 is always; in brackets the 95 % interval. Real training clips "
        f"against the held-out ones: {with_interval(figures, 'floor.train.sample_auc')}. That is the floor; what counts is the excess "
        "over it.",
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
        "Weights, noise and all settings of variations were chosen on validation pieces; these test pieces were measured once.",
        "",
        f"Samples that agree with some training window on 31 of 32 steps: {show(figures['sample_copies'])} (held-out music: "
        f"{show(figures['floor.test.sample_copies'])}).",
        "",
    ]
    return table


def as_players_vary(figures: Figures) -> list[str]:
    """Say how variations are told from two windows of one performance, and by what."""
    tells = [str(figures[key]) for key in sorted(figures) if key.startswith("pair_tell_")]
    void = figures.get("pair_void")
    return [
        "### As players vary themselves",
        "",
        f"Real pairs are two windows of one performance, at a distance of 0.1 to 0.6; against them stands the first of the two, varied by "
        f"as much ({figures.get('pairs_judged')} pairs). Judges see how the second differs from the first: {with_interval(figures, 'pair_auc')} "
        f"(`pair_auc`; random edits as far {show(figures.get('baseline.random_edits.pair_auc'))}). The aim is 0.60."
        + (f" **Void: {void}.**" if void else ""),
        "",
        "What tells most:",
        "",
        *(f"- {tell}" for tell in tells),
        "",
        *pair_table(figures),
    ]


def pair_table(figures: Figures) -> list[str]:
    """Tabulate what second windows are like beside the first, players' and ours."""
    rows = [(what, f"pair_{name}") for name, what in PAIR_ROWS.items() if f"pair_{name}" in figures]
    if not rows:
        return []
    table = [
        "| the second window, beside the first | players | this model | difference, 95 % interval | aim |",
        "|---|---|---|---|---|",
    ]
    for what, key in rows:
        shown = f"{show(figures[f'floor.players.{key}'])} | **{show(figures[key])}** | {_difference(figures, f'{key}_more')}"
        table.append(f"| {what} (`{key}`) | {shown} | {figures[f'aim.{key}_more']} |")
    return [*table, "", "The aim is a quarter of how far the engine was from players before it learned from pairs.", ""]


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


def changes(card: Card, figures: Figures) -> list[str]:
    """Put the figures of the weights that shipped before beside today's, where they differ."""
    lines = [
        "### The weights before",
        "",
        "These weights began with those, and learned from pairs of windows of one performance, from windows with rests and from what "
        "sounds around a window (`configs/train`). With them, the engine learned to keep rests and keys. The same measure, on the same "
        "test pieces:",
        "",
        "| | before | now |",
        "|---|---|---|",
    ]
    for key, before in EARLIER[card.name].items():
        now = figures.get(key)
        if isinstance(now, float) and abs(now - before) >= 0.0015:
            lines.append(f"| `{key}` | {show(before)} | {show(now)} |")
    return [*lines, ""]


TRADE_OFF = (
    "One set of weights serves every point of this curve, since the decoder is told how noisy its latent is. The left side keeps "
    "more of the clip, the right side sounds more like music in general; `vary` walks along it with the amount, and middles of two "
    "clips are decoded at the noise that their distance from both implies. (`python docs/tradeoff.py` draws it.)"
)

LIMITS = {
    "drums": [
        "## Limits",
        "",
        "- Sixteenths with micro-timing: of two strokes of one voice within a sixteenth, the model sees the louder; a variation keeps or "
        "drops both.",
        "- Nine voices. Other pads are passed through untouched.",
        "- Amounts near 0.6 and more are made without telling the decoder how far to go: they are told from players' music more easily.",
        "- Ten drummers on an electronic kit, mostly rock, funk, jazz and Latin in 4/4. Electronic genres are reconstructed, not sampled.",
        "",
    ],
    "melody": [
        "## Limits",
        "",
        "- One line on sixteenths; triplets are laid on the nearest sixteenths, and notes that stay keep their own time.",
        "- No micro-timing was learned (no open set has any that a person played), so new notes lie on the grid. Velocities are POP909's "
        "and Freedoom's.",
        "- Pop, art song and folk in major and minor. New notes keep to the key that is found, or is asked for (`--key`).",
        "",
    ],
}


def with_interval(figures: Figures, key: str) -> str:
    """Show an AUC and its interval."""
    return f"{show(figures.get(key))} ({show(figures.get(f'{key}_low'))}–{show(figures.get(f'{key}_high'))})"


def show(value: float | int | str | None, digits: int = 3) -> str:
    """Show a figure, or that there is none."""
    return "–" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def _short(value: float | int | str | None) -> str:
    """Show a figure without the noughts at its end."""
    return show(value).rstrip("0").rstrip(".") if isinstance(value, float) else show(value)


if __name__ == "__main__":
    main()
