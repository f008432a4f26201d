"""Model folders: find, load, save, check. A folder is model.yaml, weights, golden values, hashes and a card; no pickle.

Whatever is wrong with a folder ends in a ModelError that names the file: nothing is taken on trust before it is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray
from platformdirs import user_data_path
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from models.card import Card
from models.extras import cpu_runtime
from models.families.critic import Critic
from models.families.family import Family
from models.families.grid import Grid
from models.families.habits import NO_HABITS, Habits, blend_habits, row_size
from models.families.registry import FAMILIES, find_family
from models.network.adapter import adapter_shapes, add_adapter
from models.network.config import NetworkConfig
from models.network.decoding import DecodeBatch, LatentModel
from models.network.tensors import LARGEST_WEIGHT, MOST_WEIGHTS, check_sizes, may_be_missing, weight_shapes
from models.pause import pause
from models.plain_file import check_plain_file, read_plain_file, shown
from models.tensor_file import HEADER_BYTES, Tensors, read_tensors
from models.whole_file import write_whole
from models.yaml_text import load_yaml

if TYPE_CHECKING:
    from models.network.cpu_runtime import NumpyModel
    from models.network.torch_runtime import TorchModel
    from models.network.vae import Network

log = logging.getLogger("bridge.models")

GOLDEN_NOISE = 0.3  # the noise level of golden values
CARD, WEIGHTS, GOLDEN, HASHES = "model.yaml", "weights.safetensors", "golden.safetensors", "windows.safetensors"
HABITS = "habits.safetensors"
ADAPTER = "adapter.safetensors"  # of a personal model, in the place of weights
FIGURES = "evaluation.json"
CRITIC = "critic.safetensors"
CRITIC_TYPES = {"features": np.int16, "thresholds": np.float32, "leaves": np.float32, "names": np.int64}

CARD_BYTES = 2**16  # the largest card; those of the shipped models have 2 kB
GOLDEN_BYTES = 2**22  # the largest golden values; the shipped ones have 15 kB
GOLDEN_ROWS = 64
FIGURES_BYTES = 2**20  # the most figures; those of the shipped models have up to 25 kB
HASHES_BYTES = 2**28  # the most hashes, of 8 bytes each; the shipped models have up to 418 kB
ADAPTER_BYTES = 2**23  # the largest adapter; those that `personalise` writes have up to 1 MB
CRITIC_BYTES = 2**20  # the largest critic; the shipped ones have some 20 kB
HABITS_BYTES = 2**20  # the most habits; the shipped models have some 50 kB
MOST_FOLDERS = 256  # models of a user that are looked at
NAME_BYTES = 100  # of a model's name, which messages carry
HASHED_BYTES = 2**21  # between two pauses
FLOATS = ("F16", "F32")  # the types of weights

T = TypeVar("T")


class ModelError(ValueError):
    """A model that is not there or not whole, in one sentence."""


@dataclass(frozen=True)
class Survey:
    """What lies among the models: those that a name finds, the user's first, and a sentence for each folder that is none."""

    models: tuple[tuple[Card, Path], ...]
    faults: tuple[str, ...]

    def listed(self) -> tuple[tuple[Card, Path], ...]:
        """The first model of each name."""
        first = {folders[0] for folders in self.places().values()}
        return tuple((card, folder) for card, folder in self.models if folder in first)

    def places(self) -> dict[str, list[Path]]:
        """The folders of each name, the one that is taken first."""
        found: dict[str, list[Path]] = {}
        for _, folder in self.models:
            found.setdefault(folder.name, []).append(folder)
        return found


def shipped() -> Path:
    """Return the folder of the models that come with the program."""
    return Path(__file__).parent / "pretrained"


def user_models() -> Path:
    """Return the folder where users keep their own models."""
    return user_data_path("latent-bridge", appauthor=False) / "models"


