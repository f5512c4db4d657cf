"""The selective scan: one function, two backends, chosen once."""

from __future__ import annotations

import importlib

import torch

from mcoe.core.errors import McoeError
from mcoe.model.scan.protocol import Scan
from mcoe.model.scan.torch_scan import selective_scan

_HOW_TO_INSTALL = (
    "install it with MAMBA_FORCE_BUILD=TRUE pip install mamba-ssm --no-build-isolation on a machine with nvcc,"
    " or use --scan torch."
)


def mamba_ssm_scan() -> Scan | None:
    """The CUDA kernel's function, or None where mamba-ssm cannot be imported (it needs its CUDA extension)."""
    try:
        module = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    except (ImportError, OSError, RuntimeError):
        return None
    fn: Scan = module.selective_scan_fn
    return fn


def resolve_scan(name: str, device: torch.device | str) -> tuple[str, Scan]:
    """The backend to use on ``device`` and its name.

    Args:
        name: ``torch``, ``mamba_ssm``, or ``auto``: mamba_ssm where it imports and the device is CUDA, else torch.

    Raises:
        McoeError: ``mamba_ssm`` was asked for and cannot run, or the name is unknown.
    """
    cuda = torch.device(device).type == "cuda"
    if name not in ("auto", "torch", "mamba_ssm"):
        raise McoeError(f"Scan backend {name!r} is unknown; give auto, torch or mamba_ssm.")
    if name == "torch" or (name == "auto" and not cuda):
        return "torch", selective_scan
    kernel = mamba_ssm_scan()
    if kernel is None:
        if name == "auto":
            return "torch", selective_scan
        raise McoeError(f"Scan backend mamba_ssm does not import; {_HOW_TO_INSTALL}")
    if not cuda:
        raise McoeError(f"Scan backend mamba_ssm runs on CUDA only, not on {device}; use --scan torch.")
    return "mamba_ssm", kernel
