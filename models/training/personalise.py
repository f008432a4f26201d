"""From prepared music to the folder of a personal model: learned, tried on pieces held out, written with its card."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from models.card import Card
from models.evaluation.memorization import window_hashes
from models.network.adapter import DOWN, add_adapter
from models.network.cpu_runtime import NumpyModel
from models.network.torch_runtime import TorchModel, build_network
from models.store import CARD, find_model, load_torch_model, read_card, shipped, user_models, write_model
from models.training.dataset import MUSIC, Windows
from models.training.personal import LEAST_WINDOWS, MOST_SCORED, Adapter, Recipe, as_config, fit, likelihood
from models.training.preparing import Learnable
from models.training.publishing import habits_of, name_commit
from models.whole_file import WholeFileError, not_written, write_whole

README = "README.md"
CHECK_DRAWS = 4  # latents of the check: at noise 1 they say next to nothing, and more change the third digit
# How much of what was learned may be added. Of pieces that the general model does not know, those held out ask for all of it;
# of pieces that it has learned by heart, for little, and more would only make it know them better.
SHARES, UNCHECKED = (0.25, 0.5, 0.75, 1.0), 0.5


@dataclass(frozen=True)
class Check:
    """How likely pieces that were not learned from are, nats a window: under the general model, and under a personal one.

    `share` is how much of what was learned did best for them.
    """

    pieces: int
    windows: int
    share: float
    general: float
    personal: float


@dataclass(frozen=True)
class Personal:
    """What was made."""

    folder: Path
    card: Card
    check: Check | None
    seconds: float


def personalise(
    base: str,
    music: Learnable,
    out: Path,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    tick: Callable[[float], None] = lambda fraction: None,
) -> Personal:
    """Make a personal model of a shipped one, or of a user's, and write its folder; nothing is written before it is whole."""
    begin, recipe = time.monotonic(), recipe or Recipe()
    folder = find_base(base)
    model = load_torch_model(str(folder))
    windows = music.windows.take(music.windows.are(MUSIC))
    held = music.held[music.windows.are(MUSIC)]
    check = _check(model, windows, held, recipe, seed, lambda fraction: tick(fraction / 2))
    learned = fit(model, windows, recipe, seed=seed, tick=lambda fraction: tick((1 + fraction) / 2))
    share = check.share if check else UNCHECKED
    tensors = scaled(learned, share)
    weights = {name: value.detach().half().cpu().numpy() for name, value in model.network.named_parameters()}
    card = _card(model.card, out.name, folder.name, music, windows, recipe, seed, share, check)
    habits = habits_of(windows, model.family) if model.hears else np.zeros((0, 0), np.int8)
    personal = NumpyModel(card, model.family, add_adapter(weights, tensors, 1.0), habits)
    tokens = model.family.vocabulary.without_leading_holds(windows.grid.tokens)
    with _written_beside(out) as part:
        write_whole(part / README, _readme(card, music, windows, check).encode())
        card = write_model(part, card, save(tensors), personal, window_hashes(tokens, model.family))
    return Personal(out, card, check, time.monotonic() - begin)


@contextmanager
def _written_beside(out: Path) -> Iterator[Path]:
    """Give a folder whose files take the places of those in another when all are written, so that an older model stays."""
    part = out / ".part"
    rmtree(part, ignore_errors=True)
    try:
        yield part
        (out / CARD).unlink(missing_ok=True)  # an older one must not speak for new files
        for file in sorted(part.iterdir(), key=lambda file: file.name == CARD):
            file.replace(out / file.name)
    except WholeFileError as error:
        raise not_written(out, error.__cause__) if isinstance(error.__cause__, OSError) else error from error
    except OSError as error:
        raise not_written(out, error) from error
    finally:
        rmtree(part, ignore_errors=True)
        with suppress(OSError):
            out.rmdir()  # where nothing was written, nothing is left


def learn(model: TorchModel, windows: Windows, held: NDArray[np.bool_], recipe: Recipe, seed: int = 0) -> Adapter:
    """Learn what is added to a model, as much of it as does best for the pieces held out."""
    check = _check(model, windows, held, recipe, seed, lambda fraction: None)
    return scaled(fit(model, windows, recipe, seed=seed), check.share if check else UNCHECKED)


def scaled(adapter: Adapter, share: float) -> Adapter:
    """Take a share of an adapter."""
    return {name: values if name.endswith(DOWN) else np.asarray(values * share, np.float16) for name, values in adapter.items()}


