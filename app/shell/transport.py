"""Play, pause, step, seek and speed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QColor, QIcon, QMouseEvent, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSlider, QToolButton, QWidget

from mcoe.capture.source import SourceInfo
from mcoe.results import PipelineStats

from ..widgets import theme
from ..widgets.controls import Choice
from ..widgets.label import Label
from ..widgets.words import clock

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
#: A drag asks for at most this many seeks per second, each for the newest position.
_SEEKS_PER_S = 12


class SeekSlider(QSlider):
    """A slider in milliseconds; a click anywhere goes there."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setTracking(True)
        self.setAccessibleName("Position")
        self.setToolTip("Position in the recording; drag or click to seek")
        self.setSingleStep(100)
        self.setPageStep(1000)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.setSliderDown(True)
        self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)
            self.setSliderDown(False)

    def _follow(self, event: QMouseEvent) -> None:
        knob = self.fontMetrics().height()
        share = (event.position().x() - knob / 2) / max(1, self.width() - knob)
        value = round(self.minimum() + min(1.0, max(0.0, share)) * (self.maximum() - self.minimum()))
        if value != self.value():
            self.setValue(value)


class Transport(QFrame):
    """The transport bar. It speaks in signals; :meth:`show_stats` is told what is."""

    play_toggled = Signal()
    stepped = Signal()
    #: Stream time, µs.
    sought = Signal(object)
    speed_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bar")
        self._source: SourceInfo | None = None
        self._state = ""
        self._wanted: int | None = None
        self.play = self._button("Play or pause (Space)", self.play_toggled)
        self.step = self._button("One frame forward (.)", self.stepped)
        self.slider = SeekSlider()
        self.time = Label("–")
        self.time.setObjectName("plain")
        self.time.setAccessibleName("Time")
        self.speed = Choice()
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("Playback speed; it changes no prediction")
        for value in SPEEDS:
            self.speed.addItem(f"{value:g}×", value)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(8, 5, 8, 5)
        row.setSpacing(8)
        row.addWidget(self.play)
        row.addWidget(self.step)
        row.addWidget(self.slider, 1)
        row.addWidget(self.time)
        row.addWidget(self.speed)
        self._seek_timer = QTimer(self)
        self._seek_timer.setSingleShot(True)
        self._seek_timer.setInterval(1000 // _SEEKS_PER_S)
        self._seek_timer.timeout.connect(self._seek_now)
        self.slider.valueChanged.connect(self._moved)
        self.speed.currentIndexChanged.connect(lambda _: self.speed_changed.emit(self.speed.currentData()))
        self._scaled()
        self.set_source(None)

    def _button(self, hint: str, signal: SignalInstance) -> QToolButton:
        button = QToolButton()
        button.setAccessibleName(hint)
        button.setToolTip(hint)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(signal)
        return button

    def add_tool(self, control: QWidget) -> None:
        """Put a control at the right end."""
        self._row.addWidget(control)

    def set_source(self, source: SourceInfo | None) -> None:
        """Fit slider and time to a source; a live one cannot be sought."""
        self._source = source
        replay = source is not None and not source.live
        for widget in (self.slider, self.step, self.speed):
            widget.setEnabled(replay)
        self.play.setEnabled(source is not None)
        self.slider.blockSignals(True)
        self.slider.setRange(0, (source.duration_us or 0) // 1000 if source is not None else 0)
        self.slider.setValue(0)
        self.slider.blockSignals(False)
        self._state = ""
        self._show_state("paused" if source is None else "playing")
        self._show_time(source.start_us if source is not None else 0)

    def go(self, time_us: int) -> None:
        """Seek to a stream time, µs, as a drag of the knob does: the newest wish wins."""
        if self._source is not None and self.slider.isEnabled():
            self.slider.setValue((time_us - self._source.start_us) // 1000)

    def skip(self, seconds: float) -> None:
        """Seek by so many seconds from where the knob stands, not past the ends."""
        if self.slider.isEnabled():
            self.slider.setValue(int(max(0, self.slider.value() + 1000 * seconds)))

    def show_stats(self, stats: PipelineStats) -> None:
        """Show state and position, unless the user holds the knob."""
        self._show_state(stats.state)
        if self._source is None or self.slider.isSliderDown() or self._seek_timer.isActive():
            return
        if not self._source.live:  # a live stream's time may be the time of day: too long for a slider
            self.slider.blockSignals(True)
            self.slider.setValue((stats.position_us - self._source.start_us) // 1000)
            self.slider.blockSignals(False)
        self._show_time(stats.position_us)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "time"):
            self._scaled()

    def _scaled(self) -> None:
        """Redraw the icons for the font, and give the time the width of its longest reading."""
        self.ensurePolished()
        size = self.fontMetrics().height()
        for button in (self.play, self.step):
            button.setIconSize(QSize(size, size))
        self.step.setIcon(icon("step", size))
        state, self._state = self._state, ""
        self._show_state(state or "paused")
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance("00:00.00 / 00:00.00") + 4)

    def _show_state(self, state: str) -> None:
        if state == self._state:
            return
        self._state = state
        name = {"playing": "pause", "ended": "again"}.get(state, "play")
        self.play.setIcon(icon(name, self.fontMetrics().height()))

    def _show_time(self, position_us: int) -> None:
        source = self._source
        if source is None:
            words = "–"
        elif source.live or source.duration_us is None:
            words = "live"
        else:
            words = f"{clock(position_us - source.start_us)} / {clock(source.duration_us)}"
        if words != self.time.text():
            self.time.setText(words)

    def _moved(self, value: int) -> None:
        if self._source is None:
            return
        self._wanted = self._source.start_us + 1000 * value
        self._show_time(self._wanted)
        if not self._seek_timer.isActive():
            self._seek_timer.start()

    def _seek_now(self) -> None:
        if self._wanted is not None:
            self.sought.emit(self._wanted)
            self._wanted = None


def icon(name: str, size: int) -> QIcon:
    """Draw ``play``, ``pause``, ``step`` or ``again`` at ``size`` px, also greyed."""
    result = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, theme.TEXT), (QIcon.Mode.Disabled, theme.LINE)):
        pixmap = QPixmap(2 * size, 2 * size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(2 * size / 16, 2 * size / 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour))
        _draw_icon(painter, name)
        painter.end()
        result.addPixmap(pixmap, mode)
    return result


def _draw_icon(painter: QPainter, name: str) -> None:
    def triangle(x: float) -> QPolygonF:
        return QPolygonF([QPointF(x, 2.5), QPointF(x + 9, 8), QPointF(x, 13.5)])

    if name == "play":
        painter.drawPolygon(triangle(4))
    elif name == "pause":
        painter.drawRect(QRectF(3.5, 2.5, 3.2, 11))
        painter.drawRect(QRectF(9.3, 2.5, 3.2, 11))
    elif name == "step":
        painter.drawPolygon(triangle(2))
        painter.drawRect(QRectF(11.5, 2.5, 2.4, 11))
    else:
        painter.drawRect(QRectF(2.5, 2.5, 2.4, 11))
        painter.drawPolygon(QPolygonF([QPointF(14, 2.5), QPointF(5, 8), QPointF(14, 13.5)]))
