"""What the pipeline needs of the parts that are handed to it."""

from __future__ import annotations

from typing import Protocol

from mcoe.events.packets import Events
from mcoe.live.result import EngineInfo, Prediction, Question, Window


class EventFilter(Protocol):
    """A stateful filter of event batches that follow each other; ``reset`` comes before a jump in time."""

    def apply(self, events: Events) -> Events: ...
    def reset(self) -> None: ...


class KeepAll:
    """The filter that keeps every event."""

    def apply(self, events: Events) -> Events:
        return events

    def reset(self) -> None:
        pass


class Stepper(Protocol):
    """What the pipeline needs of an engine; :class:`mcoe.live.engine.Engine` is the real one."""

    info: EngineInfo

    def step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]: ...
