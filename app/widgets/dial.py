"""A captioned slider with its value in words; a double click brings the default back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QStyle, QStyleOptionSlider, QVBoxLayout, QWidget

from . import theme
from .label import Label

_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End)


class DefaultSlider(QSlider):
    """A slider whose bar grows from the default, not from the left end: what it adds can be seen at a glance."""

    def __init__(self, low: int, high: int, default: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(low, high)
        self.setValue(default)
        self.default = default

    def event(self, event: QEvent) -> bool:
        # The window's own arrow keys seek; on a dial that has the focus they turn it.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _KEYS:
            event.accept()
            return True
        return super().event(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.setValue(self.default)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        control, part = QStyle.ComplexControl.CC_Slider, QStyle.SubControl.SC_SliderHandle
        knob = QRectF(self.style().subControlRect(control, option, part, self))
        room = self.width() - knob.width()
        at = QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), self.default, int(room)) + knob.width() / 2
        y, thick = knob.center().y(), max(4.0, knob.height() / 3.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(QRectF(0, y - thick / 2, self.width(), thick), thick / 2, thick / 2)
        moved = self.value() != self.default
        ink = QColor(theme.LINE) if not self.isEnabled() else QColor(theme.ACCENT) if moved else QColor(theme.DIM)
        painter.setBrush(ink)
        left, right = sorted((at, knob.center().x()))
        painter.drawRect(QRectF(left, y - thick / 2, right - left, thick))
        painter.drawRect(QRectF(at - 1, y - thick, 2, 2 * thick))
        radius = min(knob.width(), knob.height()) / 2
        if self.hasFocus():
            painter.setBrush(theme.mix(theme.PANEL, theme.ACCENT, 0.35))
            painter.drawEllipse(QPointF(knob.center()), radius + 2, radius + 2)
            painter.setBrush(ink)
        painter.drawEllipse(QPointF(knob.center()), radius - 1, radius - 1)
        painter.end()


class Dial(QWidget):
    """Caption, value and slider over ``low .. high`` in steps of ``step``.

    Args:
        caption: what it sets.
        words: writes a value with its unit.
        hint: tooltip, one sentence.
        to_value: from the slider's own scale, linear by default, to the value (a logarithmic dial).
        from_value: the inverse.
    """

    #: The new value, after a change by hand.
    changed = Signal(float)

    def __init__(
        self,
        caption: str,
        low: float,
        high: float,
        step: float,
        default: float,
        words: Callable[[float], str],
        hint: str,
        to_value: Callable[[float], float] = float,
        from_value: Callable[[float], float] = float,
    ) -> None:
        super().__init__()
        self._step, self._words, self._to, self._from = step, words, to_value, from_value
        ticks = [round(from_value(v) / step) for v in (low, high, default)]
        self.slider = DefaultSlider(*ticks)
        self.slider.setPageStep(max(1, (ticks[1] - ticks[0]) // 12))
        self.slider.setAccessibleName(caption)
        self.setToolTip(f"{hint} Double click: back to {words(default)}.")
        name, self._value = Label(caption), Label(words(default))
        name.setObjectName("caption")
        self._value.setObjectName("value")
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        above = QHBoxLayout()
        above.setSpacing(4)
        above.addWidget(name)
        above.addStretch(1)
        above.addWidget(self._value)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(above)
        box.addWidget(self.slider)
        self.slider.valueChanged.connect(self._moved)

    @property
    def value(self) -> float:
        """The value set."""
        return self._to(self.slider.value() * self._step)

    @property
    def words(self) -> str:
        """The value as written beside the caption."""
        return self._value.text()

    def set_value(self, value: float) -> None:
        """Show ``value`` without telling anyone."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(self._from(value) / self._step))
        self.slider.blockSignals(False)
        self.slider.update()
        self._value.setText(self._words(self.value))

    def _moved(self) -> None:
        self._value.setText(self._words(self.value))
        self.changed.emit(self.value)
