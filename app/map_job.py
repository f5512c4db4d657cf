"""Reads the experts' votes over a whole recording, in a thread of its own and with its own network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mcoe.capture.source import Source
from mcoe.errors import McoeError
from mcoe.events.packets import packet_end_us
from mcoe.live.protocols import Stepper
from mcoe.live.result import Prediction, Question, View
from mcoe.live.windows import Pairing, WindowBuilder

log = logging.getLogger(__name__)


class MapJob:
    """One reading. ``state`` goes from ``running`` to ``done``, ``cancelled`` or ``failed``.

    Args:
        open_source: opens the recording anew.
        build: builds the network, in the job's thread.
        stride: gap of the frame pair, frames at 30 Hz.
        view: where the eye is; the centred square when None.
        most: windows read, evenly spaced over the recording.

    Attributes:
        share: 0..1 done.
        said: the predictions, once done, in order.
        error: one sentence, once failed.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        build: Callable[[], Stepper],
        *,
        stride: int,
        view: View | None,
        most: int,
    ) -> None:
        self.state, self.share, self.error = "running", 0.0, ""
        self.said: list[Prediction] = []
        self._cancelled = threading.Event()

        def work() -> None:
            try:
                self._read(open_source, build(), Pairing(stride), view, most)
                self.state = "cancelled" if self._cancelled.is_set() else "done"
            except McoeError as error:
                self.error, self.state = str(error), "failed"
            except Exception as error:
                log.exception("the reading for the map stopped")
                self.error = f"The map stopped on an unexpected {type(error).__name__}: {error}; see the log."
                self.state = "failed"

        self.thread = threading.Thread(target=work, name="mcoe-map", daemon=True)
        self.thread.start()

    def cancel(self) -> None:
        """Stop after the window that is being read."""
        self._cancelled.set()

    def _read(
        self, open_source: Callable[[], Source], engine: Stepper, pairing: Pairing, view: View | None, most: int
    ) -> None:
        source = open_source()
        try:
            info = source.info
            if info.live:
                raise McoeError(f"{info.name} is live; a map of the whole recording needs a recording.")
            builder = WindowBuilder(info, engine.info.size, engine.info.bins, view)
            length_us = max(info.duration_us or 0, 1)
            due_us = float(info.start_us)
            packet = source.read()
            while not self._cancelled.is_set():
                for window in builder.feed(packet) if packet is not None else builder.finish():
                    older = pairing.older(window)
                    if window.t1_us < due_us or len(self.said) == most or self._cancelled.is_set():
                        continue
                    due_us = max(due_us + length_us / most, float(window.t1_us))
                    self.said.append(engine.step(older, window, Question(cam=False))[0])
                if packet is None:
                    break
                self.share = min(1.0, max(0.0, (packet_end_us(packet) - info.start_us) / length_us))
                packet = source.read()
        finally:
            source.close()