def survey_models() -> Survey:
    """Look at all folders of models, without their weights. One that is broken costs itself alone."""
    models: list[tuple[Card, Path]] = []
    faults: list[str] = []
    for home in (user_models(), shipped()):
        try:
            names = sorted(entry.name for entry in os.scandir(home) if os.path.lexists(Path(entry.path) / CARD))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            faults.append(f"{shown(home)} cannot be read: {error.strerror}")
            continue
        if len(names) > MOST_FOLDERS:
            faults.append(f"{shown(home)} holds more than {MOST_FOLDERS:,} models; those after the first are left out")
        for name in names[:MOST_FOLDERS]:
            try:
                models.append((_look_at(home / name, is_named=True), home / name))
            except ModelError as error:
                faults.append(str(error))
    return Survey(tuple(models), tuple(faults))


def list_models() -> Iterator[tuple[Card, Path]]:
    """List the models that a name finds, the user's first."""
    return iter(survey_models().listed())


def find_model(name: str) -> Path:
    """Find a model folder by path, in the user's models, or among those shipped."""
    return _find_first(name, lambda folder: (_look_at(folder), folder)[1])


def no_model(name: str, known: Sequence[str], most: int = 10_000) -> ModelError:
    """Make the error for a name that no model has; it names those that there are, in at most so many bytes."""
    text = f"there is no model {ascii(name[:40]) if len(name) > 40 else repr(name)}; there are: "
    room = most - len(text.encode("utf-8", "replace"))
    listed = ", ".join(known) or "none yet"
    if len(listed.encode()) > room:
        cut = listed.encode()[: max(0, room - 3)].decode("utf-8", "ignore")
        listed = f"{cut.rpartition(', ')[0] or cut} …"
    return ModelError(text + listed)


def read_card(folder: Path) -> Card:
    """Read model.yaml."""
    try:
        return _parse_card(read_plain_file(folder / CARD, CARD_BYTES))
    except ValueError as error:
        raise ModelError(f"{shown(folder / CARD)} {error}") from error


def read_figures(folder: Path) -> dict[str, float | int | str | None] | None:
    """Read what `evaluate --json` wrote into a model folder; None where the model was not measured."""
    path = folder / FIGURES
    if not path.exists():
        return None
    try:
        found = json.loads(read_plain_file(path, FIGURES_BYTES))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{shown(path)} holds no figures: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, float | int | str | None) for value in found.values()):
        raise ModelError(f"{shown(path)} holds no figures: they are numbers and words by their names")
    return found


def load_model(name: str, device: str = "cpu", mine: float = 1.0, *, runtime: str | None = None) -> LatentModel:
    """Load a model by name or path, to encode and decode with: on a CPU by ONNX Runtime or numpy, elsewhere by torch.

    Of a personal model, `mine` says how far: 0 is the model it was made from, 1 all that it has learned. On a CPU, `runtime` is
    `onnxruntime` or `numpy`; None takes the first of these that is here.
    """
    if device != "cpu":
        return load_torch_model(name, device, mine)
    read = _find_first(name, lambda folder: _read_folder(folder, mine))
    threadpool_limits(1)  # beside a busy core, as in a DAW, two threads are twenty times slower than one
    kind = _cpu_model(read.family, runtime or cpu_runtime())
    model = kind(read.card, read.family, read.weights, read.habits, read.critic)
    if read.card.base:
        model.dial = lambda share: load_model(name, device, share, runtime=runtime)
    return model


def _cpu_model(family: Family, runtime: str) -> type[NumpyModel]:
    """Choose what computes a family's networks on a CPU: the graphs for ONNX Runtime have one token a step."""
    if runtime == "onnxruntime" and len(family.vocabulary.slots) == 1:
        from models.network.onnx_runtime import OnnxModel

        return OnnxModel
    from models.network.cpu_runtime import NumpyModel

    return NumpyModel


def load_torch_model(name: str, device: str = "cpu", mine: float = 1.0) -> TorchModel:
    """Load a model by name or path as a network of torch, which can also score music and be trained; `mine` as above."""
    read = _find_first(name, lambda folder: _read_folder(folder, mine))
    # Torch takes a second to import; all else does without.
    import torch

    from models.network.torch_runtime import TorchModel, build_network, use_one_thread

    use_one_thread()
    network = build_network(read.family, NetworkConfig.of(read.family, read.card.network))
    network.load_state_dict({name: torch.from_numpy(values.copy()).float() for name, values in read.weights.items()})
    model = TorchModel(read.card, read.family, network, device, read.habits, read.critic)
    if read.card.base:
        model.dial = lambda share: load_torch_model(name, device, share)
    return model


