"""Name and state of what is open, at the right end of the menu bar."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMenuBar

from ..widgets import theme
from ..widgets.label import NAME, plain

_WORDS = {
    "": "",
    "loading": "loading",
    "playing": "playing",
    "paused": "paused",
    "ended": "end of recording",
    "failed": "stopped",
    "closed": "closed",
}
_COLOURS = {"playing": theme.TEXT, "failed": theme.FAILURE}


class Headline(QLabel):
    """Lives in ``bar`` and fits itself to its words."""

    def __init__(self, bar: QMenuBar) -> None:
        super().__init__()
        self._bar = bar
        #: Stands in for the pipeline's state while a camera is lost; empty otherwise.
        self.lost = ""
        self.setObjectName("headline")
        self.setTextFormat(Qt.TextFormat.RichText)
        bar.setCornerWidget(self, Qt.Corner.TopRightCorner)

    def say(self, name: str, state: str) -> bool:
        """Show a source's name and the pipeline's state; True if that changed anything."""
        shown = self.lost or _WORDS.get(state, state)
        words = f'<span style="color:{theme.DIM}">{html.escape(plain(name, NAME))}</span>'
        if shown:
            colour = theme.WARNING if self.lost else _COLOURS.get(state, theme.WARNING)
            words += f'&nbsp;&nbsp;<span style="color:{colour}">● {shown}</span>&nbsp;&nbsp;'
        if words == self.text():
            return False
        self.setText(words)
        self.adjustSize()
        self._bar.setCornerWidget(self, Qt.Corner.TopRightCorner)
        self.show()
        return True
