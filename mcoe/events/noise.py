"""Background-activity filter: an event is kept if one of its eight neighbours fired shortly before.

The rule of dv-processing's ``BackgroundActivityNoiseFilter``, event by event, compiled over our own arrays: handing
them to dv-processing takes ten times as long as the filter itself. Importing this module does not import numba.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit
from mcoe.events.packets import Events


@dataclass(frozen=True, slots=True)
class NoiseRates:
    """Events before and after the filter since it was made or reset, and per second of stream time."""

    events_in: int
    events_out: int
    rate_in: float
    rate_out: float


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


class NoiseFilter:
    """Keeps what a neighbour supports; stateful over batches. Not thread-safe, but ``enabled`` may be set anywhere.

    Args:
        size: ``(width, height)`` of the sensor, pixels.
        duration_us: an event needs a neighbour's event less than this before it.
    """

    def __init__(self, size: tuple[int, int], duration_us: int = 2_000) -> None:
        if duration_us <= 0:
            raise ValueError(f"the filter's duration must be positive, not {duration_us} µs")
        self.duration_us, self.enabled = duration_us, True
        # One pixel of margin spares the border tests.
        self._last: NDArray[np.int64] = np.zeros((size[1] + 2, size[0] + 2), np.int64)
        self.reset()

    def reset(self) -> None:
        """Forget the past, after a seek or a reconnect."""
        self._last[:] = 0
        self._in = self._out = 0
        self._first_us: int | None = None
        self._newest_us = 0

    def apply(self, events: Events) -> Events:
        """Return the events kept, a new array; the batch itself, uncounted, when the filter is off.

        Args:
            events: ordered by time, inside the sensor.
        """
        if not self.enabled or not len(events):
            return events
        keep = np.empty(len(events), np.bool_)
        _compiled()(events["timestamp"], events["x"], events["y"], self.duration_us, self._last, keep)
        kept = events[keep]
        self._in, self._out = self._in + len(events), self._out + len(kept)
        if self._first_us is None:
            self._first_us = int(events["timestamp"][0])
        self._newest_us = int(events["timestamp"][-1])
        return kept

    def rates(self) -> NoiseRates:
        """Return how much went in and out."""
        span = (self._newest_us - self._first_us) / 1e6 if self._first_us is not None else 0.0
        per_s = 1 / span if span > 0 else 0.0
        return NoiseRates(self._in, self._out, self._in * per_s, self._out * per_s)


@functools.cache
def _compiled() -> Callable[..., None]:
    return njit(nogil=True, cache=True)(_keep_loop)


def _keep_loop(times: Any, xs: Any, ys: Any, duration: int, last: Any, keep: Any) -> None:
    for i in range(len(times)):
        t, x, y = times[i], xs[i] + 1, ys[i] + 1
        since = t - duration
        keep[i] = (
            last[y - 1, x - 1] > since
            or last[y - 1, x] > since
            or last[y - 1, x + 1] > since
            or last[y, x - 1] > since
            or last[y, x + 1] > since
            or last[y + 1, x - 1] > since
            or last[y + 1, x] > since
            or last[y + 1, x + 1] > since
        )
        last[y, x] = t
