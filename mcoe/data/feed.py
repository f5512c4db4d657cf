"""Clips on the training device: the whole pack in GPU memory where it fits, else read one batch ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.data.pack import Pack, decode_rgb, decode_voxel, tensors

#: Share of the free GPU memory that a pack may take.
GPU_SHARE = 0.6

Rows = NDArray[np.int64]


class Feed:
    """Turns rows of a pack into network inputs on ``device``.

    Args:
        resident: whether a GPU may take the whole pack; not worth it for rows that are read once.
    """

    def __init__(self, pack: Pack, device: torch.device, *, resident: bool = True) -> None:
        self._pack, self._device = pack, device
        self._resident: tuple[Tensor, Tensor] | None = None
        if resident and device.type == "cuda":
            need = pack.frames.nbytes + pack.voxels.nbytes
            if need < GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
                self._resident = self._upload(pack.frames), self._upload(pack.voxels)

    def _upload(self, array: NDArray[np.uint8] | NDArray[np.int8]) -> Tensor:
        """Copy in pieces: the host never holds the whole file."""
        dtype = torch.uint8 if array.dtype == np.uint8 else torch.int8
        out = torch.empty(array.shape, dtype=dtype, device=self._device)
        for i in range(0, len(array), 4096):
            out[i : i + 4096] = torch.from_numpy(np.array(array[i : i + 4096])).to(self._device)
        return out

    def batches(self, chunks: Iterable[Rows]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield RGB ``(B, m, C, S, S)`` float32 in 0..1, C as packed, and voxel grids ``(B, m, N_b, S, S)``."""
        if self._resident is not None:
            for rows in chunks:
                index = torch.from_numpy(rows).to(self._device)
                yield decode_rgb(self._resident[0][index]), decode_voxel(self._resident[1][index])
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = None
            for rows in chunks:
                ahead, now = reader.submit(tensors, self._pack, rows), ahead
                if now is not None:
                    yield self._place(*now.result())
            if ahead is not None:
                yield self._place(*ahead.result())

    def _place(self, rgb: Tensor, voxel: Tensor) -> tuple[Tensor, Tensor]:
        return decode_rgb(rgb.to(self._device)), decode_voxel(voxel.to(self._device))


def three_channels(rgb: Tensor) -> Tensor:
    """Replicate grey ``(B, m, 1, S, S)`` to RGB; RGB passes."""
    return rgb.expand(-1, -1, 3, -1, -1) if rgb.shape[2] == 1 else rgb


def input_statistics(pack: Pack, rows: Rows, most: int = 2000) -> tuple[float, float, float]:
    """Measure mean and standard deviation of RGB in 0..1 and the root mean square of voxels, over some rows.

    Args:
        rows: ``(n,)`` rows of training frames; at most ``most``, evenly spread, are read.
    """
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]
    frames, voxels = tensors(pack, rows)
    rgb, voxel = decode_rgb(frames), decode_voxel(voxels)
    return float(rgb.mean()), float(rgb.std()), float(voxel.square().mean().sqrt())
