"""Events emulated from a video, for sources that have frames alone.

A pixel fires whenever the logarithm of its intensity has moved by a threshold since it last fired (A.7), after
ESIM (Rebecq et al., 2018) and v2e (Hu et al., 2021): thresholds differ from pixel to pixel, a pixel rests after an
event, and noise comes on top. Between two frames the log intensity is taken to move in a straight line. Importing
this module does not import numba.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit
from mcoe.events.packets import EVENT_DTYPE, Events, empty_events

#: Below this grey level intensity counts linearly: the logarithm would turn a dark camera's rounding into events.
LINEAR_BELOW = 20


def log_intensity() -> NDArray[np.float32]:
    """Return the log intensity of each grey level, ``(256,)`` float32: ln above :data:`LINEAR_BELOW`, else linear."""
    grey = np.arange(256)
    linear = grey * (np.log(LINEAR_BELOW) / LINEAR_BELOW)
    return np.where(grey < LINEAR_BELOW, linear, np.log(np.maximum(grey, 1))).astype(np.float32)


class EventEmulator:
    """Turns grey frames into events, one frame at a time. The same frames and seed give the same events.

    Args:
        size: ``(width, height)``, pixels.
        threshold: mean change of log intensity that makes an event.
        mismatch: standard deviation of the threshold over the pixels, drawn once for ON and once for OFF.
        refractory_us: a pixel is silent for so long after an event; changes meanwhile are lost.
        leak_hz: ON events per pixel and second without any change (a real pixel's reference leaks away).
        shot_hz: ON and OFF events together per pixel and second in the dark; a quarter of it at full brightness.
        seed: of thresholds and noise.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        threshold: float = 0.2,
        mismatch: float = 0.03,
        refractory_us: int = 1_000,
        leak_hz: float = 0.1,
        shot_hz: float = 0.1,
        seed: int = 0,
    ) -> None:
        self._shape = size[1], size[0]
        rng = np.random.default_rng(seed)
        spread = rng.normal(threshold, mismatch, (2, *self._shape))
        # Without a floor a pixel of the distribution's tail would fire without end.
        self._thresholds = np.maximum(spread, threshold / 4).astype(np.float32)  # (2, H, W): OFF, ON
        self._refractory_us = refractory_us
        self._leak_hz, self._shot_hz, self._seed = leak_hz, shot_hz, seed
        self._log = log_intensity()
        self.reset()

    def reset(self) -> None:
        """Forget the frames seen, as before a seek; the next one gives no events."""
        self._time_us: int | None = None
        self._before = np.empty(self._shape, np.uint8)
        self._reference = np.empty(self._shape, np.float32)
        self._fired_us = np.full(self._shape, -(1 << 62), np.int64)

    def step(self, gray: NDArray[np.uint8], t_us: int) -> Events:
        """Return the events between the frame before and this one, none for the first.

        Args:
            gray: ``(H, W)`` uint8; not kept and not written to.
            t_us: the frame's time, µs, later than that of the frame before.

        Returns:
            Events ordered by time, with ``time before <= timestamp < t_us``: they belong to this frame's window.

        Raises:
            ValueError: another size or dtype, or a time that does not advance.
        """
        if gray.shape != self._shape or gray.dtype != np.uint8:
            raise ValueError(f"the emulator expects {self._shape} uint8, not {gray.shape} {gray.dtype}")
        if self._time_us is not None and t_us <= self._time_us:
            raise ValueError(f"a frame at {t_us} µs cannot follow one at {self._time_us} µs")
        before_us, self._time_us = self._time_us, int(t_us)
        if before_us is None:
            self._reference[:] = self._log[gray]
            self._before[:] = gray
            return empty_events()
        events = self._cross(np.ascontiguousarray(gray), before_us, self._time_us)
        self._before[:] = gray
        # 16-bit keys are sorted by radix, ten times as fast as longer ones.
        elapsed = events["timestamp"] - before_us
        key = elapsed.astype(np.uint16) if self._time_us - before_us <= 1 << 16 else elapsed
        order = np.argsort(key, kind="stable")
        ordered: Events = events.view("V16")[order].view(EVENT_DTYPE)
        return ordered

    def _cross(self, gray: NDArray[np.uint8], t0: int, t1: int) -> Events:
        count, fire = _loops()
        seconds = (t1 - t0) / 1e6
        most = count(gray, self._log, self._reference, self._thresholds)
        out = np.empty((most + gray.size, 2), np.int64)  # at most one event of noise a pixel
        found = fire(
            gray,
            self._before,
            self._log,
            self._reference,
            self._thresholds,
            self._fired_us,
            t0,
            t1,
            self._refractory_us,
            self._leak_hz * seconds,
            self._shot_hz * seconds / 2,
            self._seed,
            out,
        )
        return out[:found].reshape(-1).view(EVENT_DTYPE)


@functools.cache
def _loops() -> tuple[Callable[..., int], Callable[..., int]]:
    compile_ = njit(nogil=True, cache=True, error_model="numpy")
    return compile_(_count_loop), compile_(_fire_loop)


def _count_loop(gray: Any, log: Any, reference: Any, thresholds: Any) -> int:
    """Return how many thresholds are crossed over all pixels."""
    total: Any = 0
    for y in range(gray.shape[0]):
        for x in range(gray.shape[1]):
            change = log[gray[y, x]] - reference[y, x]
            on = 1 if change > 0 else 0
            total += np.int64(abs(change) / thresholds[on, y, x])
    return int(total)


def _fire_loop(
    gray: Any,
    before: Any,
    log: Any,
    reference: Any,
    thresholds: Any,
    fired: Any,
    t0: int,
    t1: int,
    refractory: int,
    leak: float,
    shot: float,
    seed: int,
    out: Any,
) -> int:
    """Write the events of one frame to ``out`` in pixel order, move the references, return how many there are.

    ``leak`` and ``shot`` are the probabilities of a leak event and, in the dark, of a shot event of either sign.
    """
    n = 0
    span = t1 - t0
    key = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(t1)
    for y in range(gray.shape[0]):
        for x in range(gray.shape[1]):
            level = log[gray[y, x]]
            start = log[before[y, x]]
            change = level - reference[y, x]
            on = 1 if change > 0 else 0
            threshold = thresholds[on, y, x]
            # A level that did not move crosses nothing; rounding may have left the reference just short of it.
            crossings = np.int64(abs(change) / threshold) if level != start else np.int64(0)
            step = threshold if on else -threshold
            for _ in range(crossings):
                reference[y, x] += step
                way = (reference[y, x] - start) / (level - start)
                t = min(max(t0 + np.int64(way * span), t0), t1 - 1)
                if t - fired[y, x] >= refractory:
                    fired[y, x] = t
                    out[n, 0] = t
                    out[n, 1] = x | (y << 16) | (on << 32)
                    n += 1
            # A number per pixel and frame, whatever came before it (splitmix64), so that noise survives a seek.
            key += np.uint64(0x9E3779B97F4A7C15)
            z = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            chance = np.float64(z >> np.uint64(32)) / 4294967296.0
            dark = shot * (1.0 - 0.75 * gray[y, x] / 255.0)
            if chance < leak + 2 * dark:
                t = t0 + np.int64(z & np.uint64(0xFFFFFFFF)) * span // 4294967296
                if t - fired[y, x] >= refractory:
                    fired[y, x] = t
                    out[n, 0] = t
                    out[n, 1] = x | (y << 16) | ((1 if chance < leak + dark else 0) << 32)
                    n += 1
    return n
