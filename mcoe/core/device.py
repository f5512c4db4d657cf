"""Where tensors are computed: the one place that asks whether there is a GPU."""

from __future__ import annotations

import platform
from pathlib import Path
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


def device_name(device: torch.device) -> str:
    """Return the name of the GPU or, for the CPU, of the processor."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()
