"""How the plots were set is kept between runs, as their places are: overlay, opacity, layer, weighted votes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, SignalInstance

if TYPE_CHECKING:
    from ..shell.window import MainWindow


class Memory(QObject):
    """Sets the controls as they were left, and keeps each change; what no longer fits a control is left out."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        heat, overlay, weighted = window.heatmaps, window.overlay_action, window.experts.weighted
        self._keep("events over the frame", overlay.toggled, overlay.isChecked, _switch(overlay.setChecked))
        self._keep("weighted votes", weighted.toggled, weighted.isChecked, _switch(weighted.setChecked))
        opacity = heat.opacity
        self._keep("heatmap opacity", opacity.valueChanged, opacity.value, lambda value: opacity.setValue(int(value)))
        layer = heat.layer

        def choose(words: Any) -> None:
            layer.setCurrentIndex(max(0, layer.findText(str(words))))

        self._keep("heatmap layer", layer.currentTextChanged, layer.currentText, choose)

    def _keep(
        self, name: str, changed: SignalInstance, value: Callable[[], Any], restore: Callable[[Any], None]
    ) -> None:
        settings = self._window.settings
        before = settings.value(f"plots/{name}")
        if before is not None:
            try:
                restore(before)
            except (TypeError, ValueError):
                settings.remove(f"plots/{name}")
        changed.connect(lambda *_: settings.setValue(f"plots/{name}", value()))


def _switch(put: Callable[[bool], None]) -> Callable[[Any], None]:
    # An INI file gives words back.
    return lambda value: put(str(value).lower() == "true")
