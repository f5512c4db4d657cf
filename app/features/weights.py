"""The action that tells what the weights in use were trained on and how well they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..dialogs.weights import WeightsDialog
    from ..shell.window import MainWindow


class WeightsInfo(QObject):
    """Help, Weights."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.dialog: WeightsDialog | None = None
        hint = "What the network was trained on, and how well it was measured to do"
        window.menus.add("Help", "&Weights…", "Ctrl+I", self.show, hint)

    def show(self) -> None:
        """Show the dialog, or say that the network is still being loaded."""
        from ..dialogs.weights import WeightsDialog

        pipeline: Pipeline | None = self._window.pipeline
        engine = pipeline.engine_info if pipeline is not None else None
        if engine is None:
            self._window.notice.say("No network is loaded yet; open a recording first.", bad=True)
            return
        self.dialog = WeightsDialog(self._window, engine.facts)
        self.dialog.finished.connect(self.dialog.deleteLater)
        self.dialog.open()
