"""A window as it would be under another light."""

from __future__ import annotations

import dataclasses

from mcoe.events.inputs import rgb_input, voxel_input
from mcoe.events.packets import Frame
from mcoe.results import View, Window
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
    view = View(window.roi, window.mirror)
    frame, rgb, events, voxel = window.frame, window.rgb, window.events, window.voxel
    if frame is not None:
        image = stress_image(frame.image, light, gain, seed)
        frame = Frame(image, frame.start_us, frame.end_us)
        rgb = view.seen(rgb_input(image, window.roi, side))
    if voxel is not None:
        events = stress_events(events, light, gain, window.t0_us, window.t1_us, seed + 1)
        voxel = view.seen(voxel_input(events, (window.t0_us, window.t1_us), size, window.roi, side, bins))
    return dataclasses.replace(window, frame=frame, rgb=rgb, events=events, voxel=voxel, light=light)
