"""Save the window's picture."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from mcoe.errors import McoeError


def screenshot(window: QWidget, path: str | Path) -> None:
    """Save what ``window`` shows as a PNG. Raises McoeError if it cannot be written."""
    if not window.grab().save(str(path), "PNG"):
        raise McoeError(f"Cannot write the screenshot {path}; choose a folder that exists and may be written to.")
