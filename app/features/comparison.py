"""A second set of weights beside the first, on every window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from mcoe.core.paths import home
from mcoe.live.engine.stepper import Stepper

from ..core.context import Context, Feature
from ..core.jobs import Job
from ..core.protocol import Pipeline
from ..panels.compare import ComparePanel


class Comparison(Feature):
    """Loads the second network and hands it to the pipeline."""

    order = 60

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.panel = context.panels.get(ComparePanel)
        self.weights: Path | None = None
        self._job: Job[Stepper] | None = None
        self._second: Stepper | None = None  # loaded, and the first network is not there yet
        self.panel.load_requested.connect(self.toggle)
        hint = "Ask a second network about every moment too"
        context.menus.add("Tools", "&Compare with other weights…", "Ctrl+W", self.toggle, hint)
        context.stream.weights_dropped.connect(self.compare)
        context.stream.pipeline_changed.connect(self._opened)
        context.stream.context_changed.connect(lambda *_: self._join())

    def toggle(self) -> None:
        """Choose a second weights file, or let go of the one there is."""
        if self.weights is not None:
            self.compare(None)
            return
        settings = self.context.settings
        folder = str(settings.folder("weights", home()))
        kinds = "Weights (*.safetensors)"
        path, _ = QFileDialog.getOpenFileName(self.context.parent, "Second weights", folder, kinds)
        if path:
            settings.keep_folder("weights", Path(path).parent)
            self.compare(Path(path))

    def compare(self, weights: Path | None) -> None:
        """Ask these weights too, from when they are loaded; None stops."""
        self.weights = weights
        pipeline = self.context.stream.pipeline
        if weights is None:
            self._forget()
            self.panel.set_second("")
            if pipeline is not None:
                pipeline.set_second(None)
        elif pipeline is not None:
            self._load(weights)
        else:
            self.context.notices.say(f"{weights.name} will be asked too as soon as something is open.")

    def _opened(self, pipeline: Pipeline | None) -> None:
        self._forget()  # a network's feature cache belongs to one stream alone
        if pipeline is not None and self.weights is not None:
            self._load(self.weights)

    def _forget(self) -> None:
        self._job = self._second = None

    def _load(self, weights: Path) -> None:
        build = self.context.workbench.build
        self._second = None
        self.panel.set_second(weights.name)
        job = self._job = self.context.jobs.start(
            f"Loading {weights.name}", lambda _: build(weights),
            lambda second: self._loaded(job, second), lambda words: self._failed(job, words), kept=True,
        )  # fmt: skip

    def _loaded(self, job: Job[Stepper], second: Stepper) -> None:
        if job is self._job:
            self._second = second
            self._join()

    def _failed(self, job: Job[Stepper], words: str) -> None:
        if job is self._job:
            self._refuse(words)

    def _refuse(self, words: str) -> None:
        self.compare(None)
        self.context.notices.fail(words)

    def _join(self) -> None:
        """Hand the second network over once both are loaded."""
        pipeline, first, second, weights = (
            self.context.stream.pipeline, self.context.stream.engine, self._second, self.weights,
        )  # fmt: skip
        if pipeline is None or first is None or second is None or weights is None:
            return
        self._forget()
        shapes = [(info.size, info.bins, info.window_us) for info in (second.info, first)]
        if shapes[0] != shapes[1]:
            told = [f"{size} px, {bins} bins and {length / 1000:.0f} ms of events" for size, bins, length in shapes]
            self._refuse(
                f"{weights.name} reads {told[0]}, the first network {told[1]}; compare networks of one input shape."
            )
            return
        pipeline.set_second(second)
        if not self.panel.isVisible():
            words = f"{weights.name} is asked too: Ctrl+3 shows both, or View, Panels, {self.panel.title}."
            self.context.notices.say(words)