def _find_first(name: str, take: Callable[[Path], T]) -> T:
    """Take the first folder of a name that is whole: a path, one of the user's, one of those shipped.

    A broken one among the user's models does not hide the shipped model of that name; that it is passed over is said.
    """
    faults: list[ModelError] = []
    for folder in _places(name):
        if not _has_card(folder):
            continue
        try:
            found = take(folder)
        except ModelError as error:
            faults.append(error)
            continue
        for fault in faults:
            _warn(f"{fault}; {shown(folder)} is used instead")
        return found
    if faults:
        raise faults[0]
    raise ModelError(f"{no_model(name, list(survey_models().places()))}; or give the path of a model folder")


def _places(name: str) -> list[Path]:
    if not name:
        return []
    is_path = Path(name).name != name or name in (".", "..")
    return [Path(name)] if is_path else [Path(name), user_models() / name, shipped() / name]


def _has_card(folder: Path) -> bool:
    try:
        return os.path.lexists(folder / CARD)
    except ValueError:  # a name that no file can have
        return False


@lru_cache(maxsize=64)
def _warn(text: str) -> None:
    """Say it, once."""
    log.warning("%s", text)


def _look_at(folder: Path, *, is_named: bool = False) -> Card:
    """Read the card of a folder and see that its weights are there; raises ModelError."""
    if is_named:
        fault = _name_fault(folder.name)
        if fault:
            raise ModelError(f"{shown(folder)} is no model: {fault}")
    card = read_card(folder)
    if is_named and card.family != folder.name and folder.name in FAMILIES:
        raise ModelError(f"{shown(folder)} is a model of {card.family}: the name {folder.name} is for one of that family")
    file, most = (ADAPTER, ADAPTER_BYTES) if card.base else (WEIGHTS, _weight_bytes(MOST_WEIGHTS))
    try:
        check_plain_file(folder / file, most)
    except ValueError as error:
        raise ModelError(f"{shown(folder / file)} {error}") from error
    return card


def _name_fault(name: str) -> str:
    if name == "auto":
        return "the name auto stands for a choice by the clip"
    if not name.isprintable():
        return "its name holds characters that cannot be shown"
    return f"its name has more than {NAME_BYTES} bytes" if len(name.encode()) > NAME_BYTES else ""


@lru_cache(maxsize=64)
def _parse_card(content: bytes) -> Card:
    """Read the text of a card; by its content, since most is read again and again and reading YAML takes a while."""
    try:
        values = load_yaml(content.decode("utf-8"))
        if not isinstance(values, dict):
            kind = {list: "a list", str: "a text", type(None): "nothing"}.get(type(values), "a number")
            raise ValueError(f"it holds {kind} instead of names with values")
        card = Card.model_validate(values)
        if card.family not in FAMILIES:
            raise ValueError(f"there is no family {ascii(card.family)[:40]}; there are: {', '.join(FAMILIES)}")
        check_sizes(card.network)
    except UnicodeDecodeError as error:
        raise ValueError(f"does not describe a model: it is not UTF-8 at byte {error.start}") from error
    except ValidationError as error:
        raise ValueError(f"does not describe a model: {_first_of(error)}") from error
    except ValueError as error:
        raise ValueError(f"does not describe a model: {error}") from error
    return card


_SENTENCES = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such setting",
    "string_pattern_mismatch": "it must be a SHA-256 in hexadecimal digits",
}


def _begin(start: re.Match[str]) -> str:
    return "" if start[0].startswith("Value") else "it must "


