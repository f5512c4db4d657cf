"""A window as it would be under another light."""

from __future__ import annotations

import dataclasses

import numpy as np

from mcoe.events.inputs import View, network_input
from mcoe.events.packets import Frame, join_events
from mcoe.results import Window
from mcoe.sensor.aps import irradiance
from mcoe.sensor.lighting import Lighting, exposed, shade, stress_events, stress_image


def stress_window(window: Window, light: Lighting, size: tuple[int, int], side: int, bins: int) -> Window:
    """Return the window as it would be under ``light``; the same window and light always give the same.

    Args:
        size: sensor ``(width, height)``, px.
        side, bins: the network's S and N_b.
    """
    if not light.active:
        return window
    seed = (light.seed * 1_000_003 + window.t1_us) & 0xFFFFFFFF
    span = window.voxel_span
    frame, events = window.frame, join_events([*window.past, window.events])
    # Without a frame nothing says how much light there was: an office is the best guess.
    own = np.ones((size[1], size[0]), np.float32)
    if frame is not None:
        own = irradiance(frame.image, frame.end_us - frame.start_us)
        gain = shade(light, size) * np.float32(exposed(light, frame.start_us, frame.end_us))
        frame = Frame(stress_image(frame.image, light, gain, seed), frame.start_us, frame.end_us)
    if window.voxel is not None:
        events = stress_events(events, light, own, span, seed + 1)
    rgb, voxel = network_input(
        None if frame is None else frame.image,
        None if window.voxel is None else events,
        span,
        View(window.roi, window.mirror),
        sensor=size,
        size=side,
        bins=bins,
    )
    shown = events[np.searchsorted(events["timestamp"], window.t0_us) :]
    return dataclasses.replace(window, frame=frame, rgb=rgb, events=shown, voxel=voxel, light=light, past=())
