"""Grad-CAM over both modalities: where the evidence for one emotion lies."""

from __future__ import annotations

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from mcoe.core.words import EMOTIONS
from mcoe.results import Question, Window

from ..widgets import theme
from ..widgets.controls import Choice
from ..widgets.label import Label
from ..widgets.painting import (
    CENTRE,
    LEFT,
    RIGHT,
    Image,
    Painter,
    coloured,
    draw_image,
    fitted,
    frame,
    grey_to_rgb,
    line_height,
    pixels,
    placeholder,
    resized,
    text,
    text_width,
)
from .base import Panel
from .voxels import display_scale


class HeatmapPanel(Panel):
    """Newer frame large, older frame small, RGB on the left and events on the right."""

    key = "heatmaps"
    title = "Grad-CAM"
    sentence = (
        "Grad-CAM of the backbones' maps: where RGB and where events speak for the emotion named, or for one emotion "
        "and against another, each modality scaled to its own maximum."
    )
    asks = frozenset({"cam"})
    #: :attr:`question` has changed.
    question_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.note.setText("explain")
        emotions = list(enumerate(EMOTIONS))
        self.target = self._choice("Emotion to explain", "Which emotion's score Grad-CAM explains")
        self.versus = self._choice("Emotion to compare with", "Take this emotion's evidence off: why not this one")
        self.layer = self._choice("Layer", "The backbones' maps that Grad-CAM weighs: stage 3 is finer, and slower")
        for choice, first in ((self.target, "predicted"), (self.versus, "nothing")):
            choice.addItem(first, None)
            for index, name in emotions:
                choice.addItem(name, index)
        self.layer.addItem("stage 4", "stage4")
        self.layer.addItem("stage 3", "stage3")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setAccessibleName("Opacity")
        self.opacity.setToolTip("How much of the picture the strongest evidence covers")
        self.opacity.setRange(0, 100)
        self.opacity.setPageStep(10)
        self.opacity.setValue(75)
        self.opacity.valueChanged.connect(lambda _: self.canvas.update())
        self.header.addWidget(self.target)
        self.details = QWidget()
        self.details.setObjectName("plain")
        under = QHBoxLayout(self.details)
        under.setContentsMargins(0, 6, 0, 0)
        for words, control, share in (
            ("against", self.versus, 0),
            ("layer", self.layer, 0),
            ("opacity", self.opacity, 1),
        ):
            label = Label(words)
            label.setObjectName("panelNote")
            under.addWidget(label)
            under.addWidget(control, share)
        self.box.addWidget(self.details)
        self.details.hide()
        for choice in (self.target, self.versus, self.layer):
            choice.currentIndexChanged.connect(lambda _: self.question_changed.emit())

    def _choice(self, name: str, hint: str) -> Choice:
        choice = Choice()
        choice.setObjectName("compact")
        choice.setAccessibleName(name)
        choice.setToolTip(hint)
        return choice

    def set_detailed(self, detailed: bool) -> None:
        self.details.setVisible(detailed)
        super().set_detailed(detailed)

    @property
    def question(self) -> Question:
        """What to explain, as the controls say."""
        return Question(
            target=self.target.currentData(), versus=self.versus.currentData(), layer=self.layer.currentData()
        )

    @property
    def explained(self) -> str:
        """The emotion that the maps explain, or nothing yet."""
        return "" if self.result is None else EMOTIONS[self.result.prediction.cam_class]

    def draw(self, painter: Painter, rect: QRectF) -> None:
        line = line_height(painter, 0.86)
        gap = 12.0
        column = (rect.width() - gap) / 2
        small = min(column * 0.36, rect.height() * 0.24)
        side = int(min(column, rect.height() - small - 2 * line - 16))
        left = rect.left() + (rect.width() - 2 * side - gap) / 2
        for index, (name, colour) in enumerate((("RGB", theme.RGB), ("events", theme.EVENT))):
            x = left + index * (side + gap)
            top = rect.top()
            text(painter, QRectF(x, top, side, line), name, LEFT, colour, 0.86, bold=True)
            text(painter, QRectF(x, top, side, line), "now", RIGHT, theme.DIM, 0.86)
            place = fitted(QRectF(x, top + line + 2, side, side), 1.0)
            self._picture(painter, place, index, newer=True)
            under = fitted(QRectF(x, place.bottom() + 5, small, small), 1.0)
            self._picture(painter, under, index, newer=False)
            beside = QRectF(under.right() + 8, under.top(), side - small - 8, under.height())
            text(painter, beside, self._age(), LEFT, theme.DIM, 0.86)
        self._legend(painter, QRectF(left, rect.bottom() - line, 2 * side + gap, line))

    def _age(self) -> str:
        if self.result is None:
            return "earlier frame"
        ms = (self.result.window.t1_us - self.result.older.t1_us) / 1000
        return f"{ms / 1000:.1f} s earlier"

    def _picture(self, painter: Painter, place: QRectF, modality: int, newer: bool) -> None:
        words, image, cam = self._content(modality, newer)
        if image is None:
            placeholder(painter, place, words if newer else "")
        else:
            signed = self.result is not None and self.result.prediction.cam_versus is not None
            opacity = self.opacity.value() / 100
            draw_image(painter, place, heat_over(image, cam, pixels(painter, place), opacity, signed))
        frame(painter, place)

    def _content(self, modality: int, newer: bool) -> tuple[str, Image | None, np.ndarray | None]:
        """Return ``(why nothing, picture (S, S) or (S, S, 3), heat (h, w) scaled to 0..1 or −1..1)``."""
        if self.result is None:
            return "", None, None
        window = self.result.window if newer else self.result.older
        image = rgb_picture(window) if modality == 0 else event_picture(window)
        if image is None:
            return ("no frames" if modality == 0 else "no events") + " in this source", None, None
        prediction = self.result.prediction
        cams = prediction.cam_rgb if modality == 0 else prediction.cam_event
        if cams is None:
            return "", image, None
        return "", image, cams[-1 if newer else 0] / max(float(np.abs(cams).max()), 1e-9)

    def _legend(self, painter: Painter, rect: QRectF) -> None:
        versus = self.result.prediction.cam_versus if self.result else None
        if versus is None:
            words, low, high, table = f"evidence for {self.explained}" if self.explained else "", "none", "most", "HEAT"
        else:
            words, low, high, table = "evidence for", EMOTIONS[versus], self.explained, "DIFFERENCE"
        lut = getattr(theme, f"{table}_MAP")
        text(painter, rect, words, LEFT, theme.TEXT, 0.86, bold=True)
        most, none = text_width(painter, high, 0.86), text_width(painter, low, 0.86)
        wide = max(24.0, min(rect.width() * 0.3, rect.width() - most - none - text_width(painter, words, 0.86) - 40))
        ramp = QRectF(rect.right() - most - 8 - wide, rect.top(), wide, rect.height())
        gradient = QLinearGradient(QPointF(ramp.left(), 0), QPointF(ramp.right(), 0))
        for stop in range(0, 256, 15):
            gradient.setColorAt(stop / 255, QColor(*(int(c) for c in lut[stop])))
        painter.fillRect(ramp.adjusted(0, ramp.height() * 0.25, 0, -ramp.height() * 0.25), gradient)
        text(painter, QRectF(ramp.right() + 8, rect.top(), most + 2, rect.height()), high, CENTRE, theme.DIM, 0.86)
        before = QRectF(ramp.left() - none - 10, rect.top(), none + 2, rect.height())
        text(painter, before, low, CENTRE, theme.DIM, 0.86)


