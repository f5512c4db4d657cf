"""Voxel grids of long windows as sums of the grids of the short pieces between frames: no event is read twice.

A piece's bilinear bins keep its events' number and mean time. So each bin counts as one mass at its own time, and a
window's grid is the same as from the events themselves wherever none of its bins' centres lies strictly inside a
piece: 400 ms at 30 Hz are 12 pieces whose 6th ends at the middle bin's centre.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def piece_weights(
    starts_us: NDArray[np.int64], ends_us: NDArray[np.int64], t1_us: NDArray[np.int64] | int, window_us: int, bins: int
) -> Float:
    """Say how much each bin of each piece adds to each bin of a window.

    A piece belongs to the window if half of it or more lies inside; it then counts whole, its bins' times held inside
    the window. A window is so rounded to whole pieces, and no event is counted in part.

    Args:
        starts_us, ends_us: ``(..., K)`` pieces, µs.
        t1_us: ``(...)`` end of each window, µs; it begins ``window_us`` before.
        bins: N_b of pieces and window alike.

    Returns:
        ``(..., K, N_b, N_b)`` float32, piece bin before window bin; all 0 for a piece outside.

    Raises:
        ValueError: the window's length or the number of bins is below 1.
    """
    if window_us < 1 or bins < 1:
        raise ValueError(f"a window needs a length and a bin, not {window_us} µs and {bins} bins")
    t1 = np.asarray(t1_us)[..., None]
    t0 = t1 - window_us
    length = ends_us - starts_us
    inside = 2 * (np.minimum(ends_us, t1) - np.maximum(starts_us, t0)) >= np.maximum(length, 1)  # (..., K)
    at = np.linspace(0, 1, bins) if bins > 1 else np.array([0.5])
    times = np.clip(starts_us[..., None] + length[..., None] * at, t0[..., None], t1[..., None])  # (..., K, N_b)
    s = (bins - 1) * (times - t0[..., None]) / window_us  # (..., K, N_b)
    weights = np.maximum(0, 1 - np.abs(np.arange(bins) - s[..., None]))  # (..., K, N_b, N_b)
    return np.asarray(weights * inside[..., None, None], np.float32)


class PieceRing:
    """The pieces of a stream's last moments, summed to the window that ends with the newest: what a live view keeps.

    Each window costs one piece (the events since the frame before) and a weighted sum. Not thread-safe. After a seek,
    or when the region of interest changes, the pieces no longer belong together: :meth:`clear`.

    Raises:
        ValueError: the window's length or the number of bins is below 1.
    """

    def __init__(self, window_us: int, bins: int) -> None:
        if window_us < 1 or bins < 1:
            raise ValueError(f"a window needs a length and a bin, not {window_us} µs and {bins} bins")
        self.window_us, self.bins = window_us, bins
        self._pieces: deque[tuple[int, int, Float]] = deque()

    def clear(self) -> None:
        """Forget all pieces."""
        self._pieces.clear()

    def add(self, start_us: int, end_us: int, grid: Float) -> Float:
        """Take the next piece and return the window that ends with it, ``(N_b, S, S)`` float32.

        Args:
            start_us, end_us: what it covers, µs; no piece may begin before the last one ended.
            grid: ``(N_b, S, S)``, of :func:`~mcoe.events.roi.voxel_input` over exactly this span.

        Raises:
            ValueError: the piece is empty, reversed or begins before the last one ended.
        """
        if end_us <= start_us or (self._pieces and start_us < self._pieces[-1][1]):
            raise ValueError(f"the piece [{start_us}, {end_us}) µs does not follow the one before it")
        self._pieces.append((start_us, end_us, grid))
        while self._pieces[0][1] <= end_us - self.window_us:
            self._pieces.popleft()
        starts, ends = (np.array([piece[i] for piece in self._pieces], np.int64) for i in range(2))
        weights = piece_weights(starts, ends, end_us, self.window_us, self.bins)
        used = np.asarray(weights.any(axis=(1, 2)))
        grids = np.stack([piece[2] for piece, use in zip(self._pieces, used, strict=True) if use])
        return sum_pieces(grids, weights[used])


def sum_pieces(pieces: Float, weights: Float) -> Float:
    """Return a window's voxel grid ``(N_b, S, S)`` float32, signed events per sensor pixel.

    Args:
        pieces: ``(K, N_b, S, S)`` grids of :func:`~mcoe.events.roi.voxel_input`, all of one region of interest.
        weights: ``(K, N_b, N_b)`` of :func:`piece_weights`.
    """
    return np.asarray(np.einsum("kpq,kpyx->qyx", weights, pieces, optimize=True), np.float32)
