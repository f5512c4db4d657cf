"""Which square of the sensor the network sees, whether it is a left eye, and whether noise is filtered."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer

from mcoe.capture.find_eye import find_eye
from mcoe.capture.source import SourceInfo
from mcoe.events.inputs import View, default_roi

from ..core.context import Context, Feature
from ..core.settings import MOST_VIEWS
from ..panels.camera import CameraPanel
from ..panels.roi_editor import Roi, RoiEditor, moved, scaled
from ..widgets.words import short

#: What a key moves the square by, sensor pixels.
STEP = 4


class EyeRegion(Feature):
    """Wires region, mirroring and noise filter; each source's region is remembered by its name."""

    order = 40
    #: Figures that change faster cannot be read.
    NOTE_MS = 250

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._source: SourceInfo | None = None
        self._panel = context.panels.get(CameraPanel)
        self.editor = RoiEditor(self._panel)
        add = context.menus.add
        self.find_action = add("View", "&Find the eye", "F", self.find, "Propose the square that the network sees")
        hint = "Mirror the square: the network learnt right eyes"
        self.mirror_action = add("View", "&Left eye (mirrored)", "M", self._mirror, hint, checked=False)
        self.editor.changed.connect(lambda roi: self._set(View(roi, self.mirror_action.isChecked())))
        self.editor.finished.connect(self._keep)
        add("View", "&Whole picture", "Alt+0", self.reset, "The largest square in the middle")
        for name, dx, dy in (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1)):
            add("View", f"Square {name}", f"Alt+{name.capitalize()}", partial(self.move, dx * STEP, dy * STEP))
        add("View", "Larger square", "Alt++", partial(self.scale, 2 * STEP))
        add("View", "Smaller square", "Alt+-", partial(self.scale, -2 * STEP))
        hint = "Keep an event only if a neighbour fired in the 2 ms before it (background-activity filter)"
        filter_on = context.settings.values.filter_on
        self.filter_action = add("View", "&Noise filter", "N", self.set_filter, hint, checked=filter_on)
        self._note_timer = QTimer(self)
        self._note_timer.setInterval(self.NOTE_MS)
        self._note_timer.timeout.connect(self.say)
        self._note_timer.start()
        self._filter = (filter_on, context.settings.values.filter_ms)
        context.settings.changed.connect(self._settings_changed)
        context.stream.source_changed.connect(self._opened)
        context.stream.pipeline_changed.connect(self._started)
        self._panel.setToolTip(f"{self._panel.sentence} Drag the square to where the eye is; drag a corner to size it.")

    # ---- region and mirror

    @property
    def view(self) -> View | None:
        """Where the eye is; None for the largest square in the middle."""
        return self.context.looking.view

    def _opened(self, source: SourceInfo | None) -> None:
        self._source = source
        self.context.looking.set_view(None)
        if source is None:
            return
        kept = _fitting(self.context.settings.values.views.get(source.name), source.size)
        self._show_mirror(kept is not None and kept.mirror)
        if kept is not None:
            self._set(kept)

    def _started(self, pipeline: object) -> None:
        if pipeline is not None and self.filter_action.isChecked():
            self._apply_filter()

    def _set(self, view: View) -> None:
        self.context.looking.set_view(view)
        if self.context.stream.pipeline is not None:
            self.context.stream.pipeline.set_view(view)

    def _keep(self) -> None:
        if self._source is not None and self.view is not None:
            views = dict(self.context.settings.values.views)
            views.pop(self._source.name, None)
            views[self._source.name] = (*self.view.roi, self.view.mirror)
            self.context.settings.update(views=dict(list(views.items())[-MOST_VIEWS:]))

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
        result, notices = self.context.stream.result, self.context.notices
        if result is None or result.window.frame is None:
            notices.fail("There is no frame to look for an eye in; drag the square by hand.")
            return
        image, source = result.window.frame.image, self._source
        self.find_action.setEnabled(False)
        notices.say("Looking for an eye…")
        self.context.jobs.start(
            "Finding the eye", lambda _: find_eye(image), lambda found: self._found(found, source),
            over=lambda: self.find_action.setEnabled(True), kept=True,
        )  # fmt: skip

    def _found(self, found: Roi | None, source: SourceInfo | None) -> None:
        notices = self.context.notices
        if found is None:
            notices.fail("No eye was found in this frame; drag the square by hand, or try again when it is open.")
        elif source is not None and source is self._source:
            self._ask(moved(found, 0, 0, source.size))
            notices.say("An eye was found; drag the square to adjust it.")

    # ---- noise filter

    def set_filter(self, on: bool) -> None:
        """Filter the event noise from the next batch on, or stop."""
        self.context.settings.update(filter_on=on)

    def _settings_changed(self, values: object) -> None:
        now = self.context.settings.values
        before, self._filter = self._filter, (now.filter_on, now.filter_ms)
        if before != self._filter and (before[0] or now.filter_on):
            self.filter_action.setChecked(now.filter_on)
            self._apply_filter()

    def _apply_filter(self) -> None:
        if self.context.stream.pipeline is not None:
            self.context.stream.pipeline.set_filter(self.context.looking.make_filter)
        self.say()

    def say(self) -> None:
        """Bring the camera panel's note up to date: mirrored or not, events per second before and after the filter."""
        pipeline = self.context.stream.pipeline
        words = ["left eye"] if self.mirror_action.isChecked() else []
        if self.filter_action.isChecked() and pipeline is not None:
            stats = pipeline.stats()
            words.append(f"noise filter: {short(stats.events_per_s)} → {short(stats.kept_per_s)} events/s")
        self._panel.note.setText(" · ".join(words))


def _fitting(kept: tuple[int, int, int, bool] | None, size: tuple[int, int]) -> View | None:
    """Return a remembered view; None where there is none, or it does not fit a sensor of this size."""
    if kept is None:
        return None
    x, y, side, mirror = kept
    fits = 0 <= x <= size[0] - side and 0 <= y <= size[1] - side and side > 0
    return View((x, y, side), mirror) if fits else None
