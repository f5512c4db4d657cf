"""Files that the window writes, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PySide6.QtGui import QImage

from mcoe.core.errors import McoeError
from mcoe.core.files import write_bytes


def write(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step. Raises McoeError where it cannot be written."""
    try:
        write_bytes(path, data)
    except OSError as error:
        raise McoeError(f"Cannot write {path}: {error.strerror or error}; choose another file.") from error


def write_png(path: Path, image: QImage) -> None:
    """Write ``image`` as a PNG; meant for a thread of its own. Raises McoeError where it cannot be written."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)
    # OpenCV lets go of the interpreter while it encodes, so that the window goes on drawing.
    _, data = cv2.imencode(".png", pixels[..., :3])
    write(path, data.tobytes())
