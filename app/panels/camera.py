"""The camera's view: the frame, the window's events over it, the square that the network sees."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor

from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Result, Window

from ..widgets import theme
from ..widgets.painting import (
    RIGHT,
    Image,
    Painter,
    coloured,
    draw_image,
    fitted,
    frame,
    grey_to_rgb,
    legend,
    line_height,
    pixels,
    placeholder,
    resized,
    text,
)
from .base import Panel

#: Colours of label 1 (OFF) and 2 (ON).
_POLARITIES = np.zeros((256, 3), np.uint8)
_POLARITIES[1:3] = theme.rgb(theme.OFF), theme.rgb(theme.ON)


class CameraPanel(Panel):
    """Frame, event overlay and region of interest."""

    key = "camera"
    title = "Camera"
    sentence = "The newest RGB frame, and over it the ON and OFF events just before its end."

    def __init__(self) -> None:
        super().__init__()
        self.overlay = True
        #: Where the picture was drawn last, canvas pixels; empty before the first.
        self.place = QRectF()
        #: A region of interest that was asked for and is not in a result yet.
        self.pending: tuple[int, int, int] | None = None

    def set_overlay(self, shown: bool) -> None:
        """Show or hide the events over the frame."""
        self.overlay = shown
        self.canvas.update()

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        if result.window.roi == self.pending:
            self.pending = None
        super().show_result(result, history)

    def clear(self) -> None:
        self.pending, self.place = None, QRectF()
        super().clear()

    def draw(self, painter: Painter, rect: QRectF) -> None:
        foot = line_height(painter, 0.86)
        area = rect.adjusted(0, 0, 0, -foot - 4)
        below = QRectF(rect.left(), rect.bottom() - foot, rect.width(), foot)
        if self.result is None:
            placeholder(painter, area, "")
            return
        window = self.result.window
        width, height = self.source.size if self.source else _sensor(window)
        self.place = place = fitted(area, width / height)
        painter.fillRect(area, QColor(theme.CANVAS))
        draw_image(painter, place, compose(window, (width, height), pixels(painter, place), self.overlay))
        scale = place.width() / width
        x, y, side = self.pending or window.roi
        square = QRectF(place.x() + x * scale, place.y() + y * scale, side * scale, side * scale)
        square = QRectF(square.toRect())
        frame(painter, square, QColor(0, 0, 0, 130), 3)
        frame(painter, square.adjusted(1, 1, -1, -1), theme.TEXT)
        self._foot(painter, below, window)

    def _foot(self, painter: Painter, below: QRectF, window: Window) -> None:
        entries = [("square", theme.ON, "ON"), ("square", theme.OFF, "OFF")]
        source = self.source
        if source is not None and not source.has_events:
            words = "no events in this source"
            entries = []
        elif window.frame is None:
            words = f"no frames in this source · {len(window.events):,} events"
        else:
            words = f"{len(window.events):,} events in {(window.t1_us - window.t0_us) / 1000:.0f} ms"
        text(painter, below, words, RIGHT, theme.DIM, 0.86)
        legend(painter, below, entries, align_right=False)


def _sensor(window: Window) -> tuple[int, int]:
    if window.frame is not None:
        height, width = window.frame.image.shape[:2]
        return width, height
    x, y, side = window.roi
    return x + side, y + side


def compose(window: Window, sensor: tuple[int, int], size: tuple[int, int], overlay: bool) -> Image:
    """Return the frame at ``size`` with the window's events drawn over it, ``(h, w, 3)`` uint8 RGB."""
    if window.frame is None:
        picture = np.full((size[1], size[0], 3), theme.rgb(theme.CANVAS), np.uint8)
    else:
        picture = resized(window.frame.image, size)
        if picture.ndim == 2:
            picture = grey_to_rgb(picture)
    if (not overlay and window.frame is not None) or not len(window.events):
        return picture
    # A sensor finer than the screen is drawn at screen pixels, so that no single event fades away.
    shrink = min(1.0, size[0] / sensor[0])
    grid = size if shrink < 1 else sensor
    labels = np.zeros((grid[1], grid[0]), np.uint8)
    xs, ys = window.events["x"], window.events["y"]
    if shrink < 1:
        xs = np.minimum((xs * shrink).astype(np.int32), grid[0] - 1)
        ys = np.minimum((ys * (size[1] / sensor[1])).astype(np.int32), grid[1] - 1)
    labels[ys, xs] = (window.events["polarity"] > 0) + 1
    labels = resized(labels, size, smooth=False)
    cv2.copyTo(coloured(labels, _POLARITIES), labels, picture)
    return picture
