"""Sessions: what was opened lately, folders as recordings, recording, and the browser of a folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QFileDialog, QPushButton

from mcoe.core.errors import McoeError
from mcoe.core.files import private_folder
from mcoe.core.paths import home
from mcoe.recording.recorder import RecorderStatus

from ..core.context import Context, Feature
from ..core.settings import MOST_RECENT
from ..dialogs.browser import Browser
from ..widgets.label import item, tip
from ..widgets.words import short


class Sessions(Feature):
    """Wires recording and finding of recordings to the stream."""

    order = 30
    #: How often a running recording's size is brought up to date.
    STATUS_MS = 250

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.browser: Browser | None = None
        self._file: Path | None = None  # being recorded, as far as was shown
        self.recent_menu = context.menus.submenu("File", "Open &recent")
        add = context.menus.add
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
        self.button.installEventFilter(self)
        context.add_tool(self.button)
        self._timer = QTimer(self)
        self._timer.setInterval(self.STATUS_MS)
        self._timer.timeout.connect(self.refresh)
        context.stream.pipeline_changed.connect(self._opened)
        self._show_recent()
        self._show(None)
        self._opened(None)

    # ---- recent files

    @property
    def recent(self) -> tuple[str, ...]:
        """What was opened lately, the newest first."""
        return self.context.settings.values.recent

    def _opened(self, pipeline: object) -> None:
        self._shown_stopped()
        if pipeline is None:
            self._timer.stop()
        else:
            self._timer.start()
        self.record_action.setEnabled(pipeline is not None)
        self.button.setEnabled(pipeline is not None)
        stream = self.context.stream
        if pipeline is None or stream.path is None or stream.bundled:
            return
        path = str(Path(stream.path).absolute())
        others = (p for p in self.recent if p != path)
        self.context.settings.update(recent=(path, *others)[:MOST_RECENT])
        self._show_recent()

    def _show_recent(self) -> None:
        self.recent_menu.clear()
        for path in self.recent:
            action = self.recent_menu.addAction(item(Path(path).name))
            action.setToolTip(tip(path))
            action.triggered.connect(lambda _checked=False, path=path: self.context.stream.open(path))
        self.recent_menu.setEnabled(bool(self.recent))
        if self.recent:
            self.recent_menu.addSeparator()
            self.recent_menu.addAction("Forget these").triggered.connect(self.forget)

    def forget(self) -> None:
        """Empty the list of what was opened lately."""
        self.context.settings.update(recent=())
        self._show_recent()

    def open_folder(self) -> None:
        """Ask for a folder of images and open it."""
        settings = self.context.settings
        last = str(settings.folder("open", home()))
        folder = QFileDialog.getExistingDirectory(self.context.parent, "Open a sequence's folder", last)
        if folder:
            settings.keep_folder("open", Path(folder).parent)
            self.context.stream.open(folder)

    # ---- recording

    @property
    def folder(self) -> Path:
        """Where recordings are kept."""
        return self.context.settings.folder("recordings", home() / "MCO-E Live")

    def choose_folder(self) -> None:
        """Ask where recordings are kept."""
        folder = QFileDialog.getExistingDirectory(self.context.parent, "Folder for recordings", str(self.folder))
        if folder:
            self.context.settings.keep_folder("recordings", Path(folder))

    def set_recording(self, on: bool) -> None:
        """Start a recording in the folder, or finish the one that runs."""
        pipeline, notices = self.context.stream.pipeline, self.context.notices
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
            notices.fail(str(error))
            return
        self._file = file
        self.refresh()
        notices.say(f"Recording to {file}")

    def _finish(self, stop: Callable[[], RecorderStatus | None], why: str = "") -> None:
        """Let the recording end in a thread: the disk may take its time for what waits."""
        self.context.jobs.start(
            "Finishing the recording", lambda _: stop(), lambda status: self._tell_stopped(status, why), kept=True
        )
        self._shown_stopped()

    def _make_folder(self) -> None:
        try:
            private_folder(self.folder)
        except OSError as error:
            words = f"{self.folder} cannot be made ({error.strerror}); choose another recording folder."
            raise McoeError(words) from error

    def refresh(self) -> None:
        """Show how the recording does; finish one that has ended by itself."""
        pipeline = self.context.stream.pipeline
        if pipeline is None:
            return
        status = pipeline.recording
        if self._file is None and status is not None:
            self._file = status.path  # the command line began it
        if self._file is None:
            return
        if status is not None and status.state == "recording":
            self._show(status)
        elif status is not None:
            self._finish(pipeline.stop_recording)
        elif pipeline.stats().state == "failed":
            why = f"The source stopped, and with it the recording {self._file.name}: everything up to there is kept."
            self._finish(pipeline.stop_recording, why)
        else:
            self._finish(pipeline.stop_recording, f"A jump in time ended the recording {self._file.name}.")

    def _shown_stopped(self) -> None:
        self._file = None
        self._show(None)

    def _tell_stopped(self, status: RecorderStatus | None, why: str) -> None:
        notices = self.context.notices
        if status is None:
            if why:
                notices.say(why)
            return
        if status.error:
            notices.fail(status.error)
            return
        lost = (
            f"; {status.dropped_packets:,} packets were lost: the disk was too slow" if status.dropped_packets else ""
        )
        notices.say(
            f"{why + ' ' if why else ''}Recorded {short(status.events)} events and {status.frames:,} frames, "
            f"{_size(status.bytes)}{lost}.",
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
        context = self.context
        if self.browser is None:
            browser = self.browser = Browser(context.parent, context.jobs, context.stream.open)
            browser.folder_chosen.connect(lambda folder: context.settings.keep_folder("browse", Path(folder)))
            context.stream.pipeline_changed.connect(lambda pipeline: browser.stop() if pipeline is None else None)
        settings = context.settings
        self.browser.show_folder(settings.folder("browse", settings.folder("open", self.folder)))
        context.show(self.browser, 7 / 10, 7 / 10)


def _size(count: int) -> str:
    words = short(count)
    return f"{words}B" if words[-1].isalpha() else f"{words} B"
