"""The eight experts' gates, by kind, with the chosen two."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from app import theme
from app.painting import CENTRE, Painter, block, frame, legend, line_height, mark, percent, text
from app.panels.base import Panel

#: Kinds of the default network, to draw the axis before the first result.
_DEFAULT_KINDS = ("focal", "attention", "deep", "focal", "attention", "deep", "focal", "attention")


class ExpertPanel(Panel):
    """One column per expert; the chosen ones are filled and carry their weight."""

    title = "Experts"
    sentence = (
        "The HCE-MoE router's gate for each of the eight experts; the top-2 are chosen and weighted to sum to 100 %."
    )

    def __init__(self) -> None:
        super().__init__()
        self.note.setText("framed: chosen, with weight · dashed: equal share")

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
        # Room above the tallest column for its weight, below for mark and number.
        plot = rect.adjusted(0, 2 * line + 6, 0, -2 * line - 2)
        step = plot.width() / len(kinds)
        width = min(step * 0.62, line * 3)
        top = 1.0 if prediction is None else max(0.25, float(prediction.gates.max()))
        painter.setPen(QPen(QColor(theme.LINE), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
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
            height = max(1.0, plot.height() * float(prediction.gates[index]) / top)
            column = QRectF(x - width / 2, plot.bottom() - height, width, height)
            block(painter, column, theme.mix(theme.PANEL, colour, 1.0 if picked else 0.35), 2)
            if picked:
                frame(painter, column.adjusted(-3, -3, 3, 0), theme.TEXT, 1.4)
                label = QRectF(x - step / 2, column.top() - line - 5, step, line)
                text(painter, label, percent(chosen[index]), CENTRE, theme.TEXT, 0.95, bold=True)
        if prediction is not None:
            self._equal_share(painter, plot, plot.bottom() - plot.height() / len(kinds) / top)

    def _equal_share(self, painter: Painter, plot: QRectF, y: float) -> None:
        painter.setPen(QPen(QColor(theme.DIM), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
