"""The lighting laboratory: change the light a recording was made in, in frames and events alike.

Frames are taken to linear light, multiplied by the stressed illumination, blurred, given the sensor's noise, clipped
and encoded again. The event side follows what a DVS pixel does under that illumination (v2e, Hu et al. 2021; Graca &
Delbruck 2021): a change of log intensity is not altered by a constant gain, so the signal stays, until the
photocurrent nears the dark current, where contrast is lost, and shot noise adds events that grow as the light falls;
a saturated photodiode gives neither.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.events.packets import EVENT_DTYPE, Events, join_events

#: Encoding exponent between 8-bit values and linear light, the usual approximation of sRGB.
GAMMA = 2.2
#: Electrons of a full pixel and of the read-out: a small global-shutter sensor such as the DAVIS346's APS.
FULL_WELL, READ_NOISE = 6000.0, 12.0
#: Dark current as a share of the photocurrent at the recording's own exposure: -7 EV halves an event pixel's contrast.
DARK = 2.0**-7
#: Light at which an event pixel saturates, EV above the recording's own: 120 dB of range, most of it below.
EVENT_SATURATION_EV = 5.0
#: Noise events per pixel and second at the recording's own light and their ceiling in the dark, Hz (v2e's defaults: the
#: rate falls to a quarter from dark to bright).
NOISE_HZ, NOISE_MAX_HZ = 0.1, 20.0
#: Contrast threshold of the event pixels, natural-log units; a flicker of larger amplitude fires everywhere.
THRESHOLD = 0.2


@dataclass(frozen=True, slots=True)
class Lighting:
    """A stress to put on the incoming light; the default changes nothing.

    Attributes:
        ev: exposure value added, -6 … +6 stops; the camera's own exposure stays.
        side_ratio: how many times brighter the lit side is than the dark one, 1 (even) … 64; the mean light stays.
        side_angle: where the side light comes from, degrees, 0 = right, 90 = above.
        noise: sensor noise against the model's own, 0 … 8; 1 follows the light, 0 adds none.
        flicker_hz, flicker_depth: a lamp's flicker; depth 0 … 1 of the light.
        blur_px: standard deviation of a blur, sensor pixels, 0 … 8.
        seed: of all noise; the same window gets the same noise every time.
    """

    ev: float = 0.0
    side_ratio: float = 1.0
    side_angle: float = 0.0
    noise: float = 0.0
    flicker_hz: float = 0.0
    flicker_depth: float = 0.0
    blur_px: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "ev": (-6, 6),
            "side_ratio": (1, 64),
            "side_angle": (-360, 360),
            "noise": (0, 8),
            "flicker_hz": (0, 200),
            "flicker_depth": (0, 1),
            "blur_px": (0, 8),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} lies between {low} and {high}, not {getattr(self, name)}")

    @property
    def active(self) -> bool:
        """Whether it changes anything."""
        return dataclasses.replace(self, seed=0, side_angle=0.0, flicker_hz=0.0) != Lighting()


#: The four lightings of the data sets, and two more that booths ask for, as stresses on a normally lit recording.
PRESETS: dict[str, Lighting] = {
    "Original": Lighting(),
    "Low light": Lighting(ev=-4.5, noise=1.0),
    "Over-exposure": Lighting(ev=2.5, noise=1.0),
    "HDR side light": Lighting(ev=1.0, side_ratio=24.0, side_angle=20.0, noise=1.0),
    "Flickering lamp": Lighting(ev=-1.0, flicker_hz=50.0, flicker_depth=0.5, noise=1.0),
    "Night": Lighting(ev=-6.0, noise=2.0),
}


def illumination(light: Lighting, size: tuple[int, int], time_us: int) -> NDArray[np.float32]:
    """Return the stressed light over the unstressed one per pixel at ``time_us``: ``(H, W)`` float32."""
    width, height = size
    level = 2.0**light.ev * _flicker(light, time_us)
    if light.side_ratio == 1.0:
        return np.full((height, width), level, np.float32)
    angle = math.radians(light.side_angle)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(1, -1, height, dtype=np.float32)[:, None]
    along = (x * math.cos(angle) + y * math.sin(angle)) / (abs(math.cos(angle)) + abs(math.sin(angle)))
    side = np.exp(0.5 * math.log(light.side_ratio) * along)
    return np.asarray(side * (level / side.mean()), np.float32)


def stress_image(image: NDArray[np.uint8], light: Lighting, gain: NDArray[np.float32], seed: int) -> NDArray[np.uint8]:
    """Apply light, blur and sensor noise to an 8-bit image, grey or RGB; returns a new one of the same shape."""
    linear = _TO_LINEAR[image]
    linear *= gain if image.ndim == 2 else gain[..., None]
    if light.blur_px > 0:
        linear = np.asarray(cv2.GaussianBlur(linear, (0, 0), light.blur_px), np.float32)
    if light.noise > 0:
        # Poisson noise of many electrons is Gaussian; the few of a dark pixel drown in the read-out.
        electrons = np.clip(linear, 0, 4) * FULL_WELL
        spread = np.sqrt(electrons + READ_NOISE**2) * (light.noise / FULL_WELL)
        noise = np.random.default_rng(seed).standard_normal(linear.shape, np.float32)
        linear = linear + spread * noise
    encoded = np.clip(linear, 0, 1) ** np.float32(1 / GAMMA)
    return np.asarray(np.rint(encoded * 255), np.uint8)


def stress_events(
    events: Events, light: Lighting, gain: NDArray[np.float32], t0_us: int, t1_us: int, seed: int
) -> Events:
    """Thin the events where contrast is lost, then add noise and flicker events; returns a new, ordered array."""
    rng = np.random.default_rng(seed)
    height, width = gain.shape
    response = gain / (gain + DARK) * (1 + DARK)
    saturated = gain > 2.0**EVENT_SATURATION_EV
    keep = np.where(saturated, 0.0, np.minimum(response, 1.0))
    if light.blur_px > 0:
        # A blurred edge has its contrast spread over more pixels; what falls below the threshold never fires.
        keep = keep / (1 + 0.5 * light.blur_px)
    kept = events[rng.random(len(events)) < keep[events["y"], events["x"]]]
    seconds = (t1_us - t0_us) / 1e6
    # The rate over the recording's own noise, which is already in its events.
    rate = light.noise * np.clip(NOISE_HZ / np.maximum(gain, 1e-6) - NOISE_HZ, 0, NOISE_MAX_HZ)
    counts = rng.poisson(rate.ravel() * seconds)
    pixels = np.repeat(np.arange(width * height), counts)
    added = [_fill(pixels, rng.integers(t0_us, t1_us, len(pixels)), rng.random(len(pixels)) < 0.5, width)]
    if light.flicker_depth > 0 and light.flicker_hz > 0:
        added.append(_flicker_events(light, (width, height), t0_us, t1_us, rng))
    out = join_events([kept, *added])
    return out[np.argsort(out["timestamp"], kind="stable")]


_TO_LINEAR = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)


def _flicker(light: Lighting, time_us: int) -> float:
    return 1.0 - light.flicker_depth * (0.5 + 0.5 * math.sin(2 * math.pi * light.flicker_hz * time_us / 1e6))


def _flicker_events(light: Lighting, size: tuple[int, int], t0_us: int, t1_us: int, rng: np.random.Generator) -> Events:
    """Events of a flickering lamp: every pixel sees the same log swing and fires once per threshold crossed."""
    steps = np.arange(t0_us, t1_us, 1000)
    log = np.log(np.maximum([_flicker(light, int(t)) for t in steps], 1e-3))
    width, height = size
    parts, reference = [], log[0]
    for t, value in zip(steps[1:], log[1:], strict=True):
        crossings = int((value - reference) / THRESHOLD)
        reference += crossings * THRESHOLD
        if crossings:
            # Pixel mismatch and the refractory time let about half of the pixels answer a step.
            pixels = np.flatnonzero(rng.random(width * height) < 0.5)
            parts.append(_fill(pixels, np.full(len(pixels), t), np.full(len(pixels), crossings > 0), width))
    return join_events(parts)


def _fill(pixels: NDArray[np.int64], times: NDArray[np.int64], on: NDArray[np.bool_], width: int) -> Events:
    out = np.empty(len(pixels), EVENT_DTYPE)
    out["timestamp"], out["polarity"] = times, on
    out["y"], out["x"] = np.divmod(pixels, width)
    return out
