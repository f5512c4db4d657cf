"""A second set of weights beside the first, on every window."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog

from mcoe.core.errors import McoeError
from mcoe.core.priority import lower_priority
from mcoe.live.engine.stepper import Stepper

from ..panels.compare import ComparePanel

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..shell.window import MainWindow

LOOK_MS = 60


@dataclass
class _Load:
    """One network being built in a thread, for one pipeline: its feature cache belongs to that stream alone."""

    pipeline: Pipeline
    weights: Path
    engine: Stepper | None = None
    error: str = ""
    done: bool = False


class Comparison(QObject):
    """Loads the second network and hands it to the pipeline."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.panel = ComparePanel()
        self.weights: Path | None = None
        self._load: _Load | None = None
        window.add_panel(self.panel, "compare", ("Lighting",))
        self.panel.load_requested.connect(self.toggle)
        window.weights_dropped.connect(self.compare)
        hint = "Ask a second network about every moment too"
        window.menus.add("Tools", "&Compare with other weights…", "Ctrl+W", self.toggle, hint)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        window.pipeline_changed.connect(self._opened)

    def toggle(self) -> None:
        """Choose a second weights file, or let go of the one there is."""
        if self.weights is not None:
            self.compare(None)
            return
        folder = str(self._window.settings.value("weights folder", str(Path.home())))
        path, _ = QFileDialog.getOpenFileName(self._window, "Second weights", folder, "Weights (*.safetensors)")
        if path:
            self._window.settings.setValue("weights folder", str(Path(path).parent))
            self.compare(Path(path))

    def compare(self, weights: Path | None) -> None:
        """Ask these weights too, from when they are loaded; None stops."""
        self.weights = weights
        pipeline = self._window.pipeline
        if weights is None:
            self._load = None
            self.panel.set_second("")
            if pipeline is not None:
                pipeline.set_second(None)
        elif pipeline is not None:
            self._start(pipeline, weights)
        else:
            self._window.notice.say(f"{weights.name} will be asked too as soon as something is open.")

    def _opened(self, pipeline: Pipeline | None) -> None:
        self._load = None
        if pipeline is not None and self.weights is not None:
            self._start(pipeline, self.weights)

    def _start(self, pipeline: Pipeline, weights: Path) -> None:
        load = self._load = _Load(pipeline, weights)
        build = self._window.workbench.build

        def work() -> None:
            lower_priority()
            try:
                load.engine = build(weights)
            except McoeError as error:
                load.error = str(error)
            load.done = True

        thread = threading.Thread(target=work, name="mcoe-second", daemon=True)
        thread.start()
        self._window.join_at_end(thread)
        self.panel.set_second(weights.name)
        self._timer.start()

    def _look(self) -> None:
        load = self._load
        if load is None:
            self._timer.stop()
            return
        first = load.pipeline.engine_info
        if not load.done or (first is None and not load.error):
            return
        self._timer.stop()
        self._load = None
        if load.engine is not None and first is not None:
            second = load.engine.info
            if (second.size, second.bins) != (first.size, first.bins):
                load.error = (
                    f"{load.weights.name} reads {second.size} px and {second.bins} bins, the first network "
                    f"{first.size} px and {first.bins}; compare networks of one input shape."
                )
        if load.error or load.engine is None:
            self.compare(None)
            self._window.notice.say(load.error, bad=True)
        else:
            load.pipeline.set_second(load.engine)
            if not self.panel.isVisible():
                words = f"{load.weights.name} is asked too: Ctrl+3 shows both, or View, Panels, {self.panel.title}."
                self._window.notice.say(words)
