"""What RGB alone and events alone would have said of this moment, beside the fusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF

from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Prediction, Result

from ..widgets import theme
from ..widgets.painting import LEFT, RIGHT, Painter, block, line_height, percent, placeholder, text, text_width
from .base import Panel


class ReadingPanel(Panel):
    """Three columns of seven bars: RGB alone, both, events alone; each headed by its winner in words."""

    key = "readings"
    title = "Each modality alone"
    sentence = (
        "The same moment read with one modality masked (the network's learned stand-in takes its place): RGB alone, "
        "the fusion of both, and events alone."
    )
    asks = frozenset({"readings"})

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        super().show_result(result, history)
        said = [int(p.argmax()) for p in readings(result.prediction) if p is not None]
        self.note.setText("" if len(said) < 3 else "all agree" if len(set(said)) == 1 else "differ")

    def clear(self) -> None:
        self.note.setText("")
        super().clear()

    def draw(self, painter: Painter, rect: QRectF) -> None:
        said = readings(self.result.prediction) if self.result else (None, None, None)
        source = self.source
        if source is not None and not (source.has_frames and source.has_events):
            placeholder(painter, rect, "This source has one modality only; there is nothing to mask.")
            return
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 10
        gap = 14.0
        column = (rect.width() - names - 2 * gap) / 3
        head = line_height(painter, 0.86) + line_height(painter, 1.05)
        step = (rect.height() - head - 6) / len(EMOTIONS)
        top = rect.top() + head + 6
        leaders = [None if p is None else int(p.argmax()) for p in said]
        for index, name in enumerate(EMOTIONS):
            bold = index == leaders[1]
            ink = theme.TEXT if bold else theme.DIM
            text(painter, QRectF(rect.left(), top + index * step, names, step), name, LEFT, ink, 0.86, bold=bold)
        heads = (("RGB alone", theme.RGB), ("both", theme.TEXT), ("events alone", theme.EVENT))
        for number, ((words, colour), values) in enumerate(zip(heads, said, strict=True)):
            left = rect.left() + names + number * (column + gap)
            self._head(painter, QRectF(left, rect.top(), column, head), words, colour, values)
            for index, name in enumerate(EMOTIONS):
                thick = min(step * 0.62, line_height(painter))
                bar = QRectF(left, top + (index + 0.5) * step - thick / 2, column, thick)
                block(painter, bar, theme.RAISED, 2)
                if values is not None:
                    share = 1.0 if index == leaders[number] else 0.55
                    fill = theme.mix(theme.PANEL, theme.EMOTION_COLOURS[name], share)
                    block(painter, QRectF(left, bar.top(), max(2.0, column * float(values[index])), thick), fill, 2)

    def _head(self, painter: Painter, rect: QRectF, words: str, colour: str, values: np.ndarray | None) -> None:
        small = line_height(painter, 0.86)
        text(painter, QRectF(rect.left(), rect.top(), rect.width(), small), words, LEFT, colour, 0.86, bold=True)
        if values is None:
            return
        best = int(values.argmax())
        below = rect.adjusted(0, small, 0, 0)
        text(painter, below, percent(float(values[best])), RIGHT, theme.DIM)
        room = below.adjusted(0, 0, -text_width(painter, "100 %") - 4, 0)
        text(painter, room, EMOTIONS[best], LEFT, theme.TEXT, 1.05, bold=True)


def readings(prediction: Prediction) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return the probabilities ``(J,)`` of RGB alone, of both and of events alone; None for what was not asked."""
    return prediction.rgb_only, prediction.probabilities, prediction.event_only
