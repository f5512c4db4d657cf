"""Files written in threads, whole or not at all, and how each went, told in the thread of the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QIODevice, QObject, QSaveFile, QTimer, Signal
from PySide6.QtGui import QImage

from mcoe.core.errors import McoeError

from ..core.jobs import Job


def write(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step. Raises McoeError where it cannot be written."""
    file = QSaveFile(str(path))
    if not (file.open(QIODevice.OpenModeFlag.WriteOnly) and file.write(data) == len(data) and file.commit()):
        raise McoeError(f"Cannot write {path}: {file.errorString()}; choose another file.")


def write_png(path: Path, image: QImage) -> None:
    """Write ``image`` as a PNG; meant for a thread of its own. Raises McoeError where it cannot be written."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)
    # OpenCV lets go of the interpreter while it encodes, so that the window goes on drawing.
    _, data = cv2.imencode(".png", pixels[..., :3])
    write(path, data.tobytes())


class FileJob(Job[Path]):
    """Something that is written in a thread; the program's end waits for it.

    Args:
        path: of the file.
        work: writes it; returns False once it was cancelled.
    """

    def __init__(self, path: Path, work: Callable[[FileJob], bool | None]) -> None:
        self.path = path
        super().__init__(f"Writing {path}", lambda _: None if work(self) is False else path, kept=True)


class Writing(QObject):
    """Looks after jobs from the window's thread."""

    LOOK_MS = 100
    #: A job that has told how far it is.
    going = Signal(object)
    #: A job that is through: done, cancelled or failed.
    over = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs: list[FileJob] = []
        self._timer = QTimer(self)
        self._timer.setInterval(self.LOOK_MS)
        self._timer.timeout.connect(self._look)

    def begin(self, path: Path, work: Callable[[FileJob], bool | None]) -> FileJob:
        """Start ``work`` in a thread and look after it."""
        job = FileJob(path, work)
        self._jobs.append(job)
        self._timer.start()
        return job

    def picture(self, path: Path, image: QImage) -> FileJob:
        """Start writing ``image`` as a PNG."""
        return self.begin(path, lambda _: write_png(path, image))

    def _look(self) -> None:
        for job in list(self._jobs):
            if not job.thread.is_alive():
                self._jobs.remove(job)
                self.over.emit(job)
            elif job.share is not None:
                self.going.emit(job)
        if not self._jobs:
            self._timer.stop()
