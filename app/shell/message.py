"""The calm card over the panels: nothing open, loading, failed, no GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ..widgets import theme
from ..widgets.label import Label, plain

Kind = Literal["empty", "loading", "failed", "no gpu"]
_COLOURS: dict[Kind, str] = {
    "empty": theme.ACCENT, "loading": theme.ACCENT, "failed": theme.FAILURE, "no gpu": theme.WARNING
}  # fmt: skip
#: What a new user may press first.
_KEYS = (("Ctrl+O", "open"), ("Ctrl+B", "browse"), ("Ctrl+K", "cameras"), ("?", "all keys"))


class Mark(QWidget):
    """A drawing for each kind of message; that of loading turns."""

    TURN_MS = 50
    TURN_DEGREES = 15

    def __init__(self) -> None:
        super().__init__()
        self.kind: Kind = "empty"
        self.angle = 0
        self._timer = QTimer(self)
        self._timer.setInterval(self.TURN_MS)
        self._timer.timeout.connect(self._turn)

    def show_kind(self, kind: Kind, side: int) -> None:
        """Draw this kind, ``side`` px wide and high."""
        self.kind = kind
        self.setFixedSize(side, side)
        if kind == "loading":
            self._timer.start()
        else:
            self._timer.stop()
        self.update()

    def _turn(self) -> None:
        self.angle = (self.angle + self.TURN_DEGREES) % 360
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = float(self.width())
        painter.scale(side / 48, side / 48)
        colour = QColor(_COLOURS[self.kind])
        painter.setPen(QPen(colour, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        {"empty": _eye, "loading": self._ring, "failed": _alert, "no gpu": _chip}[self.kind](painter)
        painter.end()

    def _ring(self, painter: QPainter) -> None:
        circle = QRectF(6, 6, 36, 36)
        pen = painter.pen()
        painter.setPen(QPen(QColor(theme.RAISED), 4))
        painter.drawEllipse(circle)
        pen.setWidth(4)
        painter.setPen(pen)
        painter.drawArc(circle, -self.angle * 16, 100 * 16)


def _eye(painter: QPainter) -> None:
    lids = QPainterPath(QPointF(3, 24))
    lids.quadTo(24, 2, 45, 24)
    lids.quadTo(24, 46, 3, 24)
    painter.drawPath(lids)
    painter.drawEllipse(QPointF(24, 24), 8, 8)
    painter.setBrush(painter.pen().color())
    painter.drawEllipse(QPointF(24, 24), 1.5, 1.5)


def _alert(painter: QPainter) -> None:
    painter.drawEllipse(QRectF(5, 5, 38, 38))
    painter.drawLine(QPointF(24, 14), QPointF(24, 27))
    painter.drawPoint(QPointF(24, 34))


def _chip(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(12, 12, 24, 24), 3, 3)
    for at in (18, 24, 30):
        for line in ((at, 5, at, 11), (at, 37, at, 43), (5, at, 11, at), (37, at, 43, at)):
            painter.drawLine(*line)
    painter.drawLine(QPointF(18, 18), QPointF(30, 30))
    painter.drawLine(QPointF(30, 18), QPointF(18, 30))


class MessageCard(QWidget):
    """A veil over its parent with a title, one sentence and, where it helps, buttons. It moves nothing below it.

    Attributes:
        kind: what is shown, and drawn beside the words.
        other: a button beside the usual ones, see :meth:`offer`.
    """

    open_requested = Signal()
    retry_requested = Signal()
    #: A message was shown; whoever can help may :meth:`offer` it.
    shown = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("veil")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.kind: Kind = "empty"
        self._help: Callable[[], None] = lambda: None
        self.card = QFrame()
        self.card.setObjectName("card")
        self.mark, self.title, self.words = Mark(), Label(), Label()
        self.title.setObjectName("cardTitle")
        self.title.setWordWrap(True)
        self.words.setObjectName("cardText")
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self.title, self.words):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.other = QPushButton()
        self.other.clicked.connect(lambda: self._help())
        self.open_button = QPushButton("Open a recording…")
        self.open_button.clicked.connect(self.open_requested)
        self.retry_button = QPushButton("Try again")
        self.retry_button.clicked.connect(self.retry_requested)
        buttons = QHBoxLayout()
        for button in (self.other, self.open_button, self.retry_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.hints = QWidget()
        self.hints.setObjectName("plain")
        keys = QHBoxLayout(self.hints)
        keys.setContentsMargins(0, 0, 0, 0)
        for key, words in _KEYS:
            for text, name in ((key, "keyCap"), (words, "panelNote")):
                label = Label(text)
                label.setObjectName(name)
                keys.addWidget(label)
            keys.addSpacing(8)
        keys.addStretch(1)
        said = QVBoxLayout()
        said.addWidget(self.title)
        said.addWidget(self.words)
        said.addLayout(buttons)
        said.addWidget(self.hints)
        self._said = said
        self._inside = QHBoxLayout(self.card)
        self._inside.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        self._inside.addLayout(said, 1)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.card, 2)
        row.addStretch(1)
        outer.addLayout(row)
        outer.addStretch(1)
        parent.installEventFilter(self)
        self.hide()

    def show_message(self, title: str, words: str, can_open: bool = False, can_retry: bool = False) -> None:
        """Cover the panels: a failure if ``can_retry``, else a welcome if ``can_open``, else loading."""
        self.kind = "failed" if can_retry else "empty" if can_open else "loading"
        self.title.setText(plain(title))
        self.words.setText(plain(words))
        self.open_button.setVisible(can_open)
        self.retry_button.setVisible(can_retry)
        self.other.hide()
        self._primary(self.open_button)
        self.hints.setVisible(self.kind == "empty")
        self._scale()
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()
        self.shown.emit()

    def offer(self, kind: Kind, title: str, words: str, slot: Callable[[], None]) -> None:
        """Turn the failure that is shown into one of a known ``kind`` with a way out: a button that calls ``slot``."""
        self.kind, self._help = kind, slot
        self.title.setText(title)
        self.other.setText(words)
        self.other.show()
        self._primary(self.other)
        self._scale()

    def _primary(self, first: QPushButton) -> None:
        for button in (self.other, self.open_button):
            button.setObjectName("primary" if button is first else "")
            button.style().unpolish(button)
            button.style().polish(button)

    def _scale(self) -> None:
        pad = 2 * self.fontMetrics().height()
        self._inside.setContentsMargins(pad, pad, pad, pad)
        self._inside.setSpacing(pad * 3 // 4)
        self._said.setSpacing(pad // 2)
        self.mark.show_kind(self.kind, 3 * pad // 2)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_said"):
            self._scale()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)
