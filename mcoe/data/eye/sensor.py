"""A DAVIS346-like sensor: one linear-light signal in, 8-bit APS frames and DVS events out.

DVS. Events where the log photocurrent has moved by a contrast threshold, with linear interpolation between rendered
samples whose spacing follows the motion (ESIM: Rebecq, Gehrig, Scaramuzza, "ESIM: an open event camera simulator",
CoRL 2018); threshold mismatch per pixel, refractory time, first-order photoreceptor bandwidth that falls with
intensity, leak and shot-noise events (v2e: Hu, Liu, Delbruck, "v2e: from video frames to realistic DVS events",
CVPRW 2021). Two deviations: the low-pass is solved in closed form for a ramp instead of by Euler steps, and leak is
scaled by the same low-light factor as shot noise.

APS. Exposure integral, photon shot noise, read noise, PRNU, DSNU and column pattern, clipping and 8-bit quantisation
(EMVA 1288's linear camera model); cos^4-like vignetting and a little veiling glare belong to the lens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events, empty_events, make_events

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class DvsModel:
    """Constants of the event pixels.

    Attributes:
        threshold: mean contrast threshold (natural log) of ON and OFF.
        mismatch: its standard deviation from pixel to pixel, relative.
        refractory_us: time after an event in which a pixel stays silent.
        leak_hz: ON events per pixel and second that leakage makes in good light.
        shot_hz: noise events per pixel and second in good light.
        noise_growth: factor on both in darkness, reached where the light is far below ``half_light``.
        half_light: irradiance at which the growth and the bandwidth stand half way; 1 is an office-lit face.
        bandwidth_hz: cut-off of the photoreceptor in bright light.
        dark: photocurrent without light, in the same unit; it flattens contrast in the dark.
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


@dataclass(frozen=True)
class ApsModel:
    """Constants of the frame pixels; noise in electrons, pattern in grey levels."""

    full_well: float = 18000.0
    read_noise: float = 28.0
    prnu: float = 0.008
    dsnu: float = 0.35
    column: float = 0.25
    black: float = 1.0


@dataclass(frozen=True)
class Optics:
    """The lens: blur (pixels), darkening at the corner, stray light as a fraction of the mean."""

    blur: float = 0.6
    vignette: float = 0.3
    glare: float = 0.03


@dataclass
class Lighting:
    """How the three drawn basis images are mixed: irradiance = key, side and surroundings times ``mixture``, plus
    ``glare`` times its mean. ``falloff`` (right, down) says how fast a near light fades: its logarithm changes by twice
    this much across the picture. ``beyond`` is how many times its lighting's usual level of light it has."""

    name: str
    mixture: tuple[float, float, float]
    glare: float = 0.0
    falloff: tuple[float, float] = (0.0, 0.0)
    exposure_us: int = 10_000
    target_mean: float = 56.0
    dvs: DvsModel = field(default_factory=DvsModel)
    beyond: float = 1.0


@numba.njit(cache=True, fastmath=True)  # type: ignore[untyped-decorator, unused-ignore]
def _dvs_step(light, u0, y, ref, last, on, off, t0, t1, dark, bandwidth, half_light, growth, leak_hz, refractory, out):  # type: ignore[no-untyped-def]
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
            parts = max(1, math.ceil(dt / 2000.0))
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


