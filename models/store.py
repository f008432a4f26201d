"""Model folders: find, load, save, check. A folder is model.yaml, weights, golden values, hashes and a card; no pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray
from platformdirs import user_data_path
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from models.card import Card
from models.families.grid import Grid
from models.families.registry import find_family
from models.network.decoding import DecodeBatch, LatentModel
from models.yaml_text import load_yaml

if TYPE_CHECKING:
    from models.network.torch_runtime import TorchModel
    from models.network.vae import Network

GOLDEN_NOISE = 0.3  # the noise level of golden values
CARD, WEIGHTS, GOLDEN, HASHES = "model.yaml", "weights.safetensors", "golden.safetensors", "windows.safetensors"


class ModelError(ValueError):
    """A model that is not there or not whole, in one sentence."""


def shipped() -> Path:
    """Return the folder of the models that come with the program."""
    return Path(__file__).parent / "pretrained"


def user_models() -> Path:
    """Return the folder where users keep their own models."""
    return user_data_path("latent-bridge", appauthor=False) / "models"


def list_models() -> Iterator[tuple[Card, Path]]:
    """List the models that a name finds, the user's first."""
    seen: set[str] = set()
    for folder in (user_models(), shipped()):
        for path in sorted(folder.glob(f"*/{CARD}")):
            if path.parent.name not in seen:
                seen.add(path.parent.name)
                yield read_card(path.parent), path.parent


def find_model(name: str) -> Path:
    """Find a model folder by path, in the user's models, or among those shipped."""
    for folder in (Path(name), user_models() / name, shipped() / name):
        if (folder / CARD).is_file():
            return folder
    known = ", ".join(card.name for card, _ in list_models()) or "none yet"
    raise ModelError(f"there is no model {name!r}; there are: {known}; or give the path of a model folder")


def read_card(folder: Path) -> Card:
    """Read model.yaml."""
    try:
        return Card.model_validate(load_yaml((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ModelError(f"{folder / CARD} does not describe a model: {error}") from error


def load_model(name: str, device: str = "cpu") -> LatentModel:
    """Load a model by name or path, to encode and decode with: by numpy on a CPU, elsewhere by torch."""
    if device != "cpu":
        return load_torch_model(name, device)
    from safetensors.numpy import load

    from models.network.cpu_runtime import NumpyModel

    card, content = _read_folder(name)
    threadpool_limits(1)  # beside a busy core, as in a DAW, two threads are twenty times slower than one
    return NumpyModel(card, find_family(card.family), load(content))


def load_torch_model(name: str, device: str = "cpu") -> TorchModel:
    """Load a model by name or path as a network of torch, which can also score music and be trained."""
    card, content = _read_folder(name)
    # Torch takes a second to import; all else does without.
    from safetensors.torch import load

    from models.network.config import NetworkConfig
    from models.network.torch_runtime import TorchModel, build_network, use_one_thread

    use_one_thread()
    family = find_family(card.family)
    network = build_network(family, NetworkConfig.of(family, card.network))
    network.load_state_dict({k: v.float() for k, v in load(content).items()})
    return TorchModel(card, family, network, device)


def _read_folder(name: str) -> tuple[Card, bytes]:
    """Read a model's card and its weights; refuses weights that are not the ones its card names."""
    folder = find_model(name)
    card = read_card(folder)
    content = (folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise ModelError(f"{folder / WEIGHTS} is not the file that {CARD} describes; install the model again")
    return card, content


def save_model(folder: Path, card: Card, network: Network, hashes: NDArray[np.uint64]) -> Card:
    """Write a trained network as a model folder; see `write_model`."""
    from safetensors.torch import save

    from models.network.torch_runtime import TorchModel

    weights = save({k: v.detach().half().contiguous().cpu() for k, v in network.named_parameters()})
    return write_model(folder, card, weights, TorchModel(card, find_family(card.family), network), hashes)


def write_model(folder: Path, card: Card, weights: bytes, model: LatentModel, hashes: NDArray[np.uint64]) -> Card:
    """Write a model folder, and finish its card with the hashes of what was written."""
    from safetensors.numpy import save_file

    (folder / WEIGHTS).write_bytes(weights)
    save_file(golden(model), folder / GOLDEN)
    save_file({"hashes": np.sort(hashes)}, folder / HASHES)
    card = card.model_copy(
        update={
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "golden_sha256": hashlib.sha256((folder / GOLDEN).read_bytes()).hexdigest(),
        }
    )
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    (folder / CARD).write_text(text, encoding="utf-8")
    return card


def load_hashes(folder: Path) -> NDArray[np.uint64]:
    """Load the hashes of the training windows, by which copies are found."""
    from safetensors.numpy import load_file

    return load_file(folder / HASHES)["hashes"]


def golden(model: LatentModel, rows: int = 4) -> dict[str, NDArray[np.generic]]:
    """Compute golden values: a few fixed latents, the grids they give, and where those lie."""
    from models.network.latent import noise

    z = noise(np.random.default_rng(7), rows, model.card.latent)
    z *= np.float32(np.sqrt(z.shape[1])) / np.linalg.norm(z, axis=1, keepdims=True)
    grid = model.decode(_golden_batch(z))
    return {"latents": z, **asdict(grid), "means": model.encode(grid)}


def check_golden(model: LatentModel, folder: Path) -> list[str]:
    """Compare a model with the golden values in its folder; return what differs."""
    from safetensors.numpy import load_file

    stored = load_file(folder / GOLDEN)
    grid = model.decode(_golden_batch(stored["latents"]))
    tokens = stored["tokens"].reshape(grid.tokens.shape)  # folders of version 0.1 have no axis for slots
    wrong: list[str] = []
    if not np.array_equal(grid.tokens, tokens):
        wrong.append(f"{(grid.tokens != tokens).sum()} of {grid.tokens.size} steps")
    same = Grid(tokens, stored["velocities"], stored["offsets"])
    pairs = {
        "velocities": (grid.velocities, same.velocities, 1e-3),
        "offsets": (grid.offsets, same.offsets, 1e-3),
        "means": (model.encode(same), stored["means"], 1e-2),
    }
    return wrong + [name for name, (a, b, tolerance) in pairs.items() if np.abs(a - b).max() > tolerance]


def _golden_batch(latents: NDArray[np.float32]) -> DecodeBatch:
    return DecodeBatch(latents, np.full(len(latents), GOLDEN_NOISE, np.float32))
