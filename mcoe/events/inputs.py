"""What the network sees: one square of the sensor, cut from frame and events alike, resized to S × S.

:func:`network_input` is the only way from a frame and events to the network, live, stressed and in training: a
prediction on a recording means what training meant because all three come through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events
from mcoe.events.voxel import Roi, check_roi, voxel_grid

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """Where the eye is, for frames and events alike.

    Attributes:
        roi: ``(x, y, side)`` square, sensor pixels.
        mirror: a left eye: the network, which knows right eyes, sees it mirrored.
    """

    roi: Roi
    mirror: bool = False

    def seen(self, image: Float) -> Float:
        """Return ``(C, S, S)`` as the network sees it."""
        return np.ascontiguousarray(image[..., ::-1]) if self.mirror else image


def network_input(
    image: NDArray[np.uint8] | None,
    events: Events | None,
    span: tuple[int, int],
    view: View,
    *,
    sensor: tuple[int, int],
    size: int,
    bins: int,
) -> tuple[Float | None, Float | None]:
    """Return what the network sees of one moment, each half None where nothing is given for it.

    Args:
        image: ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8.
        events: ordered by time; those outside ``span`` are left out.
        span: ``(t0, t1)`` of the moment, µs; it ends with the frame's exposure.
        view: which square, and whether it is mirrored.
        sensor: ``(width, height)``, pixels.
        size, bins: the network's S and N_b.

    Returns:
        RGB ``(3, S, S)`` float32, 0..1, and the voxel grid ``(bins, S, S)`` float32, signed events per sensor pixel.

    Raises:
        ValueError: the square leaves the sensor, or the events do, or they are not ordered.
    """
    rgb = None if image is None else view.seen(rgb_input(image, view.roi, size))
    voxel = None if events is None else view.seen(voxel_input(events, span, sensor, view.roi, size, bins))
    return rgb, voxel


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
