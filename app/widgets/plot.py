"""pyqtgraph's plot in the window's colours and font."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence

from . import theme

# OpenGL is twenty times slower without a GPU, and blank where there is no screen.
pg.setConfigOptions(useOpenGL=False, antialias=True, foreground=theme.DIM)


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot that is looked at and copied, not dragged about.

    Args:
        name: what a screen reader calls it.
        hint: tooltip.
    """

    def __init__(self, name: str = "", hint: str = "") -> None:
        super().__init__(background=theme.PANEL)
        self.setAccessibleName(name)
        self.setToolTip(hint)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMouseEnabled(False, False)
        self.plotItem.setMenuEnabled(False)
        self.plotItem.hideButtons()
        self.plotItem.setContentsMargins(6, 8, 14, 6)
        self.plotItem.vb.setBackgroundColor(theme.CANVAS)
        self.copy_action = QAction("Copy this plot", self)
        self.copy_action.setShortcut(QKeySequence.StandardKey.Copy)
        self.copy_action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        self.copy_action.triggered.connect(lambda: QGuiApplication.clipboard().setPixmap(self.grab()))
        self.addAction(self.copy_action)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.plotItem is not None:
            self.use_font()

    def use_font(self) -> None:
        """Write every word in the widget's own font: graphics items do not follow style sheets."""
        font = self.font()
        for item in self.scene().items():
            if isinstance(item, pg.TextItem):
                item.setFont(font)
            elif isinstance(item, pg.LabelItem):
                item.item.setFont(font)
                item.setText(item.text)
            elif isinstance(item, pg.AxisItem):
                item.label.setFont(font)
                item.setTickFont(font)
                item.resizeEvent()
