"""While nothing moves, what is asked anew is answered for the moment on screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from mcoe.results import Question
from mcoe.sensor.lighting import Lighting

if TYPE_CHECKING:
    from ..shell.window import MainWindow


class Again(QObject):
    """Goes to the moment on screen once more when a paused or ended recording is asked something new of it.

    Args:
        light: what light is asked for now.
    """

    #: A dial that is being dragged asks many times.
    CALM_MS = 120

    def __init__(self, window: MainWindow, light: Callable[[], Lighting]) -> None:
        super().__init__(window)
        self._window, self._light = window, light
        self._answered: tuple[Question, Lighting] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.CALM_MS)
        self._timer.timeout.connect(self._look)
        window.result_shown.connect(self._came)

    def ask(self, *_: object) -> None:
        """Look soon whether the moment on screen answers what is asked now."""
        self._timer.start()

    def _came(self, _: object) -> None:
        if self._window.pipeline is not None:
            self._answered = self._window.pipeline.question, self._light()

    def _look(self) -> None:
        pipeline, result = self._window.pipeline, self._window.camera.result
        if pipeline is None or result is None or self._answered is None:
            return
        # Only a recording can go back, and a jump would end what is being recorded of it.
        idle = pipeline.stats().state in ("paused", "ended") and pipeline.recording is None
        if idle and pipeline.info is not None and not pipeline.info.live:
            asked = pipeline.question, self._light()
            if _more(self._answered, asked):
                pipeline.seek(result.window.t1_us)


def _more(answered: tuple[Question, Lighting], asked: tuple[Question, Lighting]) -> bool:
    """Whether something is asked for that was not answered; what is not wanted any more needs no new answer."""
    (before, lit), (now, light) = answered, asked
    if light.active and light != lit:
        return True
    if now.readings and not before.readings:
        return True
    return now.cam and now != replace(before, readings=now.readings)
