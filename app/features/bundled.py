"""The recordings that come with the program: one key for each lighting, and all of them one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from mcoe.live.bundled import which_bundled

if TYPE_CHECKING:
    from ..core.protocol import Pipeline
    from ..shell.window import MainWindow

#: Keys of the first recordings, and of the switch.
KEYS = ("F5", "F6", "F7", "F8")
ALL_KEY = "F9"
#: How often the end of a recording is looked for.
LOOK_MS = 100


class BundledRecordings(QObject):
    """A menu of them. One that ends begins again, or the next one does while all are played.

    Attributes:
        play_all: the switch.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._state = ""
        recordings = window.workbench.recordings
        menu = window.menus.submenu("File", "&Bundled recordings")
        menu.setEnabled(bool(recordings))
        self._actions = []
        for number, recording in enumerate(recordings):
            key = KEYS[number] if number < len(KEYS) else ""
            hint = f"Play {recording.path.name}, which comes with the program"
            action = window.menus.add(
                "File", f"&{recording.title}", key, lambda n=number: self.play(n), hint, into=menu
            )
            action.setCheckable(True)
            self._actions.append(action)
        menu.addSeparator()
        hint = "Play the bundled recordings one after the other, over and over"
        name = "Play &all lightings"
        self.play_all = window.menus.add("File", name, ALL_KEY, self._switched, hint, checked=False, into=menu)
        self.play_all.setEnabled(len(recordings) > 1)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        window.pipeline_changed.connect(self._opened)

    @property
    def shown(self) -> int | None:
        """Which of them is open, or None."""
        return which_bundled(self._window.workbench.recordings, self._window.recording)

    def play(self, number: int) -> None:
        """Open one from its start."""
        self._window.open(str(self._window.workbench.recordings[number].path))
        self._mark()

    def look(self) -> None:
        """Go on where a recording has come to its end by playing; one that is being recorded from stays there."""
        pipeline, shown, before = self._window.pipeline, self.shown, self._state
        if pipeline is None or shown is None:
            return
        self._state = pipeline.stats().state
        if self._state != "ended" or before != "playing" or pipeline.recording is not None:
            return
        if self.play_all.isChecked():
            self.play((shown + 1) % len(self._actions))
        else:
            pipeline.play()

    def _switched(self, on: bool) -> None:
        if on and self.shown is None:
            self.play(0)

    def _opened(self, pipeline: Pipeline | None) -> None:
        self._state = ""
        self._timer.stop()
        if pipeline is not None:
            if self.shown is not None:
                self._timer.start()
            else:
                self.play_all.setChecked(False)  # something else was opened: nothing may take it away
        self._mark()

    def _mark(self) -> None:
        for number, action in enumerate(self._actions):
            action.setChecked(number == self.shown)
