"""The robustness curves, drawn alike on the screen and into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPen, QPolygonF
from PySide6.QtSvg import QSvgGenerator

from app import theme
from app.painting import CENTRE, LEFT, RIGHT, Painter, line_height, mark, text, text_width
from app.panels.timeline import spread
from mcoe.live.sweep import EVS, READINGS, Sweep
from mcoe.model.config import EMOTIONS

#: Colour, mark and width of each reading, in the order of READINGS.
LOOKS = ((theme.TEXT, "circle", 3.0), (theme.RGB, "square", 2.0), (theme.EVENT, "diamond", 2.0))
#: Size of a saved figure, px of its font's own scale, its font and the PNG's pixels for each of them.
FIGURE, FIGURE_FONT_PX, SHARPNESS = (1000, 600), 15, 1.6
CHANCE = 100 / len(EMOTIONS)
TITLES = {
    "accuracy": "accuracy against the labels",
    "agreement": "agreement with the answer in the recording's own light",
    "": "share of the moments",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """What is drawn.

    Attributes:
        evs: ``(E,)`` exposures added, stops.
        values: ``(E, 3)`` percent, in the order of READINGS; None for the empty axes.
        measure: ``accuracy``, ``agreement``, or nothing for the empty axes.
        heading, foot: lines above and below the axes, of a saved figure; none where empty.
    """

    evs: Sequence[float] = EVS
    values: NDArray[np.float64] | None = None
    measure: str = ""
    heading: str = ""
    foot: str = ""


def figure_of(sweep: Sweep, measure: str, heading: str = "", foot: str = "") -> Figure:
    """Return the figure of a sweep; ``measure`` accuracy only where it has one."""
    shares = sweep.accuracy if measure == "accuracy" else sweep.agreement
    return Figure(sweep.evs, None if shares is None else 100 * shares, measure, heading, foot)


def plot_rect(painter: Painter, rect: QRectF, figure: Figure) -> QRectF:
    """Return where the axes lie in ``rect``."""
    line = line_height(painter)
    left = text_width(painter, "100 %") + 12
    right = max(text_width(painter, name, bold=True) for name in READINGS) + 24
    above = line * (2.6 if figure.heading else 1.3)
    below = line * (3.4 if figure.foot else 2.2)
    return QRectF(rect.adjusted(left, above, -right, -below).toRect())


def x_of(plot: QRectF, figure: Figure, ev: float) -> float:
    """Return where ``ev`` lies."""
    low, high = figure.evs[0], figure.evs[-1]
    return plot.left() + (ev - low) / max(high - low, 1e-9) * plot.width()


def draw_figure(painter: Painter, rect: QRectF, figure: Figure, pointed: int | None = None) -> None:
    """Draw axes and curves into ``rect``.

    Args:
        pointed: index of the exposure to single out, or None.
    """
    plot, line = plot_rect(painter, rect, figure), line_height(painter)
    if figure.heading:
        text(painter, QRectF(rect.left() + 8, rect.top() + 4, rect.width() - 16, line * 1.3), figure.heading, LEFT,
             theme.TEXT, 1.15, bold=True)  # fmt: skip
    if figure.foot:
        place = QRectF(rect.left() + 8, rect.bottom() - line * 1.2, rect.width() - 16, line)
        text(painter, place, figure.foot, LEFT, theme.DIM, 0.86)
    _axes(painter, plot, figure, line)
    if pointed is not None:
        x = round(x_of(plot, figure, figure.evs[pointed]))
        painter.fillRect(QRectF(x - 1, plot.top(), 2, plot.height()), QColor(theme.DIM))
    if figure.values is not None:
        _curves(painter, plot, figure, figure.values, line)


def _axes(painter: Painter, plot: QRectF, figure: Figure, line: float) -> None:
    painter.fillRect(plot, QColor(theme.CANVAS))
    grid = theme.mix(theme.CANVAS, theme.LINE, 0.7)
    for share in (0, 25, 50, 75, 100):
        y = round(plot.bottom() - share / 100 * plot.height())
        painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), grid)
        place = QRectF(plot.left() - 100, y - line / 2, 92, line)
        text(painter, place, f"{share} %", RIGHT, theme.DIM)
    step = plot.width() / max(1, len(figure.evs) - 1)
    for ev in figure.evs:
        x = round(x_of(plot, figure, ev))
        painter.fillRect(QRectF(x, plot.top(), 1, plot.height()), QColor(theme.DIM) if ev == 0 else grid)
        words = f"{ev:+g}".replace("-", "−") if ev else "0"
        text(painter, QRectF(x - step / 2, plot.bottom() + 3, step, line), words, CENTRE, theme.DIM)
    words = "exposure added, EV (0: the recording's own light)"
    text(painter, QRectF(plot.left(), plot.bottom() + 3 + line, plot.width(), line), words, CENTRE, theme.DIM)
    what = TITLES[figure.measure]
    text(painter, QRectF(plot.left(), plot.top() - line - 3, plot.width(), line), what, LEFT, theme.TEXT)
    if figure.measure == "accuracy":
        chance = round(plot.bottom() - CHANCE / 100 * plot.height()) + 0.5
        painter.setPen(QPen(QColor(theme.DIM), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(plot.left(), chance), QPointF(plot.right(), chance))
        place = QRectF(plot.left(), chance - line, plot.width() - 6, line)
        text(painter, place, f"chance {CHANCE:.0f} %", RIGHT, theme.DIM, 0.86)


def _curves(painter: Painter, plot: QRectF, figure: Figure, values: NDArray[np.float64], line: float) -> None:
    xs = [x_of(plot, figure, ev) for ev in figure.evs]
    ys = plot.bottom() - values / 100 * plot.height()  # (E, 3)
    placed = spread(ys[-1], line, plot.top(), plot.bottom())
    # The thickest lies lowest, so that curves that coincide all stay in sight.
    for index, (name, (colour, shape, width)) in enumerate(zip(READINGS, LOOKS, strict=True)):
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(colour), width))
        points = [QPointF(x, y) for x, y in zip(xs, ys[:, index], strict=True)]
        painter.drawPolyline(QPolygonF(points))
        for point in points:
            mark(painter, point, line * (0.62 - 0.1 * index), shape, colour)
        painter.setPen(QPen(QColor(colour), 1))
        painter.drawLine(QPointF(plot.right() + 6, ys[-1, index]), QPointF(plot.right() + 14, placed[index]))
        place = QRectF(plot.right() + 17, placed[index] - line / 2, 200, line)
        text(painter, place, name, LEFT, colour, bold=True)


def figure_png(figure: Figure, font: QFont) -> bytes:
    """Return the figure as a PNG of 1600×960 px in ``font``'s family."""
    image = QImage(QSize(*FIGURE) * SHARPNESS, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SHARPNESS)
    _paint(Painter(image, _sized(font)), figure)
    # Qt's own encoder would hold the event loop up for a tenth of a second.
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)
    flat = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
    _, data = cv2.imencode(".png", pixels[..., :3], flat)
    return data.tobytes()


def figure_svg(figure: Figure, font: QFont) -> bytes:
    """Return the figure as an SVG in ``font``'s family; its words stay words."""
    buffer, generator = QBuffer(), QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(*FIGURE))
    generator.setViewBox(QRectF(0, 0, *FIGURE))
    generator.setTitle(figure.heading)
    _paint(Painter(generator, _sized(font)), figure)
    return bytes(buffer.data().data())


def _paint(painter: Painter, figure: Figure) -> None:
    whole = QRectF(0, 0, *FIGURE)
    painter.setRenderHint(Painter.RenderHint.Antialiasing)
    painter.fillRect(whole, QColor(theme.PANEL))
    draw_figure(painter, whole.adjusted(8, 8, -8, -8), figure)
    painter.end()


def _sized(font: QFont) -> QFont:
    sized = QFont(font)
    sized.setPixelSize(FIGURE_FONT_PX)
    return sized
