"""The cameras: which there are, which to open, what it is told and how it is doing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from mcoe.capture.cameras import (
    CameraListing,
    CameraSettings,
    CameraSource,
    CameraSpec,
    CameraStatus,
    PairSource,
    Support,
    list_cameras,
)
from mcoe.capture.cameras.base import SENSITIVITIES
from mcoe.capture.cameras.kinds import camera_kinds
from mcoe.core.errors import McoeError

from ..core.jobs import Jobs
from ..widgets import theme
from ..widgets.controls import Choice
from ..widgets.dial import Dial
from ..widgets.label import Label, tip
from ..widgets.words import short

Camera = CameraSource | PairSource
_ROLE = Qt.ItemDataRole.UserRole
#: Key, caption, tooltip.
_FIGURES = (
    ("events", "events/s", "Measured over the last 2 s, not what the camera promises"),
    ("frames", "frames/s", "Measured over the last 2 s, not what the camera promises"),
    ("reconnects", "reconnects", "How often the camera came back after it was lost"),
    ("dropped", "dropped packets", "Lost because the program was too slow, or in the driver"),
    ("disordered", "out of order", "Events and frames left out because their time went back, or off the sensor"),
)


class CameraDialog(QDialog):
    """Opens cameras and talks to the one that is open.

    Args:
        jobs: where cameras are looked for.
        camera: returns the open camera; None where a recording or nothing is open.
        trouble: returns one sentence on what is wrong with it, or nothing.
        find: lists the cameras; it may take seconds and runs in a thread.
    """

    #: A path that :meth:`CameraSpec.parse` reads.
    open_requested = Signal(str)
    POLL_MS = 200
    #: A control that was just used is not overruled by what the camera reports for so long, s.
    SETTLE_S = 1.0

    def __init__(
        self,
        parent: QWidget | None,
        jobs: Jobs,
        camera: Callable[[], Camera | None],
        trouble: Callable[[], str] = str,
        find: Callable[[], list[CameraListing]] = list_cameras,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Cameras")
        self._jobs, self._camera, self._trouble, self._find = jobs, camera, trouble, find
        self._looking = False
        self._touched_s = -math.inf
        self.list, self.address, self.beside = QListWidget(), QLineEdit(), Choice()
        self.look_button, self.open_button = QPushButton("Look again"), QPushButton("Open")
        self.auto, self.sensitivity = QPushButton("automatic"), Choice()
        hint = "Exposure time of a frame; setting it ends automatic exposure."
        self.exposure = Dial("exposure", 100, 33_000, 0.03125, 10_000, _ms, hint, lambda v: 2.0**v, math.log2)
        self.words, self.exposure_note, self.sensitivity_note = Label(), Label(), Label()
        self.state, self.reported = Label(), Label()
        self.figures = {key: Label("–") for key, _, _ in _FIGURES}
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(12)
        row.addWidget(self._choosing(), 10)
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self._doing())
        right.addWidget(self._telling())
        right.addStretch(1)
        row.addLayout(right, 11)
        self._timer = QTimer(self)
        self._timer.setInterval(self.POLL_MS)
        self._timer.timeout.connect(self.poll)
        self._choose()
        self.poll()

    # ---- the three parts

    def _choosing(self) -> QFrame:
        panel, box = _panel("Choose a camera")
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Cameras")
        self.list.currentItemChanged.connect(lambda *_: self._choose())
        self.list.itemActivated.connect(lambda _: self.open())
        self.address.setAccessibleName("Address")
        self.address.returnPressed.connect(self.open)
        self.beside.setAccessibleName("Webcam beside it")
        self.beside.setToolTip("Frames from a webcam, put on the event camera's clock and over its pixels")
        self.beside.addItem("no webcam beside it", None)
        self.look_button.clicked.connect(self.look)
        self.open_button.setObjectName("primary")
        self.open_button.clicked.connect(self.open)
        self.words.setObjectName("panelNote")
        self.words.setWordWrap(True)
        foot = QHBoxLayout()
        foot.addWidget(self.look_button)
        foot.addStretch(1)
        foot.addWidget(self.open_button)
        box.addWidget(self.list, 1)
        for widget in (self.address, self.beside, self.words):
            box.addWidget(widget)
        box.addLayout(foot)
        return panel

    def _doing(self) -> QFrame:
        panel, box = _panel("The open camera")
        self.state.setWordWrap(True)
        self.state.setObjectName("value")
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        for i, (key, caption, hint) in enumerate(_FIGURES):
            above, value = Label(caption), self.figures[key]
            above.setObjectName("caption")
            value.setObjectName("value")
            value.setAccessibleName(caption)
            for line, label in enumerate((above, value)):
                label.setToolTip(hint)
                grid.addWidget(label, line + 2 * (i // 3), i % 3)
        box.addWidget(self.state)
        box.addLayout(grid)
        return panel

    def _telling(self) -> QFrame:
        panel, box = _panel("Settings")
        self.auto.setCheckable(True)
        self.auto.setToolTip("Let the camera choose the exposure")
        self.auto.clicked.connect(lambda on: self._ask_exposure(CameraSettings(auto_exposure=on)))
        self.exposure.changed.connect(lambda us: self._ask_exposure(CameraSettings(exposure_us=round(us))))
        self.sensitivity.setAccessibleName("Sensitivity")
        self.sensitivity.setToolTip("Contrast threshold of the event sensor: a lower one sends more events, and noise")
        for name in SENSITIVITIES:
            self.sensitivity.addItem(f"sensitivity: {name}", name)
        self.sensitivity.setCurrentIndex(SENSITIVITIES.index("default"))
        self.sensitivity.activated.connect(lambda _: self._ask_sensitivity())
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self.exposure, 1)
        top.addWidget(self.auto)
        box.addLayout(top)
        box.addWidget(self.exposure_note)
        box.addWidget(self.sensitivity)
        for note in (self.sensitivity_note, self.reported):
            box.addWidget(note)
        for note in (self.exposure_note, self.sensitivity_note, self.reported):
            note.setObjectName("panelNote")
            note.setWordWrap(True)
        return panel

    # ---- choosing

    def look(self) -> None:
        """List the cameras anew."""
        if self._looking:
            return
        self._looking = True
        self.look_button.setEnabled(False)
        self._tell("Looking for cameras…")
        self._jobs.start(
            "Listing the cameras", lambda _: self._find(), self._show_found, self._not_found, over=self._looked
        )

    def _looked(self) -> None:
        self._looking = False
        self.look_button.setEnabled(True)

    def _not_found(self, words: str) -> None:
        self._tell(f"The cameras cannot be listed: {words} Plug them in again and look again.", bad=True)

    def _show_found(self, found: list[CameraListing]) -> None:
        chosen = self.list.currentItem()
        before = chosen.text() if chosen is not None else None
        self.list.clear()
        beside = self.beside.currentData()
        while self.beside.count() > 1:
            self.beside.removeItem(1)
        kinds = camera_kinds()
        for camera in sorted(found, key=lambda c: (not c.available, kinds[c.backend].address is not None)):
            kind = kinds[camera.backend]
            which = camera.backend if camera.serial is None else f"{camera.backend} {camera.serial}"
            below = kind.address.leads_to if kind.address else which if camera.available else camera.reason
            item = QListWidgetItem(f"{camera.name}\n{below}")
            item.setData(_ROLE, camera)
            item.setToolTip(tip(str(below)))
            if not (camera.available or kind.address):
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setForeground(QColor(theme.DIM))
            self.list.addItem(item)
            if kind.beside is not None and camera.available:
                self.beside.addItem(f"beside it: {camera.name}", camera.serial)
        self.beside.setCurrentIndex(max(0, self.beside.findData(beside)))
        kept = [i for i in range(self.list.count()) if self.list.item(i).text() == before]
        usable = [i for i in range(self.list.count()) if self.list.item(i).flags() & Qt.ItemFlag.ItemIsEnabled]
        for row in (kept or usable)[:1]:
            self.list.setCurrentRow(row)
        there = sum(camera.available for camera in found)
        self._tell("" if there else "No camera is plugged in; a network stream needs only its address.")
        self._choose()

    @property
    def chosen(self) -> CameraSpec | None:
        """The camera chosen in the list."""
        if self.list.currentRow() < 0:
            return None
        listing: CameraListing = self.list.currentItem().data(_ROLE)
        return CameraSpec.of(listing, self.address.text(), self.beside.currentData())

    def _choose(self) -> None:
        item = self.list.currentItem()
        kind = camera_kinds()[item.data(_ROLE).backend] if item is not None else None
        self.open_button.setEnabled(kind is not None)
        address = kind.address if kind is not None else None
        self.address.setVisible(address is not None)
        if address is not None and not self.address.text().startswith(address.scheme):
            self.address.setText(address.example)
            self.address.setToolTip(f"{address.form} of {address.leads_to}")
        self.beside.setEnabled(self.beside.count() > 1 and kind is not None and kind.beside is None)

    def open(self) -> None:
        """Ask the window to open the chosen camera."""
        spec = self.chosen
        if spec is None:
            return
        try:
            spec.check()  # tells what is wrong with the address
        except McoeError as error:
            self._tell(str(error), bad=True)
            return
        self._tell("")
        self.open_requested.emit(spec.path)

    def _tell(self, words: str, bad: bool = False) -> None:
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.words.setStyleSheet(f"color: {theme.FAILURE};" if bad else "")

    # ---- the open camera

    def _ask_exposure(self, settings: CameraSettings) -> None:
        camera = self._camera()
        if camera is not None:
            self._touched_s = time.monotonic()
            (camera.frames if isinstance(camera, PairSource) else camera).configure(settings)
            if settings.exposure_us is not None:
                self.auto.setChecked(False)

    def _ask_sensitivity(self) -> None:
        camera = self._camera()
        if camera is not None:
            self._touched_s = time.monotonic()
            settings = CameraSettings(sensitivity=self.sensitivity.currentData())
            (camera.events if isinstance(camera, PairSource) else camera).configure(settings)

    def poll(self) -> None:
        """Bring everything up to date."""
        camera = self._camera()
        status = camera.status() if camera is not None else None
        self._show_status(camera, status)
        self._show_settings(camera, status)

    def _show_status(self, camera: Camera | None, status: CameraStatus | None) -> None:
        trouble = self._trouble()
        if camera is None or status is None:
            words = trouble or "No camera is open: choose one, then Open."
        else:
            words = trouble or f"{camera.info.name} is {status.state}."
        self.state.setText(words)
        self.state.setStyleSheet(f"color: {theme.WARNING};" if trouble else "")
        told = ["–"] * len(_FIGURES)
        if status is not None and camera is not None:
            told = [
                short(status.events_per_s) if camera.info.has_events else "none",
                f"{status.frames_per_s:.1f}" if camera.info.has_frames else "none",
                *(f"{count:,}" for count in (status.reconnects, status.dropped, status.disordered)),
            ]
        for label, value in zip(self.figures.values(), told, strict=True):
            label.setText(value)

    def _show_settings(self, camera: Camera | None, status: CameraStatus | None) -> None:
        if camera is None or status is None:
            exposure = biases = Support.NO
            notes = ("", "", "")
        else:
            pair = isinstance(camera, PairSource)
            exposure = (camera.frames if pair else camera).capabilities.exposure  # type: ignore[union-attr]
            biases = (camera.events if pair else camera).capabilities.biases  # type: ignore[union-attr]
            notes = (
                _support(exposure, "exposure") if camera.info.has_frames else "This camera has no frames to expose.",
                _support(biases, "sensitivity"),
                _report(status),
            )
        for control in (self.exposure, self.auto):
            control.setEnabled(exposure is not Support.NO)
        self.sensitivity.setEnabled(biases is not Support.NO)
        for label, words in zip((self.exposure_note, self.sensitivity_note, self.reported), notes, strict=True):
            label.setText(words)
            label.setVisible(bool(words))
        if status is not None and time.monotonic() - self._touched_s > self.SETTLE_S:
            told = status.settings
            if told.exposure_us:
                self.exposure.set_value(min(33_000, max(100, told.exposure_us)))
            self.auto.setChecked(bool(told.auto_exposure))
            self.sensitivity.setCurrentIndex(SENSITIVITIES.index(told.sensitivity or "default"))

    # ---- Qt events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()


def _panel(title: str) -> tuple[QFrame, QVBoxLayout]:
    panel, heading = QFrame(), Label(title)
    panel.setObjectName("panel")
    heading.setObjectName("panelTitle")
    box = QVBoxLayout(panel)
    box.setContentsMargins(12, 6, 12, 12)
    box.setSpacing(8)
    box.addWidget(heading)
    return panel, box


def _ms(us: float) -> str:
    return f"{us / 1000:.1f} ms"


def _support(support: Support, what: str) -> str:
    if support is Support.YES:
        return ""
    if support is Support.NO:
        return f"The {what} of this camera cannot be set."
    return f"This camera has not said whether its {what} can be set: try it, and see what it reports."


def _report(status: CameraStatus) -> str:
    if status.reason:
        return f"The last attempt to open it again: {status.reason}"
    settings, told = status.settings, []
    if settings.exposure_us:
        told.append(f"exposure {_ms(settings.exposure_us)}{', automatic' if settings.auto_exposure else ''}")
    if settings.size:
        told.append(f"{settings.size[0]}×{settings.size[1]}")
    if settings.fps:
        told.append(f"{settings.fps:.0f} frames/s")
    return f"The camera reports {', '.join(told)}." if told else ""
