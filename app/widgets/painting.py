"""Drawing by QPainter that the panels share: canvases, pictures, text, marks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontInfo,
    QFontMetricsF,
    QImage,
    QPaintDevice,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QStaticText,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from . import theme

Image = NDArray[np.uint8]
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


class Painter(QPainter):
    """A painter that has looked up its font once: text is most of what a panel draws.

    Args:
        device: what to draw on.
        font: the font of size 1.0; the widget's own when None.
    """

    def __init__(self, device: QPaintDevice, font: QFont | None = None) -> None:
        super().__init__(device)
        if font is None:
            assert isinstance(device, QWidget)
            font = device.font()
        info = QFontInfo(font)
        self.family, self._px = info.family(), info.pixelSize()

    def px(self, scale: float) -> int:
        """Return ``scale`` times the widget's font size, px."""
        return max(8, round(self._px * scale))


class Canvas(QWidget):
    """An opaque area that calls ``draw(painter, rect)``; it never asks for room, so no panel jumps."""

    def __init__(self, draw: Callable[[Painter, QRectF], None], background: str = theme.PANEL) -> None:
        super().__init__()
        self._draw, self._background = draw, QColor(background)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    def sizeHint(self) -> QSize:
        return QSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = Painter(self)
        painter.fillRect(self.rect(), self._background)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        try:
            self._draw(painter, QRectF(self.rect()))
        finally:
            # A painter left active would take the process down after an error in ``draw``.
            painter.end()


def line_height(painter: Painter, scale: float = 1.0) -> float:
    """Return the height of one line of text at ``scale`` times the widget's font."""
    return _height(painter.family, painter.px(scale))


@lru_cache(maxsize=64)
def _sized(family: str, px: int, bold: bool) -> QFont:
    font = QFont(family)
    font.setPixelSize(px)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


@lru_cache(maxsize=64)
def _height(family: str, px: int) -> float:
    return float(round(QFontMetricsF(_sized(family, px, False)).height() * 1.05))


@lru_cache(maxsize=1024)
def _laid_out(family: str, px: int, bold: bool, words: str) -> tuple[QStaticText, float, float]:
    """Lay ``words`` out once: the same few hundred strings are drawn thirty times a second."""
    laid_out = QStaticText(words)
    laid_out.setTextFormat(Qt.TextFormat.PlainText)
    laid_out.prepare(QTransform(), _sized(family, px, bold))
    return laid_out, laid_out.size().width(), laid_out.size().height()


@lru_cache(maxsize=512)
def _width(family: str, px: int, bold: bool, words: str) -> float:
    return float(QFontMetricsF(_sized(family, px, bold)).horizontalAdvance(words))


def text(
    painter: Painter,
    rect: QRectF,
    words: str,
    align: Qt.AlignmentFlag = LEFT,
    colour: str | QColor = theme.TEXT,
    scale: float = 1.0,
    bold: bool = False,
    wrap: bool = False,
) -> None:
    """Write ``words`` inside ``rect`` (``align``: LEFT, RIGHT, CENTRE), shortened rather than clipped."""
    px = painter.px(scale)
    painter.setFont(_sized(painter.family, px, bold))
    painter.setPen(QColor(colour))
    if wrap:
        painter.drawText(rect, int(align.value) | int(Qt.TextFlag.TextWordWrap.value), words)
        return
    if text_width(painter, words, scale, bold) > rect.width() + 1:
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(rect.width()))
    laid_out, width, height = _laid_out(painter.family, px, bold, words)
    x = rect.x()
    if align == RIGHT:
        x += rect.width() - width
    elif align == CENTRE:
        x += (rect.width() - width) / 2
    painter.drawStaticText(QPointF(round(x), round(rect.y() + (rect.height() - height) / 2)), laid_out)


def text_width(painter: Painter, words: str, scale: float = 1.0, bold: bool = False) -> float:
    """Return the width of ``words``, px."""
    return _width(painter.family, painter.px(scale), bold, words)


def fitted(rect: QRectF, aspect: float, align: Qt.AlignmentFlag = CENTRE) -> QRectF:
    """Return the largest rectangle of ``aspect`` (width / height) inside ``rect``, on whole pixels."""
    width = min(rect.width(), rect.height() * aspect)
    height = width / aspect
    x = rect.x() + (0 if align & Qt.AlignmentFlag.AlignLeft else (rect.width() - width) / 2)
    y = rect.y() + (0 if align & Qt.AlignmentFlag.AlignTop else (rect.height() - height) / 2)
    return QRectF(round(x), round(y), max(1, int(width)), max(1, int(height)))


def pixels(painter: Painter, rect: QRectF) -> tuple[int, int]:
    """Return ``rect``'s size in device pixels, ``(width, height)``."""
    ratio = painter.device().devicePixelRatioF()
    return max(1, round(rect.width() * ratio)), max(1, round(rect.height() * ratio))


