"""The robustness curves, drawn alike on the screen and into files."""

from __future__ import annotations

import html

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtSvg import QSvgGenerator

from mcoe.core.words import EMOTIONS
from mcoe.live.jobs.sweep import EVS, READINGS

from ..widgets import theme
from ..widgets.label import plain
from ..widgets.painting import spread
from ..widgets.plot import Plot

#: Colour, symbol, its size, px, and width of each reading, in the order of READINGS; the thickest lies lowest, so that
#: curves that coincide all stay in sight.
LOOKS = ((theme.TEXT, "o", 10, 3), (theme.RGB, "s", 8, 2), (theme.EVENT, "d", 12, 2))
#: Size of a saved figure, px of its font's own scale, its font and the PNG's pixels for each of them.
FIGURE, FIGURE_FONT_PX, SHARPNESS = (1000, 600), 15, 1.6
CHANCE = 100 / len(EMOTIONS)
#: Room right of the last exposure for the curves' names, as a share of the exposures' span.
NAMES = 0.17
#: Room left of the first.
LEAD = 0.02
TITLES = {
    "accuracy": "accuracy against the labels",
    "agreement": "agreement with its own light",
    "": "share of the moments",
}


class SweepPlot(Plot):
    """Share of the moments against exposure, a curve for each reading.

    Attributes:
        evs, values, measure: what is drawn, see :meth:`show_values`.
    """

    #: Index of the exposure under the pointer; −1 once it left.
    pointed = Signal(int)

    def __init__(self, name: str = "", hint: str = "") -> None:
        super().__init__(name, hint)
        self.values: NDArray[np.float64] | None = None
        self.evs: tuple[float, ...] = ()
        self.plotItem.showGrid(x=True, y=True, alpha=0.25)
        self.getAxis("left").setTicks([[(share, f"{share} %") for share in (0, 25, 50, 75, 100)]])
        self.setLabel("bottom", "exposure added, EV (0: the recording's own light)")
        self.addItem(pg.InfiniteLine(0, angle=90, pen=theme.DIM))
        # It ends where the names begin.
        dashed = pg.mkPen(theme.DIM, style=Qt.PenStyle.DashLine)
        self.chance = pg.InfiniteLine(CHANCE, 0, dashed, span=(0, (1 + LEAD) / (1 + LEAD + NAMES)))
        self.marker = pg.InfiniteLine(angle=90, pen=pg.mkPen(theme.DIM, width=2))
        self.addItem(self.chance)
        self.addItem(self.marker)
        self.names = [pg.TextItem(name, look[0], anchor=(0, 0.5)) for name, look in zip(READINGS, LOOKS, strict=True)]
        self.names.append(pg.TextItem(f"chance {CHANCE:.0f} %", theme.DIM, anchor=(0, 0.5)))
        self.curves = []
        for colour, symbol, size, width in LOOKS:
            pen = pg.mkPen(colour, width=width)
            # Symbols kept as pixels would be coarse in a file.
            curve = self.plot(
                pen=pen, symbol=symbol, symbolSize=size, symbolBrush=colour, symbolPen=None, useCache=False
            )
            self.curves.append(curve)
        for name in self.names:
            self.addItem(name)
        self.viewport().setMouseTracking(True)
        self.show_values(EVS, None, "")

    def show_values(self, evs: tuple[float, ...], values: NDArray[np.float64] | None, measure: str) -> None:
        """Draw curves.

        Args:
            evs: ``(E,)`` exposures added, stops.
            values: ``(E, 3)`` percent, in the order of READINGS; None for the empty axes.
            measure: ``accuracy``, ``agreement``, or nothing for the empty axes.
        """
        self.values, self.evs, self.measure = values, evs, measure
        self.setLabel("left", TITLES[measure])
        self.getAxis("bottom").setTicks([[(ev, f"{ev:+g}".replace("-", "−") if ev else "0") for ev in evs]])
        span = evs[-1] - evs[0]
        # Below 0 % there must be room for half of its label, or pyqtgraph leaves it out.
        self.setRange(xRange=(evs[0] - LEAD * span, evs[-1] + NAMES * span), yRange=(-5, 105), padding=0)
        self.chance.setVisible(measure == "accuracy")
        self.point(-1)
        for index, curve in enumerate(self.curves):
            curve.setData(*(([], []) if values is None else (evs, values[:, index])))
        for name in self.names[:-1]:
            name.setVisible(values is not None)
        self.names[-1].setVisible(self.chance.isVisible())
        self._place_names()

    def point(self, index: int) -> None:
        """Single out the exposure ``index``; none where it is −1."""
        self.marker.setVisible(index >= 0)
        if index >= 0:
            self.marker.setValue(self.evs[index])

    def _place_names(self) -> None:
        """Write the names beside the curves' ends, none over another."""
        if self.values is None:
            return
        line = self.fontMetrics().height() * self.plotItem.vb.viewPixelSize()[1]
        span = self.evs[-1] - self.evs[0]
        shown = [name for name in self.names if name.isVisible()]
        wanted = np.append(self.values[-1], CHANCE)[: len(shown)]
        for name, y in zip(shown, spread(wanted, line, line / 2, 103 - line / 2), strict=True):
            name.setPos(self.evs[-1] + 0.01 * span, y)

    def use_font(self) -> None:
        super().use_font()
        metrics = self.fontMetrics()
        self.getAxis("left").setWidth(1.3 * metrics.height() + metrics.horizontalAdvance("100 %") + 12)
        self._place_names()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if hasattr(self, "values"):
            self._place_names()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        ev = self.plotItem.vb.mapSceneToView(self.mapToScene(event.position().toPoint())).x()
        if self.values is not None:
            self.pointed.emit(int(np.argmin(np.abs(np.array(self.evs) - ev))))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(-1)


class SweepPage(SweepPlot):
    """The curves of a plot once more, on a page of a file's size between two lines of words.

    Making one takes as long as drawing it: keep it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._foot = pg.LabelItem("", color=theme.DIM)
        self.plotItem.layout.addItem(self._foot, 4, 1)
        self.resize(*FIGURE)

    def fill(self, plot: SweepPlot, heading: str, foot: str) -> None:
        """Take what ``plot`` shows."""
        font = QFont(plot.font())
        font.setPixelSize(FIGURE_FONT_PX)
        self.setFont(font)
        self.setTitle(html.escape(plain(heading)), color=theme.TEXT, bold=True)
        self._foot.setText(html.escape(foot))
        self.use_font()
        self.show_values(plot.evs, plot.values, plot.measure)

    def picture(self) -> QImage:
        """Return the page as a picture of 1600×960 px."""
        image = QImage(QSize(*FIGURE) * SHARPNESS, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(SHARPNESS)
        self._paint(QPainter(image))
        return image

    def svg(self) -> bytes:
        """Return the page as an SVG; its words stay words."""
        buffer, generator = QBuffer(), QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setResolution(self.logicalDpiX())  # else the recorded axes come out at another scale
        generator.setSize(QSize(*FIGURE))
        generator.setViewBox(QRectF(0, 0, *FIGURE))
        generator.setTitle(self.plotItem.titleLabel.text)
        self._paint(QPainter(generator))
        return bytes(buffer.data().data())

    def _paint(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(QRectF(0, 0, *FIGURE), QColor(theme.PANEL))
        self.grab()  # lays out what was never shown
        self.render(painter, QRectF(0, 0, *FIGURE), self.rect())
        painter.end()
