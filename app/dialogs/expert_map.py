"""A map of the experts over the recording: one point per expert and window, near where the votes are alike (Fig. 7)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from mcoe.core.errors import McoeError
from mcoe.core.priority import lower_priority
from mcoe.explain.tsne import tsne
from mcoe.results import Prediction

from ..core.ahead import make_ahead, show_dialog
from ..features.eye import Eye
from ..widgets import theme
from ..widgets.painting import percent
from ..widgets.plot import Plot
from .map_job import MapJob

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..shell.window import MainWindow

#: Windows kept: with eight experts as many points as settle within seconds.
KEPT = 48
FEWEST = 4
#: pyqtgraph's names of the theme's marks.
SYMBOLS = {"focal": "o", "attention": "+", "deep": "d"}
_LOADING = "Loading a network for the map."


class Votes:
    """The experts' votes of at most :data:`KEPT` windows, spread evenly over all that came."""

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ()
        self._every, self._came = 1, 0
        self._kept: list[NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, prediction: Prediction) -> None:
        """Take a window's votes, if it is its turn."""
        if self._came % self._every == 0:
            if len(self._kept) == KEPT:
                del self._kept[1::2]
                self._every *= 2
            self.kinds = prediction.expert_kinds
            self._kept.append(prediction.expert_logits)
        self._came += 1

    def features(self) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Return the votes ``(windows · N_e, J)`` and each point's kind."""
        return np.concatenate(self._kept), self.kinds * len(self._kept)


