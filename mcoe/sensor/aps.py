"""Frame pixels: light in, 8-bit image out, and back from an image to the light it was made of.

EMVA 1288's linear camera model: an exposure collects photoelectrons up to the full well, photons and read-out add
noise, pixels and columns differ in gain and offset, and a converter gives 256 levels. A camera for people's eyes puts
sRGB's exponent on top.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

#: Mean grey level of an office-lit face (irradiance 1) and the exposure, µs, that gives it: the middle of what the
#: virtual eye's operators choose, who follow the real set's. It ties grey levels to light where nobody measured it.
OFFICE_GREY, OFFICE_EXPOSURE_US = 56.0, 12_000.0


@dataclass(frozen=True)
class ApsModel:
    """Constants of the frame pixels; the default is a DAVIS-like sensor, as the training data were rendered with.

    Attributes:
        full_well: electrons at grey level 255.
        read_noise: of the read-out, electrons. ``full_well / read_noise`` is 56 dB of range; Brandli et al. (2014)
            measured 51 dB on the DAVIS240.
        prnu: gain from pixel to pixel, relative standard deviation. Brandli et al. give 0.5 % of fixed pattern.
        dsnu, column: offset of a pixel and of a column, standard deviation, grey levels; assumed.
        black: grey level without light; assumed.
        gamma: exponent that leads from the encoded value to light: 1 for a sensor's own converter.
    """

    full_well: float = 18000.0
    read_noise: float = 28.0
    prnu: float = 0.008
    dsnu: float = 0.35
    column: float = 0.25
    black: float = 1.0
    gamma: float = 1.0

    def variance(self, electrons: Float32) -> Float32:
        """Return photon and read-out noise, electrons², of pixels that hold ``electrons``."""
        return np.asarray(electrons + np.float32(self.read_noise**2), np.float32)

    def offsets(self, size: tuple[int, int], rng: np.random.Generator) -> Float32:
        """Draw the fixed pattern of a sensor of ``(width, height)`` pixels: ``(H, W)`` grey levels."""
        shape = size[1], size[0]
        pattern = self.dsnu * rng.standard_normal(shape) + self.column * rng.standard_normal((1, size[0]))
        return pattern.astype(np.float32)


#: A camera for people's eyes: sRGB's exponent in its usual approximation, offsets corrected inside.
WEBCAM = ApsModel(dsnu=0.0, column=0.0, black=0.0, gamma=2.2)


def model_of(image: NDArray[np.uint8]) -> ApsModel:
    """Return the pixels that made an image: grey ones come from an event camera's own converter, colour is encoded."""
    return ApsModel() if image.ndim == 2 else WEBCAM


@functools.lru_cache(maxsize=8)
def _table(model: ApsModel) -> Float32:
    share = np.maximum(np.arange(256) - model.black, 0.0) / 255.0
    return np.asarray(share**model.gamma * model.full_well, np.float32)


def to_electrons(image: NDArray[np.uint8], model: ApsModel) -> Float32:
    """Return the electrons that an 8-bit image of any shape was read from, float32; 255 may have been any more."""
    return np.asarray(_table(model)[image], np.float32)


def to_grey(electrons: Float32, model: ApsModel, offset: Float32 | float = 0.0) -> NDArray[np.uint8]:
    """Read electrons out as 8 bits; ``offset`` is the fixed pattern, grey levels."""
    share = np.maximum(electrons * np.float32(1 / model.full_well), 0) if model.gamma != 1 else None
    grey = electrons * np.float32(255 / model.full_well) if share is None else share ** (1 / model.gamma) * 255
    return np.asarray(np.clip(np.rint(grey + offset + np.float32(model.black)), 0, 255), np.uint8)


def irradiance(image: NDArray[np.uint8], exposure_us: float | None = None, model: ApsModel | None = None) -> Float32:
    """Return the light ``(H, W)`` that an image ``(H, W)`` or ``(H, W, 3)`` was taken in; 1 is an office-lit face.

    Args:
        exposure_us: what the image was exposed for. Without it, and for colour, whose gain follows the light, the
            exposure is taken to be the one that an office-lit face asks for.
        model: the pixels; :func:`model_of` the image when None.
    """
    model = model or model_of(image)
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    exposure = exposure_us if exposure_us and image.ndim == 2 else OFFICE_EXPOSURE_US
    return to_electrons(grey, model) * np.float32(255 / model.full_well / OFFICE_GREY * OFFICE_EXPOSURE_US / exposure)


class FramePixels:
    """Integrates irradiance over each exposure and reads out 8 bits.

    Args:
        size: ``(width, height)``, pixels.
        rng: of the fixed pattern and the noise.
    """

    def __init__(self, size: tuple[int, int], model: ApsModel, rng: np.random.Generator) -> None:
        self.model, self._rng = model, rng
        h, w = size[1], size[0]
        self._gain = (1 + model.prnu * rng.standard_normal((h, w))).astype(np.float32)
        self._offset = model.offsets(size, rng)
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
        electrons += np.sqrt(m.variance(electrons)) * self._rng.standard_normal(electrons.shape, np.float32)
        self._charge[:] = 0
        return to_grey(electrons, m, self._offset)


def solve_gain(irradiance: Float32, exposure_us: float, target_mean: float) -> float:
    """Return grey levels per unit of charge that give ``target_mean`` after clipping: what an operator sets once."""
    light = irradiance.ravel()[::7]
    low, high = 0.0, 2000.0 / max(float(light.mean()), 1e-9)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.minimum(light * middle, 255).mean()) < target_mean else (low, middle)
    return (low + high) / 2 / exposure_us
