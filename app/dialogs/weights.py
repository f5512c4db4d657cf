"""What the weights in use say of themselves, as a table that can be copied."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from mcoe.model.facts import Facts

from ..widgets.label import Label

#: Said where no weights are loaded.
UNTRAINED = (
    "This network is untrained: its numbers are random and its answers mean nothing. Load weights with --weights."
)


class WeightsDialog(QDialog):
    """Shows :meth:`mcoe.model.facts.Facts.rows`, or that the network is untrained (None)."""

    def __init__(self, parent: QWidget, facts: Facts | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Weights")
        pad = self.fontMetrics().height()
        summary = _label(UNTRAINED if facts is None else facts.sentence, "plain")
        body = QFrame()
        body.setObjectName("plain")
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, pad, 0)
        grid.setHorizontalSpacing(pad)
        grid.setVerticalSpacing(pad // 3)
        grid.setColumnStretch(1, 1)
        rows = [] if facts is None else facts.rows()
        for line, (what, words) in enumerate(rows):
            grid.addWidget(_label(what, "panelNote"), line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_label(words, "plain"), line, 1)
        grid.setRowStretch(len(rows), 1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        for filled in (scroll.viewport(), body):
            filled.setAutoFillBackground(False)  # with the desktop's palette
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.buttons.rejected.connect(self.reject)
        for button in self.buttons.buttons():
            button.setIcon(QIcon())  # the desktop's own icons belong to another palette
        box = QVBoxLayout(self)
        box.setContentsMargins(pad, pad, pad, pad)
        box.setSpacing(pad)
        box.addWidget(summary)
        if rows:
            box.addWidget(scroll, 1)
        box.addWidget(self.buttons)
        if rows:
            self.resize(48 * pad, min(36 * pad, parent.height() * 9 // 10))
        else:
            self.setFixedWidth(30 * pad)


def _label(words: str, name: str) -> QLabel:
    label = Label(words)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(name == "plain")
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
