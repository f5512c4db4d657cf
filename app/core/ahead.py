"""What takes a while to make is made while the first network loads, not when a key is pressed over a running stream."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog

if TYPE_CHECKING:
    from ..shell.window import MainWindow

#: By then the message that something is being opened stands, and no network has loaded yet.
AHEAD_MS = 300


def make_ahead(window: MainWindow, make: Callable[[], QDialog]) -> None:
    """Call ``make`` soon after the window opens something for the first time."""
    once = Qt.ConnectionType.SingleShotConnection
    window.pipeline_changed.connect(lambda _: QTimer.singleShot(AHEAD_MS, window, make), once)


def show_dialog(dialog: QDialog, window: MainWindow, width: float, height: float) -> None:
    """Bring ``dialog`` to the front; when it was never sized, it gets these shares of the window."""
    if not dialog.testAttribute(Qt.WidgetAttribute.WA_Resized):
        dialog.resize(round(window.width() * width), round(window.height() * height))
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()


def spare_pauses(window: MainWindow) -> None:
    """Take what loading made out of the garbage collector's sight at the first result.

    It lives as long as the program, and a full collection that walks over it holds every thread up for 0.3 s.
    """
    window.result_shown.connect(lambda _: gc.freeze(), Qt.ConnectionType.SingleShotConnection)
