"""Labels and markers by key, at the moment shown; the last one can be taken back, and the playhead goes to them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.recording.sidecar import NONE, add_marker, remove_marker

from ..core.context import Context, Feature
from ..widgets.words import clock

MARKER = "marker"
#: A jump back from just after a marker goes to the one before it, µs: while it plays, it cannot be hit twice.
NEAR_US = 400_000


class Note(NamedTuple):
    """What was noted: in the sidecar of ``file``, or in the recording that runs where that is None."""

    label: str
    time_us: int
    file: Path | None


class Labels(Feature):
    """Wires the keys to the recording that runs, else to the sidecar of the one that is replayed."""

    order = 35

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._noted: list[Note] = []
        add = context.menus.add
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
        stream, notices = self.context.stream, self.context.notices
        pipeline = stream.pipeline
        if pipeline is None or pipeline.info is None:
            notices.fail("Nothing is open that could be labelled; open a recording or a camera first.")
            return
        at = pipeline.stats().position_us
        since = clock(at - pipeline.info.start_us)
        words = "No label from here" if name == NONE else name.capitalize()
        if pipeline.recording is not None:
            pipeline.mark(name)
            self._noted.append(Note(name, at, None))
            notices.say(f"{words}{'' if pipeline.info.live else f' at {since}'}, in the recording")
            return
        file = None if stream.bundled else stream.file
        if pipeline.info.live or file is None:
            notices.fail(
                "Nothing keeps this label: press R to record first."
                if pipeline.info.live
                else "The bundled recording keeps its own labels; open one of yours to label it."
            )
            return
        try:
            known = add_marker(file, name, at)
        except McoeError as error:
            notices.fail(str(error))
            return
        stream.set_labels(known)
        self._noted.append(Note(name, at, file))
        if name != MARKER and known.at(at) != (None if name == NONE else name):
            words += " (its labelled stretches stay what is true)"
        notices.say(f"{words} at {since}, in {file.with_suffix('.json').name}")

    def undo(self) -> None:
        """Take back what was noted last in what is open now."""
        stream, notices = self.context.stream, self.context.notices
        pipeline = stream.pipeline
        info = pipeline.info if pipeline is not None else None
        here = None if pipeline is None or pipeline.recording is not None else stream.file
        mine = [noted for noted in self._noted if noted.file == here]
        if pipeline is None or info is None or not mine:
            notices.fail("There is no label or marker of yours here to take back.")
            return
        last = mine[-1]
        if last.file is not None:
            try:
                stream.set_labels(remove_marker(last.file, last.label, last.time_us))
            except McoeError as error:
                notices.fail(str(error))
                return
        elif not pipeline.unmark():  # what is left was noted in a recording that has ended
            self._noted = [noted for noted in self._noted if noted.file is not None]
            self.undo()
            return
        self._noted.remove(last)
        words = "no label" if last.label == NONE else last.label
        where = "" if info.live else f" at {clock(last.time_us - info.start_us)}"
        notices.say(f"Taken back: {words}{where}")

    def jump(self, by: int) -> None:
        """Go to the label or marker before the moment shown (-1), or after it (1)."""
        stream, notices = self.context.stream, self.context.notices
        pipeline = stream.pipeline
        if pipeline is None or pipeline.info is None or pipeline.info.live:
            return
        at, known = pipeline.stats().position_us, stream.labels
        moments = {time_us for time_us, _ in known.markers} | {segment.start_us for segment in known.segments}
        first, last = pipeline.info.start_us, pipeline.info.start_us + (pipeline.info.duration_us or 0)
        moments = {moment for moment in moments if first <= moment <= last}
        if by < 0:
            goal = max((moment for moment in moments if moment < at - NEAR_US), default=None)
        else:
            goal = min((moment for moment in moments if moment > at + 1000), default=None)
        if goal is None:
            notices.say(f"There is no label or marker {'before' if by < 0 else 'after'} this moment.")
        else:
            stream.go(goal)
