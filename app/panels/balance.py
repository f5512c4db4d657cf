"""The gate α: whose content the fused tokens hold, the frames' or the events'."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPolygonF

from mcoe.capture.source import SourceInfo
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import EngineInfo, Result, Window

from ..widgets import theme
from ..widgets.painting import (
    LEFT,
    RIGHT,
    Image,
    Painter,
    block,
    coloured,
    draw_image,
    fitted,
    frame,
    grey_to_rgb,
    line_height,
    percent,
    pixels,
    placeholder,
    resized,
    text,
    text_width,
)
from .base import Panel
from .heatmaps import rgb_picture

#: Distance of the gate from 0.5 that gets full colour: the maps are about which token leans where.
FULL = 0.25
#: Share of the eye's picture that the tiles cover.
COVER = 0.6
SPAN_S = 20.0


class BalancePanel(Panel):
    """A split bar for the mean of the gate, the gate per token over the eye for both frames; in detail also over time.

    α is the share of the events' content (:class:`~mcoe.model.mcib.MCIB`); everything here is drawn as 1 − α, the
    share of the frames'.
    """

    key = "balance"
    title = "Modality gate α"
    sentence = (
        "MCIB's gate α (Eq. 8): how much of the fused tokens is the events' content, and how much the frames', on "
        "average and per 4×4 token. It is a gate, no measure of trust: what a modality does is shown by hiding it."
    )

    def __init__(self) -> None:
        super().__init__()
        self.set_context(None, None)

        self._lane: tuple[np.ndarray, np.ndarray] = (np.empty(0), np.empty(0))

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        if self.detailed:
            self._lane = rgb_lane(history)
        super().show_result(result, history)

    def clear(self) -> None:
        self._lane = (np.empty(0), np.empty(0))
        super().clear()

    def set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        super().set_context(source, engine)
        if source is not None and not (source.has_frames and source.has_events):
            missing = "events" if source.has_frames else "frames"
            self.note.setText(f"no {missing}: a learned stand-in takes their place")
        else:
            self.note.setText(f"maps: full colour at {percent(0.5 - FULL)} and {percent(0.5 + FULL)}")

    def draw(self, painter: Painter, rect: QRectF) -> None:
        rgb = 1 - self.result.prediction.alpha if self.result else None
        line = line_height(painter)
        small = line_height(painter, 0.86)
        words = QRectF(rect.left(), rect.top(), rect.width(), line)
        bar = QRectF(rect.left(), words.bottom() + 3, rect.width(), line * 0.75)
        block(painter, bar, theme.RAISED, 3)
        if rgb is None:
            text(painter, words, "RGB", LEFT, theme.RGB, bold=True)
            text(painter, words, "events", RIGHT, theme.EVENT, bold=True)
        else:
            self._bar(painter, words, bar, float(np.mean(rgb)))
        bottom = rect.bottom()
        if self.detailed:
            lane = rect.adjusted(0, rect.height() - max(2.5 * line, rect.height() * 0.24), 0, 0)
            self._draw_lane(painter, lane, small)
            bottom = lane.top() - 8
        maps = QRectF(rect.left(), bar.bottom() + 8, rect.width(), bottom - bar.bottom() - 8)
        self._maps(painter, maps, token_maps(rgb), small)

    def _bar(self, painter: Painter, words: QRectF, bar: QRectF, mean: float) -> None:
        split = bar.left() + bar.width() * mean
        block(painter, QRectF(bar.left(), bar.top(), split - bar.left() - 1, bar.height()), theme.RGB, 2)
        block(painter, QRectF(split + 1, bar.top(), bar.right() - split - 1, bar.height()), theme.EVENT, 2)
        middle = bar.center().x()
        block(painter, QRectF(middle - 1, bar.top() - 3, 2, bar.height() + 6), theme.TEXT, 0)
        text(painter, words, f"RGB {percent(mean)}", LEFT, theme.RGB, bold=True)
        text(painter, words, f"events {percent(1 - mean)}", RIGHT, theme.EVENT, bold=True)

    def _maps(self, painter: Painter, rect: QRectF, maps: np.ndarray | None, small: float) -> None:
        # The captions stand beside, where there is room, so that the maps can be as high as the panel lets them.
        beside = max(text_width(painter, name, 0.86) for name in ("earlier", "now")) + 8
        side = int(min(rect.height(), (rect.width() - 12) / 2 - beside))
        left = rect.left() + (rect.width() - 2 * side - 12) / 2
        for index, name in enumerate(("earlier", "now")):
            place = fitted(QRectF(left + index * (side + 12), rect.top(), side, side), 1.0)
            if maps is None:
                placeholder(painter, place, "")
            else:
                assert self.result is not None
                window = self.result.window if index else self.result.older
                draw_image(painter, place, balance_over(window, maps[index], pixels(painter, place)))
            frame(painter, place)
            start = place.right() + 8 if index else place.left() - beside
            words = QRectF(start, place.center().y() - small / 2, beside - 8, small)
            text(painter, words, name, LEFT if index else RIGHT, theme.DIM, 0.86)

    def _draw_lane(self, painter: Painter, lane: QRectF, small: float) -> None:
        ends = ((f"{percent(0.5 + FULL)} RGB", theme.RGB), (f"{percent(0.5 + FULL)} events", theme.EVENT))
        words = max(text_width(painter, end, 0.8) for end, _ in ends) + 8
        plot = QRectF(lane.adjusted(words, 0, 0, 0).toRect())
        for (end, ink), y in zip(ends, (plot.top(), plot.bottom() - small), strict=True):
            text(painter, QRectF(lane.left(), y, words - 8, small), end, RIGHT, ink, 0.8)
        painter.fillRect(plot, QColor(theme.CANVAS))
        middle = plot.center().y()
        ages, shares = self._lane
        if len(ages):
            xs = plot.right() - ages * (plot.width() / SPAN_S)
            half = plot.height() / 2 - 1
            ys = middle - np.clip((shares - 0.5) / FULL, -1, 1) * half
            area = QPolygonF([QPointF(x, y) for x, y in zip(xs, ys, strict=True)])
            area.append(QPointF(xs[-1], middle))
            area.prepend(QPointF(xs[0], middle))
            painter.setPen(Qt.PenStyle.NoPen)
            for clip, colour in (
                (QRectF(plot.left(), plot.top(), plot.width(), middle - plot.top()), theme.RGB),
                (QRectF(plot.left(), middle, plot.width(), plot.bottom() - middle), theme.EVENT),
            ):
                painter.setClipRect(clip)
                painter.setBrush(QColor(colour))
                painter.drawPolygon(area)
            painter.setClipping(False)
        painter.fillRect(QRectF(plot.left(), round(middle), plot.width(), 1), QColor(theme.DIM))
        span = QRectF(plot.left() + 4, plot.top(), plot.width(), small)
        text(painter, span, f"last {SPAN_S:.0f} s", LEFT, theme.DIM, 0.8)


def rgb_lane(history: Sequence[HistoryPoint]) -> tuple[np.ndarray, np.ndarray]:
    """Return ages, s, and the frames' share 1 − α of the points of the last 20 s, oldest first, each ``(n,)``."""
    if not history:
        return np.empty(0), np.empty(0)
    now = history[-1].elapsed_s
    shown = [(now - point.elapsed_s, 1 - point.alpha) for point in history if now - point.elapsed_s <= SPAN_S]
    pairs = np.array(shown)
    return pairs[:, 0], pairs[:, 1]


def balance_over(window: Window, rgb: np.ndarray, size: tuple[int, int]) -> Image:
    """Return the frames' share ``(h, w)`` in the modalities' colours over the grey eye at ``size``, ``(h, w, 3)``."""
    levels = np.clip(127.5 + (rgb - 0.5) * (127.5 / FULL), 0, 255).astype(np.uint8)
    tiles = coloured(resized(levels, size, smooth=False), theme.BALANCE_MAP)
    eye = rgb_picture(window)
    if eye is None:
        return tiles
    grey = grey_to_rgb(resized(np.asarray(cv2.cvtColor(eye, cv2.COLOR_RGB2GRAY), np.uint8), size))
    return np.asarray(cv2.addWeighted(tiles, COVER, grey, 1 - COVER, 0), np.uint8)


def token_maps(shares: np.ndarray | None, frames: int = 2) -> np.ndarray | None:
    """Return one value per token ``(M,)`` as maps ``(frames, h, w)``, older frame first; of pooled tokens 1×1 maps."""
    if shares is None:
        return None
    side = round((len(shares) / frames) ** 0.5)
    return np.asarray(shares).reshape(frames, side, side)
