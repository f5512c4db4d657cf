"""Lays a frame camera's image over an event camera's: a homography, by four points or by ECC, kept per device pair."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.capture.source import MAX_SIDE
from mcoe.core.errors import McoeError
from mcoe.core.files import write_json
from mcoe.core.json_files import UnreadableJson, read_json
from mcoe.events.packets import Events, Frame

Matrix = NDArray[np.float64]
Image = NDArray[np.uint8]
#: How an alignment was found: nothing is known yet, four points by hand, refined by correlation.
Method = Literal["scale", "points", "ecc"]
#: No two cameras see one face in sizes that differ by more, nor does any pixel of one lie so many sensors away.
MOST_SCALE = 64.0
#: Bytes that an alignment's file may have.
MOST_BYTES = 64 << 10


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a frame's pixels lie on the event sensor.

    Attributes:
        matrix: ``(3, 3)`` homography, frame pixels to event pixels.
        frame_size: ``(width, height)`` of the frames it was made for.
        size: ``(width, height)`` of the event sensor.
        method: how it was found.
    """

    matrix: Matrix
    frame_size: tuple[int, int]
    size: tuple[int, int]
    method: Method

    def image(self, image: Image) -> Image:
        """Return ``(H, W[, 3])`` of the event sensor's size; black where the frame does not reach."""
        if (image.shape[1], image.shape[0]) != self.frame_size:
            raise McoeError(
                f"The alignment was made for frames of {self.frame_size[0]}×{self.frame_size[1]}, not "
                f"{image.shape[1]}×{image.shape[0]}; align this pair of cameras again."
            )
        # AREA has no meaning in a warp: shrink by blur first, or a large webcam image aliases.
        shrink = 1 / max(1 / MOST_SCALE, float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2])))))
        if shrink > 1.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
        return np.asarray(cv2.warpPerspective(image, self.matrix, self.size, flags=cv2.INTER_LINEAR), np.uint8)

    def frame(self, frame: Frame) -> Frame:
        """Return the frame laid over the event sensor."""
        return Frame(self.image(frame.image), frame.start_us, frame.end_us)


def scaled(frame_size: tuple[int, int], size: tuple[int, int]) -> Alignment:
    """Return the first guess: the frame's centre on the sensor's, just covering it, pixels kept square."""
    (fw, fh), (w, h) = frame_size, size
    scale = max(w / fw, h / fh)
    matrix = np.array([[scale, 0, (w - scale * fw) / 2], [0, scale, (h - scale * fh) / 2], [0, 0, 1]], np.float64)
    return Alignment(matrix, frame_size, size, "scale")


def from_points(
    frame_points: Matrix, event_points: Matrix, frame_size: tuple[int, int], size: tuple[int, int]
) -> Alignment:
    """Return the alignment that carries four (or more) frame points onto event points, both ``(n, 2)`` x, y.

    Raises:
        McoeError: fewer than four points, or three of four on one line.
    """
    source, target = np.asarray(frame_points, np.float64), np.asarray(event_points, np.float64)
    if source.shape != target.shape or source.ndim != 2 or len(source) < 4:
        raise McoeError("An alignment needs four points in each image; click the same four in both.")
    matrix, _ = cv2.findHomography(source, target)
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9 or _collinear(source):
        raise McoeError("Three of the four points lie on one line; choose the corners of a large square.")
    if not _plausible(np.asarray(matrix, np.float64), frame_size, size):
        raise McoeError("The four points do not lie alike in both images; click them in the same order in each.")
    return Alignment(np.asarray(matrix, np.float64), frame_size, size, "points")


def refine(start: Alignment, frame_image: Image, activity: Image, iterations: int = 200) -> tuple[Alignment, float]:
    """Refine by maximising the enhanced correlation coefficient of edges (Evangelidis & Psarakis 2008).

    Args:
        start: what to begin with; it must be right to some 10 pixels.
        frame_image: a frame, as the camera gives it.
        activity: ``(H, W)`` uint8 of the same moment, :func:`activity_image`.

    Returns:
        The alignment and the correlation reached, -1 to 1.

    Raises:
        McoeError: the images do not agree anywhere near ``start``.
    """
    template = _soft(activity)
    everywhere = np.full(activity.shape, 255, np.uint8)
    # ECC warps its input onto the template by target → input coordinates: the inverse of ours, after our first guess.
    moved = _soft(_edges(start.image(frame_image)))
    warp: Any = np.eye(3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, 1e-6)
    try:
        score, warp = cv2.findTransformECC(template, moved, warp, cv2.MOTION_HOMOGRAPHY, criteria, everywhere, 5)
    except cv2.error as error:
        raise McoeError(
            "The image and the events do not agree well enough to align them; move something with clear edges in view, "
            "or set four points by hand."
        ) from error
    matrix = np.linalg.inv(warp.astype(np.float64)) @ start.matrix
    if not _plausible(matrix / matrix[2, 2], start.frame_size, start.size):
        raise McoeError("The image and the events do not agree well enough to align them; set four points by hand.")
    return Alignment(matrix / matrix[2, 2], start.frame_size, start.size, "ecc"), float(score)


