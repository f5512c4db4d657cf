"""What a run must remember to go on as if it had never been killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mcoe.errors import McoeError


class EMA:
    """Running average of a network's parameters and batch statistics.

    The decay rises as ``(1 + t) / (10 + t)`` towards ``decay``, so that early averages forget the random start.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._decay, self.steps = decay, 0
        current = net.state_dict()  # the network's own memory, whatever is loaded into it later
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in current.items()}
        pairs = [(self.state[k], v) for k, v in current.items()]
        self._floats = [(mine, its) for mine, its in pairs if its.is_floating_point()]
        self._counts = [(mine, its) for mine, its in pairs if not its.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards what the network holds now."""
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_([mine for mine, _ in self._floats], [its for _, its in self._floats], 1 - decay)
        if self._counts:
            torch._foreach_copy_([mine for mine, _ in self._counts], [its for _, its in self._counts])


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in torch's format, replacing the old one in one step: a kill leaves one or the other."""
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    part.replace(path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none. Only tensors and plain values are unpickled.

    Raises:
        McoeError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # zip, pickle and torch each raise their own
        raise McoeError(f"The checkpoint {path} is damaged; delete it to start the run again.") from error
    return state


def epoch_seed(seed: int, *where: int) -> int:
    """Mix a run's seed with a place in it (epoch, step, rank) into 63 bits: no state to save."""
    mixed = seed & 0xFFFFFFFF
    for value in where:
        mixed = (mixed * 6364136223846793005 + 1442695040888963407 + value) % (1 << 63)
        mixed ^= mixed >> 29
    return mixed
