"""Work in a thread of its own; whoever started it looks in now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from mcoe.core.errors import McoeError
from mcoe.core.priority import lower_priority

log = logging.getLogger(__name__)

Made = TypeVar("Made")


class Job(Generic[Made]):
    """``state`` goes from ``running`` to ``done``, ``cancelled`` or ``failed``.

    Args:
        name: what is told to have stopped when something unexpected happens, and the thread's name.
        work: given the job, returns what it made, or None once it was cancelled. It tells :meth:`progress`.
        kept: the program's end waits for it.

    Attributes:
        share: 0..1 done; None until the work tells.
        made: what was made, once done.
        error: one sentence, once failed.
    """

    def __init__(self, name: str, work: Callable[[Job[Made]], Made | None], *, kept: bool = False) -> None:
        self.state = "running"
        self.share: float | None = None
        self.made: Made | None = None
        self.error = ""
        self._stop = threading.Event()

        def run() -> None:
            lower_priority()
            try:
                self.made = work(self)
                self.state = "cancelled" if self.made is None else "done"
            except McoeError as error:
                self.error, self.state = str(error), "failed"
            except Exception as error:
                log.exception("%s stopped", name)
                self.error = f"{name} stopped on an unexpected {type(error).__name__}: {error}; see the log."
                self.state = "failed"

        self.thread = threading.Thread(target=run, name=name, daemon=not kept)
        self.thread.start()

    def cancel(self) -> None:
        """Ask the work to stop where it next tells its progress."""
        self._stop.set()

    @property
    def cancelling(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self._stop.is_set() and self.state == "running"

    def progress(self, share: float) -> bool:
        """Note how much is done, 0..1; return whether to go on."""
        self.share = share
        return not self._stop.is_set()
