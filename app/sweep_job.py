"""The robustness sweep in a thread of its own, with its own network; whoever started it looks in now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from app.seen import Seen
from mcoe.capture.sidecar import Sidecar
from mcoe.capture.source import Source
from mcoe.errors import McoeError
from mcoe.live.lighting import Lighting
from mcoe.live.protocols import Stepper
from mcoe.live.result import View
from mcoe.live.sweep import READING, Sweep, sweep

log = logging.getLogger(__name__)

#: Share of the sweep that must have been read before it can be told how long the rest will take.
KNOWN = READING + 0.02


class SweepJob:
    """One sweep. ``state`` goes from ``running`` to ``done``, ``cancelled`` or ``failed``.

    Args:
        open_source: opens the recording anew.
        build: builds the network, in the job's thread.
        stride, sidecar: see :func:`mcoe.live.sweep.sweep`.
        size, view: sensor ``(width, height)``, px, and where the eye is; the centred square when None.
        base: what else to stress at every exposure.
        most: windows read at each exposure.
        clock: seconds, for the time left.

    Attributes:
        share: 0..1 done.
        result: the sweep, once done.
        error: one sentence, once failed.
        trained: whether the network that was asked is known to be trained; None while it loads.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        build: Callable[[], Stepper],
        *,
        stride: int,
        sidecar: Sidecar | None,
        size: tuple[int, int] | None = None,
        view: View | None = None,
        base: Lighting | None = None,
        most: int = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state, self.share, self.error = "running", 0.0, ""
        self.result: Sweep | None = None
        self.trained: bool | None = None
        self._cancelled = threading.Event()
        self._clock = clock
        self._began_s: float | None = None  # when the network was first asked

        def work() -> None:
            try:
                engine = build()
                self.trained = engine.info.trained
                self.result = sweep(
                    open_source,
                    engine if view is None or size is None else Seen(engine, size, view),
                    stride=stride,
                    base=base,
                    most=most,
                    sidecar=sidecar,
                    progress=self._progress,
                )
                self.state = "cancelled" if self.result is None else "done"
            except McoeError as error:
                self.error, self.state = str(error), "failed"
            except Exception as error:
                log.exception("the sweep stopped")
                self.error = f"The sweep stopped on an unexpected {type(error).__name__}: {error}; see the log."
                self.state = "failed"

        self.thread = threading.Thread(target=work, name="mcoe-sweep", daemon=True)
        self.thread.start()

    def cancel(self) -> None:
        """Stop after the window that is being read."""
        self._cancelled.set()

    @property
    def cancelling(self) -> bool:
        """Whether it was told to stop and has not yet."""
        return self._cancelled.is_set() and self.state == "running"

    @property
    def left_s(self) -> float | None:
        """How long the rest will take, s; None before that can be told."""
        if self._began_s is None or self.share < KNOWN:
            return None
        return (self._clock() - self._began_s) * (1 - self.share) / (self.share - READING)

    def _progress(self, share: float) -> bool:
        if self._began_s is None and share >= READING:
            self._began_s = self._clock()
        self.share = share
        return not self._cancelled.is_set()
