"""Moves and sizes the square that the network sees, by hand, on the camera's picture."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent

from .camera import CameraPanel

Roi = tuple[int, int, int]

#: Distance from a corner at which the pointer takes it, screen px.
GRIP_PX = 14
#: The smallest square, sensor pixels: a third of the network's input.
LEAST = 32


class RoiEditor(QObject):
    """Watches the mouse on the camera panel's canvas: inside the square it moves, at a corner it sizes."""

    #: The square asked for, ``(x, y, side)`` sensor pixels; while the mouse is held, with every move.
    changed = Signal(tuple)
    #: The mouse was let go.
    finished = Signal()

    def __init__(self, panel: CameraPanel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._grip: tuple[int, int] | None = None  # corner held: (1, 1) is right below; (0, 0) holds the inside
        self._from: tuple[QPointF, Roi] | None = None
        panel.canvas.setMouseTracking(True)
        panel.canvas.installEventFilter(self)

    @property
    def roi(self) -> Roi | None:
        """The square shown, or None while there is nothing to see."""
        panel = self._panel
        if panel.result is None or panel.place.isEmpty() or panel.source is None:
            return None
        return panel.pending or panel.result.window.roi

    def ask(self, roi: Roi) -> None:
        """Show the square at once and ask for it."""
        self._panel.pending = roi
        self._panel.canvas.update()
        self.changed.emit(roi)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and self.roi is not None:
            kind = event.type()
            if kind == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
                return self._press(event.position())
            if kind == QEvent.Type.MouseMove:
                self._move(event.position())
            elif kind == QEvent.Type.MouseButtonRelease and self._from is not None:
                self._from = None
                self.finished.emit()
        return super().eventFilter(watched, event)

    def _press(self, at: QPointF) -> bool:
        self._grip = self._under(at)
        roi = self.roi
        if self._grip is None or roi is None:
            return False
        self._from = at, roi
        return True

    def _move(self, at: QPointF) -> None:
        if self._from is None:
            self._point(self._under(at))
            return
        start, (x, y, side) = self._from
        scale = self._scale
        dx, dy = (at.x() - start.x()) / scale, (at.y() - start.y()) / scale
        assert self._panel.source is not None
        assert self._grip is not None
        size = self._panel.source.size
        if self._grip == (0, 0):
            self.ask(moved((x, y, side), round(dx), round(dy), size))
        else:
            grown = (dx * self._grip[0] + dy * self._grip[1]) / 2
            self.ask(resized((x, y, side), self._grip, round(side + grown), size))

    @property
    def _scale(self) -> float:
        """Screen px per sensor pixel."""
        assert self._panel.source is not None
        return self._panel.place.width() / self._panel.source.size[0]

    def _under(self, at: QPointF) -> tuple[int, int] | None:
        """Return the corner under the pointer, (0, 0) inside the square, None outside."""
        roi = self.roi
        assert roi is not None
        place, scale = self._panel.place, self._scale
        left, top = place.x() + roi[0] * scale, place.y() + roi[1] * scale
        right, bottom = left + roi[2] * scale, top + roi[2] * scale
        for sx, x in ((-1, left), (1, right)):
            for sy, y in ((-1, top), (1, bottom)):
                if abs(at.x() - x) <= GRIP_PX and abs(at.y() - y) <= GRIP_PX:
                    return sx, sy
        return (0, 0) if left <= at.x() <= right and top <= at.y() <= bottom else None

    def _point(self, grip: tuple[int, int] | None) -> None:
        canvas = self._panel.canvas
        if grip is None:
            canvas.unsetCursor()
        elif grip == (0, 0):
            canvas.setCursor(Qt.CursorShape.SizeAllCursor)
        else:
            falls = grip[0] == grip[1]
            canvas.setCursor(Qt.CursorShape.SizeFDiagCursor if falls else Qt.CursorShape.SizeBDiagCursor)


def moved(roi: Roi, dx: int, dy: int, size: tuple[int, int]) -> Roi:
    """Return ``roi`` moved by so many sensor pixels, kept inside the sensor of ``size``."""
    x, y, side = roi
    return min(max(0, x + dx), size[0] - side), min(max(0, y + dy), size[1] - side), side


def resized(roi: Roi, corner: tuple[int, int], wanted: int, size: tuple[int, int]) -> Roi:
    """Return ``roi`` with the side ``wanted``, as far as the sensor goes; the corner opposite to ``corner`` stays."""
    x, y, side = roi
    fixed_x, fixed_y = (x if corner[0] > 0 else x + side), (y if corner[1] > 0 else y + side)
    room_x = size[0] - fixed_x if corner[0] > 0 else fixed_x
    room_y = size[1] - fixed_y if corner[1] > 0 else fixed_y
    new = min(max(LEAST, wanted), room_x, room_y)
    return (fixed_x if corner[0] > 0 else fixed_x - new), (fixed_y if corner[1] > 0 else fixed_y - new), new


def scaled(roi: Roi, by: int, size: tuple[int, int]) -> Roi:
    """Return ``roi`` with its side ``by`` longer about its centre, kept inside the sensor."""
    x, y, side = roi
    new = min(max(LEAST, side + by), *size)
    return moved((x - (new - side) // 2, y - (new - side) // 2, new), 0, 0, size)
