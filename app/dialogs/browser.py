"""The session browser: the recordings and data-set sequences of a folder with a picture, length and labels each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QColor, QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mcoe.recording.preview import Preview, preview, recordings

from ..core.jobs import Job, Jobs
from ..widgets import theme
from ..widgets.label import Label, tip
from ..widgets.words import clock

_PATH = Qt.ItemDataRole.UserRole
#: Shown of one folder: a data set's thousands are found faster in its own folders than by scrolling.
MOST = 400


class Browser(QDialog):
    """Looks into each recording in a thread; a double click or Enter opens one.

    Args:
        jobs: where recordings are looked into.
        open_path: opens a recording.
    """

    folder_chosen = Signal(str)

    def __init__(self, parent: QWidget, jobs: Jobs, open_path: Callable[[str], None]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Recordings")
        self._jobs, self._open = jobs, open_path
        self.job: Job[list[Path]] | None = None
        self._rows: dict[Path, QListWidgetItem] = {}
        self.where = Label()
        self.where.setObjectName("panelNote")
        self.choose_button = QPushButton("Another folder…")
        self.choose_button.clicked.connect(self.choose)
        self.list = QListWidget()
        self.list.setAccessibleName("Recordings")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setWordWrap(True)
        self.list.itemActivated.connect(self._activated)
        self.open_button = QPushButton("Open")
        self.open_button.setObjectName("primary")
        self.open_button.setToolTip("Open the chosen recording (Enter, or a double click)")
        self.open_button.setEnabled(False)
        self.open_button.clicked.connect(lambda: self._activated(self.list.currentItem()))
        self.list.currentItemChanged.connect(lambda item, _: self.open_button.setEnabled(item is not None))
        top = QHBoxLayout()
        top.addWidget(self.where, 1)
        top.addWidget(self.choose_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.addLayout(top)
        box.addWidget(self.list, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.open_button)
        box.addLayout(foot)

    def show_folder(self, folder: Path) -> None:
        """List the recordings of ``folder`` and look into each, in a thread."""
        self.stop()
        self.list.clear()
        self._rows = {}
        self._folder = folder
        self.where.setText(f"{folder} · looking…")
        line = self.fontMetrics().height()
        size = QSize(14 * line, int(10.5 * line))
        self.list.setIconSize(size)
        self.list.setGridSize(QSize(size.width() + line, size.height() + 5 * line))
        job = self.job = self._jobs.start(
            "Looking for recordings", lambda job: _look(job, folder, size.width()),
            failed=lambda words: self.where.setText(words) if job is self.job else None,
            told=lambda found: self._take(found) if job is self.job else None, kept=True,
        )  # fmt: skip

    def _take(self, found: object) -> None:
        if isinstance(found, Preview):
            self._show(self._rows[found.path], found)
        elif isinstance(found, list):
            self._list(found)

    def _list(self, paths: list[Path]) -> None:
        many = "1 recording" if len(paths) == 1 else f"{len(paths):,} recordings"
        if len(paths) > MOST:
            many += f", the first {MOST} of them here: choose a folder inside for others"
        words = f"{self._folder} · {many}" if paths else f"{self._folder} holds no recording; choose another folder."
        self.where.setText(words)
        blank = _icon(_picture(None, self.list.iconSize()))
        for path in paths[:MOST]:
            item = QListWidgetItem(blank, f"{path.name}\n…")
            item.setData(_PATH, str(path))
            item.setToolTip(tip(str(path)))
            self.list.addItem(item)
            self._rows[path] = item
        if paths:
            self.list.setCurrentRow(0)
            self.list.setFocus()

    def stop(self) -> None:
        """Stop looking into recordings."""
        if self.job is not None:
            self.job.cancel()
        self.job = None

    def choose(self) -> None:
        """Ask for a folder and list it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of recordings")
        if folder:
            self.folder_chosen.emit(folder)
            self.show_folder(Path(folder))

    def _show(self, item: QListWidgetItem, seen: Preview) -> None:
        labels = ", ".join(seen.labels) or "no labels"
        below = "cannot be opened" if seen.error else f"{clock(seen.duration_us)}\n{labels}"
        item.setText(f"{seen.path.name}\n{below}")
        item.setToolTip(tip(seen.error or f"{seen.path}\n{labels}"))
        if seen.error:
            item.setForeground(QColor(theme.DIM))
        item.setIcon(_icon(_picture(seen.image, self.list.iconSize())))

    def _activated(self, item: QListWidgetItem) -> None:
        self.close()
        self._open(item.data(_PATH))

    def closeEvent(self, event: QCloseEvent) -> None:
        self.stop()
        super().closeEvent(event)


def _look(job: Job[list[Path]], folder: Path, width: int) -> list[Path]:
    """Tell the recordings of ``folder``, then each one's preview; runs in the job's thread."""
    paths = recordings(folder, lambda: job.cancelling)
    job.tell(paths)
    for path in paths[:MOST]:
        job.check()
        job.tell(preview(path, width))
    return paths


def _icon(picture: QPixmap) -> QIcon:
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # which Qt would tint
    return icon


def _picture(image: NDArray[np.uint8] | None, size: QSize) -> QPixmap:
    """Return ``image`` centred on a canvas of ``size``, so that all rows stand alike."""
    width, height = size.width(), size.height()
    ground = np.full((height, width, 3), theme.rgb(theme.CANVAS), np.uint8)
    if image is not None:
        scale = min(width / image.shape[1], height / image.shape[0])
        fit = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        shown = cv2.resize(image, fit, interpolation=cv2.INTER_AREA)
        shown = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB) if shown.ndim == 2 else shown
        x, y = (width - fit[0]) // 2, (height - fit[1]) // 2
        ground[y : y + fit[1], x : x + fit[0]] = shown
    return QPixmap.fromImage(QImage(ground.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
