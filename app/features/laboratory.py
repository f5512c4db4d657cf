"""The lighting laboratory: its panel lights the pipeline while it is on screen, its sweep runs beside."""

from __future__ import annotations

from ..core.context import Context, Feature
from ..core.early import make_early
from ..dialogs.sweep import SweepDialog
from ..panels.lighting import LightingPanel


class Laboratory(Feature):
    """Wires the laboratory to the stream."""

    order = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.panel = context.panels.get(LightingPanel)
        self.dialog: SweepDialog | None = None
        self.panel.light_changed.connect(self._light)
        self.panel.shown.connect(self._light)
        self.panel.sweep_requested.connect(self.show_sweep)
        context.stream.pipeline_changed.connect(self._opened)
        make_early(context.stream, self._made)
        add = context.menus.add
        add("Tools", "The recording's own &light", "L", self.panel.reset, "Take every stress off the light")
        hint = "Put the next of the laboratory's lights on the stream"
        add("Tools", "&Next light", "P", lambda: self.panel.next_preset(1), hint)
        add("Tools", "P&revious light", "Shift+P", lambda: self.panel.next_preset(-1))
        add("Tools", "&Brighter by ½ EV", "Ctrl+Up", lambda: self.panel.brighten(0.5), "The laboratory's exposure")
        add("Tools", "&Darker by ½ EV", "Ctrl+Down", lambda: self.panel.brighten(-0.5), "The laboratory's exposure")
        hint = "Draw how often each modality holds at −6 … +6 EV"
        add("Tools", "&Robustness sweep…", "Ctrl+L", self.show_sweep, hint)

    def _light(self, *_: object) -> None:
        # A second stream costs as much as the first: what nobody sees is not computed.
        if self.context.stream.pipeline is not None:
            self.context.stream.pipeline.set_lighting(self.panel.seen_light)

    def _made(self) -> SweepDialog:
        if self.dialog is None:
            self.dialog = SweepDialog(self.context)
        return self.dialog

    def show_sweep(self) -> None:
        """Show the sweep's dialog."""
        self.context.show(self._made(), 3 / 5, 3 / 5)

    def _opened(self, _: object) -> None:
        self._light()
        # Another recording: the old one's figures would be taken for its own.
        self.context.findings.sweep = None
        if self.dialog is not None:
            self.dialog.abandon()
