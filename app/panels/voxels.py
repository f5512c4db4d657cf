"""The voxel grid: what the network gets of the events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF

from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Result

from ..widgets import theme
from ..widgets.painting import (
    CENTRE,
    Image,
    Painter,
    coloured,
    draw_image,
    fitted,
    frame,
    line_height,
    pixels,
    placeholder,
    resized,
    text,
)
from .base import Panel


class VoxelPanel(Panel):
    """The N_b temporal bins side by side, oldest first."""

    key = "voxels"
    title = "Voxel grid"
    sentence = (
        "The events of the window as the network sees them: a voxel grid of signed counts in three temporal bins."
    )

    def draw(self, painter: Painter, rect: QRectF) -> None:
        voxel = self.result.window.voxel if self.result else None
        bins = 3 if voxel is None else len(voxel)
        caption, gap = line_height(painter, 0.86), 8.0
        width = (rect.width() - gap * (bins - 1)) / bins
        side = int(min(width, rect.height() - caption - 2))
        # Centred as one row, so that the bins stay together whatever the panel's shape.
        left = rect.left() + (rect.width() - bins * side - (bins - 1) * gap) / 2
        top = rect.top() + (rect.height() - side - caption - 2) / 2
        if voxel is None or self.result is None:
            words = "no events in this source" if self.source and not self.source.has_events else ""
            placeholder(painter, QRectF(left, top, bins * side + (bins - 1) * gap, side), words)
            return
        window = self.result.window
        span = (window.voxel_span[1] - window.voxel_span[0]) / 1000
        scale = display_scale(voxel)
        for index, plane in enumerate(voxel):
            place = fitted(QRectF(left + index * (side + gap), top, side, side), 1.0)
            draw_image(painter, place, signed_image(plane, scale, pixels(painter, place)))
            frame(painter, place)
            before = span * (1 - index / max(1, bins - 1))
            words = f"−{before:.0f} ms" if before else "now"
            text(painter, QRectF(place.x(), place.bottom() + 2, side, caption), words, CENTRE, theme.DIM, 0.86)

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        super().show_result(result, history)
        voxel = result.window.voxel
        self.note.setText("" if voxel is None else f"full colour at ±{display_scale(voxel):.1f} per pixel")


def display_scale(voxel: np.ndarray) -> float:
    """Return the count that gets full colour: twice the RMS of the pixels that have any, at least 0.2."""
    filled = np.count_nonzero(voxel)
    if not filled:
        return 0.2
    return max(0.2, 2 * float(np.sqrt(np.vdot(voxel, voxel) / filled)))


def signed_image(plane: np.ndarray, scale: float, size: tuple[int, int]) -> Image:
    """Return signed counts ``(S, S)`` as colours at ``size``, ``(h, w, 3)`` uint8: OFF – dark – ON."""
    levels = np.clip(plane * (127.5 / scale) + 127.5, 0, 255).astype(np.uint8)
    return coloured(resized(levels, size, smooth=size[0] < plane.shape[1]), theme.POLARITY_MAP)
