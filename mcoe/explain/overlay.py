"""A heatmap laid over the frame it explains."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError
from mcoe.core.words import Modality
from mcoe.results import Float, Result, Window

Image = NDArray[np.uint8]

#: Colour of evidence for and against, RGB, where two emotions are compared.
FOR, AGAINST = (255, 140, 40), (60, 140, 255)


def overlay(result: Result, modality: Modality = "rgb", *, older: bool = False, opacity: float = 0.75) -> Image:
    """Lay the Grad-CAM heatmap of one modality over the frame: the more evidence, the more of the frame it covers.

    The map itself, at the network's own resolution, is ``result.prediction.cam_rgb`` or ``cam_event``. Here it is
    scaled to the largest value of the pair's two maps and enlarged to the square that the network saw.

    Args:
        result: of a question with ``cam=True``, the default.
        modality: ``rgb`` or ``event``: whose evidence.
        older: the older frame of the pair instead of the newer one.
        opacity: share of the picture that the strongest evidence covers, 0..1.

    Returns:
        ``(H, W, 3)`` uint8 RGB, as large as the frame; where the source has no frames, the square alone with its
        events, ``(side, side, 3)``.

    Raises:
        McoeError: the result holds no heatmap of ``modality``, or no picture to lay it over.
    """
    if modality not in ("rgb", "event"):
        raise McoeError(f"There is no modality '{modality}'; choose rgb or event.")
    maps = result.prediction.cam_rgb if modality == "rgb" else result.prediction.cam_event
    if maps is None:
        raise McoeError(f"The result holds no heatmap of '{modality}'; ask with cam=True, of a source that has both.")
    window = result.older if older else result.window
    heat: Float = maps[0 if older else -1] / max(float(np.abs(maps).max()), 1e-9)
    picture, (x, y, side) = _picture(window)
    enlarged = cv2.resize(np.asarray(heat, np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    if window.mirror:
        enlarged = enlarged[:, ::-1]
    level = np.clip(enlarged, -1, 1)
    if result.prediction.cam_versus is None:
        level = np.maximum(level, 0)
        table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1]
        colour = table[np.rint(level * 255).astype(np.uint8)].astype(np.float32)
    else:
        colour = np.where(level[..., None] > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    cover = (opacity * np.sqrt(np.abs(level)))[..., None]
    square = picture[y : y + side, x : x + side]
    square[...] = np.rint(square * (1 - cover) + colour * cover).astype(np.uint8)
    return picture


def _picture(window: Window) -> tuple[Image, tuple[int, int, int]]:
    """Return a copy of the window's picture, RGB, and where in it the network's square lies."""
    if window.frame is not None:
        image = window.frame.image
        return (np.stack([image] * 3, -1) if image.ndim == 2 else image.copy()), window.roi
    if window.voxel is None:
        raise McoeError("The result holds neither frame nor events to lay a heatmap over; keep its window.")
    side = window.roi[2]
    total = window.voxel.sum(0)
    grey = 128 + 127 * total / max(float(np.abs(total).max()), 1e-9)
    small = np.rint(grey[:, ::-1] if window.mirror else grey).astype(np.uint8)
    square = cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.stack([square] * 3, -1), (0, 0, side)
