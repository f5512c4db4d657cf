"""A window as it would be under another light."""

from __future__ import annotations

import dataclasses

from mcoe.events.inputs import View, network_input
from mcoe.events.packets import Frame
from mcoe.results import Window
from mcoe.sensor.lighting import Lighting, illumination, stress_events, stress_image


def stress_window(window: Window, light: Lighting, size: tuple[int, int], side: int, bins: int) -> Window:
    """Return the window as it would be under ``light``.

    Args:
        size: sensor ``(width, height)``, px.
        side, bins: the network's S and N_b.
    """
    if not light.active:
        return window
    gain = illumination(light, size, window.t1_us)
    seed = (light.seed * 1_000_003 + window.t1_us) & 0xFFFFFFFF
    frame, events = window.frame, window.events
    if frame is not None:
        frame = Frame(stress_image(frame.image, light, gain, seed), frame.start_us, frame.end_us)
    if window.voxel is not None:
        events = stress_events(events, light, gain, window.t0_us, window.t1_us, seed + 1)
    rgb, voxel = network_input(
        None if frame is None else frame.image,
        None if window.voxel is None else events,
        (window.t0_us, window.t1_us),
        View(window.roi, window.mirror),
        sensor=size,
        size=side,
        bins=bins,
    )
    return dataclasses.replace(window, frame=frame, rgb=rgb, events=events, voxel=voxel, light=light)
