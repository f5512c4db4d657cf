"""Labels and markers by key, at the moment shown; the last one can be taken back, and the playhead goes to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.recording.sidecar import NONE, add_marker, remove_marker

from ..widgets.words import clock

if TYPE_CHECKING:
    from ..shell.window import MainWindow

MARKER = "marker"
#: A jump back from just after a marker goes to the one before it, µs: while it plays, it cannot be hit twice.
NEAR_US = 400_000


class Noted(NamedTuple):
    """What was noted: in the sidecar of ``file``, or in the recording that runs where that is None."""

    label: str
    time_us: int
    file: Path | None


class Labels(QObject):
    """Wires the keys to the recording that runs, else to the sidecar of the one that is replayed."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._noted: list[Noted] = []
        add = window.menus.add
        for number, name in enumerate(EMOTIONS, 1):
            hint = f"Note {name} at this moment, in the recording that runs or in that of the replay"
            add("Session", f"Label: {name}", str(number), lambda name=name: self.note(name), hint)
        add("Session", "Label: none from here", "0", lambda: self.note(NONE), "End the label before this moment")
        hint = "Note this moment without labelling it"
        add("Session", "Mar&ker", "K", lambda: self.note(MARKER), hint)
        hint = "Remove what was labelled or marked last; again for the one before it"
        add("Session", "&Undo label or marker", "Ctrl+Z", self.undo, hint)
        add("Playback", "Label or marker &before", "Ctrl+Left", lambda: self.jump(-1), "Go to what was noted before")
        add("Playback", "Label or marker af&ter", "Ctrl+Right", lambda: self.jump(1), "Go to what was noted next")

    def note(self, name: str) -> None:
        """Note an emotion, :data:`NONE` or a marker at the moment shown."""
        window = self._window
        pipeline = window.pipeline
        if pipeline is None or pipeline.info is None:
            window.notice.say("Nothing is open that could be labelled; open a recording or a camera first.", bad=True)
            return
        at = pipeline.stats().position_us
        since = clock(at - pipeline.info.start_us)
        words = "No label from here" if name == NONE else name.capitalize()
        if pipeline.recording is not None:
            pipeline.mark(name)
            self._noted.append(Noted(name, at, None))
            window.notice.say(f"{words}{'' if pipeline.info.live else f' at {since}'}, in the recording")
            return
        file = None if window.bundled else window.recording
        if pipeline.info.live or file is None:
            window.notice.say(
                "Nothing keeps this label: press R to record first."
                if pipeline.info.live
                else "The bundled recording keeps its own labels; open one of yours to label it.",
                bad=True,
            )
            return
        try:
            known = add_marker(file, name, at)
        except McoeError as error:
            window.notice.say(str(error), bad=True)
            return
        window.set_labels(known)
        self._noted.append(Noted(name, at, file))
        if name != MARKER and known.at(at) != (None if name == NONE else name):
            words += " (its labelled stretches stay what is true)"
        window.notice.say(f"{words} at {since}, in {file.with_suffix('.json').name}")

    def undo(self) -> None:
        """Take back what was noted last in what is open now."""
        window = self._window
        pipeline = window.pipeline
        info = pipeline.info if pipeline is not None else None
        here = None if pipeline is None or pipeline.recording is not None else window.recording
        mine = [noted for noted in self._noted if noted.file == here]
        if pipeline is None or info is None or not mine:
            window.notice.say("There is no label or marker of yours here to take back.", bad=True)
            return
        last = mine[-1]
        if last.file is not None:
            try:
                window.set_labels(remove_marker(last.file, last.label, last.time_us))
            except McoeError as error:
                window.notice.say(str(error), bad=True)
                return
        elif not pipeline.unmark():  # what is left was noted in a recording that has ended
            self._noted = [noted for noted in self._noted if noted.file is not None]
            self.undo()
            return
        self._noted.remove(last)
        words = "no label" if last.label == NONE else last.label
        where = "" if info.live else f" at {clock(last.time_us - info.start_us)}"
        window.notice.say(f"Taken back: {words}{where}")

    def jump(self, by: int) -> None:
        """Go to the label or marker before the moment shown (-1), or after it (1)."""
        window = self._window
        pipeline = window.pipeline
        if pipeline is None or pipeline.info is None or pipeline.info.live:
            return
        at, known = pipeline.stats().position_us, window.camera.labels
        moments = {time_us for time_us, _ in known.markers} | {segment.start_us for segment in known.segments}
        first, last = pipeline.info.start_us, pipeline.info.start_us + (pipeline.info.duration_us or 0)
        moments = {moment for moment in moments if first <= moment <= last}
        if by < 0:
            goal = max((moment for moment in moments if moment < at - NEAR_US), default=None)
        else:
            goal = min((moment for moment in moments if moment > at + 1000), default=None)
        if goal is None:
            window.notice.say(f"There is no label or marker {'before' if by < 0 else 'after'} this moment.")
        else:
            window.transport.go(goal)
