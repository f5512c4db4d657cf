"""The calm card over the panels: nothing open, loading, failed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class MessageCard(QWidget):
    """A veil over its parent with a title, one sentence and, where it helps, a button. It moves nothing below it."""

    open_requested = Signal()
    retry_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("veil")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        card = QFrame()
        card.setObjectName("card")
        self.title, self.words = QLabel(), QLabel()
        self.title.setObjectName("cardTitle")
        self.words.setObjectName("cardText")
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.open_button = QPushButton("Open a recording…")
        self.open_button.setObjectName("primary")
        self.open_button.clicked.connect(self.open_requested)
        self.retry_button = QPushButton("Try again")
        self.retry_button.clicked.connect(self.retry_requested)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.retry_button)
        buttons.addStretch(1)
        self._inside = QVBoxLayout(card)
        self._inside.addWidget(self.title)
        self._inside.addWidget(self.words)
        self._inside.addLayout(buttons)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(card, 2)
        row.addStretch(1)
        outer.addLayout(row)
        outer.addStretch(1)
        parent.installEventFilter(self)
        self.hide()

    def show_message(self, title: str, words: str, can_open: bool = False, can_retry: bool = False) -> None:
        """Cover the panels with this message."""
        self.title.setText(title)
        self.words.setText(words)
        self.open_button.setVisible(can_open)
        self.retry_button.setVisible(can_retry)
        pad = 2 * self.fontMetrics().height()
        self._inside.setContentsMargins(pad, pad, pad, pad)
        self._inside.setSpacing(pad // 2)
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self.parentWidget().rect())
        return super().eventFilter(watched, event)
