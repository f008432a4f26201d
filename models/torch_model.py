"""A trained network as a LatentModel: grids in, latents out, and back. Torch lives here and in network.py, train.py."""

from __future__ import annotations

import torch

from models.family import Family
from models.network import Network, Shape, Symbols


def build_network(family: Family, shape: Shape) -> Network:
    """Make the network of a family, with fresh weights."""
    symbols = Symbols(
        onsets=torch.as_tensor(family.kind.onsets),
        features=torch.as_tensor(family.features),
        facets=torch.as_tensor(family.facets),
        illegal=family.illegal,
    )
    return Network(shape, symbols)
