"""Sessions: what was opened lately, folders as recordings, recording, and the browser of a folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QPushButton

from mcoe.core.errors import McoeError
from mcoe.recording.recorder import RecorderStatus

from ..widgets.words import short

if TYPE_CHECKING:
    from ..dialogs.browser import Browser
    from ..shell.window import MainWindow

RECENT = 10
LOOK_MS = 250


class Sessions(QObject):
    """Wires recording, labelling and finding of recordings to the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.browser: Browser | None = None
        self._file: Path | None = None  # being recorded, as far as was shown
        self._ended: list[RecorderStatus | None] = []  # what became of a recording that was stopped
        self._why = ""  # what stopped it, where that was not the user
        self.recent_menu = window.menus["File"].addMenu("Open &recent")
        self.recent_menu.setToolTipsVisible(True)
        add = window.menus.add
        hint = "Open a data set's sequence, or a folder of numbered frames, as a recording"
        add("File", "Open a &folder…", "Ctrl+Shift+O", self.open_folder, hint)
        self.record_action = add("Session", "&Record", "R", self.set_recording, "Record events, frames and answers",
                                 checked=False)  # fmt: skip
        add("Session", "Recording &folder…", "", self.choose_folder, "Where recordings are kept")
        add("Session", "&Browse recordings…", "Ctrl+B", self.browse, "Pictures, lengths and labels of a folder")
        self.button = QPushButton()
        self.button.setCheckable(True)
        self.button.setToolTip("Record events, frames and answers to one file (R)")
        self.button.setAccessibleName("Record")
        self.button.toggled.connect(lambda on: self.record_action.setChecked(on))
        window.transport.layout().addWidget(self.button)
        window.transport.installEventFilter(self)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        window.pipeline_changed.connect(self._opened)
        self._show_recent()
        self._show(None)
        self._opened(None)

    # ---- recent files

    @property
    def recent(self) -> list[str]:
        """What was opened lately, the newest first."""
        kept = self._window.settings.value("recent", [])
        return [kept] if isinstance(kept, str) else list(kept or [])

    def _opened(self, pipeline: object) -> None:
        self._shown_stopped()
        if pipeline is not None:
            self._timer.start()
        self.record_action.setEnabled(pipeline is not None)
        self.button.setEnabled(pipeline is not None)
        path = self._window.path
        if pipeline is None or path is None or self._window.bundled:
            return
        path = str(Path(path).absolute())
        self._window.settings.setValue("recent", [path, *(p for p in self.recent if p != path)][:RECENT])
        self._show_recent()

    def _show_recent(self) -> None:
        self.recent_menu.clear()
        for path in self.recent:
            action = self.recent_menu.addAction(Path(path).name)
            action.setToolTip(path)
            action.triggered.connect(lambda _checked=False, path=path: self._window.open(path))
        self.recent_menu.setEnabled(bool(self.recent))
        if self.recent:
            self.recent_menu.addSeparator()
            self.recent_menu.addAction("Forget these").triggered.connect(self.forget)

    def forget(self) -> None:
        """Empty the list of what was opened lately."""
        self._window.settings.setValue("recent", [])
        self._show_recent()

    def open_folder(self) -> None:
        """Ask for a folder of images and open it."""
        window = self._window
        last = str(window.settings.value("folder", str(Path.home())))
        folder = QFileDialog.getExistingDirectory(window, "Open a sequence's folder", last)
        if folder:
            window.settings.setValue("folder", str(Path(folder).parent))
            window.open(folder)

    # ---- recording

    @property
    def folder(self) -> Path:
        """Where recordings are kept."""
        return Path(str(self._window.settings.value("recordings", str(Path.home() / "MCO-E Live"))))

    def choose_folder(self) -> None:
        """Ask where recordings are kept."""
        folder = QFileDialog.getExistingDirectory(self._window, "Folder for recordings", str(self.folder))
        if folder:
            self._window.settings.setValue("recordings", folder)

    def set_recording(self, on: bool) -> None:
        """Start a recording in the folder, or finish the one that runs."""
        pipeline = self._window.pipeline
        if pipeline is None or on == (pipeline.recording is not None):
            return
        if not on:
            self._finish(pipeline.stop_recording)
            return
        file = self.folder / time.strftime("%Y-%m-%d_%H-%M-%S.aedat4")
        try:
            self._make_folder()
            pipeline.record(file)
        except McoeError as error:
            self._shown_stopped()
            self._window.notice.say(str(error), bad=True)
            return
        self._file = file
        self.look()
        self._window.notice.say(f"Recording to {file}")

    def _finish(self, stop: Callable[[], RecorderStatus | None], why: str = "") -> None:
        """Let the recording end in a thread: the disk may take its time for what waits."""
        ended = self._ended = []
        self._why = why
        thread = threading.Thread(target=lambda: ended.append(stop()), name="mcoe-record-end")
        thread.start()
        self._window.join_at_end(thread)
        self._shown_stopped()

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            words = f"{self.folder} cannot be made ({error.strerror}); choose another recording folder."
            raise McoeError(words) from error

    def look(self) -> None:
        """Show how the recording does; tell when it ended by itself."""
        if self._ended:
            status = self._ended.pop()
            if status is not None:
                self._tell_stopped(status)
            elif self._why:
                self._window.notice.say(self._why)
        pipeline = self._window.pipeline
        status = pipeline.recording if pipeline is not None else None
        if self._file is None and status is not None:
            self._file = status.path  # the command line began it
        if self._file is None:
            return
        if status is not None and status.state == "recording":
            self._show(status)
            return
        if status is not None and pipeline is not None:
            self._finish(pipeline.stop_recording)
            return
        if pipeline is not None and pipeline.stats().state == "failed":
            why = f"The source stopped, and with it the recording {self._file.name}: everything up to there is kept."
        else:
            why = f"A jump in time ended the recording {self._file.name}."
        if pipeline is not None:
            self._finish(pipeline.stop_recording, why)

    def _shown_stopped(self) -> None:
        self._file = None
        self._show(None)

    def _tell_stopped(self, status: RecorderStatus) -> None:
        if status.error:
            self._window.notice.say(status.error, bad=True)
            return
        lost = (
            f"; {status.dropped_packets:,} packets were lost: the disk was too slow" if status.dropped_packets else ""
        )
        why = f"{self._why} " if self._why else ""
        self._window.notice.say(
            f"{why}Recorded {short(status.events)} events and {status.frames:,} frames, {_size(status.bytes)}{lost}.",
            bad=bool(lost),
        )

    def _show(self, status: RecorderStatus | None) -> None:
        for switch in (self.record_action, self.button):
            switch.blockSignals(True)
            switch.setChecked(status is not None)
            switch.blockSignals(False)
        self.button.setText("● Record" if status is None else f"■ {_size(status.bytes)}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.button.setFixedWidth(self.button.fontMetrics().horizontalAdvance("● Record 000") + 20)
        return super().eventFilter(watched, event)

    # ---- the browser

    def browse(self) -> None:
        """Show the recordings of a folder."""
        from ..dialogs.browser import Browser

        if self.browser is None:
            self.browser = Browser(self._window, self._window.open, self._window.join_at_end)
            self.browser.resize(self._window.width() * 7 // 10, self._window.height() * 7 // 10)
            self.browser.folder_chosen.connect(lambda folder: self._window.settings.setValue("browsed", folder))
            self._window.pipeline_changed.connect(lambda pipeline: pipeline or self.browser.stop())
        last = self._window.settings.value("browsed") or self._window.settings.value("folder") or self.folder
        self.browser.show_folder(Path(str(last)))
        self.browser.show()
        self.browser.raise_()
        self.browser.activateWindow()


def _size(count: int) -> str:
    words = short(count)
    return f"{words}B" if words[-1].isalpha() else f"{words} B"
