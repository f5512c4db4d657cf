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

from mcoe.core.errors import McoeError
from mcoe.core.files import SHARED, write_bytes
from mcoe.core.json_files import parse_json
from mcoe.core.words import EMOTIONS
from mcoe.model.config import ModelConfig
from mcoe.model.facts import Facts, read_facts
from mcoe.model.network import MCOENet

FORMAT = "mcoe-weights-1"
Storage = Literal["int8", "fp16", "fp32"]
STORAGES: tuple[Storage, ...] = get_args(Storage)
#: Tensors below this many values stay float32: together they weigh nothing and many sit in an exponent.
SMALL = 20_000
_SCALE = ".scale"
#: How PyTorch's own files begin: zipped pickles, and bare ones of protocol 2 to 5.
_PICKLES = (b"PK\x03\x04", *(bytes((0x80, protocol)) for protocol in range(2, 6)))


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data, SHARED)
    except OSError as error:
        raise McoeError(f"The weights {path} cannot be written ({error.strerror}); name another place.") from error
    return len(data)


def load_weights(path: Path) -> tuple[MCOENet, dict[str, Any]]:
    """Read a network in evaluation mode, float32 on the CPU, and the metadata of :func:`save_weights`.

    Raises:
        McoeError: the file is absent, damaged, no MCO-E weights, of other classes, or does not fit its config.
    """
    metadata, tensors = _read(Path(path))
    config = _config(path, metadata)
    found = {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()}
    wanted = _wanted(path, config)
    odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if odd:
        raise McoeError(
            f"The weights {path} do not fit their config at {len(odd)} tensors, first '{odd[0]}'; export them again."
        )
    sick = [name for name, t in tensors.items() if not bool(t.isfinite().all())]
    if sick:
        raise McoeError(
            f"The weights {path} hold values that are no finite numbers, first in '{sick[0]}'; fetch or train others."
        )
    net = MCOENet(config)
    net.load_state_dict(tensors)
    return net.eval(), metadata


def read_metadata(path: Path) -> dict[str, Any]:
    """Read only what :func:`save_weights` wrote beside the tensors. Raises McoeError as :func:`load_weights`."""
    return _read(Path(path), tensors=False)[0]


def load_facts(path: Path) -> Facts:
    """Read what a weights file says of itself, without its tensors. Raises McoeError as :func:`load_weights`."""
    metadata = read_metadata(path)
    return read_facts(Path(path), metadata, _config(path, metadata))


def _config(path: Path, metadata: dict[str, Any]) -> ModelConfig:
    if metadata.get("classes") != list(EMOTIONS):
        raise McoeError(f"The weights {path} tell other emotions apart than this program; load a file made by it.")
    try:
        config = ModelConfig.from_dict(metadata["config"])
        if (len(config.rgb_mean), len(config.rgb_std)) != (3, 3):
            raise McoeError("Model options rgb_mean and rgb_std need a value for each of 3 channels; correct them.")
    except (McoeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise McoeError(f"The weights {path} hold a config that does not fit this program: {error}") from error
    return config


def _wanted(path: Path, config: ModelConfig) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return each tensor's shape and type without room for any: a config may ask for more than there is."""
    try:
        with torch.device("meta"):
            net = MCOENet(config)
    except (RuntimeError, OverflowError, TypeError, ValueError) as error:  # numbers beyond any tensor
        raise McoeError(f"The weights {path} hold a config of which no network can be built; export them again.") from (
            error
        )
    return {name: (tuple(t.shape), t.dtype) for name, t in net.state_dict().items()}


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise McoeError(f"The weights file {path} does not exist; check the name.")
    try:
        with safe_open(path, "pt") as file:
            metadata = parse_json((file.metadata() or {})["mcoe"], finite=False)
            if metadata["format"] != FORMAT:
                raise KeyError("format")
            stored = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise McoeError(f"The weights file {path} {_ailment(path)}.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise McoeError(f"The file {path} holds no MCO-E weights; export some with 'python -m mcoe export'.") from error
    try:
        return metadata, {
            name: _restore(tensor, stored.get(name + _SCALE))
            for name, tensor in stored.items()
            if not name.endswith(_SCALE)
        }
    except RuntimeError as error:  # a scale that fits no tensor
        raise McoeError(f"The weights file {path} is damaged; fetch it again.") from error


def _ailment(path: Path) -> str:
    """Say what is wrong with a file that is no safetensors file, and what to do."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        return f"cannot be read ({error.strerror}); check its permissions"
    if start.startswith(_PICKLES):
        return "is a pickle, which may run any code when it is read; give a safetensors file"
    return "is damaged or no safetensors file; fetch it again"


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
