"""Work in threads of their own, told of in the window's thread: the one way in which the window does anything slow."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, Literal, NamedTuple, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from mcoe.core.errors import McoeError
from mcoe.core.priority import lower_priority

log = logging.getLogger(__name__)

Made = TypeVar("Made")
#: How long the program's end waits for jobs that do not heed that they were cancelled, s.
PATIENCE_S = 2.0
JobState = Literal["running", "done", "cancelled", "failed"]


class Cancelled(Exception):
    """Raised by work that was asked to stop and did."""


class _Item(NamedTuple):
    item: object


class Job(QObject, Generic[Made]):
    """One piece of work. All of its signals are emitted in the thread that made it, in the order of what happened.

    Args:
        name: what is told to have stopped when something unexpected happens, and the thread's name.
        work: given the job, returns what it made; None or False where it stopped because it was asked to. It calls
            :meth:`progress` or :meth:`check` now and then, and :meth:`tell` with what is ready before the end.
        kept: the program's end waits for it, see :meth:`Jobs.join`.
        owner: once it is destroyed, nobody is told any more; as a parent, it would take Qt's half of the job along
            while the thread still uses it.

    Attributes:
        state: ``running`` until one of the last three signals below has been emitted.
        share: 0..1 done; None until the work tells.
        made: what was made, once done.
        error: one sentence, once failed.
    """

    #: The share done, 0..1.
    progressed = Signal(float)
    #: What the work told before its end, see :meth:`tell`.
    told = Signal(object)
    #: What was made.
    done = Signal(object)
    #: One sentence on why it failed.
    failed = Signal(str)
    cancelled = Signal()
    #: After any of the three above.
    over = Signal()
    _happened = Signal()

    def __init__(
        self, name: str, work: Callable[[Job[Made]], Made | None], *, kept: bool = False, owner: QObject | None = None
    ) -> None:
        super().__init__()
        self.name, self.state = name, _RUNNING
        self.share: float | None = None
        self.made: Made | None = None
        self.error = ""
        self.kept = kept
        self._work, self._owner = work, owner
        self._woken, self._muted = False, False
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._happened_since: list[float | _Item] = []  # shares done and what is ready, in their order, not told yet
        self._outcome: tuple[JobState, Made | None, str] | None = None
        # Queued: the thread never runs a slot, and never waits for one.
        self._happened.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.thread_of_work = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread_of_work.start()

    def cancel(self) -> None:
        """Ask the work to stop where it next tells its progress."""
        self._stop.set()

    @property
    def cancelling(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self._stop.is_set() and self.state == "running"

    # ---- in the thread of the work

    def progress(self, share: float) -> bool:
        """Note how much is done, 0..1; return whether to go on."""
        with self._lock:
            if self._happened_since and isinstance(self._happened_since[-1], float):
                self._happened_since.pop()
            self._happened_since.append(float(share))
        self._wake()
        return not self._stop.is_set()

    def check(self) -> None:
        """Raise :class:`Cancelled` if the work was asked to stop."""
        if self._stop.is_set():
            raise Cancelled

    def tell(self, item: object) -> None:
        """Hand over something that is ready before the end."""
        with self._lock:
            self._happened_since.append(_Item(item))
        self._wake()

    def _run(self) -> None:
        lower_priority()
        outcome: tuple[JobState, Made | None, str]
        try:
            made = self._work(self)
            # Work that stops early because ``progress`` said so has nothing to show.
            stopped = self._stop.is_set() and (made is None or made is False)
            outcome = ("cancelled", None, "") if stopped else ("done", made, "")
        except Cancelled:
            outcome = ("cancelled", None, "")
        except McoeError as error:
            outcome = ("failed", None, str(error))
        except BaseException as error:  # also a panic in Rust code, which is no Exception
            log.exception("%s stopped", self.name)
            words = (
                f"{self.name} stopped on an unexpected {type(error).__name__}: {error}; see the log (Help, Show log)."
            )
            outcome = ("failed", None, words)
        with self._lock:
            self._outcome = outcome
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if not (self._woken or self._muted):
                self._woken = True  # once until it is heard: work that tells often must not flood the window
                self._happened.emit()

    # ---- in the thread that made the job

    def mute(self) -> None:
        """Let the thread tell nothing more: it never touches Qt again."""
        with self._lock:
            self._muted = True

    def _deliver(self) -> None:
        if self._owner is not None and not isValid(self._owner):
            return
        with self._lock:
            self._woken = False
            happened, self._happened_since = self._happened_since, []
            outcome = self._outcome
        if self.state != "running":
            return
        for each in happened:
            if isinstance(each, _Item):
                self.told.emit(each.item)
            elif each != self.share:
                self.share = each
                self.progressed.emit(each)
        if outcome is None:
            return
        self.thread_of_work.join()  # it has nothing left to do, and whoever hears of the end may let go of the job
        self.state, self.made, self.error = outcome
        if self.state == "done":
            self.done.emit(self.made)
        elif self.state == "failed":
            self.failed.emit(self.error)
        else:
            self.cancelled.emit()
        self.over.emit()


_RUNNING: JobState = "running"


class Jobs(QObject):
    """Starts jobs and keeps them until they are over.

    Args:
        fail: told of the failure of a job that nobody else answers for.
    """

    #: A job has begun.
    started = Signal(object)

    def __init__(self, fail: Callable[[str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._fail = fail
        self._running: list[Job[object]] = []

    def start(
        self,
        name: str,
        work: Callable[[Job[Made]], Made | None],
        done: Callable[[Made], None] | None = None,
        failed: Callable[[str], None] | None = None,
        *,
        over: Callable[[], None] | None = None,
        progressed: Callable[[float], None] | None = None,
        told: Callable[[object], None] | None = None,
        kept: bool = False,
    ) -> Job[Made]:
        """Start ``work`` in a thread of its own.

        Args:
            name: of the work, as it is called in a sentence: "The sweep".
            done: called in this thread with what was made.
            failed: called with one sentence; without it, the sentence becomes a notice.
            over: called after either, and after a cancellation.
            progressed, told: see :class:`Job`.
            kept: the program's end waits for it, see :meth:`join`: for what can be cancelled or is short.
        """
        job = Job(name, work, kept=kept, owner=self)
        for signal, slot in ((job.done, done), (job.failed, failed or self._fail), (job.over, over),
                             (job.progressed, progressed), (job.told, told)):  # fmt: skip
            if slot is not None:
                signal.connect(slot)
        self._running.append(job)  # type: ignore[arg-type]
        job.over.connect(lambda: self._forget(job))
        job.start()
        self.started.emit(job)
        return job

    @property
    def running(self) -> tuple[Job[object], ...]:
        """Those that are not over yet."""
        return tuple(self._running)

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in self._running:
            job.cancel()

    def join(self, patience_s: float = PATIENCE_S) -> tuple[str, ...]:
        """Wait for the threads of those that the program's end should wait for; nothing is told of the others.

        Args:
            patience_s: for all of them together, s; what hangs in a library must not keep the program from ending.

        Returns:
            The names of those that were left.
        """
        until = time.monotonic() + patience_s
        for job in self._running:
            if not job.kept:
                job.mute()
        kept = [job for job in self._running if job.kept]
        for job in kept:
            job.thread_of_work.join(max(0.0, until - time.monotonic()))
        left = [job for job in kept if job.thread_of_work.is_alive()]
        for job in left:
            job.mute()
        return tuple(job.name for job in left)

    def _forget(self, job: Job[Made]) -> None:
        self._running = [each for each in self._running if each is not job]
        job.deleteLater()
