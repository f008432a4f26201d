"""Attack the server and the command line as they are shipped: `python bench/attack.py [--only NAME] [--datagrams N]`.

Each attack meets a fresh process with a home of its own, through a codec of its own, beside a good client that asks `vary` of 8
every two seconds and says hello four times a second. Prints what held and what did not, with the server's memory and what the
good client waited, and leaves with 1 where anything did not hold. What each attack would do to a victim is in its docstring.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.attacks import ATTACKS, Effort, Lost, Trial
from bench.attacks.good import Waits, good_client
from bench.attacks.peer import Peer
from bench.attacks.server import machine
from bench.attacks.trial import HELLO_MS, VARY_TIMES

QUIET_PAUSE_S = 0.5  # between two varies in peace, so that there are enough of them soon
TITLES = ("attack", "tried", "outcome", "memory, MB", "vary p50 / p95, ms", "hello p50 / p95 / max, ms")


def main() -> None:
    """Attack, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="attacks whose names begin so; may be given again")
    parser.add_argument("--list", action="store_true", help="name the attacks and what they would do")
    parser.add_argument("--seconds", type=float, default=30.0, help="of load, for each attack that is one")
    parser.add_argument("--quiet", type=float, default=20.0, metavar="S", help="seconds in peace, to compare with")
    parser.add_argument("--datagrams", type=int, default=1_000_000, help="of the fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory-limit", type=int, default=1500, metavar="MB", help="what the system lets a server have")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to a file")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write a page, as docs/attacks.md is")
    options = parser.parse_args()
    chosen = {n: run for n, run in ATTACKS.items() if not options.only or n.startswith(tuple(options.only))}
    if not chosen:
        parser.error(f"no attack begins with {' or '.join(options.only)}; there are: {', '.join(ATTACKS)}")
    if options.list:
        for name, run in chosen.items():
            print(f"{name}: {' '.join((run.__doc__ or '').split())}")
        return
    effort = Effort(options.seconds, options.datagrams, seed=options.seed, memory_limit=options.memory_limit)
    with tempfile.TemporaryDirectory() as folder:
        effort = replace(effort, quiet=rest(Path(folder) / "quiet", effort, options.quiet))
        rows = [{"attack": "none", "tried": "", "outcome": "in peace", "memory": "", **waited(effort.quiet)}]
        print(*(table_row(cells) for cells in (TITLES, ["---"] * len(TITLES), list(rows[0].values()))), sep="\n", flush=True)
        for number, (name, run) in enumerate(chosen.items()):
            print(f"{name} …", file=sys.stderr, flush=True)
            began = time.monotonic()
            trial = Trial(effort, Path(folder) / str(number))
            trial.home.mkdir()
            try:
                run(trial)
            except Lost:
                trial.notes.append("it was not gone on with")
            except Exception as error:  # an attack that fails itself has shown nothing: it counts as not held
                trial.failures.append(f"the attack itself failed: {type(error).__name__}: {error}")
            rows.append(row_of(name, trial))
            print(table_row(list(rows[-1].values())), flush=True)
            print(f"  {time.monotonic() - began:.0f} s; {'; '.join(trial.notes)}", file=sys.stderr, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    failed = [row["attack"] for row in rows if row["outcome"].startswith("failed")]
    verdict = f"{len(rows) - 1 - len(failed)} of {len(rows) - 1} attacks held"
    verdict += f"; failed: {', '.join(failed)}" if failed else ""
    print(f"\n{verdict}")
    if options.out:
        options.out.write_text(page(rows, verdict), encoding="utf-8")
    sys.exit(1 if failed else 0)


def rest(home: Path, effort: Effort, seconds: float) -> Waits:
    """Measure what the good client waits in peace."""
    home.mkdir()
    trial = Trial(effort, home)
    with trial.server() as server, good_client(server.port, QUIET_PAUSE_S) as client, Peer(server.port) as peer:
        peer.drain(1.0)
        since = time.monotonic()
        peer.drain(seconds)
        waits = client.waits(since)
    if trial.failures or waits.failures:
        raise SystemExit(f"even in peace: {'; '.join([*trial.failures, *waits.failures])}")
    return waits


def row_of(name: str, trial: Trial) -> dict[str, str]:
    """Write a row of the table."""
    outcome = "failed: " + "; ".join(dict.fromkeys(trial.failures)) if trial.failures else "held"
    figures = f" ({'; '.join(trial.notes)})" if trial.notes else ""
    known = trial.before == trial.before and trial.peak == trial.peak
    memory = f"{trial.before:.0f} → {trial.peak:.0f}" if known else f"{trial.peak:.0f}" if trial.peak == trial.peak else "–"
    return {"attack": name, "tried": trial.tried, "outcome": outcome + figures, "memory": memory, **waited(trial.waits)}


def waited(waits: Waits) -> dict[str, str]:
    """Write what a good client waited."""
    if not waits.vary and not waits.hello:
        return {"vary": "–", "hello": "–"}
    vary = [Waits.at(waits.vary, share) for share in (0.5, 0.95)]
    hello = [Waits.at(waits.hello, share) for share in (0.5, 0.95, 1.0)]
    return {
        name: " / ".join("–" if v != v else f"{v:.0f}" for v in values) for name, values in (("vary", vary), ("hello", hello))
    }


def table_row(cells: Sequence[str]) -> str:
    """Write a row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "¦").replace("\n", " ") for cell in cells) + " |"


def page(rows: Sequence[dict[str, str]], verdict: str) -> str:
    """Write docs/attacks.md."""
    table = "\n".join(map(table_row, (TITLES, ["---"] * len(TITLES), *(list(row.values()) for row in rows))))
    command = " ".join(["python bench/attack.py", *sys.argv[1:]])
    return f"""# Attacks

<!-- Written by bench/attack.py. Do not edit. -->

Each attack meets a fresh server, or a fresh command, as it is shipped, through an OSC codec of its own. Beside it a good client
asks for eight variations of two bars every two seconds and says hello four times a second; the first row is what it waits in
peace. An attack has held where the server is alive, every id has ended once, memory has stayed within its limit, and the good
client's `vary` took at most {VARY_TIMES:g} times as long as in peace (p95) and its hello at most {HELLO_MS:g} ms (p95).

{datetime.now(UTC).date()}, {machine()}, `{command}`:

{table}

{verdict}.
"""


if __name__ == "__main__":
    main()
