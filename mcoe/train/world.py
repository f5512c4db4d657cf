"""One process or several under torchrun, with the same code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from mcoe.core.device import pick_device
from mcoe.core.errors import McoeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """This process's place: ``rank`` of ``size``, and its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes files and the terminal."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def agree(self, value: T) -> T:
        """Return the first process's value everywhere."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def wait(self) -> None:
        """Return when every process has come here."""
        self.agree(None)

    def close(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join_world(device: str) -> World:
    """Join the processes that torchrun started, or be the only one.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        McoeError: CUDA is asked for and absent.
    """
    cuda = pick_device(device).type == "cuda"
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_RANK", 0))
    if cuda and local >= torch.cuda.device_count():
        raise McoeError(f"torchrun started more processes than the {torch.cuda.device_count()} GPUs here; lower it.")
    place = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(place)
    if size > 1 and not dist.is_initialized():
        # The first process packs the data set while the others wait: hours, at worst.
        dist.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(hours=6))
    return World(rank, size, place)
