"""The panels there are, as features know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from ..panels.base import Panel

Kind = TypeVar("Kind", bound=Panel)


class Panels(QObject):
    """Every panel by its key.

    Args:
        frame: returns what stands round a panel on the board, with its title: what a picture shows.
    """

    #: Name of the layout now shown.
    arranged = Signal(str)
    #: A panel came into sight or went out of it; emitted once things stand.
    sight_changed = Signal()

    def __init__(self, frame: Callable[[str], QWidget], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_key: dict[str, Panel] = {}
        self._frame = frame

    def add(self, panel: Panel) -> None:
        """Take a panel in."""
        self._by_key[panel.key] = panel

    def get(self, kind: type[Kind]) -> Kind:
        """Return the one panel of a class."""
        return next(panel for panel in self._by_key.values() if isinstance(panel, kind))

    def __getitem__(self, key: str) -> Panel:
        return self._by_key[key]

    def __iter__(self) -> Iterator[Panel]:
        return iter(self._by_key.values())

    def frame(self, key: str) -> QWidget:
        """Return what stands round a panel on the board, with its title."""
        return self._frame(key)