class EventPixels:
    """The DVS half: :meth:`step` takes irradiance ``(H, W)`` and its time, returns the events since the last call."""

    def __init__(self, size: tuple[int, int], model: DvsModel, rng: np.random.Generator) -> None:
        self.size, self.model, self._rng = size, model, rng
        n = size[0] * size[1]
        spread = 1 + model.mismatch * rng.standard_normal((2, n))
        self._on, self._off = (model.threshold * np.clip(spread, 0.4, None)).astype(np.float32)
        self._last = np.full(n, -1e12)
        # 16 per pixel and step, where moving edges need one or two; beyond, events are lost as on a real sensor's bus
        self._out = np.empty((max(16 * n, 100_000), 3))
        self._state: tuple[Float32, Float32, Float32] | None = None
        self._t = 0.0

    def step(self, irradiance: Float32, time_us: float) -> Events:
        """Return the events between the previous call and ``time_us``, ordered by time; the first call returns none."""
        m = self.model
        light = np.ascontiguousarray(irradiance, np.float32).ravel()
        if self._state is None:
            # each pixel starts somewhere between its thresholds, as after a long time of operation
            u = np.log(light + np.float32(m.dark))
            ref = u + self._rng.uniform(-0.5, 0.5, len(u)).astype(np.float32) * np.float32(m.threshold)
            self._state, self._t = (u, u.copy(), ref), time_us
            return empty_events()
        before, y, ref = self._state
        t0, t1 = self._t, time_us
        count = _dvs_step(light, before, y, ref, self._last, self._on, self._off, t0, t1, m.dark, m.bandwidth_hz,
                          m.half_light, m.noise_growth, m.leak_hz, m.refractory_us, self._out)  # fmt: skip
        found = self._out[:count].copy()
        noise = self._noise(light, t0, t1)
        where = noise[:, 1].astype(np.int64)
        ref[where] = y[where]
        self._t = t1
        both = np.concatenate([found, noise])
        both = both[np.argsort(both[:, 0], kind="stable")]
        index = both[:, 1].astype(np.int64)
        return make_events(both[:, 0].astype(np.int64), index % self.size[0], index // self.size[0], both[:, 2])

    def _noise(self, light: Float32, t0: float, t1: float) -> NDArray[np.float64]:
        """Draw shot-noise events: Poisson, at a rate that grows where it is dark."""
        m, rng = self.model, self._rng
        highest = m.shot_hz * (1 + m.noise_growth)
        n = int(rng.poisson(highest * len(light) * (t1 - t0) * 1e-6))
        index = rng.integers(0, len(light), n)
        rate = m.shot_hz * (1 + m.noise_growth * m.half_light / (m.half_light + light[index]))
        keep = rng.random(n) * highest < rate
        columns = np.stack([rng.uniform(t0, t1, n), index, rng.integers(0, 2, n)], 1)
        noise: NDArray[np.float64] = columns[keep]
        return noise


class FramePixels:
    """The APS half: integrates irradiance over each exposure and reads out 8 bits."""

    def __init__(self, size: tuple[int, int], model: ApsModel, rng: np.random.Generator) -> None:
        self.model, self._rng = model, rng
        h, w = size[1], size[0]
        self._gain = (1 + model.prnu * rng.standard_normal((h, w))).astype(np.float32)
        self._offset = (model.dsnu * rng.standard_normal((h, w)) + model.column * rng.standard_normal((1, w))).astype(
            np.float32
        )
        self._charge = np.zeros((h, w), np.float32)

    def integrate(self, before: Float32, now: Float32, t0: float, t1: float, start: float, end: float) -> None:
        """Collect light that changes linearly from ``before`` at t0 to ``now`` at t1, inside start..end, µs."""
        a, b = max(t0, start), min(t1, end)
        if b <= a:
            return
        middle = ((a + b) / 2 - t0) / (t1 - t0)
        self._charge += np.float32(b - a) * (before * np.float32(1 - middle) + now * np.float32(middle))

    def read(self, grey_per_charge: float) -> NDArray[np.uint8]:
        """Return the exposure ``(H, W)`` uint8 and empty the pixels."""
        m = self.model
        electrons = np.minimum(
            self._charge * self._gain * np.float32(grey_per_charge * m.full_well / 255), m.full_well * 1.5
        )
        sigma = np.sqrt(electrons + m.read_noise**2)
        electrons += sigma * self._rng.standard_normal(electrons.shape, np.float32)
        self._charge[:] = 0
        grey = electrons * np.float32(255 / m.full_well) + self._offset + np.float32(m.black)
        out: NDArray[np.uint8] = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        return out


def solve_gain(irradiance: Float32, exposure_us: float, target_mean: float) -> float:
    """Return grey levels per unit of charge that give ``target_mean`` after clipping: what an operator sets once."""
    light = irradiance.ravel()[::7]
    low, high = 0.0, 2000.0 / max(float(light.mean()), 1e-9)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.minimum(light * middle, 255).mean()) < target_mean else (low, middle)
    return (low + high) / 2 / exposure_us


class Sensor:
    """One camera under one lighting: lens, event pixels, frame pixels, and a frame clock that all its frames follow.

    Args:
        frame_ends_us: ends of the exposures, ascending.
    """

    def __init__(
        self,
        size: tuple[int, int],
        lighting: Lighting,
        frame_ends_us: NDArray[np.int64],
        rng: np.random.Generator,
        optics: Optics | None = None,
        aps: ApsModel | None = None,
    ) -> None:
        self.lighting, self.optics = lighting, optics or Optics()
        self.frame_ends_us = frame_ends_us
        self.frames: list[NDArray[np.uint8]] = []
        self._events: list[Events] = []
        self._dvs = EventPixels(size, lighting.dvs, rng)
        self._aps = FramePixels(size, aps or ApsModel(), rng)
        y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
        r2 = ((x - size[0] / 2) ** 2 + (y - size[1] / 2) ** 2) / (size[0] ** 2 / 4 + size[1] ** 2 / 4)
        fade = np.exp(lighting.falloff[0] * (2 * x / size[0] - 1) + lighting.falloff[1] * (2 * y / size[1] - 1))
        self._vignette, self._falloff = (1 - self.optics.vignette * r2).astype(np.float32), fade.astype(np.float32)
        self._mixture = np.array(lighting.mixture, np.float32)
        self._before: tuple[Float32, float] | None = None
        self._gain = 0.0

    @property
    def events(self) -> Events:
        """All events so far, ordered by time."""
        return np.concatenate([empty_events(), *self._events])

    def irradiance(self, basis: Float32) -> Float32:
        """Mix blurred basis images ``(H, W, 3)`` into the light on the sensor, ``(H, W)``."""
        image = np.asarray(cv2.transform(basis, self._mixture[None]), np.float32)
        image *= self._falloff
        image += (self.optics.glare + self.lighting.glare) * float(image.mean())
        image *= self._vignette
        return image

    def expose(self, basis: Float32, time_us: float) -> None:
        """Take the (already blurred) basis images at ``time_us``; calls must come in time order."""
        now = self.irradiance(basis)
        if self._before is None:
            self._gain = solve_gain(now, self.lighting.exposure_us, self.lighting.target_mean)
        self._events.append(self._dvs.step(now, time_us))
        if self._before is not None:
            before, t0 = self._before
            while len(self.frames) < len(self.frame_ends_us):
                end = float(self.frame_ends_us[len(self.frames)])
                self._aps.integrate(before, now, t0, time_us, end - self.lighting.exposure_us, end)
                if end > time_us:
                    break
                self.frames.append(self._aps.read(self._gain))
        self._before = now, time_us


def blur(basis: Float32, sigma: float) -> Float32:
    """Apply the lens's blur to drawn images ``(H, W, C)``."""
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(basis), (5, 5), sigma), np.float32) if sigma > 0 else basis
