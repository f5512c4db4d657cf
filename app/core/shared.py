"""State that several features share; each piece has one owner and a signal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal

from mcoe.events.inputs import View
from mcoe.events.noise import EventFilter, NoiseFilter
from mcoe.live.jobs.moments import Preprocessing
from mcoe.live.jobs.sweep import Sweep
from mcoe.recording.session import SessionLog

from .settings import Settings


class Looking(QObject):
    """Which square of the sensor the network sees, whether it is a left eye, and whether noise is filtered."""

    #: The view was changed, or the filter.
    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.view: View | None = None
        settings.changed.connect(lambda _: self.changed.emit())

    def set_view(self, view: View | None) -> None:
        """Look at another square; None for the largest in the middle."""
        self.view = view
        self.changed.emit()

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to the stream now, for whoever reads the recording once more."""
        return Preprocessing(self.view, self.make_filter)

    @property
    def make_filter(self) -> Callable[[tuple[int, int]], EventFilter] | None:
        """What makes the noise filter for a sensor's ``(width, height)``; None keeps every event."""
        values = self._settings.values
        return partial(NoiseFilter, duration_us=round(values.filter_ms * 1000)) if values.filter_on else None


class Findings(QObject):
    """What was found out about the open source, for whoever takes it home.

    Attributes:
        log: what was predicted.
        sweep: the last sweep, or None.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.log = SessionLog()
        self.sweep: Sweep | None = None

    def begin(self) -> None:
        """Begin anew: another source was opened."""
        self.log, self.sweep = SessionLog(), None


class Notices(QObject):
    """Sentences for the user; the window shows them at its foot."""

    #: A sentence, and whether it tells of a failure.
    said = Signal(str, bool)
    #: A way out of the failure that is shown: kind of message, title, words of a button, and what it does.
    offered = Signal(str, str, str, object)
    #: The last sentence need not stand any longer.
    hidden = Signal()

    def say(self, words: str, bad: bool = False) -> None:
        """Show a sentence; ``bad`` for what failed."""
        self.said.emit(words, bad)

    def fail(self, words: str) -> None:
        """Show what failed."""
        self.said.emit(words, True)

    def offer(self, kind: str, title: str, words: str, slot: Callable[[], None]) -> None:
        """Turn the failure that is shown into one of a known kind with a way out."""
        self.offered.emit(kind, title, words, slot)
