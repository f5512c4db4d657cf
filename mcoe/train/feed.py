"""Clips on the training device: the whole pack in GPU memory where it fits, else read one batch ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.data.pack import Pack, decode_rgb, decode_voxel
from mcoe.data.windows import Windows

#: Share of the free GPU memory that a pack may take.
GPU_SHARE = 0.8

Rows = NDArray[np.int64]


class Feed:
    """Turns rows of a pack into network inputs on ``device``.

    Args:
        window_us: length of the event window that ends with each frame, µs.
        resident: whether a GPU may take the whole pack; not worth it for rows that are read once.
        stored: frames and voxel pieces of the whole pack where they lie on the device already (:func:`upload`); they
            stay as they are, for other windows.

    Attributes:
        resident: whether frames and summed windows lie on the device, so that :meth:`gather` works.
    """

    def __init__(
        self,
        pack: Pack,
        device: torch.device,
        window_us: int,
        *,
        resident: bool = True,
        stored: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self._pack, self._device = pack, device
        self._windows = Windows(pack, window_us)
        self._stored: tuple[Tensor, Tensor] | None = None
        need = pack.frames.nbytes + pack.voxels.nbytes
        if stored is not None:
            self._stored = stored[0], self._windows.resident(stored[1], torch.empty_like(stored[1]))
        elif resident and device.type == "cuda" and need < GPU_SHARE * torch.cuda.mem_get_info(device)[0]:
            frames, voxels = upload(pack, device)
            self._stored = frames, self._windows.resident(voxels, voxels)
        self.resident = self._stored is not None

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs of rows ``(B, m)`` int64 on the device; see :meth:`batches`. Never waits for the GPU.

        Raises:
            ValueError: the pack is not resident.
        """
        if self._stored is None:
            raise ValueError("this feed reads from disk: use batches()")
        return decode_rgb(self._stored[0][index]), decode_voxel(self._stored[1][index])

    def batches(self, chunks: Iterable[Rows]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield RGB ``(B, m, C, S, S)`` float32 in 0..1, C as packed, and voxel grids ``(B, m, N_b, S, S)``."""
        if self.resident:
            for rows in chunks:
                yield self.gather(torch.from_numpy(rows).to(self._device))
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = None
            for rows in chunks:
                ahead, now = reader.submit(self._read, rows), ahead
                if now is not None:
                    yield self._place(*now.result())
            if ahead is not None:
                yield self._place(*ahead.result())

    def greys(self, rows: Rows) -> NDArray[np.float64]:
        """Return the mean grey level of frames ``(n,)`` of the pack, 0..255."""
        parts = np.array_split(rows, max(1, len(rows) // 512))
        means = [decode_rgb(torch.from_numpy(self._pack.frames[part])).mean((1, 2, 3)) for part in parts]
        return np.asarray(255 * torch.cat(means).double().numpy(), np.float64)

    def _read(self, rows: Rows) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self._pack.frames[rows]), self._windows.voxels(rows)

    def _place(self, rgb: Tensor, voxel: Tensor) -> tuple[Tensor, Tensor]:
        return decode_rgb(rgb.to(self._device)), decode_voxel(voxel.to(self._device))


def upload(pack: Pack, device: torch.device) -> tuple[Tensor, Tensor]:
    """Copy a pack's frames and voxel pieces to a device, in portions: the host never holds the whole file."""
    copies = []
    for array, dtype in ((pack.frames, torch.uint8), (pack.voxels, torch.int8)):
        out = torch.empty(array.shape, dtype=dtype, device=device)
        for i in range(0, len(array), 4096):
            out[i : i + 4096] = torch.from_numpy(np.array(array[i : i + 4096])).to(device)
        copies.append(out)
    return copies[0], copies[1]


def three_channels(rgb: Tensor) -> Tensor:
    """Replicate grey ``(B, m, 1, S, S)`` to RGB; RGB passes."""
    return rgb.expand(-1, -1, 3, -1, -1) if rgb.shape[2] == 1 else rgb


def input_statistics(feed: Feed, rows: Rows, most: int = 1024) -> tuple[float, float, float]:
    """Measure mean and standard deviation of RGB in 0..1 and the root mean square of voxels, over some rows.

    Args:
        rows: ``(n,)`` rows of training frames; at most ``most``, evenly spread, are read.
    """
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]
    sums, count = np.zeros(3), np.zeros(2)
    for rgb, voxel in feed.batches(rows[i : i + 64, None] for i in range(0, len(rows), 64)):
        sums += [float(rgb.double().sum()), float(rgb.double().square().sum()), float(voxel.double().square().sum())]
        count += rgb.numel(), voxel.numel()
    mean = sums[0] / count[0]
    return float(mean), float(max(sums[1] / count[0] - mean**2, 0.0) ** 0.5), float((sums[2] / count[1]) ** 0.5)
