"""The menus, to which every feature adds its actions with one line each, and the list of all keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

_MENUS = ("&File", "&Session", "&Playback", "&Explain", "&View", "&Tools", "&Help")


class Menus:
    """The menu bar of ``window``; a menu appears with its first action."""

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._menus = {name.replace("&", ""): window.menuBar().addMenu(name) for name in _MENUS}
        self._actions: list[tuple[str, QAction]] = []
        self._panels: QMenu | None = None
        for menu in self._menus.values():
            menu.menuAction().setVisible(False)
            menu.setToolTipsVisible(True)

    def __getitem__(self, menu: str) -> QMenu:
        """Return the menu called File, Session, Playback, Explain, View, Tools or Help."""
        return self._menus[menu]

    def add(
        self,
        menu: str,
        name: str,
        keys: str | QKeySequence.StandardKey,
        slot: Callable[..., Any],
        hint: str = "",
        checked: bool | None = None,
        into: QMenu | None = None,
    ) -> QAction:
        """Add an action to ``menu``.

        Args:
            name: with ``&`` before its mnemonic and ``…`` if it opens a dialog.
            keys: its shortcut, or nothing.
            slot: called with the action's state if it has one, else with nothing.
            hint: one sentence for the tooltip and the help overlay.
            checked: makes it a switch in this state.
            into: a :meth:`submenu` of ``menu`` to add it to.
        """
        action = QAction(name, self._window)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.setToolTip(hint or name.replace("&", ""))
        if checked is not None:
            action.setCheckable(True)
            action.setChecked(checked)
            action.toggled.connect(slot)
        else:
            action.triggered.connect(lambda _checked=False: slot())
        self.adopt(menu, action, into)
        return action

    def submenu(self, menu: str, name: str) -> QMenu:
        """Add a menu within ``menu``."""
        inner = self._menus[menu].addMenu(name)
        inner.setToolTipsVisible(True)
        return inner

    def adopt(self, menu: str, action: QAction, into: QMenu | None = None) -> None:
        """Add an action made elsewhere."""
        (into or self._menus[menu]).addAction(action)
        self._menus[menu].menuAction().setVisible(True)
        # Full-screen and hidden menu bars must not take the keys away.
        self._window.addAction(action)
        self._actions.append((menu, action))

    def panel(self, action: QAction, keys: str = "") -> None:
        """List a panel's switch under View, Panels; ``keys`` is its shortcut, or nothing."""
        if self._panels is None:
            self._panels = self.submenu("View", "&Panels")
        action.setShortcut(QKeySequence(keys))
        self.adopt("View", action, self._panels)

    def keys(self) -> dict[str, list[tuple[str, str]]]:
        """Return ``(keys, name)`` of every action that has a shortcut, by menu."""
        found: dict[str, list[tuple[str, str]]] = {}
        for menu, action in self._actions:
            words = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            if words:
                found.setdefault(menu, []).append((words, action.text().replace("&", "").rstrip("…")))
        return found
