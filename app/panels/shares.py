"""How often each kind of expert was chosen, and how much weight it got, since the recording was opened (Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from mcoe.live.stream.history import HistoryPoint
from mcoe.results import Result

from ..widgets import theme
from ..widgets.controls import switch
from ..widgets.painting import LEFT, RIGHT, Painter, block, line_height, mark, percent, text, text_width
from .base import Panel


class SharePanel(Panel):
    """Two bars per kind, activation and weight, with a dashed tick where all experts would be used alike."""

    key = "shares"
    title = "Expert shares"
    sentence = (
        "The running share of activations and of routing weight per kind of expert (live form of the paper's Fig. 6); "
        "a dashed tick stands where the router would use all eight experts alike."
    )

    def __init__(self) -> None:
        super().__init__()
        self.activations: dict[str, float] = {}
        self.weights: dict[str, float] = {}
        self.equal: dict[str, float] = {}
        self.windows = 0
        self.again = switch("count anew", "Begin the counting anew from here")
        self.again.setCheckable(False)
        self.again.clicked.connect(self.restart)
        self.header.addWidget(self.again)
        self.restart()

    def restart(self) -> None:
        """Forget what was counted."""
        self.windows = 0
        self.activations = dict.fromkeys(theme.KIND_COLOURS, 0.0)
        self.weights = dict.fromkeys(theme.KIND_COLOURS, 0.0)
        self._show_count()

    def clear(self) -> None:
        self.restart()
        super().clear()

    def show_result(self, result: Result, history: Sequence[HistoryPoint]) -> None:
        prediction = result.prediction
        kinds = prediction.expert_kinds
        self.equal = {kind: kinds.count(kind) / len(kinds) for kind in theme.KIND_COLOURS if kind in kinds}
        for index, weight in zip(prediction.chosen.tolist(), prediction.weights, strict=True):
            self.activations[kinds[index]] += 1
            self.weights[kinds[index]] += float(weight)
        self.windows += 1
        self._show_count()
        super().show_result(result, history)

    def _show_count(self) -> None:
        self.note.setText(f"over {self.windows:,} windows" if self.windows else "")
        self.canvas.update()

    def shares(self) -> dict[str, tuple[float, float]]:
        """Return the share of activations and of weight of each kind there is; each sums to 1 over the kinds."""
        of_all, of_weight = sum(self.activations.values()), sum(self.weights.values())
        if not of_all:
            return {}
        return {kind: (self.activations[kind] / of_all, self.weights[kind] / of_weight) for kind in self.equal}

    def draw(self, painter: Painter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        kinds = list(self.equal) or list(theme.KIND_COLOURS)
        shares = self.shares()
        left = max(text_width(painter, word, bold=True) for word in kinds) + 26
        inner = max(text_width(painter, word, 0.86) for word in ("activation", "weight")) + 8
        right = text_width(painter, "100 %", bold=True) + 6
        step = rect.height() / len(kinds)
        for number, kind in enumerate(kinds):
            row = QRectF(rect.left(), rect.top() + number * step, rect.width(), step)
            colour = theme.KIND_COLOURS[kind]
            mark(painter, QPointF(row.left() + 6, row.center().y()), line * 0.55, theme.KIND_MARKS[kind], colour)
            text(painter, row.adjusted(20, 0, 0, 0), kind, LEFT, theme.TEXT, bold=True)
            thick = min(step * 0.36, line * 1.3)
            track = QRectF(row.left() + left + inner, 0, row.width() - left - inner - right, thick)
            for half, word in enumerate(("activation", "weight")):
                bar = track.translated(0, row.center().y() + (half - 1) * (thick + 3) + 1.5)
                caption = QRectF(bar.left() - inner, bar.top(), inner, thick)
                text(painter, caption, word, LEFT, theme.DIM, 0.86)
                block(painter, bar, theme.RAISED, 3)
                if kind in shares:
                    share = shares[kind][half]
                    ink = theme.mix(theme.PANEL, colour, 1.0 if half == 0 else 0.62)
                    block(painter, QRectF(bar.left(), bar.top(), max(2.0, bar.width() * share), thick), ink, 3)
                    value = QRectF(bar.right(), bar.top(), right, thick)
                    text(painter, value, percent(share), RIGHT, theme.TEXT)
            if kind in self.equal:
                x = round(track.left() + track.width() * self.equal[kind]) + 0.5
                painter.setPen(QPen(QColor(theme.TEXT), 1, Qt.PenStyle.DashLine))
                middle = row.center().y()
                painter.drawLine(QPointF(x, middle - thick - 6), QPointF(x, middle + thick + 6))
