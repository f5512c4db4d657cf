"""The lighting laboratory in the window: its panel lights the pipeline while it is on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.panels.lighting import LightingPanel
from mcoe.live.lighting import Lighting

if TYPE_CHECKING:
    from app.window import MainWindow


def attach(window: MainWindow) -> None:
    """Add the panel and its key."""
    window.lighting = panel = LightingPanel()
    window.add_panel(panel, "lighting", ("Lighting",))

    def light(*_: object) -> None:
        # A second stream costs as much as the first: what nobody sees is not computed.
        if window.pipeline is not None:
            window.pipeline.set_lighting(panel.light if panel.on_screen else Lighting())

    panel.light_changed.connect(light)
    panel.shown.connect(light)
    window.pipeline_changed.connect(light)
    window.menus.add("Tools", "The recording's own &light", "L", panel.reset, "Take every stress off the light")
