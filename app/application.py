"""Start the window and run until it closes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.protocol import MakePipeline
from app.screenshot import screenshot
from app.window import MainWindow


def run(
    make_pipeline: MakePipeline,
    replay: str | None,
    size: tuple[int, int] | None = None,
    shot: tuple[Path, float] | None = None,
) -> int:
    """Show the window, open ``replay`` (None: the default source) and return the exit code.

    Args:
        size: window size in pixels; None: as it was left last time.
        shot: save a picture of the window to this PNG after so many seconds, then quit.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    window = MainWindow(make_pipeline)
    window.resize(1280, 800)
    window.restore()
    if size is not None:
        window.resize(*size)
    window.show()
    QTimer.singleShot(0, lambda: window.open(replay))
    if shot is not None:
        path, seconds = shot

        def save() -> None:
            screenshot(window, path)
            window.close()

        QTimer.singleShot(round(seconds * 1000), save)
    # Ctrl+C in the terminal closes the window in order, so that the pipeline's threads are joined. Python runs its
    # handler only between bytecodes: the window's own timer gives it the chance.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    return app.exec()
