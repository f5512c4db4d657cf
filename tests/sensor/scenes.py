"""A scene for sensors: a texture that nods and jumps, seen by the virtual eye's sensor at any exposure value."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mcoe.data.virtual_eye.sensor import Lighting, Optics, Sensor
from mcoe.events.packets import Events

SIZE = (96, 72)
EXPOSURE_US = 12_000
WINDOW_US = 33_333
ENDS = (50_000 + WINDOW_US * np.arange(20)).astype(np.int64)


def texture() -> np.ndarray:
    """Return light with a contrast of 2 (standard deviation of its logarithm 0.75) and a mean near 1."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((216, 288), np.float32), (0, 0), 4)
    return np.exp(0.75 * (noise - noise.mean()) / noise.std()).astype(np.float32)


def look(world: np.ndarray, time_us: float) -> np.ndarray:
    """Return ``(H, W, 3)`` of the scene at a time."""
    s = time_us / 1e6
    dx = 30 + 14 * np.sin(2 * np.pi * 1.1 * s) + 6 * np.tanh((s - 0.4) / 0.02)
    dy = 30 + 8 * np.sin(2 * np.pi * 0.7 * s + 1)
    shift = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    return np.repeat(cv2.warpAffine(world, shift, SIZE)[..., None], 3, 2)


@dataclass(frozen=True)
class Seen:
    """Frames ``(n, H, W)``, the events of the window before each, and the gain that the operator chose."""

    frames: np.ndarray
    windows: list[Events]
    gain: float

    @property
    def rate(self) -> float:
        """Events per pixel and second."""
        return sum(map(len, self.windows)) / len(self.windows) / (WINDOW_US / 1e6) / (SIZE[0] * SIZE[1])


def see(sensor: Sensor, pictures: list[tuple[np.ndarray, float]]) -> Seen:
    """Show ``(basis, µs)`` to a sensor that has long seen the first of them; its frames must end at ``ENDS``."""
    for k in range(40, 0, -1):  # leakage needs so long to be as steady as its rate says
        sensor.expose(pictures[0][0], -k * 1e6)
    for picture, time_us in pictures:
        sensor.expose(picture, time_us)
    assert sensor.gain is not None
    bounds = [np.searchsorted(sensor.events["timestamp"], (end - WINDOW_US, end)) for end in ENDS]
    return Seen(np.stack(sensor.frames), [sensor.events[a:b] for a, b in bounds], sensor.gain)


def record(ev: float, gain: float | None = None) -> Seen:
    """Record the scene with ``ev`` stops more light, at the ``gain`` of another recording."""
    world = texture()
    light = Lighting("normal", (2.0**ev, 0.0, 0.0), exposure_us=EXPOSURE_US)
    sensor = Sensor(SIZE, light, ENDS, np.random.default_rng(3), Optics(), gain=gain)
    return see(sensor, [(look(world, t), float(t)) for t in range(0, int(ENDS[-1]) + 4000, 4000)])
