"""The robustness sweep beside the window, with a network of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcoe.capture.source import Source
from mcoe.live.engine.stepper import Stepper
from mcoe.live.jobs.moments import Preprocessing
from mcoe.live.jobs.sweep import READING, Sweep, sweep
from mcoe.recording.sidecar import Sidecar

from ..core.jobs import Job

#: Share of the sweep that must have been read before it can be told how long the rest will take.
KNOWN = READING + 0.02


class SweepJob(Job[Sweep]):
    """One sweep.

    Args:
        open_source: opens the recording anew.
        build: builds the network, in the job's thread.
        stride, sidecar, preprocessing, most: see :func:`mcoe.live.jobs.sweep.sweep`.
        clock: seconds, for the time left.

    Attributes:
        trained: whether the network that was asked is known to be trained; None while it loads.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        build: Callable[[], Stepper],
        *,
        stride: int,
        sidecar: Sidecar | None,
        preprocessing: Preprocessing | None = None,
        most: int = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trained: bool | None = None
        self._clock = clock
        self._began_s: float | None = None  # when the network was first asked

        def work(_: Job[Sweep]) -> Sweep | None:
            engine = build()
            self.trained = engine.info.trained
            return sweep(
                open_source,
                engine,
                stride=stride,
                preprocessing=preprocessing,
                most=most,
                sidecar=sidecar,
                progress=self.progress,
            )

        super().__init__("The sweep", work)

    def progress(self, share: float) -> bool:
        if self._began_s is None and share >= READING:
            self._began_s = self._clock()
        return super().progress(share)

    @property
    def left_s(self) -> float | None:
        """How long the rest will take, s; None before that can be told."""
        if self._began_s is None or self.share is None or self.share < KNOWN:
            return None
        return (self._clock() - self._began_s) * (1 - self.share) / (self.share - READING)
