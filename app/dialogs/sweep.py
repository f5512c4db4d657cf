"""The robustness sweep: how often each modality holds, against exposure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from pyqtgraph.exporters import ImageExporter
from PySide6.QtCore import QBuffer, QIODevice, QSettings, QTimer
from PySide6.QtGui import QCloseEvent, QColor, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app import theme
from app.controls import Choice
from app.sweep_job import SweepJob
from mcoe.errors import McoeError
from mcoe.live.sweep import READINGS, Sweep

#: Colour, mark and width of each reading, in the order of READINGS.
_LOOKS = ((theme.TEXT, "o", 3.0), (theme.RGB, "s", 2.0), (theme.EVENT, "d", 2.0))
_FILTERS = {"png": "Picture (*.png)", "svg": "Drawing (*.svg)", "csv": "Table (*.csv)"}
PLOT_PX = 1600


class SweepDialog(QDialog):
    """Runs one sweep at a time and draws it; what is drawn can be saved.

    Args:
        start_job: starts a sweep of the recording that is open; raises McoeError where there is none.
        settings: where the folder of the last export is kept.
    """

    POLL_MS = 60

    def __init__(self, parent: QWidget, start_job: Callable[[], SweepJob], settings: QSettings) -> None:
        super().__init__(parent)
        self.setWindowTitle("Robustness sweep")
        self._start_job, self._settings = start_job, settings
        self.job: SweepJob | None = None
        self.sweep: Sweep | None = None
        self.name = ""
        self.heading, self.words = QLabel(), QLabel()
        self.heading.setObjectName("panelTitle")
        self.words.setObjectName("panelNote")
        self.words.setWordWrap(True)
        self.measure = Choice()
        self.measure.setAccessibleName("Measure")
        self.measure.addItem("accuracy against the labels", "accuracy")
        self.measure.addItem("agreement with the recording's own light", "agreement")
        self.measure.currentIndexChanged.connect(lambda _: self._draw())
        self.plot = pg.PlotWidget(background=theme.PANEL)
        self.plot.setAccessibleName("Robustness sweep")
        self._axes()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.run_button = QPushButton("Start")
        self.run_button.setObjectName("primary")
        self.run_button.clicked.connect(self.toggle)
        self.save_buttons = {kind: QPushButton(f"Save {kind.upper()}…") for kind in _FILTERS}
        for kind, button in self.save_buttons.items():
            button.clicked.connect(lambda _checked=False, kind=kind: self.choose(kind))
        top = QHBoxLayout()
        top.addWidget(self.heading)
        top.addStretch(1)
        top.addWidget(self.measure)
        foot = QHBoxLayout()
        foot.addWidget(self.run_button)
        foot.addWidget(self.bar, 1)
        for button in self.save_buttons.values():
            foot.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.setSpacing(8)
        box.addLayout(top)
        box.addWidget(self.plot, 1)
        box.addWidget(self.words)
        box.addLayout(foot)
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._show_state()
        self._draw()

    # ---- running

    def toggle(self) -> None:
        """Start a sweep, or cancel the one that runs."""
        if self.job is not None:
            self.job.cancel()
            return
        try:
            self.job = self._start_job()
        except McoeError as error:
            self._tell(str(error), bad=True)
            return
        self.sweep = None
        self._draw()
        self._show_state()
        self._timer.start()

    def cancel(self) -> None:
        """Cancel the sweep that runs, if any."""
        if self.job is not None:
            self.job.cancel()

    def abandon(self) -> None:
        """Cancel, and forget what was drawn: it belongs to a recording that is no longer open."""
        self.cancel()
        self._timer.stop()
        self.job = None
        self.show_sweep(None, "")

    def _poll(self) -> None:
        job = self.job
        assert job is not None
        self.bar.setValue(round(1000 * job.share))
        if job.state == "running":
            return
        self._timer.stop()
        self.job = None
        if job.state == "done":
            self.show_sweep(job.result, self.name)
        else:
            self._show_state()
            self.bar.setValue(0)
            self._tell(job.error or "Cancelled: nothing was drawn.", bad=bool(job.error))

    def show_sweep(self, result: Sweep | None, name: str) -> None:
        """Draw a sweep of the recording ``name``."""
        self.sweep, self.name = result, name
        labelled = result is not None and result.accuracy is not None
        self.measure.setCurrentIndex(0 if labelled else 1)
        self._show_state()
        self._draw()

    def _show_state(self) -> None:
        running = self.job is not None
        self.heading.setText(self.name)
        self.run_button.setText("Cancel" if running else "Start" if self.sweep is None else "Run again")
        for button in self.save_buttons.values():
            button.setEnabled(self.sweep is not None)
        self.measure.setEnabled(self.sweep is not None and self.sweep.accuracy is not None)
        if running:
            self._tell("Reading the recording at −6 … +6 EV with both modalities and with each alone.")
        elif self.sweep is None:
            self._tell("Start reads up to 60 moments of the recording under 13 exposures; it can be cancelled.")
        else:
            counted = f"{self.sweep.windows} moments at each exposure"
            labelled = f", {self.sweep.labelled} of them labelled" if self.sweep.accuracy is not None else ""
            self._tell(f"{counted}{labelled}; sensor noise follows the light, in frames and events alike.")

    def _tell(self, words: str, bad: bool = False) -> None:
        self.words.setText(words)
        self.words.setStyleSheet(f"color: {theme.FAILURE};" if bad else "")

    # ---- drawing

    def _axes(self) -> None:
        item = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.showGrid(x=True, y=True, alpha=0.14)
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(QColor(theme.LINE))
            axis.setTextPen(QColor(theme.DIM))
        item.getAxis("bottom").setTicks([[(ev, f"{ev:+d}".replace("-", "−") if ev else "0") for ev in range(-6, 7)]])
        item.getAxis("left").setTicks([[(share, f"{share} %") for share in (0, 25, 50, 75, 100)]])
        item.setLabel("bottom", "exposure added, EV", color=theme.DIM)
        item.setXRange(-6, 8.6, padding=0.02)
        item.setYRange(0, 100, padding=0.04)

    @property
    def values(self) -> np.ndarray | None:
        """What is drawn, ``(E, 3)`` percent; None before a sweep."""
        if self.sweep is None:
            return None
        shown = self.sweep.accuracy if self.measure.currentData() == "accuracy" else self.sweep.agreement
        return None if shown is None else 100 * shown

    def _draw(self) -> None:
        item = self.plot.getPlotItem()
        item.clear()
        item.addItem(pg.InfiniteLine(0, 90, pen=pg.mkPen(theme.LINE, width=1.5)))
        accuracy = self.measure.currentData() == "accuracy"
        item.setLabel("left", "accuracy" if accuracy else "agreement", color=theme.DIM)
        values = self.values
        if values is None or self.sweep is None:
            return
        # 6 percent of the axis is about one line of text; the highest line keeps its place.
        ends, places = values[-1], np.array(values[-1], float)
        for above, index in zip(*_ordered(ends), strict=True):
            if above is not None:
                places[index] = min(places[index], places[above] - 6)
        places += max(0.0, 2 - places.min())
        for index, (name, (colour, mark, width)) in enumerate(zip(READINGS, _LOOKS, strict=True)):
            item.plot(
                np.array(self.sweep.evs), values[:, index], pen=pg.mkPen(colour, width=width), symbol=mark,
                symbolSize=8, symbolBrush=colour, symbolPen=None, name=name,
            )  # fmt: skip
            label = pg.TextItem(name, color=colour, anchor=(0, 0.5))
            font = self.font()
            font.setBold(True)
            label.setFont(font)
            label.setPos(self.sweep.evs[-1] + 0.25, places[index])
            item.addItem(label)

    # ---- saving

    def choose(self, kind: str) -> None:
        """Ask for a file of this kind (png, svg, csv) and save to it."""
        folder = Path(str(self._settings.value("export folder", str(Path.home()))))
        proposed = str(folder / f"{Path(self.name).stem or 'recording'}-sweep.{kind}")
        path, _ = QFileDialog.getSaveFileName(self, "Save the sweep", proposed, _FILTERS[kind])
        if path:
            self._settings.setValue("export folder", str(Path(path).parent))
            try:
                self.save(Path(path))
            except McoeError as error:
                self._tell(str(error), bad=True)
            else:
                self._tell(f"Saved {path}.")

    def save(self, path: Path) -> None:
        """Save the plot as PNG or SVG, or its figures as CSV, by the file's extension.

        Raises:
            McoeError: the file cannot be written.
        """
        assert self.sweep is not None
        if path.suffix.lower() == ".csv":
            self.sweep.save_csv(path)
            return
        data = self._svg() if path.suffix.lower() == ".svg" else self._png()
        try:
            path.write_bytes(data)
        except OSError as error:
            raise McoeError(f"Cannot write {path}: {error.strerror}; choose another file.") from error

    def _png(self) -> bytes:
        exporter = ImageExporter(self.plot.getPlotItem())
        exporter.parameters()["width"] = PLOT_PX
        exporter.parameters()["background"] = QColor(theme.PANEL)
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        exporter.export(toBytes=True).save(buffer, "PNG")
        return bytes(buffer.data().data())

    def _svg(self) -> bytes:
        # pyqtgraph's own exporter fails on the paths that Qt 6.11 writes.
        buffer, generator = QBuffer(), QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(self.plot.size())
        generator.setViewBox(self.plot.rect())
        generator.setTitle(f"Robustness sweep of {self.name}")
        painter = QPainter(generator)
        painter.fillRect(self.plot.rect(), QColor(theme.PANEL))
        self.plot.render(painter)
        painter.end()
        return bytes(buffer.data().data())

    def closeEvent(self, event: QCloseEvent) -> None:
        self.cancel()
        super().closeEvent(event)


def _ordered(ends: np.ndarray) -> tuple[list[int | None], list[int]]:
    """Return, from the highest end down, ``(index above or None, index)``."""
    order = [int(i) for i in np.argsort(-ends, kind="stable")]
    return [None, *order[:-1]], order
