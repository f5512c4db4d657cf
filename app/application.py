"""Start the window and run until it closes."""

from __future__ import annotations

import signal
import sys

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.protocol import MakePipeline
from app.window import MainWindow


def run(make_pipeline: MakePipeline, replay: str | None) -> int:
    """Show the window, open ``replay`` (None: the default source) and return the exit code."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    window = MainWindow(make_pipeline)
    window.resize(1280, 800)
    window.restore()
    window.show()
    QTimer.singleShot(0, lambda: window.open(replay))
    # Ctrl+C in the terminal closes the window in order, so that the pipeline's threads are joined.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    return app.exec()