def rgb_picture(window: Window) -> Image | None:
    """Return the network's RGB input as ``(S, S, 3)`` uint8, or None without a frame."""
    if window.rgb is None:
        return None
    return np.ascontiguousarray(np.clip(window.rgb.transpose(1, 2, 0) * 255, 0, 255).astype(np.uint8))


def event_picture(window: Window) -> Image | None:
    """Return the window's events as a grey relief ``(S, S)`` uint8 (mid grey: no event), or None without events."""
    if window.voxel is None:
        return None
    total = window.voxel.sum(0)
    return np.asarray(np.clip(105 + total * (105 / display_scale(total)), 0, 255), np.uint8)


def heat_over(
    image: Image, cam: np.ndarray | None, size: tuple[int, int], opacity: float = 0.75, signed: bool = False
) -> Image:
    """Return ``image`` at ``size`` with ``cam`` laid over it: more evidence covers more of the picture.

    Args:
        cam: ``(h, w)``, 0..1, or −1..1 if ``signed``.
        opacity: share of the picture that the strongest evidence covers, 0..1.
    """
    picture = grey_to_rgb(image)
    if cam is not None:
        # Blended at the network's own resolution: the map is smooth, so enlarging afterwards loses nothing.
        heat = cv2.resize(cam.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        scaled = heat * 127.5 + 127.5 if signed else heat * 255
        levels = np.clip(scaled, 0, 255).astype(np.uint8)
        cover = cv2.LUT(levels, opacity * (_SIGNED_COVER if signed else _COVER))
        table = _SIDES if signed else theme.HEAT_MAP
        picture = np.asarray(cv2.blendLinear(coloured(levels, table), picture, cover, 1 - cover), np.uint8)
    return resized(picture, size)


_COVER = np.sqrt(np.arange(256) / 255).astype(np.float32)
#: For and against in full colour: how much of it there is says the cover alone.
_SIDES = theme.DIFFERENCE_MAP[np.where(np.arange(256) < 128, 0, 255)]
_SIGNED_COVER = np.sqrt(np.abs(np.arange(256) - 127.5) / 127.5).astype(np.float32)
