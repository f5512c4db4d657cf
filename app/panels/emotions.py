"""Seven emotions: the smoothed probability as a bar, the raw one as a tick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.recording.sidecar import Sidecar
from mcoe.results import Result

from ..widgets import theme
from ..widgets.painting import LEFT, RIGHT, Painter, block, line_height, percent, text, text_width
from .base import Panel

#: Time constant of the smoothing, µs, until the settings say otherwise.
SMOOTH_US = 400_000
UNTRAINED = "Untrained network: these bars mean nothing yet"
UNRECORDED = "Weights without a record of training: bars may mean nothing"


class EmotionPanel(Panel):
    """Label, bar and percent for each emotion; the winner in words above."""

    key = "emotions"
    title = "Emotion"
    sentence = (
        "The fused prediction of the HCE-MoE head: bars are smoothed (0.4 s unless set otherwise), the white tick "
        "is this moment; where the recording is labelled, a ring marks what is true."
    )

    def __init__(self) -> None:
        super().__init__()
        self.smoothed: np.ndarray | None = None
        self.smooth_us = SMOOTH_US
        self.note.setText("bar: smoothed · tick: this moment")

    @property
    def notice(self) -> str:
        """What stands in place of the winner: a warning while the weights are untrained, else nothing."""
        if self.engine is None or self.engine.trained:
            return ""
        return UNRECORDED if self.engine.weights else UNTRAINED

    @property
    def truth(self) -> str:
        """The true emotion of this moment, or nothing where none is known."""
        return (self.labels.at(self.result.window.t1_us) or "") if self.result is not None else ""

    def set_labels(self, labels: Sidecar) -> None:
        super().set_labels(labels)
        self.note.setText("bar: smoothed · tick: this moment" + (" · ○ true" if labels.segments else ""))
        self._tell_truth()

    def _tell_truth(self) -> None:
        said = "○ True at this moment, by the recording's label: " + self.truth if self.truth else ""
        # Over the canvas alone: the panel's own tooltip says what the plot is.
        words = f"{said}\n{self.toolTip()}" if said else ""
        if words != self.canvas.toolTip():
            self.canvas.setToolTip(words)

    @property
    def winner(self) -> str:
        """The emotion with the highest smoothed probability, or nothing."""
        return "" if self.smoothed is None else EMOTIONS[int(self.smoothed.argmax())]

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self.smoothed = smooth(result, history, self.smooth_us)
        super().show_result(result, history)
        self._tell_truth()

    def clear(self) -> None:
        self.smoothed = None
        super().clear()
        self._tell_truth()

    def draw(self, painter: Painter, rect: QRectF) -> None:
        head = line_height(painter, 1.6)
        self._headline(painter, QRectF(rect.left(), rect.top(), rect.width(), head))
        rows = QRectF(rect.left(), rect.top() + head + 6, rect.width(), rect.height() - head - 6)
        step = rows.height() / len(EMOTIONS)
        label = max(text_width(painter, name, bold=True) for name in EMOTIONS) + line_height(painter) + 8
        percent = text_width(painter, "100 %", bold=True) + 8
        for index, name in enumerate(EMOTIONS):
            row = QRectF(rows.left(), rows.top() + index * step, rows.width(), step)
            track = QRectF(row.left() + label, row.top(), row.width() - label - percent, row.height())
            self._row(painter, row, track, index, name)

    def _headline(self, painter: Painter, rect: QRectF) -> None:
        if self.notice:
            block(painter, rect, theme.mix(theme.PANEL, theme.WARNING, 0.16), 4)
            block(painter, QRectF(rect.left(), rect.top(), 4, rect.height()), theme.WARNING, 2)
            text(painter, rect.adjusted(12, 0, -6, 0), self.notice, LEFT, theme.WARNING, 0.95, bold=True)
        elif self.winner:
            text(painter, rect, self.winner.capitalize(), LEFT, theme.EMOTION_COLOURS[self.winner], 1.6, bold=True)
            assert self.smoothed is not None
            text(painter, rect, percent(self.smoothed.max()), RIGHT, theme.TEXT, 1.6, bold=True)

    def _row(self, painter: Painter, row: QRectF, track: QRectF, index: int, name: str) -> None:
        first = name == self.winner
        muted = bool(self.notice)
        text(painter, row, name, LEFT, theme.TEXT if first else theme.DIM, bold=first)
        thick = min(track.height() * 0.6, line_height(painter) * 1.15)
        bar = QRectF(track.left(), track.center().y() - thick / 2, track.width(), thick)
        block(painter, bar, theme.RAISED, 3)
        if name == self.truth:
            size = line_height(painter) * 0.5
            painter.setPen(QPen(QColor(theme.TEXT), max(1.5, size / 5)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(track.left() - size - 2, track.center().y()), size / 2, size / 2)
        if self.smoothed is None or self.result is None:
            return
        value, raw = float(self.smoothed[index]), float(self.result.prediction.probabilities[index])
        colour = theme.mix(theme.PANEL, theme.EMOTION_COLOURS[name], 0.4 if muted else 1.0 if first else 0.62)
        block(painter, QRectF(bar.left(), bar.top(), max(2.0, bar.width() * value), thick), colour, 3)
        x = bar.left() + min(bar.width() - 1, bar.width() * raw)
        for width, ink in ((4, theme.PANEL), (2, theme.TEXT)):
            painter.fillRect(QRectF(x - width / 2, bar.top() - 2, width, thick + 4), QColor(ink))
        text(painter, row, percent(value), RIGHT, theme.TEXT if first else theme.DIM, bold=first)


def smooth(result: Result, history: Sequence[HistoryPoint], constant_us: int = SMOOTH_US) -> np.ndarray:
    """Return the exponentially weighted mean of the recent probabilities ``(J,)``; those themselves at 0 µs."""
    window = result.window
    total = np.array(result.prediction.probabilities, np.float64)
    weight = 1.0
    for point in reversed(history):
        age = window.t1_us - point.t_us
        if point.epoch == window.epoch and age <= 0:
            continue
        if point.epoch != window.epoch or age > 5 * constant_us:
            break
        share = float(np.exp(-age / constant_us))
        total += share * point.probabilities
        weight += share
    return total / weight
