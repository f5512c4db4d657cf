"""Two networks on the same moment: the one that is shown everywhere, and a second set of weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Signal
from PySide6.QtWidgets import QPushButton

from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Result

from ..widgets import theme
from ..widgets.painting import (
    LEFT,
    RIGHT,
    Painter,
    block,
    frame,
    line_height,
    percent,
    placeholder,
    text,
    text_width,
)
from .base import Panel


class ComparePanel(Panel):
    """A pair of bars for each emotion: filled for the first network, outlined for the second."""

    key = "compare"
    title = "Two networks"
    sentence = "The probabilities of two sets of weights for the same moment: full bars the first, outlined the second."
    #: The user asks for a second weights file, or to let go of it.
    load_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.second = ""
        self.button = QPushButton("Load…")
        self.button.setObjectName("compact")
        self.button.clicked.connect(self.load_requested)
        self.header.addWidget(self.button)
        self.set_second("")

    def set_second(self, name: str) -> None:
        """Show the name of the second weights; empty for none."""
        self.second = name
        self.button.setText("Let go" if name else "Load…")
        self.button.setToolTip("Stop asking the second network" if name else "Load a second weights file")
        self.note.setText("")
        self.canvas.update()

    @property
    def pair(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both networks' probabilities ``(J,)``, or None while there is no second."""
        if self.result is None or self.result.second is None or not self.second:
            return None
        return self.result.prediction.probabilities, self.result.second.probabilities

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        super().show_result(result, history)
        if self.pair is not None:
            tops = {int(p.argmax()) for p in self.pair}
            self.note.setText("same answer" if len(tops) == 1 else "they differ")

    def draw(self, painter: Painter, rect: QRectF) -> None:
        if not self.second:
            placeholder(painter, rect, "Load a second weights file to see both networks' answers side by side.")
            return
        small = line_height(painter, 0.86)
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 10
        figures = text_width(painter, "100 % 100 %", 0.86) + 14
        self._heads(painter, QRectF(rect.left(), rect.top(), rect.width(), small))
        step = (rect.height() - small - 4) / len(EMOTIONS)
        thick = min(step * 0.38, small)
        tops = [int(p.argmax()) for p in self.pair] if self.pair is not None else []
        for index, name in enumerate(EMOTIONS):
            row = QRectF(rect.left(), rect.top() + small + 4 + index * step, rect.width(), step)
            track = row.adjusted(names, 0, -figures, 0)
            text(painter, row, name, LEFT, theme.TEXT if index in tops else theme.DIM, 0.86, bold=index in tops)
            for second in (False, True):
                top = row.center().y() + (1 if second else -thick - 1)
                bar = QRectF(track.left(), top, track.width(), thick)
                block(painter, bar, theme.RAISED, 2)
                if self.pair is None:
                    continue
                value = float(self.pair[second][index])
                filled = QRectF(bar.left(), bar.top(), max(3.0, bar.width() * value), thick)
                colour = theme.EMOTION_COLOURS[name]
                if second:
                    block(painter, filled, theme.mix(theme.PANEL, colour, 0.22), 2)
                    frame(painter, filled, colour, 1.5)
                else:
                    block(painter, filled, colour, 2)
            if self.pair is not None:
                first, other = (percent(float(p[index])) for p in self.pair)
                half = QRectF(row.right() - figures / 2, row.top(), figures / 2, step)
                text(painter, half.translated(-figures / 2, 0), first, RIGHT, theme.TEXT, 0.86)
                text(painter, half, other, RIGHT, theme.DIM, 0.86)

    def _heads(self, painter: Painter, rect: QRectF) -> None:
        first = self.engine.weights if self.engine is not None and self.engine.weights else "untrained"
        size = rect.height() * 0.6
        half = rect.width() / 2
        for number, words in enumerate((first, self.second)):
            left = rect.left() + number * half
            mark = QRectF(left, rect.center().y() - size / 2, size, size)
            if number:
                frame(painter, mark, theme.TEXT, 1.5)
            else:
                block(painter, mark, theme.TEXT, 1)
            text(painter, QRectF(left + size + 6, rect.top(), half - size - 10, rect.height()), words, LEFT,
                 theme.DIM if number else theme.TEXT, 0.86)  # fmt: skip
