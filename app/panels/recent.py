"""The last 20 s of all seven probabilities."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPen

from mcoe.core.timing import TICK_US
from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Result

from ..widgets import theme
from ..widgets.painting import (
    CENTRE,
    LEFT,
    RIGHT,
    Image,
    Painter,
    draw_image,
    line_height,
    percent,
    pixels,
    spread,
    text,
    text_width,
)
from .base import Panel

SPAN_S = 20.0
_MARK = theme.rgb(theme.mix(theme.LINE, theme.DIM, 0.45).name())
_PIXEL_UP = np.array([0, 16], np.int32)


class RecentPanel(Panel):
    """Seven lines, each named at its end; a vertical line marks a seek or a loop."""

    key = "recent"
    title = "Last 20 s"
    sentence = (
        "The raw probability of each emotion over the last 20 s of stream time; a thin line marks a seek or loop."
    )

    def __init__(self) -> None:
        super().__init__()
        self.strip = strip((), SPAN_S)
        self._chart = Chart()

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self.strip = strip(history, SPAN_S)
        super().show_result(result, history)

    def clear(self) -> None:
        self.strip = strip((), SPAN_S)
        super().clear()

    def draw(self, painter: Painter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 16
        scale = text_width(painter, "100 %", 0.86) + 8
        plot = QRectF(rect.adjusted(scale, line / 2, -names, -line - 3).toRect())
        draw_image(painter, plot, self._chart.picture(self.strip, pixels(painter, plot)))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            left = QRectF(plot.left() - scale, y - line / 2, scale - 8, line)
            text(painter, left, percent(share), RIGHT, theme.DIM, 0.86)
        for ago in range(0, int(SPAN_S) + 1, 5):
            x = plot.right() - ago * plot.width() / SPAN_S
            words = f"−{ago} s" if ago else "now"
            width = text_width(painter, "−20 s", 0.86) + 4
            text(painter, QRectF(x - width / 2, plot.bottom() + 3, width, line), words, CENTRE, theme.DIM, 0.86)
        if len(self.strip.elapsed_s):
            self._names(painter, plot, line, names)

    def _names(self, painter: Painter, plot: QRectF, line: float, width: float) -> None:
        last = self.strip.values[-1]
        wanted = plot.bottom() - last * plot.height()
        placed = spread(wanted, line * 0.92, plot.top(), plot.bottom())
        for index, y in enumerate(placed):
            name = EMOTIONS[index]
            painter.setPen(QPen(QColor(theme.EMOTION_COLOURS[name]), 1))
            painter.drawLine(QPointF(plot.right() + 2, wanted[index]), QPointF(plot.right() + 10, y))
            place = QRectF(plot.right() + 13, y - line / 2, width - 12, line)
            text(painter, place, name, LEFT, theme.EMOTION_COLOURS[name], 0.86, bold=index == int(last.argmax()))


@dataclass(frozen=True)
class Strip:
    """What the chart draws: ``elapsed_s`` ``(n,)``; ``values`` ``(n, J)``; ``stamps_us`` ``(n,)``, stream time;
    ``breaks``: indices of the first point after a seek or loop."""

    elapsed_s: NDArray[np.float64]
    values: NDArray[np.float64]
    stamps_us: NDArray[np.int64]
    breaks: NDArray[np.int64]


def strip(history: Sequence[HistoryPoint], span_s: float) -> Strip:
    """Return the last ``span_s`` seconds of the history, time going on across seeks and loops (new epochs)."""
    if not history:
        none = np.empty(0, np.int64)
        return Strip(np.empty(0), np.empty((0, len(EMOTIONS))), none, none)
    first = bisect_left(history, history[-1].elapsed_s - span_s, key=lambda point: point.elapsed_s)
    shown = history[first:]
    stamps = np.array([(point.elapsed_s, point.epoch, point.t_us) for point in shown])
    values = np.array([point.probabilities for point in shown], np.float64)
    breaks = np.flatnonzero(np.diff(stamps[:, 1])) + 1
    return Strip(stamps[:, 0], values, stamps[:, 2].astype(np.int64), breaks)


class Chart:
    """The lines as a picture that scrolls: a tick moves it left and draws only what is new.

    OpenCV draws the antialiased segments in a thirtieth of the time that QPainter's strokes take. At each moment the
    leading emotion's line is the thick one.
    """

    def __init__(self) -> None:
        self._lines: Image = np.empty((0, 0, 3), np.uint8)
        self._edge_px = 0  # right edge of the picture, pixels since the history began
        self._drawn_s = 0.0  # time of the last point drawn

    def picture(self, data: Strip, size: tuple[int, int]) -> Image:
        """Return grid, seek marks and lines at ``size`` (width, height), ``(h, w, 3)`` uint8 RGB."""
        width, height = size
        scale = (width - 1) / SPAN_S  # px per second
        if not len(data.elapsed_s):
            self._lines = np.empty((0, 0, 3), np.uint8)
            return _on_grid(np.full((height, width, 3), theme.rgb(theme.PANEL), np.uint8))
        edge = math.ceil(data.elapsed_s[-1] * scale)
        shift = edge - self._edge_px
        known = int(np.searchsorted(data.elapsed_s, self._drawn_s))
        goes_on = known < len(data.elapsed_s) and data.elapsed_s[known] == self._drawn_s
        if self._lines.shape[:2] != (height, width) or not goes_on or not 0 <= shift < width:
            self._lines = np.full((height, width, 3), theme.rgb(theme.PANEL), np.uint8)
            known = 0
        elif shift:
            self._lines[:, :-shift] = self._lines[:, shift:].copy()
            self._lines[:, -shift:] = theme.rgb(theme.PANEL)
        self._edge_px, self._drawn_s = edge, float(data.elapsed_s[-1])
        xs = width - 1 - (edge - data.elapsed_s[known:] * scale)
        _draw_lines(self._lines, xs, data.values[known:], data.stamps_us[known:], data.breaks - known)
        return _on_grid(self._lines.copy())


def _draw_lines(
    picture: Image,
    xs: NDArray[np.float64],
    values: NDArray[np.float64],
    stamps_us: NDArray[np.int64],
    breaks: NDArray[np.int64],
) -> None:
    height = picture.shape[0]
    breaks = breaks[breaks > 0]
    for at in breaks:
        cv2.line(picture, (round(xs[at]), 0), (round(xs[at]), height), _MARK, 1)
    pieces = np.split(np.arange(len(xs)), breaks)
    leader = values.argmax(1)
    thick = max(1, round(height / 250))
    top = thick + 1  # certainty stays inside the picture, with the leader's second line above it
    for index, name in enumerate(EMOTIONS):
        places = np.stack([xs, top + (height - 1 - top) * (1 - values[:, index])], 1)  # (n, 2)
        runs: list[NDArray[np.int32]] = []
        for piece in pieces:
            points, lit, leads = dashed(
                stamps_us[piece], places[piece], leader[piece] == index, theme.EMOTION_DASHES[name]
            )
            fixed = np.rint(points * 16).astype(np.int32)  # 4 fractional bits
            runs += [fixed[run] for run in lit_runs(lit)]
            # The leader is drawn again, 1 px above: OpenCV's own thicker antialiased lines cost four times more.
            runs += [fixed[run] - _PIXEL_UP for run in lit_runs(lit & leads)]
        if runs:
            cv2.polylines(picture, runs, False, theme.rgb(theme.EMOTION_COLOURS[name]), thick, cv2.LINE_AA, 4)


def _on_grid(picture: Image) -> Image:
    """Lay the grid under the lines of ``picture``, in place."""
    height, width = picture.shape[:2]
    ground, line = np.array(theme.rgb(theme.PANEL), np.uint8), theme.rgb(theme.LINE)
    rows = [picture[round(share * (height - 1))] for share in (0.0, 0.5, 1.0)]
    columns = [picture[:, round(share * (width - 1))] for share in np.arange(0, SPAN_S + 1, 5) / SPAN_S]
    for stripe in rows + columns:
        stripe[(stripe == ground).all(-1)] = line
    return picture


def dashed(
    stamps_us: NDArray[np.int64],
    places: NDArray[np.float64],
    leads: NDArray[np.bool_],
    pattern: tuple[int, ...],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Cut a curve where its dashes begin and end, between its points too: few results a second give whole dashes.

    Args:
        stamps_us: ``(n,)`` stream times, ascending.
        places: ``(n, 2)``, px.
        leads: ``(n,)``, true where the segment that a point begins is to be emphasised.
        pattern: alternates on and off, in ticks of stream time, so that dashes travel with the curve instead of
            crawling along it; empty is solid.

    Returns:
        Places ``(k, 2)``, k >= n, and ``(k,)`` each whether the segment that they begin is drawn, and emphasised.
    """
    if not pattern or len(stamps_us) < 2:
        return places, np.ones(len(places), bool), leads
    ends = np.cumsum(pattern) * TICK_US  # of each part within a period
    period = int(ends[-1])
    periods = np.arange(stamps_us[0] // period, stamps_us[-1] // period + 1)
    cuts = (periods[:, None] * period + ends[None]).ravel()
    cuts = cuts[(cuts > stamps_us[0]) & (cuts < stamps_us[-1])]
    times = np.union1d(stamps_us, cuts)
    cut = np.stack([np.interp(times, stamps_us, places[:, axis]) for axis in (0, 1)], 1)
    lit = np.searchsorted(ends, times % period, side="right") % 2 == 0
    return cut, lit, leads[np.searchsorted(stamps_us, times, side="right") - 1]


def lit_runs(shown: NDArray[np.bool_]) -> list[slice]:
    """Return the runs of points that are drawn, each reaching to the point after its last lit one."""
    if len(shown) < 2:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown[:-1].astype(np.int8), [0]])))
    return [slice(start, stop + 1) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
