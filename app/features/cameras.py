"""Cameras in the window: the dialogs that open and align them, and a sentence whenever one is lost or falls silent."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QTimer

from mcoe.capture.cameras import CameraSource, CameraStatus, PairSource

from ..core.context import Context, Feature
from ..dialogs.align import AlignDialog
from ..dialogs.camera import Camera, CameraDialog


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


class Cameras(Feature):
    """The dialogs, and a look at the open camera four times a second."""

    order = 50
    POLL_MS = 250
    #: A sentence that still holds is shown again after so long, before the notice goes away by itself.
    REPEAT_S = 6.0

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._cameras: CameraDialog | None = None
        self._alignment: AlignDialog | None = None
        self.watch, self.trouble, self._said_s = Watch(), "", -math.inf
        self._jumps = 0  # of the open camera's clock, said already
        add = context.menus.add
        hint = "Choose a live camera, set it, and see its real rates"
        add("File", "&Cameras…", "Ctrl+K", self.show_cameras, hint)
        hint = "Put a webcam's frames on the event camera's clock and over its pixels"
        add("Tools", "&Align two cameras…", "Ctrl+Shift+K", self.show_alignment, hint)
        context.stream.pipeline_changed.connect(self._changed)
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self.poll)

    @property
    def camera(self) -> Camera | None:
        """The camera that is open, or None."""
        pipeline = self.context.stream.pipeline
        source = pipeline.source if pipeline is not None else None
        return source if isinstance(source, CameraSource | PairSource) else None

    def show_cameras(self) -> None:
        """Show the dialog that opens and sets cameras."""
        context = self.context
        if self._cameras is None:
            self._cameras = CameraDialog(context.parent, context.jobs, lambda: self.camera, lambda: self.trouble)
            self._cameras.open_requested.connect(context.stream.open)
        context.show(self._cameras, 3 / 5, 11 / 20)

    def show_alignment(self) -> None:
        """Show the dialog that aligns a webcam with an event camera, in time and in space."""
        context = self.context
        if self._alignment is None:
            self._alignment = AlignDialog(context.parent, context.jobs, self._pair, context.workbench.alignments)
            context.stream.result_shown.connect(self._alignment.show_result)
        context.show(self._alignment, 4 / 5, 3 / 5)

    def _pair(self) -> PairSource | None:
        camera = self.camera
        return camera if isinstance(camera, PairSource) else None

    def _changed(self, pipeline: object) -> None:
        self.watch, self.trouble, self._said_s, self._jumps = Watch(), "", -math.inf, 0
        self.context.stream.set_trouble("")
        if pipeline is None:
            self._timer.stop()
        else:
            self._timer.start()

    def poll(self) -> None:
        """See how the camera is doing and say what is wrong, also at the window's head."""
        stream, notices, camera = self.context.stream, self.context.notices, self.camera
        if camera is None or stream.pipeline is None or stream.pipeline.stats().state == "failed":
            self.trouble = ""
            stream.set_trouble("")
            return
        now, before = time.monotonic(), self.trouble
        status = camera.status()
        self.trouble = self.watch.say(camera.info.name, status, now)
        lost = status.state == "reconnecting"
        stream.set_trouble("camera lost" if lost else "camera silent" if self.trouble else "")
        if self.trouble and (self.trouble != before or now - self._said_s > self.REPEAT_S):
            self._said_s = now
            notices.fail(self.trouble)
        elif before and not self.trouble:
            notices.say(f"{camera.info.name} is back.")
        if status.jumps > self._jumps:
            notices.say(status.notice)
        self._jumps = status.jumps
