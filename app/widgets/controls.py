"""Small controls that Qt's style sheets cannot draw."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QToolButton

from . import theme


class Choice(QComboBox):
    """A combo box with an arrow that scales with the font; a style sheet could only take one from an image file."""

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.DIM if self.isEnabled() else theme.LINE), 1.6))
        half = self.fontMetrics().height() * 0.22
        x, y = self.width() - 3.4 * half, self.height() / 2
        painter.drawPolyline(
            [QPointF(x - half, y - half / 2), QPointF(x, y + half / 2), QPointF(x + half, y - half / 2)]
        )
        painter.end()


def switch(words: str, hint: str) -> QToolButton:
    """Return a small button that stays down until it is pressed again."""
    button = QToolButton()
    button.setObjectName("compact")
    button.setText(words)
    button.setAccessibleName(words)
    button.setToolTip(hint)
    button.setCheckable(True)
    return button


def step_choice(choice: QComboBox, by: int, wrap: bool = True) -> None:
    """Choose the entry ``by`` further on, from the last to the first if ``wrap``."""
    index, count = choice.currentIndex() + by, choice.count()
    choice.setCurrentIndex(index % count if wrap else min(count - 1, max(0, index)))
