"""What the pipeline and its jobs need of an engine."""

from __future__ import annotations

from typing import Protocol

from mcoe.results import EngineInfo, Prediction, Question, Window


class Stepper(Protocol):
    """What the pipeline needs of an engine; :class:`mcoe.live.engine.engine.Engine` is the real one."""

    info: EngineInfo

    def step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]: ...
