"""Figures over the last five seconds, cheap enough to feed from every thread."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np

#: How far back the figures look, s.
SPAN_S = 5.0


class Meter:
    """Stage times and rates over the last :data:`SPAN_S` seconds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: deque[tuple[float, dict[str, float]]] = deque()
        self._events: deque[tuple[int, int, int]] = deque()  # stream µs, count, count after the filter
        self.results = 0

    def result(self, stage_ms: dict[str, float]) -> None:
        """Count a result and its stage times, ms."""
        with self._lock:
            self.results += 1
            self._stages.append((time.monotonic(), stage_ms))
            self._trim()

    def events(self, end_us: int, count: int, kept: int) -> None:
        """Count a batch of events that ends at stream time ``end_us``, and what the filter left of it."""
        with self._lock:
            if self._events and end_us < self._events[-1][0]:
                self._events.clear()  # a seek or a loop
            self._events.append((end_us, count, kept))
            while self._events[-1][0] - self._events[0][0] > SPAN_S * 1e6:
                self._events.popleft()

    def figures(self) -> tuple[int, float, tuple[float, float], dict[str, tuple[float, float]]]:
        """Return results so far, results/s, events/s of stream time (all, kept), and (median, p95) ms per stage."""
        with self._lock:
            self._trim()
            stages, events = list(self._stages), list(self._events)
            total = self.results
        rate = 0.0
        if len(stages) > 1:
            rate = (len(stages) - 1) / max(stages[-1][0] - stages[0][0], 1e-6)
        events_per_s = (0.0, 0.0)
        if len(events) > 1:
            seconds = max((events[-1][0] - events[0][0]) / 1e6, 1e-6)
            events_per_s = (sum(e[1] for e in events[1:]) / seconds, sum(e[2] for e in events[1:]) / seconds)
        names = {name for _, times in stages for name in times}
        figures = {}
        for name in sorted(names):
            values = [times[name] for _, times in stages if name in times]
            median, p95 = np.percentile(values, (50, 95))
            figures[name] = (float(median), float(p95))
        return total, rate, events_per_s, figures

    def _trim(self) -> None:
        oldest = time.monotonic() - SPAN_S
        while self._stages and self._stages[0][0] < oldest:
            self._stages.popleft()
