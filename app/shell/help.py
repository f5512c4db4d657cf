"""All keys on one card, over the window; any key or click takes it away."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..core.menus import Menus
from ..widgets.label import Label

#: Keys that are not actions of the menus.
_ALSO = {"Everywhere": [("Tab", "Next control"), ("Alt+F", "Open the File menu"), ("Esc", "Close this card")]}
_COLUMNS = 3


class HelpOverlay(QWidget):
    """The keys of ``menus`` by menu, in columns."""

    def __init__(self, parent: QWidget, menus: Menus) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("veil")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._menus = menus
        self.card = QFrame()
        self.card.setObjectName("card")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.card)
        row.addStretch(1)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(row)
        outer.addStretch(1)
        self._inside = QVBoxLayout(self.card)
        parent.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        """Show the keys as they are now, or hide them."""
        if self.isVisible():
            self.hide()
            return
        self._fill()
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()
        self.setFocus()

    def _fill(self) -> None:
        while (item := self._inside.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        pad = self.fontMetrics().height()
        self._inside.setContentsMargins(2 * pad, int(1.5 * pad), 2 * pad, int(1.5 * pad))
        self._inside.setSpacing(pad)
        title = Label("Keys")
        title.setObjectName("cardTitle")
        self._inside.addWidget(title)
        groups = list((self._menus.keys() | _ALSO).items())
        columns: list[list[tuple[str, list[tuple[str, str]]]]] = [[] for _ in range(_COLUMNS)]
        for group in sorted(groups, key=lambda group: -len(group[1])):
            min(columns, key=lambda column: sum(len(keys) + 2 for _, keys in column)).append(group)
        body = QWidget()
        body.setObjectName("plain")
        across = QHBoxLayout(body)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(3 * pad)
        for column in columns:
            grid = QGridLayout()
            grid.setHorizontalSpacing(pad)
            grid.setVerticalSpacing(pad // 4)
            line = 0
            for menu, keys in column:
                grid.addWidget(_label(menu, "panelTitle"), line, 0, 1, 2)
                for line, (key, name) in enumerate(keys, line + 1):  # noqa: B020  # the grid's line goes on
                    grid.addWidget(_label(key, "keyCap"), line, 0, Qt.AlignmentFlag.AlignLeft)
                    grid.addWidget(_label(name, "plain"), line, 1)
                line += 1
            grid.setRowStretch(line, 1)
            grid.setColumnStretch(1, 1)
            across.addLayout(grid, 1)
        self._inside.addWidget(body)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)


def _label(words: str, name: str) -> QLabel:
    label = Label(words)
    label.setObjectName(name)
    return label
