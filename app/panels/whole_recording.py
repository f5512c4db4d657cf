"""The whole recording at a glance: what was said where, what is true, how many events; click or drag to go there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPolygonF

from mcoe.capture.source import SourceInfo
from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import EngineInfo, Result

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
    resized,
    text,
    text_width,
)
from ..widgets.words import clock, short
from .base import Panel

#: Bins of the time axis.
BINS = 900
#: Rows of the stacked picture.
ROWS = 64
#: A live source's axis begins with so much, µs, and doubles when that is full.
LIVE_US = 60_000_000
#: Points further apart leave a hole between them, µs.
HOLE_US = 1_000_000
UNCHANGED = (BINS, 0)
_UNSEEN = np.array(theme.rgb(theme.CANVAS), np.uint8)
_COLOURS = np.array([theme.rgb(colour) for colour in theme.EMOTION_COLOURS.values()], np.uint8)


class Lane:
    """Predictions and event rate over a time axis of :data:`BINS` bins; what is played again replaces what was there.

    Attributes:
        probabilities: ``(BINS, J)`` float32, NaN where nothing has been seen.
        events_per_s: ``(BINS,)`` float64, NaN likewise.
    """

    def __init__(self, start_us: int = 0, span_us: int = LIVE_US, grows: bool = False) -> None:
        self.start_us, self.span_us, self._grows = start_us, max(1, span_us), grows
        self.probabilities = np.full((BINS, len(EMOTIONS)), np.nan, np.float32)
        self.events_per_s = np.full(BINS, np.nan)
        #: Bins ``[first, end)`` changed since someone set this to :data:`UNCHANGED`.
        self.changed = (0, BINS)
        self._last: HistoryPoint | None = None

    def add(self, history: Sequence[HistoryPoint]) -> None:
        """Take the points that are new."""
        seen = -1.0 if self._last is None else self._last.elapsed_s
        new = len(history)
        while new and history[new - 1].elapsed_s > seen:
            new -= 1
        for point in history[new:]:
            self._take(point)

    def _take(self, point: HistoryPoint) -> None:
        if self._last is None and self._grows:
            self.start_us = point.t_us
        while self._grows and point.t_us >= self.start_us + self.span_us:
            self._double()
        at = self.bin(point.t_us)
        last, first = self._last, at
        if last is not None and last.epoch == point.epoch and 0 < point.t_us - last.t_us < HOLE_US:
            first = min(at, self.bin(last.t_us) + 1)
        self.changed = (min(first, self.changed[0]), max(at + 1, self.changed[1]))
        self.probabilities[first : at + 1] = point.probabilities
        self.events_per_s[first : at + 1] = point.events_per_s
        self._last = point

    def _double(self) -> None:
        """Halve the resolution: every second bin stays."""
        self.span_us *= 2
        for name in ("probabilities", "events_per_s"):
            values = getattr(self, name)
            wider = np.full_like(values, np.nan)
            wider[: BINS // 2] = values[::2]
            setattr(self, name, wider)
        self.changed = (0, BINS)

    def bin(self, time_us: int) -> int:
        """Return the bin of a stream time, µs, clipped to the axis."""
        return int(np.clip((time_us - self.start_us) * BINS // self.span_us, 0, BINS - 1))

    def time_us(self, share: float) -> int:
        """Return the stream time, µs, at ``share`` (clipped to 0..1) of the axis."""
        return self.start_us + round(min(1.0, max(0.0, share)) * self.span_us)


class WholeRecordingPanel(Panel):
    """Three lanes over the whole recording and a playhead."""

    key = "whole_recording"
    title = "Whole recording"
    sentence = (
        "The fused prediction over the whole recording as stacked probabilities, what is true where it is labelled, "
        "and the event rate; click or drag to go there."
    )
    #: Stream time to go to, µs.
    sought = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.data = Lane()
        self._picture = np.zeros((ROWS, BINS, 3), np.uint8)
        self._pointed: int | None = None
        self.plot = QRectF()
        self.canvas.setMouseTracking(True)
        self.canvas.installEventFilter(self)

    def set_context(self, source: SourceInfo | None, engine: EngineInfo | None) -> None:
        if source is not self.source:
            if source is None or source.duration_us is None:
                self.data = Lane(grows=True)
            else:
                self.data = Lane(source.start_us, source.duration_us)
        super().set_context(source, engine)

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self.data.add(history)
        super().show_result(result, history)
        self._say()

    def clear(self) -> None:
        self.data, self._pointed = Lane(grows=True), None
        self.note.setText("")
        super().clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.canvas:
            if isinstance(event, QMouseEvent) and event.type() != QEvent.Type.MouseButtonRelease:
                share = (event.position().x() - self.plot.left()) / max(1.0, self.plot.width())
                self._pointed = self.data.time_us(share)
                held = event.buttons() & Qt.MouseButton.LeftButton
                if held and self.source is not None and not self.source.live:
                    self.sought.emit(self._pointed)
                self._say()
            elif event.type() == QEvent.Type.Leave:
                self._pointed = None
                self._say()
        return super().eventFilter(watched, event)

    def _say(self) -> None:
        """Say in words what was predicted at the pointer, or now."""
        self.canvas.update()
        time_us = self._pointed
        if time_us is None and self.result is not None:
            time_us = self.result.window.t1_us
        if time_us is None:
            return
        words = clock(time_us - self.data.start_us)
        values = self.data.probabilities[self.data.bin(time_us)]
        if not np.isnan(values[0]):
            best = int(values.argmax())
            words += f" · {EMOTIONS[best]} {percent(float(values[best]))}"
        truth = self.labels.at(time_us)
        self.note.setText(words + (f" · true: {truth}" if truth else ""))

    def draw(self, painter: Painter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        words = ("predicted", "true", "events/s") if self.labels.segments else ("predicted", "events/s")
        left = max(text_width(painter, word, 0.86) for word in words) + 10
        self.plot = QRectF(rect.adjusted(left, 0, -1, -line - 2).toRect())
        thin = round(line * 0.6) if self.labels.segments else 0
        rate_height = round(max(line * 1.2, self.plot.height() * 0.24))
        said = self.plot.adjusted(0, 0, 0, -(thin + (4 if thin else 0)) - rate_height - 4)
        first, end = self.data.changed
        if first < end:
            self._picture[:, first:end] = stacked(self.data.probabilities[first:end])
            self.data.changed = UNCHANGED
        draw_image(painter, said, resized(self._picture, pixels(painter, said), smooth=False))
        self._caption(painter, said, left, "predicted")
        if thin:
            truth = QRectF(said.left(), said.bottom() + 4, said.width(), thin)
            painter.fillRect(truth, QColor(theme.CANVAS))
            for segment in self.labels.segments:
                x0, x1 = (
                    self._x(min(max(t, self.data.start_us), self._end)) for t in (segment.start_us, segment.end_us)
                )
                ink = theme.EMOTION_COLOURS.get(segment.label, theme.DIM)
                painter.fillRect(QRectF(x0, truth.top(), max(0.0, x1 - x0), thin), QColor(ink))
            self._caption(painter, truth, left, "true")
        self._rate(painter, QRectF(said.left(), self.plot.bottom() - rate_height, said.width(), rate_height), left)
        for time_us, _ in self.labels.markers:
            if self.data.start_us <= time_us <= self._end:
                painter.fillRect(QRectF(round(self._x(time_us)) - 1, said.top() - 2, 2, 7), QColor(theme.TEXT))
        self._axis(painter, line)

    @property
    def _end(self) -> int:
        return self.data.start_us + self.data.span_us

    def _x(self, time_us: int) -> float:
        return self.plot.left() + (time_us - self.data.start_us) / self.data.span_us * self.plot.width()

    def _caption(self, painter: Painter, lane: QRectF, left: float, words: str) -> None:
        high = max(lane.height(), line_height(painter, 0.86))
        place = QRectF(lane.left() - left, lane.center().y() - high / 2, left - 10, high)
        text(painter, place, words, RIGHT, theme.DIM, 0.86)

    def _rate(self, painter: Painter, lane: QRectF, left: float) -> None:
        painter.fillRect(lane, QColor(theme.CANVAS))
        self._caption(painter, lane, left, "events/s")
        rate = self.data.events_per_s
        seen = np.flatnonzero(~np.isnan(rate))
        if not len(seen):
            return
        top = max(1.0, float(rate[seen].max()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.mix(theme.PANEL, theme.EVENT, 0.8))
        for piece in np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1):
            xs = lane.left() + np.append(piece, piece[-1] + 1) * (lane.width() / BINS)
            ys = lane.bottom() - np.append(rate[piece], rate[piece[-1]]) / top * lane.height()
            area = [QPointF(x, y) for x, y in zip(xs, ys, strict=True)]
            foot = [QPointF(xs[-1], lane.bottom()), QPointF(xs[0], lane.bottom())]
            painter.drawPolygon(QPolygonF(area + foot))
        text(painter, lane.adjusted(0, 0, -4, 0), f"max {short(top)}", RIGHT, theme.TEXT, 0.8)

    def _axis(self, painter: Painter, line: float) -> None:
        width = text_width(painter, "00:00.00", 0.86)
        for share, align in ((0.0, LEFT), (0.5, CENTRE), (1.0, RIGHT)):
            x = self.plot.left() + share * self.plot.width() - share * width
            place = QRectF(x, self.plot.bottom() + 2, width, line)
            text(painter, place, clock(round(share * self.data.span_us)), align, theme.DIM, 0.86)
        if self.result is not None:
            x = round(self._x(self.result.window.t1_us))
            if self.plot.left() - 1 <= x <= self.plot.right() + 1:
                painter.fillRect(QRectF(x - 2, self.plot.top(), 4, self.plot.height()), QColor(theme.PANEL))
                painter.fillRect(QRectF(x - 1, self.plot.top(), 2, self.plot.height()), QColor(theme.TEXT))


def stacked(probabilities: NDArray[np.float32], rows: int = ROWS) -> Image:
    """Return stacked probabilities ``(n, J)`` as a picture ``(rows, n, 3)`` uint8, the first emotion on top."""
    upto = np.cumsum(np.nan_to_num(probabilities), 1)  # (n, J)
    heights = (np.arange(rows) + 0.5) / rows  # (rows,)
    index = (heights[:, None, None] > upto[None]).sum(-1)  # (rows, n)
    picture: Image = _COLOURS[np.minimum(index, len(_COLOURS) - 1)]
    # The strongest emotion of each moment is bright, the others stand back.
    leader = probabilities.argmax(1)
    dim = index != leader[None]
    picture[dim] = (picture[dim] * 0.42 + _UNSEEN * 0.58).astype(np.uint8)
    picture[:, np.isnan(probabilities[:, 0])] = _UNSEEN
    return picture
