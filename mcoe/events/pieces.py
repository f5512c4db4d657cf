"""Voxel grids of long windows as sums of the grids of the short pieces between frames: no event is read twice.

A piece's bilinear bins keep its events' number and mean time. So each bin counts as one mass at its own time, and a
window's grid is the same as from the events themselves wherever none of its bins' centres lies strictly inside a
piece: 400 ms at 30 Hz are 12 pieces whose 6th ends at the middle bin's centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def piece_weights(
    starts_us: NDArray[np.int64], ends_us: NDArray[np.int64], t1_us: NDArray[np.int64], window_us: int, bins: int
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


def sum_pieces(pieces: Float, weights: Float) -> Float:
    """Return a window's voxel grid ``(N_b, S, S)`` float32, signed events per sensor pixel.

    Args:
        pieces: ``(K, N_b, S, S)`` grids of :func:`~mcoe.events.roi.voxel_input`, all of one region of interest.
        weights: ``(K, N_b, N_b)`` of :func:`piece_weights`.
    """
    return np.asarray(np.einsum("kpq,kpyx->qyx", weights, pieces, optimize=True), np.float32)
