"""Images on disk, read whole or not at all; their headers before their pixels. Importing this imports no OpenCV."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
#: No picture of a recording is longer on a side, pixels.
MAX_SIDE = 8192
#: No picture's file is larger, bytes.
MAX_BYTES = 256 << 20
#: A JPEG of many scans is decoded once a scan: pixels times scans, at most. A photograph of 24 MP has ten.
_MAX_SCANNED = 1 << 29
#: JPEG's markers of a frame's start: all of C0 to CF but DHT, JPG and DAC.
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """Decode an image to ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8 (of 16 bits the upper 8).

    None if it is damaged or gone, or its header states a size that no recording has: nothing is decoded then.
    """
    import cv2

    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return None
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if not _plausible(data.tobytes()):
        return None
    # libjpeg fills a truncated file's end with grey and only warns, so the end marker is asked for here.
    if data[:2].tobytes() == b"\xff\xd8" and b"\xff\xd9" not in data[-64:].tobytes():
        return None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:  # among others, where memory is limited and it asks for more
        return None
    if image is not None and image.dtype == np.uint16:
        image = np.right_shift(image, 8, dtype=np.uint16).astype(np.uint8)
    if image is None or image.dtype != np.uint8 or max(image.shape[:2]) > MAX_SIDE:
        return None
    if image.ndim == 2:
        return np.asarray(image, np.uint8)
    rgb = np.asarray(image[..., 2::-1], np.uint8)
    grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0] if grey else rgb)


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return what an image's header states, ``(width, height)`` in pixels, without decoding it.

    Args:
        data: the file: JPEG, PNG, BMP, TIFF or WebP, whatever its name.

    Returns:
        None where it is none of these, or its header is damaged.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        if data.startswith(b"BM"):
            if struct.unpack_from("<I", data, 14)[0] == 12:
                width, height = struct.unpack_from("<HH", data, 18)
            else:
                width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff_size(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError):
        pass
    return None


def _plausible(data: bytes) -> bool:
    size = image_size(data)
    if size is None or not all(1 <= side <= MAX_SIDE for side in size):
        return False
    return not data.startswith(b"\xff\xd8") or data.count(b"\xff\xda") * size[0] * size[1] <= _MAX_SCANNED


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in (0xD9, 0xDA):
            return None
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    order = "<" if data[:2] == b"II" else ">"
    at = int(struct.unpack_from(order + "I", data, 4)[0])
    sides: dict[int, int] = {}
    for entry in range(struct.unpack_from(order + "H", data, at)[0]):
        tag, kind, count = struct.unpack_from(order + "HHI", data, at + 2 + 12 * entry)
        # width, height, and those of a tile, which is decoded whole however small the image is
        if tag in (256, 257, 322, 323):
            if count != 1 or kind not in (3, 4):
                return None
            sides[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, at + 10 + 12 * entry)[0]
        elif tag == 277 and int(struct.unpack_from(order + "H", data, at + 10 + 12 * entry)[0]) > 4:
            return None
    if 256 not in sides or 257 not in sides:
        return None
    return max(sides[256], sides.get(322, 0)), max(sides[257], sides.get(323, 0))


def _webp_size(data: bytes) -> tuple[int, int] | None:
    # In the extended form the canvas may state less than the picture inside: each chunk is looked at.
    at, widest, highest = 12, 0, 0
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int(struct.unpack_from("<I", data, at + 4)[0])
        if name == b"VP8X":
            width, height = (1 + int.from_bytes(data[at + k : at + k + 3], "little") for k in (12, 15))
        elif name == b"VP8L":
            bits = int(struct.unpack_from("<I", data, at + 9)[0])
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, at + 14))
        elif name == b"ANIM":
            return None  # a film, not a picture
        else:
            width, height = 0, 0
        widest, highest = max(widest, width), max(highest, height)
        at += 8 + length + length % 2
    return (widest, highest) if widest else None
