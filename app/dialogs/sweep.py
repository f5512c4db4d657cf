"""The robustness sweep: how often each modality holds, against exposure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from mcoe.core.errors import McoeError
from mcoe.live.jobs.sweep import EVS, READINGS, Sweep

from ..export.writing import FileJob, Writing, write
from ..panels.light_dials import ev_words
from ..widgets import theme
from ..widgets.controls import Choice
from ..widgets.painting import percent
from .sweep_job import SweepJob
from .sweep_plot import SweepPage, SweepPlot

_FILTERS = {"png": "Picture (*.png)", "svg": "Drawing (*.svg)", "csv": "Table (*.csv)"}
_HINTS = {
    "png": "Save the curves as a picture of 1600 px",
    "svg": "Save the curves as a drawing that stays sharp at any size",
    "csv": "Save the figures: a row for each exposure",
}
UNTRAINED = "the network is untrained: these curves mean nothing yet"


class SweepDialog(QDialog):
    """Runs one sweep at a time and draws it; what is drawn can be saved.

    Args:
        start_job: starts a sweep of the recording that is open; raises McoeError where there is none.
        settings: where the folder of the last export is kept.
    """

    POLL_MS = 60
    #: The sweep that ran is over: done, cancelled or failed.
    over = Signal()

    def __init__(self, parent: QWidget, start_job: Callable[[], SweepJob], settings: QSettings) -> None:
        super().__init__(parent)
        self.setWindowTitle("Robustness sweep")
        self._start_job, self._settings = start_job, settings
        self.job: SweepJob | None = None
        self.sweep: Sweep | None = None
        self.name = ""
        self.trained = True
        self.heading, self.words = QLabel(), QLabel()
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
        self.writing = Writing(self)
        self.writing.over.connect(self._saved)
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
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self._poll)
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
            self.job = self._start_job()
        except McoeError as error:
            self._tell(str(error), bad=True)
            return
        self.sweep = None
        self._show_state()
        self._timer.start()

    def cancel(self) -> None:
        """Cancel the sweep that runs, if any."""
        if self.job is not None:
            self.job.cancel()
            self._show_progress(self.job)

    def abandon(self) -> None:
        """Cancel, and forget what was drawn: it belongs to a recording that is no longer open."""
        self.cancel()
        self._timer.stop()
        self.job = None
        self.show_sweep(None, "")

    def _poll(self) -> None:
        job = self.job
        assert job is not None
        if job.state == "running":
            self._show_progress(job)
            return
        self._timer.stop()
        self.job = None
        if job.state == "done":
            self.show_sweep(job.made, self.name, bool(job.trained))
        else:
            self._show_state()
            self._tell(job.error or "Cancelled: nothing was drawn.", bad=bool(job.error))
        self.over.emit()

    def _show_progress(self, job: SweepJob) -> None:
        share = job.share or 0.0
        self.bar.setValue(round(1000 * share))
        self.run_button.setEnabled(not job.cancelling)
        if job.cancelling:
            self.run_button.setText("Cancelling …")
            return
        if job.trained is None:
            self._tell("Loading a network for the sweep.")
            return
        left = job.left_s
        rest = "" if left is None else f", about {_duration(left)} left"
        self._tell(
            f"{percent(share)} read{rest}: 13 exposures from −6 to +6 EV, each with both modalities and with each "
            "alone."
        )

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
        sweep = self.sweep
        assert sweep is not None
        labelled = f", {sweep.labelled} of them labelled" if sweep.accuracy is not None else ""
        unlabelled = "" if sweep.accuracy is not None else "; the recording has no labels, so there is no accuracy"
        warning = "" if self.trained else f"; {UNTRAINED}"
        return (
            f"{sweep.windows} moments at each exposure{labelled}{unlabelled}; sensor noise follows the light{warning}."
        )

    def _tell(self, words: str, bad: bool = False) -> None:
        self.words.setText(words)
        self.words.setStyleSheet(f"color: {theme.FAILURE};" if bad else "")

    # ---- drawing

    def _draw(self) -> None:
        sweep, measure = self.sweep, self.measure.currentData()
        shares = None if sweep is None else sweep.accuracy if measure == "accuracy" else sweep.agreement
        if sweep is None or shares is None:
            self.canvas.show_values(EVS, None, "")
        else:
            self.canvas.show_values(sweep.evs, 100 * shares, measure)

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
        folder = Path(str(self._settings.value("export folder", str(Path.home()))))
        proposed = str(folder / f"{Path(self.name).stem or 'recording'}-sweep.{kind}")
        path, _ = QFileDialog.getSaveFileName(self, "Save the sweep", proposed, _FILTERS[kind])
        if not path:
            return
        self._settings.setValue("export folder", str(Path(path).parent))
        file = Path(path) if Path(path).suffix else Path(f"{path}.{kind}")
        self.save(file)

    def save(self, path: Path) -> None:
        """Save the plot as PNG or SVG, or its figures as CSV, by the file's extension, in a thread; then tell."""
        sweep, kind = self.sweep, path.suffix.lower()
        assert sweep is not None
        if kind == ".csv":
            self.writing.begin(path, lambda _: sweep.save_csv(path))
            return
        self.page.fill(self.canvas, f"Robustness to light: {self.name}", self._summary())
        if kind == ".svg":
            drawing = self.page.svg()
            self.writing.begin(path, lambda _: write(path, drawing))
        else:
            self.writing.picture(path, self.page.picture())

    def _saved(self, job: FileJob) -> None:
        self._tell(job.error or f"Saved {job.path}.", bad=bool(job.error))

    def closeEvent(self, event: QCloseEvent) -> None:
        self.cancel()
        super().closeEvent(event)


def _duration(seconds: float) -> str:
    """Return ``40 s`` or ``2 min``, coarse, so that it does not flicker."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min"
