"""Images on disk, read whole or not at all. Importing this module does not import OpenCV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """Decode an image to ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8; None if it is damaged or gone."""
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    # libjpeg fills a truncated file's end with grey and only warns, so the end marker is asked for here.
    if not data.size or (path.suffix.lower() in (".jpg", ".jpeg") and b"\xff\xd9" not in data[-64:].tobytes()):
        return None
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        return None
    if image.ndim == 2:
        return np.asarray(image, np.uint8)
    rgb = np.asarray(image[..., 2::-1], np.uint8)
    grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0] if grey else rgb)
