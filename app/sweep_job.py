"""The robustness sweep in a thread of its own, with its own network; whoever started it looks in now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mcoe.capture.sidecar import Sidecar
from mcoe.capture.source import Source
from mcoe.errors import McoeError
from mcoe.live.lighting import Lighting
from mcoe.live.protocols import Stepper
from mcoe.live.sweep import Sweep, sweep

log = logging.getLogger(__name__)


class SweepJob:
    """One sweep. ``state`` goes from ``running`` to ``done``, ``cancelled`` or ``failed``.

    Args:
        open_source: opens the recording anew.
        build: builds the network, in the job's thread.
        stride, sidecar: see :func:`mcoe.live.sweep.sweep`.
        base: what else to stress at every exposure.
        most: windows read at each exposure.

    Attributes:
        share: 0..1 done.
        result: the sweep, once done.
        error: one sentence, once failed.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        build: Callable[[], Stepper],
        *,
        stride: int,
        sidecar: Sidecar | None,
        base: Lighting | None = None,
        most: int = 60,
    ) -> None:
        self.state, self.share, self.error = "running", 0.0, ""
        self.result: Sweep | None = None
        self._cancelled = threading.Event()

        def work() -> None:
            try:
                self.result = sweep(
                    open_source,
                    build(),
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

    def _progress(self, share: float) -> bool:
        self.share = share
        return not self._cancelled.is_set()
