"""A webcam's frames beside an event camera: when they were taken and where they lie on the sensor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from mcoe.capture import align
from mcoe.capture.align import Alignment
from mcoe.capture.cameras import PairSource
from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, join_events
from mcoe.results import Result

from ..core.jobs import Jobs
from ..widgets import theme
from ..widgets.dial import Dial
from ..widgets.label import Label
from ..widgets.painting import (
    CENTRE,
    Canvas,
    Image,
    Painter,
    draw_image,
    fitted,
    mark,
    pixels,
    placeholder,
    resized,
    text,
)

#: Windows of events that the activity image adds up: half a second, enough to see edges while a head moves.
WINDOWS = 15
POINTS = 4
_COLOURS = (theme.ON, theme.OFF, theme.RGB, theme.EVENT)
_METHODS = {"scale": "not aligned yet", "points": "aligned by four points", "ecc": "refined by its edges"}


class _Clickable(Canvas):
    pressed = Signal(QPointF)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit(event.position())


class Picture(QFrame):
    """An image on which points are clicked, kept in the image's own pixels."""

    clicked = Signal(float, float)

    def __init__(self, title: str, empty: str) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._empty = empty
        self.image: Image | None = None
        self.points: list[tuple[float, float]] = []
        heading = Label(title)
        heading.setObjectName("panelTitle")
        self.canvas = _Clickable(self._draw)
        self.canvas.setAccessibleName(title)
        self.canvas.pressed.connect(self._pressed)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 4, 10, 10)
        box.setSpacing(4)
        box.addWidget(heading)
        box.addWidget(self.canvas, 1)

    def show_image(self, image: Image | None, points: list[tuple[float, float]]) -> None:
        """Show an image ``(h, w[, 3])`` with points on it."""
        self.image, self.points = image, points
        self.canvas.update()

    def _place(self, rect: QRectF) -> QRectF:
        assert self.image is not None
        return fitted(rect, self.image.shape[1] / self.image.shape[0])

    def _pressed(self, at: QPointF) -> None:
        if self.image is None:
            return
        place = self._place(QRectF(self.canvas.rect()))
        if place.contains(at):
            scale = self.image.shape[1] / place.width()
            self.clicked.emit((at.x() - place.x()) * scale, (at.y() - place.y()) * scale)

    def _draw(self, painter: Painter, rect: QRectF) -> None:
        if self.image is None:
            placeholder(painter, rect, self._empty)
            return
        place = self._place(rect)
        draw_image(painter, place, resized(self.image, pixels(painter, place)))
        scale = place.width() / self.image.shape[1]
        for number, (x, y) in enumerate(self.points):
            at = QPointF(place.x() + x * scale, place.y() + y * scale)
            mark(painter, at, 22, "circle", theme.CANVAS)
            mark(painter, at, 18, "circle", _COLOURS[number])
            text(painter, QRectF(at.x() - 9, at.y() - 9, 18, 18), str(number + 1), CENTRE, theme.CANVAS, 0.86, True)