class MapDialog(QDialog):
    """Computes in a thread of its own and draws the points while they settle."""

    REFRESH_MS = 60

    def __init__(self, window: MainWindow, votes: Votes) -> None:
        super().__init__(window)
        self.setWindowTitle("Map of the experts")
        #: Of the windows that were shown; those of the whole recording, once read, are :attr:`read`.
        self.votes = votes
        self.read: Votes | None = None
        self.job: MapJob | None = None
        self._resume: Pipeline | None = None  # goes on playing after the reading
        self.points: NDArray[np.float64] | None = None
        self.kinds: tuple[str, ...] = ()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._windows = 0
        self._window = window
        self.canvas = Plot(
            "Map of the experts",
            "t-SNE of what the experts put out (the paper's Fig. 7): one mark per expert and window, coloured by kind; "
            "the seven votes are the features that all kinds share, and kinds that stand apart have specialised.",
        )
        self.canvas.hideAxis("left")
        self.canvas.hideAxis("bottom")
        self.canvas.setAspectLocked()
        self.canvas.addLegend(offset=(8, 8), labelTextColor=theme.DIM, labelTextSize="1em", brush=theme.PANEL)
        self._marks = {
            kind: self.canvas.plot(pen=None, symbol=SYMBOLS[kind], symbolBrush=colour, symbolPen=None, name=kind)
            for kind, colour in theme.KIND_COLOURS.items()
        }
        self.words = QLabel()
        self.words.setObjectName("panelNote")
        self.again = QPushButton("What was shown")
        self.again.setToolTip("Lay out the windows that have been shown by now")
        self.again.clicked.connect(self.compute_shown)
        self.whole = QPushButton("Whole recording")
        self.whole.setObjectName("primary")
        self.whole.setToolTip(f"Read {KEPT} windows from the recording's start to its end and lay them out")
        self.whole.clicked.connect(self.toggle)
        foot = QHBoxLayout()
        foot.addWidget(self.words, 1)
        foot.addWidget(self.again)
        foot.addWidget(self.whole)
        box = QVBoxLayout(self)
        box.addWidget(self.canvas, 1)
        box.addLayout(foot)
        self._timer = QTimer(self)
        self._timer.setInterval(self.REFRESH_MS)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether the points still move."""
        return self._thread is not None and self._thread.is_alive()

    def compute(self) -> None:
        """Begin anew with what has been gathered."""
        if self.busy or self.job is not None:
            return
        votes = self.votes if self.read is None else self.read
        if len(votes) < FEWEST:
            self.words.setText("Play some of a recording first; the map needs a few windows.")
            return
        features, self.kinds = votes.features()
        self._windows = len(votes)
        self.points, self._wanted = None, True

        def watch(points: NDArray[np.float64]) -> bool:
            self.points = points
            return self._wanted

        def work() -> None:
            lower_priority()
            self.points = tsne(features, watch=watch)

        self._thread = threading.Thread(target=work, name="mcoe-tsne")
        self._window.join_at_end(self._thread)
        self._thread.start()
        self.again.setEnabled(False)
        self._timer.start()
        self._look()

    def compute_shown(self) -> None:
        """Lay out the windows that have been shown by now."""
        self.read = None
        self.compute()

    def toggle(self) -> None:
        """Read the whole recording and lay it out, or cancel the reading."""
        if self.job is not None:
            self.job.cancel()
            return
        window, bench, path = self._window, self._window.workbench, self._window.path
        pipeline = window.pipeline
        if pipeline is None or bench.file(path) is None:
            self.words.setText("Open a recording first: a camera has no end to read to.")
            return
        try:
            stride = bench.gap()
        except McoeError as error:
            self.words.setText(str(error))
            return
        self.stop()
        self._resume = pipeline if pipeline.stats().state == "playing" else None
        pipeline.pause()  # two networks on the same cores would each take twice as long
        preprocessing = window.feature(Eye).preprocessing
        self.job = MapJob(
            lambda: bench.open_source(path), bench.build, stride=stride, preprocessing=preprocessing, most=KEPT
        )
        window.join_at_end(self.job.thread)
        self._timer.start()
        self._look()

    def stop(self) -> None:
        """Leave the points where they are."""
        self._wanted = False

    def forget(self, votes: Votes) -> None:
        """Begin anew with another recording's votes."""
        self.stop()
        if self.job is not None:
            self.job.cancel()
        self.job, self.read, self.votes = None, None, votes
        self.points, self.kinds = None, ()
        self.words.setText("")
        self.whole.setText("Whole recording")
        self._draw()

    def _look(self) -> None:
        if self.job is not None:
            self._read_on(self.job)
            return
        self._draw()
        if self.kinds:
            where = "that were shown" if self.read is None else "of the whole recording"
            settled = "settled" if not self.busy else "settling …"
            self.words.setText(f"{len(self.kinds):,} votes of {self._windows} windows {where} · {settled}")
        if not self.busy:
            self._timer.stop()
            self.again.setEnabled(True)

    def _read_on(self, job: MapJob) -> None:
        """Show how the reading goes; once it is over, lay its votes out."""
        self.again.setEnabled(False)
        if job.state == "running" or self.busy:
            self.whole.setText("Cancel")
            self.words.setText(f"Reading the whole recording · {percent(job.share)}" if job.share else _LOADING)
            return
        self.job = None
        self.whole.setText("Whole recording")
        pipeline, self._resume = self._resume, None
        if pipeline is not None and pipeline is self._window.pipeline and pipeline.stats().state == "paused":
            pipeline.play()
        if job.state != "done":
            self._timer.stop()
            self.again.setEnabled(True)
            self.words.setText(job.error or "Cancelled: the map is as it was.")
            return
        self.read = Votes()
        for prediction in job.made or ():
            self.read.add(prediction)
        self.compute()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.whole.setMinimumWidth(self.whole.sizeHint().width())  # also while it says Cancel
        self.compute()

    def hideEvent(self, event: QHideEvent) -> None:
        self.stop()
        if self.job is not None:
            self.job.cancel()
        super().hideEvent(event)

    def _draw(self) -> None:
        kinds, points = np.array(self.kinds), self.points
        # A layout that was told to stop may still put out its last points.
        if points is None or len(points) != len(kinds):
            points, kinds = np.empty((0, 2)), np.empty(0, str)
        for kind, marks in self._marks.items():
            marks.setData(points[kinds == kind])


class ExpertMap(QObject):
    """Gathers votes while a recording plays and opens the map."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.votes = Votes()
        self.dialog: MapDialog | None = None
        window.result_shown.connect(lambda result: self.votes.add(result.prediction))
        window.pipeline_changed.connect(self._changed)
        make_ahead(window, self._made)
        hint = "t-SNE of the experts' votes over the recording (the paper's Fig. 7)"
        window.menus.add("Explain", "&Map of the experts…", "T", self.show_map, hint)

    def _changed(self, pipeline: object) -> None:
        if pipeline is None and self.dialog is not None:
            self.dialog.stop()
        if pipeline is not None:
            self.votes = Votes()
            if self.dialog is not None:
                self.dialog.forget(self.votes)

    def _made(self) -> MapDialog:
        if self.dialog is None:
            self.dialog = MapDialog(self._window, self.votes)
        return self.dialog

    def show_map(self) -> None:
        """Show the map of what was played by now."""
        show_dialog(self._made(), self._window, 1 / 2, 2 / 3)
