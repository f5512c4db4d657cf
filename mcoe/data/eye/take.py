"""One take: a plan drawn once and seen by one sensor per lighting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcoe.data.eye.behaviour import FRAME_RATE, STEP_US, Plan, sample_times
from mcoe.data.eye.pack import FacePack
from mcoe.data.eye.renderer import EyeRenderer
from mcoe.data.eye.sensor import ApsModel, DvsModel, Lighting, Optics, Sensor, blur
from mcoe.events.packets import Events

LIGHTINGS = ("normal", "over", "low", "hdr")
#: The stream starts here, µs: a time stamp of zero is a special case nobody needs.
START_US = 1_000_000
WINDOW_US = 33_000


@dataclass(frozen=True)
class Recording:
    """What one sensor saw.

    Attributes:
        frames: ``(n, H, W)`` uint8.
        frame_end_us: ``(n,)`` int64, end of each exposure.
        exposure_us: length of an exposure.
        events: ordered by time; from :data:`WINDOW_US` before the first frame's end to the last frame's end.
        moving: ``(n,)`` bool, whether something moved by more than a pixel in the window that ends with the frame.
        segments: (start µs, end µs, label), on the same clock.
    """

    lighting: str
    frames: NDArray[np.uint8]
    frame_end_us: NDArray[np.int64]
    exposure_us: int
    events: Events
    moving: NDArray[np.bool_]
    segments: tuple[tuple[int, int, str], ...]


def draw_lightings(rng: np.random.Generator) -> dict[str, Lighting]:
    """Draw one subject's four lightings: mixtures of key, side and surroundings, to be scaled by :func:`fit_lightings`,
    and what the operator set. ``mixture`` holds relative weights here.

    Low light and over-exposure are ends of a continuum: half of the subjects have them as the real set does, the others
    anywhere on the way to frames that are truly empty or truly white (``beyond``).
    """
    u = rng.uniform
    front = u() < 0.5
    low = (u(0.5, 2), u(0, 0.5)) if front else (u(0, 0.3), u(0.8, 2))
    dvs = DvsModel(threshold=u(0.2, 0.28), shot_hz=u(0.02, 0.05), leak_hz=u(0.02, 0.05))

    def fade(strength: float) -> tuple[float, float]:
        angle = u(0, 2 * np.pi)
        return strength * np.cos(angle), strength * np.sin(angle)

    def around(mean: float, spread: float) -> float:
        return float(np.clip(rng.normal(mean, spread), mean - 2 * spread, mean + 2 * spread))

    # The real set's over-exposed recordings hold far fewer events than its normal ones, although strong light alone
    # costs an event pixel no contrast: a less sensitive bias and stray light stand for what its operators did.
    strong = replace(dvs, threshold=u(0.6, 0.8))
    weak = replace(dvs, threshold=1.5 * dvs.threshold)
    short = int(u(8e3, 16e3))
    dim, bright = (u(0, 1) if u() < 0.5 else 0.0 for _ in range(2))
    dark_mean, white_mean = around(6, 1.7) * 0.05**dim, 157 + 97 * bright if bright else around(157, 12)
    return {
        "normal": Lighting(
            "normal", (u(1.8, 3.0), u(0.3, 1.2), u(0.25, 0.5)), 0.0, fade(u(0, 0.3)), short, around(56, 17), dvs
        ),
        "over": Lighting(
            "over",
            (u(6, 9), u(1.5, 3.5), u(0.3, 0.7)),
            u(0.1, 0.25),
            fade(u(0.6, 1)),
            short,
            white_mean,
            strong,
            beyond=8.0**bright,
        ),
        "low": Lighting(
            "low", (*low, u(0.05, 0.25)), 0.0, fade(u(0, 0.5)), int(u(25e3, 32e3)), dark_mean, weak, beyond=0.05**dim
        ),
        "hdr": Lighting(
            "hdr", (u(0.1, 0.8), u(7, 10), u(0.08, 0.25)), 0.0, fade(u(0.4, 0.8)), short, around(103, 12), dvs
        ),
    }


#: Mean irradiance on the sensor per lighting; 1 is an office-lit face.
LEVELS = {"normal": 1.0, "low": 0.03, "over": 8.0, "hdr": 2.0}


def fit_lightings(
    lightings: dict[str, Lighting], basis: NDArray[np.float32], rng: np.random.Generator
) -> dict[str, Lighting]:
    """Scale each mixture so that this face at rest (``basis`` ``(H, W, 3)``) gets its lighting's level of light."""
    mean = basis.mean((0, 1))
    fitted = {}
    for name, lighting in lightings.items():
        scale = LEVELS[name] * lighting.beyond * rng.lognormal(0, 0.2) / float(np.dot(mean, lighting.mixture))
        a, b, c = (scale * m for m in lighting.mixture)
        fitted[name] = replace(lighting, mixture=(a, b, c))
    return fitted


