"""The lighting laboratory in the window: its panel lights the pipeline while it is on screen, its sweep runs beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from mcoe.core.errors import McoeError
from mcoe.live.jobs.sweep import Sweep
from mcoe.recording.sidecar import load_sidecar
from mcoe.sensor.lighting import Lighting

from ..core.ahead import make_ahead, show_dialog
from ..dialogs.sweep_job import SweepJob
from ..panels.lighting import LightingPanel
from .asking import Again
from .eye import Eye

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..dialogs.sweep import SweepDialog
    from ..shell.window import MainWindow


class Laboratory(QObject):
    """Wires the laboratory to the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.panel = LightingPanel()
        self.dialog: SweepDialog | None = None
        window.add_panel(self.panel, "lighting", ("Lighting",))
        self.again = Again(window, lambda: self.panel.light if self.panel.on_screen else Lighting())
        self._resume: Pipeline | None = None  # goes on playing after the sweep
        for asked in (self.panel.light_changed, window.heatmaps.question_changed, window.board.sight_changed):
            asked.connect(self.again.ask)
        window.board.arranged.connect(self.again.ask)
        self.panel.light_changed.connect(self._light)
        self.panel.shown.connect(self._light)
        self.panel.sweep_requested.connect(self.show_sweep)
        window.pipeline_changed.connect(self._light)
        window.pipeline_changed.connect(self._cancel)
        make_ahead(window, self._made)
        add = window.menus.add
        window.overlay_action.toggled.connect(self.panel.set_overlay)
        add("Tools", "The recording's own &light", "L", self.panel.reset, "Take every stress off the light")
        hint = "Put the next of the laboratory's lights on the stream"
        add("Tools", "&Next light", "P", lambda: self.panel.next_preset(1), hint)
        add("Tools", "P&revious light", "Shift+P", lambda: self.panel.next_preset(-1))
        add("Tools", "&Brighter by ½ EV", "Ctrl+Up", lambda: self.panel.brighten(0.5), "The laboratory's exposure")
        add("Tools", "&Darker by ½ EV", "Ctrl+Down", lambda: self.panel.brighten(-0.5), "The laboratory's exposure")
        hint = "Draw how often each modality holds at −6 … +6 EV"
        add("Tools", "&Robustness sweep…", "Ctrl+L", self.show_sweep, hint)

    @property
    def sweep(self) -> Sweep | None:
        """The last sweep of the recording that is open."""
        return self.dialog.sweep if self.dialog is not None else None

    def _light(self, *_: object) -> None:
        # A second stream costs as much as the first: what nobody sees is not computed.
        if self._window.pipeline is not None:
            self._window.pipeline.set_lighting(self.panel.light if self.panel.on_screen else Lighting())

    def _made(self) -> SweepDialog:
        from ..dialogs.sweep import SweepDialog

        if self.dialog is None:
            self.dialog = SweepDialog(self._window, self.start, self._window.settings)
            self.dialog.over.connect(self._go_on)
        return self.dialog

    def show_sweep(self) -> None:
        """Show the sweep's dialog."""
        dialog = self._made()
        show_dialog(dialog, self._window, 3 / 5, 3 / 5)

    def start(self) -> SweepJob:
        """Start a sweep of what is open. Raises McoeError where that cannot be read twice."""
        window = self._window
        file = window.workbench.file(window.path)
        if window.pipeline is None or file is None:
            raise McoeError("Nothing is open that could be swept; open a recording with frames and events first.")
        assert self.dialog is not None
        self.dialog.name = file.name
        path, bench = window.path, window.workbench
        stride = bench.gap()
        self._resume = window.pipeline if window.pipeline.stats().state == "playing" else None
        window.pipeline.pause()  # two networks on the same cores would each take twice as long
        job = SweepJob(
            lambda: bench.open_source(path), bench.build, stride=stride, sidecar=load_sidecar(file),
            preprocessing=window.feature(Eye).preprocessing,
        )  # fmt: skip
        window.join_at_end(job.thread)
        return job

    def _go_on(self) -> None:
        pipeline, self._resume = self._resume, None
        if pipeline is not None and pipeline is self._window.pipeline and pipeline.stats().state == "paused":
            pipeline.play()

    def _cancel(self, _: object) -> None:
        # Another recording: the old one's figures would be taken for its own.
        if self.dialog is not None:
            self.dialog.abandon()