def find_base(name: str) -> Path:
    """Find the model to add to: by name, so that the personal one finds it again."""
    folder = find_model(name)
    if folder.parent.resolve() not in (shipped().resolve(), user_models().resolve()):
        raise ValueError(
            f"{folder} is not among your models: a personal model finds the one it adds to by name, in {user_models()}"
        )
    if read_card(folder).base:
        raise ValueError(f"{name} is a personal model itself: name the one that it was made from, {read_card(folder).base}")
    return folder


def added(model: TorchModel, tensors: Adapter, share: float = 1.0) -> TorchModel:
    """Add what was learned to a model, as a network of torch that can score music."""
    import torch

    weights = {name: value.detach().cpu().numpy() for name, value in model.network.named_parameters()}
    network = build_network(model.family, model.network.config)
    network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in add_adapter(weights, tensors, share).items()})
    return TorchModel(model.card, model.family, network, str(model.device), model.habits)


def _check(
    model: TorchModel, windows: Windows, held: NDArray[np.bool_], recipe: Recipe, seed: int, tick: Callable[[float], None]
) -> Check | None:
    """Learn from some of the pieces, to see what that does for the others; None where none can be spared."""
    if not held.any() or (~held).sum() < LEAST_WINDOWS:
        return None
    tried = windows.take(held)
    rows = np.sort(np.random.default_rng(0).permutation(len(tried))[:MOST_SCORED])
    grid = tried.grid[rows]
    learned = fit(model, windows.take(~held), recipe, seed=seed, tick=tick)
    found = {share: float(likelihood(added(model, learned, share), grid, draws=CHECK_DRAWS).mean()) for share in SHARES}
    best = max(found, key=found.__getitem__)
    general = float(likelihood(model, grid, draws=CHECK_DRAWS).mean())
    return Check(len(np.unique(tried.piece)), len(rows), best, general, found[best])


def _card(
    base: Card,
    name: str,
    base_name: str,
    music: Learnable,
    windows: Windows,
    recipe: Recipe,
    seed: int,
    share: float,
    check: Check | None,
) -> Card:
    found = {"held_out_general": round(check.general, 3), "held_out_personal": round(check.personal, 3)} if check else {}
    return base.model_copy(
        update={
            "name": name,
            "about": f"{base.family} that play like {', '.join(music.windows.sets)}"[:200],
            "licence": f"that of the music it learned from, and of {base_name} ({base.licence})",
            "data": {"windows": len(windows), "pieces": len(np.unique(windows.piece)), "sha256": windows.sha256()},
            "config": {"recipe": as_config(recipe), "seed": seed, "share": share},
            "commit": name_commit(),
            "metrics": found,
            "base": base_name,
            "base_sha256": base.weights_sha256,
            "weights_sha256": "",
        }
    )


def _readme(card: Card, music: Learnable, windows: Windows, check: Check | None) -> str:
    size = f"{len(windows):,} unique windows of two bars, of {card.data['pieces']} pieces in {len(music.files)} files"
    if check:
        gain = check.personal - check.general
        tried = (
            f"A trial that did not learn from {check.pieces} of the pieces finds {check.windows} windows of these "
            f"{abs(gain):.2f} nats {'more' if gain > 0 else 'less'} likely than `{card.base}` does ({check.general:.2f} and "
            f"{check.personal:.2f} a window, composed from nothing). "
            f"{'' if gain > 0 else 'So it has learned little that carries over. '}The model here has learned from all pieces."
        )
    else:
        tried = "There were too few pieces to hold some out, so how much it has learned was not measured."
    return "\n".join(
        [
            f"# {card.name}: {card.about}",
            "",
            f"- **A personal model**: `adapter.safetensors` is added to the weights of `{card.base}`, which must be installed; "
            "`--mine` says how much of it, 0 to 1.",
            f"- **Makes** {card.family}, in windows of {card.bars} bars of 4/4, as `{card.base}` does.",
            f"- **Weights**: {card.licence}. `habits.safetensors` holds some dozen numbers each of what windows are like, that "
            "samples are told; `windows.safetensors` holds hashes of them, by which copies are found; no notes are in it.",
            f"- **Learned from** {size}.",
            "",
            tried,
            "",
            f"Limits: what `{card.base}` cannot do, this cannot either, and very few pieces it may know too well. "
            "`amounts` and `reach` in `model.yaml` are those measured for the general model.",
            "",
        ]
    )
