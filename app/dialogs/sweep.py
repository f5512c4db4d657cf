"""The robustness sweep: how often each modality holds, against exposure."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from mcoe.core.errors import McoeError
from mcoe.core.paths import home
from mcoe.live.jobs.sweep import EVS, READING, READINGS, Sweep, sweep
from mcoe.recording.sidecar import load_sidecar

from ..core.context import Context
from ..core.jobs import Job
from ..core.stream import Rest
from ..export.writing import write, write_png
from ..panels.light_dials import ev_words
from ..widgets import theme
from ..widgets.controls import Choice
from ..widgets.label import Label
from ..widgets.painting import percent
from .sweep_plot import SweepPage, SweepPlot

_FILTERS = {"png": "Picture (*.png)", "svg": "Drawing (*.svg)", "csv": "Table (*.csv)"}
_HINTS = {
    "png": "Save the curves as a picture of 1600 px",
    "svg": "Save the curves as a drawing that stays sharp at any size",
    "csv": "Save the figures: a row for each exposure",
}
#: Share of the sweep that must have been read before it can be told how long the rest will take.
KNOWN = READING + 0.02
UNTRAINED = "the network is untrained: these curves mean nothing yet"


class SweepDialog(QDialog):
    """Runs one sweep of the open recording at a time and draws it; what is drawn can be saved.

    Args:
        clock: seconds, for the time left.
    """

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(context.parent)
        self.setWindowTitle("Robustness sweep")
        self._context, self._clock, self._rest = context, clock, Rest(context.stream)
        self.job: Job[Sweep] | None = None
        self.sweep: Sweep | None = None
        self.name = ""
        self.trained: bool | None = True  # None while the network loads
        self._began_s: float | None = None  # when the network was first asked
        self.heading, self.words = Label(), Label()
        self.heading.setObjectName("panelTitle")
        self.words.setObjectName("panelNote")
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.measure = Choice()
        self.measure.setAccessibleName("Measure")
        self.measure.setToolTip(
            "Accuracy counts true labels; agreement counts the answers that the light did not change"
        )
        self.measure.addItem("accuracy against the labels", "accuracy")
        self.measure.addItem("agreement with its own light", "agreement")
        self.measure.currentIndexChanged.connect(lambda _: self._draw())
        self.canvas = SweepPlot(
            "Robustness sweep",
            "How often fusion, RGB only and events only name the right emotion (or the one they named in the "
            "recording's own light) when every frame and event is given more or less light.",
        )
        self.canvas.pointed.connect(self._point)
        self.page = SweepPage()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress")
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.run_button = QPushButton("Start")
        self.run_button.setObjectName("primary")
        self.run_button.clicked.connect(self.toggle)
        self.save_buttons = {kind: QPushButton(f"Save {kind.upper()}…") for kind in _FILTERS}
        for kind, button in self.save_buttons.items():
            button.setToolTip(_HINTS[kind])
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, kind=kind: self.choose(kind))
        self._lay_out()
        self._show_state()

    def _lay_out(self) -> None:
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.heading)
        top.addStretch(1)
        top.addWidget(self.measure)
        foot.addWidget(self.run_button)
        foot.addWidget(self.bar, 1)
        for button in self.save_buttons.values():
            foot.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.setSpacing(8)
        box.addLayout(top)
        box.addWidget(self.canvas, 1)
        box.addWidget(self.words)
        box.addLayout(foot)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Nothing may jump when the words need a second line or the button says something longer.
        self.words.setFixedHeight(2 * self.words.fontMetrics().lineSpacing() + 2)
        longest = max("Cancelling …", "Run again", key=self.run_button.fontMetrics().horizontalAdvance)
        padding = 3 * self.run_button.fontMetrics().height()
        self.run_button.setFixedWidth(self.run_button.fontMetrics().horizontalAdvance(longest) + padding)

    # ---- running

    def toggle(self) -> None:
        """Start a sweep, or cancel the one that runs."""
        if self.job is not None:
            self.cancel()
            return
        try:
            self._start()
        except McoeError as error:
            self._tell(str(error), bad=True)

    def _start(self) -> None:
        """Start a sweep of what is open. Raises McoeError where that cannot be read twice."""
        context, stream = self._context, self._context.stream
        path, file, bench = stream.path, stream.file, context.workbench
        if stream.pipeline is None or file is None:
            raise McoeError("Nothing is open that could be swept; open a recording with frames and events first.")
        stride, sidecar, preprocessing = bench.gap(), load_sidecar(file), context.looking.preprocessing

        def work(job: Job[Sweep]) -> Sweep | None:
            engine = bench.build()
            job.tell(engine.info.trained)
            return sweep(
                lambda: bench.open_source(path),
                engine,
                stride=stride,
                preprocessing=preprocessing,
                sidecar=sidecar,
                progress=job.progress,
            )

        self.name, self.sweep, self.trained, self._began_s = file.name, None, None, None
        self._rest.begin()
        job = self.job = context.jobs.start(
            "The sweep", work, lambda made: self._done(job, made), lambda words: self._failed(job, words),
            over=lambda: self._over(job), progressed=lambda _: self._show_progress(job),
            told=lambda trained: self._loaded(job, trained), kept=True,
        )  # fmt: skip
        self._show_state()

    def cancel(self) -> None:
        """Cancel the sweep that runs, if any."""
        if self.job is not None:
            self.job.cancel()
            self._show_progress(self.job)

    def abandon(self) -> None:
        """Cancel, and forget what was drawn: it belongs to a recording that is no longer open."""
        self.cancel()
        self.job = None
        self.show_sweep(None, "")

    def _loaded(self, job: Job[Sweep], trained: object) -> None:
        if job is self.job:
            self.trained = bool(trained)
            self._show_progress(job)

    def _done(self, job: Job[Sweep], made: Sweep) -> None:
        if job is self.job:
            self.job = None
            self._context.findings.sweep = made
            self.show_sweep(made, self.name, bool(self.trained))

    def _failed(self, job: Job[Sweep], words: str) -> None:
        if job is self.job:
            self.job = None
            self._show_state()
            self._tell(words, bad=True)

    def _over(self, job: Job[Sweep]) -> None:
        if job is self.job:  # cancelled
            self.job = None
            self._show_state()
            self._tell("Cancelled: nothing was drawn.")
        self._rest.end()

    def _show_progress(self, job: Job[Sweep]) -> None:
        if job is not self.job:
            return
        share = job.share or 0.0
        if self._began_s is None and share >= READING:
            self._began_s = self._clock()
        self.bar.setValue(round(1000 * share))
        self.run_button.setEnabled(not job.cancelling)
        if job.cancelling:
            self.run_button.setText("Cancelling …")
            return
        if self.trained is None:
            self._tell("Loading a network for the sweep.")
            return
        left = self._left_s(share)
        rest = "" if left is None else f", about {_duration(left)} left"
        self._tell(
            f"{percent(share)} read{rest}: 13 exposures from −6 to +6 EV, each with both modalities and with each "
            "alone."
        )

    def _left_s(self, share: float) -> float | None:
        """Return how long the rest will take, s; None before that can be told."""
        if self._began_s is None or share < KNOWN:
            return None
        return (self._clock() - self._began_s) * (1 - share) / (share - READING)

    def show_sweep(self, result: Sweep | None, name: str, trained: bool = True) -> None:
        """Draw a sweep of the recording ``name`` by a network that is ``trained`` or not."""
        self.sweep, self.name, self.trained = result, name, trained
        labelled = result is not None and result.accuracy is not None
        self.measure.setCurrentIndex(0 if labelled else 1)
        self._show_state()

    def _show_state(self) -> None:
        running = self.job is not None
        self.heading.setText(self.name)
        self.run_button.setEnabled(True)
        self.run_button.setText("Cancel" if running else "Start" if self.sweep is None else "Run again")
        self.bar.setValue(1000 if self.sweep is not None else 0)
        for button in self.save_buttons.values():
            button.setEnabled(self.sweep is not None)
        self.measure.setEnabled(self.sweep is not None and self.sweep.accuracy is not None)
        if self.job is not None:
            self._show_progress(self.job)
        elif self.sweep is None:
            self._tell("Start reads up to 60 moments of the recording under 13 exposures; it can be cancelled.")
        else:
            self._tell(self._summary())
        self._draw()

    def _summary(self) -> str:
        made = self.sweep
        assert made is not None
        labelled = f", {made.labelled} of them labelled" if made.accuracy is not None else ""
        unlabelled = "" if made.accuracy is not None else "; the recording has no labels, so there is no accuracy"
        warning = "" if self.trained else f"; {UNTRAINED}"
        return (
            f"{made.windows} moments at each exposure{labelled}{unlabelled}; sensor noise follows the light{warning}."
        )

    def _tell(self, words: str, bad: bool = False) -> None:
        self.words.setText(words)
        self.words.setStyleSheet(f"color: {theme.FAILURE};" if bad else "")

    # ---- drawing

    def _draw(self) -> None:
        made, measure = self.sweep, self.measure.currentData()
        shares = None if made is None else made.accuracy if measure == "accuracy" else made.agreement
        if made is None or shares is None:
            self.canvas.show_values(EVS, None, "")
        else:
            self.canvas.show_values(made.evs, 100 * shares, measure)

    def _point(self, index: int) -> None:
        """Say in words what was read at the exposure under the pointer."""
        values = self.canvas.values
        if self.sweep is None or values is None or self.job is not None:
            return
        self.canvas.point(index)
        if index < 0:
            self._tell(self._summary())
            return
        said = ", ".join(f"{name} {value:.0f} %" for name, value in zip(READINGS, values[index], strict=True))
        self._tell(f"{ev_words(self.sweep.evs[index])}: {said}.")

    # ---- saving

    def choose(self, kind: str) -> None:
        """Ask for a file of this kind (png, svg, csv) and save to it."""
        settings = self._context.settings
        proposed = str(settings.folder("export", home()) / f"{Path(self.name).stem or 'recording'}-sweep.{kind}")
        path, _ = QFileDialog.getSaveFileName(self, "Save the sweep", proposed, _FILTERS[kind])
        if not path:
            return
        settings.keep_folder("export", Path(path).parent)
        self.save(Path(path) if Path(path).suffix else Path(f"{path}.{kind}"))

    def save(self, path: Path) -> None:
        """Save the plot as PNG or SVG, or its figures as CSV, by the file's extension, in a thread; then tell."""
        made, kind = self.sweep, path.suffix.lower()
        assert made is not None
        try:
            self._context.check_output(path)
        except McoeError as error:
            self._tell(str(error), bad=True)
            return
        if kind == ".csv":
            self._write(path, lambda: made.save_csv(path))
            return
        self.page.fill(self.canvas, f"Robustness to light: {self.name}", self._summary())
        if kind == ".svg":
            drawing = self.page.svg()
            self._write(path, lambda: write(path, drawing))
        else:
            picture = self.page.picture()
            self._write(path, lambda: write_png(path, picture))

    def _write(self, path: Path, work: Callable[[], None]) -> None:
        self._context.jobs.start(
            f"Writing {path.name}", lambda _: work(), lambda _: self._tell(f"Saved {path}."),
            lambda words: self._tell(words, bad=True), kept=True,
        )  # fmt: skip

    def closeEvent(self, event: QCloseEvent) -> None:
        self.cancel()
        super().closeEvent(event)


def _duration(seconds: float) -> str:
    """Return ``40 s`` or ``2 min``, coarse, so that it does not flicker."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min"
