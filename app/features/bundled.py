"""The recordings that come with the program: one key for each lighting, and all of them one after the other."""

from __future__ import annotations

from mcoe.live.bundled import which_bundled
from mcoe.results import PipelineStats

from ..core.context import Context, Feature

#: Keys of the first recordings, and of the switch.
KEYS = ("F5", "F6", "F7", "F8")
ALL_KEY = "F9"


class BundledRecordings(Feature):
    """A menu of them. One that ends begins again, or the next one does while all are played.

    Attributes:
        play_all: the switch.
    """

    order = 20

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._state = ""
        self._recordings = context.workbench.recordings
        menus = context.menus
        menu = menus.submenu("File", "&Bundled recordings")
        menu.setEnabled(bool(self._recordings))
        self._actions = []
        for number, recording in enumerate(self._recordings):
            key = KEYS[number] if number < len(KEYS) else ""
            hint = f"Play {recording.path.name}, which comes with the program"
            action = menus.add("File", f"&{recording.title}", key, lambda n=number: self.play(n), hint, into=menu)
            action.setCheckable(True)
            self._actions.append(action)
        menu.addSeparator()
        hint = "Play the bundled recordings one after the other, over and over"
        name = "Play &all lightings"
        self.play_all = menus.add("File", name, ALL_KEY, self._switched, hint, checked=False, into=menu)
        self.play_all.setEnabled(len(self._recordings) > 1)
        context.stream.pipeline_changed.connect(self._opened)
        context.stream.ticked.connect(self.go_on)

    @property
    def shown(self) -> int | None:
        """Which of them is open, or None."""
        return which_bundled(self._recordings, self.context.stream.file)

    def play(self, number: int) -> None:
        """Open one from its start."""
        self.context.stream.open(str(self._recordings[number].path))
        self._mark()

    def go_on(self, stats: PipelineStats) -> None:
        """Go on where a recording has come to its end by playing; one that is being recorded from stays there."""
        pipeline, before, self._state = self.context.stream.pipeline, self._state, stats.state
        if pipeline is None or stats.state != "ended" or before != "playing" or pipeline.recording is not None:
            return
        if (shown := self.shown) is None:
            return
        if self.play_all.isChecked():
            self.play((shown + 1) % len(self._actions))
        else:
            pipeline.play()

    def _switched(self, on: bool) -> None:
        if on and self.shown is None:
            self.play(0)

    def _opened(self, pipeline: object) -> None:
        self._state = ""
        if pipeline is not None and self.shown is None:
            self.play_all.setChecked(False)  # something else was opened: nothing may take it away
        self._mark()

    def _mark(self) -> None:
        for number, action in enumerate(self._actions):
            action.setChecked(number == self.shown)
