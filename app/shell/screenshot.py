"""Save the window's picture at once, for the command line; the window's own exports write in a thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from ..export.writing import write_png


def screenshot(window: QWidget, path: str | Path) -> None:
    """Save what ``window`` shows as a PNG. Raises McoeError if it cannot be written."""
    write_png(Path(path), window.grab().toImage())
