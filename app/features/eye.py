"""Which square of the sensor the network sees, whether it is a left eye, and whether noise is filtered."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from PySide6.QtCore import QObject, QTimer

from mcoe.capture.find_eye import find_eye
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.inputs import View, default_roi
from mcoe.events.noise import NoiseFilter
from mcoe.live.jobs.moments import Preprocessing

from ..panels.roi_editor import Roi, RoiEditor, moved, scaled
from ..widgets.words import short

if TYPE_CHECKING:
    from ..shell.window import MainWindow

#: What a key moves the square by, sensor pixels.
STEP = 4
LOOK_MS = 50


class Eye(QObject):
    """Wires region, mirroring and noise filter to the window; each source's region is remembered by its name."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._source: SourceInfo | None = None
        self.view: View | None = None
        self._found: list[Roi | str | None] = []
        self.make_filter = partial(NoiseFilter)
        self.editor = RoiEditor(window.camera)
        self.editor.changed.connect(lambda roi: self._set(View(roi, self.mirror_action.isChecked())))
        self.editor.finished.connect(self._keep)
        add = window.menus.add
        self.find_action = add("View", "&Find the eye", "F", self.find, "Propose the square that the network sees")
        hint = "Mirror the square: the network learnt right eyes"
        self.mirror_action = add("View", "&Left eye (mirrored)", "M", self._mirror, hint, checked=False)
        add("View", "&Whole picture", "Alt+0", self.reset, "The largest square in the middle")
        for name, dx, dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1)):
            add("View", f"Square {name}", f"Alt+{name.capitalize()}", partial(self.move, dx * STEP, dy * STEP))
        add("View", "Larger square", "Alt++", partial(self.scale, 2 * STEP))
        add("View", "Smaller square", "Alt+-", partial(self.scale, -2 * STEP))
        kept = window.settings.value("filter", False, bool)
        hint = "Keep an event only if a neighbour fired in the 2 ms before it (background-activity filter)"
        self.filter_action = add("View", "&Noise filter", "N", self.set_filter, hint, checked=bool(kept))
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._note_timer = QTimer(self)
        self._note_timer.setInterval(window.STATUS_MS)
        self._note_timer.timeout.connect(self.say)
        self._note_timer.start()
        window.source_changed.connect(self._opened)
        window.pipeline_changed.connect(self._started)
        window.camera.setToolTip(
            f"{window.camera.sentence} Drag the square to where the eye is; drag a corner to size it."
        )

    @property
    def preprocessing(self) -> Preprocessing:
        """How the stream is looked at now, for whoever reads the recording once more."""
        return Preprocessing(self.view, self.make_filter if self.filter_action.isChecked() else None)

    # ---- region and mirror

    def _opened(self, source: SourceInfo | None) -> None:
        self._source, self.view = source, None
        if source is None:
            return
        kept = _kept(str(self._window.settings.value(_key(source), "")), source.size)
        self._show_mirror(kept is not None and kept.mirror)
        if kept is not None:
            self._set(kept)

    def _started(self, pipeline: object) -> None:
        if pipeline is not None and self.filter_action.isChecked():
            self.set_filter(True)

    def _set(self, view: View) -> None:
        self.view = view
        if self._window.pipeline is not None:
            self._window.pipeline.set_view(view)

    def _keep(self) -> None:
        if self._source is not None and self.view is not None:
            words = json.dumps({"roi": self.view.roi, "mirror": self.view.mirror})
            self._window.settings.setValue(_key(self._source), words)

    def _mirror(self, mirrored: bool) -> None:
        if self._source is not None:
            roi = self.view.roi if self.view is not None else self.editor.roi or default_roi(self._source.size)
            self._set(View(roi, mirrored))
            self._keep()

    def _show_mirror(self, mirrored: bool) -> None:
        self.mirror_action.blockSignals(True)
        self.mirror_action.setChecked(mirrored)
        self.mirror_action.blockSignals(False)

    def _ask(self, roi: Roi) -> None:
        self.editor.ask(roi)
        self._keep()

    def reset(self) -> None:
        """See the largest square in the middle."""
        if self._source is not None:
            self._ask(default_roi(self._source.size))

    def move(self, dx: int, dy: int) -> None:
        """Move the square by so many sensor pixels."""
        if self._source is not None and (roi := self.editor.roi) is not None:
            self._ask(moved(roi, dx, dy, self._source.size))

    def scale(self, by: int) -> None:
        """Make the square's side so many sensor pixels longer."""
        if self._source is not None and (roi := self.editor.roi) is not None:
            self._ask(scaled(roi, by, self._source.size))

    # ---- find the eye

    def find(self) -> None:
        """Look for an eye in the newest frame, in a thread; the answer moves the square or is told."""
        result = self._window.camera.result
        if result is None or result.window.frame is None:
            self._window.notice.say("There is no frame to look for an eye in; drag the square by hand.", bad=True)
            return
        image, found = result.window.frame.image, self._found

        def look() -> None:
            try:
                found.append(find_eye(image))
            except McoeError as error:
                found.append(str(error))

        thread = threading.Thread(target=look, name="mcoe-find-eye", daemon=True)
        thread.start()
        self._window.join_at_end(thread)
        self.find_action.setEnabled(False)
        self._window.notice.say("Looking for an eye…")
        self._timer.start()

    def _look(self) -> None:
        if not self._found:
            return
        self._timer.stop()
        self.find_action.setEnabled(True)
        found = self._found.pop()
        if isinstance(found, str):
            self._window.notice.say(found, bad=True)
        elif found is None:
            words = "No eye was found in this frame; drag the square by hand, or try again when it is open."
            self._window.notice.say(words, bad=True)
        elif self._source is not None:
            self._ask(moved(found, 0, 0, self._source.size))
            self._window.notice.say("An eye was found; drag the square to adjust it.")

    # ---- noise filter

    def set_filter(self, on: bool) -> None:
        """Filter the event noise from the next batch on, or stop."""
        self._window.settings.setValue("filter", on)
        if self._window.pipeline is not None:
            self._window.pipeline.set_filter(self.make_filter if on else None)
        self.say()

    def set_reach(self, duration_us: int) -> None:
        """Let an event's neighbour have fired so long before it, µs."""
        self.make_filter = partial(NoiseFilter, duration_us=duration_us)
        if self.filter_action.isChecked():
            self.set_filter(True)

    def say(self) -> None:
        """Bring the camera panel's note up to date: mirrored or not, events per second before and after the filter."""
        words = ["left eye"] if self.mirror_action.isChecked() else []
        if self.filter_action.isChecked() and self._window.pipeline is not None:
            stats = self._window.pipeline.stats()
            words.append(f"noise filter: {short(stats.events_per_s)} → {short(stats.kept_per_s)} events/s")
        self._window.camera.note.setText(" · ".join(words))


def _key(source: SourceInfo) -> str:
    return f"views/{quote(source.name, safe='')}"


def _kept(words: str, size: tuple[int, int]) -> View | None:
    """Read a remembered view; None where there is none, or it does not fit a sensor of this size."""
    try:
        notes = json.loads(words)
        x, y, side = (int(value) for value in notes["roi"])
        fits = 0 <= x <= size[0] - side and 0 <= y <= size[1] - side and side > 0
        return View((x, y, side), bool(notes["mirror"])) if fits else None
    except (ValueError, KeyError, TypeError):
        return None
