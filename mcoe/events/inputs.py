"""What the network sees: one square of the sensor, cut from frame and events alike, resized to S × S."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events
from mcoe.events.voxel import Roi, check_roi, voxel_grid

Float = NDArray[np.float32]


def default_roi(size: tuple[int, int]) -> Roi:
    """Return the largest centred square ``(x, y, side)`` of a sensor of ``size`` (w, h), pixels."""
    width, height = size
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side


def rgb_input(image: NDArray[np.uint8], roi: Roi, size: int) -> Float:
    """Cut ``roi`` out of an image and resize it by area: the RGB half of one moment.

    Args:
        image: ``(H, W)`` grey, replicated to three channels, or ``(H, W, 3)`` RGB, uint8.
        size: S, pixels.

    Returns:
        ``(3, S, S)`` float32, 0..1.

    Raises:
        ValueError: the ROI leaves the image.
    """
    height, width = image.shape[:2]
    x, y, side = check_roi(roi, (width, height))
    # Floats before the resize: rounding to 256 levels after it would differ from the voxel path.
    square = image[y : y + side, x : x + side].astype(np.float32) / 255.0
    small = _resize(square, size)
    if small.ndim == 2:
        small = np.stack([small] * 3, axis=-1)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def voxel_input(
    events: Events,
    window: tuple[int, int],
    sensor: tuple[int, int],
    roi: Roi,
    size: int,
    bins: int = 3,
) -> Float:
    """Build the voxel grid of ``roi`` over ``window`` (t0, t1) in µs, resized by area: the event half.

    The resize averages, so a value is signed events **per sensor pixel** whatever the ROI's size.

    Returns:
        ``(bins, S, S)`` float32.

    Raises:
        ValueError: as :func:`~mcoe.events.voxel.voxel_grid`.
    """
    grid = voxel_grid(events, *window, sensor, bins, roi)
    return np.stack([_resize(plane, size) for plane in grid])


def _resize(image: Float, size: int) -> Float:
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.float32)
