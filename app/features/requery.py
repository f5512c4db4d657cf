"""While nothing moves, what is asked anew is answered for the moment on screen."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer

from mcoe.results import Question
from mcoe.sensor.lighting import Lighting

from ..core.context import Context, Feature
from ..panels.heatmaps import HeatmapPanel
from ..panels.lighting import LightingPanel


class Requery(Feature):
    """Goes to the moment on screen once more when a paused or ended recording is asked something new of it."""

    order = 2
    #: A dial that is being dragged asks many times.
    CALM_MS = 120

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lighting = context.panels.get(LightingPanel)
        self._answered: tuple[Question, Lighting] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(self.CALM_MS)
        self._timer.timeout.connect(self._compare)
        context.stream.result_shown.connect(self._came)
        for asked in (
            self._lighting.light_changed,
            context.panels.get(HeatmapPanel).question_changed,
            context.panels.sight_changed,
            context.panels.arranged,
        ):
            asked.connect(self.ask)

    def ask(self, *_: object) -> None:
        """See soon whether the moment on screen answers what is asked now."""
        self._timer.start()

    def _came(self, *_: object) -> None:
        if self.context.stream.pipeline is not None:
            self._answered = self.context.stream.pipeline.question, self._lighting.seen_light

    def _compare(self) -> None:
        pipeline, result = self.context.stream.pipeline, self.context.stream.result
        if pipeline is None or result is None or self._answered is None:
            return
        # Only a recording can go back, and a jump would end what is being recorded of it.
        idle = pipeline.stats().state in ("paused", "ended") and pipeline.recording is None
        if idle and pipeline.info is not None and not pipeline.info.live:
            asked = pipeline.question, self._lighting.seen_light
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
