"""The action that tells what the weights in use were trained on and how well they did."""

from __future__ import annotations

from ..core.context import Context, Feature
from ..dialogs.weights import WeightsDialog


class WeightsInfo(Feature):
    """Help, Weights."""

    order = 80

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dialog: WeightsDialog | None = None
        hint = "What the network was trained on, and how well it was measured to do"
        context.menus.add("Help", "&Weights…", "Ctrl+I", self.show, hint)

    def show(self) -> None:
        """Show the dialog, or say that the network is still being loaded."""
        engine = self.context.stream.engine
        if engine is None:
            self.context.notices.fail("No network is loaded yet; open a recording first.")
            return
        self.dialog = WeightsDialog(self.context.parent, engine.facts)
        self.dialog.finished.connect(self.dialog.deleteLater)
        self.dialog.open()
