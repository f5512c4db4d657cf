"""The laboratory's dials, one for each part of a light, and lights in words."""

from __future__ import annotations

import math

from mcoe.sensor.lighting import Lighting

from ..widgets.dial import Dial
from ..widgets.painting import percent

#: What one step of the exposure's dial adds, stops.
EV_STEP = 0.25


def make_dials() -> dict[str, Dial]:
    """Return a dial for each field of a :class:`~mcoe.sensor.lighting.Lighting`, by its name."""
    return {
        "ev": Dial("exposure", -6, 6, EV_STEP, 0, ev_words, "Light added, in stops: −1 EV is half the light."),
        "side_ratio": Dial(
            "side light",
            1,
            64,
            0.05,
            1,
            lambda v: f"{v:.0f} : 1",
            "HDR: how many times brighter the lit side is than the dark one.",
            lambda stops: 2.0**stops,
            math.log2,
        ),
        "side_angle": Dial(
            "from", -180, 180, 5, 0, lambda v: f"{v:.0f}°", "Where the side light comes from: 0° right, 90° above."
        ),
        "noise": Dial(
            "sensor noise",
            0,
            8,
            0.25,
            0,
            lambda v: f"{v:g} ×",
            "Noise of frame and event pixels against the sensor model's own, which grows as light falls.",
        ),
        "flicker_depth": Dial("flicker", 0, 1, 0.05, 0, percent, "How much of the light a lamp's flicker takes."),
        "flicker_hz": Dial("flicker rate", 1, 200, 1, 50, lambda v: f"{v:.0f} Hz", "How fast the lamp flickers."),
        "blur_px": Dial("blur", 0, 8, 0.25, 0, lambda v: f"{v:g} px", "Defocus, sensor pixels."),
    }


def ev_words(value: float) -> str:
    """Return ``−1.5 EV``."""
    return f"{value:+.3g} EV".replace("-", "−") if value else "0 EV"


def describe(light: Lighting) -> str:
    """Say in one line what a light changes."""
    parts = [ev_words(light.ev)] if light.ev else []
    if light.side_ratio > 1:
        parts.append(f"side light {light.side_ratio:.0f} : 1 from {light.side_angle:.0f}°")
    if light.flicker_depth:
        parts.append(f"flicker of {percent(light.flicker_depth)} at {light.flicker_hz:.0f} Hz")
    if light.noise:
        parts.append(f"sensor noise {light.noise:g} ×")
    if light.blur_px:
        parts.append(f"blur {light.blur_px:g} px")
    return ", ".join(parts) + "." if parts else "The light as it came."
