"""The eight experts' gates, by kind, with the chosen two; in detail also what each of them votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from mcoe.core.words import EMOTIONS
from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Prediction, Result

from ..widgets import theme
from ..widgets.controls import switch
from ..widgets.painting import (
    CENTRE,
    RIGHT,
    Painter,
    block,
    frame,
    legend,
    line_height,
    mark,
    percent,
    text,
    text_width,
)
from .base import Panel

#: Kinds of the default network, to draw the axis before the first result.
_DEFAULT_KINDS = ("focal", "attention", "deep", "focal", "attention", "deep", "focal", "attention")

#: Upper ends that the gates' axis may have, and for how many results a lower one must do before it is taken.
ENDS = (0.25, 0.5, 1.0)
CALM = 90


class ExpertPanel(Panel):
    """One column per expert; the chosen ones are filled and carry their weight. Below, in detail, the 8×7 votes."""

    key = "experts"
    title = "Experts"
    sentence = (
        "The HCE-MoE router's gate for each of the eight experts; the top-2 are chosen and weighted to sum to 100 %. "
        "In the Explain layout also each expert's own vote over the seven emotions."
    )

    def __init__(self) -> None:
        super().__init__()
        #: The gate at the axis' upper end.
        self.top, self._low_for = ENDS[0], 0
        self.weighted = switch("× weight", "Weigh each expert's vote by the router: only the chosen ones remain (W)")
        self.weighted.toggled.connect(lambda _: self.canvas.update())
        self.weighted.hide()
        self.header.addWidget(self.weighted)
        self.set_detailed(False)

    def set_detailed(self, detailed: bool) -> None:
        super().set_detailed(detailed)
        self.weighted.setVisible(detailed)
        self.note.setText("dashed: equal share" if detailed else "framed: chosen, with weight · dashed: equal share")

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        self._fit(float(result.prediction.gates.max()))
        super().show_result(result, history)

    def clear(self) -> None:
        self.top, self._low_for = ENDS[0], 0
        super().clear()

    def _fit(self, highest: float) -> None:
        """Choose the axis' upper end: up at once, down only after a while, so that no column jumps with it."""
        wanted = next(end for end in ENDS if highest <= end or end == ENDS[-1])
        self._low_for = self._low_for + 1 if wanted < self.top else 0
        if wanted > self.top or self._low_for >= CALM:
            self.top, self._low_for = wanted, 0

    def draw(self, painter: Painter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        prediction = self.result.prediction if self.result else None
        kinds = prediction.expert_kinds if prediction else _DEFAULT_KINDS
        used = [kind for kind in theme.KIND_COLOURS if kind in kinds]
        legend(
            painter,
            QRectF(rect.left(), rect.top(), rect.width(), line),
            [(theme.KIND_MARKS[kind], theme.KIND_COLOURS[kind], kind) for kind in used],
            align_right=False,
        )
        if not self.detailed:
            self._gates(painter, rect, prediction, kinds)
            return
        names = max(text_width(painter, name, 0.86, bold=True) for name in EMOTIONS) + 10
        upper = rect.adjusted(names, 0, 0, -rect.height() * 0.5)
        self._gates(painter, upper, prediction, kinds)
        self._votes(painter, QRectF(rect.left(), upper.bottom() + 6, rect.width(), rect.height() * 0.5 - 6), names)

    def _gates(self, painter: Painter, rect: QRectF, prediction: Prediction | None, kinds: tuple[str, ...]) -> None:
        line = line_height(painter, 0.86)
        # Room above the tallest column for its weight, below for mark and number.
        plot = rect.adjusted(0, 2 * line + 6, 0, -2 * line - 2)
        step = plot.width() / len(kinds)
        width = min(step * 0.62, line * 3)
        top = self.top
        text(
            painter,
            QRectF(rect.left(), rect.top(), rect.width(), line),
            f"top: gate {percent(top)}",
            RIGHT,
            theme.DIM,
            0.8,
        )
        self._scale(painter, plot, len(kinds))
        chosen = {} if prediction is None else dict(zip(prediction.chosen.tolist(), prediction.weights, strict=True))
        for index, kind in enumerate(kinds):
            x = plot.left() + (index + 0.5) * step
            colour = theme.KIND_COLOURS[kind]
            foot = QRectF(x - step / 2, plot.bottom() + 3, step, line)
            mark(painter, QPointF(x, foot.center().y()), line * 0.5, theme.KIND_MARKS[kind], colour)
            picked = index in chosen
            number = foot.translated(0, line)
            text(painter, number, str(index + 1), CENTRE, theme.TEXT if picked else theme.DIM, 0.86, bold=picked)
            if prediction is None:
                continue
            height = max(1.0, plot.height() * min(1.0, float(prediction.gates[index]) / top))
            column = QRectF(x - width / 2, plot.bottom() - height, width, height)
            block(painter, column, theme.mix(theme.PANEL, colour, 1.0 if picked else 0.35), 2)
            if picked:
                frame(painter, column.adjusted(-3, -3, 3, 0), theme.TEXT, 1.4)
                words = percent(chosen[index])
                wide = text_width(painter, words, 0.95, bold=True)
                label = QRectF(x - step / 2, column.top() - line - 5, step, line)
                # The line of the equal share must not run through the figure.
                painter.fillRect(QRectF(x - wide / 2 - 3, label.top(), wide + 6, line), QColor(theme.PANEL))
                text(painter, label, words, CENTRE, theme.TEXT, 0.95, bold=True)

    def _scale(self, painter: Painter, plot: QRectF, experts: int) -> None:
        """Draw the ground line, the axis' upper end and the equal share, under the columns."""
        ticks = ((plot.bottom(), theme.LINE, Qt.PenStyle.SolidLine), (plot.top(), theme.LINE, Qt.PenStyle.SolidLine),
                 (plot.bottom() - plot.height() / experts / self.top, theme.DIM, Qt.PenStyle.DashLine))  # fmt: skip
        for y, ink, style in ticks:
            painter.setPen(QPen(QColor(ink), 1, style))
            painter.drawLine(QPointF(plot.left(), round(y) + 0.5), QPointF(plot.right(), round(y) + 0.5))

    def _votes(self, painter: Painter, rect: QRectF, names: float) -> None:
        prediction = self.result.prediction if self.result else None
        kinds = prediction.expert_kinds if prediction else _DEFAULT_KINDS
        shares = None if prediction is None else votes(prediction, self.weighted.isChecked())
        fused = -1 if prediction is None else int(prediction.probabilities.argmax())
        step, row = (rect.width() - names) / len(kinds), rect.height() / len(EMOTIONS)
        for emotion, name in enumerate(EMOTIONS):
            y = rect.top() + emotion * row
            bold = emotion == fused
            colour = theme.TEXT if bold else theme.DIM
            text(painter, QRectF(rect.left(), y, names - 10, row), name, RIGHT, colour, 0.86, bold=bold)
            for index, kind in enumerate(kinds):
                cell = QRectF(rect.left() + names + index * step, y, step, row).adjusted(1, 1, -1, -1)
                share = 0.0 if shares is None else float(shares[index, emotion])
                painter.fillRect(cell, theme.mix(theme.CANVAS, theme.KIND_COLOURS[kind], min(1.0, share / FULL)))
                if share >= 0.05:
                    # Dark ink on the bright cells, light ink on the others.
                    ink = theme.CANVAS if share > 0.55 * FULL else theme.TEXT
                    best = shares is not None and emotion == int(shares[index].argmax())
                    text(painter, cell, f"{100 * share:.0f}", CENTRE, ink, 0.8, bold=best)


#: Share of a vote that gets full colour.
FULL = 0.8


def votes(prediction: Prediction, weighted: bool) -> NDArray[np.float64]:
    """Return each expert's softmax ``(N_e, J)``; ``weighted`` by the router, 0 for those not chosen."""
    logits = prediction.expert_logits.astype(np.float64)
    shares: NDArray[np.float64] = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    if weighted:
        weights = np.zeros(len(shares))
        weights[prediction.chosen] = prediction.weights
        shares *= weights[:, None]
    return shares
