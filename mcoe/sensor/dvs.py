"""Event pixels: light in, events out.

Events where the log photocurrent has moved by a contrast threshold, with linear interpolation between samples of the
light (ESIM: Rebecq, Gehrig, Scaramuzza, "ESIM: an open event camera simulator", CoRL 2018); threshold mismatch per
pixel, refractory time, first-order photoreceptor bandwidth that falls with intensity, leak and shot-noise events (v2e:
Hu, Liu, Delbruck, "v2e: from video frames to realistic DVS events", CVPRW 2021). Two deviations: the low-pass is
solved in closed form for a ramp instead of by Euler steps, and leak is scaled by the same low-light factor as shot
noise, though parasitic photocurrent makes it grow with light (Nozaki, Delbruck, "Temperature and parasitic photocurrent
effects in dynamic vision sensors", IEEE TED 2017). Nothing saturates: the logarithm holds over 120 dB and more (130 dB:
Brandli et al., JSSC 2014), which ends far above what is simulated here.

Importing this module does not import numba.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit
from mcoe.events.packets import Events, empty_events, make_events

Float32 = NDArray[np.float32]
#: Unsorted events as ``(n, 3)`` float64: time in µs, pixel (row by row), polarity 0 or 1.
Rows = NDArray[np.float64]

#: Longest stretch over which the photoreceptor's output is taken for a straight line, µs.
PART_US = 2000.0


@dataclass(frozen=True)
class DvsModel:
    """Constants of the event pixels, as the training data were rendered with. Irradiance 1 is an office-lit face.

    Attributes:
        threshold: mean contrast threshold (natural log) of ON and OFF: above v2e's 0.2 and the 0.10 that Brandli et
            al. (2014) detect at best, since a sensor is biased for little noise.
        mismatch: its standard deviation from pixel to pixel, relative: between the 3.5 % of contrast that Brandli et
            al. measured and v2e's 15 %.
        refractory_us: time after an event in which a pixel stays silent; assumed (v2e's clean preset has none, its
            noisy one 10 ms).
        leak_hz: ON events per pixel and second that leakage makes in good light, between v2e's default of 0.01 and
            its noisy preset's 0.1.
        shot_hz: noise events per pixel and second in good light; assumed (in the dark v2e's presets reach from 0 to 5).
        noise_growth: what darkness adds to both, as a multiple: five times the rate where the light is far below
            ``half_light``. v2e's falls to a quarter from dark to bright.
        half_light: irradiance at which the growth and the bandwidth stand half way; assumed.
        bandwidth_hz: cut-off of the photoreceptor in bright light (v2e: 300); it falls in proportion to dim light.
        dark: photocurrent without light, in irradiance; it flattens contrast in the dark. Assumed; v2e instead counts
            linearly below grey level 20, which an office exposure reaches at about this light.
    """

    threshold: float = 0.28
    mismatch: float = 0.08
    refractory_us: float = 400.0
    leak_hz: float = 0.05
    shot_hz: float = 0.03
    noise_growth: float = 4.0
    half_light: float = 0.05
    bandwidth_hz: float = 250.0
    dark: float = 0.015

    def noise_hz(self, light: Float32) -> Float32:
        """Return the events per pixel and second that leakage and shot noise make together at ``light``."""
        growth = 1 + self.noise_growth * self.half_light / (self.half_light + light)
        return np.asarray((self.leak_hz + self.shot_hz) * growth, np.float32)

    def lag_us(self, light: Float32) -> Float32:
        """Return how far the photoreceptor lags behind a steady change at ``light``, µs: its time constant."""
        cutoff = np.maximum(self.bandwidth_hz * light / (self.half_light + light), 0.5)
        return np.asarray(1e6 / (2 * math.pi * cutoff), np.float32)

    def response(self, light: Float32, gain: Float32 | float) -> Float32:
        """Return the log contrast that a small change keeps when ``light`` is multiplied by ``gain``, relative."""
        return np.asarray(gain * (light + self.dark) / (gain * light + self.dark), np.float32)


class EventPixels:
    """Turns irradiance ``(H, W)``, sampled as often as it moves, into events.

    Args:
        size: ``(width, height)``, pixels.
        rng: of the thresholds, where each pixel starts between them, and the noise.
        part_us: see :data:`PART_US`; each part costs as much as a sample.
    """

    def __init__(
        self, size: tuple[int, int], model: DvsModel, rng: np.random.Generator, part_us: float = PART_US
    ) -> None:
        self.size, self.model, self._rng, self._part_us = size, model, rng, part_us
        n = size[0] * size[1]
        spread = 1 + model.mismatch * rng.standard_normal((2, n))
        self._on, self._off = (model.threshold * np.clip(spread, 0.4, None)).astype(np.float32)
        self._last = np.full(n, -1e12)
        # 16 per pixel and step, where moving edges need one or two; beyond, events are lost as on a real sensor's bus
        self._out = np.empty((max(16 * n, 100_000), 3))
        self._state: tuple[Float32, Float32, Float32] | None = None
        self._t = 0.0

    def settle(self, irradiance: Float32, time_us: float, phase: Float32) -> None:
        """Begin at ``time_us`` in a light that has long been the same.

        Args:
            phase: ``(H·W,)`` how far each pixel's reference lies above its light, in thresholds.
        """
        u = np.log(np.asarray(irradiance, np.float32).ravel() + np.float32(self.model.dark))
        self._state, self._t = (u, u.copy(), u + phase * np.float32(self.model.threshold)), time_us

    def step(self, irradiance: Float32, time_us: float) -> Events:
        """Return the events between the previous call and ``time_us``, ordered by time; the first call returns none."""
        rows = self.fire(irradiance, time_us)
        if not len(rows):
            return empty_events()
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        index = rows[:, 1].astype(np.int64)
        return make_events(rows[:, 0].astype(np.int64), index % self.size[0], index // self.size[0], rows[:, 2])

    def fire(self, irradiance: Float32, time_us: float, rng: np.random.Generator | None = None) -> Rows:
        """Do what :meth:`step` does, but return rows that are not sorted: signal, pixel by pixel, then noise.

        They lie in a buffer that the next step overwrites.

        Args:
            rng: of this step's noise, where it must not depend on the steps before.
        """
        m = self.model
        light = np.ascontiguousarray(irradiance, np.float32).ravel()
        if self._state is None:
            # each pixel starts somewhere between its thresholds
            self.settle(light, time_us, self._rng.uniform(-0.5, 0.5, len(light)).astype(np.float32))
            return np.empty((0, 3))
        before, y, ref = self._state
        t0, self._t = self._t, time_us
        count = _kernel()(
            light, before, y, ref, self._last, self._on, self._off, t0, time_us, m.dark, m.bandwidth_hz, m.half_light,
            m.noise_growth, m.leak_hz, m.refractory_us, self._part_us, self._out,
        )  # fmt: skip
        noise = self._noise(light, t0, time_us, rng or self._rng)
        where = noise[:, 1].astype(np.int64)
        ref[where] = y[where]
        noise = noise[: len(self._out) - count]
        self._out[count : count + len(noise)] = noise
        return self._out[: count + len(noise)]

    def _noise(self, light: Float32, t0: float, t1: float, rng: np.random.Generator) -> Rows:
        """Draw shot-noise events: Poisson, at a rate that grows where it is dark."""
        m = self.model
        highest = m.shot_hz * (1 + m.noise_growth)
        n = int(rng.poisson(highest * len(light) * (t1 - t0) * 1e-6))
        index = rng.integers(0, len(light), n)
        rate = m.shot_hz * (1 + m.noise_growth * m.half_light / (m.half_light + light[index]))
        keep = rng.random(n) * highest < rate
        columns = np.stack([rng.uniform(t0, t1, n), index, rng.integers(0, 2, n)], 1)
        noise: Rows = columns[keep]
        return noise


@functools.cache
def _kernel() -> Callable[..., int]:
    compiled: Callable[..., int] = njit(nogil=True, cache=True, fastmath=True)(_advance)
    return compiled


def _advance(
    light: Any, u0: Any, y: Any, ref: Any, last: Any, on: Any, off: Any, t0: Any, t1: Any, dark: Any, bandwidth: Any,
    half_light: Any, growth: Any, leak_hz: Any, refractory: Any, part_us: Any, out: Any,
) -> Any:  # fmt: skip
    """Advance every pixel from t0 to t1 (µs); write events as rows (t, index, polarity) and return how many."""
    n, dt, room = 0, t1 - t0, len(out)
    seconds = np.float32(dt * 1e-6)
    leak, grown = np.float32(leak_hz * seconds), np.float32(growth)
    half, floor = np.float32(half_light), np.float32(dark)
    still = np.float32(2e-3)
    for i in range(len(light)):
        a, b = u0[i], np.log(light[i] + floor)
        u0[i] = b
        dim = half / (half + light[i])
        ref[i] -= leak * (1 + grown * dim) * on[i]
        parts = 1
        if abs(b - a) < still and abs(a - y[i]) < still:  # neither moves nor lags: it has settled
            start, slope, lag, fade = b, np.float32(0), np.float32(0), np.float32(0)
            y[i] = b
            if b - ref[i] < on[i] and ref[i] - b < off[i]:
                continue
        else:
            parts = max(1, math.ceil(dt / part_us))
            cutoff = np.float32(2 * math.pi) * max(np.float32(bandwidth) * (1 - dim), np.float32(0.5))
            lag = 1 / cutoff
            fade = np.exp(-seconds / parts * cutoff)
            slope = (b - a) / seconds
        for k in range(parts):
            x0 = a + (b - a) * k / parts
            x1 = a + (b - a) * (k + 1) / parts
            start = y[i]
            end = x1 - slope * lag + (start - x0 + slope * lag) * fade
            moved = end - start
            begin = t0 + dt * k / parts
            while n < room:
                if end - ref[i] >= on[i]:
                    ref[i] += on[i]
                    polarity = 1
                elif ref[i] - end >= off[i]:
                    ref[i] -= off[i]
                    polarity = 0
                else:
                    break
                part = 1.0
                if abs(moved) > 1e-6:
                    part = min(max((ref[i] - start) / moved, 0.0), 1.0)
                t = begin + part * dt / parts
                if t - last[i] >= refractory:
                    last[i] = t
                    out[n, 0], out[n, 1], out[n, 2] = t, i, polarity
                    n += 1
            y[i] = end
    return n
