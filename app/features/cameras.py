"""Cameras in the window: the dialogs that open and align them, and a sentence whenever one is lost or falls silent."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from mcoe.capture.cameras import CameraSource, CameraStatus, PairSource

from ..dialogs.camera import Camera, CameraDialog

if TYPE_CHECKING:
    from ..dialogs.align import AlignDialog
    from ..shell.window import MainWindow


class Watch:
    """Says in one sentence what is wrong with a camera that is open.

    A camera that sends nothing for :attr:`STALL_S` is called silent: even in the dark an event sensor's noise comes.
    """

    STALL_S = 3.0

    def __init__(self) -> None:
        self._fed_s = math.inf

    def say(self, name: str, status: CameraStatus, now_s: float) -> str:
        """Return the sentence, or nothing while all is well."""
        if status.state in ("reconnecting", "failed"):
            self._fed_s = now_s
            if status.state == "failed":
                return status.reason or f"{name} failed; open it again."
            return f"{name} is gone: plug it in (or start its program) again, and the stream goes on by itself."
        if status.events_per_s or status.frames_per_s or self._fed_s == math.inf:
            self._fed_s = now_s
        if now_s - self._fed_s > self.STALL_S:
            return f"{name} is connected but sends nothing; check its cable, or the program that streams."
        return ""


class Cameras(QObject):
    """Wires the cameras to the window."""

    POLL_MS = 250
    #: A sentence that still holds is shown again after so long, before the notice goes away by itself.
    REPEAT_S = 6.0

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._dialogs: tuple[CameraDialog | None, AlignDialog | None] = (None, None)
        self.watch, self.trouble, self._said_s = Watch(), "", -math.inf
        add = window.menus.add
        hint = "Choose a live camera, set it, and see its real rates"
        add("File", "&Cameras…", "Ctrl+K", self.show_cameras, hint)
        hint = "Put a webcam's frames on the event camera's clock and over its pixels"
        add("Tools", "&Align two cameras…", "Ctrl+Shift+K", self.show_alignment, hint)
        window.pipeline_changed.connect(self._changed)
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self.poll)

    @property
    def camera(self) -> Camera | None:
        """The camera that is open, or None."""
        pipeline = self._window.pipeline
        source = pipeline.source if pipeline is not None else None
        return source if isinstance(source, CameraSource | PairSource) else None

    def show_cameras(self) -> None:
        """Show the dialog that opens and sets cameras."""
        dialog, align = self._dialogs
        if dialog is None:
            dialog = CameraDialog(self._window, lambda: self.camera, lambda: self.trouble)
            dialog.open_requested.connect(self._window.open)
            dialog.resize(self._window.width() * 3 // 5, self._window.height() * 11 // 20)
            self._dialogs = dialog, align
        _raise(dialog)

    def show_alignment(self) -> None:
        """Show the dialog that aligns a webcam with an event camera, in time and in space."""
        from ..dialogs.align import AlignDialog

        cameras, dialog = self._dialogs
        if dialog is None:
            window = self._window
            dialog = AlignDialog(window, self._pair, window.workbench.alignments)
            window.result_shown.connect(dialog.show_result)
            dialog.resize(window.width() * 4 // 5, window.height() * 3 // 5)
            self._dialogs = cameras, dialog
        _raise(dialog)

    def _pair(self) -> PairSource | None:
        camera = self.camera
        return camera if isinstance(camera, PairSource) else None

    def _changed(self, pipeline: object) -> None:
        self.watch, self.trouble, self._said_s = Watch(), "", -math.inf
        self._window.headline.lost = ""
        if pipeline is None:
            self._timer.stop()
        else:
            self._timer.start()

    def poll(self) -> None:
        """See how the camera is doing and say what is wrong, also at the window's head."""
        window, camera = self._window, self.camera
        if camera is None or window.pipeline is None or window.pipeline.stats().state == "failed":
            self.trouble = window.headline.lost = ""
            return
        now, before = time.monotonic(), self.trouble
        status = camera.status()
        self.trouble = self.watch.say(camera.info.name, status, now)
        head = "camera lost" if status.state == "reconnecting" else "camera silent" if self.trouble else ""
        window.headline.lost = head
        if self.trouble and (self.trouble != before or now - self._said_s > self.REPEAT_S):
            self._said_s = now
            window.notice.say(self.trouble, bad=True)
        elif before and not self.trouble:
            window.notice.say(f"{camera.info.name} is back.")


def _raise(dialog: CameraDialog | AlignDialog) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