class AlignDialog(QDialog):
    """Aligns the pair that is open, in time and in space.

    Args:
        jobs: where an alignment is refined.
        pair: returns the open pair of cameras, or None.
        folder: where alignments are kept, one per pair.
    """

    POLL_MS = 200

    def __init__(self, parent: QWidget | None, jobs: Jobs, pair: Callable[[], PairSource | None], folder: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("Align two cameras")
        self._jobs, self._pair, self._folder = jobs, pair, folder
        self._shown: PairSource | None = None
        self._batches: deque[Events] = deque(maxlen=WINDOWS)
        self._frame: Image | None = None
        self._activity: Image | None = None
        self.candidate: Alignment | None = None
        self._refining = False
        self.frame_view = Picture("1  The webcam's frame", "no frame yet")
        self.event_view = Picture("2  The events of half a second", "no events yet")
        self.overlay = Picture("3  Edges green, events red, both yellow", "nothing to lay over yet")
        self.still, self.clear_button = QPushButton("Hold still"), QPushButton("Clear the points")
        self.refine_button, self.save_button = QPushButton("Refine by edges"), QPushButton("Use and keep")
        self.use_lag = QPushButton("Use this lag")
        hint = "Subtracted from the frames' times; arrow keys move it by 1 ms."
        self.lag = Dial("frames come later than events by", -250, 250, 1, 0, _whole_ms, hint)
        self.words, self.time_words = Label(), Label()
        self.figures = {key: Label("–") for key in ("clock offset", "drift", "jitter", "residual lag")}
        self._lay_out()
        for view in (self.frame_view, self.event_view):
            view.clicked.connect(lambda x, y, view=view: self.add_point(view, x, y))
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self.poll)
        self.poll()

    def _lay_out(self) -> None:
        self.still.setCheckable(True)
        self.still.setToolTip("Stop the pictures to click on them; the first click does it too")
        self.clear_button.clicked.connect(self.clear_points)
        self.refine_button.setToolTip("Maximise the correlation of edges and events, from what is shown now")
        self.refine_button.clicked.connect(self.refine)
        self.save_button.setObjectName("primary")
        self.save_button.setToolTip("Lay the frames like this from now on, whenever these two cameras are opened")
        self.save_button.clicked.connect(self.keep)
        self.use_lag.setToolTip("Subtract the residual lag, as it was found, from the frames' times")
        self.use_lag.clicked.connect(self.take_lag)
        self.lag.changed.connect(self._set_lag)
        for label in (self.words, self.time_words):
            label.setObjectName("panelNote")
            label.setWordWrap(True)
        views = QHBoxLayout()
        views.setSpacing(10)
        for view in (self.frame_view, self.event_view, self.overlay):
            views.addWidget(view, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.still)
        buttons.addWidget(self.clear_button)
        buttons.addWidget(self.words, 1)
        buttons.addWidget(self.refine_button)
        buttons.addWidget(self.save_button)
        time_panel, grid = QFrame(), QGridLayout()
        time_panel.setObjectName("panel")
        heading = Label("Time")
        heading.setObjectName("panelTitle")
        inside = QVBoxLayout(time_panel)
        inside.setContentsMargins(12, 4, 12, 10)
        inside.addWidget(heading)
        inside.addLayout(grid)
        grid.setHorizontalSpacing(24)
        for column, (caption, value) in enumerate(self.figures.items()):
            above = Label(caption)
            above.setObjectName("caption")
            value.setObjectName("value")
            value.setAccessibleName(caption)
            grid.addWidget(above, 0, column)
            grid.addWidget(value, 1, column)
            grid.setColumnStretch(column, 2)
        grid.addWidget(self.use_lag, 0, 4, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.lag, 0, 5, 2, 1)
        grid.setColumnStretch(5, 5)
        inside.addWidget(self.time_words)
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.setSpacing(10)
        box.addLayout(views, 1)
        box.addLayout(buttons)
        box.addWidget(time_panel)

    # ---- what is shown

    def show_result(self, result: Result, _: object = None) -> None:
        """Take a result's events; the window tells of every one that it shows."""
        if self.isVisible():
            self._batches.append(result.window.events)

    def poll(self) -> None:
        """Bring pictures and figures up to date."""
        pair = self._pair()
        if pair is not self._shown:
            self._shown = pair
            self._batches.clear()
            self._frame = self._activity = self.candidate = None
            self.still.setChecked(False)
            self.clear_points()
            if pair is not None:
                self.lag.set_value(pair.lag_us / 1000)
                now = _METHODS[pair.alignment.method]
                self._tell(f"This pair is {now}: click the same four points in both pictures.")
        for control in (self.still, self.clear_button, self.refine_button, self.lag):
            control.setEnabled(pair is not None)
        if pair is None:
            self._tell("Open an event camera with a webcam beside it (File, Cameras) to align them.")
        elif not self.still.isChecked():
            self._frame = pair.raw.image if pair.raw is not None else None
            if self._batches:
                self._activity = align.activity_image(join_events(list(self._batches)), pair.info.size)
        self._show_views()
        self._show_time(pair)

    def _show_views(self) -> None:
        alignment, overlay = self._alignment, None
        if alignment is not None and self._frame is not None and self._activity is not None:
            overlay = align.edge_overlay(alignment.image(self._frame), self._activity)
        self.frame_view.show_image(self._frame, self.frame_view.points)
        self.event_view.show_image(self._activity, self.event_view.points)
        self.overlay.show_image(overlay, [])
        self.refine_button.setEnabled(overlay is not None and not self._refining)
        self.save_button.setEnabled(self.candidate is not None and not self._refining)

    @property
    def _alignment(self) -> Alignment | None:
        return self.candidate or (self._shown.alignment if self._shown is not None else None)

    def _tell(self, words: str, bad: bool = False) -> None:
        self.words.setText(words)
        self.words.setStyleSheet(f"color: {theme.FAILURE};" if bad else "")

    # ---- space

    def add_point(self, view: Picture, x: float, y: float) -> None:
        """Set the next point of one picture, in its pixels; the pictures hold still from then on."""
        if len(view.points) == POINTS:
            return
        self.still.setChecked(True)
        view.points.append((x, y))
        left = [POINTS - len(v.points) for v in (self.frame_view, self.event_view)]
        if any(left):
            self._tell(f"{left[0]} to click in the frame, {left[1]} in the events, in the same order.")
        elif self._shown is not None:
            start = self._shown.alignment
            frame, events = np.array(self.frame_view.points), np.array(self.event_view.points)
            try:
                self.candidate = align.from_points(frame, events, start.frame_size, start.size)
                self._tell("Yellow is where edges and events meet. Refine, keep, or clear and click again.")
            except McoeError as error:
                self.clear_points()
                self._tell(str(error), bad=True)
        self._show_views()

    def clear_points(self) -> None:
        """Forget the points and what was made of them."""
        self.frame_view.points, self.event_view.points = [], []
        self.candidate = None
        self.still.setChecked(False)
        self._tell("Click the same four points in both pictures, in the same order.")
        self._show_views()

    def refine(self) -> None:
        """Refine what is shown in a thread of its own: it may take a second."""
        start, frame, activity = self._alignment, self._frame, self._activity
        if start is None or frame is None or activity is None or self._refining:
            return
        self.still.setChecked(True)
        self._refining = True
        self._jobs.start(
            "Refining", lambda _: align.refine(start, frame, activity), self._refined,
            lambda words: self._tell(words, bad=True), over=self._over,
        )  # fmt: skip
        self._tell("Refining…")

    def _refined(self, found: tuple[Alignment, float]) -> None:
        if self._shown is not None and found[0].size == self._shown.info.size:
            self.candidate, score = found
            self._tell(f"Refined: edges and events correlate by {score:.2f}. Keep it if what you see agrees.")

    def _over(self) -> None:
        self._refining = False
        self._show_views()

    def keep(self) -> None:
        """Lay frames like this from now on, and whenever this pair is opened."""
        if self._shown is None or self.candidate is None:
            return
        self._shown.alignment = self.candidate
        try:
            align.save(self.candidate, self._shown.pair, self._folder)
        except McoeError as error:
            self._tell(f"In use until this pair is closed: {error}", bad=True)
            return
        self.frame_view.points, self.event_view.points, self.candidate = [], [], None
        self.still.setChecked(False)
        self._tell(f"In use, and kept for {self._shown.pair}.")
        self._show_views()

    # ---- time

    def take_lag(self) -> None:
        """Use the residual lag as it was found."""
        if self._shown is not None and (found := self._shown.sync().residual.lag_us) is not None:
            self._shown.lag_us = round(found)
            self.lag.set_value(found / 1000)

    def _set_lag(self, ms: float) -> None:
        if self._shown is not None:
            self._shown.lag_us = round(1000 * ms)

    def _show_time(self, pair: PairSource | None) -> None:
        told, words, usable = ["–"] * 4, "", False
        if pair is not None:
            sync = pair.sync()
            clock, residual = sync.clock, sync.residual
            if clock is not None:
                sure = f" ({100 * clock.confidence:.0f} % sure)"
                told[:3] = [
                    f"{clock.offset_us / 1000:,.1f} ms{sure}",
                    f"{clock.drift_ppm:+.1f} ppm" if clock.drift_ppm else "not told yet",
                    f"{clock.jitter_us / 1000:.1f} ms" if np.isfinite(clock.jitter_us) else "–",
                ]
            usable = residual.lag_us is not None
            if residual.lag_us is None:
                told[3] = "unknown"
                words = "The residual lag is unknown while nothing moves: blink, or wave a hand before both cameras."
            else:
                told[3] = f"{residual.lag_us / 1000:+.1f} ms ({100 * residual.confidence:.0f} % sure)"
                rest = (residual.lag_us - pair.lag_us) / 1000
                used = f"{pair.lag_us / 1000:+.1f} ms is" if pair.lag_us else "Nothing is"
                words = f"{used} subtracted from the frames' times; {rest:+.1f} ms of what was found is left."
        for label, value in zip(self.figures.values(), told, strict=True):
            label.setText(value.replace("-", "−"))
        self.time_words.setText(words.replace("-", "−"))
        self.use_lag.setEnabled(usable)

    # ---- Qt events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()


def _whole_ms(ms: float) -> str:
    return f"{ms:+.0f} ms".replace("-", "−") if round(ms) else "0 ms"
