"""Weights on disk: safetensors with their config and history beside them, never pickle.

Storage ``int8`` keeps every large matrix as 8-bit integers with a float32 scale per output channel (symmetric,
largest value = 127), ``fp16`` keeps it in half precision, ``fp32`` as it is; whatever is small (norms, A, D, Δ's
bias …) always stays float32. Loading gives float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mcoe.errors import McoeError
from mcoe.model.config import EMOTIONS, ModelConfig
from mcoe.model.network import MCOENet

FORMAT = "mcoe-weights-1"
Storage = Literal["int8", "fp16", "fp32"]
STORAGES: tuple[Storage, ...] = get_args(Storage)
#: Tensors below this many values stay float32: together they weigh nothing and many sit in an exponent.
SMALL = 20_000
_SCALE = ".scale"


def save_weights(path: Path, net: MCOENet, metadata: dict[str, Any], storage: Storage = "fp32") -> int:
    """Write a network with its config, class names and whatever else JSON can hold; replaces ``path`` in one step.

    Returns:
        The file's size in bytes.

    Raises:
        McoeError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        tensors.update(_store(name, tensor.detach().cpu().contiguous(), storage))
    head = {
        **metadata,
        "format": FORMAT,
        "storage": storage,
        "classes": list(EMOTIONS),
        "config": net.config.to_dict(),
    }
    data = save(tensors, {"mcoe": json.dumps(head)})
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise McoeError(f"The weights {path} cannot be written ({error.strerror}); name another place.") from error
    return len(data)


def load_weights(path: Path) -> tuple[MCOENet, dict[str, Any]]:
    """Read a network in evaluation mode, float32 on the CPU, and the metadata of :func:`save_weights`.

    Raises:
        McoeError: the file is absent, damaged, no MCO-E weights, of other classes, or does not fit its config.
    """
    metadata, tensors = _read(Path(path))
    if metadata.get("classes") != list(EMOTIONS):
        raise McoeError(f"The weights {path} tell other emotions apart than this program; load a file made by it.")
    try:
        config = ModelConfig.from_dict(metadata["config"])
    except (McoeError, KeyError, TypeError, ValueError) as error:
        raise McoeError(f"The weights {path} hold a config that does not fit this program: {error}") from error
    net = MCOENet(config)
    wanted = {name: tuple(t.shape) for name, t in net.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if odd:
        raise McoeError(
            f"The weights {path} do not fit their config at {len(odd)} tensors, first '{odd[0]}'; export them again."
        )
    net.load_state_dict(tensors)
    return net.eval(), metadata


def read_metadata(path: Path) -> dict[str, Any]:
    """Read only what :func:`save_weights` wrote beside the tensors. Raises McoeError as :func:`load_weights`."""
    return _read(Path(path), tensors=False)[0]


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise McoeError(f"The weights file {path} does not exist; check the name.")
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {})["mcoe"])
            if metadata["format"] != FORMAT:
                raise KeyError("format")
            stored = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise McoeError(f"The weights file {path} is damaged or no safetensors file; fetch it again.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise McoeError(f"The file {path} holds no MCO-E weights; export some with 'python -m mcoe export'.") from error
    return metadata, {
        name: _restore(tensor, stored.get(name + _SCALE))
        for name, tensor in stored.items()
        if not name.endswith(_SCALE)
    }


def _store(name: str, tensor: Tensor, storage: Storage) -> dict[str, Tensor]:
    if storage == "fp32" or not tensor.is_floating_point() or tensor.ndim < 2 or tensor.numel() < SMALL:
        return {name: tensor}
    if storage == "fp16":
        return {name: tensor.half()}
    scale = tensor.abs().amax(_input_axes(tensor), keepdim=True).clamp(min=1e-12) / 127
    return {name: (tensor / scale).round().to(torch.int8), name + _SCALE: scale.float()}


def _input_axes(tensor: Tensor) -> list[int]:
    """All axes but the output channels': stacked layers keep ``(n, in, out)``, the rest ``(out, in, …)``."""
    return [1] if tensor.ndim == 3 else list(range(1, tensor.ndim))


def _restore(tensor: Tensor, scale: Tensor | None) -> Tensor:
    if scale is not None:
        return tensor.float() * scale
    return tensor.float() if tensor.dtype == torch.float16 else tensor
