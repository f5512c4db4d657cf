"""The last 20 s of all seven probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app import theme
from app.painting import CENTRE, LEFT, RIGHT, Image, draw_image, line_height, pixels, text, text_width
from app.panels.base import Panel
from mcoe.live.pipeline import HistoryPoint
from mcoe.live.result import Result
from mcoe.model.config import EMOTIONS

SPAN_S = 20.0
#: Unit of the dash patterns, stream time µs: dashes travel with the curve instead of crawling along it.
_TICK_US = 33_333
_PIXEL_UP = np.array([0, 16], np.int32)


class TimelinePanel(Panel):
    """Seven lines, each named at its end; a vertical line marks a seek or a loop."""

    title = "Last 20 s"
    sentence = (
        "The raw probability of each emotion over the last 20 s of stream time; a thin line marks a seek or loop."
    )

    def __init__(self) -> None:
        super().__init__()
        self.strip = strip((), SPAN_S)

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self.strip = strip(history, SPAN_S)
        super().show_result(result, history)

    def clear(self) -> None:
        self.strip = strip((), SPAN_S)
        super().clear()

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 16
        scale = text_width(painter, "100 %", 0.86) + 8
        plot = QRectF(rect.adjusted(scale, line / 2, -names, -line - 3).toRect())
        draw_image(painter, plot, chart(self.strip, pixels(painter, plot)))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            left = QRectF(plot.left() - scale, y - line / 2, scale - 8, line)
            text(painter, left, f"{share:.0%}".replace("%", " %"), RIGHT, theme.DIM, 0.86)
        for ago in range(0, int(SPAN_S) + 1, 5):
            x = plot.right() - ago * plot.width() / SPAN_S
            words = f"−{ago} s" if ago else "now"
            width = text_width(painter, "−20 s", 0.86) + 4
            text(painter, QRectF(x - width / 2, plot.bottom() + 3, width, line), words, CENTRE, theme.DIM, 0.86)
        if len(self.strip.times):
            self._names(painter, plot, line, names)

    def _names(self, painter: QPainter, plot: QRectF, line: float, width: float) -> None:
        last = self.strip.values[-1]
        wanted = plot.bottom() - last * plot.height()
        placed = spread(wanted, line * 0.92, plot.top(), plot.bottom() + line * 0.6)
        for index, y in enumerate(placed):
            name = EMOTIONS[index]
            painter.setPen(QPen(QColor(theme.EMOTION_COLOURS[name]), 1))
            painter.drawLine(QPointF(plot.right() + 2, wanted[index]), QPointF(plot.right() + 10, y))
            place = QRectF(plot.right() + 13, y - line / 2, width - 12, line)
            text(painter, place, name, LEFT, theme.EMOTION_COLOURS[name], 0.86, bold=index == int(last.argmax()))


@dataclass(frozen=True)
class Strip:
    """What the chart draws: ``times`` ``(n,)`` s, the last is 0; ``values`` ``(n, J)``; ``stamps_us`` ``(n,)``;
    ``breaks``: indices of the first point after a seek or loop."""

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    stamps_us: NDArray[np.int64]
    breaks: NDArray[np.int64]


def strip(history: Sequence[HistoryPoint], span_s: float) -> Strip:
    """Return the last ``span_s`` seconds of the history, time going on across seeks and loops (new epochs)."""
    if not history:
        none = np.empty(0, np.int64)
        return Strip(np.empty(0), np.empty((0, len(EMOTIONS))), none, none)
    stamps = np.array([(point.elapsed_s, point.epoch, point.t_us) for point in history])
    times = stamps[:, 0] - stamps[-1, 0]
    first = int(np.searchsorted(times, -span_s))
    values = np.array([point.probabilities for point in history[first:]], np.float64)
    breaks = np.flatnonzero(np.diff(stamps[first:, 1])) + 1
    return Strip(times[first:], values, stamps[first:, 2].astype(np.int64), breaks)


def chart(data: Strip, size: tuple[int, int]) -> Image:
    """Draw grid, seek marks and lines, ``(h, w, 3)`` uint8 RGB.

    OpenCV draws the 4,000 antialiased segments in a thirtieth of the time that QPainter's strokes take.
    """
    width, height = size
    picture = np.full((height, width, 3), theme.rgb(theme.PANEL), np.uint8)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        picture[round(share * (height - 1)), :] = theme.rgb(theme.LINE if share in (0, 0.5, 1) else theme.RAISED)
    for share in np.arange(0, SPAN_S + 1, 5) / SPAN_S:
        picture[:, round(share * (width - 1))] = theme.rgb(theme.LINE)
    if not len(data.times):
        return picture
    xs = (width - 1) * (1 + data.times / SPAN_S)
    ys = (height - 1) * (1 - data.values)
    for at in data.breaks:
        picture[:, round(xs[at])] = theme.rgb(theme.DIM)
    pieces = np.split(np.arange(len(xs)), data.breaks)
    thick = max(1, round(height / 250))
    order = np.argsort(data.values[-1])
    for index in order:
        name = EMOTIONS[index]
        points = np.rint(np.stack([xs, ys[:, index]], 1) * 16).astype(np.int32)  # 4 fractional bits
        shown = dash_mask(data.stamps_us, theme.EMOTION_DASHES[name])
        runs = [points[run] for piece in pieces for run in lit_runs(piece, shown[piece])]
        colour = theme.rgb(theme.EMOTION_COLOURS[name])
        cv2.polylines(picture, runs, False, colour, thick, cv2.LINE_AA, 4)
        if index == order[-1]:
            # The leader is drawn twice, 1 px apart: OpenCV's own thicker antialiased lines cost four times more.
            cv2.polylines(picture, [run - _PIXEL_UP for run in runs], False, colour, thick, cv2.LINE_AA, 4)
    return picture


def dash_mask(stamps_us: NDArray[np.int64], pattern: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which points begin a drawn segment; ``pattern`` alternates on and off, in ticks of stream time."""
    if not pattern:
        return np.ones(len(stamps_us), bool)
    lit = np.concatenate([np.full(length, part % 2 == 0) for part, length in enumerate(pattern)])
    return lit[(stamps_us // _TICK_US) % len(lit)]


def lit_runs(piece: NDArray[np.int64], shown: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Split consecutive indices into runs that are drawn, each reaching to the point after its last lit one."""
    if len(piece) < 2:
        return []
    if shown.all():
        return [piece]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown.astype(np.int8), [0]])))
    return [piece[start : stop + 1] for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def spread(wanted: NDArray[np.float64], least: float, low: float, high: float) -> NDArray[np.float64]:
    """Return positions near ``wanted`` that lie at least ``least`` apart, inside ``low`` .. ``high`` where they fit."""
    order = np.argsort(wanted, kind="stable")
    placed = np.array(wanted, float)[order]
    placed[0] = max(placed[0], low)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    placed[-1] = min(placed[-1], high)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - least)
    out = np.empty_like(placed)
    out[order] = placed
    return out
