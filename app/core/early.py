"""What takes a while to make is made while the first network loads, not when a key is pressed over a running stream."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog

from .stream import Stream

#: By then the message that something is being opened stands, and no network has loaded yet.
EARLY_MS = 300


def make_early(stream: Stream, make: Callable[[], QDialog]) -> None:
    """Call ``make`` soon after something was opened for the first time."""
    once = Qt.ConnectionType.SingleShotConnection
    stream.pipeline_changed.connect(lambda _: QTimer.singleShot(EARLY_MS, stream, make), once)
