"""Event windows of any length from a pack's pieces: what training and evaluation read, and what a live view sums."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.data.pack import Pack, decode_voxel, encode_voxels
from mcoe.errors import McoeError
from mcoe.events.pieces import piece_weights

Rows = NDArray[np.int64]
#: Rows whose windows are summed at once on a GPU: 12 pieces of 100×100 take 1.4 MB each as float32.
CHUNK = 512


class Windows:
    """The windows of ``window_us`` that end with a pack's frames.

    At the start of a sequence a window holds what there is.

    Raises:
        McoeError: ``window_us`` is below 1.
    """

    def __init__(self, pack: Pack, window_us: int) -> None:
        if window_us < 1:
            raise McoeError(f"An event window of {window_us} µs is none; give at least 1, 400000 for 400 ms.")
        self._pack, self.window_us = pack, window_us
        counts = [len(s.numbers) for s in pack.sequences]
        self._first = np.repeat([s.first for s in pack.sequences], counts)  # of each row's sequence
        lengths = pack.times[:, 1] - pack.times[:, 0]
        typical = max(1, int(np.quantile(lengths, 0.1))) if len(lengths) else 1
        self._depth = int(min(-(-window_us // typical) + 1, max(counts, default=1)))

    def plan(self, rows: Rows) -> tuple[Rows, NDArray[np.float32]]:
        """Return the pieces ``(n, K)`` (rows of the pack) of the windows of ``rows`` ``(n,)``, and their weights
        ``(n, K, N_b, N_b)`` float32; pieces of weight 0 fill up."""
        wanted = rows[:, None] - np.arange(self._depth)
        pieces = np.maximum(wanted, self._first[rows][:, None])  # (n, K)
        times = self._pack.times[pieces]  # (n, K, 2)
        weights = piece_weights(
            times[..., 0], times[..., 1], self._pack.times[rows, 1], self.window_us, self._pack.bins
        )
        weights[wanted < pieces] = 0
        used = 1 + max(np.flatnonzero(weights.any(axis=(0, 2, 3))), default=0)
        return pieces[:, :used], weights[:, :used]

    def voxels(self, rows: Rows) -> Tensor:
        """Sum the windows of ``rows`` of any shape: int8 ``(*rows, N_b, S, S)``, coded as in the pack."""
        pieces, weights = self.plan(rows.reshape(-1))
        stored = torch.from_numpy(self._pack.voxels[pieces])  # (n, K, N_b, S, S)
        return sum_stored(stored, torch.from_numpy(weights)).view(*rows.shape, *stored.shape[2:])

    def resident(self, stored: Tensor, out: Tensor) -> Tensor:
        """Sum all windows of a pack whose pieces ``(N, N_b, S, S)`` int8 lie on a device into ``out``; return it.

        Args:
            out: as large; ``stored`` itself to put the windows in the pieces' place.
        """
        # From the end: a window needs its own piece and older ones, which are still pieces then.
        for start in reversed(range(0, len(stored), CHUNK)):
            rows = np.arange(start, min(start + CHUNK, len(stored)))
            pieces, weights = (torch.from_numpy(x).to(stored.device) for x in self.plan(rows))
            out[start : start + CHUNK] = sum_stored(stored[pieces], weights)
        return out


def sum_stored(stored: Tensor, weights: Tensor) -> Tensor:
    """Sum coded pieces ``(n, K, N_b, S, S)`` int8 with ``(n, K, N_b, N_b)`` to ``(n, N_b, S, S)`` int8."""
    n, k, bins = stored.shape[:3]
    grids = decode_voxel(stored).view(n, k * bins, -1)  # (n, K·N_b, S²)
    summed = weights.view(n, k * bins, bins).transpose(1, 2) @ grids  # (n, N_b, S²)
    return encode_voxels(summed).view(n, bins, *stored.shape[3:])