def record(
    renderer: EyeRenderer,
    pack: FacePack,
    plan: Plan,
    lightings: dict[str, Lighting],
    frame_ends: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
    motion_px: float,
    optics: Optics | None = None,
) -> dict[str, Recording]:
    """Draw ``plan`` once and record it under every lighting, each with a sensor (and noise) of its own.

    Args:
        frame_ends: per lighting, ends of the exposures on the plan's clock, µs, inside the plan.
        motion_px: how far anything may move between two drawn images; between them light changes linearly.
    """
    optics = optics or Optics(blur=0.6 * renderer.size[0] / 346)
    per_cm = renderer.size[0] / renderer.person.width
    times = sample_times(plan, pack, per_cm, motion_px, round(1e6 / FRAME_RATE))
    sensors = {
        name: Sensor(renderer.size, light, frame_ends[name], child, optics, ApsModel())
        for (name, light), child in zip(lightings.items(), rng.spawn(len(lightings)), strict=True)
    }
    for i in times:
        drawn = renderer.render(
            plan.weights[i].astype(np.float32), (plan.gaze[i, 0], plan.gaze[i, 1]), (plan.slip[i, 0], plan.slip[i, 1])
        )
        basis = blur(drawn, optics.blur)
        for sensor in sensors.values():
            sensor.expose(basis, float(i * STEP_US))
    path = np.interp(np.arange(len(plan.weights)), times, np.arange(len(times))) * motion_px
    out = {}
    for name, sensor in sensors.items():
        ends = frame_ends[name]
        events = sensor.events
        events = events[(events["timestamp"] >= ends[0] - WINDOW_US) & (events["timestamp"] < ends[-1])].copy()
        events["timestamp"] += START_US
        after, before = (np.interp(e / STEP_US, np.arange(len(path)), path) for e in (ends, ends - WINDOW_US))
        first, last = int(ends[0] - WINDOW_US), int(ends[-1])
        segments = tuple(
            (max(s, first) + START_US, min(e, last) + START_US, k)
            for s, e, k in plan.segments
            if e > first and s < last
        )
        moving = after - before > max(1.0, 1.2 * motion_px)
        out[name] = Recording(
            name, np.stack(sensor.frames), ends + START_US, lightings[name].exposure_us, events, moving, segments
        )
    return out


def event_images(events: Events, frame_end_us: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Accumulate the events of the 33 ms before each frame's end into grey images ``(n, H, W)``: 255 where the last
    event was ON, 0 where it was OFF, 128 where there was none."""
    out = np.full((len(frame_end_us), size[1], size[0]), 128, np.uint8)
    stamps = events["timestamp"]
    for k, end in enumerate(frame_end_us):
        e = events[np.searchsorted(stamps, end - WINDOW_US) : np.searchsorted(stamps, end)]
        out[k][e["y"], e["x"]] = np.where(e["polarity"] > 0, 255, 0)
    return out
