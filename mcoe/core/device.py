"""Where tensors are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcoe.core.errors import McoeError

if TYPE_CHECKING:
    import torch

#: What ``--device`` takes.
DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu`` or ``cuda`` into a device. Raises McoeError where CUDA is asked for and absent."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise McoeError("No CUDA GPU was found; check nvidia-smi, or run with --device cpu.")
    return torch.device(name)