def resized(image: Image, size: tuple[int, int], smooth: bool = True) -> Image:
    """Return ``image`` at ``size`` (width, height): cubic up, area down, or nearest."""
    ratio = size[0] / image.shape[1]
    # Averaging over areas costs five times more and only shows when shrinking by much.
    mode = cv2.INTER_AREA if ratio < 0.6 else cv2.INTER_LINEAR if ratio < 1 else cv2.INTER_CUBIC
    if not smooth:
        mode = cv2.INTER_NEAREST
    return cv2.resize(image, size, interpolation=mode)  # type: ignore[return-value]


def grey_to_rgb(image: Image) -> Image:
    """Return ``(h, w)`` as ``(h, w, 3)``, and what has three channels as it is."""
    return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)


def draw_image(painter: Painter, rect: QRectF, image: Image) -> None:
    """Draw an RGB or grey uint8 image that has ``rect``'s size in device pixels."""
    code = cv2.COLOR_GRAY2BGRA if image.ndim == 2 else cv2.COLOR_RGB2BGRA
    packed = cv2.cvtColor(image, code)
    height, width = packed.shape[:2]
    painter.drawImage(rect, QImage(packed.data, width, height, 4 * width, QImage.Format.Format_RGB32))


def coloured(levels: Image, table: Image) -> Image:
    """Return ``table[levels]``: ``(h, w)`` uint8 through a ``(256, 3)`` look-up table, ``(h, w, 3)`` uint8."""
    return cv2.LUT(cv2.merge([levels] * 3), table[None])  # type: ignore[return-value]


def placeholder(painter: Painter, rect: QRectF, words: str, scale: float = 1.0) -> None:
    """Say calmly why there is nothing to see here."""
    painter.fillRect(rect, QColor(theme.CANVAS))
    if words:
        inner = rect.adjusted(6, 4, -6, -4)
        text(painter, inner, words, CENTRE, theme.DIM, scale, wrap=True)


def frame(painter: Painter, rect: QRectF, colour: str | QColor = theme.LINE, width: float = 1.0) -> None:
    """Outline ``rect`` on its inside. Four fills cost a tenth of one antialiased outline."""
    x, y, w, h = rect.x(), rect.y(), rect.width(), rect.height()
    ink = QColor(colour)
    for edge in (
        QRectF(x, y, w, width),
        QRectF(x, y + h - width, w, width),
        QRectF(x, y + width, width, h - 2 * width),
        QRectF(x + w - width, y + width, width, h - 2 * width),
    ):
        painter.fillRect(edge, ink)


def block(painter: Painter, rect: QRectF, colour: str | QColor, radius: float = 2.0) -> None:
    """Fill a slightly rounded rectangle."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(rect, radius, radius)


def mark(painter: Painter, centre: QPointF, size: float, shape: str, colour: str | QColor) -> None:
    """Draw a circle, cross, diamond or square of ``size`` px."""
    half = size / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    if shape == "circle":
        painter.drawEllipse(centre, half, half)
    elif shape == "square":
        painter.drawRect(QRectF(centre.x() - half, centre.y() - half, size, size))
    elif shape == "diamond":
        x, y = centre.x(), centre.y()
        painter.drawPolygon(
            QPolygonF([QPointF(x, y - half), QPointF(x + half, y), QPointF(x, y + half), QPointF(x - half, y)])
        )
    else:
        arm = size / 3
        painter.drawRect(QRectF(centre.x() - half, centre.y() - arm / 2, size, arm))
        painter.drawRect(QRectF(centre.x() - arm / 2, centre.y() - half, arm, size))


def percent(share: float) -> str:
    """Return 0.415 as ``42 %``."""
    return f"{100 * share:.0f} %"


def legend(painter: Painter, rect: QRectF, items: list[tuple[str, str, str]], align_right: bool = True) -> None:
    """Draw ``(shape, colour, word)`` entries on one line."""
    size, gap = rect.height() * 0.52, rect.height() * 0.35
    widths = [size + gap + text_width(painter, word, 0.86) for _, _, word in items]
    x = rect.right() - sum(widths) - 2 * gap * (len(items) - 1) if align_right else rect.left()
    for (shape, colour, word), width in zip(items, widths, strict=True):
        mark(painter, QPointF(x + size / 2, rect.center().y()), size, shape, colour)
        left = x + size + gap
        text(painter, QRectF(left, rect.y(), width - size + 2, rect.height()), word, LEFT, theme.DIM, 0.86)
        x += width + 2 * gap


def spread(wanted: NDArray[np.float64], least: float, low: float, high: float) -> NDArray[np.float64]:
    """Return positions near ``wanted`` that lie at least ``least`` apart, inside ``low`` .. ``high`` where they fit."""
    order = np.argsort(wanted, kind="stable")
    placed = np.array(wanted, float)[order]
    placed[0] = max(placed[0], low)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + least)
    placed[-1] = min(placed[-1], high)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - least)
    out = np.empty_like(placed)
    out[order] = placed
    return out
