"""How the plots were set is kept between runs: events over the frame, opacity, layer, weighted votes."""

from __future__ import annotations

from ..core.context import Context, Feature
from ..panels.camera import CameraPanel
from ..panels.experts import ExpertPanel
from ..panels.heatmaps import HeatmapPanel
from ..panels.lighting import LightingPanel


class PlotSettings(Feature):
    """Sets the controls as they were left, and keeps each change."""

    order = 5

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings, values = context.settings, context.settings.values
        heat, experts = context.panels.get(HeatmapPanel), context.panels.get(ExpertPanel)
        hint = "Draw the window's ON and OFF events over the frame"
        self.overlay_action = context.menus.add(
            "View", "&Events over the frame", "E", self._draw_events, hint, checked=values.overlay
        )
        self._draw_events(values.overlay)
        experts.weighted.setChecked(values.weighted_votes)
        experts.weighted.toggled.connect(lambda on: settings.update(weighted_votes=on))
        heat.opacity.setValue(values.heatmap_opacity)
        heat.opacity.valueChanged.connect(lambda value: settings.update(heatmap_opacity=value))
        heat.layer.setCurrentIndex(max(0, heat.layer.findData(values.heatmap_layer)))
        heat.layer.currentIndexChanged.connect(lambda _: settings.update(heatmap_layer=heat.layer.currentData()))

    def _draw_events(self, shown: bool) -> None:
        panels = self.context.panels
        panels.get(CameraPanel).set_overlay(shown)
        panels.get(LightingPanel).set_overlay(shown)
        self.context.settings.update(overlay=shown)
