"""One sentence at the foot of the panels that goes away by itself: what an action did, or why it could not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QLabel, QWidget

from ..widgets.label import plain


class Notice(QLabel):
    """Lies over the lower edge of its parent, so that nothing moves when it comes or goes; a click hides it."""

    SHOWN_MS = 7000

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("notice")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName("Notice")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.SHOWN_MS)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def say(self, words: str, bad: bool = False) -> None:
        """Show ``words``; ``bad`` for what failed."""
        self.setText(plain(words))
        self.setProperty("bad", bad)
        self.style().unpolish(self)
        self.style().polish(self)
        self._place()
        self.show()
        self.raise_()
        self._timer.start()

    def _place(self) -> None:
        room = self._over.rect()
        pad = self.fontMetrics().height()
        width = min(room.width() - 2 * pad, self.fontMetrics().horizontalAdvance(self.text()) + 3 * pad)
        height = self.heightForWidth(width) + pad // 2
        self.setGeometry((room.width() - width) // 2, room.height() - height - pad, width, height)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)
