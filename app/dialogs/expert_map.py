"""A map of the experts over the recording: one point per expert and window, near where the votes are alike (Fig. 7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout

from mcoe.core.errors import McoeError
from mcoe.explain.tsne import tsne
from mcoe.live.jobs.votes import KEPT, Votes, read_votes

from ..core.context import Context
from ..core.jobs import Job
from ..core.stream import Rest
from ..widgets import theme
from ..widgets.label import Label
from ..widgets.painting import percent
from ..widgets.plot import Plot

FEWEST = 4
#: pyqtgraph's names of the theme's marks.
SYMBOLS = {"focal": "o", "attention": "+", "deep": "d"}
_LOADING = "Loading a network for the map."
Points = NDArray[np.float64]


class MapDialog(QDialog):
    """Computes in jobs and draws the points while they settle."""

    REFRESH_MS = 60

    def __init__(self, context: Context, votes: Votes) -> None:
        super().__init__(context.parent)
        self.setWindowTitle("Map of the experts")
        self._context, self._rest = context, Rest(context.stream)
        #: Of the windows that were shown; those of the whole recording, once read, are :attr:`read`.
        self.votes = votes
        self.read: Votes | None = None
        self.reading: Job[Votes] | None = None
        self.settling: Job[Points] | None = None
        self.points: Points | None = None
        self.kinds: tuple[str, ...] = ()
        self._windows = 0
        self._waiting = False  # what was read is laid out once the layout before has stopped
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
        self.words = Label()
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
        #: Draws what has settled by now, while points still move.
        self._timer = QTimer(self)
        self._timer.setInterval(self.REFRESH_MS)
        self._timer.timeout.connect(self._show_settling)

    @property
    def busy(self) -> bool:
        """Whether the points still move."""
        return self.settling is not None

    def compute(self) -> None:
        """Begin anew with what has been gathered."""
        if self.busy or self.reading is not None:
            return
        votes = self.votes if self.read is None else self.read
        if len(votes) < FEWEST:
            self.words.setText("Play some of a recording first; the map needs a few windows.")
            return
        features, self.kinds = votes.features()
        self._windows, self.points = len(votes), None

        def work(job: Job[Points]) -> Points:
            def watch(points: Points) -> bool:
                if self.settling is job:
                    self.points = points
                return job.progress(0.0)

            return tsne(features, watch=watch)

        self.settling = self._context.jobs.start("The map", work, self._settled, over=self._settling_over)
        self.again.setEnabled(False)
        self._timer.start()
        self._show_settling()

    def compute_shown(self) -> None:
        """Lay out the windows that have been shown by now."""
        self.read = None
        self.compute()

    def stop(self) -> None:
        """Leave the points where they are."""
        if self.settling is not None:
            self.settling.cancel()

    def _settled(self, points: Points) -> None:
        self.points = points

    def _settling_over(self) -> None:
        self.settling = None
        self._timer.stop()
        self.again.setEnabled(self.reading is None)
        if self._waiting:
            self._waiting = False
            self.compute()
        else:
            self._show_settling()

    def _show_settling(self) -> None:
        self._draw()
        if self.kinds and self.reading is None:
            where = "that were shown" if self.read is None else "of the whole recording"
            settled = "settling …" if self.busy else "settled"
            self.words.setText(f"{len(self.kinds):,} votes of {self._windows} windows {where} · {settled}")

    # ---- the whole recording

    def toggle(self) -> None:
        """Read the whole recording and lay it out, or cancel the reading."""
        if self.reading is not None:
            self.reading.cancel()
            return
        stream, bench = self._context.stream, self._context.workbench
        path = stream.path
        if stream.pipeline is None or stream.file is None:
            self.words.setText("Open a recording first: a camera has no end to read to.")
            return
        try:
            stride = bench.gap()
        except McoeError as error:
            self.words.setText(str(error))
            return
        self.stop()
        self._rest.begin()
        preprocessing = self._context.looking.preprocessing
        job = self.reading = self._context.jobs.start(
            "Reading for the map",
            lambda job: read_votes(
                lambda: bench.open_source(path), bench.build(), stride=stride, preprocessing=preprocessing,
                progress=job.progress,
            ),
            lambda votes: self._read_on(job, votes), lambda words: self._told(job, words),
            over=lambda: self._over(job), progressed=lambda share: self._told(job, _reading(share)), kept=True,
        )  # fmt: skip
        self.whole.setText("Cancel")
        self.again.setEnabled(False)
        self.words.setText(_LOADING)

    def _told(self, job: object, words: str) -> None:
        if job is self.reading:
            self.words.setText(words)

    def _read_on(self, job: object, votes: Votes) -> None:
        if job is self.reading:
            self.reading, self.read, self._waiting = None, votes, self.busy
            self.compute()

    def _over(self, job: Job[Votes]) -> None:
        self._rest.end()
        if job is self.reading:
            self.reading = None
            if job.state == "cancelled":
                self.words.setText("Cancelled: the map is as it was.")
        if self.reading is None:
            self.whole.setText("Whole recording")
            self.again.setEnabled(not self.busy)

    def forget(self, votes: Votes) -> None:
        """Begin anew with another recording's votes."""
        self.stop()
        if self.reading is not None:
            self.reading.cancel()
        self.reading, self.read, self.votes, self._waiting = None, None, votes, False
        self.points, self.kinds = None, ()
        self.words.setText("")
        self.whole.setText("Whole recording")
        self._draw()

    # ---- Qt events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.whole.setMinimumWidth(self.whole.sizeHint().width())  # also while it says Cancel
        self.compute()

    def hideEvent(self, event: QHideEvent) -> None:
        self.stop()
        if self.reading is not None:
            self.reading.cancel()
        super().hideEvent(event)

    def _draw(self) -> None:
        kinds, points = np.array(self.kinds), self.points
        # A layout that was told to stop may still put out its last points.
        if points is None or len(points) != len(kinds):
            points, kinds = np.empty((0, 2)), np.empty(0, str)
        for kind, marks in self._marks.items():
            marks.setData(points[kinds == kind])


def _reading(share: float) -> str:
    return f"Reading the whole recording · {percent(share)}"
