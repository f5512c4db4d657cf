"""What stands between the drawn eye and the sensor: the light's mixture, the lens, and a clock for the frames.

cos^4-like vignetting and a little veiling glare belong to the lens; the pixels themselves are :mod:`mcoe.sensor`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import Events, join_events
from mcoe.sensor.aps import ApsModel, FramePixels, solve_gain
from mcoe.sensor.dvs import DvsModel, EventPixels

Float32 = NDArray[np.float32]


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


class Sensor:
    """One camera under one lighting: lens, event pixels, frame pixels, and a frame clock that all its frames follow.

    Args:
        frame_ends_us: ends of the exposures, ascending.
        gain: grey levels per unit of charge; what the operator sets at the first picture when None.
    """

    def __init__(
        self,
        size: tuple[int, int],
        lighting: Lighting,
        frame_ends_us: NDArray[np.int64],
        rng: np.random.Generator,
        optics: Optics | None = None,
        aps: ApsModel | None = None,
        gain: float | None = None,
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
        self.gain = gain

    @property
    def events(self) -> Events:
        """All events so far, ordered by time."""
        return join_events(self._events)

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
        if self.gain is None:
            self.gain = solve_gain(now, self.lighting.exposure_us, self.lighting.target_mean)
        self._events.append(self._dvs.step(now, time_us))
        if self._before is not None:
            before, t0 = self._before
            while len(self.frames) < len(self.frame_ends_us):
                end = float(self.frame_ends_us[len(self.frames)])
                self._aps.integrate(before, now, t0, time_us, end - self.lighting.exposure_us, end)
                if end > time_us:
                    break
                self.frames.append(self._aps.read(self.gain))
        self._before = now, time_us


def blur(basis: Float32, sigma: float) -> Float32:
    """Apply the lens's blur to drawn images ``(H, W, C)``."""
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(basis), (5, 5), sigma), np.float32) if sigma > 0 else basis