def _first_of(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    said = _SENTENCES.get(first["type"]) or re.sub(r"^(Value error, |\w+ should )", _begin, first["msg"])
    return f"{shown(where[:80])}: {said}"


@dataclass(frozen=True)
class _Folder:
    """What a model folder holds."""

    card: Card
    family: Family
    weights: Tensors
    habits: Habits
    critic: Critic | None


def _read_folder(folder: Path, mine: float = 1.0) -> _Folder:
    """Read a model's card, weights, habits and critic; refuses those that its card does not name, or that are none.

    Of a personal model, the weights are those of the model it was made from, changed as far as `mine` says.
    """
    card = _look_at(folder)
    if card.base:
        return _read_personal(folder, card, mine)
    try:
        family = find_family(card.family)
        config = NetworkConfig.of(family, card.network)
        shapes = weight_shapes(family, config)
        if card.latent != config.latent:
            raise ValueError(f"its latent is {card.latent}, that of its network {config.latent}")
    except ValueError as error:
        raise ModelError(f"{shown(folder / CARD)} does not describe a model: {error}") from error
    try:
        content = read_plain_file(folder / WEIGHTS, _weight_bytes(sum(map(math.prod, shapes.values()))))
        if _sha256(content) != card.weights_sha256:
            raise ValueError(f"is not the file that {CARD} describes; install the model again")
        weights = read_tensors(content, FLOATS)
        new = {name: shape for name, shape in shapes.items() if may_be_missing(name) and name not in weights}
        _check_shapes(weights, {name: shape for name, shape in shapes.items() if name not in new})
        _check_numbers(weights)
    except ValueError as error:
        raise ModelError(f"{shown(folder / WEIGHTS)} {error}") from error
    weights |= {name: np.zeros(shape, np.float16) for name, shape in new.items()}
    return _Folder(card, family, weights, _read_habits(folder, card, family), _read_critic(folder, card))


def _read_personal(folder: Path, card: Card, mine: float) -> _Folder:
    base = _read_folder(_find_base(folder, card))
    if (base.card.family, base.card.network) != (card.family, card.network):
        raise ModelError(f"{shown(folder / CARD)} is of other sizes than the model {card.base} that it was made from")
    try:
        content = read_plain_file(folder / ADAPTER, ADAPTER_BYTES)
        if _sha256(content) != card.weights_sha256:
            raise ValueError(f"is not the file that {CARD} describes; make the personal model again")
        adapter = read_tensors(content, FLOATS)
        _check_shapes(adapter, adapter_shapes(adapter, {name: values.shape for name, values in base.weights.items()}))
        _check_numbers(adapter)
    except ValueError as error:
        raise ModelError(f"{shown(folder / ADAPTER)} {error}") from error
    habits = blend_habits(base.habits, _read_habits(folder, card, base.family), mine)
    return _Folder(card, base.family, add_adapter(base.weights, adapter, mine), habits, base.critic)


def _find_base(folder: Path, card: Card) -> Path:
    """Find the model that a personal one was made from, by its name and the hash of its weights."""
    others = False
    for home in (user_models(), shipped()):
        if not _has_card(home / card.base):
            continue
        try:
            its = read_card(home / card.base)
        except ModelError:
            continue
        if its.weights_sha256 == card.base_sha256 and not its.base:
            return home / card.base
        others = True
    what = "is here only with other weights" if others else "is not here"
    raise ModelError(f"{shown(folder)} was made from the model {card.base}, which {what}: make the personal model again")


def _read_habits(folder: Path, card: Card, family: Family) -> Habits:
    """Read what training music was like; of models that were published before there were habits, nothing."""
    if not card.habits_sha256:
        return NO_HABITS
    try:
        content = read_plain_file(folder / HABITS, HABITS_BYTES)
        if _sha256(content) != card.habits_sha256:
            raise ValueError(f"is not the file that {CARD} describes; install the model again")
        stored = read_tensors(content, ["I8"])
        habits = stored.get("habits", NO_HABITS)
        _check_shapes(stored, {"habits": (max(1, len(habits)) if habits.ndim else 1, row_size(family.context))})
    except ValueError as error:
        raise ModelError(f"{shown(folder / HABITS)} {error}") from error
    return habits


def _read_critic(folder: Path, card: Card) -> Critic | None:
    """Read what tells players' changes, where a model has it."""
    if not card.critic_sha256:
        return None
    try:
        content = read_plain_file(folder / CRITIC, CRITIC_BYTES)
        if _sha256(content) != card.critic_sha256:
            raise ValueError(f"is not the file that {CARD} describes; install the model again")
        stored = read_tensors(content, ["I16", "F32", "I64"])
        if set(stored) != set(CRITIC_TYPES) or any(stored[name].dtype != kind for name, kind in CRITIC_TYPES.items()):
            raise ValueError(f"must hold {_listed(list(CRITIC_TYPES))}, each as its own type of number")
        _check_numbers({"leaves": stored["leaves"]})
        return Critic(**stored)
    except ValueError as error:
        raise ModelError(f"{shown(folder / CRITIC)} {error}") from error


def _sha256(content: bytes) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(content), HASHED_BYTES):
        digest.update(memoryview(content)[start : start + HASHED_BYTES])
        pause()
    return digest.hexdigest()


