"""What there is to compute on: names of devices, the fastest first. Imports torch only where a GPU is likely."""

from __future__ import annotations

import platform
import sys
from ctypes import CDLL

from models.extras import is_installed, need


def find_device(name: str) -> str:
    """Choose a device: the one named, or for auto the first that is here; raises ValueError where it is not."""
    if name not in ("auto", "cpu"):
        need("gpu", f"device {name}")
    here = devices()
    if name == "auto":
        return here[0]
    if name not in here:
        raise ValueError(f"there is no device {name} here, only: {', '.join(here)}")
    return name


def devices() -> list[str]:
    """List what there is to compute on, the fastest first."""
    if not is_installed("gpu") or not _may_have_gpu():
        return ["cpu"]  # torch, which could say for certain, takes a second to import
    import torch

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, is_here in found.items() if is_here]


def _may_have_gpu() -> bool:
    """Tell whether it is worth asking torch: an Apple chip, or a driver of NVIDIA's."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")  # searching for it first would start a compiler
    except OSError:
        return False
    return True
