"""Start the window and run until it closes."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pyqtgraph  # noqa: F401  a third of a second that a click would wait for
from PySide6.QtCore import QSocketNotifier, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from mcoe.core.errors import McoeError
from mcoe.core.paths import assets
from mcoe.core.process import when_asked_to_end

from ..core.stream import Stream
from ..core.workbench import Workbench
from .hud import Watchdog
from .screenshot import screenshot
from .window import MainWindow

log = logging.getLogger(__name__)


def run(
    workbench: Workbench,
    replay: str | None,
    size: tuple[int, int] | None = None,
    shot: tuple[Path, float] | None = None,
    watch_s: float | None = None,
    layout: str | None = None,
    reopen_s: float | None = None,
) -> int:
    """Show the window, open ``replay`` and return the exit code.

    Args:
        workbench: opens recordings and builds networks.
        replay: path of a recording; None opens the default source.
        size: window ``(width, height)``, px; None takes the last run's.
        shot: save the window to this PNG after so many seconds and quit.
        watch_s: watch the event loop for so many seconds, once results come; print the hold-ups in ms as JSON; quit.
        layout: layout to begin with; None takes the last run's.
        reopen_s: open the source anew, again and again, so many seconds after its first result.

    Raises:
        McoeError: the screenshot could not be written.
    """
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    app.setDesktopFileName("mcoe-live")  # the entry in assets/, by which a desktop finds name and icon
    app.setWindowIcon(QIcon(str(assets() / "mcoe-live.svg")))
    window = MainWindow(workbench)
    window.resize(1280, 800)
    if size is None:
        window.restore()
    else:
        window.resize(*size)
    if layout is not None:
        window.show_layout(layout)
    window.show()
    spare_pauses(window.stream)
    QTimer.singleShot(0, lambda: window.stream.open(replay))
    failures: list[McoeError] = []
    if shot is not None:
        QTimer.singleShot(round(shot[1] * 1000), lambda: _shoot(window, shot[0], failures))
    if watch_s is not None:
        _watch(window, watch_s)
    if reopen_s is not None:
        _reopen(window, reopen_s)
    with _ending_in_order(app, window):
        code = app.exec()
        if left := window.join():
            log.warning("%s did not end when asked to, and was left", " and ".join(left))
    if failures:
        raise failures[0]
    return code


@contextlib.contextmanager
def _ending_in_order(app: QApplication, window: MainWindow) -> Iterator[None]:
    """Close the window as its user would when the process is asked to end: Ctrl+C, a logout, a service that stops.

    Python's own handlers wait for the next line of Python, which may not come while nothing plays; the pipe wakes Qt.
    """

    def end() -> None:
        told.setEnabled(False)
        app.closeAllWindows()  # a dialog that asks for a file first
        app.quit()

    here, there = socket.socketpair()
    for side in (here, there):
        side.setblocking(False)
    told = QSocketNotifier(here.fileno(), QSocketNotifier.Type.Read)
    told.activated.connect(end)
    before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
    try:
        with when_asked_to_end(lambda _: None):
            yield
    finally:
        signal.set_wakeup_fd(before)
        told.setEnabled(False)
        for side in (here, there):
            side.close()


def spare_pauses(stream: Stream) -> None:
    """Take what loading made out of the garbage collector's sight at the first result.

    It lives as long as the program, and a full collection that walks over it holds every thread up for 0.3 s.
    """
    stream.result_shown.connect(lambda *_: gc.freeze(), Qt.ConnectionType.SingleShotConnection)


def _watch(window: MainWindow, seconds: float) -> None:
    """Watch from the second result on: loading is watched by nobody's eye."""
    dog = Watchdog(window, span_s=seconds)

    def report() -> None:
        longest, p95 = dog.figures()
        stats = window.stream.pipeline.stats() if window.stream.pipeline is not None else None
        said = {"longest_ms": longest, "p95_ms": p95, "results": stats.results if stats else 0}
        said |= {name: getattr(stats, name, 0) for name in ("dropped_windows", "dropped_packets")}
        print(json.dumps(said), flush=True)
        window.close()

    def wait() -> None:
        pipeline = window.stream.pipeline
        if pipeline is not None and pipeline.stats().results > 1:
            dog.start()
            QTimer.singleShot(round(seconds * 1000), report)
        else:
            QTimer.singleShot(100, wait)

    wait()


def _reopen(window: MainWindow, seconds: float) -> None:
    again = QTimer(window)
    again.setSingleShot(True)
    again.setInterval(round(seconds * 1000))
    again.timeout.connect(window.stream.reopen)
    window.stream.result_shown.connect(lambda *_: None if again.isActive() else again.start())


def _shoot(window: MainWindow, path: Path, failures: list[McoeError]) -> None:
    # Qt's slots swallow exceptions: this one is carried out of the event loop by hand.
    try:
        screenshot(window, path)
    except McoeError as error:
        failures.append(error)
    window.close()