def _weight_bytes(count: int) -> int:
    """The largest file of so many weights."""
    return 4 * count + 8 + HEADER_BYTES


def _check_shapes(tensors: Tensors, shapes: dict[str, tuple[int, ...]]) -> None:
    if missing := [name for name in shapes if name not in tensors]:
        raise ValueError(f"lacks {_listed(missing)}")
    if unknown := [name for name in tensors if name not in shapes]:
        raise ValueError(f"holds {_listed(unknown)}, which this network does not have")
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"has {name} in the shape {list(tensors[name].shape)} instead of {list(shape)}")


def _check_numbers(tensors: Tensors) -> None:
    """Refuse what is not finite, or so large that sums of it are not. On the bits, which is much faster than on halves."""
    for name, values in tensors.items():
        pause()
        size = values.dtype.itemsize
        bits = values.view(f"<u{size}") & (2 ** (8 * size - 1) - 1)  # without the sign: in the order of the numbers' sizes
        largest = float(bits.max(initial=0).view(values.dtype))
        if not largest <= LARGEST_WEIGHT:
            what = f"as large as {largest:g}" if math.isfinite(largest) else "that are not finite"
            raise ValueError(f"has numbers in {name} {what}: it is no trained network")


def _listed(names: Sequence[str]) -> str:
    shown_names = ", ".join(ascii(name)[1:-1][:60] for name in names[:3])
    return shown_names + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def save_model(folder: Path, card: Card, network: Network, hashes: NDArray[np.uint64], habits: Habits = NO_HABITS) -> Card:
    """Write a trained network as a model folder; see `write_model`."""
    from safetensors.torch import save

    from models.network.torch_runtime import TorchModel

    weights = save({k: v.detach().half().contiguous().cpu() for k, v in network.named_parameters()})
    return write_model(folder, card, weights, TorchModel(card, find_family(card.family), network, habits=habits), hashes)


def write_model(folder: Path, card: Card, weights: bytes, model: LatentModel, hashes: NDArray[np.uint64]) -> Card:
    """Write a model folder, and finish its card with the hashes of what was written; of a personal one the adapter."""
    from safetensors.numpy import save

    write_whole(folder / (ADAPTER if card.base else WEIGHTS), weights)
    write_whole(folder / GOLDEN, save(golden(model)))
    write_whole(folder / HASHES, save({"hashes": np.sort(hashes)}))
    card = card.model_copy(
        update={
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "golden_sha256": hashlib.sha256((folder / GOLDEN).read_bytes()).hexdigest(),
        }
    )
    return write_habits(folder, card, model.habits)


def write_habits(folder: Path, card: Card, habits: Habits) -> Card:
    """Write the habits of a model folder, where there are any, and its card."""
    from safetensors.numpy import save

    content = save({"habits": habits}) if len(habits) else b""
    if content:
        write_whole(folder / HABITS, content)
    return write_card(folder, card.model_copy(update={"habits_sha256": hashlib.sha256(content).hexdigest() if content else ""}))


def write_critic(folder: Path, card: Card, critic: Critic) -> Card:
    """Write the critic of a model folder, and its card."""
    from safetensors.numpy import save

    content = save({name: getattr(critic, name) for name in CRITIC_TYPES})
    write_whole(folder / CRITIC, content)
    return write_card(folder, card.model_copy(update={"critic_sha256": hashlib.sha256(content).hexdigest()}))


