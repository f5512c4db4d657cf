"""What the pipeline is asked to explain: what the panels on screen want, as their controls say."""

from __future__ import annotations

from dataclasses import replace

from ..core.context import Context, Feature
from ..panels.experts import ExpertPanel
from ..panels.heatmaps import HeatmapPanel
from ..panels.shares import SharePanel
from ..widgets.controls import step_choice


class Explaining(Feature):
    """Tells the pipeline the question and fills the Explain menu."""

    order = 0

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._heat = context.panels.get(HeatmapPanel)
        self._heat.question_changed.connect(self.ask)
        context.panels.sight_changed.connect(self.ask)
        context.panels.arranged.connect(self.ask)
        context.stream.pipeline_changed.connect(self.ask)
        self._add_actions()

    def ask(self, *_: object) -> None:
        """Tell the pipeline what the panels on screen want explained: what nobody sees is not computed."""
        pipeline = self.context.stream.pipeline
        if pipeline is not None:
            asked = frozenset().union(*(panel.asks for panel in self.context.panels if panel.isVisible()))
            pipeline.question = replace(self._heat.question, cam="cam" in asked, readings="readings" in asked)

    def _add_actions(self) -> None:
        add, heat = self.context.menus.add, self._heat
        experts, shares = self.context.panels.get(ExpertPanel), self.context.panels.get(SharePanel)
        hint = "Explain the next emotion's score with Grad-CAM"
        add("Explain", "Next &emotion", "C", lambda: step_choice(heat.target, 1), hint)
        add("Explain", "Previous e&motion", "Shift+C", lambda: step_choice(heat.target, -1))
        hint = "Take the next emotion's evidence off"
        add("Explain", "&Against the next", "V", lambda: step_choice(heat.versus, 1), hint)
        add("Explain", "A&gainst the previous", "Shift+V", lambda: step_choice(heat.versus, -1))
        hint = "Weigh the maps of stage 3 or of stage 4"
        add("Explain", "Other &layer", "G", lambda: step_choice(heat.layer, 1), hint)
        step = heat.opacity.pageStep()
        add("Explain", "More &opaque", "+", lambda: heat.opacity.setValue(heat.opacity.value() + step))
        add("Explain", "Less o&paque", "-", lambda: heat.opacity.setValue(heat.opacity.value() - step))
        add("Explain", "&Weigh the votes", "W", experts.weighted.toggle, experts.weighted.toolTip())
        add("Explain", "&Count expert shares anew", "Shift+W", shares.restart)