def activity_image(events: Events, size: tuple[int, int]) -> Image:
    """Return ``(H, W)`` uint8: where events are, 255 at the 99th percentile of the counts."""
    width, height = size
    counts = np.bincount(events["y"].astype(np.int64) * width + events["x"], minlength=width * height)
    top = max(1.0, float(np.percentile(counts[counts > 0], 99))) if len(events) else 1.0
    image: Image = np.minimum(counts * (255 / top), 255).astype(np.uint8).reshape(height, width)
    return image


def edge_overlay(aligned: Image, activity: Image) -> Image:
    """Return ``(H, W, 3)`` RGB: the aligned frame dimmed, its edges green, the events' activity red."""
    gray = aligned if aligned.ndim == 2 else np.asarray(cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY), np.uint8)
    out = np.repeat((gray // 2)[..., None], 3, axis=2)
    out[..., 0] = np.maximum(out[..., 0], activity)
    out[..., 1] = np.maximum(out[..., 1], cv2.Canny(gray, 60, 160))
    return out


def save(alignment: Alignment, pair: str, folder: Path) -> Path:
    """Keep the alignment of a device pair, e.g. ``"EVK4 00051500 + webcam 0"``; return the file.

    Raises:
        McoeError: the folder cannot be written.
    """
    path = _file(pair, folder)
    content = {
        "pair": pair,
        "method": alignment.method,
        "frame_size": alignment.frame_size,
        "size": alignment.size,
        "matrix": alignment.matrix.tolist(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
    except OSError as error:
        raise McoeError(f"{path} cannot be written ({error.strerror}); free the disk or its rights.") from error
    return path


def load(pair: str, folder: Path) -> Alignment | None:
    """Return the alignment kept for a device pair, None if there is none.

    Raises:
        McoeError: its file is damaged or cannot be read.
    """
    path = _file(pair, folder)
    try:
        kept = read_json(path, MOST_BYTES)
        (fw, fh), (w, h) = kept["frame_size"], kept["size"]
        sizes = (int(fw), int(fh)), (int(w), int(h))
        matrix = np.array(kept["matrix"], np.float64)
        if kept["method"] not in get_args(Method) or not _plausible(matrix, *sizes):
            raise UnreadableJson("it is no alignment of two cameras")
        return Alignment(matrix, *sizes, kept["method"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise McoeError(f"{path} cannot be read ({error.strerror}); check its rights, or delete it.") from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        why = str(error) if isinstance(error, UnreadableJson) else "it lacks something"
        raise McoeError(f"{path} is damaged ({why}); delete it and align the cameras again.") from error


def _file(pair: str, folder: Path) -> Path:
    return folder / (re.sub(r"[^A-Za-z0-9]+", "-", pair).strip("-").lower() + ".json")


def _plausible(matrix: Matrix, frame_size: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether a homography can be that of two cameras: it bends, mirrors and scales a frame only so far."""
    if not all(1 <= side <= MAX_SIDE for side in frame_size + size):
        return False
    if matrix.shape != (3, 3) or not (abs(matrix) < 1e9).all():  # NaN is not less either
        return False
    (fw, fh), side = frame_size, max(size)
    corners = matrix @ np.array([[0, fw, fw, 0], [0, 0, fh, fh], [1, 1, 1, 1]], np.float64)
    depth = corners[2]
    # A corner at or behind the horizon: the frame would be seen from its back, or reach to infinity.
    if not (np.sign(depth) == np.sign(depth[0])).all() or abs(depth).min() < max(1e-9, 1e-3 * abs(depth).max()):
        return False
    x, y = corners[:2] / depth
    if max(abs(x).max(), abs(y).max()) > MOST_SCALE * side:
        return False
    # Convex and of a size: the turns at the four corners go one way, and enclose enough.
    dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
    turns = dx * np.roll(dy, -1) - dy * np.roll(dx, -1)
    least = fw * fh / MOST_SCALE**2
    return bool((np.sign(turns) == np.sign(turns[0])).all() and abs(turns).min() >= least and max(x.max(), y.max()) > 0)


def _collinear(points: NDArray[np.float64]) -> bool:
    if len(points) > 4:
        return False
    spread = float(np.ptp(points, axis=0).max()) or 1.0
    for left_out in range(4):
        a, b, c = np.delete(points, left_out, axis=0)
        u, v = b - a, c - a
        if abs(u[0] * v[1] - u[1] * v[0]) < 1e-3 * spread**2:
            return True
    return False


def _edges(image: Image) -> Image:
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    dx, dy = (cv2.Sobel(gray, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.minimum(cv2.magnitude(dx, dy), 255).astype(np.uint8)


def _soft(edges: Image) -> NDArray[np.float32]:
    """Blur, so that edges a few pixels apart still pull at each other."""
    return np.asarray(cv2.GaussianBlur(edges, (0, 0), 2.0), np.float32)