def write_card(folder: Path, card: Card) -> Card:
    """Write the card of a model folder."""
    text = yaml.dump(card.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    write_whole(folder / CARD, text.encode())
    return card


class _Dumper(yaml.SafeDumper):
    """Writes what appears twice twice: aliases are not read."""

    def ignore_aliases(self, data: object) -> bool:
        """Ignore them all."""
        return True


def load_hashes(folder: Path) -> NDArray[np.uint64]:
    """Load the hashes of the training windows, by which copies are found."""
    try:
        tensors = read_tensors(read_plain_file(folder / HASHES, HASHES_BYTES), ["U64"])
        hashes = tensors.get("hashes")
        if hashes is None or hashes.ndim != 1 or len(tensors) > 1:
            raise ValueError("holds other than one list of hashes")
    except ValueError as error:
        raise ModelError(f"{shown(folder / HASHES)} {error}") from error
    return hashes


def golden(model: LatentModel, rows: int = 4) -> dict[str, NDArray[np.generic]]:
    """Compute golden values: a few fixed latents, the grids they give, and where those lie."""
    from models.network.latent import noise

    z = noise(np.random.default_rng(7), rows, model.card.latent)
    z *= np.float32(np.sqrt(z.shape[1])) / np.linalg.norm(z, axis=1, keepdims=True)
    grid = model.decode(_golden_batch(z))
    return {"latents": z, **asdict(grid), "means": model.encode(grid)}


def check_golden(model: LatentModel, folder: Path) -> list[str]:
    """Compare a model with the golden values in its folder; return what differs. Raises ModelError if these are none."""
    latents, same, means = _read_golden(model, folder)
    grid = model.decode(_golden_batch(latents))
    wrong: list[str] = []
    if not np.array_equal(grid.tokens, same.tokens):
        wrong.append(f"{(grid.tokens != same.tokens).sum()} of {grid.tokens.size} steps")
    pairs = {
        "velocities": (grid.velocities, same.velocities, 1e-3),
        "offsets": (grid.offsets, same.offsets, 1e-3),
        "means": (model.encode(same), means, 1e-2),
    }
    return wrong + [name for name, (a, b, tolerance) in pairs.items() if not np.abs(a - b).max() <= tolerance]


def _read_golden(model: LatentModel, folder: Path) -> tuple[NDArray[np.float32], Grid, NDArray[np.float32]]:
    """Read golden values: latents, the grids they must give, and where these must lie."""
    spec, vocabulary = model.family.spec, model.family.vocabulary
    try:
        content = read_plain_file(folder / GOLDEN, GOLDEN_BYTES)
        if model.card.golden_sha256 not in ("", hashlib.sha256(content).hexdigest()):
            raise ValueError(f"is not the file that {CARD} describes; install the model again")
        stored = {name: values.copy() for name, values in read_tensors(content, ["F32", "I64"]).items()}  # torch wants its own
        tokens = stored.get("tokens", np.zeros(0, np.int64))
        rows = len(tokens) if tokens.ndim else 0
        steps, lanes, latent = (rows, spec.steps), (rows, spec.steps, vocabulary.lanes), (rows, model.card.latent)
        if tokens.ndim == 2:  # folders of version 0.1 have no axis for slots
            stored["tokens"] = tokens = tokens[..., None]
        slots = (*steps, len(vocabulary.slots))
        _check_shapes(stored, {"latents": latent, "tokens": slots, "velocities": lanes, "offsets": lanes, "means": latent})
        floats = {name: values for name, values in stored.items() if name != "tokens"}
        if not 0 < rows <= GOLDEN_ROWS or tokens.dtype.kind != "i" or any(v.dtype.kind != "f" for v in floats.values()):
            raise ValueError(f"holds other than 1 to {GOLDEN_ROWS} windows")
        if tokens.min() < 0 or tokens.max() >= vocabulary.tokens:
            raise ValueError("holds tokens that this family does not have")
        _check_numbers(floats)
    except ValueError as error:
        raise ModelError(f"{shown(folder / GOLDEN)} {error}") from error
    return stored["latents"], Grid(tokens, stored["velocities"], stored["offsets"]), stored["means"]


def _golden_batch(latents: NDArray[np.float32]) -> DecodeBatch:
    return DecodeBatch(latents, np.full(len(latents), GOLDEN_NOISE, np.float32))
