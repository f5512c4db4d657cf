"""Events emulated from a video, for sources that have frames alone.

A frame is taken to the light that it was made of and shown to the event pixels of :mod:`mcoe.sensor.dvs`; between two
frames the log intensity is taken to move in a straight line. Importing this module does not import numba.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit
from mcoe.events.packets import EVENT_DTYPE, Events, empty_events
from mcoe.sensor.aps import WEBCAM, ApsModel, irradiance
from mcoe.sensor.dvs import DvsModel, EventPixels


class EventEmulator:
    """Turns grey frames into events, one frame at a time. The same frames and seed give the same events.

    Args:
        size: ``(width, height)``, pixels.
        model: the event pixels.
        camera: the frame pixels; a webcam's or a video's encode with sRGB's exponent.
        seed: of thresholds and noise. Noise depends on a frame's time alone and so survives a seek.
    """

    def __init__(
        self, size: tuple[int, int], model: DvsModel | None = None, camera: ApsModel = WEBCAM, *, seed: int = 0
    ) -> None:
        self._size, self._shape, self._seed = size, (size[1], size[0]), seed
        self._model = model or DvsModel()
        self._light = irradiance(np.arange(256, dtype=np.uint8)[None], model=camera)[0]  # (256,) of each grey level
        self.reset()

    def reset(self) -> None:
        """Forget the frames seen, as before a seek; the next one gives no events."""
        self._time_us: int | None = None
        # Between two frames the light is known to move in a straight line at best: finer parts would only cost.
        rng = np.random.default_rng(self._seed)
        self._pixels = EventPixels(self._size, self._model, rng, part_us=np.inf)

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
        rows = self._pixels.fire(np.take(self._light, gray), t_us, np.random.default_rng([self._seed, abs(t_us)]))
        if before_us is None or not len(rows):
            return empty_events()
        packed = np.empty((len(rows), 2), np.int64)
        elapsed = np.empty(len(rows), np.uint16 if t_us - before_us <= 1 << 16 else np.int64)
        _pack()(rows, self._size[0], before_us, t_us - 1, packed, elapsed)
        # 16-bit keys are sorted by radix, ten times as fast as longer ones.
        order = np.argsort(elapsed, kind="stable")
        ordered: Events = packed.reshape(-1).view("V16")[order].view(EVENT_DTYPE)
        return ordered


@functools.cache
def _pack() -> Callable[..., None]:
    compiled: Callable[..., None] = njit(nogil=True, cache=True)(_pack_loop)
    return compiled


def _pack_loop(rows: Any, width: int, first: int, last: int, packed: Any, elapsed: Any) -> None:
    """Lay rows out as events, and their times since ``first``; rounding must not carry one past ``last``."""
    for i in range(len(rows)):
        t: Any = min(max(np.int64(rows[i, 0]), first), last)
        index = np.int64(rows[i, 1])
        packed[i, 0] = t
        packed[i, 1] = (index % width) | ((index // width) << 16) | (np.int64(rows[i, 2]) << 32)
        elapsed[i] = t - first
