"""The last 20 s of all seven probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app import theme
from app.painting import CENTRE, LEFT, RIGHT, line_height, text, text_width
from app.panels.base import Panel
from app.protocol import HistoryPoint
from mcoe.live.result import Result
from mcoe.model.config import EMOTIONS

SPAN_S = 20.0


class TimelinePanel(Panel):
    """Seven lines, each named at its end; a vertical line marks a seek or a loop."""

    title = "Last 20 s"
    sentence = (
        "The raw probability of each emotion over the last 20 s of stream time; a thin line marks a seek or loop."
    )

    def __init__(self) -> None:
        super().__init__()
        self._times = np.empty(0)
        self._values = np.empty((0, len(EMOTIONS)))
        self._breaks = np.empty(0, np.int64)

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self._times, self._values, self._breaks = strip(history, SPAN_S)
        super().show_result(result, history)

    def clear(self) -> None:
        self._times, self._values = np.empty(0), np.empty((0, len(EMOTIONS)))
        self._breaks = np.empty(0, np.int64)
        super().clear()

    def draw(self, painter: QPainter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 16
        scale = text_width(painter, "100 %", 0.86) + 8
        plot = rect.adjusted(scale, line / 2, -names, -line - 2)
        self._grid(painter, plot, scale, line)
        if not len(self._times):
            return
        xs = plot.right() + self._times * plot.width() / SPAN_S
        ys = plot.bottom() - self._values * plot.height()
        painter.setPen(QPen(QColor(theme.DIM), 1))
        for at in self._breaks:
            painter.drawLine(QPointF(xs[at], plot.top()), QPointF(xs[at], plot.bottom()))
        connect = np.ones(len(xs), np.int32)
        connect[self._breaks - 1] = 0
        order = np.argsort(self._values[-1])
        for index in order:
            name = EMOTIONS[index]
            pen = QPen(QColor(theme.EMOTION_COLOURS[name]), 2.4 if index == order[-1] else 1.4)
            if theme.EMOTION_DASHES[name]:
                pen.setDashPattern(list(theme.EMOTION_DASHES[name]))
            painter.setPen(pen)
            painter.drawPath(pg.arrayToQPath(xs, ys[:, index], connect))
        self._names(painter, plot, line, names)

    def _grid(self, painter: QPainter, plot: QRectF, scale: float, line: float) -> None:
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            left = QRectF(plot.left() - scale, y - line / 2, scale - 8, line)
            text(painter, left, f"{share:.0%}".replace("%", " %"), RIGHT, theme.DIM, 0.86)
        for ago in range(0, int(SPAN_S) + 1, 5):
            x = plot.right() - ago * plot.width() / SPAN_S
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
            words = f"−{ago} s" if ago else "now"
            width = text_width(painter, "−20 s", 0.86) + 4
            under = QRectF(x - width / 2, plot.bottom() + 2, width, line)
            text(painter, under, words, LEFT if ago == SPAN_S else RIGHT if not ago else CENTRE, theme.DIM, 0.86)

    def _names(self, painter: QPainter, plot: QRectF, line: float, width: float) -> None:
        wanted = plot.bottom() - self._values[-1] * plot.height()
        best = int(self._values[-1].argmax())
        room = QRectF(plot.right(), plot.top() - line / 2, width, plot.height() + line * 1.5)
        for index, y in enumerate(spread(wanted, line * 0.92, room.top() + line / 2, room.bottom() - line / 2)):
            name = EMOTIONS[index]
            painter.setPen(QPen(QColor(theme.EMOTION_COLOURS[name]), 1))
            painter.drawLine(QPointF(plot.right() + 1, wanted[index]), QPointF(plot.right() + 9, y))
            place = QRectF(plot.right() + 12, y - line / 2, width - 12, line)
            text(painter, place, name, LEFT, theme.EMOTION_COLOURS[name], 0.86, bold=index == best)


def strip(history: Sequence[HistoryPoint], span_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last ``span_s`` seconds as times ``(n,)`` (s, last is 0), probabilities ``(n, J)`` and break indices.

    Across a seek or loop (a new epoch) time goes on by one frame, so that the chart keeps what was seen before.
    """
    if not history:
        return np.empty(0), np.empty((0, len(EMOTIONS))), np.empty(0, np.int64)
    stamps = np.array([(point.epoch, point.t_us) for point in history], np.int64)
    steps = np.diff(stamps[:, 1])
    jumps = np.diff(stamps[:, 0]) != 0
    steps[jumps] = 33_333
    times = np.concatenate([[0], np.cumsum(steps)]) / 1e6
    times -= times[-1]
    first = int(np.searchsorted(times, -span_s))
    values = np.array([point.probabilities for point in history[first:]], np.float64)
    breaks = np.flatnonzero(jumps) + 1 - first
    return times[first:], values, breaks[breaks > 0]


def spread(wanted: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
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
