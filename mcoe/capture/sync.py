"""Two clocks and two views of one movement: offset and drift from arrivals, residual lag from what moves."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events, Frame

#: One arrival, the quickest, is kept per this much device time, µs.
BIN_US = 100_000
#: Arrivals older than this no longer count, µs of device time.
MEMORY_US = 120_000_000
#: A drift is estimated only over at least this span, µs; before, both clocks are taken to run alike.
DRIFT_SPAN_US = 8_000_000
#: An arrival this far from the fit means that a clock was set anew, µs.
RESTART_US = 1_000_000


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """How a device's clock lies against the host's.

    Attributes:
        offset_us: host minus device time at ``at_us``, including the shortest transport delay.
        drift_ppm: growth of the offset, µs per s; 0 until it can be told.
        at_us: the device time that ``offset_us`` belongs to.
        jitter_us: median of how much later than the quickest packets the others came.
        confidence: 0 (nothing known) to 1.
    """

    offset_us: float
    drift_ppm: float
    at_us: int
    jitter_us: float
    confidence: float


class ClockFit:
    """Fits the device's clock to the host's from the lower envelope of (arrival − device stamp).

    A packet can be late but never early, so the quickest packets lie on a line: offset plus drift. The line that
    stays below all arrivals and is nearest to them on average is the edge, over their mean time, of their lower
    convex hull.
    """

    def __init__(self) -> None:
        self._bins: deque[tuple[int, int]] = deque()  # (device µs, least host − device µs) of each bin
        self._late: deque[float] = deque(maxlen=500)
        self._slope, self._level, self._at = 0.0, math.nan, 0

    def add(self, device_us: int, host_us: int) -> None:
        """Take one packet's device stamp (its end) and host arrival, µs."""
        gap = host_us - device_us
        if self._bins:
            early = gap - self._line(device_us)
            if abs(early) > RESTART_US or device_us < self._bins[-1][0] - RESTART_US:
                self._bins.clear()
                self._late.clear()
                self._slope = 0.0
            else:
                self._late.append(max(0.0, early))
        if self._bins and device_us // BIN_US == self._bins[-1][0] // BIN_US:
            if gap >= self._bins[-1][1]:
                return
            self._bins[-1] = (device_us, gap)
        else:
            self._bins.append((device_us, gap))
            while device_us - self._bins[0][0] > MEMORY_US:
                self._bins.popleft()
        self._fit()

    def _line(self, device_us: float) -> float:
        return self._level + self._slope * (device_us - self._at)

    def _fit(self) -> None:
        points = self._bins
        self._at = points[0][0]
        span = points[-1][0] - self._at
        if span < DRIFT_SPAN_US:
            self._slope, self._level = 0.0, float(min(gap for _, gap in points))
            return
        hull: list[tuple[int, int]] = []
        for point in points:
            while len(hull) > 1 and _turns_right(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        middle = sum(t for t, _ in points) / len(points)
        after = next(k for k in range(1, len(hull)) if hull[k][0] >= middle or k == len(hull) - 1)
        (t0, g0), (t1, g1) = hull[after - 1], hull[after]
        self._slope = (g1 - g0) / (t1 - t0)
        self._level = g0 - self._slope * (t0 - self._at)

    def estimate(self) -> ClockEstimate | None:
        """Return the fit at the newest packet, None before the first."""
        if not self._bins:
            return None
        newest = self._bins[-1][0]
        jitter = float(np.median(self._late)) if self._late else math.inf
        # Half the confidence from having seen enough, half from arrivals close to the line.
        seen = min(1.0, len(self._bins) * BIN_US / DRIFT_SPAN_US)
        tight = 1.0 / (1.0 + jitter / 5_000)
        return ClockEstimate(self._line(newest), self._slope * 1e6, newest, jitter, seen * (0.5 + 0.5 * tight))

    def to_device(self, host_us: int) -> int:
        """Return the device time of a host time, µs. Raises ValueError before the first packet."""
        if not self._bins:
            raise ValueError("no packet of the device has come yet")
        # host = device + level + slope·(device − at)
        return round(self._at + (host_us - self._at - self._level) / (1 + self._slope))


def _turns_right(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


@dataclass(frozen=True, slots=True)
class LagEstimate:
    """How much later the frames' stamps are than the same movement in the events.

    Attributes:
        lag_us: to be subtracted from the frames' times; None when unknown (nothing moved, or nothing agrees).
        confidence: 0 to 1; 0 when unknown.
    """

    lag_us: float | None
    confidence: float


UNKNOWN_LAG = LagEstimate(None, 0.0)


class LagEstimator:
    """Finds the residual lag by correlating frame-difference energy with the event rate; a blink is enough.

    The energy of a frame against the one before it is compared with the number of events between the middles of both
    exposures, moved by every lag within ``reach_us``.

    Args:
        reach_us: largest lag looked for, µs, either sign.
        memory_us: the last so many µs are looked at.
    """

    STEP_US = 1_000
    #: Least correlation, and least rise of the activity over its median, that count as an answer.
    MIN_CORRELATION, MIN_CONTRAST = 0.6, 2.0
    MIN_FRAMES = 30

    def __init__(self, reach_us: int = 250_000, memory_us: int = 10_000_000) -> None:
        self._reach, self._memory = reach_us, memory_us
        self._energy: deque[tuple[int, int, float]] = deque()  # middle of the frame before, of this one, energy
        self._counts: deque[tuple[int, int]] = deque()  # bin of STEP_US, events
        self._before: tuple[int, NDArray[np.float32]] | None = None

    def add_frame(self, frame: Frame) -> None:
        """Take a frame, its times on the events' clock."""
        image = frame.image if frame.image.ndim == 2 else frame.image[..., 1]
        # A sixteenth of the pixels tells movement as well as all of them.
        small = image[::4, ::4].astype(np.float32)
        middle = (frame.start_us + frame.end_us) // 2
        before, self._before = self._before, (middle, small)
        if before is not None and before[1].shape == small.shape and middle > before[0]:
            self._energy.append((before[0], middle, float(np.abs(small - before[1]).mean())))
        while self._energy and middle - self._energy[0][1] > self._memory:
            self._energy.popleft()

    def add_events(self, events: Events) -> None:
        """Take a batch of events, ordered by time."""
        times = events["timestamp"]
        # Only bins that hold something: between two events may lie a silence, or a clock's jump, of any length.
        bins, counts = np.unique(times // self.STEP_US, return_counts=True)
        self._counts.extend(zip(bins.tolist(), counts.tolist(), strict=True))
        oldest = int(bins[-1]) - (self._memory + 2 * self._reach) // self.STEP_US
        while self._counts and self._counts[0][0] < oldest:
            self._counts.popleft()

    def estimate(self) -> LagEstimate:
        """Return the lag over the memory; some 20 ms of work."""
        if len(self._energy) < self.MIN_FRAMES or not self._counts:
            return UNKNOWN_LAG
        begin, end, energy = (np.array(column, np.float64) for column in zip(*self._energy, strict=True))
        bins, counts = np.array(self._counts, np.int64).T
        low = int(bins[0])
        series = np.zeros(int(bins[-1]) - low + 1)
        np.add.at(series, bins - low, counts)
        # Events before time t: linear inside a step, so that lags need not be whole steps.
        total = np.concatenate(([0.0], np.cumsum(series)))
        times = (low + np.arange(len(total))) * float(self.STEP_US)
        if not self._moves(energy):
            return UNKNOWN_LAG
        lags = np.arange(-self._reach, self._reach + 1, self.STEP_US)
        covered = (begin - self._reach >= times[0]) & (end + self._reach <= times[-1])
        if covered.sum() < self.MIN_FRAMES:
            return UNKNOWN_LAG
        begin, end, energy = begin[covered], end[covered], energy[covered]
        shifted = np.interp(end[None] - lags[:, None], times, total) - np.interp(
            begin[None] - lags[:, None], times, total
        )  # (lags, frames)
        if not (self._moves(energy) and self._moves(shifted[len(lags) // 2])):
            return UNKNOWN_LAG
        scores = _correlation(energy, shifted)
        best = int(scores.argmax())
        if scores[best] < self.MIN_CORRELATION or best in (0, len(lags) - 1):
            return UNKNOWN_LAG
        left, peak, right = scores[best - 1 : best + 2]
        bend = left - 2 * peak + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        # A peak that stands alone is worth more than one of many alike (a periodic movement).
        apart = np.abs(lags - lags[best]) > 3 * float(np.median(end - begin))
        rival = float(scores[apart].max()) if apart.any() else 0.0
        confidence = float(np.clip(peak * (1 - max(0.0, rival) / peak) * 2, 0.0, 1.0))
        return LagEstimate(float(lags[best] + shift * self.STEP_US), confidence)

    def _moves(self, activity: NDArray[np.float64]) -> bool:
        middle = float(np.median(activity))
        return float(activity.max()) > self.MIN_CONTRAST * middle + 1e-9


def _correlation(a: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of ``a`` ``(n,)`` with each row of ``(r, n)``; 0 for a constant row."""
    a = a - a.mean()
    rows = rows - rows.mean(axis=1, keepdims=True)
    norm = np.sqrt((a**2).sum() * (rows**2).sum(axis=1))
    product: NDArray[np.float64] = rows @ a
    return np.asarray(np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0), np.float64)
