"""The points that the charts draw of the last results."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcoe.core.timing import TICK_US
from mcoe.results import Result

#: Points kept for the strip chart: 20 s at 60 Hz.
HISTORY = 1200


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What the strip chart draws of one result; ``alpha`` is the mean over tokens.

    ``elapsed_s`` is stream time that goes on across loops and seeks, so that a chart over it never runs backwards;
    ``stressed`` holds the probabilities under the lighting laboratory's light.
    """

    epoch: int
    t_us: int
    elapsed_s: float
    probabilities: NDArray[np.float32]
    alpha: float
    events_per_s: float
    stressed: NDArray[np.float32] | None = None


class History:
    """The newest :data:`HISTORY` points. Not thread-safe."""

    def __init__(self) -> None:
        self._points: deque[HistoryPoint] = deque(maxlen=HISTORY)

    def append(self, result: Result) -> None:
        """Add a result's point."""
        window, said = result.window, result.prediction
        elapsed_s = 0.0
        if self._points:
            last = self._points[-1]
            step_us = window.t1_us - last.t_us if last.epoch == window.epoch else TICK_US
            elapsed_s = last.elapsed_s + step_us / 1e6
        self._points.append(
            HistoryPoint(
                window.epoch,
                window.t1_us,
                elapsed_s,
                said.probabilities,
                float(said.alpha.mean()),
                len(window.events) * 1e6 / (window.t1_us - window.t0_us),
                result.stressed.prediction.probabilities if result.stressed else None,
            )
        )

    def points(self) -> list[HistoryPoint]:
        """Return the points, oldest first."""
        return list(self._points)
